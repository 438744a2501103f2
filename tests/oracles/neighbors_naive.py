"""Nearest neighbours by sorting all distances: the answer that every search has to give."""

from __future__ import annotations

import numpy as np


def distance_matrix(X, Q, metric="euclidean", p=2.0, w=None):
    """Return the distance of every query to every row, (m, n)."""
    difference = np.abs(Q[:, None, :] - X[None, :, :])  # (m, n, d)
    if metric == "euclidean":
        return np.sqrt((difference**2).sum(axis=2))
    if metric == "manhattan":
        return difference.sum(axis=2)
    if metric == "chebyshev":
        return difference.max(axis=2)
    if metric == "minkowski":
        weight = 1.0 if w is None else w
        return (weight * difference**p).sum(axis=2) ** (1.0 / p)
    raise ValueError(metric)


def nearest(X, Q, k, leave_out_self=False, **metric):
    """Return the k nearest rows of each query, ordered by (distance, row): (m, k) and (m, k)."""
    D = distance_matrix(X, Q, **metric)
    if leave_out_self:
        np.fill_diagonal(D, np.inf)
    rows = np.argsort(D, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(D, rows, axis=1), rows


def within(X, Q, radius, **metric):
    """Return for each query the rows within the radius, by row number."""
    return [np.flatnonzero(distances <= radius) for distances in distance_matrix(X, Q, **metric)]
