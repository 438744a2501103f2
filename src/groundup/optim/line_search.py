"""How far to go along a direction that is known to lead downhill.

Along the ray w + a d the cost is a function of one number, f(a), with f'(0) < 0. A step length a
is good enough if it meets the two strong Wolfe conditions:

    f(a) <= f(0) + c1 a f'(0)          it went down by a fair share of what the slope promised
    |f'(a)| <= c2 |f'(0)|              and the slope has flattened: going on would gain little

The first alone (Armijo's) is enough for Newton's method, where a = 1 is nearly always right and
`backtrack` halves it in the rare case that it is not. A quasi-Newton method needs the second too:
it guarantees that the gradient changed enough for the step to say something about curvature.
`strong_wolfe` brackets such an a, then shrinks the bracket by cubic interpolation.

Where f has a kink its slope jumps, maybe from steep to steep, and no a at all meets the second
condition. A search would close in on the kink, and leave the next step in front of it. There the
weak condition does, f'(a) >= c2 f'(0): a point beyond the kink that went down is good enough.

References
----------
Nocedal and Wright (2006), Numerical Optimization, algorithms 3.1, 3.5 and 3.6.
Lewis and Overton (2013), Nonsmooth optimization via quasi-Newton methods.
"""

from __future__ import annotations

from math import isfinite, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from groundup.optim.descent import ALL_ROWS, CostAndGradient

__all__ = ["Point", "backtrack", "evaluate", "no_progress", "strong_wolfe"]

SUFFICIENT_DECREASE = 1e-4  # c1
FLATTER = 0.9  # c2
# costs closer than this, relative to their size, cannot be told apart in float64
ROUNDING = 32 * np.finfo(np.float64).eps


class Point(NamedTuple):
    """Parameters with what is known about the cost there."""

    w: NDArray[np.float64]  # (p,)
    cost: float
    gradient: NDArray[np.float64]  # (p,)


def evaluate(cost_and_gradient: CostAndGradient, w: NDArray[np.float64]) -> Point:
    cost, gradient = cost_and_gradient(w, ALL_ROWS)
    return Point(w, float(cost), gradient)


def no_progress(old: Point, new: Point) -> bool:
    """Tell whether rounding has the last word: the cost stood still, the gradient hardly fell."""
    return bool(
        new.cost >= old.cost
        and np.max(np.abs(new.gradient), initial=0.0)
        > 0.5 * np.max(np.abs(old.gradient), initial=0.0)
    )


def backtrack(
    cost_and_gradient: CostAndGradient,
    start: Point,
    direction: NDArray[np.float64],
    *,
    max_evaluations: int = 50,
) -> tuple[Point, float] | None:
    """Halve the step from 1 until it meets Armijo's condition.

    Near the minimum the promised decrease drowns in rounding. There a cost equal to the last one
    within rounding is accepted too, if the gradient became smaller.

    Parameters
    ----------
    cost_and_gradient : callable
        `cost_and_gradient(w, rows) -> (cost, gradient)`.
    start : Point
        Where the step begins.
    direction : array of shape (p,)
        Must lead downhill: `direction @ start.gradient < 0`.
    max_evaluations : int, default=50
        How many step lengths to try.

    Returns
    -------
    (point, step_length), or None if no step was short enough.
    """
    slope = float(direction @ start.gradient)  # f'(0)
    step_length = 1.0
    for _ in range(max_evaluations):
        point = evaluate(cost_and_gradient, start.w + step_length * direction)
        # f(a) <= f(0) + c1 a f'(0)
        if point.cost <= start.cost + SUFFICIENT_DECREASE * step_length * slope:
            return point, step_length
        if _equal_and_flatter(start, point):
            return point, step_length
        step_length *= 0.5
    return None


def strong_wolfe(
    cost_and_gradient: CostAndGradient,
    start: Point,
    direction: NDArray[np.float64],
    first: float = 1.0,
    *,
    max_evaluations: int = 30,
    kinks: bool = False,
) -> tuple[Point, float] | None:
    """Find a step length which meets both strong Wolfe conditions.

    Parameters
    ----------
    cost_and_gradient : callable
        `cost_and_gradient(w, rows) -> (cost, gradient)`.
    start : Point
        Where the step begins.
    direction : array of shape (p,)
        Must lead downhill: `direction @ start.gradient < 0`.
    first : float, default=1.0
        The step length to try first.
    max_evaluations : int, default=30
        How many step lengths to try.
    kinks : bool, default=False
        Whether the gradient may jump, so that the weak second condition is enough.

    Returns
    -------
    (point, step_length), or None if none was found. If only the first condition could be met, the
    lowest point that meets it is returned.
    """
    slope = float(direction @ start.gradient)  # f'(0)

    def low_enough(a: float, point: Point) -> bool:
        return point.cost <= start.cost + SUFFICIENT_DECREASE * a * slope

    # the bracket: f(low) is the lowest cost so far that is low enough; a minimum lies between
    # low and high (high is not known while the cost still falls)
    low, low_point = 0.0, start
    high: float | None = None
    high_point = start
    a = first
    for _ in range(max_evaluations):
        point = evaluate(cost_and_gradient, start.w + a * direction)
        slope_here = float(direction @ point.gradient)
        if _equal_and_flatter(start, point):
            return point, a
        if not isfinite(point.cost) or not low_enough(a, point) or point.cost >= low_point.cost:
            high, high_point = a, point  # too far
        else:
            if abs(slope_here) <= FLATTER * abs(slope) or (kinks and slope_here > 0.0):
                return point, a
            if slope_here > 0.0 if high is None else slope_here * (high - low) >= 0.0:
                high, high_point = low, low_point  # the minimum lies behind
            low, low_point = a, point
        if high is None:
            a *= 4.0  # still falling as steeply: go further
        else:
            if abs(high - low) <= 1e-14 * max(abs(high), abs(low)):
                break
            a = _between(low, low_point, high, high_point, direction)
    return (low_point, low) if low > 0.0 else None


def _equal_and_flatter(start: Point, point: Point) -> bool:
    if abs(point.cost - start.cost) <= ROUNDING * abs(start.cost):
        return bool(np.max(np.abs(point.gradient)) < np.max(np.abs(start.gradient)))
    return False


def _between(
    low: float, low_point: Point, high: float, high_point: Point, direction: NDArray[np.float64]
) -> float:
    """Return the minimum of the cubic through both ends, kept away from the ends."""
    middle = 0.5 * (low + high)
    if not isfinite(high_point.cost):
        return middle
    slope_low = float(direction @ low_point.gradient)
    slope_high = float(direction @ high_point.gradient)
    # the cubic with values f_l, f_h and slopes s_l, s_h at the ends has its minimum at
    #     h - (h - l) (s_h + d2 - d1) / (s_h - s_l + 2 d2)
    # with d1 = s_l + s_h - 3 (f_l - f_h) / (l - h) and d2 = sign(h - l) sqrt(d1^2 - s_l s_h)
    d1 = slope_low + slope_high - 3.0 * (low_point.cost - high_point.cost) / (low - high)
    discriminant = d1 * d1 - slope_low * slope_high
    if not discriminant >= 0.0:
        return middle
    d2 = sqrt(discriminant) * (1.0 if high > low else -1.0)
    denominator = slope_high - slope_low + 2.0 * d2
    if denominator == 0.0:
        return middle
    a = high - (high - low) * (slope_high + d2 - d1) / denominator
    margin = 0.1 * abs(high - low)
    if not min(low, high) + margin <= a <= max(low, high) - margin:
        return middle
    return a
