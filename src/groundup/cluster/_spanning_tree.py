"""The minimum spanning tree of all rows: n - 1 edges that join everything, as short as can be.

Take every pair of rows as an edge, as long as the rows are apart.  The minimum spanning tree is the
shortest set of edges along which every row can be reached.  Cutting all its edges longer than some
length leaves exactly the groups that single linkage finds at that length, and so the tree *is* the
dendrogram of single linkage, without the n x n matrix.

HDBSCAN asks for the same tree of another length, the mutual reachability, which pushes a row in a
thin region away from everything else by its core distance (how far its own neighbours are):

    length(a, b) = max(core_a, core_b, distance(a, b) / alpha)
    core_a = distance from a to its (min_samples - 1)-th nearest other row

Two edges of one length have an order here as well: the nearer pair of rows first, then the pair
with the lower rows.  With such an order there is one minimum spanning tree only, and it depends
neither on the algorithm that finds it (`_prim` or `_boruvka`) nor on the number of threads.

Cost: O(n log n) where the rows lie on something of few dimensions, O(n^2 d) elsewhere; memory
linear in n.

References
----------
.. [1] J. C. Gower and G. J. S. Ross, "Minimum spanning trees and single linkage cluster analysis",
   Journal of the Royal Statistical Society C 18(1), 1969.
.. [2] R. J. G. B. Campello, D. Moulavi and J. Sander, "Density-based clustering based on
   hierarchical density estimates", PAKDD 2013.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from groundup._blocks import single_blas_thread
from groundup._estimator import read_only
from groundup.cluster._boruvka import boruvka
from groundup.cluster._in_range import in_range
from groundup.cluster._local_dimension import local_dimension
from groundup.cluster._prim import CHUNK, PRECOMPUTED, core_distances, prim
from groundup.neighbors._base import query_blocks, tree_is_faster
from groundup.neighbors._brute import pack, search_panels
from groundup.neighbors._kd_tree import KDTree, grow, nearest_in_tree
from groundup.neighbors._metrics import EUCLIDEAN, Metric, choose_metric

PLAIN = choose_metric("euclidean", 2.0, None, 1)
LEAF_SIZE = 16
FEW_ROWS = 700  # Prim's algorithm is done with them before a tree is grown
CANDIDATES = 5  # nearest rows of each row, for the first rounds of Boruvka's
TOGETHER = 8192  # rows whose neighbours are searched in one go, so that memory stays linear in n

Edges = tuple[np.ndarray, np.ndarray, np.ndarray]


def spanning_tree(
    X: np.ndarray,
    core: np.ndarray | None = None,
    n_threads: int = 1,
    alpha: float = 1.0,
    metric: Metric = PLAIN,
    algorithm: str = "auto",
) -> tuple[np.ndarray, np.ndarray]:
    """Find the minimum spanning tree of all rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64, C-contiguous
    core : ndarray of shape (n_samples,), float64, or None
        Core distances: no edge of a row is shorter than its own. None: the plain distances.
    n_threads : int, default=1
    alpha : float, default=1.0
        What distances are divided by before they are compared with core distances.
    metric : Metric
        From `choose_metric`; Euclidean by default.
    algorithm : {"auto", "prim", "boruvka"}, default="auto"
        How to find it; the answer is the same.

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
    core = np.zeros(len(X)) if core is None else np.asarray(core, dtype=np.float64)
    tree = _find(X, core, 0, n_threads, alpha, metric, algorithm, LEAF_SIZE)
    return tree[:2]


