"""The rows that a tree is grown on, and where they stand while it grows.

The rows of a node stand side by side in one array of row numbers.  A split moves those that go left
before those that go right, in a second array of which the children take over their parts:

    node's depth d        [ ......... node ......... ]     half d % 2
    children's d + 1      [ ... left ... | . right . ]     half (d + 1) % 2

Row order within a part never changes, so sums of floating-point numbers come out the same in
whatever order nodes are split.

A node's rows lie scattered over the table.  As soon as a node is small, its rows are copied side by
side into a packed table, and all that is done below it stays within the processor's cache.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._sampling import CUT, number, unit
from groundup.tree._tree import NO_FEATURE


class Columns(NamedTuple):
    """The binning of the columns.

    Parameters
    ----------
    n_bins : ndarray of shape (p,), dtype int32
    offsets : ndarray of shape (p + 1,), dtype int64
    lowest : ndarray of shape (offsets[-1],), dtype float64
    """

    n_bins: np.ndarray
    offsets: np.ndarray
    lowest: np.ndarray


class Table(NamedTuple):
    """What is known of each row.

    Parameters
    ----------
    codes : ndarray of shape (n, p), dtype uint8 or uint32
    counts : ndarray of shape (n,), dtype int64
        See `_class_counts`; empty where they do not fit.
    target, weight : ndarray of shape (n,), dtype float64, or None where `counts` says it all
    """

    codes: np.ndarray
    counts: np.ndarray
    target: np.ndarray | None
    weight: np.ndarray | None


class Sample(NamedTuple):
    """The rows of the tree.

    Parameters
    ----------
    rows : ndarray of shape (2, n), dtype uint32
        Row numbers, node by node: numbers of rows of `whole`, or of `packed` at a packed node.
    whole, packed, packing : Table
        The last two are the same memory, to read and to write.
    packed_rows : int
        Nodes of at most so many rows are packed.
    total_weight : float
    kind : int
        `CLASSES`, `TARGETS` or `COUNTS`.
    counts : int
        The counts of all rows.
    centre : float
        What is taken off the targets before they are squared.
    """

    rows: np.ndarray
    whole: Table
    packed: Table
    packing: Table
    packed_rows: int
    total_weight: float
    kind: int
    counts: int
    centre: float


CLASSES, TARGETS, COUNTS = range(3)


class Split(NamedTuple):
    """A cut: codes up to `last_left` go left, codes from `first_right` on go right."""

    gain: float
    feature: int
    last_left: int
    first_right: int
    missing_left: int  # 2: no missing value was seen


NO_SPLIT = Split(-math.inf, NO_FEATURE, -1, -1, 2)


@kernel
def pack(sample, half, start, end, summing, medians):
    """Copy a node's rows into the packed table, to the places that they have in ``sample.rows``."""
    rows, whole, packing = sample.rows, sample.whole, sample.packing
    p = whole.codes.shape[1]
    for i in range(np.uint64(start), np.uint64(end)):
        row = rows[half, i]
        for f in range(np.uint64(p)):
            packing.codes[i, f] = whole.codes[row, f]
    if summing is None and medians is None:
        for i in range(np.uint64(start), np.uint64(end)):
            packing.counts[i] = whole.counts[rows[half, i]]
    else:
        for i in range(np.uint64(start), np.uint64(end)):
            packing.target[i] = whole.target[rows[half, i]]
            packing.weight[i] = whole.weight[rows[half, i]]
    for i in range(np.uint64(start), np.uint64(end)):
        rows[half, i] = i


@kernel
def partition(
    codes,  # (., p) in
    f,
    missing,
    last_left,
    missing_left,
    rows,  # (2, n) inout
    half,
    start,
    end,
    n_left,
):
    """Write a node's rows, those that go left first, into the other half."""
    to_left, to_right = np.uint64(start), np.uint64(start + n_left)
    for i in range(np.uint64(start), np.uint64(end)):
        row = rows[half, i]
        code = np.int64(codes[row, f])
        go_left = code <= last_left or (code == missing and missing_left)
        rows[1 - half, to_left if go_left else to_right] = row
        to_left += np.uint64(go_left)
        to_right += np.uint64(not go_left)


@kernel
def count_left(
    codes,  # (., p) in
    f,
    missing,
    last_left,
    missing_left,
    rows,  # (2, n) in
    half,
    start,
    end,
):
    """Return how many of a node's rows go left."""
    n_left = 0
    for i in range(np.uint64(start), np.uint64(end)):
        code = np.int64(codes[rows[half, i], f])
        n_left += code <= last_left or (code == missing and missing_left)
    return n_left


@kernel
def random_code(columns, f, least, greatest, seed):
    """Draw a value between two bins of a column; return the last bin that starts at or below it.

    At least `least`, and less than `greatest` unless they are the same.
    """
    lowest, offset = columns.lowest, columns.offsets[f]
    u = unit(seed, number(f, CUT))
    t = lowest[offset + least] * (1.0 - u) + lowest[offset + greatest] * u
    while greatest - least > 1:
        middle = (least + greatest) // 2
        if lowest[offset + middle] <= t:
            least = middle
        else:
            greatest = middle
    return least
