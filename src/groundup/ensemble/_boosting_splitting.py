r"""The best split of a node, found from its histogram.

A leaf with the sums G and H can lower the loss, to second order, by G^2 / (2 (H + l2)).  So two
children gain over their parent (twice)

    gain = G_L^2 / (H_L + l2) + G_R^2 / (H_R + l2) - G^2 / (H + l2)

and with the sums by bin each threshold's gain follows from the sums over the bins up to it.
Missing values are tried on both sides.

Categories have no order, and 2^k ways to halve k of them.  But sorted by G_b / H_b the best halving
is a threshold in that order [1]_, so k - 1 candidates are enough.

So each column offers a list of candidates, numbered from 0:

    n_bins thresholds, missing values on the right; then, if any is missing, the same on the left
    half the ranks, from the front of the sorted categories; then half of them, from the back

References
----------
.. [1] Fisher (1958), "On grouping for maximum homogeneity", Journal of the American Statistical
   Association 53.
.. [2] Friedman (2001), "Greedy function approximation: a gradient boosting machine", Annals of
   Statistics 29(5).
.. [3] Ke et al. (2017), "LightGBM: a highly efficient gradient boosting decision tree", NIPS.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.ensemble._constraints import bounded_value
from groundup.ensemble._histogram import sums

MOST_CANDIDATES = 512  # 256 codes, twice
TINY = 1e-15  # added to hessians: a node without curvature has a value all the same

# A category needs this many rows' worth of hessian to be told apart, and its statistic is smoothed
# by as much (scikit-learn's rule).
MIN_CATEGORY_SUPPORT = 10.0


@kernel
def thresholds_left(
    histogram,  # (entries * words,) in
    words,
    start,  # the column's first entry
    n_bins,  # its bins, the missing one aside
    scale,  # Scale
    running,  # (2, 256) int64 out
    left,  # (3, MOST_CANDIDATES) out: sums of gradients, of hessians, rows
):
    """Sum what lies left of each threshold; return the number of candidates."""
    g_running, h_running = running[0], running[1]
    g_left, h_left, n_left = left[0], left[1], left[2]
    g, h = np.int64(0), np.int64(0)
    column = histogram[start * words : (start + n_bins) * words]
    if words == 2:
        for code in range(n_bins):
            g += column[2 * code]
            h += column[2 * code + 1]
            g_running[code] = g
            h_running[code] = h
    else:
        for code in range(n_bins):
            g += column[code]
            g_running[code] = g
    count = (np.int64(1) << scale.count_bits) - 1
    if words == 2:
        for code in range(n_bins):
            g_left[code] = g_running[code] * scale.g_unit
            h_left[code] = (h_running[code] >> scale.count_bits) * scale.h_unit
            n_left[code] = h_running[code] & count
    else:
        for code in range(n_bins):
            g_left[code] = (g_running[code] >> scale.count_bits) * scale.g_unit
            n_left[code] = g_running[code] & count
            h_left[code] = n_left[code] * scale.h_unit
    g_missing, h_missing, n_missing = sums(histogram, words, start + n_bins, scale)
    if n_missing == 0:
        return n_bins
    for code in range(n_bins):
        g_left[n_bins + code] = g_left[code] + g_missing
        h_left[n_bins + code] = h_left[code] + h_missing
        n_left[n_bins + code] = n_left[code] + n_missing
    return 2 * n_bins


@kernel
def category_order(
    histogram,  # (entries * words,) in
    words,
    start,
    n_bins,  # the column's bins, the missing one aside
    node,  # NODE in
    scale,  # Scale
    order,  # (256,) out: codes of the categories with enough support, by their statistic
):
    """Sort a column's categories by G_b / (H_b + smoothing); return how many have support."""
    statistic = np.empty(n_bins + 1)
    k = 0
    for code in range(n_bins + 1):
        g, h, count = sums(histogram, words, start + code, scale)
        # h n / H rows' worth; as products, because a rounded quotient would miss equality
        if count > 0 and h * node.n_rows >= MIN_CATEGORY_SUPPORT * node.hessian:
            value = g / (h + MIN_CATEGORY_SUPPORT)
            place = k
            while place > 0 and statistic[place - 1] > value:
                statistic[place] = statistic[place - 1]
                order[place] = order[place - 1]
                place -= 1
            statistic[place] = value
            order[place] = code
            k += 1
    return k


@kernel
def category_at(order, k, candidate):
    """Return the category which that candidate adds to those on the left."""
    half = (k + 1) // 2
    return order[candidate] if candidate < half else order[k - 1 - (candidate - half)]


@kernel
def categories_left(
    histogram,  # (entries * words,) in
    words,
    start,
    n_bins,
    node,  # NODE in
    scale,  # Scale
    left,  # (3, MOST_CANDIDATES) out
):
    """Sum what each candidate sends left; return the number of candidates."""
    order = np.empty(256, np.int64)
    k = category_order(histogram, words, start, n_bins, node, scale, order)
    if k < 2:
        return 0
    half = (k + 1) // 2
    for candidate in range(2 * half - 1):
        g, h, n = sums(histogram, words, start + category_at(order, k, candidate), scale)
        if candidate != 0 and candidate != half:  # one more than the candidate before
            g += left[0, candidate - 1]
            h += left[1, candidate - 1]
            n += left[2, candidate - 1]
        left[0, candidate], left[1, candidate], left[2, candidate] = g, h, n
    return 2 * half - 1


