"""What all charts of the report share: how they look, and how a chart becomes plain data.

Three rules:

- Colours are names of CSS variables, so that one chart serves light mode, dark mode and paper.
- Fields have fixed names ("value", "share"). A column's name from the data is only ever a *value*
  or a title: in a Vega field path its dots, brackets and quotes would mean something.
- The rows of a chart are attached after Altair has checked the chart. Altair copies a chart many
  times while it is put together: with 500 rows inside, 47 ms a chart; without them, 5 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundup.workflow.report_text import are_years, distinct

INK, MUTED, GRID, PAPER = "var(--ink)", "var(--muted)", "var(--grid)", "var(--paper)"
BLUE, ORANGE, GREY = "var(--blue)", "var(--orange)", "var(--grey)"
# Okabe and Ito's colours, which the colour-blind tell apart; grey is for "all others".
CLASS_COLOURS = [f"var(--class-{i})" for i in range(1, 7)]

METRIC_AXIS = {"roc_auc": "ROC AUC", "accuracy": "Accuracy", "r2": "R²"}

_FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
_CONFIG: dict[str, Any] = {
    "font": _FONT,
    "background": "transparent",
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "gridColor": GRID,
        "domain": False,
        "ticks": False,
        "labelFontSize": 11.5,
        "titleFontSize": 11.5,
        "titleFontWeight": "normal",
        "labelPadding": 7,
        "titlePadding": 10,
        "labelLimit": 190,
        "titleLimit": 420,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": MUTED,
        "titleFontWeight": "normal",
        "labelFontSize": 11.5,
        "titleFontSize": 11.5,
        "labelLimit": 160,
        "titleLimit": 200,
        "symbolStrokeWidth": 0,
    },
    "text": {"color": INK, "fontSize": 11.5},
    "point": {"filled": True, "opacity": 1, "color": BLUE},
    "bar": {"color": BLUE},
    "rule": {"color": MUTED},
    "line": {"color": BLUE, "strokeWidth": 2},
    "tick": {"color": INK},
}

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Chart:
    """A chart of the report.

    Parameters
    ----------
    spec : dict
        Vega-Lite, as plain data.
    description : str
        What it shows, in a sentence, for whoever cannot see it.
    title : str, default=""
        What stands above it.
    wide : bool, default=True
        Whether it takes the whole width of the column, or the width of its own cells.
    """

    spec: dict[str, Any]
    description: str
    title: str = ""
    wide: bool = True


def source(name: str = "rows") -> Any:
    """Return an Altair chart over the rows that `finish` attaches under this name."""
    import altair as alt

    return alt.Chart(alt.NamedData(name))


def finish(
    chart: Any,
    description: str,
    *,
    title: str = "",
    height: Any = None,
    wide: bool = True,
    **datasets: Rows,
) -> Chart:
    """Turn an Altair chart into plain data, and attach its rows."""
    properties: dict[str, Any] = {"width": "container"} if wide else {}
    if height is not None:
        properties["height"] = height
    spec = chart.properties(**properties).to_dict(validate=False)
    spec.pop("$schema", None)
    spec["config"] = _CONFIG
    spec["datasets"] = {name: list(rows) for name, rows in datasets.items()}
    return Chart(spec, description, title, wide)


def name_axis(channel: str = "y", order: Sequence[str] | None = None, **axis: Any) -> Any:
    """Return an axis of names, from top to bottom (or left to right) in the order given."""
    import altair as alt

    kind = alt.Y if channel == "y" else alt.X
    return kind(
        "name:N",
        title=None,
        sort=list(order) if order is not None else None,
        axis=alt.Axis(grid=False, labelColor=INK, **axis),
    )


def score_axis(metric: str, values: Sequence[float | None], field: str = "score") -> Any:
    """Return an x axis for scores that spans `values` with some air."""
    import altair as alt

    return alt.X(
        f"{field}:Q",
        title=METRIC_AXIS.get(metric, metric),
        scale=alt.Scale(domain=list(span(values)), nice=False, clamp=True),
        axis=alt.Axis(format=".3~f", tickCount=5),
    )


def span(values: Sequence[float | None], share: float = 0.06) -> tuple[float, float]:
    """Return the range of the values that are there, widened by a share on either side.

    Examples
    --------
    >>> span([0.0, None, 1.0], share=0.1)
    (-0.1, 1.1)
    """
    present = [value for value in values if value is not None]
    if not present:
        return 0.0, 1.0
    low, high = min(present), max(present)
    air = share * (high - low) or 0.05
    return low - air, high + air


def value_axis(values: Sequence[Any], **axis: Any) -> Any:
    """Return the axis of these values, which may be years."""
    import altair as alt

    return alt.Axis(**axis, format=".6~r") if _years(values) else alt.Axis(**axis)


def value_tip(field: str, title: str, values: Sequence[Any]) -> Any:
    """Return the line of a tooltip that gives one of these values, which may be years."""
    import altair as alt

    return alt.Tooltip(f"{field}:Q", title=title, format=".6~r" if _years(values) else ",.5~r")


def _years(values: Sequence[Any]) -> bool:
    present = [value for value in values if isinstance(value, int | float)]
    return bool(present) and are_years(min(present), max(present))


def named(rows: Sequence[Mapping[str, Any]], key: str, length: int = 60) -> list[str]:
    """Return what the rows call themselves under `key`, shortened and told apart."""
    return distinct((row[key] for row in rows), length)
