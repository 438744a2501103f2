"""Charts of the table itself: missing cells, the split, and the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundup.workflow.report_charts import (
    BLUE,
    GREY,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    Chart,
    finish,
    name_axis,
    named,
    source,
    value_axis,
    value_tip,
)
from groundup.workflow.report_text import count, distinct, number, percent, plain
from groundup.workflow.report_text import seconds as write_seconds

_MOST_BARS = 20
_MOST_POINTS = 500
_MOST_LEVELS = 12


def missing_cells(columns: Sequence[dict[str, Any]]) -> Chart | None:
    """Draw the share of missing cells in each column that has any, the emptiest first."""
    import altair as alt

    holes = sorted(
        (c for c in columns if c["missing"] and c["used"]), key=lambda c: -(c["missing_share"] or 0)
    )
    holes = holes[:_MOST_BARS]
    if not holes:
        return None
    names = named(holes, "name")
    data = [
        {"name": name, "share": column["missing_share"], "cells": column["missing"]}
        for name, column in zip(names, holes, strict=True)
    ]
    chart = (
        source()
        .mark_bar(height=9, cornerRadiusEnd=2)
        .encode(
            x=alt.X(
                "share:Q",
                title="share of cells that are missing",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", tickCount=5),
            ),
            y=name_axis(order=names),
            tooltip=[
                alt.Tooltip("name:N", title="column"),
                alt.Tooltip("cells:Q", title="missing cells", format=","),
                alt.Tooltip("share:Q", title="share", format=".2%"),
            ],
        )
    )
    most = f"{plain(holes[0]['name'])} has most: {percent(holes[0]['missing_share'])}"
    return finish(
        chart,
        f"Share of missing cells by column; {most}.",
        title="Missing cells",
        height=20 * len(names),
        rows=data,
    )


def split_parts(split: dict[str, Any]) -> Chart | None:
    """Draw all rows as one bar: the training folds, and the locked test rows."""
    import altair as alt

    train, test, folds = split.get("train"), split.get("test"), split.get("folds") or 1
    if not train or not test:
        return None
    data = []
    for i in range(folds):
        low, high = train * i / folds, train * (i + 1) / folds
        label = f"fold {i + 1}" if folds > 1 else "training"
        data.append({"low": low, "high": high, "part": label, "rows": round(high - low), "test": 0})
    data.append({"low": train, "high": train + test, "part": "test", "rows": test, "test": 1})
    for row in data:
        row["middle"] = (row["low"] + row["high"]) / 2
    base = source().encode(
        x=alt.X("low:Q", title=None, axis=None, scale=alt.Scale(domain=[0, train + test])),
        y=alt.value(0),
        tooltip=[
            alt.Tooltip("part:N", title="part"),
            alt.Tooltip("rows:Q", title="rows, about", format=","),
        ],
    )
    bars = base.mark_bar(stroke=PAPER, strokeWidth=3).encode(
        x2="high:Q",
        y2=alt.value(34),
        color=alt.condition("datum.test", alt.value(ORANGE), alt.value(BLUE)),
        opacity=alt.condition("datum.test", alt.value(1), alt.value(0.55)),
    )
    labels = base.mark_text(fontSize=11.5, color=INK).encode(
        x="middle:Q", y=alt.value(48), text="part:N"
    )
    return finish(
        alt.layer(bars, labels),
        f"{count(train, 'training row')} in {count(folds, 'fold')}, "
        f"and {count(test, 'test row')} locked away.",
        height=56,
        rows=data,
    )


def target_classes(counts: Sequence[Sequence[Any]]) -> Chart | None:
    """Draw how many training rows each class has."""
    import altair as alt

    if not counts:
        return None
    total = sum(n for _, n in counts) or 1
    shown = list(counts)[:30]
    names = distinct(label for label, _ in shown)
    data = [
        {
            "name": name,
            "rows": n,
            "share": n / total,
            "label": f"{number(n)}  ({percent(n / total)})",
        }
        for name, (_, n) in zip(names, shown, strict=True)
    ]
    base = source().encode(
        x=alt.X(
            "rows:Q",
            title="training rows",
            axis=alt.Axis(format="~s", tickCount=5),
            scale=alt.Scale(domain=[0, 1.22 * max(n for _, n in shown)], nice=False),
        ),
        y=name_axis(order=names),
        tooltip=[
            alt.Tooltip("name:N", title="class"),
            alt.Tooltip("rows:Q", title="rows", format=","),
            alt.Tooltip("share:Q", title="share", format=".2%"),
        ],
    )
    bars = base.mark_bar(height=alt.RelativeBandSize(0.62), cornerRadiusEnd=2)
    labels = base.mark_text(align="left", dx=6, color=MUTED).encode(text="label:N")
    return finish(
        alt.layer(bars, labels),
        f"Training rows of each class; the commonest is {names[0]} with {number(shown[0][1])}.",
        title="The target: rows of each class",
        height=(26 if len(shown) <= 12 else 18) * len(names),
        rows=data,
    )


def target_histogram(histogram: dict[str, Any], target: str) -> Chart | None:
    """Draw how the target's values are spread."""
    import altair as alt

    edges, counts = histogram.get("edges") or [], histogram.get("counts") or []
    if not counts:
        return None
    data = [
        {"low": low, "high": high, "rows": n}
        for low, high, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    chart = (
        source()
        .mark_bar(stroke=PAPER, strokeWidth=1)
        .encode(
            x=alt.X(
                "low:Q",
                bin="binned",
                title=plain(target),
                axis=value_axis(edges, grid=False, tickCount=8),
            ),
            x2="high:Q",
            y=alt.Y("rows:Q", title="training rows", axis=alt.Axis(tickCount=4)),
            tooltip=[
                value_tip("low", "from", edges),
                value_tip("high", "to", edges),
                alt.Tooltip("rows:Q", title="rows", format=","),
            ],
        )
    )
    return finish(
        chart,
        f"Histogram of the target, from {number(edges[0])} to {number(edges[-1])}.",
        title="The target: how its values are spread",
        height=170,
        rows=data,
    )


def stage_seconds(seconds: dict[str, float]) -> Chart | None:
    """Draw how long each stage took."""
    import altair as alt

    data: list[dict[str, Any]] = [
        {"name": name.capitalize(), "seconds": value, "label": write_seconds(value)}
        for name, value in seconds.items()
        if name != "total" and value is not None
    ]
    if not data:
        return None
    longest = max(row["seconds"] for row in data)
    base = source().encode(
        x=alt.X(
            "seconds:Q",
            title=None,
            axis=None,
            scale=alt.Scale(domain=[0, 1.15 * longest or 1], nice=False),
        ),
        y=name_axis(order=[row["name"] for row in data]),
    )
    return finish(
        alt.layer(
            base.mark_bar(height=7, color=GREY, cornerRadiusEnd=2),
            base.mark_text(align="left", dx=6, color=MUTED).encode(text="label:N"),
        ),
        "Seconds of each stage: " + ", ".join(f"{r['name']} {r['label']}" for r in data) + ".",
        title="Where the time went",
        height=19 * len(data),
        rows=data,
    )
