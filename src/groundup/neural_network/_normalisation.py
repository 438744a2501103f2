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

from math import prod

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._kernel import block_kernel, kernel
from groundup.neural_network._plain import plain
from groundup.neural_network._threads import threads_for
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
    rows = x.data.reshape(prod(x.shape[:-1]), x.shape[-1])
    float32 = x.dtype == gain.dtype == shift.dtype == np.float32
    forward, backward_of = (_forward, _backward) if float32 else (_normalised, _derivatives)
    y, mean, scale = forward(rows, gain.data, shift.data, epsilon)

    def backward(gradient):
        in_x, in_gain, in_shift = backward_of(
            rows, gain.data, mean, scale, gradient.reshape(rows.shape)
        )
        return [in_x.reshape(x.shape), in_gain, in_shift]

    return record(y.reshape(x.shape), [x, gain, shift], backward)


# ---- in NumPy ----


def _normalised(x, gain, shift, epsilon):
    mean = x.mean(axis=1, keepdims=True)  # (n, 1)
    scale = 1 / np.sqrt(x.var(axis=1, keepdims=True) + x.dtype.type(epsilon))
    return (x - mean) * scale * gain + shift, mean, scale


def _derivatives(x, gain, mean, scale, gradient):
    u = (x - mean) * scale
    h = gradient * gain
    # dL/dx = (h - mean(h) - u mean(h u)) / sqrt(variance + epsilon)
    in_x = h - h.mean(axis=1, keepdims=True) - u * (h * u).mean(axis=1, keepdims=True)
    return in_x * scale, (gradient * u).sum(axis=0), gradient.sum(axis=0)


# ---- float32, in blocks of rows, on threads ----


@kernel
def _normalise_rows(x, gain, shift, epsilon, y, mean, scale, first, last):
    d = np.uint64(x.shape[1])
    by_d = np.float32(1.0) / np.float32(x.shape[1])
    for i in range(np.uint64(first), np.uint64(last)):
        m = np.float32(0.0)
        for j in range(d):
            m += x[i, j]
        m *= by_d
        v = np.float32(0.0)
        for j in range(d):
            v += (x[i, j] - m) * (x[i, j] - m)
        r = np.float32(1.0) / np.sqrt(v * by_d + epsilon)
        # y = gain (x - mean) / sqrt(variance + epsilon) + shift
        for j in range(d):
            y[i, j] = (x[i, j] - m) * r * gain[j] + shift[j]
        mean[i, 0] = m
        scale[i, 0] = r


@block_kernel
def _normalise(
    x,  # (n, d) float32 in
    gain,  # (d,) in
    shift,  # (d,) in
    epsilon,  # float32
    bounds,  # (b + 1,) in
    y,  # (n, d) out
    mean,  # (n, 1) out
    scale,  # (n, 1) out
):
    for block in prange(bounds.shape[0] - 1):
        _normalise_rows(x, gain, shift, epsilon, y, mean, scale, bounds[block], bounds[block + 1])


@kernel
def _derivatives_of_rows(x, gain, mean, scale, gradient, in_x, in_gain, in_shift, first, last):
    d = np.uint64(x.shape[1])
    by_d = np.float32(1.0) / np.float32(x.shape[1])
    for j in range(d):
        in_gain[j] = 0.0
        in_shift[j] = 0.0
    for i in range(np.uint64(first), np.uint64(last)):
        m, r = mean[i, 0], scale[i, 0]
        mean_h = np.float32(0.0)
        mean_hu = np.float32(0.0)
        for j in range(d):
            u = (x[i, j] - m) * r
            h = gradient[i, j] * gain[j]
            mean_h += h
            mean_hu += h * u
        mean_h *= by_d
        mean_hu *= by_d
        for j in range(d):
            u = (x[i, j] - m) * r
            # dL/dx = (h - mean(h) - u mean(h u)) / sqrt(variance + epsilon)
            in_x[i, j] = (gradient[i, j] * gain[j] - mean_h - u * mean_hu) * r
            in_gain[j] += gradient[i, j] * u
            in_shift[j] += gradient[i, j]


@block_kernel
def _all_derivatives(
    x,  # (n, d) float32 in
    gain,  # (d,) in
    mean,  # (n, 1) in
    scale,  # (n, 1) in
    gradient,  # (n, d) dL/dy in
    bounds,  # (b + 1,) in
    in_x,  # (n, d) dL/dx out
    in_gain,  # (b, d) part of dL/dgain of each block out
    in_shift,  # (b, d) part of dL/dshift of each block out
):
    for block in prange(bounds.shape[0] - 1):
        _derivatives_of_rows(
            x,
            gain,
            mean,
            scale,
            gradient,
            in_x,
            in_gain[block],
            in_shift[block],
            bounds[block],
            bounds[block + 1],
        )


def _forward(x, gain, shift, epsilon):
    x, gain, shift = map(plain, (x, gain, shift))
    y, mean, scale = (np.empty((len(x), d), np.float32) for d in (x.shape[1], 1, 1))
    _normalise(
        x,
        gain,
        shift,
        np.float32(epsilon),
        block_bounds(len(x), 128),
        y,
        mean,
        scale,
        n_threads=threads_for(10 * x.size),
    )
    return y, mean, scale


def _backward(x, gain, mean, scale, gradient):
    bounds = block_bounds(len(x), 128)
    in_x = np.empty(x.shape, np.float32)
    in_gain, in_shift = (np.empty((len(bounds) - 1, x.shape[1]), np.float32) for _ in range(2))
    _all_derivatives(
        *map(plain, (x, gain, mean, scale, gradient)),
        bounds,
        in_x,
        in_gain,
        in_shift,
        n_threads=threads_for(10 * x.size),
    )
    return in_x, in_gain.sum(axis=0), in_shift.sum(axis=0)
