r"""One compiled epoch of a dense network: batch after batch, a gradient and a step of the rule.

    repeat for every batch of the epoch:
        gradient <- (sum over the batch's rows + alpha W) / weight of the batch
        w <- a step of Adam, or of momentum

Here the whole epoch is one kernel, so that no time goes into the calls between its thousands of
small parts.  A batch is cut into parts of about a hundred rows, which run on threads.  Each part
has a gradient of its own, and these are merged in their order: the same bits for any number of
threads.

The cost of an epoch is the mean over its rows of what each batch cost *before* its step, penalty
included, so it tells of weights that were still changing.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache
from math import inf
from time import perf_counter

import numpy as np
from numba import prange

from groundup._blocks import single_blas_thread, thread_count
from groundup._kernel import block_kernel, kernel
from groundup.neural_network._mlp_gradient import CHUNK_ROWS, gradient_of_rows, weight_count
from groundup.optim.rules import adam_step, momentum_step

MOMENTUM, NESTEROV, ADAM = 0, 1, 2

PART_ROWS = 100  # rows of a part, while that makes at most MOST_PARTS of a batch
MOST_PARTS = 8
MANY_PARAMETERS = 1_000_000  # beyond it only two parts, as each has a gradient of its own
WORTH_A_THREAD = 300_000  # rows of a batch times weights: below it a thread costs more than it does
SMALL_PRODUCT = 200_000  # multiplications up to which BLAS stays on one thread by itself


@kernel
def merge(
    partial,  # (n_parts, p) in
    part_sums,  # (n_parts, 2) in
    w,  # (p,) in
    n_weights,  # the first so many parameters are weights, the others intercepts
    alpha,
    gradient,  # (p,) out
):
    """Merge the parts' gradients and add the penalty's; return the batch's cost and weight."""
    total, weight = 0.0, 0.0
    for part in range(part_sums.shape[0]):
        total += part_sums[part, 0]
        weight += part_sums[part, 1]
    if weight == 0.0:
        return 0.0, 0.0
    real = w.dtype.type
    share = real(1.0 / weight)
    for j in range(w.shape[0]):
        gradient[j] = partial[0, j]
    for part in range(1, partial.shape[0]):
        for j in range(w.shape[0]):
            gradient[j] += partial[part, j]
    # J = (sum of losses + alpha/2 |W|^2) / weight;   dJ/dW = (sum of gradients + alpha W) / weight
    price = real(alpha)
    square = real(0.0)
    for j in range(n_weights):
        gradient[j] = (gradient[j] + price * w[j]) * share
        square += w[j] * w[j]
    for j in range(n_weights, w.shape[0]):
        gradient[j] *= share
    return (total + 0.5 * alpha * square) / weight, weight


@kernel
def rule_step(
    rule,
    constants,  # (4,) in: rate; beta1, beta2, epsilon or momentum
    t,  # steps taken, this one included
    w,  # (p,) inout
    gradient,  # (p,) in
    memory,  # (2, p) inout: velocity; or averages of gradients and of their squares
):
    """Take one step of Adam or momentum."""
    rate = constants[0]
    if rule == ADAM:
        beta1, beta2 = constants[1], constants[2]
        # the averages' bias, in the rate; epsilon stands beside the biased average
        rate *= np.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
        adam_step(w, gradient, memory[0], memory[1], rate, beta1, beta2, constants[3])
    else:
        momentum_step(w, gradient, memory[0], rate, constants[1], rule == NESTEROV)