@kernel
def gains(
    left,  # (3, MOST_CANDIDATES) in
    n_candidates,
    node,  # NODE in
    growth,  # BoostGrowth
    monotonic,  # of the column
    gain,  # (MOST_CANDIDATES,) out; 0 for what is not allowed or gains nothing
):
    """Judge every candidate of a column."""
    G, H, n = node.gradient, node.hessian, node.n_rows
    l2, least_rows, least_h = growth.l2 + TINY, growth.min_samples_leaf, growth.min_hessian
    lower, upper = node.lower, node.upper
    unsplit = -bounded_value(G, H, l2, lower, upper) * G
    g_left, h_left, n_left = left[0], left[1], left[2]
    if monotonic == 0 and lower == -np.inf and upper == np.inf:
        for c in range(n_candidates):
            gl, hl, nl = g_left[c], h_left[c], n_left[c]
            gr, hr, nr = G - gl, H - hl, n - nl
            allowed = (nl >= least_rows) & (nr >= least_rows) & (hl >= least_h) & (hr >= least_h)
            # G_L^2 / (H_L + l2) + G_R^2 / (H_R + l2) over a common denominator
            hl += l2
            hr += l2
            value = (gl * gl * hr + gr * gr * hl) / (hl * hr) - unsplit
            gain[c] = value if allowed & (value > 0) else 0.0
        return
    for c in range(n_candidates):
        gl, hl, nl = g_left[c], h_left[c], n_left[c]
        gr, hr, nr = G - gl, H - hl, n - nl
        allowed = (nl >= least_rows) & (nr >= least_rows) & (hl >= least_h) & (hr >= least_h)
        value_left = bounded_value(gl, hl, l2, lower, upper)
        value_right = bounded_value(gr, hr, l2, lower, upper)
        allowed &= monotonic * (value_right - value_left) >= 0
        value = -gl * value_left - gr * value_right - unsplit
        gain[c] = value if allowed & (value > 0) else 0.0


@kernel
def largest(numbers, n):
    """Return the first place of the largest of numbers that are not negative."""
    # Read as whole numbers they have the same order, and their largest is found eight at a time.
    bits = numbers[:n].view(np.int64)
    most = np.int64(0)
    for c in range(n):
        most = max(most, bits[c])
    for c in range(n):
        if bits[c] == most:
            return c
    return -1


@kernel
def best_of_column(
    column,  # COLUMN in
    histogram,  # (entries * words,) in
    words,
    node,  # NODE in
    growth,  # BoostGrowth
    scale,  # Scale
    running,  # (2, 256) int64 out
    left,  # (3, MOST_CANDIDATES) out
    gain,  # (MOST_CANDIDATES,)
):
    """Return the gain of a column's best split, 0 if none gains, and which candidate it is."""
    start, n_bins = column.start, column.n_bins
    if column.is_categorical:
        n_candidates = categories_left(histogram, words, start, n_bins, node, scale, left)
    else:
        n_candidates = thresholds_left(histogram, words, start, n_bins, scale, running, left)
    if n_candidates == 0:
        return 0.0, -1
    gains(left, n_candidates, node, growth, column.monotonic, gain)
    best = largest(gain, n_candidates)
    return gain[best], best


@kernel
def mark_left(
    column,  # COLUMN in
    candidate,  # the split
    histogram,  # (entries * words,) in
    words,
    node,  # NODE in
    scale,  # Scale
    goes_left,  # (256,) uint8 out: whether each code goes left
    child,  # NODE out: the left child's sums
):
    """Write out a split: where each code goes, and what then lies on the left."""
    start, n_bins = column.start, column.n_bins
    for code in range(256):
        goes_left[code] = 0
    if column.is_categorical:
        order = np.empty(256, np.int64)
        k = category_order(histogram, words, start, n_bins, node, scale, order)
        half = (k + 1) // 2
        for c in range(0 if candidate < half else half, candidate + 1):
            goes_left[category_at(order, k, c)] = 1
    else:
        for code in range(candidate % n_bins + 1):
            goes_left[code] = 1
        goes_left[n_bins] = candidate >= n_bins
    child.gradient, child.hessian, child.n_rows = 0.0, 0.0, 0
    for code in range(n_bins + 1):
        if goes_left[code]:
            g, h, n = sums(histogram, words, start + code, scale)
            child.gradient += g
            child.hessian += h
            child.n_rows += n
    if sums(histogram, words, start + n_bins, scale)[2] == 0:
        # No value is missing here: those to come follow the larger side.
        goes_left[n_bins] = 2 * child.n_rows > node.n_rows
