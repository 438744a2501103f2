r"""Squared distances with an l1 penalty: Newton's method that keeps exact zeros.

    minimise   F(v) = |v|_1 + J(v),     J(v) = sum_i c_i r_i^2         (see `_squared_distance`)

The l1 norm has a kink at zero, which is what sets weights to exactly zero.  So only J is replaced
by its parabola, and the norm is kept as it is:

    d = argmin  J'd + d'J''d / 2 + |v + d|_1          one coordinate at a time (`descend`)
    v <- v + a d                                      a = 1, halved while F does not fall

With many columns the parabola is built for a working set of them, those in use and those that would
gain most from it (`working_set`); the others are looked at again once a step.

How good is v?  The pulls beta_i = -2 c_i r_i, scaled down until no column is pulled harder than its
price, |sum_i beta_i x_ij| <= 1, are a point of the dual problem, which bounds the minimum from
below by

    D(beta) = sum_i (low_i if beta_i > 0 else high_i) beta_i - beta_i^2 / (4 c_i) .

Cost: O(n d) a step for the gradient, O(n s^2) for the Hessian of s columns.

References
----------
.. [1] Yuan, Chang, Hsieh and Lin (2010), "A comparison of optimization methods and software for
   large-scale L1-regularized linear classification", Journal of Machine Learning Research 11.
.. [2] Lee, Sun and Saunders (2014), "Proximal Newton-type methods for minimizing composite
   functions", SIAM Journal on Optimization 24(3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup.linear_model._logistic_sparse import (
    ROUNDING,
    SUFFICIENT_DECREASE,
    descend,
    violation,
    working_set,
)
from groundup.svm._intervals import Rows
from groundup.svm._squared_distance import SquaredDistance

Array = NDArray[np.float64]

STEPS_ON_WORKING_SET = 8


def sparse_newton(
    rows: Rows, *, max_iter: int = 1000, tol: float = 1e-4, n_threads: int = 1
) -> Iterator[dict[str, Any]]:
    """Minimise F; yield the state at the start and after every step.

    Parameters
    ----------
    rows : Rows
    max_iter : int, default=1000
        The largest number of steps.
    tol : float, default=1e-4
        Stop where the duality gap is at most `tol / 100` times the objective of v = 0.
    n_threads : int, default=1
        They do not change a bit of the result.

    Yields
    ------
    step : dict
        `parameters` (d + 1,); `objective` F(v); `gap`, the most by which it is above the minimum;
        `n_iter`, 0 for the start; `converged`.

    Examples
    --------
    The second column says nothing, and gets a weight of exactly zero:

    >>> import numpy as np
    >>> X, is_member = np.array([[-1.0, 0.1], [2.0, 0.1]]), np.array([False, True])
    >>> for step in sparse_newton(Rows.of_class(X, 0.0, is_member, np.ones(2))):
    ...     pass
    >>> step["parameters"].round(3)
    array([0.5, 0. , 0. ])
    """
    # one more column for the intercept, which has the price of all others
    X = np.column_stack([rows.X, np.full(len(rows.X), rows.constant)])
    X.flags.writeable = False
    whole = rows._replace(X=X, constant=0.0)
    v = np.zeros(X.shape[1])
    everything = SquaredDistance(whole, l2=0.0, n_threads=n_threads)
    limit, last = None, (np.inf, np.inf)
    for n_iter in range(max_iter + 1):
        smooth, gradient = everything.cost_and_gradient(np.append(v, 0.0))
        gradient = gradient[:-1]
        objective = smooth + float(np.abs(v).sum())
        gap = duality_gap(v, smooth, gradient, objective)
        limit = 0.01 * tol * objective if limit is None else limit
        converged = gap <= limit
        yield {
            "parameters": v,
            "objective": objective,
            "gap": gap,
            "n_iter": n_iter,
            "converged": converged,
        }
        if converged or n_iter == max_iter or (objective >= last[0] and gap > 0.5 * last[1]):
            return
        last = objective, gap
        columns = working_set(v[np.newaxis], gradient[np.newaxis], 1.0)
        moved = descend_on(whole, columns, v[columns], n_threads)
        if moved is None:
            return
        v = v.copy()
        v[columns] = moved


def duality_gap(v: Array, smooth: float, gradient: Array, objective: float) -> float:
    """Return by how much F(v) can be above its minimum.

    With beta_i = -2 c_i r_i, and low_i or high_i = z_i - r_i where r_i is not zero, the sums of
    D(t beta) follow from what is known at v:

        sum_i (low_i or high_i) beta_i = 2 J - v'J'          sum_i beta_i^2 / (4 c_i) = J

    Parameters
    ----------
    v, gradient : array of shape (d,)
        J' there.
    smooth : float
        J(v)
    objective : float
        F(v)
    """
    linear = 2.0 * smooth - float(gradient @ v)
    if smooth == 0.0 or linear <= 0.0:
        return objective
    # the best multiple t of beta:   D = t linear - t^2 J,   t |J'|_inf <= 1
    t = linear / (2.0 * smooth)
    largest = float(np.max(np.abs(gradient), initial=0.0))
    t = min(t, 1.0 / largest) if largest > 0.0 else t
    return max(0.0, objective - (t * linear - t * t * smooth))


def descend_on(rows: Rows, columns: NDArray[np.int64], w: Array, n_threads: int) -> Array | None:
    """Take steps on some columns until what is broken has fallen to a tenth; None: nothing gained.

    Parameters
    ----------
    rows : Rows
    columns : array of shape (p,)
    w : array of shape (p,)
        Their weights.
    """
    part = rows
    if len(columns) < rows.X.shape[1]:
        X = np.take(rows.X, columns, axis=1)
        X.flags.writeable = False
        part = rows._replace(X=X)
    cost = SquaredDistance(part, l2=0.0, n_threads=n_threads)
    smooth, gradient = cost.cost_and_gradient(np.append(w, 0.0))
    aim, best = None, None
    for _ in range(STEPS_ON_WORKING_SET):
        broken = float(violation(w, gradient[:-1], 1.0).max(initial=0.0))
        aim = 0.1 * broken if aim is None else aim
        if best is not None and broken <= aim:
            break
        found = proximal_step(cost, w, smooth, gradient[:-1], broken)
        if found is None:
            break
        w, smooth, gradient = found
        best = w
    return best


def proximal_step(
    cost: SquaredDistance, w: Array, smooth: float, gradient: Array, broken: float
) -> tuple[Array, float, Array] | None:
    """Return (w, J, J') after one step from where the cost was evaluated last."""
    H = np.ascontiguousarray(cost.hessian(w)[:-1, :-1])
    d, Hd = np.zeros_like(w), np.zeros_like(w)
    # the parabola is minimised to a hundredth of what is broken now
    descend(H, gradient, w, 1.0, 0.01 * broken, 1000, d, Hd)
    norm = float(np.abs(w).sum())
    # what the full step promises:  J'd + |w + d| - |w| < 0
    promised = float(gradient @ d) + float(np.abs(w + d).sum()) - norm
    if not promised < 0.0:
        return None
    before, length = smooth + norm, 1.0
    for _ in range(40):
        new = w + length * d
        smooth, gradient = cost.cost_and_gradient(np.append(new, 0.0))
        value = smooth + float(np.abs(new).sum())
        if value <= before + SUFFICIENT_DECREASE * length * promised:
            return new, smooth, gradient
        # so little is left that the objective cannot show it: trust the parabola
        if -promised <= ROUNDING * abs(before) and value <= before + ROUNDING * abs(before):
            return new, smooth, gradient
        length *= 0.5
    return None
