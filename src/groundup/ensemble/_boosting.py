r"""Gradient boosting: each tree corrects what the trees before it got wrong.

A raw prediction is a sum that grows by one small tree a round,

    z_0(x) = the best constant,        z_m(x) = z_{m-1}(x) + learning_rate * tree_m(x) .

Which tree lowers the loss most?  Near the present raw predictions the loss is a parabola in the
step s that a row takes,

    l(y_i, z_i + s) = l(y_i, z_i) + g_i s + h_i s^2 / 2,    g_i = dl/dz,  h_i = d2l/dz2 ,

so rows that share a leaf, with sums G and H of their g and h, are served best by

    s = -G / (H + l2),      which lowers the loss by      G^2 / (2 (H + l2)) .

The tree is grown to make the sum of these gains large (`_boosting_growing`), and a part of its step
is taken, the learning rate: many small corrections, each seeing what the last has left, generalise
better than a few large ones.  For the squared error this is fitting a tree to the residuals.

    bin the columns;  z = best constant;  g, h = derivatives of the loss
    for each round:
        for each class (one, unless there are more than two):
            grow a tree on that class's g and h
            z += learning_rate * the value of each row's leaf
        g, h = derivatives of the loss at the new z

The loss must fall in each round while the learning rate is small enough for the parabola to hold;
the validation loss tells when the trees begin to learn the noise (`_early_stopping`).

Cost: about n p additions a level of a tree, less as only the smaller child of a node is summed;
memory: two bytes for each value of X, and 16 to 24 bytes for each row and class.  It fails where
the truth is no sum of steps along the columns, such as far outside the range of the training
rows: there a tree is constant.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cached_property
from typing import Any

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._estimator import read_only
from groundup._kernel import block_kernel, kernel
from groundup.ensemble._boosting_growing import BoostedTree, TreeGrower
from groundup.ensemble._constraints import put_in_order
from groundup.ensemble._leaf_renewal import renewed
from groundup.ensemble._losses import NONE, Loss
from groundup.tree._traversal import Packed, pack
from groundup.tree._tree import Tree


class Rounds:
    """The trees of every round; packed for prediction once somebody predicts."""

    def __init__(self, trees: tuple[tuple[Tree, ...], ...] = ()):
        self.trees = trees

    @cached_property
    def packed(self) -> Packed:
        """All trees, round after round."""
        return pack([tree for trees in self.trees for tree in trees])

    def __getstate__(self) -> dict[str, Any]:
        return {"trees": self.trees}


@kernel
def _first_at_least(rows, begin, end, row):
    """Return the first place in rows[begin:end], which ascend, that holds at least `row`."""
    while begin < end:
        middle = (begin + end) // 2
        if rows[middle] < row:
            begin = middle + 1
        else:
            end = middle
    return begin


@kernel
def _add_to_rows(raw, rows, leaf_bounds, value, first, last):
    for leaf in range(value.shape[0]):
        end = leaf_bounds[leaf + 1]
        i = _first_at_least(rows, leaf_bounds[leaf], end, first)
        while i < end and rows[i] < last:
            # z_i += value of the leaf that row i is in
            raw[rows[i]] += value[leaf]
            i += 1


@block_kernel
def add_leaf_values(raw, rows, leaf_bounds, value, bounds):
    """Add the value of its leaf to the raw prediction of each row, one block of rows after another.

    The rows of a leaf ascend, so a block finds its own by bisection, and works in the cache.

    raw : (n,)  # inout
    rows : (n,) int32, leaf after leaf, ascending within a leaf  # in
    leaf_bounds : (n_leaves + 1,): leaf l holds rows[leaf_bounds[l]:leaf_bounds[l + 1]]  # in
    value : (n_leaves,)  # in
    bounds : (n_blocks + 1,)  # in
    """
    for b in prange(bounds.shape[0] - 1):
        _add_to_rows(raw, rows, leaf_bounds, value, bounds[b], bounds[b + 1])


def boost(
    grower: TreeGrower,
    loss: Loss,
    y: np.ndarray,
    weight: np.ndarray | None,
    raw: np.ndarray,
    rounds: range,
    seed: int = 0,
    learning_rate: float = 0.1,
    monotonic: np.ndarray | None = None,
    n_threads: int = 1,
) -> Generator[tuple[tuple[Tree, ...], float], None, None]:
    """Boost, round by round; the first step is the state before any tree.

    Parameters
    ----------
    grower : TreeGrower
        Holds the binned training rows, and grows a tree on derivatives.
    loss : Loss
    y : ndarray of shape (n,), float64
        Targets; the numbers of the classes for "log_loss".
    weight : ndarray of shape (n,) or None
        The weight of each row, none of them zero.
    raw : ndarray of shape (n_trees, n), float64
        Raw predictions to start from; each round adds to them, in place.
    rounds : range
        The rounds' numbers: with `seed` they choose the columns that a node may split on.
    seed : int, default=0
    learning_rate : float, default=0.1
        The part of each step that is taken, as the grower knows it.
    monotonic : ndarray of shape (n_features,), dtype int8, or None
        Columns with which predictions must rise (1) or fall (-1), as the grower knows them.
    n_threads : int, default=1
        Threads; they do not change a bit of the result.

    Yields
    ------
    trees : tuple of Tree
        The round's trees, one for each raw prediction of a row; none in the first step.
    train_loss : float
        The mean training loss at this point.
    """
    K, n = raw.shape
    gradient = np.empty((K, n), dtype=np.float32)
    # None: 1 for every row
    hessian = None if loss.constant_hessian and weight is None else np.empty_like(gradient)
    bounds = block_bounds(n, block_rows=8192)
    row_threads = min(n_threads, len(bounds) - 1)
    yield (), loss.derivatives(y, raw, weight, gradient, hessian, n_threads)
    for number in rounds:
        trees = []
        for k in range(K):
            curvature = None if hessian is None else hessian[k]
            grown = grower.grow(gradient[k], curvature, seed=seed + number * K + k)
            if grown.tree.node_count == 1:
                grown.tree.value[:] = 0.0  # its constant is already in z: the rest is rounding
            if loss.has_kink:
                renew(grown, loss.quantile, y, raw[k], weight, learning_rate, n_threads)
                if monotonic is not None:
                    put_in_order(grown.tree, monotonic)
            value = grown.tree.value[grown.leaf_nodes, 0]
            add_leaf_values(
                raw[k], grown.rows, grown.leaf_bounds, value, bounds, n_threads=row_threads
            )
            trees.append(grown.tree)
        train_loss = loss.derivatives(y, raw, weight, gradient, hessian, n_threads)
        yield tuple(trees), train_loss


def renew(
    grown: BoostedTree,
    quantile: float,
    y: np.ndarray,
    raw: np.ndarray,
    weight: np.ndarray | None,
    learning_rate: float,
    n_threads: int,
) -> None:
    """Give each leaf the quantile of its rows' residuals, times the learning rate."""
    value = np.empty(len(grown.leaf_nodes))
    residual, weights = np.empty_like(y), np.empty(0 if weight is None else len(y))
    renewed(
        read_only(y),
        raw,
        NONE if weight is None else read_only(weight),
        grown.rows,
        grown.leaf_bounds,
        quantile,
        residual,
        weights,
        value,
        n_threads=min(n_threads, len(value)) if len(y) >= 10_000 else 1,
    )
    grown.tree.value[grown.leaf_nodes, 0] = learning_rate * value
