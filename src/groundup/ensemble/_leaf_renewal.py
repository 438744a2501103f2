"""Leaf renewal: what a leaf predicts where the loss has a kink.

For the absolute error the gradient is only a direction, +1 or -1, so a tree grown on gradients
finds rows that err to the same side, but not by how much.  Each leaf is therefore given the step
that makes the loss of its own rows least: the median of their residuals y - z, or for the quantile
loss their quantile.

A weighted q-quantile is the least value v such that the rows up to v hold at least the part q of
all weight; where they hold exactly that part, it is halfway to the next value.  So a row of weight
2 counts like two rows, and the median is the ordinary one.

It is found without sorting: a pivot cuts the values into smaller, equal and larger ones, and the
weights tell in which part the quantile lies; only that part is cut again.  A leaf of m rows takes
about 3 m steps.

References
----------
.. [1] Friedman (2001), "Greedy function approximation: a gradient boosting machine", Annals of
   Statistics 29(5), algorithm 3.
.. [2] Hoare (1961), "Algorithm 65: Find", Communications of the ACM 4(7).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel

ROUNDING = 1e-12  # parts of the weight closer than this count as equal


@kernel
def _swap(array, i, j):
    array[i], array[j] = array[j], array[i]


@kernel
def weighted_quantile(
    values,  # (m,) inout: is reordered
    weights,  # (m,) inout: likewise; (0,) where every value counts once
    q,  # float in
):
    m, weighted = values.shape[0], weights.shape[0] > 0
    total = 0.0
    for i in range(weights.shape[0]):
        total += weights[i]
    total = total if weighted else np.float64(m)
    target, rounding = q * total, ROUNDING * total
    begin, end = 0, m  # where the quantile is
    before = 0.0  # weight of the values before `begin`
    above = np.inf  # the least value from `end` on
    while True:
        low, middle, high = values[begin], values[(begin + end) // 2], values[end - 1]
        pivot = max(min(low, middle), min(max(low, middle), high))
        # [begin, equal) is below the pivot, [equal, larger) is the pivot, [larger, end) is above
        equal, larger = begin, end
        weight_below, weight_equal = 0.0, 0.0
        i = begin
        while i < larger:
            w = weights[i] if weighted else 1.0
            if values[i] < pivot:
                _swap(values, i, equal)
                if weighted:
                    _swap(weights, i, equal)
                weight_below += w
                equal += 1
                i += 1
            elif values[i] > pivot:
                larger -= 1
                _swap(values, i, larger)
                if weighted:
                    _swap(weights, i, larger)
            else:
                weight_equal += w
                i += 1
        if equal > begin and before + weight_below >= target - rounding:
            end, above = equal, pivot
            continue
        held = before + weight_below + weight_equal
        if held < target - rounding and larger < end:
            before, begin = held, larger
            continue
        if abs(held - target) > rounding:
            return pivot
        for i in range(larger, end):
            above = min(above, values[i])
        return 0.5 * (pivot + above) if above < np.inf else pivot


@kernel
def _renew(y, raw, weight, rows, begin, end, q, residual, weight_there):
    """Return the quantile of the residuals of one leaf; see `renewed`."""
    r, w = residual[begin:end], weight_there[begin : end if weight.shape[0] else begin]
    for i in range(end - begin):
        row = rows[begin + i]
        r[i] = y[row] - raw[row]
        if weight.shape[0]:
            w[i] = weight[row]
    return weighted_quantile(r, w, q)


@block_kernel
def renewed(y, raw, weight, rows, bounds, q, residual, weight_there, value):
    """Find the quantile of the residuals in each leaf.

    y, raw : (n,)  # in
    weight : (n,), or (0,) where every row counts once  # in
    rows : (n,) int32, ordered by leaf  # in
    bounds : (n_leaves + 1,): leaf l holds rows[bounds[l]:bounds[l + 1]]  # in
    q : float  # in
    residual : (n,), and weight_there : (n,) or (0,): scratch
    value : (n_leaves,)  # out
    """
    for leaf in prange(value.shape[0]):
        value[leaf] = _renew(
            y, raw, weight, rows, bounds[leaf], bounds[leaf + 1], q, residual, weight_there
        )


def quantile_of(y: np.ndarray, weight: np.ndarray | None, q: float) -> float:
    """Return the weighted q-quantile of `y`, as leaves use it.

    Examples
    --------
    >>> quantile_of(np.array([1.0, 2.0, 3.0, 10.0]), None, 0.5)
    2.5
    >>> quantile_of(np.array([1.0, 10.0]), np.array([3.0, 1.0]), 0.5)
    1.0
    """
    return float(weighted_quantile(y.copy(), np.empty(0) if weight is None else weight.copy(), q))
