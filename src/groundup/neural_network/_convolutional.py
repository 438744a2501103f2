"""Layers for images: the same small filter at every place, and pooling.

A dense layer has a weight for every pixel and must learn what an edge looks like anew at each place
of the image.  A convolution learns it once: a unit looks through a window of, say, 3 x 3 pixels,
and the same weights are moved over the image.  Pooling then keeps the strongest (or the mean)
answer of each neighbourhood, so that the next layer sees further with as few weights.

Images are (channels, height, width); a row of a table becomes one by `Reshape`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from groundup.neural_network._convolution import conv2d
from groundup.neural_network._layer import (
    Layer,
    ShapeError,
    require_one_of,
    require_whole,
    start_suiting,
)
from groundup.neural_network._pooling import avg_pool2d, max_pool2d
from groundup.neural_network.autodiff import record
from groundup.neural_network.initialisation import STARTS, start_weights

_IMAGES = "images of (channels, height, width)"
_MAKE_IMAGES = "Put Reshape((channels, height, width)) in front of it."


@dataclass(frozen=True, repr=False)
class Conv2d(Layer):
    """Filters of size x size weights a channel, moved over the image.

    Parameters
    ----------
    channels : int
        How many filters, and so how many channels the output has.
    size : int, default=3
        Height and width of a filter.
    stride : int, default=1
        How far the filter moves from one place to the next.
    padding : int or "same", default=0
        Rows and columns of zeros around the image; "same", for an odd size and stride 1, keeps
        the height and the width.
    bias : bool, default=True
        Whether each filter adds a constant.
    start : {"he", "glorot", "small"} or None, default=None
        How the weights begin; None: as suits the activation that follows.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document
    recognition, Proceedings of the IEEE 86(11).

    Examples
    --------
    >>> Conv2d(16, size=5)
    Conv2d(16, size=5)
    """

    channels: int
    size: int = 3
    stride: int = 1
    padding: int | str = 0
    bias: bool = True
    start: str | None = None

    def __post_init__(self):
        require_whole(self, "channels", "size", "stride")
        require_one_of(self, "start", (*STARTS, None))
        if self.padding == "same":
            if self.size % 2 == 0 or self.stride != 1:
                raise ValueError(
                    f'Conv2d: padding="same" needs an odd size and stride=1, got size={self.size} '
                    f"and stride={self.stride}."
                )
        elif isinstance(self.padding, str):
            raise ValueError(
                f'Conv2d: padding must be a whole number or "same", got {self.padding!r}.'
            )
        else:
            require_whole(self, "padding", least=0)

    def placed(self, following, n_residuals):
        return replace(self, start=self.start or start_suiting(following))

    def build(self, shape, generator):
        if len(shape) != 3:
            raise ShapeError(self, shape, _IMAGES, _MAKE_IMAGES)
        c, h, w = shape
        padding, size = self._padding(), self.size
        # places = floor((pixels + 2 padding - size) / stride) + 1
        output = tuple((pixels + 2 * padding - size) // self.stride + 1 for pixels in (h, w))
        if min(h, w) + 2 * padding < size:
            raise ShapeError(
                self,
                shape,
                f"images of at least {size} x {size} pixels, counting the padding",
                "Use a smaller size, more padding, or pool less before it.",
            )
        # each output sums up c size^2 products; each input is used in about channels size^2
        fan_in, fan_out = c * size**2, self.channels * size**2
        weights = {
            "weights": start_weights(
                self.start, generator, (self.channels, c, size, size), fan_in, fan_out
            )
        }
        if self.bias:
            weights["bias"] = np.zeros(self.channels)
        return weights, (self.channels, *output)

    def _padding(self) -> int:
        return self.size // 2 if self.padding == "same" else int(self.padding)

    def forward(self, weights, x, training=None):
        return conv2d(x, weights["weights"], weights.get("bias"), self.stride, self._padding())


@dataclass(frozen=True, repr=False)
class _Pool2d(Layer):
    """What the poolings share: (c, h, w) to (c, neighbourhoods down, neighbourhoods across)."""

    size: int = 2
    stride: int | None = None

    def __post_init__(self):
        require_whole(self, "size", *(() if self.stride is None else ("stride",)))

    def output_shape(self, shape):
        return pooled_shape(self, shape)


@dataclass(frozen=True, repr=False)
class MaxPool2d(_Pool2d):
    """The largest number of each neighbourhood of size x size pixels.

    Parameters
    ----------
    size : int, default=2
        Height and width of a neighbourhood.
    stride : int or None, default=None
        How far it is to the next; None: `size`, so that they do not overlap.
    """

    def forward(self, weights, x, training=None):
        return max_pool2d(x, self.size, self.stride)


@dataclass(frozen=True, repr=False)
class AveragePool2d(_Pool2d):
    """The mean of each neighbourhood of size x size pixels.

    Parameters
    ----------
    size : int, default=2
        Height and width of a neighbourhood.
    stride : int or None, default=None
        How far it is to the next; None: `size`, so that they do not overlap.
    """

    def forward(self, weights, x, training=None):
        return avg_pool2d(x, self.size, self.stride)


def pooled_shape(layer: MaxPool2d | AveragePool2d, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an image after pooling."""
    if len(shape) != 3:
        raise ShapeError(layer, shape, _IMAGES, _MAKE_IMAGES)
    if min(shape[1:]) < layer.size:
        raise ShapeError(
            layer,
            shape,
            f"images of at least {layer.size} x {layer.size} pixels",
            "Use a smaller size, or pool less before it.",
        )
    stride = layer.stride or layer.size
    return (shape[0], *((pixels - layer.size) // stride + 1 for pixels in shape[1:]))


@dataclass(frozen=True, repr=False)
class Upsample2d(Layer):
    """Each pixel becomes factor x factor equal pixels: from a code back to an image.

    With a convolution behind it, it does what a transposed convolution does, without the
    chequered patterns that come from windows which overlap unevenly.

    Parameters
    ----------
    factor : int, default=2
        How many times higher and wider the image becomes.
    """

    factor: int = 2

    def __post_init__(self):
        require_whole(self, "factor")

    def output_shape(self, shape):
        if len(shape) != 3:
            raise ShapeError(self, shape, _IMAGES, _MAKE_IMAGES)
        return (shape[0], shape[1] * self.factor, shape[2] * self.factor)

    def forward(self, weights, x, training=None):
        n, c, h, w = x.shape
        f = self.factor
        larger = np.repeat(np.repeat(x.data, f, axis=2), f, axis=3)  # (n, c, f h, f w)

        def backward(gradient):
            # what was copied f^2 times collects f^2 gradients
            return [gradient.reshape(n, c, h, f, w, f).sum(axis=(3, 5))]

        return record(larger, [x], backward)


@dataclass(frozen=True, repr=False)
class GlobalAverage(Layer):
    """The mean over all places: (channels, height, width) to (channels,), and (positions,
    features) to (features,)."""

    def output_shape(self, shape):
        if len(shape) not in (2, 3):
            raise ShapeError(
                self,
                shape,
                f"{_IMAGES}, or sequences of (positions, features)",
                "Leave it out: there is nothing to average over.",
            )
        return shape[:1] if len(shape) == 3 else shape[1:]

    def forward(self, weights, x, training=None):
        return x.mean(axis=(2, 3)) if x.ndim == 4 else x.mean(axis=1)
