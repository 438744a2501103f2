"""NetworkClassifier and NetworkRegressor: layers as ordinary estimators."""

from __future__ import annotations

import pickle
import re
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from threadpoolctl import threadpool_limits

from groundup.neural_network import (
    Network,
    NetworkClassifier,
    NetworkRegressor,
    TrainingWarning,
)
from groundup.neural_network.layers import (
    GRU,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Gelu,
    GlobalAverage,
    MaxPool2d,
    PositionalEmbedding,
    Relu,
    Reshape,
    Sequential,
    ShapeError,
    Sigmoid,
    Softmax,
    Tanh,
    TransformerBlock,
)
from groundup.neural_network.losses import softmax_cross_entropy, squared_error
from groundup.optim import (
    Adam,
    Clipped,
    Cosine,
    DivergenceError,
    Momentum,
    Plain,
    WeightDecay,
)

IRIS, SPECIES = load_iris(return_X_y=True)
IRIS = scale(IRIS)

# the few epochs of most tests are too few, and are meant to be
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

HIDDEN = (Dense(8), Relu())


def classifier(layers=HIDDEN, **parameters):
    parameters = {"max_epochs": 20, "random_state": 0, **parameters}
    return NetworkClassifier(layers, **parameters)


def regressor(layers=HIDDEN, **parameters):
    parameters = {"max_epochs": 20, "random_state": 0, **parameters}
    return NetworkRegressor(layers, **parameters)


# ---- what it learns is what the formulas say ----


def test_one_batch_of_plain_steps_is_gradient_descent():
    steps, rate = 4, 0.3
    model = classifier(
        rule=Plain(), learning_rate=rate, batch_size=150, max_epochs=steps, dtype="float64", tol=0
    ).fit(IRIS, SPECIES)
    started = classifier(
        rule=Plain(), learning_rate=1e-300, batch_size=150, max_epochs=1, dtype="float64"
    ).fit(IRIS, SPECIES)
    network = started.network_
    losses = []
    for _ in range(steps):
        network.zero_gradient()
        loss = softmax_cross_entropy(network(IRIS), SPECIES)
        loss.backward()
        network.weights[:] -= rate * network.gradient
        losses.append(loss.item())
    np.testing.assert_allclose(model.weights_, network.weights, rtol=1e-10)
    np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e-10)


def test_weights_of_rows_are_repetitions_in_one_batch():
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 4, size=60)
    X, y = IRIS[::3][:60], generator.normal(size=(50,))
    counts, X = counts[: len(X)], X[: len(y)]
    settings = {"rule": Momentum(), "learning_rate": 0.05, "max_epochs": 5, "dtype": "float64"}
    weighted = regressor(**settings, batch_size=50).fit(X, y, sample_weight=counts)
    repeated = regressor(**settings, batch_size=int(counts.sum())).fit(
        np.repeat(X, counts, axis=0), np.repeat(y, counts)
    )
    np.testing.assert_allclose(weighted.weights_, repeated.weights_, rtol=1e-9)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


def test_class_weights_are_weights_of_rows():
    per_class = {0: 1.0, 1: 5.0, 2: 0.5}
    by_class = classifier(class_weight=per_class).fit(IRIS, SPECIES)
    by_row = classifier().fit(IRIS, SPECIES, sample_weight=[per_class[k] for k in SPECIES])
    np.testing.assert_array_equal(by_class.weights_, by_row.weights_)


