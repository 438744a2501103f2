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
- *What is searched* (`_ways_out`).  A box that is farther away than the component's shortest edge
  so far is passed over, and so is one that holds no row of another component.

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

import numpy as np

from groundup._kernel import kernel
from groundup.cluster._prim import comes_first
from groundup.cluster._union_find import find, unite
from groundup.cluster._ways_out import (
    APART,
    COMPONENT,
    CORE,
    LENGTH,
    LOWER,
    NEAR,
    SEARCHED,
    SETTLED,
    USED,
    Search,
    search_tree,
)
from groundup.neighbors._kd_tree import KDTree

ABOVE_LEAVES = 4  # levels: so many leaves search together as a block


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
