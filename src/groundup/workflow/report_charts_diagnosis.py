"""Charts of what the chosen model does right and wrong."""

from __future__ import annotations

from typing import Any

from groundup.workflow.report_charts import (
    BLUE,
    INK,
    METRIC_AXIS,
    MUTED,
    ORANGE,
    PAPER,
    Chart,
    finish,
    source,
    span,
    value_axis,
    value_tip,
)
from groundup.workflow.report_text import distinct, number, percent, plain, score

_MOST_POINTS = 1000


def learning_curve(metric: str, curve: dict[str, Any]) -> Chart | None:
    """Draw training and validation score against the number of rows learned from."""
    import altair as alt

    sizes = curve.get("sizes") or []
    data = _of_both(sizes, curve)
    sizes = sorted({row["x"] for row in data})
    if len(sizes) < 2:
        return None
    axis = alt.Axis(grid=False, values=sizes, format=",d", labelOverlap=True)
    ends = _last(data)
    return finish(
        _two_lines(data, "rows learned from", axis, METRIC_AXIS.get(metric, metric), "score", 50),
        f"From {number(sizes[0])} to {number(sizes[-1])} rows; validation ends at "
        f"{score(ends.get('new rows'))}, training at {score(ends.get('training rows'))}.",
        title="Would more rows help?",
        height=210,
        rows=data,
    )


