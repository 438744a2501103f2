"""The training loop: predict, compare, go back, take a step, repeat.

    for each epoch:
        for each batch of rows, in random order:
            z    = network(x)                     predict
            loss = mean of w_i loss(z_i, t_i)     compare
            g    = d loss / d weights             go back through the network
            w   <- rule(w, g, rate)               take a step
        stop once the loss no longer improves

A batch's loss stands for the loss of all rows: in the mean over batches it is that.  Small batches
make many cheap steps whose noise also carries the weights out of poor minima; large ones use the
machine better.

**Early stopping.**  A network can learn its rows by heart.  Rows held back show when that begins:
their loss stops falling while that of the others goes on.  The weights of the best epoch are kept,
and put back at the end.

Cost: about three forward passes a row and epoch (one there, two back), and for memory all that the
layers hand on for one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from groundup._blocks import single_blas_thread
from groundup.neural_network._health_of_network import WeightedLayers
from groundup.neural_network._network import Network, blocks_of_rows
from groundup.neural_network.autodiff import Tensor, no_grad
from groundup.optim.rules import Memory, Rule
from groundup.optim.schedules import Schedule
from groundup.optim.stopping import DivergenceError, Plateau, RisingCost, advice

Loss = Callable[[Tensor, np.ndarray, Any], Tensor]


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to validate on.

    Parameters
    ----------
    x : ndarray of shape (n, *input_shape)
        In the network's dtype, or int64 symbols.
    targets : ndarray of shape (n, ...)
        In the form that the loss takes.
    weights : ndarray of shape (n,) or (n, T), or None
        How much each row (or each position) counts.
    """

    x: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None

    def __len__(self) -> int:
        return len(self.x)

    def at(self, rows: Any) -> Rows:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.x[rows], self.targets[rows], weights)


@dataclass
class Descent:
    """How steps are taken: the rule and what it remembers, the rate, the order, the noise."""

    rule: Rule
    memory: Memory
    schedule: Schedule
    order: np.random.Generator
    noise: np.random.Generator
    shuffle: bool = True
    updates: int = 0

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        return float(self.schedule(self.updates))

    def update(self, network: Network, loss: Loss, batch: Rows) -> float:
        """Take one step down the gradient of a batch; return the batch's loss before it."""
        scale = 1.0
        if batch.weights is not None:
            # sum_i w_i loss_i / m = mean(w) (sum_i w_i loss_i / sum_i w_i)
            scale = float(batch.weights.mean())
            if scale == 0.0:
                return 0.0
        outputs = network.model.forward(network.parameters.tree, Tensor(batch.x), self.noise)
        value = loss(outputs, batch.targets, batch.weights)
        cost = scale * value.item()
        if not isfinite(cost) and self.updates == 0:
            raise DivergenceError(
                f"The loss is {cost} before the first step, so no learning rate is to blame: bring "
                "the columns of X and the targets to one scale first (StandardScaler), or begin "
                "with other weights."
            )
        network.gradient.fill(0.0)
        value.backward(scale)
        rate = self.rate
        self.rule.update(network.weights, network.gradient, rate, self.memory)
        self.updates += 1
        if not isfinite(cost):
            RisingCost().check(cost, rate)
        return cost

    def epoch(
        self, network: Network, loss: Loss, rows: Rows, batch_size: int, each_batch: bool = False
    ) -> Iterator[float]:
        """Take a step with each batch of an epoch; yield the mean loss so far.

        At the end of the epoch, or with `each_batch` after each batch.
        """
        n = len(rows)
        order = self.order.permutation(n) if self.shuffle else np.arange(n)
        firsts = range(0, n, batch_size)
        total, seen = 0.0, 0
        for group in [firsts[i : i + 1] for i in range(len(firsts))] if each_batch else [firsts]:
            # What overflows is told as a DivergenceError.
            with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
                for first in group:
                    chosen = order[first : first + batch_size]
                    total += len(chosen) * self.update(network, loss, rows.at(chosen))
                    seen += len(chosen)
            yield total / seen


