"""Mini-batch k-means against scikit-learn's, which draws the same batches for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import MiniBatchKMeans as Twin
from sklearn.exceptions import ConvergenceWarning

from groundup.cluster import KMeans, MiniBatchKMeans
from groundup.cluster._k_means_panel import Batch
from groundup.cluster._mini_batch_k_means import move_by_batch


def clouds(n, d, k, seed=0):
    rng = np.random.default_rng(seed)
    middles = 3.0 * rng.standard_normal((k, d))
    return middles[rng.integers(k, size=n)] + rng.standard_normal((n, d))


def assert_same_fit(ours, theirs):
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-9)
    np.testing.assert_allclose(ours.inertia_, theirs.inertia_, rtol=1e-9)
    assert ours.n_steps_ == theirs.n_steps_


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"init": "random", "batch_size": 100},
        {"batch_size": 64, "tol": 1e-2, "reassignment_ratio": 0.2},
        {"batch_size": 64, "max_no_improvement": None, "max_iter": 2},
        {"init_size": 200, "n_init": 3, "compute_labels": False},
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_same_seed_same_fit_as_scikit_learn(parameters, weighted):
    X = clouds(3000, 4, 8)
    weights = np.random.default_rng(1).random(len(X)) if weighted else None
    ours = MiniBatchKMeans(8, random_state=0, **parameters).fit(X, sample_weight=weights)
    theirs = Twin(8, random_state=0, **parameters).fit(X, sample_weight=weights)
    assert_same_fit(ours, theirs)
    assert ours.n_iter_ == theirs.n_iter_
    if ours.compute_labels:
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fit_goes_on_as_scikit_learns(weighted):
    X = clouds(2000, 3, 6)
    weights = np.random.default_rng(1).random(len(X)) if weighted else None
    ours, theirs = (cls(6, random_state=0) for cls in (MiniBatchKMeans, Twin))
    for start in range(0, len(X), 100):
        part = slice(start, start + 100)
        weight = None if weights is None else weights[part]
        ours.partial_fit(X[part], sample_weight=weight)
        theirs.partial_fit(X[part], sample_weight=weight)
        assert_same_fit(ours, theirs)


def test_partial_fit_after_fit():
    X = clouds(2000, 3, 6)
    model = MiniBatchKMeans(6, random_state=0).fit(X)
    n_steps, score = model.n_steps_, model.score(X)
    model.partial_fit(X)
    assert model.n_steps_ == n_steps + 1
    assert model.score(X) >= score * (1 + 1e-3)


def test_a_center_is_the_mean_of_all_rows_it_was_given():
    X = clouds(300, 2, 1)
    centers, counts = np.zeros((1, 2)), np.zeros(1)
    for start in range(0, 300, 50):
        move_by_batch(Batch(X[start : start + 50], None), centers, counts)
        np.testing.assert_allclose(centers[0], X[: start + 50].mean(axis=0))
    assert counts[0] == 300


def test_ends_near_k_means():
    X = clouds(20_000, 4, 5)
    full = KMeans(5, random_state=0).fit(X)
    assert MiniBatchKMeans(5, random_state=0).fit(X).inertia_ <= 1.05 * full.inertia_


def test_bad_input():
    X = clouds(40, 2, 2)
    for learn in (MiniBatchKMeans(50).fit, MiniBatchKMeans(50).partial_fit):
        with pytest.raises(ValueError, match="n_samples=40 should be >= n_clusters=50"):
            learn(X)
    with pytest.raises(ValueError, match="features"):
        MiniBatchKMeans(2).partial_fit(X).partial_fit(X[:, :1])
    with pytest.raises(ValueError, match="NaN"):
        MiniBatchKMeans(2).partial_fit(np.full((5, 2), np.nan))
    with pytest.warns(ConvergenceWarning, match="only 1 distinct row"):
        MiniBatchKMeans(2, random_state=0).fit(np.ones((30, 2)))
    with pytest.warns(RuntimeWarning, match="init_size=3 should be larger"):
        MiniBatchKMeans(8, init_size=3, random_state=0).fit(X)
    one = MiniBatchKMeans(1).fit([[3.0, 4.0]])
    np.testing.assert_allclose(one.cluster_centers_, [[3.0, 4.0]])


def test_a_refused_batch_changes_nothing():
    X = clouds(100, 2, 3)
    model = MiniBatchKMeans(3, random_state=0).partial_fit(X)
    centers, steps = model.cluster_centers_.copy(), model.n_steps_
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(np.full((5, 2), np.nan))
    np.testing.assert_array_equal(model.cluster_centers_, centers)
    assert model.n_steps_ == steps


def test_a_far_row_in_a_batch_leaves_the_others_where_they_are():
    X = np.r_[np.linspace(0, 0.1, 5), np.linspace(0.9, 1, 5)][:, None]
    model = MiniBatchKMeans(2, init=[[0.0], [1.0]], n_init=1, reassignment_ratio=0.0)
    model.partial_fit(X).partial_fit(np.vstack([X, [[-1e10]]]))
    # All rows so far: twice the five on the right, and on the left the far one with them.
    np.testing.assert_allclose(model.cluster_centers_, [[(0.5 - 1e10) / 11], [0.95]])


@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_a_few_rows_of_positive_weight_are_found(learn, init):
    X = clouds(20_000, 2, 3)
    weights = np.zeros(len(X))
    weights[:20] = 1.0
    for seed in range(3):
        model = MiniBatchKMeans(3, init=init, random_state=seed)
        getattr(model, learn)(X, sample_weight=weights)
        assert (model.cluster_centers_ >= X[:20].min(axis=0)).all()
        assert (model.cluster_centers_ <= X[:20].max(axis=0)).all()
    with pytest.raises(ValueError, match="at least one non-zero"):
        MiniBatchKMeans(3, random_state=0).fit(X, sample_weight=np.zeros(len(X)))
    weights[2:] = 0.0
    with pytest.raises(ValueError, match="Only 2 of the weights are above zero"):
        MiniBatchKMeans(3, init="random").fit(X, sample_weight=weights)


def test_negative_weights_are_refused_in_every_batch():
    X = clouds(100, 2, 3)
    model = MiniBatchKMeans(3, random_state=0)
    for _ in range(2):
        with pytest.raises(ValueError, match="Negative values in data"):
            model.partial_fit(X, sample_weight=-np.ones(100))
        model.partial_fit(X)


@pytest.mark.parametrize("ratio", [1.0, 1.5, 1e9])
def test_the_largest_center_is_never_rare(ratio):
    X = clouds(500, 2, 3)
    model = MiniBatchKMeans(3, reassignment_ratio=ratio, random_state=0, batch_size=50).fit(X)
    for part in (X, X[:1], X[:2]):
        model.partial_fit(part)
    assert np.isfinite(model.cluster_centers_).all()


def test_labels_of_another_fit_are_not_kept():
    X = clouds(500, 2, 3)
    model = MiniBatchKMeans(3, random_state=0).fit(X)
    model.set_params(compute_labels=False).fit(X[:100])
    assert not hasattr(model, "labels_")
    model.set_params(compute_labels=True).partial_fit(X[:50])
    assert len(model.labels_) == 50
    model.set_params(compute_labels=False).partial_fit(X[:30])
    assert not hasattr(model, "labels_")
