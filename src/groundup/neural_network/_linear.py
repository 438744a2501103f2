"""The linear layer in one operation: Y = X W + b.

Written as a product and a sum, the product would be stored, stretched and added to.  As one
operation the sum goes into the product's own memory, and the derivatives are three lines:

    dL/dX = G W',    dL/dW = X' G,    dL/db = the sum of the rows of G.
"""

from __future__ import annotations

import numpy as np

from groundup.neural_network.autodiff import Tensor, record


def linear(x: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weights + bias``.

    Parameters
    ----------
    x : Tensor of shape (..., k)
        Rows of k values.
    weights : Tensor of shape (k, m)
        One column for each output.
    bias : Tensor of shape (m,), default=None
        What is added to each output; nothing by default.

    Returns
    -------
    Tensor of shape (..., m)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> x, weights = Tensor(np.eye(2)), Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> linear(x, weights, Tensor([10.0, 20.0])).data
    array([[11., 22.],
           [13., 24.]])
    """
    if weights.ndim != 2 or x.ndim < 1 or x.shape[-1] != weights.shape[0]:
        raise ValueError(
            f"x of shape {x.shape} does not fit weights of shape {weights.shape}: the last axis of "
            "x must be as long as the first of the weights, (inputs, outputs)."
        )
    k, m = weights.shape
    if bias is not None and bias.shape != (m,):
        raise ValueError(f"bias has shape {bias.shape}, {m} outputs need ({m},).")
    rows = x.data.reshape(-1, k)
    y = rows @ weights.data
    if bias is not None:
        y += bias.data

    def backward(gradient):
        g = gradient.reshape(-1, m)
        # dL/dX = G W',  dL/dW = X' G,  dL/db = sum of rows of G
        in_x = (g @ weights.data.T).reshape(x.shape) if x.requires_grad else None
        in_weights = rows.T @ g if weights.requires_grad else None
        if bias is None:
            return [in_x, in_weights]
        return [in_x, in_weights, np.ones(len(g), g.dtype) @ g if bias.requires_grad else None]

    parents = [x, weights] if bias is None else [x, weights, bias]
    return record(y.reshape(*x.shape[:-1], m), parents, backward)
