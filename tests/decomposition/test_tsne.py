"""t-SNE: affinities, tree and forces against their formulas; maps against scikit-learn's."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import tsne_naive
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.manifold import TSNE as SklearnTSNE
from sklearn.manifold import trustworthiness
from sklearn.manifold._t_sne import _kl_divergence_bh
from sklearn.metrics import pairwise_distances

from groundup.decomposition import TSNE
from groundup.decomposition._affinities import conditional_probabilities, joint_probabilities
from groundup.decomposition._all_pairs import over_all_pairs
from groundup.decomposition._quad_tree import GROUP, LEAF, empty_tree, grow
from groundup.decomposition._tsne_descent import descend
from groundup.decomposition._tsne_forces import by_tree


def rows_and_map(n, d=2, seed=0, spread=5.0):
    """P of some rows, as CSR, and points that have nothing to do with them."""
    rng = np.random.default_rng(seed)
    X, _ = make_blobs(n, 5, centers=4, random_state=seed)
    squared = pairwise_distances(X, metric="sqeuclidean")
    np.fill_diagonal(squared, np.inf)
    k = min(n - 1, 40)
    neighbors = np.argsort(squared, axis=1)[:, :k]
    p = conditional_probabilities(np.take_along_axis(squared, neighbors, axis=1), 12.0)
    return joint_probabilities(p, neighbors), spread * rng.standard_normal((n, d))


# --- affinities


def test_a_row_of_affinities_is_the_bisected_one():
    squared = np.random.default_rng(0).gamma(2.0, size=(60, 25)) * 10.0 ** np.arange(-6, 6).repeat(
        5
    ).reshape(60, 1)
    p = conditional_probabilities(squared, 7.5)
    for i in range(len(squared)):
        np.testing.assert_allclose(
            p[i], tsne_naive.conditional_row(squared[i], 7.5), rtol=1e-6, atol=1e-12
        )


@given(
    n=st.integers(1, 4),
    k=st.integers(2, 40),
    perplexity=st.floats(1.01, 60.0),
    scale=st.integers(-30, 30),
    rounded=st.booleans(),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_entropy_is_what_was_asked_for_or_as_near_as_it_can_be(
    n, k, perplexity, scale, rounded, seed
):
    squared = np.random.default_rng(seed).exponential(size=(n, k)) * 10.0
    if rounded:
        squared = np.floor(squared)  # ties, also of the least distance
    p = conditional_probabilities(squared * 10.0**scale, perplexity)
    assert np.all(p >= 0) and np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    for i in range(n):
        # A row's entropy lies between those of its nearest alone and of a fair choice among all.
        fewest = np.log(np.sum(squared[i] == squared[i].min()))
        wanted = np.clip(np.log(perplexity), fewest, np.log(k))
        assert tsne_naive.entropy(p[i]) == pytest.approx(wanted, abs=1e-4)


def test_joint_affinities_are_symmetric_and_sum_to_one():
    P, _ = rows_and_map(150)
    assert P.sum() == pytest.approx(1.0, abs=1e-12)
    assert abs(P - P.T).max() == 0.0
    assert P.diagonal().max() == 0.0


# --- the tree


def points(kind, n, d):
    rng = np.random.default_rng(3)
    Y = rng.standard_normal((n, d))
    if kind == "same":
        Y[:] = 1.5
    elif kind == "two places":
        Y = np.where(rng.random((n, 1)) < 0.3, -1.0, 2.0) * np.ones((1, d))
    elif kind == "far one":
        Y[7] = 1e6
    elif kind == "line":
        Y[:, 1:] = 0.0
    elif kind == "tiny":
        Y *= 1e-12
    return Y


KINDS = ["normal", "same", "two places", "far one", "line", "tiny"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("n", [2, 40, 700])
def test_the_tree_holds_every_point_once(kind, n, d):
    Y = points(kind, max(n, 8), d)
    tree = empty_tree(len(Y), d)
    n_nodes, n_groups = grow(Y, tree)
    assert sorted(tree.order) == list(range(len(Y)))
    np.testing.assert_array_equal(tree.points, Y[tree.order].T)
    assert np.all(np.diff(tree.codes[0]) >= 0)
    leaves = np.zeros(len(Y), int)
    for node in range(n_nodes):
        start, stop, skip, parent = tree.ranges[node]
        inside = tree.points[:, start:stop].T
        center, least, greatest = tree.shapes[node].reshape(3, d)
        np.testing.assert_allclose(center, inside.mean(axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(least, inside.min(axis=0))
        np.testing.assert_array_equal(greatest, inside.max(axis=0))
        if skip == node + 1:
            leaves[start:stop] += 1
            assert stop - start <= LEAF or len(set(tree.codes[0, start:stop])) == 1
        if parent >= 0:
            assert tree.ranges[parent, 0] <= start < stop <= tree.ranges[parent, 1]
            assert node < skip <= tree.ranges[parent, 2]
    assert np.all(leaves == 1)
    # The groups are a walk along the curve.
    groups = tree.ranges[tree.groups[:n_groups]]
    assert groups[0, 0] == 0 and groups[-1, 1] == len(Y)
    np.testing.assert_array_equal(groups[1:, 0], groups[:-1, 1])
    assert all(
        stop - start <= GROUP or skip == node + 1
        for (start, stop, skip, _), node in zip(groups, tree.groups, strict=False)
    )


# --- the forces


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_forces_over_all_pairs_are_the_naive_ones(d):
    P, Y = rows_and_map(60, d)
    P = P.toarray()
    freedom = max(d - 1.0, 1.0)
    forces, divergence = over_all_pairs(P, Y, freedom, 1)
    pull, push = forces(Y)
    naive_pull, naive_push, total = tsne_naive.pull_and_push(P, Y)
    np.testing.assert_allclose(pull, naive_pull, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(push[:, :d], naive_push, rtol=1e-9, atol=1e-12)
    assert push[:, d].sum() == pytest.approx(total, rel=1e-12)
    assert divergence(Y, total) == pytest.approx(tsne_naive.divergence(P, Y), rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_the_gradient_is_the_slope_of_the_divergence(d):
    P, Y = rows_and_map(30, d, spread=1.0)
    P = P.toarray()
    gradient = tsne_naive.gradient(P, Y)
    for i, f in [(0, 0), (7, d - 1), (29, 0)]:
        step = np.zeros_like(Y)
        step[i, f] = 1e-6
        slope = tsne_naive.divergence(P, Y + step) - tsne_naive.divergence(P, Y - step)
        assert gradient[i, f] == pytest.approx(slope / 2e-6, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("n", [9, 300])
def test_angle_zero_sums_all_pairs(kind, n, d):
    P, _ = rows_and_map(n)
    Y = points(kind, n, d)
    pull, push = by_tree(P, Y, 0.0, 1)[0](Y)
    exact_pull, exact_push = over_all_pairs(P.toarray(), Y, d - 1.0, 1)[0](Y)
    # The tree's sums are made in single precision.
    for ours, exact in [(pull, exact_pull), (push[:, :d], exact_push[:, :d])]:
        np.testing.assert_allclose(ours, exact, rtol=1e-4, atol=2e-5 * np.abs(exact).max() + 1e-12)
    assert push[:, d].sum() == pytest.approx(exact_push[:, d].sum(), rel=1e-5)


@pytest.mark.parametrize(("d", "most"), [(2, 0.015), (3, 0.03)])
def test_the_push_by_tree_is_close_to_that_of_all_pairs(d, most):
    P, Y = rows_and_map(1500, d, spread=15.0)
    _, push = by_tree(P, Y, 0.5, 1)[0](Y)
    _, exact = over_all_pairs(P.toarray(), Y, d - 1.0, 1)[0](Y)
    ours = push[:, :d] / push[:, d].sum()
    right = exact[:, :d] / exact[:, d].sum()
    assert np.linalg.norm(ours - right) < most * np.linalg.norm(right)
    assert push[:, d].sum() == pytest.approx(exact[:, d].sum(), rel=0.02)


def test_the_gradient_by_tree_is_as_exact_as_that_of_scikit_learn():
    X, _ = make_blobs(1500, 10, centers=10, random_state=0)
    Y = TSNE(max_iter=300).fit_transform(X)
    P, _ = rows_and_map(1500)
    n = len(Y)
    forces, divergence = by_tree(P, Y, 0.5, 1)
    pull, push = forces(Y)
    total = push[:, 2].sum()
    ours = 4.0 * (pull - push[:, :2] / total)
    pull, push = over_all_pairs(P.toarray(), Y, 1.0, 1)[0](Y)
    exact = 4.0 * (pull - push[:, :2] / push[:, 2].sum())
    kl, theirs = _kl_divergence_bh(Y.astype(np.float32).ravel(), P, 1, n, 2, angle=0.5)
    error = np.linalg.norm(ours - exact)
    assert error <= np.linalg.norm(theirs.reshape(n, 2) - exact)
    assert error < 0.02 * np.linalg.norm(exact)
    assert divergence(Y, total) == pytest.approx(kl, rel=1e-2)
    assert divergence(Y, push[:, 2].sum()) == pytest.approx(
        tsne_naive_divergence(P.toarray(), Y), rel=1e-5
    )


def tsne_naive_divergence(P, Y):
    """The same as `tsne_naive.divergence`, for the plane and without its loops."""
    q = 1.0 / (1.0 + pairwise_distances(Y, metric="sqeuclidean"))
    np.fill_diagonal(q, 0.0)
    i, j = np.nonzero(P)
    return np.sum(P[i, j] * np.log(P[i, j] * q.sum() / q[i, j]))


# --- the descent


def test_every_step_is_the_one_of_the_textbook():
    P, Y = rows_and_map(40, spread=1e-2)
    P = P.toarray()
    naive, last, gains = Y.copy(), np.zeros_like(Y), np.ones_like(Y)
    forces, divergence = over_all_pairs(P, Y, 1.0, 1)
    looks = []
    steps = descend(
        forces, divergence, Y, 1.0, 50.0, 4.0, 260, 300, 0.0, lambda *look: looks.append(look)
    )
    for number, state in enumerate(steps, start=1):
        exaggeration, momentum = (4.0, 0.5) if number <= 250 else (1.0, 0.8)
        if number == 251:  # the second phase begins without a past
            last, gains = np.zeros_like(Y), np.ones_like(Y)
        if number in (1, 2, 3, 49, 50, 51, 249, 250, 251, 252, 260):
            slope = tsne_naive.gradient(exaggeration * P, naive)
            # gradient() has P sum to the exaggeration: the push is not scaled
            opposite = last * slope < 0
            gains = np.maximum(np.where(opposite, gains + 0.2, gains * 0.8), 0.01)
            last = momentum * last - 50.0 * gains * slope
            naive = naive + last
            np.testing.assert_allclose(state["embedding_"], naive, rtol=1e-6, atol=1e-9)
        else:  # in between the naive one is moved along
            frame = steps.gi_frame.f_locals
            naive, last, gains = Y.copy(), frame["last"].copy(), frame["gains"].copy()
        assert state["n_iter_"] == number
    assert [look[0] for look in looks] == [50, 100, 150, 200, 250, 260]
    assert state["kl_divergence_"] == looks[-1][1]


def test_divergence_falls_once_the_exaggeration_is_over():
    X = load_iris().data
    model = TSNE(max_iter=250)
    assert model.fit(X).n_iter_ == 250
    seen = []

    class Watch:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "step":
                assert fitted_estimator.embedding_.shape == (150, 2)
                assert np.isfinite(fitted_estimator.embedding_).all()
                seen.append(fitted_estimator.kl_divergence_)

    TSNE(max_iter=600).set_callbacks(Watch()).fit(X)
    assert len(seen) == 600
    assert np.isnan(seen[0]) and seen[49] > 10.0
    late = seen[299::50]
    assert all(later < earlier + 1e-3 for earlier, later in pairwise(late))


@pytest.mark.parametrize("method", ["barnes_hut", "exact"])
def test_a_map_of_digits_is_as_good_as_that_of_scikit_learn(method):
    X = load_digits().data[:500]
    P_of = TSNE()._neighbors(X, 91)
    P = joint_probabilities(conditional_probabilities(P_of[0], 30.0), P_of[1]).toarray()
    ours = TSNE(max_iter=750, method=method).fit(X)
    theirs = SklearnTSNE(max_iter=750, method="barnes_hut").fit(X)
    quality = trustworthiness(X, ours.embedding_)
    assert quality > 0.98
    assert quality >= trustworthiness(X, theirs.embedding_) - 0.003
    divergence = tsne_naive_divergence(P, ours.embedding_)
    assert divergence <= 1.03 * tsne_naive_divergence(P, theirs.embedding_)
    if method == "barnes_hut":
        assert ours.kl_divergence_ == pytest.approx(divergence, rel=0.01)
    assert ours.learning_rate_ == theirs.learning_rate_
    assert ours.n_iter_ == theirs.n_iter_ + 1 == 750


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_maps_of_one_to_three_dimensions_keep_clusters_apart(n_components):
    X, labels = make_blobs(240, 6, centers=4, cluster_std=0.5, random_state=1)
    Y = TSNE(n_components, max_iter=400, perplexity=20.0, random_state=0).fit_transform(X)
    assert Y.shape == (240, n_components)
    nearest = np.argsort(pairwise_distances(Y), axis=1)[:, 1:6]
    assert np.mean(labels[nearest] == labels[:, None]) > 0.99


def test_exact_has_any_number_of_dimensions():
    X = load_iris().data[::3]
    Y = TSNE(4, method="exact", max_iter=250, perplexity=10).fit_transform(X)
    assert Y.shape == (50, 4) and np.isfinite(Y).all()
    with pytest.raises(ValueError, match="at most 3 dimensions"):
        TSNE(4).fit(X)


def test_two_threads_give_the_same_bitsby_tree():
    X, _ = make_blobs(1200, 8, centers=6, random_state=2)
    one = TSNE(max_iter=260, n_jobs=1).fit(X)
    two = TSNE(max_iter=260, n_jobs=2).fit(X)
    np.testing.assert_array_equal(one.embedding_, two.embedding_)
    assert one.kl_divergence_ == two.kl_divergence_


@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_maps_of_a_few_rows_are_finite_and_as_good_as_those_of_scikit_learn(n, n_components):
    X = np.random.default_rng(n).standard_normal((n, 3))
    ours, theirs = [], []
    for seed in range(3):  # so few points get stuck in each other's way: the best of three
        start = np.random.default_rng(seed).standard_normal((n, n_components)) * 1e-4
        parameters = {"perplexity": n - 0.8, "init": start, "max_iter": 500}
        model = TSNE(n_components, **parameters).fit(X)
        assert np.isfinite(model.embedding_).all()
        ours.append(model.kl_divergence_)
        theirs.append(SklearnTSNE(n_components, **parameters).fit(X).kl_divergence_)
    assert -1e-4 < min(ours) <= 1.02 * min(theirs) + 1e-3
    # A perplexity of 1 leaves pairs that nothing holds together: they go as far as they can.
    model.set_params(perplexity=1.0).fit(X)
    assert np.isfinite(model.embedding_).all()
    assert -1e-3 < model.kl_divergence_ < 3.0


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("angle", [0.5, 1.0])
def test_points_far_apart_still_push_each_other(d, angle):
    P, _ = rows_and_map(60)
    Y = 1e5 * points("normal", 60, d)
    Y[:4] = Y[4]  # five at one place
    _, push = by_tree(P, Y, 0.0, 1)[0](Y)
    _, exact = over_all_pairs(P.toarray(), Y, d - 1.0, 1)[0](Y)
    np.testing.assert_allclose(push[:, d], exact[:, d], rtol=1e-4)
    largest = np.abs(exact[:, :d]).max(axis=1, keepdims=True)
    np.testing.assert_allclose(push[:, :d] / largest, exact[:, :d] / largest, atol=1e-3)
    _, push = by_tree(P, Y, angle, 1)[0](Y)
    np.testing.assert_allclose(push[:, d], exact[:, d], rtol=0.5)


def test_the_second_phase_begins_as_that_of_scikit_learn():
    # On a line, and shortly after the exaggeration, gains that are kept cost most.
    X = np.random.default_rng(0).standard_normal((60, 4))
    for n_components, max_iter in [(1, 1000), (2, 300)]:
        ours, theirs = [], []
        for seed in range(4):
            start = np.random.default_rng(seed).standard_normal((60, n_components)) * 1e-4
            parameters = {"perplexity": 5, "init": start, "max_iter": max_iter}
            ours.append(TSNE(n_components, **parameters).fit(X).kl_divergence_)
            theirs.append(SklearnTSNE(n_components, **parameters).fit(X).kl_divergence_)
        assert np.mean(ours) < 1.1 * np.mean(theirs)


@pytest.mark.parametrize("method", ["barnes_hut", "exact"])
@pytest.mark.parametrize("rate", [1e30, 1e300])
def test_a_map_that_flies_apart_is_an_error(method, rate):
    X = load_iris().data
    with pytest.raises(ValueError, match=r"flew apart in step .* learning_rate \(1e\+"):
        TSNE(learning_rate=rate, max_iter=250, method=method).fit(X)
    # A map that is merely torn apart is still made of numbers.
    for d in (1, 2, 3):
        torn = TSNE(d, learning_rate=1e10, max_iter=250, method=method).fit(X)
        assert np.isfinite(torn.embedding_).all() and np.isfinite(torn.kl_divergence_)


# --- parameters


def test_distances_may_be_given():
    X = load_iris().data[:100]
    start = np.random.default_rng(0).standard_normal((100, 2)) * 1e-4
    of_rows = TSNE(init=start, max_iter=250).fit(X)
    given = TSNE(init=start, max_iter=250, metric="precomputed").fit(pairwise_distances(X))
    # Ties between neighbours and the last digit of distances may differ.
    assert given.kl_divergence_ == pytest.approx(of_rows.kl_divergence_, rel=1e-3)
    assert np.all(start == start) and np.abs(start).max() < 1e-3  # left alone
    for method in ("barnes_hut", "exact"):
        model = TSNE(metric="precomputed", init="random", random_state=0, method=method)
        model.set_params(max_iter=250, perplexity=5).fit(pairwise_distances(X))
        assert np.isfinite(model.embedding_).all()


def test_metrics_of_the_neighbours():
    X = load_iris().data[:60]
    for metric in ("manhattan", "cosine", "chebyshev"):
        Y = TSNE(metric=metric, perplexity=10, max_iter=250).fit_transform(X)
        assert np.isfinite(Y).all()
    with pytest.raises(ValueError, match="metric='canberra' is not supported; use one of"):
        TSNE(metric="canberra", perplexity=5).fit(X)


def test_stops_without_progress_and_at_a_flat_gradient():
    P, Y = rows_and_map(20)
    forces, _ = over_all_pairs(P.toarray(), Y, 1.0, 1)
    no_progress = descend(
        # -1: no gradient is that short, not even where the points have fallen together
        forces,
        lambda Y, total: 1.0,
        Y,
        1.0,
        1.0,
        12.0,
        1000,
        60,
        -1.0,
        lambda *look: None,
    )
    # Never in the first 250; then the look at 300 is the best, and 60 steps later is 400.
    assert [state["n_iter_"] for state in no_progress][-1] == 400
    X = load_iris().data
    # scikit-learn leaves each of the two stages at its first look.
    assert TSNE(min_grad_norm=1e3).fit(X).n_iter_ == 100
    assert SklearnTSNE(min_grad_norm=1e3).fit(X).n_iter_ == 99


def test_verbose_tells_the_divergence(capsys):
    model = TSNE(max_iter=300, verbose=2).fit(load_iris().data)
    told = capsys.readouterr().out
    assert f"after 300 iterations: {model.kl_divergence_:.6f}" in told
    assert "early exaggeration" in told and "Iteration 50:" in told


# --- bad input


def test_a_perplexity_beyond_the_rows_is_refused():
    X = np.random.default_rng(0).standard_normal((30, 3))
    with pytest.raises(ValueError, match=r"perplexity \(30.0\) must be less than n_samples \(30\)"):
        TSNE().fit(X)
    with pytest.raises(ValueError, match="at least 2 rows; got n_samples=1"):
        TSNE(perplexity=0.5).fit(X[:1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"init": np.zeros((10, 2))}, r"init has shape \(10, 2\).*= \(40, 2\)"),
        ({"init": np.full((40, 2), np.nan)}, "not finite"),
        ({"init": np.full((40, 2), -1e200)}, "coordinates up to 1e"),
        ({"metric": "precomputed", "init": "random"}, "square distance matrix"),
        ({"metric": "precomputed"}, "cannot be used with metric='precomputed'"),
        ({"max_iter": 249}, "max_iter"),
        ({"angle": 1.5}, "angle"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"n_components": 3}, "n_features=2; use init='random'"),
    ],
)
def test_parameters_that_do_not_go_together(parameters, message):
    X = np.random.default_rng(0).standard_normal((40, 2))
    with pytest.raises(ValueError, match=message):
        TSNE(perplexity=5, **parameters).fit(X)


def test_negative_distances_are_refused():
    with pytest.raises(ValueError, match="Negative values"):
        TSNE(perplexity=2, metric="precomputed", init="random").fit(np.full((10, 10), -1.0))


def test_duplicate_rows_stay_together():
    X = np.repeat(np.random.default_rng(0).standard_normal((12, 4)), 20, axis=0)
    Y = TSNE(perplexity=15, max_iter=500, random_state=0).fit_transform(X)
    assert np.isfinite(Y).all()
    groups = Y.reshape(12, 20, 2)
    within = np.ptp(groups, axis=1).max()
    between = pairwise_distances(groups.mean(axis=1))[np.triu_indices(12, 1)].min()
    assert within < between


def test_rows_that_are_all_the_same_give_a_warning():
    with pytest.warns(UserWarning, match="All rows are the same"):
        Y = TSNE(perplexity=5, max_iter=250, random_state=0).fit_transform(np.ones((50, 3)))
    assert np.isfinite(Y).all()


def test_constant_columns_do_not_keep_the_points_on_a_line():
    X = np.zeros((80, 3))
    X[:, 1] = np.random.default_rng(0).standard_normal(80)
    Y = TSNE(perplexity=10, max_iter=400, random_state=0).fit_transform(X)
    assert np.isfinite(Y).all()
    assert Y.std(axis=0).min() > 1e-2


def test_a_far_row_leaves_the_others_a_map():
    X, labels = make_blobs(150, 4, centers=3, cluster_std=0.4, random_state=0)
    X[0] = 1e6
    Y = TSNE(perplexity=15, max_iter=500, random_state=0).fit_transform(X)
    assert np.isfinite(Y).all()
    nearest = np.argsort(pairwise_distances(Y[1:]), axis=1)[:, 1:4]
    assert np.mean(labels[1:][nearest] == labels[1:, None]) > 0.95


@pytest.mark.parametrize("scale", [1e-150, 1e120])
def test_the_unit_of_the_rows_does_not_matter(scale):
    X = load_iris().data[::2]
    Y = TSNE(perplexity=10, max_iter=250).fit_transform(X * scale)
    assert np.isfinite(Y).all()
    assert np.ptp(Y) > 1.0