def test_batches_of_no_weight_take_no_step():
    weight = np.zeros(150)
    weight[:10] = 1.0
    model = classifier(batch_size=8, shuffle=False, max_epochs=3).fit(
        IRIS, SPECIES, sample_weight=weight
    )
    assert np.isfinite(model.loss_curve_).all()
    with pytest.raises(ValueError, match="at least one non-zero"):
        classifier().fit(IRIS, SPECIES, sample_weight=np.zeros(150))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_each_loss_of_a_regressor_finds_its_own_middle(loss):
    y = np.r_[np.zeros(60), np.ones(30), np.full(10, 8.0)]
    X = np.ones((100, 1))
    model = regressor(
        [], loss=loss, batch_size=100, learning_rate=Cosine(0.3, 400), max_epochs=400, patience=400
    ).fit(X, y)
    expected = {"squared_error": y.mean(), "absolute_error": 0.0}.get(loss)
    if expected is None:  # where the clipped distances add up to 0
        grid = np.linspace(0, 8, 80_001)
        slopes = np.clip(grid[:, None] - y, -1, 1).sum(axis=1)
        expected = grid[np.argmin(np.abs(slopes))]
    assert model.predict(X[:1])[0] == pytest.approx(expected, abs=0.02)


# ---- real data ----


def test_a_first_network_works():
    assert cross_val_score(NetworkClassifier(random_state=0), IRIS, SPECIES).mean() > 0.93


def test_a_convolutional_network_reads_digits():
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)
    layers = [
        *(Reshape((1, 8, 8)), Conv2d(8, padding="same"), Relu(), MaxPool2d(2)),
        *(Conv2d(16, padding="same"), BatchNorm(), Gelu(), Flatten(), Dropout(0.2)),
    ]
    model = classifier(layers, learning_rate=0.005, max_epochs=5).fit(X_train, y_train)
    assert model.score(X_test, y_test) > 0.96
    assert model.layers_[-1] == Dense(10)
    assert model.layer_output(X_test, 1).shape == (450, 8, 8, 8)


def test_a_regressor_learns_diabetes_as_well_as_a_straight_line():
    X, y = load_diabetes(return_X_y=True)
    model = regressor([Dense(16), Tanh()], max_epochs=40, learning_rate=0.01, early_stopping=True)
    assert cross_val_score(model, scale(X), scale(y)).mean() > 0.42


def test_an_autoencoder_finds_the_code():
    generator = np.random.default_rng(0)
    code = generator.uniform(-1, 1, size=(400, 2))
    X = 1 / (1 + np.exp(-2 * code @ generator.normal(size=(2, 12))))
    layers = [Dense(16), Tanh(), Dense(2), Dense(16), Tanh(), Dense(12)]
    model = regressor(layers, loss="binary_cross_entropy", learning_rate=0.01, max_epochs=60)
    model.fit(X, X)
    assert model.layers_ == tuple(layers)
    assert model.score(X, X) > 0.9
    found = model.predict(X)
    assert found.shape == X.shape and found.min() > 0 and found.max() < 1
    assert model.layer_output(X, 2).shape == (400, 2)
    images = regressor([Dense(4), Tanh(), Dense(12), Reshape((1, 3, 4))], max_epochs=2).fit(X, X)
    assert images.output_shape_ == (1, 3, 4)
    assert images.predict(X).shape == (400, 12)


def next_characters(T=8, n=400):
    """Rows of "abcabc...", each from a random place, and the character that comes next."""
    start = np.random.default_rng(0).integers(0, 3, size=(n, 1))
    X = (start + np.arange(T)) % 3
    return X, np.array(["b", "c", "a"])[X]


