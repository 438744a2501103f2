"""Losses: how wrong an output is, as one number, and how that number changes with the output.

A loss is the mean over the rows (and over the outputs of a row) of one of these, where z is what
the network says and t what is true:

========================= ================================== ===============================
loss                      formula                            derivative in z
========================= ================================== ===============================
`squared_error`           (z - t)^2                          2 (z - t)
`absolute_error`          abs(z - t)                         sign(z - t)
`huber`                   (z - t)^2 / 2 near t, else         z - t, cut to [-d, d]
                          d (abs(z - t) - d / 2)
`binary_cross_entropy`    -t log p - (1 - t) log(1 - p),     p - t
                          p = 1 / (1 + exp(-z))
`softmax_cross_entropy`   -log p_t, p = softmax(z)           p - (1 at t, else 0)
========================= ================================== ===============================

Squares fear large errors and so learn the mean; absolute values do not care how large and learn
the median; Huber's loss is the first near the target and the second far from it.  The cross
entropies take logits, the numbers *before* sigmoid or softmax: log and exp cancel, nothing can
overflow, and the derivative is a plain difference.

With weights the mean is the weighted mean: sum_i w_i loss_i / sum_i w_i.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from groundup.neural_network._cross_entropy import softmax_cross_entropy
from groundup.neural_network.autodiff import Tensor, record

__all__ = [
    "absolute_error",
    "binary_cross_entropy",
    "huber",
    "softmax_cross_entropy",
    "squared_error",
]


def squared_error(outputs: Tensor, targets: Any, weights: Any = None) -> Tensor:
    """Return the mean of (z - t)^2.

    Parameters
    ----------
    outputs : Tensor of shape (n, ...)
        What the network says.
    targets : array-like of the same shape
        What is true.
    weights : array-like of shape (n,), default=None
        How much each row counts; 1 for each by default.

    Returns
    -------
    Tensor
        One number.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> z = Tensor([[1.0], [3.0]], requires_grad=True)
    >>> loss = squared_error(z, [[0.0], [3.0]])
    >>> loss.item()
    0.5
    >>> loss.backward()
    >>> z.grad
    array([[1.],
           [0.]])
    """
    error = outputs.data - _like(outputs, targets)
    return _mean(outputs, error * error, lambda: 2.0 * error, weights)


def absolute_error(outputs: Tensor, targets: Any, weights: Any = None) -> Tensor:
    """Return the mean of |z - t|; parameters and errors as for `squared_error`."""
    error = outputs.data - _like(outputs, targets)
    return _mean(outputs, np.abs(error), lambda: np.sign(error), weights)


def huber(outputs: Tensor, targets: Any, weights: Any = None, delta: float = 1.0) -> Tensor:
    """Return the mean of Huber's loss: a square up to `delta`, a straight line from there.

    Parameters
    ----------
    outputs, targets, weights
        As for `squared_error`.
    delta : float, default=1.0
        The distance d from the target at which the line takes over.
    """
    error = outputs.data - _like(outputs, targets)
    slope = np.clip(error, -delta, delta)
    # with s = clip(z - t, -d, d) both branches are s (z - t - s / 2)
    return _mean(outputs, slope * (error - 0.5 * slope), lambda: slope, weights)


def binary_cross_entropy(outputs: Tensor, targets: Any, weights: Any = None) -> Tensor:
    """Return the mean of -t log p - (1 - t) log(1 - p) with p = 1 / (1 + exp(-z)).

    Parameters
    ----------
    outputs : Tensor of shape (n, ...)
        Logits: what stands before the sigmoid.
    targets : array-like of the same shape
        0 or 1, or probabilities between.
    weights : array-like of shape (n,), default=None
        How much each row counts; 1 for each by default.

    Raises
    ------
    ValueError
        If the shapes differ, or a target is outside of [0, 1].
    """
    z, t = outputs.data, _like(outputs, targets)
    if t.size and not (t.min() >= 0.0 and t.max() <= 1.0):
        wrong = t.min() if not t.min() >= 0.0 else t.max()
        raise ValueError(
            f"binary_cross_entropy takes targets from 0 to 1, got {wrong:.6g}. Scale them, or use "
            "squared_error."
        )
    # log(1 + e^z) - t z, and log(1 + e^z) = max(z, 0) + log(1 + e^-|z|), which cannot overflow
    losses = np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))) - t * z
    return _mean(outputs, losses, lambda: 0.5 * (1.0 + np.tanh(0.5 * z)) - t, weights)


def _like(outputs: Tensor, targets: Any) -> np.ndarray:
    """Return the targets in the outputs' dtype; a ValueError if their shape is another one."""
    t = np.asarray(targets, dtype=outputs.dtype)
    if t.shape != outputs.shape:
        # (n,) against (n, 1) would be stretched to n x n differences
        raise ValueError(
            f"The outputs have shape {outputs.shape}, the targets {t.shape}; they must be the same."
        )
    return t


def _mean(
    outputs: Tensor, losses: np.ndarray, slopes: Callable[[], np.ndarray], weights: Any
) -> Tensor:
    """Record the (weighted) mean of losses, given their derivatives."""
    if weights is None:
        share: Any = losses.dtype.type(1.0 / losses.size)
        mean = losses.sum() * share
    else:
        w = np.asarray(weights, dtype=losses.dtype)
        total = w.sum()
        if w.shape != losses.shape[:1] or not (total > 0.0 and w.min() >= 0.0):
            raise ValueError(
                f"weights must be {len(losses)} numbers of 0 or more, one a row, and not all 0; "
                f"got shape {w.shape} with sum {total:.6g}."
            )
        # w_i / (sum of all weights * outputs a row)
        n_outputs = losses.size // len(losses)
        share = (w / (total * n_outputs)).reshape(-1, *(1,) * (losses.ndim - 1))
        mean = (losses * share).sum()
    return record(mean, [outputs], lambda gradient: [slopes() * (gradient * share)])
