"""The minimum spanning tree of all rows: n - 1 edges that join everything, as short as can be.

Take every pair of rows as an edge, as long as the rows are apart.  The minimum spanning tree is the
shortest set of edges along which every row can be reached.  Cutting all its edges longer than some
length leaves exactly the groups that single linkage finds at that length, and so the tree *is* the
dendrogram of single linkage, without the n x n matrix.

HDBSCAN asks for the same tree of another length, the mutual reachability, which pushes a row in a
thin region away from everything else by its core distance (how far its own neighbours are):

    length(a, b) = max(core_a, core_b, ||x_a - x_b|| / alpha)

Two edges of one length have an order here as well: the nearer pair of rows first, then the pair
with the lower rows.  With such an order there is one minimum spanning tree only, and it depends
neither on the algorithm that finds it nor on the number of threads.

Prim's algorithm grows one tree from one row.  It keeps for every row outside the shortest edge into
the tree; the shortest of all joins next, and may offer the others something shorter.

Cost: Prim takes n^2 d / 2 operations and memory linear in n.

References
----------
.. [1] R. C. Prim, "Shortest connection networks and some generalizations", Bell System Technical
   Journal 36(6), 1957.
.. [2] J. C. Gower and G. J. S. Ross, "Minimum spanning trees and single linkage cluster analysis",
   Journal of the Royal Statistical Society C 18(1), 1969.
.. [3] R. J. G. B. Campello, D. Moulavi and J. Sander, "Density-based clustering based on
   hierarchical density estimates", PAKDD 2013.
"""

from __future__ import annotations

import numpy as np

from groundup._estimator import read_only
from groundup._kernel import kernel
from groundup.neighbors._metrics import Metric, choose_metric, distances_to

CHUNK = 128  # rows outside the tree that are looked at together
EUCLIDEAN = choose_metric("euclidean", 2.0, None, 1)


@kernel
def comes_first(
    length,  # float in: of an edge, its mutual reachability
    apart,  # float in: how far its rows are from each other
    a,  # int in: one row of it
    b,  # int in: the other
    other_length,  # float in: the same of another edge
    other_apart,  # float in
    other_a,  # int in
    other_b,  # int in
):
    # The total order of edges: (length, distance, lower row, higher row).
    if length != other_length:
        return length < other_length
    if apart != other_apart:
        return apart < other_apart
    low, other_low = min(a, b), min(other_a, other_b)
    if low != other_low:
        return low < other_low
    return max(a, b) < max(other_a, other_b)


@kernel
def _prim(
    kind,  # int in: of the metric
    p,  # float in: of the metric
    X,  # (n, d) in
    core,  # (n,) in: as the metric is searched by
    shrink,  # float in: what a distance is multiplied by before it is compared with core distances
    points,  # (d, n + CHUNK) inout: the rows as columns; rows outside the tree stand in front
    edges,  # (n - 1, 2) out
    lengths,  # (n - 1,) out: as the metric is searched by
    apart,  # (n - 1,) out: distances of the edges' rows
):
    n, d = X.shape
    rows = np.arange(n + CHUNK)  # which row stands where
    cores = np.zeros(n + CHUNK)
    cores[:n] = core
    near = np.full(n + CHUNK, np.inf)  # the shortest edge into the tree: its length,
    near_apart = np.full(n + CHUNK, np.inf)  # how far its rows are apart,
    source = np.zeros(n + CHUNK, dtype=np.int64)  # and its row in the tree
    totals = np.empty(CHUNK)
    place = 0  # of the row that joined last
    for step in range(n - 1):
        row = rows[place]
        # It leaves; the last of those outside takes its place.
        n_outside = n - 1 - step
        for f in range(d):
            points[f, place] = points[f, n_outside]
        rows[place], cores[place] = rows[n_outside], cores[n_outside]
        near[place], near_apart[place] = near[n_outside], near_apart[n_outside]
        source[place] = source[n_outside]
        place = -1
        own = core[row]
        for start in range(0, n_outside, CHUNK):
            size = min(CHUNK, n_outside - start)
            distances_to(kind, p, points, start, CHUNK, X, row, totals)
            ties = 0
            least = np.inf
            for j in range(size):
                t = start + j
                length = max(totals[j] * shrink, own, cores[t])
                same = length == near[t]
                shorter = (length < near[t]) | (same & (totals[j] < near_apart[t]))
                ties += same & (totals[j] == near_apart[t])
                near[t] = length if shorter else near[t]
                near_apart[t] = totals[j] if shorter else near_apart[t]
                source[t] = row if shorter else source[t]
                least = min(least, near[t])
            if ties > 0:
                for j in range(size):
                    t = start + j
                    length = max(totals[j] * shrink, own, cores[t])
                    if comes_first(
                        length, totals[j], row, rows[t], near[t], near_apart[t], source[t], rows[t]
                    ):
                        source[t] = row
            if place < 0 or least <= near[place]:
                for t in range(start, start + size):
                    if place < 0 or comes_first(
                        near[t],
                        near_apart[t],
                        source[t],
                        rows[t],
                        near[place],
                        near_apart[place],
                        source[place],
                        rows[place],
                    ):
                        place = t
        edges[step, 0], edges[step, 1] = source[place], rows[place]
        lengths[step], apart[step] = near[place], near_apart[place]


def spanning_tree(
    X: np.ndarray,
    core: np.ndarray | None = None,
    n_threads: int = 1,
    alpha: float = 1.0,
    metric: Metric = EUCLIDEAN,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the minimum spanning tree of all rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64, C-contiguous, read-only
    core : ndarray of shape (n_samples,), float64, or None
        Core distances: no edge of a row is shorter than its own. None: the plain distances.
    n_threads : int, default=1
    alpha : float, default=1.0
        What distances are divided by before they are compared with core distances.
    metric : Metric
        From `choose_metric`; Euclidean by default.

    Returns
    -------
    edges : ndarray of shape (n_samples - 1, 2), int64
        Two rows each, the lower one first.
    lengths : ndarray of shape (n_samples - 1,), float64
        Ascending. Of edges of one length the one between nearer rows comes first, then the one
        between lower rows.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [5.0], [3.0]])
    >>> spanning_tree(X)
    (array([[0, 1],
           [1, 3],
           [2, 3]]), array([1., 2., 2.]))
    """
    n, d = X.shape
    mapped = read_only(np.ascontiguousarray(metric.map_rows(X, asked=False)))
    core = np.zeros(n) if core is None else np.asarray(core, dtype=np.float64)
    searched_core = read_only(metric.to_searched(core))
    shrink = metric.to_searched(1.0 / alpha) if metric.name != "cosine" else 1.0 / alpha
    points = np.zeros((mapped.shape[1], n + CHUNK))
    points[:, :n] = mapped.T
    edges = np.empty((max(n - 1, 0), 2), dtype=np.int64)
    lengths, apart = np.empty(len(edges)), np.empty(len(edges))
    _prim(
        metric.kind,
        float(metric.p),
        mapped,
        searched_core,
        float(shrink),
        points,
        edges,
        lengths,
        apart,
    )
    edges.sort(axis=1)
    order = np.lexsort((edges[:, 1], edges[:, 0], apart, lengths))
    return edges[order], metric.from_searched(lengths[order])