def mutual_reachability_tree(
    X: np.ndarray,
    min_samples: int,
    n_threads: int = 1,
    alpha: float = 1.0,
    metric: Metric = PLAIN,
    algorithm: str = "auto",
    leaf_size: int = LEAF_SIZE,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find core distances, and with them the minimum spanning tree of all rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64, C-contiguous
    min_samples : int
        A core distance reaches so many rows, the row itself among them.
    n_threads, alpha, metric, algorithm
        As for `spanning_tree`.
    leaf_size : int
        Of the k-d tree.

    Returns
    -------
    edges : ndarray of shape (n_samples - 1, 2), int64
    lengths : ndarray of shape (n_samples - 1,), float64
    core : ndarray of shape (n_samples,), float64

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [5.0], [3.0]])
    >>> edges, lengths, core = mutual_reachability_tree(X, min_samples=3)
    >>> core
    array([3., 2., 4., 2.])
    >>> lengths
    array([2., 3., 4.])
    """
    return _find(X, None, min_samples - 1, n_threads, alpha, metric, algorithm, leaf_size)


def tree_of_distances(distances: np.ndarray, min_samples: int, alpha: float = 1.0) -> Edges:
    """Find core distances and the minimum spanning tree of a matrix of distances.

    Parameters
    ----------
    distances : ndarray of shape (n_samples, n_samples), float64, symmetric
    min_samples : int
        A core distance reaches so many rows, the row itself among them.
    alpha : float, default=1.0
        What distances are divided by.

    Returns
    -------
    edges, lengths, core
        As `mutual_reachability_tree` returns them.
    """
    n = len(distances)
    core = np.empty(n)
    for start in range(0, n, CHUNK):
        part = np.partition(distances[start : start + CHUNK], min_samples - 1, axis=1)
        core[start : start + CHUNK] = part[:, min_samples - 1]
    core /= alpha
    given = read_only(np.ascontiguousarray(distances))
    edges, lengths = _by_prim(PRECOMPUTED, 2.0, given, core, 1.0 / alpha, np.empty((0, n + CHUNK)))
    return *_ascending(edges, lengths), core


def _find(
    X: np.ndarray,
    core: np.ndarray | None,
    rank: int,
    n_threads: int,
    alpha: float,
    metric: Metric,
    algorithm: str,
    leaf_size: int,
) -> Edges:
    """Find the tree; without `core` a core distance is that of the `rank`-th nearest other row."""
    mapped, scale = in_range(np.ascontiguousarray(metric.map_rows(X, asked=False)))
    mapped = read_only(mapped)
    n, d = mapped.shape
    if core is not None:
        core = np.asarray(metric.to_searched(core * scale))  # type: ignore[arg-type]
    shrink = float(metric.to_searched(1.0 / alpha)) / float(metric.to_searched(1.0))
    if algorithm == "auto":
        algorithm = "boruvka" if _boxes_help(mapped, metric) else "prim"
    if algorithm == "prim":
        points = np.zeros((d, n + CHUNK))
        points[:, :n] = mapped.T
        if core is None and n <= FEW_ROWS:
            core = np.empty(n)
            core_distances(metric.kind, metric.p, mapped, points, rank + 1, core)
        elif core is None:
            core = _core_distances(mapped, rank, metric, n_threads, leaf_size)
        edges, lengths = _by_prim(metric.kind, metric.p, mapped, core, shrink, points)
    else:
        *_, tree = grow(mapped, leaf_size, n_threads)
        core, edges, lengths = _by_boruvka(mapped, core, rank, n_threads, metric, tree, shrink)
    edges, searched = _ascending(edges, lengths)
    return edges, metric.from_searched(searched) / scale, metric.from_searched(core) / scale


def _boxes_help(mapped: np.ndarray, metric: Metric) -> bool:
    """Tell whether Boruvka's algorithm is faster than Prim's; both give the same answer.

    What counts is not the number of features but the dimension of what the rows lie on. Measured
    on one core, milliseconds, Boruvka / Prim, for normal rows and for 20 features near a plane:

    ======= ========= ========= ========== ========== =======
    rows    d = 2     d = 6     d = 8      d = 10     plane
    ======= ========= ========= ========== ========== =======
    1,000   2 / 4     6 / 4     9 / 4      15 / 5     3 / 8
    5,000   10 / 55   64 / 116  114 / 99   259 / 126  24 / 184
    20,000  49 / 900            910 / 1580 3200 / 2080
    ======= ========= ========= ========== ========== =======
    """
    n, d = mapped.shape
    if n <= FEW_ROWS:
        return False
    most = 4.0 + 4.2 * np.log10(n / 1000.0)
    return d <= most or local_dimension(mapped, metric) <= most


def _by_prim(
    kind: int, p: float, X: np.ndarray, core: np.ndarray, shrink: float, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    n = len(X)
    edges, lengths = np.empty((n - 1, 2), dtype=np.int64), np.empty((n - 1, 2))
    prim(kind, float(p), X, core, shrink, points, edges, lengths)
    return edges, lengths


def _by_boruvka(
    mapped: np.ndarray,
    core: np.ndarray | None,
    rank: int,
    n_threads: int,
    metric: Metric,
    tree: KDTree,
    shrink: float,
) -> Edges:
    n = len(mapped)
    place_of = np.empty(n, dtype=np.int64)  # where the tree has put each row
    place_of[tree.rows] = np.arange(n)
    Q = read_only(mapped[tree.rows])  # (n, d), neighbours side by side
    k = min(max(rank, CANDIDATES), n - 1)
    n_candidates = min(k, CANDIDATES)
    reached = np.zeros(n)  # core distances by place
    neighbours, apart = np.empty((n, n_candidates), np.int64), np.empty((n, n_candidates))
    for part, distances, rows in _nearest(tree, Q, k, metric, n_threads):
        neighbours[part] = place_of[rows[:, :n_candidates]]
        apart[part] = distances[:, :n_candidates]
        if rank > 0:
            reached[part] = distances[:, rank - 1]
    if core is None:
        core = reached[place_of]
    else:
        reached = core[tree.rows]
    edges, lengths = boruvka(
        tree, metric.kind, metric.p, Q, reached, neighbours, apart, shrink, n_threads
    )
    return core, edges, lengths


def _nearest(
    tree: KDTree, Q: np.ndarray, k: int, metric: Metric, n_threads: int
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield the k nearest other rows, a few thousand rows at a time."""
    for start in range(0, len(Q), TOGETHER):
        part = slice(start, min(start + TOGETHER, len(Q)))
        size = part.stop - start
        distances, rows = np.empty((size, k)), np.empty((size, k), dtype=np.int64)
        bounds = query_blocks(size)
        nearest_in_tree(
            tree,
            metric.kind,
            metric.p,
            read_only(Q[part]),
            tree.rows[part],
            bounds,
            distances,
            rows,
            n_threads,
        )
        yield part, distances, rows


