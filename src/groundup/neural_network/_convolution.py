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

References
----------
.. [1] LeCun et al. (1989), Backpropagation applied to handwritten zip code recognition, Neural
   Computation 1.
.. [2] Chellapilla, Puri and Simard (2006), High performance convolutional neural networks for
   document processing, IWFHR.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

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
    n, c, h, w, kh, kw = _checked(x, weights, bias, stride, padding)
    o = len(weights)
    rows, columns = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    around = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    padded = np.pad(x.data, around) if padding else x.data
    windows = sliding_window_view(padded, (kh, kw), axis=(2, 3))[:, :, ::stride, ::stride]
    # (n, c, rows, columns, kh, kw) -> (n, c kh kw, rows columns)
    covered = windows.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * kh * kw, rows * columns)
    filters = weights.data.reshape(o, -1)
    y = filters @ covered  # (o, c kh kw) @ (n, c kh kw, rows columns)
    if bias is not None:
        y += bias.data[:, None]

    def backward(gradient):
        g = gradient.reshape(n, o, rows * columns)
        in_x = in_weights = None
        if weights.requires_grad:
            in_weights = np.tensordot(g, covered, ((0, 2), (0, 2))).reshape(weights.shape)
        if x.requires_grad:
            in_covered = (filters.T @ g).reshape(n, c, kh, kw, rows, columns)
            in_padded = np.zeros_like(padded)
            for i in range(kh):
                for j in range(kw):
                    down, right = i + rows * stride, j + columns * stride
                    in_padded[:, :, i:down:stride, j:right:stride] += in_covered[:, :, i, j]
            in_x = in_padded[:, :, padding : padding + h, padding : padding + w]
        return [in_x, in_weights] if bias is None else [in_x, in_weights, g.sum(axis=(0, 2))]

    parents = [x, weights] if bias is None else [x, weights, bias]
    return record(y.reshape(n, o, rows, columns), parents, backward)


def _checked(x, weights, bias, stride, padding):
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
    n, c, h, w = x.shape
    kh, kw = weights.shape[2:]
    if kh > h + 2 * padding or kw > w + 2 * padding:
        raise ValueError(
            f"Filters of {kh} x {kw} do not fit into images of {h} x {w} with padding {padding}."
        )
    return n, c, h, w, kh, kw
