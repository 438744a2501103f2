"""When to stop: the cost has settled, or the descent has gone wrong.

With the full gradient there is a clean test for "settled": the gradient is nearly zero. With a few
rows at a time there is none, because each batch has a gradient of its own; all that can be seen is
that the cost of an epoch no longer improves. `Plateau` watches for that.

A step which is too long lands higher up on the other side of the valley, where the gradient is
larger, so the next step is longer still: the cost grows without end. `RisingCost` watches for
that, and says what to do about it.
"""

from __future__ import annotations

from math import inf, isfinite

__all__ = ["DivergenceError", "Plateau", "RisingCost", "advice"]

LARGE_RATE = 0.1  # on columns of one scale few descents bear more


class DivergenceError(ValueError):
    """The cost is no longer finite, or keeps rising: the steps are too long."""


class Plateau:
    """Has the cost stopped improving?

    Parameters
    ----------
    tol : float
        An epoch improves if its cost is below the best so far by more than `tol`, in units of the
        cost.
    patience : int
        How many epochs in a row may fail to improve.

    Examples
    --------
    >>> plateau = Plateau(tol=0.1, patience=2)
    >>> [plateau.reached(cost) for cost in [3.0, 2.0, 1.95, 1.99]]
    [False, False, False, True]
    """

    def __init__(self, tol: float, patience: int) -> None:
        self.tol = tol
        self.patience = patience
        self.best = inf
        self.epochs_without = 0

    def reached(self, cost: float) -> bool:
        """Take note of an epoch's cost; True if `patience` epochs in a row brought nothing."""
        if cost > self.best - self.tol:
            self.epochs_without += 1
        else:
            self.epochs_without = 0
        self.best = min(self.best, cost)
        return self.epochs_without >= self.patience


class RisingCost:
    """Raise `DivergenceError` once the cost is not finite, or keeps rising.

    Parameters
    ----------
    patience : int, default=10
        How many rises in a row, to above the first cost, count as divergence. A few are normal:
        momentum overshoots, and batches differ.

    Examples
    --------
    >>> watch = RisingCost(patience=2)
    >>> for cost in [1.0, 4.0, 16.0]:
    ...     watch.check(cost, rate=5.0)
    Traceback (most recent call last):
        ...
    groundup.optim.stopping.DivergenceError: The cost has risen 2 times in a row, from 1 to 16, \
with learning_rate=5. Try learning_rate=0.1 or lower, or bring the columns of X to one scale first \
(StandardScaler).
    """

    def __init__(self, patience: int = 10) -> None:
        self.patience = patience
        self.first: float | None = None
        self.previous = inf
        self.rises = 0

    def check(self, cost: float, rate: float) -> None:
        """Take note of a cost that was reached with learning rate `rate`."""
        if not isfinite(cost):
            raise DivergenceError(f"The cost became {cost} {advice(rate)}")
        if self.first is None:
            self.first = cost
        self.rises = self.rises + 1 if cost > self.previous else 0
        self.previous = cost
        if self.rises >= self.patience and cost > self.first:
            raise DivergenceError(
                f"The cost has risen {self.rises} times in a row, "
                f"from {self.first:.6g} to {cost:.6g}, {advice(rate)}"
            )


def advice(rate: float, name: str = "learning_rate") -> str:
    """Return the end of a message on a descent that diverged: with which rate, and what to do.

    Parameters
    ----------
    rate : float
        The learning rate of the step.
    name : str, default="learning_rate"
        The parameter that sets it.

    Examples
    --------
    >>> advice(1e30)
    'with learning_rate=1e+30. Try learning_rate=0.1 or lower, or bring the columns of X to one \
scale first (StandardScaler).'
    """
    if not 0.0 < rate < inf:
        return f"with {name}={rate:.6g}. It has to be a positive number at every update."
    # A tenth of a rate that is out of all proportion is so as well.
    lower = min(rate / 10, LARGE_RATE)
    return (
        f"with {name}={rate:.6g}. Try {name}={lower:.6g} or lower, or bring the columns of X to "
        "one scale first (StandardScaler)."
    )
