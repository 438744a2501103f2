"""Dealing a node's rows to its two children, each side in its old order.

The rows are one array of numbers, and each node owns a part of it.  A block of rows is dealt into a
second array, those that go left from its start, the others from its end backwards.  Once it is
known how many went left in all the blocks before, each block's two sides are copied to their
places.  Rows that keep their order keep their neighbours: that is what makes the next pass over
them fast.

A split asks each row for the code of one column, so the codes are kept column by column as well:
of a table row by row, each question would bring a whole row from memory.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel

SQUARE = 64  # a cache line of bytes
ROWS = 4096


@kernel
def transpose_block(
    codes,  # (n, p) in
    start,
    end,
    by_column,  # (p, n) out
):
    """Copy some rows' codes to the columns, a square at a time: both sides stay in the cache."""
    p = codes.shape[1]
    for row in range(start, end, SQUARE):
        last_row = min(end, row + SQUARE)
        for column in range(0, p, SQUARE):
            for f in range(column, min(p, column + SQUARE)):
                target = by_column[f]
                for i in range(row, last_row):
                    target[i] = codes[i, f]


@block_kernel
def transpose(codes, by_column):
    """Write the codes (n, p) column by column, (p, n)."""
    n = codes.shape[0]
    n_blocks = (n + ROWS - 1) // ROWS
    for block in prange(n_blocks):
        first = np.int64(block) * ROWS
        transpose_block(codes, first, min(n, first + ROWS), by_column)


@kernel
def deal_block(
    codes,  # (n,) in: of the column that the node splits on
    goes_left,  # (256,) uint8 in: by code
    rows,  # (n,) in
    start,
    end,
    dealt,  # (n,) out, from start to end
):
    """Deal a block of rows; return how many go left."""
    low, high = np.uint64(start), np.uint64(end - 1)
    one = np.uint64(1)
    for i in range(np.uint64(start), np.uint64(end)):
        row = rows[i]
        left = np.uint64(goes_left[codes[np.uint64(row)]])
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
    n_right = end - start - n_left
    # Slices first: of their indices the compiler knows that they do not count from the end.
    source, target = dealt[start : start + n_left], rows[left_from : left_from + n_left]
    for i in range(n_left):
        target[i] = source[i]
    source, target = dealt[start + n_left : end], rows[right_from : right_from + n_right]
    for i in range(n_right):
        target[i] = source[n_right - 1 - i]