@pytest.mark.parametrize(
    "middle",
    [[GRU(8)], [PositionalEmbedding(), TransformerBlock(2, causal=True, expansion=2)]],
    ids=["recurrent", "transformer"],
)
def test_the_next_character_at_every_position(middle):
    X, y = next_characters()
    layers = [Embedding(3, 8), *middle]
    model = classifier(layers, learning_rate=0.01, max_epochs=6).fit(X, y)
    assert model.output_shape_ == (8, 3)
    assert model.predict(X).shape == (400, 8)
    assert model.predict_proba(X).shape == (400, 8, 3)
    assert model.score(X, y) > 0.98
    assert model.score(X, y, sample_weight=np.arange(400)) > 0.98
    balanced = classifier(layers, class_weight="balanced", max_epochs=1, learning_rate=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert np.isfinite(balanced.fit(X[:5], y[:5], sample_weight=np.ones(5)).loss_)
    with pytest.raises(ValueError, match="0 to 2, got 3"):
        model.predict(X + 1)
    with pytest.raises(ValueError, match="0 to 1, got 2"):
        classifier([Embedding(2, 8), *middle]).fit(X, y)


def test_one_label_a_sequence():
    X, _ = next_characters()
    model = classifier([Embedding(3, 8), TransformerBlock(2), GlobalAverage()], max_epochs=1)
    assert model.fit(X, X[:, 0]).output_shape_ == (3,)
    flat = classifier([Embedding(3, 8), GRU(4)], max_epochs=1).fit(X, X[:, 0])
    assert flat.layers_[-2:] == (Flatten(), Dense(3))


# ---- the output layer ----


@pytest.mark.parametrize(
    ("layers", "ending"),
    [
        ([], (Dense(3),)),
        ([Dense(3)], (Dense(3),)),
        ([Dense(3), Relu()], (Dense(3), Relu(), Dense(3))),
        ([Sequential([Dense(5), Tanh(), Dense(3)])], None),
        ([Reshape((2, 2)), Tanh()], (Reshape((2, 2)), Tanh(), Flatten(), Dense(3))),
    ],
)
def test_an_output_layer_is_added_where_there_is_none(layers, ending):
    model = classifier(layers, max_epochs=1).fit(IRIS, SPECIES)
    assert model.layers_ == (tuple(layers) if ending is None else ending)
    assert model.layers is layers


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Dense(4)], r"Dense\(4\), gives 4 numbers, but y has 3 classes. Make it Dense\(3\)"),
        ([Dense(3), Softmax()], "Leave out Softmax"),
        ([Reshape((2, 2)), Dense(3)], "3 numbers at each of 2 positions"),
        (["relu"], "layer 0 is 'relu', which is no layer"),
    ],
)
def test_an_ending_that_cannot_be_right_is_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        classifier(layers).fit(IRIS, SPECIES)


def test_the_ending_of_a_regressor():
    y = IRIS[:, :2]
    kept = regressor([Dense(2), Sigmoid()], max_epochs=1).fit(IRIS, (y > 0).astype(float))
    assert kept.layers_ == (Dense(2), Sigmoid())
    added = regressor([Dense(2), Relu()], max_epochs=1).fit(IRIS, y)
    assert added.layers_ == (Dense(2), Relu(), Dense(2))
    assert added.predict(IRIS).shape == (150, 2)
    assert regressor([], max_epochs=1).fit(IRIS, y[:, 0]).layers_ == (Dense(1),)
    assert regressor([], max_epochs=1).fit(IRIS, y[:, :1]).predict(IRIS).shape == (150, 1)
    with pytest.raises(ValueError, match=r"5 numbers a row, but y has 2. Make it Dense\(2\)"):
        regressor([Dense(5)]).fit(IRIS, y)
    with pytest.raises(ValueError, match="Leave out Sigmoid"):
        regressor([Dense(2), Sigmoid()], loss="binary_cross_entropy").fit(IRIS, (y > 0) * 1.0)
    with pytest.raises(ValueError, match="targets from 0 to 1, y runs from -"):
        regressor(loss="binary_cross_entropy").fit(IRIS, y)


# ---- bad input, and what goes wrong ----


def test_a_layer_that_does_not_fit_is_named():
    with pytest.raises(ShapeError, match=r"Layer 1 Conv2d\(4\) was given rows of shape \(8,\)"):
        classifier([Dense(8), Conv2d(4)]).fit(IRIS, SPECIES)
    with pytest.raises(ValueError, match=r"y holds 4 labels a row.*y.argmax\(axis=1\)"):
        classifier().fit(IRIS, np.repeat(SPECIES[:, None], 4, axis=1))


