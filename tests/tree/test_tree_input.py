"""Awkward input: each a right answer, or an error that says what is wrong and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from groundup.tree import DecisionTreeClassifier, DecisionTreeRegressor

X = np.arange(20.0).reshape(10, 2)
both = pytest.mark.parametrize("cls", [DecisionTreeClassifier, DecisionTreeRegressor])


@both
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_target_that_is_not_a_number_is_refused(cls, bad):
    y = np.arange(10.0)
    y[3] = bad
    with pytest.raises(ValueError, match="NaN|infinity"):
        cls().fit(X, y)


@both
@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinite_values_are_refused_in_fit_and_predict(cls, bad):
    y = np.arange(10) % 2
    X_bad = X.copy()
    X_bad[2, 1] = bad
    with pytest.raises(ValueError, match="infinity"):
        cls().fit(X_bad, y)
    with pytest.raises(ValueError, match="infinity"):
        cls().fit(X, y).predict(X_bad)


@both
def test_two_targets_are_refused(cls):
    with pytest.raises(ValueError, match=r"one target, but y has shape \(10, 2\).*multioutput"):
        cls().fit(X, X)


def test_poisson_refuses_negative_targets_and_only_zeros():
    with pytest.raises(ValueError, match=r"values down to -1;.*at least 0"):
        DecisionTreeRegressor(criterion="poisson").fit(X, np.arange(10.0) - 1.0)
    with pytest.raises(ValueError, match="all of y is 0"):
        DecisionTreeRegressor(criterion="poisson").fit(X, np.zeros(10))


@pytest.mark.parametrize("max_bins", [255, None])
def test_poisson_predicts_a_positive_number_everywhere(max_bins):
    y = np.r_[np.zeros(8), 3.0, 5.0]
    model = DecisionTreeRegressor(criterion="poisson", max_bins=max_bins).fit(X, y)
    assert np.all(model.predict(X) > 0.0)


@both
@pytest.mark.parametrize("max_bins", [255, None])
def test_a_column_without_any_value_says_nothing(cls, max_bins):
    y = np.arange(10) // 5
    X_missing = np.column_stack([np.full(10, np.nan), X[:, 0], np.full(10, np.nan)])
    model = cls(max_bins=max_bins).fit(X_missing, y)
    np.testing.assert_array_equal(model.predict(X_missing), y)
    assert model.feature_importances_.tolist() == [0.0, 1.0, 0.0]
    nothing = cls(max_bins=max_bins).fit(np.full((10, 2), np.nan), y)
    assert nothing.get_n_leaves() == 1
    nothing.predict(X)


@both
def test_being_missing_may_be_all_that_tells(cls):
    x = np.where(np.arange(10) % 3 == 0, np.nan, 1.0)[:, np.newaxis]
    y = np.isnan(x[:, 0]).astype(int)
    model = cls().fit(x, y)
    np.testing.assert_array_equal(model.predict(x), y)
    assert model.get_depth() == 1
    assert model.predict([[99.0]]) == 0


def test_one_class():
    model = DecisionTreeClassifier().fit(X, ["only"] * 10)
    assert model.get_n_leaves() == 1
    assert model.predict(X).tolist() == ["only"] * 10
    assert model.predict_proba(X).tolist() == [[1.0]] * 10
    assert model.n_classes_ == 1
    assert model.tree_.n_classes.tolist() == [1]


@both
@pytest.mark.parametrize("criterion", ["first", "last"])
def test_constant_columns(cls, criterion):
    options = next(iter(cls._parameter_constraints["criterion"])).options
    y = np.arange(10) % 2
    model = cls(criterion=sorted(options)[0 if criterion == "first" else -1])
    model.fit(np.ones((10, 3)), y)
    assert model.get_n_leaves() == 1
    assert model.predict(np.zeros((1, 3))) in (0, 0.5)
    # A constant column does not use up a draw: the telling one is always found.
    for seed in range(10):
        wide = np.column_stack([np.ones((10, 5)), y])
        found = cls(max_features=1, random_state=seed).fit(wide, y)
        np.testing.assert_array_equal(found.predict(wide), y)


@both
def test_weights_that_are_all_zero_are_refused(cls):
    y = np.arange(10) % 2
    with pytest.raises(ValueError, match="weight"):
        cls().fit(X, y, np.zeros(10))
    with pytest.raises(ValueError, match="[Nn]egative"):
        cls().fit(X, y, np.full(10, -1.0))


def test_class_weights_that_leave_no_row_are_refused():
    with pytest.raises(ValueError, match=r"add up to 0\.0.*positive weight"):
        DecisionTreeClassifier(class_weight={0: 0.0, 1: 0.0}).fit(X, np.arange(10) % 2)


def test_rows_without_weight_are_not_seen():
    y = np.arange(10) % 2
    weight = (np.arange(10) < 5).astype(float)
    model = DecisionTreeClassifier().fit(X, y, weight)
    assert model.grown_.n_node_samples[0] == 5
    np.testing.assert_array_equal(model.predict(X[:5]), y[:5])
    assert model.predict_proba(X).shape == (10, 2)


@both
def test_a_million_rows_of_one_column(cls):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1_000_000, 1))
    y = (x[:, 0] > 0.3).astype(int)
    model = cls(max_depth=6).fit(x, y)
    assert model.score(x, y) > 0.99
    assert model.get_depth() <= 6


@both
@pytest.mark.parametrize("max_features", [None, "sqrt"])
def test_far_more_columns_than_rows(cls, max_features):
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(50, 20_000))
    y = (wide[:, 17_321] > 0.0).astype(int)
    model = cls(max_features=max_features, random_state=0).fit(wide, y)
    np.testing.assert_array_equal(model.predict(wide), y)
    if max_features is None:
        assert model.get_depth() == 1


@both
def test_one_row_and_two_equal_rows(cls):
    assert cls().fit([[1.0]], [1]).predict([[5.0]]) == 1
    assert cls().fit([[1.0], [1.0]], [1, 1]).get_n_leaves() == 1


@both
def test_values_at_the_ends_of_the_range(cls):
    x = np.array([[-1.7e308], [-1e-320], [0.0], [5e-324], [1.7e308]])
    y = np.array([0, 1, 0, 1, 0])
    model = cls(max_bins=None).fit(x, y)
    np.testing.assert_array_equal(model.predict(x), y)


@both
def test_neighbouring_numbers_are_told_apart(cls):
    x = np.array([[1.0], [np.nextafter(1.0, 2.0)]])
    assert cls().fit(x, [0, 1]).predict(x).tolist() == [0, 1]


def test_large_targets_keep_their_precision():
    x = np.arange(100.0)[:, np.newaxis]
    y = 1e9 + (x[:, 0] > 42) * 1e-3
    model = DecisionTreeRegressor(max_depth=1).fit(x, y)
    assert model.grown_.threshold[0] == 42.5
    np.testing.assert_allclose(model.predict(x), y, rtol=1e-15)


@both
@pytest.mark.parametrize(
    "parameters",
    [
        {"max_depth": 0},
        {"min_samples_split": 1},
        {"min_samples_leaf": 0},
        {"min_samples_leaf": 1.0},
        {"min_weight_fraction_leaf": 0.6},
        {"max_features": 0},
        {"max_features": "all"},
        {"max_leaf_nodes": 1},
        {"min_impurity_decrease": -0.1},
        {"ccp_alpha": -1.0},
        {"max_bins": 1},
        {"max_bins": 256},
        {"splitter": "worst"},
        {"criterion": "mse"},
    ],
)
def test_a_parameter_out_of_range_is_named(cls, parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        cls(**parameters).fit(X, np.arange(10) % 2)


@both
def test_monotonic_constraints_are_refused_with_a_way_out(cls):
    with pytest.raises(ValueError, match="monotonic_cst.*not supported; use None"):
        cls(monotonic_cst=[1, 0]).fit(X, np.arange(10) % 2)


@both
def test_other_shapes_and_kinds_are_refused(cls):
    y = np.arange(10) % 2
    model = cls().fit(X, y)
    with pytest.raises(ValueError, match="3 features, but .* expecting 2"):
        model.predict(np.zeros((1, 3)))
    with pytest.raises(TypeError, match="[Ss]parse"):
        cls().fit(scipy.sparse.csr_matrix(X), y)
    for ask in (cls().predict, cls().apply, cls().decision_path):
        with pytest.raises(NotFittedError):
            ask(X)
    for attribute in ("tree_", "feature_importances_"):
        assert not hasattr(cls(), attribute)
    for ask in (cls().get_depth, cls().get_n_leaves):
        with pytest.raises(NotFittedError):
            ask()


def test_a_regression_target_is_no_class():
    with pytest.raises(ValueError, match="continuous"):
        DecisionTreeClassifier().fit(X, np.linspace(0.1, 0.9, 10))


def test_text_classes_a_frame_and_missing_values():
    frame = pd.DataFrame({"a": [1.0, 2.0, None, 4.0], "b": [1, 1, 1, 1]})
    model = DecisionTreeClassifier().fit(frame, ["x", "x", "y", "x"])
    assert model.predict(frame).tolist() == ["x", "x", "y", "x"]
    assert model.classes_.tolist() == ["x", "y"]
    assert model.feature_names_in_.tolist() == ["a", "b"]
