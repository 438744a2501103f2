"""AdaBoost against scikit-learn: the same models, votes and answers."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.ensemble
import sklearn.tree
from sklearn.datasets import load_breast_cancer, load_wine, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from groundup.ensemble import AdaBoostClassifier


def _data(n_classes, seed=0, n=400):
    return make_classification(
        n, 8, n_informative=6, n_classes=n_classes, flip_y=0.1, random_state=seed
    )


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(
    "weak",
    [
        GaussianNB(),
        LogisticRegression(),
        sklearn.tree.DecisionTreeClassifier(max_depth=2, random_state=0),
    ],
    ids=["bayes", "logistic", "tree"],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_models_votes_and_answers_are_scikit_learns(n_classes, weak, weighted):
    X, y = _data(n_classes)
    y = np.array(list("dbca"))[y]
    weight = np.random.default_rng(0).integers(0, 4, size=len(y)) * 1.0 if weighted else None
    parameters = {"estimator": weak, "n_estimators": 12, "learning_rate": 0.7, "random_state": 3}
    ours = AdaBoostClassifier(**parameters).fit(X, y, weight)
    theirs = sklearn.ensemble.AdaBoostClassifier(**parameters).fit(X, y, weight)
    assert len(ours.estimators_) == len(theirs.estimators_)
    np.testing.assert_allclose(ours.estimator_weights_, theirs.estimator_weights_, rtol=1e-7)
    np.testing.assert_allclose(ours.estimator_errors_, theirs.estimator_errors_, rtol=1e-7)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for ask in ("decision_function", "predict_proba", "predict_log_proba"):
        np.testing.assert_allclose(getattr(ours, ask)(X), getattr(theirs, ask)(X), atol=1e-9)
    for ask in ("staged_predict", "staged_decision_function", "staged_predict_proba"):
        for a, b in zip(getattr(ours, ask)(X), getattr(theirs, ask)(X), strict=True):
            if a.dtype.kind == "f":
                np.testing.assert_allclose(a, b, atol=1e-9)
            else:
                np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(list(ours.staged_score(X, y)), list(theirs.staged_score(X, y)))


def test_stumps_vote_as_scikit_learns():
    X, y = _data(2, n=1000)
    X = np.round(X, 1).astype(np.float32).astype(np.float64)
    ours = AdaBoostClassifier(n_estimators=15).fit(X, y)
    theirs = sklearn.ensemble.AdaBoostClassifier(n_estimators=15, random_state=0).fit(X, y)
    np.testing.assert_allclose(ours.estimator_weights_, theirs.estimator_weights_, rtol=1e-6)
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, atol=1e-9)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_accuracy_is_level_with_scikit_learns(load):
    X, y = load(return_X_y=True)
    differences = []
    for seed in range(10):
        parts = train_test_split(X, y, test_size=0.4, random_state=seed)
        scores = [
            cls(n_estimators=30, random_state=seed).fit(parts[0], parts[2]).score(*parts[1::2])
            for cls in (AdaBoostClassifier, sklearn.ensemble.AdaBoostClassifier)
        ]
        differences.append(scores[0] - scores[1])
    standard_error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    assert np.mean(differences) > -max(0.01, 3 * standard_error)


def test_the_exponential_loss_falls_with_every_round():
    X, y = _data(2)
    model = AdaBoostClassifier(n_estimators=30).fit(X, y)
    norms = np.cumsum(model.estimator_weights_)
    losses = [
        np.exp(-0.25 * norm * (2 * y - 1) * f * 1.0).mean()
        for norm, f in zip(norms, model.staged_decision_function(X), strict=True)
    ]
    assert np.all(np.diff(losses) < 0.0)


def test_a_perfect_model_ends_it():
    X = np.arange(10.0)[:, np.newaxis]
    model = AdaBoostClassifier().fit(X, X[:, 0] > 4)
    assert len(model.estimators_) == 1
    assert model.estimator_errors_[0] == 0.0
    assert model.score(X, X[:, 0] > 4) == 1.0


def test_one_class():
    model = AdaBoostClassifier().fit([[0.0], [1.0]], ["a", "a"])
    assert model.predict([[3.0]]).tolist() == ["a"]
    assert model.predict_proba([[3.0]]).tolist() == [[1.0]]


def test_what_cannot_be_boosted_is_refused():
    X, y = np.ones((10, 1)), np.arange(10) % 2
    with pytest.raises(ValueError, match="no better than guessing among 2 classes"):
        AdaBoostClassifier().fit(X, y)
    with pytest.raises(ValueError, match="KNeighborsClassifier doesn't support sample_weight"):
        AdaBoostClassifier(KNeighborsClassifier()).fit(X, y)