def test_images_are_rows_of_a_table():
    images = np.zeros((9, 4, 4))
    for refused in (
        lambda: classifier().fit(images, np.arange(9) % 2),
        lambda: classifier().partial_fit(images, np.arange(9) % 2, classes=[0, 1]),
        lambda: regressor().partial_fit(images, np.arange(9)),
        lambda: classifier(max_epochs=1).fit(IRIS, SPECIES).predict(images),
    ):
        with pytest.raises(ValueError, match=r"X.reshape\(len\(X\), -1\).*Reshape\(\(1, 4, 4\)\)"):
            refused()


def test_values_too_large_for_the_type_are_named():
    model = regressor(max_epochs=1).fit(IRIS, IRIS[:, 0])
    for refused in (
        lambda: regressor().fit(IRIS * 1e200, IRIS[:, 0]),
        lambda: regressor().fit(IRIS, IRIS[:, 0] * 1e200),
        lambda: model.predict(IRIS * 1e200),
    ):
        with pytest.raises(ValueError, match=r"e\+\d+, which is not finite as float32"):
            refused()


@pytest.mark.parametrize("layers", [None, "dense", 3])
def test_layers_that_are_no_list_are_told_how_one_looks(layers):
    with pytest.raises(ValueError, match=r"such as \[Dense\(64\), Relu\(\)\]; got"):
        classifier(layers).fit(IRIS, SPECIES)
    assert classifier(Dense(3), max_epochs=1).fit(IRIS, SPECIES).layers_ == (Dense(3),)


def test_one_class_one_row_and_constant_columns():
    with pytest.raises(ValueError, match="one class, 1"):
        classifier().fit(IRIS, np.ones(150, int))
    assert np.isfinite(regressor(max_epochs=2).fit(IRIS[:1], [2.0]).predict(IRIS[:1])).all()
    constant = classifier(max_epochs=2).fit(np.ones((20, 3)), np.arange(20) % 2)
    assert np.isfinite(constant.predict_proba(np.ones((2, 3)))).all()


