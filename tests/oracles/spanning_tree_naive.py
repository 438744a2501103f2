"""The minimum spanning tree by Kruskal: all pairs, sorted; take what joins two components."""

from __future__ import annotations

import numpy as np

from tests.oracles.neighbors_naive import distance_matrix


def core_distances(D, min_samples):
    """Return the distance to the `min_samples`-th nearest row, the row itself counted, (n,)."""
    return np.sort(D, axis=1)[:, min_samples - 1]


def mutual_reachability(D, core, alpha=1.0):
    """Return max(core_a, core_b, D_ab / alpha), (n, n)."""
    return np.maximum(np.maximum(D / alpha, core[:, None]), core[None, :])


def kruskal(D, lengths):
    """Return the tree's edges (n - 1, 2), by (length, distance, lower row, higher row)."""
    a, b = np.triu_indices(len(D), 1)
    order = np.lexsort((b, a, D[a, b], lengths[a, b]))
    component = np.arange(len(D))
    edges = []
    for one, other in zip(a[order], b[order], strict=True):
        if component[one] != component[other]:
            component[component == component[other]] = component[one]
            edges.append((one, other))
    return np.array(edges).reshape(-1, 2)


def tree(X, min_samples=1, alpha=1.0, **metric):
    """Return edges (n - 1, 2), lengths (n - 1,) and core distances (n,)."""
    D = distance_matrix(X, X, **metric)
    core = core_distances(D, min_samples)
    lengths = mutual_reachability(D, core, alpha)
    edges = kruskal(D, lengths)
    return edges, lengths[edges[:, 0], edges[:, 1]], core
