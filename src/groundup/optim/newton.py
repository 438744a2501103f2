"""Newton's method: minimise the parabola that fits here, move there, repeat.

With the gradient g and the matrix of second derivatives H, the cost near w is nearly

    J(w + d) = J(w) + g'd + d'H d / 2,

whose minimum is where H d = -g. One step is exact if the cost is a parabola. Otherwise each step
near the minimum roughly doubles the number of correct digits, and the scale of the columns does not
matter: a column in metres or in millimetres gives the same sequence of costs.

    repeat until the gradient is nearly zero:
        solve H d = -g                    Cholesky: H = L L', two triangular solves
        w <- w + a d                      a = 1, halved while the cost does not fall

Cost: a Hessian, O(n p^2), and a factorisation, O(p^3 / 3), a step; usually five to eight steps. For
large p, `lbfgs` is cheaper. Where H is singular or not positive (columns that depend on each other,
or a cost that is not convex), a multiple of its diagonal is added until the factorisation succeeds:
far from zero that is a Newton step, near zero it is a gradient step with each column scaled.

References
----------
Nocedal and Wright (2006), Numerical Optimization, section 3.4. Levenberg (1944); Marquardt (1963).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.lapack import dposv

from groundup.optim.descent import ALL_ROWS, CostAndGradient
from groundup.optim.line_search import backtrack, evaluate, no_progress
from groundup.optim.stopping import DivergenceError

__all__ = ["newton", "newton_direction"]

# below this size OpenBLAS and MKL keep to one thread anyway
MAY_BE_SHARED_OUT = 64

Hessian = Callable[[NDArray[np.float64], Any], NDArray[np.float64]]


def newton_direction(
    hessian: NDArray[np.float64], gradient: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve H d = -g, with as much of H's diagonal added as it takes to be downhill.

    Parameters
    ----------
    hessian : array of shape (p, p)
        Symmetric.
    gradient : array of shape (p,)

    Returns
    -------
    array of shape (p,)

    Examples
    --------
    >>> import numpy as np
    >>> newton_direction(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 2.0]))
    array([-1. , -0.5])

    A singular Hessian leaves no tiny pivot to divide by:

    >>> newton_direction(np.ones((2, 2)), np.array([1.0, 1.0])).round(6)
    array([-0.5, -0.5])
    """
    # scale to a unit diagonal first, S H S with S = diag(H)^-1/2: what is added then means the same
    # for every column, and the factorisation does not suffer from columns of different units
    diagonal = np.abs(np.diagonal(hessian))
    largest = float(np.max(diagonal, initial=0.0))
    scale = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, largest if largest > 0.0 else 1.0))
    scaled = hessian * scale[:, None] * scale  # (p, p)
    right = -(gradient * scale)
    damping = 0.0
    while True:
        with _same_bits_on_any_number_of_threads(len(right)):
            _, solution, info = dposv(scaled, right, lower=1)
        if info == 0 and np.all(np.isfinite(solution)):
            direction = solution * scale
            slope = float(direction @ gradient)
            if slope < 0.0:
                return direction
        damping = 1e-12 if damping == 0.0 else damping * 100.0
        if damping > 1e12:
            return -(gradient * scale * scale)
        np.fill_diagonal(scaled, np.diagonal(hessian) * scale * scale + damping)


def _same_bits_on_any_number_of_threads(p: int) -> AbstractContextManager[Any]:
    """Give LAPACK one thread where it would otherwise share the work out as it pleases."""
    if p < MAY_BE_SHARED_OUT:
        return nullcontext()
    # imported here, because it loads numba, which nothing else in this package needs
    from groundup._blocks import single_blas_thread

    return single_blas_thread()


def newton(
    cost_and_gradient: CostAndGradient,
    hessian: Hessian,
    start: ArrayLike,
    *,
    max_iter: int = 100,
    tol: float = 1e-6,
    keep_below: float = 0.0,
    first_hessian: NDArray[np.float64] | None = None,
) -> Iterator[dict[str, Any]]:
    """Minimise a twice differentiable cost, and yield the state at the start and after every step.

    Parameters
    ----------
    cost_and_gradient : callable
        `cost_and_gradient(w, rows) -> (cost, gradient)`, as for `gradient_descent`; `rows` is
        always all of them.
    hessian : callable
        `hessian(w, rows) -> H` of shape (p, p). It is called at most once a step, always with the
        `w` that was evaluated last, so that the two may share what they compute.
    start : array of shape (p,)
        The first parameters. Not changed.
    max_iter : int, default=100
        The largest number of steps.
    tol : float, default=1e-6
        Stop when no entry of the gradient exceeds `tol`.
    keep_below : float, default=0.0
        Use a Hessian again as long as a full step with it shrinks the gradient to less than this
        share. Where a Hessian costs much more than a gradient, two steps with an old one can be
        worth more than one with a new one. 0: a new one at each step.
    first_hessian : array of shape (p, p), optional
        A guess at the Hessian, to begin with.

    Yields
    ------
    step : dict
        `parameters` (p,); `cost` and `gradient` (p,) there; `step_length`, 1 for a full step;
        `iteration`, 0 for the start; `converged`, whether `tol` is met. Without it the last step is
        the `max_iter`-th, or the one after which rounding hid any further decrease.

    Raises
    ------
    DivergenceError
        If the cost is not finite at the start.

    Examples
    --------
    A parabola takes one step:

    >>> import numpy as np
    >>> H = np.array([[1.0, 0.0], [0.0, 100.0]])
    >>> def cost_and_gradient(w, rows):
    ...     error = w - np.array([0.0, 3.0])
    ...     return 0.5 * error @ H @ error, H @ error
    >>> steps = list(newton(cost_and_gradient, lambda w, rows: H, [5.0, -5.0]))
    >>> steps[-1]["iteration"], steps[-1]["converged"]
    (1, True)
    """
    point = evaluate(cost_and_gradient, np.array(start, dtype=np.float64))
    if not (np.isfinite(point.cost) and np.all(np.isfinite(point.gradient))):
        raise DivergenceError(
            f"The cost is {point.cost} at the start. Check the data for huge values, and start "
            "from smaller parameters."
        )
    H, step_length = first_hessian, 0.0
    for iteration in range(max_iter + 1):
        converged = bool(np.max(np.abs(point.gradient), initial=0.0) <= tol)
        yield {
            "parameters": point.w,
            "cost": point.cost,
            "gradient": point.gradient,
            "step_length": step_length,
            "iteration": iteration,
            "converged": converged,
        }
        if converged or iteration == max_iter:
            return
        kept = H is not None
        if H is None:
            H = hessian(point.w, ALL_ROWS)
        found = backtrack(cost_and_gradient, point, newton_direction(H, point.gradient))
        if kept and (found is None or no_progress(point, found[0])):
            point = evaluate(cost_and_gradient, point.w)  # `hessian` is about the last evaluation
            H = hessian(point.w, ALL_ROWS)
            found = backtrack(cost_and_gradient, point, newton_direction(H, point.gradient))
        if found is None or no_progress(point, found[0]):
            return
        before = float(np.max(np.abs(point.gradient)))
        point, step_length = found
        if step_length < 1.0 or np.max(np.abs(point.gradient)) >= keep_below * before:
            H = None
