"""Linear support vector machines, written the way the textbook does: loops, no intervals."""

from __future__ import annotations

import numpy as np


def classification_objective(X, y, w, b, C, *, squared, penalty="l2", scale=1.0, weight=None):
    """1/2 (|w|^2 + (b / s)^2) + C sum_i c_i max(0, 1 - y_i (w'x_i + b))^(1 or 2); y is -1 or 1."""
    total = 0.0
    for i in range(len(X)):
        missing = max(0.0, 1.0 - y[i] * (sum(w[j] * X[i, j] for j in range(len(w))) + b))
        total += (1.0 if weight is None else weight[i]) * (missing**2 if squared else missing)
    if penalty == "l1":
        return sum(abs(w)) + abs(b / scale) + C * total
    return 0.5 * (sum(w**2) + (b / scale) ** 2) + C * total


def regression_objective(X, y, w, b, C, epsilon, *, squared):
    """1/2 (|w|^2 + b^2) + C sum_i max(0, |w'x_i + b - y_i| - epsilon)^(1 or 2)."""
    total = 0.0
    for i in range(len(X)):
        missing = max(0.0, abs(sum(w[j] * X[i, j] for j in range(len(w))) + b - y[i]) - epsilon)
        total += missing**2 if squared else missing
    return 0.5 * (sum(w**2) + b**2) + C * total


def hinge_by_rows(X, y, C, passes):
    """Descent in the dual, rows in turn: a_i <- clip(a_i - (y_i z_i - 1) / |x_i|^2, 0, C)."""
    X = np.column_stack([X, np.ones(len(X))])
    a, v = np.zeros(len(X)), np.zeros(X.shape[1])
    for _ in range(passes):
        for i in range(len(X)):
            best = min(max(a[i] - (y[i] * (X[i] @ v) - 1.0) / (X[i] @ X[i]), 0.0), C)
            v += (best - a[i]) * y[i] * X[i]
            a[i] = best
    return v[:-1], v[-1]
