"""A whole sequence through an LSTM or a GRU in one operation, with its derivative by hand.

Written step by step with tensors, a layer records some ten small operations for each position, and
their bookkeeping costs more than their arithmetic.  Here one loop goes through the positions and
keeps what the way back needs; a second loop goes back.  Three things make it fast:

- the inputs' share x_t W + b of all positions is one large product before the loop, recorded as
  such; the gradient of U is one large product after it;
- sigmoid(a) = (1 + tanh(a / 2)) / 2, so all gates are one call of the hyperbolic tangent;
- what is left at a position is one product h U, and a kernel of a few lines on arrays that fit
  into the processor's nearest cache.

Arrays are laid out position by position, (T, n, ...), so that all rows of one position are
neighbours.  Memory: the gates and the states of all positions, until the way back is done.

The slow, obvious form of both layers is in ``tests/oracles/recurrent_naive.py``.

References
----------
.. [1] Werbos (1990), Backpropagation through time: what it does and how to do it, Proceedings of
   the IEEE 78(10).
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.neural_network._linear import linear
from groundup.neural_network.autodiff import Tensor, record


def lstm(x: Tensor, W: Tensor, U: Tensor, b: Tensor) -> Tensor:
    """Return h at every position of every sequence, beginning with h = c = 0.

    i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of x_t W + h U + b
    c <- f c + i g
    h <- o tanh(c)

    Parameters
    ----------
    x : Tensor of shape (n, T, d)
    W : Tensor of shape (d, 4 u)
        The inputs' weights, in the order i, f, g, o.
    U : Tensor of shape (u, 4 u)
        The memory's weights.
    b : Tensor of shape (4 u,)

    Returns
    -------
    Tensor of shape (n, T, u)
    """
    share = linear(x, W, b)
    gates = _by_position(share.data)  # (T, n, 4 u)
    T, n, u = *gates.shape[:2], len(U.data)
    h = np.zeros((T + 1, n, u), gates.dtype)  # h[t] is the memory before position t
    c = np.zeros((T + 1, n, u), gates.dtype)
    tanh_c = np.empty((T, n, u), gates.dtype)
    from_memory = np.empty((n, 4 * u), gates.dtype)
    for t in range(T):
        np.dot(h[t], U.data, out=from_memory)  # (n, u) @ (u, 4 u)
        _lstm_arguments(from_memory, gates[t])
        np.tanh(gates[t], out=gates[t])
        _lstm_memory(gates[t], c[t], c[t + 1])
        np.tanh(c[t + 1], out=tanh_c[t])
        np.multiply(gates[t, :, 3 * u :], tanh_c[t], out=h[t + 1])  # h <- o tanh(c)

    def backward(gradient):
        gradients = _by_position(gradient)  # (T, n, u)
        in_gates = np.empty_like(gates)  # dL/d(x_t W + h U + b)
        in_h, in_c = np.zeros((n, u), h.dtype), np.zeros((n, u), h.dtype)
        U_transposed = np.ascontiguousarray(U.data.T)
        for t in range(T - 1, -1, -1):
            np.add(in_h, gradients[t], out=in_h)
            _lstm_back(gates[t], c[t], tanh_c[t], in_h, in_c, in_gates[t])
            np.dot(in_gates[t], U_transposed, out=in_h)  # (n, 4 u) @ (4 u, u)
        return [in_gates.transpose(1, 0, 2), _of_memory(h, in_gates)]

    return record(_by_position(h[1:]), [share, U], backward)


@kernel
def _lstm_arguments(from_memory, arguments):
    """The arguments of the hyperbolic tangent, for all four gates.

    from_memory : (n, 4 u), h U  # in
    arguments : (n, 4 u): x W + b; becomes a, and a / 2 for the three sigmoids  # inout
    """
    n, width = arguments.shape
    u = width // 4
    half = arguments.dtype.type(0.5)
    for row in range(n):
        for j in range(2 * u):
            arguments[row, j] = (arguments[row, j] + from_memory[row, j]) * half
        for j in range(2 * u, 3 * u):
            arguments[row, j] += from_memory[row, j]
        for j in range(3 * u, width):
            arguments[row, j] = (arguments[row, j] + from_memory[row, j]) * half


@kernel
def _lstm_memory(gates, c_before, c):
    """From hyperbolic tangents to gates, and c <- f c + i g.

    gates : (n, 4 u): tanh(a / 2), and tanh(a) for g; becomes i, f, g, o  # inout
    c_before : (n, u)  # in
    c : (n, u)  # out
    """
    n, u = c.shape
    half = c.dtype.type(0.5)
    for row in range(n):
        # sigmoid(a) = (1 + tanh(a / 2)) / 2
        for j in range(2 * u):
            gates[row, j] = half + half * gates[row, j]
        for j in range(3 * u, 4 * u):
            gates[row, j] = half + half * gates[row, j]
        for j in range(u):
            i, f, g = gates[row, j], gates[row, u + j], gates[row, 2 * u + j]
            c[row, j] = f * c_before[row, j] + i * g


@kernel
def _lstm_back(gates, c_before, tanh_c, in_h, in_c, in_gates):
    """One position back: from dL/dh and dL/dc to the gates' arguments.

    With h = o tanh(c), c = f c' + i g, and the slopes s (1 - s) of a sigmoid and 1 - g^2 of tanh:

        dL/dc += dL/dh o (1 - tanh(c)^2)
        dL/do  = dL/dh tanh(c),   dL/di = dL/dc g,   dL/df = dL/dc c',   dL/dg = dL/dc i
        dL/dc' = dL/dc f

    gates : (n, 4 u), c_before : (n, u), tanh_c : (n, u), in_h : (n, u)  # in
    in_c : (n, u): dL/dc from the position behind; becomes dL/dc'  # inout
    in_gates : (n, 4 u)  # out
    """
    n, u = in_h.shape
    one = in_h.dtype.type(1)
    for row in range(n):
        for j in range(u):
            i, f, g = gates[row, j], gates[row, u + j], gates[row, 2 * u + j]
            o, shown = gates[row, 3 * u + j], tanh_c[row, j]
            of_c = in_c[row, j] + in_h[row, j] * o * (one - shown * shown)
            in_gates[row, j] = of_c * g * i * (one - i)
            in_gates[row, u + j] = of_c * c_before[row, j] * f * (one - f)
            in_gates[row, 2 * u + j] = of_c * i * (one - g * g)
            in_gates[row, 3 * u + j] = in_h[row, j] * shown * o * (one - o)
            in_c[row, j] = of_c * f


def gru(x: Tensor, W: Tensor, U: Tensor, b: Tensor, candidate_bias: Tensor) -> Tensor:
    """Return h at every position of every sequence, beginning with h = 0.

    r, z = sigmoid(x_t W + h U + b)
    m    = h U + b'
    g    = tanh(x_t W + b + r m)
    h   <- (1 - z) g + z h

    Parameters
    ----------
    x : Tensor of shape (n, T, d)
    W : Tensor of shape (d, 3 u)
        The inputs' weights, in the order r, z, g.
    U : Tensor of shape (u, 3 u)
        The memory's weights.
    b : Tensor of shape (3 u,)
    candidate_bias : Tensor of shape (u,)
        b' above, inside the product with r.

    Returns
    -------
    Tensor of shape (n, T, u)
    """
    share = linear(x, W, b)
    gates = _by_position(share.data)  # (T, n, 3 u)
    T, n, u = *gates.shape[:2], len(U.data)
    h = np.zeros((T + 1, n, u), gates.dtype)  # h[t] is the memory before position t
    m = np.empty((T, n, u), gates.dtype)
    from_memory = np.empty((n, 3 * u), gates.dtype)
    for t in range(T):
        np.dot(h[t], U.data, out=from_memory)  # (n, u) @ (u, 3 u)
        _gru_arguments(from_memory, gates[t])
        np.tanh(gates[t, :, : 2 * u], out=gates[t, :, : 2 * u])
        _gru_candidate(from_memory, candidate_bias.data, gates[t], m[t])
        np.tanh(gates[t, :, 2 * u :], out=gates[t, :, 2 * u :])
        _gru_memory(gates[t], h[t], h[t + 1])

    def backward(gradient):
        gradients = _by_position(gradient)  # (T, n, u)
        in_gates = np.empty_like(gates)  # dL/d(x_t W + b)
        in_products = np.empty_like(gates)  # dL/d(h U)
        in_h = np.zeros((n, u), h.dtype)
        back = np.zeros((n, u), h.dtype)
        U_transposed = np.ascontiguousarray(U.data.T)
        for t in range(T - 1, -1, -1):
            np.add(in_h, gradients[t], out=in_h)
            _gru_back(gates[t], h[t], m[t], in_h, in_gates[t], in_products[t])
            np.dot(in_products[t], U_transposed, out=back)  # (n, 3 u) @ (3 u, u)
            np.add(in_h, back, out=in_h)
        in_candidate_bias = in_products[:, :, 2 * u :].sum(axis=(0, 1))
        return [in_gates.transpose(1, 0, 2), _of_memory(h, in_products), in_candidate_bias]

    return record(_by_position(h[1:]), [share, U, candidate_bias], backward)


@kernel
def _gru_arguments(from_memory, arguments):
    """The arguments a / 2 of the hyperbolic tangent for the gates r and z.

    from_memory : (n, 3 u), h U  # in
    arguments : (n, 3 u): x W + b; the first 2 u columns become a / 2  # inout
    """
    n, width = arguments.shape
    half = arguments.dtype.type(0.5)
    for row in range(n):
        for j in range(width // 3 * 2):
            arguments[row, j] = (arguments[row, j] + from_memory[row, j]) * half


@kernel
def _gru_candidate(from_memory, candidate_bias, gates, m):
    """From hyperbolic tangents to r and z; m = h U + b'; x W + b + r m, the argument of g.

    from_memory : (n, 3 u), candidate_bias : (u,)  # in
    gates : (n, 3 u)  # inout
    m : (n, u)  # out
    """
    n, u = m.shape
    half = m.dtype.type(0.5)
    for row in range(n):
        for j in range(2 * u):
            gates[row, j] = half + half * gates[row, j]
        for j in range(u):
            m[row, j] = from_memory[row, 2 * u + j] + candidate_bias[j]
            gates[row, 2 * u + j] += gates[row, j] * m[row, j]


@kernel
def _gru_memory(gates, h_before, h):
    """h = (1 - z) g + z h', written as g + z (h' - g).

    gates : (n, 3 u), h_before : (n, u)  # in
    h : (n, u)  # out
    """
    n, u = h.shape
    for row in range(n):
        for j in range(u):
            z, g = gates[row, u + j], gates[row, 2 * u + j]
            h[row, j] = g + z * (h_before[row, j] - g)


@kernel
def _gru_back(gates, h_before, m, in_h, in_gates, in_products):
    """One position back: from dL/dh to the gates' arguments, and what goes straight to h'.

        dL/dz = dL/dh (h' - g),   dL/dg = dL/dh (1 - z),   dL/dh' = dL/dh z + (through h' U)
        with dL/da of g's argument a: dL/dr = dL/da m,   dL/dm = dL/da r

    gates : (n, 3 u), h_before : (n, u), m : (n, u)  # in
    in_h : (n, u): dL/dh; becomes its share dL/dh z of dL/dh'  # inout
    in_gates : (n, 3 u), dL/d(x W + b), and in_products : (n, 3 u), dL/d(h' U)  # out
    """
    n, u = in_h.shape
    one = in_h.dtype.type(1)
    for row in range(n):
        for j in range(u):
            r, z, g = gates[row, j], gates[row, u + j], gates[row, 2 * u + j]
            of_g = in_h[row, j] * (one - z) * (one - g * g)
            of_r = of_g * m[row, j] * r * (one - r)
            of_z = in_h[row, j] * (h_before[row, j] - g) * z * (one - z)
            in_gates[row, j] = of_r
            in_products[row, j] = of_r
            in_gates[row, u + j] = of_z
            in_products[row, u + j] = of_z
            in_gates[row, 2 * u + j] = of_g
            in_products[row, 2 * u + j] = of_g * r
            in_h[row, j] *= z


def _by_position(array: np.ndarray) -> np.ndarray:
    """Return a copy with the first two axes exchanged: rows of positions, or back again."""
    return np.array(array.transpose(1, 0, 2), order="C")


def _of_memory(h: np.ndarray, in_products: np.ndarray) -> np.ndarray:
    """Return the gradient of U, given that of h U at every position, (T, n, gates)."""
    u, width = h.shape[2], in_products.shape[2]
    return h[:-1].reshape(-1, u).T @ in_products.reshape(-1, width)  # (u, T n) @ (T n, gates)
