"""Every search gives the answer of sorting all distances, whatever the data and the metric."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from sklearn import neighbors as sklearn_neighbors

from groundup.neighbors import NearestNeighbors
from groundup.neighbors._kd_tree import grow
from tests.oracles.neighbors_naive import nearest, within

ALGORITHMS = ("brute", "kd_tree")
METRICS = [
    {"metric": "euclidean"},
    {"metric": "manhattan"},
    {"metric": "chebyshev"},
    {"metric": "minkowski", "p": 3.0},
]


def random_rows(seed, n, m, d):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric["metric"])
@pytest.mark.parametrize("seed", range(3))
def test_equals_sorting_all_distances(algorithm, metric, seed):
    X, Q = random_rows(seed, n=700, m=60, d=4)
    model = NearestNeighbors(n_neighbors=6, algorithm=algorithm, leaf_size=10, **metric).fit(X)
    distances, rows = model.kneighbors(Q)
    expected, expected_rows = nearest(X, Q, 6, **metric)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected, rtol=1e-13)


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(1, 90),
    d=st.integers(1, 5),
    side=st.integers(1, 4),
    k=st.integers(1, 90),
    leaf_size=st.integers(1, 40),
    kind=st.sampled_from(["euclidean", "manhattan", "chebyshev"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_ties_on_a_grid_go_to_the_lowest_index(n, d, side, k, leaf_size, kind, seed):
    # Few integer values: most distances are shared by many rows, and exact in double precision.
    rng = np.random.default_rng(seed)
    X = rng.integers(0, side, size=(n, d)).astype(float)
    Q = rng.integers(-1, side + 1, size=(12, d)).astype(float)
    k = min(k, n)
    expected, expected_rows = nearest(X, Q, k, metric=kind)
    for algorithm in ALGORITHMS:
        model = NearestNeighbors(
            n_neighbors=k, algorithm=algorithm, leaf_size=leaf_size, metric=kind
        ).fit(X)
        distances, rows = model.kneighbors(Q)
        np.testing.assert_array_equal(rows, expected_rows)
        np.testing.assert_allclose(distances, expected, rtol=1e-15)


@pytest.mark.parametrize("k", [1, 5, 32, 33, 200])
def test_many_ties_over_several_panels(k):
    # 2,600 rows with 81 different ones: every answer is decided by the row numbers.
    rng = np.random.default_rng(k)
    X = rng.integers(0, 3, size=(2600, 4)).astype(float)
    Q = rng.integers(0, 3, size=(40, 4)).astype(float)
    for algorithm in ALGORITHMS:
        rows = NearestNeighbors(algorithm=algorithm).fit(X).kneighbors(Q, k, return_distance=False)
        np.testing.assert_array_equal(rows, nearest(X, Q, k)[1])


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e9])
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_brute_force_is_exact_far_from_the_origin(offset, scale):
    # ||x||^2 - 2 x.q + ||q||^2 loses every digit here.
    rng = np.random.default_rng(3)
    X = (offset + rng.normal(size=(3000, 12))) * scale
    Q = (offset + rng.normal(size=(50, 12))) * scale
    distances, rows = NearestNeighbors(algorithm="brute").fit(X).kneighbors(Q)
    expected, expected_rows = nearest(X, Q, 5)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected, rtol=1e-13)


def test_brute_force_is_exact_between_far_clusters_and_outliers():
    # Single precision cannot tell the rows of one cluster apart: all of them reach the second look.
    rng = np.random.default_rng(4)
    X = rng.normal(size=(2000, 6))
    X[::2] += 1e7
    X[7] = 1e200
    Q = np.vstack([X[:20] + 1e-3, np.full((1, 6), 1e30), np.full((1, 6), -1e120), X[7:8]])
    distances, rows = NearestNeighbors(algorithm="brute").fit(X).kneighbors(Q)
    with np.errstate(over="ignore"):
        expected, expected_rows = nearest(X, Q, 5)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected, rtol=1e-13)


def test_near_ties_are_decided_in_double_precision():
    # Distances that differ by 1e-12: below what the single precision scores resolve.
    rng = np.random.default_rng(5)
    directions = rng.normal(size=(1500, 8))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    X = directions * (1.0 + 1e-12 * rng.permutation(1500))[:, None]
    Q = np.zeros((1, 8))
    rows = NearestNeighbors(algorithm="brute").fit(X).kneighbors(Q, 10, return_distance=False)
    np.testing.assert_array_equal(rows, nearest(X, Q, 10)[1])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_rows_in_any_order_give_the_same_distances(algorithm):
    X, Q = random_rows(6, n=1500, m=30, d=3)
    X = X[np.argsort(-X[:, 0])]
    distances, rows = NearestNeighbors(algorithm=algorithm).fit(X).kneighbors(Q)
    again, reversed_rows = NearestNeighbors(algorithm=algorithm).fit(X[::-1]).kneighbors(Q)
    np.testing.assert_allclose(distances, again, rtol=1e-13)
    np.testing.assert_array_equal(rows, 1499 - reversed_rows)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_rows_are_not_their_own_neighbours(algorithm):
    rng = np.random.default_rng(7)
    X = rng.integers(0, 4, size=(300, 2)).astype(float)  # with duplicates
    distances, rows = NearestNeighbors(algorithm=algorithm).fit(X).kneighbors()
    expected, expected_rows = nearest(X, X, 5, leave_out_self=True)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected)
    assert not (rows == np.arange(300)[:, None]).any()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric["metric"])
def test_radius_equals_comparing_all_distances(algorithm, metric):
    X, Q = random_rows(8, n=400, m=25, d=3)
    model = NearestNeighbors(radius=0.6, algorithm=algorithm, leaf_size=7, **metric).fit(X)
    found = model.radius_neighbors(Q, return_distance=False)
    for rows, expected in zip(found, within(X, Q, 0.6, **metric), strict=True):
        np.testing.assert_array_equal(rows, expected)
    distances, rows = model.radius_neighbors(Q, sort_results=True)
    reference = sklearn_neighbors.NearestNeighbors(radius=0.6, **metric).fit(X)
    for ours, theirs in zip(
        distances, reference.radius_neighbors(Q, sort_results=True)[0], strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_radius_includes_its_border_and_may_find_nothing():
    model = NearestNeighbors(radius=1.0).fit([[0.0], [1.0], [2.0]])
    found = model.radius_neighbors([[0.0], [50.0]], return_distance=False)
    assert [list(rows) for rows in found] == [[0, 1], []]
    assert [list(rows) for rows in model.radius_neighbors(return_distance=False)] == [
        [1],
        [0, 2],
        [1],
    ]


@pytest.mark.parametrize("mode", ["connectivity", "distance"])
def test_graphs_equal_scikit_learn(mode):
    X, _ = random_rows(9, n=120, m=1, d=2)
    ours = NearestNeighbors(n_neighbors=4, radius=0.3).fit(X)
    theirs = sklearn_neighbors.NearestNeighbors(n_neighbors=4, radius=0.3).fit(X)
    for graph, expected in (
        (ours.kneighbors_graph(mode=mode), theirs.kneighbors_graph(mode=mode)),
        (ours.kneighbors_graph(X, mode=mode), theirs.kneighbors_graph(X, mode=mode)),
        (ours.radius_neighbors_graph(X, mode=mode), theirs.radius_neighbors_graph(X, mode=mode)),
    ):
        np.testing.assert_allclose(graph.toarray(), expected.toarray(), rtol=1e-12)


def test_cosine_equals_scikit_learn_and_takes_zero_rows():
    X, Q = random_rows(10, n=300, m=20, d=5)
    X[3] = Q[4] = 0.0
    ours = NearestNeighbors(n_neighbors=300, metric="cosine").fit(X)
    theirs = sklearn_neighbors.NearestNeighbors(n_neighbors=300, metric="cosine").fit(X)
    distances, rows = ours.kneighbors(Q)
    expected, _ = theirs.kneighbors(Q)
    np.testing.assert_allclose(distances, expected, atol=1e-14)
    assert rows.shape == (20, 300)


def test_weighted_minkowski_and_small_powers_equal_the_definition():
    X, Q = random_rows(11, n=200, m=20, d=3)
    w = np.array([0.5, 2.0, 0.0])
    for p in (0.5, 1.0, 2.0, 3.0):
        model = NearestNeighbors(algorithm="brute", p=p, metric_params={"w": w}).fit(X)
        distances, rows = model.kneighbors(Q)
        expected, expected_rows = nearest(X, Q, 5, metric="minkowski", p=p, w=w)
        np.testing.assert_array_equal(rows, expected_rows)
        np.testing.assert_allclose(distances, expected, rtol=1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_same_bits_for_one_and_two_threads(algorithm):
    X, Q = random_rows(12, n=4000, m=700, d=5)
    one = NearestNeighbors(algorithm=algorithm, n_jobs=1).fit(X).kneighbors(Q)
    two = NearestNeighbors(algorithm=algorithm, n_jobs=2).fit(X).kneighbors(Q)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_every_level_of_the_tree_is_a_tree():
    X, _ = random_rows(13, n=500, m=1, d=3)
    depths = []
    for tree in grow(np.ascontiguousarray(X), leaf_size=20):
        depths.append(tree.depth)
        np.testing.assert_array_equal(np.sort(tree.rows), np.arange(500))
        np.testing.assert_array_equal(tree.points[:, :500].T, X[tree.rows])
        first = 2**tree.depth - 1
        leaves = range(first, 2 * first + 1)
        assert sum(tree.stops[leaf] - tree.starts[leaf] for leaf in leaves) == 500
        for leaf in leaves:
            inside = tree.points[:, tree.starts[leaf] : tree.stops[leaf]]  # (d, size)
            np.testing.assert_array_equal(tree.boxes[leaf, 0], inside.min(axis=1))
            np.testing.assert_array_equal(tree.boxes[leaf, 1], inside.max(axis=1))
    assert depths == list(range(6))
    assert max(tree.stops[leaf] - tree.starts[leaf] for leaf in leaves) <= 20


def test_large_tree_agrees_with_scipy():
    X, Q = random_rows(14, n=20_000, m=2000, d=2)
    distances, rows = NearestNeighbors(algorithm="kd_tree").fit(X).kneighbors(Q)
    expected, expected_rows = cKDTree(X).query(Q, 5)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected, rtol=1e-13)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("X", "k"),
    [
        (np.zeros((1, 1)), 1),
        (np.full((40, 3), 2.5), 7),
        (np.zeros((1, 500)), 1),
        (np.arange(12.0).reshape(12, 1), 12),
        (np.random.default_rng(15).normal(size=(60, 500)), 60),
    ],
    ids=["one row", "all equal", "one wide row", "k = n", "500 features, k = n"],
)
def test_edges(algorithm, X, k):
    distances, rows = NearestNeighbors(n_neighbors=k, algorithm=algorithm).fit(X).kneighbors(X)
    expected, expected_rows = nearest(X, X, k)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)


def test_a_later_change_of_the_data_does_not_change_answers():
    X, Q = random_rows(16, n=100, m=5, d=2)
    model = NearestNeighbors().fit(X)
    before = model.kneighbors(Q, return_distance=False)
    X[:] = 0.0
    np.testing.assert_array_equal(model.kneighbors(Q, return_distance=False), before)