def test_a_batch_larger_than_the_rows_is_clipped_with_a_warning():
    with pytest.warns(UserWarning, match="batch_size=500, which is larger than the 150 rows"):
        clipped = classifier(batch_size=500, max_epochs=2).fit(IRIS, SPECIES)
    np.testing.assert_array_equal(
        clipped.weights_, classifier(batch_size=150, max_epochs=2).fit(IRIS, SPECIES).weights_
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier(max_epochs=2).fit(IRIS[:20], SPECIES[:20] * 0 + np.arange(20) % 2)


@pytest.mark.parametrize(
    ("rule", "rate"), [(Plain(), 1e5), (Momentum(), 1e5), (Adam(), 1e9)], ids=repr
)
def test_a_learning_rate_that_diverges_is_told(rule, rate):
    X, y = IRIS * 30, IRIS[:, 0] * 100
    model = regressor([Dense(8), Relu()] * 5, rule=rule, learning_rate=rate, max_epochs=200)
    advice = f"learning_rate={rate:.6g}. Try learning_rate=0.1 or lower"
    with (
        pytest.raises(DivergenceError, match=re.escape(advice)),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", TrainingWarning)
        model.fit(X, y)


@pytest.mark.filterwarnings("ignore::groundup.neural_network.TrainingWarning")
def test_no_learning_rate_is_blamed_for_a_loss_that_overflows_before_the_first_step():
    with pytest.raises(DivergenceError, match="before the first step, so no learning rate is"):
        regressor(dtype="float64").fit(IRIS, IRIS[:, 0] * 1e200)
    with pytest.raises(DivergenceError, match="learning_rate=nan. It has to be a positive number"):
        regressor(learning_rate=lambda updates: np.nan).fit(IRIS, IRIS[:, 0])


def test_divergence_costs_nothing_that_was_there():
    model = regressor(max_epochs=3, warm_start=True).fit(IRIS, IRIS[:, 0])
    before = model.weights_.copy()
    model.set_params(learning_rate=1e30, rule=Plain())
    with pytest.raises(DivergenceError), warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        model.fit(IRIS, IRIS[:, 0])
    np.testing.assert_array_equal(model.weights_, before)


def test_what_hinders_learning_is_said_in_words():
    with pytest.warns(TrainingWarning, match="column 2 runs from"):
        classifier(max_epochs=1).fit(IRIS * [1, 1, 1e5, 1], SPECIES)
    with pytest.warns(TrainingWarning, match="y has large values"):
        regressor(max_epochs=1).fit(IRIS, 1e5 * IRIS[:, 0])
    with pytest.warns(TrainingWarning, match="layer 0"):
        classifier([Dense(8, start="small"), Tanh()] * 3, max_epochs=1).fit(IRIS, SPECIES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier([Dense(16), Relu()] * 3).fit(IRIS, SPECIES)


# ---- stopping, going on ----


def test_early_stopping_brings_the_best_epoch_back():
    X, y = make_classification(300, 10, flip_y=0.3, random_state=0)
    parameters = {"learning_rate": 0.02, "early_stopping": True, "validation_fraction": 0.3}
    model = classifier([Dense(64), Relu()], max_epochs=60, patience=5, **parameters).fit(X, y)
    assert len(model.validation_curve_) == len(model.loss_curve_) == model.n_iter_ < 60
    assert model.best_epoch_ == 1 + np.argmin(model.validation_curve_)
    assert model.best_epoch_ < model.n_iter_
    until_best = clone(model).set_params(max_epochs=model.best_epoch_, patience=100).fit(X, y)
    np.testing.assert_array_equal(model.weights_, until_best.weights_)
    assert classifier().fit(IRIS, SPECIES).validation_curve_ is None


class StopAfter:
    """A callback that ends the fit after some steps."""

    def __init__(self, n_steps):
        self.left = n_steps

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.left -= context.task_name == "step"
        return self.left <= 0


def test_a_fit_that_is_ended_early_says_which_epoch_its_weights_are_of():
    X, y = make_classification(300, 10, flip_y=0.3, random_state=0)
    parameters = {"learning_rate": 0.02, "early_stopping": True, "patience": 100}
    model = classifier([Dense(64), Relu()], max_epochs=60, **parameters)
    model.set_callbacks(StopAfter(30)).fit(X, y)
    assert np.argmin(model.validation_curve_) < 29
    assert model.best_epoch_ == model.n_iter_ == 30
    held = model.validation_curve_[-1]
    again = classifier([Dense(64), Relu()], max_epochs=30, **parameters).fit(X, y)
    assert again.best_epoch_ == 1 + np.argmin(again.validation_curve_) < 30
    assert again.validation_curve_[-1] == held


def test_learning_on_does_not_end_worse_than_it_began():
    X, y = make_classification(300, 10, flip_y=0.3, random_state=0)
    parameters = {"early_stopping": True, "validation_fraction": 0.3, "warm_start": True}
    model = classifier([Dense(64), Relu()], learning_rate=0.02, patience=5, **parameters).fit(X, y)
    before, best_epoch = model.weights_.copy(), model.best_epoch_
    model.set_params(learning_rate=10.0).fit(X, y)  # the same rows are held back: the same seed
    assert min(model.validation_curve_[-5:]) > min(model.validation_curve_)
    assert model.best_epoch_ == best_epoch
    np.testing.assert_array_equal(model.weights_, before)


def test_the_loss_of_the_rows_held_back_is_theirs():
    model = regressor(early_stopping=True, validation_fraction=0.2, max_epochs=5, dtype="float64")
    model.fit(IRIS, IRIS[:, 0])
    from sklearn.model_selection import ShuffleSplit

    [(_, held)] = ShuffleSplit(1, test_size=0.2, random_state=0).split(IRIS)
    error = model.predict(IRIS[held]) - IRIS[held, 0]
    assert min(model.validation_curve_) == pytest.approx(np.mean(error**2))


def test_too_few_rows_to_hold_some_back():
    few = {"early_stopping": True, "max_epochs": 1}
    for refused in (
        lambda: classifier(**few).fit(IRIS[:5], [0, 0, 0, 0, 1]),
        lambda: regressor(**few).fit(IRIS[:1], [0.0]),
    ):
        with pytest.raises(ValueError, match="holds 0.1 of the . rows back.*early_stopping=False"):
            refused()


def test_epochs_that_are_too_few_are_told():
    X = scale(IRIS)
    with pytest.warns(ConvergenceWarning, match="max_epochs=1, perhaps too early. One epoch"):
        classifier(max_epochs=1).fit(X, SPECIES)
    with pytest.warns(ConvergenceWarning, match="max_epochs=5, .*The last one took the loss from"):
        model = classifier(max_epochs=5, learning_rate=0.01, warm_start=True).fit(X, SPECIES)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        classifier(max_epochs=5, learning_rate=Cosine(0.01, updates=25)).fit(X, SPECIES)
        classifier(tol=10.0, patience=3).fit(X, SPECIES)  # has settled, as it was told
        model.set_params(max_epochs=1, tol=10.0).fit(X, SPECIES)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((4, 6, 6, 3)), "channels of the images first.*Reshape\\(\\(3, 6, 6\\)\\)"),
        (np.zeros((4, 3, 6, 6)), "begin the layers with Reshape\\(\\(3, 6, 6\\)\\)\\.$"),
        (np.zeros((4, 5, 6)), "Reshape\\(\\(1, 5, 6\\)\\) for images or Reshape\\(\\(5, 6\\)\\)"),
        ([[0, 1, 2], [0, 1], [1], [2]], "from 1 to 3 values.*fill shorter ones up"),
        ([["a", "b"]] * 4, "could not convert string to float.*Number the symbols of a text"),
    ],
    ids=["channels last", "channels first", "sequences", "unequal lengths", "text"],
)
def test_what_is_no_table_is_told_how_to_become_one(X, message):
    for learn in (
        lambda: classifier().fit(X, [0, 1, 0, 1]),
        lambda: classifier().partial_fit(X, [0, 1, 0, 1], classes=[0, 1]),
        lambda: regressor().fit(X, [0.0, 1.0, 0.0, 1.0]),
    ):
        with pytest.raises(ValueError, match=message):
            learn()


