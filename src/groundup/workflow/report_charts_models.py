"""Charts of the models: tested, compared, tuned and explained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from groundup.workflow.report_charts import (
    BLUE,
    GREY,
    INK,
    METRIC_AXIS,
    MUTED,
    ORANGE,
    Chart,
    finish,
    name_axis,
    named,
    score_axis,
    source,
    span,
)
from groundup.workflow.report_text import number, plain, score

_MOST_POINTS = 1000


def result(metric: str, test: dict[str, Any], validation: float | None) -> Chart | None:
    """Draw the score on the test rows with its interval, beside validation and baseline."""
    import altair as alt

    if test.get("score") is None:
        return None
    data = [
        {"name": "Baseline", "score": test.get("baseline"), "kind": 0},
        {"name": "Validation", "score": validation, "kind": 1},
        {"name": "Test", "score": test["score"], "kind": 2}
        | {"low": test.get("low"), "high": test.get("high")},
    ]
    data = [row for row in data if row["score"] is not None]
    for row in data:
        row["label"] = score(row["score"])
    names = [row["name"] for row in data]
    known = [
        row[key] for row in data for key in ("score", "low", "high") if row.get(key) is not None
    ]
    base = source().encode(
        x=score_axis(metric, [*known, 1.0]),
        y=name_axis(order=names),
        tooltip=[
            alt.Tooltip("name:N", title="rows"),
            alt.Tooltip("score:Q", title="score", format=".4f"),
            alt.Tooltip("low:Q", title="interval from", format=".4f"),
            alt.Tooltip("high:Q", title="to", format=".4f"),
        ],
    )
    layers = [
        base.transform_filter("isValid(datum.low)")
        .mark_rule(color=BLUE, strokeWidth=11, opacity=0.3, strokeCap="round")
        .encode(x=score_axis(metric, [*known, 1.0], "low"), x2="high:Q"),
        base.mark_point(size=130).encode(
            color=alt.condition("datum.kind == 2", alt.value(BLUE), alt.value(GREY))
        ),
        base.mark_text(dy=-15, color=INK).encode(text="label:N"),
    ]
    return finish(
        alt.layer(*layers),
        f"Test {score(test['score'])}, validation {score(validation)}, "
        f"baseline {score(test.get('baseline'))}.",
        height=42 * len(names),
        rows=data,
    )


def models(metric: str, compared: Sequence[dict[str, Any]], chosen: str | None) -> Chart | None:
    """Draw every model's score: each fold, their mean, and the score on its training rows."""
    import altair as alt

    scored = [model for model in compared if model.get("validation") is not None]
    scored.sort(key=lambda model: -model["validation"])
    if not scored:
        return None
    names = named([{"title": m.get("title") or m["name"]} for m in scored], "title")
    means = [
        {
            "name": name,
            "score": m["validation"],
            "train": m.get("train"),
            "chosen": m["name"] == chosen,
        }
        for name, m in zip(names, scored, strict=True)
    ]
    folds = [
        {"name": name, "score": value, "fold": i + 1}
        for name, m in zip(names, scored, strict=True)
        for i, value in enumerate(m.get("folds") or [])
        if value is not None
    ]
    values = [row["score"] for row in (*means, *folds)] + [row["train"] for row in means]
    x, y = score_axis(metric, values), name_axis(order=names, labelLimit=210)
    train = score_axis(metric, values, "train")
    model = alt.Tooltip("name:N", title="model")
    layers = alt.layer(
        source("folds")
        .mark_point(size=34, color=BLUE, opacity=0.35)
        .encode(
            x=x,
            y=y,
            tooltip=[
                model,
                alt.Tooltip("fold:O", title="fold"),
                alt.Tooltip("score:Q", title="score", format=".4f"),
            ],
        ),
        source("means")
        .mark_point(size=150)
        .encode(
            x=x,
            y=y,
            color=alt.condition("datum.chosen", alt.value(BLUE), alt.value(GREY)),
            tooltip=[model, alt.Tooltip("score:Q", title="mean of the folds", format=".4f")],
        ),
        source("means")
        .mark_point(size=60, shape="diamond", filled=False, color=ORANGE, strokeWidth=1.5)
        .encode(
            x=train,
            y=y,
            tooltip=[model, alt.Tooltip("train:Q", title="on training rows", format=".4f")],
        ),
    )
    listed = ", ".join(f"{row['name']} {score(row['score'])}" for row in means)
    return finish(
        layers,
        f"Validation {METRIC_AXIS.get(metric, metric)} of the models: {listed}.",
        height=38 * len(names),
        folds=folds,
        means=means,
    )


