"""Stochastic gradient descent against scikit-learn, closed forms and definitions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from oracles import sgd_naive
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier as TheirClassifier
from sklearn.linear_model import SGDRegressor as TheirRegressor
from sklearn.preprocessing import StandardScaler

from groundup.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from groundup.linear_model._sgd_descent import LinearState, stochastic_descent
from groundup.linear_model._sgd_loss import LOSSES, REGRESSION_LOSSES, loss_and_slope
from groundup.optim import Constant, DivergenceError, InverseScaling

generator = np.random.default_rng(0)
X = generator.normal(size=(120, 5))
BINARY = (X @ [1.0, -1.0, 0.5, 0.0, 2.0] + 0.5 * generator.normal(size=120) > 0).astype(int)
THREE = np.digitize(X @ [2.0, 0.0, 1.0, -1.0, 0.5], [-1.0, 1.0])
NUMBERS = X @ [2.0, -1.0, 0.0, 0.5, 3.0] + 1.0 + 0.5 * generator.normal(size=120)
WEIGHT = generator.random(120)


def assert_equal(ours, theirs, rtol=1e-9):
    scale = max(1e-9, np.abs(theirs.coef_).max())
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=rtol, atol=rtol * scale)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=rtol, atol=rtol * scale)
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_)


# ---------------------------------------------------------------- the losses


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_slopes_equal_their_definitions(loss):
    targets = np.linspace(-2, 2, 9) if loss in REGRESSION_LOSSES else [-1.0, 1.0]
    for y in targets:
        for z in np.linspace(-3.013, 3.0, 60):
            value, slope = loss_and_slope(LOSSES[loss], z, y, 0.3)
            expected, expected_slope = sgd_naive.slope(loss, z, y, 0.3)
            assert value == pytest.approx(expected, abs=1e-12)
            assert slope == pytest.approx(expected_slope, abs=1e-5)


def test_log_loss_does_not_overflow():
    assert loss_and_slope(LOSSES["log_loss"], -1e4, 1.0, 0.0) == (1e4, -1.0)
    assert loss_and_slope(LOSSES["log_loss"], 1e4, 1.0, 0.0) == (0.0, 0.0)


# ---------------------------------------------------------------- the descent


@pytest.mark.parametrize("loss", ["log_loss", "squared_error", "squared_hinge", "huber"])
def test_one_epoch_equals_the_loop(loss):
    y = NUMBERS if loss in REGRESSION_LOSSES else 2.0 * BINARY - 1.0
    state = LinearState.zeros(5)
    rate = InverseScaling(0.05, 0.3)
    order = np.random.default_rng(7).permutation(120)
    step = next(
        stochastic_descent(
            X, y, WEIGHT, state, loss=loss, schedule=rate, epsilon=0.4, alpha=0.02, seed=7
        )
    )
    coef, intercept = sgd_naive.epoch(
        X, y, WEIGHT, order, rate(np.arange(120)), loss, 0.4, 0.02, 0.0, np.zeros(5), 0.0
    )
    np.testing.assert_allclose(state.coef, coef, rtol=1e-6)
    np.testing.assert_allclose(state.intercept, intercept, rtol=1e-6)
    assert step["steps"] == 120


def test_the_average_is_the_mean_of_all_steps():
    """With one row, an epoch is a step, so every step can be looked at."""
    row, target = np.array([[1.0, -2.0]]), np.array([3.0])
    state = LinearState.zeros(2)
    path = [
        step["state"].coef.copy()
        for step in stochastic_descent(
            row,
            target,
            np.ones(1),
            state,
            loss="squared_error",
            schedule=Constant(0.01),
            tol=None,
            max_iter=20,
            average_from=5,
        )
    ]
    np.testing.assert_allclose(state.average_coef, np.mean(path[4:], axis=0), rtol=1e-12)


def test_the_l1_penalty_sets_what_is_noise_to_exactly_zero():
    noisy = np.hstack([X, np.random.default_rng(1).normal(size=(120, 10))])
    model = SGDRegressor(penalty="l1", alpha=0.3, random_state=0, max_iter=200).fit(noisy, NUMBERS)
    assert np.sum(model.coef_[5:] == 0.0) >= 8
    assert np.all(model.coef_[[0, 4]] != 0.0)


def test_overflow_names_the_learning_rate():
    with pytest.raises(DivergenceError, match=r"learning_rate=1e\+300.*StandardScaler"):
        SGDRegressor(learning_rate="constant", eta0=1e300).fit(X * 1e10, NUMBERS)


# ---------------------------------------------------------------- against scikit-learn


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", None])
@pytest.mark.parametrize("learning_rate", ["optimal", "constant", "invscaling", "adaptive"])
def test_same_order_of_rows_same_coefficients(loss, penalty, learning_rate):
    parameters = {
        "loss": loss,
        "penalty": penalty,
        "learning_rate": learning_rate,
        "shuffle": False,
        "alpha": 0.013,
        "eta0": 0.005,
        # such long steps that the last digit of one epoch decides the course of the next
        "max_iter": 1 if learning_rate == "optimal" else 12,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for y, class_weight in ((BINARY, {0: 2.0, 1: 0.5}), (THREE, {0: 3.0, 1: 0.5, 2: 1.0})):
            ours = SGDClassifier(class_weight=class_weight, **parameters)
            theirs = TheirClassifier(class_weight=class_weight, **parameters)
            ours.fit(X, y, sample_weight=WEIGHT)
            theirs.fit(X, y, sample_weight=WEIGHT)
            assert_equal(ours, theirs)
            if learning_rate != "optimal":
                assert_equal(ours.partial_fit(X, y), theirs.partial_fit(X, y))
        if loss in REGRESSION_LOSSES:
            ours, theirs = SGDRegressor(**parameters), TheirRegressor(**parameters)
            ours.fit(X, NUMBERS, sample_weight=WEIGHT)
            theirs.fit(X, NUMBERS, sample_weight=WEIGHT)
            assert_equal(ours, theirs)


@pytest.mark.parametrize("average", [True, 200, 10_000])
@pytest.mark.parametrize("penalty", ["l2", None])
def test_averages_equal_scikit_learns(average, penalty):
    parameters = {
        "average": average,
        "penalty": penalty,
        "learning_rate": "invscaling",
        "eta0": 0.05,
        "shuffle": False,
        "max_iter": 8,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert_equal(
            SGDClassifier(loss="log_loss", **parameters).fit(X, THREE),
            TheirClassifier(loss="log_loss", **parameters).fit(X, THREE),
        )
        assert_equal(
            SGDRegressor(**parameters).fit(X, NUMBERS), TheirRegressor(**parameters).fit(X, NUMBERS)
        )


@pytest.mark.parametrize("learning_rate", ["pa1", "pa2"])
def test_passive_aggressive_steps_equal_scikit_learns(learning_rate):
    parameters = {
        "learning_rate": learning_rate,
        "eta0": 0.3,
        "penalty": None,
        "shuffle": False,
        "max_iter": 7,
        "tol": None,
    }
    assert_equal(
        SGDClassifier(loss="hinge", **parameters).fit(X, THREE),
        TheirClassifier(loss="hinge", **parameters).fit(X, THREE),
    )
    parameters["loss"] = "epsilon_insensitive"
    assert_equal(
        SGDRegressor(**parameters).fit(X, NUMBERS), TheirRegressor(**parameters).fit(X, NUMBERS)
    )


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
@pytest.mark.parametrize("loss", ["hinge", "log_loss", "modified_huber"])
def test_predicts_as_well_as_scikit_learn_with_its_own_order(load, loss):
    data, y = load(return_X_y=True)
    data = StandardScaler().fit_transform(data)
    ours = SGDClassifier(loss=loss, random_state=0).fit(data, y).score(data, y)
    theirs = TheirClassifier(loss=loss, random_state=0).fit(data, y).score(data, y)
    assert ours >= theirs - 0.03


# ---------------------------------------------------------------- against exact solutions


def test_averaged_log_loss_nears_the_logistic_optimum():
    alpha = 0.01
    model = SGDClassifier(
        loss="log_loss", alpha=alpha, average=True, max_iter=2000, tol=None, random_state=0
    ).fit(X, BINARY)
    exact = LogisticRegression(C=1 / (alpha * 120), tol=1e-9).fit(X, BINARY)
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=0.03 * np.abs(exact.coef_).max())


def test_squared_error_nears_ridge():
    alpha = 0.1
    model = SGDRegressor(
        alpha=alpha, average=True, max_iter=2000, tol=None, eta0=0.05, power_t=0.6, random_state=0
    ).fit(X, NUMBERS)
    exact = Ridge(alpha=alpha * 120).fit(X, NUMBERS)
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=0.02)
    np.testing.assert_allclose(model.intercept_, exact.intercept_, atol=0.02)


# ---------------------------------------------------------------- the estimators


def test_seeds():
    def coef(seed):
        return SGDClassifier(random_state=seed, max_iter=5, tol=None).fit(X, THREE).coef_

    np.testing.assert_array_equal(coef(0), coef(0))
    assert not np.array_equal(coef(0), coef(1))


def test_same_bits_for_any_number_of_threads():
    many = np.random.default_rng(0).normal(size=(30_000, 8))
    y = np.digitize(many[:, 0] + many[:, 1], [-1.0, 0.0, 1.0])
    one, two = (
        SGDClassifier(n_jobs=k, random_state=0, max_iter=4, tol=None).fit(many, y) for k in (1, 2)
    )
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.intercept_, two.intercept_)


def test_early_stopping_holds_rows_out():
    model = SGDClassifier(early_stopping=True, validation_fraction=0.25, random_state=0)
    model.fit(X, BINARY)
    assert model.n_iter_ < 50
    assert model.score(X, BINARY) > 0.85
    regressor = SGDRegressor(early_stopping=True, random_state=0).fit(X, NUMBERS)
    assert regressor.score(X, NUMBERS) > 0.9
    weight = np.ones(120)
    weight[model._split(BINARY, None)[1]] = 0.0
    with pytest.raises(ValueError, match="all zero"):
        model.fit(X, BINARY, sample_weight=weight)


def test_partial_fit_epoch_by_epoch_is_fit_without_shuffling():
    whole = SGDClassifier(shuffle=False, max_iter=6, tol=None).fit(X, THREE)
    parts = SGDClassifier(shuffle=False)
    for _ in range(6):
        parts.partial_fit(X, THREE, classes=[0, 1, 2])
    np.testing.assert_allclose(parts.coef_, whole.coef_, rtol=1e-12)
    assert parts.t_ == whole.t_


def test_partial_fit_on_parts_of_the_classes():
    model = SGDClassifier(loss="log_loss", random_state=0)
    with pytest.raises(ValueError, match="classes"):
        model.partial_fit(X, THREE)
    for rows in np.array_split(np.argsort(THREE, kind="stable"), 4):
        model.partial_fit(X[rows], THREE[rows], classes=np.unique(THREE))
    assert model.predict_proba(X).shape == (120, 3)
    with pytest.raises(ValueError, match="not among classes"):
        model.partial_fit(X[:3], [0, 1, 7])
    with pytest.raises(ValueError, match="'balanced' is not supported"):
        SGDClassifier(class_weight="balanced").partial_fit(X, BINARY, classes=[0, 1])
    with pytest.raises(ValueError, match="early_stopping=False"):
        SGDRegressor(early_stopping=True).partial_fit(X, NUMBERS)


def test_start_values_and_warm_start():
    model = SGDClassifier(alpha=0.01, max_iter=1, tol=None, shuffle=False)
    first = model.fit(X, BINARY)
    coef, intercept = first.coef_.copy(), first.intercept_.copy()
    theirs = TheirClassifier(alpha=0.01, max_iter=1, tol=None, shuffle=False)
    theirs.fit(X, BINARY, coef_init=coef.copy(), intercept_init=intercept.copy())
    model.fit(X, BINARY, coef_init=coef, intercept_init=intercept)
    assert_equal(model, theirs)
    warm = SGDClassifier(alpha=0.01, max_iter=1, tol=None, shuffle=False, warm_start=True)
    warm.fit(X, BINARY).fit(X, BINARY)
    np.testing.assert_array_equal(warm.coef_, model.coef_)
    with pytest.raises(ValueError, match="coef_init has shape"):
        model.fit(X, BINARY, coef_init=np.zeros(3))


@pytest.mark.parametrize("y", [BINARY, THREE], ids=["two", "three"])
@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
def test_probabilities_equal_scikit_learns(y, loss):
    parameters = {
        "loss": loss,
        "learning_rate": "invscaling",
        "eta0": 0.05,
        "shuffle": False,
        "max_iter": 20,
        "tol": None,
    }
    ours, theirs = (cls(**parameters).fit(X, y) for cls in (SGDClassifier, TheirClassifier))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    np.testing.assert_allclose(ours.predict_proba(X).sum(axis=1), 1.0)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-8)


def test_losses_without_probabilities_have_no_such_method():
    model = SGDClassifier().fit(X, BINARY)
    assert not hasattr(model, "predict_proba")
    assert hasattr(SGDClassifier(loss="log_loss"), "predict_log_proba")


def test_too_few_epochs_are_reported():
    with pytest.warns(ConvergenceWarning, match="max_iter=2 epochs"):
        SGDClassifier(max_iter=2, random_state=0).fit(X, BINARY)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": 0.0}, "alpha must be > 0"),
        ({"learning_rate": "pa1", "loss": "log_loss"}, "only goes with loss='hinge'"),
        ({"penalty": "elasticnet", "l1_ratio": None}, "needs l1_ratio"),
        ({"loss": "absolute"}, "loss"),
        ({"learning_rate": "cosine"}, "learning_rate"),
    ],
)
def test_parameters_that_cannot_be(parameters, message):
    with pytest.raises(ValueError, match=message):
        SGDClassifier(**parameters).fit(X, BINARY)


def test_one_class_is_an_error():
    with pytest.raises(ValueError, match="more than one class"):
        SGDClassifier().fit(X, np.zeros(120))
