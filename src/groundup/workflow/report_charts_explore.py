"""Charts of the columns: against the target, and against one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundup.workflow.report_charts import (
    BLUE,
    CLASS_COLOURS,
    GREY,
    INK,
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
from groundup.workflow.report_text import count, distinct, number, plain

_MOST_BARS = 20
_MOST_POINTS = 500
_MOST_LEVELS = 12
_BOX = ("min", "q25", "median", "q75", "max", "count")


def associations(found: Sequence[dict[str, Any]]) -> Chart | None:
    """Draw how strongly each column goes with the target, the strongest first."""
    import altair as alt

    shown = [row for row in found if row.get("value") is not None][:_MOST_BARS]
    if not shown:
        return None
    names = named(shown, "column")
    data = [
        {
            "name": name,
            "strength": abs(row.get("strength", row["value"])),
            "value": row["value"],
            "measure": plain(row.get("measure")),
            "p": "p = " + number(row.get("p_adjusted")),
            "chance": row.get("p_adjusted") is None or row["p_adjusted"] > 0.05,
        }
        for name, row in zip(names, shown, strict=True)
    ]
    base = source().encode(
        x=alt.X(
            "strength:Q",
            title="strength of the association with the target, 0 to 1",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(tickCount=5),
        ),
        y=name_axis(order=names),
        color=alt.condition("datum.chance", alt.value(GREY), alt.value(BLUE)),
        tooltip=[
            alt.Tooltip("name:N", title="column"),
            alt.Tooltip("measure:N", title="measure"),
            alt.Tooltip("value:Q", title="value", format=".3f"),
            alt.Tooltip("p:N", title="chance (adjusted)"),
        ],
    )
    stems = base.mark_rule(strokeWidth=1.5, opacity=0.6).encode(x2=alt.datum(0))
    return finish(
        alt.layer(stems, base.mark_point(size=75)),
        f"Association of columns with the target; the strongest is {names[0]}.",
        title="Which columns go with the target",
        height=22 * len(names),
        rows=data,
    )


def correlations(found: dict[str, Any]) -> Chart | None:
    """Draw the correlations among the columns as a triangle of cells."""
    import altair as alt

    columns, matrix = found.get("columns") or [], found.get("matrix") or []
    if len(columns) < 3:
        return None
    columns = columns[:16]
    names = distinct(columns, 40)
    data = [
        {
            "name": names[i],
            "other": names[j],
            "r": r,
            "size": abs(r),
            "text": number(round(r, 1) + 0.0),
        }
        for i in range(1, len(names))
        for j in range(i)
        if (r := matrix[i][j]) is not None
    ]
    if not data:
        return None
    base = source().encode(
        x=alt.X(
            "other:N",
            title=None,
            sort=names[:-1],
            axis=alt.Axis(grid=False, labelColor=INK, labelAngle=-40, labelLimit=120),
        ),
        y=name_axis(order=names[1:], labelLimit=150),
        tooltip=[
            alt.Tooltip("name:N", title="column"),
            alt.Tooltip("other:N", title="and"),
            alt.Tooltip("r:Q", title="correlation", format=".3f"),
        ],
    )
    cells = base.mark_rect(stroke=PAPER, strokeWidth=2).encode(
        color=alt.condition("datum.r < 0", alt.value(ORANGE), alt.value(BLUE)),
        opacity=alt.Opacity(
            "size:Q", scale=alt.Scale(domain=[0, 1], range=[0.05, 0.95]), legend=None
        ),
    )
    texts = base.mark_text(fontSize=10.5).encode(
        text="text:N",
        color=alt.condition("datum.size > 0.6", alt.value(PAPER), alt.value(INK)),
    )
    strongest = max(data, key=lambda row: row["size"])
    return finish(
        alt.layer(cells, texts).properties(width=alt.Step(34)),
        f"Correlations among {len(names)} columns; the strongest pair is {strongest['other']} and "
        f"{strongest['name']} with {number(strongest['r'])}.",
        title="Which columns go with one another",
        height=alt.Step(26),
        wide=False,
        rows=data,
    )


def common_classes(target: dict[str, Any]) -> list[Any]:
    """Return the classes that get a colour of their own: all, or the five commonest of many."""
    classes = [label for label, _ in target.get("counts") or []]
    most = len(CLASS_COLOURS)
    return classes if len(classes) <= most else classes[: most - 1]


def picture(
    part: dict[str, Any], target: str, positive: Any, common: Sequence[Any]
) -> Chart | None:
    """Draw one column against the target.

    Parameters
    ----------
    part : dict
        One of the ``"pictures"`` of `groundup.workflow.explore`.
    target : str
        The name of the target.
    positive : str, number or None
        The class whose share is drawn where there are two.
    common : sequence
        The classes with a colour of their own, in the order of the colours.
    """
    if part.get("kind") == "points":
        return _points(part, target)
    if part.get("kind") == "boxes":
        return _boxes(part, target, common)
    if part.get("kind") == "shares":
        return _shares(part, target, positive, common)
    return None


def _points(part: dict[str, Any], target: str) -> Chart | None:
    """A number or a date against a number."""
    import altair as alt

    points = (part.get("points") or [])[:_MOST_POINTS]
    if not points:
        return None
    column, date = plain(part["column"]), part.get("x_kind") == "date"
    xs, ys = zip(*points, strict=True)
    chart = (
        source()
        .mark_point(size=22, opacity=0.4)
        .encode(
            x=alt.X(
                "x:T" if date else "x:Q",
                title=None,
                scale=alt.Scale(padding=6) if date else alt.Scale(zero=False, padding=6),
                axis=value_axis(xs, grid=False, tickCount=5),
            ),
            y=alt.Y(
                "y:Q",
                title=plain(target),
                scale=alt.Scale(zero=False, padding=6),
                axis=value_axis(ys, tickCount=4),
            ),
            tooltip=[
                alt.Tooltip("x:T", title=column) if date else value_tip("x", column, xs),
                value_tip("y", plain(target), ys),
            ],
        )
    )
    return finish(
        chart,
        f"{plain(target)} against {column}, {count(len(points), 'row')}.",
        title=column,
        height=190,
        rows=[{"x": x, "y": y} for x, y in points],
    )


def _boxes(part: dict[str, Any], target: str, common: Sequence[Any]) -> Chart | None:
    """Ranges: of a column in each class, or of the target at each level of the column."""
    import altair as alt

    groups = (part.get("groups") or [])[:_MOST_LEVELS]
    if not groups:
        return None
    column, of = plain(part["column"]), part.get("of", "column")
    measured = {"target": plain(target), "length": f"{column}: number of characters"}
    across = measured.get(of, column)
    kind = "T" if isinstance(groups[0]["median"], str) else "Q"
    names = named(groups, "label", 40)
    colours = dict(zip(map(str, common), CLASS_COLOURS, strict=False)) if len(common) > 2 else {}
    other = GREY if colours and of != "target" else BLUE
    data = [
        {"name": name, "colour": colours.get(str(group["label"]), other)}
        | {key: group[key] for key in ("min", "q25", "median", "q75", "max", "count")}
        for name, group in zip(names, groups, strict=True)
    ]
    values = [value for row in data for value in (row["min"], row["max"])]

    def tip(field: str, title: str) -> Any:
        date = alt.Tooltip(f"{field}:T", title=title)
        return date if kind == "T" else value_tip(field, title, values)

    base = source().encode(
        y=name_axis(order=names, labelLimit=110),
        color=alt.Color("colour:N", scale=None),
        tooltip=[
            alt.Tooltip("name:N", title=column if of == "target" else plain(target)),
            alt.Tooltip("count:Q", title="rows", format=","),
            tip("median", "median"),
            tip("q25", "a quarter lies below"),
            tip("q75", "a quarter lies above"),
        ],
    )
    # the figure is titled with the column, so the axis says only what is not the column itself
    title = None if of == "column" else across
    axis = value_axis(values, tickCount=5)
    scale = alt.Scale() if kind == "T" else alt.Scale(zero=False)
    x = alt.X(f"min:{kind}", title=title, scale=scale, axis=axis)
    layers = alt.layer(
        base.mark_rule(opacity=0.6).encode(x=x, x2="q25"),
        base.mark_rule(opacity=0.6).encode(x=f"q75:{kind}", x2="max"),
        base.mark_bar(height=9, opacity=0.7).encode(x=f"q25:{kind}", x2="q75"),
        base.mark_tick(thickness=2.5, height=13).encode(x=f"median:{kind}", color=alt.value(INK)),
    )
    return finish(
        layers,
        f"Ranges of {across}: " + ", ".join(names) + ".",
        title=column,
        height=24 * len(names),
        rows=data,
    )


def _shares(
    part: dict[str, Any], target: str, positive: Any, common: Sequence[Any]
) -> Chart | None:
    """The shares of the classes at each level of a column."""
    import altair as alt

    groups, classes = (part.get("groups") or [])[:_MOST_LEVELS], part.get("classes") or []
    if not groups or not classes:
        return None
    names, column = named(groups, "label", 40), plain(part["column"])
    if len(classes) == 2:
        drawn = [positive if positive in classes else classes[1]]
        title, colours = f"share where {plain(target, 30)} is {plain(drawn[0], 30)}", [BLUE]
    else:
        drawn = [label for label in common if label in classes]
        title, colours = "share of rows", [*CLASS_COLOURS[: len(drawn)], GREY]
    labels = distinct(drawn, 30)
    others = "all other classes" if 2 < len(classes) > len(drawn) else None
    data = []
    for name, group in zip(names, groups, strict=True):
        head = {"name": name, "count": group["count"]}
        shares = [group["shares"][classes.index(label)] for label in drawn]
        data += [
            {**head, "class": label, "order": k, "share": share}
            for k, (label, share) in enumerate(zip(labels, shares, strict=True))
        ]
        if others:
            rest = max(0.0, 1.0 - sum(shares))
            data.append({**head, "class": others, "order": len(drawn), "share": rest})
    domain = [*labels, others] if others else labels
    chart = (
        source()
        .mark_bar(height=11, stroke=PAPER, strokeWidth=1)
        .encode(
            x=alt.X(
                "share:Q",
                title=title,
                stack="zero",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", tickCount=4),
            ),
            y=name_axis(order=names, labelLimit=110),
            order="order:O",
            color=alt.Color(
                "class:N",
                scale=alt.Scale(domain=domain, range=colours[: len(domain)]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("name:N", title=column),
                alt.Tooltip("class:N", title="class"),
                alt.Tooltip("share:Q", title="share", format=".1%"),
                alt.Tooltip("count:Q", title="rows", format=","),
            ],
        )
    )
    return finish(
        chart,
        f"Shares of the classes for each value of {column}.",
        title=column,
        height=22 * len(names),
        rows=data,
    )
