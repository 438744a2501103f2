"""Update rules: what to do with a gradient once it is known.

The gradient says which way is uphill, here and now. A rule decides how far to go the other way,
and what to remember of the gradients that came before. Each rule below is its formula and the
lines that compute it; read them in order, as each one repairs a weakness of the one before.

========================= =====================================================================
`Plain`                   straight downhill; zigzags across a narrow valley
`Momentum`                remembers a velocity, so that the zigzags cancel and the way along
                          the valley adds up
`Nesterov`                momentum that looks where it is about to be, and brakes in time
`RMSProp`                 a step length of its own for each parameter, from recent gradient sizes
`Adam`                    momentum and a step length for each parameter, both corrected for
                          having started from nothing
`Clipped`, `WeightDecay`  wrap any rule: bound the gradient's length, shrink the parameters
========================= =====================================================================

A rule is a small frozen dataclass of its constants. What it remembers lives in a dict, made by
`start` and changed by `update`, so that one rule can serve many descents at once.

In the formulas `w` are the parameters, `g` the gradient, `r` the learning rate, `t` the number of
updates, counted from 1.

Momentum and Adam have a compiled form besides, the same lines in one pass over the vectors: NumPy
makes a dozen passes. `update` takes it for long vectors, and a network's compiled epoch calls it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from groundup._kernel import kernel

Vector = NDArray[np.float64]
Memory = dict[str, Any]

__all__ = ["Adam", "Clipped", "Momentum", "Nesterov", "Plain", "RMSProp", "Rule", "WeightDecay"]

LONG = 4096  # parameters from which on a pass of compiled code saves more than its call costs


@kernel
def momentum_step(
    w,  # (p,) inout, float32 or float64
    g,  # (p,) in, of the same type
    velocity,  # (p,) inout
    rate,
    momentum,
    nesterov,  # whether to look ahead
):
    """`Momentum` and `Nesterov` in one pass: v <- m v + g,  w <- w - r v  or  w - r (g + m v)."""
    real = w.dtype.type  # float32 arithmetic for float32 vectors
    r, m = real(rate), real(momentum)
    if nesterov:
        for j in range(w.shape[0]):
            v = m * velocity[j] + g[j]
            velocity[j] = v
            w[j] -= r * (g[j] + m * v)
    else:
        for j in range(w.shape[0]):
            v = m * velocity[j] + g[j]
            velocity[j] = v
            w[j] -= r * v


@kernel
def adam_step(
    w,  # (p,) inout, float32 or float64
    g,  # (p,) in, of the same type
    mean,  # (p,) inout
    square,  # (p,) inout
    rate,
    beta1,
    beta2,
    epsilon,
):
    """`Adam` in one pass, once the factors that remove the bias are in `rate` and `epsilon`.

    w <- w - r (m / c1) / (sqrt(s / c2) + e) = w - (r sqrt(c2) / c1) m / (sqrt(s) + e sqrt(c2)),
    with c1 = 1 - b1^t and c2 = 1 - b2^t.
    """
    real = w.dtype.type
    r, e = real(rate), real(epsilon)
    b1, new1 = real(beta1), real(1.0 - beta1)
    b2, new2 = real(beta2), real(1.0 - beta2)
    for j in range(w.shape[0]):
        m = b1 * mean[j] + new1 * g[j]
        s = b2 * square[j] + new2 * g[j] * g[j]
        mean[j] = m
        square[j] = s
        w[j] -= r * m / (np.sqrt(s) + e)


def _suit_kernel(*vectors: NDArray[Any]) -> bool:
    """Tell whether the vectors are long, and laid out as the compiled rules expect them."""
    dtype = vectors[0].dtype
    return (
        vectors[0].size >= LONG
        and dtype in (np.float32, np.float64)
        and all(v.ndim == 1 and v.dtype == dtype for v in vectors)
        and all(v.flags.c_contiguous and v.flags.writeable for v in vectors)
    )


class Rule(Protocol):
    """What `gradient_descent` asks of an update rule."""

    def start(self, w: Vector) -> Memory:
        """Return the memory with which a descent from `w`, of shape (p,), begins."""

    def update(self, w: Vector, g: Vector, rate: float, memory: Memory) -> None:
        """Move `w` in place, given the gradient `g`, both of shape (p,), and change `memory`."""


@dataclass(frozen=True)
class Plain:
    """Straight downhill (Cauchy, 1847).

    w <- w - r g

    On a quadratic with largest curvature L it converges if r < 2 / L, and the error shrinks by
    (1 - r l) a step along a direction of curvature l: slowly, where l is small.

    Examples
    --------
    >>> import numpy as np
    >>> rule, w = Plain(), np.array([1.0, 2.0])
    >>> rule.update(w, np.array([10.0, 0.0]), 0.1, rule.start(w))
    >>> w
    array([0., 2.])
    """

    def start(self, w: Vector) -> Memory:
        return {}

    def update(self, w: Vector, g: Vector, rate: float, memory: Memory) -> None:
        # w <- w - r g
        w -= rate * g


@dataclass(frozen=True)
class Momentum:
    """A heavy ball rolling downhill (Polyak, 1964).

    v <- m v + g
    w <- w - r v

    Gradients which agree from step to step add up to 1 / (1 - m) times their size; those which
    alternate cancel.

    Parameters
    ----------
    momentum : float, default=0.9
        The share m of the velocity that survives a step, 0 <= m < 1.
    """

    momentum: float = 0.9

    def __post_init__(self) -> None:
        _require_share("momentum", self.momentum)

    def start(self, w: Vector) -> Memory:
        return {"velocity": np.zeros_like(w)}

    def update(self, w: Vector, g: Vector, rate: float, memory: Memory) -> None:
        velocity = memory["velocity"]
        if _suit_kernel(w, g, velocity):
            momentum_step(w, g, velocity, float(rate), float(self.momentum), False)
            return
        # v <- m v + g
        velocity *= self.momentum
        velocity += g
        # w <- w - r v
        w -= rate * velocity


@dataclass(frozen=True)
class Nesterov:
    """Momentum which takes the gradient where the ball is about to be (Nesterov, 1983).

    v <- m v + g
    w <- w - r (g + m v)

    The textbook form evaluates the gradient at the look-ahead point w - r m v. Here `w` *is* that
    point, which is the same sequence written one half-step later, and needs no second evaluation.

    Parameters
    ----------
    momentum : float, default=0.9
        The share m of the velocity that survives a step, 0 <= m < 1.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and momentum
    in deep learning, ICML.
    """

    momentum: float = 0.9

    def __post_init__(self) -> None:
        _require_share("momentum", self.momentum)

    def start(self, w: Vector) -> Memory:
        return {"velocity": np.zeros_like(w)}

    def update(self, w: Vector, g: Vector, rate: float, memory: Memory) -> None:
        velocity = memory["velocity"]
        if _suit_kernel(w, g, velocity):
            momentum_step(w, g, velocity, float(rate), float(self.momentum), True)
            return
        # v <- m v + g
        velocity *= self.momentum
        velocity += g
        # w <- w - r (g + m v)
        w -= rate * (g + self.momentum * velocity)


@dataclass(frozen=True)
class RMSProp:
    """Each gradient divided by the size it usually has (Tieleman and Hinton, 2012).

    s <- d s + (1 - d) g^2
    w <- w - r g / (sqrt(s) + e)

    A parameter whose gradients are small moves as fast as one whose gradients are large, so
    columns of different scale do less harm.

    Parameters
    ----------
    decay : float, default=0.9
        The share d of the old average of squares that is kept, 0 <= d < 1.
    epsilon : float, default=1e-8
        The small e which keeps the division finite.
    """

    decay: float = 0.9
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _require_share("decay", self.decay)

    def start(self, w: Vector) -> Memory:
        return {"square": np.zeros_like(w)}

    def update(self, w: Vector, g: Vector, rate: float, memory: Memory) -> None:
        square = memory["square"]
        # s <- d s + (1 - d) g^2
        square *= self.decay
        square += (1.0 - self.decay) * g * g
        # w <- w - r g / (sqrt(s) + e)
        w -= rate * g / (np.sqrt(square) + self.epsilon)


@dataclass(frozen=True)
class Adam:
    """Momentum over RMSProp, both unbiased from the first step (Kingma and Ba, 2015).

    m <- b1 m + (1 - b1) g                  average of gradients
    s <- b2 s + (1 - b2) g^2                average of their squares
    w <- w - r m' / (sqrt(s') + e)          with m' = m / (1 - b1^t), s' = s / (1 - b2^t)

    Both averages start at zero and would be too small at first: after t updates the weights that
    they have given out sum to 1 - b^t, so dividing by that sum removes the bias. The very first
    step is therefore r g / |g|, whatever the scale of g.

    Parameters
    ----------
    beta1 : float, default=0.9
        The share of the old average of gradients that is kept.
    beta2 : float, default=0.999
        The share of the old average of squares that is kept.
    epsilon : float, default=1e-8
        The small e which keeps the division finite.

    References
    ----------
    Kingma and Ba (2015), Adam: a method for stochastic optimization, ICLR.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _require_share("beta1", self.beta1)
        _require_share("beta2", self.beta2)

    def start(self, w: Vector) -> Memory:
        return {"mean": np.zeros_like(w), "square": np.zeros_like(w), "t": 0}

    def update(self, w: Vector, g: Vector, rate: float, memory: Memory) -> None:
        mean, square = memory["mean"], memory["square"]
        memory["t"] += 1
        t = memory["t"]
        if _suit_kernel(w, g, mean, square):
            unbias1, unbias2 = 1.0 - self.beta1**t, sqrt(1.0 - self.beta2**t)
            rate, epsilon = float(rate) * unbias2 / unbias1, float(self.epsilon) * unbias2
            adam_step(w, g, mean, square, rate, float(self.beta1), float(self.beta2), epsilon)
            return
        # m <- b1 m + (1 - b1) g
        mean *= self.beta1
        mean += (1.0 - self.beta1) * g
        # s <- b2 s + (1 - b2) g^2
        square *= self.beta2
        square += (1.0 - self.beta2) * g * g
        # m' = m / (1 - b1^t),  s' = s / (1 - b2^t)
        mean_unbiased = mean / (1.0 - self.beta1**t)
        square_unbiased = square / (1.0 - self.beta2**t)
        # w <- w - r m' / (sqrt(s') + e)
        w -= rate * mean_unbiased / (np.sqrt(square_unbiased) + self.epsilon)


