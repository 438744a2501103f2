"""Bagging: any model on draws of rows and columns, against doing it by hand and scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import ensemble as sklearn_ensemble
from sklearn.datasets import load_breast_cancer, load_wine, make_friedman1
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.svm import SVC

from groundup.ensemble import BaggingClassifier, BaggingRegressor
from groundup.linear_model import LinearRegression
from groundup.neighbors import KNeighborsClassifier, KNeighborsRegressor
from groundup.tree import DecisionTreeClassifier, DecisionTreeRegressor

both = pytest.mark.parametrize("cls", [BaggingClassifier, BaggingRegressor])


def table(cls):
    if cls is BaggingClassifier:
        return load_wine(return_X_y=True)
    return make_friedman1(200, noise=1.0, random_state=0)


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@both
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"max_samples": 0.4, "bootstrap": False},
        {"max_features": 0.5},
        {"max_features": 3, "bootstrap_features": True},
        {"max_samples": 50, "max_features": 4},
    ],
    ids=str,
)
def test_it_is_the_mean_of_models_on_the_drawn_rows_and_columns(cls, given):
    X, y = table(cls)
    neighbors = KNeighborsClassifier(1) if cls is BaggingClassifier else KNeighborsRegressor(1)
    model = cls(neighbors, 6, random_state=0, **given).fit(X, y)
    draws = zip(model.estimators_samples_, model.estimators_features_, strict=True)
    by_hand = 0.0
    for rows, columns in draws:
        assert len(set(rows)) == len(rows) or model.bootstrap
        assert len(set(columns)) == len(columns) or model.bootstrap_features
        by_hand = by_hand + answers(neighbors.fit(X[rows][:, columns], y[rows]), X[:, columns])
    np.testing.assert_allclose(answers(model, X), by_hand / 6, rtol=1e-12, atol=1e-15)


@both
def test_a_model_that_takes_weights_gets_the_counts(cls):
    X, y = table(cls)
    tree = DecisionTreeClassifier() if cls is BaggingClassifier else DecisionTreeRegressor()
    model = cls(n_estimators=3, random_state=0).fit(X, y)
    for fitted, rows in zip(model.estimators_, model.estimators_samples_, strict=True):
        assert type(fitted) is type(tree)
        counts = np.bincount(rows, minlength=len(X)).astype(float)
        again = tree.set_params(random_state=fitted.random_state).fit(X, y, counts)
        np.testing.assert_array_equal(again.grown_.threshold, fitted.grown_.threshold)


@both
def test_scores_are_level_with_scikit_learn(cls):
    X, y = table(cls)
    twin = getattr(sklearn_ensemble, cls.__name__)
    ours, theirs = (
        [c(n_estimators=20, oob_score=True, random_state=s).fit(X, y).oob_score_ for s in range(10)]
        for c in (cls, twin)
    )
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.03)


@both
def test_out_of_bag_answers_by_hand(cls):
    X, y = table(cls)
    model = cls(n_estimators=30, max_features=0.7, oob_score=True, random_state=0).fit(X, y)
    total, n = np.zeros_like(answers(model, X)), np.zeros(len(X))
    draws = (model.estimators_, model.estimators_samples_, model.estimators_features_)
    for one, rows, columns in zip(*draws, strict=True):
        unseen = np.setdiff1d(np.arange(len(X)), rows)
        total[unseen] += answers(one, X[np.ix_(unseen, columns)])
        n[unseen] += 1
    expected = (total.T / n).T
    if cls is BaggingClassifier:
        np.testing.assert_allclose(model.oob_decision_function_, expected, rtol=1e-12)
        assert model.oob_score_ == accuracy_score(y, expected.argmax(axis=1))
    else:
        np.testing.assert_allclose(model.oob_prediction_, expected, rtol=1e-12)
        assert model.oob_score_ == pytest.approx(r2_score(y, expected))
    with pytest.warns(UserWarning, match="no out-of-bag prediction"):
        cls(n_estimators=2, oob_score=True, random_state=0).fit(X, y)


def test_models_without_probabilities_vote():
    X, y = load_breast_cancer(return_X_y=True)
    names = np.array(["malignant", "benign"])[y]
    model = BaggingClassifier(RidgeClassifier(), 5, random_state=0).fit(X, names)
    votes = sum(
        np.eye(2)[one.predict(X[:, columns])]
        for one, columns in zip(model.estimators_, model.estimators_features_, strict=True)
    )
    np.testing.assert_allclose(model.predict_proba(X), votes / 5)
    assert set(model.predict(X)) == {"malignant", "benign"}
    decided = model.decision_function(X) > 0
    assert np.mean(model.classes_[decided.astype(int)] == names) > 0.93
    assert not hasattr(BaggingClassifier(), "decision_function")


def test_a_model_may_miss_a_class():
    X, y = load_wine(return_X_y=True)
    y[:2] = 3  # so rare that some bootstraps have none
    model = BaggingClassifier(KNeighborsClassifier(3), 20, random_state=0).fit(X, y)
    assert {len(one.classes_) for one in model.estimators_} == {3, 4}
    assert model.predict_proba(X).shape == (len(X), 4)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_the_seed_reaches_the_models():
    X, y = load_wine(return_X_y=True)
    model = BaggingClassifier(DecisionTreeClassifier(max_features=2), 4, random_state=0).fit(X, y)
    assert len({one.random_state for one in model.estimators_}) == 4
    SVC_bag = BaggingClassifier(SVC(probability=False), 3, random_state=0).fit(X, y)
    assert SVC_bag.decision_function(X).shape == (len(X), 3)


@both
@pytest.mark.parametrize("oob_score", [False, True])
def test_warm_start_threads_and_steps(cls, oob_score):
    X, y = table(cls)
    given = {"oob_score": oob_score, "random_state": 1}
    at_once = cls(n_estimators=20, n_jobs=1, **given).fit(X, y)
    threads = cls(n_estimators=20, n_jobs=2, **given).fit(X, y)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no out-of-bag prediction")
        warm = cls(n_estimators=5, warm_start=True, **given).fit(X, y)
    first = warm.estimators_[0]
    warm.set_params(n_estimators=20).fit(X, y)
    assert warm.estimators_[0] is first
    for other in (threads, warm):
        np.testing.assert_array_equal(answers(at_once, X), answers(other, X))
        if oob_score:
            assert other.oob_score_ == at_once.oob_score_
    with pytest.warns(UserWarning, match="fits nothing"):
        warm.fit(X, y)
    with pytest.raises(ValueError, match="has 20 models already"):
        warm.set_params(n_estimators=3).fit(X, y)
    model = cls(n_estimators=4, random_state=1)
    steps = [len(state["estimators_"]) for state in model._steps(*model._validated(X, y, None))]
    assert steps == [1, 2, 3, 4]


@both
def test_rows_are_drawn_by_weight(cls):
    X, y = table(cls)
    weight = np.ones(len(X))
    weight[::2] = 0.0
    for bootstrap in (True, False):
        given = {"max_samples": 0.5, "bootstrap": bootstrap, "random_state": 0}
        model = cls(n_estimators=5, **given).fit(X, y, weight)
        assert all(np.all(rows % 2 == 1) for rows in model.estimators_samples_)


def test_it_lowers_the_error_of_a_model_that_varies_and_not_of_one_that_does_not():
    X, y = make_friedman1(600, noise=1.0, random_state=1)
    X, y, X_new, y_new = X[:300], y[:300], X[300:], y[300:]

    def gain(model):
        bagged = BaggingRegressor(model, 30, random_state=0).fit(X, y)
        return bagged.score(X_new, y_new) - model.fit(X, y).score(X_new, y_new)

    assert gain(DecisionTreeRegressor(random_state=0)) > 0.1
    assert abs(gain(LinearRegression())) < 0.01


@both
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_features": 99}, "max_features=99"),
        ({"bootstrap": False, "oob_score": True}, "oob_score"),
        ({"bootstrap": False, "max_samples": 1000}, "without replacement"),
        ({"estimator": "tree"}, "estimator"),
        ({"n_estimators": 0}, "n_estimators"),
    ],
    ids=str,
)
def test_parameters_that_make_no_sense(cls, given, message):
    X, y = table(cls)
    with pytest.raises(ValueError, match=message):
        cls(**given).fit(X, y)


@both
def test_missing_values_go_to_models_that_take_them(cls):
    X, y = table(cls)
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    assert cls(n_estimators=5, random_state=0).fit(X, y).score(X, y) > 0.6
    neighbors = KNeighborsClassifier() if cls is BaggingClassifier else KNeighborsRegressor()
    with pytest.raises(ValueError, match="NaN"):
        cls(neighbors).fit(X, y)
