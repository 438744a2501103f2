"""Logistic regression against scikit-learn, loops written by hand, and optimality conditions."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import SHARED_DATA, needs_shared_data
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import logistic_naive
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as ScikitLearn
from sklearn.preprocessing import StandardScaler

from groundup.linear_model import LogisticRegression
from groundup.linear_model._logistic_cost import LogisticCost
from groundup.linear_model._logistic_loss import exp_of_minus, log_of_one_plus
from groundup.linear_model._logistic_smooth import from_a_sample, smooth_logistic
from groundup.linear_model._logistic_sparse import sparse_logistic, violation
from groundup.optim import Nesterov, gradient_descent, newton


def problem(n_classes, n=300, d=5, seed=0):
    X, y = make_classification(
        n,
        d,
        n_informative=max(3, d // 2),
        n_redundant=0,
        n_classes=n_classes,
        n_clusters_per_class=1,
        flip_y=0.2,
        random_state=seed,
    )
    return X, y.astype(np.int64)


def total_cost(cost, w):
    W = cost.unravel(w)
    return cost.cost_and_gradient(w)[0] + cost.l1 * np.abs(W[:, :-1]).sum()


def cost_of(model, X, y, C, l1_ratio=0.0, sample_weight=None):
    """The cost that scikit-learn and we minimise, of a fitted model, as a mean over rows."""
    codes = np.searchsorted(model.classes_, y).astype(np.int64)
    S = len(X) if sample_weight is None else sample_weight.sum()
    l1, l2 = l1_ratio / (C * S), (1 - l1_ratio) / (C * S)
    cost = LogisticCost(X, codes, len(model.classes_), sample_weight, l1=l1, l2=l2)
    return total_cost(cost, np.column_stack([model.coef_, model.intercept_]).ravel())


# ---------------------------------------------------------------- the kernels


def test_exponential_within_the_stated_error():
    a = np.concatenate([np.linspace(0, 40, 20_001), np.geomspace(1e-300, 700, 5_000)])
    bits = np.empty(len(a), dtype=np.int64)
    result = np.empty(len(a))
    exp_of_minus(a, len(a), bits, bits.view(np.float64), result)
    exact = np.exp(-a.astype(np.longdouble))
    relative = np.abs((result - exact) / exact).astype(np.float64)
    assert np.all(relative <= (2 + a) * 1.2e-16)


def test_exponential_at_the_ends():
    a = np.array([0.0, 699.9, 1e4, np.inf, np.nan])
    bits = np.empty(5, dtype=np.int64)
    result = np.empty(5)
    exp_of_minus(a, 5, bits, bits.view(np.float64), result)
    assert result[0] == 1.0
    assert 0.0 < result[3] == result[2] < 1e-303
    assert np.isnan(result[4])


def test_logarithm_keeps_all_but_the_last_digit():
    e = np.concatenate([np.linspace(0, 1, 20_001), np.geomspace(1e-300, 1, 5_000)])
    exact = np.log1p(e.astype(np.longdouble))
    error = np.abs(np.array([log_of_one_plus(v) for v in e]) - exact)
    assert np.all(error <= 5e-16 * exact)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 5), st.integers(1, 300), st.integers(1, 9), st.integers(0, 999), st.booleans()
)
def test_cost_gradient_and_hessian_equal_the_loops(n_classes, n, d, seed, large):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, d)) * (30.0 if large else 1.0)
    y = generator.integers(0, n_classes, size=n)
    weight = generator.random(n)
    cost = LogisticCost(X, y, n_classes, weight, l2=0.3)
    W = generator.normal(size=cost.shape)
    naive = logistic_naive.binary_cost if n_classes == 2 else logistic_naive.multinomial_cost
    expected, expected_gradient = naive(X, y, weight, W)
    S = weight.sum()
    value, gradient = cost.cost_and_gradient(W.ravel())
    np.testing.assert_allclose(
        value, expected / S + 0.15 * np.sum(W[:, :-1] ** 2), rtol=1e-12, atol=1e-14
    )
    expected_gradient /= S
    expected_gradient[:, :-1] += 0.3 * W[:, :-1]
    scale = np.abs(X).max()
    np.testing.assert_allclose(
        gradient.reshape(cost.shape), expected_gradient, rtol=1e-10, atol=1e-13 * scale
    )
    H = cost.hessian(W.ravel())
    expected_hessian = logistic_naive.hessian(X, weight, cost.proba) / S
    penalised = np.tile(np.append(np.full(d, 0.3), 0.0), cost.n_values)
    expected_hessian += np.diag(penalised)
    if n_classes > 2:  # the direction in which nothing changes, for the intercepts
        b = np.arange(d, len(H), d + 1)
        filled = H[np.ix_(b, b)] - expected_hessian[np.ix_(b, b)]
        np.testing.assert_allclose(filled, filled[0, 0], rtol=1e-9, atol=1e-15)
        assert filled[0, 0] >= 0
        H[np.ix_(b, b)] = expected_hessian[np.ix_(b, b)]
    np.testing.assert_allclose(H, expected_hessian, rtol=1e-10, atol=1e-12 * scale**2)
    np.testing.assert_array_equal(H, H.T)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_gradient_and_hessian_by_finite_differences_over_many_blocks(n_classes):
    X, y = problem(n_classes, n=9_000)
    cost = LogisticCost(X, y, n_classes, l2=0.1, fit_intercept=False, n_threads=2)
    w = np.random.default_rng(0).normal(size=cost.n_parameters)
    steps = 1e-6 * np.eye(len(w))
    slopes = [(cost.cost_and_gradient(w + e)[0] - cost.cost_and_gradient(w - e)[0]) for e in steps]
    gradient = cost.cost_and_gradient(w)[1]
    hessian = cost.hessian(w)
    np.testing.assert_allclose(gradient, np.array(slopes) / 2e-6, rtol=1e-5, atol=1e-7)
    bends = [(cost.cost_and_gradient(w + e)[1] - cost.cost_and_gradient(w - e)[1]) for e in steps]
    np.testing.assert_allclose(hessian, np.array(bends) / 2e-6, rtol=1e-5, atol=1e-6)


def test_some_of_the_rows():
    X, y = problem(3)
    cost = LogisticCost(X, y, 3)
    w = np.random.default_rng(1).normal(size=cost.n_parameters)
    rows = np.array([5, 17, 2, 200])
    value, gradient = cost.cost_and_gradient(w, rows)
    expected, expected_gradient = logistic_naive.multinomial_cost(
        X[rows], y[rows], np.ones(4), w.reshape(cost.shape)
    )
    assert value == pytest.approx(expected / 4)
    np.testing.assert_allclose(gradient, expected_gradient.ravel() / 4, rtol=1e-10, atol=1e-14)


# ---------------------------------------------------------------- l2 and no penalty


def agree(X, y, *, C=1.0, rtol=1e-6, sample_weight=None, **parameters):
    ours = LogisticRegression(C=C, tol=1e-9, max_iter=500, **parameters)
    theirs = ScikitLearn(C=C, tol=1e-10, max_iter=1000, solver="newton-cholesky", **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(X, y, sample_weight=sample_weight)
        ours.fit(X, y, sample_weight=sample_weight)
    largest = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=rtol, atol=rtol * largest)
    np.testing.assert_allclose(
        ours.intercept_, theirs.intercept_, rtol=10 * rtol, atol=10 * rtol * largest
    )
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape
    assert ours.n_iter_.shape == theirs.n_iter_.shape
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    return ours


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_wine])
@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_coefficients_equal_scikit_learns_on_known_data(load, C):
    agree(*load(return_X_y=True), C=C)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("seed", range(2))
def test_coefficients_equal_scikit_learns(n_classes, fit_intercept, C, seed):
    X, y = problem(n_classes, seed=seed)
    agree(X, y, C=C, fit_intercept=fit_intercept)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
def test_weights_of_rows_and_classes(n_classes, class_weight):
    X, y = problem(n_classes)
    weight = np.random.default_rng(0).random(len(X))
    agree(X, y, class_weight=class_weight, sample_weight=weight)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_weight_of_two_is_a_row_twice(l1_ratio, n_classes):
    X, y = problem(n_classes)
    weight = np.random.default_rng(0).integers(0, 4, size=len(X)).astype(np.float64)
    rows = np.repeat(np.arange(len(X)), weight.astype(int))
    weighted = LogisticRegression(l1_ratio=l1_ratio, tol=1e-9).fit(X, y, sample_weight=weight)
    repeated = LogisticRegression(l1_ratio=l1_ratio, tol=1e-9).fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, atol=1e-6)


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_wine])
def test_with_default_tolerance_no_worse_than_scikit_learn(load):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    theirs = ScikitLearn(max_iter=1000).fit(X, y)
    ours = LogisticRegression().fit(X, y)
    assert cost_of(ours, X, y, 1.0) <= cost_of(theirs, X, y, 1.0) * (1 + 1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_both_methods_reach_the_same_minimum(n_classes):
    X, y = problem(n_classes, n=500, d=20)
    X = X * np.geomspace(1e-2, 1e2, 20) + 10.0
    cost = LogisticCost(X, y, n_classes, l2=1e-4)
    ends = {}
    for method in ("newton", "lbfgs"):
        *_, step = smooth_logistic(
            cost, np.zeros(cost.n_parameters), method=method, tol=1e-5, max_iter=2000
        )
        assert step["converged"], method
        np.testing.assert_allclose(
            cost.cost_and_gradient(step["parameters"])[1], step["gradient"], atol=1e-8
        )
        ends[method] = step["cost"]
    assert ends["lbfgs"] == pytest.approx(ends["newton"], rel=1e-7)


@pytest.mark.parametrize("method", ["newton", "lbfgs"])
def test_cost_falls_at_every_step(method):
    X, y = problem(3, d=10)
    cost = LogisticCost(X, y, 3, l2=0.01)
    start = np.random.default_rng(0).normal(size=cost.n_parameters) * 5
    costs = [step["cost"] for step in smooth_logistic(cost, start, method=method)]
    assert len(costs) > 3
    assert np.all(np.diff(costs) < 1e-15)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("order", ["as made", "sorted by class", "of period 8"])
def test_beginning_with_a_sample_of_the_rows_changes_nothing_but_the_way(n_classes, order):
    X, y = problem(n_classes, n=16_000)
    if order == "sorted by class":
        rows = np.argsort(y, kind="stable")
    elif order == "of period 8":
        rows = np.argsort(X[:, 0]).reshape(8, -1).T.ravel()
    else:
        rows = np.arange(16_000)
    X, y = X[rows], y[rows]
    cost = LogisticCost(X, y, n_classes, l2=1e-5, n_threads=2)
    zeros = np.zeros(cost.n_parameters)
    *_, plain = newton(cost.cost_and_gradient, cost.hessian, zeros, tol=1e-12)
    w, H = from_a_sample(cost, zeros, 1e-4)
    cost.cost_and_gradient(w)
    np.testing.assert_allclose(H, cost.hessian(w), atol=0.1 * np.abs(H).max())
    steps = list(smooth_logistic(cost, zeros, tol=1e-4))
    assert steps[-1]["converged"]
    assert steps[-1]["cost"] == pytest.approx(plain["cost"], rel=1e-7)
    assert steps[0]["cost"] < np.log(n_classes) - 0.1
    assert np.all(np.diff([step["cost"] for step in steps]) < 1e-12)
    *_, exact = smooth_logistic(cost, zeros, tol=1e-11)
    np.testing.assert_allclose(exact["parameters"], plain["parameters"], atol=1e-8)


@pytest.mark.parametrize("C", [1.0, np.inf])
def test_a_sample_which_misses_a_rare_class(C):
    X, _ = problem(2, n=16_000)
    y = np.zeros(16_000, dtype=int)
    y[np.argsort(X[:, 0] + X[:, 1])[-60::15]] = 1
    agree(X, y, C=C, rtol=1e-5)


def test_plain_gradient_descent_gets_there_too():
    X, y = problem(2)
    cost = LogisticCost(X, y, 2, l2=0.1)
    *_, step = gradient_descent(
        cost.cost_and_gradient,
        np.zeros(6),
        rule=Nesterov(0.8),
        learning_rate=0.2,
        tol=1e-9,
        max_epochs=3000,
    )
    *_, best = smooth_logistic(cost, np.zeros(6), tol=1e-10)
    assert step["converged"]
    np.testing.assert_allclose(step["parameters"], best["parameters"], atol=1e-7)


def test_many_features():
    X, y = problem(2, n=1_200, d=950)
    model = LogisticRegression(tol=1e-7, max_iter=1000).fit(X, y)  # by L-BFGS
    cost = LogisticCost(X, y, 2, l2=1 / 1_200)
    *_, step = smooth_logistic(cost, np.zeros(951), method="newton", tol=1e-7)
    assert cost_of(model, X, y, 1.0) == pytest.approx(step["cost"], rel=1e-6)


# ---------------------------------------------------------------- l1 and elastic net


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_sparse_coefficients_equal_sagas(n_classes, l1_ratio, fit_intercept):
    X, y = problem(n_classes, n=200)
    C = 0.2
    ours = LogisticRegression(
        C=C, l1_ratio=l1_ratio, tol=1e-9, fit_intercept=fit_intercept, max_iter=200
    ).fit(X, y)
    theirs = ScikitLearn(
        C=C,
        l1_ratio=l1_ratio,
        tol=1e-10,
        fit_intercept=fit_intercept,
        solver="saga",
        max_iter=20_000,
    ).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-5)
    if n_classes == 2:
        np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=2e-5)
    assert cost_of(ours, X, y, C, l1_ratio) <= cost_of(theirs, X, y, C, l1_ratio) + 1e-9


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("share", [1.0, 0.7])
@pytest.mark.parametrize(("n", "d"), [(150, 6), (50, 200)])
def test_the_gap_is_a_true_bound_at_every_step(seed, n_classes, share, n, d):
    X, y = problem(n_classes, n=n, d=d, seed=seed)
    weight = np.random.default_rng(seed).random(n) + 0.1
    strength = 0.03
    cost = LogisticCost(
        X, y, n_classes, weight, l1=share * strength, l2=(1 - share) * strength, n_threads=2
    )
    start = np.random.default_rng(seed).normal(size=cost.n_parameters) * 0.3
    *_, best = sparse_logistic(cost, np.zeros(cost.n_parameters), tol=1e-10, max_iter=300)
    steps = list(sparse_logistic(cost, start, tol=1e-6))
    assert steps[-1]["converged"]
    for step in steps:
        assert step["cost"] == pytest.approx(total_cost(cost, step["parameters"]), rel=1e-13)
        # the true distance from the minimum is never larger than the gap
        assert step["gap"] >= step["cost"] - best["cost"] - 1e-13
    costs = [step["cost"] for step in steps]
    assert np.all(np.diff(costs) <= 1e-14)
    assert steps[-1]["gap"] <= 1e-8 * np.log(n_classes)
    assert steps[-1]["gap"] >= -1e-14


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_optimality_conditions_and_exact_zeros(n_classes, l2):
    X, y = problem(n_classes, n=100, d=300)
    cost = LogisticCost(X, y, n_classes, l1=0.05, l2=l2)
    *_, step = sparse_logistic(cost, np.zeros(cost.n_parameters), tol=1e-10, max_iter=300)
    W = cost.unravel(step["parameters"])
    G = cost.unravel(cost.cost_and_gradient(step["parameters"])[1])
    assert violation(W[:, :-1], G[:, :-1], cost.l1).max() < 1e-6
    np.testing.assert_allclose(G[:, -1], 0.0, atol=1e-8)
    in_use = np.any(W[:, :-1] != 0.0, axis=0)
    assert 0 < in_use.sum() < 150


@pytest.mark.parametrize("n_classes", [2, 3])
def test_from_which_penalty_on_all_coefficients_are_zero(n_classes):
    X, y = problem(n_classes)
    shares = np.bincount(y) / len(y)
    one_hot = np.eye(n_classes)[y]
    # the gradient of the model without features
    largest = np.abs((shares - one_hot).T @ X / len(X)).max()
    for factor, empty in [(1.001, True), (0.98, False)]:
        C = 1.0 / (factor * largest * len(X))
        model = LogisticRegression(C=C, l1_ratio=1.0, tol=1e-10).fit(X, y)
        assert np.all(model.coef_ == 0.0) == empty
    np.testing.assert_allclose(
        LogisticRegression(C=1e-9, l1_ratio=1.0, tol=1e-9).fit(X, y).predict_proba(X[:1])[0],
        shares,
        atol=1e-6,
    )


def test_sparse_fit_on_columns_far_from_zero():
    X, y = problem(2, n=200)
    model = LogisticRegression(C=0.5, l1_ratio=1.0, tol=1e-8).fit(X, y)
    shifted = LogisticRegression(C=0.5, l1_ratio=1.0, tol=1e-8).fit(X + 1e4, y)
    np.testing.assert_allclose(shifted.coef_, model.coef_, atol=1e-5)


# ---------------------------------------------------------------- hard input


@pytest.mark.parametrize("n_classes", [2, 3])
def test_separable_classes_without_a_penalty_are_named(n_classes):
    X = np.repeat(np.arange(n_classes, dtype=np.float64), 10)[:, None] ** 2
    X = X + np.random.default_rng(0).normal(size=X.shape) * 0.01
    y = np.repeat(np.arange(n_classes), 10)
    X = np.hstack([X, X**2])
    with pytest.warns(ConvergenceWarning, match="separate the classes perfectly"):
        model = LogisticRegression(C=np.inf).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.score(X, y) == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogisticRegression(C=100.0).fit(X, y)


def test_one_class_is_an_error():
    with pytest.raises(ValueError, match=r"at least 2 classes.*only one class: 'yes'"):
        LogisticRegression().fit(np.ones((5, 2)), ["yes"] * 5)


@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_constant_zero_and_repeated_columns(C, l1_ratio, n_classes):
    X, y = problem(n_classes)
    more = np.hstack([X, np.zeros((len(X), 1)), np.full((len(X), 1), 7.0), X[:, :2]])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        plain = LogisticRegression(C=C, l1_ratio=l1_ratio, tol=1e-7).fit(X, y)
        model = LogisticRegression(C=C, l1_ratio=l1_ratio, tol=1e-7).fit(more, y)
    assert np.all(model.coef_[:, 5] == 0.0)
    assert np.isfinite(model.coef_).all()
    if np.isinf(C):
        np.testing.assert_allclose(model.predict_proba(more), plain.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("C", [1.0, np.inf])
def test_columns_of_wildly_different_scale(C):
    X, y = problem(2)
    scale = np.array([1e6, 1e-6, 1.0, 1e3, 1e-3])
    shift = np.array([1e7, 0.0, 100.0, -1e4, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = LogisticRegression(C=C).fit(X * scale + shift, y)
    if np.isinf(C):  # without a penalty the scale must not matter at all
        plain = LogisticRegression(C=np.inf, tol=1e-9).fit(X, y)
        np.testing.assert_allclose(model.coef_ * scale, plain.coef_, rtol=1e-4)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_more_columns_than_rows(l1_ratio):
    X, y = problem(2, n=40, d=200)
    model = LogisticRegression(l1_ratio=l1_ratio).fit(X, y)
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_too_few_steps_are_reported_with_advice(l1_ratio):
    X, y = problem(2)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=1 .*StandardScaler"):
        model = LogisticRegression(max_iter=1, tol=1e-12, l1_ratio=l1_ratio).fit(X, y)
    assert model.n_iter_[0] == 1


def test_no_steps_at_all():
    X, y = problem(2)
    with pytest.warns(ConvergenceWarning):
        model = LogisticRegression(max_iter=0).fit(X, y)
    assert np.all(model.coef_ == 0.0)
    np.testing.assert_allclose(model.predict_proba(X), 0.5)


def test_a_tolerance_of_zero_ends_where_rounding_begins():
    X, y = problem(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LogisticRegression(tol=0.0).fit(X, y)
    assert model.n_iter_[0] < 20


# ---------------------------------------------------------------- the estimator


@pytest.mark.parametrize("n_classes", [2, 4])
def test_shapes_and_probabilities(n_classes):
    X, y = problem(n_classes, d=8)
    labels = np.array(["red", "green", "blue", "black"])[:n_classes]
    model = LogisticRegression(C=100.0).fit(X, labels[y])
    assert list(model.classes_) == sorted(labels)
    decision = model.decision_function(X)
    assert decision.shape == ((300,) if n_classes == 2 else (300, n_classes))
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(model.predict(X), model.classes_[proba.argmax(axis=1)])
    far = model.predict_log_proba(X * 1e4)
    assert np.isfinite(far).all()
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(proba), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_same_bits_for_any_number_of_threads(l1_ratio, n_classes):
    X, y = problem(n_classes, n=9_000, d=12)
    one, two = (LogisticRegression(l1_ratio=l1_ratio, n_jobs=k).fit(X, y) for k in (1, 2))
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.intercept_, two.intercept_)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("n", [300, 16_000])
def test_warm_start_begins_where_the_last_fit_ended(l1_ratio, n):
    X, y = problem(3, n=n)
    model = LogisticRegression(warm_start=True, l1_ratio=l1_ratio).fit(X, y)
    before = model.coef_.copy()
    model.fit(X, y)
    assert model.n_iter_[0] == 0
    np.testing.assert_array_equal(model.coef_, before)
    with pytest.raises(ValueError, match="warm_start=True needs coefficients of shape"):
        model.fit(X[:, :3], y)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"penalty": "l2"}, {}),
        ({"penalty": "l1", "l1_ratio": 1}, {"l1_ratio": 1.0}),
        ({"penalty": "l1"}, {"l1_ratio": 1.0}),
        ({"penalty": "elasticnet", "l1_ratio": 0.5}, {"l1_ratio": 0.5}),
        ({"penalty": None}, {"C": np.inf}),
    ],
)
def test_the_old_penalty_parameter_still_works(old, new):
    X, y = problem(2)
    with pytest.warns(FutureWarning, match="deprecated"):
        model = LogisticRegression(**old).fit(X, y)
    np.testing.assert_array_equal(model.coef_, LogisticRegression(**new).fit(X, y).coef_)


def test_parameters_that_cannot_be():
    X, y = problem(2)
    with pytest.raises(ValueError, match="supported: dual=False"):
        LogisticRegression(dual=True, solver="liblinear").fit(X, y)
    with pytest.raises(ValueError, match="C"):
        LogisticRegression(C=-1.0).fit(X, y)
    with pytest.raises(ValueError, match="solver"):
        LogisticRegression(solver="adam").fit(X, y)
    with pytest.raises(ValueError, match="needs l1_ratio"):
        LogisticRegression(penalty="elasticnet", l1_ratio=None).fit(X, y)


@pytest.mark.parametrize(
    "solver", ["lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"]
)
def test_every_solver_leads_to_the_same_coefficients(solver):
    X, y = problem(2)
    model = LogisticRegression(solver=solver, tol=1e-8).fit(X, y)
    np.testing.assert_allclose(model.coef_, LogisticRegression(tol=1e-8).fit(X, y).coef_, atol=1e-9)


@needs_shared_data
def test_penguins():
    frame = pd.read_csv(SHARED_DATA / "penguins_raw.csv")
    columns = ["Culmen Length (mm)", "Culmen Depth (mm)", "Flipper Length (mm)", "Body Mass (g)"]
    frame = frame.dropna(subset=columns)
    X, y = frame[columns].to_numpy(), frame["Species"].to_numpy()
    model = agree(X, y, rtol=1e-5)
    assert model.score(X, y) > 0.98
    assert model.classes_.dtype.kind in "OT"
