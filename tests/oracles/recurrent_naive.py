"""LSTM and GRU written step by step with tensors: each line is its formula."""

from __future__ import annotations

import numpy as np

from groundup.neural_network._joining import stack
from groundup.neural_network.autodiff import Tensor


def lstm_naive(x, W, U, b):
    """h at every position: (n, T, d) to (n, T, u). The gates stand in the order i, f, g, o."""
    n, T, u = x.shape[0], x.shape[1], U.shape[0]
    h = c = Tensor(np.zeros((n, u), x.dtype))
    shown = []
    for t in range(T):
        a = x[:, t] @ W + h @ U + b  # (n, 4 u)
        i, f = a[:, :u].sigmoid(), a[:, u : 2 * u].sigmoid()
        g, o = a[:, 2 * u : 3 * u].tanh(), a[:, 3 * u :].sigmoid()
        c = f * c + i * g
        h = o * c.tanh()
        shown.append(h)
    return stack(shown, axis=1)


def gru_naive(x, W, U, b, candidate_bias):
    """h at every position: (n, T, d) to (n, T, u). The gates stand in the order r, z, g."""
    n, T, u = x.shape[0], x.shape[1], U.shape[0]
    h = Tensor(np.zeros((n, u), x.dtype))
    shown = []
    for t in range(T):
        a, m = x[:, t] @ W + b, h @ U  # (n, 3 u) each
        r = (a[:, :u] + m[:, :u]).sigmoid()
        z = (a[:, u : 2 * u] + m[:, u : 2 * u]).sigmoid()
        g = (a[:, 2 * u :] + r * (m[:, 2 * u :] + candidate_bias)).tanh()
        h = (1 - z) * g + z * h
        shown.append(h)
    return stack(shown, axis=1)
