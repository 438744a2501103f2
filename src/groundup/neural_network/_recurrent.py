"""Sequences, one position at a time, with a memory: LSTM and GRU.

A recurrent layer reads a sequence as we read a line: at each position t it sees the input x_t and
what it kept in mind, h_(t-1), and makes of both what it keeps in mind next.  The same weights are
used at every position, so a sequence may have any length.

The plain form h_t = tanh(x_t W + h_(t-1) U) forgets within some ten positions: on the way back the
gradient is multiplied by U at each of them, and vanishes or explodes.  Gates repair that.  A gate
is a number between 0 and 1, computed from x_t and h_(t-1), which says how much to let through; an
open gate hands the memory on unchanged, and the gradient with it.

Cost: T steps that cannot be computed at once, as each needs the one before.

References
----------
.. [1] Hochreiter and Schmidhuber (1997), Long short-term memory, Neural Computation 9(8).
.. [2] Gers, Schmidhuber and Cummins (2000), Learning to forget: continual prediction with LSTM,
   Neural Computation 12(10).
.. [3] Cho et al. (2014), Learning phrase representations using RNN encoder-decoder for statistical
   machine translation, EMNLP.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from groundup.neural_network._layer import Layer, ShapeError, require_one_of, require_whole
from groundup.neural_network._linear import linear
from groundup.neural_network.autodiff import Tensor, stack
from groundup.neural_network.initialisation import glorot, orthogonal


@dataclass(frozen=True, repr=False)
class LSTM(Layer):
    """Long short-term memory: what is kept (c) apart from what is shown (h).

    i, f, o = sigmoid(x W + h U + b)     what to let in, what to keep, what to show
    g       = tanh(x W + h U + b)        what is new
    c      <- f c + i g
    h      <- o tanh(c)

    (each of the four with columns of W, U and b of its own, in the order i, f, g, o)

    Parameters
    ----------
    units : int
        The size of the memory, and of the output.
    outputs : {"all", "last"}, default="all"
        h at every position, (positions, units), or at the last one alone, (units,).

    Notes
    -----
    W begins by Glorot. U begins orthogonal: it is applied T times, and a rotation keeps lengths.
    The forget gate's constant begins at 1, so that at first the memory is kept.
    """

    units: int
    outputs: str = "all"

    def __post_init__(self):
        require_whole(self, "units")
        require_one_of(self, "outputs", ("all", "last"))

    def build(self, shape, generator):
        weights, output = recurrent_weights(self, shape, generator, n_gates=4)
        weights["bias"][self.units : 2 * self.units] = 1.0
        return weights, output

    def forward(self, weights, x, training=None):
        u, U = self.units, weights["recurrent_weights"]
        from_input = linear(x, weights["input_weights"], weights["bias"])  # (n, T, 4 u)
        h, c = zeros(x, u), zeros(x, u)
        shown = []
        for t in range(x.shape[1]):
            gates = from_input[:, t] + h @ U  # (n, 4 u)
            i, f = gates[:, :u].sigmoid(), gates[:, u : 2 * u].sigmoid()
            g, o = gates[:, 2 * u : 3 * u].tanh(), gates[:, 3 * u :].sigmoid()
            # c <- f c + i g,  h <- o tanh(c)
            c = f * c + i * g
            h = o * c.tanh()
            shown.append(h)
        return h if self.outputs == "last" else stack(shown, axis=1)


@dataclass(frozen=True, repr=False)
class GRU(Layer):
    """Gated recurrent unit: one memory, two gates, three quarters of an LSTM's weights.

    r, z = sigmoid(x W + h U + b)        what of the memory to look at, what of it to keep
    n    = tanh(x W + b + r (h U + b'))  what is new
    h   <- (1 - z) n + z h

    (each of the three with columns of W, U and b of its own, in the order r, z, n)

    Parameters
    ----------
    units : int
        The size of the memory, and of the output.
    outputs : {"all", "last"}, default="all"
        h at every position, (positions, units), or at the last one alone, (units,).
    """

    units: int
    outputs: str = "all"

    def __post_init__(self):
        require_whole(self, "units")
        require_one_of(self, "outputs", ("all", "last"))

    def build(self, shape, generator):
        weights, output = recurrent_weights(self, shape, generator, n_gates=3)
        weights["candidate_bias"] = np.zeros(self.units)
        return weights, output

    def forward(self, weights, x, training=None):
        u, U = self.units, weights["recurrent_weights"]
        from_input = linear(x, weights["input_weights"], weights["bias"])  # (n, T, 3 u)
        h = zeros(x, u)
        shown = []
        for t in range(x.shape[1]):
            a, m = from_input[:, t], h @ U  # (n, 3 u) each
            gates = (a[:, : 2 * u] + m[:, : 2 * u]).sigmoid()
            r, z = gates[:, :u], gates[:, u:]
            new = (a[:, 2 * u :] + r * (m[:, 2 * u :] + weights["candidate_bias"])).tanh()
            # h <- (1 - z) n + z h
            h = new + z * (h - new)
            shown.append(h)
        return h if self.outputs == "last" else stack(shown, axis=1)


def recurrent_weights(layer, shape, generator, n_gates):
    """Return the first weights of `n_gates` gates side by side, and the shape of the output."""
    if len(shape) != 2:
        raise ShapeError(
            layer,
            shape,
            "sequences of (positions, features)",
            "Put Embedding(symbols, size) or Reshape((positions, features)) in front of it.",
        )
    n_positions, n_inputs = shape
    u = layer.units
    weights = {
        "input_weights": np.hstack(
            [glorot(generator, (n_inputs, u), n_inputs, u) for _ in range(n_gates)]
        ),
        "recurrent_weights": np.hstack([orthogonal(generator, u) for _ in range(n_gates)]),
        "bias": np.zeros(n_gates * u),
    }
    return weights, (u,) if layer.outputs == "last" else (n_positions, u)


def zeros(x: Tensor, units: int) -> Tensor:
    """Return the memory with which each row's sequence begins."""
    return Tensor(np.zeros((x.shape[0], units), dtype=x.dtype))
