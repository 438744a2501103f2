"""Dealing a node's rows to its two children, each side in its old order.

The rows are one array of numbers, and each node owns a part of it.  A block of rows is dealt into a
second array, those that go left from its start, the others from its end backwards.  Once it is
known how many went left in all the blocks before, each block's two sides are copied to their
places.  Rows that keep their order keep their neighbours: that is what makes the next pass over
them fast.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel


@kernel
def deal_block(
    codes,  # (n * p,) in
    p,
    feature,
    goes_left,  # (256,) uint8 in: by code
    rows,  # (n,) in
    start,
    end,
    dealt,  # (n,) out, from start to end
):
    """Deal a block of rows; return how many go left."""
    low, high = np.uint64(start), np.uint64(end - 1)
    one, p, feature = np.uint64(1), np.uint64(p), np.uint64(feature)
    for i in range(np.uint64(start), np.uint64(end)):
        row = rows[i]
        left = np.uint64(goes_left[codes[np.uint64(row) * p + feature]])
        dealt[low] = row  # One of the two stays, the other is overwritten:
        dealt[high] = row  # a branch would be guessed wrong half of the time.
        low += left
        high -= one - left
    return np.int64(low) - start


@kernel
def collect_block(
    dealt,  # (n,) in
    start,
    end,
    n_left,
    rows,  # (n,) out
    left_from,
    right_from,
):
    """Copy a dealt block's two sides to their places."""
    for i in range(n_left):
        rows[left_from + i] = dealt[start + i]
    for i in range(end - start - n_left):
        rows[right_from + i] = dealt[end - 1 - i]
