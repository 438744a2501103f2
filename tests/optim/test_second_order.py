"""L-BFGS, Newton and their line searches against SciPy and closed forms."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from groundup.optim import DivergenceError, lbfgs, newton
from groundup.optim.lbfgs import two_loop_recursion
from groundup.optim.line_search import Point, backtrack, evaluate, strong_wolfe
from groundup.optim.newton import newton_direction


def rosenbrock(w, rows):
    return scipy.optimize.rosen(w), scipy.optimize.rosen_der(w)


def logistic(seed, n=80, p=5, penalty=0.1):
    """A smooth convex cost which is no parabola, with its gradient and Hessian."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, p)) * 10.0 ** generator.integers(-2, 3, size=p)
    sign = np.where(generator.random(n) < 0.5, -1.0, 1.0)

    def cost_and_gradient(w, rows):
        margin = sign * (X @ w)
        cost = np.mean(np.logaddexp(0.0, -margin)) + 0.5 * penalty * w @ w
        wrong = 1.0 / (1.0 + np.exp(np.clip(margin, -700, 700)))
        return cost, -X.T @ (sign * wrong) / n + penalty * w

    def hessian(w, rows):
        wrong = 1.0 / (1.0 + np.exp(np.clip(sign * (X @ w), -700, 700)))
        return (X.T * (wrong * (1 - wrong))) @ X / n + penalty * np.eye(p)

    return cost_and_gradient, hessian


def last(steps):
    return deque(steps, maxlen=1)[0]