def test_a_rule_that_is_a_class_is_told():
    with pytest.raises(ValueError, match="rule is the class Adam, .*write Adam\\(\\)"):
        classifier(rule=Adam).fit(IRIS, SPECIES)


def test_stops_where_the_loss_does_not_improve():
    model = classifier(tol=10.0, patience=3).fit(IRIS, SPECIES)
    assert model.n_iter_ == 4
    assert classifier(tol=0.0, max_epochs=7, patience=1).fit(IRIS, SPECIES).n_iter_ <= 7


def test_warm_start_goes_on():
    model = classifier(max_epochs=3, warm_start=True).fit(IRIS, SPECIES)
    first = model.loss_curve_[-1]
    model.fit(IRIS, SPECIES)
    assert model.n_iter_ == len(model.loss_curve_) == 6
    assert model.loss_curve_[3] < first
    with pytest.raises(ValueError, match="warm_start=True"):
        model.fit(IRIS[:, :2], SPECIES)
    with pytest.raises(ValueError, match="fitted with other layers"):
        model.set_params(layers=[Dense(9), Relu()]).fit(IRIS, SPECIES)


def test_partial_fit_goes_on_epoch_by_epoch():
    model = classifier(learning_rate=0.03)
    for rows in np.split(np.random.default_rng(0).permutation(150), 5) * 8:
        model.partial_fit(IRIS[rows], SPECIES[rows], classes=[0, 1, 2])
    assert model.n_iter_ == len(model.loss_curve_) == 40
    assert model.score(IRIS, SPECIES) > 0.9
    again = pickle.loads(pickle.dumps(model))
    for each in (model, again):
        each.partial_fit(IRIS, SPECIES)
    np.testing.assert_array_equal(model.weights_, again.weights_)
    with pytest.raises(ValueError, match="y holds 3, which is not among classes"):
        model.partial_fit(IRIS, SPECIES + 1)
    with pytest.raises(ValueError, match="early_stopping=False"):
        classifier(early_stopping=True).partial_fit(IRIS, SPECIES, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="balanced"):
        classifier(class_weight="balanced").partial_fit(IRIS, SPECIES, classes=[0, 1, 2])
    before = model.weights_.copy()
    model.set_params(learning_rate=1e30, rule=Plain())
    with pytest.raises(DivergenceError):
        for _ in range(3):
            model.partial_fit(1e3 * IRIS, SPECIES)
            before = model.weights_.copy()
    np.testing.assert_array_equal(model.weights_, before)
    model.set_params(learning_rate=0.01, rule=Momentum()).partial_fit(IRIS, SPECIES)
    numbers = regressor().partial_fit(IRIS, IRIS[:, :2]).partial_fit(IRIS, IRIS[:, :2])
    assert numbers.predict(IRIS).shape == (150, 2)
    with pytest.raises(ValueError, match="2 numbers a row, y has 1"):
        numbers.partial_fit(IRIS, IRIS[:, 0])


