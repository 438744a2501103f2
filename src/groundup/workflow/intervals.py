"""Confidence intervals for the test score: what it would be on other rows of the same kind.

========  ==================================  =====================  =========================
score     variance, independent rows          variance, groups       scale
========  ==================================  =====================  =========================
accuracy  a (1 - a) / n                       linearised             Wilson's
ROC AUC   DeLong's, with Hanley and McNeil's  linearised             Wilson's
          as a floor where classes are small
R²        jackknife                           jackknife over groups  log(1 - R²)
========  ==================================  =====================  =========================

Wilson's scale keeps the interval inside 0 to 1 and gives one of sensible width even for a score of
exactly 1: it holds the rates that a test would not reject, rather than the observed rate plus and
minus an error that is 0 there. A score with variance V is treated as a rate seen on
n = A (1 - A) / V trials.

"Linearised" means: a score that is a smooth function of means moves by ψᵢ/n when row i gains a
little weight (ψ is its influence function), so its variance is that of the mean of the ψᵢ. Rows of
one group share their luck; their ψ are summed first, and the groups are what is counted, with
Student's quantile for their number.

`benchmarks/interval_coverage.py` checks by simulation how often each of them holds the true value.

References
----------
E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more
correlated receiver operating characteristic curves", Biometrics 44, 1988.
J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating
characteristic (ROC) curve", Radiology 143, 1982.
N. A. Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 53, 1997.
Z. W. Birnbaum and O. M. Klose, "Bounds for the variance of the Mann-Whitney statistic", Annals of
Mathematical Statistics 28, 1957.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Rows of the rarer class up to which DeLong's variance is held up by Hanley and McNeil's.
_FEW_ROWS = 40

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Interval:
    """A confidence interval and the name of the method that made it."""

    low: float
    high: float
    method: str


def wilson(rate: float, n: float, level: float = 0.95, degrees: float = np.inf) -> Bounds:
    """Return Wilson's interval for a rate that was seen on `n` independent trials.

    It holds the rates p that a test would not reject: |rate - p| <= z sqrt(p (1 - p) / n).

    Parameters
    ----------
    rate : float
        Share of successes, 0 to 1.
    n : float
        Number of trials; need not be whole.
    level : float, default=0.95
    degrees : float, default=inf
        Degrees of freedom of the variance that n stands for, where it was estimated.

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> low, high = wilson(1.0, 10)
    >>> round(low, 4), round(high, 4)
    (0.7225, 1.0)
    """
    z = _quantile(level, degrees)
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
    groups : (n,) array, optional
        The group of each row; rows of one group are not independent.
    level : float, default=0.95
    """
    correct = np.asarray(correct, dtype=np.float64)  # (n,)
    rate, n = float(correct.mean()), len(correct)
    if groups is None:
        return Interval(*wilson(rate, n, level), "Wilson's score interval")
    variance, n_groups = _grouped_variance(correct - rate, groups)
    return _wilson_grouped(rate, max(variance, rate * (1 - rate) / n), n_groups, level)


def auc_interval(
    positive: np.ndarray,
    score: np.ndarray,
    groups: np.ndarray | None = None,
    level: float = 0.95,
) -> Interval:
    """Return an interval for the area under the ROC curve.

    DeLong's variance is itself an estimate. With 20 rows of the rarer class it is often far too
    small: all of them may happen to score above almost every other row. Hanley and McNeil's depends
    on nothing but the area and the numbers of rows, so up to 40 rows the larger of the two is
    taken, and beyond that a share 40/m of the excess.

    Parameters
    ----------
    positive : (n,) boolean array
        Which rows are of the positive class; both kinds have to be there.
    score : (n,) array
        The higher, the likelier to be positive.
    groups : (n,) array, optional
        The group of each row; rows of one group are not independent.
    level : float, default=0.95
    """
    positive = np.asarray(positive, dtype=bool)
    if np.ptp(score) == 0:
        return Interval(0.5, 0.5, "all predictions are equal, which always scores 0.5")
    auc, influence = auc_influence(positive, score)
    m, n = int(positive.sum()), int((~positive).sum())
    fewer = min(m, n)
    # V = var(F₋)/m + var(F₊)/n, and its degrees of freedom by Welch and Satterthwaite
    of_positive = _sum_of_squares(influence[positive]) / max(1 - 1 / m, 0.5) / (m + n) ** 2
    of_negative = _sum_of_squares(influence[~positive]) / max(1 - 1 / n, 0.5) / (m + n) ** 2
    variance = of_positive + of_negative
    if 0 < auc < 1:
        excess = hanley_mcneil_variance(auc, m, n) - variance
        variance += min(1.0, _FEW_ROWS / fewer) * max(0.0, excess)
    if groups is not None:
        grouped, n_groups = _grouped_variance(influence, groups)
        return _wilson_grouped(auc, max(grouped, variance), min(n_groups, fewer), level)
    if variance == 0:
        # No distribution makes the variance larger than A (1 - A) / min(m, n): Birnbaum and Klose.
        return Interval(*wilson(auc, fewer, level), f"Wilson's score interval, {fewer} trials")
    spread = of_positive + of_negative
    degrees = np.inf
    if spread > 0 and fewer > 1:
        degrees = spread**2 / (of_positive**2 / (m - 1) + of_negative**2 / (n - 1))
    low, high = wilson(auc, auc * (1 - auc) / variance, level, degrees)
    return Interval(low, high, "DeLong's variance, Wilson's scale")


