"""Symbols as vectors, and where in the sequence they stand.

A network computes with numbers, and the number of a symbol (a = 0, b = 1, ...) says nothing about
it.  So each symbol gets a vector of its own, a row of a table, and the rows are learned: symbols
that are used alike end up close together.

Attention sees a set, not a sequence: it cannot tell "dog bites man" from "man bites dog".  A second
table, with a row for each position, is added to say where a symbol stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from groundup.neural_network._layer import Layer, ShapeError, require_whole
from groundup.neural_network._lookup import embedding
from groundup.neural_network.autodiff import Tensor
from groundup.neural_network.initialisation import unit_rows


@dataclass(frozen=True, repr=False)
class Embedding(Layer):
    """Look up a vector for each symbol: (positions,) whole numbers to (positions, size).

    Parameters
    ----------
    symbols : int
        How many symbols there are; they are numbered from 0.
    size : int
        The length of a symbol's vector.

    References
    ----------
    Bengio, Ducharme, Vincent and Jauvin (2003), A neural probabilistic language model, JMLR 3.
    """

    symbols: int
    size: int
    takes_symbols: ClassVar[bool] = True

    def __post_init__(self):
        require_whole(self, "symbols", "size")

    def build(self, shape, generator):
        if len(shape) != 1:
            raise ShapeError(
                self, shape, "(positions,), the symbols of a sequence", "Put it first."
            )
        table = unit_rows(generator, self.symbols, self.size)
        return {"table": table}, (*shape, self.size)

    def forward(self, weights, x, training=None):
        symbols = x.data
        if symbols.dtype.kind == "f":
            symbols = as_symbols(symbols, self.symbols)
        return embedding(weights["table"], Tensor(symbols))


def as_symbols(values: np.ndarray, n_symbols: int) -> np.ndarray:
    """Return `values` as whole numbers, or raise a ValueError that shows one which is none."""
    symbols = values.astype(np.int64)
    wrong = (symbols != values) | (symbols < 0) | (symbols >= n_symbols)
    if wrong.any():
        raise ValueError(
            f"Embedding({n_symbols}, ...) takes whole numbers from 0 to {n_symbols - 1}, got "
            f"{values[wrong].flat[0]:g}. Give each symbol such a number, or enlarge the table."
        )
    return symbols


@dataclass(frozen=True, repr=False)
class PositionalEmbedding(Layer):
    """Add a learned vector for each position to a sequence of (positions, features).

    References
    ----------
    Gehring, Auli, Grangier, Yarats and Dauphin (2017), Convolutional sequence to sequence
    learning, ICML.
    """

    def build(self, shape, generator):
        if len(shape) != 2:
            raise ShapeError(
                self,
                shape,
                "sequences of (positions, features)",
                "Put Embedding(symbols, size) or Reshape((positions, features)) in front of it.",
            )
        return {"table": unit_rows(generator, *shape)}, shape

    def forward(self, weights, x, training=None):
        table = weights["table"]
        n_positions, n_known = x.shape[1], len(table)
        if n_positions > n_known:
            raise ValueError(
                f"Sequences of {n_positions} positions were given, but PositionalEmbedding() has "
                f"learned vectors for {n_known}. Cut the sequences, or build the network for "
                f"rows of {n_positions} positions."
            )
        # a shorter sequence uses the first positions
        return x + (table if n_positions == n_known else table[:n_positions])
