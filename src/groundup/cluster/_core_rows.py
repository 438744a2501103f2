"""Core rows: those that have enough rows around them.

    row i is a core row  when  sum of the weights of all rows j with  d(i, j) <= eps  >= min_samples

and it counts itself.  A row need not know all its neighbours for that: the search may stop as soon
as it has seen enough of them (unless there are negative weights).  So it begins in the row's own
leaf of the k-d tree and goes outwards, and in a dense place it hardly leaves that leaf; the rows of
a leaf go together, so that a box is looked up once for all of them.  Only rows in thin places,
which have few neighbours anyway, look at everything within reach.

Two bounds save most of the work.  Between a point or a box and another box,

    gap(A, B)  = || max(lower_A - upper_B, 0, lower_B - upper_A) ||     no pair is nearer
    width(A)   = || upper_A - lower_A ||                               no pair in A is farther apart

so a box whose gap is above eps holds no neighbour, and a leaf that is narrower than eps holds
neighbours only: if it holds enough of them, they are all core rows.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.neighbors._kd_tree import CHUNK, LANES, gap
from groundup.neighbors._metrics import add_difference, distances_to


@kernel
def box_gap(
    kind,  # int in
    p,  # float in
    boxes,  # (n_nodes, 2, d) in
    a,  # int in: a node
    b,  # int in: another
):
    total = 0.0
    for f in range(boxes.shape[2]):
        apart = max(boxes[a, 0, f] - boxes[b, 1, f], 0.0, boxes[b, 0, f] - boxes[a, 1, f])
        total = add_difference(kind, p, total, apart)
    # A little less than it is, so that rounding never hides a row on the very border.
    return total * (1.0 - (boxes.shape[2] + 8) * 2.0**-50)


@kernel
def box_width(
    kind,  # int in
    p,  # float in
    boxes,  # (n_nodes, 2, d) in
    a,  # int in
):
    total = 0.0
    for f in range(boxes.shape[2]):
        total = add_difference(kind, p, total, boxes[a, 1, f] - boxes[a, 0, f])
    return total * (1.0 + (boxes.shape[2] + 8) * 2.0**-50)


@kernel
def distances_to_leaf(
    kind,  # int in
    p,  # float in
    points,  # (d, n + LANES) in
    start,  # int in: the leaf's first point
    stop,  # int in
    X,  # (n, d) in
    row,  # int in
    totals,  # (CHUNK,) out: to the leaf's points, then infinity
):
    """Return how many totals there are: a multiple of LANES, so that loops need no remainder."""
    size = stop - start
    lanes = (size + LANES - 1) // LANES * LANES
    distances_to(kind, p, points, start, lanes, X, row, totals)
    for j in range(size, lanes):
        totals[j] = np.inf
    return lanes


@kernel
def outwards(
    leaf,  # int in
    depth,  # int in
    waiting,  # (depth + 2,) out: the stack, whose top is the leaf, then its sibling, its uncle, ...
):
    node = leaf
    waiting[depth] = leaf
    for height in range(1, depth + 1):
        waiting[depth - height] = node - 1 if node % 2 == 0 else node + 1
        node = (node - 1) // 2


@kernel
def _core_rows_of_leaf(
    points,  # (d, n + LANES) in
    rows,  # (n,) in
    starts,  # (n_nodes,) in
    stops,  # (n_nodes,) in
    boxes,  # (n_nodes, 2, d) in
    depth,  # int in
    X,  # (n, d) in
    kind,  # int in
    p,  # float in
    limit,  # float in: eps, as the metric is searched by
    weights,  # (n + LANES,) in: of the points
    enough,  # float in: min_samples
    may_stop,  # bool in: no weight is negative
    leaf,  # int in
    sums,  # (CHUNK,) out: the weight around each point, or enough of it
    totals,  # (CHUNK,) out
    waiting,  # (depth + 2,) out
    is_core,  # (n,) out
):
    start, stop = starts[leaf], stops[leaf]
    whole = 0.0
    for i in range(start, stop):
        whole += weights[i]
        sums[i - start] = 0.0
    n_open = stop - start
    if may_stop and whole >= enough and box_width(kind, p, boxes, leaf) <= limit:
        for i in range(start, stop):
            sums[i - start] = whole
        n_open = 0
    outwards(leaf, depth, waiting)
    n_waiting = depth + 1
    while n_waiting > 0 and n_open > 0:
        n_waiting -= 1
        node = waiting[n_waiting]
        if box_gap(kind, p, boxes, leaf, node) > limit:
            continue
        if node < 2**depth - 1:
            waiting[n_waiting] = 2 * node + 1
            waiting[n_waiting + 1] = 2 * node + 2
            n_waiting += 2
            continue
        first = starts[node]
        for i in range(start, stop):
            if may_stop and sums[i - start] >= enough:
                continue
            if gap(kind, p, boxes, node, X, rows[i]) > limit:
                continue
            lanes = distances_to_leaf(kind, p, points, first, stops[node], X, rows[i], totals)
            found = 0.0
            for j in range(lanes):
                found += weights[first + j] if totals[j] <= limit else 0.0
            sums[i - start] += found
            if may_stop and sums[i - start] >= enough:
                n_open -= 1
    for i in range(start, stop):
        is_core[i] = sums[i - start] >= enough


@kernel
def find_core_rows(
    tree,  # KDTree in
    X,  # (n, d) in
    kind,  # int in
    p,  # float in
    limit,  # float in: eps, as the metric is searched by
    weights,  # (n + LANES,) in: of the points, in the tree's order
    enough,  # float in: min_samples
    may_stop,  # bool in: no weight is negative
    first,  # int in: the leaves first, first + 1, ..., stop - 1
    stop,  # int in
    is_core,  # (n,) out: of the points, in the tree's order
):
    points, rows, starts, stops, boxes, _, _, depth = tree
    sums, totals = np.empty(CHUNK), np.empty(CHUNK)
    waiting = np.empty(depth + 2, dtype=np.int64)
    for leaf in range(first, stop):
        _core_rows_of_leaf(
            points, rows, starts, stops, boxes, depth, X, kind, p, limit, weights, enough,
            may_stop, leaf, sums, totals, waiting, is_core,
        )  # fmt: skip
