"""The k-d tree: halve the rows along their widest feature, again and again.

Every node of the tree holds the rows inside a box.  A node is split at the median of the feature in
which its box is widest, so both halves hold as many rows, and after log2(n / leaf_size) levels the
leaves are small.  A query looks at the leaf it falls into first.  After that it knows k rows, and the
farthest of them says how far it has to look: a box that is farther away cannot hold a nearer row, and
everything below it is passed over.  In few dimensions almost everything is.

    gap(q, box) = distance from q to the nearest point of the box
                = || max(lower - q, 0, q - upper) ||

The halves are equal, so no pointers are needed: node i has the children 2i + 1 and 2i + 2, the nodes
of a level lie side by side, and the rows are moved along so that a node's rows are contiguous.  After
every level the tree is complete, only with larger leaves; that is why building it is a generator.

Cost: building O(n d log n); a query about O(log n) in up to some ten dimensions.  It fails where the
distances from a query to all rows are alike, as for noise in 20 dimensions: then no box can be passed
over, and brute force is faster.

References
----------
.. [1] J. L. Bentley, "Multidimensional binary search trees used for associative searching",
   Communications of the ACM 18(9), 1975.
.. [2] J. H. Friedman, J. L. Bentley and R. A. Finkel, "An algorithm for finding best matches in
   logarithmic expected time", ACM Transactions on Mathematical Software 3(3), 1977.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.neighbors._metrics import add_difference, distances_to
from groundup.neighbors._nearest import clear_nearest, offer, sort_nearest

CHUNK = 256  # points whose distances are computed at once: 2 KiB, in the level-1 cache


class KDTree(NamedTuple):
    """A tree over n rows with d features and ``2 ** depth`` leaves."""

    points: np.ndarray  # (d, n) float64: the rows as columns, leaf by leaf
    rows: np.ndarray  # (n,) int64: which row stands where
    starts: np.ndarray  # (n_nodes + 1,) int64: node i holds the points starts[i] to stops[i]
    stops: np.ndarray  # (n_nodes + 1,) int64
    boxes: np.ndarray  # (n_nodes, 2, d) float64: the least and the greatest value by feature
    depth: int


def grow(X: np.ndarray, leaf_size: int, n_threads: int = 1) -> Iterator[KDTree]:
    """Build a k-d tree, and yield it after every level.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64
    leaf_size : int
        Leaves end up with `leaf_size` to twice as many rows.
    n_threads : int, default=1

    Yields
    ------
    KDTree
        Its arrays are the ones that the next level goes on with.

    Examples
    --------
    >>> X = np.arange(8.0).reshape(8, 1)
    >>> [tree.depth for tree in grow(X, leaf_size=2)]
    [0, 1, 2]
    """
    n, d = X.shape
    depth = max(0, int(np.log2(n / leaf_size))) if n > leaf_size else 0
    n_nodes = 2 ** (depth + 1) - 1
    points = np.array(X.T, order="C")
    rows = np.arange(n)
    starts, stops = np.zeros(n_nodes, np.int64), np.full(n_nodes, n)
    boxes = np.empty((n_nodes, 2, d))
    boxes[0, 0], boxes[0, 1] = X.min(axis=0), X.max(axis=0)
    yield KDTree(points, rows, starts, stops, boxes, 0)
    for level in range(depth):
        split_level(points, rows, starts, stops, boxes, level, n_threads=n_threads)
        yield KDTree(points, rows, starts, stops, boxes, level + 1)


@kernel
def _swap(points, rows, i, j):
    for f in range(points.shape[0]):
        points[f, i], points[f, j] = points[f, j], points[f, i]
    rows[i], rows[j] = rows[j], rows[i]


@kernel
def _part_at(
    points,  # (d, n) inout
    rows,  # (n,) inout
    feature,  # int in
    start,  # int in
    stop,  # int in
    middle,  # int in: what stands before it is not greater, what stands after it not less
):
    # Hoare's selection: part around a pivot, go on in the part that holds the middle.
    x = points[feature]
    low, high = start, stop - 1
    while low < high:
        # The median of three as the pivot: rows that are sorted already stay cheap.
        a, b, c = x[low], x[(low + high) // 2], x[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while x[i] < pivot:
                i += 1
            while x[j] > pivot:
                j -= 1
            if i <= j:
                _swap(points, rows, i, j)
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return


@block_kernel
def split_level(
    points,  # (d, n) inout
    rows,  # (n,) inout
    starts,  # (n_nodes,) inout
    stops,  # (n_nodes,) inout
    boxes,  # (n_nodes, 2, d) inout
    level,  # int in: its nodes are split
):
    d = points.shape[0]
    for place in prange(2**level):
        node = 2**level - 1 + place
        start, stop = starts[node], stops[node]
        middle = start + (stop - start) // 2
        feature = 0
        for f in range(1, d):
            if boxes[node, 1, f] - boxes[node, 0, f] > (
                boxes[node, 1, feature] - boxes[node, 0, feature]
            ):
                feature = f
        if boxes[node, 1, feature] > boxes[node, 0, feature]:
            _part_at(points, rows, feature, start, stop, middle)
        for side in range(2):
            child = 2 * node + 1 + side
            starts[child] = middle if side else start
            stops[child] = stop if side else middle
            for f in range(d):
                x = points[f, starts[child] : stops[child]]
                least, greatest = x[0], x[0]
                for i in range(x.shape[0]):
                    least = min(least, x[i])
                    greatest = max(greatest, x[i])
                boxes[child, 0, f] = least
                boxes[child, 1, f] = greatest


@kernel
def gap(
    kind,  # int in
    p,  # float in
    box,  # (2, d) in
    q,  # (d,) in
):
    total = 0.0
    for f in range(q.shape[0]):
        total = add_difference(kind, p, total, max(box[0, f] - q[f], 0.0, q[f] - box[1, f]))
    # A little less than it is, so that rounding never hides a row on the very border.
    return total * (1.0 - (q.shape[0] + 8) * 2.0**-50)


@kernel
def _offer_leaf(
    tree,  # KDTree in
    kind,  # int in
    p,  # float in
    leaf,  # int in: a node
    q,  # (d,) in
    own,  # int in: the row to leave out, or -1
    totals,  # (CHUNK,) scratch
    distances,  # (k,) inout
    rows,  # (k,) inout
):
    for start in range(tree.starts[leaf], tree.stops[leaf], CHUNK):
        size = min(CHUNK, tree.stops[leaf] - start)
        distances_to(kind, p, tree.points, start, q, totals[:size])
        for j in range(size):
            if totals[j] <= distances[0] and tree.rows[start + j] != own:
                offer(distances, rows, totals[j], tree.rows[start + j])


@block_kernel
def search_tree(
    tree,  # KDTree in
    kind,  # int in
    p,  # float in
    Q,  # (m, d) in
    own,  # (m,) in: the fitted row that a query must not find (itself), or -1
    bounds,  # (b + 1,) in: blocks of queries
    distances,  # (m, k) out: as the metric is searched by, ascending
    rows,  # (m, k) out
):
    first_leaf = 2**tree.depth - 1
    for block in prange(bounds.shape[0] - 1):
        totals = np.empty(CHUNK)
        # One far child a level waits on the stack at most.
        waiting = np.empty(tree.depth + 1, dtype=np.int64)
        waiting_gaps = np.empty(tree.depth + 1)
        for i in range(bounds[block], bounds[block + 1]):
            q = Q[i]
            near, near_rows = distances[i], rows[i]
            clear_nearest(near, near_rows)
            waiting[0] = 0
            waiting_gaps[0] = 0.0
            n_waiting = 1
            while n_waiting > 0:
                n_waiting -= 1
                node = waiting[n_waiting]
                if waiting_gaps[n_waiting] > near[0]:
                    continue
                while node < first_leaf:
                    left, right = 2 * node + 1, 2 * node + 2
                    left_gap = gap(kind, p, tree.boxes[left], q)
                    right_gap = gap(kind, p, tree.boxes[right], q)
                    if left_gap <= right_gap:
                        node, far, far_gap = left, right, right_gap
                    else:
                        node, far, far_gap = right, left, left_gap
                    if far_gap <= near[0]:
                        waiting[n_waiting] = far
                        waiting_gaps[n_waiting] = far_gap
                        n_waiting += 1
                _offer_leaf(tree, kind, p, node, q, own[i], totals, near, near_rows)
            sort_nearest(near, near_rows)
