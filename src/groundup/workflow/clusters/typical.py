"""The rows that stand for a cluster, and the rows that fit nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from groundup.workflow.association import as_numbers
from groundup.workflow.clusters.assign import Assigner, Assignment
from groundup.workflow.report_text import number, plain

_TYPICAL = 5
_SHOWN_COLUMNS = 6
_MOST_OUTLIERS = 40
_ODD_COLUMNS = 3
_MEDOID_ROWS = 1000


def typical_rows(
    frame: pd.DataFrame,
    X: np.ndarray,
    own: Assignment,
    cluster: int,
    assigner: Assigner,
    columns: list[str],
) -> dict[str, Any]:
    """Return the rows closest to a cluster's centre, in the table's own values.

    Where a family has no centres, the centre is the medoid: the row whose distances to the other
    rows of the cluster are the smallest in sum.

    Parameters
    ----------
    frame : DataFrame of shape (n, p)
    X : ndarray of shape (n, d)
    own : Assignment
        Of the table's rows.
    cluster : int
    assigner : Assigner
    columns : list of str
        The first few are shown.

    Returns
    -------
    dict
        ``{"columns", "rows": [{"line", "distance", "values"}]}``
    """
    rows = np.flatnonzero(own.cluster == cluster)
    distances = own.distance[rows]
    if assigner.kept == "rows":
        middle = X[_medoid(X, rows)]
        distances = np.linalg.norm(X[rows] - middle, axis=1)
    nearest = rows[np.argsort(distances, kind="stable")[:_TYPICAL]]
    at = dict(zip(rows.tolist(), distances.tolist(), strict=True))
    shown = columns[:_SHOWN_COLUMNS]
    return {
        "columns": shown,
        "rows": [
            {
                "line": int(frame.index[row]),
                "distance": at[int(row)],
                "values": [cell(frame[name].iloc[row]) for name in shown],
            }
            for row in nearest
        ],
    }


def _medoid(X: np.ndarray, rows: np.ndarray) -> int:
    asked = rows[:: max(1, -(-len(rows) // _MEDOID_ROWS))]
    Z = X[asked]
    sums = [float(np.linalg.norm(Z - z, axis=1).sum()) for z in Z]
    return int(asked[int(np.argmin(sums))])


def cell(value: Any) -> Any:
    """Return a cell of the table as JSON can hold it."""
    if value is None or value != value:
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat().removesuffix("T00:00:00")
    return value.item() if hasattr(value, "item") else value


def outliers(
    frame: pd.DataFrame, kinds: Mapping[str, str], own: Assignment, assigner: Assigner
) -> dict[str, Any]:
    """List the rows that lie beyond the outer fence of their cluster, the farthest first.

    Returns
    -------
    dict
        ``{"count", "rows": [{"line", "cluster", "times", "odd"}]}``: ``times`` the distance in
        units of the fence, ``odd`` the columns in which the row is most unusual, in words.
    """
    found = np.flatnonzero(own.outlier)
    limits = np.array(assigner.limits)[own.cluster - 1]
    limits = np.where(own.cluster < 0, max(assigner.limits), limits)
    far = own.distance
    if assigner.kept == "components":
        limits = np.array(
            [np.median(far[own.cluster == c]) for c in range(1, len(assigner.limits) + 1)]
        )[own.cluster - 1]
    times = np.divide(far, limits, out=np.full(len(far), np.inf), where=limits > 0)
    found = found[np.argsort(-times[found], kind="stable")]
    oddness = _Oddness(frame, kinds)
    return {
        "count": len(found),
        "of_no_cluster": int((own.outlier & (own.cluster < 0)).sum()),
        "rows": [
            {
                "line": int(frame.index[row]),
                "cluster": int(own.cluster[row]),
                "times": float(times[row]),
                "odd": oddness.words(int(row)),
            }
            for row in found[:_MOST_OUTLIERS]
        ],
    }


class _Oddness:
    """In which columns a row is unusual: far from the median, or a rare value.

    A number's oddness is |x - median| / (Q3 - Q1), a category's is -log2 of its share; both are
    about 1 for an everyday value.
    """

    def __init__(self, frame: pd.DataFrame, kinds: Mapping[str, str]):
        self._frame = frame
        self._numbers: dict[str, tuple[np.ndarray, float, float]] = {}
        self._shares: dict[str, pd.Series] = {}
        for name, kind in kinds.items():
            if kind in ("number", "date"):
                x = as_numbers(frame[name], kind)
                known = x[np.isfinite(x)]
                if len(known) == 0:
                    continue
                q1, median, q3 = np.percentile(known, [25, 50, 75])
                spread = q3 - q1 or known.std() or 1.0
                self._numbers[name] = (x, float(median), float(spread))
            elif kind == "boolean" or frame[name].nunique() <= len(frame) // 4:
                self._shares[name] = frame[name].value_counts(normalize=True)

    def words(self, row: int) -> list[str]:
        """Return what is most unusual about a row, at most three things."""
        found: list[tuple[float, str]] = []
        for name, (x, median, spread) in self._numbers.items():
            odd = abs(x[row] - median) / spread
            if odd > 1.5:  # false for a missing value
                value = self._frame[name].iloc[row]
                shown = str(cell(value)) if isinstance(value, pd.Timestamp) else number(x[row])
                typical = "" if isinstance(value, pd.Timestamp) else f" (typical {number(median)})"
                found.append((odd, f"{plain(name, 40)} {shown}{typical}"))
        for name, shares in self._shares.items():
            share = shares.get(self._frame[name].iloc[row])
            if share is not None and share < 0.05:
                odd = -np.log2(share)
                value = plain(cell(self._frame[name].iloc[row]), 40)
                found.append((odd, f"{plain(name, 40)} {value}, which is rare"))
        found.sort(key=lambda one: -one[0])
        return [words for _, words in found[:_ODD_COLUMNS]]
