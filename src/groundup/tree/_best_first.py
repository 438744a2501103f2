"""Growing best first: the split that improves the tree most is made next.

With a limit on the number of leaves the order of the splits matters: each is paid for with a leaf.
The splits of all leaves are known (the frontier); the best one is made, and those of its two new
leaves are looked for.

References
----------
.. [1] H. Shi (2007), "Best-first decision tree learning", University of Waikato.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._expanding import adopt, find_cut, make_children
from groundup.tree._nodes import may_split, plant
from groundup.tree._sample import Split


class Frontier(NamedTuple):
    """Best first: the splits that could be made next.

    Parameters
    ----------
    split : ndarray of shape (capacity, 4), dtype int32
        Column, last code on the left, first on the right, and side of the missing values.
    left_counts : ndarray of shape (capacity,), dtype int64
    improvement : ndarray of shape (capacity,), dtype float64
        What each split is worth; minus infinity where there is none, or where it was made.
    """

    split: np.ndarray
    left_counts: np.ndarray
    improvement: np.ndarray


@kernel
def grow_best_first(
    growth,
    columns,
    sample,
    nodes,
    n_rows,
    seed,
    frontier,
    first_new,
    n_nodes,  # 0: the root is yet to be made
    n_splits,
    features,
    counting,
    summing,
    medians,
):
    """Find the splits of the nodes from `first_new`, then make the best one, `n_splits` times over.

    Returns the number of nodes; all their splits have been looked for.
    """
    splits, left_counts, improvement = frontier
    if n_nodes == 0:
        plant(growth, sample, nodes, n_rows, seed, counting, summing, medians)
        n_nodes = 1
    while True:
        for node in range(first_new, n_nodes):
            improvement[node] = -math.inf
            if may_split(growth, nodes.places, nodes.figures, node):
                split, left = find_cut(
                    growth,
                    columns,
                    sample,
                    nodes.places,
                    node,
                    features,
                    counting,
                    summing,
                    medians,
                )
                if split.feature >= 0:
                    # The two places past the last node show what the children would be.
                    improvement[node] = make_children(
                        growth,
                        columns,
                        sample,
                        nodes,
                        node,
                        split,
                        left,
                        n_nodes,
                        counting,
                        summing,
                        medians,
                    )
                    splits[node, 0], splits[node, 1] = split.feature, split.last_left
                    splits[node, 2], splits[node, 3] = (split.first_right, split.missing_left)
                    left_counts[node] = left
        best = 0
        for node in range(1, n_nodes):
            if improvement[node] > improvement[best]:
                best = node
        if n_splits == 0 or improvement[best] == -math.inf:
            return n_nodes
        split = Split(
            0.0,
            np.int64(splits[best, 0]),
            np.int64(splits[best, 1]),
            np.int64(splits[best, 2]),
            np.int64(splits[best, 3]),
        )
        left = left_counts[best]
        make_children(
            growth, columns, sample, nodes, best, split, left, n_nodes, counting, summing, medians
        )
        adopt(nodes.links, nodes.places, best, split, n_nodes)
        improvement[best] = -math.inf
        first_new = n_nodes
        n_nodes += 2
        n_splits -= 1
