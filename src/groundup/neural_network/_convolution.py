"""Convolution of images: one small pattern looked for everywhere.

A filter is a small stack of weights (c, kh, kw).  It is laid on every place of an image (c, h, w),
multiplied with what it covers, and summed up: a map of how well the pattern fits at each place.

    Y[o, i, j] = b[o] + sum over c, di, dj of W[o, c, di, dj] X[c, i s + di - p, j s + dj - p]

with stride s, and p rows and columns of zeros around the image.  The same few weights serve every
place, so what is learned in one corner is known in all of them.

What the filters cover, written out as columns (*im2col*), makes a plain matrix product of it, in
which BLAS is at its best; on the way back, each column's gradient is added to the places that it
was copied from (*col2im*):

    Y = W C,    dL/dW = G C',    dL/dC = W' G.

In float32 each image is worked on by itself, so that its columns stay in the processor's nearest
memory.  With stride 1 a row of C is then one stretch of the padded image, laid out in one line:

    row (c, di, dj) of C = the padded channel c from place di * width + dj on.

Where that stretch runs over the right border into the next line, places come to be that are no
places of the map.  They are computed too, a few more than needed, and left out at the end.

References
----------
.. [1] LeCun et al. (1989), Backpropagation applied to handwritten zip code recognition, Neural
   Computation 1.
.. [2] Chellapilla, Puri and Simard (2006), High performance convolutional neural networks for
   document processing, IWFHR.
"""

from __future__ import annotations

import numpy as np
from numba import prange
from numpy.lib.stride_tricks import sliding_window_view

from groundup._blocks import block_bounds
from groundup._kernel import block_kernel, kernel
from groundup.neural_network._plain import plain
from groundup.neural_network._threads import one_blas_thread, threads_for
from groundup.neural_network.autodiff import Tensor, record


def conv2d(
    x: Tensor, weights: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0
) -> Tensor:
    """Convolve images with filters.

    Parameters
    ----------
    x : Tensor of shape (n, c, h, w)
        n images of c channels.
    weights : Tensor of shape (o, c, kh, kw)
        o filters.
    bias : Tensor of shape (o,), default=None
        What is added to each filter's map; nothing by default.
    stride : int, default=1
        The step between places, in pixels.
    padding : int, default=0
        How many rows and columns of zeros are put around the image.

    Returns
    -------
    Tensor of shape (n, o, (h + 2 padding - kh) // stride + 1, (w + 2 padding - kw) // stride + 1)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> edge = Tensor(np.array([[[[-1.0, 1.0]]]]))                       # where it gets brighter
    >>> image = Tensor(np.array([[[[0.0, 0.0, 5.0, 5.0]]]]))
    >>> conv2d(image, edge).data
    array([[[[0., 5., 0.]]]])
    """
    o, rows, columns = _checked(x, weights, bias, stride, padding)
    parents = [x, weights] if bias is None else [x, weights, bias]
    float32 = all(parent.dtype == np.float32 for parent in parents)
    forward, backward_of = (_forward, _backward) if float32 else (_convolved, _derivatives)
    y = np.empty((len(x), o, rows, columns), np.result_type(*(p.dtype for p in parents)))
    forward(x.data, weights.data, None if bias is None else bias.data, stride, padding, y)

    def backward(gradient):
        derivatives = backward_of(x.data, weights.data, stride, padding, gradient, x.requires_grad)
        return derivatives[: len(parents)]

    return record(y, parents, backward)


