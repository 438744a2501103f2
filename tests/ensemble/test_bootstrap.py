"""The bootstrap draws as it says: every row by its weight, with replacement, by the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from groundup.ensemble._bootstrap import Bootstrap


def test_rows_are_drawn_alike():
    bootstrap = Bootstrap(50)
    counts = sum(bootstrap.counts(seed) for seed in range(2000))
    assert counts.sum() == 2000 * 50
    assert chisquare(counts).pvalue > 1e-3


def test_rows_are_drawn_by_their_weight():
    weight = np.array([0.0, 1.0, 2.5, 0.0, 7.0, 0.01, 0.0])
    drawn = np.bincount(Bootstrap(7, weight, 200_000).rows(3), minlength=7)
    assert np.all(drawn[weight == 0.0] == 0)
    some = weight > 0.0
    assert chisquare(drawn[some], weight[some] / weight.sum() * 200_000).pvalue > 1e-3


def test_a_tree_sees_63_percent_of_the_rows():
    seen = [np.mean(Bootstrap(5000).counts(seed) > 0) for seed in range(20)]
    assert np.mean(seen) == pytest.approx(1 - np.exp(-1), abs=0.004)


def test_draws_hang_on_the_seed_alone():
    rows = Bootstrap(1000).rows(7)
    np.testing.assert_array_equal(rows, Bootstrap(1000).rows(7))
    # The first draws do not depend on how many there are.
    np.testing.assert_array_equal(rows[:10], Bootstrap(1000, None, 10).rows(7))
    np.testing.assert_array_equal(
        np.bincount(rows, minlength=1000), Bootstrap(1000).counts(7).astype(int)
    )
    assert abs(np.corrcoef(rows, Bootstrap(1000).rows(8))[0, 1]) < 0.1


def test_max_samples():
    weight = np.full(100, 0.5)
    assert Bootstrap(100).n_draws == 100
    assert Bootstrap(100, weight).n_draws == 100
    assert Bootstrap(100, None, 17).n_draws == 17
    assert Bootstrap(100, None, 0.3).n_draws == 30
    assert Bootstrap(100, weight, 0.3).n_draws == 15
    assert Bootstrap(100, None, 1.5).n_draws == 150
    with pytest.warns(UserWarning, match="only 3 rows"):
        assert Bootstrap(100, None, 0.03).n_draws == 3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 5e-324, 1e-300, 1e-9, 1.0, 3.0, 1e12, 1e300]), min_size=1),
    st.integers(0, 2**31 - 2),
)
def test_rows_without_weight_are_never_drawn(weights, seed):
    weight = np.array(weights)
    if weight.sum() == 0.0:
        return
    rows = Bootstrap(len(weight), weight, 500).rows(seed)
    assert rows.min() >= 0
    assert rows.max() < len(weight)
    assert np.all(weight[rows] > 0.0)
