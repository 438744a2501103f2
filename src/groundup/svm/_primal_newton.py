r"""Squared distances with an l2 penalty, by Newton's method: for more rows than columns.

    minimise   J(v) = 1/2 |v|^2 + sum_i c_i r_i^2                    (see `_squared_distance`)

Between the kinks of its gradient J is a parabola, so a Newton step ends exactly at the minimum of
the parabola it stands on.  If no row entered or left its interval on the way, that is the minimum
of J: the method does not creep up on the answer, it arrives, after four to ten steps.

With many rows the first steps need not see them all: `from_a_sample`.

How good is v?  What the rows pull with, beta_i = -2 c_i r_i, is a point of the dual problem, and
with u = sum_i beta_i (x_i, s) the duality gap comes out as

    J(v) - D(beta) = 1/2 |v - u|^2 = 1/2 |J'(v)|^2 :

half the squared length of the gradient, which is at hand, bounds how far J(v) is above the minimum.

Cost: O(n d) for a gradient, O(n d^2) for a Hessian, O(d^3) for the solution of a step.  With many
more columns than rows the Hessian is too large; there `_dual_descent` is the way.

References
----------
.. [1] Mangasarian (2002), "A finite Newton method for classification", Optimization Methods and
   Software 17(5).
.. [2] Keerthi and DeCoste (2005), "A modified finite Newton method for fast solution of large scale
   linear SVMs", Journal of Machine Learning Research 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

from groundup._blocks import single_blas_thread
from groundup.optim.line_search import ROUNDING, SUFFICIENT_DECREASE
from groundup.optim.newton import MAY_BE_SHARED_OUT
from groundup.svm._intervals import Rows
from groundup.svm._squared_distance import SquaredDistance

Array = NDArray[np.float64]

# the last step of Newton's method lands exactly: ask for more than tol, it costs nothing
CLOSER = 0.1


def primal_newton(
    rows: Rows, *, max_iter: int = 1000, tol: float = 1e-4, n_threads: int = 1
) -> Iterator[dict[str, Any]]:
    """Minimise J; yield the state at the start and after every step.

    Parameters
    ----------
    rows : Rows
    max_iter : int, default=1000
        The largest number of steps.
    tol : float, default=1e-4
        Stop where the duality gap is at most (tol / 10)^2 times the objective.
    n_threads : int, default=1
        They do not change a bit of the result.

    Yields
    ------
    step : dict
        `parameters` (d + 1,); `objective` J(v); `gap`, the most by which it is above the minimum;
        `n_iter`, 0 for the start; `converged`.

    Examples
    --------
    >>> import numpy as np
    >>> X, is_member = np.array([[-1.0], [2.0]]), np.array([False, True])
    >>> for step in primal_newton(Rows.of_class(X, 1.0, is_member, np.ones(2))):
    ...     print(step["n_iter"], round(step["objective"], 4), round(step["gap"], 4))
    0 2.0 18.0
    1 0.2353 0.0
    """
    cost = SquaredDistance(rows, n_threads=n_threads)
    yield from descend(
        cost, *from_a_sample(rows, max_iter, tol, n_threads), max_iter=max_iter, tol=CLOSER * tol
    )


def descend(
    cost: SquaredDistance, v: Array, H: Array | None, *, max_iter: int, tol: float
) -> Iterator[dict[str, Any]]:
    """Take Newton steps from v until the gap is at most tol^2 times the objective.

    H, if there is one, stands in for the Hessian for as long as its steps shorten the gradient to a
    quarter each.
    """

    def evaluate(v: Array) -> tuple[Array, float, Array]:
        return v, *cost.cost_and_gradient(v)

    point = evaluate(v)
    for n_iter in range(max_iter + 1):
        v, objective, gradient = point
        gap = 0.5 * float(gradient @ gradient)
        converged = gap <= tol**2 * objective
        yield {
            "parameters": v,
            "objective": objective,
            "gap": gap,
            "n_iter": n_iter,
            "converged": converged,
        }
        if converged or n_iter == max_iter:
            return
        found = None
        if H is not None:
            found = downhill(evaluate, point, H)
            if found is None or 0.5 * float(found[2] @ found[2]) > gap / 16.0:
                H = None
            if found is None:
                evaluate(v)  # the Hessian is about the last evaluation
        if found is None:
            found = downhill(evaluate, point, cost.hessian(v))
        if found is None:
            return  # rounding hides any further decrease
        point = found


def downhill(evaluate: Callable[[Array], Any], point: Any, H: Array) -> Any:
    """Return the point after a step along -H^-1 J', halved until J falls; None if it does not.

    Parameters
    ----------
    evaluate : callable
        `evaluate(v)` is the point at v: a tuple that begins with v, J(v) and J'(v).
    point : tuple
        Where the step begins.
    H : array of shape (p, p)
    """
    v, value, gradient = point[:3]
    with single_blas_thread() if len(v) >= MAY_BE_SHARED_OUT else nullcontext():
        # H d = -J'; the penalty makes H positive definite
        _, direction, info = dposv(H, -gradient)
    if info != 0:
        return None
    slope = float(direction @ gradient)
    length = 1.0
    for _ in range(40):
        there = evaluate(v + length * direction)
        if there[1] <= value + SUFFICIENT_DECREASE * length * slope:
            return there
        # so little is left that J cannot show it: let the gradient decide
        if there[1] <= value * (1.0 + ROUNDING):
            return there if there[2] @ there[2] < 0.25 * (gradient @ gradient) else None
        length *= 0.5
    return None


def from_a_sample(
    rows: Rows, max_iter: int, tol: float, n_threads: int
) -> tuple[Array, Array | None]:
    """Solve the problem for an eighth of the rows; return its solution and the Hessian there.

    With many rows a parameter, a sample already knows nearly all about the shape of the objective.
    Steps from its solution, with its Hessian but the gradient by all rows, each cost a gradient
    alone, and each brings J closer by a factor.  With too few rows for this to pay: zeros, and
    None.
    """
    start = np.zeros(rows.X.shape[1] + 1)
    sample = rows.sample() if max_iter > 0 else None
    if sample is None:
        return start, None
    cost = SquaredDistance(sample, n_threads=n_threads)
    *_, step = descend(cost, start, None, max_iter=20, tol=tol)
    v = step["parameters"]
    cost.cost_and_gradient(v)
    return v, cost.hessian(v)
