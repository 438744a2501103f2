"""Layer normalisation: each row brought to mean 0 and variance 1, then stretched and shifted.

A deep network multiplies by one matrix after another, and the size of the values drifts up or down
from layer to layer.  Normalising each row on its own holds it where the next layer can learn,
whatever came before:

    u = (x - mean) / sqrt(variance + epsilon),    y = gain u + shift.

With g = dL/dy and h = g gain, the mean and the variance, which depend on all d values of the row,
add two terms to the derivative: a change that only moves or scales the whole row has no effect.

    dL/dx = (h - mean(h) - u mean(h u)) / sqrt(variance + epsilon)
    dL/dgain = sum over the rows of g u,    dL/dshift = sum over the rows of g

References
----------
.. [1] Ba, Kiros and Hinton (2016), Layer normalization, arXiv:1607.06450.
"""

from __future__ import annotations

import numpy as np

from groundup.neural_network.autodiff import Tensor, record


def layer_norm(x: Tensor, gain: Tensor, shift: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Normalise along the last axis.

    Parameters
    ----------
    x : Tensor of shape (..., d)
        Rows of d values.
    gain : Tensor of shape (d,)
        What each normalised value is multiplied by.
    shift : Tensor of shape (d,)
        What is then added to it.
    epsilon : float, default=1e-5
        Added to the variance, so that a constant row is not divided by zero.

    Returns
    -------
    Tensor of shape (..., d)

    Raises
    ------
    ValueError
        If `gain` or `shift` do not have the length of the last axis.

    Examples
    --------
    >>> x = Tensor([[1.0, 3.0], [5.0, 5.0]])
    >>> layer_norm(x, Tensor([1.0, 1.0]), Tensor([0.0, 0.0])).data.round(3)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    for name, vector in (("gain", gain), ("shift", shift)):
        if x.ndim == 0 or vector.shape != x.shape[-1:]:
            raise ValueError(
                f"{name} has shape {vector.shape}; x of shape {x.shape} needs {x.shape[-1:]}."
            )
    away = x.data - x.data.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt((away * away).mean(axis=-1, keepdims=True) + x.dtype.type(epsilon))
    u = away * scale

    def backward(gradient):
        h = gradient * gain.data
        # dL/dx = (h - mean(h) - u mean(h u)) / sqrt(variance + epsilon)
        in_x = h - h.mean(axis=-1, keepdims=True) - u * (h * u).mean(axis=-1, keepdims=True)
        over_rows = tuple(range(x.ndim - 1))
        return [in_x * scale, (gradient * u).sum(axis=over_rows), gradient.sum(axis=over_rows)]

    return record(u * gain.data + shift.data, [x, gain, shift], backward)
