"""Joining core rows: two that lie within eps of each other belong to the same cluster.

A cluster is a connected component of the graph of such pairs.  The graph is never made: the k-d
tree is gone up level by level, from the leaves to the root, and at each node the components of its
two halves are joined by `_union_find`.  A walk over pairs of nodes, one from each half, looks for
pairs of rows within eps, and passes over

- two nodes whose boxes are farther apart than eps;
- two nodes all of whose core rows are in one and the same component already.

In a dense place one pair of rows joins two halves, and the second rule ends the walk; so the work
depends on the surface along which clusters touch, not on the number of neighbours.

The points of a node stand side by side, and all that happens at a node happens among them.  So
subtrees are worked on in parallel without a lock, then the few nodes above them, and the answer is
the same for any number of threads.

Every union is one pair of rows within eps, and ends one component.  Kept in the slot of the root
that it ends, the pairs are the edges of a tree that spans each cluster.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.cluster._core_rows import box_gap, box_width, distances_to_leaf
from groundup.cluster._union_find import find
from groundup.neighbors._kd_tree import CHUNK, gap


@kernel
def link(
    parent,  # (n,) inout
    edges,  # (n, 2) inout
    i,  # int in: a core row's place
    j,  # int in: that of another within eps
):
    a, b = find(parent, i), find(parent, j)
    if a != b:
        lower, upper = min(a, b), max(a, b)
        parent[upper] = lower
        edges[upper, 0] = i
        edges[upper, 1] = j


@kernel
def _is_one(
    starts,  # (n_nodes,) in
    stops,  # (n_nodes,) in
    first_leaf,  # int in
    is_core,  # (n,) in
    parent,  # (n,) inout
    one_of,  # (n_nodes,) inout: a core row of the node; -1 where there is none
    whole,  # (n_nodes,) inout: whether all of them are in one component
    node,  # int in
):
    """Tell whether all core rows of a node are in one component; that may have become true."""
    if whole[node]:
        return True
    if node < first_leaf:
        a, b = 2 * node + 1, 2 * node + 2
        if not (whole[a] and whole[b]):
            return False
        if one_of[a] >= 0 and one_of[b] >= 0 and find(parent, one_of[a]) != find(parent, one_of[b]):
            return False
    else:
        root = find(parent, one_of[node])
        for i in range(starts[node], stops[node]):
            if is_core[i] and find(parent, i) != root:
                return False
    whole[node] = True
    return True


@kernel
def _join_leaf(
    points,  # (d, n + LANES) in
    rows,  # (n,) in
    starts,  # (n_nodes,) in
    stops,  # (n_nodes,) in
    boxes,  # (n_nodes, 2, d) in
    X,  # (n, d) in
    kind,  # int in
    p,  # float in
    limit,  # float in
    is_core,  # (n,) in
    parent,  # (n,) inout
    edges,  # (n, 2) inout
    one_of,  # (n_nodes,) inout
    totals,  # (CHUNK,) out
    leaf,  # int in
):
    start, stop = starts[leaf], stops[leaf]
    narrow = box_width(kind, p, boxes, leaf) <= limit
    for i in range(start, stop):
        if not is_core[i]:
            continue
        if one_of[leaf] < 0:
            one_of[leaf] = i
        elif narrow:
            link(parent, edges, one_of[leaf], i)
        else:
            distances_to_leaf(kind, p, points, start, i, X, rows[i], totals)
            for j in range(start, i):
                if is_core[j] and totals[j - start] <= limit:
                    link(parent, edges, j, i)


@kernel
def _join_leaves(
    points,  # (d, n + LANES) in
    rows,  # (n,) in
    starts,  # (n_nodes,) in
    stops,  # (n_nodes,) in
    boxes,  # (n_nodes, 2, d) in
    X,  # (n, d) in
    kind,  # int in
    p,  # float in
    limit,  # float in
    is_core,  # (n,) in
    parent,  # (n,) inout
    edges,  # (n, 2) inout
    one_of,  # (n_nodes,) in
    whole,  # (n_nodes,) in
    totals,  # (CHUNK,) out
    a,  # int in: a leaf
    b,  # int in: another
):
    for i in range(starts[a], stops[a]):
        if not is_core[i]:
            continue
        if whole[b] and find(parent, i) == find(parent, one_of[b]):
            continue
        if gap(kind, p, boxes, b, X, rows[i]) > limit:
            continue
        distances_to_leaf(kind, p, points, starts[b], stops[b], X, rows[i], totals)
        for j in range(starts[b], stops[b]):
            if is_core[j] and totals[j - starts[b]] <= limit:
                link(parent, edges, i, j)
                if whole[b]:
                    break


@kernel
def _join_halves(
    points,  # (d, n + LANES) in
    rows,  # (n,) in
    starts,  # (n_nodes,) in
    stops,  # (n_nodes,) in
    boxes,  # (n_nodes, 2, d) in
    first_leaf,  # int in
    X,  # (n, d) in
    kind,  # int in
    p,  # float in
    limit,  # float in
    is_core,  # (n,) in
    parent,  # (n,) inout
    edges,  # (n, 2) inout
    one_of,  # (n_nodes,) inout
    whole,  # (n_nodes,) inout
    totals,  # (CHUNK,) out
    waiting,  # (2 * depth + 2, 2) out: pairs of nodes
    node,  # int in
):
    waiting[0, 0], waiting[0, 1] = 2 * node + 1, 2 * node + 2
    n_waiting = 1
    while n_waiting > 0:
        n_waiting -= 1
        a, b = waiting[n_waiting, 0], waiting[n_waiting, 1]
        if one_of[a] < 0 or one_of[b] < 0 or box_gap(kind, p, boxes, a, b) > limit:
            continue
        a_is_one = _is_one(starts, stops, first_leaf, is_core, parent, one_of, whole, a)
        b_is_one = _is_one(starts, stops, first_leaf, is_core, parent, one_of, whole, b)
        if a_is_one and b_is_one and find(parent, one_of[a]) == find(parent, one_of[b]):
            continue
        if a >= first_leaf and b >= first_leaf:
            _join_leaves(
                points, rows, starts, stops, boxes, X, kind, p, limit, is_core, parent, edges,
                one_of, whole, totals, a, b,
            )  # fmt: skip
            continue
        if a > b or a >= first_leaf:  # split the one that stands higher
            a, b = b, a
        left, right = 2 * a + 1, 2 * a + 2
        if box_gap(kind, p, boxes, left, b) < box_gap(kind, p, boxes, right, b):
            left, right = right, left
        waiting[n_waiting, 0], waiting[n_waiting, 1] = left, b
        waiting[n_waiting + 1, 0], waiting[n_waiting + 1, 1] = right, b  # the nearer one first
        n_waiting += 2


@kernel
def join_below(
    tree,  # KDTree in
    X,  # (n, d) in
    kind,  # int in
    p,  # float in
    limit,  # float in: eps, as the metric is searched by
    is_core,  # (n,) in: of the points, in the tree's order
    top,  # int in: this node, and those below it
    top_level,  # int in: its level; the root's is 0
    done,  # int in: nodes of this level and deeper ones are joined already
    parent,  # (n,) inout: of the points
    edges,  # (n, 2) inout: the pair whose union ended a point's time as a root
    one_of,  # (n_nodes,) inout: a core row of each node; -1 where there is none
    whole,  # (n_nodes,) inout: whether all core rows of a node are in one component
):
    points, rows, starts, stops, boxes, _, _, depth = tree
    first_leaf = 2**depth - 1
    totals = np.empty(CHUNK)
    waiting = np.empty((2 * depth + 2, 2), dtype=np.int64)
    for level in range(min(done - 1, depth), top_level - 1, -1):
        width = 2 ** (level - top_level)
        for node in range((top + 1) * width - 1, (top + 2) * width - 1):
            if level == depth:
                _join_leaf(
                    points, rows, starts, stops, boxes, X, kind, p, limit, is_core, parent, edges,
                    one_of, totals, node,
                )  # fmt: skip
            else:
                _join_halves(
                    points, rows, starts, stops, boxes, first_leaf, X, kind, p, limit, is_core,
                    parent, edges, one_of, whole, totals, waiting, node,
                )  # fmt: skip
                one_of[node] = max(one_of[2 * node + 1], one_of[2 * node + 2])
            if one_of[node] < 0:
                whole[node] = True
            else:
                _is_one(starts, stops, first_leaf, is_core, parent, one_of, whole, node)
