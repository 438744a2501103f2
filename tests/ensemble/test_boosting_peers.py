"""Gradient boosting against scikit-learn's and LightGBM's: the same trees, the same scores."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine, make_classification, make_friedman1
from sklearn.ensemble import HistGradientBoostingClassifier as TwinClassifier
from sklearn.ensemble import HistGradientBoostingRegressor as TwinRegressor

from groundup.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

SEEDS = range(10)
LOSSES = ["squared_error", "absolute_error", "quantile", "poisson", "gamma", "binary", "multiclass"]
each_loss = pytest.mark.parametrize("loss", LOSSES)


def _pair(loss, **options):
    if loss in ("binary", "multiclass"):
        return HistGradientBoostingClassifier(**options), TwinClassifier(**options)
    options["loss"] = loss
    if loss == "quantile":
        options["quantile"] = 0.7
    return HistGradientBoostingRegressor(**options), TwinRegressor(**options)


def _data(loss, seed, n=400):
    if loss in ("binary", "multiclass"):
        n_classes = 2 if loss == "binary" else 3
        return make_classification(
            n, 8, n_informative=5, n_classes=n_classes, flip_y=0.1, random_state=seed
        )
    X, y = make_friedman1(n, 8, noise=1.0, random_state=seed)
    return X, np.exp(y / 8) if loss in ("poisson", "gamma") else y


def _loss_of(twin, y, raw):
    y = twin._label_encoder.transform(y).astype(float) if hasattr(twin, "classes_") else y
    return twin._loss(y, np.ascontiguousarray(raw))


@each_loss
@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_loss_on_rows_not_seen(loss, seed):
    X, y = _data(loss, seed, n=1000)
    ours, twin = (model.fit(X[:500], y[:500]) for model in _pair(loss, max_iter=30))
    losses = [_loss_of(twin, y[500:], model._raw_predict(X[500:])) for model in (ours, twin)]
    constant = np.repeat(twin._baseline_prediction, 500, axis=0)
    gain = _loss_of(twin, y[500:], constant) - losses[1]
    assert gain > 0
    assert abs(losses[0] - losses[1]) < 0.1 * gain


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "gamma", "binary", "multiclass"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_trees_where_the_bins_are_the_same(loss, seed):
    X, y = _data(loss, seed)
    X = np.round(X * 10)  # so few distinct values that each has a bin
    X[np.random.default_rng(seed).random(X.shape) < 0.1] = np.nan
    # without weights the first gradients of a class are two numbers, and splits gain alike
    weight = np.random.default_rng(seed).uniform(0.5, 2.0, len(y))
    if seed % 2 and loss not in ("binary", "multiclass"):
        weight = None
    ours, twin = _pair(loss, max_iter=8, l2_regularization=float(seed % 3))
    ours.fit(X, y, sample_weight=weight)
    twin.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(ours._raw_predict(X), twin._raw_predict(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["absolute_error", "quantile"])
def test_the_same_first_tree_where_the_loss_has_a_kink(loss):
    # later trees split on +1 and -1, where equal gains are common and each library picks its own
    X, y = _data(loss, seed=0)
    ours, twin = (model.fit(np.round(X * 10), y) for model in _pair(loss, max_iter=1))
    ours_of, twin_of = (model.predict(np.round(X * 10)) for model in (ours, twin))
    np.testing.assert_allclose(ours_of, twin_of, atol=0.02 * y.std())


@pytest.mark.parametrize(
    "options",
    [
        {"max_leaf_nodes": 4},
        {"max_depth": 3},
        {"max_leaf_nodes": None, "min_samples_leaf": 30},
        {"learning_rate": 0.5, "max_bins": 10},
        {"monotonic_cst": [1, -1, 0, 0, 0, 1, 0, 0]},
        {"interaction_cst": [{0, 1}, {2, 3, 4}]},
        {"interaction_cst": "pairwise"},
    ],
    ids=str,
)
def test_the_same_trees_for_every_option(options):
    X, y = _data("squared_error", seed=3)
    X = np.round(X * 9)
    ours, twin = (model.fit(X, y) for model in _pair("squared_error", max_iter=10, **options))
    np.testing.assert_allclose(ours.predict(X), twin.predict(X), rtol=1e-5)


@pytest.mark.parametrize("load", [load_diabetes, load_wine])
def test_the_same_trees_on_real_data(load):
    X, y = load(return_X_y=True)
    loss = "squared_error" if load is load_diabetes else "multiclass"
    ours, twin = (model.fit(X, y) for model in _pair(loss, max_iter=20))
    np.testing.assert_allclose(ours._raw_predict(X), twin._raw_predict(X), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_the_loss_curve_of_lightgbm(task):
    options = {"n_estimators": 40, "n_jobs": 1, "verbose": -1}
    options |= {"min_data_in_bin": 1, "min_child_samples": 20, "max_bin": 255}
    if task == "regression":
        X, y = make_friedman1(6000, 8, noise=1.0, random_state=0)
        X = np.round(X, 2)  # 101 values, each with a bin of its own
        peer, ours = lightgbm.LGBMRegressor(**options), HistGradientBoostingRegressor
    else:
        # LightGBM estimates a leaf's rows from its hessians: with many rows that hardly matters
        X, y = make_classification(
            20_000, 8, n_informative=6, n_redundant=0, flip_y=0.1, random_state=0
        )
        X = np.round(X, 1)
        peer, ours = lightgbm.LGBMClassifier(**options), HistGradientBoostingClassifier
    ours = ours(max_iter=40, early_stopping=False).fit(X, y)
    (curves,) = peer.fit(X, y, eval_X=X, eval_y=y).evals_result_.values()
    (theirs,) = curves.values()
    losses = 2 * ours.train_loss_ if task == "regression" else ours.train_loss_
    np.testing.assert_allclose(losses[1:], theirs, rtol=0.01)
