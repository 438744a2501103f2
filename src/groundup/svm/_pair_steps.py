r"""Steps of pairs: inside a working set, raise one weight and lower another until it is at rest.

One step looks at all q variables twice (for the one that most wants to rise, and for the partner
with which a step gains most) and updates their e once.  All three loops run eight numbers at a
time.  A largest number *and its place* is more than vector instructions offer, so the place is
written into the last 16 bits of the number, whose order as a whole number is the same: then one
maximum finds both.  The rounding, one part in 10^10, only matters between equals.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel

TAU = 1e-12  # the least curvature of a pair: duplicates, and kernels that are no inner product
LAST_BITS = 0xFFFF
MOST_VARIABLES = LAST_BITS + 1
ALL_BUT_SIGN = 0x7FFFFFFFFFFFFFFF
STEPS_TO_A_CHECK = 16  # m - M costs as much as half a step


@kernel
def _set_offsets(k, b, low, high, width, rise, fall):
    """What is added to e_k for a rise and for a fall: -+ width, or infinity at a bound."""
    if b[k] >= high[k]:
        rise[k] = -np.inf
    else:
        rise[k] = -width if b[k] >= 0.0 else width
    if b[k] <= low[k]:
        fall[k] = np.inf
    else:
        fall[k] = -width if b[k] > 0.0 else width


@kernel
def _largest_fall(m, e, fall, value, key):
    """m - M, where M = min_k e_k + fall_k; 0 where that is negative."""
    for k in range(e.shape[0]):
        d = m - (e[k] + fall[k])
        value[k] = d if d > 0.0 else 0.0
    largest = np.int64(0)
    for k in range(e.shape[0]):
        largest = key[k] if key[k] > largest else largest
    key[0] = largest
    return value[0]


@kernel
def pair_steps(
    K,  # (q, q) in: float32 or float64
    diagonal,  # (q,) in: of K
    e,  # (q,) inout: minus the gradient
    b,  # (q,) inout: weights
    low,  # (q,) in: at most 0
    high,  # (q,) in: at least 0
    width,  # float in: price of |b|
    tol,  # float in: stop where m - M <= tol
    most,  # int in: the most steps
    rise,  # (q,) scratch
    fall,  # (q,) scratch
    value,  # (q,) scratch
    key,  # (q,) int64, the same memory as value
):
    """Take steps until m - M <= tol, at most `most`; return how many."""
    q = e.shape[0]
    tau, two = diagonal.dtype.type(TAU), diagonal.dtype.type(2.0)
    for k in range(q):
        _set_offsets(k, b, low, high, width, rise, fall)
        value[k] = e[k] + rise[k]
    for step in range(most):
        # i = argmax e_k + rise_k.  Bits of negative numbers but the sign are turned over, so that
        # whole numbers are in the order of the numbers.
        largest = np.int64(-ALL_BUT_SIGN)
        for k in range(q):
            bits = key[k]
            bits = ((bits ^ ((bits >> 63) & ALL_BUT_SIGN)) & ~LAST_BITS) | k
            largest = bits if bits > largest else largest
        i = largest & LAST_BITS
        m = e[i] + rise[i]
        if step % STEPS_TO_A_CHECK == 0 and not _largest_fall(m, e, fall, value, key) > tol:
            return step
        # j = argmax d^2 / (K_ii + K_kk - 2 K_ik),   d = e_i + rise_i - (e_k + fall_k) > 0
        K_ii = diagonal[i]
        for k in range(q):
            d = m - (e[k] + fall[k])
            d = d if d > 0.0 else 0.0
            curvature = K_ii + diagonal[k] - two * K[i, k]
            curvature = curvature if curvature > tau else tau
            d_rounded = diagonal.dtype.type(d)
            value[k] = d_rounded * d_rounded / curvature
        largest = np.int64(0)
        for k in range(q):
            bits = (key[k] & ~LAST_BITS) | k
            largest = bits if bits > largest else largest
        j = largest & LAST_BITS
        if not m - (e[j] + fall[j]) > 0.0:
            return step
        # The step to the lowest point along the pair, or to the first bend or bound on the way.
        up_to = 0.0 if b[i] < 0.0 else high[i]
        down_to = 0.0 if b[j] > 0.0 else low[j]
        curvature = max(K_ii + diagonal[j] - two * K[i, j], tau)
        move = min((m - (e[j] + fall[j])) / curvature, up_to - b[i], b[j] - down_to)
        # Exactly onto it: rounding must leave nobody just beside a bound.
        b[i] = up_to if move == up_to - b[i] else b[i] + move
        b[j] = down_to if move == b[j] - down_to else b[j] - move
        _set_offsets(i, b, low, high, width, rise, fall)
        _set_offsets(j, b, low, high, width, rise, fall)
        # e <- e - move (K_i - K_j)
        for k in range(q):
            changed = e[k] - move * (K[i, k] - K[j, k])
            e[k] = changed
            value[k] = changed + rise[k]
    return most
