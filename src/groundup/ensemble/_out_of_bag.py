"""Out-of-bag prediction: ask of each row only those trees that have not seen it.

With a bootstrap each tree misses about 37% of the rows.  For those rows its answer is that of a
model on new data, so the mean over such trees,

    f_oob(x_i) = sum over t with i not in bag t of f_t(x_i) / number of such t,

estimates the error on new rows without a test set, and without a second forest: every state of a
growing forest has such an estimate, and one can watch it settle.

References
----------
.. [1] L. Breiman, "Out-of-bag estimation", technical report, University of California, 1996.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.tree._tree import Tree

IN_BAG = -1  # instead of a leaf


@kernel
def _descend(
    X,  # (n, p) in
    counts,  # (n,) in: how often each row is in the bag
    children_left,  # (m,) in: the tree
    children_right,  # (m,) in
    feature,  # (m,) in
    threshold,  # (m,) in
    missing_go_to_left,  # (m,) in
    leaf,  # (n,) out: where each row ends that is out of bag, IN_BAG for the others
):
    for i in range(X.shape[0]):
        if counts[i] > 0:
            leaf[i] = IN_BAG
            continue
        node = 0
        while children_left[node] >= 0:
            x = X[i, feature[node]]
            left = missing_go_to_left[node] != 0 if np.isnan(x) else x <= threshold[node]
            node = children_left[node] if left else children_right[node]
        leaf[i] = node


@kernel
def _add(
    leaf,  # (n,) in
    value,  # (m, k) in
    sums,  # (n, k) inout
    n_trees,  # (n,) inout
):
    for i in range(leaf.shape[0]):
        if leaf[i] != IN_BAG:
            n_trees[i] += 1
            for j in range(value.shape[1]):
                sums[i, j] += value[leaf[i], j]


def out_of_bag_leaves(tree: Tree, X: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the leaf of each row that the tree has not seen, `IN_BAG` for the others.

    Parameters
    ----------
    tree : Tree
        All its splits are numeric.
    X : ndarray of shape (n_samples, n_features)
    counts : ndarray of shape (n_samples,), float64
        How often each row was drawn for this tree.

    Returns
    -------
    ndarray of shape (n_samples,), int32
    """
    leaf = np.empty(len(X), dtype=np.int32)
    _descend(
        X,
        counts,
        tree.children_left,
        tree.children_right,
        tree.feature,
        tree.threshold,
        tree.missing_go_to_left,
        leaf,
    )
    return leaf


class OutOfBag:
    """The sums of the trees' answers for the rows that each has not seen.

    Parameters
    ----------
    n_samples : int
    n_values : int
        Values in a leaf: the number of classes, or 1.
    """

    def __init__(self, n_samples: int, n_values: int):
        self.sums = np.zeros((n_samples, n_values))
        self.n_trees = np.zeros(n_samples, dtype=np.int64)

    def add(self, tree: Tree, leaf: np.ndarray) -> None:
        """Add a tree's answers; called in the order of the trees, so that sums keep their bits."""
        _add(leaf, tree.value, self.sums, self.n_trees)

    def mean(self) -> np.ndarray:
        """Return the mean answer for each row: (n_samples, n_values), 0 where no tree has one."""
        return self.sums / np.maximum(self.n_trees, 1)[:, np.newaxis]
