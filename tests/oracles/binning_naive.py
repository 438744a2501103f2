"""Bins and codes by counting values one at a time."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np


def heavy_values(x: np.ndarray, max_bins: int) -> set[float]:
    """Return the values with more rows than a bin of the others would hold."""
    counts = Counter(x[~np.isnan(x)].tolist())  # 0.0 and -0.0 are one key
    heavy: set[float] = set()
    while True:
        share = Fraction(
            sum(counts.values()) - sum(counts[v] for v in heavy), max_bins - len(heavy)
        )
        found = {v for v, c in counts.items() if c > share}
        if found == heavy:
            return heavy
        heavy = found


def code(binning, f: int, x: float) -> int:
    """Look through all the bins of a column."""
    low = binning.lowest[binning.offsets[f] : binning.offsets[f + 1]]
    n_bins = len(low)
    if np.isnan(x):
        return n_bins
    if binning.is_categorical[f]:
        return low.tolist().index(x) if x in low.tolist() else n_bins
    return sum(bool(x > border) for border in binning.borders(f))
