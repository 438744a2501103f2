r"""Histograms of gradients: for each bin of each column, the sums that decide where to split.

    G_b = sum of g_i,   H_b = sum of h_i,   n_b = number of rows      over the node's rows in bin b

Any split of the node is judged from these sums alone, so a node costs one pass over its rows, and
then the number of bins, however many rows there are.  Of two children only the smaller is passed
over: the larger one's histogram is the parent's minus the smaller one's.

Gradients are kept in single precision, and summed exactly: each is a whole number of units, where
the unit is a power of two such that no sum overflows 64 bits.

    sum_i g_i  =  unit * sum_i trunc(g_i / unit)

The unit follows from the sum of all |g|.  Where one row's gradient is some 10^10 times all others
together, such as after a target of 10^13 among targets near 1, the others are lost below the unit.

Whole numbers add up to the same bits in any order, so rows may be dealt to any number of threads,
and parent minus child leaves no rounding error behind, however small the child.  The row count
shares a word with the hessians (with the gradients, where all hessians are 1):

    entry = [sum g] [sum h | n]          or          [sum g | n]

A histogram is a flat array of entries, each of one or two words of int64.  The last of a
column's entries belongs to its missing values.

Cost: one addition a row and column, 16 (or 8) bytes a bin.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._kernel import block_kernel, kernel

TILE = 1024  # rows whose numbers are gathered before they are added
CACHE_LINE = 64  # bytes


# Column f's bins are the entries from its start on.  The last record only ends the last column.
COLUMN = np.dtype(
    [
        ("start", np.int64),
        ("n_bins", np.int64),  # the missing one aside
        ("is_categorical", np.int64),
        ("monotonic", np.int64),  # 1: predictions rise with it, -1: fall, 0: free
    ]
)


class Scale(NamedTuple):
    """What the whole numbers in a histogram stand for."""

    g_units: float  # units in a kept gradient of 1
    h_units: float
    g_unit: float  # what one unit is worth
    h_unit: float
    count_bits: int  # low bits of the last word, which hold the row count


@kernel
def _keep_block(gradient, hessian, factor, start, end, kept, total):
    of_gradients, of_hessians = 0.0, 0.0
    for i in range(start, end):
        kept[i, 0] = gradient[i] * factor[0]
        of_gradients += abs(gradient[i])
    if kept.shape[1] == 2:
        for i in range(start, end):
            kept[i, 1] = hessian[i] * factor[1]
            of_hessians += hessian[i]
    total[0], total[1] = of_gradients, of_hessians


@block_kernel
def _keep(
    gradient,  # (n,) in
    hessian,  # (n,) or (0,) in
    factor,  # (2,) in
    bounds,  # (b + 1,) in
    kept,  # (n, words) float32 out
    totals,  # (b, 2) out: sum of |g|, sum of h
):
    for block in prange(bounds.shape[0] - 1):
        _keep_block(
            gradient, hessian, factor, bounds[block], bounds[block + 1], kept, totals[block]
        )


def keep(
    gradient: np.ndarray, hessian: np.ndarray | None, kept: np.ndarray, n_threads: int
) -> Scale:
    """Copy gradients and hessians to `kept` (n, words), and choose the units of their sums."""
    n, words = kept.shape
    h = gradient[:0] if hessian is None else hessian
    bounds = block_bounds(n, 8192)
    totals = np.empty((len(bounds) - 1, 2))
    threads = n_threads if n > 20_000 else 1
    factor = np.ones(2)
    _keep(gradient, h, factor, bounds, kept, totals, n_threads=threads)
    total = totals.sum(axis=0)
    if not np.isfinite(total).all():
        raise ValueError(
            "The gradients of the loss exceed single precision (3e38): divide y, or the sample "
            "weights, by a large number."
        )
    size = total[:words] / n
    if np.any((size > 1e25) | ((size < 1e-25) & (size > 0))):
        # Single precision ends at 1e38: what comes near is kept in other units.
        factor[:words] = 2.0 ** -np.round(np.log2(np.maximum(size, 1e-300)))
        _keep(gradient, h, factor, bounds, kept, totals, n_threads=threads)
        total *= factor
    count_bits = n.bit_length()
    shared = 62 - count_bits  # bits of a sum that shares its word: a sign and a spare one are left
    g_unit = _unit(total[0], shared if words == 1 else 62)
    h_unit = 1.0 if words == 1 else _unit(total[1], shared)
    return Scale(
        1 / g_unit, 1 / h_unit, g_unit / float(factor[0]), h_unit / float(factor[1]), count_bits
    )


def _unit(total: float, bits: int) -> float:
    """Return the power of two of which 2^bits are over twice the total."""
    # Numbers are cut towards zero, so they never add up to more than the total.
    return float(2.0 ** (np.ceil(np.log2(max(total, 1e-200))) + 1 - bits))


@kernel
def gather(
    codes,  # (n * p,) in
    p,
    rows,  # (n,) in
    first,
    n_rows,
    kept,  # (n, words) in
    scale,  # Scale
    columns_from,
    columns_to,
    at,  # (TILE,) uint64 out: where each row's codes start
    numbers,  # (TILE * words,) out: what each row adds to an entry
):
    """Make ready the rows of a tile; return a number without meaning."""
    words = kept.shape[1]
    touched = np.uint64(0)
    for i in range(n_rows):
        row = np.uint64(rows[first + i])
        at[i] = row * np.uint64(p)
        # The codes are read once before they are needed, row after row: nothing waits for what is
        # read, so many rows are on their way from memory at a time.
        for column in range(columns_from, columns_to, CACHE_LINE):
            touched += codes[at[i] + np.uint64(column)]
        touched += codes[at[i] + np.uint64(columns_to - 1)]
        g = np.int64(kept[row, 0] * scale.g_units)
        if words == 1:
            numbers[i] = (g << scale.count_bits) + 1
        else:
            numbers[2 * i] = g
            numbers[2 * i + 1] = (np.int64(kept[row, 1] * scale.h_units) << scale.count_bits) + 1
    return touched


@kernel
def add_pairs(
    codes,  # (n * p,) in
    at,  # (TILE,) uint64 in
    n_rows,
    numbers,  # (TILE * 2,) in
    column,  # the first of four
    columns,  # (p + 1,) COLUMN in
    histogram,  # (entries * 2,) inout
):
    """Add a tile to the histograms of four columns, which together stay in the nearest cache."""
    start0, start1 = np.uint64(columns[column].start), np.uint64(columns[column + 1].start)
    start2, start3 = np.uint64(columns[column + 2].start), np.uint64(columns[column + 3].start)
    # Unsigned indices: a signed one is asked at each access whether it counts from the end.
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for i in range(n_rows):
        code = at[i] + np.uint64(column)
        g, h = numbers[2 * i], numbers[2 * i + 1]
        word = (start0 + codes[code]) << one
        histogram[word] += g
        histogram[word + one] += h
        word = (start1 + codes[code + one]) << one
        histogram[word] += g
        histogram[word + one] += h
        word = (start2 + codes[code + two]) << one
        histogram[word] += g
        histogram[word + one] += h
        word = (start3 + codes[code + three]) << one
        histogram[word] += g
        histogram[word + one] += h


@kernel
def add_singles(codes, at, n_rows, numbers, column, columns, histogram):
    """Do the same where an entry is one word."""
    start0, start1 = np.uint64(columns[column].start), np.uint64(columns[column + 1].start)
    start2, start3 = np.uint64(columns[column + 2].start), np.uint64(columns[column + 3].start)
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for i in range(n_rows):
        code = at[i] + np.uint64(column)
        g = numbers[i]
        histogram[start0 + codes[code]] += g
        histogram[start1 + codes[code + one]] += g
        histogram[start2 + codes[code + two]] += g
        histogram[start3 + codes[code + three]] += g


@kernel
def add_column(codes, at, n_rows, numbers, column, columns, words, histogram):
    """Add a tile to the histogram of one column."""
    start = np.uint64(columns[column].start)
    for i in range(n_rows):
        word = (start + codes[at[i] + np.uint64(column)]) * np.uint64(words)
        for k in range(words):
            histogram[word + np.uint64(k)] += numbers[words * i + k]


@kernel
def fill(
    codes,  # (n * p,) in
    rows,  # (n,) in
    start,
    end,  # the rows to add are rows[start:end]
    kept,  # (n, words) in
    scale,  # Scale
    columns,  # (p + 1,) COLUMN in
    first,
    last,  # the columns to fill
    histogram,  # (entries * words,) out
):
    """Sum the gradients of some rows by bin, for the columns from `first` to `last`."""
    p, words = columns.shape[0] - 1, kept.shape[1]
    for word in range(columns[first].start * words, columns[last].start * words):
        histogram[word] = 0
    at = np.empty(TILE, np.uint64)
    numbers = np.empty(TILE * words, np.int64)
    touched = np.uint64(0)
    for tile in range(start, end, TILE):
        n_rows = min(TILE, end - tile)
        touched += gather(codes, p, rows, tile, n_rows, kept, scale, first, last, at, numbers)
        column = first
        while column + 4 <= last:
            if words == 2:
                add_pairs(codes, at, n_rows, numbers, column, columns, histogram)
            else:
                add_singles(codes, at, n_rows, numbers, column, columns, histogram)
            column += 4
        while column < last:
            add_column(codes, at, n_rows, numbers, column, columns, words, histogram)
            column += 1
    return touched  # or the compiler would leave the first reading out


@kernel
def merge(
    partials,  # (parts, entries * words) in
    n_parts,
    first,
    last,  # the words
    histogram,  # (entries * words,) inout
):
    """Add what other threads summed of the same rows."""
    for part in range(n_parts):
        for word in range(first, last):
            histogram[word] += partials[part, word]


@kernel
def subtract(
    parent,  # (entries * words,) inout: becomes the other child's
    child,  # (entries * words,) in
    first,
    last,  # the words
):
    """Turn the parent's histogram into that of the child which was not passed over."""
    for word in range(first, last):
        parent[word] -= child[word]


@kernel
def sums(
    histogram,  # (entries * words,) in
    words,
    entry,
    scale,  # Scale
):
    """Return the sum of gradients, the sum of hessians and the number of rows of one entry."""
    g, last = histogram[entry * words], histogram[entry * words + words - 1]
    n = last & ((np.int64(1) << scale.count_bits) - 1)
    if words == 1:
        return (g >> scale.count_bits) * scale.g_unit, n * scale.h_unit, n
    return g * scale.g_unit, (last >> scale.count_bits) * scale.h_unit, n
