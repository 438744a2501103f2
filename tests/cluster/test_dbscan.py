"""DBSCAN against the matrix of all neighbourhoods, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.dbscan_naive import dbscan_naive
from scipy.spatial.distance import cdist
from sklearn.cluster import DBSCAN as SklearnDBSCAN
from sklearn.datasets import load_iris, make_moons

from groundup.cluster import DBSCAN
from groundup.cluster._visits import stages


def blobs(n, d, seed=0, k=8, spread=0.4):
    """Normal groups of rows in a cube of side 10, and a tenth of the rows anywhere in it."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(0, 10, (k, d))
    n_noise = n // 10
    grouped = centers[rng.integers(k, size=n - n_noise)]
    X = np.vstack([grouped, rng.uniform(0, 10, (n_noise, d))])
    X[: len(grouped)] += spread * rng.standard_normal(grouped.shape)
    return X[rng.permutation(n)]


def assert_textbook(model, X, eps, min_samples, weights=None, metric="euclidean", **parameters):
    labels, core = dbscan_naive(X, eps, min_samples, weights, metric, **parameters)
    np.testing.assert_array_equal(model.core_sample_indices_, core)
    np.testing.assert_array_equal(model.labels_, labels)
    assert_visits(model, cdist(X, X, metric, **parameters) <= eps)


def assert_visits(model, near):
    """Every row is reached from a core row within eps that was visited before it."""
    n = len(model.labels_)
    np.testing.assert_array_equal(np.sort(model.visit_order_), np.arange(n))
    when = np.empty(n, dtype=int)
    when[model.visit_order_] = np.arange(n)
    core = np.zeros(n, dtype=bool)
    core[model.core_sample_indices_] = True
    visited = model.labels_[model.visit_order_]
    n_clustered = (visited >= 0).sum()
    assert (np.diff(visited[:n_clustered]) >= 0).all()
    assert (visited[n_clustered:] == -1).all()
    starts = set()
    for row in range(n):
        source = model.reached_from_[row]
        if source >= 0:
            assert core[source]
            assert near[row, source]
            assert when[source] < when[row]
            assert model.labels_[source] == model.labels_[row]
        elif model.labels_[row] >= 0:
            starts.add((model.labels_[row], row))
    # one start a cluster: its first core row
    assert starts == {
        (label, np.flatnonzero(core & (model.labels_ == label))[0])
        for label in range(model.labels_.max() + 1)
    }


@pytest.mark.parametrize("d", [1, 2, 3, 8])
@pytest.mark.parametrize("min_samples", [1, 2, 5, 20])
@pytest.mark.parametrize("eps", [0.05, 0.3, 1.0, 30.0])
def test_equals_the_textbook(d, min_samples, eps):
    X = blobs(500, d)
    model = DBSCAN(eps=eps, min_samples=min_samples).fit(X)
    assert_textbook(model, X, eps, min_samples)
    np.testing.assert_array_equal(model.components_, X[model.core_sample_indices_])


@given(
    st.integers(1, 120),
    st.integers(1, 4),
    st.integers(1, 8),
    st.integers(1, 12),
    st.integers(1, 6),
    st.sampled_from(["euclidean", "manhattan", "chebyshev"]),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_duplicates_and_rows_exactly_eps_apart(
    n, d, eps, side, min_samples, metric, leaf_size, seed
):
    X = np.random.default_rng(seed).integers(0, side + 1, (n, d)) / 2.0
    parameters = {"eps": eps / 2.0, "min_samples": min_samples, "metric": metric}
    model = DBSCAN(**parameters, leaf_size=leaf_size).fit(X)
    name = {"manhattan": "cityblock"}.get(metric, metric)
    assert_textbook(model, X, eps / 2.0, min_samples, metric=name)
    np.testing.assert_array_equal(model.labels_, SklearnDBSCAN(**parameters).fit(X).labels_)


@given(
    st.integers(1, 100), st.integers(1, 3), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1)
)
@settings(max_examples=80, deadline=None)
def test_weights_and_negative_ones(n, d, negative, by_blocks, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 12, (n, d)) / 2.0
    weights = rng.integers(-2 if negative else 0, 5, n) / 2.0
    weights[0] = 1.0  # all weights of zero are an error, as they are in scikit-learn
    model = DBSCAN(eps=1.0, min_samples=3, metric="sqeuclidean" if by_blocks else "euclidean")
    assert_textbook(model.fit(X, sample_weight=weights), X, 1.0, 3, weights)
    theirs = SklearnDBSCAN(eps=1.0, min_samples=3).fit(X, sample_weight=weights)
    np.testing.assert_array_equal(model.labels_, theirs.labels_)
    np.testing.assert_array_equal(model.fit_predict(X, sample_weight=weights), theirs.labels_)


