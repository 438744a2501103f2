"""L-BFGS: learn the curvature from the last few steps.

Newton's method divides the gradient by the curvature, a p x p matrix that is costly to form and to
solve with. But the curvature shows itself along the way: between two points, a step

    s = w_new - w_old    changed the gradient by    y = gradient_new - gradient_old = H s.

From the last m such pairs the two-loop recursion builds the product of an approximate inverse of H
with the gradient in 4 m p operations, and never a matrix. Each pair makes the approximation exact
along its own step; everywhere else it keeps the scale s'y / y'y of the newest.

    repeat until the gradient is nearly zero:
        d <- -(approximate inverse of H) gradient        two loops over the pairs
        a <- a step length that meets the strong Wolfe conditions along d
        w <- w + a d
        remember the pair (s, y), forget the oldest

Cost: one evaluation a step, seldom two, and 4 m p operations. It is the method to choose when p is
too large for Newton; it needs all rows in each evaluation, and a cost that is smooth, or at least
smooth between its kinks.

References
----------
Liu and Nocedal (1989), On the limited memory BFGS method for large scale optimization.
Nocedal and Wright (2006), Numerical Optimization, algorithms 7.4 and 7.5.
Lewis and Overton (2013), Nonsmooth optimization via quasi-Newton methods.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groundup.optim.descent import CostAndGradient
from groundup.optim.line_search import Point, evaluate, no_progress, strong_wolfe
from groundup.optim.stopping import DivergenceError

__all__ = ["lbfgs", "two_loop_recursion"]

Vector = NDArray[np.float64]


def two_loop_recursion(gradient: Vector, pairs: deque[tuple[Vector, Vector]]) -> Vector:
    """Multiply the gradient by the inverse curvature that the pairs have shown.

    Parameters
    ----------
    gradient : array of shape (p,)
    pairs : deque of (s, y), oldest first
        Steps and the changes of the gradient along them, each of shape (p,), with s'y > 0.

    Returns
    -------
    array of shape (p,)

    Examples
    --------
    One pair is enough for a cost with one parameter, J(w) = 3 w^2 / 2:

    >>> import numpy as np
    >>> from collections import deque
    >>> two_loop_recursion(np.array([6.0]), deque([(np.array([1.0]), np.array([3.0]))]))
    array([2.])
    """
    q = gradient.copy()  # (p,)
    shares = []
    # newest to oldest: remove from q what each pair explains
    for s, y in reversed(pairs):
        share = float(s @ q) / float(s @ y)
        q -= share * y
        shares.append(share)
    # in between: the scale of the newest pair, s'y / y'y
    if pairs:
        s, y = pairs[-1]
        q *= float(s @ y) / float(y @ y)
    # oldest to newest: put it back, divided by the curvature
    for (s, y), share in zip(pairs, reversed(shares), strict=True):
        q += (share - float(y @ q) / float(s @ y)) * s
    return q


def lbfgs(
    cost_and_gradient: CostAndGradient,
    start: ArrayLike,
    *,
    memory: int = 10,
    max_iter: int = 1000,
    tol: float = 1e-6,
    kinks: bool = False,
) -> Iterator[dict[str, Any]]:
    """Minimise a smooth cost, and yield the state at the start and after every step.

    Parameters
    ----------
    cost_and_gradient : callable
        `cost_and_gradient(w, rows) -> (cost, gradient)`, as for `gradient_descent`; `rows` is
        always all of them.
    start : array of shape (p,)
        The first parameters. Not changed.
    memory : int, default=10
        How many pairs m to remember.
    max_iter : int, default=1000
        The largest number of steps.
    tol : float, default=1e-6
        Stop when no entry of the gradient exceeds `tol`.
    kinks : bool, default=False
        Whether the cost has kinks, where its gradient jumps. A step may then end beyond one, where
        the cost rises again as steeply as it fell; the strong Wolfe conditions would hold every
        step up in front of it.

    Yields
    ------
    step : dict
        `parameters` (p,); `cost` and `gradient` (p,) there; `step_length`, as a multiple of the
        direction; `iteration`, 0 for the start; `converged`, whether `tol` is met. Without it the
        last step is the `max_iter`-th, or the one after which rounding hid any further decrease.

    Raises
    ------
    DivergenceError
        If the cost is not finite at the start.

    Examples
    --------
    >>> import numpy as np
    >>> def cost_and_gradient(w, rows):
    ...     return 0.5 * (w[0] ** 2 + 100 * (w[1] - 3) ** 2), np.array([w[0], 100 * (w[1] - 3)])
    >>> for step in lbfgs(cost_and_gradient, [5.0, -5.0]):
    ...     pass
    >>> step["parameters"].round(6) + 0.0
    array([0., 3.])
    """
    point = evaluate(cost_and_gradient, np.array(start, dtype=np.float64))
    if not (np.isfinite(point.cost) and np.all(np.isfinite(point.gradient))):
        raise DivergenceError(
            f"The cost is {point.cost} at the start. Check the data for huge values, and start "
            "from smaller parameters."
        )
    pairs: deque[tuple[Vector, Vector]] = deque(maxlen=memory)
    step_length, stalled = 0.0, 0
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
        found = _step(cost_and_gradient, point, pairs, kinks)
        if found is None and pairs:
            # what was learned misleads here: forget it, and try straight downhill
            pairs.clear()
            found = _step(cost_and_gradient, point, pairs, kinks)
        if found is None:
            return
        new, step_length = found
        stalled = stalled + 1 if no_progress(point, new) else 0
        if stalled == 5:
            return
        s, y = new.w - point.w, new.gradient - point.gradient
        # s'y > 0 keeps the approximation positive definite, so that -d stays downhill
        if float(s @ y) > 1e-10 * float(y @ y) * float(np.finfo(np.float64).eps):
            pairs.append((s, y))
        point = new


def _step(
    cost_and_gradient: CostAndGradient,
    point: Point,
    pairs: deque[tuple[Vector, Vector]],
    kinks: bool,
) -> tuple[Point, float] | None:
    direction = -two_loop_recursion(point.gradient, pairs)
    if float(direction @ point.gradient) >= 0.0:
        return None
    # without a pair the scale is unknown: move by 1 at first; with one, the full step fits
    first = 1.0 if pairs else min(1.0, 1.0 / float(np.sum(np.abs(point.gradient))))
    return strong_wolfe(cost_and_gradient, point, direction, first, kinks=kinks)
