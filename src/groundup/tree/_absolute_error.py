r"""Splits by absolute error: a node predicts the median of its targets.

    H = sum_i w_i |y_i - m| / W,        m = the weighted median

No sum over a side tells this, because m moves with every row that changes sides.  But the targets
can be put in order once a node; then rows are counted in one after the other, in a Fenwick tree
[1]_ over that order, which gives the sums of w and w y over the least targets in log n steps, and
finds in log n steps the target at which the weights below reach half of all:

    sum_i w_i |y_i - m| = (S_above - m W_above) + (m W_below - S_below)

Counted in by ascending code of a column, this is the error on the left of every cut, and by
descending code that on the right: n log n a column, where sums take n.

Targets stand in the table as their ranks among the distinct ones, so that they sort like codes.

References
----------
.. [1] P. M. Fenwick, "A new data structure for cumulative frequency tables", Software: Practice and
   Experience 24(3), 1994.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._sample import NO_SPLIT, Split, random_code
from groundup.tree._sampling import SIDE, draw, number, take_back, unit
from groundup.tree._splitting import sort_keys


class Medians(NamedTuple):
    """The distinct targets, and buffers for one node.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,), dtype float64
        The distinct targets, ascending, less `centre`.
    centre : float
        The middle one: sums of what is far from 0 would lose digits.
    keys, other : ndarray of shape (n,), dtype uint64
        To be sorted.
    slot : ndarray of shape (n,), dtype int64
        Where each row's target stands among those of the node.
    target : ndarray of shape (n,), dtype float64
        The node's distinct targets, ascending.
    order, first : ndarray of shape (n + 1,), dtype int64
        The node's rows by code; where the rows of each code that occurs start.
    present : ndarray of shape (n,), dtype int64
        Those codes.
    weights, sums : ndarray of shape (n + 1,), dtype float64
        The Fenwick trees of w and w y: entry k adds up the ``k & -k`` slots up to k - 1.
    loss, weight : ndarray of shape (2, n), dtype float64
        Error and weight on the left of each cut, and on the right.
    """

    levels: np.ndarray
    centre: float
    keys: np.ndarray
    other: np.ndarray
    slot: np.ndarray
    target: np.ndarray
    order: np.ndarray
    first: np.ndarray
    present: np.ndarray
    weights: np.ndarray
    sums: np.ndarray
    loss: np.ndarray
    weight: np.ndarray


def medians_of(target: np.ndarray) -> tuple[np.ndarray, Medians]:
    """Return the targets' ranks (n,), float64, and the buffers for their nodes."""
    n_rows = len(target)
    levels, ranks = np.unique(target, return_inverse=True)
    centre = float(levels[len(levels) // 2])
    return ranks.astype(np.float64), Medians(
        levels=levels - centre,
        centre=centre,
        keys=np.empty(n_rows, np.uint64),
        other=np.empty(n_rows, np.uint64),
        slot=np.empty(n_rows, np.int64),
        target=np.empty(n_rows),
        order=np.empty(n_rows + 1, np.int64),
        first=np.empty(n_rows + 2, np.int64),
        present=np.empty(n_rows + 1, np.int64),
        weights=np.empty(n_rows + 1),
        sums=np.empty(n_rows + 1),
        loss=np.empty((2, n_rows + 1)),
        weight=np.empty((2, n_rows + 1)),
    )


@kernel
def order_targets(table, rows, half, start, end, medians):
    """Fill ``medians.slot`` and ``medians.target``; return the number of distinct targets."""
    keys, slot, target = medians.keys, medians.slot, medians.target
    n = end - start
    for i in range(n):
        keys[i] = (np.uint64(table.target[rows[half, start + i]]) << np.uint64(32)) | np.uint64(i)
    sort_keys(keys, medians.other, n, medians.levels.shape[0])
    n_slots = 0
    for i in range(n):
        y = medians.levels[np.int64(keys[i] >> np.uint64(32))]
        if n_slots == 0 or target[n_slots - 1] != y:
            target[n_slots] = y
            n_slots += 1
        slot[np.int64(keys[i] & np.uint64(0xFFFFFFFF))] = n_slots - 1
    return n_slots


@kernel
def median_and_impurity(table, rows, half, start, end, medians):
    """Return a node's median, weight and impurity."""
    n_slots = order_targets(table, rows, half, start, end, medians)
    target, weights = medians.target, medians.weights
    for k in range(n_slots):
        weights[k] = 0.0
    W = 0.0
    for i in range(end - start):
        w = table.weight[rows[half, start + i]]
        weights[medians.slot[i]] += w
        W += w
    below = 0.0
    k = 0
    while below + weights[k] < 0.5 * W and k < n_slots - 1:
        below += weights[k]
        k += 1
    m = target[k]
    if below + weights[k] == 0.5 * W and k < n_slots - 1:
        m = 0.5 * target[k] + 0.5 * target[k + 1]
    H = 0.0
    for k in range(n_slots):
        H += weights[k] * abs(target[k] - m)
    return m + medians.centre, W, H / W


@kernel
def order_codes(table, f, n_bins, rows, half, start, end, medians):
    """Fill ``medians.order``, `first` and `present`; return how many codes occur."""
    keys, order, first, present = medians.keys, medians.order, medians.first, medians.present
    n = end - start
    for i in range(n):
        code = np.uint64(table.codes[rows[half, start + i], f])
        keys[i] = (code << np.uint64(32)) | np.uint64(i)
    sort_keys(keys, medians.other, n, n_bins)
    n_present = 0
    for i in range(n):
        code = np.int64(keys[i] >> np.uint64(32))
        order[i] = np.int64(keys[i] & np.uint64(0xFFFFFFFF))
        if n_present == 0 or present[n_present - 1] != code:
            present[n_present] = code
            first[n_present] = i
            n_present += 1
    first[n_present] = n
    return n_present


@kernel
def count_in(table, rows, half, start, j, n_slots, medians):
    """Put the rows of the j-th code into the Fenwick trees; return the sums of w and w y."""
    W, S = 0.0, 0.0
    for i in range(medians.first[j], medians.first[j + 1]):
        at = medians.order[i]
        slot = medians.slot[at]
        w = table.weight[rows[half, start + at]]
        wy = w * medians.target[slot]
        W += w
        S += wy
        k = slot + 1
        while k <= n_slots:
            medians.weights[k] += w
            medians.sums[k] += wy
            k += k & -k
    return W, S


@kernel
def error_around_median(W, S, n_slots, medians):
    """Return sum_i w_i |y_i - m| of the rows that are in; `W` and `S` are their sums."""
    step = 1
    while 2 * step <= n_slots:
        step *= 2
    k = 0
    below_W, below_S = 0.0, 0.0
    while step > 0:  # the most slots that together weigh less than half
        if k + step <= n_slots and below_W + medians.weights[k + step] < 0.5 * W:
            k += step
            below_W += medians.weights[k]
            below_S += medians.sums[k]
        step //= 2
    m = medians.target[min(k, n_slots - 1)]
    return ((S - below_S) - m * (W - below_W)) + (m * below_W - below_S)


@kernel
def sweep(side, table, rows, half, start, n_values, with_missing, n_slots, medians):
    """Fill ``medians.loss[side]`` and ``medians.weight[side]``.

    Cut j is behind the j-th code: side 0 holds the codes up to it, side 1 those after it, and the
    missing values, if they are on this side.
    """
    for k in range(n_slots + 1):
        medians.weights[k] = 0.0
        medians.sums[k] = 0.0
    W, S = 0.0, 0.0
    if with_missing:
        W, S = count_in(table, rows, half, start, n_values, n_slots, medians)
    if side == 1:  # behind the last code
        medians.weight[1, n_values - 1] = W
        medians.loss[1, n_values - 1] = error_around_median(W, S, n_slots, medians)
    for i in range(n_values):
        j = i if side == 0 else n_values - 1 - i
        more_W, more_S = count_in(table, rows, half, start, j, n_slots, medians)
        W += more_W
        S += more_S
        cut = j if side == 0 else j - 1
        if cut >= 0:
            medians.weight[side, cut] = W
            medians.loss[side, cut] = error_around_median(W, S, n_slots, medians)


@kernel
def best_median_cut(
    growth, columns, table, f, rows, half, start, end, seed, n_present, n_slots, medians, best
):
    """Return the best of `best` and the cuts of column `f`, or of `best` and a cut at random."""
    present, first = medians.present, medians.first
    n = end - start
    has_missing = present[n_present - 1] == columns.n_bins[f]
    n_values = n_present - 1 if has_missing else n_present
    n_missing = n - first[n_values]
    random = growth.random_split != 0
    last = -1
    side = 0
    if random:
        last = random_code(columns, f, present[0], present[n_values - 1], seed)
        side = np.int64(has_missing and unit(seed, number(f, SIDE)) < 0.5)
    for missing_left in range(2 if has_missing else 1):
        if random and missing_left != side:
            continue
        sweep(0, table, rows, half, start, n_values, missing_left == 1, n_slots, medians)
        on_right = has_missing and missing_left == 0
        sweep(1, table, rows, half, start, n_values, on_right, n_slots, medians)
        for j in range(n_values if on_right else n_values - 1):
            if random and not (present[j] <= last and (j + 1 == n_values or present[j + 1] > last)):
                continue
            n_left = first[j + 1] + (n_missing if missing_left else 0)
            if n_left < growth.min_samples_leaf or n - n_left < growth.min_samples_leaf:
                continue
            if min(medians.weight[0, j], medians.weight[1, j]) < growth.min_weight_leaf:
                continue
            gain = -(medians.loss[0, j] + medians.loss[1, j])
            if gain > best.gain:
                tells = missing_left if has_missing else 2
                best = Split(gain, np.int64(f), present[j], present[j + 1], np.int64(tells))
    return best


@kernel
def find_median_split(growth, columns, table, rows, half, start, end, seed, features, medians):
    """Return the best cut of a node, as `find_split` does, by absolute error."""
    n_slots = order_targets(table, rows, half, start, end, medians)
    p = table.codes.shape[1]
    wanted = min(growth.max_features, p)
    best = NO_SPLIT
    found = False
    n_drawn = 0
    while n_drawn < p and (n_drawn < wanted or not found):
        draw(features, n_drawn, seed)
        f = features[n_drawn]
        n_drawn += 1
        n_bins = np.int64(columns.n_bins[f])
        n_present = order_codes(table, f, n_bins, rows, half, start, end, medians)
        if n_present > 1:
            found = True
            best = best_median_cut(
                growth,
                columns,
                table,
                f,
                rows,
                half,
                start,
                end,
                seed,
                n_present,
                n_slots,
                medians,
                best,
            )
    take_back(features, n_drawn, seed)
    return best
