"""The best split of a node by trying them all; the criteria as they are defined."""

from __future__ import annotations

import numpy as np


def weighted_median(y, w):
    """Return the middle of all m with the least sum of w |y - m|."""
    order = np.argsort(y)
    y, cumulated = y[order], np.cumsum(w[order])
    k = np.searchsorted(cumulated, cumulated[-1] / 2)
    if np.isclose(cumulated[k], cumulated[-1] / 2):
        return (y[k] + y[k + 1]) / 2
    return y[k]


def impurity(criterion, y, w):
    """Return the impurity of rows with targets y and weights w."""
    if criterion in ("gini", "entropy", "log_loss"):
        shares = np.bincount(y.astype(int), weights=w) / w.sum()
        shares = shares[shares > 0]
        return 1 - (shares**2).sum() if criterion == "gini" else -(shares * np.log2(shares)).sum()
    if criterion == "absolute_error":
        return (w * np.abs(y - weighted_median(y, w))).sum() / w.sum()
    mean = (w * y).sum() / w.sum()
    if criterion == "squared_error":
        return (w * (y - mean) ** 2).sum() / w.sum()
    if mean <= 2.0**-52:
        return np.inf
    log_ratio = np.log(np.where(y > 0, y, 1.0) / mean)
    return (w * np.where(y > 0, y * log_ratio, 0.0)).sum() / w.sum()


def improvement(criterion, y, w, left):
    """Return W H - W_left H_left - W_right H_right for the rows where `left`, and the others."""
    return (
        w.sum() * impurity(criterion, y, w)
        - w[left].sum() * impurity(criterion, y[left], w[left])
        - w[~left].sum() * impurity(criterion, y[~left], w[~left])
    )


def best_improvement(criterion, X, y, w, min_samples_leaf=1):
    """Return the most that any question improves; minus infinity where none may be asked."""
    best = -np.inf
    for x in X.T:
        for threshold in [*np.unique(x[~np.isnan(x)]), np.inf]:
            for missing_left in (False, True):
                left = (x <= threshold) | (np.isnan(x) & missing_left)
                n_left = left.sum()
                if min(n_left, len(y) - n_left) >= min_samples_leaf:
                    best = max(best, improvement(criterion, y, w, left))
    return best
