"""The dendrogram: which two clusters were merged, one merge after the other, and at what height.

n rows are n clusters, the nodes 0 to n - 1.  The k-th merge joins two nodes into node n + k, so n -
1 merges lead to one cluster of everything, node 2n - 2.  Written down in ascending order of height,
the merges *are* the algorithm's trace: undo the last k - 1 of them, and what is left are the k
clusters.

SciPy's form of the same is a table of n - 1 rows: the two nodes, the height, the number of rows.

An algorithm hands its merges over in one of two forms.

- Edges of a minimum spanning tree.  An edge joins the clusters that its two rows belong to by then.
  Union-find tells which (see `_union_find`): every node points to its parent, the last one is the
  cluster.
- Pairs of nodes in the order in which they were merged, which need not be that of their heights.

Of two merges at the same height the one that was handed over first comes first.

Cost: O(n log n) for the order, O(n) beyond it, memory linear in n.

References
----------
.. [1] D. Müllner, "Modern hierarchical, agglomerative clustering algorithms", arXiv:1109.2378,
   2011.
.. [2] R. E. Tarjan and J. van Leeuwen, "Worst-case analysis of set union algorithms", Journal of
   the ACM 31(2), 1984.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappush, heappushpop
from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.cluster._union_find import find


class Dendrogram(NamedTuple):
    """The merges of n rows, by height."""

    children: np.ndarray  # (n - 1, 2) int64: merge k joins these two nodes, the lower one first
    distances: np.ndarray  # (n - 1,) float64: the heights, ascending
    sizes: np.ndarray  # (n - 1,) int64: rows in node n + k


@kernel
def _join_clusters(
    edges,  # (n - 1, 2) in: rows
    children,  # (n - 1, 2) out
    sizes,  # (2n - 1,) inout: 1 for each row
    parents,  # (2n - 1,) inout: each node its own
):
    n = edges.shape[0] + 1
    for k in range(n - 1):
        a, b = find(parents, edges[k, 0]), find(parents, edges[k, 1])
        children[k, 0], children[k, 1] = min(a, b), max(a, b)
        sizes[n + k] = sizes[a] + sizes[b]
        parents[a] = parents[b] = n + k


def merges_from_edges(edges: np.ndarray, lengths: np.ndarray, n: int) -> Dendrogram:
    """Turn a spanning tree into the dendrogram of its edges, the shortest first.

    Parameters
    ----------
    edges : ndarray of shape (n - 1, 2), int64
        Two rows each; together they join all rows.
    lengths : ndarray of shape (n - 1,), float64
        Ascending.
    n : int
        The number of rows.

    Returns
    -------
    Dendrogram

    Examples
    --------
    >>> edges = np.array([[2, 3], [0, 1], [1, 2]])
    >>> merges_from_edges(edges, np.array([1.0, 2.0, 3.0]), 4).children
    array([[2, 3],
           [0, 1],
           [4, 5]])
    """
    children = np.empty((n - 1, 2), dtype=np.int64)
    sizes = np.ones(2 * n - 1, dtype=np.int64)
    _join_clusters(np.ascontiguousarray(edges), children, sizes, np.arange(2 * n - 1))
    return Dendrogram(children, lengths, sizes[n:])


def merges_by_height(pairs: np.ndarray, heights: np.ndarray, sizes: np.ndarray) -> Dendrogram:
    """Put merges into the order of their heights.

    Parameters
    ----------
    pairs : ndarray of shape (n - 1, 2), int64
        Merge k joined these two nodes into node n + k.
    heights : ndarray of shape (n - 1,), float64
        No merge is lower than those that made its two nodes.
    sizes : ndarray of shape (n - 1,), int64
        Rows in node n + k.

    Returns
    -------
    Dendrogram

    Examples
    --------
    >>> merges_by_height(np.array([[0, 1], [2, 3], [4, 5]]), np.array([2.0, 1.0, 3.0]),
    ...                  np.array([2, 2, 4])).children
    array([[2, 3],
           [0, 1],
           [4, 5]])
    """
    n = len(pairs) + 1
    # Stable: a node that is as high as its parent was made first, and stays in front of it.
    order = np.argsort(heights, kind="stable")
    renamed = np.arange(2 * n - 1)
    renamed[n + order] = np.arange(n, 2 * n - 1)
    children = renamed[pairs[order]]
    children.sort(axis=1)
    return Dendrogram(children, heights[order], sizes[order])


def linkage_table(tree: Dendrogram) -> np.ndarray:
    """Write a dendrogram as SciPy does: two nodes, height and rows of each merge, (n - 1, 4)."""
    table = np.empty((len(tree.children), 4))
    table[:, :2] = tree.children
    table[:, 2] = tree.distances
    table[:, 3] = tree.sizes
    return table


@kernel
def _hand_down(
    children,  # (n - 1, 2) in
    labels,  # (2n - 1,) inout: of the k clusters; -1 above them
):
    n = children.shape[0] + 1
    for k in range(n - 2, -1, -1):
        if labels[n + k] >= 0:
            labels[children[k, 0]] = labels[n + k]
            labels[children[k, 1]] = labels[n + k]


def cut(children: np.ndarray, n: int, n_clusters: int) -> np.ndarray:
    """Undo the last merges until there are `n_clusters` clusters.

    Parameters
    ----------
    children : ndarray of shape (n - 1, 2), int64
        The merges, by height.
    n : int
        The number of rows.
    n_clusters : int
        From 1 to n.

    Returns
    -------
    ndarray of shape (n,), dtype int64
        The cluster of each row, from 0 to `n_clusters` - 1, in scikit-learn's numbering of these
        merges.

    Examples
    --------
    >>> cut(np.array([[2, 3], [0, 1], [4, 5]]), 4, 3)
    array([2, 1, 0, 0])
    """
    # The latest merge is undone first, so nodes wait in a heap.  A cluster's number is its place in
    # this heap: that, too, is scikit-learn's.
    heap = [2 - 2 * n]
    for _ in range(n_clusters - 1):
        left, right = children[-heap[0] - n]
        heappush(heap, -int(left))
        heappushpop(heap, -int(right))
    return _rows_of(np.negative(heap), children)


def _rows_of(clusters: np.ndarray, children: np.ndarray) -> np.ndarray:
    """Number the rows (n,) by which of these nodes (k,) they are below."""
    n = len(children) + 1
    labels = np.full(2 * n - 1, -1)
    labels[clusters] = np.arange(len(clusters))
    _hand_down(children, labels)
    return labels[:n].copy()


def cuts(children: np.ndarray) -> Iterator[np.ndarray]:
    """Yield what `cut` returns for n, n - 1, ..., 1 clusters, O(n) each.

    The heap of `cut` is filled once and emptied again step by step: undoing one merge changes no
    more of it than two paths from the top to a leaf, and what stood there is kept.

    Parameters
    ----------
    children : ndarray of shape (n - 1, 2), int64

    Yields
    ------
    ndarray of shape (n,), dtype int64

    Examples
    --------
    >>> for labels in cuts(np.array([[2, 3], [0, 1], [4, 5]])):
    ...     print(labels)
    [2 3 1 0]
    [2 1 0 0]
    [0 0 1 1]
    [0 0 0 0]
    """
    n = len(children) + 1
    heap = [2 - 2 * n]
    changed = [_undo_latest(heap, children) for _ in range(n - 1)]
    clusters = np.negative(heap)  # (n,)
    for n_clusters in range(n, 0, -1):
        yield _rows_of(clusters[:n_clusters], children)
        if changed:
            for place, node in changed.pop().items():
                clusters[place] = -node


def _undo_latest(heap: list[int], children: np.ndarray) -> dict[int, int]:
    """Split the first cluster of the heap; return what stood at the places that may be others."""
    before = {}
    left, right = children[-heap[0] - len(children) - 1]
    place = len(heap)
    while place > 0:  # what is pushed rises from the end
        place = (place - 1) // 2
        before[place] = heap[place]
    heappush(heap, -int(left))
    place = 0
    while place < len(heap):  # the gap at the top sinks to the end, the lesser child moves up
        before.setdefault(place, heap[place])
        place = 2 * place + 1
        place += place + 1 < len(heap) and heap[place + 1] < heap[place]
    heappushpop(heap, -int(right))
    return before


def clusters_below(distances: np.ndarray, threshold: float) -> int:
    """Count the clusters that are left where merges at `threshold` or higher are undone."""
    return int(np.count_nonzero(distances >= threshold)) + 1


def large_clusters_below(linkage: np.ndarray, threshold: float, least: int) -> np.ndarray:
    """Undo the merges at `threshold` or higher; clusters of few rows do not count.

    Parameters
    ----------
    linkage : ndarray of shape (n - 1, 4)
        From `linkage_table`.
    threshold : float
    least : int
        The fewest rows of a cluster.

    Returns
    -------
    ndarray of shape (n,), int64
        The cluster of each row, from 0 in the order of their first rows; -1 for none.

    Examples
    --------
    >>> children, distances = np.array([[2, 3], [0, 4], [1, 5]]), np.array([1.0, 2.0, 3.0])
    >>> table = linkage_table(Dendrogram(children, distances, np.array([2, 3, 4])))
    >>> large_clusters_below(table, 1.5, least=2)
    array([-1, -1,  0,  0])
    """
    children = linkage[:, :2].astype(np.int64)
    clusters = cut(children, len(linkage) + 1, clusters_below(linkage[:, 2], threshold))
    _, first, inverse, sizes = np.unique(
        clusters, return_index=True, return_inverse=True, return_counts=True
    )
    large = sizes >= least
    numbers = np.empty(len(first), dtype=np.int64)
    numbers[np.argsort(np.where(large, first, len(clusters)), kind="stable")] = np.arange(
        len(first)
    )
    return np.where(large, numbers, -1)[inverse]
