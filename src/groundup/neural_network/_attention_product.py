"""Scaled dot-product attention: each place of a sequence looks at the others.

Every place i asks a question q_i, shows a key k_i and holds a value v_i, all of length d.  How well
question i matches key j decides how much of value j it takes home:

    S = Q K' / sqrt(d),    P = softmax of each row of S,    Y = P V.

*Causal* attention hides what comes later: S_ij = -infinity for j > i, so that P_ij = 0, and a
sequence can be learned by predicting each of its places from those before it.

Backwards, with G = dL/dY:

    dL/dV = P' G,    dL/dP = G V',    dL/dS_i = P_i (dL/dP_i - sum_j P_ij dL/dP_ij),
    dL/dQ = dL/dS K / sqrt(d),    dL/dK = (dL/dS)' Q / sqrt(d).

References
----------
.. [1] Vaswani et al. (2017), Attention is all you need, NeurIPS.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from groundup.neural_network.autodiff import Tensor, record


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
    t, d = q.shape[2:]
    scale = q.dtype.type(1 / sqrt(d))
    p = q.data @ k.data.swapaxes(-1, -2)  # (n, h, t, d) @ (n, h, d, t) -> (n, h, t, t)
    p *= scale
    if causal:
        p[..., np.triu(np.ones((t, t), bool), 1)] = -np.inf
    p -= p.max(axis=-1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=-1, keepdims=True)

    def backward(g):
        in_v = p.swapaxes(-1, -2) @ g  # (n, h, t, t) @ (n, h, t, d)
        in_p = g @ v.data.swapaxes(-1, -2)  # (n, h, t, d) @ (n, h, d, t)
        in_s = p * (in_p - (p * in_p).sum(axis=-1, keepdims=True)) * scale
        return [in_s @ k.data, in_s.swapaxes(-1, -2) @ q.data, in_v]

    return record(p @ v.data, [q, k, v], backward)
