"""Bins hold what they should: exact where they can be, even where not, whatever the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.datasets import load_diabetes, load_wine

from groundup.tree._binning import bin_columns
from groundup.tree._sorting import bits_of_key, ordered_key, sort_keys
from tests.oracles import binning_naive

FIELDS = ("n_bins", "offsets", "lowest", "highest", "is_categorical")


def assert_same(a, b):
    for field in FIELDS:
        x, y = getattr(a, field), getattr(b, field)
        assert x.dtype == y.dtype
        assert x.tobytes() == y.tobytes(), field


def check(X, max_bins, is_categorical=None):
    """Assert everything that holds for any table."""
    X = np.ascontiguousarray(X, dtype=np.float64)
    binning = bin_columns(X, max_bins, is_categorical)
    codes = binning.codes(X)
    assert codes.flags.c_contiguous
    for f in range(X.shape[1]):
        x, c, n_bins = X[:, f], codes[:, f], int(binning.n_bins[f])
        low = binning.lowest[binning.offsets[f] : binning.offsets[f + 1]]
        high = binning.highest[binning.offsets[f] : binning.offsets[f + 1]]
        present = np.unique(x[~np.isnan(x)])
        assert np.all(c[np.isnan(x)] == n_bins)
        assert np.all(low <= high)
        assert np.all(high[:-1] < low[1:])  # borders part them strictly
        borders = binning.borders(f)
        assert np.all((high[:-1] <= borders) & (borders < low[1:]))
        if max_bins is None or binning.is_categorical[f] or len(present) <= max_bins:
            np.testing.assert_array_equal(low, present)
            np.testing.assert_array_equal(high, present)
        else:
            assert n_bins <= max_bins
        for b in range(n_bins):
            np.testing.assert_array_equal([x[c == b].min(), x[c == b].max()], [low[b], high[b]])
        assert not (np.signbit(low) & (low == 0.0)).any()
    return binning, codes


def same_without(binning, f):
    return slice(binning.offsets[f], binning.offsets[f + 1])


anything = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
few = st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, np.inf, -np.inf, 1.7e308, np.nan])


@settings(max_examples=100, deadline=None)
@given(
    X=arrays.arrays(
        np.float64,
        st.tuples(st.integers(0, 25), st.integers(1, 2)),
        elements=anything | few,
        fill=st.nothing(),
    ),
    max_bins=st.sampled_from([2, 3, 5, 20, 255, None]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_floats(X, max_bins, seed):
    binning, codes = check(X, max_bins)
    rng = np.random.default_rng(seed)
    assert_same(binning, bin_columns(rng.permutation(X), max_bins))
    # New values: the bin that a look through all of them finds.
    new = rng.permutation(X.ravel())[:20].reshape(-1, 1) * rng.choice([1.0, 0.5, -1.0])
    new = np.repeat(new, X.shape[1], axis=1)
    expected = [[binning_naive.code(binning, f, x) for f, x in enumerate(row)] for row in new]
    np.testing.assert_array_equal(binning.codes(new).reshape(-1), np.ravel(expected))
    # Only the order counts, so a monotone change of the values changes nothing.
    ranks = np.searchsorted(np.unique(X[~np.isnan(X)]), X) * 1.0
    ranks[np.isnan(X)] = np.nan
    np.testing.assert_array_equal(bin_columns(ranks, max_bins).codes(ranks), codes)


@pytest.mark.parametrize("max_bins", [2, 7, 64, 255])
@pytest.mark.parametrize("n", [300, 6000])
def test_columns_of_every_kind(n, max_bins):
    rng = np.random.default_rng(max_bins)
    columns = {
        "normal": rng.normal(size=n),
        "heavy tails": rng.standard_cauchy(n),
        "mostly zero": np.where(rng.random(n) < 0.6, 0.0, rng.normal(size=n)),
        "mostly zero, none below": np.where(rng.random(n) < 0.6, 0.0, rng.lognormal(size=n)),
        "whole numbers": rng.integers(0, 1000, n),
        "close together, one far away": np.append(1 + rng.random(n - 1) * 1e-9, 1e300),
        "denormal": rng.integers(0, 2**40, n) * 5e-324,
        "huge": rng.uniform(-1, 1, n) * 1.7e308,
        "missing": np.where(rng.random(n) < 0.5, np.nan, rng.normal(size=n)),
        "all missing": np.full(n, np.nan),
        "one value": np.full(n, 3.0),
        "infinite": np.where(rng.random(n) < 0.3, rng.choice([-np.inf, np.inf], n), rng.random(n)),
    }
    X = np.column_stack(list(columns.values()))
    binning, codes = check(X, max_bins)
    assert_same(binning, bin_columns(X, max_bins, n_threads=2))
    np.testing.assert_array_equal(codes, binning.codes(X, n_threads=2))
    for f, name in enumerate(columns):
        x = X[~np.isnan(X[:, f]), f]
        values, counts = np.unique(x, return_counts=True)
        heavy = binning_naive.heavy_values(x, max_bins)
        if len(values) <= max_bins:
            continue
        rows = np.bincount(codes[:, f], minlength=binning.n_bins[f])[: binning.n_bins[f]]
        low, high = (ends[same_without(binning, f)] for ends in (binning.lowest, binning.highest))
        if len(heavy) < max_bins // 2:
            assert heavy <= set(low[low == high]), name  # a bin to itself
        # The others: as even as their distinct values allow.
        is_light = ~np.isin(low, list(heavy)) | (low != high)
        light_counts = counts[~np.isin(values, list(heavy))]
        share = light_counts.sum() / max(1, max_bins - len(heavy))
        assert rows[is_light].max() <= 2 * share + 2 * light_counts.max(), name
        assert binning.n_bins[f] >= min(max_bins, len(values)) / 2, name


def test_zeros_do_not_waste_bins():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(20_000) < 0.6, 0.0, rng.normal(size=20_000))
    binning, codes = check(x[:, None], 255)
    rows = np.bincount(codes[:, 0])
    assert binning.n_bins[0] == 255
    assert rows.max() == (x == 0.0).sum()
    others = np.delete(rows, rows.argmax())
    assert others.max() - others.min() <= 2  # 254 bins for the 8,000 other rows


def test_distinct_values_are_cut_into_equal_parts():
    _, codes = check(
        np.random.default_rng(0).permutation(10_000.0 + np.arange(10_000))[:, None], 64
    )
    assert set(np.bincount(codes[:, 0])) <= {156, 157}


def test_borders_lie_halfway():
    binning, _ = check(np.array([[1.0], [2.0], [4.0], [-np.inf], [np.inf], [1e-300]]), 255)
    borders = [np.nextafter(1e-300, -1.0), 0.5, 1.5, 3.0, 4.0]
    np.testing.assert_array_equal(binning.borders(0), borders)
    gap = np.array([1.0, np.nextafter(1.0, 2.0)])
    np.testing.assert_array_equal(bin_columns(gap[:, None]).borders(0), [1.0])


def test_more_heavy_values_than_bins_between_them():
    # 200 heavy values, and between each two a rare one: no bin for each run of rare ones.
    x = np.concatenate([np.repeat(np.arange(200.0), 50), np.arange(200) + 0.5])
    binning, _ = check(x[:, None], 255)
    assert 150 <= binning.n_bins[0] <= 255


@pytest.mark.parametrize("load", [load_wine, load_diabetes])
def test_real_tables_have_exact_bins(load):
    check(load().data, 255)


def test_categories_are_kept_and_unknown_ones_are_missing():
    X = np.array([[3.0, 1.5], [7.0, 2.5], [np.nan, 3.5], [3.0, 4.5], [300.0, 5.5]])
    binning, codes = check(X, 2, np.array([True, False]))
    np.testing.assert_array_equal(codes[:, 0], [0, 1, 3, 0, 2])
    new = np.array([[7.0], [5.0], [-1.0], [3.5], [np.inf], [np.nan], [300.0]])
    new = np.hstack([new, new])
    np.testing.assert_array_equal(binning.codes(new)[:, 0], [1, 3, 3, 3, 3, 3, 2])


@pytest.mark.parametrize("n_values", [255, 256, 1000])
def test_many_categories_beside_few_bins(n_values):
    x = np.random.default_rng(0).permutation(np.arange(n_values) * 1.0)
    X = np.column_stack([x, x])
    binning, codes = check(X, 16, np.array([True, False]))
    assert codes.dtype == (np.uint8 if n_values <= 255 else np.uint32)
    np.testing.assert_array_equal(codes[:, 0], x)
    assert binning.n_bins.tolist() == [n_values, 16]


def test_exact_bins_of_a_large_table():
    X = np.random.default_rng(0).normal(size=(1_100_000, 4))
    X[:, 1:] = X[:, 1:].round()
    binning = bin_columns(X, None)
    np.testing.assert_array_equal(binning.lowest[: len(X)], np.sort(X[:, 0]))
    assert binning.n_bins[1] == len(np.unique(X[:, 1]))


@pytest.mark.parametrize("shape", [(0, 3), (5, 0), (1, 1), (40, 3000)])
def test_odd_shapes(shape):
    X = np.random.default_rng(0).normal(size=shape)
    binning = bin_columns(X)
    assert binning.codes(X).shape == shape
    assert binning.n_bins.tolist() == [shape[0]] * shape[1]


@pytest.mark.parametrize("n", [0, 1, 2, 64, 65, 500, 5000])
@pytest.mark.parametrize("kind", ["normal", "close", "few", "reversed", "signs"])
def test_sort(n, kind):
    rng = np.random.default_rng(n)
    x = {
        "normal": rng.normal(size=n),
        "close": np.append(rng.random(n) * 1e-12, [1e300] * (n > 0))[-n:] if n else np.empty(0),
        "few": rng.integers(-2, 3, n) * 0.1,
        "reversed": -np.arange(n) * 1.0,
        "signs": rng.choice([-np.inf, -1e-310, -0.0, 0.0, 1e-310, np.inf], n),
    }[kind]
    keys = np.array([ordered_key(bits) for bits in x.view(np.int64)], dtype=np.uint64)
    ordered = sort_keys(keys, n, np.empty(n, dtype=np.uint64))
    sorted_bits = np.array([bits_of_key(key) for key in ordered], dtype=np.int64)
    np.testing.assert_array_equal(sorted_bits.view(np.float64), np.sort(x))
