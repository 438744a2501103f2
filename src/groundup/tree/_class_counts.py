r"""Two classes and whole-number weights: the case that forests spend their time on.

The rows, the weight and the weight of class 1 behind a code share one 64-bit number,

    rows << 42  |  weight << 21  |  weight of class 1 ,

so a row is tallied by one addition, and what is on the left of a cut is a running sum of whole
numbers: exact, and the same in any order.  With l, l_1 on the left, W, W_1 in the node and
r = W - l,

    gini gain = (l_1 W - l W_1)^2 / (l r)        (times 2 / W^3: the fall in impurity)

which needs one division, and is greatest, W_0 W_1, where the cut separates the classes: then the
search is over.  This is `_splitting` with two classes, said differently; the tests compare them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._criterion import GINI
from groundup.tree._sample import Split, random_code
from groundup.tree._sampling import SIDE, draw, number, take_back, unit
from groundup.tree._tree import NO_FEATURE

FIELD = 21
MASK = (1 << FIELD) - 1
MOST_WEIGHT = MASK  # what a field can hold

FEW = 64  # rows; above, all bins are walked over
COLUMNS_AT_ONCE = 8
_LOGS = np.concatenate([[0.0], np.arange(1, 4096) * np.log2(np.arange(1, 4096))])  # m log2 m
# The position of the lowest bit of a 64-bit number (de Bruijn's sequence).
_SEQUENCE = 0x03F79D71B4CB0A89
_POSITION = np.empty(64, dtype=np.int64)
_POSITION[[((_SEQUENCE << i) & (2**64 - 1)) >> 58 for i in range(64)]] = np.arange(64)
_DE_BRUIJN = np.uint64(_SEQUENCE)
_ONE, _58, _63 = np.uint64(1), np.uint64(58), np.uint64(63)


class CountSpace(NamedTuple):
    """Buffers of the search.

    Parameters
    ----------
    histogram : ndarray of shape (columns at once, 256), dtype int64
        Zero between two searches.
    occupied : ndarray of shape (4,), dtype uint64
        Which codes occur, a bit each; zero between two searches.
    present, sums : ndarray of shape (257,), dtype int64
        The codes that occur in the node, ascending, and what is on the left of a cut behind each.
    """

    histogram: np.ndarray
    occupied: np.ndarray
    present: np.ndarray
    sums: np.ndarray


@kernel
def bit_position(bit):
    """Return which of a 64-bit number's bits is the one that is set."""
    return _POSITION[(bit * _DE_BRUIJN) >> _58]


@kernel
def m_log_m(m):
    """Return m log2 m for a whole number."""
    return _LOGS[m] if m < 4096 else m * math.log2(m)


@kernel
def gini_gain(left, total):
    """Return the gini gain of a cut with `left` on its left."""
    W, W1 = (total >> FIELD) & MASK, total & MASK
    l, l1 = (left >> FIELD) & MASK, left & MASK
    d = np.float64(l1 * W - l * W1)
    return d * d / np.float64(l * (W - l))


@kernel
def entropy_gain(left, total):
    """Return the entropy gain of a cut with `left` on its left."""
    l, l1 = (left >> FIELD) & MASK, left & MASK
    r, r1 = ((total >> FIELD) & MASK) - l, (total & MASK) - l1
    on_left = m_log_m(l1) + m_log_m(l - l1) - m_log_m(l)
    return on_left + (m_log_m(r1) + m_log_m(r - r1) - m_log_m(r))


@kernel
def tally_few(
    codes,  # (., p) in
    f,
    rows,  # (2, n) in
    half,
    start,
    end,
    counts,  # (.,) in: the packed counts of each row
    histogram,  # (., 256) inout: zero before and after
    occupied,  # (4,) inout: likewise
    present,  # (257,) out
    sums,  # (257,) out
):
    """Find the codes that occur, and the sums up to each; return how many codes occur."""
    for i in range(np.uint64(start), np.uint64(end)):
        row = rows[half, i]
        code = np.uint64(codes[row, f])
        histogram[0, code] += counts[row]
        occupied[code >> np.uint64(6)] |= _ONE << (code & _63)
    n_present = 0
    total = 0
    for word in range(4):
        bits = occupied[word]
        occupied[word] = 0
        while bits != 0:
            lowest = bits & (~bits + _ONE)
            bits ^= lowest
            code = 64 * word + bit_position(lowest)
            total += histogram[0, code]
            histogram[0, code] = 0
            present[n_present] = code
            sums[n_present] = total
            n_present += 1
    return n_present


@kernel
def tally_many(
    codes,  # (., p) in
    features,  # (p,) in
    first,
    n_features,
    rows,  # (2, n) in
    half,
    start,
    end,
    counts,  # (.,) in
    histogram,  # (., 256) inout
):
    """Add the rows up in the histograms of some columns at once, while a row is at hand."""
    for i in range(np.uint64(start), np.uint64(end)):
        row = rows[half, i]
        count = counts[row]
        for j in range(np.uint64(n_features)):
            f = np.uint64(features[np.uint64(first) + j])
            histogram[j, np.uint64(codes[row, f])] += count


@kernel
def accumulate(
    j,
    n_codes,
    histogram,  # (., 256) inout: row j is zero afterwards
    present,  # (257,) out
    sums,  # (257,) out
):
    """Find the codes that occur in histogram j, and the sums up to each; return how many."""
    n_present = 0
    total = 0
    for code in range(np.uint64(n_codes)):
        count = histogram[j, code]
        histogram[j, code] = 0
        total += count
        present[np.uint64(n_present)] = code
        sums[np.uint64(n_present)] = total
        n_present += count != 0
    return n_present