def trials(metric: str, tuning: dict[str, Any]) -> Chart | None:
    """Draw the score of every trial, and the best one so far."""
    import altair as alt

    best, data = -math.inf, []
    for trial in tuning.get("trials") or []:
        if trial.get("validation") is None:
            continue
        best = max(best, trial["validation"])
        shown = ", ".join(
            f"{plain(k)} = {number(v) if isinstance(v, int | float) else plain(v)}"
            for k, v in (trial.get("params") or {}).items()
        )
        data.append(
            {"number": trial["number"], "score": trial["validation"], "best": best, "params": shown}
        )
    if len(data) < 3:
        return None
    data = data[:_MOST_POINTS]
    # One hopeless trial would press all others into a line, so the axis starts at a low quantile.
    ordered = sorted(row["score"] for row in data)
    low = min(ordered[len(ordered) // 10], tuning.get("before") or ordered[-1])
    bottom, top = span([low, ordered[-1]], 0.15)
    scale = alt.Scale(domain=[bottom, top], nice=False, clamp=True)
    axis = alt.Axis(tickCount=5, format=".4~f")
    title = METRIC_AXIS.get(metric, metric)
    y, line = (alt.Y(f"{f}:Q", title=title, scale=scale, axis=axis) for f in ("score", "best"))
    x = alt.X(
        "number:Q",
        title="trial",
        axis=alt.Axis(grid=False, tickMinStep=1, format="d"),
        scale=alt.Scale(nice=False),
    )
    chart = alt.layer(
        source().mark_line(interpolate="step-after", opacity=0.7).encode(x=x, y=line),
        source()
        .mark_point(size=36, color=BLUE, opacity=0.6)
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("number:Q", title="trial", format="d"),
                alt.Tooltip("score:Q", title="score", format=".4f"),
                alt.Tooltip("params:N", title="parameters"),
            ],
        ),
    )
    return finish(
        chart,
        f"{len(data)} trials; the best score {score(best)}.",
        title="Each trial, and the best so far",
        height=180,
        rows=data,
    )


def importances(metric: str, found: Sequence[dict[str, Any]]) -> Chart | None:
    """Draw what the score loses when a column is shuffled, with its range over the folds."""
    import altair as alt

    shown = [row for row in found if row.get("mean") is not None][:20]
    if not shown:
        return None
    names = named(shown, "column")
    data = [
        {"name": name, "mean": row["mean"], "low": row.get("low"), "high": row.get("high")}
        for name, row in zip(names, shown, strict=True)
    ]
    y = name_axis(order=names)
    tips = [alt.Tooltip("name:N", title="column")] + [
        alt.Tooltip(f"{key}:Q", title=title, format=".4f")
        for key, title in (("mean", "loss"), ("low", "lowest fold"), ("high", "highest fold"))
    ]
    title = f"loss of {METRIC_AXIS.get(metric, metric)} when the column is shuffled"
    axis = alt.Axis(tickCount=6, format=".3~f")
    x, low = (alt.X(f"{field}:Q", title=title, axis=axis) for field in ("mean", "low"))
    chart = alt.layer(
        source("zero").mark_rule(color=MUTED, strokeWidth=1).encode(x=x),
        source()
        .mark_rule(color=BLUE, strokeWidth=6, opacity=0.3, strokeCap="round")
        .encode(x=low, x2="high:Q", y=y, tooltip=tips),
        source().mark_point(size=70).encode(x=x, y=y, tooltip=tips),
    )
    return finish(
        chart,
        f"Permutation importances; the largest is {names[0]}'s, {number(shown[0]['mean'])}.",
        height=23 * len(names),
        rows=data,
        zero=[{"mean": 0}],
    )
