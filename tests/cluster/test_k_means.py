"""k-means against its textbook form, scikit-learn, and what must hold after every step."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import k_means_naive as naive
from sklearn.cluster import KMeans as Twin
from sklearn.cluster import kmeans_plusplus
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from groundup._estimator import read_only
from groundup.cluster import KMeans
from groundup.cluster._k_means_bounds import BoundedSearch
from groundup.cluster._k_means_lloyd import lloyd
from groundup.cluster._k_means_panel import Centers, FullSearch
from groundup.cluster._k_means_rows import Rows
from groundup.cluster._seeding import seed_rows

ALGORITHMS = ("lloyd", "elkan", "auto")


def clouds(n, d, k, seed=0, spread=3.0):
    rng = np.random.default_rng(seed)
    middles = spread * rng.standard_normal((k, d))
    return middles[rng.integers(k, size=n)] + rng.standard_normal((n, d))


def assert_same_fit(ours, theirs):
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-9)
    np.testing.assert_allclose(ours.inertia_, theirs.inertia_, rtol=1e-9)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.labels_.dtype == theirs.labels_.dtype


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("n", "d", "k"), [(150, 4, 3), (3000, 7, 21), (5000, 2, 60), (400, 33, 8)])
@pytest.mark.parametrize("weighted", [False, True])
def test_same_seed_same_fit_as_scikit_learn(algorithm, n, d, k, weighted):
    X = clouds(n, d, k)
    weights = np.random.default_rng(1).random(n) if weighted else None
    parameters = {"n_clusters": k, "random_state": 3}
    ours = KMeans(algorithm=algorithm, **parameters).fit(X, sample_weight=weights)
    assert_same_fit(ours, Twin(**parameters).fit(X, sample_weight=weights))


@pytest.mark.parametrize(
    "parameters",
    [
        {"init": "random"},
        {"init": "random", "n_init": 3, "max_iter": 4},
        {"n_init": 4},
        {"tol": 0.0},
        {"tol": 0.1},
        {"max_iter": 1},
        {"init": lambda X, k, random_state: X[random_state.permutation(len(X))[:k]]},
    ],
)
def test_parameters_mean_what_they_mean_in_scikit_learn(parameters):
    X = clouds(800, 3, 6)
    ours = KMeans(6, random_state=0, **parameters).fit(X)
    theirs = Twin(6, random_state=0, **parameters).fit(X)
    assert_same_fit(ours, theirs)
    Q = clouds(300, 3, 6, seed=5)
    np.testing.assert_array_equal(ours.predict(Q), theirs.predict(Q))
    np.testing.assert_allclose(ours.transform(Q), theirs.transform(Q), atol=1e-7)
    np.testing.assert_allclose(ours.score(Q), theirs.score(Q))
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())


@pytest.mark.parametrize("load", [load_iris, load_digits])
def test_real_data(load):
    X = load().data
    for k in (2, 3, 10):
        assert_same_fit(KMeans(k, random_state=1).fit(X), Twin(k, random_state=1).fit(X))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_step_is_the_textbooks(algorithm, weighted):
    X = read_only(clouds(6000, 5, 40))
    weights = read_only(np.random.default_rng(2).integers(0, 4, len(X)).astype(float))
    weights = weights if weighted else None
    start = X[:40].copy()
    expected = naive.k_means(X, start, weights, max_iter=12)
    steps = lloyd(Rows(X, weights), start, 12, 0.0, algorithm)
    for number, state in enumerate(steps, start=1):
        labels, centers = expected[number - 1]
        np.testing.assert_allclose(state["cluster_centers_"], centers, atol=1e-10)
        if number < len(expected):
            np.testing.assert_array_equal(state["labels_"], labels)
            inertia = naive.inertia(X, centers, labels, weights)
            np.testing.assert_allclose(state["inertia_"], inertia, rtol=1e-10)
    assert number == len(expected)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_inertia_never_rises(algorithm):
    for seed in range(5):
        X = read_only(clouds(2500, 3, 30, seed, spread=1.0))
        inertia = np.inf
        for state in lloyd(Rows(X, None), X[:30].copy(), 100, 0.0, algorithm):
            assert state["inertia_"] <= inertia * (1 + 1e-12)
            inertia = state["inertia_"]


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e6, 1e30])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_bounds_change_no_bit(scale, offset):
    X = scale * (clouds(9000, 4, 50, spread=1.0) + offset)
    fits = [
        KMeans(50, random_state=0, algorithm=algorithm, max_iter=40).fit(X)
        for algorithm in ALGORITHMS
    ]
    for other in fits[1:]:
        np.testing.assert_array_equal(fits[0].labels_, other.labels_)
        np.testing.assert_array_equal(fits[0].cluster_centers_, other.cluster_centers_)
        assert fits[0].n_iter_ == other.n_iter_


@pytest.mark.parametrize("k", [1, 2, 7, 8, 9, 130, 300])
def test_bounds_hold_after_every_move(k):
    X = read_only(clouds(1200, 3, 20, spread=1.0))
    rng = np.random.default_rng(0)
    rows, centers = Rows(X, None), Centers(X[:k].copy())
    search, full = BoundedSearch(rows, centers), FullSearch(rows, centers)
    labels, sums = np.full(len(X), -1, dtype=np.int32), rows.empty_sums(k)
    expected = labels.copy()
    for step in range(6):
        search.assign(labels, sums)
        full.assign(expected)
        np.testing.assert_array_equal(labels, expected)
        moves = rng.standard_normal((k, 3)) * (0.3 * rng.random((k, 1)) ** 4) / (step + 1)
        centers.values += moves
        centers.half_norms[:k] = 0.5 * (centers.values**2).sum(axis=1)
        search.follow(np.sqrt((moves**2).sum(axis=1)))


def test_integers_with_ties_agree_between_searches():
    X = np.random.default_rng(0).integers(0, 6, (6000, 2)).astype(float)
    fits = [KMeans(9, random_state=0, algorithm=a).fit(X) for a in ALGORITHMS]
    for other in fits[1:]:
        np.testing.assert_allclose(fits[0].inertia_, other.inertia_, rtol=1e-9)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_threads_change_no_bit(algorithm):
    X = clouds(30_000, 5, 30)
    with threadpool_limits(1):
        one = KMeans(30, random_state=0, algorithm=algorithm).fit(X)
    two = KMeans(30, random_state=0, algorithm=algorithm).fit(X)
    np.testing.assert_array_equal(one.labels_, two.labels_)
    np.testing.assert_array_equal(one.cluster_centers_, two.cluster_centers_)
    assert one.inertia_ == two.inertia_


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 40),
    d=st.integers(1, 6),
    k=st.integers(1, 12),
    seed=st.integers(0, 2**16),
    algorithm=st.sampled_from(ALGORITHMS),
)
def test_labels_are_nearest_and_centers_are_means(n, d, k, seed, algorithm):
    k = min(k, n)
    X = np.random.default_rng(seed).standard_normal((n, d)).round(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(k, random_state=seed, algorithm=algorithm, tol=0.0).fit(X)
    squares = ((X[:, None] - model.cluster_centers_) ** 2).sum(axis=2)
    own = squares[np.arange(n), model.labels_]
    np.testing.assert_allclose(own, squares.min(axis=1), atol=1e-12)
    np.testing.assert_allclose(model.inertia_, own.sum(), atol=1e-10)
    for j in np.unique(model.labels_):
        mean = X[model.labels_ == j].mean(axis=0)
        np.testing.assert_allclose(model.cluster_centers_[j], mean, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_seeding_draws_scikit_learns_rows(weighted):
    for n, k in ((60, 60), (9000, 25)):
        X = read_only(clouds(n, 4, 5, seed=n))
        weights = np.random.default_rng(0).random(n) if weighted else None
        for seed in range(3):
            _, theirs = kmeans_plusplus(X, k, sample_weight=weights, random_state=seed)
            ours = seed_rows(X, k, weights, np.random.RandomState(seed), n_threads=2)
            np.testing.assert_array_equal(ours, theirs)


def test_empty_clusters_get_the_farthest_rows():
    X = clouds(300, 2, 3)
    far = np.array([[1e3, 0.0], [1e3, 1.0], [1e3, 2.0]])
    start = np.vstack([X[:3], far])
    parameters = {"n_clusters": 6, "init": start, "n_init": 1}
    for algorithm in ALGORITHMS:
        ours = KMeans(algorithm=algorithm, **parameters).fit(X)
        assert len(np.unique(ours.labels_)) == 6
    assert_same_fit(KMeans(4, init=start[:4]).fit(X), Twin(4, init=start[:4]).fit(X))


def test_an_emptied_cluster_leaves_no_rounding_behind():
    # A heavy row leaves a cluster of light ones: what is left is added up anew.
    X = np.array([[0.0], [1.0], [1.1], [5.0], [5.2]])
    weights = np.array([1e-9, 1e9, 1e-9, 1.0, 1.0])
    model = KMeans(2, init=[[0.0], [9.0]], tol=0.0).fit(X, sample_weight=weights)
    theirs = Twin(2, init=[[0.0], [9.0]], tol=0.0).fit(X, sample_weight=weights)
    np.testing.assert_allclose(model.cluster_centers_, theirs.cluster_centers_, rtol=1e-12)


def test_more_clusters_than_rows():
    with pytest.raises(ValueError, match="n_samples=3 should be >= n_clusters=4"):
        KMeans(4).fit(np.eye(3))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_fewer_distinct_rows_than_clusters(algorithm):
    X = np.repeat([[0.0, 1.0], [2.0, 3.0], [5.0, 5.0]], 10, axis=0)
    model = KMeans(5, random_state=0, algorithm=algorithm)
    with pytest.warns(ConvergenceWarning, match="X has only 3 distinct rows"):
        model.fit(X)
    assert model.inertia_ == pytest.approx(0.0, abs=1e-20)
    assert np.isfinite(model.cluster_centers_).all()
    assert len(np.unique(model.labels_)) == 3


def test_one_row_and_constant_columns():
    one = KMeans(1).fit([[3.0, 4.0]])
    np.testing.assert_allclose(one.cluster_centers_, [[3.0, 4.0]])
    assert one.inertia_ == 0.0
    X = np.column_stack([clouds(200, 2, 2), np.full(200, 7.0)])
    assert_same_fit(KMeans(2, random_state=0).fit(X), Twin(2, random_state=0).fit(X))
    with pytest.warns(ConvergenceWarning, match="only 1 distinct row"):
        same = KMeans(2, random_state=0).fit(np.full((20, 2), 3.0))
    np.testing.assert_array_equal(same.cluster_centers_, np.full((2, 2), 3.0))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(bad):
    X = clouds(50, 2, 2)
    X[3, 1] = bad
    with pytest.raises(ValueError, match="NaN|infinity"):
        KMeans(2).fit(X)


def test_a_start_that_does_not_fit_is_refused():
    X = clouds(50, 2, 2)
    with pytest.raises(ValueError, match="does not match the number of clusters 2"):
        KMeans(2, init=X[:3]).fit(X)
    with pytest.raises(ValueError, match="features of the data 2"):
        KMeans(2, init=np.zeros((2, 3))).fit(X)
    with pytest.warns(RuntimeWarning, match="only one init in KMeans"):
        KMeans(2, init=X[:2], n_init=5).fit(X)


def test_weights_that_leave_nothing_to_learn_from():
    X = clouds(50, 2, 2)
    with pytest.raises(ValueError, match="weights"):
        KMeans(2).fit(X, sample_weight=np.zeros(50))
    few = np.zeros(50)
    few[:2] = 1.0
    with pytest.raises(ValueError, match="weights"):
        KMeans(3, init="random").fit(X, sample_weight=few)


def test_verbose_prints_every_step(capsys):
    model = KMeans(3, random_state=0, verbose=1).fit(clouds(100, 2, 3))
    assert capsys.readouterr().out.count("iteration") == model.n_iter_


@pytest.mark.parametrize("far", [1e10, -1e100])
def test_a_far_row_changes_no_other_rows_label(far):
    X = np.r_[np.linspace(0, 0.1, 5), np.linspace(0.9, 1, 5)][:, None]
    model = KMeans(2, init=[[0.0], [1.0]], n_init=1).fit(X)
    Q = np.vstack([X, [[far]]])
    labels = model.predict(Q)
    np.testing.assert_array_equal(labels[:-1], model.labels_)
    np.testing.assert_array_equal(labels, [model.predict(Q[i : i + 1])[0] for i in range(len(Q))])


def test_a_rows_label_does_not_depend_on_the_rows_beside_it():
    X = clouds(6000, 5, 40, spread=1.0)
    model = KMeans(40, random_state=0, max_iter=5).fit(X)
    Q = np.vstack([X[:300], np.full((1, 5), 1e12), X[300:]])
    labels = model.predict(Q)
    alone = np.concatenate([model.predict(Q[i : i + 1]) for i in range(500)])
    np.testing.assert_array_equal(labels[:500], alone)
    np.testing.assert_array_equal(np.delete(labels, 300), model.predict(X))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_moving_rows_to_empty_centers_leaves_no_rounding_behind(algorithm):
    X = np.array([1, 0, 0, 2, 2, 2, 1, 2, 0, 1, 2, 1.0])[:, None]
    weights = [0.1, 0.1, 0.3, 0.3, 0.7, 0.7, 0.3, 0.1, 0.2, 0.3, 0.2, 0.2]
    with pytest.warns(ConvergenceWarning, match="only 3 distinct rows"):
        model = KMeans(6, random_state=0, algorithm=algorithm).fit(X, sample_weight=weights)
    assert set(model.cluster_centers_.ravel().round(12)) == {0.0, 1.0, 2.0}
    assert model.inertia_ == pytest.approx(0.0, abs=1e-20)


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(2, 30),
    d=st.integers(1, 3),
    k=st.integers(2, 12),
    seed=st.integers(0, 2**16),
    powers=st.sampled_from([0, 1, 17]),
    max_iter=st.sampled_from([1, 2, 300]),
)
def test_centers_lie_inside_the_box_of_the_rows(n, d, k, seed, powers, max_iter):
    rng = np.random.default_rng(seed)
    k = min(k, n)
    X = rng.integers(0, 4, (n, d)).astype(float)
    weights = rng.choice([0.1, 0.2, 0.3, 0.7], n) * 10.0 ** -rng.integers(0, powers + 1, n)
    start = X.mean(axis=0) + 5.0 * rng.standard_normal((k, d))  # most of them stay empty
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(k, init=start, max_iter=max_iter, tol=0.0).fit(X, sample_weight=weights)
    assert (model.cluster_centers_ >= X.min(axis=0) - 1e-9).all()
    assert (model.cluster_centers_ <= X.max(axis=0) + 1e-9).all()


def test_rows_without_weight_do_not_keep_a_center_empty():
    X = np.array([[0.0], [1], [10], [11], [20], [21], [1000]])
    weights = [1, 1, 1, 1, 1, 1, 0]
    for algorithm in ALGORITHMS:
        model = KMeans(3, init=[[0.0], [20.0], [5000.0]], n_init=1, algorithm=algorithm)
        model.fit(X, sample_weight=weights)
        assert sorted(model.cluster_centers_.ravel()) == [0.5, 10.5, 20.5]
    with pytest.warns(ConvergenceWarning, match="only 6 distinct rows of positive weight"):
        KMeans(7, random_state=0).fit(X, sample_weight=weights)


@pytest.mark.parametrize("scale", [1e-100, 1e-44, 1e-38, 1e38, 1e39, 1e100])
@pytest.mark.parametrize("algorithm", ["elkan", "auto"])
def test_data_that_float32_cannot_hold(scale, algorithm):
    X = clouds(8000, 4, 30, spread=1.0)
    fits = [
        KMeans(30, init=scale * X[:30], tol=0.0, max_iter=40, algorithm=a).fit(scale * X)
        for a in ("lloyd", algorithm)
    ]
    np.testing.assert_array_equal(fits[0].labels_, fits[1].labels_)
    np.testing.assert_array_equal(fits[0].cluster_centers_, fits[1].cluster_centers_)


def test_memory_of_the_sums_is_bounded():
    X = read_only(np.zeros((270_000, 1)))
    assert Rows(X, None, n_clusters=8).n_blocks == 64
    for k in (10**5, 10**6, 10**7):
        rows = Rows(X, None, n_clusters=k)
        assert 1 <= rows.n_blocks < 64
        assert rows.n_blocks == 1 or rows.n_blocks * k * 3 * 8 <= 2**26


def test_distances_far_from_the_origin():
    X = clouds(400, 2, 5) + 1e9
    model = KMeans(5, random_state=0).fit(X)
    distances = model.transform(X)
    np.testing.assert_array_equal(distances.argmin(axis=1), model.labels_)
    expected = np.linalg.norm(X[:, None] - model.cluster_centers_, axis=2)
    np.testing.assert_allclose(distances, expected, atol=1e-6)


def test_a_stopped_fit_keeps_the_best_run_so_far():
    X = read_only(clouds(400, 2, 8, spread=1.5))
    model = KMeans(8, n_init=4, init="random", random_state=3)
    runs = [KMeans(8, n_init=n, init="random", random_state=3).fit(X).inertia_ for n in (1, 2, 3)]
    inertias, finals = [], []
    for state in model._steps(X, None, None):
        squares = ((X - state["cluster_centers_"][state["labels_"]]) ** 2).sum()
        np.testing.assert_allclose(state["inertia_"], squares, rtol=1e-10)
        inertias.append(state["inertia_"])
        finals.append(state["cluster_centers_"])
    assert (np.diff(inertias) <= 1e-9).all()
    assert min(runs) < runs[0]  # a later run is better
    assert set(runs) <= set(inertias)
    model.fit(X)
    assert model.inertia_ == inertias[-1]
    np.testing.assert_array_equal(model.cluster_centers_, finals[-1])
    assert_same_fit(model, Twin(8, n_init=4, init="random", random_state=3).fit(X))
