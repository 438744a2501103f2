"""MLPClassifier and MLPRegressor: against scikit-learn's, step by step, and on bad input."""

from __future__ import annotations

import contextlib
import warnings
from itertools import pairwise

import numpy as np
import pytest
import sklearn.neural_network as twins
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale
from threadpoolctl import threadpool_limits

from groundup.neural_network import MLPClassifier, MLPRegressor, _mlp_epoch
from groundup.neural_network._findings import TrainingWarning
from groundup.neural_network._mlp_descent import require_finite
from groundup.neural_network._mlp_epoch import Threads
from groundup.optim import DivergenceError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (11, 6), "batch_size": 64, "max_iter": 12}


def classes(K=3, n=330, seed=0, dtype=np.float64):
    X, y = make_classification(n, 7, n_informative=5, n_classes=K, random_state=seed)
    return X.astype(dtype), y


def numbers(k=1, n=330, seed=0, dtype=np.float64):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, 7))
    y = np.sin(X @ generator.normal(size=(7, k))) + 0.1 * generator.normal(size=(n, k))
    return X.astype(dtype), y[:, 0] if k == 1 else y


def assert_same_course(ours, theirs, X, tolerance):
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.n_layers_ == theirs.n_layers_
    assert ours.n_outputs_ == theirs.n_outputs_
    assert ours.out_activation_ == theirs.out_activation_
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=tolerance)
    for one, other in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert one.dtype == X.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
    for name in ("loss_", "best_loss_", "best_validation_score_", "validation_scores_"):
        expected = getattr(theirs, name)
        if expected is None:
            assert getattr(ours, name) is None
        else:
            np.testing.assert_allclose(getattr(ours, name), expected, rtol=tolerance)
    method = "predict_proba" if hasattr(ours, "predict_proba") else "predict"
    answer, expected = getattr(ours, method)(X), getattr(theirs, method)(X)
    np.testing.assert_allclose(answer, expected, rtol=tolerance, atol=tolerance)


RULES = {
    "adam": {"solver": "adam"},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.05},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.2,
        "tol": 0.01,
        "n_iter_no_change": 1,
    },
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("rule", RULES)
def test_the_course_of_a_classifier_is_that_of_scikit_learn(rule, activation, dtype):
    seed = len(activation)
    X, y = classes(2 + seed % 2, seed=seed, dtype=dtype)
    settings = {**SMALL, **RULES[rule], "activation": activation, "random_state": seed}
    ours = MLPClassifier(**settings).fit(X, y)
    theirs = twins.MLPClassifier(**settings).fit(X, y)
    assert_same_course(ours, theirs, X, 1e-10 if dtype == np.float64 else 2e-3)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("rule", ["adam", "nesterov"])
def test_the_course_of_a_regressor_is_that_of_scikit_learn(rule, k, loss):
    X, y = numbers(k)
    y = np.floor(np.exp(y)) if loss == "poisson" else y
    settings = {**SMALL, **RULES[rule], "loss": loss, "random_state": k}
    ours = MLPRegressor(**settings).fit(X, y)
    theirs = twins.MLPRegressor(**settings).fit(X, y)
    assert_same_course(ours, theirs, X, 1e-9)
    assert ours.predict(X).shape == y.shape


