"""Border rows: too few neighbours to be core rows, but one of these is a core row.

A border row may lie within eps of core rows of several clusters.  DBSCAN grows one cluster after
the other and the first one to come by takes it, which is the one with the lowest number.  So every
row that is no core row looks for the lowest number among the core rows around it; a box in which
all core rows have one number that is no better is passed over.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.cluster._core_rows import box_gap, distances_to_leaf, outwards
from groundup.neighbors._kd_tree import CHUNK, gap

NO_CLUSTER = np.iinfo(np.int64).max  # a label above all


@kernel
def _reach_leaf(
    points,  # (d, n + LANES) in
    rows,  # (n,) in
    starts,  # (n_nodes,) in
    stops,  # (n_nodes,) in
    boxes,  # (n_nodes, 2, d) in
    depth,  # int in
    X,  # (n, d) in
    kind,  # int in
    p,  # float in
    limit,  # float in
    is_core,  # (n,) in
    one_of,  # (n_nodes,) in
    whole,  # (n_nodes,) in
    leaf,  # int in
    best,  # (CHUNK,) out: the lowest label around each point
    totals,  # (CHUNK,) out
    waiting,  # (depth + 2,) out
    labels,  # (n,) inout
    edges,  # (n, 2) inout
):
    start, stop = starts[leaf], stops[leaf]
    highest = -1  # of the labels that could still be lowered
    for i in range(start, stop):
        best[i - start] = -1 if is_core[i] else NO_CLUSTER
        highest = max(highest, best[i - start])
    outwards(leaf, depth, waiting)
    n_waiting = depth + 1
    while n_waiting > 0 and highest >= 0:
        n_waiting -= 1
        node = waiting[n_waiting]
        if one_of[node] < 0 or (whole[node] and labels[one_of[node]] >= highest):
            continue
        if box_gap(kind, p, boxes, leaf, node) > limit:
            continue
        if node < 2**depth - 1:
            waiting[n_waiting] = 2 * node + 1
            waiting[n_waiting + 1] = 2 * node + 2
            n_waiting += 2
            continue
        first = starts[node]
        highest = -1
        for i in range(start, stop):
            if best[i - start] < 0:
                continue
            if gap(kind, p, boxes, node, X, rows[i]) <= limit:
                distances_to_leaf(kind, p, points, first, stops[node], X, rows[i], totals)
                for j in range(first, stops[node]):
                    if totals[j - first] <= limit and is_core[j] and labels[j] < best[i - start]:
                        best[i - start] = labels[j]
                        edges[i, 0] = j
                        edges[i, 1] = i
            highest = max(highest, best[i - start])
    for i in range(start, stop):
        if not is_core[i] and best[i - start] < NO_CLUSTER:
            labels[i] = best[i - start]


@kernel
def reach_border_rows(
    tree,  # KDTree in
    X,  # (n, d) in
    kind,  # int in
    p,  # float in
    limit,  # float in: eps, as the metric is searched by
    is_core,  # (n,) in: of the points, in the tree's order
    one_of,  # (n_nodes,) in: a core row of each node; -1 where there is none
    whole,  # (n_nodes,) in: whether all core rows of a node are in one cluster
    first,  # int in: the leaves first, first + 1, ..., stop - 1
    stop,  # int in
    labels,  # (n,) inout: of the points; those of core rows are there
    edges,  # (n, 2) inout: the core row that a border row is reached from, and itself
):
    points, rows, starts, stops, boxes, _, _, depth = tree
    best, totals = np.empty(CHUNK, dtype=np.int64), np.empty(CHUNK)
    waiting = np.empty(depth + 2, dtype=np.int64)
    for leaf in range(first, stop):
        _reach_leaf(
            points, rows, starts, stops, boxes, depth, X, kind, p, limit, is_core, one_of, whole,
            leaf, best, totals, waiting, labels, edges,
        )  # fmt: skip
