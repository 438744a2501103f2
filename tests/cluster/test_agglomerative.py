"""Agglomerative clustering: against the textbook, SciPy, fastcluster and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.cluster
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracles.agglomeration_naive import agglomerate as textbook
from oracles.agglomeration_naive import cluster_distance, rows_of_nodes
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import load_digits, load_iris, load_wine, make_blobs
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from threadpoolctl import threadpool_limits

from groundup.cluster import AgglomerativeClustering
from groundup.cluster._agglomerative import agglomerate
from groundup.cluster._centroid_tree import FEW
from groundup.cluster._dendrogram import (
    cut,
    cuts,
    linkage_table,
    merges_by_height,
    merges_from_edges,
)
from groundup.cluster._equal_rows import merge_equal_rows
from groundup.cluster._ward import MANY, ward_merges

LINKAGES = ("ward", "average", "complete", "single")
each_linkage = pytest.mark.parametrize("linkage", LINKAGES)


def normal(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def assert_sound(Z, n):
    """Assert that this is a dendrogram of n rows, by height, in SciPy's format."""
    assert hierarchy.is_valid_linkage(Z)
    assert hierarchy.is_monotonic(Z)
    children = Z[:, :2].astype(int)
    assert (children[:, 0] < children[:, 1]).all()
    assert (children < n + np.arange(n - 1)[:, None]).all()  # made before it is merged
    assert sorted(children.ravel()) == list(range(2 * n - 2))  # every node but the last, once
    nodes = rows_of_nodes(children, n)
    assert [len(rows) for rows in nodes[n:]] == list(Z[:, 3])
    assert len(nodes[-1]) == n


def assert_heights_are_true(X, Z, linkage, D=None):
    """Assert that every height is the distance of the two clusters that were merged there."""
    n = len(Z) + 1
    D = squareform(pdist(X)) if D is None else D
    nodes = [sorted(rows) for rows in rows_of_nodes(Z[:, :2].astype(int), n)]
    scale = max(D.max(), 1e-300)
    for a, b, height, _ in Z:
        true = cluster_distance(X, D, nodes[int(a)], nodes[int(b)], linkage)
        assert height == pytest.approx(true, rel=1e-9, abs=1e-12 * scale)


@each_linkage
@pytest.mark.parametrize("n", [2, 3, 4, 17, 40])
def test_merges_are_those_of_the_textbook(linkage, n):
    X = normal(n, 3, seed=n)
    merges, heights = textbook(X, linkage)
    model = AgglomerativeClustering(n_clusters=1, linkage=linkage).fit(X)
    nodes = rows_of_nodes(model.children_, n)
    assert [{nodes[a], nodes[b]} for a, b in model.children_] == merges
    np.testing.assert_allclose(model.distances_, heights, rtol=1e-12)


@each_linkage
@pytest.mark.parametrize(("n", "d"), [(150, 4), (700, 1), (FEW + 300, 12), (FEW + 1500, 3)])
def test_table_is_that_of_scipy(linkage, n, d):
    X = normal(n, d)
    model = AgglomerativeClustering(linkage=linkage).fit(X)
    expected = hierarchy.linkage(X, linkage)
    assert_sound(model.linkage_, n)
    np.testing.assert_array_equal(model.linkage_[:, [0, 1, 3]], expected[:, [0, 1, 3]])
    np.testing.assert_allclose(model.linkage_[:, 2], expected[:, 2], rtol=1e-10)


@each_linkage
@pytest.mark.parametrize("n_clusters", [1, 2, 7, 60])
def test_labels_are_numbered_as_those_of_scikit_learn(linkage, n_clusters):
    X = normal(300, 4)
    ours = AgglomerativeClustering(n_clusters, linkage=linkage).fit_predict(X)
    theirs = sklearn.cluster.AgglomerativeClustering(n_clusters, linkage=linkage).fit_predict(X)
    assert adjusted_rand_score(ours, theirs) == 1.0
    if linkage != "single":  # which of two nodes comes first, is Prim's affair there
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("linkage", ["ward", "average", "complete"])
@pytest.mark.parametrize("load", [load_iris, load_wine], ids=["iris", "wine"])
def test_real_tables_with_ties_get_the_labels_of_scikit_learn(linkage, load):
    X = load().data
    for n_clusters in (2, 3, 8):
        ours = AgglomerativeClustering(n_clusters, linkage=linkage).fit_predict(X)
        peer = sklearn.cluster.AgglomerativeClustering(n_clusters, linkage=linkage)
        np.testing.assert_array_equal(ours, peer.fit_predict(X))


