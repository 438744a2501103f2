"""Growing: every split against brute force, every way of growing against the others, the edges."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from oracles.tree_naive import best_improvement, improvement, impurity, weighted_median

from groundup.tree._binning import bin_columns
from groundup.tree._criterion import ABSOLUTE_ERROR, ENTROPY, GINI, POISSON, SQUARED_ERROR
from groundup.tree._growing import Growth, grow, grow_tree, thresholds, to_tree
from groundup.tree._tree import LEAF

NAMES = {
    GINI: "gini",
    ENTROPY: "entropy",
    SQUARED_ERROR: "squared_error",
    POISSON: "poisson",
    ABSOLUTE_ERROR: "absolute_error",
}
# criterion, classes (0: targets), weights
KINDS = [
    (GINI, 2, "counts"),
    (ENTROPY, 2, "counts"),
    (GINI, 2, "fractions"),
    (GINI, 4, "counts"),
    (ENTROPY, 3, "fractions"),
    (SQUARED_ERROR, 0, "fractions"),
    (POISSON, 0, "counts"),
    (ABSOLUTE_ERROR, 0, "counts"),
]


def table(n, p, kind, seed, missing=0.0, levels=None):
    """Return X, target and weight; the first column tells something about the target."""
    criterion, n_classes, weights = kind
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    if levels:
        X = np.round(X * levels)
    signal = X[:, 0] + 0.7 * rng.normal(size=n)
    X[rng.random(X.shape) < missing] = np.nan
    if n_classes:
        edges = np.quantile(signal, np.arange(1, n_classes) / n_classes)
        target = np.digitize(signal, edges)
    else:
        target = np.exp(signal) if criterion == POISSON else 10.0 + signal
    weight = rng.integers(0, 4, n).astype(float) if weights == "counts" else rng.random(n) + 0.1
    return X, target, weight


def bins(X, max_bins=255):
    binning = bin_columns(X, max_bins)
    return binning, binning.codes(X)


def last(steps):
    *_, grown = steps
    return grown


def rows_of(grown, codes, n_bins, weight):
    """Send the training rows down the tree by their codes; return the rows at each node."""
    rows = {0: np.flatnonzero(weight > 0)}
    for node, f in enumerate(grown.feature):
        if f >= 0:
            code = codes[rows[node], f]
            left = code <= grown.last_left_code[node]
            left[code == n_bins[f]] = grown.missing_go_to_left[node]
            rows[grown.children_left[node]] = rows[node][left]
            rows[grown.children_right[node]] = rows[node][~left]
    return rows


@pytest.mark.parametrize("max_bins", [12, None])
@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_no_other_split_is_better(kind, missing, max_bins):
    criterion, n_classes, _ = kind
    X, target, weight = table(70, 3, kind, seed=1, missing=missing)
    binning, codes = bins(X, max_bins)
    growth = Growth(criterion, min_samples_leaf=3)
    grown = grow_tree(codes, binning, target, weight, growth, 0, n_classes)
    coded = np.where(codes == binning.n_bins, np.nan, codes)
    name = NAMES[criterion]
    for node, rows in rows_of(grown, codes, binning.n_bins, weight).items():
        y, w = target[rows].astype(float), weight[rows]
        assert grown.n_node_samples[node] == len(rows)
        assert grown.weighted_n_node_samples[node] == pytest.approx(w.sum())
        H = impurity(name, y, w)
        assert grown.impurity[node] == pytest.approx(H, abs=1e-12)
        if n_classes:
            value = np.bincount(target[rows], weights=w, minlength=n_classes) / w.sum()
        else:
            value = weighted_median(y, w) if name == "absolute_error" else np.average(y, weights=w)
        np.testing.assert_allclose(grown.value[node], value, rtol=1e-12, atol=1e-15)
        best = best_improvement(name, coded[rows], y, w, min_samples_leaf=3)
        if grown.feature[node] < 0:
            assert len(rows) < 6 or H < 1e-12 or best == -np.inf
        else:
            left = np.isin(
                rows,
                rows_of(grown, codes, binning.n_bins, weight)[grown.children_left[node]],
            )
            assert improvement(name, y, w, left) == pytest.approx(best, rel=1e-9, abs=1e-9)


GROWTHS = {
    "whole": {},
    "few columns": {"max_features": 2},
    "large leaves": {"min_samples_leaf": 7, "min_weight_leaf": 9.0},
    "shallow": {"max_depth": 3, "min_samples_split": 20},
    "useful": {"min_impurity_decrease": 0.004},
    "random": {"random_split": 1, "max_features": 3},
    "best first": {"max_leaf_nodes": 11, "max_features": 3},
}


@pytest.mark.parametrize("growth", GROWTHS.values(), ids=GROWTHS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_step_by_step_and_in_one_go_it_is_the_same_tree(kind, growth):
    # 10,000 x 30 codes: nodes are packed; 4 levels: many columns have equal cuts
    X, target, weight = table(10_000 if kind == KINDS[0] else 900, 30, kind, 2, 0.05, levels=4)
    binning, codes = bins(X)
    arguments = (codes, binning, target, weight, Growth(kind[0], **growth), 5, kind[1])
    steps = list(grow(*arguments, n_threads=2))
    for ours, once in zip(steps[-1], grow_tree(*arguments), strict=True):
        np.testing.assert_array_equal(ours, once)
    sizes = [len(step.feature) for step in steps]
    assert all(a < b for a, b in pairwise(sizes))
    for step in steps:
        inner = step.feature >= 0
        assert (step.children_left[inner] > np.flatnonzero(inner)).all()
        assert (step.children_left[~inner] == LEAF).all()
        children = np.concatenate([step.children_left[inner], step.children_right[inner]])
        np.testing.assert_array_equal(np.sort(children), np.arange(1, len(inner)))
        for size in (step.n_node_samples, step.weighted_n_node_samples):
            both = size[step.children_left[inner]] + size[step.children_right[inner]]
            np.testing.assert_allclose(both, size[inner], rtol=1e-12)
        if "min_samples_leaf" in growth:
            assert step.n_node_samples.min() >= 7
            assert step.weighted_n_node_samples.min() >= 9.0


@pytest.mark.parametrize("criterion", [GINI, ENTROPY])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_counted_in_one_number_or_summed_by_class_it_is_the_same_tree(criterion, missing):
    # Weights that are not whole take the general way, and halving them all changes no split.
    kind = (criterion, 2, "counts")
    X, target, weight = table(20_000, 6, kind, seed=3, missing=missing)
    binning, codes = bins(X)
    growth = Growth(criterion, max_depth=5)
    counted = grow_tree(codes, binning, target, weight, growth, 0, 2)
    summed = grow_tree(codes, binning, target, weight / 2, growth, 0, 2)
    wide = grow_tree(codes.astype(np.uint32), binning, target, weight, growth, 0, 2)
    for other in (summed, wide):
        for name in ("children_left", "feature", "last_left_code", "first_right_code", "value"):
            np.testing.assert_array_equal(getattr(counted, name), getattr(other, name), name)
        np.testing.assert_allclose(counted.impurity, other.impurity, rtol=1e-12)
    np.testing.assert_array_equal(
        counted.weighted_n_node_samples, 2 * summed.weighted_n_node_samples
    )


def test_rows_without_weight_are_not_in_the_tree():
    X, target, weight = table(500, 4, KINDS[0], seed=4)
    binning, codes = bins(X)
    grown = grow_tree(codes, binning, target, weight, Growth(GINI), 0, 2)
    kept = weight > 0
    alone = grow_tree(codes[kept], binning, target[kept], weight[kept], Growth(GINI), 0, 2)
    for ours, theirs in zip(grown, alone, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("midpoints", [True, False])
def test_thresholds_send_the_training_rows_where_the_codes_do(midpoints):
    X, target, weight = table(3000, 5, KINDS[5], seed=5, missing=0.1)
    binning, codes = bins(X)
    grown = grow_tree(codes, binning, target, weight, Growth(SQUARED_ERROR), 0, 0)
    tree = to_tree(grown, binning, midpoints)
    rows = rows_of(grown, codes, binning.n_bins, weight)
    for node in np.flatnonzero(grown.feature >= 0):
        x = X[rows[node], grown.feature[node]]
        left = np.where(np.isnan(x), tree.missing_go_to_left[node], x <= tree.threshold[node])
        np.testing.assert_array_equal(
            rows[node][left.astype(bool)], rows[grown.children_left[node]]
        )
    if not midpoints:  # prediction may then run on bytes
        for f in range(5):
            assert len(np.unique(tree.threshold[tree.feature == f])) <= 255
    assert (thresholds(grown, binning, midpoints)[grown.feature < 0] == -2.0).all()


def test_every_column_is_drawn_as_often():
    X = np.random.default_rng(6).normal(size=(40, 8))
    target = (X[:, 0] > 0).astype(np.int64)
    binning, codes = bins(X)
    growth = Growth(GINI, max_features=1, max_depth=1)
    drawn = [grow_tree(codes, binning, target, None, growth, s, 2).feature[0] for s in range(2000)]
    counts = np.bincount(drawn, minlength=8)
    # chi squared with 7 degrees of freedom: above 24.3 once in a thousand seeds
    assert ((counts - 250) ** 2 / 250).sum() < 24.3


def test_a_draw_goes_on_past_constant_columns():
    X = np.zeros((30, 50))
    X[:, 17] = np.arange(30)
    target = (X[:, 17] > 14).astype(np.int64)
    binning, codes = bins(X)
    for random_split in (0, 1):
        growth = Growth(GINI, random_split=random_split, max_features=1)
        for seed in range(20):
            grown = grow_tree(codes, binning, target, None, growth, seed, 2)
            assert set(grown.feature) == {17, -2}


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("random_split", [0, 1])
def test_nothing_to_split_is_one_leaf(kind, random_split):
    criterion, n_classes, _ = kind
    growth = Growth(criterion, random_split=random_split)

    def one_leaf(X, target):
        binning, codes = bins(np.asarray(X, dtype=float))
        steps = list(grow(codes, binning, np.asarray(target), None, growth, 0, n_classes))
        assert len(steps) == 1 and len(steps[0].feature) == 1
        assert (
            len(grow_tree(codes, binning, np.asarray(target), None, growth, 0, n_classes)[0]) == 1
        )

    one_leaf([[3.0, 4.0]], [1])  # one row
    one_leaf(np.arange(8.0).reshape(4, 2), [1, 1, 1, 1])  # one class
    one_leaf(np.ones((6, 2)), [1, 0, 1, 1, 0, 1])  # constant columns
    one_leaf(np.full((6, 2), np.nan), [1, 0, 1, 1, 0, 1])  # nothing but missing values


def test_a_column_without_values_is_passed_over():
    X = np.column_stack([np.full(40, np.nan), np.arange(40.0)])
    target = (np.arange(40) > 11).astype(np.int64)
    binning, codes = bins(X)
    grown = grow_tree(codes, binning, target, None, Growth(GINI), 0, 2)
    assert grown.feature.tolist() == [1, -2, -2]
    np.testing.assert_array_equal(grown.value[1:], [[1.0, 0.0], [0.0, 1.0]])


def test_missing_values_may_stand_alone():
    X = np.array([[1.0], [2.0], [3.0], [np.nan], [np.nan], [np.nan]])
    target = np.array([0, 0, 0, 1, 1, 1])
    binning, codes = bins(X)
    for weight in (None, np.full(6, 0.3)):
        grown = grow_tree(codes, binning, target, weight, Growth(GINI), 0, 2)
        assert thresholds(grown, binning, True)[0] == np.inf
        assert grown.missing_go_to_left[0] == 0
        np.testing.assert_array_equal(grown.value[1:], [[1.0, 0.0], [0.0, 1.0]])


def test_shares_of_a_pure_node_are_exact():
    X, target, weight = table(3000, 4, (GINI, 3, "fractions"), seed=7)
    binning, codes = bins(X)
    for k, w in ((3, weight), (2, None)):
        grown = grow_tree(codes, binning, np.minimum(target, k - 1), w, Growth(GINI), 0, k)
        assert set(grown.value[grown.feature < 0].ravel()) == {0.0, 1.0}


def test_all_weights_zero_is_an_error():
    binning, codes = bins(np.ones((3, 1)))
    for start in (grow_tree, lambda *arguments: next(grow(*arguments))):
        with pytest.raises(ValueError, match="All weights are zero"):
            start(codes, binning, np.array([0, 1, 0]), np.zeros(3), Growth(GINI), 0, 2)


def test_few_rows_with_many_columns():
    rng = np.random.default_rng(8)
    X, target = rng.normal(size=(50, 20_000)), rng.integers(0, 2, 50)
    binning, codes = bins(X)
    grown = grow_tree(codes, binning, target, None, Growth(GINI, max_features=141), 0, 2)
    assert (grown.impurity[grown.feature < 0] == 0.0).all()


def test_many_rows_with_one_column():
    rng = np.random.default_rng(9)
    X = rng.normal(size=(300_000, 1))
    target = (X[:, 0] + rng.normal(size=300_000) > 0).astype(np.int64)
    binning, codes = bins(X)
    grown = grow_tree(codes, binning, target, None, Growth(GINI), 0, 2)
    assert grown.n_node_samples[0] == 300_000
    assert len(grown.feature) == 2 * binning.n_bins[0] - 1  # every bin is a leaf


def test_a_chain_as_deep_as_there_are_rows():
    # Rarest class first: each split takes the last row off, so that the tree is as deep as can be.
    n = 3000
    X = np.arange(n, dtype=float).reshape(-1, 1)
    target = np.cumsum(2.0 ** np.linspace(0, 900, n))  # one outlier after the other
    binning, codes = bins(X, None)
    grown = grow_tree(codes, binning, target, None, Growth(SQUARED_ERROR), 0, 0)
    assert (grown.feature < 0).sum() <= n
