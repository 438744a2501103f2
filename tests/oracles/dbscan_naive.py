"""DBSCAN from the matrix of all neighbourhoods, as the textbook grows its clusters."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist


def dbscan_naive(X, eps, min_samples, weights=None, metric="euclidean", **parameters):
    """Return the labels and the core rows."""
    near = cdist(X, X, metric, **parameters) <= eps
    weights = np.ones(len(X)) if weights is None else weights
    is_core = near @ weights >= min_samples
    labels = np.full(len(X), -1)
    n_clusters = 0
    for row in range(len(X)):
        if labels[row] >= 0 or not is_core[row]:
            continue
        labels[row] = n_clusters
        to_visit = [row]
        while to_visit:
            visited = to_visit.pop()
            if is_core[visited]:
                reached = np.flatnonzero(near[visited] & (labels < 0))
                labels[reached] = n_clusters
                to_visit.extend(reached)
        n_clusters += 1
    return labels, np.flatnonzero(is_core)
