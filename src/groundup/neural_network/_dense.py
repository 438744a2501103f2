"""Dense layers and activations: the whole of a classic network.

    h = f(x W + b)

Each unit of a dense layer is a linear model of everything that comes in.  Without the activation f
between them, two dense layers would be one: products of matrices are matrices.  With it, each unit
bends, and a sum of bends can follow any curve.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from groundup.neural_network._gelu import gelu
from groundup.neural_network._layer import (
    Layer,
    ShapeError,
    require_one_of,
    require_whole,
    start_suiting,
)
from groundup.neural_network._linear import linear
from groundup.neural_network.initialisation import STARTS, start_weights


@dataclass(frozen=True, repr=False)
class Dense(Layer):
    """Every output is a weighted sum of every input, plus a constant: x W + b.

    Over a sequence, of rows (positions, features), the same weights are used at each position.

    Parameters
    ----------
    units : int
        How many outputs.
    bias : bool, default=True
        Whether to add the constant b.
    start : {"he", "glorot", "small"} or None, default=None
        How the weights begin (`groundup.neural_network.initialisation`); None: as suits the
        activation that follows.

    Examples
    --------
    >>> Dense(64)
    Dense(64)
    """

    units: int
    bias: bool = True
    start: str | None = None

    def __post_init__(self):
        require_whole(self, "units")
        require_one_of(self, "start", (*STARTS, None))

    def placed(self, following, n_residuals):
        return replace(self, start=self.start or start_suiting(following))

    def build(self, shape, generator):
        if not 1 <= len(shape) <= 2:
            raise ShapeError(
                self,
                shape,
                "(features,), or (positions, features) of a sequence",
                "Put Flatten() in front of it.",
            )
        n_inputs = shape[-1]
        size = (n_inputs, self.units)
        weights = {"weights": start_weights(self.start, generator, size, n_inputs, self.units)}
        if self.bias:
            weights["bias"] = np.zeros(self.units)
        return weights, (*shape[:-1], self.units)

    def forward(self, weights, x, training=None):
        # x W + b
        return linear(x, weights["weights"], weights.get("bias"))


@dataclass(frozen=True, repr=False)
class Relu(Layer):
    """max(0, x): lets what is positive pass, and nothing else."""

    suits: ClassVar[str | None] = "he"

    def forward(self, weights, x, training=None):
        return x.relu()


@dataclass(frozen=True, repr=False)
class Gelu(Layer):
    """x P(Z < x) with Z standard normal: a relu without the corner."""

    suits: ClassVar[str | None] = "he"

    def forward(self, weights, x, training=None):
        return gelu(x)


@dataclass(frozen=True, repr=False)
class Tanh(Layer):
    """tanh(x): bounded by -1 and 1; nearly the identity around 0."""

    suits: ClassVar[str | None] = "glorot"

    def forward(self, weights, x, training=None):
        return x.tanh()


@dataclass(frozen=True, repr=False)
class Sigmoid(Layer):
    """1 / (1 + exp(-x)): a number between 0 and 1."""

    suits: ClassVar[str | None] = "glorot"

    def forward(self, weights, x, training=None):
        return x.sigmoid()


@dataclass(frozen=True, repr=False)
class Softmax(Layer):
    """exp(x_k) / sum_j exp(x_j) over the last axis: positive shares that add up to 1.

    Not needed at the end of a classifier: its loss takes the numbers in front of it (logits).
    """

    suits: ClassVar[str | None] = "glorot"

    def forward(self, weights, x, training=None):
        return x.softmax(-1)
