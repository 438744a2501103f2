"""A network: layers, and the weights that they have learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from groundup._blocks import single_blas_thread
from groundup.neural_network._composites import Sequential
from groundup.neural_network._embedding import Embedding, as_symbols
from groundup.neural_network._layer import Layer, Shape, ShapeError, Weights
from groundup.neural_network._parameters import Parameters, flattened
from groundup.neural_network._reshaping import Flatten, Reshape
from groundup.neural_network.autodiff import Tensor, no_grad

#: Rows that are predicted at once: enough for the matrix products, few enough for the memory.
BLOCK_ROWS = 256
#: BLAS adds the products of one, two or three rows in another order than those of four, so blocks
#: are filled up: in small layers what is said of a row then has the same bits in any company.  Not
#: so in layers with hundreds of units, or some dozens at each of many positions: how BLAS cuts such
#: large products depends on the number of rows, and answers may differ in their last digits.
ROWS_TOGETHER = 4


class Network:
    """Layers and their weights: what an estimator fits, and what one can train by hand.

    Parameters
    ----------
    layers : list of Layer, or a composite such as Sequential
        What the network computes.
    input_shape : tuple of int
        The shape of one row of the input.
    dtype : {"float32", "float64"}, default="float32"
        The type of weights and outputs.
    random_state : int, Generator or None, default=None
        Seeds the first weights, and the noise of layers that train with noise.
    vector : ndarray, default=None
        Weights to take, without copying, in place of new ones; with `shapes`, or else built anew.
    shapes : mapping of str to tuple of int, default=None
        The names and shapes of the weights in `vector`.

    Attributes
    ----------
    weights : ndarray of shape (p,)
        All learned weights; change them, and the network has changed.
    gradient : ndarray of shape (p,)
        Where `backward` adds the derivative of a loss in each of them.
    parameters : Parameters
        The same by name.

    Examples
    --------
    >>> from groundup.neural_network.layers import Dense, Relu
    >>> network = Network([Dense(8), Relu(), Dense(2)], (4,), random_state=0)
    >>> network(np.zeros((3, 4))).shape
    (3, 2)
    >>> sorted(network.state())
    ['0.bias', '0.weights', '2.bias', '2.weights']
    >>> print(network)
    layer  0  Dense(8)   (8,)  40 weights
    layer  1  Relu()     (8,)
    layer  2  Dense(2)   (2,)  18 weights
    """

    def __init__(
        self,
        layers: Any,
        input_shape: Shape,
        *,
        dtype: Any = "float32",
        random_state: Any = None,
        vector: np.ndarray | None = None,
        shapes: Mapping[str, Shape] | None = None,
    ):
        self.model = as_sequential(layers)
        self.input_shape = tuple(input_shape)
        self._noise = np.random.default_rng(random_state)
        if vector is None or shapes is None:
            start, _ = first_weights(self.model, self.input_shape, self._noise)
            built, shapes = flattened(start, dtype)
            vector = built if vector is None else vector
        self.parameters = Parameters(vector, shapes)

    @property
    def weights(self) -> np.ndarray:
        """All learned weights, (p,); what is assigned is written into the network's own memory."""
        return self.parameters.learned

    @weights.setter
    def weights(self, values: Any) -> None:
        self.parameters.learned[...] = values

    @property
    def gradient(self) -> np.ndarray:
        """The derivative of a loss in each weight, (p,): what `backward` adds to."""
        return self.parameters.gradient

    @gradient.setter
    def gradient(self, values: Any) -> None:
        self.parameters.gradient[...] = values

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, from the input to the output."""
        return self.model.layers

    def zero_gradient(self) -> None:
        """Forget the gradient, before the next `backward` adds to it."""
        self.gradient.fill(0.0)

    def forward(self, x: Any, training: bool | np.random.Generator | None = None) -> Tensor:
        """Return the output, recorded for `backward`.

        Parameters
        ----------
        x : array-like or Tensor of shape (n, *input_shape)
        training : bool or Generator, default=None
            Whether layers that train with noise (Dropout) or by batches (BatchNorm) do so; a
            generator is the source of that noise in place of the network's own.

        Returns
        -------
        Tensor of shape (n, *output_shape)
        """
        noise = self._noise if training is True else training or None
        return self.model.forward(self.parameters.tree, self.as_input(x), noise)

    __call__ = forward

    def as_input(self, x: Any) -> Tensor:
        """Return rows as the tensor that the first layer takes.

        Raises
        ------
        ValueError
            If the rows have another shape than the network's input, are no symbols where the
            network begins with an Embedding, or are too large for its type.
        """
        if isinstance(x, Tensor):
            return x
        first = first_with_meaning(self.model)
        values = np.asarray(x)
        shape_fits = values.shape[1:] == self.input_shape
        # a sequence may be shorter than those that were learned from, or longer, unless one of the
        # layers knows positions by their number
        sequence = isinstance(first, Embedding) and values.ndim == 1 + len(self.input_shape)
        if values.ndim == 0 or not (shape_fits or sequence):
            raise ValueError(
                f"The network takes rows of shape {self.input_shape}, got an array of shape "
                f"{values.shape}."
            )
        if isinstance(first, Embedding):
            return Tensor(as_symbols(values, first.symbols))
        return Tensor(as_type(values, self.weights.dtype))

    def outputs(self, x: Any) -> list[np.ndarray]:
        """Return the output of each layer, in prediction."""
        with no_grad():
            x = self.as_input(x)
            return [y.data for y in self.model.outputs(self.parameters.tree, x)]

    def predict(self, X: Any, layer: int | None = None) -> np.ndarray:
        """Return the output for many rows, block by block; nothing is recorded.

        Parameters
        ----------
        X : array-like of shape (n, *input_shape)
        layer : int, default=None
            The layer whose output is wanted, counted from 0, or from the end if negative; None:
            the last.

        Returns
        -------
        ndarray of shape (n, ...)
        """
        n_layers = len(self.layers)
        number = n_layers - 1 if layer is None else layer
        if not -n_layers <= number < n_layers:
            raise ValueError(
                f"There are {n_layers} layers, counted from 0 to {n_layers - 1}, or from "
                f"-{n_layers} to -1; got layer={layer}."
            )
        wanted = Sequential(self.layers[: number % n_layers + 1] if n_layers else ())
        X = X.data if isinstance(X, Tensor) else np.asarray(X)
        with no_grad(), single_blas_thread():
            parts = [
                wanted.forward(self.parameters.tree, self.as_input(filled(X[rows]))).data
                for rows in blocks_of_rows(len(X))
            ]
        parts[-1] = parts[-1][: (len(X) - 1) % BLOCK_ROWS + 1]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def state(self) -> dict[str, np.ndarray]:
        """Return a copy of every weight and running average by name."""
        return {name: array.copy() for name, array in self.parameters.named()}

    def load(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over weights by name, as `state` returned them.

        Raises
        ------
        ValueError
            If a name is missing or unknown, or a shape differs; nothing is changed then.
        """
        own = dict(self.parameters.named())
        if own.keys() != state.keys():
            differing = sorted(own.keys() ^ state.keys())
            raise ValueError(f"These weights are in only one of both: {', '.join(differing)}.")
        for name, array in own.items():
            if np.shape(state[name]) != array.shape:
                raise ValueError(
                    f"{name} has shape {np.shape(state[name])}, the network's is {array.shape}."
                )
        for name, array in own.items():
            array[...] = state[name]

    def __str__(self) -> str:
        one_row = np.zeros((1, *self.input_shape))
        shapes = [output.shape[1:] for output in self.outputs(one_row)]
        words = [repr(layer) for layer in self.layers]
        counts = [0] * len(words)
        for name, array in self.parameters.named(self.weights):
            counts[int(name.partition(".")[0])] += array.size
        wide = max(map(len, words), default=0)
        high = max((len(str(shape)) for shape in shapes), default=0)
        lines = [
            f"layer {number:2d}  {word:{wide}}   {shape!s:{high}}"
            + (f"  {count:,} weights" if count else "")
            for number, (word, shape, count) in enumerate(zip(words, shapes, counts, strict=True))
        ]
        return "\n".join(line.rstrip() for line in lines)


