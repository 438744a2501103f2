"""Growing the trees of boosting: against brute force, scikit-learn, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import boosting_naive
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor

from groundup.ensemble._boosting_growing import BoostGrowth, TreeGrower
from groundup.tree._binning import bin_columns
from groundup.tree._tree import LEAF, NUMERIC


def grower(X, growth=None, categorical=(), monotonic=None, groups=None, n_threads=1, **limits):
    is_categorical = np.zeros(X.shape[1], dtype=bool)
    is_categorical[list(categorical)] = True
    binning = bin_columns(X, is_categorical=is_categorical)
    growth = growth or BoostGrowth(**limits)
    return TreeGrower(binning.codes(X), binning, growth, monotonic, groups, n_threads)


def boost(X, y, n_rounds=10, weight=None, loss="squared_error", start=0.0, **options):
    """Return the raw predictions after each round, and the trees."""
    growing = grower(X, **options)
    raw = np.full(len(y), start)
    rounds, trees = [], []
    for seed in range(n_rounds):
        g, h = boosting_naive.derivatives(loss, y, raw)
        if weight is not None:
            g, h = g * weight, h * weight
        constant = loss == "squared_error" and weight is None
        grown = growing.grow(g, None if constant else h, seed)
        raw += in_leaves(grown, len(y))
        rounds.append(raw.copy())
        trees.append(grown.tree)
    return np.array(rounds), trees


def in_leaves(grown, n):
    """Return the value of each training row's leaf, as the grower says where it ended."""
    sizes = np.diff(grown.leaf_bounds)
    values = np.empty(n)
    values[grown.rows] = np.repeat(grown.tree.value[grown.leaf_nodes, 0], sizes)
    return values


