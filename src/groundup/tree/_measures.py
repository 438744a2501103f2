"""What can be read off a grown tree: its depth, its leaves, what each column did for it."""

from __future__ import annotations

import numpy as np

from groundup.tree._tree import LEAF, Tree


def n_leaves(tree: Tree) -> int:
    """Return the number of leaves."""
    return int(np.count_nonzero(tree.children_left == LEAF))


def depth(tree: Tree) -> int:
    """Return the number of questions on the longest way from the root to a leaf."""
    level = np.zeros(1, dtype=np.int32)  # the nodes of one level
    reached = -1
    while len(level):
        reached += 1
        level = level[tree.children_left[level] != LEAF]
        level = np.concatenate([tree.children_left[level], tree.children_right[level]])
    return reached


def parents(tree: Tree) -> np.ndarray:
    """Return each node's parent, -1 for the root: (n_nodes,), int32."""
    split = np.flatnonzero(tree.children_left != LEAF).astype(np.int32)
    parent = np.full(tree.node_count, -1, dtype=np.int32)
    parent[tree.children_left[split]] = split
    parent[tree.children_right[split]] = split
    return parent


def impurity_decreases(tree: Tree) -> np.ndarray:
    """Return by how much each node's split lowers the impurity of the tree; 0 at a leaf.

        (W_t i_t - W_left i_left - W_right i_right) / W_root

    Returns
    -------
    ndarray of shape (n_nodes,)
    """
    split = tree.children_left != LEAF
    mass = tree.weighted_n_node_samples * tree.impurity
    decreases = np.zeros(tree.node_count)
    decreases[split] = (
        mass[split] - mass[tree.children_left[split]] - mass[tree.children_right[split]]
    )
    return decreases / tree.weighted_n_node_samples[0]


def importances(tree: Tree, n_features: int, normalize: bool = True) -> np.ndarray:
    """Return each column's share of the decrease in impurity: (n_features,), summing to 1.

    All are 0 where the tree never splits.
    """
    split = tree.children_left != LEAF
    total: np.ndarray = np.bincount(
        tree.feature[split], weights=impurity_decreases(tree)[split], minlength=n_features
    )
    if normalize and total.sum() > 0.0:
        total = total / total.sum()
    return total