def loss_curve(curve: dict[str, Any]) -> Chart | None:
    """Draw a network's loss on training rows and on new ones after each epoch."""
    import altair as alt

    n = curve.get("epochs") or 0
    if n < 2:
        return None
    step = max(1, n // _MOST_POINTS)
    shown = sorted({*range(0, n, step), n - 1})
    both = {key: _at(curve.get(key) or [], shown) for key in ("train", "validation")}
    data = _of_both([i + 1 for i in shown], both)
    if not data:
        return None
    axis = alt.Axis(grid=False, tickMinStep=1, tickCount=8, format="d")
    ends = _last(data)
    return finish(
        _two_lines(data, "epoch", axis, plain(curve.get("loss") or "loss", 40), "loss", 0),
        f"The network's loss over {n} epochs; on new rows it ends at "
        f"{score(ends.get('new rows'))}, on training rows at {score(ends.get('training rows'))}.",
        title="How the neural network learned",
        height=210,
        rows=data,
    )


def _at(values: list[float | None], positions: list[int]) -> list[float | None]:
    return [values[i] if i < len(values) else None for i in positions]


def _of_both(x: list[Any], curve: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each point of either line that is there."""
    return [
        {"x": at, "y": value, "rows": rows}
        for rows, key in (("training rows", "train"), ("new rows", "validation"))
        for at, value in zip(x, curve.get(key) or [], strict=False)
        if value is not None
    ]


def _last(data: list[dict[str, Any]]) -> dict[str, float]:
    """Return the value at which each line ends."""
    end = max(row["x"] for row in data)
    return {row["rows"]: row["y"] for row in data if row["x"] == end}


def _two_lines(
    data: list[dict[str, Any]], x_title: str, x_axis: Any, y_title: str, y_name: str, size: int
) -> Any:
    """Draw a line for training rows and one for new rows, each named at its end.

    The points of the lines are marked where `size` is above 0.
    """
    import altair as alt

    end = max(row["x"] for row in data)
    low, high = span([row["y"] for row in data])
    base = source().encode(
        x=alt.X(
            "x:Q",
            title=x_title,
            scale=alt.Scale(domain=[0, end * 1.16], nice=False),
            axis=x_axis,
        ),
        y=alt.Y(
            "y:Q",
            title=y_title,
            scale=alt.Scale(domain=[low, high], nice=False),
            axis=alt.Axis(tickCount=5, format=".3~f"),
        ),
        color=alt.Color(
            "rows:N",
            legend=None,
            scale=alt.Scale(domain=["training rows", "new rows"], range=[ORANGE, BLUE]),
        ),
        tooltip=[
            alt.Tooltip("rows:N", title=f"{y_name} on"),
            alt.Tooltip("x:Q", title=x_title, format=","),
            alt.Tooltip("y:Q", title=y_name, format=".4f"),
        ],
    )
    # Where the lines end close to each other, their names are moved apart.
    ends = _last(data)
    above = dict.fromkeys(ends, 0)
    if len(ends) == 2 and abs(ends["training rows"] - ends["new rows"]) < 0.1 * (high - low):
        upper = max(ends, key=lambda rows: ends[rows])
        above = {rows: -7 if rows == upper else 7 for rows in ends}
    labels = [
        base.transform_filter(f"datum.rows == '{rows}' && datum.x == {end}")
        .mark_text(align="left", dx=9, dy=shift)
        .encode(text="rows:N")
        for rows, shift in above.items()
    ]
    points = base.mark_point(size=size or 60, opacity=1 if size else 0)
    return alt.layer(base.mark_line(), points, *labels)


def confusion(part: dict[str, Any], title: str) -> Chart | None:
    """Draw the confusion matrix: a row for each true class, shaded by the share of that class."""
    import altair as alt

    labels, matrix = part.get("labels") or [], part.get("matrix") or []
    k = len(labels)
    if k < 2:
        return None
    if k > 40:
        return None
    names = distinct(labels, 40)
    data = []
    for i, row in enumerate(matrix):
        total = sum(row) or 1
        for j, n in enumerate(row):
            if n or k <= 12:
                cell = {"name": names[i], "predicted": names[j], "rows": n, "share": n / total}
                data.append({**cell, "right": int(i == j), "text": f"{n:,}"})
    step = 120 if k <= 3 else 58 if k <= 6 else 40 if k <= 12 else 21
    base = source().encode(
        x=alt.X(
            "predicted:N",
            title="predicted",
            sort=names,
            scale=alt.Scale(domain=names),
            axis=alt.Axis(
                grid=False,
                labelColor=INK,
                orient="top",
                labelAngle=0 if k <= 3 else -45 if max(map(len, names)) > 3 else 0,
                labelLimit=step - 6 if k <= 3 else 110,
            ),
        ),
        y=alt.Y(
            "name:N",
            title="true",
            sort=names,
            scale=alt.Scale(domain=names),
            axis=alt.Axis(grid=False, labelColor=INK, labelLimit=190),
        ),
        tooltip=[
            alt.Tooltip("name:N", title="true class"),
            alt.Tooltip("predicted:N", title="predicted"),
            alt.Tooltip("rows:Q", title="rows", format=","),
            alt.Tooltip("share:Q", title="share of the true class", format=".1%"),
        ],
    )
    cells = base.mark_rect(stroke=PAPER, strokeWidth=2 if k <= 12 else 1).encode(
        color=alt.condition("datum.right", alt.value(BLUE), alt.value(ORANGE)),
        opacity=alt.Opacity(
            "share:Q",
            scale=alt.Scale(type="pow", exponent=0.6, domain=[0, 1], range=[0.06, 0.95]),
            legend=None,
        ),
    )
    layers = [cells]
    if k <= 12:
        layers.append(
            base.mark_text(fontSize=13 if k <= 6 else 11).encode(
                text="text:N",
                color=alt.condition("datum.share > 0.5", alt.value(PAPER), alt.value(INK)),
            )
        )
    right = sum(matrix[i][i] for i in range(k))
    total = sum(map(sum, matrix)) or 1
    return finish(
        alt.layer(*layers).properties(width=alt.Step(step)),
        f"Confusion matrix of {k} classes: {percent(right / total)} of the rows on the diagonal.",
        title=title,
        height=alt.Step(min(step, 58)),
        wide=False,
        rows=data,
    )


def calibration(part: dict[str, Any]) -> Chart | None:
    """Draw how often what was given a probability came true."""
    import altair as alt

    data = [
        {"predicted": p, "observed": o, "rows": n}
        for p, o, n in zip(
            part.get("predicted") or [],
            part.get("observed") or [],
            part.get("count") or [],
            strict=False,
        )
        if p is not None and o is not None
    ]
    if len(data) < 2:
        return None
    ends = alt.Scale(domain=[0, 1])
    shares, steps = (alt.Axis(format=".0%", tickCount=5, grid=grid) for grid in (True, False))
    x = alt.X("predicted:Q", title="probability that the model gave", scale=ends, axis=steps)
    y = alt.Y("observed:Q", title="how often it came true", scale=ends, axis=shares)
    ideal = source("ideal").mark_line(color=MUTED, strokeWidth=1, strokeDash=[4, 4])
    tips = [
        alt.Tooltip("predicted:Q", title="the model said", format=".1%"),
        alt.Tooltip("observed:Q", title="it came true", format=".1%"),
        alt.Tooltip("rows:Q", title="rows", format=","),
    ]
    found = source().encode(x=x, y=y)
    chart = alt.layer(
        ideal.encode(x=x, y=y),
        found.mark_line(opacity=0.5),
        found.mark_point(size=70).encode(tooltip=tips),
    )
    return finish(
        chart,
        f"Calibration in {len(data)} groups of rows; the dashed line is perfect.",
        title="Do the probabilities mean what they say?",
        height=250,
        rows=data,
        ideal=[{"predicted": 0, "observed": 0}, {"predicted": 1, "observed": 1}],
    )


def residuals(part: dict[str, Any], target: str) -> Chart | None:
    """Draw actual against predicted values."""
    import altair as alt

    pairs = zip(part.get("predicted") or [], part.get("actual") or [], strict=False)
    data = [
        {"predicted": p, "actual": a, "error": a - p}
        for p, a in pairs
        if p is not None and a is not None
    ][:_MOST_POINTS]
    if not data:
        return None
    values = [value for row in data for value in (row["predicted"], row["actual"])]
    low, high = span(values, 0.02)
    both = alt.Scale(domain=[low, high], nice=False)
    axis = value_axis(values, tickCount=6)
    x = alt.X("predicted:Q", title=f"predicted {plain(target)}", scale=both, axis=axis)
    y = alt.Y("actual:Q", title=f"actual {plain(target)}", scale=both, axis=axis)
    tips = [value_tip(key, key, values) for key in ("predicted", "actual", "error")]
    ideal = source("ideal").mark_line(color=MUTED, strokeWidth=1, strokeDash=[4, 4])
    chart = alt.layer(
        source().mark_point(size=22, opacity=0.4).encode(x=x, y=y, tooltip=tips),
        ideal.encode(x=x, y=y),
    )
    return finish(
        chart,
        f"Actual against predicted values of {len(data)} rows; the dashed line is perfect.",
        title="Predicted against actual",
        height=320,
        rows=data,
        ideal=[{"predicted": v, "actual": v} for v in (low, high)],
    )
