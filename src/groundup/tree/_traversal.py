"""Prediction: many rows walk down many trees.

Three ways of walking share the work.  All of them keep a tree in the cache while a block of rows
walks down it, and none lets the processor guess where a row will go: a wrong guess costs as much
as four levels.

- *By masks*, where no tree has more than 64 leaves [1]_.  A row holds one bit for each leaf, left
  to right, all set.  Every split, in any order, is asked of every row: who goes right at it loses
  the bits of the leaves under its left child.  The lowest bit that remains is the row's leaf.
  That asks more questions than a walk would, but the same ones of all rows, so they are asked of
  eight rows in one instruction.
- *Level by level*: all rows of the block take one step, then all take the next.  The steps of
  different rows do not wait for each other, so the processor works on dozens at once.  Rows that
  have arrived leave the list.
- *Level by level on codes*, where there are several large trees and no column has over 254
  thresholds: first each value becomes the number of its column's thresholds below it, one byte.
  The comparisons come out the same, and eight times as many rows fit in the cache.

Leaf values are added in the order of the trees, row by row, so the result has the same bits
whichever way is taken, for any number of threads and any size of a block.

References
----------
.. [1] C. Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles
   of regression trees", SIGIR 2015.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from groundup._blocks import block_bounds, over_threads
from groundup._kernel import kernel
from groundup.tree._codes import encode
from groundup.tree._packing import COLUMN, LEFT, MISSING, Packed, pack, read_only

__all__ = ["Packed", "add_values", "leaves", "pack"]

MASK_ROWS = 256  # rows of a block whose columns and masks stay in the level-2 cache
BLOCK_BYTES = 3 * 2**18  # of a level-2 cache, for the rows of a block; the rest is for the tree
COLUMNS_A_TREE = 15  # more columns than that, and laying them out for the masks costs too much
FEW_ROWS = 16  # fewer rows do not fill the masks' vector instructions
FEW_STEPS = 100_000  # rows times trees below which threads cost more than they bring

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)


@kernel
def _goes_left(
    sets,  # (n_sets, SET_WORDS) in: the categories that go left
    row,  # int in: which set
    x,  # float in
    missing_goes_left,  # bool in
):
    # What is not a category at all counts as missing.  The first test is false for NaN.
    if not (0.0 <= x < 32.0 * sets.shape[1]) or x != np.floor(x):
        return missing_goes_left
    category = np.uint32(x)
    word = sets[row, category >> np.uint32(5)]
    return ((word >> (category & np.uint32(31))) & np.uint32(1)) != 0


@kernel
def _descend(
    splits,  # (n_splits of all trees, 3) in
    thresholds,  # (n_splits of all trees,) in: values or codes, as X
    root,  # int in: where the tree's splits start
    n_splits,  # int in: of the tree
    sets,  # (n_sets, SET_WORDS) in
    X,  # (n, p) in: values, or codes
    start,  # int in: rows start, ..., stop - 1
    stop,  # int in
    missing,  # float or uint8 in: the code of a missing value; NaN for values
    some_missing,  # bool in: whether there may be one
    row,  # (stop - start,) uint32, scratch: the rows on their way, ascending
    at,  # (stop - start,) uint32, scratch: the split that each of them stands at
    leaf,  # (stop - start,) uint32 out: the leaf of each row
):
    n_walking = stop - start
    for i in range(n_walking):
        row[i] = i
        at[i] = leaf[i] = 0
    if n_splits == 0:
        return
    first_row, first_split = np.uint64(start), np.uint64(root)
    while n_walking > 0:
        kept = np.uint64(0)
        for i in range(n_walking):
            r = row[i]
            split = first_split + at[i]
            column = splits[split, COLUMN]
            if column < 0:
                x = X[first_row + r, np.uint32(~column >> 1)]
                missing_goes_left = (~column & 1) != 0
                right = not _goes_left(sets, np.int64(thresholds[split]), x, missing_goes_left)
            else:
                x = X[first_row + r, np.uint32(column >> 1)]
                right = not (x <= thresholds[split])  # so a missing value goes right
                if some_missing:
                    is_missing = (x != x) | (x == missing)
                    right &= not (is_missing & ((column & 1) != 0))
            child = splits[split, np.uint64(LEFT) + np.uint64(right)]
            # Written in any case: a jump would have to be guessed.
            leaf[r] = np.uint32(~child)
            row[kept] = r
            at[kept] = np.uint32(child)
            kept += np.uint64(child >= 0)
        n_walking = np.int64(kept)


@kernel
def _some_missing(X, start, stop):
    missing = False
    for i in range(start, stop):
        for f in range(X.shape[1]):
            missing |= X[i, f] != X[i, f]
    return missing


@kernel
def _add_leaves(
    leaf,  # (stop - start,) uint32 in
    values,  # (n_leaves, k) in
    first_leaf,  # int in: where the tree's leaves start
    start,  # int in
    stop,  # int in
    first_column,  # int in
    out,  # (n, >= first_column + k) inout
):
    for j in range(values.shape[1]):
        for i in range(stop - start):
            out[start + i, first_column + j] += values[np.uint64(first_leaf) + leaf[i], j]


@kernel
def _add_by_level(
    packed,  # in
    X,  # (n, p) in
    start,  # int in: rows start, ..., stop - 1
    stop,  # int in
    group,  # int in
    out,  # (n, k * group) inout
):
    row, at, leaf = np.empty((3, stop - start), np.uint32)
    some_missing = _some_missing(X, start, stop)
    for t in range(packed.roots.shape[0] - 1):
        root, n_splits = packed.roots[t], packed.roots[t + 1] - packed.roots[t]
        _descend(
            packed.splits,
            packed.thresholds,
            root,
            n_splits,
            packed.category_sets,
            X,
            start,
            stop,
            np.nan,
            some_missing,
            row,
            at,
            leaf,
        )
        first_column = (t % group) * packed.values.shape[1]
        _add_leaves(leaf, packed.values, packed.first_leaf[t], start, stop, first_column, out)


@kernel
def _add_by_codes(
    packed,  # in
    X,  # (n, p) in
    start,  # int in: rows start, ..., stop - 1
    stop,  # int in
    group,  # int in
    out,  # (n, k * group) inout
):
    p = packed.borders.shape[0]
    codes = np.empty((stop - start, p), np.uint8)
    some_missing = encode(
        X,
        start,
        stop,
        packed.borders,
        np.full(p, MISSING, np.uint8),
        np.zeros(p, np.bool_),
        codes,
    )
    row, at, leaf = np.empty((3, stop - start), np.uint32)
    for t in range(packed.roots.shape[0] - 1):
        root, n_splits = packed.roots[t], packed.roots[t + 1] - packed.roots[t]
        _descend(
            packed.splits,
            packed.coded_thresholds,
            root,
            n_splits,
            packed.category_sets,
            codes,
            0,
            stop - start,
            np.uint8(MISSING),
            some_missing,
            row,
            at,
            leaf,
        )
        first_column = (t % group) * packed.values.shape[1]
        _add_leaves(leaf, packed.values, packed.first_leaf[t], start, stop, first_column, out)


@kernel
def _keep_leaves(
    column,  # int in
    threshold,  # float in
    keep,  # uint64 in: the leaves that going right leaves over
    sets,  # (n_sets, SET_WORDS) in
    columns,  # (p, >= m) in: the block, column by column
    m,  # int in: rows
    mask,  # (>= m,) uint64 inout
):
    f = column >> 1
    if column < 0:
        f = ~column >> 1
        missing_goes_left = (~column & 1) != 0
        for i in range(m):
            if not _goes_left(sets, np.int64(threshold), columns[f, i], missing_goes_left):
                mask[i] &= keep
    elif column & 1:
        for i in range(m):
            mask[i] &= keep if columns[f, i] > threshold else ALL
    else:  # a missing value goes right: it is not at most the threshold
        for i in range(m):
            mask[i] &= ALL if columns[f, i] <= threshold else keep


@kernel
def _lowest_bit(mask):
    """Count the zeros below the lowest bit of a mask that is not 0."""
    below = (mask & (~mask + ONE)) - ONE  # ones in their place; now count them, in parallel
    below -= (below >> ONE) & np.uint64(0x5555555555555555)
    below = (below & np.uint64(0x3333333333333333)) + (
        (below >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    below = (below + (below >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    below += below >> np.uint64(8)
    below += below >> np.uint64(16)
    below += below >> np.uint64(32)
    return below & np.uint64(0x7F)


@kernel
def _add_by_masks(
    packed,  # in
    X,  # (n, p) in
    start,  # int in: rows start, ..., stop - 1
    stop,  # int in
    group,  # int in
    out,  # (n, k * group) inout
):
    p, rows = X.shape[1], min(MASK_ROWS, stop - start)
    columns, mask, leaf = np.empty((p, rows)), np.empty(rows, np.uint64), np.empty(rows, np.uint32)
    for first in range(start, stop, MASK_ROWS):
        m = min(MASK_ROWS, stop - first)
        for i in range(m):
            for f in range(p):
                columns[f, i] = X[first + i, f]
        for t in range(packed.roots.shape[0] - 1):
            for i in range(m):
                mask[i] = ALL
            for split in range(packed.roots[t], packed.roots[t + 1]):
                _keep_leaves(
                    packed.splits[split, COLUMN],
                    packed.thresholds[split],
                    packed.keep[split],
                    packed.category_sets,
                    columns,
                    m,
                    mask,
                )
            for i in range(m):
                leaf[i] = _lowest_bit(mask[i])
            column = (t % group) * packed.values.shape[1]
            _add_leaves(leaf, packed.values, packed.first_leaf[t], first, first + m, column, out)


@kernel
def _find(
    packed,  # in
    X,  # (n, p) in
    start,  # int in: rows start, ..., stop - 1
    stop,  # int in
    out,  # (n, n_trees) out
):
    row, at, leaf = np.empty((3, stop - start), np.uint32)
    some_missing = _some_missing(X, start, stop)
    for t in range(out.shape[1]):
        root, n_splits = packed.roots[t], packed.roots[t + 1] - packed.roots[t]
        _descend(
            packed.splits,
            packed.thresholds,
            root,
            n_splits,
            packed.category_sets,
            X,
            start,
            stop,
            np.nan,
            some_missing,
            row,
            at,
            leaf,
        )
        for i in range(stop - start):
            out[start + i, t] = packed.leaf_node[np.uint64(packed.first_leaf[t]) + leaf[i]]


def _over_blocks(
    walk: Callable[[int, int], None], n: int, n_trees: int, row_bytes: int, n_threads: int
) -> None:
    """Call ``walk(start, stop)`` on blocks of rows that stay in the cache, the same for all."""
    if n * n_trees < FEW_STEPS:
        n_threads = 1
    most = max(256, BLOCK_BYTES // (row_bytes + 12))  # 12: what `_descend` keeps of a row
    rounds = max(1, -(-n // (most * n_threads)))
    n_blocks = min(rounds * n_threads, max(1, n))
    if n_blocks == 1:  # not even the microseconds of setting up threads
        walk(0, n)
        return
    bounds = block_bounds(n, 1, n_blocks)
    over_threads(lambda b: walk(bounds[b], bounds[b + 1]), range(n_blocks), n_threads)


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
    out : ndarray of shape (n_samples, group * k), float64, C-contiguous
        k is the number of values in a leaf.  Tree t adds to the k columns from ``(t % group) * k``.
    n_threads : int, default=1
        Threads; they do not change a bit of the result.
    group : int, default=1
        The number of trees in a round, each with columns of its own.
    """
    X = read_only(X)
    n, p = X.shape
    n_trees = len(packed.roots) - 1
    if len(packed.keep) and n >= FEW_ROWS and n_trees * COLUMNS_A_TREE >= p:
        add, row_bytes = _add_by_masks, 8 * p
    elif len(packed.coded_thresholds) and n >= FEW_ROWS:
        add, row_bytes = _add_by_codes, p
    else:
        add, row_bytes = _add_by_level, 8 * p

    def walk(start: int, stop: int) -> None:
        add(packed, X, start, stop, group, out)

    _over_blocks(walk, n, n_trees, row_bytes, n_threads)


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
    X = read_only(X)
    n, p = X.shape
    out = np.empty((n, len(packed.roots) - 1), dtype=np.int32)

    def walk(start: int, stop: int) -> None:
        _find(packed, X, start, stop, out)

    _over_blocks(walk, n, out.shape[1], 8 * p, n_threads)
    return out
