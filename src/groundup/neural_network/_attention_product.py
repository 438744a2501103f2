"""Scaled dot-product attention: each place of a sequence looks at the others.

Every place i asks a question q_i, shows a key k_i and holds a value v_i, all of length d.  How well
question i matches key j decides how much of value j it takes home:

    S = Q K' / sqrt(d),    P = softmax of each row of S,    Y = P V.

*Causal* attention hides what comes later: S_ij = -infinity for j > i, so that P_ij = 0, and a
sequence can be learned by predicting each of its places from those before it.

Backwards, with G = dL/dY:

    dL/dV = P' G,    dL/dP = G V',    dL/dS_ij = P_ij (dL/dP_ij - sum_l P_il dL/dP_il),
    dL/dQ = dL/dS K / sqrt(d),    dL/dK = (dL/dS)' Q / sqrt(d).

In float32 each sequence and head is worked on by itself, while its matrices are in the processor's
nearest memory.  There the *transposed* P is kept, keys down and questions across: the softmax then
runs over rows of neighbouring numbers, which the processor takes sixteen at a time.

Time is O(t^2 d) and memory O(t^2) for each head of a sequence of t places.

References
----------
.. [1] Vaswani et al. (2017), Attention is all you need, NeurIPS.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._exponential import ONE, exp_float32
from groundup._kernel import block_kernel, kernel
from groundup.neural_network._plain import plain
from groundup.neural_network._threads import one_blas_thread, threads_for
from groundup.neural_network.autodiff import Tensor, record

# Unsigned, because an unsigned index needs no look at whether it is negative.
QUESTIONS, KEYS, VALUES = np.uint64(0), np.uint64(1), np.uint64(2)
TILE = np.uint64(64)  # numbers that the processor takes at once, four times over
HIDDEN = np.float32(-3e38)  # the score of what comes later


def attention(q: Tensor, k: Tensor, v: Tensor, causal: bool = False) -> Tensor:
    """Return softmax(q k' / sqrt(d)) v for every sequence and head.

    Parameters
    ----------
    q, k, v : Tensor of shape (n, heads, t, d)
        Questions, keys and values of n sequences of t places.
    causal : bool, default=False
        Whether a place sees only itself and those before it.

    Returns
    -------
    Tensor of shape (n, heads, t, d)

    Raises
    ------
    ValueError
        If the three do not have one and the same shape of four axes.

    Examples
    --------
    >>> same = Tensor(np.ones((1, 1, 2, 1)))
    >>> values = Tensor(np.array([[[[1.0], [3.0]]]]))
    >>> attention(same, same, values).data.ravel()
    array([2., 2.])
    >>> attention(same, same, values, causal=True).data.ravel()
    array([1., 2.])
    """
    if q.ndim != 4 or not q.shape == k.shape == v.shape:
        raise ValueError(
            f"q, k and v have shapes {q.shape}, {k.shape} and {v.shape}; expected one shape "
            "(sequences, heads, places, length) for all three."
        )
    parts = [tensor.data.transpose(0, 2, 1, 3) for tensor in (q, k, v)]  # (n, t, heads, d)
    forward, backward_of = _forms(np.result_type(*parts))
    y, p = forward(packed := np.stack(parts, axis=2), causal)

    def backward(gradient):
        in_packed = backward_of(packed, p, y, gradient.transpose(0, 2, 1, 3), causal)
        return list(in_packed.transpose(2, 0, 3, 1, 4))

    return record(y.transpose(0, 2, 1, 3), [q, k, v], backward)


def attention_of_product(product: Tensor, heads: int, causal: bool = False) -> Tensor:
    """Return the attention of questions, keys and values that one product has made together.

    Parameters
    ----------
    product : Tensor of shape (n, t, 3 heads d)
        At each place the questions of all heads, then the keys of all heads, then their values.
    heads : int
        How many heads.
    causal : bool, default=False
        Whether a place sees only itself and those before it.

    Returns
    -------
    Tensor of shape (n, t, heads d)
        What each head found, side by side.

    Raises
    ------
    ValueError
        If the last axis cannot be cut into three times `heads` parts.

    Examples
    --------
    >>> product = Tensor(np.array([[[1.0, 1.0, 1.0], [1.0, 1.0, 3.0]]]))
    >>> attention_of_product(product, heads=1).data.ravel()
    array([2., 2.])
    """
    if product.ndim != 3 or heads < 1 or product.shape[2] % (3 * heads):
        raise ValueError(
            f"A product of shape {product.shape} cannot be cut into questions, keys and values of "
            f"{heads} heads: expected (sequences, places, 3 * {heads} * length)."
        )
    n, t, width = product.shape
    packed = product.data.reshape(n, t, 3, heads, width // (3 * heads))
    forward, backward_of = _forms(product.dtype)
    y, p = forward(packed, causal)

    def backward(gradient):
        return [backward_of(packed, p, y, gradient.reshape(y.shape), causal).reshape(n, t, width)]

    return record(y.reshape(n, t, width // 3), [product], backward)


def _forms(dtype):
    return (_forward, _backward) if dtype == np.float32 else (_attended, _derivatives)


# ---- in NumPy; packed (n, t, 3, heads, d), y (n, t, heads, d), p (n, heads, t, t) ----


def _attended(packed, causal):
    q, k, v = packed.transpose(2, 0, 3, 1, 4)  # (n, heads, t, d) each
    t, d = q.shape[2:]
    p = q @ k.swapaxes(-1, -2)  # (n, heads, t, d) @ (n, heads, d, t)
    p *= p.dtype.type(1 / sqrt(d))
    if causal:
        p[..., np.triu(np.ones((t, t), bool), 1)] = -np.inf
    p -= p.max(axis=-1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=-1, keepdims=True)
    return (p @ v).transpose(0, 2, 1, 3), p


def _derivatives(packed, p, y, gradient, causal):
    q, k, v = packed.transpose(2, 0, 3, 1, 4)
    g = gradient.transpose(0, 2, 1, 3)  # (n, heads, t, d)
    in_p = g @ v.swapaxes(-1, -2)  # (n, heads, t, d) @ (n, heads, d, t)
    in_s = p * (in_p - (p * in_p).sum(axis=-1, keepdims=True)) * q.dtype.type(1 / sqrt(q.shape[3]))
    in_parts = [in_s @ k, in_s.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g]
    return np.stack(in_parts, axis=2).transpose(0, 3, 2, 1, 4)  # (n, t, 3, heads, d)


# ---- float32, pair by pair of sequence and head, on threads ----


@kernel
def _gather(packed, n, part, head, factor, tile):
    for i in range(np.uint64(tile.shape[0])):
        for e in range(np.uint64(tile.shape[1])):
            tile[i, e] = packed[n, i, part, head, e] * factor


@kernel
def _softmax_of_columns(s, causal, top, total):
    """P = e^(S - largest of its row) / their sum: S is transposed, so its rows stand upright.

    s : (t keys, t questions)  # inout
    top, total : (t,)  # out
    """
    t = np.uint64(s.shape[0])
    for i in range(t):
        top[i] = HIDDEN
        total[i] = 0.0
    for j in range(t):
        begin = j // TILE * TILE if causal else np.uint64(0)
        if causal:
            for i in range(begin, j):
                s[j, i] = HIDDEN
        for i in range(begin, t):
            top[i] = s[j, i] if s[j, i] > top[i] else top[i]
    for j in range(t):
        begin = j // TILE * TILE if causal else np.uint64(0)
        for i in range(begin, t):
            s[j, i] = exp_float32(s[j, i] - top[i])
        if causal:
            for i in range(j):
                s[j, i] = 0.0
        for i in range(begin, t):
            total[i] += s[j, i]
    for i in range(t):
        total[i] = ONE / total[i]
    for j in range(t):
        for i in range(t):
            s[j, i] *= total[i]


@kernel
def _attend_pairs(packed, causal, y, p, first, last):
    t, heads, d = packed.shape[1], np.uint64(packed.shape[3]), packed.shape[4]
    q = np.empty((t, d), np.float32)
    k, v = np.empty_like(q), np.empty_like(q)
    found, top, total = np.empty_like(q), np.empty(t, np.float32), np.empty(t, np.float32)
    scale = np.float32(1.0 / sqrt(d))
    for pair in range(np.uint64(first), np.uint64(last)):
        n, head = pair // heads, pair % heads
        _gather(packed, n, QUESTIONS, head, scale, q)
        _gather(packed, n, KEYS, head, ONE, k)
        _gather(packed, n, VALUES, head, ONE, v)
        s = p[pair]  # (t keys, t questions)
        np.dot(k, q.T, s)  # S' = K Q' / sqrt(d)
        _softmax_of_columns(s, causal, top, total)
        np.dot(s.T, v, found)  # Y = P V
        for i in range(np.uint64(t)):
            for e in range(np.uint64(d)):
                y[n, i, head, e] = found[i, e]


@block_kernel
def _attend(
    packed,  # (n, t, 3, heads, d) float32 in
    causal,  # bool
    bounds,  # (b + 1,) of the pairs in
    y,  # (n, t, heads, d) out
    p,  # (n heads, t, t) transposed: keys, questions out
):
    for block in prange(bounds.shape[0] - 1):
        _attend_pairs(packed, causal, y, p, bounds[block], bounds[block + 1])


@kernel
def _derivatives_of_pairs(packed, p, y, gradient, in_packed, first, last):
    t, heads, d = packed.shape[1], np.uint64(packed.shape[3]), packed.shape[4]
    places, length = np.uint64(t), np.uint64(d)
    q = np.empty((t, d), np.float32)
    k, v = np.empty_like(q), np.empty_like(q)
    in_q, in_k, in_v = np.empty_like(q), np.empty_like(k), np.empty_like(v)
    g, in_s, shared = np.empty_like(q), np.empty((t, t), np.float32), np.empty(t, np.float32)
    scale = np.float32(1.0 / sqrt(d))
    for pair in range(np.uint64(first), np.uint64(last)):
        n, head = pair // heads, pair % heads
        _gather(packed, n, QUESTIONS, head, scale, q)
        _gather(packed, n, KEYS, head, ONE, k)
        _gather(packed, n, VALUES, head, ONE, v)
        for i in range(places):
            # sum over j of P_ij dL/dP_ij = the sum over the places of y_i g_i
            total = np.float32(0.0)
            for e in range(length):
                g[i, e] = gradient[n, i, head, e]
                total += g[i, e] * y[n, i, head, e]
            shared[i] = total
        np.dot(p[pair], g, in_v)  # dL/dV = P' G
        np.dot(v, g.T, in_s)  # dL/dP = G V', transposed
        for j in range(places):
            for i in range(places):
                in_s[j, i] = p[pair, j, i] * (in_s[j, i] - shared[i])
        np.dot(in_s.T, k, in_q)  # dL/dQ = dL/dS K / sqrt(d)
        np.dot(in_s, q, in_k)  # dL/dK = (dL/dS)' Q / sqrt(d), which is in q
        for i in range(places):
            for e in range(length):
                in_packed[n, i, QUESTIONS, head, e] = in_q[i, e] * scale
            for e in range(length):
                in_packed[n, i, KEYS, head, e] = in_k[i, e]
            for e in range(length):
                in_packed[n, i, VALUES, head, e] = in_v[i, e]


@block_kernel
def _all_derivatives(
    packed,  # (n, t, 3, heads, d) float32 in
    p,  # (n heads, t, t) transposed: keys, questions in
    y,  # (n, t, heads, d) in
    gradient,  # (n, t, heads, d) dL/dY in
    bounds,  # (b + 1,) of the pairs in
    in_packed,  # (n, t, 3, heads, d) dL/dpacked out
):
    for block in prange(bounds.shape[0] - 1):
        _derivatives_of_pairs(packed, p, y, gradient, in_packed, bounds[block], bounds[block + 1])


def _forward(packed, causal):
    n, t, _, heads, d = packed.shape
    y, p = np.empty((n, t, heads, d), np.float32), np.empty((n * heads, t, t), np.float32)
    with one_blas_thread():
        _attend(
            plain(packed),
            bool(causal),
            _bounds(n * heads),
            y,
            p,
            n_threads=threads_for(4 * p.size * d),
        )
    return y, p


def _backward(packed, p, y, gradient, causal):
    in_packed = np.empty(packed.shape, np.float32)
    with one_blas_thread():
        _all_derivatives(
            *map(plain, (packed, p, y, gradient)),
            _bounds(len(p)),
            in_packed,
            n_threads=threads_for(8 * p.size * packed.shape[4]),
        )
    return in_packed


def _bounds(n_pairs):
    return block_bounds(n_pairs, 4)
