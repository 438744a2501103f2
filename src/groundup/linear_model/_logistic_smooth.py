"""Logistic regression with an l2 penalty or none: a smooth cost, by Newton's method or L-BFGS.

Newton's method needs four to eight steps whatever the scale of the columns, each with a Hessian of
O(n p^2). L-BFGS needs tens to hundreds of steps of O(n p), and is sensitive to scale, so it gets to
see standardised columns: not the table is changed for that, but the parameters (`Standardised`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup.linear_model._logistic_cost import LogisticCost
from groundup.optim import lbfgs, newton

Array = NDArray[np.float64]

# Newton's Hessian takes n p^2 operations: always worth it up to the first bound on p, and further
# up where n p^2 stays below the second
FEW_PARAMETERS = 128
QUICK_HESSIAN = 1e9
# with so many rows, begin with an eighth of them
SAMPLE = 8
ROWS_A_PARAMETER = 100
FITTED_TOO_WELL = 0.02
GOLDEN_RATIO = 0.6180339887498949


def smooth_logistic(
    cost: LogisticCost,
    start: Array,
    *,
    max_iter: int = 100,
    tol: float = 1e-4,
    method: str = "auto",
) -> Iterator[dict[str, Any]]:
    """Minimise the logistic cost with an l2 penalty or none; yield the start and every step.

    Parameters
    ----------
    cost : LogisticCost
        The rows and the penalty.
    start : array of shape (p,)
        Parameters to begin with; zeros are a good choice.
    max_iter : int, default=100
        The largest number of steps.
    tol : float, default=1e-4
        Stop when no entry of the gradient exceeds `tol`.
    method : {"auto", "newton", "lbfgs"}, default="auto"
        "auto" is Newton's method where its Hessian is cheap, L-BFGS elsewhere. With many rows and
        zeros for a start, Newton's method begins with a sample of the rows (`from_a_sample`), and
        the start that is yielded is the sample's solution.

    Yields
    ------
    step : dict
        `parameters` (p,); `cost` and `gradient` (p,) there; `iteration`, 0 for the start;
        `converged`, whether `tol` is met.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> cost = LogisticCost(X, np.array([0, 1, 0, 1]), 2, l2=0.25)
    >>> for step in smooth_logistic(cost, np.zeros(2)):
    ...     print(step["iteration"], round(step["cost"], 4))
    0 0.6931
    1 0.6371
    2 0.6371
    """
    p = cost.n_parameters
    if method == "auto":
        cheap = p <= FEW_PARAMETERS or len(cost.X) * p * p <= QUICK_HESSIAN
        method = "newton" if cheap else "lbfgs"
    if method == "newton":
        is_cold = max_iter > 0 and not np.any(start)
        begin = from_a_sample(cost, start, tol) if is_cold else None
        if begin is None:
            yield from newton(
                cost.cost_and_gradient, cost.hessian, start, max_iter=max_iter, tol=tol
            )
            return
        # with a Hessian that is kept, the last step ends just below `tol`, not far below it as with
        # a new one: ask for less
        for step in newton(
            cost.cost_and_gradient,
            cost.hessian,
            begin[0],
            max_iter=max_iter,
            tol=0.3 * tol,
            keep_below=0.25,
            first_hessian=begin[1],
        ):
            step["converged"] = bool(np.max(np.abs(step["gradient"])) <= tol)
            yield step
        return

    # L-BFGS needs directions of similar curvature, so it sees centred columns of unit curvature;
    # `tol` is still about the gradient by the original parameters
    standard = Standardised(cost)
    for step in lbfgs(
        standard.cost_and_gradient, standard.inverse(start), max_iter=max_iter, tol=0.0
    ):
        gradient = standard.gradient_by_original(step["gradient"])
        converged = bool(np.max(np.abs(gradient)) <= tol)
        yield {
            "parameters": standard.original(step["parameters"]),
            "cost": step["cost"],
            "gradient": gradient,
            "iteration": step["iteration"],
            "converged": converged,
        }
        if converged:
            return


def from_a_sample(cost: LogisticCost, start: Array, tol: float) -> tuple[Array, Array] | None:
    """Solve the problem for an eighth of the rows; return its solution and the Hessian there.

    With many rows a parameter, a sample already knows nearly all about the shape of the cost: the
    Hessian of m rows is that of all of them to within about 2 sqrt(p / m). So Newton steps from the
    sample's solution, with the sample's Hessian but the gradient by all rows, end at the solution
    for all rows, each step coming closer by that factor, and each costs a gradient alone.

    The rows are spread by the golden ratio, which misses no part of the table and follows no period
    in it. None if there are too few rows for this to pay, or if the sample is fitted so well that
    it says too little about where the classes overlap.
    """
    n, p = len(cost.X), cost.n_parameters
    m = n // SAMPLE
    if m < ROWS_A_PARAMETER * p:
        return None
    spread = (np.arange(m) * GOLDEN_RATIO) % 1.0
    sample = cost.with_rows(np.sort((spread * n).astype(np.int64)))
    steps = newton(sample.cost_and_gradient, sample.hessian, start, tol=0.1 * tol, max_iter=20)
    *_, step = steps
    if not step["converged"] or step["cost"] < FITTED_TOO_WELL:
        return None
    w = step["parameters"]
    return w, sample.hessian(w)


class Standardised:
    """The same cost in other parameters v, those of columns with mean 0 and equal curvature.

    z = w'x + b = v'((x - m) / c) + a    where w = v / c,  b = a - w'm

    Parameters
    ----------
    cost : LogisticCost
    """

    def __init__(self, cost: LogisticCost) -> None:
        self.cost = cost
        weight = cost.sample_weight / cost.weight_sum
        mean = np.einsum("i,ij->j", weight, cost.X)  # (d,)
        square = np.einsum("i,ij,ij->j", weight, cost.X, cost.X)
        variance = np.maximum(square - mean**2, 1e-12 * square) if cost.fit_intercept else square
        # curvature where the probabilities are 1/2: variance / 4, and the penalty's
        curvature = 0.25 * variance + cost.l2
        self.c = np.sqrt(np.where(curvature > 0.0, curvature, 1.0))  # (d,)
        self.m = mean if cost.fit_intercept else np.zeros_like(mean)  # (d,)

    def original(self, v: Array) -> Array:
        W = self.cost.unravel(v).copy()
        # w = v / c,  b = a - w'm
        W[:, :-1] /= self.c
        W[:, -1] -= W[:, :-1] @ self.m
        return self.cost.ravel(W)

    def inverse(self, w: Array) -> Array:
        V = self.cost.unravel(w).copy()
        V[:, -1] += V[:, :-1] @ self.m
        V[:, :-1] *= self.c
        return self.cost.ravel(V)

    def cost_and_gradient(self, v: Array, rows: Any) -> tuple[float, Array]:
        value, gradient = self.cost.cost_and_gradient(self.original(v), rows)
        G = self.cost.unravel(gradient).copy()
        # dJ/dv = (dJ/dw - m dJ/db) / c
        G[:, :-1] = (G[:, :-1] - G[:, -1:] * self.m) / self.c
        return value, self.cost.ravel(G)

    def gradient_by_original(self, gradient: Array) -> Array:
        G = self.cost.unravel(gradient).copy()
        # dJ/dw = c dJ/dv + m dJ/db
        G[:, :-1] = G[:, :-1] * self.c + G[:, -1:] * self.m
        return self.cost.ravel(G)
