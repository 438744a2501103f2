"""LinearSVC and LinearSVR against scikit-learn, loops written by hand, and duality gaps."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from conftest import SHARED_DATA, needs_shared_data
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.linear_svm_naive import (
    classification_objective,
    hinge_by_rows,
    regression_objective,
)
from scipy.optimize import check_grad, minimize
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_classification,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC as TheirLinearSVC
from sklearn.svm import LinearSVR as TheirLinearSVR

from groundup.svm import LinearSVC, LinearSVR
from groundup.svm._dual_descent import dual_descent
from groundup.svm._intervals import Rows, bound, distances
from groundup.svm._multipliers import multipliers
from groundup.svm._primal_newton import from_a_sample, primal_newton
from groundup.svm._sparse_newton import sparse_newton
from groundup.svm._squared_distance import SquaredDistance


def two_classes(n=200, d=6, seed=0, noise=0.7):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = X @ rng.standard_normal(d) / np.sqrt(d) + noise * rng.standard_normal(n) > 0
    return X, y


def rows_of(kind, n=120, d=5, seed=0):
    """Rows of a small problem, with prices that differ and some that are zero."""
    X, is_member = two_classes(n, d, seed)
    price = np.random.default_rng(seed + 1).integers(0, 3, n) * 0.7
    if kind == "classes":
        return Rows.of_class(X, 1.5, is_member, price)
    y = 3.0 * X[:, 0] - X[:, 1] + np.random.default_rng(seed).standard_normal(n)
    return Rows.of_targets(X, 1.5, y, 0.3, price)


def objective(rows, v, squared):
    r = np.abs(distances(rows, v))
    return 0.5 * v @ v + float(rows.price @ (r**2 if squared else r))


def ours_and_theirs(ours, theirs, X, y, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return ours(**parameters).fit(X, y), theirs(**parameters).fit(X, y)


# ---------------------------------------------------------------- the methods, step by step


@pytest.mark.parametrize("kind", ["classes", "targets"])
def test_derivatives_against_differences(kind):
    rows = rows_of(kind)
    cost = SquaredDistance(rows)
    v = np.random.default_rng(3).standard_normal(6)
    assert cost.cost_and_gradient(v)[0] == pytest.approx(objective(rows, v, True), rel=1e-12)
    error = check_grad(
        lambda v: cost.cost_and_gradient(v)[0], lambda v: cost.cost_and_gradient(v)[1], v
    )
    assert error < 1e-4
    cost.cost_and_gradient(v)
    H, h = cost.hessian(v), 1e-6
    for j in range(6):
        e = h * np.eye(6)[j]
        slopes = [cost.cost_and_gradient(v + s * e)[1] for s in (1, -1)]
        np.testing.assert_allclose(H[:, j], (slopes[0] - slopes[1]) / (2 * h), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["classes", "targets"])
def test_newton_falls_at_every_step_and_its_gap_is_the_distance_to_the_minimum(kind):
    rows = rows_of(kind)
    steps = [dict(step) for step in primal_newton(rows, tol=1e-10)]
    values = [step["objective"] for step in steps]
    assert all(after <= before for before, after in pairwise(values))
    lowest = values[-1]
    for step in steps:
        v = step["parameters"]
        assert step["objective"] == pytest.approx(objective(rows, v, True), rel=1e-12)
        # the bound holds, and is the difference to a point of the dual
        assert step["objective"] - step["gap"] <= lowest * (1 + 1e-12)
        beta = -2.0 * rows.price * distances(rows, v)
        u = np.append(beta @ rows.X, beta.sum() * rows.constant)
        lower = bound(rows, beta, squared=True) - 0.5 * u @ u
        assert step["gap"] == pytest.approx(step["objective"] - lower, rel=1e-8, abs=1e-8)
    assert steps[-1]["converged"]
    assert steps[-1]["gap"] <= 1e-12 * lowest
    # a parabola between its kinks: the method arrives
    assert len(steps) <= 15


@pytest.mark.parametrize("kind", ["classes", "targets"])
@pytest.mark.parametrize("squared", [False, True])
def test_descent_raises_the_dual_at_every_pass_and_closes_the_gap(kind, squared, monkeypatch):
    monkeypatch.setattr("groundup.svm._dual_descent.ROWS_A_STEP", 1)
    rows = rows_of(kind)
    lower = -np.inf
    for step in dual_descent(rows, squared=squared, tol=1e-9, max_iter=20_000):
        beta, v = step["beta"], step["parameters"]
        np.testing.assert_allclose(beta @ rows.X, v[:-1], atol=1e-9)
        if not squared:
            assert np.all(np.abs(beta) <= rows.price)
        if kind == "classes":  # a row pulls to its own side alone
            assert np.all(np.where(rows.low > 0, beta >= 0, beta <= 0))
        dual = bound(rows, beta, squared) - 0.5 * v @ v
        assert dual >= lower - 1e-9
        lower = dual
    assert step["converged"]
    upper = objective(rows, step["parameters"], squared)
    assert 0.0 <= upper - lower + 1e-9 <= 1e-6 * upper
    if squared:
        *_, newton = primal_newton(rows, tol=1e-9)
        np.testing.assert_allclose(step["parameters"], newton["parameters"], atol=1e-6)


def test_descent_meets_the_conditions_of_optimality_from_scratch():
    X, y = two_classes(300, 8)
    price = np.full(300, 0.5)
    *_, step = dual_descent(Rows.of_class(X, 1.0, y, price), squared=False, tol=1e-6, max_iter=9999)
    s = np.where(y, 1.0, -1.0)
    a = s * step["beta"]
    margin = s * (X @ step["parameters"][:-1] + step["parameters"][-1])
    assert np.all(margin[a == 0.0] >= 1.0 - 1e-6)
    assert np.all(margin[a == 0.5] <= 1.0 + 1e-6)
    free = (a > 0.0) & (a < 0.5)
    np.testing.assert_allclose(margin[free], 1.0, atol=1e-6)
    assert free.sum() >= 3


@pytest.mark.parametrize("kind", ["classes", "targets"])
def test_multipliers_give_a_point_of_the_dual_at_every_step(kind):
    rows = rows_of(kind)
    steps = [{**step, "pull": step["pull"].copy()} for step in multipliers(rows, tol=1e-10)]
    lowest = steps[-1]["objective"]
    for step in steps:
        v, beta = step["parameters"], step["pull"] * rows.price
        assert step["objective"] == pytest.approx(objective(rows, v, False), rel=1e-12)
        assert np.all(np.abs(step["pull"]) <= 1.0)
        if kind == "classes":
            assert np.all(np.where(rows.low > 0, beta >= 0, beta <= 0))
        u = np.append(beta @ rows.X, beta.sum() * rows.constant)
        lower = bound(rows, beta, squared=False) - 0.5 * u @ u
        assert step["gap"] == pytest.approx(step["objective"] - lower, rel=1e-8, abs=1e-8)
        assert lower <= lowest * (1 + 1e-12)
    assert steps[-1]["converged"]
    assert steps[-1]["gap"] <= 1e-12 * lowest
    assert len(steps) <= 60
    *_, descent = dual_descent(rows, squared=False, tol=1e-9, max_iter=20_000)
    np.testing.assert_allclose(steps[-1]["parameters"], descent["parameters"], atol=1e-6)


def test_multipliers_from_a_sample():
    X, y = two_classes(8_000, 5)
    rows = Rows.of_class(X, 1.0, y, np.ones(8_000))
    assert rows.sample() is not None
    *_, step = multipliers(rows)
    assert 0.0 <= step["gap"] <= 1e-6 * step["objective"]
    *_, exact = multipliers(rows, tol=1e-8)
    assert step["objective"] <= exact["objective"] * (1 + 1e-6)


def test_l1_closes_its_gap_and_keeps_exact_zeros():
    X, y = two_classes(150, 200, noise=0.1)
    rows = Rows.of_class(X, 1.0, y, np.full(150, 0.05))
    values = []
    for step in sparse_newton(rows, tol=1e-8):
        v = step["parameters"]
        F = np.abs(v).sum() + float(rows.price @ distances(rows, v) ** 2)
        assert step["objective"] == pytest.approx(F, rel=1e-10)
        # the gap to the dual point that the distances give, scaled until it is allowed
        beta = -2.0 * rows.price * distances(rows, v)
        pull = np.append(beta @ rows.X, beta.sum())
        if np.any(beta):
            linear, square = bound(rows, beta, False), float(beta @ beta) / (4 * 0.05)
            t = min(linear / (2 * square), 1.0 / np.abs(pull).max())
            assert step["gap"] == pytest.approx(F - t * linear + t * t * square, abs=1e-9)
        values.append((F, step["gap"]))
    assert all(F - gap <= values[-1][0] * (1 + 1e-12) for F, gap in values)
    assert step["gap"] <= 1e-9 * values[0][0]
    assert 0 < np.count_nonzero(step["parameters"]) < 60


def test_a_sample_begins_close_to_the_solution():
    X, y = two_classes(60_000, 5)
    rows = Rows.of_class(X, 1.0, y, np.ones(60_000))
    v, H = from_a_sample(rows, 100, 1e-4, 1)
    assert H is not None
    steps = list(primal_newton(rows))
    assert np.abs(v - steps[-1]["parameters"]).max() < 0.05
    assert steps[-1]["converged"]
    X, y = two_classes(1_000, 5)
    v, H = from_a_sample(Rows.of_class(X, 1.0, y, np.ones(1_000)), 100, 1e-4, 1)
    assert H is None
    assert not v.any()


# ---------------------------------------------------------------- against others


@pytest.mark.parametrize(
    ("penalty", "loss", "dual"),
    [
        ("l2", "squared_hinge", False),
        ("l2", "squared_hinge", True),
        ("l2", "hinge", True),
        ("l1", "squared_hinge", False),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_classes_against_scikit_learn(penalty, loss, dual, scale):
    X, y = two_classes(150, 6, seed=4)
    both = ours_and_theirs(
        LinearSVC,
        TheirLinearSVC,
        X,
        y,
        penalty=penalty,
        loss=loss,
        dual=dual,
        C=0.3,
        tol=1e-9,
        intercept_scaling=scale,
        max_iter=100_000,
        random_state=0,
    )
    sign = np.where(y, 1.0, -1.0)
    values = [
        classification_objective(
            X,
            sign,
            model.coef_[0],
            model.intercept_[0],
            0.3,
            squared=loss == "squared_hinge",
            penalty=penalty,
            scale=scale,
        )
        for model in both
    ]
    assert values[0] <= values[1] * (1 + 1e-9)
    np.testing.assert_allclose(both[0].coef_, both[1].coef_, atol=2e-5)
    np.testing.assert_allclose(both[0].intercept_, both[1].intercept_, atol=2e-5)
    np.testing.assert_array_equal(both[0].predict(X), both[1].predict(X))
    assert type(both[0].n_iter_) is type(both[1].n_iter_)


@pytest.mark.parametrize("loss", ["epsilon_insensitive", "squared_epsilon_insensitive"])
@pytest.mark.parametrize("dual", ["auto", True])
@pytest.mark.parametrize("epsilon", [0.0, 0.5])
def test_targets_against_scikit_learn(loss, dual, epsilon):
    X, y = make_regression(150, 5, noise=1.0, random_state=0)
    y = y / 10.0
    both = ours_and_theirs(
        LinearSVR,
        TheirLinearSVR,
        X,
        y,
        loss=loss,
        dual=dual,
        epsilon=epsilon,
        tol=1e-8,
        max_iter=100_000,
        random_state=0,
    )
    values = [
        regression_objective(
            X, y, m.coef_, m.intercept_[0], 1.0, epsilon, squared=loss.startswith("squared")
        )
        for m in both
    ]
    assert values[0] <= values[1] * (1 + 1e-7)
    np.testing.assert_allclose(both[0].predict(X), both[1].predict(X), atol=1e-3)
    assert both[0].coef_.shape == both[1].coef_.shape
    assert both[0].intercept_.shape == both[1].intercept_.shape


@pytest.mark.parametrize("loss", ["squared_hinge", "hinge"])
def test_three_classes_weights_and_class_weights(loss):
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    weight = np.random.default_rng(0).integers(0, 4, len(y)).astype(float)
    limits = {"loss": loss, "tol": 1e-7, "max_iter": 200_000, "random_state": 0, "C": 0.5}
    for class_weight in (None, "balanced", {0: 2.0, 1: 0.5}):
        ours = LinearSVC(**limits, class_weight=class_weight).fit(X, y, weight)
        theirs = TheirLinearSVC(**limits, class_weight=class_weight).fit(X, y, weight)
        np.testing.assert_allclose(
            ours.decision_function(X), theirs.decision_function(X), atol=1e-4
        )
    kept = weight > 0
    repeated = LinearSVC(**limits).fit(
        np.repeat(X[kept], weight[kept].astype(int), axis=0),
        np.repeat(y[kept], weight[kept].astype(int)),
    )
    weighted = LinearSVC(**limits).fit(X, y, weight)
    np.testing.assert_allclose(repeated.coef_, weighted.coef_, atol=1e-4)


def test_hinge_against_a_loop(monkeypatch):
    monkeypatch.setattr("groundup.svm._linear_support.SMALL", 0)
    X, y = two_classes(40, 3)
    w, b = hinge_by_rows(X, np.where(y, 1.0, -1.0), 0.5, 5_000)
    for dual in ("auto", True):
        model = LinearSVC(loss="hinge", C=0.5, dual=dual, tol=1e-9, max_iter=50_000).fit(X, y)
        np.testing.assert_allclose(model.coef_[0], w, atol=1e-5)
        np.testing.assert_allclose(model.intercept_, b, atol=1e-5)


def test_squared_hinge_against_scipy():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    sign, Z = np.where(y == 1, 1.0, -1.0), np.column_stack([X, np.ones(len(X))])

    def cost(v):
        missing = np.maximum(0.0, 1.0 - sign * (Z @ v))
        return 0.5 * v @ v + missing @ missing, v - 2.0 * Z.T @ (sign * missing)

    best = minimize(cost, np.zeros(31), jac=True, options={"gtol": 1e-9, "maxiter": 10_000})
    model = LinearSVC().fit(X, y)
    np.testing.assert_allclose(model.coef_[0], best.x[:-1], atol=1e-6)
    # the default tolerance leaves nothing to gain
    assert cost(np.append(model.coef_[0], model.intercept_))[0] <= best.fun * (1 + 1e-10)


@needs_shared_data
def test_real_rows():
    import pandas as pd

    table = (
        pd.read_csv(SHARED_DATA / "titanic.csv") if (SHARED_DATA / "titanic.csv").exists() else None
    )
    if table is None:
        pytest.skip("titanic.csv is not there")
    y = table["survived"].to_numpy()
    X = StandardScaler().fit_transform(
        table.select_dtypes("number").drop(columns="survived", errors="ignore").fillna(0.0)
    )
    ours, theirs = ours_and_theirs(LinearSVC, TheirLinearSVC, X, y, tol=1e-8)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)


def test_regression_on_real_rows():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    for loss in ("epsilon_insensitive", "squared_epsilon_insensitive"):
        ours, theirs = ours_and_theirs(
            LinearSVR,
            TheirLinearSVR,
            X,
            y,
            loss=loss,
            epsilon=10.0,
            tol=1e-6,
            max_iter=50_000,
            random_state=0,
        )
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=0.05)


# ---------------------------------------------------------------- edges


def test_the_order_of_rows_is_seeded():
    X, y = two_classes(100, 4)
    limits = {"loss": "hinge", "dual": True, "max_iter": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        one = LinearSVC(random_state=0, **limits).fit(X, y).coef_
        same = LinearSVC(random_state=0, **limits).fit(X, y).coef_
        other = LinearSVC(random_state=1, **limits).fit(X, y).coef_
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_intercept_and_a_constant_column():
    X, y = two_classes(100, 4)
    X[:, 2] = 0.0
    for parameters in ({}, {"loss": "hinge"}, {"penalty": "l1"}):
        model = LinearSVC(fit_intercept=False, C=0.1, **parameters).fit(X, y)
        assert model.intercept_ == 0.0
        assert model.coef_[0, 2] == 0.0


def test_rows_of_zeros_pull_at_nothing():
    X, y = two_classes(60, 3)
    X[:20] = 0.0
    for loss in ("hinge", "squared_hinge"):
        model = LinearSVC(loss=loss, dual=True, fit_intercept=False, max_iter=9999).fit(X, y)
        others = LinearSVC(loss=loss, dual=True, fit_intercept=False, max_iter=9999)
        others.fit(X[20:], y[20:])
        np.testing.assert_allclose(model.coef_, others.coef_, atol=1e-3)


def test_more_columns_than_rows_goes_through_the_dual():
    X, y = two_classes(30, 80)
    auto = LinearSVC(tol=1e-8, max_iter=99_999, random_state=0).fit(X, y)
    primal = LinearSVC(dual=False).fit(X, y)
    np.testing.assert_allclose(auto.coef_, primal.coef_, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"multi_class": "crammer_singer"}, "crammer_singer.*use 'ovr'"),
        ({"penalty": "l1", "loss": "hinge"}, "penalty='l1' needs loss='squared_hinge'"),
        ({"penalty": "l1", "dual": True}, "need dual=False"),
        ({"loss": "hinge", "dual": False}, "need dual=True"),
        ({"C": 0.0}, "C"),
        ({"tol": 0.0}, "tol"),
    ],
)
def test_what_does_not_go_together_is_refused(parameters, message):
    X, y = two_classes(20, 2)
    with pytest.raises(ValueError, match=message):
        LinearSVC(**parameters).fit(X, y)


def test_svr_in_the_primal_needs_squares():
    with pytest.raises(ValueError, match="need dual=True"):
        LinearSVR(dual=False).fit([[0.0], [1.0]], [0.0, 1.0])


def test_one_class_is_refused_by_name():
    with pytest.raises(ValueError, match="at least 2 classes.*'a'"):
        LinearSVC().fit([[0.0], [1.0]], ["a", "a"])


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_too_few_iterations_are_said(loss):
    X, y = two_classes(200, 6)
    with pytest.warns(ConvergenceWarning, match="max_iter=1 .*StandardScaler"):
        model = LinearSVC(loss=loss, max_iter=1, random_state=0).fit(X, y)
    assert model.n_iter_ == 1
    assert model.score(X, y) > 0.6


def test_huge_and_tiny_columns():
    X, y = two_classes(300, 4)
    X = X * np.array([1e6, 1.0, 1e-6, 1.0])
    model = LinearSVC().fit(X, y)
    cost = SquaredDistance(Rows.of_class(X, 1.0, y, np.ones(300)))
    value, gradient = cost.cost_and_gradient(np.append(model.coef_[0], model.intercept_))
    assert 0.5 * gradient @ gradient <= 1e-9 * value


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 40),
    st.integers(1, 6),
    st.integers(0, 10_000),
    st.sampled_from([1e-3, 0.1, 1.0, 50.0]),
)
def test_newton_and_descent_agree_on_any_rows(n, d, seed, C):
    rng = np.random.default_rng(seed)
    X = np.round(rng.standard_normal((n, d)), 1)  # equal rows and zeros among them
    y = rng.random(n) < 0.5
    y[:2] = True, False
    rows = Rows.of_class(X, 1.0, y, np.full(n, C))
    *_, newton = primal_newton(rows, tol=1e-8)
    assert newton["gap"] <= 1e-12 * max(1.0, newton["objective"])
    *_, descent = dual_descent(rows, squared=True, tol=1e-6, max_iter=3_000)
    assert objective(rows, newton["parameters"], True) <= objective(
        rows, descent["parameters"], True
    ) * (1 + 1e-12)
    for kinked in (rows, Rows.of_targets(X, 1.0, X[:, 0].round(), 0.0, np.full(n, C))):
        *_, rounded = multipliers(kinked, tol=1e-4)
        assert rounded["gap"] <= 1e-6 * rounded["objective"] + 1e-12


def test_many_classes_are_solved_in_groups():
    X, y = make_classification(
        400, 10, n_informative=8, n_classes=11, n_clusters_per_class=1, random_state=0
    )
    model = LinearSVC().fit(X, y)
    for k in (0, 8, 10):
        alone = LinearSVC().fit(X, y == k)
        np.testing.assert_array_equal(model.coef_[k], alone.coef_[0])