def hanley_mcneil_variance(auc: float, m: int, n: int) -> float:
    """Return the variance of an AUC of m positive and n negative rows, exponential scores assumed.

    V = A (1 - A) (1 + k (1 - A)/(2 - A) + k A/(1 + A)) / (m n), with k = (m + n)/2 - 1, which is
    symmetric in the classes.
    """
    k = (m + n) / 2 - 1
    return auc * (1 - auc) * (1 + k * (1 - auc) / (2 - auc) + k * auc / (1 + auc)) / (m * n)


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
    """Return an interval for R², or None where R² is not defined (a constant target).

    With S the sum of squared errors and T that of squared deviations, θ = log(1 - R²) =
    log S - log T. The jackknife leaves out one row (or group) at a time, in closed form::

        θ₍ᵢ₎ = log(S - eᵢ²) - log(T - n/(n - 1) (yᵢ - ȳ)²)
        SE²  = (n - 1)/n Σ (θ₍ᵢ₎ - mean θ₍ᵢ₎)²

    Where a handful of rows make up most of the target's variance, T is likely to be far too small
    and the interval too narrow, as is any that knows nothing of the distribution (the bootstrap's
    too).

    Parameters
    ----------
    y, prediction : (n,) arrays
    groups : (n,) array, optional
        The group of each row; rows of one group are not independent.
    level : float, default=0.95
    """
    squared_error = (y - prediction) ** 2  # (n,)
    deviation = y - y.mean()  # (n,)
    total_error, total_deviation = squared_error.sum(), np.sum(deviation**2)
    n = len(y)
    if n < 2 or total_deviation == 0:
        return None
    if total_error == 0:
        return Interval(1.0, 1.0, "every prediction is exact")
    group = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    k = int(group.max()) + 1  # groups, or rows
    if k < 3:
        return Interval(-np.inf, 1.0, f"unknown: {k} {'rows' if groups is None else 'groups'} only")
    # Without a group of c rows: T₍g₎ = Σ_{i not in g} dᵢ² - (Σ_{i not in g} dᵢ)² / (n - c)
    count = np.bincount(group)  # (k,)
    error_left = total_error - np.bincount(group, weights=squared_error)
    sum_left = -np.bincount(group, weights=deviation)
    deviation_left = total_deviation - np.bincount(group, weights=deviation**2)
    deviation_left -= sum_left**2 / (n - count)
    tiny = 1e-12
    theta_left = np.log(np.maximum(error_left, tiny * total_error))
    theta_left -= np.log(np.maximum(deviation_left, tiny * total_deviation))
    error = np.sqrt((k - 1) / k * _sum_of_squares(theta_left))
    half = _quantile(level, k - 1) * error
    middle = np.log(total_error / total_deviation)
    with np.errstate(over="ignore"):
        low, high = 1 - np.exp(middle + half), 1 - np.exp(middle - half)
    over = "rows" if groups is None else f"{k} groups of rows"
    return Interval(float(low), float(high), f"jackknife over {over}, log(1 - R²) scale")


def _wilson_grouped(rate: float, variance: float, n_groups: int, level: float) -> Interval:
    """Return Wilson's interval for a rate whose variance was estimated over groups."""
    method = f"linearised over {n_groups} groups of rows, Wilson's scale"
    if variance == 0:  # no spread to estimate it from: a group counts as one trial
        return Interval(*wilson(rate, n_groups, level), method)
    trials = rate * (1 - rate) / variance
    return Interval(*wilson(rate, trials, level, max(1, n_groups - 1)), method)


def _grouped_variance(influence: np.ndarray, groups: np.ndarray) -> tuple[float, int]:
    """Return the variance of a mean of influences over groups, and the number of groups.

    V = G/(G - 1) Σ_g (Σ_{i in g} ψᵢ)² / n²
    """
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], weights=influence)
    n_groups = len(sums)
    correction = n_groups / max(1, n_groups - 1)
    return correction * float(np.sum(sums**2)) / len(influence) ** 2, n_groups


def _sum_of_squares(values: np.ndarray) -> float:
    """Return the sum of squares about the mean."""
    return float(np.sum((values - values.mean()) ** 2))


def _quantile(level: float, degrees: float) -> float:
    """Return the two-sided quantile of Student's t; of the normal for infinite degrees."""
    from scipy.special import ndtri, stdtrit

    upper = 0.5 + level / 2
    return float(ndtri(upper) if np.isinf(degrees) else stdtrit(degrees, upper))
