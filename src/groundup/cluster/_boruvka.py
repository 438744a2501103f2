"""Boruvka's algorithm: every component seeks its shortest way out, and all of them join at once.

At first each row is a component of its own.  In a round every component finds the shortest edge
that leaves it; all those edges belong to the minimum spanning tree, and what they join becomes one
component.  Each round at least halves the number of components, so there are log2(n) of them.

A round need not look at every pair, since the rows lie in a k-d tree (`neighbors._kd_tree`), and:

- *The neighbours.*  Each row comes with its few nearest rows.  The first of them that is in another
  component is the row's shortest way out; most edges of the tree are found here without a search.
- *What is known already.*  Components only grow, so a row's way out only gets longer.  Each row
  keeps a length below which it has none, and one that is longer than what its component has found
  already need not search.
- *What is searched.*  A box that is farther away than the component's shortest edge so far is
  passed over, and so is one that holds no row of another component.

Rows of one component search side by side and tell each other the shortest length so far.  Which of
them is faster changes how much is passed over, never the shortest edge, because every edge is
compared by one total order (`_prim.comes_first`): the answer is the same for any number of threads.

Cost: about O(n log n) after the neighbours are found, in up to some ten features; memory linear in
n.  It fails, as the k-d tree does, where all rows are about equally far apart.

References
----------
.. [1] O. Boruvka, "O jistem problemu minimalnim", Prace moravske prirodovedecke
   spolecnosti 3, 1926.
.. [2] W. B. March, P. Ram and A. G. Gray, "Fast Euclidean minimum spanning tree: algorithm,
   analysis, and applications", KDD 2010.
.. [3] L. McInnes and J. Healy, "Accelerated hierarchical density based clustering", ICDM workshops
   2017.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.cluster._prim import comes_first
from groundup.cluster._union_find import find, unite
from groundup.neighbors._kd_tree import CHUNK, LANES, KDTree, gap
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
ABOVE_LEAVES = 4  # levels: so many leaves search together as a block


class Search(NamedTuple):
    """All that a row needs for its search."""

    known: np.ndarray  # (n, 4) float64, columns above
    places: np.ndarray  # (n, 5) int64, columns above
    shortest: np.ndarray  # (n,) float64: by component, the length of its shortest edge so far
    node_components: np.ndarray  # (n_nodes,) int64: of all rows below, or -1 if they differ
    node_cores: np.ndarray  # (n_nodes,) float64: the least core distance below


@kernel
def sort_neighbours(
    tree_rows,  # (n,) in
    known,  # (n, 4) in
    shrink,  # float in
    neighbours,  # (n, c) inout: of each row, the nearest first; then the one with shortest edge
    apart,  # (n, c) inout: how far they are
):
    n, c = neighbours.shape
    for i in range(n):
        core = known[i, CORE]
        for place in range(1, c):
            row, distance = neighbours[i, place], apart[i, place]
            length = max(core, known[row, CORE], distance * shrink)
            slot = place
            while slot > 0:
                before = neighbours[i, slot - 1]
                if max(core, known[before, CORE], apart[i, slot - 1] * shrink) <= length:
                    break
                neighbours[i, slot], apart[i, slot] = before, apart[i, slot - 1]
                slot -= 1
            neighbours[i, slot], apart[i, slot] = row, distance


@kernel
def look_at_neighbours(
    search,  # Search inout
    shrink,  # float in
    neighbours,  # (n, c) in: sorted by the length of the edge
    apart,  # (n, c) in
):
    known, places, shortest, _, _ = search
    n, c = neighbours.shape
    for i in range(n):
        component = places[i, COMPONENT]
        if places[i, NEAR] >= 0 and places[places[i, NEAR], COMPONENT] == component:
            places[i, NEAR] = -1
            known[i, LENGTH], known[i, APART] = np.inf, np.inf
            places[i, SETTLED] = 0
        if places[i, NEAR] < 0:
            used = places[i, USED]
            while used < c and places[neighbours[i, used], COMPONENT] == component:
                used += 1
            places[i, USED] = used
            if used < c:
                near = neighbours[i, used]
                length = max(known[i, CORE], known[near, CORE], apart[i, used] * shrink)
                places[i, NEAR] = near
                known[i, LENGTH], known[i, APART] = length, apart[i, used]
                # Of edges as long as LOWER, neighbours have the first; a search may have more.
                lower = known[i, LOWER]
                tie = length == lower and places[i, SEARCHED] == 0
                places[i, SETTLED] = length < lower or tie
        shortest[component] = min(shortest[component], known[i, LENGTH])


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


@kernel
def join(
    tree_rows,  # (n,) in
    search,  # Search inout
    firsts,  # (n,) out: room for the row whose edge is its component's first
    parents,  # (n,) inout: of components that have joined
    edges,  # (n - 1, 2) inout
    lengths,  # (n - 1, 2) inout: of the edges, and how far their rows are apart
    n_edges,  # int in: so many are there
):
    known, places, shortest, _, _ = search
    n = known.shape[0]
    for i in range(n):
        firsts[i] = -1
        shortest[i] = np.inf
    for i in range(n):
        near, component = places[i, NEAR], places[i, COMPONENT]
        first = firsts[component]
        if near >= 0 and (
            first < 0
            or comes_first(
                known[i, LENGTH],
                known[i, APART],
                tree_rows[i],
                tree_rows[near],
                known[first, LENGTH],
                known[first, APART],
                tree_rows[first],
                tree_rows[places[first, NEAR]],
            )
        ):
            firsts[component] = i
    for component in range(n):
        i = firsts[component]
        if i < 0:
            continue
        near = places[i, NEAR]
        other = places[near, COMPONENT]
        if find(parents, component) != find(parents, other):  # else both have chosen this edge
            unite(parents, component, other)
            edges[n_edges, 0], edges[n_edges, 1] = tree_rows[i], tree_rows[near]
            lengths[n_edges, 0], lengths[n_edges, 1] = known[i, LENGTH], known[i, APART]
            n_edges += 1
    for i in range(n):
        places[i, COMPONENT] = find(parents, places[i, COMPONENT])
    return n_edges


@kernel
def mark_nodes(
    starts,  # (n_nodes + 1,) in
    stops,  # (n_nodes + 1,) in
    depth,  # int in
    search,  # Search inout
):
    known, places, _, node_components, node_cores = search
    first_leaf = 2**depth - 1
    for node in range(2 * first_leaf, -1, -1):
        if node >= first_leaf:
            component = places[starts[node], COMPONENT]
            core = np.inf
            for i in range(starts[node], stops[node]):
                core = min(core, known[i, CORE])
                component = component if places[i, COMPONENT] == component else -1
        else:
            left, right = 2 * node + 1, 2 * node + 2
            component = node_components[left]
            component = component if node_components[right] == component else -1
            core = min(node_cores[left], node_cores[right])
        node_components[node], node_cores[node] = component, core


def boruvka(
    tree: KDTree,
    kind: int,
    p: float,
    Q: np.ndarray,
    core: np.ndarray,
    neighbours: np.ndarray,
    apart: np.ndarray,
    shrink: float,
    n_threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the minimum spanning tree of rows in a k-d tree.

    All rows are numbered by their place in the tree, and all lengths are what the metric is
    searched by.

    Parameters
    ----------
    tree : KDTree
    kind, p : int, float
        The metric.
    Q : ndarray of shape (n_samples, n_features), float64, read-only
        The rows, in the order of the tree.
    core : ndarray of shape (n_samples,), float64
        Core distances.
    neighbours : ndarray of shape (n_samples, c), int64
        The nearest rows of each, the nearest first; sorted anew in place.
    apart : ndarray of shape (n_samples, c), float64
        How far they are.
    shrink : float
        What distances are multiplied by before they are compared with core distances.
    n_threads : int

    Returns
    -------
    edges : ndarray of shape (n_samples - 1, 2), int64
        Rows as they were numbered before they were put into the tree.
    lengths : ndarray of shape (n_samples - 1, 2), float64
        Of the edges, and how far their rows are apart.
    """
    n, n_nodes = len(Q), 2 ** (tree.depth + 1) - 1
    known = np.full((n, 4), np.inf)
    known[:, CORE] = core
    known[:, LOWER] = np.maximum(core, apart[:, -1] * shrink)
    places = np.zeros((n, 5), dtype=np.int64)
    places[:, COMPONENT] = np.arange(n)
    places[:, NEAR] = -1
    search = Search(
        known, places, np.full(n, np.inf), np.empty(n_nodes, np.int64), np.empty(n_nodes)
    )
    sort_neighbours(tree.rows, known, shrink, neighbours, apart)
    level = max(0, tree.depth - ABOVE_LEAVES)
    edges, lengths = np.empty((n - 1, 2), np.int64), np.empty((n - 1, 2))
    firsts, parents = np.empty(n, np.int64), np.arange(n)
    n_edges = 0
    while n_edges < n - 1:
        mark_nodes(tree.starts, tree.stops, tree.depth, search)
        look_at_neighbours(search, shrink, neighbours, apart)
        search_tree(tree, kind, p, Q, search, shrink, level, n_threads=n_threads)
        n_edges = join(tree.rows, search, firsts, parents, edges, lengths, n_edges)
    return edges, lengths