@pytest.mark.parametrize(
    ("shape", "eps", "min_samples"), [((20_000, 2), 0.1, 10), ((6_000, 8), 0.9, 10)]
)
def test_equals_scikit_learn_on_many_rows(shape, eps, min_samples):
    X = blobs(*shape, k=12)
    ours = DBSCAN(eps=eps, min_samples=min_samples).fit(X)
    theirs = SklearnDBSCAN(eps=eps, min_samples=min_samples).fit(X)
    assert theirs.labels_.max() > 5
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.core_sample_indices_, theirs.core_sample_indices_)
    np.testing.assert_array_equal(ours.components_, theirs.components_)


@pytest.mark.parametrize(
    ("metric", "more", "eps"),
    [
        ("cosine", {}, 0.01),
        ("minkowski", {"p": 3}, 0.4),
        ("minkowski", {"p": 1.5, "metric_params": {"w": np.array([1.0, 0.5, 2.0])}}, 0.4),
        ("canberra", {}, 0.2),
        ("braycurtis", {}, 0.05),
        ("sqeuclidean", {}, 0.1),
        (lambda x, y: np.abs(x - y).max(), {}, 0.4),
    ],
)
def test_other_metrics(metric, more, eps):
    X = blobs(250, 3)
    ours = DBSCAN(eps=eps, min_samples=4, metric=metric, **more).fit(X)
    theirs = SklearnDBSCAN(eps=eps, min_samples=4, metric=metric, **more).fit(X)
    assert 0 < (theirs.labels_ >= 0).mean() < 1
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)


def test_given_distances():
    X = load_iris().data
    D = cdist(X, X)
    ours = DBSCAN(eps=0.5, metric="precomputed").fit(D)
    np.testing.assert_array_equal(ours.labels_, DBSCAN(eps=0.5).fit(X).labels_)
    assert_visits(ours, D <= 0.5)
    with pytest.raises(ValueError, match="square table of distances"):
        DBSCAN(metric="precomputed").fit(X)


def test_blocks_of_rows_are_one_answer(monkeypatch):
    X = blobs(300, 2)
    whole = DBSCAN(eps=0.3, metric="canberra").fit(X)
    monkeypatch.setattr("groundup.cluster._dbscan_by_blocks.BLOCK", 300 * 7)
    in_blocks = DBSCAN(eps=0.3, metric="canberra").fit(X)
    np.testing.assert_array_equal(whole.labels_, in_blocks.labels_)


@pytest.mark.parametrize("leaf_size", [1, 7, 30, 1000])
def test_leaves_and_threads_change_nothing(leaf_size):
    X = blobs(15_000, 2)
    expected = DBSCAN(eps=0.1, n_jobs=1).fit(X).labels_
    for n_jobs in (1, 2):
        model = DBSCAN(eps=0.1, leaf_size=leaf_size, n_jobs=n_jobs).fit(X)
        np.testing.assert_array_equal(model.labels_, expected)


def test_a_border_row_goes_to_the_first_cluster_that_reaches_it():
    # two groups of four, and a row between them that both reach
    left, right = np.array([0.0, 0.1, 0.2, 0.3]), np.array([2.0, 2.1, 2.2, 2.3])
    for groups in ([left, right], [right, left]):
        X = np.concatenate([[1.15], *groups])[:, np.newaxis]
        labels = DBSCAN(eps=0.875, min_samples=4).fit(X).labels_
        np.testing.assert_array_equal(labels, [0, 0, 0, 0, 0, 1, 1, 1, 1])


def test_moons_are_told_apart():
    X, y = make_moons(1000, noise=0.05, random_state=0)
    labels = DBSCAN(eps=0.15).fit(X).labels_
    assert set(labels) == {0, 1}
    assert (labels == (y if y[0] == 0 else 1 - y)).all()


def test_stages_end_with_the_labels():
    X = blobs(200, 2)
    model = DBSCAN(eps=0.4).fit(X)
    n_labelled = 0
    for row, labels in stages(model):
        assert labels[row] == model.labels_[row]
        assert (labels >= 0).sum() >= n_labelled
        n_labelled = (labels >= 0).sum()
    np.testing.assert_array_equal(labels, model.labels_)


