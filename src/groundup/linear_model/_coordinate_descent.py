r"""Coordinate descent for the elastic net: one weight at a time, with a proof of how good it is.

    minimise over w:   P(w) = 1/2 y^T y - w . q + 1/2 w^T G w + l1 |w|_1 + l2/2 |w|_2^2

where G = X^T X / W and q = X^T y / W are the moments of the centred rows and W is their weight (see
`_moments`); y^T y is divided by W likewise.  The first three terms are half the mean squared
error.  The l1 penalty has a corner at zero, and a weight that is not worth its price stays there.

All weights but w_j held fixed, P is a parabola plus a corner, and its minimum is known:

    w_j <- S(slope_j + G_jj w_j, l1) / (G_jj + l2),      S(a, b) = sign(a) max(|a| - b, 0)

where slope = q - G w = X^T (y - X w) / W.  An epoch does that for every j in turn; P never rises.

When to stop?  Every theta in the dual problem bounds the minimum of P from below:

    D(theta) = theta . y - 1/2 |theta|^2 - conj(X^T theta) <= min P <= P(w)

so the duality gap P(w) - D(theta) says how far from the best w can be at most, whatever the
data.  Theta is made from the residual r = y - X w, to which it is equal at the minimum (see
`dual_value`).

Cost: d^2 an epoch, whatever the number of rows.  Many epochs are needed where columns are nearly
dependent.

References
----------
.. [1] Friedman, Hastie and Tibshirani (2010), "Regularization paths for generalized linear models
   via coordinate descent", Journal of Statistical Software 33(1).
.. [2] Kim, Koh, Lustig, Boyd and Gorinevsky (2007), "An interior-point method for large-scale
   l1-regularized least squares", IEEE Journal of Selected Topics in Signal Processing 1(4).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np

from groundup._kernel import kernel


class Penalty(NamedTuple):
    """l1 |w|_1 + l2/2 |w|_2^2, with weights of any sign or none below zero."""

    l1: float
    l2: float
    positive: bool


@kernel
def shrunk(pull, price, positive):
    """S(pull, price): what is left of `pull` after paying the price; zero if nothing is."""
    if pull > price:
        return pull - price
    if pull < -price and not positive:
        return pull + price
    return 0.0


@kernel
def epoch(
    gram,  # (d, d) in: G
    w,  # (d,) inout
    slope,  # (d,) inout: q - G w
    order,  # (d,) in: the coordinates in the order of their updates
    penalty,  # Penalty
):
    """Minimise over one weight after the other; return the largest change and largest weight."""
    change = 0.0
    largest = 0.0
    for j in order:
        old = w[j]
        curvature = gram[j, j]
        if curvature == 0.0:  # a constant column explains nothing
            continue
        # w_j <- S(slope_j + G_jj w_j, l1) / (G_jj + l2)
        pull = shrunk(slope[j] + curvature * old, penalty.l1, penalty.positive)
        new = pull / (curvature + penalty.l2)
        if new != old:
            w[j] = new
            # slope <- slope - G_j (new - old)
            for k in range(slope.shape[0]):
                slope[k] -= gram[j, k] * (new - old)
            change = max(change, abs(new - old))
        largest = max(largest, abs(new))
    return change, largest


@kernel
def duality_gap(
    w,  # (d,) in
    slope,  # (d,) in: X^T r / W
    square,  # |r|^2 / W
    product,  # r . y / W
    penalty,  # Penalty
):
    """P(w) less the better of two lower bounds of P that the residual r provides.

    1. theta = c r, with the l2 penalty as d more rows sqrt(l2) I of X, whose y is 0.  It is
       feasible while c |X^T r - l2 w| <= l1; c is the best number that keeps it so.
    2. theta = r, where conj(u) = sum_j max(|u_j| - l1, 0)^2 / (2 l2) asks for no feasibility.

    Without any penalty neither exists, and the squared length of the gradient stands in.
    """
    absolute = 0.0  # |w|_1
    ridge = 0.0  # l2 |w|^2
    steepest = 0.0  # max_j |x_j . r - l2 w_j|
    beyond = 0.0  # sum_j max(|x_j . r| - l1, 0)^2
    for j in range(w.shape[0]):
        absolute += abs(w[j])
        ridge += penalty.l2 * w[j] * w[j]
        tilted = slope[j] - penalty.l2 * w[j]
        steepest = max(steepest, tilted if penalty.positive else abs(tilted))
        beyond += shrunk(slope[j], penalty.l1, penalty.positive) ** 2
    if penalty.l1 == 0.0 and penalty.l2 == 0.0:
        return beyond
    bound = 0.0  # theta = 0
    if penalty.l1 > 0.0 and product > 0.0:
        # D(c r) = c r.y - c^2/2 (|r|^2 + l2 |w|^2), largest at c = r.y / (|r|^2 + l2 |w|^2)
        c = product / (square + ridge)
        if steepest > 0.0:
            c = min(c, penalty.l1 / steepest)
        bound = c * product - 0.5 * c * c * (square + ridge)
    if penalty.l2 > 0.0:
        bound = max(bound, product - 0.5 * square - beyond / (2.0 * penalty.l2))
    # P(w) = 1/2 |r|^2 / W + l1 |w|_1 + l2/2 |w|_2^2
    return 0.5 * square + penalty.l1 * absolute + 0.5 * ridge - bound


@kernel
def descend(
    gram,  # (d, d) in: G
    target,  # (d,) in: q
    square,  # y . y / W
    w,  # (d,) inout
    slope,  # (d,) out: q - G w
    order,  # (d,) in: the coordinates in the order of their updates
    penalty,  # Penalty
    max_epochs,
    tol,  # stop where no weight changes by more than tol times the largest weight
    allowed,  # ... and the duality gap is at most this
):
    """Run epochs; return how many, the duality gap, and whether both stopping rules hold."""
    done = False
    gap = np.inf
    n_epochs = 0
    while n_epochs < max_epochs and not done:
        n_epochs += 1
        change, largest = epoch(gram, w, slope, order, penalty)
        settled = change <= tol * largest
        if settled or n_epochs == max_epochs:
            # Made anew from w, so that the proof does not rest on a sum of many small changes.
            # |r|^2 = y.y - w.q - w.slope,   r.y = y.y - w.q
            explained = 0.0
            rest = 0.0
            for j in range(w.shape[0]):
                slope[j] = target[j]
                for k in range(w.shape[0]):
                    slope[j] -= gram[j, k] * w[k]
                explained += w[j] * target[j]
                rest += w[j] * slope[j]
            left = max(square - explained - rest, 0.0)
            gap = duality_gap(w, slope, left, square - explained, penalty)
            done = settled and gap <= allowed
    return n_epochs, gap, done


def coordinate_descent(
    gram: np.ndarray,
    target: np.ndarray,
    square: float,
    w: np.ndarray,
    penalty: Penalty,
    max_iter: int = 1000,
    tol: float = 1e-4,
    rng: np.random.RandomState | None = None,
) -> Generator[dict[str, Any], None, None]:
    """Minimise P epoch by epoch.

    Parameters
    ----------
    gram : ndarray of shape (d, d)
        G, the second moments of the features.
    target : ndarray of shape (d,)
        q, their products with y.
    square : float
        y . y / W.
    w : ndarray of shape (d,)
        Where to start; changed in place.
    penalty : Penalty
        Prices of the weights.
    max_iter : int, default=1000
        The most epochs.
    tol : float, default=1e-4
        Stop where the gap is at most ``tol * square`` and no weight changes by more than `tol`
        times the largest one.
    rng : RandomState or None
        Draws a new order of the coordinates for each epoch; without it they come in turn.

    Yields
    ------
    dict
        After each epoch: ``w``, ``gap`` (the duality gap), ``n_iter`` and ``converged``.
    """
    slope = target - gram @ w
    order = np.arange(len(w))
    converged = False
    for n_iter in range(1, max_iter + 1):
        if rng is not None:
            order = rng.permutation(len(w))
        _, gap, converged = descend(
            gram, target, square, w, slope, order, penalty, 1, tol, tol * square
        )
        yield {"w": w, "gap": gap, "n_iter": n_iter, "converged": converged}
        if converged:
            return
