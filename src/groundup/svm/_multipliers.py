r"""Distances that are not squared, by Newton's method: augmented Lagrangians.

    minimise   P(v) = 1/2 |v|^2 + sum_i c_i |r_i|              r = z - clip(z, low, high)

has kinks at its minimum, at the rows that stand exactly on the edge of their interval, and there
Newton's method has no parabola to stand on.  The method of multipliers rounds the kinks off, solves
that, and uses the solution to take the rounding back.  Each row has a pull b_i from -1 to 1 (its
beta_i is c_i b_i, see `_intervals`), and its interval is moved by b_i / sigma:

    d_i = t - clip(t, low, high),   t = z_i - b_i / sigma
    L(v) = 1/2 |v|^2 + sum_i c_i h(d_i)          h(d) = sigma d^2 / 2         for |d| <= 1 / sigma
                                                        |d| - 1 / (2 sigma)  beyond

    repeat:
        Newton steps on L, until its gradient is small             rows with |d| < 1 / sigma bend it
        b_i <- -clip(sigma d_i, -1, 1)                             sigma <- larger, if that was easy

At a minimum of L the new pulls are a point of the dual with v = sum_i beta_i (x_i, s), and each
round brings P(v) and the bound D(beta) closer together; the larger sigma, the faster.  Few rows are
within 1 / sigma of an edge, so a Hessian costs little: most of the time goes into gradients.

Descent in the dual (`_dual_descent`) needs hundreds or thousands of passes over many noisy rows;
this needs some twenty, whatever the scale of the columns.  Cost: O(n d) a step, O(d^2) for each row
near its edge, O(d^3) for the solution of a step.

References
----------
.. [1] Rockafellar (1976), "Augmented Lagrangians and applications of the proximal point algorithm
   in convex programming", Mathematics of Operations Research 1(2).
.. [2] Yan and Li (2020), "An efficient augmented Lagrangian method for support vector machine",
   Optimization Methods and Software 35(4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from groundup._blocks import block_bounds
from groundup._kernel import block_kernel, kernel
from groundup.linear_model._logistic_cost import WORTH_A_THREAD, rows_of_a_block
from groundup.linear_model._logistic_loss import TILE
from groundup.svm._intervals import Rows, distances
from groundup.svm._primal_newton import downhill
from groundup.svm._squared_distance import second_moments

Array = NDArray[np.float64]

# how much sharper the kinks get after a round of so many evaluations of L: where they are so sharp
# that Newton's steps have to be cut, sharper ones would cost more than they bring
SHARPER = {1: 4.0, 2: 4.0, 3: 2.0, 4: 2.0}
# rounding has the last word where the gap has not fallen for so many steps
PATIENCE = 50
# the tolerance for a sample of the rows, whose solution is only where to begin
ROUGHLY = 0.01


@kernel
def lagrangian_block(X, low, high, price, v, constant, sigma, b, begin, end, pull, bends, partial):
    """Sum L, what tells the gap, and the gradient of L over the rows from `begin` to `end`.

    The arguments are those of `lagrangian`, with one row of `partial`.
    """
    d = X.shape[1]
    slope, which = np.empty(TILE), np.empty(TILE, np.int64)
    gradient = np.zeros(d + 1)
    value, paid, bound = 0.0, 0.0, 0.0
    for first in range(begin, end, TILE):
        n_outside = 0
        for i in range(first, min(first + TILE, end)):
            # z = w'x + s v_b
            z = 0.0
            for j in range(d):
                z += v[j] * X[i, j]
            z += constant * v[d]
            t = z - b[i] / sigma
            distance = t - min(max(t, low[i]), high[i])
            q = min(max(sigma * distance, -1.0), 1.0)
            # h(d) = q d - q^2 / (2 sigma), whether |d| is below 1 / sigma or above
            value += price[i] * (q * distance - q * q / (2.0 * sigma))
            paid += price[i] * abs(z - min(max(z, low[i]), high[i]))
            # D = sum (low or high) beta, beta = -c q
            if q != 0.0:
                bound -= price[i] * q * (low[i] if q < 0.0 else high[i])
            pull[i] = -q
            bends[i] = q != 0.0 and abs(q) < 1.0
            slope[n_outside] = price[i] * q
            which[n_outside] = i
            n_outside += q != 0.0
        for k in range(n_outside):
            # L' = sum c q (x, s)
            i, times = which[k], slope[k]
            for j in range(d):
                gradient[j] += times * X[i, j]
            gradient[d] += times * constant
    partial[0], partial[1], partial[2] = value, paid, bound
    for j in range(d + 1):
        partial[3 + j] = gradient[j]


@block_kernel
def lagrangian(X, low, high, price, v, constant, sigma, b, bounds, pull, bends, partial):
    """Sum over the rows of each block: c h(d), c |r|, the dual's linear part, the gradient of L.

    X : (n, d)  # in
    low, high, price : (n,)  # in
    v : (d + 1,)  # in
    constant : what the last column holds  # in
    sigma : how sharp the kinks are  # in
    b : (n,), the pulls that move the intervals  # in
    bounds : (n_blocks + 1,)  # in
    pull : (n,), the pulls at v  # out
    bends : (n,) bool, whether L bends at the row  # out
    partial : (n_blocks, 3 + d + 1)  # out
    """
    for block in prange(bounds.shape[0] - 1):
        begin, end = bounds[block], bounds[block + 1]
        lagrangian_block(
            X, low, high, price, v, constant, sigma, b, begin, end, pull, bends, partial[block]
        )


class Point(NamedTuple):
    """What is known of L and of the gap at v."""

    v: Array  # (d + 1,)
    value: float  # L(v)
    gradient: Array  # (d + 1,)
    objective: float  # P(v)
    gap: float  # P(v) - D(beta)


class Lagrangian:
    """L(v) for pulls that stay what they are until `renew`.

    Parameters
    ----------
    rows : Rows
    sigma : float
    n_threads : int, default=1
    """

    def __init__(self, rows: Rows, sigma: float, n_threads: int = 1) -> None:
        n, d = rows.X.shape
        self.rows, self.sigma = rows, sigma
        self.n_threads = n_threads if n * d >= WORTH_A_THREAD else 1
        self.b, self.pull = np.zeros(n), np.zeros(n)
        self.evaluations = 0  # with these pulls
        self.bends = np.zeros(n, dtype=np.bool_)
        self._bounds = block_bounds(n, block_rows=rows_of_a_block(d))
        self._partial = np.empty((len(self._bounds) - 1, 4 + d))

    def at(self, v: Array) -> Point:
        """Evaluate L and the gap."""
        self.evaluations += 1
        rows, partial = self.rows, self._partial
        inputs = rows.X, rows.low, rows.high, rows.price, v, rows.constant, self.sigma, self.b
        if len(partial) == 1:
            lagrangian_block(*inputs, 0, len(rows.X), self.pull, self.bends, partial[0])
        else:
            lagrangian(
                *inputs, self._bounds, self.pull, self.bends, partial, n_threads=self.n_threads
            )
        total = partial[0] if len(partial) == 1 else partial.sum(axis=0)
        half = 0.5 * float(v @ v)
        u = -total[3:]  # sum_i beta_i (x_i, s)
        objective = half + float(total[1])
        gap = objective - (float(total[2]) - 0.5 * float(u @ u))
        return Point(v, half + float(total[0]), v - u, objective, gap)

    def hessian(self) -> Array:
        """Return the second derivatives of L, (d + 1, d + 1), where it was evaluated last."""
        # I + sigma sum c x x'
        H = second_moments(self.rows, self.bends, self.n_threads)
        H *= 0.5 * self.sigma
        H.reshape(-1)[:: len(H) + 1] += 1.0
        return H

    def hessian_from_above(self, v: Array) -> Array:
        """Return the second derivatives of a parabola that touches L at v and is nowhere below it.

        A row beyond 1 / sigma has a slope and no bend, and where nearly all are, the Hessian knows
        next to nothing about how far a step may go.  With |d| as it is now,

            h(d') <= h(d) + (d'^2 - d^2) |q| / (2 |d|),   so   H = I + sum c |q| / |d| x x'

        and the minimum of that parabola is below L(v), wherever the rows are.
        """
        rows = self.rows
        moved = self.b / self.sigma
        d = np.abs(distances(rows._replace(low=rows.low + moved, high=rows.high + moved), v))
        outside = self.pull != 0.0
        bend = np.abs(self.pull) / np.where(outside, d, 1.0)
        H = 0.5 * second_moments(rows._replace(price=rows.price * bend), outside, self.n_threads)
        H.reshape(-1)[:: len(H) + 1] += 1.0
        return H

    def renew(self) -> None:
        """Take the pulls of the last evaluation, and sharpen the kinks if that came easily."""
        self.b, self.pull = self.pull, self.b
        self.sigma *= SHARPER.get(self.evaluations, 1.0)
        self.evaluations = 0


def multipliers(
    rows: Rows, *, max_iter: int = 1000, tol: float = 1e-4, n_threads: int = 1
) -> Iterator[dict[str, Any]]:
    """Minimise P; yield the state at the start and after every Newton step.

    Parameters
    ----------
    rows : Rows
    max_iter : int, default=1000
        The largest number of steps.
    tol : float, default=1e-4
        Stop where the duality gap is at most `tol / 100` times the objective.
    n_threads : int, default=1
        They do not change a bit of the result.

    Yields
    ------
    step : dict
        `parameters` (d + 1,); `objective` P(v); `gap`, the most by which it is above the minimum;
        `pull` (n,), beta / c, a point of the dual; `n_iter`, 0 for the start; `converged`.

    Examples
    --------
    >>> import numpy as np
    >>> X, is_member = np.array([[-1.0], [2.0]]), np.array([False, True])
    >>> for step in multipliers(Rows.of_class(X, 1.0, is_member, np.ones(2))):
    ...     pass
    >>> step["parameters"].round(3), round(step["gap"], 6)
    (array([ 0.667, -0.333]), 0.0)
    """
    start = np.maximum(np.maximum(rows.low, -rows.high), 0.0)  # the distances at v = 0
    far = float(start.mean())
    # 1 / sigma is twice as far: of rows that are all equally far, as those of classes, none would
    # bend L otherwise, and the first step would know nothing of the scale of the columns
    cost = Lagrangian(rows, 0.5 / far if far > 0.0 else 1.0, n_threads)
    sample = rows.sample() if max_iter > 0 else None
    if sample is None:
        point = cost.at(np.zeros(rows.X.shape[1] + 1))
    else:
        *_, step = multipliers(sample, tol=ROUGHLY, n_threads=n_threads)
        cost.sigma *= SHARPER[1]
        cost.at(step["parameters"])
        cost.renew()
        point = cost.at(step["parameters"])
    n_iter, lowest, lowest_at = 0, np.inf, 0
    while True:
        if point.gap < lowest:
            lowest, lowest_at = point.gap, n_iter
        converged = point.gap <= 0.01 * tol * point.objective
        yield {
            "parameters": point.v,
            "objective": point.objective,
            "gap": point.gap,
            "pull": cost.pull,
            "n_iter": n_iter,
            "converged": converged,
        }
        if converged or n_iter == max_iter or n_iter - lowest_at > PATIENCE:
            return
        # the gradient's part of the gap is no larger than the part of the rounded kinks
        if float(point.gradient @ point.gradient) <= point.gap:
            cost.renew()
            point = cost.at(point.v)
        found = further(cost, point)
        if found is None:  # rounding hides any further decrease of L
            cost.renew()
            point = cost.at(point.v)
            found = further(cost, point)
        if found is None:
            return
        point = found
        n_iter += 1


def further(cost: Lagrangian, point: Point) -> Point | None:
    """Return the point after a step that lowers L, or None."""
    found: Point | None = downhill(cost.at, point, cost.hessian())
    if found is None:
        cost.at(point.v)
        found = downhill(cost.at, point, cost.hessian_from_above(point.v))
    return found