MORE = {
    "early stopping": {"early_stopping": True, "max_iter": 40, "n_iter_no_change": 3, "tol": 1e-3},
    "in order": {"shuffle": False},
    "one row a batch": {"batch_size": 1, "max_iter": 2},
    "all rows a batch": {"batch_size": 330},
    "no penalty": {"alpha": 0.0},
    "large penalty": {"alpha": 10.0},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "one hidden layer": {"hidden_layer_sizes": 9},
}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("kind", ["two classes", "three classes", "labels", "number"])
@pytest.mark.parametrize("more", MORE)
def test_settings_targets_and_weights_do_what_they_do_in_scikit_learn(more, kind, weighted):
    X, y = classes(3)
    y = {
        "two classes": np.array(["no", "yes"])[(y > 0).astype(int)],
        "three classes": y * 10,
        "labels": np.column_stack([y > 0, y > 1, y == 0]).astype(int),
        "number": X[:, 0] * X[:, 1] + 0.1 * y,
    }[kind]
    v = np.random.default_rng(0).uniform(0.1, 2.0, len(X)) if weighted else None
    settings = {**SMALL, **MORE[more], "random_state": 3}
    name = "MLPRegressor" if kind == "number" else "MLPClassifier"
    ours = {"MLPRegressor": MLPRegressor, "MLPClassifier": MLPClassifier}[name](**settings)
    theirs = getattr(twins, name)(**settings)
    if weighted:
        ours.fit(X, y, sample_weight=v)
        theirs.fit(X, y, sample_weight=v)
    else:
        ours.fit(X, y)
        theirs.fit(X, y)
    assert_same_course(ours, theirs, X, 1e-9)
    if kind != "number":
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_and_warm_start_go_on_as_in_scikit_learn(solver):
    X, y = classes(3)
    settings = {"solver": solver, "learning_rate": "invscaling", "random_state": 0}
    ours, theirs = MLPClassifier(**settings), twins.MLPClassifier(**settings)
    for rows in (slice(0, 100), slice(100, 330), slice(0, 330)):
        for model in (ours, theirs):
            model.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
        assert_same_course(ours, theirs, X, 1e-9)
    settings = {**SMALL, "solver": solver, "random_state": 0, "warm_start": True, "max_iter": 4}
    ours, theirs = MLPRegressor(**settings), twins.MLPRegressor(**settings)
    for _ in range(3):
        ours.fit(X, X[:, 0])
        theirs.fit(X, X[:, 0])
    assert_same_course(ours, theirs, X, 1e-9)
    assert len(ours.loss_curve_) == 12


def test_a_warm_start_may_change_the_solver():
    X, y = classes(3)
    model = MLPClassifier((5,), warm_start=True, solver="lbfgs", max_iter=20, random_state=0)
    losses = []
    for solver, early_stopping in [
        ("lbfgs", False),
        ("lbfgs", False),
        ("adam", False),
        ("adam", True),
        ("sgd", False),
        ("lbfgs", False),
    ]:
        model.set_params(solver=solver, early_stopping=early_stopping, max_iter=20).fit(X, y)
        losses.append(model.loss_)
    assert losses[-1] < losses[0]
    assert not hasattr(model, "loss_curve_")


def test_a_partial_fit_that_fails_changes_nothing():
    X, y = numbers()
    model = MLPRegressor(solver="sgd", random_state=0).partial_fit(X, y)
    kept = [coef.copy() for coef in model.coefs_]
    for rows, target in ((1e200 * X, y), (X[:, :3], y), (X, np.full(len(y), np.nan))):
        with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"diverged|features|NaN"):
            model.partial_fit(rows, target)
    twin = MLPRegressor(solver="sgd", random_state=0).partial_fit(X, y).partial_fit(X, y)
    for one, other in zip(model.coefs_, kept, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model.partial_fit(X, y).coefs_[0], twin.coefs_[0])
    assert model.loss_curve_ == twin.loss_curve_


def test_partial_fit_of_several_labels_and_several_targets():
    X, y = classes(3)
    labels = np.column_stack([y > 0, y == 1]).astype(int)
    ours = MLPClassifier(random_state=0).partial_fit(X, labels, classes=[0, 1])
    theirs = twins.MLPClassifier(random_state=0).partial_fit(X, labels, classes=[0, 1])
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-10)
    targets = X[:, :2] ** 2
    ours = MLPRegressor(random_state=0).partial_fit(X, targets)
    theirs = twins.MLPRegressor(random_state=0).partial_fit(X, targets)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_lbfgs_ends_where_the_gradient_is_small(dtype):
    X, y = load_iris(return_X_y=True)
    X = scale(X).astype(dtype)
    settings = {"solver": "lbfgs", "alpha": 1.0, "max_iter": 2000, "random_state": 0}
    ours = MLPClassifier((5,), activation="tanh", **settings).fit(X, y)
    theirs = twins.MLPClassifier((5,), activation="tanh", **settings).fit(X, y)
    assert ours.coefs_[0].dtype == dtype
    assert ours.loss_ <= theirs.loss_ * 1.02
    assert ours.n_iter_ < 2000
    assert not hasattr(ours, "loss_curve_")
    with pytest.raises(AttributeError, match="partial_fit"):
        ours.partial_fit  # noqa: B018


