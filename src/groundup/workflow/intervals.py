"""Confidence intervals for the test score: what it would be on other rows of the same kind.

Each interval is built on a scale on which the score's error is close to normal, and carried back,
so that it never leaves the range that the score can take:

==========  ===================================  =====================================
score       independent rows                     rows in groups
==========  ===================================  =====================================
accuracy    Wilson's score interval              linearised, on the logit scale
ROC AUC     DeLong's variance, logit scale       linearised, on the logit scale
R²          linearised, on the log(1 - R²) scale the same, summed over groups
==========  ===================================  =====================================

"Linearised" means: a score that is a smooth function of means moves by ψᵢ/n when row i gains a
little weight (ψ is its influence function), so its variance is that of the mean of the ψᵢ. Rows of
one group share their luck; their ψ are summed first, and the groups are what is counted.

`benchmarks/coverage.py` checks by simulation how often each of them holds the true value.

References
----------
E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more
correlated receiver operating characteristic curves", Biometrics 44, 1988.
N. A. Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 53, 1997.
Z. W. Birnbaum and O. M. Klose, "Bounds for the variance of the Mann-Whitney statistic", Annals of
Mathematical Statistics 28, 1957.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A confidence interval and the name of the method that made it."""

    low: float
    high: float
    method: str


def wilson(rate: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval for a rate that was seen on `n` independent trials.

    It holds the rates p that a test would not reject: |rate - p| <= z sqrt(p (1 - p) / n).

    Parameters
    ----------
    rate : float
        Share of successes, 0 to 1.
    n : float
        Number of trials.
    level : float, default=0.95

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> low, high = wilson(1.0, 10)
    >>> round(low, 4), round(high, 4)
    (0.7225, 1.0)
    """
    z = _normal_quantile(level)
    # (rate + z²/2n ± z sqrt(rate (1 - rate)/n + z²/4n²)) / (1 + z²/n)
    center = rate + z**2 / (2 * n)
    half = z * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    return max(0.0, float((center - half) / scale)), min(1.0, float((center + half) / scale))


def accuracy_interval(
    correct: np.ndarray, groups: np.ndarray | None = None, level: float = 0.95
) -> Interval:
    """Return an interval for the share of correct predictions.

    Parameters
    ----------
    correct : (n,) boolean array
    groups : (n,) integer array, optional
        The group of each row; rows of one group are not independent.
    level : float, default=0.95
    """
    correct = np.asarray(correct, dtype=np.float64)  # (n,)
    rate = float(correct.mean())
    if groups is None:
        return Interval(*wilson(rate, len(correct), level), "Wilson's score interval")
    return _logit_interval(rate, correct - rate, groups, _n_groups(groups), level)


def auc_interval(
    positive: np.ndarray,
    score: np.ndarray,
    groups: np.ndarray | None = None,
    level: float = 0.95,
) -> Interval:
    """Return an interval for the area under the ROC curve.

    Parameters
    ----------
    positive : (n,) boolean array
        Which rows are of the positive class; both kinds have to be there.
    score : (n,) array
        The higher, the likelier to be positive.
    groups : (n,) integer array, optional
    level : float, default=0.95
    """
    positive = np.asarray(positive, dtype=bool)
    if np.ptp(score) == 0:
        return Interval(0.5, 0.5, "all predictions are equal, which always scores 0.5")
    auc, influence = auc_influence(positive, score)
    m = min(int(positive.sum()), int((~positive).sum()))
    if groups is None:
        return _logit_interval(auc, influence, None, m, level)
    return _logit_interval(auc, influence, groups, min(m, _n_groups(groups)), level)


def auc_influence(positive: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the area under the ROC curve and each row's influence on it.

    With m positive and n negative rows, F₋(s) the share of negative rows that score below s (half
    of the ties) and F₊ likewise::

        AUC = mean of F₋(sᵢ) over the positive rows
        ψᵢ  = (m + n)/m (F₋(sᵢ) - AUC)         for a positive row
        ψⱼ  = (m + n)/n (1 - F₊(sⱼ) - AUC)     for a negative row

    These are DeLong's structural components. Midranks give all F in O(n log n).

    Parameters
    ----------
    positive : (n,) boolean array
    score : (n,) array

    Returns
    -------
    auc : float
    influence : (n,) array
        Sums to 0.
    """
    from scipy.stats import rankdata

    m, n = int(positive.sum()), int((~positive).sum())
    rank = rankdata(score)  # (m + n,)
    below = (rank[positive] - rankdata(score[positive])) / n  # F₋ at the positive rows, (m,)
    above = 1 - (rank[~positive] - rankdata(score[~positive])) / m  # 1 - F₊ at the negative, (n,)
    auc = float(below.mean())
    influence = np.empty(m + n)
    influence[positive] = (below - auc) * ((m + n) / m)
    influence[~positive] = (above - auc) * ((m + n) / n)
    return auc, influence


def r2_interval(
    y: np.ndarray, prediction: np.ndarray, groups: np.ndarray | None = None, level: float = 0.95
) -> Interval | None:
    """Return an interval for R², or None where R² says nothing (a constant target).

    With s the mean squared error and t the variance of the target, log(1 - R²) = log s - log t::

        ψᵢ = eᵢ²/s - (yᵢ - ȳ)²/t

    Parameters
    ----------
    y, prediction : (n,) arrays
    groups : (n,) integer array, optional
    level : float, default=0.95
    """
    squared_error = (y - prediction) ** 2  # (n,)
    squared_deviation = (y - y.mean()) ** 2  # (n,)
    s, t = squared_error.mean(), squared_deviation.mean()
    if t == 0 or len(y) < 2:
        return None
    if s == 0:
        return Interval(1.0, 1.0, "every prediction is exact")
    error, degrees = _standard_error(squared_error / s - squared_deviation / t, groups)
    half = _t_quantile(level, degrees) * error
    middle = np.log(s / t)
    low, high = 1 - np.exp(middle + half), 1 - np.exp(middle - half)
    return Interval(float(low), float(high), "linearised, log(1 - R²) scale" + _by_groups(groups))


def _logit_interval(
    rate: float, influence: np.ndarray, groups: np.ndarray | None, n_effective: int, level: float
) -> Interval:
    """Return rate ± error on the logit scale; Wilson's interval where the error is not known.

    A score of 0 or 1, or one row of a kind, leaves no spread to estimate a variance from. No
    distribution of scores makes the variance of an AUC larger than AUC (1 - AUC) / min(m, n)
    (Birnbaum and Klose), so Wilson's interval with min(m, n) trials is wide enough.
    """
    error, degrees = _standard_error(influence, groups)
    if not 0 < rate < 1 or error == 0:
        method = f"Wilson's score interval with {n_effective} trials" + _by_groups(groups)
        return Interval(*wilson(rate, n_effective, level), method)
    # logit' (p) = 1 / (p (1 - p))
    half = _t_quantile(level, degrees) * error / (rate * (1 - rate))
    middle = np.log(rate / (1 - rate))
    low, high = 1 / (1 + np.exp(half - middle)), 1 / (1 + np.exp(-half - middle))
    name = "linearised, logit scale" if groups is not None else "DeLong, logit scale"
    return Interval(float(low), float(high), name + _by_groups(groups))


def _standard_error(influence: np.ndarray, groups: np.ndarray | None) -> tuple[float, int]:
    """Return the standard error of a mean of influences, and its degrees of freedom.

    SE² = G/(G - 1) Σ_g (Σ_{i in g} ψᵢ)² / n², where each row is its own group if there are none.
    """
    n = len(influence)
    if groups is not None:
        influence = np.bincount(np.unique(groups, return_inverse=True)[1], weights=influence)
    n_groups = len(influence)
    if n_groups < 2:
        return 0.0, 1
    variance = n_groups / (n_groups - 1) * float(np.sum(influence**2)) / n**2
    return float(np.sqrt(variance)), n_groups - 1


def _n_groups(groups: np.ndarray) -> int:
    return len(np.unique(groups))


def _by_groups(groups: np.ndarray | None) -> str:
    return "" if groups is None else f", over {_n_groups(groups)} groups of rows"


def _normal_quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def _t_quantile(level: float, degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + level / 2))
