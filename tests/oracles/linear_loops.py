"""The linear models as the textbook has them: slow, short, and written from the definitions."""

from __future__ import annotations

import numpy as np


def exact_moments(X, Y, weights):
    """Weighted mean and centred second moments of (x, y), in two passes of extended precision."""
    Z = np.concatenate([X, Y], axis=1).astype(np.longdouble)
    v = np.asarray(weights, dtype=np.longdouble)[:, np.newaxis]
    mean = (v * Z).sum(axis=0) / v.sum()
    centred = Z - mean
    return mean, (v * centred).T @ centred


def centred(X, y, weights, fit_intercept):
    """Rows about their weighted mean, times the root of their weight, and the two means."""
    weights = np.ones(len(X)) if weights is None else weights
    if fit_intercept:
        mean_x, mean_y = np.average(X, axis=0, weights=weights), np.average(y, 0, weights)
    else:
        mean_x, mean_y = np.zeros(X.shape[1]), np.zeros(y.shape[1:])
    root = np.sqrt(weights)
    return (X - mean_x) * root[:, None], ((y - mean_y).T * root).T, mean_x, mean_y


def lasso_by_loops(X, y, l1, l2, positive=False, n_epochs=2000):
    """Cyclic coordinate descent on 1/(2n) |y - Xw|^2 + l1 |w|_1 + l2/2 |w|^2, without intercept."""
    n, d = X.shape
    w = np.zeros(d)
    for _ in range(n_epochs):
        for j in range(d):
            residual_without_j = y - X @ w + X[:, j] * w[j]
            pull = X[:, j] @ residual_without_j / n
            if pull > l1:
                pull -= l1
            elif pull < -l1 and not positive:
                pull += l1
            else:
                pull = 0.0
            w[j] = pull / (X[:, j] @ X[:, j] / n + l2)
    return w


def elastic_net_objective(X, y, w, l1, l2, weights=None):
    """1/(2W) |y - Xw|^2 + l1 |w|_1 + l2/2 |w|^2, for rows that are centred already."""
    mean_square = np.average((y - X @ w) ** 2, weights=weights)
    return 0.5 * mean_square + l1 * np.abs(w).sum() + 0.5 * l2 * w @ w


def dual_objective(X, y, theta, l1, l2, positive=False, n=None):
    """Largest lower bound that theta gives: the conjugates of both terms, from their definitions.

    min_w 1/(2n) |y - Xw|^2 + penalty(w)  >=  theta.y/n - |theta|^2/(2n) - conj(X^T theta / n)
    """
    n = len(y) if n is None else n
    u = X.T @ theta / n
    excess = np.maximum((u if positive else np.abs(u)) - l1, 0.0)
    if l2 == 0.0:
        conjugate = 0.0 if np.all(excess <= 1e-12 * l1) else np.inf
    else:
        conjugate = (excess**2).sum() / (2 * l2)
    return theta @ y / n - theta @ theta / (2 * n) - conjugate


def best_dual_objective(X, y, residual, l1, l2, positive=False):
    """Largest bound along the residual, with the l2 penalty as a conjugate or as d more rows."""
    n, d = X.shape
    bound = dual_objective(X, y, residual, l1, l2, positive) if l2 > 0 else 0.0
    if l1 > 0:
        # The rows sqrt(n l2) I with target 0 have the residual -sqrt(n l2) w; solve for w in them.
        w = np.linalg.lstsq(X, y - residual, rcond=None)[0] if d <= n else None
        w = np.zeros(d) if l2 == 0 else w
        more = np.concatenate([X, np.sqrt(n * l2) * np.eye(d)])
        target, extended = np.append(y, np.zeros(d)), np.append(residual, -np.sqrt(n * l2) * w)
        steepness = more.T @ extended / n
        steepest = (steepness if positive else np.abs(steepness)).max()
        scale = min(extended @ target / (extended @ extended), l1 / steepest)
        bound = max(bound, dual_objective(more, target, scale * extended, l1, 0.0, positive, n))
    return bound