def first_weights(
    model: Sequential, shape: Shape, generator: np.random.Generator
) -> tuple[Weights, Shape]:
    """Return the first weights of a whole network, and the shape of one row of its output."""
    try:
        return model.placed((), model.count_residuals()).build(shape, generator)
    except ShapeError as error:
        raise error.of(model.layers) from None


def as_sequential(layers: Any) -> Sequential:
    """Return a list of layers, or one composite, as a Sequential."""
    if isinstance(layers, Sequential):
        return layers
    return Sequential((layers,) if isinstance(layers, Layer) else layers)


def first_with_meaning(model: Sequential) -> Layer | None:
    """Return the first layer that does more than to reshape, looking into composites."""
    for layer in model.layers:
        found = first_with_meaning(layer) if isinstance(layer, Sequential) else layer
        if found is not None and not isinstance(found, (Reshape, Flatten)):
            return found
    return None


def as_type(values: np.ndarray, dtype: np.dtype, name: str = "X") -> np.ndarray:
    """Return the values in another type; a ValueError if one of them is too large for it."""
    if values.dtype == dtype:
        return values
    with np.errstate(over="ignore"):
        converted = values.astype(dtype)
    if not np.isfinite(converted).all():
        worst = values[~np.isfinite(converted)].flat[0]
        raise ValueError(
            f"{name} holds {worst:.6g}, which is not finite as {dtype}. Bring the columns to one "
            'scale (StandardScaler), or use dtype="float64".'
        )
    return converted


def filled(rows: np.ndarray) -> np.ndarray:
    """Return the rows, the last one repeated until their number is a multiple of four."""
    missing = -len(rows) % ROWS_TOGETHER
    return np.concatenate([rows, *[rows[-1:]] * missing]) if missing else rows


def blocks_of_rows(n: int) -> Iterator[slice]:
    """Yield slices of `BLOCK_ROWS` rows; one, even if there are none."""
    for first in range(0, max(n, 1), BLOCK_ROWS):
        yield slice(first, min(first + BLOCK_ROWS, n))