def _checked(x, weights, bias, stride, padding):
    """Return the number of filters, and the rows and columns of their maps."""
    if x.ndim != 4 or weights.ndim != 4 or x.shape[1] != weights.shape[1]:
        raise ValueError(
            f"Images of shape {x.shape} do not fit filters of shape {weights.shape}: expected "
            "(images, channels, height, width) and (filters, channels, height, width) with the "
            "same channels."
        )
    if stride < 1 or padding < 0:
        raise ValueError(f"stride must be 1 or more, padding 0 or more; got {stride}, {padding}.")
    if bias is not None and bias.shape != weights.shape[:1]:
        raise ValueError(f"bias has shape {bias.shape}, {len(weights)} filters need one each.")
    h, w = x.shape[2:]
    kh, kw = weights.shape[2:]
    if kh > h + 2 * padding or kw > w + 2 * padding:
        raise ValueError(
            f"Filters of {kh} x {kw} do not fit into images of {h} x {w} with padding {padding}."
        )
    rows, columns = ((side + 2 * padding - k) // stride + 1 for side, k in ((h, kh), (w, kw)))
    return len(weights), rows, columns


# ---- in NumPy ----


def _columns(x, kh, kw, stride, padding):
    """Return what the filters cover, (n, c kh kw, rows columns), and the padded images."""
    around = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    padded = np.pad(x, around)
    windows = sliding_window_view(padded, (kh, kw), axis=(2, 3))[:, :, ::stride, ::stride]
    # (n, c, rows, columns, kh, kw) -> (n, c, kh, kw, rows, columns)
    windows = windows.transpose(0, 1, 4, 5, 2, 3)
    n, c, _, _, rows, columns = windows.shape
    return windows.reshape(n, c * kh * kw, rows * columns), padded


def _convolved(x, weights, bias, stride, padding, y):
    covered, _ = _columns(x, *weights.shape[2:], stride, padding)
    # (o, c kh kw) @ (n, c kh kw, rows columns)
    y[...] = (weights.reshape(len(weights), -1) @ covered).reshape(y.shape)
    if bias is not None:
        y += bias[:, None, None]


def _derivatives(x, weights, stride, padding, gradient, x_is_asked):
    (n, c, h, w), (o, _, kh, kw), (rows, columns) = x.shape, weights.shape, gradient.shape[2:]
    covered, padded = _columns(x, kh, kw, stride, padding)
    g = gradient.reshape(n, o, rows * columns)
    in_weights = np.tensordot(g, covered, ((0, 2), (0, 2))).reshape(weights.shape)
    in_x = None
    if x_is_asked:
        in_covered = (weights.reshape(o, -1).T @ g).reshape(n, c, kh, kw, rows, columns)
        in_padded = np.zeros_like(padded)
        for i in range(kh):
            for j in range(kw):
                down, right = i + rows * stride, j + columns * stride
                in_padded[:, :, i:down:stride, j:right:stride] += in_covered[:, :, i, j]
        in_x = in_padded[:, :, padding : padding + h, padding : padding + w]
    return [in_x, in_weights, g.sum(axis=(0, 2))]


# ---- float32, image by image, on threads ----


@kernel
def _cover(x, image, kh, kw, stride, padding, rows, columns, line, padded, covered):
    """Write the columns of one image.

    x : (n, c, h, w)  # in
    line : int, distance from a row of places to the next among the columns of `covered`
    padded : (c, h + 2 padding, w + 2 padding), zeros around  # inout
    covered : (c kh kw, (rows - 1) line + columns)  # out
    """
    # Unsigned indices need no look at whether they are negative.
    channels, h, w = np.uint64(x.shape[1]), np.uint64(x.shape[2]), np.uint64(x.shape[3])
    number, border = np.uint64(image), np.uint64(padding)
    for channel in range(channels):
        for i in range(h):
            for j in range(w):
                padded[channel, i + border, j + border] = x[number, channel, i, j]
    flat, width = padded.reshape(-1), padded.shape[2]
    size, n_places = padded.shape[1] * width, np.uint64(covered.shape[1])
    row = 0
    for channel in range(x.shape[1]):
        for di in range(kh):
            for dj in range(kw):
                start = np.uint64(channel * size + di * width + dj)
                if stride == 1:
                    for place in range(n_places):
                        covered[row, place] = flat[start + place]
                else:
                    for i in range(rows):
                        for j in range(columns):
                            covered[row, i * line + j] = padded[
                                channel, i * stride + di, j * stride + dj
                            ]
                row += 1


@kernel
def _convolve_images(x, filters, bias, kh, kw, stride, padding, y, first, last):
    o, rows, columns = y.shape[1], y.shape[2], y.shape[3]
    padded = np.zeros((x.shape[1], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding), np.float32)
    line = padded.shape[2] if stride == 1 else columns
    covered = np.empty((filters.shape[1], (rows - 1) * line + columns), np.float32)
    maps = np.empty((o, covered.shape[1]), np.float32)
    for image in range(first, last):
        _cover(x, image, kh, kw, stride, padding, rows, columns, line, padded, covered)
        np.dot(filters, covered, maps)  # Y = W C
        for f in range(np.uint64(o)):
            for i in range(np.uint64(rows)):
                start = i * np.uint64(line)
                for j in range(np.uint64(columns)):
                    y[np.uint64(image), f, i, j] = maps[f, start + j] + bias[f]


@block_kernel
def _convolve(
    x,  # (n, c, h, w) float32 in
    filters,  # (o, c kh kw) in
    bias,  # (o,) in
    kh,  # int
    kw,  # int
    stride,  # int
    padding,  # int
    bounds,  # (b + 1,) of the images in
    y,  # (n, o, rows, columns) out
):
    for block in prange(bounds.shape[0] - 1):
        _convolve_images(
            x, filters, bias, kh, kw, stride, padding, y, bounds[block], bounds[block + 1]
        )


@kernel
def _derivatives_of_images(
    x,
    filters,
    kh,
    kw,
    stride,
    padding,
    gradient,
    x_is_asked,
    in_x,
    in_filters,
    in_bias,
    first,
    last,
):
    o, rows, columns = gradient.shape[1], gradient.shape[2], gradient.shape[3]
    padded = np.zeros((x.shape[1], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding), np.float32)
    line = padded.shape[2] if stride == 1 else columns
    covered = np.empty((filters.shape[1], (rows - 1) * line + columns), np.float32)
    g = np.zeros((o, covered.shape[1]), np.float32)  # 0 where there is no place of the map
    g_across = np.zeros((covered.shape[1], o), np.float32)  # its transpose: a faster product
    part, in_covered, in_padded = np.empty_like(in_filters), np.empty_like(covered), padded.copy()
    flat, width = in_padded.reshape(-1), padded.shape[2]
    size, n_places = padded.shape[1] * width, np.uint64(covered.shape[1])
    for f in range(o):
        in_bias[f] = 0.0
        for r in range(in_filters.shape[0]):
            in_filters[r, f] = 0.0
    for image in range(first, last):
        for f in range(np.uint64(o)):
            total = np.float32(0.0)
            for i in range(np.uint64(rows)):
                start = i * np.uint64(line)
                for j in range(np.uint64(columns)):
                    g[f, start + j] = gradient[np.uint64(image), f, i, j]
                    total += g[f, start + j]
            in_bias[f] += total
        for place in range(n_places):
            for f in range(np.uint64(o)):
                g_across[place, f] = g[f, place]
        _cover(x, image, kh, kw, stride, padding, rows, columns, line, padded, covered)
        np.dot(covered, g_across, part)  # (dL/dW)' = C G'
        for r in range(in_filters.shape[0]):
            for f in range(o):
                in_filters[r, f] += part[r, f]
        if not x_is_asked:
            continue
        np.dot(filters.T, g, in_covered)  # dL/dC = W' G
        for place in range(flat.shape[0]):
            flat[place] = 0.0
        row = 0
        for channel in range(x.shape[1]):
            for di in range(kh):
                for dj in range(kw):
                    start = np.uint64(channel * size + di * width + dj)
                    if stride == 1:
                        for place in range(n_places):
                            flat[start + place] += in_covered[row, place]
                    else:
                        for i in range(rows):
                            for j in range(columns):
                                in_padded[channel, i * stride + di, j * stride + dj] += in_covered[
                                    row, i * line + j
                                ]
                    row += 1
            for i in range(np.uint64(x.shape[2])):
                for j in range(np.uint64(x.shape[3])):
                    in_x[np.uint64(image), np.uint64(channel), i, j] = in_padded[
                        np.uint64(channel), i + np.uint64(padding), j + np.uint64(padding)
                    ]


@block_kernel
def _all_derivatives(
    x,  # (n, c, h, w) float32 in
    filters,  # (o, c kh kw) in
    kh,  # int
    kw,  # int
    stride,  # int
    padding,  # int
    gradient,  # (n, o, rows, columns) dL/dY in
    x_is_asked,  # bool
    bounds,  # (b + 1,) of the images in
    in_x,  # (n, c, h, w) dL/dX, or empty, out
    in_filters,  # (b, c kh kw, o) part of (dL/dW)' of each block out
    in_bias,  # (b, o) part of dL/db of each block out
):
    for block in prange(bounds.shape[0] - 1):
        _derivatives_of_images(
            x,
            filters,
            kh,
            kw,
            stride,
            padding,
            gradient,
            x_is_asked,
            in_x,
            in_filters[block],
            in_bias[block],
            bounds[block],
            bounds[block + 1],
        )


def _forward(x, weights, bias, stride, padding, y):
    o, _, kh, kw = weights.shape
    add = np.zeros(o, np.float32) if bias is None else bias
    arrays = map(plain, (x, weights.reshape(o, -1), add))
    n_operations = 2 * y.size * weights.size // o
    with one_blas_thread():
        _convolve(
            *arrays,
            kh,
            kw,
            stride,
            padding,
            _bounds(len(x)),
            y,
            n_threads=threads_for(n_operations),
        )


def _backward(x, weights, stride, padding, gradient, x_is_asked):
    o, c, kh, kw = weights.shape
    bounds = _bounds(len(x))
    in_x = np.empty(x.shape if x_is_asked else (0, 0, 0, 0), np.float32)
    in_filters = np.empty((len(bounds) - 1, c * kh * kw, o), np.float32)
    in_bias = np.empty((len(bounds) - 1, o), np.float32)
    x, filters, gradient = map(plain, (x, weights.reshape(o, -1), gradient))
    with one_blas_thread():
        _all_derivatives(
            x,
            filters,
            kh,
            kw,
            stride,
            padding,
            gradient,
            x_is_asked,
            bounds,
            in_x,
            in_filters,
            in_bias,
            n_threads=threads_for(4 * gradient.size * weights.size // o),
        )
    in_weights = in_filters.sum(axis=0).T.reshape(weights.shape)
    return [in_x if x_is_asked else None, in_weights, in_bias.sum(axis=0)]


def _bounds(n_images):
    return block_bounds(n_images, 4, max_blocks=16)
