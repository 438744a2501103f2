"""Intervals of the test score: closed forms, and how often they hold the true score."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, t
from sklearn.metrics import r2_score, roc_auc_score

from groundup.workflow.intervals import (
    accuracy_interval,
    auc_influence,
    auc_interval,
    hanley_mcneil_variance,
    r2_interval,
    wilson,
)

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "interval_coverage.py"


def coverage_benchmark():
    spec = importlib.util.spec_from_file_location("coverage_benchmark", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(1, 50), st.sampled_from([0.9, 0.95, 0.99]))
def test_wilson_is_scipys(successes, failures, level):
    n = successes + failures
    expected = binomtest(successes, n).proportion_ci(level, method="wilson")
    found = wilson(successes / n, n, level)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


def naive_auc(positive, score):
    """Compare every positive row with every negative one: (m, n)."""
    return np.sign(score[positive][:, None] - score[~positive][None, :]) / 2 + 0.5


@settings(deadline=None)
@given(st.integers(0, 200))
def test_delongs_components_are_those_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    positive = rng.random(30) < 0.4
    positive[:4] = [True, True, False, False]
    score = rng.integers(0, 8, 30) * 1.0  # with ties
    pairs = naive_auc(positive, score)
    m, n = pairs.shape
    auc, influence = auc_influence(positive, score)
    assert auc == pytest.approx(pairs.mean(), abs=1e-12)
    assert auc == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    np.testing.assert_allclose(
        influence[positive] * m / (m + n), pairs.mean(axis=1) - auc, atol=1e-12
    )
    np.testing.assert_allclose(
        influence[~positive] * n / (m + n), pairs.mean(axis=0) - auc, atol=1e-12
    )
    assert influence.sum() == pytest.approx(0, abs=1e-9)


def test_the_variance_with_large_classes_is_delongs():
    rng = np.random.default_rng(0)
    positive = np.repeat([True, False], 20_000)
    score = rng.normal(size=40_000) + positive
    pairs = auc_influence(positive, score)
    above = pairs[1][positive] / 2
    below = pairs[1][~positive] / 2
    delong = np.var(above, ddof=1) / 20_000 + np.var(below, ddof=1) / 20_000
    found = auc_interval(positive, score)
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(delong), rel=2e-3)


def test_hanley_and_mcneils_variance_is_that_of_exponential_scores():
    rng = np.random.default_rng(0)
    m, n, auc = 30, 30, 0.8
    positive = np.repeat([True, False], [m, n])
    scale = np.where(positive, auc / (1 - auc), 1.0)
    areas = [auc_influence(positive, rng.exponential(scale))[0] for _ in range(1500)]
    assert np.var(areas) == pytest.approx(hanley_mcneil_variance(auc, m, n), rel=0.12)


def test_the_jackknife_is_that_of_leaving_rows_out():
    rng = np.random.default_rng(0)
    y, prediction = rng.normal(size=(2, 25)) + 3
    y = y + prediction
    groups = np.repeat(np.arange(5), 5)
    for group in (np.arange(25), groups):
        left_out = [
            np.log(1 - r2_score(y[group != g], prediction[group != g])) for g in np.unique(group)
        ]
        k = len(left_out)
        error = np.sqrt((k - 1) / k * np.sum((left_out - np.mean(left_out)) ** 2))
        middle, half = np.log(1 - r2_score(y, prediction)), t.ppf(0.975, k - 1) * error
        found = r2_interval(y, prediction, None if k == 25 else groups)
        assert found.low == pytest.approx(1 - np.exp(middle + half))
        assert found.high == pytest.approx(1 - np.exp(middle - half))


def test_the_variance_over_groups_is_that_of_their_sums():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), [1, 2, 3, 4, 5, 6])
    correct = rng.random(21) < np.array([0.9, 0.1, 0.9, 0.2, 0.8, 0.3])[groups]
    rate = correct.mean()
    sums = [np.sum(correct[groups == g] - rate) for g in range(6)]
    variance = 6 / 5 * np.sum(np.square(sums)) / 21**2
    assert variance > rate * (1 - rate) / 21
    # Wilson's interval holds the p with (rate - p)² <= t² p (1 - p) / trials: a quadratic in p.
    trials, quantile = rate * (1 - rate) / variance, t.ppf(0.975, 5)
    square = quantile**2 / trials
    expected = np.sort(np.roots([1 + square, -(2 * rate + square), rate**2]))
    found = accuracy_interval(correct, groups)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


@settings(deadline=None)
@given(st.integers(0, 300))
def test_an_interval_holds_the_score_itself_and_stays_in_range(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 60))
    groups = rng.integers(0, rng.integers(3, 10), n) if seed % 2 else None
    correct = rng.random(n) < rng.random()
    found = accuracy_interval(correct, groups)
    assert 0 <= found.low <= correct.mean() + 1e-12
    assert correct.mean() - 1e-12 <= found.high <= 1
    positive = rng.random(n) < 0.5
    positive[:2] = [True, False]
    score = np.round(rng.normal(size=n) + 2 * positive, 1)
    found = auc_interval(positive, score, groups)
    assert (
        0 <= found.low - 1e-12 <= roc_auc_score(positive, score) <= found.high + 1e-12 <= 1 + 1e-9
    )
    y = rng.normal(size=n)
    prediction = y + rng.normal(size=n)
    found = r2_interval(y, prediction, groups)
    assert found.low <= r2_score(y, prediction) <= found.high <= 1


def test_a_perfect_score_has_room_below_it():
    positive = np.repeat([True, False], [5, 50])
    found = auc_interval(positive, positive * 1.0)
    assert (found.low, found.high) == wilson(1.0, 5)
    assert accuracy_interval(np.ones(20, dtype=bool)).low == pytest.approx(0.839, abs=1e-3)
    grouped = accuracy_interval(np.ones(20, dtype=bool), np.repeat(np.arange(4), 5))
    assert (grouped.low, grouped.high) == wilson(1.0, 4)


def test_degenerate_tests():
    positive = np.array([True, False, True, False])
    constant = auc_interval(positive, np.full(4, 0.3))
    assert (constant.low, constant.high) == (0.5, 0.5)
    assert r2_interval(np.ones(5), np.arange(5.0)) is None
    assert r2_interval(np.array([1.0]), np.array([1.0])) is None
    exact = r2_interval(np.arange(5.0), np.arange(5.0))
    assert (exact.low, exact.high) == (1.0, 1.0)
    two = r2_interval(np.array([1.0, 2.0]), np.array([1.5, 2.0]))
    assert two.low == -np.inf
    one_group = r2_interval(np.arange(5.0), np.zeros(5), np.zeros(5))
    assert one_group.low == -np.inf


def test_copies_of_each_row_in_a_group_add_nothing():
    """Ten copies of each row tell no more than the row: the width must not shrink by sqrt(10)."""
    rng = np.random.default_rng(0)
    positive = rng.random(60) < 0.5
    score = rng.normal(size=60) + positive
    once = auc_interval(positive, score)
    groups = np.repeat(np.arange(60), 10)
    copied = auc_interval(np.repeat(positive, 10), np.repeat(score, 10), groups)
    taken_as_rows = auc_interval(np.repeat(positive, 10), np.repeat(score, 10))
    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.1)
    assert taken_as_rows.high - taken_as_rows.low < 0.4 * (once.high - once.low)
    y = rng.normal(size=60)
    prediction = y + rng.normal(size=60)
    once = r2_interval(y, prediction)
    copied = r2_interval(np.repeat(y, 10), np.repeat(prediction, 10), groups)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=0.01)


# The truth is to be held in 95% of the tests. 250 tests a case leave a standard error of 1.4
# points; over some 20 cases, a sound interval stays above 95% less three of them. That of a
# "lognormal target" is documented to be lower.
LEAST_COVERAGE = 0.95 - 3 * 0.014


@pytest.mark.parametrize("score", ["accuracy", "ROC AUC", "R²"])
def test_intervals_hold_the_true_score(score):
    benchmark = coverage_benchmark()
    cases = [
        case
        for case in benchmark.cases()
        if case.score == score
        and "lognormal" not in case.population
        and case.rows in ("10", "50", "10 + 10", "10 + 90", "8 groups x 20", "200")
    ]
    assert len(cases) >= 6
    found = {f"{c.rows}, {c.population}": benchmark.coverage(c, 250)[0] for c in cases}
    assert min(found.values()) > LEAST_COVERAGE, found
    assert np.mean(list(found.values())) > 0.935
