"""The watch over a network's health: silent on ordinary networks, clear about broken ones."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from groundup.neural_network import MLPClassifier, NetworkClassifier, Tensor, softmax_cross_entropy
from groundup.neural_network import _health as health
from groundup.neural_network.layers import (
    LSTM,
    BatchNorm,
    Conv2d,
    Dense,
    Gelu,
    GlobalAverage,
    LayerNorm,
    MaxPool2d,
    Relu,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    TransformerBlock,
)
from groundup.optim import Adam, Plain

IMAGES, DIGITS = load_digits(return_X_y=True)
IMAGES = (IMAGES[:400] / 16).astype(np.float32)
DIGITS = DIGITS[:400]


class Trained:
    """A chain of layers with its weights, trained in the open, and all that was found."""

    def __init__(self, layers, X=IMAGES, y=DIGITS, seed=0):
        self.X, self.y = X.astype(np.float32), y
        self.chain = Sequential(layers).placed((), 0)
        arrays, _ = self.chain.build((X.shape[1],), np.random.default_rng(seed))
        self.weights = {
            layer: {
                name: Tensor(array.astype(np.float32), requires_grad=True)
                for name, array in of_layer.items()
            }
            for layer, of_layer in arrays.items()
        }
        self.names = [f"layer {i} ({type(la).__name__})" for i, la in enumerate(self.chain.layers)]
        self.kinds = [type(layer).__name__.lower() for layer in self.chain.layers]
        self.weighted = [int(layer) for layer, of_layer in self.weights.items() if of_layer]
        self.start_norms = self.norms(lambda tensor: tensor.data)

    def norms(self, of):
        return [
            float(np.sqrt(sum((of(tensor) ** 2).sum() for tensor in of_layer.values())))
            for of_layer in self.weights.values()
            if of_layer
        ]

    def tensors(self):
        return [tensor for of_layer in self.weights.values() for tensor in of_layer.values()]

    def outputs(self):
        x = Tensor(self.X[: health.ENOUGH_ROWS])
        return [output.data for output in self.chain.outputs(self.weights, x)]

    def start(self):
        inputs = self.X[: health.ENOUGH_ROWS]
        return health.watch_start(inputs, self.outputs(), self.names, self.kinds)

    def end(self):
        inputs = self.X[: health.ENOUGH_ROWS]
        return health.watch_outputs(inputs, self.outputs(), self.names, self.kinds, "at the end")

    def train(self, epochs=3, rate=1e-3, rule=None, batch=50):
        """Return what was found in the gradients of `epochs` epochs."""
        found = []
        rule = rule or Adam()
        memories = [rule.start(tensor.data.ravel()) for tensor in self.tensors()]
        for _ in range(epochs):
            for first in range(0, len(self.X), batch):
                rows = slice(first, first + batch)
                *_, logits = self.chain.outputs(self.weights, Tensor(self.X[rows]))
                for tensor in self.tensors():
                    tensor.zero_grad()
                softmax_cross_entropy(logits, self.y[rows]).backward()
                for tensor, memory in zip(self.tensors(), memories, strict=True):
                    flat = tensor.data.reshape(-1)
                    rule.update(flat, tensor.grad.ravel(), rate, memory)
            found += health.watch_gradients(
                self.norms(lambda tensor: tensor.grad),
                self.norms(lambda tensor: tensor.data),
                [self.names[layer] for layer in self.weighted],
                self.start_norms,
            )
        return found


def dense(activation, depth=3, width=32, n_outputs=10, start=None):
    layers = []
    for _ in range(depth):
        layers += [Dense(width, start=start), activation()]
    return [*layers, Dense(n_outputs)]


# ---- silent on ordinary networks ----


@pytest.mark.parametrize("activation", [Relu, Gelu, Tanh, Sigmoid])
@pytest.mark.parametrize(("depth", "width"), [(1, 4), (1, 128), (2, 32), (4, 16), (6, 64)])
@pytest.mark.parametrize("seed", [0, 1])
def test_an_ordinary_start_is_not_reported(activation, depth, width, seed):
    if activation is Sigmoid and depth > 4:
        pytest.skip("a chain of six sigmoids does lose its gradient")
    for X, y in [
        (IMAGES, DIGITS),
        (StandardScaler().fit_transform(load_breast_cancer().data), load_breast_cancer().target),
        load_iris(return_X_y=True),
    ]:
        network = Trained(dense(activation, depth, width), X, y, seed)
        assert health.watch_columns(X) == []
        found = network.start()
        if X.shape[1] == 4 and activation in (Tanh, Sigmoid):
            # centimetres around 5, not centred: that may saturate indeed
            found = [finding for finding in found if finding.cause != "saturated"]
        assert found == []


@pytest.mark.parametrize("activation", [Relu, Gelu, Tanh, Sigmoid])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("rule", [Adam(), Plain()])
def test_ordinary_training_is_not_reported(activation, depth, rule):
    network = Trained(dense(activation, depth))
    assert network.train(epochs=6, rate=3e-3 if isinstance(rule, Adam) else 0.1, rule=rule) == []
    assert network.end() == []


def test_a_network_that_has_learned_all_there_is_is_not_reported():
    X, y = load_iris(return_X_y=True)
    X, y = X[:100] - X[:100].mean(axis=0), y[:100]
    network = Trained(dense(Tanh, depth=2, n_outputs=2), X, y)
    assert network.train(epochs=150, rate=0.03) == []
    assert network.end() == []


def test_a_last_layer_of_zeros_is_a_fair_start():
    network = Trained(dense(Relu))
    network.weights["6"]["weights"].data[:] = 0.0
    assert network.start() == []


def test_rows_that_are_all_the_same_say_nothing_about_the_layers():
    network = Trained(dense(Relu), X=np.ones((40, 5)), y=np.arange(40) % 10)
    assert network.start() == []
    assert network.end() == []


def test_equal_columns_are_not_equal_units():
    X = np.repeat(IMAGES[:, 20:21], 5, axis=1)
    assert Trained(dense(Tanh), X=X).start() == []


# ---- clear about broken ones: what, where ----


def broken(layer, change, activation=Relu):
    network = Trained(dense(activation))
    change(network.weights[str(layer)])
    return network


@pytest.mark.parametrize("activation", [Relu, Tanh, Gelu])
@pytest.mark.parametrize("layer", [0, 2, 4])
def test_zero_weights(activation, layer):
    def to_zero(weights):
        weights["weights"].data[:] = 0.0

    network = broken(layer, to_zero, activation)
    [finding] = network.start()
    assert (finding.cause, finding.layer) == ("constant", f"layer {layer} (Dense)")
    assert "not set to zero" in finding.text


@pytest.mark.parametrize("layer", [0, 2, 4])
def test_equal_units(layer):
    def to_equal(weights):
        weights["weights"].data[:] = 0.05

    [finding] = broken(layer, to_equal).start()
    assert (finding.cause, finding.layer) == ("symmetric", f"layer {layer} (Dense)")
    assert "All 32 units" in finding.text


@pytest.mark.parametrize(("factor", "cause"), [(1e-3, "tiny"), (300.0, "huge")])
@pytest.mark.parametrize("layer", [0, 2, 4])
def test_weights_of_a_wrong_size(factor, cause, layer):
    def scale(weights):
        weights["weights"].data *= factor

    [finding] = broken(layer, scale).start()
    assert (finding.cause, finding.layer) == (cause, f"layer {layer} (Dense)")


def test_weights_that_overflow_are_huge():
    def enormous(weights):
        weights["weights"].data *= 1e38

    with np.errstate(all="ignore"):
        [finding] = broken(2, enormous).start()
    assert (finding.cause, finding.layer) == ("huge", "layer 2 (Dense)")


@pytest.mark.parametrize(("std", "cause"), [(0.05, "tiny"), (1.0, "huge")])
def test_a_signal_that_fades_or_grows_layer_by_layer(std, cause):
    network = Trained(dense(Relu, depth=8, width=64))
    generator = np.random.default_rng(0)
    for layer in network.weighted:
        weights = network.weights[str(layer)]["weights"].data
        weights[:] = generator.normal(scale=std, size=weights.shape)
    [finding] = network.start()
    assert finding.cause == cause
    assert "on its way through the layers" in finding.text


@pytest.mark.parametrize("activation", [Tanh, Sigmoid])
def test_saturated_units(activation):
    def scale(weights):
        weights["weights"].data *= 100.0

    found = broken(2, scale, activation).start()
    # Whichever is said first, it is about the layer that was broken or the curve behind it.
    assert found[0].layer in ("layer 2 (Dense)", f"layer 3 ({activation.__name__})")
    assert any(finding.cause in ("saturated", "huge") for finding in found)


def test_saturation_by_columns_that_are_not_scaled():
    found = Trained(dense(Tanh), X=IMAGES * 100).start()
    assert (found[0].cause, found[0].layer) == ("saturated", "layer 1 (Tanh)")


def test_dead_units_at_the_start():
    def far_below(weights):
        weights["bias"].data[:] = -30.0

    network = broken(2, far_below)
    [finding] = network.start()
    assert (finding.cause, finding.layer) == ("dead", "layer 3 (Relu)")
    assert "32 of the 32 units" in finding.text
    found = network.train(epochs=1)
    assert (found[0].cause, found[0].layer) == ("vanishing", "layer 0 (Dense)")
    assert "No gradient reaches" in found[0].text


def test_units_that_die_in_training():
    network = Trained(dense(Relu))
    network.train(epochs=2, rate=1.0)
    [finding] = network.end()
    assert finding.cause in ("dead", "constant")


def test_the_gradient_vanishes_in_a_deep_chain_of_sigmoids():
    network = Trained(dense(Sigmoid, depth=10))
    found = network.train(epochs=1)
    assert (found[0].cause, found[0].layer) == ("vanishing", "layer 0 (Dense)")
    assert "layer 20 (Dense)" in found[0].text


def test_the_gradient_explodes_on_its_way_back():
    [finding] = health.watch_gradients([9e4, 30.0, 1.0], [10.0, 10.0, 10.0], ["a", "b", "c"])
    assert (finding.cause, finding.layer) == ("exploding", "a")
    [finding] = health.watch_gradients([50.0, 0.3, 1e-3], [10.0, 10.0, 10.0], ["a", "b", "c"])
    assert (finding.cause, finding.layer) == ("exploding", "a")
    assert "on its way back" in finding.text


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_steps_that_are_far_too_long():
    found = Trained(dense(Tanh)).train(epochs=1, rate=1e3, rule=Plain())
    assert found[0].cause in ("weights grew", "not finite")
    assert "learning rate ten times smaller" in found[0].text
    [finding] = health.watch_gradients([1.0, np.nan], [1.0, 1.0], ["a", "b"])
    assert (finding.cause, finding.layer) == ("not finite", "b")


# ---- columns and targets ----


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_columns_that_are_not_scaled(load):
    data = load(as_frame=True)
    X = data.data.to_numpy()
    [finding] = health.watch_columns(X, list(data.data.columns))
    worst = data.data.columns[np.argmax((X**2).mean(axis=0))]
    assert repr(worst) in finding.text
    assert health.watch_columns(StandardScaler().fit_transform(X)) == []
    [finding] = health.watch_columns(StandardScaler().fit_transform(X) * 1e-5)
    assert "varies by more than" in finding.text


def test_ones_and_zeros_and_constant_columns_need_no_scaling():
    assert health.watch_columns(np.eye(100)) == []
    assert health.watch_columns(np.zeros((10, 3))) == []
    assert health.watch_columns(np.ones((1, 3))) == []


def test_columns_and_targets_whose_squares_overflow():
    [finding] = health.watch_columns(np.array([[1e300, 0.0], [2e300, 1.0]]))
    assert "column 0 runs from 1e+300 to 2e+300" in finding.text
    assert [f.cause for f in health.watch_targets(np.array([1e300]))] == ["unscaled targets"]


def test_targets_that_are_not_scaled():
    y = load_diabetes().target
    [finding] = health.watch_targets(y)
    assert "from 25 to 346" in finding.text
    assert health.watch_targets((y - y.mean()) / y.std()) == []


# ---- telling ----


def test_a_cause_is_told_once():
    findings = [health.Finding("dead", "layer 1", "first"), health.Finding("dead", "layer 3", "2")]
    told: set[str] = set()
    with pytest.warns(health.TrainingWarning, match="first") as warned:
        health.tell(findings, told)
    assert len(warned) == 1 and told == {"dead"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        health.tell(findings, told)


# ---- through the estimators ----


@pytest.mark.parametrize("estimator", [NetworkClassifier, MLPClassifier])
def test_an_estimator_says_that_columns_are_not_scaled_and_is_silent_else(estimator):
    X, y = load_wine(return_X_y=True, as_frame=True)
    longest = {"max_epochs": 5} if estimator is NetworkClassifier else {"max_iter": 5}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        with pytest.warns(health.TrainingWarning, match="column .* runs from 278 to 1.68e\\+03"):
            estimator(random_state=0, **longest).fit(X, y)
        warnings.simplefilter("error", health.TrainingWarning)
        estimator(random_state=0, **longest).fit(StandardScaler().fit_transform(X), y)


def test_an_estimator_names_the_layer_that_gets_no_gradient():
    layers = [layer for _ in range(10) for layer in (Dense(16), Sigmoid())]
    with pytest.warns(health.TrainingWarning, match="vanishes .* in layer 0 \\(Dense\\)"):
        NetworkClassifier(layers, max_epochs=1, random_state=0).fit(IMAGES, DIGITS)


@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier((100,), activation="tanh", max_iter=1, random_state=0),
        NetworkClassifier([Dense(100), Tanh()], max_epochs=1, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_looks_at_more_than_the_first_rows(model):
    X = 40.0 * np.random.default_rng(0).normal(size=(1200, 3))
    X[:300] = 0.0
    with pytest.warns(health.TrainingWarning, match="flat"):
        model.fit(X, np.arange(1200) % 2)


def test_evenly_spaced_rows_are_at_most_as_many_as_asked_for():
    for n in (1, 255, 256, 257, 511, 513, 10_000):
        rows = health.some_rows(np.arange(n))
        assert min(n, 128) <= len(rows) <= 256
        assert n - rows[-1] <= rows[-1] - rows[0] or n == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_perceptron_of_many_logistic_layers_says_that_its_gradient_vanishes():
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = MLPClassifier((32,) * 6, activation="logistic", max_iter=4, random_state=0)
    with pytest.warns(health.TrainingWarning, match="vanishes"):
        model.fit(X, y)


@pytest.mark.parametrize(
    "layers",
    [
        [Reshape((8, 8)), LSTM(8, outputs="last")],
        [Reshape((8, 8)), TransformerBlock(heads=2), GlobalAverage()],
        [Reshape((1, 8, 8)), Conv2d(4, 3), BatchNorm(), Relu(), MaxPool2d(2)],
        [Dense(16), Residual([LayerNorm(), Dense(16), Gelu(), Dense(16)])],
    ],
    ids=["recurrent", "transformer", "convolution", "residual"],
)
def test_other_ordinary_networks_are_not_reported(layers):
    with warnings.catch_warnings():
        warnings.simplefilter("error", health.TrainingWarning)
        # 400 rows: the last batch has 16
        NetworkClassifier(layers, max_epochs=2, random_state=0).fit(IMAGES, DIGITS)
