r"""Histograms of gradients: for each bin of each column, the sums that decide where to split.

    G_b = sum of g_i,   H_b = sum of h_i,   n_b = number of rows      over the node's rows in bin b

Any split of the node is judged from these sums alone, so a node costs one pass over its rows, and
then the number of bins, however many rows there are.  Of two children only the smaller is passed
over: the larger one's histogram is the parent's minus the smaller one's.

Gradients are kept in single precision, and summed exactly: each is a whole number of units, where
the unit is a power of two such that no sum overflows 64 bits.

    sum_i g_i  =  unit * sum_i round(g_i / unit)

Whole numbers add up to the same bits in any order, so rows may be dealt to any number of threads,
and parent minus child leaves no rounding error behind, however small the child.  The row count
shares a word with the hessians (with the gradients, where all hessians are 1):

    entry = [sum g]  [sum h | n]          or  [sum g | n]

A histogram is an array (entries, words) of int64; column f's bins are the entries from starts[f],
its missing values the last entry before starts[f + 1].

Cost: one addition a row and column, 16 (or 8) bytes a bin.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._kernel import block_kernel, kernel


class Scale(NamedTuple):
    """What the whole numbers in a histogram stand for."""

    gradient_unit: float
    hessian_unit: float
    count_bits: int  # low bits of the last word, which hold the row count


@block_kernel
def _keep(
    gradient,  # (n,) in
    hessian,  # (n,) or (0,) in
    bounds,  # (b + 1,) in
    kept,  # (n, words) float32 out
    totals,  # (b, 2) out: sum of |g|, sum of h
):
    for block in prange(bounds.shape[0] - 1):
        totals[block] = 0.0
        for i in range(bounds[block], bounds[block + 1]):
            kept[i, 0] = gradient[i]
            totals[block, 0] += abs(gradient[i])
            if kept.shape[1] == 2:
                kept[i, 1] = hessian[i]
                totals[block, 1] += hessian[i]


def keep(
    gradient: np.ndarray, hessian: np.ndarray | None, kept: np.ndarray, n_threads: int
) -> Scale:
    """Copy gradients and hessians to `kept` (n, words), and choose the units of their sums."""
    n = len(gradient)
    bounds = block_bounds(n, 8192)
    totals = np.empty((len(bounds) - 1, 2))
    _keep(
        gradient,
        gradient[:0] if hessian is None else hessian,
        bounds,
        kept,
        totals,
        n_threads=n_threads if n > 20_000 else 1,
    )
    of_gradients, of_hessians = totals.sum(axis=0)
    count_bits = n.bit_length()
    shared = 61 - count_bits  # bits of a sum that shares its word, a sign and a spare one aside
    if hessian is None:
        return Scale(_unit(of_gradients, n, shared), 1.0, count_bits)
    return Scale(_unit(of_gradients, n, 61), _unit(of_hessians, n, shared), count_bits)


def _unit(total: float, n: int, bits: int) -> float:
    # Rounding adds at most half a unit a row: total / unit + n / 2 <= 2^bits
    return float(2.0 ** (np.ceil(np.log2(max(total, 1e-290))) - (bits - 1)))


@kernel
def fill(
    codes,  # (n, p) in
    rows,  # (n,) in
    start,
    end,  # the node's rows are rows[start:end]
    kept,  # (n, words) in
    scale,  # Scale
    starts,  # (p + 1,) in
    first,
    last,  # the columns to fill
    histogram,  # (entries, words) out
):
    """Sum the gradients of a node's rows by bin, for the columns from `first` to `last`."""
    histogram[starts[first] : starts[last]] = 0
    per_g, per_h = 1.0 / scale.gradient_unit, 1.0 / scale.hessian_unit
    for i in range(start, end):
        row = rows[i]
        g = np.int64(kept[row, 0] * per_g)
        if histogram.shape[1] == 2:
            h = (np.int64(kept[row, 1] * per_h) << scale.count_bits) + 1
            for f in range(first, last):
                entry = starts[f] + codes[row, f]
                histogram[entry, 0] += g
                histogram[entry, 1] += h
        else:
            g = (g << scale.count_bits) + 1
            for f in range(first, last):
                histogram[starts[f] + codes[row, f], 0] += g


@kernel
def subtract(
    parent,  # (entries, words) inout: becomes the other child's
    child,  # (entries, words) in
    first,
    last,  # the entries
):
    """Turn the parent's histogram into that of the child which was not passed over."""
    for entry in range(first, last):
        for word in range(parent.shape[1]):
            parent[entry, word] -= child[entry, word]


@kernel
def sums(
    histogram,  # (entries, words) in
    entry,
    scale,  # Scale
):
    """Return the sum of gradients, the sum of hessians and the number of rows of one entry."""
    count_mask = (np.int64(1) << scale.count_bits) - 1
    last = histogram[entry, histogram.shape[1] - 1]
    n = last & count_mask
    if histogram.shape[1] == 2:
        return (
            histogram[entry, 0] * scale.gradient_unit,
            (last >> scale.count_bits) * scale.hessian_unit,
            n,
        )
    return (last >> scale.count_bits) * scale.gradient_unit, n * scale.hessian_unit, n