def test_partial_fit_of_all_rows_is_an_epoch_of_fit():
    for make, y in ((classifier, SPECIES), (regressor, IRIS[:, 0])):
        whole = make(max_epochs=2, tol=0).fit(IRIS, y)
        parts = make()
        for _ in range(2):
            first = {"classes": [0, 1, 2]} if make is classifier else {}
            parts.partial_fit(IRIS, y, **first)
        np.testing.assert_array_equal(whole.weights_, parts.weights_)


# ---- steps, seeds, rules ----


class Listener:
    """A callback that keeps the weights and the loss of every step."""

    def __init__(self):
        self.weights, self.curves = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "step" and fitted_estimator is not None:
            self.weights.append(fitted_estimator.weights_)
            self.curves.append(list(fitted_estimator.loss_curve_))


@pytest.mark.parametrize(("steps", "n_steps"), [("epoch", 3), ("batch", 15)])
def test_a_step_is_an_epoch_or_a_batch(steps, n_steps):
    listener = Listener()
    slow = classifier(steps=steps, max_epochs=3, early_stopping=False).set_callbacks(listener)
    slow.fit(IRIS, SPECIES)
    assert len(listener.weights) == n_steps
    assert listener.curves[-1] == slow.loss_curve_
    assert not np.array_equal(listener.weights[0], listener.weights[1])
    plain = classifier(max_epochs=3).fit(IRIS, SPECIES)
    np.testing.assert_array_equal(slow.weights_, plain.weights_)
    assert slow.loss_curve_ == plain.loss_curve_


def test_full_batches_of_short_plain_steps_lower_the_loss_every_time():
    model = classifier(rule=Plain(), learning_rate=0.1, batch_size=150, dtype="float64")
    assert (np.diff(model.fit(IRIS, SPECIES).loss_curve_) < 0).all()


