r"""The best split of a node, found from its histogram.

A leaf with the sums G and H can lower the loss, to second order, by G^2 / (2 (H + l2)).  So two
children gain over their parent (twice)

    gain = G_L^2 / (H_L + l2) + G_R^2 / (H_R + l2) - G^2 / (H + l2)

and with the sums by bin each threshold's gain follows from the sums over the bins up to it.
Missing values are tried on both sides.

Categories have no order, and 2^k ways to halve k of them.  But sorted by G_b / H_b the best halving
is a threshold in that order [1]_, so k - 1 candidates are enough.

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

# A category needs this many rows' worth of hessian to be told apart, and its statistic is smoothed
# by as much (scikit-learn's rule).
MIN_CATEGORY_SUPPORT = 10.0


@kernel
def split_gain(gl, hl, gr, hr, growth, monotonic, lower, upper):
    """Return the losses' decrease of two children over no split, not counting the parent's."""
    left = bounded_value(gl, hl, growth.l2, lower, upper)
    right = bounded_value(gr, hr, growth.l2, lower, upper)
    if (monotonic > 0 and left > right) or (monotonic < 0 and left < right):
        return -np.inf
    return -gl * left - gr * right


@kernel
def best_threshold(
    histogram,  # (entries, words) in
    start,  # the column's first entry
    n_bins,  # its bins, the missing one aside
    total,  # (3,) in: the node's sums of gradients, hessians, rows
    growth,  # BoostGrowth
    scale,  # Scale
    monotonic,
    lower,
    upper,
):
    """Return gain (of the children), last code that goes left, whether missing go left."""
    G, H, n = total[0], total[1], total[2]
    g_missing, h_missing, n_missing = sums(histogram, start + n_bins, scale)
    best, best_code, best_left = -np.inf, -1, False
    for missing_left in range(1 + (n_missing > 0)):
        gl, hl, nl = 0.0, 0.0, 0
        if missing_left:
            gl, hl, nl = g_missing, h_missing, n_missing
        # The last bin ends a threshold only where missing values stay on the other side.
        for code in range(n_bins - (missing_left or n_missing == 0)):
            g, h, count = sums(histogram, start + code, scale)
            gl += g
            hl += h
            nl += count
            if nl < growth.min_samples_leaf or hl < growth.min_hessian:
                continue
            if n - nl < growth.min_samples_leaf or H - hl < growth.min_hessian:
                break
            gain = split_gain(gl, hl, G - gl, H - hl, growth, monotonic, lower, upper)
            if gain > best:
                best, best_code, best_left = gain, code, missing_left == 1
    return best, best_code, best_left


@kernel
def category_order(
    histogram,  # (entries, words) in
    start,
    n_bins,  # the column's bins, the missing one aside
    total,  # (3,) in
    scale,  # Scale
    order,  # (n_bins + 1,) out: codes of the categories with enough support, by their statistic
):
    """Sort a column's categories by G_b / (H_b + smoothing); return how many have support."""
    statistic = np.empty(n_bins + 1)
    k = 0
    for code in range(n_bins + 1):
        g, h, count = sums(histogram, start + code, scale)
        # h n / H rows' worth; products, because a rounded quotient would miss equality
        if count > 0 and h * total[2] >= MIN_CATEGORY_SUPPORT * total[1]:
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
def best_categories(
    histogram,  # (entries, words) in
    start,
    n_bins,
    total,  # (3,) in
    growth,  # BoostGrowth
    scale,  # Scale
    lower,
    upper,
):
    """Return gain (of the children), rank of the last category that goes left, from which end.

    The categories that go left are those up to the rank in the order of `category_order`, counted
    from its end if the last item is True.
    """
    G, H, n = total[0], total[1], total[2]
    order = np.empty(n_bins + 1, np.int32)
    k = category_order(histogram, start, n_bins, total, scale, order)
    best, best_rank, best_from_end = -np.inf, -1, False
    if k < 2:
        return best, best_rank, best_from_end
    for from_end in range(2):
        gl, hl, nl = 0.0, 0.0, 0
        for rank in range((k + 1) // 2 - from_end):
            place = k - 1 - rank if from_end else rank
            g, h, count = sums(histogram, start + order[place], scale)
            gl += g
            hl += h
            nl += count
            if nl < growth.min_samples_leaf or hl < growth.min_hessian:
                continue
            if n - nl < growth.min_samples_leaf or H - hl < growth.min_hessian:
                break
            gain = split_gain(gl, hl, G - gl, H - hl, growth, 0, lower, upper)
            if gain > best:
                best, best_rank, best_from_end = gain, rank, from_end == 1
    return best, best_rank, best_from_end


@kernel
def mark_left(
    histogram,  # (entries, words) in
    start,
    n_bins,
    is_categorical,
    code,  # of the split: last code, or rank, that goes left
    flag,  # of the split: missing go left, or ranks count from the end
    total,  # (3,) in
    scale,  # Scale
    goes_left,  # (256,) uint8 out: whether each code goes left
    left,  # (3,) out: the left child's sums
):
    """Write out a split: where each code goes, and what then lies on the left."""
    goes_left[:] = 0
    if is_categorical:
        order = np.empty(n_bins + 1, np.int32)
        k = category_order(histogram, start, n_bins, total, scale, order)
        for rank in range(code + 1):
            goes_left[order[k - 1 - rank if flag else rank]] = 1
    else:
        goes_left[: code + 1] = 1
        goes_left[n_bins] = flag
    left[:] = 0.0
    for b in range(n_bins + 1):
        if goes_left[b]:
            g, h, count = sums(histogram, start + b, scale)
            left[0] += g
            left[1] += h
            left[2] += count
    # Without missing values in the node's column here, theirs is the larger side.
    if sums(histogram, start + n_bins, scale)[2] == 0:
        goes_left[n_bins] = left[2] > total[2] - left[2]