@dataclass(frozen=True)
class Clipped:
    """Bound the length of the gradient before another rule sees it.

    g <- g min(1, c / |g|)

    One row with an enormous error then moves the parameters no further than any other row.

    Parameters
    ----------
    max_norm : float, default=1.0
        The largest Euclidean length c that a gradient may have.
    rule : Rule, default=Plain()
        The rule which is given the clipped gradient.
    """

    max_norm: float = 1.0
    rule: Rule = field(default_factory=Plain)

    def __post_init__(self) -> None:
        if not self.max_norm > 0:
            raise ValueError(f"max_norm must be positive, got {self.max_norm!r}.")

    def start(self, w: Vector) -> Memory:
        return self.rule.start(w)

    def update(self, w: Vector, g: Vector, rate: float, memory: Memory) -> None:
        # g <- g min(1, c / |g|)
        largest, part = 1.0, g
        with np.errstate(over="ignore", invalid="ignore"):
            norm = sqrt(float(g @ g))
            if norm == inf:  # squares overflow long before lengths: in float32 from 1.8e19 on
                largest = float(np.abs(g).max())
                part = g / largest
                norm = sqrt(float(part @ part))
        if largest * norm > self.max_norm:
            g = part * (self.max_norm / norm)
        self.rule.update(w, g, rate, memory)


@dataclass(frozen=True)
class WeightDecay:
    """Shrink the parameters by a fixed share before another rule moves them.

    w <- w - r d w

    Around `Plain` this is an l2 penalty of strength d / 2 |w|^2. Around `Adam` it is not, because
    the shrinkage escapes the division by sqrt(s): it is the variant known as AdamW.

    Parameters
    ----------
    decay : float, default=0.01
        The share d, in units of the learning rate.
    rule : Rule, default=Plain()
        The rule which then moves the parameters.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay regularization, ICLR.
    """

    decay: float = 0.01
    rule: Rule = field(default_factory=Plain)

    def __post_init__(self) -> None:
        if not self.decay >= 0:
            raise ValueError(f"decay must not be negative, got {self.decay!r}.")

    def start(self, w: Vector) -> Memory:
        return self.rule.start(w)

    def update(self, w: Vector, g: Vector, rate: float, memory: Memory) -> None:
        # w <- w - r d w
        w *= 1.0 - rate * self.decay
        self.rule.update(w, g, rate, memory)


def _require_share(name: str, value: float) -> None:
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value!r}.")
