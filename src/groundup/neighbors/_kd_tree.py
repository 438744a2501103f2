"""The k-d tree: halve the rows along their widest feature, again and again.

Every node of the tree holds the rows inside a box.  A node is split at the median of the feature in
which its box is widest, so both halves hold as many rows, and after log2(n / leaf_size) levels the
leaves are small.  A query looks at the leaf it falls into first.  After that it knows k rows, and
the farthest of them says how far it has to look: a box that is farther away cannot hold a nearer
row, and everything below it is passed over.  In few dimensions almost everything is.

    gap(q, box) = distance from q to the nearest point of the box
                = || max(lower - q, 0, q - upper) ||

The halves are equal, so no pointers are needed: node i has the children 2i + 1 and 2i + 2, the
nodes of a level lie side by side, and the rows are moved along so that a node's rows are
contiguous.  After every level the tree is complete, only with larger leaves; that is why building
it is a generator.

Cost: building O(n d log n); a query about O(log n) in up to some ten dimensions.  It fails where
the distances from a query to all rows are alike, as for noise in 20 dimensions: then no box can be
passed over, and brute force is faster.

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

from groundup._estimator import read_only
from groundup._kernel import block_kernel, kernel
from groundup.neighbors._metrics import add_difference, any_within, distances_to
from groundup.neighbors._nearest import (
    clear_nearest,
    replace_farthest,
    sort_nearest,
)

CHUNK = 256  # points looked at together: 2 KiB of distances
LANES = 32  # a leaf's size is rounded up to this, so that no point is left for a slow last loop


class KDTree(NamedTuple):
    """A tree over n rows with d features and ``2 ** depth`` leaves."""

    points: np.ndarray  # (d, n + LANES) float64: the rows as columns, leaf by leaf, then zeros
    rows: np.ndarray  # (n,) int64: which row stands where
    starts: np.ndarray  # (n_nodes + 1,) int64: node i holds the points starts[i] to stops[i]
    stops: np.ndarray  # (n_nodes + 1,) int64
    boxes: np.ndarray  # (n_nodes, 2, d) float64: the least and the greatest value by feature
    features: np.ndarray  # (n_nodes,) int64: the feature that a node is split along
    borders: (
        np.ndarray
    )  # (n_nodes, 2) float64: in it, where the left half ends and the right begins
    depth: int


def grow(X: np.ndarray, leaf_size: int, n_threads: int = 1) -> Iterator[KDTree]:
    """Build a k-d tree, and yield it after every level.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64
    leaf_size : int
        Leaves end up with at most `leaf_size` rows.
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
    depth = int(np.ceil(np.log2(max(n / leaf_size, 1.0))))
    depth = min(depth, int(np.log2(n)))  # no leaf is empty
    n_nodes = 2 ** (depth + 1) - 1
    points = np.zeros((d, n + LANES))
    points[:, :n] = X.T
    rows = np.arange(n)
    starts, stops = np.zeros(n_nodes, np.int64), np.full(n_nodes, n)
    boxes = np.empty((n_nodes, 2, d))
    features, borders = np.zeros(n_nodes, np.int64), np.zeros((n_nodes, 2))
    boxes[0, 0], boxes[0, 1] = X.min(axis=0), X.max(axis=0)
    yield KDTree(points, rows, starts, stops, boxes, features, borders, 0)
    for level in range(depth):
        split_level(
            points, rows, starts, stops, boxes, features, borders, level, n_threads=n_threads
        )
        yield KDTree(points, rows, starts, stops, boxes, features, borders, level + 1)


@kernel
def _swap(points, rows, i, j):
    for f in range(points.shape[0]):
        points[f, i], points[f, j] = points[f, j], points[f, i]
    rows[i], rows[j] = rows[j], rows[i]


