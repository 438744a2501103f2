"""Association with the target: a measure that fits the kinds of the two columns, and a test.

================  ==========================  =====================================================
column            target                      measure and test
================  ==========================  =====================================================
number, date      number, or two classes      Spearman's rho, its t test
number, date      three or more classes       eta² of the ranks, the Kruskal-Wallis test
text, boolean     number                      eta² of the ranks, the Kruskal-Wallis test
text, boolean     classes                     Cramér's V, corrected for its bias; the chi² test
free text         any                         as a number: the length of the text
================  ==========================  =====================================================

All are built on ranks or counts, so no outlier and no skewed scale decides them. A test of each
column against the target is many tests: among 100 columns of noise, five have p < 0.05. So p is
adjusted by Benjamini and Hochberg's procedure: among the columns with an adjusted p below 0.05,
about one in twenty at most is expected to be there by chance.

References
----------
Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", JRSS B 57, 1995.
W. Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", J. Korean Statistical Society 42,
2013.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SPEARMAN = "Spearman's rho"
SPEARMAN_LENGTH = "Spearman's rho of the text's length"
ETA_SQUARED = "eta² of the ranks"
ETA_SQUARED_LENGTH = "eta² of the ranks of the text's length"
CRAMER = "Cramér's V"

# Levels with fewer rows are pooled: the chi² distribution of the statistics needs about this many.
_LEVEL_ROWS = 5


@dataclass(frozen=True)
class Association:
    """How strongly a column goes with the target, and how likely chance alone would show as much.

    Parameters
    ----------
    measure : str
        Which measure it is.
    value : float
        -1 to 1 for Spearman's rho, 0 to 1 for the others.
    p : float
        Probability of a value as far from 0 or farther, were there no association.
    """

    measure: str
    value: float
    p: float

    @property
    def strength(self) -> float:
        """The value on the scale of a correlation, 0 to 1, to rank columns by."""
        squared = self.measure.startswith("eta²")
        return float(np.sqrt(max(self.value, 0.0))) if squared else abs(self.value)


def association(x: Any, kind: str, y: np.ndarray, task: str) -> Association | None:
    """Measure a column against the target.

    Parameters
    ----------
    x : (n,) Series
        The column; rows in which it is missing are left out.
    kind : {"number", "boolean", "date", "text"}
    y : (n,) array
        Class codes 0 .. K-1, or numbers for regression.
    task : {"binary", "multiclass", "regression"}

    Returns
    -------
    association : Association or None
        None where there is nothing to measure: fewer than 3 rows, or one value only.
    """
    present = x.notna().to_numpy()
    x, y = x[present], y[present]
    if len(x) < 3 or len(np.unique(y)) < 2:
        return None
    if kind == "text" or kind == "boolean":
        levels = pooled_levels(x)
        if len(np.unique(levels)) >= 2:
            return eta_squared(levels, y) if task == "regression" else cramers_v(levels, y)
        if kind == "boolean":
            return None
        length = x.astype(str).str.len().to_numpy(dtype=np.float64)
        return _numeric_association(length, y, task, SPEARMAN_LENGTH, ETA_SQUARED_LENGTH)
    return _numeric_association(as_numbers(x, kind), y, task, SPEARMAN, ETA_SQUARED)


def as_numbers(x: Any, kind: str) -> np.ndarray:
    """Return a number, boolean or date column as float64; a date as seconds since 1970."""
    if kind == "date":
        seconds = x.astype("datetime64[us]").astype("int64").to_numpy() / 1e6
        return np.where(x.isna().to_numpy(), np.nan, seconds)
    return x.to_numpy(dtype=np.float64)


def pooled_levels(x: Any) -> np.ndarray:
    """Return the level of each row as a code, the rare levels pooled in one.

    A level with fewer than 5 rows joins the pool; a pool that stays below 5 rows joins the rarest
    level that is left.
    """
    import pandas as pd

    codes = pd.factorize(x)[0]
    counts = np.bincount(codes)
    rare = counts < _LEVEL_ROWS
    if rare.all():
        return np.zeros(len(codes), dtype=np.int64)
    if rare.any():
        pool = len(counts)
        if counts[rare].sum() < _LEVEL_ROWS:
            pool = int(np.flatnonzero(~rare)[counts[~rare].argmin()])
        codes = np.where(rare[codes], pool, codes)
    return codes.astype(np.int64)


def spearman(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return Spearman's rho and its p value."""
    from scipy.stats import spearmanr

    result = spearmanr(x, y)
    return float(result.statistic), float(result.pvalue)


