"""Gradient descent: feel which way is down, take a step, repeat.

Given a cost J(w) that averages over rows, and its gradient,

    initialise w
    repeat until converged:
        cost, gradient = J(w), dJ/dw (w)      on all rows, or on a few of them
        w <- w - rate * gradient              or what another rule makes of the gradient

The three textbook variants differ only in the rows that one update looks at:

============ ======================= ==========================================================
batch        `batch_size=None`       all rows: every step is downhill, each one costs a full pass
mini-batch   `batch_size=64`, say    a few rows, drawn anew each epoch: many cheap, noisy steps
stochastic   `batch_size=1`          one row: the most steps for the work, and the most noise
============ ======================= ==========================================================

Cost: O(n p) an epoch for n rows and p parameters. Fails when the rate is too large for the
steepest direction (the cost grows: a `DivergenceError` says so), and crawls when the cost is much
steeper in one direction than in another: scale the columns, or use a rule with memory
(`groundup.optim.rules`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groundup.optim.rules import Plain, Rule
from groundup.optim.schedules import Constant, Schedule
from groundup.optim.stopping import Plateau, RisingCost

__all__ = ["ALL_ROWS", "CostAndGradient", "batches", "gradient_descent"]

CostAndGradient = Callable[[NDArray[np.float64], Any], tuple[float, NDArray[np.float64]]]

# what a cost function gets for `rows` when it should use every one: X[ALL_ROWS] copies nothing
ALL_ROWS = slice(None)


def batches(
    n_rows: int, batch_size: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Deal the rows out in random order, `batch_size` at a time; the last batch may be smaller.

    Examples
    --------
    >>> import numpy as np
    >>> [len(rows) for rows in batches(7, 3, np.random.default_rng(0))]
    [3, 3, 1]
    """
    order = generator.permutation(n_rows)
    for first in range(0, n_rows, batch_size):
        yield order[first : first + batch_size]


def gradient_descent(
    cost_and_gradient: CostAndGradient,
    start: ArrayLike,
    *,
    learning_rate: float | Schedule = 0.1,
    rule: Rule | None = None,
    n_rows: int | None = None,
    batch_size: int | None = None,
    max_epochs: int = 1000,
    tol: float = 1e-6,
    patience: int = 5,
    each_update: bool = False,
    random_state: int | np.random.Generator | None = None,
) -> Iterator[dict[str, Any]]:
    """Descend from `start`, and yield the state after every epoch.

    Parameters
    ----------
    cost_and_gradient : callable
        `cost_and_gradient(w, rows) -> (cost, gradient)`: the mean cost over `rows` and its
        gradient, of shape (p,). `rows` is anything that indexes the rows of an array: a slice of
        all of them, or an array of row numbers.
    start : array of shape (p,)
        The first parameters. Not changed.
    learning_rate : float or schedule, default=0.1
        The length of a step, or a function of the number of updates so far
        (`groundup.optim.schedules`).
    rule : Rule, default=Plain()
        What becomes of the gradient (`groundup.optim.rules`).
    n_rows : int, optional
        How many rows there are. Needed when `batch_size` is given.
    batch_size : int, optional
        How many rows one update looks at; None for all.
    max_epochs : int, default=1000
        The largest number of passes over the rows.
    tol : float, default=1e-6
        Batch: stop when no entry of the gradient exceeds `tol`. Mini-batch and stochastic: stop
        when the cost has not improved by more than `tol` for `patience` epochs in a row.
    patience : int, default=5
        See `tol`.
    each_update : bool, default=False
        Yield after every update, not only after every epoch.
    random_state : int, Generator or None, default=None
        Seeds the order of the rows.

    Yields
    ------
    step : dict
        `parameters` (p,), the live array, copy it to keep it; `cost`, the mean over the epoch of
        what each batch cost just before it was used; `gradient` (p,), that of the last update;
        `learning_rate`, that of the last update; `epoch` and `updates`, both counted from 1;
        `converged`, whether this step is the last because `tol` was met.

    Raises
    ------
    DivergenceError
        If the cost is not finite or keeps rising. It names the learning rate.
    ValueError
        If `batch_size` is given without `n_rows`.

    Examples
    --------
    A straight line through three points, y = 1 + 2 x:

    >>> import numpy as np
    >>> X = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> y = np.array([1.0, 3.0, 5.0])
    >>> def cost_and_gradient(w, rows):
    ...     error = X[rows] @ w - y[rows]
    ...     return 0.5 * np.mean(error**2), X[rows].T @ error / len(error)
    >>> for step in gradient_descent(cost_and_gradient, [0.0, 0.0], learning_rate=0.5):
    ...     pass
    >>> step["parameters"].round(4)
    array([1., 2.])
    >>> step["converged"]
    True
    """
    if batch_size is not None and n_rows is None:
        raise ValueError(f"batch_size={batch_size} needs n_rows, the number of rows, as well.")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
    rate_of: Schedule = learning_rate if callable(learning_rate) else Constant(learning_rate)
    rule = Plain() if rule is None else rule
    generator = np.random.default_rng(random_state)

    w = np.array(start, dtype=np.float64)  # (p,)
    memory = rule.start(w)
    plateau, rising = Plateau(tol, patience), RisingCost()
    updates, rate = 0, 0.0

    def state(epoch: int, cost: float, gradient: NDArray[np.float64]) -> dict[str, Any]:
        return {
            "parameters": w,
            "cost": cost,
            "gradient": gradient,
            "learning_rate": rate,
            "epoch": epoch,
            "updates": updates,
            "converged": False,
        }

    for epoch in range(1, max_epochs + 1):
        epoch_cost, rows_seen = 0.0, 0
        if batch_size is None or n_rows is None:
            epoch_rows: Any = [ALL_ROWS]
        else:
            epoch_rows = batches(n_rows, batch_size, generator)
        for rows in epoch_rows:
            cost, gradient = cost_and_gradient(w, rows)
            rate = float(rate_of(updates))
            rule.update(w, gradient, rate, memory)
            updates += 1
            n_in_batch = 1 if batch_size is None else len(rows)
            epoch_cost += n_in_batch * float(cost)
            rows_seen += n_in_batch
            if each_update:
                yield state(epoch, float(cost), gradient)
        epoch_cost /= rows_seen
        rising.check(epoch_cost, rate)

        step = state(epoch, epoch_cost, gradient)
        if batch_size is None:
            step["converged"] = bool(np.max(np.abs(gradient), initial=0.0) <= tol)
        else:
            step["converged"] = plateau.reached(epoch_cost)
        if step["converged"] or not each_update:
            yield step
        if step["converged"]:
            return