@pytest.mark.parametrize("seed", range(5))
def test_the_test_problem_itself_by_finite_differences(seed):
    cost_and_gradient, hessian = logistic(seed)
    w = np.random.default_rng(seed).normal(size=5)
    step = 1e-6
    numeric = [
        (cost_and_gradient(w + e, None)[0] - cost_and_gradient(w - e, None)[0]) / (2 * step)
        for e in step * np.eye(5)
    ]
    np.testing.assert_allclose(cost_and_gradient(w, None)[1], numeric, rtol=1e-5, atol=1e-7)
    numeric = [
        (cost_and_gradient(w + e, None)[1] - cost_and_gradient(w - e, None)[1]) / (2 * step)
        for e in step * np.eye(5)
    ]
    np.testing.assert_allclose(hessian(w, None), numeric, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("method", ["lbfgs", "newton"])
def test_minimum_equals_scipys(seed, method):
    cost_and_gradient, hessian = logistic(seed)
    start = np.random.default_rng(seed).normal(size=5)
    if method == "lbfgs":
        step = last(lbfgs(cost_and_gradient, start, tol=1e-9))
    else:
        step = last(newton(cost_and_gradient, hessian, start, tol=1e-9))
    assert step["converged"]
    expected = scipy.optimize.minimize(
        lambda w: cost_and_gradient(w, None)[0],
        start,
        jac=lambda w: cost_and_gradient(w, None)[1],
        hess=lambda w: hessian(w, None),
        method="trust-exact",
        options={"gtol": 1e-10},
    )
    assert step["cost"] == pytest.approx(expected.fun, rel=1e-12)
    np.testing.assert_allclose(step["parameters"], expected.x, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("method", ["lbfgs", "newton"])
def test_the_cost_falls_at_every_step(method):
    cost_and_gradient, hessian = logistic(7)
    start = np.full(5, 3.0)
    steps = (
        lbfgs(cost_and_gradient, start)
        if method == "lbfgs"
        else newton(cost_and_gradient, hessian, start)
    )
    costs = [step["cost"] for step in steps]
    assert np.all(np.diff(costs) <= 1e-15 * abs(costs[0]))


@pytest.mark.parametrize("seed", range(3))
def test_a_cost_that_has_kinks_everywhere(seed):
    # least absolute deviations, a linear programme: min 1't with -t <= A w - b <= t
    generator = np.random.default_rng(seed)
    n, p = 40, 5
    A, b = generator.normal(size=(n, p)), generator.normal(size=n)

    def cost_and_gradient(w, rows):
        residual = A @ w - b
        return np.abs(residual).sum(), A.T @ np.sign(residual)

    lowest = scipy.optimize.linprog(
        np.repeat([0.0, 1.0], [p, n]),
        A_ub=np.block([[A, -np.eye(n)], [-A, -np.eye(n)]]),
        b_ub=np.concatenate([b, -b]),
        bounds=[(None, None)] * p + [(0.0, None)] * n,
    ).fun
    step = last(lbfgs(cost_and_gradient, np.zeros(p), kinks=True))
    assert lowest * (1 - 1e-9) <= step["cost"] < 1.002 * lowest


@pytest.mark.parametrize("method", ["lbfgs", "newton"])
@pytest.mark.parametrize("p", [2, 10])
def test_the_banana_valley(method, p):
    start = np.full(p, -1.2)
    start[1::2] = 1.0
    if method == "lbfgs":
        step = last(lbfgs(rosenbrock, start, tol=1e-8))
    else:
        step = last(
            newton(rosenbrock, lambda w, rows: scipy.optimize.rosen_hess(w), start, tol=1e-8)
        )
    assert step["converged"]
    assert step["iteration"] < 100
    # with four or more parameters the function has a second, local minimum
    assert np.linalg.norm(scipy.optimize.rosen_der(step["parameters"])) < 1e-7
    if p == 2:
        np.testing.assert_allclose(step["parameters"], 1.0, rtol=1e-6)


def test_newton_doubles_the_digits():
    cost_and_gradient, hessian = logistic(1)
    best = last(newton(cost_and_gradient, hessian, np.zeros(5), tol=1e-14, max_iter=30))
    errors = [
        np.linalg.norm(step["parameters"] - best["parameters"])
        for step in newton(cost_and_gradient, hessian, np.zeros(5), tol=1e-12)
    ]
    near = [k for k, error in enumerate(errors) if 1e-7 < error < 1e-2]
    assert near
    assert all(errors[k + 1] < 1e3 * errors[k] ** 2 for k in near if k + 1 < len(errors))


def test_newton_with_kept_hessians_needs_fewer_of_them():
    cost_and_gradient, hessian = logistic(1, n=300, p=6)
    made = []

    def counted(w, rows):
        made.append(1)
        return hessian(w, rows)

    fresh = list(newton(cost_and_gradient, counted, np.zeros(6), tol=1e-10))
    n_fresh = len(made)
    made.clear()
    kept = list(newton(cost_and_gradient, counted, np.zeros(6), tol=1e-10, keep_below=0.3))
    assert n_fresh == len(fresh) - 1
    assert 0 < len(made) < n_fresh
    np.testing.assert_allclose(kept[-1]["parameters"], fresh[-1]["parameters"], atol=1e-8)
    assert kept[-1]["converged"]


@pytest.mark.parametrize("guess", [1e-12, 1.0, 1e12])
def test_newton_recovers_from_a_bad_first_hessian(guess):
    cost_and_gradient, hessian = logistic(3, n=300, p=6)
    step = last(
        newton(
            cost_and_gradient,
            hessian,
            np.zeros(6),
            tol=1e-9,
            keep_below=0.25,
            first_hessian=guess * np.eye(6),
        )
    )
    best = last(newton(cost_and_gradient, hessian, np.zeros(6), tol=1e-12))
    assert step["converged"]
    np.testing.assert_allclose(step["parameters"], best["parameters"], atol=1e-6)


def test_newton_does_not_see_the_scale_of_the_columns():
    cost_and_gradient, hessian = logistic(2, penalty=0.0)
    scale = np.array([1e-6, 1e3, 1.0, 1e6, 10.0])

    def scaled_cost_and_gradient(v, rows):
        cost, gradient = cost_and_gradient(v * scale, rows)
        return cost, gradient * scale

    def scaled_hessian(v, rows):
        return hessian(v * scale, rows) * scale[:, None] * scale

    plain = [s["cost"] for s in newton(cost_and_gradient, hessian, np.zeros(5), max_iter=6, tol=0)]
    other = [
        s["cost"]
        for s in newton(scaled_cost_and_gradient, scaled_hessian, np.zeros(5), max_iter=6, tol=0)
    ]
    n = min(len(plain), len(other))
    np.testing.assert_allclose(plain[:n], other[:n], rtol=1e-10)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_two_loops_equal_the_bfgs_matrix(seed, n_pairs):
    """H_new = (I - s y'/y's) H (I - y s'/y's) + s s'/y's, from H = s'y/y'y I of the newest pair."""
    generator = np.random.default_rng(seed)
    p = 4
    A = generator.normal(size=(p, p))
    curvature = A @ A.T + 0.1 * np.eye(p)
    pairs = deque((s, curvature @ s) for s in generator.normal(size=(n_pairs, p)))
    gradient = generator.normal(size=p)
    s, y = pairs[-1]
    inverse = np.eye(p) * (s @ y) / (y @ y)
    for s, y in pairs:
        side = np.eye(p) - np.outer(s, y) / (s @ y)
        inverse = side @ inverse @ side.T + np.outer(s, s) / (s @ y)
    np.testing.assert_allclose(
        two_loop_recursion(gradient, pairs), inverse @ gradient, rtol=1e-7, atol=1e-9
    )


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-4, 1e3))
def test_strong_wolfe_conditions_hold(seed, first):
    cost_and_gradient, _ = logistic(seed, p=3)
    start = evaluate(cost_and_gradient, np.random.default_rng(seed).normal(size=3))
    direction = -start.gradient
    found = strong_wolfe(cost_and_gradient, start, direction, first)
    assert found is not None
    point, a = found
    slope = direction @ start.gradient
    assert point.cost <= start.cost + 1e-4 * a * slope + 1e-14 * abs(start.cost)
    assert abs(direction @ point.gradient) <= 0.9 * abs(slope)
    np.testing.assert_allclose(point.w, start.w + a * direction)


