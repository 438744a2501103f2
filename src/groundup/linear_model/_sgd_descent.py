"""Stochastic gradient descent on a linear model: one row, one step.

    J(w, b) = mean of s_i loss(w'x_i + b, y_i) + alpha (l1_ratio |w|_1 + (1 - l1_ratio) |w|^2 / 2)

The gradient of one row's loss points, on average, where the gradient of all rows points, at 1 / n
of the price. So an epoch, one pass over the rows in random order, makes n small steps where batch
descent makes one:

    for each row i, in random order:
        z <- w'x + b
        w <- (1 - r alpha (1 - l1_ratio)) w - r s loss'(z, y) x         r: the learning rate
        b <- b - r s loss'(z, y)
        pull every w_j towards 0 by the l1 penalty that it owes, but never past 0

It is `groundup.optim.gradient_descent` with `batch_size=1` and the rule `Plain`, with a penalty and
an average, in a compiled loop; learning rates and the rule for stopping are those of that package.

The l1 penalty is paid cumulatively: noise moves a coefficient away from zero at nearly every row,
so each keeps account of the penalty that it has paid, and at each step pays what it owes so far;
what would take it past zero is waived.

The average of w over all steps is less noisy than its last value, and as good as a second-order
method's on large data.

Cost: O(n d) an epoch. It needs columns of one scale. It does not reach many digits, and often need
not: with more rows than time, the error of the fit is not what limits the predictions.

References
----------
Bottou (2012), Stochastic gradient descent tricks. Tsuruoka, Tsujii and Ananiadou (2009), Stochastic
gradient descent training for L1-regularized log-linear models with cumulative penalty. Polyak and
Juditsky (1992), Acceleration of stochastic approximation by averaging. Crammer, Dekel, Keshet,
Shalev-Shwartz and Singer (2006), Online passive-aggressive algorithms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup._kernel import kernel
from groundup.linear_model._sgd_loss import LOSSES, loss_and_slope
from groundup.optim import DivergenceError, Plateau, Schedule

Array = NDArray[np.float64]

# a slope beyond this is clipped, so that one absurd row does not overflow everything
LARGEST_SLOPE = 1e12
# "adaptive" divides the rate by 5 at each plateau, down to this
SMALLEST_RATE = 1e-6

GRADIENT, PASSIVE_AGGRESSIVE_1, PASSIVE_AGGRESSIVE_2 = 0, 1, 2


@kernel
def epoch_of_rows(
    X,  # (n, d) in
    y,  # (n,) in
    weight,  # (n,) in: s_i
    order,  # (m,) in: the rows to use, in this order
    rates,  # (m,) in: the learning rate of each step
    loss,  # in: a value of LOSSES
    epsilon,  # in: the constant of the loss
    alpha,  # in: strength of the penalty
    l1_ratio,  # in: the share of the l1 norm in it
    fit_intercept,  # in
    step_rule,  # in: GRADIENT, PASSIVE_AGGRESSIVE_1 or _2
    aggressiveness,  # in: the constant of a passive-aggressive rule
    before_average,  # in: how many more steps to make before averaging begins; -1: no average
    averaged,  # in: how many steps are in the average
    coef,  # (d,) inout: w
    intercept,  # (1,) inout: b
    average_coef,  # (d,) inout
    average_intercept,  # (1,) inout
    paid,  # (d,) inout: the l1 penalty that each coefficient has paid, with its sign
    owed,  # (1,) inout: the l1 penalty due so far
):
    """Take one step for each row in `order`; return the sums of the loss and of the objective."""
    d = X.shape[1]
    loss_sum, objective_sum = 0.0, 0.0
    for step in range(order.shape[0]):
        i, rate = order[step], rates[step]
        # z = w'x + b, and the norms that the objective needs
        z, squares, absolutes, x_squared = 0.0, 0.0, 0.0, 0.0
        for j in range(d):
            z += coef[j] * X[i, j]
            squares += coef[j] * coef[j]
            absolutes += abs(coef[j])
            x_squared += X[i, j] * X[i, j]
        z += intercept[0]
        value, slope = loss_and_slope(loss, z, y[i], epsilon)
        loss_sum += value
        objective_sum += value
        if step_rule == GRADIENT:
            objective_sum += alpha * (0.5 * (1.0 - l1_ratio) * squares + l1_ratio * absolutes)
            slope = min(max(slope, -LARGEST_SLOPE), LARGEST_SLOPE)
            change = -rate * slope
        else:
            # as far as it takes to make this row's loss zero, within bounds
            if step_rule == PASSIVE_AGGRESSIVE_1:
                if x_squared == 0.0:
                    continue
                length = min(aggressiveness, value / x_squared)
            else:
                length = value / (x_squared + 0.5 / aggressiveness)
            change = -length * np.sign(slope)
        change *= weight[i]

        # w <- (1 - r alpha (1 - l1_ratio)) w - r s loss' x
        shrink = max(0.0, 1.0 - (1.0 - l1_ratio) * rate * alpha)
        for j in range(d):
            coef[j] = shrink * coef[j] + change * X[i, j]
        if fit_intercept:
            intercept[0] += change

        if 0 <= before_average <= step:
            # mean of k + 1 values = mean of k + (value - mean of k) / (k + 1)
            averaged += 1
            for j in range(d):
                average_coef[j] += (coef[j] - average_coef[j]) / averaged
            average_intercept[0] += (intercept[0] - average_intercept[0]) / averaged

        if l1_ratio > 0.0:
            owed[0] += l1_ratio * rate * alpha
            for j in range(d):
                before = coef[j]
                if before > 0.0:
                    coef[j] = max(0.0, before - (owed[0] + paid[j]))
                elif before < 0.0:
                    coef[j] = min(0.0, before + (owed[0] - paid[j]))
                paid[j] += coef[j] - before
    return loss_sum, objective_sum


@dataclass
class LinearState:
    """A linear model under way: its coefficients, and their average over the steps.

    Parameters
    ----------
    coef : array of shape (d,)
    intercept : array of shape (1,)
    average_coef : array of shape (d,)
    average_intercept : array of shape (1,)
    """

    coef: Array
    intercept: Array
    average_coef: Array = field(default_factory=lambda: np.empty(0))
    average_intercept: Array = field(default_factory=lambda: np.zeros(1))

    def __post_init__(self) -> None:
        if len(self.average_coef) != len(self.coef):
            self.average_coef = np.zeros_like(self.coef)

    @classmethod
    def zeros(cls, d: int) -> LinearState:
        return cls(np.zeros(d), np.zeros(1))

    def copy(self) -> LinearState:
        """Return a state of its own."""
        averages = self.average_coef.copy(), self.average_intercept.copy()
        return LinearState(self.coef.copy(), self.intercept.copy(), *averages)


def stochastic_descent(
    X: Array,
    y: Array,
    sample_weight: Array,
    state: LinearState,
    *,
    loss: str,
    schedule: Schedule,
    epsilon: float = 0.1,
    alpha: float = 1e-4,
    l1_ratio: float = 0.0,
    fit_intercept: bool = True,
    step_rule: int = GRADIENT,
    adaptive: bool = False,
    rows: NDArray[np.int64] | None = None,
    score: Callable[[LinearState], float] | None = None,
    shuffle: bool = True,
    seed: int = 0,
    max_iter: int = 1000,
    tol: float | None = 1e-3,
    n_iter_no_change: int = 5,
    average_from: int = 0,
    steps_before: int = 0,
) -> Iterator[dict[str, Any]]:
    """Descend one row at a time, and yield the state after every epoch.

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
        -1 or +1 for the losses of classes, any number for the others.
    sample_weight : array of shape (n,)
        Factors on the steps of the rows.
    state : LinearState
        Where to begin. It is changed.
    loss : str
        A key of `groundup.linear_model._sgd_loss.LOSSES`.
    schedule : Schedule
        Learning rate by the number of steps made so far.
    epsilon : float, default=0.1
        The constant of the huber and insensitive losses, in units of y.
    alpha : float, default=1e-4
        Strength of the penalty.
    l1_ratio : float, default=0.0
        Share of the l1 norm in it.
    fit_intercept : bool, default=True
    step_rule : int, default=GRADIENT
        A passive-aggressive rule takes its constant from `schedule(0)`.
    adaptive : bool, default=False
        At a plateau divide the learning rates by 5 and go on, until they are below 1e-6.
    rows : array of int64, optional
        The rows to learn from; all by default.
    score : callable, optional
        `score(state)`, higher is better: a plateau is then one of the score, not of the objective.
    shuffle : bool, default=True
        Whether each epoch has an order of its own.
    seed : int, default=0
        Seeds the orders.
    max_iter : int, default=1000
        The largest number of epochs.
    tol : float or None, default=1e-3
        An epoch improves on the best if it is better by more than `tol`; None: never stop early.
    n_iter_no_change : int, default=5
        Stop after that many epochs in a row without improvement.
    average_from : int, default=0
        The step, counted from 1, from which on the coefficients are averaged; 0: not at all.
    steps_before : int, default=0
        Steps made by earlier calls: schedule and average go on from there.

    Yields
    ------
    step : dict
        `state`, the live LinearState; `loss`, the mean loss of the rows just before they were used;
        `cost`, the same with the penalty; `epoch`, counted from 1; `steps`, all so far;
        `converged`.

    Raises
    ------
    DivergenceError
        If a coefficient is not finite after an epoch. It names the learning rate.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.optim import Constant
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([-1.0, -1.0, 1.0, 1.0])
    >>> steps = stochastic_descent(
    ...     X, y, np.ones(4), LinearState.zeros(1), loss="hinge", schedule=Constant(0.1)
    ... )
    >>> for step in steps:
    ...     pass
    >>> step["loss"], step["converged"]
    (0.0, True)
    """
    rows = np.arange(len(X), dtype=np.int64) if rows is None else rows
    generator = np.random.default_rng(seed)
    plateau = Plateau(-np.inf if tol is None else tol, n_iter_no_change)
    paid, owed = np.zeros(X.shape[1]), np.zeros(1)
    steps, factor = steps_before, 1.0
    first_rate = float(schedule(0))
    for epoch in range(1, max_iter + 1):
        order = generator.permutation(rows) if shuffle else rows
        rates = factor * schedule(np.arange(steps, steps + len(order), dtype=np.float64))
        loss_sum, objective_sum = epoch_of_rows(
            X,
            y,
            sample_weight,
            order,
            rates,
            LOSSES[loss],
            epsilon,
            alpha,
            l1_ratio,
            fit_intercept,
            step_rule,
            first_rate,
            max(0, average_from - 1 - steps) if average_from > 0 else -1,
            max(0, steps - average_from + 1),
            state.coef,
            state.intercept,
            state.average_coef,
            state.average_intercept,
            paid,
            owed,
        )
        steps += len(order)
        if not (np.isfinite(state.coef).all() and np.isfinite(state.intercept).all()):
            raise DivergenceError(
                f"Floating-point overflow in epoch {epoch}, with learning_rate={rates[0]:.6g} at "
                f"its start. Bring the columns of X to one scale first (StandardScaler), or try "
                f"eta0={rates[0] / 10:.6g} or lower."
            )
        cost = objective_sum / len(order)
        converged = plateau.reached(cost if score is None else -score(state))
        if converged and adaptive and factor * first_rate > SMALLEST_RATE:
            factor /= 5.0
            plateau.epochs_without = 0
            converged = False
        yield {
            "state": state,
            "loss": loss_sum / len(order),
            "cost": cost,
            "epoch": epoch,
            "steps": steps,
            "converged": converged,
        }
        if converged:
            return
