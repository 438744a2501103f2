"""Learning-rate schedules: how long a step is, as a function of how many were taken.

Long steps cover ground; short ones settle. With the full gradient a constant rate is enough, as
the gradient itself shrinks on the way to the minimum. With a gradient from a few rows it does not
shrink, since the rows disagree: the parameters end up jumping about in a ball whose size is
proportional to the rate. So the rate has to fall. Robbins and Monro (1951) showed how fast: the
sum of all rates must be infinite (any minimum can be reached), the sum of their squares finite
(the noise dies out); 1 / t does both.

A schedule is a function of `t`, the number of updates made so far, counted from 0. All of them
take an array of `t` too, so that a compiled epoch can be handed the rates of all its rows at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "InverseScaling",
    "InverseTime",
    "OneCycle",
    "Schedule",
    "StepDecay",
]


class Schedule(Protocol):
    """What `gradient_descent` asks of a schedule."""

    def __call__(self, t: Any) -> Any:
        """Return the learning rate of update `t` (0, 1, ...), or of each in an array of them."""


@dataclass(frozen=True)
class Constant:
    """r(t) = r0

    Examples
    --------
    >>> float(Constant(0.1)(7))
    0.1
    """

    rate: float

    def __call__(self, t: Any) -> Any:
        # r0 + 0 t: as many rates as there are updates
        return self.rate + 0.0 * np.asarray(t, dtype=np.float64)


@dataclass(frozen=True)
class StepDecay:
    """r(t) = r0 f^floor(t / s): multiplied by `factor` f after every `every` s updates."""

    rate: float
    factor: float = 0.5
    every: int = 1000

    def __call__(self, t: Any) -> Any:
        return self.rate * self.factor ** np.floor_divide(t, self.every)


@dataclass(frozen=True)
class Exponential:
    """r(t) = r0 exp(-d t)"""

    rate: float
    decay: float = 1e-3

    def __call__(self, t: Any) -> Any:
        return self.rate * np.exp(-self.decay * np.asarray(t, dtype=np.float64))


@dataclass(frozen=True)
class InverseScaling:
    """r(t) = r0 / (t + 1)^a

    The sum of the rates is infinite and that of their squares finite for 1/2 < a <= 1.
    """

    rate: float
    power: float = 0.5

    def __call__(self, t: Any) -> Any:
        return self.rate / (np.asarray(t, dtype=np.float64) + 1.0) ** self.power


@dataclass(frozen=True)
class InverseTime:
    """r(t) = 1 / (a (t0 + t))

    The best rate for a cost whose curvature is at least a, such as one with the penalty
    a/2 |w|^2; it needs no tuning but for the first rate, 1 / (a t0).

    References
    ----------
    Shalev-Shwartz, Singer and Srebro (2007), Pegasos: primal estimated sub-gradient solver for
    SVM, ICML. Bottou (2012), Stochastic gradient descent tricks.
    """

    curvature: float
    first: float = 1.0

    def __call__(self, t: Any) -> Any:
        return 1.0 / (self.curvature * (self.first + np.asarray(t, dtype=np.float64)))


@dataclass(frozen=True)
class Cosine:
    """r(t) = r1 + (r0 - r1) (1 + cos(pi t / T)) / 2, and r1 after the T updates.

    References
    ----------
    Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts, ICLR.
    """

    rate: float
    updates: int
    final: float = 0.0

    def __call__(self, t: Any) -> Any:
        share = np.minimum(np.asarray(t, dtype=np.float64) / self.updates, 1.0)
        return self.final + (self.rate - self.final) * 0.5 * (1.0 + np.cos(np.pi * share))


@dataclass(frozen=True)
class OneCycle:
    """Warm up from r0 / d to r0 over the first share w of T updates, then down to r0 / f.

    Both ways along half a cosine. Short steps at first, while the gradients are large and point
    anywhere; long ones in the middle; very short ones to settle.

    References
    ----------
    Smith and Topin (2019), Super-convergence: very fast training of neural networks using large
    learning rates.
    """

    rate: float
    updates: int
    warm_up: float = 0.3
    start_divisor: float = 25.0
    final_divisor: float = 1e4

    def __call__(self, t: Any) -> Any:
        share = np.minimum(np.asarray(t, dtype=np.float64) / self.updates, 1.0)
        first, last = self.rate / self.start_divisor, self.rate / self.final_divisor
        up = 0.5 * (1.0 - np.cos(np.pi * np.minimum(share / self.warm_up, 1.0)))
        down = 0.5 * (1.0 + np.cos(np.pi * (share - self.warm_up) / (1.0 - self.warm_up)))
        return np.where(
            share < self.warm_up,
            first + (self.rate - first) * up,
            last + (self.rate - last) * down,
        )