def eta_squared(levels: np.ndarray, y: np.ndarray) -> Association:
    """Return the share of the variance of y's ranks that lies between the levels.

    With H the Kruskal-Wallis statistic of k levels on n rows, eta² = (H - k + 1) / (n - k), which
    is 0 on average where nothing is associated.

    Parameters
    ----------
    levels : (n,) integer array
    y : (n,) array of numbers
    """
    from scipy.stats import chi2, rankdata

    n = len(y)
    levels = np.unique(levels, return_inverse=True)[1]
    counts = np.bincount(levels)
    k = len(counts)
    rank = rankdata(y) - (n + 1) / 2
    # H = (n - 1) Σ n_g r̄_g² / Σ r_i², the ranks centred; this form allows for ties
    between = np.sum(np.bincount(levels, weights=rank) ** 2 / counts)
    statistic = (n - 1) * between / np.sum(rank**2)
    value = max(0.0, (statistic - k + 1) / (n - k)) if n > k else 0.0
    return Association(ETA_SQUARED, float(value), float(chi2.sf(statistic, k - 1)))


def cramers_v(levels: np.ndarray, y: np.ndarray) -> Association:
    """Return Cramér's V with Bergsma's correction, and the p value of the chi² test.

    With phi² = chi²/n of an r x c table::

        V² = max(0, phi² - (r-1)(c-1)/(n-1)) / min(r' - 1, c' - 1),   r' = r - (r-1)²/(n-1)

    Parameters
    ----------
    levels : (n,) integer array
    y : (n,) integer array of class codes
    """
    from scipy.stats import chi2

    n = len(y)
    levels = np.unique(levels, return_inverse=True)[1]
    y = np.unique(y, return_inverse=True)[1]
    r, c = levels.max() + 1, y.max() + 1
    table = np.bincount(levels * c + y, minlength=r * c).reshape(r, c).astype(np.float64)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    statistic = np.sum((table - expected) ** 2 / expected)
    phi2 = max(0.0, statistic / n - (r - 1) * (c - 1) / (n - 1))
    r_corrected = r - (r - 1) ** 2 / (n - 1)
    c_corrected = c - (c - 1) ** 2 / (n - 1)
    smaller = min(r_corrected, c_corrected) - 1
    value = min(1.0, np.sqrt(phi2 / smaller)) if smaller > 0 else 0.0
    return Association(CRAMER, float(value), float(chi2.sf(statistic, (r - 1) * (c - 1))))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjust p values so that a cut at q keeps the expected share of false findings below q.

    In ascending order, the adjusted p_(i) is the smallest of m p_(j) / j over j >= i.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    m = len(p)
    if m == 0:
        return np.empty(0)
    order = np.argsort(p)
    scaled = p[order] * m / np.arange(1, m + 1)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def _numeric_association(
    x: np.ndarray, y: np.ndarray, task: str, spearman_name: str, eta_name: str
) -> Association | None:
    finite = np.isfinite(x)
    x, y = x[finite], y[finite]
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    if task == "multiclass" and len(np.unique(y)) > 2:
        found = eta_squared(y, x)  # the classes are the levels, the column is what is ranked
        return Association(eta_name, found.value, found.p)
    return Association(spearman_name, *spearman(x, y))
