"""Logistic regression with an l1 penalty: Newton's method that keeps exact zeros.

    F(w, b) = J(w, b) + l1 |w|_1          J: the smooth cost, with its l2 part if there is one

The l1 norm has a kink at zero, which is what sets coefficients to exactly zero, and which keeps
Newton's method from seeing it as a parabola. So only J is replaced by its parabola, and the norm is
kept as it is:

    d = argmin  g'd + d'H d / 2 + l1 |w + d|_1          one coordinate at a time (`descend`)
    w <- w + a d                                        a = 1, halved while F does not fall

Far more columns than rows matter: where w_j = 0 and |g_j| < l1, column j stays at zero. So the
parabola is only built for a working set of columns, those that are in use or would like to be:

    repeat until the duality gap is small:
        g <- gradient by all columns                    one pass
        choose the columns that break the optimality conditions most, and those in use
        a few of the steps above, on those columns alone

How good is w? Every point of the dual problem gives a lower bound on the minimum of F, and the
predictions are nearly such a point (`_logistic_gap`). When the gap is zero, w is optimal;
when it is e, F(w) is at most e above the minimum, with no further knowledge needed.

Cost: O(n d) a step for the gradient, O(n s^2) for the Hessian of s columns.

References
----------
Friedman, Hastie and Tibshirani (2010), Regularization paths for generalized linear models via
coordinate descent. Lee, Sun and Saunders (2014), Proximal Newton-type methods. Massias, Vaiter,
Gramfort and Salmon (2020), Dual extrapolation for sparse generalized linear models.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup._blocks import single_blas_thread
from groundup._kernel import kernel
from groundup.linear_model._logistic_cost import LogisticCost
from groundup.linear_model._logistic_gap import Dual
from groundup.optim.newton import MAY_BE_SHARED_OUT

Array = NDArray[np.float64]

# all columns are in the working set while there are no more parameters than this
ALL_COLUMNS = 128
# the working set grows no further than this many parameters, whose Hessian takes 18 MB
LARGEST_WORKING_SET = 1500
STEPS_ON_WORKING_SET = 8
SUFFICIENT_DECREASE = 1e-4
# costs closer than this, relative to their size, cannot be told apart
ROUNDING = 1e-14


@kernel
def descend(H, g, w, l1, tol, max_sweeps, d, Hd):
    """Minimise g'd + d'H d / 2 + l1 |w + d|_1, one coordinate after the other.

    With all others fixed, coordinate j has the parabola (g + H d)_j t + H_jj t^2 / 2, and

        w_j + d_j <- S(w_j + d_j - (g + H d)_j / H_jj,  l1 / H_jj),

    with S(u, t) = sign(u) max(|u| - t, 0).

    After each full sweep the coordinates that are not zero are swept until they settle.

    H : (p, p), symmetric  # in
    g, w : (p,)  # in
    tol : stop when no coordinate's slope changed by more than this in a full sweep  # in
    d, Hd : (p,), the step and H d; zeros at first  # inout
    """
    p = g.shape[0]
    full = True
    for _ in range(max_sweeps):
        largest = 0.0
        for j in range(p):
            u = w[j] + d[j]
            if H[j, j] <= 0.0 or (not full and u == 0.0):
                continue
            # S(u - slope / H_jj, l1 / H_jj)
            best = u - (g[j] + Hd[j]) / H[j, j]
            threshold = l1 / H[j, j]
            best = np.sign(best) * max(abs(best) - threshold, 0.0)
            change = best - u
            if change != 0.0:
                d[j] += change
                for k in range(p):
                    Hd[k] += change * H[j, k]
                largest = max(largest, abs(change) * H[j, j])
        if largest <= tol:
            if full:
                return
            full = True
        else:
            full = False


def sparse_logistic(
    cost: LogisticCost, start: Array, *, max_iter: int = 100, tol: float = 1e-4
) -> Iterator[dict[str, Any]]:
    """Minimise the logistic cost plus `cost.l1` |w|_1; yield the start and every step.

    Parameters
    ----------
    cost : LogisticCost
        The rows and the penalty; `cost.l1 > 0`.
    start : array of shape (p,)
        Parameters to begin with; zeros are a good choice.
    max_iter : int, default=100
        The largest number of steps.
    tol : float, default=1e-4
        Stop when the duality gap is at most `tol / 100` times the cost of the best constant
        prediction.

    Yields
    ------
    step : dict
        `parameters` (p,); `cost`, the value of F; `gap`, how far it can be above the minimum;
        `columns`, the working set of the step; `iteration`, 0 for the start; `converged`.

    Examples
    --------
    The second column says nothing, and gets a coefficient of exactly zero:

    >>> import numpy as np
    >>> X = np.array([[0.0, 1.0], [1.0, -1.0], [2.0, -1.0], [3.0, 1.0]])
    >>> cost = LogisticCost(X, np.array([0, 1, 0, 1]), 2, l1=0.1)
    >>> for step in sparse_logistic(cost, np.zeros(3)):
    ...     pass
    >>> step["parameters"].round(3)
    array([ 0.5 ,  0.  , -0.75])
    >>> bool(0 <= step["gap"] < 1e-6)
    True
    """
    dual = Dual(cost)
    limit = 0.01 * tol * dual.cost_without_features()
    w = np.array(start, dtype=np.float64)
    smooth, gradient = cost.cost_and_gradient(w)
    columns = np.arange(cost.X.shape[1])
    working = cost
    last_value, last_gap = np.inf, np.inf
    for iteration in range(max_iter + 1):
        W, G = cost.unravel(w), cost.unravel(gradient)
        value = smooth + cost.l1 * float(np.abs(W[:, :-1]).sum())
        G_loss = G.copy()
        G_loss[:, :-1] -= cost.l2 * W[:, :-1]
        gap = dual.duality_gap(value, G_loss)
        converged = gap <= limit
        yield {
            "parameters": w,
            "cost": value,
            "gap": gap,
            "gradient": gradient,
            "columns": columns,
            "iteration": iteration,
            "converged": converged,
        }
        if converged or iteration == max_iter or (value >= last_value and gap > 0.5 * last_gap):
            return
        last_value, last_gap = value, gap
        columns = working_set(W[:, :-1], G[:, :-1], cost.l1)
        if len(columns) == cost.X.shape[1]:
            found = proximal_newton_step(cost, w, smooth, gradient)
            if found is None:
                return
            w, smooth, gradient = found
            continue
        working = cost.with_columns(columns)
        of_working = np.append(columns, cost.X.shape[1])
        w_working = working.ravel(W[:, of_working])
        moved = descend_on_working_set(working, w_working)
        if moved is None:
            return
        W = W.copy()
        W[:, of_working] = working.unravel(moved)
        w = cost.ravel(W)
        smooth, gradient = cost.cost_and_gradient(w)


def violation(W: Array, G: Array, l1: float) -> Array:
    """Return by how much each coefficient breaks the conditions of optimality.

        w_j = 0:   |g_j| <= l1           w_j != 0:   g_j = -l1 sign(w_j)

    Parameters
    ----------
    W, G : arrays of shape (K, d)
        Coefficients, and the gradient of the smooth cost by them.

    Returns
    -------
    array of shape (K, d)
    """
    return np.where(W == 0.0, np.maximum(np.abs(G) - l1, 0.0), np.abs(G + l1 * np.sign(W)))


def working_set(W: Array, G: Array, l1: float) -> NDArray[np.int64]:
    """Choose the columns to work on, sorted: those in use, and as many of those that should be."""
    n_values, d = W.shape
    if n_values * (d + 1) <= ALL_COLUMNS:
        return np.arange(d)
    broken = violation(W, G, l1).max(axis=0)  # (d,)
    in_use = np.any(W != 0.0, axis=0)
    room = max(10, 2 * int(in_use.sum()))
    room = max(10, min(room, LARGEST_WORKING_SET // n_values))
    # columns in use first, then the ones that are furthest from optimal; on equal terms the first
    candidates = np.flatnonzero(in_use | (broken > 0.0))
    rank = np.lexsort((candidates, -broken[candidates], ~in_use[candidates]))
    if int(in_use.sum()) > room:
        rank = np.lexsort((candidates, -broken[candidates]))
    return np.sort(candidates[rank[:room]])


def descend_on_working_set(cost: LogisticCost, w: Array) -> Array | None:
    """Take steps until what is broken has fallen to a tenth; None if there was nothing to gain."""
    smooth, gradient = cost.cost_and_gradient(w)
    aim, best = None, None
    for _ in range(STEPS_ON_WORKING_SET):
        W, G = cost.unravel(w), cost.unravel(gradient)
        broken = float(violation(W[:, :-1], G[:, :-1], cost.l1).max(initial=0.0))
        aim = 0.1 * broken if aim is None else aim
        if best is not None and broken <= aim:
            break
        found = proximal_newton_step(cost, w, smooth, gradient)
        if found is None:
            break
        w, smooth, gradient = found
        best = w
    return best


def proximal_newton_step(
    cost: LogisticCost, w: Array, smooth: float, gradient: Array
) -> tuple[Array, float, Array] | None:
    """Return (w, J, gradient) after one step from where the cost was evaluated last."""
    W, G = cost.unravel(w), cost.unravel(gradient)
    H = cost.hessian(w)
    with single_blas_thread() if len(w) > MAY_BE_SHARED_OUT else nullcontext():
        D = newton_direction_l1(H, W, G, cost)
    l1_before = cost.l1 * float(np.abs(W[:, :-1]).sum())
    l1_after = cost.l1 * float(np.abs(W[:, :-1] + D[:, :-1]).sum())
    # what the full step promises:  g'd + l1 (|w + d| - |w|) < 0
    promised = float(np.vdot(G, D)) + l1_after - l1_before
    if not promised < 0.0:
        return None
    step_length = 1.0
    for _ in range(40):
        W_new = W + step_length * D
        w_new = cost.ravel(W_new)
        smooth_new, gradient_new = cost.cost_and_gradient(w_new)
        value = smooth_new + cost.l1 * float(np.abs(W_new[:, :-1]).sum())
        before = smooth + l1_before
        if value <= before + SUFFICIENT_DECREASE * step_length * promised:
            return w_new, smooth_new, gradient_new
        # so little is left that the cost cannot show it: trust the parabola
        if -promised <= ROUNDING * abs(before) and value <= before + ROUNDING * abs(before):
            return w_new, smooth_new, gradient_new
        step_length *= 0.5
    return None


def newton_direction_l1(H: Array, W: Array, G: Array, cost: LogisticCost) -> Array:
    """Return the step (K, d + 1) that minimises the parabola with the l1 norm kept.

    The intercepts have no penalty and are solved for exactly: for any step d of the coefficients
    they follow as d_b = -H_bb^-1 (g_b + H_bw d), which leaves a problem in d alone, with

        g <- g_w - H_wb H_bb^-1 g_b,    H <- H_ww - H_wb H_bb^-1 H_bw.

    For two classes that is the covariance of the columns where it was their second moment, so
    columns far from zero do no harm.
    """
    K, one = W.shape
    D = np.zeros((K, one))
    w, g = W[:, :-1].ravel(), G[:, :-1].ravel()
    if cost.fit_intercept:
        is_intercept = np.arange(K * one) % one == one - 1
        H_bb, H_bw = H[np.ix_(is_intercept, is_intercept)], H[np.ix_(is_intercept, ~is_intercept)]
        ridge = 1e-12 * float(np.trace(H_bb)) / K + 1e-300
        solved = np.linalg.solve(
            H_bb + ridge * np.eye(K), np.column_stack([G[:, -1], H_bw])
        )  # (K, 1 + K d)
        g = g - H_bw.T @ solved[:, 0]
        H = H[np.ix_(~is_intercept, ~is_intercept)] - H_bw.T @ solved[:, 1:]
    # the parabola is minimised to a hundredth of what is broken now
    broken = float(violation(w, g, cost.l1).max(initial=0.0))
    d, Hd = np.zeros_like(w), np.zeros_like(w)
    descend(np.ascontiguousarray(H), g, w, cost.l1, 0.01 * broken, 1000, d, Hd)
    D[:, :-1] = d.reshape(K, -1)
    if cost.fit_intercept:
        D[:, -1] = -(solved[:, 0] + solved[:, 1:] @ d)
    return D
