"""Least squares against `scipy.linalg.lstsq`, on what makes the normal equations fail."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from oracles.linear_loops import centred
from sklearn import linear_model as sklearn_linear_model
from sklearn.datasets import load_diabetes

from groundup._estimator import read_only
from groundup.linear_model import LinearRegression
from groundup.linear_model._linear_regression import EPS, least_squares


def matrix_of_condition(n, d, condition, rng):
    """Singular values from 1 down to 1 / condition, in random directions."""
    U, _ = np.linalg.qr(rng.standard_normal((n, d)))
    V, _ = np.linalg.qr(rng.standard_normal((d, d)))
    return (U * np.logspace(0, -np.log10(condition), d)) @ V.T


def reference(X, y, weights=None, fit_intercept=True):
    """lstsq on centred rows, with NumPy's cut-off for singular values that are rounding errors."""
    A, b, mean_x, mean_y = centred(X, y, weights, fit_intercept)
    w, _, rank, singular = scipy.linalg.lstsq(A, b, cond=EPS * max(A.shape))
    return w, mean_y - mean_x @ w, rank, singular, A, b


def sensitivity(A, b, w, singular, rank):
    """How far rounding the data to eps can move the solution, relative to its length [Wedin]."""
    condition = singular[0] / singular[rank - 1]
    residual = np.linalg.norm(b - A @ w)
    return EPS * condition * (1 + condition * residual / (singular[0] * np.linalg.norm(w)))


HARD = {
    "condition 1e1": lambda rng: matrix_of_condition(400, 12, 1e1, rng),
    "condition 1e3": lambda rng: matrix_of_condition(400, 12, 1e3, rng),
    "condition 1e5": lambda rng: matrix_of_condition(400, 12, 1e5, rng),
    "condition 1e7": lambda rng: matrix_of_condition(400, 12, 1e7, rng),
    "condition 1e10": lambda rng: matrix_of_condition(400, 12, 1e10, rng),
    "condition 1e10, many rows": lambda rng: matrix_of_condition(20_000, 12, 1e10, rng),
    "far from zero": lambda rng: rng.standard_normal((500, 5)) + 1e8,
    "columns of many sizes": lambda rng: rng.standard_normal((500, 6)) * np.logspace(-5, 5, 6),
    "columns lost in rounding": lambda rng: rng.standard_normal((500, 6)) * np.logspace(-9, 9, 6),
    "square": lambda rng: rng.standard_normal((9, 9)),
    "more columns than rows": lambda rng: rng.standard_normal((30, 80)),
    "one column": lambda rng: rng.standard_normal((50, 1)),
}


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", HARD)
def test_agrees_with_lstsq_to_the_sensitivity_of_the_problem(name, fit_intercept, noise):
    rng = np.random.default_rng(0)
    X = HARD[name](rng)
    y = X @ rng.standard_normal(X.shape[1]) + noise * rng.standard_normal(len(X))
    model = LinearRegression(fit_intercept=fit_intercept).fit(X, y)
    w, b, rank, singular, A, target = reference(X, y, fit_intercept=fit_intercept)
    # Data far from zero are known to fewer digits once they are centred.
    digits = np.abs(X).max() * np.sqrt(len(X)) / singular[0]
    allowed = 5 * sensitivity(A, target, w, singular, rank) * max(1.0, digits)
    assert np.linalg.norm(model.coef_ - w) <= allowed * np.linalg.norm(w)
    assert model.rank_ == rank
    np.testing.assert_allclose(model.singular_, singular, rtol=1e-7, atol=1e-13 * singular[0])
    residual, smallest = y - model.predict(X), y - X @ w - b
    assert np.linalg.norm(residual) <= np.linalg.norm(smallest) * (
        1 + 1e-9
    ) + 1e-13 * np.linalg.norm(y)


@pytest.mark.parametrize("condition", [1e2, 1e4, 1e6])
def test_refinement_wins_back_what_squaring_loses(condition):
    rng = np.random.default_rng(1)
    X = matrix_of_condition(2_000, 10, condition, rng)
    truth = rng.standard_normal(10)
    steps = least_squares(read_only(X), read_only(X @ truth), fit_intercept=False, tol=1.0)
    errors = [np.linalg.norm(s["coef_"] - truth) / np.linalg.norm(truth) for s in steps]
    assert len(errors) == 2
    assert errors[1] <= max(5 * EPS * condition, (EPS * condition**2) ** 2)
    assert errors[0] > errors[1]