@kernel
def _part_at(
    points,  # (d, n + LANES) inout
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
    points,  # (d, n + LANES) inout
    rows,  # (n,) inout
    starts,  # (n_nodes,) inout
    stops,  # (n_nodes,) inout
    boxes,  # (n_nodes, 2, d) inout
    features,  # (n_nodes,) inout
    borders,  # (n_nodes, 2) inout
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
        features[node] = feature
        borders[node, 0] = boxes[2 * node + 1, 1, feature]
        borders[node, 1] = boxes[2 * node + 2, 0, feature]


@kernel
def gap(
    kind,  # int in
    p,  # float in
    boxes,  # (n_nodes, 2, d) in
    node,  # int in
    Q,  # (m, d) in
    i,  # int in: the query
):
    total = 0.0
    for f in range(Q.shape[1]):
        outside = max(boxes[node, 0, f] - Q[i, f], 0.0, Q[i, f] - boxes[node, 1, f])
        total = add_difference(kind, p, total, outside)
    # A little less than it is, so that rounding never hides a row on the very border.
    return total * (1.0 - (Q.shape[1] + 8) * 2.0**-50)


@block_kernel
def find_leaves(
    tree,  # KDTree in
    Q,  # (m, d) in
    bounds,  # (b + 1,) in: blocks of queries
    leaves,  # (m,) out: the node that a query belongs to
):
    _, _, _, _, _, features, borders, depth = tree
    for block in prange(bounds.shape[0] - 1):
        first, stop = bounds[block], bounds[block + 1]
        for i in range(first, stop):
            leaves[i] = 0
        # A block goes down level by level, so that no step has to wait for the one before it.
        for _ in range(depth):
            for i in range(first, stop):
                node = leaves[i]
                value = Q[i, features[node]]
                leaves[i] = 2 * node + 1 + (value - borders[node, 0] > borders[node, 1] - value)


@block_kernel
def search_tree(
    tree,  # KDTree in
    kind,  # int in
    p,  # float in
    Q,  # (m, d) in: sorted by leaf, so that a query finds its leaves in the cache
    own,  # (m,) in: the fitted row that a query must not find (itself), or -1
    leaves,  # (m,) in: from `find_leaves`
    order,  # (m,) in: which query it was before they were sorted
    bounds,  # (b + 1,) in: blocks of queries
    distances,  # (m, k) out: as the metric is searched by, ascending
    rows,  # (m, k) out
):
    points, tree_rows, starts, stops, boxes, features, borders, depth = tree
    first_leaf = 2**depth - 1
    k = distances.shape[1]
    for block in prange(bounds.shape[0] - 1):
        first, stop = bounds[block], bounds[block + 1]
        totals = np.empty(CHUNK)
        # The k nearest so far; what other threads write to lies on other cache lines.
        near, near_rows = np.empty((1, k)), np.empty((1, k), dtype=np.int64)
        waiting = np.empty(depth + 2, dtype=np.int64)  # the stack
        for i in range(first, stop):
            leaf = leaves[i]
            climbed = leaf  # everything below this node has been looked at, or waits
            n_waiting = 0
            clear_nearest(near, near_rows, 0, 1)
            while leaf >= 0:
                for start in range(starts[leaf], stops[leaf], CHUNK):
                    size = min(CHUNK, stops[leaf] - start)
                    lanes = (size + LANES - 1) // LANES * LANES
                    distances_to(kind, p, points, start, lanes, Q, i, totals)
                    if any_within(totals, lanes, near[0, 0]):
                        for j in range(size):
                            if totals[j] <= near[0, 0]:
                                row = tree_rows[start + j]
                                tie = totals[j] == near[0, 0]
                                if row != own[i] and not (tie and row > near_rows[0, 0]):
                                    replace_farthest(near, near_rows, 0, k, totals[j], row)
                # The next leaf that may hold a nearer row: below a waiting node, else higher up.
                leaf = -1
                while leaf < 0 and (n_waiting > 0 or climbed > 0):
                    if n_waiting == 0:
                        waiting[0] = climbed - 1 if climbed % 2 == 0 else climbed + 1  # sibling
                        n_waiting = 1
                        climbed = (climbed - 1) // 2
                        # The border settles most cases, without a look at the box behind it.
                        value = Q[i, features[climbed]]
                        across = max(value - borders[climbed, 0], borders[climbed, 1] - value)
                        if add_difference(kind, p, 0.0, max(across, 0.0)) > near[0, 0]:
                            n_waiting = 0
                            continue
                    n_waiting -= 1
                    node = waiting[n_waiting]
                    if gap(kind, p, boxes, node, Q, i) > near[0, 0]:
                        continue
                    if node >= first_leaf:
                        leaf = node
                        continue
                    # The nearer child goes on the stack last, so that it is looked at first.
                    value = Q[i, features[node]]
                    right = value - borders[node, 0] > borders[node, 1] - value
                    waiting[n_waiting] = 2 * node + 2 - right
                    waiting[n_waiting + 1] = 2 * node + 1 + right
                    n_waiting += 2
            sort_nearest(near, near_rows, 0, 1)
            for slot in range(k):
                distances[order[i], slot] = near[0, slot]
                rows[order[i], slot] = near_rows[0, slot]


def nearest_in_tree(
    tree: KDTree,
    kind: int,
    p: float,
    Q: np.ndarray,
    own: np.ndarray,
    bounds: np.ndarray,
    distances: np.ndarray,
    rows: np.ndarray,
    n_threads: int,
) -> None:
    """Find the k nearest rows of each query.

    Parameters
    ----------
    tree : KDTree
    kind, p : int, float
        The metric.
    Q : ndarray of shape (n_queries, n_features), float64, read-only
    own : ndarray of shape (n_queries,), int64
        For each query the row to leave out, or -1.
    bounds : ndarray of shape (n_blocks + 1,), int64
        Blocks of queries.
    distances : ndarray of shape (n_queries, k), float64
        Written: as the metric is searched by, ascending.
    rows : ndarray of shape (n_queries, k), int64
        Written: whose distances these are.
    n_threads : int
    """
    leaves = np.empty(len(Q), dtype=np.int64)
    find_leaves(tree, Q, bounds, leaves, n_threads=n_threads)
    # Short integers are sorted by their digits, in a tenth of the time.
    order = np.argsort(leaves.astype(np.uint16) if tree.depth < 15 else leaves, kind="stable")
    search_tree(
        tree,
        kind,
        p,
        read_only(Q[order]),
        own[order],
        leaves[order],
        order,
        bounds,
        distances,
        rows,
        n_threads=n_threads,
    )
