r"""Export of dense networks to ONNX, a format that many other programs can run.

An ONNX file is a graph: named arrays, and nodes that make one array of others ("MatMul", "Relu",
"Softmax").  A dense network is a chain of such nodes, so exporting it is walking through its layers
and writing down a node or two for each:

    X -> (X - mean) / scale -> Relu(X W_1 + b_1) -> X W_2 + b_2 -> Softmax -> probabilities

The graph needs neither Python nor this package: a browser, a phone or a database can run it.

What it holds is what the estimator computes, in the precision that is chosen: answers differ from
the estimator's by rounding, some 1e-6 in single precision.

References
----------
.. [1] Open Neural Network Exchange, https://onnx.ai/onnx/operators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18  # of 2022: runtimes of all later years know its operators
IR_VERSION = 8  # of the file, as old as that
INPUT = "X"


def to_onnx(estimator: Any, *, dtype: str = "float32") -> ModelProto:
    """Return a fitted dense network as an ONNX model.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor or Pipeline
        Fitted. Layers of a network may be dense ones, activations, `Dropout`, `BatchNorm` and
        `LayerNorm` over features, `Sequential` and `Residual`. A pipeline may have `StandardScaler`
        in front of it, and a regressor may stand in a `TransformedTargetRegressor` with one.
    dtype : {"float32", "float64"}, default="float32"
        The type of the input and of all numbers inside. Single precision is what runtimes are made
        for; double is for columns whose values need more than seven digits.

    Returns
    -------
    onnx.ModelProto
        ``model.SerializeToString()`` are the bytes of the file, ``onnx.save(model, path)`` writes
        it. The input is "X", of shape (n, n_features). A classifier gives "label", of shape (n,) or
        for several labels a row (n, n_labels), and "probabilities", of shape (n, n_classes); a
        regressor gives "variable", of shape (n, n_outputs).

    Raises
    ------
    ImportError
        If the package onnx is not there.
    ValueError
        If the estimator, or one of its layers, cannot be exported.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> import numpy as np, onnxruntime
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from groundup.neural_network import MLPClassifier, to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier((8,), solver="lbfgs", max_iter=500, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network).fit(X, y)
    >>> session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    >>> label, probabilities = session.run(None, {"X": X.astype(np.float32)})
    >>> bool((label == model.predict(X)).all())
    True
    """
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}.")
    try:
        import onnx
    except ImportError:
        raise ImportError(
            "to_onnx needs the package onnx, which is in an extra: pip install 'groundup[onnx]'"
        ) from None
    from groundup import __version__

    check_is_fitted(estimator)
    graph = _Graph(np.dtype(dtype))
    outputs = _exporter(estimator)(graph, estimator, INPUT)
    kind = onnx.helper.np_dtype_to_tensor_dtype(graph.dtype)
    n_features = _n_features(estimator)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            type(estimator).__name__,
            [onnx.helper.make_tensor_value_info(INPUT, kind, ["n", n_features])],
            [
                onnx.helper.make_tensor_value_info(name, type_, ["n", *shape])
                for name, (type_, shape) in outputs.items()
            ],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="groundup",
        producer_version=__version__,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


Outputs = dict[str, tuple[int, tuple[int, ...]]]  # name -> (element type, shape of a row)


class _Graph:
    """Nodes and constants, in the order in which they are needed.

    Parameters
    ----------
    dtype : numpy.dtype
        The type of all numbers.
    """

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any) -> str:
        """Add an array of numbers in the graph's type; return its name."""
        with np.errstate(over="ignore"):
            array = np.asarray(values).astype(self.dtype)
        if not np.isfinite(array).all():
            raise ValueError(
                f"The network holds numbers that {self.dtype} cannot. Use dtype='float64'."
            )
        return self.as_it_is(array)

    def as_it_is(self, array: np.ndarray) -> str:
        """Add an array in its own type; return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, **options: Any) -> str:
        """Add a node; return the name of its output."""
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **options))
        return name

    def number(self, value: float) -> str:
        return self.constant(value)


# ---- layers: from the name of the input to the name of the output ----


def _dense(graph: _Graph, x: str, weights: np.ndarray, bias: np.ndarray | None) -> str:
    # x W + b
    x = graph.add("MatMul", x, graph.constant(weights))
    return x if bias is None else graph.add("Add", x, graph.constant(bias))


def _gelu(graph: _Graph, x: str) -> str:
    # x P(Z < x) = x (1 + erf(x / sqrt(2))) / 2
    erf = graph.add("Erf", graph.add("Mul", x, graph.number(sqrt(0.5))))
    share = graph.add("Mul", graph.add("Add", erf, graph.number(1.0)), graph.number(0.5))
    return graph.add("Mul", x, share)


def _layer(graph: _Graph, layer: Any, weights: Mapping[str, Any], x: str, place: str) -> str:
    """Add the nodes of one layer of a `Network`; its weights are tensors by name."""
    kind = type(layer).__name__
    simple = {"Relu": "Relu", "Tanh": "Tanh", "Sigmoid": "Sigmoid"}
    given = {name: getattr(value, "data", value) for name, value in weights.items()}
    if kind in simple:
        return graph.add(simple[kind], x)
    if kind == "Dense":
        return _dense(graph, x, given["weights"], given.get("bias"))
    if kind == "Gelu":
        return _gelu(graph, x)
    if kind == "Softmax":
        return graph.add("Softmax", x, axis=-1)
    if kind == "BatchNorm":
        # gain (x - mean) / sqrt(variance + e) + shift, where all but x is constant
        factor = given["gain"] / np.sqrt(given["running_variance"] + layer.epsilon)
        shift = given["shift"] - given["running_mean"] * factor
        return graph.add("Add", graph.add("Mul", x, graph.constant(factor)), graph.constant(shift))
    if kind == "LayerNorm":
        gain, shift = graph.constant(given["gain"]), graph.constant(given["shift"])
        return graph.add("LayerNormalization", x, gain, shift, axis=-1, epsilon=layer.epsilon)
    if kind in ("Sequential", "Residual"):
        inner = _layers(graph, layer.layers, weights, x, f"{place}, ")
        return inner if kind == "Sequential" else graph.add("Add", x, inner)
    if kind in ("Dropout", "Flatten") or (kind == "Reshape" and len(layer.shape) == 1):
        return x  # nothing happens in prediction, to rows of (features,)
    raise ValueError(
        f"{place[0].upper()}{place[1:]}, {layer!r}, cannot be exported to ONNX: only dense layers, "
        "activations, Dropout, BatchNorm, LayerNorm, Sequential and Residual can. save_bundle "
        "keeps networks of any layers."
    )


def _layers(graph: _Graph, layers: Any, weights: Mapping[str, Any], x: str, place: str = "") -> str:
    for number, layer in enumerate(layers):
        x = _layer(graph, layer, weights.get(str(number), {}), x, f"{place}layer {number}")
    return x


# ---- estimators ----


def _pipeline(graph: _Graph, pipeline: Any, x: str) -> Outputs:
    *scalers, (_, last) = pipeline.steps
    for name, scaler in scalers:
        if scaler is None or scaler == "passthrough":
            continue
        if type(scaler).__name__ != "StandardScaler":
            raise ValueError(
                f"Step {name!r}, {scaler!r}, cannot be exported to ONNX: in front of a network "
                "only StandardScaler can. Export the network alone, pipeline[-1], and prepare its "
                "input where it runs."
            )
        # (x - mean) / scale
        if scaler.with_mean:
            x = graph.add("Sub", x, graph.constant(scaler.mean_))
        if scaler.with_std:
            x = graph.add("Div", x, graph.constant(scaler.scale_))
    return _exporter(last)(graph, last, x)


def _scaled_target(graph: _Graph, model: Any, x: str) -> Outputs:
    scaler = model.transformer_
    if type(scaler).__name__ != "StandardScaler":
        raise ValueError(
            f"TransformedTargetRegressor cannot be exported to ONNX with {scaler!r}: only with "
            "transformer=StandardScaler()."
        )
    outputs = _exporter(model.regressor_)(graph, model.regressor_, x)
    node = graph.nodes[-1]
    node.output[0] = y = "scaled"
    # y scale + mean
    if scaler.with_std:
        y = graph.add("Mul", y, graph.constant(scaler.scale_))
    if scaler.with_mean:
        y = graph.add("Add", y, graph.constant(scaler.mean_))
    graph.add("Identity", y, output="variable")
    return outputs


def _perceptron(graph: _Graph, model: Any, x: str) -> Outputs:
    operators = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    for number, (coef, intercept) in enumerate(layers):
        x = _dense(graph, x, coef, intercept)
        if number < len(layers) - 1 and model.activation in operators:
            x = graph.add(operators[model.activation], x)
    answer = model.out_activation_
    if not hasattr(model, "classes_"):
        return _numbers(graph, graph.add("Exp", x) if answer == "exp" else x, model.n_outputs_)
    if answer == "softmax":
        return _one_label(graph, model.classes_, x)
    p = graph.add("Sigmoid", x)
    if model.n_outputs_ > 1:
        return _several_labels(graph, p, model.n_outputs_)
    if len(model.classes_) == 1:
        # whatever comes in, it is that class: p^0
        return _one_label(graph, model.classes_, None, graph.add("Pow", p, graph.number(0.0)))
    rest = graph.add("Sub", graph.number(1.0), p)
    return _one_label(graph, model.classes_, None, graph.add("Concat", rest, p, axis=1))


def _network(graph: _Graph, model: Any, x: str) -> Outputs:
    network = model.network_
    x = _layers(graph, network.layers, network.parameters.tree, x)
    if hasattr(model, "classes_"):
        return _one_label(graph, model.classes_, x)
    if model.loss == "binary_cross_entropy":
        x = graph.add("Sigmoid", x)
    return _numbers(graph, x, model.n_outputs_)


# ---- outputs ----


def _numbers(graph: _Graph, x: str, n_outputs: int) -> Outputs:
    from onnx import helper

    graph.add("Identity", x, output="variable")
    return {"variable": (helper.np_dtype_to_tensor_dtype(graph.dtype), (int(n_outputs),))}


def _one_label(
    graph: _Graph, classes: np.ndarray, logits: str | None, probabilities: str | None = None
) -> Outputs:
    """Add the likeliest class of each row, and the probabilities, from logits if there are some."""
    from onnx import helper

    if logits is not None:
        probabilities = graph.add("Softmax", logits, axis=-1)
    assert probabilities is not None
    scores = probabilities if logits is None else logits
    best = graph.add("ArgMax", scores, axis=1, keepdims=0)
    labels, kind = _labels(classes)
    graph.add("Gather", graph.as_it_is(labels), best, output="label")
    graph.add("Identity", probabilities, output="probabilities")
    number = helper.np_dtype_to_tensor_dtype(graph.dtype)
    return {"label": (kind, ()), "probabilities": (number, (len(classes),))}


def _labels(classes: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the classes in a type that ONNX has, and that type."""
    from onnx import TensorProto, helper

    if classes.dtype.kind in "iu":
        return classes.astype(np.int64), TensorProto.INT64
    if classes.dtype.kind == "b":
        return classes, TensorProto.BOOL
    if all(isinstance(label, str) for label in classes.tolist()):
        return classes.astype(object), TensorProto.STRING
    if classes.dtype.kind == "f":
        return classes, helper.np_dtype_to_tensor_dtype(classes.dtype)
    raise ValueError(
        f"Classes of type {classes.dtype} cannot be exported to ONNX; use text or numbers."
    )


