"""Prediction: many rows walk down many trees.

The trees are packed into one array of nodes, 16 bytes each, the two children of a node side by
side: the next node is ``left + (x > threshold)``, which takes no jump that the processor would
have to guess.  A tree is kept in the cache while a block of rows walks down it.

Leaf values are added in the order of the trees, row by row, so the result has the same bits for
any number of threads and any size of a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.tree._tree import LEAF, NUMERIC, SET_WORDS, Tree

BLOCK_ROWS = 512

# `column` is twice the feature, plus 1 where a missing value goes left; at a leaf it is the row of
# the value.  `left` is the left child, counted from the root; the right child comes next.
NODE = np.dtype([("threshold", np.float64), ("column", np.int32), ("left", np.int32)])


class Packed(NamedTuple):
    """Many trees, laid out for traversal; see `pack`."""

    nodes: np.ndarray  # (m,) NODE: the nodes of all trees, parents first, siblings side by side
    roots: np.ndarray  # (n_trees + 1,) int64: where each tree starts
    original: np.ndarray  # (m,) int32: the number of the node in its `Tree`
    values: np.ndarray  # (n_leaves, k) float64
    category_set: np.ndarray  # (m,) int32: row of `category_sets`, or NUMERIC
    category_sets: np.ndarray  # (n_sets, SET_WORDS) uint32


@kernel
def _lay_out(
    children_left,  # (m,) in: one tree
    children_right,  # (m,) in
    original,  # (m,) out: the nodes, level by level, siblings side by side
    left,  # (m,) out: where the left child of each of those stands
):
    original[0] = 0
    placed = 1
    for i in range(original.shape[0]):
        node = original[i]
        left[i] = LEAF
        if children_left[node] != LEAF:
            left[i] = placed
            original[placed] = children_left[node]
            original[placed + 1] = children_right[node]
            placed += 2


def pack(trees: Sequence[Tree]) -> Packed:
    """Lay trees out for fast prediction.

    Parameters
    ----------
    trees : sequence of Tree
        Their values have the same number of columns.

    Returns
    -------
    Packed
    """
    roots = np.zeros(len(trees) + 1, dtype=np.int64)
    np.cumsum([tree.node_count for tree in trees], out=roots[1:])
    m = int(roots[-1])
    nodes = np.empty(m, dtype=NODE)
    original = np.empty(m, dtype=np.int32)
    category_set = np.full(m, NUMERIC, dtype=np.int32)
    sets, values, n_sets, n_leaves = [np.zeros((0, SET_WORDS), dtype=np.uint32)], [], 0, 0
    for root, stop, tree in zip(roots[:-1], roots[1:], trees, strict=True):
        order, packed = original[root:stop], nodes[root:stop]
        left = np.empty_like(order)
        _lay_out(tree.children_left, tree.children_right, order, left)
        is_leaf = left == LEAF
        packed["left"] = left
        packed["threshold"] = tree.threshold[order]
        packed["column"] = 2 * tree.feature[order] + tree.missing_go_to_left[order]
        packed["column"][is_leaf] = n_leaves + np.arange(np.count_nonzero(is_leaf))
        values.append(tree.value[order[is_leaf]])
        n_leaves += len(values[-1])
        if tree.category_set is not None and tree.category_sets is not None:
            row = tree.category_set[order]
            category_set[root:stop] = np.where(row == NUMERIC, NUMERIC, row + n_sets)
            sets.append(tree.category_sets)
            n_sets += len(tree.category_sets)
    all_values = np.concatenate(values) if values else np.zeros((0, 1))
    return Packed(
        nodes, roots, original, np.ascontiguousarray(all_values), category_set, np.concatenate(sets)
    )


@kernel
def _goes_left(
    words,  # (SET_WORDS,) in: the categories that go left
    x,  # float in
    missing_goes_left,  # bool in
):
    # What is not a category at all counts as missing.  The first test is false for NaN.
    if not (0.0 <= x < 32.0 * words.shape[0]) or x != np.floor(x):
        return missing_goes_left
    category = np.uint32(x)
    return ((words[category >> 5] >> (category & np.uint32(31))) & np.uint32(1)) != 0


@kernel
def _descend(
    packed,  # in
    t,  # int in: the tree
    X,  # (n, p) in
    start,  # int in: rows start, ..., stop - 1
    stop,  # int in
    at,  # (>= stop - start,) out: the leaf of each row, counted from the first node of all
):
    root = packed.roots[t]
    for i in range(start, stop):
        node = root
        while packed.nodes[node].left != LEAF:
            column = packed.nodes[node].column
            x = X[i, column >> 1]
            missing_goes_left = (column & 1) != 0
            if packed.category_set[node] != NUMERIC:
                words = packed.category_sets[packed.category_set[node]]
                right = not _goes_left(words, x, missing_goes_left)
            elif np.isnan(x):
                right = not missing_goes_left
            else:
                right = x > packed.nodes[node].threshold
            node = root + packed.nodes[node].left + right
        at[i - start] = node


@block_kernel
def _add(
    packed,  # in
    X,  # (n, p) in
    block_rows,  # int in
    group,  # int in
    out,  # (n, k) inout
):
    n, k = X.shape[0], packed.values.shape[1]
    n_trees = packed.roots.shape[0] - 1
    for block in prange((n + block_rows - 1) // block_rows):
        start, stop = block * block_rows, min(n, (block + 1) * block_rows)
        at = np.empty(stop - start, np.int64)
        for t in range(n_trees):
            _descend(packed, t, X, start, stop, at)
            first = (t % group) * k
            for i in range(start, stop):
                row = packed.nodes[at[i - start]].column
                for j in range(k):
                    out[i, first + j] += packed.values[row, j]


@block_kernel
def _find(
    packed,  # in
    X,  # (n, p) in
    block_rows,  # int in
    out,  # (n, n_trees) out
):
    n, n_trees = out.shape
    for block in prange((n + block_rows - 1) // block_rows):
        start, stop = block * block_rows, min(n, (block + 1) * block_rows)
        at = np.empty(stop - start, np.int64)
        for t in range(n_trees):
            _descend(packed, t, X, start, stop, at)
            for i in range(start, stop):
                out[i, t] = packed.original[at[i - start]]


def add_values(
    packed: Packed, X: np.ndarray, out: np.ndarray, n_threads: int = 1, group: int = 1
) -> None:
    """Add to `out` the values of the leaves in which the rows of `X` end.

    Parameters
    ----------
    packed : Packed
        The trees.
    X : ndarray of shape (n_samples, n_features), float64, C-contiguous
        NaN is missing.
    out : ndarray of shape (n_samples, group * k), float64
        k is the number of values in a leaf.  Tree t adds to the k columns from ``(t % group) * k``.
    n_threads : int, default=1
        Threads; they do not change a bit of the result.
    group : int, default=1
        The number of trees in a round, each with columns of its own.
    """
    _add(packed, X, BLOCK_ROWS, group, out, n_threads=n_threads)


def leaves(packed: Packed, X: np.ndarray, n_threads: int = 1) -> np.ndarray:
    """Return the leaf in which each row ends in each tree.

    Parameters
    ----------
    packed : Packed
        The trees.
    X : ndarray of shape (n_samples, n_features), float64, C-contiguous
        NaN is missing.
    n_threads : int, default=1

    Returns
    -------
    ndarray of shape (n_samples, n_trees), dtype int32
        Numbers of nodes in each `Tree`.
    """
    out = np.empty((len(X), len(packed.roots) - 1), dtype=np.int32)
    _find(packed, X, BLOCK_ROWS, out, n_threads=n_threads)
    return out
