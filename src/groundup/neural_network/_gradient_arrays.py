"""Arrays of derivatives: brought back to the shape that they belong to."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


def unstretched(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum the gradients of the many places that a stretched value was used in."""
    if gradient.shape == shape:
        return gradient
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(axis for axis, length in enumerate(shape) if length == 1)
    return gradient.sum(axis=stretched, keepdims=True).reshape(shape)


def expanded(gradient: np.ndarray, axis: Any, ndim: int) -> np.ndarray:
    """Put the axes of length 1 back that a reduction took away."""
    if axis is None:
        axis = tuple(range(ndim))
    return np.expand_dims(gradient, axis)


class OnlyAt(NamedTuple):
    """A gradient that is 0 everywhere but at `places`: small parts of a large array stay small."""

    places: tuple
    values: np.ndarray

    def add_to(self, total: np.ndarray) -> None:
        # Only lists and arrays of whole numbers can name a place twice.
        if any(np.ndim(part) and np.asarray(part).dtype != bool for part in self.places):
            np.add.at(total, self.places, self.values)
        else:
            total[self.places] += self.values
