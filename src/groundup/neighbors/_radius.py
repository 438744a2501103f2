"""All rows within a radius: the same walk over the k-d tree, with a limit that never moves.

How many rows an answer holds is not known before, so the tree is walked twice: once to count, and
once, when there is room for every answer side by side, to write them down.

A tree without a split is one leaf: walking it is brute force.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from groundup._kernel import block_kernel
from groundup.neighbors._kd_tree import CHUNK, LANES, KDTree, gap
from groundup.neighbors._metrics import any_within, distances_to


@block_kernel
def walk_within(
    tree,  # KDTree in
    kind,  # int in
    p,  # float in
    Q,  # (m, d) in
    own,  # (m,) in: the fitted row that a query must not find (itself), or -1
    bounds,  # (b + 1,) in: blocks of queries
    limit,  # float in: the radius, as the metric is searched by
    offsets,  # (m + 1,) in: where an answer begins; used if `writing`
    writing,  # bool in
    counts,  # (m,) out
    distances,  # (total,) out, if `writing`
    rows,  # (total,) out, if `writing`
):
    points, tree_rows, starts, stops, boxes, _, _, depth = tree
    first_leaf = 2**depth - 1
    for block in prange(bounds.shape[0] - 1):
        totals = np.empty(CHUNK)
        waiting = np.empty(depth + 2, dtype=np.int64)
        for i in range(bounds[block], bounds[block + 1]):
            count = 0
            waiting[0] = 0
            n_waiting = 1
            while n_waiting > 0:
                n_waiting -= 1
                node = waiting[n_waiting]
                if gap(kind, p, boxes, node, Q, i) > limit:
                    continue
                if node < first_leaf:
                    waiting[n_waiting] = 2 * node + 1
                    waiting[n_waiting + 1] = 2 * node + 2
                    n_waiting += 2
                    continue
                for start in range(starts[node], stops[node], CHUNK):
                    size = min(CHUNK, stops[node] - start)
                    lanes = (size + LANES - 1) // LANES * LANES
                    distances_to(kind, p, points, start, lanes, Q, i, totals)
                    if not any_within(totals, lanes, limit):
                        continue
                    for j in range(size):
                        row = tree_rows[start + j]
                        if totals[j] <= limit and row != own[i]:
                            if writing:
                                distances[offsets[i] + count] = totals[j]
                                rows[offsets[i] + count] = row
                            count += 1
            counts[i] = count


def rows_within(
    tree: KDTree,
    kind: int,
    p: float,
    Q: np.ndarray,
    own: np.ndarray,
    bounds: np.ndarray,
    limit: float,
    n_threads: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find all rows within a radius of each query.

    Parameters
    ----------
    tree : KDTree
    kind, p : int, float
        The metric.
    Q : ndarray of shape (n_queries, n_features)
    own : ndarray of shape (n_queries,), dtype int64
        For each query the row to leave out, or -1.
    bounds : ndarray of shape (n_blocks + 1,)
        Blocks of queries.
    limit : float
        The radius, as the metric is searched by.
    n_threads : int

    Returns
    -------
    distances : ndarray of shape (n_found,)
        As the metric is searched by; query after query.
    rows : ndarray of shape (n_found,), dtype int64
    offsets : ndarray of shape (n_queries + 1,), dtype int64
        Query i found ``offsets[i]`` to ``offsets[i + 1]``.
    """
    counts = np.zeros(len(Q), dtype=np.int64)
    offsets = np.zeros(len(Q) + 1, dtype=np.int64)
    distances, rows = np.empty(0), np.empty(0, dtype=np.int64)
    for writing in (False, True):
        walk_within(
            tree,
            kind,
            p,
            Q,
            own,
            bounds,
            limit,
            offsets,
            writing,
            counts,
            distances,
            rows,
            n_threads=n_threads,
        )
        if not writing:
            np.cumsum(counts, out=offsets[1:])
            distances, rows = np.empty(offsets[-1]), np.empty(offsets[-1], dtype=np.int64)
    return distances, rows, offsets