@each_linkage
def test_fitted_attributes_are_those_of_scikit_learn(linkage):
    X = normal(60, 4)
    ours = AgglomerativeClustering(3, linkage=linkage).fit(X)
    theirs = sklearn.cluster.AgglomerativeClustering(3, linkage=linkage, compute_distances=True)
    theirs.fit(X)
    np.testing.assert_array_equal(ours.children_, np.sort(theirs.children_, axis=1))
    np.testing.assert_allclose(ours.distances_, theirs.distances_, rtol=1e-12)
    for name in ("n_leaves_", "n_clusters_", "n_connected_components_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name


@each_linkage
def test_agrees_with_fastcluster(linkage):
    fastcluster = pytest.importorskip("fastcluster")
    X = normal(1500, 5, seed=3)
    expected = fastcluster.linkage(X, linkage)
    table = linkage_table(agglomerate(X, linkage, "euclidean"))
    np.testing.assert_allclose(table[:, 2:], expected[:, 2:], rtol=1e-9)


@pytest.mark.parametrize(("n", "d"), [(MANY + 2000, 2), (MANY + 1000, 9), (2 * MANY + 500, 5)])
@pytest.mark.parametrize("blobs", [False, True])
def test_ward_in_rounds_agrees_with_scipy(n, d, blobs):
    X = make_blobs(n, d, centers=15, random_state=0)[0] if blobs else normal(n, d)
    table = linkage_table(ward_merges(X))
    expected = hierarchy.ward(X)
    np.testing.assert_array_equal(table[:, [0, 1, 3]], expected[:, [0, 1, 3]])
    np.testing.assert_allclose(table[:, 2], expected[:, 2], rtol=1e-9)


def test_ward_in_rounds_has_the_same_bits_on_two_threads():
    X = normal(2 * MANY, 6)
    for one, two in zip(ward_merges(X, 1), ward_merges(X, 2), strict=True):
        np.testing.assert_array_equal(one, two)


def test_ward_heights_add_up_to_the_sum_of_squares():
    # Every merger raises it by half of its squared height; in the end it is that of all rows.
    X = normal(3000, 7)
    heights = ward_merges(X).distances
    assert (heights**2).sum() / 2 == pytest.approx(((X - X.mean(axis=0)) ** 2).sum())


def test_ward_sees_small_distances_far_from_the_origin():
    X = normal(500, 3)
    near = AgglomerativeClustering(5).fit(X)
    far = AgglomerativeClustering(5).fit(X + 1e6)
    np.testing.assert_allclose(far.distances_, near.distances_, rtol=1e-7)


def three_blobs(n=300):
    y = np.random.default_rng(0).integers(3, size=n)
    return np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])[y] + 0.1 * normal(n, 2), y


@pytest.mark.parametrize("outlier", [1e12, 1e17, -1e100])
@pytest.mark.parametrize("place", [0, 5, 299])
def test_ward_sees_small_distances_beside_an_outlier_in_any_row(outlier, place):
    X, y = three_blobs()
    X[place] = outlier
    labels = AgglomerativeClustering(4).fit_predict(X)
    others = np.arange(300) != place
    assert adjusted_rand_score(y[others], labels[others]) == 1.0
    assert (labels == labels[place]).sum() == 1


def test_ward_of_rows_in_another_order_merges_the_same():
    X = np.vstack([[[1e15, -1e15]], three_blobs()[0]])
    order = np.random.default_rng(1).permutation(len(X))
    one, other = (AgglomerativeClustering(4).fit(rows) for rows in (X, X[order]))
    np.testing.assert_allclose(other.distances_, one.distances_, rtol=1e-12)
    assert adjusted_rand_score(other.labels_, one.labels_[order]) == 1.0


@each_linkage
@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-550, 2.0**400])
def test_tiny_and_huge_values_are_merged_as_others_are(linkage, scale):
    X = np.round(three_blobs()[0] * 2.0**20)  # whole numbers stay what they are, below 1e-300, too
    plain = AgglomerativeClustering(3, linkage=linkage).fit(X)
    scaled = AgglomerativeClustering(3, linkage=linkage).fit(X * scale)
    np.testing.assert_array_equal(scaled.labels_, plain.labels_)
    np.testing.assert_array_equal(scaled.children_, plain.children_)
    np.testing.assert_allclose(scaled.distances_ / scale, plain.distances_, rtol=1e-9)


