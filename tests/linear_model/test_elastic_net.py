"""Lasso and elastic net: the gap proves the objective, whichever way it was reached."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.linear_loops import (
    best_dual_objective,
    centred,
    elastic_net_objective,
    lasso_by_loops,
)
from sklearn import linear_model as sklearn_linear_model
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning

from groundup._estimator import read_only
from groundup.linear_model import ElasticNet, Lasso, LinearRegression
from groundup.linear_model._coordinate_descent import Penalty
from groundup.linear_model._elastic_net import elastic_net

SHAPES = {"rows are many": (400, 12), "columns are many": (60, 400)}


def problem(shape, seed=0, noise=0.5):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal(shape) * rng.uniform(0.5, 2.0, shape[1]) + rng.standard_normal(shape[1])
    w = np.where(rng.random(shape[1]) < 5 / shape[1], rng.standard_normal(shape[1]), 0.0)
    w[0] = 2.0
    return X, X @ w + noise * rng.standard_normal(shape[0]) + 3.0


def objective_of(model, X, y, weights=None):
    l1, l2 = model.alpha * model.l1_ratio, model.alpha * (1 - model.l1_ratio)
    return elastic_net_objective(X, y - model.intercept_, model.coef_, l1, l2, weights)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.7])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_gap_is_true_and_below_the_tolerance(shape, l1_ratio, positive):
    X, y = problem(shape)
    alpha, tol = 0.1, 1e-4
    loose = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=tol, positive=positive).fit(X, y)
    exact = ElasticNet(
        alpha=alpha, l1_ratio=l1_ratio, tol=1e-12, positive=positive, max_iter=100_000
    ).fit(X, y)
    excess = objective_of(loose, X, y) - objective_of(exact, X, y)
    assert -1e-12 <= excess <= loose.dual_gap_ + 1e-12
    assert 0.0 <= loose.dual_gap_ <= tol * np.var(y)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.99, 0.5, 0.0])
def test_the_gap_is_the_one_of_the_definitions(l1_ratio, positive):
    X, y = problem(SHAPES["rows are many"])
    A, b, *_ = centred(X, y, None, True)
    l1, l2 = 0.1 * l1_ratio, 0.1 * (1 - l1_ratio)
    for state in elastic_net(read_only(X), read_only(y), Penalty(l1, l2, positive), tol=1e-6):
        w = state["coef_"]
        bound = best_dual_objective(A, b, b - A @ w, l1, l2, positive)
        gap = elastic_net_objective(A, b, w, l1, l2) - bound
        assert state["dual_gap_"] == pytest.approx(gap, rel=1e-6, abs=1e-9)


def test_slow_changes_are_not_taken_for_a_small_gap():
    # Nearly equal columns: each epoch changes little, and yet there is far to go.
    rng = np.random.default_rng(6)
    X = rng.standard_normal((300, 1)) + 0.05 * rng.standard_normal((300, 8))
    y = X @ np.linspace(-20.0, 20.0, 8)
    model = Lasso(alpha=1e-4, tol=1e-3, max_iter=100_000).fit(X, y)
    assert model.dual_gap_ <= 1e-3 * np.var(y)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_objective_never_rises_and_the_gap_holds_at_every_step(shape, l1_ratio):
    X, y = problem(shape)
    l1, l2 = 0.05 * l1_ratio, 0.05 * (1 - l1_ratio)
    steps = elastic_net(read_only(X), read_only(y), Penalty(l1, l2, False), tol=1e-8)
    seen = []
    for state in steps:
        residual_target = y - state["intercept_"]
        objective = elastic_net_objective(X, residual_target, state["coef_"], l1, l2)
        seen.append((objective, state["dual_gap_"], state["n_iter_"]))
    objectives, gaps, counts = map(np.array, zip(*seen, strict=True))
    assert len(seen) >= 2
    assert np.all(np.diff(objectives) <= 1e-12 * objectives[0])
    assert np.all(objectives - gaps <= objectives[-1] + 1e-12)  # every bound is below the minimum
    assert gaps[-1] <= 1e-8 * np.var(y)
    assert gaps[-1] < gaps[0]
    assert np.all(np.diff(counts) >= 0)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_equals_the_loops_of_the_textbook(l1_ratio, positive):
    X, y = problem((40, 6))
    A, b, *_ = centred(X, y, None, True)
    w = lasso_by_loops(A, b, 0.2 * l1_ratio, 0.2 * (1 - l1_ratio), positive)
    for precompute in (True, False):
        model = ElasticNet(0.2, l1_ratio=l1_ratio, tol=1e-13, positive=positive)
        model.set_params(precompute=precompute).fit(X, y)
        np.testing.assert_allclose(model.coef_, w, atol=1e-9)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("fraction", [0.5, 0.05, 0.01])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_objective_is_level_with_scikit_learn(shape, fraction, fit_intercept, weighted):
    X, y = problem(shape)
    weights = np.random.default_rng(1).uniform(0.0, 2.0, len(y)) if weighted else None
    parameters = {"alpha": fraction, "fit_intercept": fit_intercept, "max_iter": 5_000}
    ours = Lasso(**parameters).fit(X, y, weights)
    theirs = sklearn_linear_model.Lasso(**parameters).fit(X, y, weights)
    theirs.l1_ratio = 1.0
    best = objective_of(theirs, X, y, weights)
    assert objective_of(ours, X, y, weights) <= best + 1e-6 * np.var(y)


@pytest.mark.parametrize("selection", ["cyclic", "random"])
@pytest.mark.parametrize("precompute", [True, False])
def test_both_ways_and_both_orders_reach_one_solution(precompute, selection):
    X, y = problem((50, 300))
    parameters = {"alpha": 0.1, "tol": 1e-10, "max_iter": 100_000}
    model = Lasso(**parameters, precompute=precompute, selection=selection, random_state=3)
    model.fit(X, y)
    reference = Lasso(**parameters).fit(X, y)
    np.testing.assert_allclose(model.coef_, reference.coef_, atol=1e-6)
    assert 1 <= np.count_nonzero(model.coef_) <= 50


def test_orthogonal_columns_have_a_closed_form():
    Q, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((200, 6)))
    Q = Q * np.sqrt(200)
    y = Q @ [3.0, -2.0, 0.4, 0.0, -0.1, 1.0]
    model = Lasso(alpha=0.5, fit_intercept=False, tol=1e-14).fit(Q, y)
    np.testing.assert_allclose(model.coef_, [2.5, -1.5, 0.0, 0.0, 0.0, 0.5], atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_from_the_largest_alpha_on_every_weight_is_zero(shape):
    X, y = problem(shape)
    A, b, *_ = centred(X, y, None, True)
    largest = np.abs(A.T @ b).max() / len(y)
    above, below = Lasso(largest * (1 + 1e-9)).fit(X, y), Lasso(largest * 0.99).fit(X, y)
    assert not above.coef_.any()
    assert above.intercept_ == pytest.approx(y.mean())
    assert above.dual_gap_ <= 1e-6 * np.var(y)
    assert np.count_nonzero(below.coef_) == 1


@given(
    st.integers(3, 40),
    st.integers(1, 60),
    st.floats(0.01, 1.0),
    st.floats(0.05, 1.0),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_the_conditions_of_a_minimum_hold(n, d, fraction, l1_ratio, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    A, b, *_ = centred(X, y, None, True)
    alpha = fraction * np.abs(A.T @ b).max() / n / l1_ratio
    model = ElasticNet(alpha, l1_ratio=l1_ratio, tol=1e-14, max_iter=100_000).fit(X, y)
    w = model.coef_
    slope = A.T @ (b - A @ w) / n - alpha * (1 - l1_ratio) * w
    # The slope is l1 sign(w_j) where there is a weight, and at most l1 where there is none.
    l1 = alpha * l1_ratio
    assert np.all(np.abs(slope) <= l1 + 1e-6)
    np.testing.assert_allclose(slope[w != 0], l1 * np.sign(w[w != 0]), atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_whole_weights_equal_repeated_rows(shape):
    X, y = problem(shape)
    times = np.random.default_rng(3).integers(0, 3, len(y))
    model = Lasso(alpha=0.1, tol=1e-12, max_iter=50_000)
    weighted = model.fit(X, y, times.astype(float)).coef_.copy()
    repeated = model.fit(np.repeat(X, times, axis=0), np.repeat(y, times)).coef_
    np.testing.assert_allclose(weighted, repeated, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_warm_start_goes_on_where_the_last_fit_ended(shape):
    X, y = problem(shape)
    model = Lasso(alpha=0.02, warm_start=True, tol=1e-8).fit(X, y)
    cold = model.n_iter_
    solution = model.coef_.copy()
    model.fit(X, y)
    assert model.n_iter_ <= max(1, cold // 2)
    np.testing.assert_allclose(model.coef_, solution, atol=1e-5)


def test_several_targets_are_fitted_one_by_one():
    X, y = load_diabetes(return_X_y=True)
    X = X * 20
    Y = np.column_stack([y, X[:, 0] - X[:, 1], y**2 / 100])
    model = ElasticNet(alpha=1.0).fit(X, Y)
    theirs = sklearn_linear_model.ElasticNet(alpha=1.0, tol=1e-10).fit(X, Y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-3 * np.abs(theirs.coef_).max())
    assert len(model.n_iter_) == len(model.dual_gap_) == 3
    assert model.predict(X).shape == Y.shape
    assert model.sparse_coef_.shape == theirs.sparse_coef_.shape
    for k in range(3):
        alone = ElasticNet(alpha=1.0).fit(X, Y[:, k])
        np.testing.assert_allclose(alone.coef_, model.coef_[k], atol=1e-12)


@pytest.mark.parametrize("positive", [True, False])
def test_a_tiny_price_is_least_squares(positive):
    X, y = problem((200, 5))
    y = y - 3.0 * X[:, 2]
    model = Lasso(alpha=1e-9, tol=1e-14, positive=positive, max_iter=10_000).fit(X, y)
    least = LinearRegression().fit(X, y).coef_
    if positive:
        A, b, *_ = centred(X, y, None, True)
        least, _ = scipy.optimize.nnls(A, b)
        assert least.min() == 0.0
    np.testing.assert_allclose(model.coef_, least, atol=1e-6)


@pytest.mark.parametrize("shape", [(20_000, 10), (80, 5_000)])
def test_threads_do_not_change_a_bit(shape):
    X, y = map(read_only, problem(shape))
    fits = []
    for n_threads in (1, 2):
        *_, last = elastic_net(X, y, Penalty(0.1, 0.0, False), n_threads=n_threads)
        fits.append(last)
    assert np.array_equal(fits[0]["coef_"], fits[1]["coef_"])
    assert fits[0]["dual_gap_"] == fits[1]["dual_gap_"]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_columns_far_from_zero(shape):
    X, y = problem(shape)
    near, far = Lasso(alpha=0.1, tol=1e-8).fit(X, y), Lasso(alpha=0.1, tol=1e-8).fit(X + 1e6, y)
    np.testing.assert_allclose(far.coef_, near.coef_, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_constant_columns_and_a_constant_target(shape):
    X, y = problem(shape)
    X[:, 3] = 1e5
    assert Lasso(alpha=0.01).fit(X, y).coef_[3] == 0.0
    flat = Lasso(alpha=0.01).fit(X, np.full(len(y), 4.0))
    assert not flat.coef_.any()
    assert flat.intercept_ == pytest.approx(4.0)


@pytest.mark.parametrize("n_columns", [3, 200])
def test_columns_that_say_nothing(n_columns):
    for rows in (1, 5):
        model = Lasso(alpha=0.1).fit(np.full((rows, n_columns), 7.0), np.arange(float(rows)))
        assert not model.coef_.any()
        assert model.intercept_ == pytest.approx((rows - 1) / 2)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_too_few_epochs_are_said(shape):
    X, y = problem(shape)
    with pytest.warns(ConvergenceWarning, match="did not converge in 1 epochs: the duality gap"):
        model = Lasso(alpha=1e-3, max_iter=1, tol=1e-12).fit(X, y)
    assert model.n_iter_ == 1


def test_what_is_not_supported_is_named():
    X, y = problem((20, 2))
    with pytest.raises(ValueError, match=r"precompute=<matrix>.*use True or False"):
        Lasso(precompute=X.T @ X).fit(X, y)
    with pytest.warns(UserWarning, match="use LinearRegression"):
        Lasso(alpha=0.0, max_iter=10_000).fit(X, y)
