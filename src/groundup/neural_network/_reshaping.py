"""Layers that learn nothing: new shapes for the same numbers, and noise against rote learning."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from numbers import Integral

import numpy as np

from groundup.neural_network._layer import Layer, ShapeError, require_share
from groundup.neural_network.autodiff import Tensor


@dataclass(frozen=True, repr=False)
class Flatten(Layer):
    """Each row as one line of numbers: (16, 2, 2) becomes (64,)."""

    def output_shape(self, shape):
        return (prod(shape),)

    def forward(self, weights, x, training=None):
        return x.reshape(x.shape[0], prod(x.shape[1:]))


@dataclass(frozen=True, repr=False)
class Reshape(Layer):
    """Each row in another shape, such as the pixels of a table's row as an image.

    Parameters
    ----------
    shape : tuple of int
        The new shape of a row. One entry may be -1: whatever is left.

    Examples
    --------
    >>> Reshape((1, 8, 8)).output_shape((64,))
    (1, 8, 8)
    """

    shape: tuple[int, ...]

    def __post_init__(self):
        shape = self.shape if isinstance(self.shape, (tuple, list)) else (self.shape,)
        object.__setattr__(self, "shape", tuple(shape))
        whole = all(isinstance(size, Integral) and (size >= 1 or size == -1) for size in shape)
        if not whole or sum(size == -1 for size in shape) > 1:
            raise ValueError(
                f"Reshape: shape must be positive whole numbers, one of them may be -1, "
                f"got {self.shape!r}."
            )

    def output_shape(self, shape):
        size, known = prod(shape), prod(s for s in self.shape if s != -1)
        if (-1 in self.shape and size % known == 0) or size == known:
            return tuple(size // known if s == -1 else int(s) for s in self.shape)
        raise ShapeError(
            self,
            shape,
            f"{'a multiple of ' if -1 in self.shape else ''}{known} numbers a row",
            f"A row has {size} numbers: give a shape of that many.",
        )

    def forward(self, weights, x, training=None):
        return x.reshape(x.shape[0], *self.shape)


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    """Set a random share of the numbers to zero in training, so that no unit relies on another.

    The numbers that stay are divided by the share that stays, so that sums keep their size and
    prediction needs no correction.

    Parameters
    ----------
    rate : float, default=0.5
        The share that is set to zero, at least 0 and below 1.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), Dropout: a simple way to
    prevent neural networks from overfitting, JMLR 15.
    """

    rate: float = 0.5

    def __post_init__(self):
        require_share(self, "rate")

    def forward(self, weights, x, training=None):
        return dropout(x, self.rate, training)


def dropout(x: Tensor, rate: float, training: np.random.Generator | None) -> Tensor:
    """Return x with a share `rate` set to zero and the rest scaled up, where there is noise."""
    if training is None or rate == 0.0:
        return x
    # y = x m / (1 - r),  m = 1 with probability 1 - r, else 0
    kept = training.random(x.shape, dtype=np.float32) >= rate
    return x * Tensor(kept.astype(x.dtype) / x.dtype.type(1.0 - rate))
