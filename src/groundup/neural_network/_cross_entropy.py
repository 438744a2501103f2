"""Softmax and cross entropy in one operation: the loss of a classifier.

A classifier gives each class a score z_k, a *logit*.  Softmax makes probabilities of them, and the
loss is the surprise at the class that is true:

    p_k = e^z_k / sum_j e^z_j,    loss = -log p_true = log sum_j e^z_j - z_true.

In one operation it is safe and cheap: the largest logit is subtracted first, so that nothing
overflows, no probability of 0 is ever put into a logarithm, and the derivative is as short as

    d loss / d z_k = p_k - [k is the true class].

References
----------
.. [1] Bridle (1990), Probabilistic interpretation of feedforward classification network outputs,
   Neurocomputing, Springer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._exponential import exp_float32
from groundup._kernel import block_kernel, kernel
from groundup.neural_network._plain import plain
from groundup.neural_network._threads import threads_for
from groundup.neural_network.autodiff import Tensor, record

#: So many logits and fewer are faster in NumPy.
SMALL = 1000


def softmax_cross_entropy(logits: Tensor, targets: Any, weights: Any = None) -> Tensor:
    """Return the mean of ``-log softmax(logits)[target]``.

    Parameters
    ----------
    logits : Tensor of shape (..., k)
        The scores of k classes.
    targets : array-like of shape (...), whole numbers
        The true classes, 0 to k - 1.
    weights : array-like of shape (...), default=None
        How much each one counts in the mean; 1 for each by default.

    Returns
    -------
    Tensor
        One number: ``sum(weights * losses) / sum(weights)``.

    Raises
    ------
    TypeError
        If the targets are not whole numbers.
    ValueError
        If a target is not one of the k classes, or a shape does not fit the logits'.

    Examples
    --------
    >>> logits = Tensor(np.zeros((1, 4)), requires_grad=True)
    >>> loss = softmax_cross_entropy(logits, [2])
    >>> round(loss.item(), 4)                                            # log(4)
    1.3863
    >>> loss.backward()
    >>> logits.grad
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """
    true, share = checked_targets(logits, targets, weights)
    scores = logits.data.reshape(-1, logits.shape[-1])  # (n, k)
    in_blocks = logits.dtype == np.float32 and scores.size > SMALL
    losses, slopes = (_in_blocks if in_blocks else _by_row)(scores, true)
    y = (losses * share).sum(dtype=logits.dtype)

    def backward(gradient):
        factor = (gradient * share).reshape(-1, 1)  # (n, 1), or (1, 1) where all count the same
        return [(slopes * factor).reshape(logits.shape)]

    return record(y, [logits], backward)


def checked_targets(logits: Tensor, targets: Any, weights: Any) -> tuple[np.ndarray, Any]:
    """Return the targets (n,) and each one's share in the mean: (n,), or one number for all."""
    true = np.asarray(targets.data if isinstance(targets, Tensor) else targets)
    if logits.ndim == 0 or true.shape != logits.shape[:-1]:
        raise ValueError(
            f"Logits of shape {logits.shape} need targets of shape {logits.shape[:-1]}, one class "
            f"for each row of logits; got {true.shape}."
        )
    if true.dtype.kind not in "iu":
        raise TypeError(
            f"Targets must be whole numbers, the indices of classes; these are {true.dtype}."
        )
    k = logits.shape[-1]
    if true.size == 0:
        raise ValueError("There is no target: the mean over no rows is not defined.")
    if true.min() < 0 or true.max() >= k:
        wrong = true.min() if true.min() < 0 else true.max()
        raise ValueError(
            f"Label {wrong} is out of range: {k} logits stand for labels 0 to {k - 1}."
        )
    if weights is None:
        return true.ravel(), logits.dtype.type(1 / true.size)
    share = np.asarray(weights, logits.dtype)
    if share.shape != true.shape:
        raise ValueError(f"weights has shape {share.shape}, the targets have {true.shape}.")
    total = share.sum()
    if not (total > 0 and share.min() >= 0):
        raise ValueError("weights must be 0 or more, and not all 0.")
    return true.ravel(), share.ravel() / total


def _by_row(scores, true):
    """Return the losses (n,) and their derivatives in the scores (n, k), in NumPy."""
    rows = np.arange(len(scores))
    shifted = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    losses = np.log(total[:, 0]) - shifted[rows, true]
    p /= total
    p[rows, true] -= 1  # d loss / d z_k = p_k - [k is the true class]
    return losses, p


@kernel
def _losses_of_rows(scores, true, losses, slopes, first, last):
    k = np.uint64(scores.shape[1])
    for i in range(first, last):
        top = scores[i, 0]
        for j in range(k):
            top = scores[i, j] if scores[i, j] > top else top
        total = np.float32(0.0)
        for j in range(k):
            slopes[i, j] = exp_float32(scores[i, j] - top)
            total += slopes[i, j]
        # loss = log sum_j e^z_j - z_true
        losses[i] = np.log(total) - (scores[i, true[i]] - top)
        # d loss / d z_k = p_k - [k is the true class]
        for j in range(k):
            slopes[i, j] /= total
        slopes[i, true[i]] -= np.float32(1.0)


@block_kernel
def _all_losses(
    scores,  # (n, k) float32 in
    true,  # (n,) int64 in
    bounds,  # (b + 1,) in
    losses,  # (n,) out
    slopes,  # (n, k) d losses / d scores out
):
    for block in prange(bounds.shape[0] - 1):
        _losses_of_rows(scores, true, losses, slopes, bounds[block], bounds[block + 1])


def _in_blocks(scores, true):
    """Return the same, float32, in blocks of rows, on threads."""
    losses, slopes = np.empty(len(scores), np.float32), np.empty(scores.shape, np.float32)
    scores = plain(scores)
    true = plain(true, np.int64)
    _all_losses(
        scores,
        true,
        block_bounds(len(true), 128),
        losses,
        slopes,
        n_threads=threads_for(30 * scores.size),
    )
    return losses, slopes
