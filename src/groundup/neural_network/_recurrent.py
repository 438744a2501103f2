"""Sequences, one position at a time, with a memory: LSTM and GRU.

A recurrent layer reads a sequence as we read a line: at each position t it sees the input x_t and
what it kept in mind, h_(t-1), and makes of both what it keeps in mind next.  The same weights are
used at every position, so a sequence may have any length.

The plain form h_t = tanh(x_t W + h_(t-1) U) forgets within some ten positions: on the way back the
gradient is multiplied by U at each of them, and vanishes or explodes.  Gates repair that.  A gate
is a number between 0 and 1, computed from x_t and h_(t-1), which says how much to let through; an
open gate hands the memory on unchanged, and the gradient with it.

Cost: T steps that cannot be computed at once, as each needs the one before. Their arithmetic, there
and back, is in `_recurrent_product.py`.

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
from groundup.neural_network._recurrent_product import gru, lstm
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
        names = ("input_weights", "recurrent_weights", "bias")
        h = lstm(x, *(weights[name] for name in names))  # (n, T, u)
        return h[:, -1] if self.outputs == "last" else h


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
        names = ("input_weights", "recurrent_weights", "bias", "candidate_bias")
        h = gru(x, *(weights[name] for name in names))  # (n, T, u)
        return h[:, -1] if self.outputs == "last" else h


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
