"""Centred second moments: exact enough, mergeable, and the same bits on any number of threads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.linear_loops import exact_moments

from groundup.linear_model._moments import CHUNK_ROWS, CentredRows, merged


def rows(n, d, t=1, offset=0.0, seed=0):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((n, d)) + offset, rng.standard_normal((n, t)) - offset
    X.flags.writeable = Y.flags.writeable = False
    return X, Y, rng


@pytest.mark.parametrize("n", [1, 2, 7, CHUNK_ROWS, CHUNK_ROWS + 1, 9 * CHUNK_ROWS + 5])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_moments_equal_those_of_extended_precision(n, offset):
    X, Y, rng = rows(n, 5, 2, offset)
    weights = rng.uniform(0.0, 3.0, n)
    mean, second = exact_moments(X, Y, weights)
    moments = CentredRows(X, Y, weights).moments()
    assert moments.weight == pytest.approx(weights.sum(), rel=1e-13)
    np.testing.assert_allclose(moments.mean, mean.astype(float), rtol=4e-16, atol=1e-14)
    # Numbers near 1e8 are stored to 1.5e-8, and so are their distances from a mean.
    rounding = max(1e-13, 1e-15 * offset) * n
    np.testing.assert_allclose(moments.second, second.astype(float), rtol=0, atol=rounding)


def test_a_constant_column_has_no_moment_at_all():
    X, Y, _ = rows(5_000, 3)
    X = X.copy()
    X[:, 1] = 1e8 + 0.1
    moments = CentredRows(X, Y).moments()
    assert moments.mean[1] == 1e8 + 0.1
    assert not moments.second[1].any()


@given(st.lists(st.integers(1, 400), min_size=1, max_size=5), st.floats(-1e6, 1e6))
@settings(max_examples=25, deadline=None)
def test_merged_parts_equal_the_whole(lengths, offset):
    X, Y, rng = rows(sum(lengths), 3, 1, offset)
    weights = rng.uniform(0.1, 2.0, len(X))
    cuts = np.cumsum([0, *lengths])
    total = None
    for low, high in pairwise(cuts):
        part = CentredRows(X[low:high], Y[low:high], weights[low:high]).moments()
        total = part if total is None else merged(total, part)
    whole = CentredRows(X, Y, weights).moments()
    np.testing.assert_allclose(total.mean, whole.mean, rtol=1e-13, atol=1e-13)
    scale = np.abs(whole.second).max() + 1e-9
    np.testing.assert_allclose(total.second / scale, whole.second / scale, atol=1e-9)


def test_whole_weights_equal_repeated_rows():
    X, Y, rng = rows(600, 4)
    times = rng.integers(0, 4, len(X))
    repeated = CentredRows(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0)).moments()
    weighted = CentredRows(X, Y, times.astype(float)).moments()
    assert weighted.weight == repeated.weight
    np.testing.assert_allclose(weighted.mean, repeated.mean, atol=1e-14)
    np.testing.assert_allclose(weighted.second, repeated.second, atol=1e-10)


@pytest.mark.parametrize("centred", [True, False])
def test_threads_do_not_change_a_bit(centred):
    X, Y, _ = rows(30_000, 20)
    one = CentredRows(X, Y, n_threads=1).moments(centred)
    two = CentredRows(X, Y, n_threads=2).moments(centred)
    assert np.array_equal(one.mean, two.mean)
    assert np.array_equal(one.second, two.second)


def test_moments_about_zero_are_plain_products():
    X, Y, _ = rows(3_000, 4, 2, offset=3.0)
    Z = np.concatenate([X, Y], axis=1)
    moments = CentredRows(X, Y).moments(centred=False)
    assert not moments.mean.any()
    np.testing.assert_allclose(moments.second, Z.T @ Z, rtol=1e-12)


def test_weights_that_are_all_zero_are_refused():
    X, Y, _ = rows(10, 2)
    with pytest.raises(ValueError, match="All sample weights are zero"):
        CentredRows(X, Y, np.zeros(10))
