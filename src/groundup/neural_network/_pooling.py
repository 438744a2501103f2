"""Pooling: an image made smaller, each window of it replaced by its largest value or its mean.

The largest says "the pattern is somewhere here", and forgets where exactly: the network becomes
less sensitive to small shifts, and the layers behind have fewer values to work on.  On the way
back, the gradient goes to the one value that was the largest (the first of them, in reading order,
where several tie); for the mean, each value of the window gets an equal part.
"""

from __future__ import annotations

import numpy as np
from numba import prange
from numpy.lib.stride_tricks import sliding_window_view

from groundup._blocks import block_bounds
from groundup._estimator import read_only
from groundup._kernel import block_kernel, kernel
from groundup.neural_network._plain import plain
from groundup.neural_network._threads import threads_for
from groundup.neural_network.autodiff import Tensor, record

#: The winner of a window is kept as one byte: its place, 0 to 15 x 15 - 1.
LARGEST_SIZE = 15


def max_pool2d(x: Tensor, size: int, stride: int | None = None) -> Tensor:
    """Return the largest value of each window.

    Parameters
    ----------
    x : Tensor of shape (n, c, h, w)
        n images of c channels.
    size : int
        The height and width of a window.
    stride : int, default=None
        The step from window to window; `size` by default, so that they do not overlap.

    Returns
    -------
    Tensor of shape (n, c, (h - size) // stride + 1, (w - size) // stride + 1)
        Rows and columns at the end that fill no window are left out.

    Raises
    ------
    ValueError
        If a window does not fit into the image.

    Examples
    --------
    >>> max_pool2d(Tensor(np.arange(16.0).reshape(1, 1, 4, 4)), 2).data
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    stride, windows = _windows(x, size, stride)
    in_kernel = x.dtype == np.float32 and size <= LARGEST_SIZE
    forward, backward_of = (_largest, _back_to_largest) if in_kernel else (_top, _back_to_top)
    y, best = forward(x.data, windows, stride)
    return record(y, [x], lambda g: [backward_of(g, best, x.shape, size, stride)])


def avg_pool2d(x: Tensor, size: int, stride: int | None = None) -> Tensor:
    """Return the mean of each window; parameters, shapes and errors as for `max_pool2d`.

    Examples
    --------
    >>> avg_pool2d(Tensor(np.arange(16.0).reshape(1, 1, 4, 4)), 2).data
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    stride, windows = _windows(x, size, stride)
    rows, columns = windows.shape[2:4]

    def backward(gradient):
        in_x = np.zeros(x.shape, x.dtype)
        part = gradient / (size * size)
        for i in range(size):
            for j in range(size):
                in_x[:, :, i : i + rows * stride : stride, j : j + columns * stride : stride] += (
                    part
                )
        return [in_x]

    return record(windows.mean(axis=(4, 5)), [x], backward)


def _windows(x, size, stride):
    """Return the stride and a view of all windows, (n, c, rows, columns, size, size)."""
    stride = size if stride is None else stride
    if x.ndim != 4:
        raise ValueError(
            f"Pooling needs images (images, channels, height, width), got shape {x.shape}."
        )
    if size < 1 or stride < 1 or size > min(x.shape[2:]):
        raise ValueError(
            f"Windows of {size} x {size} with stride {stride} do not fit into images of "
            f"{x.shape[2]} x {x.shape[3]}."
        )
    return stride, sliding_window_view(x.data, (size, size), (2, 3))[:, :, ::stride, ::stride]


# ---- the largest, in NumPy ----


def _top(x, windows, stride):
    flat = windows.reshape(
        *windows.shape[:4], windows.shape[4] ** 2
    )  # (n, c, rows, columns, size size)
    best = flat.argmax(axis=-1)
    return np.take_along_axis(flat, best[..., None], axis=-1)[..., 0], best


def _back_to_top(gradient, best, shape, size, stride):
    in_x = np.zeros(shape, gradient.dtype)
    n, c, i, j = np.indices(best.shape, sparse=True)
    np.add.at(in_x, (n, c, i * stride + best // size, j * stride + best % size), gradient)
    return in_x


# ---- the largest, float32, in blocks of images, on threads ----


@kernel
def _largest_of_images(x, size, stride, y, best, first, last):
    # Unsigned indices need no look at whether they are negative.
    side, step, channels = np.uint64(size), np.uint64(stride), np.uint64(x.shape[1])
    rows, columns = np.uint64(y.shape[2]), np.uint64(y.shape[3])
    for image in range(np.uint64(first), np.uint64(last)):
        for channel in range(channels):
            for i in range(rows):
                for j in range(columns):
                    top = x[image, channel, i * step, j * step]
                    winner, place = np.uint64(0), np.uint64(0)
                    for di in range(side):
                        for dj in range(side):
                            value = x[image, channel, i * step + di, j * step + dj]
                            better = (value > top) | (value != value)  # NaN wins, as in NumPy
                            top = value if better else top
                            winner = place if better else winner
                            place += np.uint64(1)
                    y[image, channel, i, j] = top
                    best[image, channel, i, j] = winner


@block_kernel
def _all_largest(
    x,  # (n, c, h, w) float32 in
    size,  # int
    stride,  # int
    bounds,  # (b + 1,) of the images in
    y,  # (n, c, rows, columns) out
    best,  # (n, c, rows, columns) uint8, place in the window out
):
    for block in prange(bounds.shape[0] - 1):
        _largest_of_images(x, size, stride, y, best, bounds[block], bounds[block + 1])


@kernel
def _hand_back(gradient, best, size, stride, in_x, first, last):
    side, step, channels = np.uint32(size), np.uint64(stride), np.uint64(in_x.shape[1])
    height, width = np.uint64(in_x.shape[2]), np.uint64(in_x.shape[3])
    rows, columns = np.uint64(best.shape[2]), np.uint64(best.shape[3])
    for image in range(np.uint64(first), np.uint64(last)):
        for channel in range(channels):
            for i in range(height):
                for j in range(width):
                    in_x[image, channel, i, j] = 0.0
            for i in range(rows):
                for j in range(columns):
                    place = np.uint32(best[image, channel, i, j])
                    row = i * step + np.uint64(place // side)
                    column = j * step + np.uint64(place % side)
                    in_x[image, channel, row, column] += gradient[image, channel, i, j]


@block_kernel
def _all_hand_back(
    gradient,  # (n, c, rows, columns) float32 dL/dy in
    best,  # (n, c, rows, columns) uint8 in
    size,  # int
    stride,  # int
    bounds,  # (b + 1,) of the images in
    in_x,  # (n, c, h, w) dL/dx out
):
    for block in prange(bounds.shape[0] - 1):
        _hand_back(gradient, best, size, stride, in_x, bounds[block], bounds[block + 1])


def _largest(x, windows, stride):
    x = plain(x)
    y = np.empty(windows.shape[:4], np.float32)
    best = np.empty(windows.shape[:4], np.uint8)
    size, bounds = windows.shape[4], block_bounds(len(x), 4)
    _all_largest(x, size, stride, bounds, y, best, n_threads=threads_for(10 * x.size))
    return y, read_only(best)


def _back_to_largest(gradient, best, shape, size, stride):
    gradient = plain(gradient)
    in_x, bounds = np.empty(shape, np.float32), block_bounds(shape[0], 4)
    _all_hand_back(gradient, best, size, stride, bounds, in_x, n_threads=threads_for(5 * in_x.size))
    return in_x
