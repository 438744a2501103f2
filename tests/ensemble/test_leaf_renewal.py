"""Weighted quantiles without sorting, against sorting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundup.ensemble._leaf_renewal import quantile_of, renewed


def _by_sorting(values, weights, q):
    order = np.argsort(values, kind="stable")
    values, held = values[order], np.cumsum(weights[order])
    target, rounding = q * held[-1], 1e-12 * held[-1]
    first = int(np.argmax(held >= target - rounding))
    above = values[values > values[first]]
    held_there = held[np.searchsorted(values, values[first], side="right") - 1]
    if abs(held_there - target) <= rounding and len(above):
        return (values[first] + above[0]) / 2
    return values[first]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=60),
    st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]),
    st.integers(0, 999),
)
def test_equal_to_sorting(values, q, seed):
    values = np.array(values, dtype=float)
    weights = np.random.default_rng(seed).integers(1, 4, len(values)).astype(float)
    assert quantile_of(values, weights, q) == _by_sorting(values, weights, q)
    assert quantile_of(values, None, q) == _by_sorting(values, np.ones(len(values)), q)
    repeated = np.repeat(values, weights.astype(int))
    assert quantile_of(values, weights, q) == quantile_of(repeated, None, q)


@pytest.mark.parametrize("order", ["sorted", "reversed", "random", "equal"])
@pytest.mark.parametrize("n", [1, 2, 999, 1000, 30_001])
def test_the_median_is_numpys(order, n):
    y = np.random.default_rng(0).normal(size=n)
    y = {"sorted": np.sort(y), "reversed": -np.sort(-y), "random": y, "equal": np.ones(n)}[order]
    before = y.copy()
    assert quantile_of(y, None, 0.5) == np.median(y)
    np.testing.assert_array_equal(y, before)
    assert quantile_of(y, None, 0.3) == np.quantile(y, 0.3, method="averaged_inverted_cdf")


@pytest.mark.parametrize("weighted", [False, True])
def test_each_leaf_gets_the_quantile_of_its_own_residuals(weighted):
    rng = np.random.default_rng(1)
    n, bounds = 500, np.array([0, 3, 200, 201, 500])
    y, raw, weight = rng.normal(size=n), rng.normal(size=n), rng.uniform(0.5, 2, n)
    rows = rng.permutation(n).astype(np.int32)
    given_weight = weight if weighted else np.empty(0)
    for array in (y, given_weight):
        array.flags.writeable = False
    value = np.empty(4)
    renewed(y, raw, given_weight, rows, bounds, 0.4, np.empty(n), np.empty(n), value)
    for leaf in range(4):
        inside = rows[bounds[leaf] : bounds[leaf + 1]]
        expected = quantile_of((y - raw)[inside], weight[inside] if weighted else None, 0.4)
        assert value[leaf] == expected