@kernel
def is_allowed(growth, left, total):
    """Tell whether both sides are large enough."""
    n_left, w_left = left >> (2 * FIELD), (left >> FIELD) & MASK
    n, W = total >> (2 * FIELD), (total >> FIELD) & MASK
    return (
        min(n_left, n - n_left) >= growth.min_samples_leaf
        and min(w_left, W - w_left) >= growth.min_weight_leaf
    )


@kernel
def best_cut_of_counts(
    growth,
    f,
    missing,  # the code of a missing value
    total,
    n_present,
    present,  # (.,) in
    sums,  # (.,) in
    best,
    best_left,
):
    """Return the best of `best` and the cuts of column `f`, and what is on its left."""
    has_missing = present[n_present - 1] == missing
    n_values = n_present - 1 if has_missing else n_present
    on_missing = total - sums[n_values - 1] if has_missing else 0
    best_gain, best_at, best_side = best.gain, -1, 2
    for missing_left in range(2 if has_missing else 1):
        # With the missing values on the right, all others may go left.
        n_cuts = n_values if has_missing and missing_left == 0 else n_values - 1
        extra = on_missing if missing_left else 0
        for j in range(n_cuts):
            left = sums[j] + extra
            if growth.criterion == GINI:
                gain = gini_gain(left, total)
            else:
                gain = entropy_gain(left, total)
            if gain > best_gain and is_allowed(growth, left, total):
                best_gain, best_at, best_left = gain, j, left
                best_side = missing_left if has_missing else 2
    if best_at < 0:
        return best, best_left
    cut = Split(best_gain, np.int64(f), present[best_at], present[best_at + 1], np.int64(best_side))
    return cut, best_left


@kernel
def separates(left, total):
    """Tell whether the cut leaves one class on each side, so that none can be better."""
    l, l1 = (left >> FIELD) & MASK, left & MASK
    r1 = (total & MASK) - l1
    r = ((total >> FIELD) & MASK) - l
    return (l1 == 0 or l1 == l) and (r1 == 0 or r1 == r)


@kernel
def random_cut_of_counts(
    growth,
    columns,
    codes,  # (., p) in
    f,
    rows,  # (2, n) in
    half,
    start,
    end,
    counts,  # (.,) in
    total,
    seed,
    best,
    best_left,
):
    """Return the better of `best` and a random cut of column `f`; whether the column varies."""
    missing = np.int64(columns.n_bins[f])
    least, greatest, has_missing = missing, -1, False
    for i in range(np.uint64(start), np.uint64(end)):
        code = np.int64(codes[rows[half, i], f])
        if code == missing:
            has_missing = True
        else:
            least, greatest = min(least, code), max(greatest, code)
    if greatest < 0 or (least == greatest and not has_missing):
        return best, best_left, False
    last = random_code(columns, f, least, greatest, seed)
    missing_left = np.int64(2)
    if has_missing:
        missing_left = np.int64(unit(seed, number(f, SIDE)) < 0.5)
    left = 0
    for i in range(np.uint64(start), np.uint64(end)):
        row = rows[half, i]
        code = np.int64(codes[row, f])
        go_left = missing_left == 1 if code == missing else code <= last
        left += counts[row] if go_left else 0
    if left == 0 or left == total:
        return best, best_left, True
    if growth.criterion == GINI:
        gain = gini_gain(left, total)
    else:
        gain = entropy_gain(left, total)
    if gain > best.gain and is_allowed(growth, left, total):
        best, best_left = Split(gain, np.int64(f), last, last + 1, missing_left), left
    return best, best_left, True


@kernel
def find_cut_of_counts(
    growth,
    columns,
    table,
    rows,  # (2, n) in
    half,
    start,
    end,
    total,
    seed,
    features,  # (p,) inout: the same before and after
    space,
):
    """Return the best cut of a node, and what is on its left; see `_splitting.find_split`."""
    codes, counts = table.codes, table.counts
    histogram, occupied = space.histogram, space.occupied
    present, sums = space.present, space.sums
    p = codes.shape[1]
    wanted = min(growth.max_features, p)
    at_once = COLUMNS_AT_ONCE if end - start > FEW and growth.random_split == 0 else 1
    best = Split(-math.inf, np.int64(NO_FEATURE), np.int64(-1), np.int64(-1), np.int64(2))
    best_left = np.int64(0)
    found = False
    n_drawn = 0
    while n_drawn < p and (n_drawn < wanted or not found):
        first = n_drawn
        n_drawn += max(1, min(at_once, wanted - first))
        for i in range(first, n_drawn):
            draw(features, i, seed)
        if at_once > 1:
            n_columns = n_drawn - first
            tally_many(codes, features, first, n_columns, rows, half, start, end, counts, histogram)
        for i in range(first, n_drawn):
            f = np.int64(features[i])
            missing = np.int64(columns.n_bins[f])
            if growth.random_split:
                best, best_left, varies = random_cut_of_counts(
                    growth,
                    columns,
                    codes,
                    f,
                    rows,
                    half,
                    start,
                    end,
                    counts,
                    total,
                    seed,
                    best,
                    best_left,
                )
                found = found or varies
                continue
            if at_once > 1:
                n_present = accumulate(i - first, missing + 1, histogram, present, sums)
            else:
                n_present = tally_few(
                    codes, f, rows, half, start, end, counts, histogram, occupied, present, sums
                )
            if n_present > 1:
                found = True
                best, best_left = best_cut_of_counts(
                    growth, f, missing, total, n_present, present, sums, best, best_left
                )
        if best_left > 0 and separates(best_left, total):
            break
    take_back(features, n_drawn, seed)
    return best, best_left
