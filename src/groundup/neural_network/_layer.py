"""What a layer is: a small frozen description of sizes; its weights live apart.

A layer knows two things.  `build` says, for rows of one shape, which weights it needs, where they
begin, and what shape its output has; `forward` says how weights and input become output.  Because
the description never changes, the same list of layers can be fitted twice, cloned, printed and
written to disk as plain data, and one layer can serve many networks.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np

from groundup.neural_network.autodiff import Tensor

Shape = tuple[int, ...]
# names -> arrays (while a network is built) or tensors (while it runs), nested for composites
Weights = dict[str, Any]

#: Weights whose name begins so are not learned: a layer keeps them up to date while it trains.
RUNNING = "running_"


class ShapeError(ValueError):
    """Rows of this shape do not fit the layer.

    Parameters
    ----------
    layer : Layer
        The layer that cannot take them.
    came : tuple of int
        The shape of a row that came.
    expected : str
        The shape that the layer takes, in words.
    advice : str
        What to do.
    place : tuple of int, default=()
        Where the layer stands: its number, or those of the composites around it and then its own.
    """

    def __init__(
        self, layer: Layer, came: Shape, expected: str, advice: str, place: tuple[int, ...] = ()
    ):
        self.layer, self.came, self.expected, self.advice = layer, came, expected, advice
        self.place = place
        where = ", ".join(f"layer {number}" for number in place) or "layer"
        super().__init__(
            f"{where.capitalize()} {layer!r} was given rows of shape {came}, but it takes "
            f"{expected}. {advice}"
        )

    def at(self, number: int) -> ShapeError:
        """Return the same error of a layer inside the layer of this number."""
        place = (number, *self.place)
        return ShapeError(self.layer, self.came, self.expected, self.advice, place)

    def of(self, layers: Any) -> ShapeError:
        """Return the same error, showing the layer as it was given among `layers`."""
        layer = self.layer
        for number in self.place:
            layer = layers[number]
            layers = getattr(layer, "layers", ())
        return ShapeError(layer, self.came, self.expected, self.advice, self.place)

    def __reduce__(self) -> Any:
        return ShapeError, (self.layer, self.came, self.expected, self.advice, self.place)


@dataclass(frozen=True, repr=False)
class Layer:
    """Base of all layers.

    A new layer is a frozen dataclass of its sizes with the two methods `build` and `forward`. A
    layer without weights needs only `forward`, and `output_shape` if it changes the shape.
    """

    #: which start suits the weights in front of this layer; None where the layer says nothing
    suits: ClassVar[str | None] = None
    #: whether the input is whole numbers that stand for symbols
    takes_symbols: ClassVar[bool] = False

    def build(self, shape: Shape, generator: np.random.Generator) -> tuple[Weights, Shape]:
        """Return the first weights and the shape of one row of the output.

        Parameters
        ----------
        shape : tuple of int
            The shape of ONE row of the input, such as (64,) or (1, 8, 8).
        generator : numpy.random.Generator
            The source of the first weights.

        Returns
        -------
        weights : dict of str to ndarray or dict
        shape : tuple of int

        Raises
        ------
        ShapeError
            If rows of this shape do not fit.
        """
        return {}, self.output_shape(shape)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of one row of the output; of layers without weights."""
        return shape

    def forward(
        self, weights: Weights, x: Tensor, training: np.random.Generator | None = None
    ) -> Tensor:
        """Return the output for the input `x`, whose first axis counts the rows.

        Parameters
        ----------
        weights : dict of str to Tensor or dict
            As `build` named them.
        x : Tensor of shape (n, *shape)
        training : numpy.random.Generator or None
            None: predict. Otherwise the source of noise of a layer that trains with noise.

        Returns
        -------
        Tensor of shape (n, *output_shape)
        """
        raise NotImplementedError

    def placed(self, following: tuple[Layer, ...], n_residuals: int) -> Self:
        """Return this layer with what depends on its place settled: how its weights begin.

        Parameters
        ----------
        following : tuple of Layer
            The layers behind this one.
        n_residuals : int
            How often the whole network adds something to what a layer was given.
        """
        return self

    def count_residuals(self) -> int:
        """Return how often this layer adds something to what it was given."""
        return 0

    def __repr__(self) -> str:
        # Dense(64), Conv2d(16, size=5): the first size by place, others where they were chosen
        shown = []
        for number, field in enumerate(fields(self)):
            value = getattr(self, field.name)
            if field.default is MISSING or value != field.default:
                shown.append(repr(value) if number == 0 else f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


def start_suiting(following: tuple[Layer, ...]) -> str:
    """Return the start that suits the first activation behind, "glorot" if none comes."""
    return next((layer.suits for layer in following if layer.suits is not None), "glorot")


def require_whole(layer: Layer, *names: str, least: int = 1) -> None:
    """Raise a ValueError unless the named sizes are whole numbers of at least `least`."""
    for name in names:
        value = getattr(layer, name)
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(
                f"{type(layer).__name__}: {name} must be a whole number of at least {least}, "
                f"got {value!r}."
            )


def require_share(layer: Layer, name: str) -> None:
    """Raise a ValueError unless the named number is at least 0 and below 1."""
    value = getattr(layer, name)
    if not isinstance(value, (int, float)) or not 0.0 <= value < 1.0:
        raise ValueError(
            f"{type(layer).__name__}: {name} must be at least 0 and below 1, got {value!r}."
        )


def require_one_of(layer: Layer, name: str, choices: tuple[Any, ...]) -> None:
    """Raise a ValueError unless the named parameter is one of `choices`."""
    value = getattr(layer, name)
    if value not in choices:
        raise ValueError(
            f"{type(layer).__name__}: {name} must be one of {', '.join(map(repr, choices))}, "
            f"got {value!r}."
        )
