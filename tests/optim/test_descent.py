"""Gradient descent against closed forms, and what must hold after every step."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from groundup.optim import (
    ALL_ROWS,
    Adam,
    Constant,
    DivergenceError,
    InverseScaling,
    Momentum,
    Nesterov,
    Plain,
    Plateau,
    RisingCost,
    RMSProp,
    StepDecay,
    batches,
    gradient_descent,
)


def least_squares(seed, n=60, p=3, noise=0.0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n, p))
    y = X @ generator.normal(size=p) + noise * generator.normal(size=n)

    def cost_and_gradient(w, rows):
        error = X[rows] @ w - y[rows]
        return 0.5 * float(np.mean(error**2)), X[rows].T @ error / len(error)

    return X, y, cost_and_gradient


def drain(steps):
    return deque(steps, maxlen=1)[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("rule", "rate"),
    [
        (Plain(), 0.3),
        (Momentum(), 0.1),
        (Nesterov(), 0.1),
        (RMSProp(), StepDecay(0.05, 0.5, 60)),
        (Adam(), StepDecay(0.1, 0.5, 100)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_batch_descent_reaches_the_least_squares_solution(seed, rule, rate):
    X, y, cost_and_gradient = least_squares(seed, noise=0.5)
    step = drain(
        gradient_descent(
            cost_and_gradient, np.zeros(3), rule=rule, learning_rate=rate, tol=1e-8, max_epochs=3000
        )
    )
    assert step["converged"]
    np.testing.assert_allclose(step["parameters"], np.linalg.lstsq(X, y)[0], atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_batch_descent_follows_the_closed_form_on_a_parabola(seed):
    """w_k - w* = (I - r H)^k (w_0 - w*)."""
    generator = np.random.default_rng(seed)
    A = generator.normal(size=(4, 4))
    H = A @ A.T + np.eye(4)
    best, start = generator.normal(size=4), generator.normal(size=4)
    rate = 1.0 / np.linalg.eigvalsh(H)[-1]

    def cost_and_gradient(w, rows):
        return 0.5 * (w - best) @ H @ (w - best), H @ (w - best)

    contraction = np.eye(4) - rate * H
    expected = start - best
    steps = gradient_descent(cost_and_gradient, start, learning_rate=rate, max_epochs=30, tol=0.0)
    for step in steps:
        expected = contraction @ expected
        np.testing.assert_allclose(step["parameters"] - best, expected, rtol=1e-9, atol=1e-14)


def test_cost_of_a_full_batch_step_never_rises_below_the_critical_rate():
    X, _, cost_and_gradient = least_squares(0, noise=1.0)
    critical = 2.0 / np.linalg.eigvalsh(X.T @ X / len(X))[-1]
    costs = [
        step["cost"]
        for step in gradient_descent(cost_and_gradient, np.ones(3), learning_rate=0.99 * critical)
    ]
    assert np.all(np.diff(costs) <= 1e-15)
    with pytest.raises(DivergenceError, match=f"learning_rate={1.05 * critical:.6g}"):
        drain(gradient_descent(cost_and_gradient, np.ones(3), learning_rate=1.05 * critical))


def test_costs_that_are_not_finite_name_the_rate():
    _, _, cost_and_gradient = least_squares(0)
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(DivergenceError) as error:
        drain(gradient_descent(cost_and_gradient, np.full(3, 1e150), learning_rate=1e10))
    assert "learning_rate=1e+10" in str(error.value)
    assert "Try learning_rate=0.1 or lower" in str(error.value)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_stochastic_variants_settle_at_the_solution(batch_size):
    X, y, cost_and_gradient = least_squares(1)
    step = drain(
        gradient_descent(
            cost_and_gradient,
            np.zeros(3),
            n_rows=60,
            batch_size=batch_size,
            learning_rate=InverseScaling(0.1, 0.1),
            max_epochs=2000,
            tol=1e-14,
            random_state=0,
        )
    )
    assert step["converged"]
    np.testing.assert_allclose(step["parameters"], np.linalg.lstsq(X, y)[0], atol=1e-5)


def test_a_batch_of_all_rows_is_batch_descent():
    _, _, cost_and_gradient = least_squares(2, noise=1.0)
    whole = gradient_descent(cost_and_gradient, np.zeros(3), max_epochs=20, tol=0.0)
    dealt = gradient_descent(
        cost_and_gradient, np.zeros(3), max_epochs=20, tol=0.0, n_rows=60, batch_size=60
    )
    for a, b in zip(whole, dealt, strict=True):
        np.testing.assert_allclose(a["parameters"], b["parameters"], rtol=1e-12)
        assert a["cost"] == pytest.approx(b["cost"])


def test_same_seed_same_path_and_zero_is_a_seed():
    _, _, cost_and_gradient = least_squares(3, noise=1.0)

    def path(seed):
        steps = gradient_descent(
            cost_and_gradient,
            np.zeros(3),
            n_rows=60,
            batch_size=4,
            max_epochs=5,
            random_state=seed,
        )
        return [step["parameters"].copy() for step in steps]

    np.testing.assert_array_equal(path(0), path(0))
    assert not np.array_equal(path(0), path(1))


def test_every_row_is_used_once_an_epoch():
    dealt = np.concatenate(list(batches(103, 10, np.random.default_rng(0))))
    np.testing.assert_array_equal(np.sort(dealt), np.arange(103))


def test_what_a_step_says_about_itself():
    _, _, cost_and_gradient = least_squares(4, noise=1.0)
    start = np.ones(3)
    first, second = gradient_descent(
        cost_and_gradient, start, learning_rate=0.2, max_epochs=2, tol=0.0
    )
    np.testing.assert_array_equal(start, np.ones(3))
    assert (first["epoch"], second["epoch"]) == (1, 2)
    assert first["cost"] == cost_and_gradient(start, ALL_ROWS)[0]
    assert second["learning_rate"] == 0.2
    updates = list(
        gradient_descent(
            cost_and_gradient,
            start,
            n_rows=60,
            batch_size=20,
            max_epochs=2,
            each_update=True,
            learning_rate=Constant(0.1),
        )
    )
    assert [step["updates"] for step in updates] == [1, 2, 3, 4, 5, 6]
    assert [step["epoch"] for step in updates] == [1, 1, 1, 2, 2, 2]


def test_batch_size_needs_the_number_of_rows():
    _, _, cost_and_gradient = least_squares(0)
    with pytest.raises(ValueError, match="n_rows"):
        next(gradient_descent(cost_and_gradient, np.zeros(3), batch_size=2))
    with pytest.raises(ValueError, match="at least 1"):
        next(gradient_descent(cost_and_gradient, np.zeros(3), n_rows=60, batch_size=0))


def test_plateau_counts_epochs_in_a_row():
    plateau = Plateau(tol=0.1, patience=3)
    costs = [5.0, 4.0, 4.0, 4.0, 3.0, 2.95, 2.91, 2.92]
    assert [plateau.reached(cost) for cost in costs] == [False] * 7 + [True]


def test_rising_cost_forgives_a_rise_that_stays_below_the_first_cost():
    watch = RisingCost(patience=3)
    for cost in [100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]:
        watch.check(cost, 0.1)
