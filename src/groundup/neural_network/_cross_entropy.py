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

from groundup.neural_network.autodiff import Tensor, record


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
    rows = np.arange(len(scores))
    shifted = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    losses = np.log(total[:, 0]) - shifted[rows, true]  # (n,)
    p /= total

    def backward(gradient):
        # d loss / d z_k = p_k - [k is the true class]
        slopes = p.copy()
        slopes[rows, true] -= 1
        slopes *= (gradient * share)[:, None] if np.ndim(share) else gradient * share
        return [slopes.reshape(logits.shape)]

    return record((losses * share).sum(dtype=logits.dtype), [logits], backward)


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
    share = np.asarray(weights.data if isinstance(weights, Tensor) else weights, logits.dtype)
    if share.shape != true.shape:
        raise ValueError(f"weights has shape {share.shape}, the targets have {true.shape}.")
    total = share.sum()
    if not (total > 0 and share.min() >= 0):
        raise ValueError("weights must be 0 or more, and not all 0.")
    return true.ravel(), share.ravel() / total
