"""Measures of association and their tests, against SciPy, pandas and what chance alone gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import (
    chi2_contingency,
    false_discovery_control,
    kruskal,
    kstest,
    mannwhitneyu,
    spearmanr,
)

from groundup.workflow.association import (
    CRAMER,
    ETA_SQUARED,
    ETA_SQUARED_LENGTH,
    SPEARMAN,
    SPEARMAN_LENGTH,
    Association,
    association,
    benjamini_hochberg,
    cramers_v,
    eta_squared,
    pooled_levels,
)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_benjamini_hochberg_is_scipys(p):
    p = np.array(p)
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), rtol=1e-12)


def test_benjamini_hochberg_keeps_the_share_of_false_findings():
    """90 columns of noise and 10 with signal: of those below 0.1, a tenth is false at most."""
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        noise, signal = rng.random(90), 10 ** rng.uniform(-8, -3, 10)
        found = benjamini_hochberg(np.concatenate([noise, signal])) < 0.1
        shares.append(found[:90].sum() / max(1, found.sum()))
    # The expected share is 0.1 * 90/100; its standard error is about 0.006.
    assert 0.07 < np.mean(shares) < 0.11
    assert benjamini_hochberg(np.empty(0)).shape == (0,)


@settings(deadline=None)
@given(st.integers(0, 50))
def test_kruskal_wallis_is_scipys_with_ties(seed):
    rng = np.random.default_rng(seed)
    levels, y = rng.integers(0, 4, 60), rng.integers(0, 10, 60).astype(float)
    groups = [y[levels == level] for level in np.unique(levels)]
    expected = kruskal(*groups)
    found = eta_squared(levels, y)
    k = len(groups)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.value == pytest.approx(max(0, (expected.statistic - k + 1) / (60 - k)), abs=1e-12)


@settings(deadline=None)
@given(st.integers(0, 50))
def test_chi_squared_is_scipys(seed):
    rng = np.random.default_rng(seed)
    levels, y = rng.integers(0, 4, 80), rng.integers(0, 3, 80)
    table = pd.crosstab(levels, y).to_numpy()
    found = cramers_v(levels, y)
    assert found.p == pytest.approx(chi2_contingency(table, correction=False).pvalue, rel=1e-9)
    assert 0 <= found.value <= 1


def test_measures_reach_their_ends():
    levels = np.repeat([0, 1, 2], 50)
    assert cramers_v(levels, levels).value == pytest.approx(1.0)
    assert eta_squared(levels, levels.astype(float)).value > 0.99
    found = association(pd.Series(levels * 1.0), "number", levels * 2.0, "regression")
    assert found.value == pytest.approx(1.0)


def test_corrected_measures_are_near_zero_for_noise_of_many_levels():
    rng = np.random.default_rng(0)
    values = [
        (
            cramers_v(levels, rng.integers(0, 2, 200)).value,
            eta_squared(levels, rng.random(200)).value,
        )
        for levels in rng.integers(0, 20, (200, 200))
    ]
    # Uncorrected, V would be near sqrt(19/200) = 0.31 and eta² near 19/200.
    assert np.mean([v for v, _ in values]) < 0.1
    assert np.mean([eta for _, eta in values]) < 0.04


@pytest.mark.parametrize("kind", ["number", "text"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_p_values_are_uniform_where_nothing_is_associated(kind, task):
    rng = np.random.default_rng(1)
    p = []
    for _ in range(400):
        x = rng.normal(size=120) if kind == "number" else rng.choice(list("abcd"), 120)
        y = rng.normal(size=120) if task == "regression" else rng.integers(0, 3, 120)
        y = y % 2 if task == "binary" else y
        p.append(association(pd.Series(x), kind, y, task).p)
    assert kstest(p, "uniform").pvalue > 0.001


def test_each_pair_of_kinds_gets_its_measure():
    rng = np.random.default_rng(2)
    number = pd.Series(rng.normal(size=100))
    text = pd.Series(rng.choice(["a", "b"], 100))
    flag = pd.Series(rng.integers(0, 2, 100) * 1.0)
    date = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(100), "D"))
    free = pd.Series([f"{'word ' * n} {n}" for n in range(100)])
    y = {"binary": rng.integers(0, 2, 100), "multiclass": rng.integers(0, 3, 100)}
    y["regression"] = rng.normal(size=100)
    expected = {
        ("number", "binary"): SPEARMAN,
        ("number", "multiclass"): ETA_SQUARED,
        ("number", "regression"): SPEARMAN,
        ("date", "regression"): SPEARMAN,
        ("date", "multiclass"): ETA_SQUARED,
        ("text", "binary"): CRAMER,
        ("text", "regression"): ETA_SQUARED,
        ("boolean", "multiclass"): CRAMER,
        ("boolean", "regression"): ETA_SQUARED,
        ("free", "regression"): SPEARMAN_LENGTH,
        ("free", "binary"): SPEARMAN_LENGTH,
        ("free", "multiclass"): ETA_SQUARED_LENGTH,
    }
    columns = {"number": number, "text": text, "boolean": flag, "date": date, "free": free}
    for (kind, task), measure in expected.items():
        found = association(columns[kind], "text" if kind == "free" else kind, y[task], task)
        assert found.measure == measure, (kind, task)
        assert 0 <= found.strength <= 1
        assert 0 <= found.p <= 1


def test_spearman_with_two_classes_tests_what_mann_whitney_tests():
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1], [40, 60])
    x = rng.normal(size=100) + 0.4 * y
    found = association(pd.Series(x), "number", y, "binary")
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.p == pytest.approx(mannwhitneyu(x[y == 0], x[y == 1]).pvalue, rel=0.1)


def test_missing_and_infinite_cells_are_left_out():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=50), rng.normal(size=50)
    with_holes = pd.Series(np.concatenate([x, [np.nan, np.nan, np.inf]]))
    found = association(with_holes, "number", np.concatenate([y, [0, 1, 2]]), "regression")
    assert found == association(pd.Series(x), "number", y, "regression")


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        ([1.0] * 20, "number"),
        ([np.nan] * 20, "number"),
        (["a"] * 20, "text"),
        ([1.0] * 20, "boolean"),
    ],
)
def test_nothing_is_measured_where_nothing_varies(x, kind):
    y = np.arange(20.0)
    assert association(pd.Series(x), kind, y, "regression") is None
    assert association(pd.Series(np.arange(20.0)), "number", np.zeros(20), "regression") is None


def test_rare_levels_are_pooled():
    levels = pooled_levels(pd.Series(list("aaaaaabbbbbbcdeff")))
    assert np.bincount(levels)[np.bincount(levels) > 0].tolist() == [6, 6, 5]
    # a pool below five rows joins the rarest level
    levels = pooled_levels(pd.Series(list("aaaaaabbbbbcd")))
    assert sorted(np.bincount(levels)) == [6, 7]
    assert len(np.unique(pooled_levels(pd.Series(list("abcdefg"))))) == 1


def test_strengths_of_different_measures_are_on_one_scale():
    assert Association(ETA_SQUARED, 0.25, 0.1).strength == 0.5
    assert Association(SPEARMAN, -0.5, 0.1).strength == 0.5
