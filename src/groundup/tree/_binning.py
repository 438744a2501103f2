"""Binning: every column's values become small whole numbers, once, before any tree is grown.

A tree asks of a value only on which side of a threshold it lies, so the value's rank says as much
as the value, and a rank among at most 255 bins fits a byte.  A column with no more distinct values
than bins keeps one bin for each of them: then splits on bins are exact.  Otherwise neighbouring
values share a bin, such that the bins hold about equally many rows.

Bins depend on the set of the values alone, not on the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Binning:
    """The bins of every column.

    Bin b of column f holds the values from ``lowest[offsets[f] + b]`` to
    ``highest[offsets[f] + b]``, as seen in training.  Between two bins the border is halfway.
    A missing value has the code ``n_bins[f]``, one past the bins.

    Parameters
    ----------
    n_bins : ndarray of shape (n_features,), dtype int32
        Bins of each column; missing values are not counted.  0 for a column with no value at all.
    offsets : ndarray of shape (n_features + 1,), dtype int64
        Where a column's bins start in `lowest` and `highest`.
    lowest, highest : ndarray of shape (offsets[-1],), dtype float64
        The least and the greatest training value in each bin.
    is_categorical : ndarray of shape (n_features,), dtype bool
        Columns whose bins are categories: a value that was not seen counts as missing.
    """

    n_bins: np.ndarray
    offsets: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    is_categorical: np.ndarray

    def borders(self, feature: int) -> np.ndarray:
        """Return the (n_bins - 1,) borders of a column: bin b holds values up to border b."""
        bins = slice(self.offsets[feature], self.offsets[feature + 1])
        return between(self.highest[bins][:-1], self.lowest[bins][1:])

    def codes(self, X: np.ndarray, n_threads: int = 1) -> np.ndarray:
        """Return the bin of every value: (n, p), uint8, or uint32 where a column has over 255."""
        dtype = np.uint8 if self.n_bins.max(initial=0) <= 255 else np.uint32
        codes = np.empty(X.shape, dtype)
        for f in range(X.shape[1]):
            x = X[:, f]
            if self.is_categorical[f]:
                known = self.lowest[self.offsets[f] : self.offsets[f + 1]]
                code = np.searchsorted(known, x)
                seen = known[np.minimum(code, len(known) - 1)] == x if len(known) else x != x
                code = np.where(seen, code, self.n_bins[f])
            else:
                code = np.searchsorted(self.borders(f), x, side="left")
            codes[:, f] = np.where(np.isnan(x), self.n_bins[f], code)
        return codes


def between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return thresholds t with low <= t < high, halfway where that is possible."""
    with np.errstate(invalid="ignore", over="ignore"):
        middle = low / 2 + high / 2
    # Rounding may reach `high`, and infinity has no middle.
    middle = np.where(np.isinf(low) & np.isfinite(high), np.nextafter(high, -np.inf), middle)
    return np.where(~(middle < high) | ~(middle >= low), low, middle)


def bin_columns(
    X: np.ndarray,
    max_bins: int | None = 255,
    is_categorical: np.ndarray | None = None,
    n_threads: int = 1,
) -> Binning:
    """Find the bins of every column of `X` (n, p); NaN is missing.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64
    max_bins : int or None, default=255
        The most bins of a column, missing values aside, 2 to 255.  None: one for every distinct
        value.
    is_categorical : ndarray of shape (n_features,), dtype bool, default=None
        Columns whose values are categories; each keeps a bin of its own.
    n_threads : int, default=1

    Returns
    -------
    Binning
    """
    p = X.shape[1]
    if is_categorical is None:
        is_categorical = np.zeros(p, dtype=bool)
    lowest, highest = [], []
    for f in range(p):
        x = X[:, f]
        values, counts = np.unique(x[~np.isnan(x)], return_counts=True)
        if is_categorical[f] or max_bins is None or len(values) <= max_bins:
            lowest.append(values)
            highest.append(values)
            continue
        rank = np.cumsum(counts) - counts  # rows below each value
        bin_of_value = rank * max_bins // counts.sum()  # ascending
        first = np.flatnonzero(np.diff(bin_of_value, prepend=-1))
        lowest.append(values[first])
        highest.append(values[np.append(first[1:], len(values)) - 1])
    n_bins = np.array([len(values) for values in lowest], dtype=np.int32)
    return Binning(
        n_bins=n_bins,
        offsets=np.concatenate([[0], np.cumsum(n_bins, dtype=np.int64)]),
        lowest=np.concatenate(lowest) if p else np.empty(0),
        highest=np.concatenate(highest) if p else np.empty(0),
        is_categorical=is_categorical,
    )
