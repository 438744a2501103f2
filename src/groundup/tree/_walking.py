"""Walking level by level: all rows of a block take one step, then all take the next.

The steps of different rows do not wait for each other, so the processor works on dozens at once.
It never has to guess where a row will go, because the next split is *looked up*, at place
``x > threshold`` of the two children, and because a row that has arrived leaves the list by being
overwritten.  A wrong guess would cost as much as four levels.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.tree._codes import encode
from groundup.tree._packing import COLUMN, LEFT, MISSING


@kernel
def goes_left(
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
                right = not goes_left(sets, np.int64(thresholds[split]), x, missing_goes_left)
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
def add_leaves(
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
def add_by_level(
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
        add_leaves(leaf, packed.values, packed.first_leaf[t], start, stop, first_column, out)


@kernel
def add_by_codes(
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
        add_leaves(leaf, packed.values, packed.first_leaf[t], start, stop, first_column, out)


@kernel
def find_leaves(
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
