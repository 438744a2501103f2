"""Cost-complexity pruning: against scikit-learn, and against a search from the leaves up."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.tree
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, make_friedman1

from groundup.tree import DecisionTreeClassifier, DecisionTreeRegressor
from groundup.tree._measures import depth, n_leaves, parents
from groundup.tree._pruning import prune, pruning_path, subtree
from groundup.tree._tree import LEAF


def best_branch(tree, alpha):
    """Return the leaves of the branch with the least R(T) + alpha |T|, the smallest of equals.

    From the leaves up: a node becomes a leaf unless its two branches together cost less.
    """
    risk = tree.impurity * tree.weighted_n_node_samples / tree.weighted_n_node_samples[0]
    cost = risk + alpha
    is_leaf = np.ones(tree.node_count, dtype=bool)
    for t in range(tree.node_count - 1, -1, -1):
        left, right = tree.children_left[t], tree.children_right[t]
        if left != LEAF and cost[left] + cost[right] < cost[t]:
            cost[t] = cost[left] + cost[right]
            is_leaf[t] = False
    return is_leaf, cost[0]


@given(
    seed=st.integers(0, 1000),
    n=st.integers(2, 80),
    alpha=st.floats(1e-4, 0.5),
    best_first=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_pruned_tree_is_the_best_branch(seed, n, alpha, best_first):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 3)), rng.normal(size=n)
    tree = DecisionTreeRegressor(max_leaf_nodes=30 if best_first else None).fit(X, y).grown_
    pruned = prune(tree, alpha)
    is_leaf, _ = best_branch(tree, alpha)
    expected = subtree(tree, is_leaf)
    np.testing.assert_array_equal(pruned.threshold, expected.threshold)
    np.testing.assert_array_equal(pruned.value, expected.value)


@pytest.mark.parametrize("criterion", ["squared_error", "poisson"])
def test_the_path_is_scikit_learns(criterion):
    for seed in range(3):
        X, y = make_friedman1(400, noise=1.0, random_state=seed)
        X = X.astype(np.float32).astype(np.float64)
        y = np.abs(y)
        weight = np.random.default_rng(seed).integers(512, 2048, size=len(y)) / 1024
        parameters = {"criterion": criterion, "min_samples_leaf": 10, "random_state": 0}
        ours = DecisionTreeRegressor(max_bins=None, **parameters)
        theirs = sklearn.tree.DecisionTreeRegressor(**parameters)
        for w in (None, weight):
            path = ours.cost_complexity_pruning_path(X, y, w)
            expected = theirs.cost_complexity_pruning_path(X, y, w)
            assert len(path.ccp_alphas) > 10
            np.testing.assert_allclose(path.ccp_alphas, expected.ccp_alphas, rtol=1e-6, atol=1e-12)
            np.testing.assert_allclose(path.impurities, expected.impurities, rtol=1e-6)
            # Between two prices both keep the same nodes.
            for alpha in (path.ccp_alphas[:-1:4] + path.ccp_alphas[1::4]) / 2:
                a = ours.set_params(ccp_alpha=alpha).fit(X, y, w).tree_
                b = theirs.set_params(ccp_alpha=alpha).fit(X, y, w).tree_
                np.testing.assert_array_equal(a.children_left, b.children_left)
                np.testing.assert_array_equal(a.children_right, b.children_right)
                np.testing.assert_array_equal(a.feature, b.feature)


def test_along_the_path_trees_shrink_and_each_is_the_best_for_its_price():
    X, y = load_breast_cancer(return_X_y=True)
    tree = DecisionTreeClassifier().fit(X, y).grown_
    path = pruning_path(tree)
    assert np.all(np.diff(path.alphas) >= -1e-15)
    assert np.all(np.diff(path.impurities) >= -1e-15)
    assert path.alphas[0] == 0.0
    assert path.impurities[0] == pytest.approx(0.0, abs=1e-15)
    assert path.impurities[-1] == pytest.approx(tree.impurity[0])
    for alpha in np.unique(path.alphas[1:]):
        pruned = prune(tree, alpha * (1 + 1e-9))
        risk = pruned.impurity * pruned.weighted_n_node_samples / len(y)
        cost = risk[pruned.children_left == LEAF].sum() + alpha * n_leaves(pruned)
        assert cost == pytest.approx(best_branch(tree, alpha)[1], rel=1e-8)


def test_no_price_is_below_zero_so_each_can_be_asked_for():
    X, y = load_diabetes(return_X_y=True)
    model = DecisionTreeRegressor()
    path = model.cost_complexity_pruning_path(X, y)
    assert np.all(path.ccp_alphas >= 0.0)
    sizes = [
        model.set_params(ccp_alpha=alpha).fit(X, y).get_n_leaves()
        for alpha in path.ccp_alphas[::40]
    ]
    assert sizes == sorted(sizes, reverse=True)
    model.set_params(ccp_alpha=path.ccp_alphas[-1]).fit(X, y)
    assert model.get_n_leaves() == 1
    assert model.predict(X[:1]) == pytest.approx(y.mean())


def test_a_root_alone_has_nothing_to_prune():
    tree = DecisionTreeRegressor().fit([[1.0], [1.0]], [0.0, 1.0]).grown_
    path = pruning_path(tree)
    assert path.alphas.tolist() == [0.0]
    assert path.impurities.tolist() == [0.25]
    assert prune(tree, 10.0).node_count == 1


def test_pruning_path_leaves_the_model_alone():
    X, y = load_diabetes(return_X_y=True)
    model = DecisionTreeRegressor(ccp_alpha=1.0, max_depth=3).fit(X, y)
    before = model.grown_
    model.cost_complexity_pruning_path(X, y)
    assert model.grown_ is before
    assert model.ccp_alpha == 1.0


def test_subtree_keeps_topology():
    X, y = load_diabetes(return_X_y=True)
    tree = DecisionTreeRegressor(max_leaf_nodes=50).fit(X, y).grown_
    whole = subtree(tree, tree.children_left == LEAF)
    assert whole.node_count == tree.node_count
    assert depth(whole) == depth(tree)
    np.testing.assert_array_equal(np.sort(whole.impurity), np.sort(tree.impurity))
    # Depth first: a left child follows its parent.
    inner = np.flatnonzero(whole.children_left != LEAF)
    np.testing.assert_array_equal(whole.children_left[inner], inner + 1)
    assert np.all(parents(whole)[1:] < np.arange(1, whole.node_count))


def test_pruning_is_the_last_step_of_a_fit():
    X, y = load_diabetes(return_X_y=True)
    model = DecisionTreeRegressor(ccp_alpha=20.0).fit(X, y)
    whole = DecisionTreeRegressor().fit(X, y)
    assert 1 < model.get_n_leaves() < whole.get_n_leaves()
    np.testing.assert_array_equal(prune(whole.grown_, 20.0).value, model.grown_.value)
