"""Charts of clusters: how large they are, and where their rows lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from groundup.workflow.report_charts import (
    CLASS_COLOURS,
    GREY,
    INK,
    MUTED,
    PAPER,
    Chart,
    finish,
    name_axis,
    source,
)
from groundup.workflow.report_text import count, number, percent, plain

_SHAPES = ("circle", "square", "triangle-up", "diamond")


def colour(cluster: int) -> str:
    """Return a cluster's colour: six that the colour-blind tell apart, in turn; grey for none."""
    return GREY if cluster < 1 else CLASS_COLOURS[(cluster - 1) % len(CLASS_COLOURS)]


def shape(cluster: int) -> str:
    """Return a cluster's mark, another for every six: colour alone is not enough for more."""
    if cluster < 1:
        return "cross" if cluster < 0 else "circle"
    return _SHAPES[(cluster - 1) // len(CLASS_COLOURS) % len(_SHAPES)]


def title_of(cluster: int) -> str:
    """Return what a cluster is called in a chart."""
    return f"Cluster {cluster}" if cluster > 0 else "in no cluster" if cluster < 0 else "a row"


def sizes(portraits: Sequence[Mapping[str, Any]], unassigned: int, rows: int) -> Chart | None:
    """Draw how many rows each cluster has."""
    import altair as alt

    if not portraits:
        return None
    data = [
        {
            "name": f"{p['number']}  {plain(p['name'], 26)}",
            "rows": p["size"],
            "label": f"{number(p['size'])}  ({percent(p['share'])})",
            "colour": colour(p["number"]),
        }
        for p in portraits
    ]
    if unassigned:
        label = f"{number(unassigned)}  ({percent(unassigned / rows)})"
        data.append({"name": "in no cluster", "rows": unassigned, "label": label, "colour": GREY})
    names = [row["name"] for row in data]
    base = source().encode(
        x=alt.X(
            "rows:Q",
            title=None,
            axis=None,
            scale=alt.Scale(domain=[0, 1.75 * max(row["rows"] for row in data)], nice=False),
        ),
        y=name_axis(order=names, labelLimit=170),
    )
    return finish(
        alt.layer(
            base.mark_bar(height=12, cornerRadiusEnd=2).encode(
                color=alt.Color("colour:N", scale=None)
            ),
            base.mark_text(align="left", dx=6, color=MUTED).encode(text="label:N"),
        ),
        "Rows of each cluster: " + "; ".join(f"{r['name']} {r['label']}" for r in data) + ".",
        height=24 * len(names),
        rows=data,
    )


_MAP_TITLES = {
    "columns": "The two columns",
    "pca": "By principal components",
    "tsne": "By t-SNE",
}


def row_map(part: Mapping[str, Any]) -> Chart | None:
    """Draw the rows as points in the plane."""
    import altair as alt

    points = part.get("points") or []
    if not points:
        return None
    data, labels = [], []
    for x, y, cluster, line in points:
        data.append({"x": x, "y": y, "line": line, "cluster": title_of(cluster)})
        data[-1] |= {"colour": colour(cluster), "shape": shape(cluster)}
    for cluster in sorted({int(point[2]) for point in points}):
        if cluster > 0:
            here = np.array([point[:2] for point in points if point[2] == cluster])
            x, y = np.median(here, axis=0)
            labels.append({"x": float(x), "y": float(y), "text": str(cluster)})
    shares = part.get("shares") or []
    names = [plain(axis, 40) if axis else None for axis in part["axes"]]
    titles = [
        f"{name} ({percent(share)} of the variance)"
        for name, share in zip(names, shares, strict=False)
    ] or names
    is_tsne = part["kind"] == "tsne"

    def axis(channel: Any, field: str, title: str | None) -> Any:
        return channel(
            f"{field}:Q",
            title=title,
            scale=alt.Scale(zero=False, nice=False, padding=10),
            axis=None if is_tsne else alt.Axis(tickCount=5, labels=not shares, grid=True),
        )

    x, y = axis(alt.X, "x", titles[0]), axis(alt.Y, "y", titles[1])
    size = 34 if len(data) <= 500 else 20
    marks = (
        source()
        .mark_point(size=size, opacity=0.6, strokeWidth=0)
        .encode(
            x=x,
            y=y,
            color=alt.Color("colour:N", scale=None),
            shape=alt.Shape("shape:N", scale=None),
            tooltip=[
                alt.Tooltip("cluster:N", title="cluster"),
                alt.Tooltip("line:Q", title="line of the file", format="d"),
            ],
        )
    )
    base = source("labels").encode(x=x, y=y, text="text:N")
    layers = [
        marks,
        base.mark_text(fontSize=15, fontWeight="bold", stroke=PAPER, strokeWidth=5, color=PAPER),
        base.mark_text(fontSize=15, fontWeight="bold", color=INK),
    ]
    shown = count(len(data), "row")
    if part["rows"] > len(data):
        shown += f" of {number(part['rows'])}"
    return finish(
        alt.layer(*layers) if labels else marks,
        f"{_MAP_TITLES[part['kind']]}: {shown} as points, coloured by cluster.",
        title=f"{_MAP_TITLES[part['kind']]}, {shown}",
        height=300,
        rows=data,
        labels=labels,
    )