def test_rules_and_schedules_are_those_of_optim():
    rule = Clipped(1.0, WeightDecay(0.5, Adam()))
    decayed = classifier(rule=rule, learning_rate=Cosine(0.01, 100)).fit(IRIS, SPECIES)
    free = classifier(learning_rate=0.01).fit(IRIS, SPECIES)
    assert np.linalg.norm(decayed.weights_) < np.linalg.norm(free.weights_)
    with pytest.raises(ValueError, match=r"such as Adam\(\) .* got 'adam'"):
        classifier(rule="adam").fit(IRIS, SPECIES)
    for rate in ("adaptive", 0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match=r"such as Cosine\(.* got "):
            classifier(learning_rate=rate).fit(IRIS, SPECIES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_type_is_the_one_asked_for(dtype):
    model = classifier(dtype=dtype).fit(IRIS, SPECIES)
    assert model.weights_.dtype == dtype
    assert model.layer_output(IRIS, 0).dtype == dtype
    np.testing.assert_allclose(model.predict_proba(IRIS).sum(axis=1), 1.0)
    np.testing.assert_allclose(
        np.exp(model.predict_log_proba(IRIS)), model.predict_proba(IRIS), rtol=1e-9
    )


def test_noise_and_running_averages_come_from_the_seed():
    layers = [Dense(8), BatchNorm(), Relu(), Dropout(0.3)]
    one, two = (classifier(layers).fit(IRIS, SPECIES) for _ in range(2))
    np.testing.assert_array_equal(one.weights_, two.weights_)
    other = classifier(layers, random_state=1).fit(IRIS, SPECIES)
    assert not np.array_equal(one.weights_, other.weights_)
    # the last row alone in its batch has no variance, and spoils nothing
    odd = classifier(layers, batch_size=149, learning_rate=0.1).fit(IRIS, SPECIES)
    assert odd.score(IRIS, SPECIES) > 0.5


@pytest.mark.parametrize(
    "layers",
    [
        [Reshape((1, 8, 8)), Conv2d(8, padding="same"), Relu(), MaxPool2d(2)],
        [Reshape((8, 8)), GRU(16), PositionalEmbedding(), TransformerBlock(4), GlobalAverage()],
    ],
    ids=["convolution", "sequence"],
)
def test_the_same_bits_on_one_thread_and_on_two(layers):
    X, y = load_digits(return_X_y=True)
    X, y = X[:600] / 16, y[:600]

    def fitted():
        model = classifier(layers, max_epochs=2, batch_size=128).fit(X, y)
        return model.weights_, model.predict_proba(X)

    with threadpool_limits(1):
        one = fitted()
    for a, b in zip(one, fitted(), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- inside, and among others ----


def test_the_network_can_be_looked_into():
    model = classifier([Dense(8), Relu(), Dense(4), Tanh()]).fit(IRIS, SPECIES)
    network = model.network_
    assert isinstance(network, Network)
    logits = network.forward(IRIS).data
    np.testing.assert_array_equal(model.classes_[logits.argmax(axis=1)], model.predict(IRIS))
    np.testing.assert_array_equal(model.layer_output(IRIS, -1), network.predict(IRIS))
    assert network.state()["0.weights"].shape == (4, 8)
    assert list(model.parameter_shapes_) == list(network.state())
    with pytest.raises(AttributeError):
        _ = classifier().network_


def test_in_a_pipeline_and_a_grid():
    pipeline = make_pipeline(StandardScaler(), classifier(max_epochs=3))
    choices = [[Dense(4), Relu()], [Dense(8), Tanh()]]
    search = GridSearchCV(pipeline, {"networkclassifier__layers": choices}, cv=2)
    search.fit(IRIS, SPECIES)
    assert search.best_params_["networkclassifier__layers"] in choices
    assert repr(classifier([Dense(4)], max_epochs=3)).startswith(
        "NetworkClassifier(layers=[Dense(4)], max_epochs=3"
    )


def test_losses_are_those_of_the_formulas():
    model = regressor(batch_size=150, max_epochs=1, learning_rate=1e-30, dtype="float64")
    model.fit(IRIS, IRIS[:, 0])
    outputs = model.network_(IRIS)
    assert model.loss_ == pytest.approx(squared_error(outputs, IRIS[:, :1]).item())