def train(
    network: Network,
    loss: Loss,
    rows: Rows,
    validation: Rows | None,
    descent: Descent,
    *,
    batch_size: int,
    max_epochs: int,
    tol: float,
    patience: int,
    each_batch: bool,
    loss_curve: list[float],
    validation_curve: list[float],
    told: set[str],
    weights_of: int = 0,
) -> Iterator[dict[str, Any]]:
    """Train a network; yield its state after each epoch, or after each batch.

    Parameters
    ----------
    network : Network
        Its weights are changed in place.
    loss : callable
        ``loss(outputs, targets, weights)``, of `groundup.neural_network.losses`.
    rows, validation : Rows
        What to learn from; what to validate on, or None.
    descent : Descent
        How steps are taken.
    batch_size, max_epochs, tol, patience
        As the estimators have them.
    each_batch : bool
        Whether every update is a step, not only every epoch.
    loss_curve, validation_curve : list of float
        The losses of earlier epochs, to which those of this training are joined.
    told : set of str
        The findings that the user has been told of.
    weights_of : int, default=0
        The epoch that the weights are of, where they were learned before. With `validation` they
        are then the first candidate, so that learning on does not end worse than it began.

    Yields
    ------
    dict
        ``weights`` (the live vector), ``loss``, ``loss_curve``, ``validation_curve`` (or None),
        ``epoch`` and ``best_epoch``, counted from 1: the epoch that the weights are of, which is
        an earlier one only in the last state, where the best are put back.

    Raises
    ------
    DivergenceError
        If the loss or a weight is no longer finite, or the loss keeps rising.
    """
    vector = network.parameters.vector
    best, best_loss, best_epoch = None, np.inf, 0
    plateau, rising = Plateau(tol, patience), RisingCost()
    layers = WeightedLayers(network)
    epoch_before = len(loss_curve)
    # the gradient of a last batch of two or three rows says little, behind a BatchNorm nothing
    speaks_for_all = (len(rows) - 1) % batch_size + 1 >= min(batch_size, 8)

    def state(epoch: int, mean_loss: float, weights_of: int) -> dict[str, Any]:
        return {
            "weights": vector,
            "loss": mean_loss,
            "loss_curve": loss_curve,
            "validation_curve": None if validation is None else validation_curve,
            "epoch": epoch,
            "best_epoch": weights_of,
        }

    if weights_of > 0 and validation is not None:
        watched = mean_over(network, loss, validation)
        if isfinite(watched):
            best, best_loss, best_epoch = vector.copy(), watched, weights_of
            plateau.reached(watched)

    last = epoch_before + max_epochs
    for epoch in range(epoch_before + 1, last + 1):
        rate = descent.rate
        mean_loss = None
        for latest in descent.epoch(network, loss, rows, batch_size, each_batch):
            if mean_loss is not None:
                yield state(epoch, mean_loss, epoch)
            mean_loss = latest
        # The last batch ends the epoch: one step with it.
        assert mean_loss is not None
        rising.check(mean_loss, rate)
        require_finite(vector, rate)
        # New lists: a step that somebody holds keeps the curve as it was.
        loss_curve = [*loss_curve, mean_loss]
        watched = mean_loss
        if validation is not None:
            watched = mean_over(network, loss, validation)
            if not isfinite(watched):
                rising.check(watched, rate)
            validation_curve = [*validation_curve, watched]
            if watched < best_loss or best is None:
                best, best_loss, best_epoch = vector.copy(), watched, epoch
        finished = plateau.reached(watched) or epoch == last
        # at epochs 1, 2, 4, 8, ..: looking costs time
        taken = epoch - epoch_before
        if speaks_for_all and (finished or taken & (taken - 1) == 0):
            layers.look(told)
        if finished and best is not None:
            vector[:] = best
        yield state(epoch, mean_loss, best_epoch if finished and best is not None else epoch)
        if finished:
            return


def mean_over(network: Network, loss: Loss, rows: Rows) -> float:
    """Return the (weighted) mean loss of many rows, block by block; nothing is recorded."""
    total, weight = 0.0, 0.0
    with no_grad(), single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for block in map(rows.at, blocks_of_rows(len(rows))):
            w = float(len(block)) if block.weights is None else float(block.weights.sum())
            if w > 0.0:
                outputs = network.model.forward(network.parameters.tree, Tensor(block.x))
                total += w * loss(outputs, block.targets, block.weights).item()
                weight += w
    return total / weight


def require_finite(vector: np.ndarray, rate: float) -> None:
    """Raise a DivergenceError if a weight has overflowed."""
    # 0 w is 0 for every finite w, and NaN else
    with np.errstate(invalid="ignore"):
        finite = isfinite(float(vector @ np.zeros_like(vector)))
    if not finite:
        raise DivergenceError(f"The weights are no longer finite {advice(rate)}")
