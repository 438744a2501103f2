"""t-SNE from its formulas, with loops over all pairs: what the fast kernels must give."""

from __future__ import annotations

import numpy as np


def entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-np.sum(p * np.log(p)))


def conditional_row(squared: np.ndarray, perplexity: float) -> np.ndarray:
    """Bisect for the beta at which the row has the entropy log(perplexity)."""
    low, high = 0.0, 1.0

    def row(beta):
        w = np.exp(-beta * (squared - squared.min()))
        return w / w.sum()

    while entropy(row(high)) > np.log(perplexity):
        high *= 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if entropy(row(middle)) > np.log(perplexity) else (low, middle)
    return row(high)


def similarities(Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """q_ij before it is divided by its sum, and u_ij, as (n, n) matrices."""
    n, d = Y.shape
    freedom = max(d - 1, 1)
    q, u = np.zeros((n, n)), np.ones((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                u[i, j] = 1.0 + np.sum((Y[i] - Y[j]) ** 2) / freedom
                q[i, j] = u[i, j] ** (-0.5 * (freedom + 1))
    return q, u


def divergence(P: np.ndarray, Y: np.ndarray) -> float:
    q, _ = similarities(Y)
    Q = q / q.sum()
    i, j = np.nonzero(P)
    return float(np.sum(P[i, j] * np.log(P[i, j] / Q[i, j])))


def pull_and_push(P: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """sum_j p_ij (y_i - y_j) / u_ij, sum_j q_ij (y_i - y_j) / u_ij, and Z."""
    q, u = similarities(Y)
    pull, push = np.zeros_like(Y), np.zeros_like(Y)
    for i in range(len(Y)):
        for j in range(len(Y)):
            pull[i] += P[i, j] / u[i, j] * (Y[i] - Y[j])
            push[i] += q[i, j] / u[i, j] * (Y[i] - Y[j])
    return pull, push, float(q.sum())


def gradient(P: np.ndarray, Y: np.ndarray) -> np.ndarray:
    freedom = max(Y.shape[1] - 1, 1)
    pull, push, total = pull_and_push(P, Y)
    return 2.0 * (freedom + 1) / freedom * (pull - push / total)
