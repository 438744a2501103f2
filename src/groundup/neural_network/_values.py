"""What a tensor has of an array: its sizes, its order of values, and its way into NumPy.

Nothing here is recorded: what leaves a tensor by one of these is plain numbers, without a history.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Values:
    """Base of `Tensor`: the array that it holds, as Python and NumPy see it."""

    __slots__ = ()
    # ndarray * Tensor is left to Tensor.__rmul__, and np.exp(Tensor), which would lose the history,
    # is an error
    __array_ufunc__ = None

    data: np.ndarray

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    dtype = property(lambda self: self.data.dtype)
    size = property(lambda self: self.data.size)

    def item(self) -> float:
        """Return the only value as a Python number."""
        return self.data.item()

    def __len__(self) -> int:
        return len(self.data)

    def __float__(self) -> float:
        return float(self.item())

    def __bool__(self) -> bool:
        return bool(self.data)  # as in NumPy an error if there are several values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.data, dtype=dtype, copy=copy)

    # Comparisons are made value by value, as in NumPy, and give an array of bool.

    def __eq__(self, other: Any) -> Any:
        return self.data == _array(other)

    def __ne__(self, other: Any) -> Any:
        return self.data != _array(other)

    def __lt__(self, other: Any) -> Any:
        return self.data < _array(other)

    def __le__(self, other: Any) -> Any:
        return self.data <= _array(other)

    def __gt__(self, other: Any) -> Any:
        return self.data > _array(other)

    def __ge__(self, other: Any) -> Any:
        return self.data >= _array(other)

    # A dict finds a tensor by which one it is, not by its values, which may change.
    __hash__ = object.__hash__


def _array(other: Any) -> Any:
    return other.data if isinstance(other, Values) else other