@pytest.mark.parametrize("metric", ["l1", "sqeuclidean", "cosine", "canberra", "chebyshev"])
def test_tiny_values_in_other_metrics(metric):
    X = np.abs(normal(40, 3)) + 0.1
    tiny = X * 2.0**-300 * (1.0 if metric == "sqeuclidean" else 2.0**-400)
    degree = {"sqeuclidean": 2, "cosine": 0, "canberra": 0}.get(metric, 1)
    parameters = {"linkage": "average", "metric": metric}
    plain, scaled = (AgglomerativeClustering(**parameters).fit(rows) for rows in (X, tiny))
    expected = plain.distances_
    for _ in range(degree):
        expected = expected * (tiny[0, 0] / X[0, 0])
    np.testing.assert_allclose(scaled.distances_, expected, rtol=1e-12, atol=0.0)
    np.testing.assert_array_equal(scaled.children_, plain.children_)


@pytest.mark.parametrize("grow", [1.0, 1.001])
def test_ward_of_rows_in_a_line_where_hardly_any_two_are_mutual(grow):
    # From each row the nearest is the one before it: a round of mutual pairs finds next to none.
    x = np.cumsum(grow ** np.arange(MANY + 500.0))[:, None]
    table = linkage_table(ward_merges(x))
    assert_sound(table, len(x))
    np.testing.assert_allclose((table[:, 2] ** 2).sum() / 2, ((x - x.mean()) ** 2).sum(), rtol=1e-9)
    if grow > 1:
        np.testing.assert_allclose(table[:, 2], hierarchy.ward(x)[:, 2], rtol=1e-9)


@pytest.mark.parametrize("n", [400, FEW + 400, MANY + 400])
def test_ward_of_equal_rows(n):
    distinct = normal(37, 3)
    X = distinct[np.random.default_rng(0).integers(37, size=n)]
    table = linkage_table(ward_merges(X))
    assert_sound(table, n)
    assert (table[:, 2] == 0.0).sum() == n - 37
    np.testing.assert_allclose(table[n - 37 :, 2], hierarchy.ward(X)[n - 37 :, 2], rtol=1e-9)
    constant = linkage_table(ward_merges(np.ones((n, 2))))
    assert_sound(constant, n)
    assert (constant[:, 2] == 0.0).all()


def test_equal_rows_are_found():
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(2000, 2)), 1)
    X[::7] *= -0.0
    pairs, heights = np.empty((1999, 2), dtype=np.int64), np.empty(1999)
    sizes = np.empty(1999, dtype=np.int64)
    left, counts, nodes, merge = merge_equal_rows(X, pairs, heights, sizes)
    distinct, expected = np.unique(X, axis=0, return_counts=True)
    order = np.lexsort((left[:, 1], left[:, 0]))
    np.testing.assert_array_equal(left[order], distinct)
    np.testing.assert_array_equal(counts[order], expected)
    assert merge == 2000 - len(distinct)
    sets = rows_of_nodes(pairs[:merge], 2000)
    for row, count, node in zip(left, counts, nodes, strict=True):
        members = sorted(sets[node])
        assert len(members) == count
        assert (X[members] == row).all()


small_tables = st.integers(1, 3).flatmap(
    lambda d: st.integers(2, 14).flatmap(
        lambda n: arrays(np.float64, (n, d), elements=st.integers(-3, 3).map(float))
    )
)


@settings(max_examples=60, deadline=None)
@given(X=small_tables, linkage=st.sampled_from(LINKAGES))
@example(X=np.zeros((5, 2)), linkage="ward")
@example(X=np.arange(12.0)[:, None], linkage="average")
def test_ties_leave_a_sound_dendrogram(X, linkage):
    model = AgglomerativeClustering(n_clusters=1, linkage=linkage).fit(X)
    assert_sound(model.linkage_, len(X))
    assert_heights_are_true(X, model.linkage_, linkage)
    expected = hierarchy.linkage(pdist(X), linkage)[:, 2]
    # Equal rows are always merged first, and single linkage has one answer whatever the order.
    assert (model.distances_ < 1e-12).sum() == (expected < 1e-12).sum()
    if linkage in ("single", "average", "complete"):
        np.testing.assert_allclose(model.distances_, expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    X=st.integers(2, 25).flatmap(
        lambda n: arrays(np.float64, (n, 2), elements=st.floats(-1e150, 1e150), unique=True)
    ),
    linkage=st.sampled_from(LINKAGES),
)
def test_any_numbers_leave_a_sound_dendrogram(X, linkage):
    assert_sound(AgglomerativeClustering(n_clusters=1, linkage=linkage).fit(X).linkage_, len(X))


