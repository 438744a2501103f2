"""The weights of a perceptron in NumPy: where they begin, how they lie, what they predict.

All parameters stand in one vector, so that a rule of `groundup.optim` moves them in one pass:

    w (p,) = [W_1, ..., W_L, b_1, ..., b_L]        W_l (k, n) and b_l (n,) are views of it
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.special import expit

from groundup._blocks import single_blas_thread

BLOCK_ROWS = 2048  # rows that are predicted together


def first_weights(
    units: np.ndarray, activation: str, dtype: np.dtype, generator: np.random.RandomState
) -> np.ndarray:
    """Draw weights (p,) that keep the spread of values from layer to layer (Glorot, Bengio)."""
    weights, intercepts = [], []
    factor = 2.0 if activation == "logistic" else 6.0
    for k, n in pairwise(units):
        # uniform in +-sqrt(6 / (k + n)): variance 2 / (k + n)
        bound = np.sqrt(factor / (k + n))
        weights.append(generator.uniform(-bound, bound, (k, n)).ravel())
        intercepts.append(generator.uniform(-bound, bound, n))
    return np.concatenate(weights + intercepts).astype(dtype)


def layers(w: np.ndarray, units: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return views of the parameters (p,): weights (k, n) and intercepts (n,) of each layer."""
    weights, intercepts, at = [], [], 0
    for k, n in pairwise(units):
        weights.append(w[at : at + k * n].reshape(k, n))
        at += k * n
    for n in units[1:]:
        intercepts.append(w[at : at + n])
        at += n
    return weights, intercepts


def layer_names(units: np.ndarray) -> list[str]:
    return [f"hidden layer {layer}" for layer in range(1, len(units) - 1)] + ["the output layer"]


def predicted(
    X: np.ndarray,
    coefs: list[np.ndarray],
    intercepts: list[np.ndarray],
    activation: str,
    out_activation: str,
) -> np.ndarray:
    """Return the output of the network, (n, n_outputs), a block of rows at a time."""
    prediction = np.empty((len(X), coefs[-1].shape[1]), np.result_type(X, coefs[0]))
    with single_blas_thread():
        for first in range(0, len(X), BLOCK_ROWS):
            A = X[first : first + BLOCK_ROWS]
            for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
                A = bent(A @ coef + intercept, activation)
            Z = A @ coefs[-1] + intercepts[-1]
            prediction[first : first + BLOCK_ROWS] = answer(Z, out_activation)
    return prediction


def bent(Z: np.ndarray, activation: str) -> np.ndarray:
    if activation == "relu":
        return np.maximum(Z, 0.0, out=Z)
    if activation == "tanh":
        return np.tanh(Z, out=Z)
    return expit(Z, out=Z) if activation == "logistic" else Z


def answer(Z: np.ndarray, out_activation: str) -> np.ndarray:
    if out_activation == "softmax":
        np.exp(Z - Z.max(axis=1, keepdims=True), out=Z)
        return np.divide(Z, Z.sum(axis=1, keepdims=True), out=Z)
    return np.exp(Z, out=Z) if out_activation == "exp" else bent(Z, out_activation)
