"""The search for ways out of components: what Boruvka's algorithm does in each of its rounds.

A row looks for the shortest edge to a row of another component.  It walks through the k-d tree, the
nearer boxes first, and passes over a box that is farther away than the shortest edge its component
has found so far, and one that holds no row of another component.

In late rounds most rows lie deep inside a component, and each would search only to prove that
nobody is near.  So a box of rows searches first, from the row in its middle:

    distance(i, t) >= distance(middle, t) - distance(middle, i)

Where nobody is within the component's shortest edge plus the radius of the box, no row of the box
has a way out that is short enough, and none has to search.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.cluster._prim import comes_first
from groundup.neighbors._kd_tree import CHUNK, LANES, gap
from groundup.neighbors._metrics import EUCLIDEAN, MINKOWSKI, any_within, distances_to

# What is known of each row, as columns.  Rows stand in the order of the k-d tree.
CORE, LENGTH, APART, LOWER = range(4)  # float64
# CORE    its core distance
# LENGTH  of the shortest edge out of its component that is known; infinity if none is
# APART   how far the two rows of that edge are from each other
# LOWER   no edge out of its component is shorter
COMPONENT, NEAR, USED, SETTLED, SEARCHED = range(5)  # int64
# COMPONENT  the component's number: one of its rows
# NEAR       the other row of that edge, or -1
# USED       neighbours before this one are in its own component
# SETTLED    1 if that edge is the row's shortest way out
# SEARCHED   1 if it has searched the tree

ROUNDED_UP = 1.0 + 2.0**-50  # so that a quotient's rounding never hides a row on the very border


class Search(NamedTuple):
    """All that a row needs for its search."""

    known: np.ndarray  # (n, 4) float64, columns above
    places: np.ndarray  # (n, 5) int64, columns above
    shortest: np.ndarray  # (n,) float64: by component, the length of its shortest edge so far
    node_components: np.ndarray  # (n_nodes,) int64: of all rows below, or -1 if they differ
    node_cores: np.ndarray  # (n_nodes,) float64: the least core distance below


@kernel
def _search_one(
    tree,  # KDTree in
    kind,  # int in
    p,  # float in
    Q,  # (n, d) in: the rows in the order of the tree
    search,  # Search inout
    shrink,  # float in
    i,  # int in: which row searches
    totals,  # (CHUNK,) out: room for distances
    waiting,  # (depth + 2,) out: room for nodes
    gaps,  # (depth + 2,) out: room for how far they are
):
    points, tree_rows, starts, stops, boxes, _, _, depth = tree
    known, places, shortest, node_components, node_cores = search
    first_leaf = 2**depth - 1
    component, core = places[i, COMPONENT], known[i, CORE]
    near, length, apart = places[i, NEAR], known[i, LENGTH], known[i, APART]
    n_waiting = 1
    waiting[0], gaps[0] = 0, 0.0
    while n_waiting > 0:
        n_waiting -= 1
        node = waiting[n_waiting]
        limit = min(length, shortest[component])
        least = max(core, node_cores[node], gaps[n_waiting] * shrink)
        if least > limit or (least == length and gaps[n_waiting] > apart):
            continue
        if node < first_leaf:
            left_gap = gap(kind, p, boxes, 2 * node + 1, Q, i)
            right_gap = gap(kind, p, boxes, 2 * node + 2, Q, i)
            # The nearer child goes on the stack last, so that it is looked at first.
            right_first = right_gap < left_gap
            for turn in range(2):
                right = (turn == 1) == right_first
                child = 2 * node + 1 + right
                if node_components[child] != component:
                    waiting[n_waiting] = child
                    gaps[n_waiting] = right_gap if right else left_gap
                    n_waiting += 1
            continue
        for start in range(starts[node], stops[node], CHUNK):
            size = min(CHUNK, stops[node] - start)
            lanes = (size + LANES - 1) // LANES * LANES
            distances_to(kind, p, points, start, lanes, Q, i, totals)
            if not any_within(totals, lanes, limit / shrink * ROUNDED_UP):
                continue
            for j in range(size):
                if totals[j] * shrink <= limit:
                    t = start + j
                    edge = max(core, known[t, CORE], totals[j] * shrink)
                    if edge > limit or places[t, COMPONENT] == component:
                        continue
                    if near < 0 or comes_first(
                        edge,
                        totals[j],
                        tree_rows[i],
                        tree_rows[t],
                        length,
                        apart,
                        tree_rows[i],
                        tree_rows[near],
                    ):
                        near, length, apart = t, edge, totals[j]
                        limit = min(limit, length)
    # Rows of other blocks may lower `shortest` at the same time.  Whoever writes last wrote the
    # length of an edge that is there, and more is not asked of it.
    limit = shortest[component]
    places[i, NEAR], known[i, LENGTH], known[i, APART] = near, length, apart
    places[i, SEARCHED] = 1
    places[i, SETTLED] = length <= limit
    known[i, LOWER] = min(length, limit)
    if length < limit:
        shortest[component] = length


@kernel
def _middle(
    points,  # (d, n + LANES) in
    boxes,  # (n_nodes, 2, d) in
    node,  # int in
    start,  # int in: its rows are start, ..., stop - 1
    stop,  # int in
):
    # The row that is nearest to the middle of the box, feature by feature.
    best, least = start, np.inf
    for i in range(start, stop):
        total = 0.0
        for f in range(points.shape[0]):
            total += abs(points[f, i] - 0.5 * (boxes[node, 0, f] + boxes[node, 1, f]))
        if total < least:
            best, least = i, total
    return best


@kernel
def _sum_of_lengths(
    kind,  # int in
    p,  # float in
    a,  # float in: as the metric is searched by
    b,  # float in: the same
):
    if kind == EUCLIDEAN:
        total = np.sqrt(a) + np.sqrt(b)
        return total * total * ROUNDED_UP
    if kind == MINKOWSKI:
        return (a ** (1.0 / p) + b ** (1.0 / p)) ** p * ROUNDED_UP
    return (a + b) * ROUNDED_UP


@kernel
def _is_alone(
    tree,  # KDTree in
    kind,  # int in
    p,  # float in
    Q,  # (n, d) in
    search,  # Search in
    shrink,  # float in
    node,  # int in: all its rows are of one component
    limit,  # float in: the length of an edge
    totals,  # (CHUNK,) out: room for distances
    waiting,  # (depth + 2,) out: room for nodes
):
    # Has no row of the node an edge to another component that is not longer than `limit`?
    #   distance(i, t) >= distance(middle, t) - distance(middle, i)   for all i in the node
    # so it suffices that nobody is within limit + radius of the middle row.
    points, _, starts, stops, boxes, _, _, depth = tree
    first_leaf = 2**depth - 1
    component = search.node_components[node]
    middle = _middle(points, boxes, node, starts[node], stops[node])
    radius = 0.0
    for start in range(starts[node], stops[node], CHUNK):
        size = min(CHUNK, stops[node] - start)
        distances_to(kind, p, points, start, (size + LANES - 1) // LANES * LANES, Q, middle, totals)
        for j in range(size):
            radius = max(radius, totals[j])
    reach = _sum_of_lengths(kind, p, limit / shrink, radius)
    n_waiting = 1
    waiting[0] = 0
    while n_waiting > 0:
        n_waiting -= 1
        other = waiting[n_waiting]
        if (
            search.node_components[other] == component
            or search.node_cores[other] > limit
            or gap(kind, p, boxes, other, Q, middle) > reach
        ):
            continue
        if other < first_leaf:
            waiting[n_waiting] = 2 * other + 1
            waiting[n_waiting + 1] = 2 * other + 2
            n_waiting += 2
            continue
        for start in range(starts[other], stops[other], CHUNK):
            size = min(CHUNK, stops[other] - start)
            lanes = (size + LANES - 1) // LANES * LANES
            distances_to(kind, p, points, start, lanes, Q, middle, totals)
            for j in range(size):
                if (
                    totals[j] <= reach
                    and search.places[start + j, COMPONENT] != component
                    and search.known[start + j, CORE] <= limit
                ):
                    return False
    return True


@kernel
def _search_below(
    tree,  # KDTree in
    kind,  # int in
    p,  # float in
    Q,  # (n, d) in
    search,  # Search inout
    shrink,  # float in
    node,  # int in
):
    known, places, shortest, node_components, _ = search
    first_leaf = 2**tree.depth - 1
    totals = np.empty(CHUNK)
    waiting = np.empty(tree.depth + 2, dtype=np.int64)
    gaps = np.empty(tree.depth + 2)
    below = np.empty(tree.depth + 2, dtype=np.int64)
    below[0] = node
    n_below = 1
    while n_below > 0:
        n_below -= 1
        node = below[n_below]
        component = node_components[node]
        if component >= 0:
            # In late rounds most rows lie deep inside a component: one search settles many.
            limit = shortest[component]
            pending = 0
            for i in range(tree.starts[node], tree.stops[node]):
                pending += not places[i, SETTLED] and known[i, LOWER] <= limit
            if pending == 0:
                continue
            if pending > 1 and _is_alone(
                tree, kind, p, Q, search, shrink, node, limit, totals, waiting
            ):
                for i in range(tree.starts[node], tree.stops[node]):
                    known[i, LOWER] = max(known[i, LOWER], limit)
                continue
        if node < first_leaf:
            below[n_below], below[n_below + 1] = 2 * node + 2, 2 * node + 1
            n_below += 2
            continue
        for i in range(tree.starts[node], tree.stops[node]):
            if not places[i, SETTLED] and known[i, LOWER] <= shortest[places[i, COMPONENT]]:
                _search_one(tree, kind, p, Q, search, shrink, i, totals, waiting, gaps)


@block_kernel
def search_tree(
    tree,  # KDTree in
    kind,  # int in
    p,  # float in
    Q,  # (n, d) in: the rows in the order of the tree
    search,  # Search inout
    shrink,  # float in
    level,  # int in: each of its nodes is a block
):
    for block in prange(2**level):
        _search_below(tree, kind, p, Q, search, shrink, np.int64(2**level - 1 + block))
