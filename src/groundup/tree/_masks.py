"""Finding leaves by masks: every split is asked of every row, eight rows at a time.

A row holds one bit for each leaf of a tree, left to right, all set.  Whoever goes right at a split
loses the bits of the leaves under its left child.  After all the splits, in any order, the lowest
bit that remains is the row's leaf: a leaf further to the left was lost at the split where the row's
own path turned right, and the row's leaf was never under the left child of such a split.

That asks more questions than a walk does, but the same ones of all rows.

References
----------
.. [1] C. Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles
   of regression trees", SIGIR 2015.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.tree._packing import COLUMN
from groundup.tree._walking import add_leaves, goes_left

MASK_ROWS = 1024  # the fewer times that a split is looked up, the better
MASK_VALUES = 2**15  # of those rows: a quarter of a level-2 cache

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)


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
            if not goes_left(sets, np.int64(threshold), columns[f, i], missing_goes_left):
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
def add_by_masks(
    packed,  # in
    X,  # (n, p) in
    start,  # int in: rows start, ..., stop - 1
    stop,  # int in
    group,  # int in
    out,  # (n, k * group) inout
):
    p = X.shape[1]
    rows = min(stop - start, max(128, min(MASK_ROWS, MASK_VALUES // max(1, p))))
    columns, mask, leaf = np.empty((p, rows)), np.empty(rows, np.uint64), np.empty(rows, np.uint32)
    for first in range(start, stop, rows):
        m = min(rows, stop - first)
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
            add_leaves(leaf, packed.values, packed.first_leaf[t], first, first + m, column, out)
