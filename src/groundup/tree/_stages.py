"""The growth of a finished tree, told again slowly: one question at a time.

Every node of a grown tree carries the value that it would predict as a leaf.  So a finished tree
holds all the trees that it has been, and nothing has to be recorded while it grows.  Here the
splits are opened in the order of what they are worth,

    (W_t i_t - W_left i_left - W_right i_right) / W_root        greatest first,

of those whose parent is already open: the order in which a best-first tree (``max_leaf_nodes``)
grows.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np

from groundup.tree._measures import impurity_decreases
from groundup.tree._pruning import subtree
from groundup.tree._tree import LEAF, Tree


def stages(tree: Tree) -> Iterator[Tree]:
    """Yield the trees of 1, 2, 3, ... leaves on the way to `tree`, which comes last.

    Examples
    --------
    >>> from groundup.tree import DecisionTreeRegressor
    >>> model = DecisionTreeRegressor().fit([[0.0], [1.0], [2.0]], [0.0, 5.0, 6.0])
    >>> for stage in stages(model.grown_):
    ...     print(stage.threshold[stage.feature >= 0])
    []
    [0.5]
    [0.5 1.5]
    """
    decreases = impurity_decreases(tree)
    is_leaf = np.ones(tree.node_count, dtype=bool)
    open_nodes: list[tuple[float, int]] = []

    def offer(node: int) -> None:
        if tree.children_left[node] != LEAF:
            heapq.heappush(open_nodes, (-decreases[node], node))

    offer(0)
    yield subtree(tree, is_leaf)
    while open_nodes:
        _, node = heapq.heappop(open_nodes)
        is_leaf[node] = False
        offer(int(tree.children_left[node]))
        offer(int(tree.children_right[node]))
        yield subtree(tree, is_leaf)