def walk(tree, X):
    """Return the leaf of each row, by asking every node's question of the raw values."""
    leaves = np.zeros(len(X), dtype=int)
    for i, x in enumerate(X):
        node = 0
        while tree.children_left[node] != LEAF:
            value = x[tree.feature[node]]
            if np.isnan(value):
                left = tree.missing_go_to_left[node]
            elif tree.category_set is not None and tree.category_set[node] != NUMERIC:
                words = tree.category_sets[tree.category_set[node]]
                left = words[int(value) // 32] >> np.uint32(int(value) % 32) & 1
            else:
                left = value <= tree.threshold[node]
            node = tree.children_left[node] if left else tree.children_right[node]
        leaves[i] = node
    return leaves


def table(seed, n=2000, missing=0.0):
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, 6)), 1)
    X[:, 3] = rng.integers(0, 12, n)
    X[:, 4] = rng.integers(0, 40, n)
    y = X[:, 0] + X[:, 1] * X[:, 2] + np.sin(X[:, 3] * 7) + X[:, 4] % 3 + rng.normal(size=n) * 0.3
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_leaf_nodes": 6, "l2": 3.0},
        {"max_depth": 2, "min_samples_leaf": 5},
        {"min_hessian": 4.0, "min_samples_leaf": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_brute_force_finds_the_same_trees(loss, limits, missing):
    X, y = table(0, n=150, missing=missing)
    X = X[:, [0, 1, 3]]
    if loss == "log_loss":
        y = (y > np.median(y)).astype(float)
    ours, _ = boost(X, y, 4, loss=loss, **limits)
    np.testing.assert_allclose(ours, boosting_naive.boost(X, y, 4, loss=loss, **limits), atol=1e-5)


def test_sorted_categories_find_the_best_of_all_sets():
    rng = np.random.default_rng(0)
    category = np.repeat(np.arange(6), 40)  # equally many rows: the smoothing keeps their order
    g = rng.normal(size=6)[category] + rng.normal(size=240) * 0.1
    X = category[:, np.newaxis].astype(float)
    limits = {"max_leaf_nodes": 2, "min_samples_leaf": 1}
    tree = grower(X, categorical=[0], **limits).grow(g).tree
    (a, b) = boosting_naive.grow(X, g, np.ones(240), categorical=np.array([True]), **limits)
    leaves = walk(tree, X)
    assert {frozenset(np.flatnonzero(leaves == k)) for k in (1, 2)} == {
        frozenset(a.rows),
        frozenset(b.rows),
    }


CASES = {
    "plain": ({}, {}),
    "weights": ({}, {}),
    "missing": ({}, {}),
    "categories": ({"categorical": [3, 4]}, {"categorical_features": [3, 4]}),
    "missing categories": ({"categorical": [3, 4]}, {"categorical_features": [3, 4]}),
    "monotonic": (
        {"monotonic": np.array([-1, 1, 0, 0, 0, 1])},
        {"monotonic_cst": [-1, 1, 0, 0, 0, 1]},
    ),
    "interactions": (
        {"groups": [{0, 1}, {1, 2}, {3, 4, 5}]},
        {"interaction_cst": [{0, 1}, {1, 2}, {3, 4, 5}]},
    ),
    "depth": (
        {"max_depth": 3, "max_leaf_nodes": -1, "min_samples_leaf": 5, "l2": 3.0},
        {
            "max_depth": 3,
            "max_leaf_nodes": None,
            "min_samples_leaf": 5,
            "l2_regularization": 3.0,
        },
    ),
    "no limit": ({"max_leaf_nodes": -1}, {"max_leaf_nodes": None}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_scikit_learn_grows_the_same_trees(case, seed):
    ours, theirs = CASES[case]
    X, y = table(seed, missing=0.05 if "missing" in case else 0.0)
    weight = np.random.default_rng(seed).random(len(y)) + 0.5 if case == "weights" else None
    start = np.average(y, weights=weight)
    raw, _ = boost(X, y, 8, weight, start=start, **ours)
    model = HistGradientBoostingRegressor(max_iter=8, early_stopping=False, **theirs)
    expected = model.fit(X, y, sample_weight=weight).predict(X)
    np.testing.assert_allclose(raw[-1], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("categorical", [[], [3, 4]])
def test_rows_end_where_the_tree_sends_them(missing, categorical):
    X, y = table(2, n=600, missing=missing)
    growing = grower(X, categorical=categorical)
    for _ in range(3):
        grown = growing.grow(-y)
        tree = grown.tree
        assert sorted(grown.rows) == list(range(len(y)))
        leaves = walk(tree, X)
        for k, leaf in enumerate(grown.leaf_nodes):
            rows = grown.rows[grown.leaf_bounds[k] : grown.leaf_bounds[k + 1]]
            assert np.all(leaves[rows] == leaf)
            assert tree.n_node_samples[leaf] == len(rows)
            assert tree.value[leaf, 0] == pytest.approx(0.1 * y[rows].mean(), abs=1e-6)
        y = y - in_leaves(grown, len(y))


def test_a_tree_is_well_formed():
    X, y = table(3)
    tree = grower(X, categorical=[3]).grow(-y, np.full(len(y), 0.25)).tree
    split = np.flatnonzero(tree.children_left != LEAF)
    left, right = tree.children_left[split], tree.children_right[split]
    assert np.all(left > split) and np.all(right > split)
    assert sorted([0, *left, *right]) == list(range(tree.node_count))
    counts, hessians = tree.n_node_samples, tree.weighted_n_node_samples
    np.testing.assert_array_equal(counts[split], counts[left] + counts[right])
    np.testing.assert_allclose(hessians, counts * 0.25, rtol=1e-6)
    assert np.all(tree.impurity[split] > 0)
    assert (tree.children_left == LEAF).sum() == 31
    assert counts.min() >= 20


@pytest.mark.parametrize("constant", [True, False])
def test_threads_and_row_order_change_no_bit(constant):
    X, y = table(4, n=40_000, missing=0.02)
    h = None if constant else np.random.default_rng(0).random(len(y))
    options = {"categorical": [3], "max_features": 0.5}
    one = grower(X, **options).grow(-y, h, 7)
    two = grower(X, n_threads=2, **options).grow(-y, h, 7)
    shuffled = np.random.default_rng(1).permutation(len(y))
    other = grower(X[shuffled], **options).grow(-y[shuffled], None if h is None else h[shuffled], 7)
    for name in vars(one.tree):
        for tree in (two.tree, other.tree):
            np.testing.assert_array_equal(getattr(one.tree, name), getattr(tree, name), name)
    np.testing.assert_array_equal(one.rows, two.rows)
    np.testing.assert_array_equal(in_leaves(one, len(y))[shuffled], in_leaves(other, len(y)))


def test_columns_are_chosen_by_the_seed():
    X, y = table(5)
    trees = [grower(X, max_features=0.3).grow(-y, None, seed).tree for seed in (0, 0, 1)]
    np.testing.assert_array_equal(trees[0].feature, trees[1].feature)
    assert not np.array_equal(trees[0].feature, trees[2].feature)
    # A third of six columns: the best one is out of the choice at about two roots in three.
    roots = [grower(X, max_features=1 / 3).grow(-y, None, s).tree.feature[0] for s in range(30)]
    assert len(set(roots)) > 2


def test_monotonic_predictions_never_turn():
    X, y = table(6)
    y = y + np.sin(3 * X[:, 5])
    monotonic = np.array([0, 0, 0, 0, 0, 1])
    _, trees = boost(X, y, 20, monotonic=monotonic)
    grid = np.repeat(X[:20], 50, axis=0)
    grid[:, 5] = np.tile(np.linspace(-3, 3, 50), 20)
    predicted = sum(tree.value[walk(tree, grid), 0] for tree in trees).reshape(20, 50)
    assert np.all(np.diff(predicted, axis=1) >= -1e-12)
    assert np.ptp(predicted, axis=1).max() > 0.1


def test_columns_of_different_groups_share_no_branch():
    X, y = table(7)
    groups = [{0, 1}, {1, 2}, {3, 4, 5}]
    _, trees = boost(X, y, 5, groups=groups)
    for tree in trees:
        used = {0: set()}
        for node in range(tree.node_count):
            if tree.children_left[node] == LEAF:
                assert any(used[node] <= group for group in groups)
                continue
            below = used[node] | {int(tree.feature[node])}
            used[tree.children_left[node]] = used[tree.children_right[node]] = below


@pytest.mark.parametrize("size", [1e-100, 1e-30, 1e30, 1e100])
def test_the_size_of_gradients_does_not_matter(size):
    X, y = table(8)
    h = np.random.default_rng(0).random(len(y)) + 0.5
    plain = grower(X).grow(-y, h).tree
    large = grower(X).grow(-y * size, h).tree

    np.testing.assert_array_equal(plain.feature, large.feature)
    np.testing.assert_allclose(large.value, plain.value * size, rtol=1e-4, atol=1e-6 * size)


def test_an_outlier_does_not_drown_the_others():
    X, y = table(9)
    y[0] = 1e6
    raw, _ = boost(X, y, 5, start=y.mean())
    model = HistGradientBoostingRegressor(max_iter=5, early_stopping=False)
    np.testing.assert_allclose(raw[-1], model.fit(X, y).predict(X), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(
    "X",
    [
        np.full((50, 2), np.nan),
        np.ones((50, 3)),
        np.arange(10.0)[:, np.newaxis],
        np.ones((1, 1)),
    ],
    ids=["all missing", "constant", "too few rows", "one row"],
)
def test_what_cannot_be_split_is_one_leaf(X):
    y = np.arange(len(X), dtype=float)
    grown = grower(X).grow(-y)
    assert grown.tree.node_count == 1
    assert grown.tree.value[0, 0] == pytest.approx(0.1 * y.mean(), rel=1e-6)
    np.testing.assert_array_equal(grown.leaf_bounds, [0, len(X)])


def test_no_gradient_and_no_hessian_is_a_leaf_of_zero():
    X = table(10, n=100)[0]
    for h in (None, np.zeros(100)):
        tree = grower(X).grow(np.zeros(100), h).tree
        assert tree.node_count == 1
        assert tree.value[0, 0] == 0.0


def test_missing_against_all_others_is_a_split():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 1))
    X[:150] = np.nan
    y = np.isnan(X[:, 0]).astype(float)
    tree = grower(X, max_leaf_nodes=2).grow(-y).tree
    assert tree.threshold[0] == np.inf and tree.missing_go_to_left[0] == 0
    np.testing.assert_allclose(tree.value[walk(tree, X), 0], 0.1 * y, atol=1e-6)


def test_many_columns_and_few_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 20_000))
    y = np.sign(X[:, 12_345])
    growing = grower(X)
    tree = growing.grow(-y).tree
    assert tree.feature[0] == 12_345
    assert growing.work.histograms.nbytes < 3 * 20_000 * 52 * 8  # bins that are there, not 256


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 60),
    p=st.integers(1, 9),
    least=st.integers(1, 5),
    missing=st.sampled_from([0.0, 0.3]),
)
def test_first_split_is_the_best_one(seed, n, p, least, missing):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 10, (n, p)).astype(float)
    X[rng.random(X.shape) < missing] = np.nan
    g, h = rng.normal(size=n), rng.random(n) + 0.1
    limits = {"max_leaf_nodes": 2, "min_samples_leaf": least, "l2": 0.5}
    tree = grower(X, **limits).grow(g, h).tree
    root = boosting_naive.Node(np.arange(n), 0.0, 0)
    boosting_naive.best_split(X, g, h, root, 0.5, least, 1e-3, np.zeros(p, dtype=bool))
    assert tree.impurity[0] == pytest.approx(root.gain, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("load", [load_breast_cancer, load_diabetes])
def test_real_data_level_with_scikit_learn(load):
    X, y = load(return_X_y=True)
    y = y.astype(float)
    raw, _ = boost(X, y, 50, start=y.mean())
    model = HistGradientBoostingRegressor(max_iter=50, early_stopping=False).fit(X, y)
    ours, theirs = np.mean((raw[-1] - y) ** 2), np.mean((model.predict(X) - y) ** 2)
    # The bins of columns with over 255 values differ a little.
    assert ours == pytest.approx(theirs, rel=0.2)
