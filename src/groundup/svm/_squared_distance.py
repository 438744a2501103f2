r"""The sum of squared distances from z to the rows' intervals, with its derivatives.

    J(v) = l2 / 2 |v|^2 + sum_i c_i r_i^2            r = z - clip(z, low, high),   z = (x, s)'v
    J'   = l2 v + sum_i 2 c_i r_i (x_i, s)
    J''  = l2 I + sum_{i: r_i != 0} 2 c_i (x_i, s)(x_i, s)'

J bends once: J' has kinks where a row enters or leaves its interval, and between those J is a
parabola.  Rows inside their interval are in none of the sums.

A pass is cut into blocks of rows, and a block into tiles that fit into the cache: a row is read
from memory once for its z and its part of the gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange
from numpy.typing import NDArray

from groundup._blocks import block_bounds
from groundup._kernel import block_kernel, kernel
from groundup.linear_model._logistic_cost import HESSIAN_ROOM, WORTH_A_THREAD, rows_of_a_block
from groundup.linear_model._logistic_curvature import STRIDE, add_products
from groundup.linear_model._logistic_loss import TILE
from groundup.svm._intervals import Rows

Array = NDArray[np.float64]


@kernel
def distances_block(X, low, high, price, v, constant, begin, end, outside, partial):
    """Sum the squared distances and their gradient over the rows from `begin` to `end`.

    The arguments are those of `distances_and_gradient`, with one row of `partial`.
    """
    d = X.shape[1]
    slope, inside_tile = np.empty(TILE), np.empty(TILE, np.int64)
    gradient = np.zeros(d + 1)
    cost = 0.0
    for first in range(begin, end, TILE):
        n_outside = 0
        for i in range(first, min(first + TILE, end)):
            # z = w'x + s v_b
            z = 0.0
            for j in range(d):
                z += v[j] * X[i, j]
            z += constant * v[d]
            r = z - min(max(z, low[i]), high[i])
            cost += price[i] * r * r
            outside[i] = r != 0.0
            # rows outside their interval are listed without a branch that nobody could predict
            slope[n_outside] = 2.0 * price[i] * r
            inside_tile[n_outside] = i
            n_outside += r != 0.0
        for k in range(n_outside):
            # J' = sum 2 c r (x, s)
            i, times = inside_tile[k], slope[k]
            for j in range(d):
                gradient[j] += times * X[i, j]
            gradient[d] += times * constant
    partial[0] = cost
    for j in range(d + 1):
        partial[1 + j] = gradient[j]


@block_kernel
def distances_and_gradient(X, low, high, price, v, constant, bounds, outside, partial):
    """Sum over the rows of each block: price * squared distance, and its gradient.

    X : (n, d)  # in
    low, high, price : (n,)  # in
    v : (d + 1,)  # in
    constant : what the last column holds  # in
    bounds : (n_blocks + 1,)  # in
    outside : (n,) bool, whether a row's z lies outside its interval  # out
    partial : (n_blocks, 1 + d + 1), the cost, then its gradient  # out
    """
    for block in prange(bounds.shape[0] - 1):
        begin, end = bounds[block], bounds[block + 1]
        distances_block(X, low, high, price, v, constant, begin, end, outside, partial[block])


@kernel
def curvature_block(X, price, constant, outside, begin, end, partial):
    """Sum 2 c x x' over those rows from `begin` to `end` that are outside their interval.

    The arguments are those of `curvature`, with one matrix of `partial`.
    """
    d = X.shape[1]
    q = (d + 1 + 3) // 4 * 4
    U = np.zeros((q, STRIDE))
    H = np.zeros((q, q))
    filled = 0
    for i in range(begin, end):
        if outside[i]:
            root = np.sqrt(2.0 * price[i])
            for j in range(d):
                U[j, filled] = root * X[i, j]
            U[d, filled] = root * constant
            filled += 1
            if filled == TILE:
                add_products(U, H)
                filled = 0
    for j in range(d + 1):
        for i in range(filled, TILE):
            U[j, i] = 0.0
    add_products(U, H)
    for a in range(d + 1):
        for b in range(a, d + 1):
            partial[a, b] = partial[b, a] = H[a, b]


@block_kernel
def curvature(X, price, constant, outside, bounds, partial):
    """Sum over the rows of each block that are outside their interval: 2 c x x', x with s appended.

    X : (n, d)  # in
    price : (n,)  # in
    constant : what the last column holds  # in
    outside : (n,) bool  # in
    bounds : (n_blocks + 1,)  # in
    partial : (n_blocks, d + 1, d + 1)  # out
    """
    for block in prange(bounds.shape[0] - 1):
        begin, end = bounds[block], bounds[block + 1]
        curvature_block(X, price, constant, outside, begin, end, partial[block])


class SquaredDistance:
    """J(v), as the optimisers of `groundup.optim` ask for it.

    Parameters
    ----------
    rows : Rows
    l2 : float, default=1.0
        Strength of the penalty l2 / 2 |v|^2.
    n_threads : int, default=1
        Threads to compute on. The result does not depend on it.

    Attributes
    ----------
    outside : array of shape (n,), bool
        Which rows lay outside their interval where J was evaluated last.

    Examples
    --------
    >>> import numpy as np
    >>> X, is_member = np.array([[-1.0], [2.0]]), np.array([False, True])
    >>> rows = Rows.of_class(X, 1.0, is_member, np.ones(2))
    >>> SquaredDistance(rows).cost_and_gradient(np.zeros(2))
    (2.0, array([-6.,  0.]))
    """

    def __init__(self, rows: Rows, l2: float = 1.0, n_threads: int = 1) -> None:
        self.rows, self.l2 = rows, l2
        n, d = rows.X.shape
        self.n_parameters = d + 1
        self.n_threads = n_threads if n * d >= WORTH_A_THREAD else 1
        self.outside = np.zeros(n, dtype=np.bool_)
        self._bounds = block_bounds(n, block_rows=rows_of_a_block(d))
        self._partial = np.empty((len(self._bounds) - 1, 2 + d))

    def cost_and_gradient(self, v: Array, _: Any = None) -> tuple[float, Array]:
        """Return J(v) and its gradient of shape (d + 1,)."""
        rows, partial = self.rows, self._partial
        inputs = rows.X, rows.low, rows.high, rows.price, v, rows.constant
        if len(partial) == 1:  # no threads, and no code for them to compile
            distances_block(*inputs, 0, len(rows.X), self.outside, partial[0])
        else:
            distances_and_gradient(
                *inputs, self._bounds, self.outside, partial, n_threads=self.n_threads
            )
        total = partial[0] if len(partial) == 1 else partial.sum(axis=0)
        # J = l2 / 2 |v|^2 + sum c r^2
        return float(total[0]) + 0.5 * self.l2 * float(v @ v), total[1:] + self.l2 * v

    def hessian(self, v: Array, _: Any = None) -> Array:
        """Return the second derivatives, of shape (d + 1, d + 1), where J was evaluated last."""
        H = second_moments(self.rows, self.outside, self.n_threads)
        H.reshape(-1)[:: len(H) + 1] += self.l2
        return H


def second_moments(rows: Rows, chosen: NDArray[np.bool_], n_threads: int = 1) -> Array:
    """Return the sum of 2 c (x, s)(x, s)' over the chosen rows, of shape (d + 1, d + 1)."""
    n, d = rows.X.shape
    q = d + 1
    inputs = rows.X, rows.price, rows.constant, chosen
    block_rows = rows_of_a_block(d)
    if n <= block_rows:
        H = np.empty((q, q))
        curvature_block(*inputs, 0, n, H)
        return H
    bounds = block_bounds(n, block_rows, min(64, max(2, HESSIAN_ROOM // (q * q))))
    partial = np.empty((len(bounds) - 1, q, q))
    curvature(*inputs, bounds, partial, n_threads=n_threads)
    return partial.sum(axis=0)
