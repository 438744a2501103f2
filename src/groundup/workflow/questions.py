"""The questions of a decision tree, in the words and the units of the raw table.

A tree asks whether a prepared feature is at most some threshold. Here that becomes "age: up to 37"
or "region: is north". The threshold that is written is the shortest number that parts the training
rows as the tree does: the tree's own lies somewhere between the same two values.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from groundup.workflow.prepared_features import PreparedFeature
from groundup.workflow.report_text import are_years

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


class Question(NamedTuple):
    """What a node asks.

    Parameters
    ----------
    column : str
        The raw column.
    test : str
        What is asked of it, such as ``"≤ 37"`` or ``"is north"``.
    yes_is_left : bool
        Whether rows that answer yes are those at or below the threshold.
    """

    column: str
    test: str
    yes_is_left: bool


def question(
    feature: PreparedFeature,
    threshold: float,
    prepared: np.ndarray,
    raw: np.ndarray | None,
    *,
    target: str,
    is_boolean: bool = False,
) -> Question:
    """Put a node's question into words.

    Parameters
    ----------
    feature : PreparedFeature
    threshold : float
        A row goes left where the prepared feature is at most this.
    prepared : (n,) array
        The prepared feature of the training rows.
    raw : (n,) float array or None
        The raw column of the same rows, NaN where missing; None where it holds no numbers.
    target : str
        The target's name.
    is_boolean : bool, default=False
        Whether the raw column holds true and false.

    Examples
    --------
    >>> ages = np.array([20.0, 36.0, 37.0, 41.0, np.nan])
    >>> scaled = PreparedFeature("age", "number", mean=35.0, scale=5.0)
    >>> question(scaled, 0.6, (np.nan_to_num(ages, nan=37.0) - 35) / 5, ages, target="income")
    Question(column='age', test='≤ 40', yes_is_left=True)
    """
    column, kind, what = feature.column, feature.kind, feature.what
    if kind == "missing":
        return Question(column, "is missing", False)
    if kind == "category":
        return Question(
            column, "is missing" if what is None or what != what else f"is {what}", False
        )
    if kind == "rare":
        few = [str(name) for name in what if name == name]
        named = ", ".join(few[:3]) + (", …" if len(few) > 3 else "")
        return Question(column, f"is rare ({named})" if few else "is rare", False)
    if kind == "word":
        if not np.any((prepared > 0) & (prepared <= threshold)):
            return Question(column, f"has “{what}”", False)
        over = _short(prepared[prepared <= threshold].max(), prepared[prepared > threshold].min())
        return Question(column, f"“{what}” weighs > {over}", False)

    values = feature.value(prepared)
    if kind == "number" and raw is not None:
        values = raw
    elif kind != "other":
        values = np.array([float(f"{value:.12g}") for value in values])  # undone up to rounding
    left = values[(prepared <= threshold) & ~np.isnan(values)]
    right = values[(prepared > threshold) & ~np.isnan(values)]
    low = left.max() if len(left) else feature.value(threshold)
    high = right.min() if len(right) else feature.value(threshold)
    if kind == "date":
        return Question(column, _of_date(feature, left, low, high), True)
    if kind == "average":
        of = f"average {target}" if what is None else f"share of {what}"
        return Question(column, f"{of} ≤ {_short(low, high)}", True)
    if is_boolean:
        return Question(column, "is true", False)
    if low == 0 and high == 1 and (left.min(), right.max()) == (0, 1):
        return Question(column, "is 1", False)
    both = np.concatenate([left, right])
    whole = bool((both == both.round()).all())
    years = whole and len(both) > 0 and are_years(float(both.min()), float(both.max()))
    return Question(column, f"≤ {_short(low, high, whole=whole, years=years)}", True)


def _of_date(feature: PreparedFeature, left: np.ndarray, low: float, high: float) -> str:
    part = feature.what
    if part == "days":
        return f"before {_moment(feature.first, low, high)}"
    if part in ("month", "weekday"):
        names, offset = (_MONTHS, 1) if part == "month" else (_WEEKDAYS, 0)
        first, last = (names[int(value) - offset] for value in (left.min(), low))
        return f"in {first}" if first == last else f"in {first} to {last}"
    if part == "year":
        return f"in {low:.0f} or before"
    if part == "day":
        return f"up to day {low:.0f} of the month"
    return f"at hour ≤ {_short(low, high)}"


def _moment(first: int, low: float, high: float) -> str:
    """Return the first moment of the right side: a day where the two sides differ in the day."""
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=first)
    before, after = start + timedelta(days=low), start + timedelta(days=high)
    if before.date() < after.date():
        return after.date().isoformat()
    return after.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")


def _short(low: float, high: float, *, whole: bool = False, years: bool = False) -> str:
    """Write the shortest number t with low <= t < high (low itself where there is none)."""
    shortest = float(low)
    middle = low / 2 + high / 2
    for digits in range(1, 17):
        rounded = float(f"{middle:.{digits - 1}e}")
        unit = 10.0 ** (np.floor(np.log10(abs(middle))) - digits + 1) if middle else 1.0
        below = float(f"{np.floor(middle / unit) * unit:.15g}")
        fitting = [t for t in (rounded, below) if low <= t < high and (t.is_integer() or not whole)]
        if fitting:
            shortest = fitting[0]
            break
    text = f"{shortest:.15g}"
    if float(text) != shortest:
        text = f"{shortest:.17g}"
    if "e" not in text and not years:
        before, point, behind = text.partition(".")
        text = f"{int(before):,}{point}{behind}" if abs(int(before)) >= 10_000 else text
    return text.replace("-", "\N{MINUS SIGN}")
