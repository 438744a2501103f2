"""What is kept of a network: its layers as plain data, all weights as one flat array.

The file says no shapes.  They follow from the layers, one after the other from the columns that
come in, and the weights have to be exactly as many as the layers ask for.  How many that will be is
worked out before any of them is made, so that a size in a file cannot claim memory.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from groundup.bundle.array_fields import FLOATS, INPUT, Array, ClassWeights, Labels
from groundup.bundle.descriptions import LAYER, RULE, SCHEDULE
from groundup.bundle.fields import (
    FINITE,
    SEED,
    Absent,
    Choice,
    Field,
    Flag,
    Mismatch,
    Nothing,
    OneOf,
    Plain,
    Sequence,
    Whole,
    number,
    optional,
)
from groundup.bundle.parts import Below, Kind, class_in, need
from groundup.bundle.perceptrons import CURVE

MOST_NUMBERS = 2**26  # that a layer may make of one row

Shape = tuple[int, ...]

# How many weights a layer needs for rows of a shape; a layer that is not here needs none.
N_WEIGHTS: dict[str, Callable[[Any, Shape], int]] = {
    "Dense": lambda layer, shape: (shape[-1] + layer.bias) * layer.units,
    "Conv2d": lambda layer, shape: (shape[0] * layer.size**2 + layer.bias) * layer.channels,
    "LayerNorm": lambda layer, shape: 2 * shape[-1],
    "BatchNorm": lambda layer, shape: 4 * shape[0],
    "Embedding": lambda layer, shape: layer.symbols * layer.size,
    "PositionalEmbedding": lambda layer, shape: prod(shape),
    "LSTM": lambda layer, shape: 4 * layer.units * (shape[-1] + layer.units + 1),
    "GRU": lambda layer, shape: layer.units * (3 * (shape[-1] + layer.units + 1) + 1),
    "MultiHeadAttention": lambda layer, shape: 4 * shape[-1] * (shape[-1] + 1),
    "TransformerBlock": lambda layer, shape: (
        shape[-1] * (4 * shape[-1] + 9 + layer.expansion * (2 * shape[-1] + 1))
    ),
}


def shape_after(layers: Any, shape: Shape, room: int) -> tuple[Shape, int]:
    """Return the shape of a row behind these layers, and how many of `room` weights are left.

    Raises
    ------
    Mismatch
        If a layer does not fit what comes in, or asks for more weights than there are.
    """
    from groundup.neural_network.layers import Residual, Sequential

    for layer in layers:
        if isinstance(layer, (Sequential, Residual)):
            inner, room = shape_after(layer.layers, shape, room)
            if isinstance(layer, Residual) and inner != shape:
                raise Mismatch("has a Residual whose layers change the shape")
            shape = inner
            continue
        name = type(layer).__name__
        room -= N_WEIGHTS[name](layer, shape) if name in N_WEIGHTS and shape else 0
        if room < 0:
            raise Mismatch("has fewer weights than its layers need")
        try:
            _, shape = layer.placed((), 1).build(shape, np.random.default_rng(0))
        except (ValueError, IndexError, OverflowError) as error:
            raise Mismatch(f"has layers that do not fit ({error})") from None
        if prod(shape) > MOST_NUMBERS:
            raise Mismatch(f"has a layer that makes more than {MOST_NUMBERS} numbers of a row")
    return shape, room


def _build(cls: type, params: dict[str, Any], fitted: dict[str, Any]) -> Any:
    """Return the network with the layout of its weights worked out from the layers."""
    from groundup.neural_network import Network
    from groundup.neural_network._network import as_sequential

    model = cls(**params)
    vars(model).update(fitted)
    vector, layers = model.weights_, model.layers_
    given = as_sequential(model.layers).layers
    if given != layers[: len(given)]:
        raise Mismatch("was fitted with other layers than it is to be fitted with")
    input_shape = (model.n_features_in_,)
    model.output_shape_, left = shape_after(layers, input_shape, len(vector))
    if left:
        raise Mismatch(f"has {left} weights more than its layers need")
    if vector.dtype.name != model.dtype:
        raise Mismatch(f"has weights of {vector.dtype.name} and is of {model.dtype}")
    built = Network(layers, input_shape, dtype=model.dtype, random_state=0)
    model.parameter_shapes_ = built.parameters.shapes
    # The order of the rows and the noise, should it be trained on, begin anew.
    model._order, model._noise = np.random.default_rng(0).spawn(2)
    return model


def _check_variances(part: Any, where: str) -> None:
    for name, array in part.network_.parameters.named():
        if name.endswith("running_variance"):
            need((array >= 0).all(), where, "has a variance below 0")


def _check_classifier(part: Any, n_features: int, where: str, below: Below) -> int:
    k = len(part.classes_)
    need(k >= 2, where, "has fewer than two classes")
    need(part.output_shape_ == (k,), where, "has outputs for other classes")
    _check_variances(part, where)
    return 0


def _check_regressor(part: Any, n_features: int, where: str, below: Below) -> int:
    need(part.n_outputs_ == prod(part.output_shape_), where, "has outputs for other targets")
    fits = part.n_outputs_ == 1 or not part._one_dimensional
    need(fits, where, "has several outputs where one is answered")
    _check_variances(part, where)
    return 0


class OneAnswer(Plain):
    """False: a network that answers once a row, not at every position of a sequence."""

    wants = "a network with one answer a row"

    def accept(self, value: Any) -> bool:
        if value is not False:
            raise Mismatch("is true: it answers at every position, and a bundle keeps one answer")
        return False


_CLASS_WEIGHT = OneOf(Nothing(), Choice("balanced"), ClassWeights())
_PARAMS: dict[str, Field] = {
    "layers": OneOf(LAYER, Sequence(LAYER, as_tuple=True)),
    "rule": optional(RULE),
    "learning_rate": OneOf(number(0), SCHEDULE),
    "batch_size": OneOf(Choice("auto"), Whole(1)),
    "max_epochs": Whole(1),
    "tol": number(0),
    "patience": Whole(1),
    "early_stopping": Flag(),
    "validation_fraction": number(0, 1),
    "shuffle": Flag(),
    "warm_start": Flag(),
    "steps": Choice("epoch", "batch"),
    "dtype": Choice(*FLOATS),
    "random_state": SEED,
}
_FITTED: dict[str, Field] = {
    **INPUT,
    "layers_": Sequence(LAYER, as_tuple=True),
    "weights_": Array(*FLOATS),
    "loss_": FINITE,
    "loss_curve_": CURVE,
    "validation_curve_": optional(CURVE),
    "best_epoch_": Whole(0),
    "n_iter_": Whole(0),
}

KINDS = {
    "NetworkClassifier": Kind(
        class_in("neural_network", "NetworkClassifier"),
        params={**_PARAMS, "loss": Choice("cross_entropy"), "class_weight": _CLASS_WEIGHT},
        fitted={**_FITTED, "classes_": Labels(), "_several_labels": Absent(OneAnswer())},
        check=_check_classifier,
        build=_build,
    ),
    "NetworkRegressor": Kind(
        class_in("neural_network", "NetworkRegressor"),
        params={
            **_PARAMS,
            "loss": Choice("squared_error", "absolute_error", "huber", "binary_cross_entropy"),
        },
        fitted={**_FITTED, "n_outputs_": Whole(1), "_one_dimensional": Flag()},
        check=_check_regressor,
        build=_build,
    ),
}