def test_backtrack_halves_until_the_cost_falls_enough():
    def cost_and_gradient(w, rows):
        return float(w[0] ** 2), 2.0 * w

    start = evaluate(cost_and_gradient, np.array([1.0]))
    point, a = backtrack(cost_and_gradient, start, np.array([-8.0]))
    assert a == 0.125
    np.testing.assert_allclose(point.w, [0.0])


def test_backtrack_gives_up_where_nothing_is_lower():
    start = Point(np.array([0.0]), 0.0, np.array([1.0]))

    def rises(w, rows):
        return 1.0, np.array([-1.0])

    assert backtrack(rises, start, np.array([-1.0]), max_evaluations=5) is None


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(0, 6))
def test_newton_direction_is_downhill_for_any_symmetric_matrix(seed, p, rank):
    generator = np.random.default_rng(seed)
    A = generator.normal(size=(p, min(rank, p)))
    H = A @ np.diag(generator.normal(size=min(rank, p))) @ A.T
    gradient = generator.normal(size=p)
    direction = newton_direction(H.copy(), gradient)
    assert np.all(np.isfinite(direction))
    assert direction @ gradient < 0


def test_newton_direction_solves_a_badly_scaled_system():
    scale = 10.0 ** np.arange(-6.0, 6.0, 3.0)
    A = np.random.default_rng(0).normal(size=(4, 4))
    H = (A @ A.T + np.eye(4)) * scale[:, None] * scale
    gradient = np.ones(4)
    np.testing.assert_allclose(
        newton_direction(H.copy(), gradient) / scale**-1,
        -np.linalg.solve(A @ A.T + np.eye(4), gradient / scale),
        rtol=1e-9,
    )


@pytest.mark.parametrize("method", ["lbfgs", "newton"])
def test_a_start_at_the_minimum_is_one_step(method):
    def cost_and_gradient(w, rows):
        return float(w @ w), 2.0 * w

    steps = (
        lbfgs(cost_and_gradient, np.zeros(2))
        if method == "lbfgs"
        else newton(cost_and_gradient, lambda w, rows: 2 * np.eye(2), np.zeros(2))
    )
    steps = list(steps)
    assert len(steps) == 1
    assert steps[0]["converged"]


@pytest.mark.parametrize("method", ["lbfgs", "newton"])
def test_a_start_that_is_not_finite_is_an_error(method):
    def cost_and_gradient(w, rows):
        return np.nan, w

    steps = (
        lbfgs(cost_and_gradient, np.zeros(2))
        if method == "lbfgs"
        else newton(cost_and_gradient, lambda w, rows: np.eye(2), np.zeros(2))
    )
    with pytest.raises(DivergenceError, match="start"):
        next(steps)


def test_max_iter_counts_steps():
    steps = list(lbfgs(rosenbrock, np.array([-1.2, 1.0]), max_iter=4))
    assert [step["iteration"] for step in steps] == [0, 1, 2, 3, 4]
    assert not steps[-1]["converged"]
