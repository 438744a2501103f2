"""Charts of the evidence for clusters: curves, the null test, the tree of merges, stability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from groundup.workflow.clusters.report_charts import colour, title_of
from groundup.workflow.report_charts import (
    CLASS_COLOURS,
    GREY,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    Chart,
    finish,
    name_axis,
    source,
    span,
)
from groundup.workflow.report_text import count, number, plain, score

FAMILY_COLOURS = dict(
    zip(
        ("k-means", "hierarchy", "mixture", "density"),
        (CLASS_COLOURS[i] for i in (0, 1, 2, 3)),
        strict=True,
    )
)
MEASURES = {
    "silhouette": ("Silhouette", "higher is better"),
    "gap": ("Gap", "higher is better"),
    "stability": ("Stability", "higher is better"),
    "bic": ("BIC of the mixtures", "lower is better"),
}


def curve(measure: str, evidence: Mapping[str, Any]) -> Chart | None:
    """Draw a measure of the groupings against their number of clusters, a line a family."""
    import altair as alt

    curves, chosen = evidence.get("curves") or {}, evidence.get("chosen") or {}
    data = []
    for family, columns in curves.items():
        ks = columns.get("k") or columns.get("n_clusters") or []
        values, errors = columns.get(measure) or [], columns.get(f"{measure}_se") or []
        series = columns.get("series") or [family] * len(ks)
        for i, (k, value) in enumerate(zip(ks, values, strict=False)):
            if k is None or value is None:
                continue
            error = errors[i] if i < len(errors) and errors[i] is not None else 0.0
            data.append(
                {
                    "k": k,
                    "value": value,
                    "low": value - error,
                    "high": value + error,
                    "family": plain(family, 30),
                    "series": plain(series[i], 60),
                    "colour": FAMILY_COLOURS.get(family, GREY),
                    "chosen": False,
                }
            )
    if not data:
        return None
    # The curves hold the best of those with as many clusters, which need not be the chosen one.
    at, k = (chosen.get("measures") or {}).get(measure), chosen.get("n_clusters")
    if at is not None and k is not None:
        ring = {"k": k, "value": at, "low": at, "high": at, "chosen": True}
        family = chosen.get("family") or ""
        ring |= {"family": plain(family, 30), "series": plain(chosen.get("title"), 60)}
        data.append(ring | {"colour": FAMILY_COLOURS.get(family, GREY)})
    lines = {row["series"] for row in data if not row["chosen"]}
    title, better = MEASURES[measure]
    base = source().encode(
        x=alt.X(
            "k:Q",
            title="number of clusters",
            scale=alt.Scale(padding=10, nice=False, zero=False),
            axis=alt.Axis(format="d", tickMinStep=1, grid=False, tickCount=8),
        ),
        y=alt.Y(
            "value:Q",
            title=None,
            scale=alt.Scale(
                domain=list(span([row[key] for row in data for key in ("low", "high")])),
                nice=False,
            ),
            axis=alt.Axis(tickCount=4, format="~s" if measure == "bic" else ".2~f"),
        ),
        color=alt.Color("colour:N", scale=None),
        tooltip=[
            alt.Tooltip("series:N", title="method"),
            alt.Tooltip("k:Q", title="clusters", format="d"),
            alt.Tooltip("value:Q", title=title.lower(), format=".4~g"),
        ],
    )
    return finish(
        alt.layer(
            base.mark_line(strokeWidth=1.8, opacity=0.85)
            .encode(detail="series:N")
            .transform_filter("!datum.chosen"),
            base.mark_rule(strokeWidth=1, opacity=0.5).encode(y="low:Q", y2="high:Q"),
            base.mark_point(size=26),
            base.mark_point(size=150, filled=False, strokeWidth=2.5, color=INK)
            .encode(color=alt.value(INK))
            .transform_filter("datum.chosen"),
        ),
        f"{title} against the number of clusters, {count(len(lines), 'line')}; {better}.",
        title=f"{title}: {better}",
        height=190,
        rows=data,
    )


def null_test(null: Mapping[str, Any]) -> Chart | None:
    """Draw what tables without clusters reach, and what this one does."""
    import altair as alt

    draws = [value for value in null.get("draws") or [] if value is not None]
    observed = null.get("observed")
    if len(draws) < 3 or observed is None:
        return None
    low, high = span([*draws, observed], 0.08)
    edges = np.linspace(low, high, 41)
    counts = np.histogram(draws, edges)[0]
    data = [
        {"low": float(a), "high": float(b), "draws": int(n)}
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
        if n
    ]
    mark = [{"value": observed, "label": "this table", "top": 0}]
    x = alt.X(
        "low:Q",
        bin="binned",
        title=plain(null.get("statistic") or "statistic", 80),
        scale=alt.Scale(domain=[low, high], nice=False),
        axis=alt.Axis(tickCount=6, format=".3~g", grid=False),
    )
    bars = (
        source()
        .mark_bar(color=GREY, stroke=PAPER, strokeWidth=1)
        .encode(
            x=x,
            x2="high:Q",
            y=alt.Y("draws:Q", title="draws without clusters", axis=alt.Axis(tickCount=4)),
            tooltip=[
                alt.Tooltip("low:Q", title="from", format=".3~g"),
                alt.Tooltip("high:Q", title="to", format=".3~g"),
                alt.Tooltip("draws:Q", title="draws"),
            ],
        )
    )
    here = source("here").encode(x=alt.X("value:Q"))
    right = observed > (low + high) / 2
    return finish(
        alt.layer(
            bars,
            here.mark_rule(color=ORANGE, strokeWidth=2.5),
            here.mark_text(
                align="right" if right else "left",
                dx=-7 if right else 7,
                color=ORANGE,
                fontWeight="bold",
                baseline="top",
            ).encode(y=alt.value(2), text="label:N"),
        ),
        f"{len(draws)} draws without clusters reach {number(min(draws))} to {number(max(draws))}; "
        f"this table reaches {number(observed)}.",
        title="Could chance have done this?",
        height=170,
        rows=data,
        here=mark,
    )


def dendrogram(tree: Mapping[str, Any]) -> Chart | None:
    """Draw the last merges of a hierarchy, and where it is cut."""
    import altair as alt

    branches, leaves = tree.get("branches") or [], tree.get("leaves") or []
    if len(leaves) < 3:
        return None
    data = [{**b, "colour": colour(b["cluster"]) if b["cluster"] else MUTED} for b in branches]
    feet = [
        {"x": i, "y": 0, "text": number(leaf["rows"]), "rows": leaf["rows"]}
        | {"cluster": title_of(leaf["cluster"]) if leaf["cluster"] else "several"}
        for i, leaf in enumerate(leaves)
    ]
    top = max(b["y2"] for b in branches)
    x = alt.X(
        "x:Q", axis=None, scale=alt.Scale(domain=[-0.7, len(leaves) - 0.3], nice=False, zero=False)
    )
    y = alt.Y(
        "y:Q",
        title="distance at which two groups merge",
        scale=alt.Scale(domain=[0, 1.04 * top], nice=False),
        axis=alt.Axis(tickCount=5),
    )
    layers = [
        source()
        .mark_rule(strokeWidth=1.6)
        .encode(x=x, y=y, x2="x2:Q", y2="y2:Q", color=alt.Color("colour:N", scale=None)),
        source("feet")
        .mark_text(angle=270, align="right", dx=-5, fontSize=10.5, color=MUTED, baseline="middle")
        .encode(
            x=x,
            y=y,
            text="text:N",
            tooltip=[
                alt.Tooltip("rows:Q", title="rows below", format=","),
                alt.Tooltip("cluster:N", title="cluster"),
            ],
        ),
    ]
    if tree.get("cut") is not None:
        layers.append(
            source("cut")
            .mark_rule(strokeDash=[5, 4], strokeWidth=1.5, color=ORANGE)
            .encode(y=alt.Y("y:Q"))
        )
    return finish(
        alt.layer(*layers),
        f"Dendrogram: the last merges of {plain(tree.get('title'))}, cut into "
        f"{number(tree.get('n_clusters'))} clusters.",
        title="The tree of merges",
        height=270,
        rows=data,
        feet=feet,
        cut=[{"y": tree.get("cut")}],
    )


def stability(values: Sequence[float | None], portraits: Sequence[Mapping[str, Any]]) -> Any:
    """Draw how well each cluster comes back when rows are left out."""
    import altair as alt

    data = [
        {
            "name": f"{p['number']}  {plain(p['name'], 44)}",
            "value": value,
            "label": score(value),
            "colour": colour(p["number"]),
        }
        for p, value in zip(portraits, values, strict=False)
        if value is not None
    ]
    if not data:
        return None
    names = [str(row["name"]) for row in data]
    base = source().encode(
        x=alt.X(
            "value:Q",
            title="share of a cluster that comes back, 0 to 1",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(tickCount=5),
        ),
        y=name_axis(order=names, labelLimit=290),
        color=alt.Color("colour:N", scale=None),
        tooltip=[
            alt.Tooltip("name:N", title="cluster"),
            alt.Tooltip("value:Q", title="stability", format=".3f"),
        ],
    )
    stems = base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(x2=alt.datum(0))
    return finish(
        alt.layer(stems, base.mark_point(size=75)),
        "Stability of each cluster: " + ", ".join(f"{r['name']} {r['label']}" for r in data) + ".",
        title="Stability of each cluster",
        height=24 * len(names),
        rows=data,
    )