@block_kernel
def run_epoch(
    X,  # (n_rows, d) in
    Y,  # (n_rows, n_outputs) in
    weight,  # (n_rows,) in, or (0,): all 1
    order,  # (n_rows,) in: the rows, batch after batch
    start,  # of the first batch in `order`
    stop,  # behind the last one
    batch_rows,
    units,  # (L + 1,) in
    n_weights,  # the first so many parameters are weights
    activation,
    output,
    alpha,
    rule,  # MOMENTUM, NESTEROV, ADAM, or negative: no step, only the gradient
    constants,  # (4,) in: see `rule_step`
    t,  # steps taken before
    w,  # (p,) inout
    memory,  # (2, p) inout
    values,  # (n_parts, CHUNK_ROWS * sum(units)) scratch
    deltas,  # (n_parts, 2 * CHUNK_ROWS * max(units)) scratch
    bits,  # (n_parts, CHUNK_ROWS * max(units)) int64 scratch
    power,  # the same memory seen as float64
    partial,  # (n_parts, p) scratch
    more,  # (n_parts, p) scratch
    part_sums,  # (n_parts, 2) scratch
    gradient,  # (p,) out: of the last batch
    bounds,  # (n_parts + 1,) int64 scratch
    result,  # (2,) inout: costs of the batches times their rows are added; out: steps taken now
):
    n_parts = part_sums.shape[0]
    for first in range(start, stop, batch_rows):
        m = min(batch_rows, stop - first)
        for part in range(n_parts + 1):
            bounds[part] = first + m * part // n_parts
        for part in prange(n_parts):
            gradient_of_rows(
                X,
                Y,
                weight,
                order,
                bounds[part],
                bounds[part + 1],
                units,
                w,
                activation,
                output,
                values[part],
                deltas[part],
                bits[part],
                power[part],
                partial[part],
                more[part],
                part_sums[part],
            )
        cost, batch_weight = merge(partial, part_sums, w, n_weights, alpha, gradient)
        result[0] += cost * m
        if rule >= 0 and batch_weight > 0.0:
            t += 1
            rule_step(rule, constants, t, w, gradient, memory)
    result[1] = t


class Threads:
    """How many threads to use, found out on the way; the bits are the same for any number.

    Threads that meet thousands of times a second are fast while each has a core of its own. Where
    another process has one of the cores, every meeting waits until it lets go: the epoch then takes
    ten times as long as on one thread. So a few batches on one thread set the measure, and threads
    that clearly fall behind it are given up for a while.

    Seconds a row are compared, so only rounds of full batches are judged: in a short batch, a row
    has to bear more of what a batch costs by itself, its step above all.
    """

    FEW, MANY = 4, 32  # batches of a trial, and while all is well
    FIRST_REST, LONGEST_REST = 8, 1024  # rounds on one thread before threads are tried again
    MARGIN = 1.2  # times the seconds of one thread: what differs by less may be chance

    def __init__(self, most: int) -> None:
        self.most = most
        self.alone = inf  # seconds a row on one thread, at best since the last rest began
        self.rest, self.next_rest, self.trusted = 1, self.FIRST_REST, False

    def next(self) -> tuple[int, int | None]:
        """Return the number of threads of the next round, and its batches: None for all."""
        if self.most == 1:
            return 1, None
        if self.rest > 0:
            return 1, self.FEW if self.alone == inf else self.MANY
        return self.most, self.MANY if self.trusted else self.FEW

    def took(self, n_threads: int, seconds: float) -> None:
        """Take note of the seconds that a row took in a round of full batches."""
        if n_threads == 1:
            self.alone = min(self.alone, seconds)
            self.rest -= 1
        elif seconds > self.MARGIN * self.alone:
            self.rest, self.trusted, self.alone = self.next_rest, False, inf
            self.next_rest = min(4 * self.next_rest, self.LONGEST_REST)
        else:
            self.next_rest, self.trusted = self.FIRST_REST, True


@lru_cache(maxsize=64)
def threads_of(most: int, units: tuple[int, ...], batch_rows: int, dtype: str) -> Threads:
    """Return what is known of the threads for networks of one kind, kept for the whole process.

    Otherwise every `partial_fit` would find it out anew.
    """
    return Threads(most)


