"""DBSCAN for any metric: all distances, a block of rows at a time.

A k-d tree needs a metric that adds up over the features.  For any other, and for distances that are
given, every row is compared with every other one; only so many rows at once as make a few million
distances.  The steps are those of `_dbscan`: who is a core row, who belongs together, who is in
reach of a cluster.  Each step goes through all blocks once.

Cost: 3 n^2 distances (none, where they are given), and memory for one block of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances

from groundup._estimator import Steps
from groundup._kernel import kernel
from groundup.cluster._joining import link
from groundup.cluster._visits import number_clusters, visit

TILE = 128  # side of a square that is compared with its mirror image within the caches
BLOCK = 4_000_000  # distances that are looked at together
NO_CLUSTER = np.iinfo(np.int64).max  # a label above all


@kernel
def join_block(
    near,  # (b, n) in: whether row first + i and row j are within eps
    first,  # int in
    is_core,  # (n,) in
    parent,  # (n,) inout
    edges,  # (n, 2) inout
):
    for i in range(near.shape[0]):
        if is_core[first + i]:
            for j in range(near.shape[1]):
                if near[i, j] and is_core[j]:
                    link(parent, edges, first + i, j)


def require_distances(D: np.ndarray) -> None:
    """Raise a ValueError if a square table has what no table of distances has.

    Without symmetry it would depend on the order of the rows which of them end in one cluster.
    """
    least = D.min()
    if least < 0.0:
        i, j = np.unravel_index(D.argmin(), D.shape)
        raise ValueError(
            f"metric='precomputed' takes distances, which are 0 or more; row {i}, column {j} of X "
            f"has {least:.6g}. If these are similarities, turn them into distances first."
        )
    n = len(D)
    slack = 1e-12 * D.max()  # what rounding leaves between d(i, j) and d(j, i)
    for a, b in combinations_with_replacement(range(0, n, TILE), 2):
        across, down = D[a : a + TILE, b : b + TILE], D[b : b + TILE, a : a + TILE].T
        apart = np.abs(across - down) > slack + 1e-8 * down
        if apart.any():
            i, j = np.unravel_index(apart.argmax(), apart.shape)
            raise ValueError(
                f"The distances in X are not symmetrical: row {a + i}, column {b + j} has "
                f"{across[i, j]:.6g}, row {b + j}, column {a + i} has {down[i, j]:.6g}. Give "
                "(D + D.T) / 2, np.minimum(D, D.T) or np.maximum(D, D.T), whichever you mean."
            )


def dbscan_by_blocks(
    X: np.ndarray,
    metric: Any,
    metric_params: dict | None,
    eps: float,
    min_samples: float,
    weights: np.ndarray | None,
) -> Steps:
    """Cluster the rows; yields once.

    Parameters
    ----------
    X : ndarray of shape (n, d), or (n, n) for ``metric="precomputed"``
    metric : str or callable
        What ``sklearn.metrics.pairwise_distances`` takes.
    metric_params : dict or None
    eps, min_samples : float
    weights : ndarray of shape (n,) or None

    Yields
    ------
    dict
        The fitted attributes of `DBSCAN`, but for ``components_``.
    """
    n = len(X)
    block_rows = max(1, BLOCK // n)

    def blocks() -> Iterator[tuple[int, np.ndarray]]:
        for first in range(0, n, block_rows):
            block = X[first : first + block_rows]
            if metric != "precomputed":
                block = pairwise_distances(block, X, metric=metric, **(metric_params or {}))
            yield first, block <= eps

    is_core = np.empty(n, dtype=np.bool_)
    for first, near in blocks():
        around = np.count_nonzero(near, axis=1) if weights is None else near @ weights
        is_core[first : first + len(near)] = around >= min_samples
    parent, edges = np.arange(n), np.full((n, 2), -1)
    for first, near in blocks():
        join_block(near, first, is_core, parent, edges)
    rows, labels = np.arange(n), np.full(n, -1)
    number_clusters(rows, is_core, parent, labels)
    of_core_rows = np.where(is_core, labels, NO_CLUSTER)
    for first, near in blocks():
        outside = np.flatnonzero(~is_core[first : first + len(near)])
        within = np.where(near[outside], of_core_rows, NO_CLUSTER)  # (b, n): labels within eps
        lowest = within.argmin(axis=1)
        reached = within[np.arange(len(outside)), lowest] < NO_CLUSTER
        border, core = first + outside[reached], lowest[reached]
        labels[border] = labels[core]
        edges[border] = np.stack([core, border], axis=1)
    order, reached_from = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    visit(rows, rows, is_core, labels, edges, order, reached_from)
    yield {
        "labels_": labels,
        "core_sample_indices_": np.flatnonzero(is_core),
        "visit_order_": order,
        "reached_from_": reached_from,
    }