def test_of_many_solutions_the_shortest_is_taken():
    rng = np.random.default_rng(2)
    base = rng.standard_normal((200, 3))
    X = np.column_stack([base, base[:, 0], np.full(200, 7.3), base @ [1.0, -1.0, 2.0]])
    y = base @ [1.0, 2.0, 3.0] + rng.standard_normal(200)
    model = LinearRegression().fit(X, y)
    w, b, rank, *_ = reference(X, y)
    assert model.rank_ == rank == 3
    np.testing.assert_allclose(model.coef_, w, atol=1e-12)
    assert model.intercept_ == pytest.approx(b)
    assert model.coef_[4] == 0.0  # a constant column explains nothing
    assert model.coef_[0] == pytest.approx(model.coef_[3])  # twins share the weight


def test_indicators_of_every_category_are_dependent_and_harmless():
    rng = np.random.default_rng(3)
    X = np.eye(6)[rng.integers(0, 6, 3_000)]
    y = X @ np.arange(6.0) + 0.1 * rng.standard_normal(3_000)
    model = LinearRegression().fit(X, y)
    means = [y[X[:, k] == 1].mean() for k in range(6)]
    assert model.rank_ == 5
    np.testing.assert_allclose(model.predict(np.eye(6)), means, atol=1e-12)


def test_a_target_that_does_not_vary_and_features_that_do_not():
    X = np.random.default_rng(4).standard_normal((30, 3))
    flat = LinearRegression().fit(X, np.full(30, 2.5))
    np.testing.assert_allclose(flat.coef_, 0.0, atol=1e-15)
    assert flat.intercept_ == pytest.approx(2.5)
    constant = LinearRegression().fit(np.full((30, 3), 1e8), np.arange(30.0))
    assert constant.rank_ == 0
    assert not constant.coef_.any()
    assert constant.intercept_ == pytest.approx(14.5)


def test_one_row():
    model = LinearRegression().fit([[1.0, 2.0]], [3.0])
    assert model.predict([[5.0, 5.0]]) == pytest.approx([3.0])


@pytest.mark.parametrize("tol", [1e-6, 0.0])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("n_targets", [None, 1, 3])
def test_equals_scikit_learn_on_real_data(tol, weighted, n_targets):
    X, y = load_diabetes(return_X_y=True)
    X = X * 100 + 3
    if n_targets:
        y = np.column_stack([y * (k + 1) + X[:, k] ** 2 for k in range(n_targets)])
    weights = np.random.default_rng(5).integers(0, 3, len(X)).astype(float) if weighted else None
    ours = LinearRegression(tol=tol).fit(X, y, weights)
    theirs = sklearn_linear_model.LinearRegression(tol=1e-12).fit(X, y, weights)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-9)
    np.testing.assert_allclose(ours.singular_, theirs.singular_, rtol=1e-9)
    assert ours.rank_ == theirs.rank_
    assert ours.predict(X).shape == theirs.predict(X).shape


@pytest.mark.parametrize("tol", [1e-6, 0.0])
def test_threads_do_not_change_a_bit(tol):
    X = matrix_of_condition(20_000, 15, 1e4, np.random.default_rng(6))
    y = X.sum(axis=1)
    one, two = (LinearRegression(tol=tol, n_jobs=n).fit(X, y) for n in (1, 2))
    assert np.array_equal(one.coef_, two.coef_)
    assert np.array_equal(one.singular_, two.singular_)


def test_small_columns_keep_their_weight():
    # The cut-off of scikit-learn 1.9, a millionth of the largest singular value, loses the second.
    rng = np.random.default_rng(7)
    X = rng.standard_normal((300, 2)) * [1e5, 1e-3]
    model = LinearRegression().fit(X, X @ [1e-5, 1e3])
    np.testing.assert_allclose(model.coef_, [1e-5, 1e3], rtol=1e-12)


def test_what_is_not_supported_is_named():
    with pytest.raises(ValueError, match=r"positive=True.* not supported"):
        LinearRegression(positive=True).fit([[0.0], [1.0]], [0.0, 1.0])
