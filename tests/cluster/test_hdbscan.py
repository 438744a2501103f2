"""HDBSCAN: agrees with scikit-learn and hdbscan on the same dendrogram, and does what it says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.cluster.hierarchy import is_valid_linkage
from scipy.sparse.csgraph import connected_components
from sklearn import cluster as sklearn_cluster
from sklearn.cluster._hdbscan._tree import tree_to_labels
from sklearn.datasets import load_digits, load_iris, make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score

from groundup.cluster import HDBSCAN
from groundup.cluster._cluster_selection import select_clusters
from groundup.cluster._condensed_tree import condense
from groundup.cluster._dendrogram import merges_from_edges
from groundup.cluster._spanning_tree import mutual_reachability_tree
from tests.oracles.neighbors_naive import distance_matrix
from tests.oracles.spanning_tree_naive import core_distances, mutual_reachability


def blobs(n=600):
    spreads = [0.3, 0.6, 1.0, 1.0, 0.4, 0.8]
    return make_blobs(n, 3, centers=6, cluster_std=spreads, random_state=1)[0]


DATA = {
    "blobs": blobs,
    "moons": lambda: make_moons(500, noise=0.08, random_state=0)[0],
    "iris": lambda: load_iris().data,
    "no clusters": lambda: np.random.default_rng(0).uniform(size=(400, 2)),
}


def assert_same_clusters(labels, expected):
    np.testing.assert_array_equal(labels < 0, expected < 0)
    assert adjusted_rand_score(labels, expected) == 1.0


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("method", ["eom", "leaf"])
@pytest.mark.parametrize("single", [False, True])
def test_equals_scikit_learn_on_the_same_dendrogram(name, method, single):
    # Edges of one length can be merged in any order, so the dendrogram must be the same one.
    X = DATA[name]()
    for size, samples, largest in itertools.product((5, 12, 40), (None, 3), (None, 60)):
        model = HDBSCAN(
            size,
            samples,
            max_cluster_size=largest,
            cluster_selection_method=method,
            allow_single_cluster=single,
        ).fit(X)
        merges = model._single_linkage_tree_
        try:
            labels, probabilities = tree_to_labels(merges, size, method, single, 0.0, largest)
        except KeyError:
            continue  # one cluster below the root: it looks for a label of the root
        assert_same_clusters(model.labels_, labels)
        np.testing.assert_allclose(model.probabilities_, probabilities, rtol=1e-12)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("method", ["eom", "leaf"])
@pytest.mark.parametrize("epsilon", [0.15, 0.5])
def test_equals_hdbscan_above_an_epsilon(name, method, epsilon):
    theirs = pytest.importorskip("hdbscan._hdbscan_tree")
    for size, single in itertools.product((5, 15), (False, True)):
        model = HDBSCAN(
            size,
            cluster_selection_epsilon=epsilon,
            cluster_selection_method=method,
            allow_single_cluster=single,
        ).fit(DATA[name]())
        tree = theirs.condense_tree(model.linkage_, size)
        stability = theirs.compute_stability(tree)
        try:
            found = theirs.get_clusters(tree, stability, method, single, False, epsilon)
        except KeyError:
            continue  # one cluster below the root: it looks for a label of the root
        assert_same_clusters(model.labels_, found[0])
        np.testing.assert_allclose(model.probabilities_, found[1], rtol=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "cosine"])
def test_equals_scikit_learn_where_clusters_are_clear(metric):
    X, truth = make_blobs(300, 3, centers=[[9, 0, 0], [0, 9, 0], [0, 0, 9]], random_state=0)
    ours = HDBSCAN(20, metric=metric).fit(X)
    theirs = sklearn_cluster.HDBSCAN(20, metric=metric, copy=True).fit(X)
    assert adjusted_rand_score(ours.labels_, truth) > 0.9
    assert adjusted_rand_score(ours.labels_, theirs.labels_) > 0.98
    np.testing.assert_allclose(
        ours.linkage_[:, 2], np.sort(theirs._single_linkage_tree_["value"]), rtol=1e-9, atol=1e-15
    )


def test_equals_the_hdbscan_package():
    hdbscan = pytest.importorskip("hdbscan")
    X = make_blobs(2000, 4, centers=8, random_state=3)[0]
    ours = HDBSCAN(25, min_samples=10).fit(X)
    # Its count leaves the row itself out, and by default its tree is not the shortest.
    theirs = hdbscan.HDBSCAN(25, min_samples=9, core_dist_n_jobs=1, approx_min_span_tree=False).fit(
        X
    )
    assert adjusted_rand_score(ours.labels_, theirs.labels_) > 0.99
    np.testing.assert_allclose(
        ours.linkage_[:, 2], theirs.single_linkage_tree_.to_numpy()[:, 2], rtol=1e-9
    )


def condensed(X, min_cluster_size, min_samples=5):
    edges, lengths, _ = mutual_reachability_tree(X, min_samples)
    return condense(merges_from_edges(edges, lengths, len(X)), min_cluster_size)


def antichains(parents, cluster):
    """Yield every set of clusters at or below one of which none lies inside another."""
    yield [cluster]
    below = [antichains(parents, child) for child in np.flatnonzero(parents == cluster)]
    for parts in itertools.product(*below):
        yield [c for part in parts for c in part]


@pytest.mark.parametrize("seed", range(4))
def test_excess_of_mass_is_the_greatest_there_is(seed):
    X = np.random.default_rng(seed).normal(size=(120, 2))
    tree = condensed(X, 6, 4)
    stabilities = tree.stabilities()
    assert 3 <= len(tree.parents) <= 25
    best = max(sum(stabilities[c] for c in chosen) for chosen in antichains(tree.parents, 0))
    taken = select_clusters(tree, allow_single_cluster=True)
    assert stabilities[taken].sum() == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("name", DATA)
def test_condensed_tree_accounts_for_every_row(name):
    X = DATA[name]()
    tree = condensed(X, 10)
    n = len(X)
    assert tree.sizes[0] == n
    held = np.bincount(tree.row_clusters, minlength=len(tree.sizes))
    for c in range(len(tree.sizes) - 1, -1, -1):
        children = np.flatnonzero(tree.parents == c)
        assert len(children) in (0, 2)
        assert (children > c).all()
        assert (tree.births[children] >= tree.births[c]).all()
        held[c] += held[children].sum()
        assert held[c] == tree.sizes[c] >= 10
        # sum over rows of (lambda_i - birth): each row's own, or that of the split it went with
        inside = tree.row_lambdas[tree.row_clusters == c] - tree.births[c]
        split = ((tree.births[children] - tree.births[c]) * tree.sizes[children]).sum()
        assert tree.stabilities()[c] == pytest.approx(inside.sum() + split, rel=1e-9)
    assert (tree.row_lambdas >= tree.births[tree.row_clusters]).all()
    table = tree.entries()
    assert sorted(table["child"]) == sorted([*range(n), *range(n + 1, n + len(tree.sizes))])


@pytest.mark.parametrize("distance", [0.05, 0.12, 0.3, 2.0])
def test_a_cut_is_dbscan_without_border_rows(distance):
    X = DATA["moons"]()
    model = HDBSCAN(min_samples=6).fit(X)
    D = distance_matrix(X, X)
    reach = mutual_reachability(D, core_distances(D, 6))
    _, components = connected_components(reach < distance, directed=False)
    large = np.bincount(components)[components] >= 8
    labels = model.dbscan_clustering(distance, min_cluster_size=8)
    assert_same_clusters(labels, np.where(large, components, -1))
    seen = labels[labels >= 0]
    first = [np.flatnonzero(seen == c)[0] for c in range(seen.max(initial=-1) + 1)]
    assert first == sorted(first)


@settings(max_examples=60, deadline=None)
@given(
    X=arrays(np.float64, st.tuples(st.integers(4, 40), st.just(2)), elements=st.integers(0, 5)),
    size=st.integers(2, 6),
    samples=st.integers(1, 4),
    single=st.booleans(),
)
def test_duplicates(X, size, samples, single):
    model = HDBSCAN(size, samples, allow_single_cluster=single)
    if size > len(X):
        return
    model.fit(X)
    expected = tree_to_labels(model._single_linkage_tree_, size, "eom", single, 0.0, None)
    assert_same_clusters(model.labels_, expected[0])
    np.testing.assert_allclose(model.probabilities_, expected[1], rtol=1e-12)
    assert is_valid_linkage(model.linkage_)


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree", "ball_tree"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_answer_does_not_depend_on_the_way(algorithm, n_jobs):
    X = blobs(3000)
    expected = HDBSCAN(15).fit(X)
    model = HDBSCAN(15, algorithm=algorithm, n_jobs=n_jobs, leaf_size=12).fit(X)
    for name in ("labels_", "probabilities_", "core_distances_", "linkage_", "condensed_tree_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(expected, name))


def test_precomputed_distances():
    X = blobs()
    D = distance_matrix(X, X)
    before = D.copy()
    ours, theirs = HDBSCAN(metric="precomputed").fit(D), HDBSCAN().fit(X)
    np.testing.assert_array_equal(D, before)
    np.testing.assert_allclose(ours.linkage_[:, 2], theirs.linkage_[:, 2], rtol=1e-12)
    assert adjusted_rand_score(ours.labels_, theirs.labels_) > 0.99


def test_digits_are_found():
    X, y = load_digits(return_X_y=True)
    ours, theirs = HDBSCAN(20).fit(X), sklearn_cluster.HDBSCAN(20, copy=True).fit(X)
    assert abs(adjusted_rand_score(ours.labels_, y) - adjusted_rand_score(theirs.labels_, y)) < 0.02


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_centres(metric):
    X = blobs()
    ours = HDBSCAN(20, metric=metric, store_centers="both").fit(X)
    for c in range(ours.labels_.max() + 1):
        inside, weights = X[ours.labels_ == c], ours.probabilities_[ours.labels_ == c]
        mean = (inside * weights[:, None]).sum(axis=0) / weights.sum()
        np.testing.assert_allclose(ours.centroids_[c], mean)
        sums = distance_matrix(inside, inside, metric) @ weights
        np.testing.assert_array_equal(ours.medoids_[c], inside[sums.argmin()])
    none = HDBSCAN(20, store_centers="both").fit(np.ones((30, 2)))
    assert none.centroids_.shape == none.medoids_.shape == (0, 2)


def test_rows_that_are_not_finite():
    X = blobs()
    clean = HDBSCAN().fit(X)
    places = [0, 100, 250, 603]
    Z = np.insert(X, [0, 99, 248, 600], 0.0, axis=0)
    Z[places, 0] = [np.nan, np.inf, -np.inf, np.inf]
    Z[603, 1] = np.nan
    model = HDBSCAN().fit(Z)
    np.testing.assert_array_equal(model.labels_[places], [-3, -2, -2, -3])
    np.testing.assert_array_equal(model.probabilities_[places], [np.nan, 0.0, 0.0, np.nan])
    rest = np.setdiff1d(np.arange(len(Z)), places)
    np.testing.assert_array_equal(model.labels_[rest], clean.labels_)
    np.testing.assert_array_equal(model.probabilities_[rest], clean.probabilities_)
    np.testing.assert_array_equal(model.core_distances_[rest], clean.core_distances_)
    assert is_valid_linkage(model.linkage_)
    assert np.isinf(model.linkage_[-4:, 2]).all()
    np.testing.assert_array_equal(model.dbscan_clustering(0.5)[rest], clean.dbscan_clustering(0.5))
    np.testing.assert_array_equal(model.dbscan_clustering(0.5)[places], [-3, -2, -2, -3])
    assert set(model.condensed_tree_["child"]) >= set(rest)
    assert model.condensed_tree_["parent"].min() == len(Z)


def test_rows_that_are_all_the_same():
    X = np.full((30, 2), 3.0)
    np.testing.assert_array_equal(HDBSCAN().fit(X).labels_, np.full(30, -1))
    alone = HDBSCAN(allow_single_cluster=True).fit(X)
    np.testing.assert_array_equal(alone.labels_, np.zeros(30))
    np.testing.assert_array_equal(alone.probabilities_, np.ones(30))


def test_a_constant_column_changes_nothing():
    X = blobs()
    with_constant = HDBSCAN().fit(np.column_stack([X, np.full(len(X), 7.0)]))
    np.testing.assert_array_equal(with_constant.labels_, HDBSCAN().fit(X).labels_)


def test_centres_of_an_earlier_fit_are_dropped():
    X = blobs(100)
    model = HDBSCAN(store_centers="both").fit(X)
    model.set_params(store_centers="medoid").fit(X)
    assert hasattr(model, "medoids_")
    assert not hasattr(model, "centroids_")
    with pytest.raises(ValueError, match="min_samples"):  # a refused fit leaves all as it was
        model.set_params(min_samples=101, store_centers=None).fit(X)
    assert hasattr(model, "medoids_")
    model.set_params(min_samples=None).fit(X)
    assert not hasattr(model, "medoids_")


D8 = np.abs(np.subtract.outer(np.arange(8.0), np.arange(8.0)))
BENT, HOLED = D8.copy(), D8.copy()
BENT[0, 1] = 9.0
HOLED[0, 1] = HOLED[1, 0] = np.nan


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({}, [[1.0, 2.0]], "n_samples=1.*more than one"),
        ({}, np.eye(3), r"min_samples \(5\) must be at most the number of samples in X \(3\)"),
        ({"min_samples": 9}, np.eye(7), r"min_samples \(9\)"),
        ({}, np.full((6, 2), np.nan), "n_samples=0 whose values are all finite, out of 6"),
        ({"metric": "hamming"}, np.eye(7), "'metric' parameter.*'manhattan'"),
        ({"metric": "minkowski", "metric_params": {"p": 0.5}}, np.eye(7), "p >= 1"),
        ({"metric_params": {"V": 1}}, np.eye(7), "metric_params"),
        ({"min_cluster_size": 1}, np.eye(7), "min_cluster_size"),
        ({"metric": "precomputed"}, np.ones((8, 2)), r"shape \(8, 2\)"),
        ({"metric": "precomputed"}, BENT, "symmetric"),
        ({"metric": "cosine"}, D8 * (D8[0] != 3)[:, None], "Row 3 of X has nothing but zeros"),
        ({"metric": "precomputed"}, HOLED, "NaN"),
        ({"metric": "precomputed"}, -np.ones((8, 8)), "must not be negative; the least is -1"),
        ({"metric": "precomputed"}, np.exp(-D8), "Row 0 .* is 1 away from itself.*give 1 - S"),
        ({"metric": "precomputed"}, D8 + np.diag([0, 0, np.inf, 0, 0, 0, 0, 0]), "Row 2 .* is inf"),
        ({"metric": "precomputed", "store_centers": "both"}, D8, "store_centers"),
        ({"metric": "precomputed", "algorithm": "kd_tree"}, D8, "algorithm"),
    ],
)
def test_what_cannot_be_clustered_is_refused(parameters, X, message):
    with pytest.raises(ValueError, match=message):
        HDBSCAN(**parameters).fit(X)


def test_a_size_that_no_cluster_can_have_is_warned_of():
    with pytest.warns(UserWarning, match="min_cluster_size=50 is more than the 12 rows"):
        model = HDBSCAN(50, min_samples=3).fit(np.random.default_rng(0).normal(size=(12, 2)))
    assert (model.labels_ == -1).all()


def test_rows_that_nothing_joins_are_warned_of():
    D = np.full((8, 8), np.inf)
    D[:4, :4] = D[4:, 4:] = D8[:4, :4]
    with pytest.warns(UserWarning, match="infinite length"):
        model = HDBSCAN(3, metric="precomputed").fit(D)
    np.testing.assert_array_equal(model.labels_ == model.labels_[0], np.arange(8) < 4)
    assert (model.labels_ >= 0).all()