@pytest.mark.parametrize("linkage", ["average", "complete", "single"])
@pytest.mark.parametrize(
    "metric", ["l1", "manhattan", "l2", "cosine", "chebyshev", "canberra", "braycurtis"]
)
def test_metrics_agree_with_scikit_learn(linkage, metric):
    X = np.abs(normal(90, 4)) + 0.1
    ours = AgglomerativeClustering(4, linkage=linkage, metric=metric).fit(X)
    name = "cityblock" if metric == "l1" else metric
    D = pairwise_distances(X, metric=name)
    expected = hierarchy.linkage(squareform(D, checks=False), linkage)
    np.testing.assert_allclose(ours.distances_, expected[:, 2], rtol=1e-9, atol=1e-12)
    given_distances = AgglomerativeClustering(4, linkage=linkage, metric="precomputed").fit(D)
    from_callable = AgglomerativeClustering(
        4, linkage=linkage, metric=lambda rows: pairwise_distances(rows, metric=name)
    ).fit(X)
    for other in (given_distances, from_callable):
        np.testing.assert_allclose(other.distances_, ours.distances_, rtol=1e-9, atol=1e-12)
        assert adjusted_rand_score(other.labels_, ours.labels_) == 1.0


@each_linkage
def test_distance_threshold_agrees_with_scikit_learn(linkage):
    X = normal(200, 3)
    heights = hierarchy.linkage(X, linkage)[:, 2]
    between = heights[99:101].mean()  # at a height itself, the last digit would decide
    for threshold in (0.0, float(between), 2.0 * heights.max()):
        parameters = {
            "n_clusters": None,
            "distance_threshold": threshold,
            "linkage": linkage,
        }
        ours = AgglomerativeClustering(**parameters).fit(X)
        theirs = sklearn.cluster.AgglomerativeClustering(**parameters).fit(X)
        assert ours.n_clusters_ == theirs.n_clusters_ == len(np.unique(ours.labels_))
        assert adjusted_rand_score(ours.labels_, theirs.labels_) == 1.0


@each_linkage
def test_every_stage_is_what_that_many_clusters_give(linkage):
    X = normal(30, 2)
    model = AgglomerativeClustering(linkage=linkage).fit(X)
    before = None
    for n_clusters, stage in zip(range(30, 0, -1), model.stages(), strict=True):
        assert stage.n_clusters_ == n_clusters
        assert sorted(set(stage.labels_)) == list(range(n_clusters))
        alone = AgglomerativeClustering(n_clusters, linkage=linkage).fit(X)
        np.testing.assert_array_equal(stage.labels_, alone.labels_)
        if before is not None:  # one merge: every cluster of before lies within one of now
            pairs = set(zip(before, stage.labels_, strict=True))
            assert len(pairs) == n_clusters + 1
        before = stage.labels_
    assert model.n_clusters_ == 2


def test_scipy_draws_the_dendrogram():
    model = AgglomerativeClustering().fit(normal(12, 2))
    drawn = hierarchy.dendrogram(model.linkage_, no_plot=True)
    assert sorted(drawn["leaves"]) == list(range(12))
    labels = hierarchy.fcluster(model.linkage_, 2, criterion="maxclust")
    assert adjusted_rand_score(labels, model.labels_) == 1.0


def test_digits_are_found_as_well_as_by_scikit_learn():
    X, y = load_digits(return_X_y=True)
    ours = AgglomerativeClustering(10).fit_predict(X)
    theirs = sklearn.cluster.AgglomerativeClustering(10).fit_predict(X)
    assert adjusted_rand_score(y, ours) == pytest.approx(adjusted_rand_score(y, theirs), abs=0.03)


def test_memory_keeps_the_merges(tmp_path):
    X = normal(50, 3)
    plain = AgglomerativeClustering(4).fit(X)
    for _ in range(2):
        kept = AgglomerativeClustering(4, memory=str(tmp_path)).fit(X)
        np.testing.assert_array_equal(kept.labels_, plain.labels_)
        np.testing.assert_array_equal(kept.linkage_, plain.linkage_)
    assert any(tmp_path.iterdir())


@each_linkage
@pytest.mark.parametrize("n", [80, MANY + 300])
def test_same_bits_for_one_and_two_threads(linkage, n):
    if linkage in ("average", "complete") and n > 1000:
        n = 1000
    X = normal(n, 5)
    with threadpool_limits(1):
        one = AgglomerativeClustering(linkage=linkage).fit(X)
    two = AgglomerativeClustering(linkage=linkage).fit(X)
    np.testing.assert_array_equal(one.linkage_, two.linkage_)


