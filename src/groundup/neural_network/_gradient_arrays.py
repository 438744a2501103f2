"""Arrays of derivatives: the first one, the sum of several, and their way back to a shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from groundup.neural_network.autodiff import Tensor


class Arrivals:
    """dL/d(tensor), summed up part by part until it is the tensor's turn.

    Each use of a tensor sends one part.  Parts must not be added up inside an array that somebody
    else holds, and an operation may well hand out such arrays: a + b gives one and the same g to
    both parents, `reshape` gives a view of g, and the first g of all may be the user's own.

    So the first part is kept as it came, uncopied, and only read: most tensors are used once, and
    cost nothing here.  The second part makes a new array, the sum of both.  That one nobody else
    has seen: the tensor is put down in `_own`, and all further parts are added in place.
    """

    def __init__(self) -> None:
        self._sums: dict[Tensor, np.ndarray] = {}
        self._own: set[Tensor] = set()

    def add(self, tensor: Tensor, part: Any) -> None:
        """Add a part of dL/d(tensor): an array of the tensor's shape, or an `OnlyAt`."""
        so_far = self._sums.get(tensor)
        if isinstance(part, OnlyAt):
            if so_far is None:
                self._sums[tensor] = np.zeros(tensor.shape, tensor.dtype)
            elif tensor not in self._own:
                self._sums[tensor] = np.array(so_far, order="C")
            self._own.add(tensor)
            part.add_to(self._sums[tensor])
            return
        if part.shape != tensor.shape:
            raise ValueError(
                f"The derivative of an operation has shape {part.shape} for a parent of "
                f"{tensor.shape}."
            )
        if so_far is None:
            self._sums[tensor] = part.astype(tensor.dtype, copy=False)
        elif tensor in self._own:
            so_far += part
        else:
            self._sums[tensor] = np.asarray(np.add(so_far, part, dtype=tensor.dtype))
            self._own.add(tensor)

    def take(self, tensor: Tensor) -> tuple[np.ndarray | None, bool]:
        """Return and forget the sum, None if nothing came, and whether nobody else holds it."""
        own = tensor in self._own
        self._own.discard(tensor)
        return self._sums.pop(tensor, None), own


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


def first_gradient(tensor: Tensor, gradient: Any) -> np.ndarray:
    """Return what `backward` of a tensor begins with: dL/d(tensor), 1 if it is the loss itself."""
    if not tensor.requires_grad:
        raise RuntimeError(
            "backward() has nowhere to go: this tensor was not computed from any tensor with "
            "requires_grad=True, or it was computed inside no_grad()."
        )
    if gradient is None and tensor.size != 1:
        raise ValueError(
            f"backward() starts from one number, and this tensor has shape {tensor.shape}. Take "
            ".sum() or .mean() of it first, or pass gradient= of that shape."
        )
    first = np.asarray(1.0 if gradient is None else gradient, dtype=tensor.dtype)
    if gradient is not None and first.shape != tensor.shape:
        raise ValueError(f"gradient has shape {first.shape}, this tensor has {tensor.shape}.")
    return np.broadcast_to(first, tensor.shape)


def unstretched(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum the gradients of the many places that a stretched value was used in."""
    if gradient.shape == shape:
        return gradient
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(axis for axis, length in enumerate(shape) if length == 1)
    return gradient.sum(axis=stretched, keepdims=True).reshape(shape)
