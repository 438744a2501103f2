"""Operations that make one tensor of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from groundup.neural_network.autodiff import Tensor, of_two, record


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Join tensors along an axis: each gets back its own part of the gradient."""
    tensors = [_tensor(tensor) for tensor in tensors]
    y = np.concatenate([tensor.data for tensor in tensors], axis=axis)
    ends = np.cumsum([tensor.shape[axis] for tensor in tensors])[:-1]
    return record(y, tensors, lambda g: np.split(g, ends, axis=axis))


def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis."""
    tensors = [_tensor(tensor) for tensor in tensors]
    y = np.stack([tensor.data for tensor in tensors], axis=axis)
    return record(y, tensors, lambda g: list(np.moveaxis(g, axis, 0)))


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """Return `a` where the condition holds, else `b`: the gradient goes to the one taken."""
    chosen = np.asarray(condition)
    a, b = _both(a, b)
    y = np.where(chosen, a.data, b.data)
    return of_two(a, b, y, lambda g: np.where(chosen, g, 0), lambda g: np.where(chosen, 0, g))


def maximum(a: Any, b: Any) -> Tensor:
    """Return the larger of each pair: the gradient goes to it; a tie halves it."""
    a, b = _both(a, b)
    y = np.maximum(a.data, b.data)

    def share(mine, other, g):
        return np.where(mine.data > other.data, g, np.where(mine.data == other.data, g / 2, 0))

    return of_two(a, b, y, lambda g: share(a, b, g), lambda g: share(b, a, g))


def _both(a: Any, b: Any) -> tuple[Tensor, Tensor]:
    """Make both tensors; a Python number takes the other's dtype."""
    if not isinstance(a, Tensor) and isinstance(b, Tensor):
        return b._operand(a), b
    a = _tensor(a)
    return a, a._operand(b)


def _tensor(values: Any) -> Tensor:
    """Return arrays and numbers as constants, tensors as they are."""
    return values if isinstance(values, Tensor) else Tensor(values)
