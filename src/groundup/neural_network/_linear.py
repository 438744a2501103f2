"""The linear layer in one operation: Y = X W + b.

Written as a product and a sum, the product would be stored, stretched and added to.  As one
operation the sum goes into the product's own memory, and the derivatives are three lines:

    dL/dX = G W',    dL/dW = X' G,    dL/db = the sum of the rows of G.

With many rows in float32 (every position of every sequence is one), the rows are cut into blocks,
and threads work on the blocks.  Each block makes its own part of dL/dW, and the parts are added in
the order of the blocks: the same bits for any number of threads.  Within a block the products are
made a few rows at a time, because BLAS is a fifth faster on products that are small enough.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._kernel import block_kernel, kernel
from groundup.neural_network._plain import plain
from groundup.neural_network._threads import one_blas_thread, threads_for
from groundup.neural_network.autodiff import Tensor, record

#: With fewer rows one call of BLAS is as fast.
BLOCK_ROWS = 256

#: Up to so many multiplications OpenBLAS multiplies as it reads, without copying first.
SMALL_PRODUCT = 1_000_000


def linear(x: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weights + bias``.

    Parameters
    ----------
    x : Tensor of shape (..., k)
        Rows of k values.
    weights : Tensor of shape (k, m)
        One column for each output.
    bias : Tensor of shape (m,), default=None
        What is added to each output; nothing by default.

    Returns
    -------
    Tensor of shape (..., m)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> x, weights = Tensor(np.eye(2)), Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> linear(x, weights, Tensor([10.0, 20.0])).data
    array([[11., 22.],
           [13., 24.]])
    """
    if weights.ndim != 2 or x.ndim < 1 or x.shape[-1] != weights.shape[0]:
        raise ValueError(
            f"x of shape {x.shape} does not fit weights of shape {weights.shape}: the last axis of "
            "x must be as long as the first of the weights, (inputs, outputs)."
        )
    k, m = weights.shape
    if bias is not None and bias.shape != (m,):
        raise ValueError(f"bias has shape {bias.shape}, {m} outputs need ({m},).")
    rows = x.data.reshape(prod(x.shape[:-1]), k)
    parents = [x, weights] if bias is None else [x, weights, bias]
    float32 = all(parent.dtype == np.float32 for parent in parents)
    in_blocks = float32 and len(rows) >= 2 * BLOCK_ROWS and k > 0
    add = None if bias is None else bias.data
    forward, backward_of = (_forward, _backward) if in_blocks else (_product, _derivatives)
    y = forward(rows, weights.data, add)

    def backward(gradient):
        in_x, in_weights, in_bias = backward_of(
            rows, weights.data, gradient.reshape(len(rows), m), x.requires_grad
        )
        in_x = None if in_x is None else in_x.reshape(x.shape)
        return [in_x, in_weights, in_bias][: len(parents)]

    return record(y.reshape(*x.shape[:-1], m), parents, backward)


# ---- in NumPy ----


def _product(x, weights, bias):
    y = x @ weights  # (n, k) @ (k, m)
    if bias is not None:
        y += bias
    return y


def _derivatives(x, weights, gradient, x_is_asked):
    # dL/dX = G W',  dL/dW = X' G,  dL/db = sum of rows of G
    in_x = gradient @ weights.T if x_is_asked else None
    return in_x, x.T @ gradient, np.ones(len(gradient), gradient.dtype) @ gradient


# ---- in blocks of rows, on threads ----


@kernel
def _block_product(x, weights, bias, piece, y, first, last):
    for begin in range(first, last, piece):
        end = min(begin + piece, last)
        np.dot(x[begin:end], weights, y[begin:end])
        for i in range(np.uint64(begin), np.uint64(end)):
            for j in range(np.uint64(y.shape[1])):
                y[i, j] += bias[j]


@block_kernel
def _products(
    x,  # (n, k) float32 in
    weights,  # (k, m) in
    bias,  # (m,) in
    bounds,  # (b + 1,) in
    piece,  # rows at a time
    y,  # (n, m) out
):
    for block in prange(bounds.shape[0] - 1):
        _block_product(x, weights, bias, piece, y, bounds[block], bounds[block + 1])


@kernel
def _block_derivatives(
    x, across, gradient, x_is_asked, piece, in_x, in_weights, in_bias, first, last
):
    part = np.empty_like(in_weights)
    k, m = np.uint64(in_weights.shape[0]), np.uint64(in_weights.shape[1])
    for j in range(m):
        in_bias[j] = 0.0
    for begin in range(first, last, piece):
        end = min(begin + piece, last)
        if x_is_asked:
            np.dot(gradient[begin:end], across, in_x[begin:end])  # dL/dX = G W'
        np.dot(x[begin:end].T, gradient[begin:end], part)  # dL/dW = X' G
        for row in range(k):
            for j in range(m):
                in_weights[row, j] += part[row, j]
        for i in range(np.uint64(begin), np.uint64(end)):
            for j in range(m):
                in_bias[j] += gradient[i, j]


@block_kernel
def _all_derivatives(
    x,  # (n, k) float32 in
    across,  # (m, k) the weights, transposed in
    gradient,  # (n, m) dL/dY in
    x_is_asked,  # bool
    bounds,  # (b + 1,) in
    piece,  # rows at a time
    in_x,  # (n, k) dL/dX, or empty, out
    in_weights,  # (b, k, m) zeros; part of dL/dW of each block out
    in_bias,  # (b, m) part of dL/db of each block out
):
    for block in prange(bounds.shape[0] - 1):
        _block_derivatives(
            x,
            across,
            gradient,
            x_is_asked,
            piece,
            in_x,
            in_weights[block],
            in_bias[block],
            bounds[block],
            bounds[block + 1],
        )


def _forward(x, weights, bias):
    m = weights.shape[1]
    y = np.empty((len(x), m), np.float32)
    add = np.zeros(m, np.float32) if bias is None else bias
    with one_blas_thread():
        _products(
            *map(plain, (x, weights, add)),
            _bounds(len(x)),
            _piece(weights),
            y,
            n_threads=threads_for(2 * x.size * m),
        )
    return y


def _backward(x, weights, gradient, x_is_asked):
    bounds = _bounds(len(x))
    n_blocks = len(bounds) - 1
    in_x = np.empty(x.shape if x_is_asked else (0, 0), np.float32)
    in_weights = np.zeros((n_blocks, *weights.shape), np.float32)
    in_bias = np.empty((n_blocks, weights.shape[1]), np.float32)
    with one_blas_thread():
        _all_derivatives(
            *map(plain, (x, weights.T, gradient)),
            x_is_asked,
            bounds,
            _piece(weights),
            in_x,
            in_weights,
            in_bias,
            n_threads=threads_for(4 * x.size * weights.shape[1]),
        )
    return in_x if x_is_asked else None, in_weights.sum(axis=0), in_bias.sum(axis=0)


def _bounds(n_rows):
    return block_bounds(n_rows, BLOCK_ROWS, max_blocks=16)


def _piece(weights):
    """Return how many rows make a small product; if only a few would, all of a block."""
    rows = SMALL_PRODUCT // max(1, weights.size)
    return rows if rows >= 16 else 1 << 30
