"""Automatic differentiation: arrays that remember how they were made.

To learn, a network must know for each of its weights: if this weight grew a little, would the loss
grow or shrink, and how fast?  That number is the derivative of the loss in that weight.  All of
them together, in the shape of the weights, are the *gradient*.

**The chain rule.**  A loss is a long expression made of small operations: products, sums, an
exponential.  The derivative of each small operation is known from school.  If x changes y at the
rate dy/dx, and y changes the loss at the rate dL/dy, then x changes the loss at the rate

    dL/dx = dL/dy dy/dx,

and if x is used in several places, what comes from each of them is added up.

**The graph.**  While an expression is computed, each result (a `Tensor`) keeps its parents, the
tensors that it was computed from, and a small function `backward` that turns dL/d(result) into
dL/d(parent) for each parent.  Nothing else is recorded.  `loss.backward()` then walks from the loss
back to the weights: each result hands its gradient on to its parents, and a result's turn comes
only when all that used it have had theirs, so that its own gradient is complete.

**Why backwards?**  Going forwards, one would have to follow each weight separately through the
whole expression: a million weights, a million passes.  Going backwards from the one loss, every
intermediate derivative is computed once and shared by all weights before it.  So all derivatives
together cost about two to three times the expression itself, however many weights there are.  The
price is memory: the intermediate results stay until they have been used on the way back.

In the code, `gradient` is always dL/d(result), an array of the result's shape, and the comment or
the lambda beside each operation is its derivative.  The operations here are the plain ones.  Fused
ones, which compute several steps at once, are made by the same `record` in files of their own:
convolution, normalisation, attention, cross entropy.

References
----------
.. [1] Linnainmaa (1976), Taylor expansion of the accumulated rounding error, BIT 16.
.. [2] Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors,
   Nature 323.
.. [3] Baydin, Pearlmutter, Radul and Siskind (2018), Automatic differentiation in machine learning:
   a survey, JMLR 18.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from math import pi, sqrt
from typing import Any, NamedTuple

import numpy as np
from scipy.special import erf

__all__ = [
    "Tensor",
    "concatenate",
    "embedding",
    "maximum",
    "no_grad",
    "record",
    "stack",
    "where",
]

_births = count()
_recording = threading.local()  # .off: how many no_grad blocks this thread is in


class Tensor:
    """An array, and how it was made.

    Parameters
    ----------
    data : array-like
        The values.  An array is not copied, and float32 stays float32.
    requires_grad : bool, default=False
        Whether the derivative of a loss in these values will be asked for.

    Attributes
    ----------
    data : ndarray
        The values.  Change them in place only between a `backward` and the next expression: what
        was computed before still remembers this very array.
    grad : ndarray or None
        dL/d(data) after ``L.backward()``, of the same shape and dtype, for a tensor made with
        ``requires_grad=True``; gradients of several `backward` calls add up until `zero_grad`.
    requires_grad : bool
        True also for everything computed from such a tensor.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> loss = (x * x).sum()
    >>> loss.backward()
    >>> x.grad                          # d(x1^2 + x2^2 + x3^2) / dx = 2 x
    array([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "_backward", "_born", "_parents", "data", "grad", "requires_grad")
    __array_ufunc__ = None  # ndarray * Tensor is left to Tensor.__rmul__

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.data: np.ndarray = data.data if isinstance(data, Tensor) else np.asarray(data)
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(
                f"Only floating-point values have a gradient, these are {self.data.dtype}. Convert "
                "them first: Tensor(values.astype(np.float32), requires_grad=True)."
            )
        self.grad: np.ndarray | None = None
        self.requires_grad = requires_grad
        self._parents: tuple[Tensor, ...] = ()
        self._backward: Callable[[np.ndarray], Sequence[Any]] | None = None
        self._born = next(_births)

    shape = property(lambda self: self.data.shape, doc="The length of each axis.")
    ndim = property(lambda self: self.data.ndim, doc="The number of axes.")
    dtype = property(lambda self: self.data.dtype, doc="The type of the values.")
    size = property(lambda self: self.data.size, doc="The number of values.")

    def __repr__(self) -> str:
        return f"Tensor({self.data!r}{', requires_grad=True' if self.requires_grad else ''})"

    def __len__(self) -> int:
        return len(self.data)

    def item(self) -> float:
        """Return the only value as a Python number."""
        return self.data.item()

    def detach(self) -> Tensor:
        """Return the same values without their history: a constant."""
        return Tensor(self.data)

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    # ---- from the loss back to the weights ----

    def backward(self, gradient: Any = None, keep_graph: bool = False) -> None:
        """Add the derivative of this tensor to ``grad`` of every tensor it was made from.

        Parameters
        ----------
        gradient : array-like of this tensor's shape, default=None
            dL/d(this tensor), if this is not the loss L itself.  The loss is one number: 1.
        keep_graph : bool, default=False
            Whether the graph stays for a second `backward`; its memory is freed otherwise.

        Raises
        ------
        RuntimeError
            If nothing here requires a gradient, or the graph was freed by an earlier `backward`.
        ValueError
            If `gradient` is missing, or not of this tensor's shape.
        """
        arrived = {self: self._first_gradient(gradient)}  # dL/d(tensor), as far as it is known
        own: set[Tensor] = set()  # whose entry in `arrived` nobody else holds: it may be changed
        # A tensor is younger than its parents: from young to old, all that used it come before it.
        graph = sorted(self._ancestors(), key=lambda tensor: tensor._born)
        while graph:
            tensor = graph.pop()
            gradient = arrived.pop(tensor, None)
            if gradient is None:
                continue
            if tensor._backward is None:  # made by the user, not by an operation
                if tensor.grad is not None:
                    tensor.grad += gradient
                else:
                    tensor.grad = gradient if tensor in own else np.array(gradient, order="C")
                continue
            parts = zip(tensor._parents, tensor._backward(gradient), strict=True)
            for parent, part in parts:
                if part is not None and parent.requires_grad:
                    _add(part, parent, arrived, own)
            if not keep_graph:
                tensor._parents, tensor._backward = (), _freed

    def _first_gradient(self, gradient: Any) -> np.ndarray:
        if not self.requires_grad:
            raise RuntimeError(
                "backward() has nowhere to go: this tensor was not computed from any tensor with "
                "requires_grad=True, or it was computed inside no_grad()."
            )
        if gradient is None and self.size != 1:
            raise ValueError(
                f"backward() starts from one number, and this tensor has shape {self.shape}. Take "
                ".sum() or .mean() of it first, or pass gradient= of that shape."
            )
        first = np.asarray(1.0 if gradient is None else gradient, dtype=self.dtype)
        if gradient is not None and first.shape != self.shape:
            raise ValueError(f"gradient has shape {first.shape}, this tensor has {self.shape}.")
        return np.broadcast_to(first, self.shape)

    def _ancestors(self) -> set[Tensor]:
        """Return this tensor and all that it was made from, as far as gradients are asked for."""
        seen, waiting = {self}, [self]
        while waiting:
            tensor = waiting.pop()
            if tensor._backward is _freed:
                raise RuntimeError(
                    "This graph was freed by an earlier backward(). Compute the expression again, "
                    "or call the earlier one with keep_graph=True."
                )
            for parent in tensor._parents:
                if parent.requires_grad and parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return seen

    # ---- arithmetic; shapes are stretched as in NumPy ----

    def _operand(self, other: Any) -> Tensor:
        if isinstance(other, Tensor):
            return other
        if isinstance(other, (int, float)) and self.dtype.kind == "f":
            return Tensor(np.asarray(other, self.dtype))  # a Python number changes no dtype
        return Tensor(other)

    def __add__(self, other: Any) -> Tensor:
        """a + b: a change of either is a change of the sum."""
        a, b = self, self._operand(other)
        return _of_two(a.data + b.data, a, b, lambda g: g, lambda g: g)

    def __sub__(self, other: Any) -> Tensor:
        """a - b."""
        a, b = self, self._operand(other)
        return _of_two(a.data - b.data, a, b, lambda g: g, lambda g: -g)

    def __mul__(self, other: Any) -> Tensor:
        """a b: each is the other's slope."""
        a, b = self, self._operand(other)
        return _of_two(a.data * b.data, a, b, lambda g: g * b.data, lambda g: g * a.data)

    def __truediv__(self, other: Any) -> Tensor:
        """a / b: 1 / b and -a / b^2."""
        a, b = self, self._operand(other)
        y = a.data / b.data
        return _of_two(y, a, b, lambda g: g / b.data, lambda g: -g * y / b.data)

    def __pow__(self, other: Any) -> Tensor:
        """a^b: b a^(b-1), 0 where b = 0; and log(a) a^b, 0 where a = 0."""
        a, b = self, self._operand(other)
        if b.ndim == 0 and b.data == 2 and not b.requires_grad:
            return a * a  # several times faster than a power
        y = a.data**b.data

        def in_base(g):
            return g * b.data * a.data ** np.where(b.data == 0, 0, b.data - 1).astype(b.dtype)

        def in_exponent(g):
            return g * y * np.log(np.where(a.data == 0, 1, a.data))

        return _of_two(y, a, b, in_base, in_exponent)

    def __neg__(self) -> Tensor:
        """-a."""
        return _of_one(-self.data, self, lambda g: -g)

    def __matmul__(self, other: Any) -> Tensor:
        """A B, of (..., n, k) and (..., k, m): dL/dA = G B', dL/dB = A' G."""
        a, b = self, self._operand(other)
        if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
            raise ValueError(
                f"No product of shapes {a.shape} @ {b.shape}: the last axis of the first must be "
                "as long as the last but one of the second (or its only one)."
            )
        if a.ndim == 1:
            return (a.reshape(1, -1) @ b)[..., 0, :] if b.ndim > 1 else (a * b).sum()
        if b.ndim == 1:
            return (a @ b.reshape(-1, 1))[..., 0]
        if a.ndim > 2 and b.ndim == 2:  # one large product in place of many small ones
            return (a.reshape(-1, a.shape[-1]) @ b).reshape(*a.shape[:-1], b.shape[-1])
        return _of_two(
            a.data @ b.data,  # (..., n, m)
            a,
            b,
            lambda g: g @ b.data.swapaxes(-1, -2),  # (..., n, m) @ (..., m, k)
            lambda g: a.data.swapaxes(-1, -2) @ g,  # (..., k, n) @ (..., n, m)
        )

    def __radd__(self, other: Any) -> Tensor:
        return self + other

    def __rmul__(self, other: Any) -> Tensor:
        return self * other

    def __rsub__(self, other: Any) -> Tensor:
        return self._operand(other) - self

    def __rtruediv__(self, other: Any) -> Tensor:
        return self._operand(other) / self

    def __rpow__(self, other: Any) -> Tensor:
        return self._operand(other) ** self

    def __rmatmul__(self, other: Any) -> Tensor:
        return self._operand(other) @ self

    # ---- functions of each value ----

    def exp(self) -> Tensor:
        """e^x is its own slope."""
        y = np.exp(self.data)
        return _of_one(y, self, lambda g: g * y)

    def log(self) -> Tensor:
        """log x: 1 / x."""
        return _of_one(np.log(self.data), self, lambda g: g / self.data)

    def sqrt(self) -> Tensor:
        """sqrt(x): 1 / (2 sqrt x); where x = 0 and that is infinite, 0 is taken."""
        y = np.sqrt(self.data)
        return _of_one(y, self, lambda g: np.divide(g, 2 * y, out=np.zeros_like(y), where=y != 0))

    def abs(self) -> Tensor:
        """|x|: the sign of x, 0 at the kink."""
        return _of_one(np.abs(self.data), self, lambda g: g * np.sign(self.data))

    def tanh(self) -> Tensor:
        """tanh x: 1 - tanh^2 x."""
        y = np.tanh(self.data)
        return _of_one(y, self, lambda g: g * (1 - y * y))

    def sigmoid(self) -> Tensor:
        """s = 1 / (1 + e^-x): s (1 - s)."""
        y = (1 + np.tanh(self.data / 2)) / 2  # the same number, and no overflow
        return _of_one(y, self, lambda g: g * y * (1 - y))

    def relu(self) -> Tensor:
        """max(x, 0): 1 where x > 0, else 0, at the kink too."""
        return _of_one(np.maximum(self.data, 0), self, lambda g: g * (self.data > 0))

    def gelu(self) -> Tensor:
        """x P(Z < x) for a standard normal Z: P(Z < x) + x p(x), p its density."""
        x = self.data
        below = (1 + erf(x * sqrt(0.5))) / 2
        density = np.exp(-x * x / 2) * (1 / sqrt(2 * pi))
        return _of_one(x * below, self, lambda g: g * (below + x * density))

    # ---- reductions: what was summed up gets the same gradient everywhere ----

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The sum: slope 1 for each value."""

        def backward(g):
            return np.broadcast_to(g if keepdims else _expanded(g, axis, self.ndim), self.shape)

        return _of_one(self.data.sum(axis=axis, keepdims=keepdims), self, backward)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The sum divided by the number of values."""
        total = self.sum(axis, keepdims)
        return total * (total.size / self.size if self.size else np.nan)

    def var(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The mean square of the distance from the mean."""
        away = self - self.mean(axis, keepdims=True)
        return (away * away).mean(axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The largest value: slope 1 for it; values that tie share it equally."""
        top = self.data.max(axis=axis, keepdims=True)

        def backward(g):
            best = self.data == top
            g = g if keepdims else _expanded(g, axis, self.ndim)
            return g * best / best.sum(axis=axis, keepdims=True, dtype=self.dtype)

        y = top if keepdims else self.data.max(axis=axis)
        return _of_one(y, self, backward)

    def softmax(self, axis: int = -1) -> Tensor:
        """p_i = e^x_i / sum_j e^x_j: dL/dx_i = p_i (g_i - sum_j g_j p_j)."""
        p = np.exp(self.data - self.data.max(axis=axis, keepdims=True))
        p /= p.sum(axis=axis, keepdims=True)
        return _of_one(p, self, lambda g: p * (g - (g * p).sum(axis=axis, keepdims=True)))

    def log_softmax(self, axis: int = -1) -> Tensor:
        """x_i - log sum_j e^x_j: dL/dx_i = g_i - p_i sum_j g_j."""
        y = self.data - self.data.max(axis=axis, keepdims=True)
        y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
        return _of_one(y, self, lambda g: g - np.exp(y) * g.sum(axis=axis, keepdims=True))

    # ---- other places for the same values: the gradient goes back to where they were ----

    def reshape(self, *shape: Any) -> Tensor:
        """The values in another shape."""
        y = self.data.reshape(*shape)
        return _of_one(y, self, lambda g: g.reshape(self.shape))

    def transpose(self, *axes: int) -> Tensor:
        """The axes in another order; without arguments in reverse order."""
        order = axes or tuple(reversed(range(self.ndim)))
        back = np.argsort([axis % self.ndim for axis in order])
        return _of_one(self.data.transpose(order), self, lambda g: g.transpose(back))

    def swapaxes(self, first: int, second: int) -> Tensor:
        """Two axes exchanged."""
        y = self.data.swapaxes(first, second)
        return _of_one(y, self, lambda g: g.swapaxes(first, second))

    def __getitem__(self, index: Any) -> Tensor:
        """The values at `index`: the gradient is 0 elsewhere; one taken twice gets both."""
        parts = index if isinstance(index, tuple) else (index,)
        parts = tuple(part.data if isinstance(part, Tensor) else part for part in parts)
        return _of_one(self.data[parts], self, lambda g: _OnlyAt(parts, g))


class _OnlyAt(NamedTuple):
    """A gradient that is 0 everywhere but at `places`: small parts of a large array stay small."""

    places: tuple
    values: np.ndarray

    def add_to(self, total: np.ndarray) -> None:
        # Only lists and arrays of whole numbers can name a place twice.
        if any(np.ndim(part) and np.asarray(part).dtype != bool for part in self.places):
            np.add.at(total, self.places, self.values)
        else:
            total[self.places] += self.values


def _add(part: Any, parent: Tensor, arrived: dict[Tensor, Any], own: set[Tensor]) -> None:
    """Add a part of dL/d(parent) to what has arrived of it, never in an array that others hold."""
    so_far = arrived.get(parent)
    if isinstance(part, _OnlyAt):
        if parent not in own:
            own.add(parent)
            before = np.zeros(parent.shape, parent.dtype) if so_far is None else so_far
            arrived[parent] = before if so_far is None else np.array(before, order="C")
        part.add_to(arrived[parent])
        return
    if part.shape != parent.shape:
        raise ValueError(
            f"The derivative of an operation has shape {part.shape} for a parent of {parent.shape}."
        )
    if so_far is None:
        arrived[parent] = part if part.dtype == parent.dtype else part.astype(parent.dtype)
    elif parent in own:
        so_far += part
    else:
        own.add(parent)
        arrived[parent] = np.asarray(np.add(so_far, part, dtype=parent.dtype))


def _freed(gradient: np.ndarray) -> Sequence[Any]:
    """Stand where the derivative of an operation was, once it has been used."""
    raise AssertionError("unreachable: _ancestors refuses a freed graph")


def record(
    data: Any, parents: Sequence[Tensor], backward: Callable[[np.ndarray], Sequence[Any]]
) -> Tensor:
    """Return the result of an operation; every operation is made by this.

    Parameters
    ----------
    data : ndarray
        The result.
    parents : sequence of Tensor
        What it was computed from.
    backward : callable (gradient) -> sequence of (ndarray or None)
        Turns dL/d(data) into dL/d(parent), one for each parent and of its shape.  It may give None
        where a parent has ``requires_grad=False``, and must not change `gradient`, which others
        may hold too.

    Returns
    -------
    Tensor
        Remembers `parents` and `backward` if any of them requires a gradient.

    Examples
    --------
    >>> def cube(x):
    ...     return record(x.data**3, [x], lambda gradient: [gradient * 3 * x.data**2])
    >>> x = Tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> x.grad
    array(12.)
    """
    result = Tensor(data)
    if getattr(_recording, "off", 0) == 0 and any(parent.requires_grad for parent in parents):
        result.requires_grad = True
        result._parents = tuple(parents)
        result._backward = backward
    return result


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside a ``with`` block: for predictions, which need no way back."""
    _recording.off = getattr(_recording, "off", 0) + 1
    try:
        yield
    finally:
        _recording.off -= 1


def _of_one(data: Any, x: Tensor, in_x: Callable) -> Tensor:
    """Record an operation on one tensor, given its derivative."""
    return record(data, (x,), lambda g: (in_x(g),))


def _of_two(data: Any, a: Tensor, b: Tensor, in_a: Callable, in_b: Callable) -> Tensor:
    """Record an operation on two tensors, given its derivative in each of them."""

    def backward(g):
        return (
            _unstretched(in_a(g), a.shape) if a.requires_grad else None,
            _unstretched(in_b(g), b.shape) if b.requires_grad else None,
        )

    return record(data, (a, b), backward)


def _unstretched(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum the gradients of the many places that a stretched value was used in."""
    if gradient.shape == shape:
        return gradient
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(axis for axis, length in enumerate(shape) if length == 1)
    return gradient.sum(axis=stretched, keepdims=True).reshape(shape)


def _expanded(gradient: np.ndarray, axis: Any, ndim: int) -> np.ndarray:
    """Put the axes of length 1 back that a reduction took away."""
    if axis is None:
        axis = tuple(range(ndim))
    return np.expand_dims(gradient, axis)


# ---- operations on several tensors ----


def concatenate(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Join tensors along an axis: each gets back its own part of the gradient."""
    y = np.concatenate([tensor.data for tensor in tensors], axis=axis)
    ends = np.cumsum([tensor.shape[axis] for tensor in tensors])[:-1]
    return record(y, tensors, lambda g: np.split(g, ends, axis=axis))


def stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis."""
    y = np.stack([tensor.data for tensor in tensors], axis=axis)
    return record(y, tensors, lambda g: list(np.moveaxis(g, axis, 0)))


def where(condition: Any, a: Any, b: Any) -> Tensor:
    """Return `a` where the condition holds, else `b`: the gradient goes to the one taken."""
    chosen = condition.data if isinstance(condition, Tensor) else np.asarray(condition)
    a, b = _both(a, b)
    y = np.where(chosen, a.data, b.data)
    return _of_two(y, a, b, lambda g: np.where(chosen, g, 0), lambda g: np.where(chosen, 0, g))


def maximum(a: Any, b: Any) -> Tensor:
    """Return the larger of each pair: the gradient goes to it; a tie halves it."""
    a, b = _both(a, b)
    y = np.maximum(a.data, b.data)

    def share(mine, other, g):
        return np.where(mine.data > other.data, g, np.where(mine.data == other.data, g / 2, 0))

    return _of_two(y, a, b, lambda g: share(a, b, g), lambda g: share(b, a, g))


def _both(a: Any, b: Any) -> tuple[Tensor, Tensor]:
    """Make both tensors; a Python number takes the other's dtype."""
    if not isinstance(a, Tensor) and isinstance(b, Tensor):
        return b._operand(a), b
    a = a if isinstance(a, Tensor) else Tensor(a)
    return a, a._operand(b)


def embedding(table: Tensor, indices: Any) -> Tensor:
    """Look up rows of a table: row i of `table` (k, d) for every index i, of any shape.

    Raises
    ------
    TypeError
        If the indices are not whole numbers.
    ValueError
        If one of them is below 0 or above k - 1.
    """
    rows = indices.data if isinstance(indices, Tensor) else np.asarray(indices)
    if rows.dtype.kind not in "iu":
        raise TypeError(f"Indices into a table must be whole numbers, these are {rows.dtype}.")
    if rows.size and (rows.min() < 0 or rows.max() >= len(table)):
        wrong = rows.min() if rows.min() < 0 else rows.max()
        raise ValueError(
            f"Index {wrong} is not in a table of {len(table)} rows: 0 to {len(table) - 1}."
        )
    return table[rows]
