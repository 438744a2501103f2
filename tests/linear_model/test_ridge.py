"""Ridge against least squares on rows extended by sqrt(alpha) I, which has the same solution."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.linear_loops import centred
from sklearn import linear_model as sklearn_linear_model
from sklearn.datasets import load_diabetes

from groundup._estimator import read_only
from groundup.linear_model import LinearRegression, Ridge
from groundup.linear_model._ridge import ridge


def by_extended_rows(X, y, alpha, weights=None, fit_intercept=True):
    """|Xw - y|^2 + alpha |w|^2 = |[X; sqrt(alpha) I] w - [y; 0]|^2, which squares no condition."""
    A, b, mean_x, mean_y = centred(X, y, weights, fit_intercept)
    d = X.shape[1]
    w = scipy.linalg.lstsq(
        np.concatenate([A, np.sqrt(alpha) * np.eye(d)]),
        np.concatenate([b, np.zeros((d, *b.shape[1:]))]),
    )[0]
    return w, mean_y - mean_x @ w


@pytest.mark.parametrize("alpha", [1e-10, 1e-4, 1.0, 1e4])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("solver", ["auto", "svd"])
@pytest.mark.parametrize("shape", [(300, 8), (20, 60), (12, 12)])
def test_equals_extended_least_squares(shape, solver, fit_intercept, alpha):
    rng = np.random.default_rng(0)
    X = rng.standard_normal(shape) * np.logspace(-1, 1, shape[1]) + 2.0
    y = rng.standard_normal(shape[0]) + X[:, 0]
    weights = rng.uniform(0.0, 2.0, shape[0])
    model = Ridge(alpha=alpha, fit_intercept=fit_intercept, solver=solver).fit(X, y, weights)
    w, b = by_extended_rows(X, y, alpha, weights, fit_intercept)
    assert np.linalg.norm(model.coef_ - w) <= 1e-9 * np.linalg.norm(w)
    assert model.intercept_ == pytest.approx(b, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("alpha", [1e-14, 1e-8, 1e-2])
def test_a_small_price_on_nearly_dependent_columns(alpha):
    rng = np.random.default_rng(1)
    U, _ = np.linalg.qr(rng.standard_normal((500, 10)))
    V, _ = np.linalg.qr(rng.standard_normal((10, 10)))
    X = (U * np.logspace(0, -10, 10)) @ V.T
    y = X @ rng.standard_normal(10) + 1e-6 * rng.standard_normal(500)
    model = Ridge(alpha=alpha, fit_intercept=False).fit(X, y)
    w, _ = by_extended_rows(X, y, alpha, fit_intercept=False)
    condition = 1.0 / np.sqrt(alpha)
    assert np.linalg.norm(model.coef_ - w) <= 100 * np.finfo(
        float
    ).eps * condition * np.linalg.norm(w)
    if alpha < 1e-10:
        assert model.solver_ == "svd"  # what "cholesky" cannot do


def test_no_price_is_least_squares_of_the_shortest_solution():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((100, 4))
    X = np.column_stack([X, X[:, 0]])
    y = rng.standard_normal(100)
    free, least = Ridge(alpha=0.0).fit(X, y), LinearRegression().fit(X, y)
    np.testing.assert_allclose(free.coef_, least.coef_, atol=1e-12)


@given(st.integers(2, 30), st.integers(1, 30), st.floats(-3, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_gradient_is_zero_at_the_solution(n, d, log_alpha, seed):
    rng = np.random.default_rng(seed)
    X, y, alpha = rng.standard_normal((n, d)), rng.standard_normal(n), 10.0**log_alpha
    (state,) = ridge(read_only(X), read_only(y), alpha=alpha)
    w, b = state["coef_"], state["intercept_"]
    residual = y - X @ w - b
    np.testing.assert_allclose(X.T @ residual, alpha * w, atol=1e-9 * (1 + np.abs(X.T @ y).max()))
    assert residual.sum() == pytest.approx(0.0, abs=1e-10 * n)


@pytest.mark.parametrize("alpha", [2.0, [0.5, 5.0, 0.5]])
@pytest.mark.parametrize("n_rows", [442, 8])
def test_several_targets_equal_scikit_learn(alpha, n_rows):
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:n_rows] * 20, y[:n_rows]
    Y = np.column_stack([y, X[:, 0] ** 2, y - X[:, 2]])
    weights = np.random.default_rng(3).uniform(0.5, 2.0, n_rows)
    ours = Ridge(alpha=alpha).fit(X, Y, weights)
    theirs = sklearn_linear_model.Ridge(alpha=alpha, solver="svd").fit(X, Y, weights)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-8)


@pytest.mark.parametrize("n_targets", [None, 1, 2])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_shapes_are_those_of_scikit_learn(n_targets, fit_intercept):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((20, 3))
    y = rng.standard_normal(20 if n_targets is None else (20, n_targets))
    ours = Ridge(fit_intercept=fit_intercept).fit(X, y)
    theirs = sklearn_linear_model.Ridge(fit_intercept=fit_intercept).fit(X, y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert np.shape(ours.intercept_) == np.shape(theirs.intercept_)
    assert ours.predict(X).shape == theirs.predict(X).shape


@pytest.mark.parametrize("shape", [(20_000, 12), (60, 3_000)])
def test_threads_do_not_change_a_bit(shape):
    rng = np.random.default_rng(5)
    X, y = read_only(rng.standard_normal(shape)), read_only(rng.standard_normal(shape[0]))
    (one,), (two,) = ridge(X, y, n_threads=1), ridge(X, y, n_threads=2)
    assert np.array_equal(one["coef_"], two["coef_"])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "lsqr"}, "use 'auto', 'cholesky' or 'svd'"),
        ({"positive": True}, "positive=True.* not supported"),
        ({"alpha": [1.0, 2.0]}, "2 values for 1 targets"),
        ({"alpha": [-1.0]}, "at least 0"),
    ],
)
def test_what_is_not_supported_is_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        Ridge(**parameters).fit([[0.0], [1.0]], [0.0, 1.0])
