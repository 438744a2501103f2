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

In the code, `gradient` or g is always dL/d(result), an array of the result's shape, and the lambda
beside each operation is its derivative.  How derivatives are added up is in `_gradient_arrays.py`.
Operations of several steps are made by the same `record` in files of their own: convolution,
normalisation, attention, cross entropy.

References
----------
.. [1] Linnainmaa (1976), Taylor expansion of the accumulated rounding error, BIT 16.
.. [2] Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors,
   Nature 323.
.. [3] Baydin, Pearlmutter, Radul and Siskind (2018), Automatic differentiation in machine learning:
   a survey, JMLR 18.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import count
from typing import Any

import numpy as np

from groundup.neural_network import _functions as functions
from groundup.neural_network._freed_memory import keep_freed_memory
from groundup.neural_network._gradient_arrays import Arrivals, OnlyAt, first_gradient, unstretched
from groundup.neural_network._recording import no_grad, recording
from groundup.neural_network._values import Values

__all__ = ["Tensor", "no_grad", "record"]

_births = count()
keep_freed_memory()


def _method(function: Callable[..., functions.ValueAndDerivative]) -> Callable[..., Tensor]:
    """Make a method of a function that returns y and what turns dL/dy into dL/dx."""

    @wraps(function)
    def method(self: Tensor, *arguments: Any, **options: Any) -> Tensor:
        return of_one(self, *function(self.data, *arguments, **options))

    return method