def _core_distances(
    mapped: np.ndarray, rank: int, metric: Metric, n_threads: int, leaf_size: int
) -> np.ndarray:
    """Return the distance to the `rank`-th nearest other row, as the metric is searched by."""
    n, d = mapped.shape
    core = np.zeros(n)
    if rank == 0:
        return core
    if metric.kind == EUCLIDEAN and not tree_is_faster(n, d, rank, metric.kind):
        panels = pack(mapped, n_threads)
        for start in range(0, n, TOGETHER):
            own = np.arange(start, min(start + TOGETHER, n))
            distances, rows = np.empty((len(own), rank)), np.empty((len(own), rank), np.int64)
            bounds = query_blocks(len(own))
            with single_blas_thread():
                search_panels(
                    mapped,
                    mapped[start : start + TOGETHER],
                    own,
                    panels,
                    bounds,
                    distances,
                    rows,
                    n_threads=n_threads,
                )
            core[own] = distances[:, -1]
        return core
    *_, tree = grow(mapped, leaf_size, n_threads)
    Q = read_only(mapped[tree.rows])
    for part, distances, _ in _nearest(tree, Q, rank, metric, n_threads):
        core[tree.rows[part]] = distances[:, -1]
    return core


def _ascending(edges: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put edges into their total order; of the two lengths keep the one that counts."""
    edges.sort(axis=1)
    order = np.lexsort((edges[:, 1], edges[:, 0], lengths[:, 1], lengths[:, 0]))
    return edges[order], lengths[order, 0]
