"""Early stopping: which rows are held out, what is scored, and when boosting ends."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import HistGradientBoostingClassifier as TwinClassifier
from sklearn.ensemble import HistGradientBoostingRegressor as TwinRegressor
from sklearn.metrics import log_loss, make_scorer, mean_absolute_error

from groundup.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from groundup.ensemble._early_stopping import hold_out, should_stop

PAIRS = [
    (HistGradientBoostingClassifier, TwinClassifier, make_classification),
    (HistGradientBoostingRegressor, TwinRegressor, make_regression),
]
each_pair = pytest.mark.parametrize(("cls", "twin", "make"), PAIRS, ids=["classifier", "regressor"])


def _few_values(make, n=600, seed=0):
    # few distinct values: both libraries bin them alike
    X, y = make(n, 6, random_state=seed)
    return np.round(X * 4), y


@each_pair
@pytest.mark.parametrize("scoring", ["loss", None, "by name", "callable"])
@pytest.mark.parametrize("fraction", [0.2, 90, None])
def test_scores_are_those_of_scikit_learn(cls, twin, make, scoring, fraction):
    X, y = _few_values(make)
    if scoring == "by name":
        scoring = "accuracy" if make is make_classification else "r2"
    if scoring == "callable":
        scoring = make_scorer(lambda y, p: np.mean(np.equal(y, p) - 0.1 * np.abs(y - p)))
    options = {
        "early_stopping": True,
        "scoring": scoring,
        "validation_fraction": fraction,
        "random_state": 3,
        "max_iter": 12,
        "n_iter_no_change": 5,
    }
    ours, theirs = cls(**options).fit(X, y), twin(**options).fit(X, y)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.train_score_, theirs.train_score_, rtol=1e-4)
    np.testing.assert_allclose(ours.validation_score_, theirs.validation_score_, rtol=1e-4)
    assert ours.do_early_stopping_ is True
    assert len(ours.train_loss_) == ours.n_iter_ + 1


@each_pair
def test_the_best_number_of_rounds_is_found_about(cls, twin, make):
    X, y = make(2000, 5, random_state=0)
    y = np.random.default_rng(0).permutation(y)  # nothing to learn
    model = cls(early_stopping=True, n_iter_no_change=4, max_iter=500, random_state=0).fit(X, y)
    assert model.n_iter_ < 40
    assert len(model.validation_score_) == model.n_iter_ + 1


def test_auto_is_on_above_ten_thousand_rows_and_with_validation_rows():
    X, y = make_regression(10_001, 2, random_state=0)
    model = HistGradientBoostingRegressor(max_iter=2)
    assert model.fit(X, y).do_early_stopping_ is True
    assert model.fit(X[:-1], y[:-1]).do_early_stopping_ is False
    assert model.train_score_.size == model.validation_score_.size == 0
    assert len(model.train_loss_) == 3
    assert model.fit(X[:100], y[:100], X_val=X[100:200], y_val=y[100:200]).do_early_stopping_


@each_pair
def test_validation_rows_that_are_given(cls, twin, make):
    X, y = _few_values(make)
    weight = np.random.default_rng(0).uniform(0.5, 2, 200)
    options = {"max_iter": 8, "early_stopping": True}
    validation = {"X_val": X[400:], "y_val": y[400:], "sample_weight_val": weight}
    ours = cls(**options).fit(X[:400], y[:400], **validation)
    theirs = twin(**options).fit(X[:400], y[:400], **validation)
    np.testing.assert_allclose(ours.validation_score_, theirs.validation_score_, rtol=1e-4)
    if cls is HistGradientBoostingClassifier:
        loss = log_loss(y[400:], ours.predict_proba(X[400:]), sample_weight=weight)
        assert ours.validation_loss_[-1] == pytest.approx(loss)


def test_validation_rows_that_do_not_fit_are_refused():
    X, y = make_classification(100, 4, n_informative=2, n_redundant=0, random_state=0)
    model = HistGradientBoostingClassifier(early_stopping=True)
    with pytest.raises(ValueError, match="y_val was not provided"):
        model.fit(X, y, X_val=X)
    with pytest.raises(ValueError, match=r"classes that y does not have: \{2\}"):
        model.fit(X, y, X_val=X, y_val=y + 1)
    with pytest.raises(ValueError, match="features"):
        model.fit(X, y, X_val=X[:, :2], y_val=y)
    with pytest.raises(ValueError, match="early_stopping is False"):
        HistGradientBoostingClassifier(early_stopping=False).fit(X, y, X_val=X, y_val=y)


def test_the_losses_are_those_of_the_predictions():
    X, y = make_regression(1000, 4, noise=5, random_state=0)
    train, held_out = hold_out(1000, 0.1, None, seed=0)
    assert len(held_out) == 100
    assert np.array_equal(np.sort([*train, *held_out]), np.arange(1000))
    model = HistGradientBoostingRegressor(loss="absolute_error", max_iter=10)
    model.fit(X[train], y[train], X_val=X[held_out], y_val=y[held_out])
    for curve, rows in ((model.train_loss_, train), (model.validation_loss_, held_out)):
        staged = [mean_absolute_error(y[rows], p) for p in model.staged_predict(X[rows])]
        np.testing.assert_allclose(curve[1:], staged)


def test_a_scorer_may_look_at_other_rows():
    X, y = make_regression(300, 3, random_state=0)

    def score(model, X_given, y_given):
        assert len(model.predict(X)) == 300
        return -np.abs(model.predict(X_given) - y_given).mean()

    model = HistGradientBoostingRegressor(scoring=score, early_stopping=True, max_iter=4)
    assert len(model.fit(X, y).validation_score_) == 5


def test_should_stop_needs_enough_scores_and_a_gain_above_the_tolerance():
    rising = np.arange(10.0)
    assert not should_stop(rising, 5, tol=0.0)
    assert should_stop(rising, 3, tol=3.0)
    assert not should_stop(rising[:3], 3, tol=100.0)
    assert should_stop(np.array([1.0, 0.9, 0.9, 1.0]), 3, tol=0.0)