def test_a_tree_of_edges_and_a_list_of_pairs_give_the_same_dendrogram():
    # Rows 0, 1 and 5 of a line, and 7: edges as long as 1, 2, 4.
    edges = np.array([[0, 1], [2, 3], [1, 2]])
    lengths = np.array([1.0, 2.0, 4.0])
    by_edges = merges_from_edges(edges, lengths, 4)
    by_pairs = merges_by_height(
        np.array([[2, 3], [1, 0], [5, 4]]), np.array([2.0, 1.0, 4.0]), np.array([2, 2, 4])
    )
    for one, two in zip(by_edges, by_pairs, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(by_edges.children, [[0, 1], [2, 3], [4, 5]])


@pytest.mark.parametrize("n", [2, 3, 8, 64, 257])
@pytest.mark.parametrize("linkage", ["ward", "single"])
def test_all_cuts_in_turn_are_those_made_one_by_one(n, linkage):
    children = agglomerate(normal(n, 2, seed=n), linkage, "euclidean").children
    for n_clusters, labels in zip(range(n, 0, -1), cuts(children), strict=True):
        np.testing.assert_array_equal(labels, cut(children, n, n_clusters))


def test_cut_numbers_clusters_as_scikit_learn_does():
    from sklearn.cluster._agglomerative import _hc_cut

    children = agglomerate(normal(64, 2), "complete", "euclidean").children
    for n_clusters in range(1, 65):
        np.testing.assert_array_equal(
            cut(children, 64, n_clusters), _hc_cut(n_clusters, children, 64)
        )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 11}, "more clusters than samples: 11 clusters were given"),
        ({"n_clusters": None}, "Exactly one of n_clusters and distance_threshold"),
        ({"distance_threshold": 1.0}, "Exactly one of n_clusters and distance_threshold"),
        (
            {"n_clusters": None, "distance_threshold": 1.0, "compute_full_tree": False},
            "compute_full_tree must be True",
        ),
        ({"metric": "manhattan"}, "Ward can only work with euclidean"),
        ({"linkage": "single", "metric": "yule"}, "not supported. Supported are: .*euclidean"),
        ({"connectivity": np.eye(10)}, "connectivity is not supported"),
        ({"linkage": "centroid"}, "'linkage' parameter"),
        ({"n_clusters": 0}, "'n_clusters' parameter"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        AgglomerativeClustering(**parameters).fit(normal(10, 2))


@each_linkage
def test_one_row_is_refused(linkage):
    with pytest.raises(ValueError, match="a minimum of 2 is required"):
        AgglomerativeClustering(1, linkage=linkage).fit([[1.0, 2.0]])


@each_linkage
def test_as_many_clusters_as_rows_and_constant_columns(linkage):
    X = np.column_stack([normal(9, 1), np.ones(9)])
    assert sorted(AgglomerativeClustering(9, linkage=linkage).fit_predict(X)) == list(range(9))
    alone = AgglomerativeClustering(3, linkage=linkage).fit(X[:, :1])
    np.testing.assert_array_equal(
        AgglomerativeClustering(3, linkage=linkage).fit(X).linkage_, alone.linkage_
    )


@each_linkage
def test_squares_that_overflow_are_refused(linkage):
    with pytest.raises(ValueError, match="too large for a float64"):
        AgglomerativeClustering(linkage=linkage).fit([[1e200], [0.0], [-1e200]])


@pytest.mark.parametrize("linkage", ["average", "complete", "single"])
@pytest.mark.parametrize(
    ("D", "message"),
    [
        (np.ones((3, 4)), "should be square, got matrix of shape \\(3, 4\\)"),
        (np.array([[0.0, 1.0], [2.0, 0.0]]), "not symmetrical: row 0, column 1 has 1"),
        (np.array([[0.0, -1.0], [-1.0, 0.0]]), "must not be negative; the least is -1"),
        (np.array([[0.0, np.nan], [np.nan, 0.0]]), "NaN"),
    ],
)
def test_bad_distances_are_refused(linkage, D, message):
    with pytest.raises(ValueError, match=message):
        AgglomerativeClustering(linkage=linkage, metric="precomputed").fit(D)


def test_a_metric_that_is_not_defined_for_a_row_is_refused():
    X = normal(6, 3)
    X[2] = 0.0
    with pytest.raises(ValueError, match="Cosine affinity cannot be used"):
        AgglomerativeClustering(linkage="average", metric="cosine").fit(X)
    with pytest.raises(ValueError, match="not defined for row"):
        AgglomerativeClustering(linkage="average", metric="correlation").fit(X)


def test_given_distances_are_left_alone():
    D = squareform(pdist(normal(20, 2)))
    before = D.copy()
    AgglomerativeClustering(linkage="average", metric="precomputed").fit(D)
    np.testing.assert_array_equal(D, before)