def test_lbfgs_without_a_hidden_layer_is_the_one_minimum_of_least_squares():
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, tol=1e-8, random_state=0)
    model.fit(X, y)
    expected = np.linalg.lstsq(X, y, rcond=None)[0]
    # columns of diabetes are nearly collinear: L-BFGS stops once the loss no longer falls
    assert np.mean((model.predict(X) - y) ** 2) == pytest.approx(
        np.mean((X @ expected - y) ** 2), rel=1e-6
    )


class Watcher:
    def __init__(self):
        self.seen = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "step" and fitted_estimator is not None:
            self.seen.append(fitted_estimator)


def test_steps_by_batch_end_with_the_same_bits_and_show_every_batch():
    X, y = classes(3)
    watcher = Watcher()
    epochs = MLPClassifier(**SMALL, random_state=0).fit(X, y)
    batches = MLPClassifier(**SMALL, random_state=0, steps="batch")
    batches.set_callbacks(watcher).fit(X, y)
    assert len(watcher.seen) == 12 * 6  # 330 rows, 64 a batch
    for one, other in zip(epochs.coefs_, batches.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(epochs.loss_curve_, batches.loss_curve_, rtol=1e-13)
    assert [step.t_ for step in watcher.seen[:7]] == [64, 128, 192, 256, 320, 330, 394]
    # a snapshot is a network of its own: every batch has moved the weights
    moved = [np.abs(a.coefs_[0] - b.coefs_[0]).max() for a, b in pairwise(watcher.seen)]
    assert min(moved) > 0


def test_every_step_of_a_full_batch_with_short_steps_goes_down():
    X, y = classes(3)
    watcher = Watcher()
    model = MLPClassifier(
        (8,), solver="sgd", momentum=0.0, nesterovs_momentum=False, batch_size=330, max_iter=30,
        learning_rate_init=0.1, random_state=0,
    )  # fmt: skip
    model.set_callbacks(watcher).fit(X, y)
    losses = [step.loss_ for step in watcher.seen]
    assert len(losses) == 30
    assert all(later < earlier for earlier, later in pairwise(losses))
    assert losses == model.loss_curve_


def test_early_stopping_keeps_the_best_weights():
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    model = MLPClassifier(early_stopping=True, random_state=0, max_iter=60).fit(X, y)
    held_out = train_test_split(
        np.arange(len(X)), test_size=0.1, stratify=y, random_state=_after_the_weights(model)
    )[1]
    assert model.score(X[held_out], y[held_out]) == max(model.validation_scores_)


def _after_the_weights(model):
    generator = np.random.RandomState(0)
    for coef in model.coefs_:
        generator.uniform(size=coef.shape)
        generator.uniform(size=coef.shape[1])
    return generator


@pytest.mark.parametrize("n", [700, 5000])
def test_same_bits_for_any_number_of_threads(n):
    X, y = classes(3, n=n, dtype=np.float32)
    settings = {"hidden_layer_sizes": (64, 64), "batch_size": 500, "max_iter": 3}
    two = MLPClassifier(**settings, random_state=0).fit(X, y)
    with threadpool_limits(1):
        one = MLPClassifier(**settings, random_state=0).fit(X, y)
    for a, b in zip(one.coefs_ + one.intercepts_, two.coefs_ + two.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_threads_that_fall_behind_one_are_given_up_for_a_while():
    threads = Threads(2)
    assert threads.next() == (1, Threads.FEW)  # the measure
    threads.took(1, 1.0)
    assert threads.next() == (2, Threads.FEW)  # a trial
    threads.took(2, 0.6)
    assert threads.next() == (2, Threads.MANY)
    threads.took(2, 9.0)
    rests = []
    for _ in range(6):
        rest = 0
        while threads.next()[0] == 1:
            threads.took(1, 1.0)
            rest += 1
        rests.append(rest)
        assert threads.next() == (2, Threads.FEW)
        threads.took(2, 9.0)
    assert rests == [8, 32, 128, 512, 1024, 1024]
    assert Threads(1).next() == (1, None)


def test_threads_are_given_up_only_where_they_are_clearly_slower():
    threads = Threads(2)
    threads.took(1, 1.0)
    for seconds in (1.0, 1.1, 1.19):
        threads.took(2, seconds)
        assert threads.next() == (2, Threads.MANY)
    threads.took(2, 1.21)
    assert threads.next() == (1, Threads.FEW)
    # the measure is taken anew: all may be slower now
    threads.took(1, 2.0)
    for _ in range(Threads.FIRST_REST - 1):
        assert threads.next() == (1, Threads.MANY)
        threads.took(1, 2.5)
    threads.took(2, 2.3)
    assert threads.next() == (2, Threads.MANY)


@pytest.mark.parametrize("steps", ["epoch", "batch"])
def test_a_short_last_batch_is_not_judged_and_what_is_known_is_kept(monkeypatch, steps):
    judged = []
    known = Threads(2)
    monkeypatch.setattr(_mlp_epoch, "threads_of", lambda *kind: known)
    monkeypatch.setattr(Threads, "took", lambda self, *took: judged.append(took))
    known.alone = 1.0  # a rest: many batches a round, on one thread
    X, y = classes(3, n=1050)
    model = MLPClassifier((5,), batch_size=200, steps=steps, random_state=0)
    model.partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
    assert len(judged) == (2 if steps == "epoch" else 2 * 5)
    monkeypatch.undo()
    kind = 2, (7, 5, 3), 200, "float64"
    assert _mlp_epoch.threads_of(*kind) is _mlp_epoch.threads_of(*kind)


def test_the_number_of_threads_changes_no_bit_of_the_loss(monkeypatch):
    X, y = classes(3, n=5000, dtype=np.float32)
    settings = {"hidden_layer_sizes": (64, 64), "batch_size": 200, "max_iter": 3}
    curves = []
    for few in (1, 3, 1000):
        monkeypatch.setattr(Threads, "FEW", few)
        _mlp_epoch.threads_of.cache_clear()
        curves.append(MLPClassifier(**settings, random_state=0).fit(X, y).loss_curve_)
    assert curves[0] == curves[1] == curves[2]


def test_it_learns_real_data():
    X, y = load_breast_cancer(return_X_y=True)
    X_learn, X_test, y_learn, y_test = train_test_split(scale(X), y, random_state=0)
    assert MLPClassifier(random_state=0).fit(X_learn, y_learn).score(X_test, y_test) > 0.95
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor(hidden_layer_sizes=(20,), alpha=10.0, max_iter=800, random_state=0)
    assert model.fit(scale(X), scale(y)).score(scale(X), scale(y)) > 0.5


# Bad input


def test_one_column_a_class_is_told():
    X, y = classes(3)
    model = MLPClassifier((5,), max_iter=2, random_state=0)
    one_hot = np.eye(3, dtype=int)[y]
    with pytest.warns(TrainingWarning, match=r"exactly one 1 in its 3 columns.*argmax"):
        model.fit(X, one_hot)
    with pytest.warns(TrainingWarning, match="exactly one 1"):
        MLPClassifier((5,)).partial_fit(X, one_hot, classes=[0, 1, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        one_hot[0] = 1
        model.fit(X, one_hot)
        model.fit(X, np.eye(3, dtype=int)[y][:, :2])


def test_a_column_is_called_by_its_name():
    pandas = pytest.importorskip("pandas")
    X, y = classes(3)
    X[:, 6] = 300.0 + 100.0 * X[:, 6]
    table = pandas.DataFrame(X, columns=[*"abcdef", "sulfur dioxide"])
    with pytest.warns(TrainingWarning, match="column 'sulfur dioxide' runs from"):
        MLPClassifier((5,), max_iter=2, random_state=0).fit(table, y)


@pytest.mark.parametrize(("fraction", "alone"), [(0.1, True), (0.0, False), (0.001, False)])
def test_rows_that_cannot_be_held_out_are_told_with_what_to_do(fraction, alone):
    X, y = classes(2, n=60)
    if alone:
        y = np.zeros(60)
        y[0] = 1  # the only one of its class
    model = MLPClassifier(early_stopping=True, validation_fraction=fraction)
    with pytest.raises(ValueError, match="early_stopping=True holds .* of the 60 rows back"):
        model.fit(X, y)


def test_weights_whose_squares_overflow_are_finite():
    model = MLPRegressor(learning_rate_init=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        require_finite(model, 1.0, np.full(3, 1e30, dtype=np.float32))
        for loss, weight in ((np.nan, 1.0), (1.0, np.inf), (np.inf, np.nan)):
            with pytest.raises(DivergenceError, match=r"learning_rate_init=0\.001 or lower"):
                require_finite(model, loss, np.array([weight, 1.0], dtype=np.float32))


def test_a_learning_rate_that_diverges_says_so_with_advice():
    X, y = numbers()
    model = MLPRegressor(solver="sgd", learning_rate_init=1e4, random_state=0)
    with (
        np.errstate(all="ignore"),
        pytest.raises(DivergenceError, match=r"learning_rate_init=0\.1 or lower.* targets"),
    ):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_a_batch_larger_than_the_rows_is_told_and_clipped():
    X, y = classes(3, n=60)
    with pytest.warns(UserWarning, match="batch_size=1000 is more than the 60 rows"):
        model = MLPClassifier(batch_size=1000, max_iter=3, random_state=0).fit(X, y)
    whole = MLPClassifier(batch_size=60, max_iter=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], whole.coefs_[0])


def test_one_class_is_predicted_with_a_warning():
    X, _ = classes(3, n=60)
    with pytest.warns(UserWarning, match="one class only, 3:"):
        MLPClassifier(max_iter=3, random_state=0).fit(X, np.full(60, 3))
    with pytest.warns(UserWarning, match="one class only"):
        model = MLPClassifier(max_iter=3, random_state=0).fit(X, np.full(60, "b"))
    assert set(model.predict(X)) == {"b"}
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((60, 1)))


def test_one_row_and_constant_columns():
    model = MLPRegressor(max_iter=500, random_state=0, n_iter_no_change=500).fit(
        [[1.0, 2.0]], [0.5]
    )
    assert model.predict([[1.0, 2.0]])[0] == pytest.approx(0.5, abs=1e-2)
    X, y = classes(3)
    X[:, 2] = 1.0
    assert MLPClassifier(random_state=0).fit(X, y).score(X, y) > 0.7
    constant = MLPClassifier(max_iter=5, random_state=0).fit(np.ones((40, 2)), [0, 1] * 20)
    np.testing.assert_allclose(constant.predict_proba(np.ones((1, 2))), [[0.5, 0.5]], atol=0.2)


def test_a_label_that_is_not_among_the_classes_is_named():
    X, y = classes(3)
    model = MLPClassifier(random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="7.*which is not among classes"):
        model.partial_fit(X, np.full(len(X), 7))
    with pytest.raises(ValueError, match="[Cc]lasses"):
        MLPClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="3 labels a row, expected 2"):
        MLPClassifier().partial_fit(X, np.eye(3, dtype=int)[y][:, :2], classes=[0, 1]).partial_fit(
            X, np.eye(3, dtype=int)[y]
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_value_that_is_not_finite_is_refused(bad, dtype):
    X, y = classes(3, dtype=dtype)
    X[5, 3] = bad
    with pytest.raises(ValueError, match="NaN|infinity"):
        MLPClassifier().fit(X, y)
    with pytest.raises(ValueError, match="NaN|infinity"):
        MLPRegressor().partial_fit(X, y)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes must be > 0"),
        ({"hidden_layer_sizes": (5, 2.5)}, "whole numbers"),
        ({"hidden_layer_sizes": "100"}, "hidden_layer_sizes"),
        ({"solver": "newton"}, "solver"),
        ({"activation": "gelu"}, "activation"),
        ({"steps": "row"}, "steps"),
        ({"early_stopping": True, "validation_fraction": 0.001}, "validation"),
    ],
)
def test_a_parameter_that_is_not_supported_is_named(settings, words):
    X, y = classes(3)
    with pytest.raises(ValueError, match=words):
        MLPClassifier(**settings).fit(X, y)


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="loss='poisson' is for counts, but y holds -1"):
        MLPRegressor(loss="poisson").fit([[0.0], [1.0]], [1.0, -1.0])


