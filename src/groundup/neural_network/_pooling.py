"""Pooling: an image made smaller, each window of it replaced by its largest value or its mean.

The largest says "the pattern is somewhere here", and forgets where exactly: the network becomes
less sensitive to small shifts, and the layers behind have fewer values to work on.  On the way
back, the gradient goes to the one value that was the largest (the first of them, in reading order,
where several tie); for the mean, each value of the window gets an equal part.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from groundup.neural_network.autodiff import Tensor, record


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
    flat = windows.reshape(*windows.shape[:4], -1)  # (n, c, rows, columns, size size)
    best = flat.argmax(axis=-1)
    y = np.take_along_axis(flat, best[..., None], axis=-1)[..., 0]

    def backward(gradient):
        in_x = np.zeros(x.shape, x.dtype)
        n, c, i, j = np.indices(best.shape, sparse=True)
        np.add.at(in_x, (n, c, i * stride + best // size, j * stride + best % size), gradient)
        return [in_x]

    return record(y, [x], backward)


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
