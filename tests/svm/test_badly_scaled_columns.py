"""LinearSVC and LinearSVR on columns far from 0 and 1: right, or with a warning that says why."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from groundup.svm import LinearSVC, LinearSVR
from groundup.svm._dual_descent import dual_descent
from groundup.svm._intervals import Rows, distances
from groundup.svm._multipliers import Lagrangian, multipliers


def two_classes(n=3000, d=10, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, np.sign(X[:, 0] + 0.5 * X[:, 1] + 0.7 * rng.standard_normal(n))


@pytest.mark.parametrize("scale", [1e-4, 1e5, 1e8])
def test_hinge_at_any_scale(scale):
    X, y = two_classes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LinearSVC(loss="hinge").fit(X * scale, y)
    rows = Rows.of_class(X * scale, 1.0, y > 0, np.ones(len(X)))
    v = np.append(model.coef_[0], model.intercept_)
    value = 0.5 * v @ v + np.abs(distances(rows, v)).sum()
    # in the units of X the penalty of the weights is 1 / scale^2 as strong
    free = np.append(LinearSVC(loss="hinge", C=1e4).fit(X, y).coef_[0] / scale, 0.0)
    assert value <= 0.5 * free @ free + np.abs(distances(rows, free)).sum() + 1.0
    assert model.n_iter_ > 0
    if scale > 1.0:
        assert model.score(X * scale, y) > 0.8


def test_hinge_far_from_zero():
    X, y = two_classes()
    X = (X + 100.0) * 100.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LinearSVC(loss="hinge").fit(X, y)
    assert model.score(X, y) > 0.75


@pytest.mark.parametrize("scale", [1e5, 1e6, 1e8])
def test_targets_that_are_all_equally_far(scale):
    X, _ = two_classes()
    y = np.where(X[:, 0] > 0, 1.0, -1.0)
    model = LinearSVR().fit(X * scale, y)
    least = np.linalg.lstsq(X, y)[0]
    error = np.abs(y - X @ least).sum()
    assert np.abs(y - model.predict(X * scale)).sum() <= error


def test_one_far_target_among_zeros():
    X = np.random.default_rng(0).standard_normal((3000, 10)) * 1e6
    y = np.zeros(3000)
    y[5] = 1.0
    *_, step = multipliers(Rows.of_targets(X, 1.0, y, 0.0, np.ones(3000)))
    assert step["converged"]
    assert step["objective"] <= 1.0 + 1e-9


def test_the_parabola_from_above_is_nowhere_below():
    X, y = two_classes(400, 3)
    rows = Rows.of_class(X, 1.0, y > 0, np.random.default_rng(0).uniform(0.0, 2.0, 400))
    cost = Lagrangian(rows, 4.0)
    rng = np.random.default_rng(1)
    cost.b[:] = rng.uniform(-1.0, 1.0, 400)
    for _ in range(5):
        v = rng.standard_normal(4)
        point = cost.at(v)
        H = cost.hessian_from_above(v)
        for length in (1e-3, 1.0, 30.0):
            d = length * rng.standard_normal(4)
            above = point.value + point.gradient @ d + 0.5 * d @ H @ d
            assert cost.at(v + d).value <= above * (1 + 1e-12)


@pytest.mark.parametrize(
    ("parameters", "offset", "scale"),
    [
        ({"loss": "hinge", "C": 1e4}, 1e6, 1.0),
        ({"penalty": "l1", "C": 1e4}, 0.0, np.logspace(-8, 8, 10)),
    ],
)
def test_a_fit_that_rounding_ends_early_is_said(parameters, offset, scale):
    X, y = two_classes()
    with pytest.warns(ConvergenceWarning, match="rounding hides.*badly scaled.*StandardScaler"):
        model = LinearSVC(**parameters).fit(X * scale + offset, y)
    assert model.n_iter_ < 1000


def test_a_fit_that_rounding_ends_at_the_minimum_is_not_said():
    X, y = two_classes(300, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearSVC(tol=1e-14).fit(X, y)
        LinearSVC(tol=1e-14, penalty="l1").fit(X, y)
        LinearSVR(tol=1e-14).fit(np.tile(X, (20, 1)), np.tile(X[:, 0] + y, 20))


@pytest.mark.parametrize("C", [1.0, 1e4])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_in_the_dual_a_large_C_does_not_end_the_passes_too_early(C, loss):
    X, y = two_classes(60, 300)
    rows = Rows.of_class(X, 1.0, y > 0, np.full(60, C))
    *_, step = dual_descent(rows, squared=loss == "squared_hinge")
    assert step["converged"]
    model = LinearSVC(loss=loss, C=C, random_state=0).fit(X, y)
    missing = np.maximum(0.0, 1.0 - y * model.decision_function(X))
    v = np.append(model.coef_[0], model.intercept_)
    value = 0.5 * v @ v + C * np.sum(missing if loss == "hinge" else missing**2)
    # any allowed beta bounds the minimum from below: -1/2 |u|^2 + sum |beta| (- beta^2 / 4 C)
    *_, close = dual_descent(rows, squared=loss == "squared_hinge", tol=1e-8, max_iter=20_000)
    beta = np.abs(close["beta"])
    u = np.append((beta * y) @ X, beta @ y)
    lowest = beta.sum() - 0.5 * u @ u
    lowest -= 0.0 if loss == "hinge" else beta @ beta / (4.0 * C)
    assert lowest * (1 - 1e-12) <= value <= lowest * (1 + 1e-4)
