"""One minimum spanning tree, whoever finds it: Prim, Boruvka, Kruskal or SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from sklearn.datasets import load_iris, make_blobs

from groundup.cluster._spanning_tree import (
    mutual_reachability_tree,
    spanning_tree,
    tree_of_distances,
)
from groundup.neighbors._metrics import choose_metric
from tests.oracles.neighbors_naive import distance_matrix
from tests.oracles.spanning_tree_naive import core_distances, mutual_reachability, tree

ALGORITHMS = ("prim", "boruvka")
each_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def rows(seed, n, d):
    return np.random.default_rng(seed).normal(size=(n, d))


def assert_joins_all_rows(edges, n):
    assert edges.shape == (n - 1, 2)
    graph = np.zeros((n, n))
    graph[edges[:, 0], edges[:, 1]] = 1.0
    assert connected_components(graph, directed=False)[0] == 1


@each_algorithm
@pytest.mark.parametrize("min_samples", [1, 2, 5, 30])
@pytest.mark.parametrize("alpha", [1.0, 1.3])
def test_equals_kruskal(algorithm, min_samples, alpha):
    X = rows(min_samples, n=300, d=3)
    edges, lengths, core = mutual_reachability_tree(
        X, min_samples, alpha=alpha, algorithm=algorithm, leaf_size=10
    )
    expected, expected_lengths, expected_core = tree(X, min_samples, alpha)
    np.testing.assert_array_equal(edges, expected)
    np.testing.assert_allclose(lengths, expected_lengths, rtol=1e-12)
    np.testing.assert_allclose(core, expected_core, rtol=1e-12)


@each_algorithm
@pytest.mark.parametrize(
    ("name", "params"),
    [("manhattan", {}), ("chebyshev", {}), ("minkowski", {"p": 3.0})],
)
def test_equals_kruskal_in_other_metrics(algorithm, name, params):
    X = rows(1, n=200, d=3)
    metric = choose_metric(name, 2.0, params, 3)
    edges, lengths, core = mutual_reachability_tree(X, 4, metric=metric, algorithm=algorithm)
    expected, expected_lengths, expected_core = tree(X, 4, metric=name, **params)
    np.testing.assert_array_equal(edges, expected)
    np.testing.assert_allclose(lengths, expected_lengths, rtol=1e-12)
    np.testing.assert_allclose(core, expected_core, rtol=1e-12)


@each_algorithm
@settings(max_examples=60, deadline=None)
@given(
    X=st.integers(1, 2).flatmap(
        lambda d: arrays(
            np.float64, st.tuples(st.integers(3, 60), st.just(d)), elements=st.integers(0, 4)
        )
    ),
    min_samples=st.integers(1, 3),
)
def test_ties_and_duplicates_have_one_tree(algorithm, X, min_samples):
    edges, lengths, core = mutual_reachability_tree(
        X, min_samples, algorithm=algorithm, leaf_size=2
    )
    expected, expected_lengths, expected_core = tree(X, min_samples)
    np.testing.assert_array_equal(edges, expected)
    np.testing.assert_allclose(lengths, expected_lengths, rtol=1e-14)
    np.testing.assert_allclose(core, expected_core, rtol=1e-14)


@pytest.mark.parametrize("d", [2, 4, 20])
@pytest.mark.parametrize("min_samples", [1, 6])
def test_as_short_as_scipys(d, min_samples):
    X = make_blobs(900, d, centers=5, random_state=d)[0]
    D = distance_matrix(X, X)
    core = core_distances(D, min_samples)
    reach = mutual_reachability(D, core)
    edges, lengths, own_core = mutual_reachability_tree(X, min_samples)
    assert_joins_all_rows(edges, len(X))
    assert lengths.sum() == pytest.approx(minimum_spanning_tree(reach).sum(), rel=1e-12)
    np.testing.assert_allclose(lengths, reach[edges[:, 0], edges[:, 1]], rtol=1e-12)
    np.testing.assert_allclose(own_core, core, rtol=1e-10, atol=1e-14)
    assert (np.diff(lengths) >= 0).all()
    assert (edges[:, 0] < edges[:, 1]).all()


def test_core_distances_can_be_given():
    X = rows(0, 500, 2)
    core = np.random.default_rng(1).uniform(0.0, 0.5, 500)
    one, two = (spanning_tree(X, core, algorithm=algorithm) for algorithm in ALGORITHMS)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    reach = mutual_reachability(distance_matrix(X, X), core)
    assert one[1].sum() == pytest.approx(minimum_spanning_tree(reach).sum(), rel=1e-12)


def test_a_matrix_of_distances():
    X = load_iris().data
    D = distance_matrix(X, X)
    edges, lengths, core = tree_of_distances(D, 5)
    expected = mutual_reachability_tree(X, 5)
    np.testing.assert_allclose(lengths, expected[1], rtol=1e-12)
    np.testing.assert_allclose(core, expected[2], rtol=1e-12)
    assert_joins_all_rows(edges, len(X))
    np.testing.assert_allclose(tree_of_distances(D, 5, alpha=2.0)[1], lengths / 2.0)


@pytest.mark.parametrize("min_samples", [1, 10])
def test_boruvka_equals_prim_on_many_rows_and_any_number_of_threads(min_samples):
    spreads = [0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0]
    X = make_blobs(6000, 3, centers=8, cluster_std=spreads, random_state=0)[0]
    X[1000:1500] = X[:500]
    expected = mutual_reachability_tree(X, min_samples, algorithm="prim")
    for n_threads in (1, 2):
        found = mutual_reachability_tree(X, min_samples, n_threads, algorithm="boruvka")
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@each_algorithm
def test_rows_that_are_all_the_same(algorithm):
    edges, lengths = spanning_tree(np.ones((50, 2)), algorithm=algorithm)
    np.testing.assert_array_equal(edges, [(0, i) for i in range(1, 50)])
    assert (lengths == 0.0).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_rows(n):
    X = np.arange(n, dtype=float)[:, None] ** 2
    edges, lengths = spanning_tree(X)
    np.testing.assert_array_equal(edges, [(i, i + 1) for i in range(n - 1)] or np.empty((0, 2)))
    np.testing.assert_array_equal(lengths, [1.0, 3.0][: n - 1])


@each_algorithm
@pytest.mark.parametrize("exponent", [-660, 600])
def test_very_small_and_very_large_values(algorithm, exponent):
    X = rows(3, 200, 2)
    edges, lengths, core = mutual_reachability_tree(X, 3, algorithm=algorithm)
    scaled = mutual_reachability_tree(X * 2.0**exponent, 3, algorithm=algorithm)
    np.testing.assert_array_equal(scaled[0], edges)
    np.testing.assert_array_equal(scaled[1], lengths * 2.0**exponent)
    np.testing.assert_array_equal(scaled[2], core * 2.0**exponent)


def test_zero_rows_have_a_place_among_cosine_distances():
    X = rows(4, 500, 3)
    X[7] = 0.0
    metric = choose_metric("cosine", 2.0, None, 3)
    one, two = (
        mutual_reachability_tree(X, 3, metric=metric, algorithm=algorithm)
        for algorithm in ALGORITHMS
    )
    np.testing.assert_array_equal(one[0], two[0])
    assert one[1][-1] == pytest.approx(1.0)