def test_targets_of_several_classes_a_row_are_refused():
    with pytest.raises(ValueError, match="zeros and ones"):
        MLPClassifier().fit(np.eye(4), [[0, 2], [1, 1], [2, 0], [0, 0]])


def test_a_warm_start_with_other_layers_columns_or_classes_is_refused():
    X, y = classes(3)
    model = MLPClassifier((5,), warm_start=True, max_iter=2, random_state=0).fit(X, y)
    kept = [coef.copy() for coef in model.coefs_]
    with pytest.raises(ValueError, match="n_features_in_"):
        model.fit(X[:, :4], y)
    with pytest.raises(ValueError, match="classes_"):
        model.fit(X, y + 1)
    with pytest.raises(ValueError, match="hidden_layer_sizes=6"):
        model.set_params(hidden_layer_sizes=6).fit(X, y)
    for one, other in zip(model.coefs_, kept, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="early_stopping"):
        MLPClassifier(early_stopping=True).partial_fit(X, y, classes=[0, 1, 2])


@pytest.mark.filterwarnings("always::sklearn.exceptions.ConvergenceWarning")
def test_warnings_name_the_cause():
    X, y = classes(3)
    with pytest.warns(ConvergenceWarning, match="max_iter=2 epochs"):
        MLPClassifier(max_iter=2, random_state=0).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        MLPClassifier(max_iter=2, solver="lbfgs", random_state=0).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_fun=3"):
        MLPClassifier(max_fun=3, solver="lbfgs", random_state=0).fit(X, y)
    with pytest.warns(TrainingWarning, match="column 0"):
        MLPClassifier(max_iter=2, random_state=0).fit(X * np.array([1e5, 1, 1, 1, 1, 1, 1]), y)
    with pytest.warns(TrainingWarning, match="y has large values"):
        MLPRegressor(max_iter=2, random_state=0).fit(X, 1e5 * X[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        warnings.simplefilter("error", ConvergenceWarning)
        MLPClassifier(max_iter=800, tol=1e-3, random_state=0).fit(X, y)


def test_predictions_of_float32_are_float32_and_weights_are_views_of_nothing_foreign():
    X, y = classes(2, dtype=np.float32)
    model = MLPClassifier(max_iter=3, random_state=0).fit(X, y)
    assert model.predict_proba(X).dtype == np.float32
    assert model.predict_log_proba(X).shape == (330, 2)
    before = model.predict_proba(X)
    MLPClassifier(max_iter=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_a_warning_advises_only_what_a_perceptron_has():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(300, 4))
    model = MLPRegressor(solver="sgd", learning_rate_init=1.0, max_iter=3, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(DivergenceError):
            model.fit(X, 50.0 * X[:, 0])
    texts = [str(w.message) for w in caught if issubclass(w.category, TrainingWarning)]
    assert any("learning rate ten times smaller" in text for text in texts), texts
    assert not any(word in text for text in texts for word in ("Clipped", "Gelu", "start="))
