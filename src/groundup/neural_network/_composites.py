"""Layers made of layers: one after another, and around a short cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np

from groundup.neural_network._layer import Layer, ShapeError, Weights
from groundup.neural_network.autodiff import Tensor


@dataclass(frozen=True, repr=False)
class Sequential(Layer):
    """One layer after another.

    Parameters
    ----------
    layers : sequence of Layer
        The first one takes the input; the output of the last one is the output.

    Examples
    --------
    A training loop by hand; `Network` holds a composite's weights:

    >>> import numpy as np
    >>> from groundup.neural_network import Network
    >>> from groundup.neural_network.layers import Dense, Sequential, Tanh
    >>> from groundup.neural_network.losses import squared_error
    >>> from groundup.optim import Adam
    >>> x = np.linspace(-2, 2, 50, dtype=np.float32).reshape(-1, 1)
    >>> network = Network(Sequential([Dense(16), Tanh(), Dense(1)]), (1,), random_state=0)
    >>> rule = Adam()
    >>> memory = rule.start(network.weights)
    >>> for update in range(500):
    ...     loss = squared_error(network(x, training=True), np.sin(x))
    ...     network.zero_gradient()
    ...     loss.backward()
    ...     rule.update(network.weights, network.gradient, 0.01, memory)
    >>> bool(loss.item() < 1e-3)
    True
    """

    layers: tuple[Layer, ...]

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple_of_layers(self.layers, type(self).__name__))

    def placed(self, following, n_residuals):
        return replace(
            self,
            layers=tuple(
                layer.placed((*self.layers[number + 1 :], *following), n_residuals)
                for number, layer in enumerate(self.layers)
            ),
        )

    def count_residuals(self):
        return sum(layer.count_residuals() for layer in self.layers)

    def build(self, shape, generator):
        weights: Weights = {}
        for number, layer in enumerate(self.layers):
            try:
                weights[str(number)], shape = layer.build(shape, generator)
            except ShapeError as error:
                raise error.at(number) from None
        return weights, shape

    def outputs(
        self, weights: Weights, x: Tensor, training: np.random.Generator | None = None
    ) -> Iterator[Tensor]:
        """Yield the output of each layer."""
        for number, layer in enumerate(self.layers):
            x = layer.forward(weights.get(str(number), {}), x, training)
            yield x

    def forward(self, weights, x, training=None):
        for number, layer in enumerate(self.layers):
            x = layer.forward(weights.get(str(number), {}), x, training)
        return x


@dataclass(frozen=True, repr=False)
class Residual(Layer):
    """x + f(x): what goes in, plus what some layers make of it.

    The layers only have to learn what to add. The gradient has a way past them, so that many may
    stand in a row. Each residual adds to the variance of what it is given, so the last weights of
    f begin smaller by the root of the number of residuals in the network.

    Parameters
    ----------
    layers : sequence of Layer
        The layers f; their output has the shape of their input.
    network_residuals : int, default=1
        How many residuals the network has; it counts them itself.

    References
    ----------
    He, Zhang, Ren and Sun (2016), Deep residual learning for image recognition, CVPR.
    """

    layers: tuple[Layer, ...]
    network_residuals: int = 1

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple_of_layers(self.layers, type(self).__name__))

    def placed(self, following, n_residuals):
        # the layers behind see the sum, not f: nothing follows the last of them
        inside = Sequential(self.layers).placed((), n_residuals)
        return replace(self, layers=inside.layers, network_residuals=max(1, n_residuals))

    def count_residuals(self):
        return 1 + Sequential(self.layers).count_residuals()

    def build(self, shape, generator):
        weights, output = Sequential(self.layers).build(shape, generator)
        if output != shape:
            raise ShapeError(
                self,
                shape,
                f"layers that keep the shape; these make {output} of it",
                "End them with a layer that gives the shape that came.",
            )
        last = last_weights(weights)
        if last is not None:
            last["weights"] = last["weights"] / sqrt(self.network_residuals)
        return weights, output

    def forward(self, weights, x, training=None):
        # x + f(x)
        return x + Sequential(self.layers).forward(weights, x, training)


def last_weights(weights: Weights) -> Weights | None:
    """Return the last dict of a network's weights that has an entry "weights"."""
    found = None
    if isinstance(weights.get("weights"), np.ndarray):
        found = weights
    for value in weights.values():
        if isinstance(value, dict):
            found = last_weights(value) or found
    return found


def tuple_of_layers(layers: Any, name: str) -> tuple[Layer, ...]:
    """Return `layers` as a tuple; a ValueError says which of them is none."""
    if isinstance(layers, Layer) or not isinstance(layers, (list, tuple)):
        raise ValueError(f"{name} takes a list of layers, got {layers!r}.")
    for number, layer in enumerate(layers):
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise ValueError(
                f"{name}: layer {number} is the class {layer.__name__}, not a layer; write "
                f"{layer.__name__}(...)."
            )
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{name}: layer {number} is {layer!r}, which is no layer. Layers are in "
                "groundup.neural_network.layers."
            )
    return tuple(layers)