def _several_labels(graph: _Graph, p: str, n_labels: int) -> Outputs:
    from onnx import TensorProto, helper

    chosen = graph.add("Greater", p, graph.number(0.5))
    graph.add("Cast", chosen, output="label", to=TensorProto.INT64)
    graph.add("Identity", p, output="probabilities")
    number = helper.np_dtype_to_tensor_dtype(graph.dtype)
    return {
        "label": (TensorProto.INT64, (n_labels,)),
        "probabilities": (number, (n_labels,)),
    }


def _n_features(model: Any) -> int:
    if hasattr(model, "n_features_in_"):
        return int(model.n_features_in_)
    # a pipeline that begins with "passthrough" does not know
    return next(int(s.n_features_in_) for _, s in model.steps if hasattr(s, "n_features_in_"))


def _exporter(model: Any) -> Callable[[_Graph, Any, str], Outputs]:
    exporters = {
        "Pipeline": _pipeline,
        "TransformedTargetRegressor": _scaled_target,
        "MLPClassifier": _perceptron,
        "MLPRegressor": _perceptron,
        "NetworkClassifier": _network,
        "NetworkRegressor": _network,
    }
    name = type(model).__name__
    if name not in exporters:
        raise ValueError(f"A {name} cannot be exported to ONNX; these can: {', '.join(exporters)}.")
    return exporters[name]
