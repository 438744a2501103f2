r"""Losses: what it costs to predict z where y happened, and which way is down.

Boosting adds trees to a raw prediction z.  A loss says how bad z is, its first derivative g where
to go, its second derivative h how far.  A link turns z into a prediction in the units of y:

    loss             l(y, z)                      g = dl/dz       h = d2l/dz2    prediction
    squared_error    (z - y)^2 / 2                z - y           1              z
    absolute_error   |z - y|                      +-1             (1)            z
    quantile         (y - z)(q - [y < z])         [y < z] - q     (1)            z
    poisson          e^z - y z                    e^z - y         e^z            e^z
    gamma            z + y e^-z                   1 - y e^-z      y e^-z         e^z
    log_loss         log(1 + e^z) - y z           p - y           p (1 - p)      p = 1 / (1 + e^-z)
    log_loss, K > 2  log(sum_k e^z_k) - z_y       p_k - [y = k]   p_k (1 - p_k)  p_k = e^z_k / sum

The two losses with a kink have no second derivative to speak of; there h = 1, and what the leaves
predict is put right afterwards (`_leaf_renewal`).  For K classes h is the diagonal alone.

Every loss starts from the constant that makes it least: the mean, the median, the quantile, the log
of the mean, the logit of the share of a class.

Raw predictions are stored class by class, (K, n), so that a tree's own column is contiguous.

References
----------
.. [1] Friedman (2001), "Greedy function approximation: a gradient boosting machine", Annals of
   Statistics 29(5).
.. [2] Friedman, Hastie and Tibshirani (2000), "Additive logistic regression", Annals of
   Statistics 28(2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import prange
from scipy.special import expit, softmax

from groundup._blocks import block_bounds
from groundup._estimator import read_only
from groundup._exponential import exp_of_minus, log_of_one_plus
from groundup._kernel import block_kernel, kernel
from groundup.ensemble._leaf_renewal import quantile_of

SQUARED_ERROR, ABSOLUTE_ERROR, QUANTILE, POISSON, GAMMA, LOG_LOSS, MULTICLASS = range(7)
CODES = {
    "squared_error": SQUARED_ERROR,
    "absolute_error": ABSOLUTE_ERROR,
    "quantile": QUANTILE,
    "poisson": POISSON,
    "gamma": GAMMA,
    "log_loss": LOG_LOSS,
}

TILE = 256  # rows that are worked on together: their arrays fit into the first-level cache
NONE = read_only(np.empty(0))  # instead of weights


@kernel
def squared_error(y, z, value, gradient):  # y (size,) in, z (size,) in, value out, gradient out
    for i in range(y.shape[0]):
        error = z[i] - y[i]
        value[i] = 0.5 * error * error
        gradient[i] = error


@kernel
def pinball(y, z, q, scale, value, gradient):  # the arrays as above; q and scale float in
    # scale * quantile loss: the absolute error is twice that of the median, q = 1/2
    for i in range(y.shape[0]):
        slope = scale * ((1.0 - q) if y[i] < z[i] else -q)
        value[i] = slope * (z[i] - y[i])
        gradient[i] = slope


@kernel
def poisson(y, z, e, value, gradient, hessian):  # e (TILE,) in: e^z
    for i in range(y.shape[0]):
        value[i] = e[i] - y[i] * z[i]
        gradient[i] = e[i] - y[i]
        hessian[i] = e[i]


@kernel
def gamma(y, z, e, value, gradient, hessian):  # e (TILE,) in: e^-z
    for i in range(y.shape[0]):
        ratio = y[i] * e[i]  # y / e^z
        value[i] = z[i] + ratio
        gradient[i] = 1.0 - ratio
        hessian[i] = ratio


@kernel
def log_loss(y, z, e, value, gradient, hessian):  # e (TILE,) in: e^-|z|
    for i in range(y.shape[0]):
        # 1 / (1 + e^-|z|) is the probability of the class that z speaks for, the rest the other's
        likely = 1.0 / (1.0 + e[i])
        unlikely = e[i] * likely
        p = likely if z[i] > 0.0 else unlikely
        # log(1 + e^z) - y z = log(1 + e^-|z|) + max(z, 0) - y z
        value[i] = log_of_one_plus(e[i]) + (z[i] if z[i] > 0.0 else 0.0) - y[i] * z[i]
        gradient[i] = p - y[i]
        hessian[i] = likely * unlikely


@kernel
def finished(size, value, g, h, first, weight, gradient, hessian):
    """Weigh a tile, write its derivatives where they are wanted, and return its loss.

    value : (TILE,), and g, h : (K, TILE)  # inout
    weight : (n,), or (0,) where every row counts once  # in
    gradient, hessian : (K, n) float32, or (K, 0) where they are not wanted  # out
    """
    if weight.shape[0]:
        w = weight[first : first + size]
        for i in range(size):
            value[i] *= w[i]
        for k in range(g.shape[0]):
            for i in range(size):
                g[k, i] *= w[i]
                h[k, i] *= w[i]
    for k in range(g.shape[0]):
        if gradient.shape[1]:
            g_out, g_k = gradient[k, first : first + size], g[k]
            for i in range(size):
                g_out[i] = g_k[i]
        if hessian.shape[1]:
            h_out, h_k = hessian[k, first : first + size], h[k]
            for i in range(size):
                h_out[i] = h_k[i]
    total = 0.0
    for i in range(size):
        total += value[i]
    return total


@kernel
def polynomial_block(loss, q, y, raw, weight, begin, end, gradient, hessian):
    """Sum weight * loss over the rows from `begin` to `end`: losses without an exponential."""
    value, g, h = np.empty(TILE), np.empty((1, TILE)), np.ones((1, TILE))
    total = 0.0
    for first in range(begin, end, TILE):
        last = min(end, first + TILE)
        t, z = y[first:last], raw[0, first:last]
        if loss == SQUARED_ERROR:
            squared_error(t, z, value, g[0])
        else:
            scale = 2.0 if loss == ABSOLUTE_ERROR else 1.0
            pinball(t, z, q, scale, value, g[0])
        if weight.shape[0]:
            h[:] = 1.0  # the last tile's were weighed
        total += finished(last - first, value, g, h, first, weight, gradient, hessian)
    return total


@kernel
def exponential_block(loss, q, y, raw, weight, begin, end, gradient, hessian):
    """Sum weight * loss over the rows from `begin` to `end`: one exponential a row."""
    value, g, h = np.empty(TILE), np.empty((1, TILE)), np.empty((1, TILE))
    a, e, bits = np.empty(TILE), np.empty(TILE), np.empty(TILE, np.int64)
    total = 0.0
    for first in range(begin, end, TILE):
        last = min(end, first + TILE)
        t, z, size = y[first:last], raw[0, first:last], last - first
        for i in range(size):
            a[i] = -z[i] if loss == POISSON else z[i] if loss == GAMMA else abs(z[i])
        exp_of_minus(a, size, bits, bits.view(np.float64), e)
        if loss == POISSON:
            poisson(t, z, e, value, g[0], h[0])
        elif loss == GAMMA:
            gamma(t, z, e, value, g[0], h[0])
        else:
            log_loss(t, z, e, value, g[0], h[0])
        total += finished(size, value, g, h, first, weight, gradient, hessian)
    return total


@kernel
def multiclass_block(loss, q, y, raw, weight, begin, end, gradient, hessian):
    """Sum weight * loss over the rows from `begin` to `end`: one exponential a row and class."""
    n_classes = raw.shape[0]
    value, g, h = np.empty(TILE), np.empty((n_classes, TILE)), np.empty((n_classes, TILE))
    below, e = np.empty(n_classes * TILE), np.empty(n_classes * TILE)
    bits = np.empty(n_classes * TILE, np.int64)
    largest, total = np.empty(TILE), np.empty(TILE)
    loss_of_block = 0.0
    for first in range(begin, end, TILE):
        size = min(TILE, end - first)
        largest[:] = -np.inf
        for k in range(n_classes):
            z = raw[k, first : first + size]
            for i in range(size):
                largest[i] = max(largest[i], z[i])
        # how far each class lies below the largest: exponentials cannot overflow
        for k in range(n_classes):
            z, b = raw[k, first : first + size], below[k * size : (k + 1) * size]
            for i in range(size):
                b[i] = largest[i] - z[i]
        exp_of_minus(below, n_classes * size, bits, bits.view(np.float64), e)
        total[:] = 0.0
        for k in range(n_classes):
            e_k = e[k * size : (k + 1) * size]
            for i in range(size):
                total[i] += e_k[i]
        for i in range(size):
            # log sum_k e^z_k - z_y
            value[i] = np.log(total[i]) + below[np.int64(y[first + i]) * size + i]
        for k in range(n_classes):
            e_k, g_k, h_k = e[k * size : (k + 1) * size], g[k], h[k]
            for i in range(size):
                p = e_k[i] / total[i]
                g_k[i] = p - (1.0 if y[first + i] == k else 0.0)
                h_k[i] = p * (1.0 - p)
        loss_of_block += finished(size, value, g, h, first, weight, gradient, hessian)
    return loss_of_block


@block_kernel
def polynomial_blocks(loss, q, y, raw, weight, bounds, gradient, hessian, partial):
    """Sum the loss over each block of rows and write its derivatives.

    loss : int, and q : float  # in
    y : (n,)  # in
    raw : (K, n)  # in
    weight : (n,), or (0,) where every row counts once  # in
    bounds : (n_blocks + 1,)  # in
    gradient, hessian : (K, n) float32, or (K, 0) where they are not wanted  # out
    partial : (n_blocks,), the sum of weight * loss  # out
    """
    for b in prange(partial.shape[0]):
        partial[b] = polynomial_block(
            loss, q, y, raw, weight, bounds[b], bounds[b + 1], gradient, hessian
        )


@block_kernel
def exponential_blocks(loss, q, y, raw, weight, bounds, gradient, hessian, partial):
    """As `polynomial_blocks`; a kernel of its own, so that only what is used is compiled."""
    for b in prange(partial.shape[0]):
        partial[b] = exponential_block(
            loss, q, y, raw, weight, bounds[b], bounds[b + 1], gradient, hessian
        )


@block_kernel
def multiclass_blocks(loss, q, y, raw, weight, bounds, gradient, hessian, partial):
    """As `polynomial_blocks`."""
    for b in prange(partial.shape[0]):
        partial[b] = multiclass_block(
            loss, q, y, raw, weight, bounds[b], bounds[b + 1], gradient, hessian
        )


@dataclass(frozen=True)
class Loss:
    """A loss by its name.

    Parameters
    ----------
    name : str
        One of `CODES`.
    quantile : float
        Which quantile the loss "quantile" asks for, between 0 and 1.
    n_trees : int, default=1
        Raw predictions of a row, and trees of a round: 1, or K for "log_loss" of K > 2 classes.
    """

    name: str
    quantile: float = 0.5
    n_trees: int = 1

    @property
    def code(self) -> int:
        """The number by which kernels know the loss."""
        return MULTICLASS if self.n_trees > 1 else CODES[self.name]

    @property
    def has_kink(self) -> bool:
        """Whether the second derivative is made up, and leaves must be renewed."""
        return self.name in ("absolute_error", "quantile")

    @property
    def constant_hessian(self) -> bool:
        """Whether h is 1 for every row of weight 1."""
        return self.has_kink or self.name == "squared_error"

    def start(self, y: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
        """Return the constant raw prediction, (n_trees,), of the least loss."""
        if self.has_kink:
            return np.array([quantile_of(y, weight, self.quantile)])
        eps = np.finfo(np.float64).eps
        if self.n_trees > 1:
            shares = np.bincount(y.astype(np.int64), weight, minlength=self.n_trees)
            z = np.log(np.clip(shares / shares.sum(), eps, 1.0 - eps))
            return z - z.mean()  # softmax does not see a shift; the K values sum to zero
        mean = np.average(y, weights=weight)
        if self.name == "log_loss":
            p = np.clip(mean, 10 * eps, 1.0 - 10 * eps)
            return np.array([np.log(p / (1.0 - p))])
        return np.array([np.log(max(mean, 10 * eps)) if self.has_log_link else mean])

    @property
    def has_log_link(self) -> bool:
        """Whether the prediction is e^z."""
        return self.name in ("poisson", "gamma")

    def prediction(self, raw: np.ndarray) -> np.ndarray:
        """Return what raw predictions (n, n_trees) mean: targets (n,), or probabilities (n, K)."""
        if self.n_trees > 1:
            return softmax(raw, axis=1)
        z = raw[:, 0]
        if self.name == "log_loss":
            return np.column_stack([expit(-z), expit(z)])
        return np.exp(z) if self.has_log_link else z.copy()

    def derivatives(
        self,
        y: np.ndarray,
        raw: np.ndarray,
        weight: np.ndarray | None = None,
        gradient: np.ndarray | None = None,
        hessian: np.ndarray | None = None,
        n_threads: int = 1,
    ) -> float:
        """Return the mean loss and write its derivatives, times the weights.

        Parameters
        ----------
        y : ndarray of shape (n,), float64
            Targets; the number of the class for "log_loss".
        raw : ndarray of shape (n_trees, n), float64
            Raw predictions.
        weight : ndarray of shape (n,) or None
            The weight of each row, none of them zero.
        gradient, hessian : ndarray of shape (n_trees, n), float32, or None
            Written to where they are given.
        n_threads : int, default=1
            Threads; they do not change a bit of the result.
        """
        unwanted = np.empty((self.n_trees, 0), dtype=np.float32)
        bounds = block_bounds(len(y), block_rows=8192)
        partial = np.empty(len(bounds) - 1)
        blocks = exponential_blocks
        if self.n_trees > 1:
            blocks = multiclass_blocks
        elif self.constant_hessian:
            blocks = polynomial_blocks
        blocks(
            self.code,
            self.quantile,
            read_only(y),
            raw,
            NONE if weight is None else read_only(weight),
            bounds,
            unwanted if gradient is None else gradient,
            unwanted if hessian is None else hessian,
            partial,
            n_threads=min(n_threads, len(partial)),
        )
        return float(partial.sum() / (len(y) if weight is None else weight.sum()))
