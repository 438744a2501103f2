"""Normalisation: numbers of one scale, inside the network too.

While the first layers learn, the numbers that they hand on drift, and the layers behind chase them.
Normalising puts mean 0 and variance 1 back at each step; a learned gain and shift let the layer
choose another scale if that serves it better

    y = gain (x - mean) / sqrt(variance + epsilon) + shift

`LayerNorm` takes mean and variance over the features of one row (or one position): nothing depends
on other rows, so training and prediction are the same.  `BatchNorm` takes them over the rows of a
batch, for each feature (or each channel of an image).  That adds a noise which helps against
overfitting, but a row's answer depends on its company; so averages are kept while training, and
prediction uses those.

Both begin as the plain normalisation: gain 1, shift 0.

References
----------
.. [1] Ioffe and Szegedy (2015), Batch normalization: accelerating deep network training by reducing
   internal covariate shift, ICML.
.. [2] Ba, Kiros and Hinton (2016), Layer normalization, arXiv:1607.06450.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from groundup.neural_network._layer import Layer, ShapeError, require_share
from groundup.neural_network._normalisation import layer_norm
from groundup.neural_network.autodiff import Tensor, record


@dataclass(frozen=True, repr=False)
class LayerNorm(Layer):
    """Mean 0 and variance 1 over the features of each row, or of each position of a sequence.

    Parameters
    ----------
    epsilon : float, default=1e-5
        Added to the variance, so that equal features divide by something.
    """

    epsilon: float = 1e-5

    def build(self, shape, generator):
        if not 1 <= len(shape) <= 2:
            raise ShapeError(
                self,
                shape,
                "(features,), or sequences of (positions, features)",
                "Use BatchNorm() for images, or Flatten() in front of it.",
            )
        return {"gain": np.ones(shape[-1]), "shift": np.zeros(shape[-1])}, shape

    def forward(self, weights, x, training=None):
        return layer_norm(x, weights["gain"], weights["shift"], self.epsilon)


@dataclass(frozen=True, repr=False)
class BatchNorm(Layer):
    """Mean 0 and variance 1 over the rows of a batch, for each feature or each channel.

    Rows are (features,), or images of (channels, height, width).

    Parameters
    ----------
    momentum : float, default=0.9
        The share of the running averages that is kept at each step.
    epsilon : float, default=1e-5
        Added to the variance, so that a constant feature divides by something.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self):
        require_share(self, "momentum")

    def build(self, shape, generator):
        if len(shape) not in (1, 3):
            raise ShapeError(
                self,
                shape,
                "(features,) or images of (channels, height, width)",
                "Use LayerNorm() for sequences.",
            )
        k = shape[0]
        weights = {"gain": np.ones(k), "shift": np.zeros(k)}
        return {**weights, "running_mean": np.zeros(k), "running_variance": np.ones(k)}, shape

    def forward(self, weights, x, training=None):
        gain, shift = weights["gain"], weights["shift"]
        mean, variance = weights["running_mean"].data, weights["running_variance"].data
        n_values = x.size // x.shape[1]
        if training is None or n_values == 1:  # one value has no variance
            return normalised_by(x, gain, shift, mean, variance, self.epsilon)
        axes = (0,) if x.ndim == 2 else (0, 2, 3)
        batch_mean = x.data.mean(axis=axes)  # (k,)
        batch_variance = x.data.var(axis=axes)
        # running <- m running + (1 - m) batch's, where the variance is the unbiased one
        unbiased = n_values / (n_values - 1)
        mean += (1.0 - self.momentum) * (batch_mean - mean)
        variance += (1.0 - self.momentum) * (unbiased * batch_variance - variance)
        return batch_norm(x, gain, shift, batch_mean, batch_variance, self.epsilon)


def batch_norm(x: Tensor, gain: Tensor, shift: Tensor, mean, variance, epsilon: float) -> Tensor:
    """Return gain z + shift with z = (x - mean) / sqrt(variance + epsilon), of x's own moments.

    Parameters
    ----------
    x : Tensor of shape (n, k) or (n, k, h, w)
    gain, shift : Tensor of shape (k,)
    mean, variance : ndarray of shape (k,)
        Over all axes of x but the second.
    epsilon : float
    """
    axes, column = (0,) if x.ndim == 2 else (0, 2, 3), (-1, *(1,) * (x.ndim - 2))
    inverse = 1.0 / np.sqrt(variance + epsilon)  # (k,)
    z = (x.data - mean.reshape(column)) * inverse.reshape(column)
    n_values = x.size // x.shape[1]

    def backward(g):
        # dL/dgain = sum g z,  dL/dshift = sum g
        in_shift = g.sum(axis=axes)
        in_gain = (g * z).sum(axis=axes)
        # the moments depend on every x of the column:
        # dL/dx = gain / sqrt(v + e) (g - mean(g) - z mean(g z))
        in_x = g - (in_shift / n_values).reshape(column)
        in_x -= z * (in_gain / n_values).reshape(column)
        in_x *= (gain.data * inverse).reshape(column)
        return [in_x, in_gain, in_shift]

    y = z * gain.data.reshape(column) + shift.data.reshape(column)
    return record(y, [x, gain, shift], backward)


def normalised_by(x: Tensor, gain: Tensor, shift: Tensor, mean, variance, epsilon: float) -> Tensor:
    """Return gain (x - mean) / sqrt(variance + epsilon) + shift of moments that are given."""
    column = (-1, *(1,) * (x.ndim - 2))
    inverse = (1.0 / np.sqrt(variance + epsilon)).reshape(column)
    z = (x - Tensor(mean.reshape(column).copy())) * Tensor(inverse)
    return z * gain.reshape(column) + shift.reshape(column)
