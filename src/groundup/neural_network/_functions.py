"""Functions of an array, each with its derivative.

Each returns the value and a function of the gradient g = dL/dy that returns dL/dx.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import numpy as np
from scipy.special import erf

ValueAndDerivative = tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]


def sigmoid(x: np.ndarray) -> ValueAndDerivative:
    """s = 1 / (1 + e^-x): s (1 - s)."""
    y = (1 + np.tanh(x / 2)) / 2  # the same number, and no overflow
    return y, lambda g: g * y * (1 - y)


def gelu(x: np.ndarray) -> ValueAndDerivative:
    """x P(Z < x) for a standard normal Z: P(Z < x) + x p(x), p its density."""
    below = (1 + erf(x * sqrt(0.5))) / 2
    density = np.exp(-x * x / 2) * (1 / sqrt(2 * pi))
    return x * below, lambda g: g * (below + x * density)


def softmax(x: np.ndarray, axis: int = -1) -> ValueAndDerivative:
    """p_i = e^x_i / sum_j e^x_j: dL/dx_i = p_i (g_i - sum_j g_j p_j)."""
    p = np.exp(x - x.max(axis=axis, keepdims=True))
    p /= p.sum(axis=axis, keepdims=True)
    return p, lambda g: p * (g - (g * p).sum(axis=axis, keepdims=True))


def log_softmax(x: np.ndarray, axis: int = -1) -> ValueAndDerivative:
    """x_i - log sum_j e^x_j: dL/dx_i = g_i - p_i sum_j g_j."""
    y = x - x.max(axis=axis, keepdims=True)
    y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
    return y, lambda g: g - np.exp(y) * g.sum(axis=axis, keepdims=True)


def largest(
    x: np.ndarray, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> ValueAndDerivative:
    """The largest value: slope 1 for it; values that tie share it equally."""
    top = x.max(axis=axis, keepdims=True)

    def backward(g):
        best = x == top
        return g.reshape(top.shape) * best / best.sum(axis=axis, keepdims=True, dtype=x.dtype)

    return top if keepdims else x.max(axis=axis), backward