def end_of_round(start: int, stop: int, batches: int | None, batch_rows: int) -> int:
    """Return where a round ends: a short last batch is a round of its own.

    Examples
    --------
    >>> end_of_round(0, 950, 4, 200), end_of_round(800, 950, 4, 200), end_of_round(0, 950, 9, 200)
    (800, 950, 800)
    """
    if batches is None:
        return stop
    full = min((stop - start) // batch_rows, batches) * batch_rows
    return start + full if full > 0 else stop


class FusedNetwork:
    """A dense network, its training rows and its scratch memory, ready for compiled epochs.

    Parameters
    ----------
    X : ndarray of shape (n_rows, d), C-contiguous, float32 or float64, read-only
    Y : ndarray of shape (n_rows, n_outputs), of the same type, read-only
        Targets; for one class of many (n_rows, 1), the class's number.
    sample_weight : ndarray of shape (n_rows,) or None
    units : ndarray of shape (L + 1,), int64
        The number of columns, then the units of each layer.
    activation, output : int
        What bends the hidden layers and the last one: flags of `_mlp_gradient`.
    alpha : float
        The penalty.
    batch_rows : int
        The most rows that one gradient is taken of.
    """

    def __init__(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        sample_weight: np.ndarray | None,
        units: np.ndarray,
        activation: int,
        output: int,
        alpha: float,
        batch_rows: int,
    ) -> None:
        alpha = float(alpha)
        dtype = X.dtype
        weight = np.empty(0, dtype) if sample_weight is None else sample_weight.astype(dtype)
        weight.flags.writeable = False
        self.rows = X, Y, weight
        self.units, self.activation, self.output, self.alpha = units, activation, output, alpha
        self.batch_rows = int(batch_rows)
        self.n_weights = weight_count(units)
        p = self.n_weights + int(units[1:].sum())
        n_parts = max(1, min(MOST_PARTS, -(-self.batch_rows // PART_ROWS)))
        if p > MANY_PARAMETERS:
            n_parts = min(n_parts, 2)
        in_chunks = -(-self.batch_rows // n_parts) > CHUNK_ROWS
        bits = np.empty((n_parts, CHUNK_ROWS * int(units.max())), np.int64)
        self.gradient = np.zeros(p, dtype)  # (p,) of the last batch
        self.scratch = (
            np.empty((n_parts, CHUNK_ROWS * int(units.sum())), dtype),
            np.empty((n_parts, 2 * CHUNK_ROWS * int(units.max())), dtype),
            bits,
            bits.view(np.float64),
            np.empty((n_parts, p), dtype),
            np.empty((n_parts, p if in_chunks else 1), dtype),
            np.empty((n_parts, 2)),
            self.gradient,
            np.empty(n_parts + 1, np.int64),
        )
        self.result = np.zeros(2)
        worth_it = n_parts > 1 and self.batch_rows * p >= WORTH_A_THREAD
        most = min(n_parts, thread_count()) if worth_it else 1
        self.threads = threads_of(most, tuple(units.tolist()), self.batch_rows, dtype.name)
        largest_product = CHUNK_ROWS * int((units[:-1] * units[1:]).max())
        self.blas = single_blas_thread if largest_product > SMALL_PRODUCT else nullcontext

    def epoch(
        self,
        w: np.ndarray,
        memory: np.ndarray,
        rule: int,
        constants: np.ndarray,
        t: int,
        order: np.ndarray,
        start: int,
        stop: int,
    ) -> tuple[float, int]:
        """Take a step for every batch of the rows ``order[start:stop]``.

        Parameters
        ----------
        w : ndarray of shape (p,)
            The parameters: changed.
        memory : ndarray of shape (2, p)
            What the rule remembers: changed.
        rule : int
            ``MOMENTUM``, ``NESTEROV``, ``ADAM``, or -1 for no step at all.
        constants : ndarray of shape (4,)
            The learning rate; then beta1, beta2 and epsilon, or the momentum.
        t : int
            How many steps were taken before.
        order : ndarray of shape (n_rows,), int64
        start, stop : int

        Returns
        -------
        cost : float
            The sum over the rows of what their batch cost before its step.
        t : int
            How many steps have been taken now.
        """
        self.result[:] = 0.0, t
        with self.blas():
            while start < stop:
                n_threads, batches = self.threads.next()
                end = end_of_round(start, stop, batches, self.batch_rows)
                begun = perf_counter()
                run_epoch(
                    *self.rows,
                    order,
                    start,
                    end,
                    self.batch_rows,
                    self.units,
                    self.n_weights,
                    self.activation,
                    self.output,
                    self.alpha,
                    rule,
                    constants,
                    int(self.result[1]),
                    w,
                    memory,
                    *self.scratch,
                    self.result,
                    n_threads=n_threads,
                )
                if (end - start) % self.batch_rows == 0:
                    self.threads.took(n_threads, (perf_counter() - begun) / (end - start))
                start = end
        return float(self.result[0]), int(self.result[1])