class Tensor(Values):
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
    shape, ndim, dtype, size
        Those of `data`.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> loss = (x * x).sum()
    >>> loss.backward()
    >>> x.grad                          # d(x1^2 + x2^2 + x3^2) / dx = 2 x
    array([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "_backward", "_born", "_parents", "data", "grad", "requires_grad")

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self.data: np.ndarray = data.data if isinstance(data, Tensor) else np.asarray(data)
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(
                f"Only floating-point values have a gradient, these are {self.data.dtype}. Convert "
                "them first: Tensor(values.astype(np.float32), requires_grad=True)."
            )
        self.grad: np.ndarray | None = None
        self.requires_grad = requires_grad
        self._parents: Any = ()  # a sequence of Tensor; None once backward() has freed it
        self._backward: Callable[[np.ndarray], Sequence[Any]] | None = None
        self._born = next(_births)

    def __repr__(self) -> str:
        return f"Tensor({self.data!r}{', requires_grad=True' if self.requires_grad else ''})"

    def __reduce__(self) -> Any:
        """Copy and pickle the values and the gradient, but not the history."""
        return Tensor, (self.data, self.requires_grad), (None, {"grad": self.grad})

    def detach(self) -> Tensor:
        """Return the same values without their history: a constant."""
        return Tensor(self.data)

    def zero_grad(self) -> None:
        """Forget the gradient; where it looks into a larger array, as a network's, fill in 0."""
        if self.grad is None or self.grad.base is None:
            self.grad = None
        else:
            self.grad.fill(0.0)

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
        arrived = Arrivals()
        arrived.add(self, first_gradient(self, gradient))
        # A tensor is younger than its parents: from young to old, all that used it come before it.
        graph = sorted(self._ancestors(), key=lambda tensor: tensor._born)
        while graph:
            tensor = graph.pop()  # not held here any more: its memory can go after its turn
            gradient, own = arrived.take(tensor)
            if gradient is None:
                continue
            if tensor._backward is None:  # made by the user, not by an operation
                if tensor.grad is not None:
                    tensor.grad += gradient
                else:
                    tensor.grad = gradient if own else np.array(gradient, order="C")
                continue
            for parent, part in zip(tensor._parents, tensor._backward(gradient), strict=True):
                if part is not None and parent.requires_grad:
                    arrived.add(parent, part)
            if not keep_graph:
                tensor._parents = tensor._backward = None

    def _ancestors(self) -> set[Tensor]:
        """Return this tensor and all that it was made from, as far as gradients are asked for."""
        seen, waiting = {self}, [self]
        while waiting:
            tensor = waiting.pop()
            if tensor._parents is None:
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
        return of_two(a, b, a.data + b.data, lambda g: g, lambda g: g)

    def __sub__(self, other: Any) -> Tensor:
        """a - b."""
        a, b = self, self._operand(other)
        return of_two(a, b, a.data - b.data, lambda g: g, lambda g: -g)

    def __mul__(self, other: Any) -> Tensor:
        """a b: each is the other's slope."""
        a, b = self, self._operand(other)
        return of_two(a, b, a.data * b.data, lambda g: g * b.data, lambda g: g * a.data)

    def __truediv__(self, other: Any) -> Tensor:
        """a / b: 1 / b and -a / b^2."""
        a, b = self, self._operand(other)
        y = a.data / b.data
        return of_two(a, b, y, lambda g: g / b.data, lambda g: -g * y / b.data)

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

        return of_two(a, b, y, in_base, in_exponent)

    def __neg__(self) -> Tensor:
        """-a."""
        return of_one(self, -self.data, lambda g: -g)

    def __matmul__(self, other: Any) -> Tensor:
        """A B, of (..., n, k) and (..., k, m): dL/dA = G B', dL/dB = A' G."""
        a, b = self, self._operand(other)
        if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
            raise ValueError(
                f"No product of shapes {a.shape} @ {b.shape}: the last axis of the first must be "
                "as long as the last but one of the second (or its only one)."
            )
        # a vector is a matrix of one row on the left, of one column on the right
        if a.ndim == 1:
            return (a.reshape(1, -1) @ b)[..., 0, :] if b.ndim > 1 else (a * b).sum()
        if b.ndim == 1:
            return (a @ b.reshape(-1, 1))[..., 0]
        if a.ndim > 2 and b.ndim == 2:  # one large product in place of many small ones
            return (a.reshape(-1, a.shape[-1]) @ b).reshape(*a.shape[:-1], b.shape[-1])
        return of_two(
            a,
            b,
            a.data @ b.data,  # (..., n, m)
            lambda g: g @ b.data.swapaxes(-1, -2),  # (..., n, m) @ (..., m, k)
            lambda g: a.data.swapaxes(-1, -2) @ g,  # (..., k, n) @ (..., n, m)
        )

    __radd__ = __add__
    __rmul__ = __mul__
    __rsub__ = lambda self, other: self._operand(other) - self  # noqa: E731
    __rtruediv__ = lambda self, other: self._operand(other) / self  # noqa: E731
    __rpow__ = lambda self, other: self._operand(other) ** self  # noqa: E731
    __rmatmul__ = lambda self, other: self._operand(other) @ self  # noqa: E731

    # ---- functions of each value ----

    def exp(self) -> Tensor:
        """e^x is its own slope."""
        y = np.exp(self.data)
        return of_one(self, y, lambda g: g * y)

    def log(self) -> Tensor:
        """log x: 1 / x."""
        return of_one(self, np.log(self.data), lambda g: g / self.data)

    def sqrt(self) -> Tensor:
        """sqrt(x): 1 / (2 sqrt x); where x = 0 and that is infinite, 0 is taken."""
        y = np.sqrt(self.data)
        return of_one(self, y, lambda g: np.divide(g, 2 * y, out=np.zeros_like(y), where=y != 0))

    def abs(self) -> Tensor:
        """|x|: the sign of x, 0 at the kink."""
        return of_one(self, np.abs(self.data), lambda g: g * np.sign(self.data))

    def tanh(self) -> Tensor:
        """tanh x: 1 - tanh^2 x."""
        y = np.tanh(self.data)
        return of_one(self, y, lambda g: g * (1 - y * y))

    def relu(self) -> Tensor:
        """max(x, 0): 1 where x > 0, else 0, at the kink too."""
        return of_one(self, np.maximum(self.data, 0), lambda g: g * (self.data > 0))

    # ---- reductions: what was summed up gets the same gradient everywhere ----

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The sum: slope 1 for each value."""
        kept = self.data.sum(axis=axis, keepdims=True)  # summed axes have length 1
        y = kept if keepdims else kept.squeeze(axis)
        return of_one(self, y, lambda g: np.broadcast_to(g.reshape(kept.shape), self.shape))

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The sum divided by the number of values."""
        total = self.sum(axis, keepdims)
        return total * (total.size / self.size if self.size else np.nan)

    def var(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The mean square of the distance from the mean."""
        away = self - self.mean(axis, keepdims=True)
        return (away * away).mean(axis, keepdims)

    # ---- functions whose derivative takes more than a line: both stand in `_functions.py` ----

    max = _method(functions.largest)
    sigmoid = _method(functions.sigmoid)
    gelu = _method(functions.gelu)
    softmax = _method(functions.softmax)
    log_softmax = _method(functions.log_softmax)

    # ---- other places for the same values: the gradient goes back to where they were ----

    def reshape(self, *shape: Any) -> Tensor:
        """The values in another shape."""
        y = self.data.reshape(*shape)
        return of_one(self, y, lambda g: g.reshape(self.shape))

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order, given one by one or as a tuple; by default reversed."""
        axes = axes[0] if len(axes) == 1 and np.ndim(axes[0]) else axes
        order = axes or range(self.ndim)[::-1]
        back = np.argsort([axis % self.ndim for axis in order])
        return of_one(self, self.data.transpose(order), lambda g: g.transpose(back))

    def swapaxes(self, first: int, second: int) -> Tensor:
        """Two axes exchanged."""
        y = self.data.swapaxes(first, second)
        return of_one(self, y, lambda g: g.swapaxes(first, second))

    def __getitem__(self, index: Any) -> Tensor:
        """The values at `index`: the gradient is 0 elsewhere; one taken twice gets both."""
        parts = index if isinstance(index, tuple) else (index,)
        parts = tuple(part.data if isinstance(part, Tensor) else part for part in parts)
        return of_one(self, self.data[parts], lambda g: OnlyAt(parts, g))


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
    if recording() and any(parent.requires_grad for parent in parents):
        result.requires_grad = True
        result._parents = tuple(parents)
        result._backward = backward
    return result


def of_one(x: Tensor, y: Any, in_x: Callable) -> Tensor:
    """Record y = f(x), given the function that turns dL/dy into dL/dx."""
    return record(y, (x,), lambda g: (in_x(g),))


def of_two(a: Tensor, b: Tensor, y: Any, in_a: Callable, in_b: Callable) -> Tensor:
    """Record y = f(a, b), whose shapes may have been stretched to that of y."""

    def backward(g):
        return (
            unstretched(in_a(g), a.shape) if a.requires_grad else None,
            unstretched(in_b(g), b.shape) if b.requires_grad else None,
        )

    return record(y, (a, b), backward)
