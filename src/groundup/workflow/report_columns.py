"""The rows of the report's table of columns, with the geometry of their small histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groundup.workflow.report_text import are_years, number, plain
from groundup.workflow.report_words import ROLES, is_used

# The small histogram's width and height, in the units of its viewBox.
_WIDTH, _HEIGHT = 116.0, 26.0
_MOST_BARS = 30


def column_rows(
    columns: Sequence[dict[str, Any]],
    rows: int,
    rows_explored: int | None = None,
    target: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return what the table of columns shows: the target first, what is left out last.

    Parameters
    ----------
    columns : sequence of dict
        The part ``"columns"`` of ``run.json``.
    rows : int
        How many rows the file has, for the share of missing cells.
    rows_explored : int, optional
        How many rows the columns that are used were described on, which are the training rows.
    target : mapping, optional
        How the target is spread: the part ``["explore"]["target"]`` of ``run.json``.

    Returns
    -------
    list of dict
        Each column with ``used``, ``role_words``, ``missing_share``, ``range`` (its values in
        words), and ``bars`` (x, y, width, height) or ``shares`` for its picture.
    """

    def place(column: Mapping[str, Any]) -> int:
        return 0 if column.get("role") == "target" else 1 if is_used(column) else 2

    found = []
    for column in sorted(columns, key=place):
        if column.get("role") == "target" and target:
            spread = {"summary": target.get("summary") or {"top": target.get("counts") or []}}
            column = {**column, **spread, "histogram": target.get("histogram")}
        of = (rows_explored or rows) if is_used(column) or column.get("role") == "target" else rows
        found.append(_row(column, of))
    return found


def _row(column: dict[str, Any], rows: int) -> dict[str, Any]:
    summary, histogram = column.get("summary") or {}, column.get("histogram") or {}
    top = [(value, n) for value, n in summary.get("top") or [] if n]
    missing = column.get("missing") or 0
    present = max(rows - missing, sum(n for _, n in top), 1)
    role = column.get("role") or "feature"
    return {
        "name": column["name"],
        "role": role,
        "role_words": ROLES.get(role, role),
        "why": column.get("why"),
        "used": is_used(column) or role == "target",
        "missing": missing,
        "missing_share": min(1.0, missing / rows) if rows else None,
        "distinct": column.get("distinct"),
        "range": _in_words(column.get("kind"), summary, top),
        "bars": _bars(histogram.get("counts") or []),
        "shares": [round(n / present, 4) for _, n in top[:6]],
        "rest": round(max(0.0, 1 - sum(n for _, n in top[:6]) / present), 4),
    }


def _in_words(kind: Any, summary: Mapping[str, Any], top: list[tuple[Any, int]]) -> str:
    if top:
        return ", ".join(plain(value, 24) for value, _ in top[:3]) + (", …" if len(top) > 3 else "")
    if summary.get("min") is not None and summary.get("max") is not None:
        low, high = summary["min"], summary["max"]
        write = plain if isinstance(low, str) or are_years(low, high) else number
        return f"{write(low)} to {write(high)}"
    return plain(kind or "", 20) if kind else ""


def _bars(counts: Sequence[int]) -> list[tuple[float, float, float, float]]:
    """Return x, y, width and height of each bar that is not empty."""
    counts = list(counts)[:_MOST_BARS]
    most = max(counts, default=0)
    bars = []
    for i, n in enumerate(counts):
        if n:
            step, height = _WIDTH / len(counts), max(1.0, _HEIGHT * n / most)
            x, y, width = i * step, _HEIGHT - height, max(step - 1, 0.5)
            bars.append((round(x, 1), round(y, 1), round(width, 1), round(height, 1)))
    return bars
