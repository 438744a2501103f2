"""What scikit-learn's own functions and shap read off a boosted model."""

from __future__ import annotations

import numpy as np
import pytest
import shap
from sklearn.datasets import make_classification, make_friedman1
from sklearn.inspection import partial_dependence, permutation_importance

from groundup.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


def _regression():
    X, y = make_friedman1(400, 6, random_state=0)
    X[::7, 2] = np.nan
    return X, y


def test_shap_values_add_up_to_the_prediction():
    X, y = _regression()
    model = HistGradientBoostingRegressor(max_iter=15).fit(X, y)
    explainer = shap.TreeExplainer(model)
    values = explainer.shap_values(X[:40])
    np.testing.assert_allclose(
        values.sum(axis=1) + explainer.expected_value, model.predict(X[:40]), rtol=1e-6
    )


def test_shap_values_add_up_to_the_log_odds():
    X, y = make_classification(400, 6, random_state=0)
    model = HistGradientBoostingClassifier(max_iter=15).fit(X, y)
    explainer = shap.TreeExplainer(model)
    values = explainer.shap_values(X[:40])
    np.testing.assert_allclose(
        values.sum(axis=1) + explainer.expected_value,
        model.decision_function(X[:40]),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("feature", [0, 3])
def test_partial_dependence_by_recursion_is_close_to_brute_force(feature):
    X, y = _regression()
    model = HistGradientBoostingRegressor(max_iter=30).fit(X, y)
    options = {"features": [feature], "grid_resolution": 12}
    fast = partial_dependence(model, X, method="recursion", **options)["average"]
    brute = partial_dependence(model, X, method="brute", **options)["average"]
    fast, brute = fast - fast.mean(), brute - brute.mean()  # the first leaves out the constant
    np.testing.assert_allclose(fast, brute, atol=0.15 * np.ptp(brute))


def test_what_the_recursion_cannot_do_is_said():
    X, y = _regression()
    weighted = HistGradientBoostingRegressor(max_iter=3).fit(X, y, sample_weight=np.ones(len(y)))
    with pytest.raises(NotImplementedError, match="sample weights"):
        partial_dependence(weighted, X, features=[0], method="recursion")
    codes = np.column_stack([X[:, :2], np.arange(400) % 5])
    named = HistGradientBoostingRegressor(max_iter=3, categorical_features=[2]).fit(codes, y)
    with pytest.raises(NotImplementedError, match="splits categories"):
        shap.TreeExplainer(named)
    assert partial_dependence(named, codes, features=[0], method="brute")["average"].size


def test_permutation_importance_finds_the_columns_that_matter():
    X, y = _regression()
    model = HistGradientBoostingRegressor().fit(X, y)
    found = permutation_importance(model, X, y, n_repeats=2, random_state=0).importances_mean
    assert found[5] < found[:5].min()
