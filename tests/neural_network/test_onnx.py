"""Exported networks, run by onnxruntime, against the estimators that they were exported from."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from groundup.linear_model import Ridge
from groundup.neural_network import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    to_onnx,
)
from groundup.neural_network.layers import (
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    Gelu,
    LayerNorm,
    Relu,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
SHORT = {"max_epochs": 3, "random_state": 0}


def run(model, X, dtype="float32"):
    exported = to_onnx(model, dtype=dtype)
    session = onnxruntime.InferenceSession(
        exported.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(None, {"X": np.asarray(X, dtype=dtype)})
    for value, info in zip(outputs, session.get_outputs(), strict=True):
        assert list(value.shape[1:]) == list(info.shape[1:])
    return dict(zip(names, outputs, strict=True))


def close(actual, expected, dtype="float32"):
    # the epsilon of LayerNormalization is single, whatever the rest is
    tolerance = 2e-5 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def as_single(X):
    """Rows that single precision holds exactly: what differs then is the arithmetic."""
    return np.asarray(X, dtype=np.float32).astype(np.float64)


def classes(n_classes, n=300, d=6, seed=0):
    X, y = make_classification(
        n, d, n_informative=5, n_redundant=0, n_classes=n_classes, random_state=seed
    )
    return as_single(X), y


def same_classifier(model, X, dtype="float32"):
    outputs = run(model, X, dtype)
    assert list(outputs) == ["label", "probabilities"]
    p = model.predict_proba(X)
    close(outputs["probabilities"], p, dtype)
    # a row whose two best classes are level may go either way
    top = np.sort(p, axis=1)
    sure = top[:, -1] - top[:, -2] > 1e-4 if p.shape[1] > 1 else np.ones(len(p), bool)
    np.testing.assert_array_equal(outputs["label"][sure], model.predict(X)[sure])
    assert sure.mean() > 0.9


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_perceptrons_of_classes(activation, n_classes, seed, dtype):
    X, y = classes(n_classes, seed=seed)
    model = MLPClassifier((9, 5), activation=activation, max_iter=5, random_state=seed)
    same_classifier(model.fit(X, y), X, dtype)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["ash", "beech", "cedar"]),
        np.array(["ash", "beech", "cedar"], dtype=object),
        np.array([10, -3, 7]),
        np.array([1.0, 2.0, 4.0]),
        np.array([False, True]),
        np.array(["Ümlaut", "日本"]),
    ],
)
@pytest.mark.parametrize("network", [False, True])
def test_labels_of_every_type(labels, network):
    X, y = classes(len(labels))
    model = NetworkClassifier(**SHORT) if network else MLPClassifier(max_iter=3, random_state=0)
    model.fit(X, labels[y])
    same_classifier(model, X)
    assert run(model, X)["label"][0] in labels.tolist()


def test_several_labels_a_row():
    X, _ = classes(2)
    Y = (X[:, :3] > 0).astype(int)
    model = MLPClassifier((8,), max_iter=20, random_state=0).fit(X, Y)
    outputs = run(model, X)
    p = model.predict_proba(X)
    close(outputs["probabilities"], p)
    sure = np.abs(p - 0.5) > 1e-4
    np.testing.assert_array_equal(outputs["label"][sure], model.predict(X)[sure])
    assert outputs["label"].dtype == np.int64


def test_one_class():
    X, _ = classes(2)
    model = MLPClassifier((4,), max_iter=2).fit(X, np.full(len(X), "only"))
    same_classifier(model, X)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_perceptrons_of_numbers(loss, n_outputs, dtype):
    X, _ = classes(2)
    Y = np.exp(X[:, :n_outputs] / 4)
    Y = Y[:, 0] if n_outputs == 1 else Y
    model = MLPRegressor(loss, (7,), max_iter=5, random_state=0).fit(X, Y)
    outputs = run(model, X, dtype)
    assert list(outputs) == ["variable"]
    close(outputs["variable"], model.predict(X).reshape(len(X), n_outputs), dtype)


ELEMENTWISE = [
    Flatten(),
    Dense(8),
    BatchNorm(),
    Gelu(),
    Residual([Dense(8, bias=False), Tanh(), LayerNorm(epsilon=1e-3)]),
    Sequential([Dense(6), Sigmoid(), Dropout(0.3)]),
    Softmax(),
    Reshape((6,)),
    Dense(5),
    Relu(),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_networks_of_all_layers_that_bend_single_numbers(dtype):
    X, y = classes(3)
    # erf of runtimes is one of single precision
    layers = ELEMENTWISE if dtype == "float32" else [a for a in ELEMENTWISE if a != Gelu()]
    model = NetworkClassifier(layers, dtype=dtype, **SHORT).fit(X, y)
    same_classifier(model, X, dtype)


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_networks_of_numbers(loss, n_outputs):
    X, _ = classes(2)
    Y = 1.0 / (1.0 + np.exp(-X[:, :n_outputs]))
    Y = Y[:, 0] if n_outputs == 1 else Y
    model = NetworkRegressor([Dense(8), Tanh()], loss=loss, **SHORT).fit(X, Y)
    close(run(model, X)["variable"], model.predict(X).reshape(len(X), n_outputs))


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        "passthrough",
    ],
)
def test_pipelines_on_real_data(scaler):
    for load in (load_iris, load_breast_cancer):
        X, y = load(return_X_y=True)
        X = as_single(X)
        model = Pipeline([("scale", scaler), ("net", MLPClassifier(max_iter=5, random_state=0))])
        outputs = run(model.fit(X, y), X, "float64")
        close(outputs["probabilities"], model.predict_proba(X), "float64")


def test_a_scaled_target():
    X, _ = classes(2)
    y = 1000.0 + 50.0 * X[:, 0]
    model = make_pipeline(
        StandardScaler(),
        TransformedTargetRegressor(
            MLPRegressor(max_iter=5, random_state=0), transformer=StandardScaler()
        ),
    ).fit(X, y)
    outputs = run(model, X)
    assert list(outputs) == ["variable"]
    close(outputs["variable"][:, 0], model.predict(X))


def test_scikit_learns_own_perceptron_can_be_exported_too():
    X, y = classes(3)
    model = sklearn.neural_network.MLPClassifier((6,), max_iter=5, random_state=0).fit(X, y)
    same_classifier(model, X)


def test_one_row_and_many():
    X, y = classes(2)
    model = MLPClassifier(max_iter=2).fit(X, y)
    for n in (1, 7):
        close(run(model, X[:n])["probabilities"], model.predict_proba(X[:n]))


def test_what_cannot_be_exported_is_named():
    X, y = classes(2, d=9)
    images = [Reshape((1, 3, 3)), Conv2d(2), Flatten()]
    with pytest.raises(ValueError, match=r"Layer 0, Reshape\(\(1, 3, 3\)\), cannot be exported"):
        to_onnx(NetworkClassifier(images, **SHORT).fit(X, y))
    inside = [Sequential([Dense(9), Relu(), Sequential(images)])]
    with pytest.raises(ValueError, match="Layer 0, layer 2, layer 0, Reshape"):
        to_onnx(NetworkClassifier(inside, **SHORT).fit(X, y))
    with pytest.raises(ValueError, match="A Ridge cannot be exported"):
        to_onnx(Ridge().fit(X, y))
    with pytest.raises(ValueError, match=r"Step 'minmaxscaler', MinMaxScaler\(\), cannot"):
        to_onnx(make_pipeline(MinMaxScaler(), MLPClassifier(max_iter=2)).fit(X, y))
    with pytest.raises(NotFittedError):
        to_onnx(MLPClassifier())
    with pytest.raises(ValueError, match="dtype must be"):
        to_onnx(MLPClassifier(max_iter=2).fit(X, y), dtype="float16")


def test_weights_too_large_for_single_precision():
    X, y = classes(2)
    model = MLPClassifier((3,), max_iter=2).fit(X, y)
    model.coefs_[0][0, 0] = 1e300
    with pytest.raises(ValueError, match="Use dtype='float64'"):
        to_onnx(model)
    assert to_onnx(model, dtype="float64").graph.node


def test_without_the_extra_the_command_is_named(monkeypatch):
    X, y = classes(2)
    model = MLPClassifier(max_iter=2).fit(X, y)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'groundup\[onnx\]'"):
        to_onnx(model)
