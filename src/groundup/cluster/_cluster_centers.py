"""Centres of clusters of any shape: the mean of the rows, or the row in their midst.

Rows that barely belong to a cluster pull less: each counts by its probability w,

    centroid = sum_i w_i x_i / sum_i w_i
    medoid   = x_i of the least  sum_j w_j distance(i, j)

The centroid of a bent cluster may lie outside of it; the medoid is one of its rows.

Cost: O(n d) for centroids; O(m^2 d) for the medoid of m rows, a few hundred rows at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances

TOGETHER = 256  # rows whose distances are summed up in one go


def centroids(X: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average the rows of each cluster.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    labels : ndarray of shape (n,), int64
        Clusters from 0; what is negative belongs to none.
    weights : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n_clusters, d)

    Examples
    --------
    >>> X, labels = np.array([[0.0], [3.0], [9.0]]), np.array([0, 0, -1])
    >>> centroids(X, labels, np.array([1.0, 0.5, 0.0]))
    array([[1.]])
    """
    clusters = [labels == c for c in range(labels.max() + 1)]
    means = [np.average(X[c], axis=0, weights=weights[c]) for c in clusters]
    return np.reshape(means, (len(clusters), X.shape[1]))


def medoids(
    X: np.ndarray, labels: np.ndarray, weights: np.ndarray, metric: str, params: dict | None
) -> np.ndarray:
    """Find the row of each cluster that is nearest to all its others.

    Parameters
    ----------
    X, labels, weights
        As for `centroids`.
    metric : str
    params : dict or None
        More about the metric, as scikit-learn's ``pairwise_distances`` takes it.

    Returns
    -------
    ndarray of shape (n_clusters, d)

    Examples
    --------
    >>> X, labels = np.array([[0.0], [3.0], [4.0], [9.0]]), np.array([0, 0, 0, -1])
    >>> medoids(X, labels, np.ones(4), "euclidean", None)
    array([[3.]])
    """
    clusters = [labels == c for c in range(labels.max() + 1)]
    rows = [_medoid(X[c], weights[c], metric, params or {}) for c in clusters]
    return np.reshape(rows, (len(clusters), X.shape[1]))


def _medoid(X: np.ndarray, weights: np.ndarray, metric: str, params: dict[str, Any]) -> np.ndarray:
    sums = [
        pairwise_distances(X[start : start + TOGETHER], X, metric=metric, **params) @ weights
        for start in range(0, len(X), TOGETHER)
    ]
    return X[np.argmin(np.concatenate(sums))]
