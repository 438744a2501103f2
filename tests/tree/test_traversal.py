"""Every way of walking down the trees ends in the leaf that the plain walk finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundup.tree._traversal import add_values, leaves, pack
from groundup.tree._tree import LEAF, NO_FEATURE, NUMERIC, SET_WORDS, Tree
from tests.oracles import traversal_naive

SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, 5e-324, -5e-324, 1.7e308, -1.7e308, 2.5, 3.0, 255.0]
)


def random_tree(rng, n_leaves, p, k, thresholds, categorical=()):
    """Split random leaves of a stump until it has `n_leaves`; children come after the parent."""
    left, right, feature = [LEAF], [LEAF], [NO_FEATURE]
    open_leaves = [0]
    while len(open_leaves) < n_leaves:
        node = open_leaves.pop(rng.integers(len(open_leaves)))
        for side in (left, right):
            side[node] = len(left)
            open_leaves.append(len(left))
            left.append(LEAF)
            right.append(LEAF)
            feature.append(NO_FEATURE)
        right[node] = left[node] + 1
        feature[node] = int(rng.integers(p))
        if rng.random() < 0.3:  # siblings in the other order
            left[node], right[node] = right[node], left[node]
    m = len(left)
    is_split = np.array(left) != LEAF
    of_category = is_split & np.isin(feature, categorical)
    category_set = np.where(of_category, np.cumsum(of_category) - 1, NUMERIC).astype(np.int32)
    sets = rng.integers(0, 2**32, (of_category.sum(), SET_WORDS), dtype=np.uint32)
    return Tree(
        children_left=np.array(left, dtype=np.int32),
        children_right=np.array(right, dtype=np.int32),
        feature=np.array(feature, dtype=np.int32),
        threshold=np.where(is_split, rng.choice(thresholds, m), -2.0),
        missing_go_to_left=rng.integers(0, 2, m).astype(np.uint8),
        value=rng.normal(size=(m, k)),
        impurity=np.zeros(m),
        n_node_samples=np.ones(m, dtype=np.int64),
        weighted_n_node_samples=np.ones(m),
        category_set=category_set if len(categorical) else None,
        category_sets=sets if len(categorical) else None,
    )


def random_rows(rng, n, p, values, missing=0.1):
    X = rng.choice(values, (n, p))
    X[rng.random((n, p)) < missing] = np.nan
    X.flags.writeable = False
    return X


def check(trees, X, group=1, threads=(1, 2)):
    packed = pack(trees)
    found = traversal_naive.leaves(trees, X)
    k = trees[0].value.shape[1]
    expected = np.linspace(0, 1, len(X) * k * group).reshape(len(X), k * group)
    out = {n_threads: expected.copy() for n_threads in threads}
    traversal_naive.add_values(trees, X, expected, group)
    for n_threads in threads:
        np.testing.assert_array_equal(leaves(packed, X, n_threads), found)
        add_values(packed, X, out[n_threads], n_threads, group)
        np.testing.assert_array_equal(out[n_threads], expected)  # to the bit


@pytest.mark.parametrize("n_leaves", [1, 2, 3, 31, 32, 33, 64, 65, 300])
@pytest.mark.parametrize("n_thresholds", [1, 20, 1000])
@pytest.mark.parametrize("n", [1, 40])
def test_equals_the_plain_walk(n_leaves, n_thresholds, n):
    rng = np.random.default_rng(n_leaves)
    thresholds = np.append(rng.normal(size=n_thresholds), SPECIAL)
    trees = [random_tree(rng, n_leaves, 5, 2, thresholds, categorical=[3]) for _ in range(7)]
    check(trees, random_rows(rng, n, 5, np.append(thresholds, np.arange(-2, 260))))


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("n_thresholds", [3, 254, 600])
def test_large_trees_with_few_and_many_thresholds(n_thresholds, missing):
    # 254 thresholds of a column fit the codes, 255 do not.
    rng = np.random.default_rng(n_thresholds)
    thresholds = np.unique(rng.normal(size=n_thresholds))
    trees = [random_tree(rng, n_leaves, 2, 3, thresholds) for n_leaves in (900, 1, 700)]
    assert len(pack(trees).coded_thresholds) == (0 if n_thresholds == 600 else 899 + 699)
    values = np.concatenate([thresholds, np.nextafter(thresholds, np.inf), SPECIAL])
    check(trees, random_rows(rng, 900, 2, values, missing))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 70),
    p=st.integers(1, 4),
    k=st.integers(1, 3),
    group=st.integers(1, 3),
    n_trees=st.integers(1, 5),
    n_leaves=st.integers(1, 70),
    n_categorical=st.integers(0, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_special_values(n, p, k, group, n_trees, n_leaves, n_categorical, seed):
    rng = np.random.default_rng(seed)
    finite = np.append(SPECIAL, rng.normal(size=4))
    categorical = list(range(min(n_categorical, p)))
    trees = [
        random_tree(rng, int(rng.integers(1, n_leaves + 1)), p, k, finite, categorical)
        for _ in range(n_trees)
    ]
    values = np.concatenate([SPECIAL, finite, np.nextafter(finite, np.inf), [256.0, 1e300, 7.0]])
    check(trees, random_rows(rng, n, p, values), group)


def test_columns_that_no_tree_asks_about():
    rng = np.random.default_rng(2)
    for n_leaves in (20, 200):
        trees = [random_tree(rng, n_leaves, 3, 1, rng.normal(size=9)) for _ in range(4)]
        check(trees, random_rows(rng, 60, 40, rng.normal(size=9)))


def test_no_rows_and_no_trees():
    rng = np.random.default_rng(0)
    trees = [random_tree(rng, 5, 2, 1, SPECIAL)]
    assert leaves(pack(trees), np.empty((0, 2))).shape == (0, 1)
    add_values(pack(trees), np.empty((0, 2)), np.empty((0, 1)))
    out = np.zeros((30, 1))
    add_values(pack([]), np.zeros((30, 2)), out)
    assert not out.any()
    assert leaves(pack([]), np.zeros((30, 2))).shape == (30, 0)


def test_a_writable_table_is_taken_too():
    rng = np.random.default_rng(1)
    trees = [random_tree(rng, 20, 3, 1, SPECIAL)]
    X = rng.normal(size=(50, 3))
    np.testing.assert_array_equal(leaves(pack(trees), X), traversal_naive.leaves(trees, X))
    assert X.flags.writeable