def test_one_row_equal_rows_and_no_core_row():
    assert DBSCAN().fit([[1.0, 2.0]]).labels_.tolist() == [-1]
    assert DBSCAN(min_samples=1).fit([[1.0, 2.0]]).labels_.tolist() == [0]
    same = DBSCAN(eps=1e-9).fit(np.full((5000, 3), 0.1))
    assert (same.labels_ == 0).all()
    assert len(same.core_sample_indices_) == 5000
    apart = DBSCAN(eps=1e-3).fit(blobs(50, 3))
    assert (apart.labels_ == -1).all()
    assert apart.components_.shape == (0, 3)
    constant = np.column_stack([blobs(300, 2), np.full(300, 7.0)])
    np.testing.assert_array_equal(
        DBSCAN(eps=0.4).fit(constant).labels_, DBSCAN(eps=0.4).fit(constant[:, :2]).labels_
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"eps": 0}, "eps"),
        ({"eps": -1.0}, "eps"),
        ({"min_samples": 0}, "min_samples"),
        ({"metric": "nonsense"}, "metric"),
        ({"metric_params": {"q": 2}}, "metric_params"),
    ],
)
def test_what_cannot_be_done_is_said(parameters, message):
    with pytest.raises(ValueError, match=message):
        DBSCAN(**parameters).fit(blobs(50, 2))


@pytest.mark.parametrize("eps", [0.3, 0.6, 0.999, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("min_samples", [1, 2, 5])
def test_rows_of_zeros_are_at_a_right_angle_to_all_others(eps, min_samples):
    zeros = DBSCAN(eps=eps, min_samples=min_samples, metric="cosine").fit(np.zeros((4, 2)))
    expected = SklearnDBSCAN(eps=eps, min_samples=min_samples, metric="cosine")
    np.testing.assert_array_equal(zeros.labels_, expected.fit(np.zeros((4, 2))).labels_)
    X = np.random.default_rng(0).standard_normal((200, 3))
    X[::9] = 0.0
    ours = DBSCAN(eps=eps, min_samples=min_samples, metric="cosine").fit(X)
    np.testing.assert_array_equal(ours.labels_, expected.fit(X).labels_)
    np.testing.assert_array_equal(ours.core_sample_indices_, expected.core_sample_indices_)


@pytest.mark.parametrize(
    ("metric", "p"), [("euclidean", None), ("manhattan", None), ("minkowski", 3), ("minkowski", 9)]
)
@pytest.mark.parametrize("unit", [2.0**-600, 2.0**-300, 2.0**300, 2.0**600, 2.0**1000])
def test_the_unit_changes_nothing(metric, p, unit):
    X = blobs(300, 2)
    parameters = {"metric": metric, "p": p, "min_samples": 4}
    expected = DBSCAN(eps=0.4, **parameters).fit(X)
    scaled = DBSCAN(eps=0.4 * unit, **parameters).fit(X * unit)
    assert expected.labels_.max() > 0
    np.testing.assert_array_equal(scaled.labels_, expected.labels_)
    np.testing.assert_array_equal(scaled.core_sample_indices_, expected.core_sample_indices_)


def test_nothing_but_rows_is_counted_where_squares_overflow():
    X = blobs(100, 2)
    for eps in (1e155, 1e300):
        assert len(DBSCAN(eps=eps, min_samples=110).fit(X).core_sample_indices_) == 0
        assert len(DBSCAN(eps=eps, min_samples=100).fit(X).core_sample_indices_) == 100
    far = np.array([[0.0], [9e154], [3e155], [1e200]])
    assert DBSCAN(eps=1e155, min_samples=2).fit(far).labels_.tolist() == [0, 0, -1, -1]
    near = np.array([[0.0], [5e-171], [1e-165], [1.0]])
    assert DBSCAN(eps=1e-170, min_samples=2).fit(near).labels_.tolist() == [0, 0, -1, -1]


def test_a_table_that_holds_no_distances_is_refused():
    D = cdist(blobs(50, 2), blobs(50, 2))
    assert DBSCAN(metric="precomputed").fit(D).labels_.shape == (50,)
    rounded = D.copy()
    rounded[3, 7] *= 1 + 1e-14
    DBSCAN(metric="precomputed").fit(rounded)
    negative, one_way = D.copy(), D.copy()
    negative[3, 7] = negative[7, 3] = -0.5
    one_way[3, 7] += 1.0
    with pytest.raises(ValueError, match=r"row 3, column 7 of X has -0\.5"):
        DBSCAN(metric="precomputed").fit(negative)
    with pytest.raises(ValueError, match="not symmetrical: row 3, column 7"):
        DBSCAN(metric="precomputed").fit(one_way)


@pytest.mark.parametrize(("metric", "name"), [("seuclidean", "V"), ("mahalanobis", "VI")])
def test_a_metric_that_lacks_a_parameter_names_it(metric, name):
    X = blobs(60, 3)
    with pytest.raises(ValueError, match=f"metric_params={{'{name}': ...}}"):
        DBSCAN(eps=0.5, metric=metric).fit(X)
    given = X.var(axis=0) if name == "V" else np.linalg.inv(np.cov(X.T))
    parameters = {"eps": 0.5, "metric": metric, "metric_params": {name: given}}
    np.testing.assert_array_equal(
        DBSCAN(**parameters).fit(X).labels_, SklearnDBSCAN(**parameters).fit(X).labels_
    )
