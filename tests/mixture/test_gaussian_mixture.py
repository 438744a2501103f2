"""Gaussian mixtures against EM in plain NumPy, against scikit-learn, and against what must hold."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.linalg
from oracles.em_naive import em_step, log_densities, matrices
from scipy.special import logsumexp
from sklearn import mixture as sklearn_mixture
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from groundup._estimator import read_only
from groundup.mixture import GaussianMixture
from groundup.mixture._covariance import SHAPES
from groundup.mixture._em import em
from groundup.mixture._expectation import Components, Expectation

KINDS = ["full", "tied", "diag", "spherical"]
each_kind = pytest.mark.parametrize("kind", KINDS)
FITTED = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


def clouds(n=600, d=5, k=4, spread=2.0, seed=0):
    """Rows of k skewed normal clouds that overlap a little, and whose row is whose."""
    rng = np.random.default_rng(seed)
    centers = spread * rng.standard_normal((k, d))
    own = rng.integers(k, size=n)
    turned = rng.standard_normal((k, d, d)) / np.sqrt(d)
    return centers[own] + np.einsum("ij,ijl->il", rng.standard_normal((n, d)), turned[own]), own


def unit_precisions(kind, k, d):
    return {
        "full": np.repeat(np.eye(d)[np.newaxis], k, axis=0),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[kind]


def given_start(kind, X, k, **parameters):
    """Parameters of a fit in which nothing is random."""
    return {
        "n_components": k,
        "covariance_type": kind,
        "weights_init": np.full(k, 1.0 / k),
        "means_init": X[:k],
        "precisions_init": unit_precisions(kind, k, X.shape[1]),
        **parameters,
    }


def steps_of(X, kind, k, reg_covar, n_steps, tol=0.0):
    """Run the generator itself from the same start as `given_start`."""
    d = X.shape[1]
    rows = Expectation(read_only(np.ascontiguousarray(X)), SHAPES[kind], k)
    start = Components(np.full(k, 1.0 / k), X[:k].copy(), unit_precisions(kind, k, d))
    return em(rows, start, reg_covar, tol, n_steps)


def fitted_quietly(estimator, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X)


@each_kind
@pytest.mark.parametrize("shape", [(600, 5, 4), (150, 4, 3), (300, 1, 2), (700, 17, 3), (90, 3, 1)])
def test_every_step_equals_plain_numpy(kind, shape):
    n, d, k = shape
    X, _ = clouds(n, d, k)
    state = np.full(k, 1.0 / k), X[:k], unit_precisions(kind, k, d)
    for step in steps_of(X, kind, k, 1e-6, 8):
        *state, likelihood = em_step(X, *state, kind, 1e-6)
        np.testing.assert_allclose(step["weights_"], state[0], rtol=1e-9)
        np.testing.assert_allclose(step["means_"], state[1], rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(step["covariances_"], state[2], rtol=1e-8, atol=1e-10)
        assert step["lower_bound_"] == pytest.approx(likelihood, rel=1e-12)
        precision = np.linalg.inv(matrices(step["covariances_"], kind, k, d))
        given = matrices(step["precisions_"], kind, k, d)
        np.testing.assert_allclose(given, precision, rtol=1e-6, atol=1e-8)


@each_kind
@pytest.mark.parametrize("data", ["iris", "wine", "clouds"])
def test_same_start_same_steps_as_scikit_learn(kind, data):
    X = {"iris": load_iris, "wine": load_wine}[data]().data if data != "clouds" else clouds()[0]
    X = X / X.std(axis=0)
    parameters = given_start(kind, X[np.random.default_rng(1).permutation(len(X))], 3)
    parameters |= {"max_iter": 12, "tol": 0.0}
    ours = fitted_quietly(GaussianMixture(**parameters), X)
    theirs = fitted_quietly(sklearn_mixture.GaussianMixture(**parameters), X)
    for name in (*FITTED, "lower_bounds_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), 1e-6, 1e-8, name)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-8)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-7)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for criterion in ("bic", "aic", "score"):
        assert getattr(ours, criterion)(X) == pytest.approx(getattr(theirs, criterion)(X))
    assert ours.n_iter_ == theirs.n_iter_ == 12
    assert ours.converged_ is theirs.converged_ is False


@each_kind
@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
def test_the_starts_are_those_of_scikit_learn(kind, init):
    if kind == "tied" and init in ("k-means++", "random_from_data"):
        pytest.skip("there scikit-learn divides the scatter of all rows by the few that it drew")
    X, _ = clouds()
    parameters = {"n_components": 4, "covariance_type": kind, "init_params": init}
    ours = fitted_quietly(GaussianMixture(**parameters, max_iter=0, random_state=3), X)
    theirs = sklearn_mixture.GaussianMixture(**parameters, max_iter=0, random_state=3).fit(X)
    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-7)
    np.testing.assert_allclose(ours.covariances_, theirs.covariances_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.weights_, theirs.weights_ / theirs.weights_.sum(), rtol=1e-7)


@each_kind
@pytest.mark.parametrize("seed", range(4))
def test_the_log_likelihood_never_falls(kind, seed):
    X, _ = clouds(300, 4, 5, spread=1.0, seed=seed)
    bounds = [s["lower_bound_"] for s in steps_of(X, kind, 5, 0.0, 60)]
    assert len(bounds) == 60
    gains = np.diff(bounds)
    assert gains.min() >= -1e-13 * np.abs(bounds).max()
    assert gains.max() > 1e-3


@each_kind
@pytest.mark.parametrize("reg_covar", [1e-6, 1e-2, 0.3])
def test_with_reg_covar_it_falls_by_no_more_than_the_bound(kind, reg_covar):
    # L(new) - L(old) >= reg/2 sum_k w_k(new) (tr S_k(new)^-1 - tr S_k(old)^-1)
    X, _ = clouds(200, 3, 4, spread=1.0)
    X[:40] = X[0]  # one component will collapse onto these: reg_covar is all that it has
    k, d = 6, 3

    def traces(state):
        full = matrices(state["precisions_"], kind, k, d)
        return np.trace(full, axis1=1, axis2=2)

    steps = [dict(s) for s in steps_of(X, kind, k, reg_covar, 50)]
    for before, old, new in zip(steps, steps[1:], steps[2:], strict=False):
        # lower_bounds_ of a state is the likelihood of the parameters of the state before
        gain = new["lower_bound_"] - old["lower_bound_"]
        slack = 0.5 * reg_covar * old["weights_"] @ (traces(old) - traces(before))
        assert gain >= slack - 1e-12


@each_kind
def test_it_ends_where_the_likelihood_is_stationary(kind):
    X, _ = clouds()
    fitted = GaussianMixture(**given_start(kind, X, 4, reg_covar=0.0, tol=1e-14, max_iter=3000))
    fitted = fitted_quietly(fitted, X)
    again = em_step(X, fitted.weights_, fitted.means_, fitted.covariances_, kind, 0.0)
    np.testing.assert_allclose(again[1], fitted.means_, atol=1e-5)
    np.testing.assert_allclose(again[2], fitted.covariances_, atol=1e-5)


def test_it_finds_the_clouds():
    X, own = clouds(4000, 4, 5, spread=6.0)
    fitted = GaussianMixture(5, random_state=0, n_init=3).fit(X)
    assert adjusted_rand_score(own, fitted.predict(X)) > 0.99
    for k in range(5):
        c = np.argmin(np.linalg.norm(fitted.means_ - X[own == k].mean(axis=0), axis=1))
        np.testing.assert_allclose(fitted.covariances_[c], np.cov(X[own == k].T), atol=0.15)
        assert fitted.weights_[c] == pytest.approx(np.mean(own == k), abs=0.01)


@each_kind
def test_densities_of_the_fitted_mixture(kind):
    X, _ = clouds()
    fitted = GaussianMixture(4, covariance_type=kind, random_state=0).fit(X)
    full = matrices(fitted.covariances_, kind, 4, 5)
    expected = log_densities(X, fitted.weights_, fitted.means_, full)
    np.testing.assert_allclose(fitted.score_samples(X), logsumexp(expected, axis=1), rtol=1e-10)
    np.testing.assert_array_equal(fitted.predict(X), expected.argmax(axis=1))
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0, rtol=1e-12)
    again = GaussianMixture(4, covariance_type=kind, random_state=0).fit_predict(X)
    np.testing.assert_array_equal(again, fitted.predict(X))


def test_thin_clouds_come_out_as_if_they_were_round():
    # EM without reg_covar does not care for affine maps: X -> X A + b maps its every step.
    X, _ = clouds(500, 4, 3)
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    A, b = Q @ np.diag([1.0, 0.1, 1e-2, 1e-4]) @ Q.T, np.array([1.0, -5.0, 0.0, 1.0])
    U = scipy.linalg.rq(np.linalg.inv(A), mode="r")  # U U^T = (A A^T)^-1
    U *= np.sign(np.diag(U))
    Y = X @ A + b
    fits = []
    for rows, factor in ((X, np.eye(4)), (Y, U)):
        start = Components(np.full(3, 1 / 3), rows[:3].copy(), np.stack([factor] * 3))
        expectation = Expectation(read_only(rows), SHAPES["full"], 3)
        fits.append(list(em(expectation, start, 0.0, 0.0, 15))[-1])
    plain, thin = fits
    # a covariance with variances from 1 to 1e-8 knows the least of them to 1e-8
    np.testing.assert_allclose(thin["weights_"], plain["weights_"], rtol=1e-6)
    np.testing.assert_allclose(thin["means_"], plain["means_"] @ A + b, rtol=1e-6)
    shift = np.log(1e-7)  # log |A|
    np.testing.assert_allclose(thin["lower_bound_"] + shift, plain["lower_bound_"], rtol=1e-7)


@each_kind
@pytest.mark.parametrize("offset", [1e6, -1e8])
def test_far_from_zero_nothing_is_lost(kind, offset):
    X, _ = clouds(400, 3, 3)
    X = np.round(X * 2**10) / 2**10  # so that adding the offset is exact
    parameters = given_start(kind, X, 3, max_iter=10, tol=0.0)
    near = fitted_quietly(GaussianMixture(**parameters), X)
    parameters["means_init"] = X[:3] + offset
    far = fitted_quietly(GaussianMixture(**parameters), X + offset)
    np.testing.assert_allclose(far.means_ - offset, near.means_, atol=1e-6)
    np.testing.assert_allclose(far.covariances_, near.covariances_, rtol=1e-6, atol=1e-9)


@each_kind
def test_a_start_far_from_all_rows_costs_no_digits(kind):
    # Moments about a mean 1e7 standard deviations away would be gone; they are gathered again.
    X, _ = clouds(200, 3, 1)
    start = {"weights_init": [1.0], "precisions_init": unit_precisions(kind, 1, 3)}
    parameters = {**start, "covariance_type": kind, "max_iter": 1, "reg_covar": 0.0}
    fitted = fitted_quietly(GaussianMixture(means_init=np.full((1, 3), 1e7), **parameters), X)
    centred = X - X.mean(axis=0)
    expected = centred.T @ centred / len(X)
    expected = {"diag": np.diag(expected), "spherical": np.trace(expected) / 3}.get(kind, expected)
    np.testing.assert_allclose(fitted.means_[0], X.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(fitted.covariances_.reshape(np.shape(expected)), expected, 1e-10)


def test_a_row_far_from_every_component_has_shares():
    X, _ = clouds()
    fitted = GaussianMixture(4, random_state=0).fit(X)
    far = np.full((3, 5), 1e8)
    assert np.isfinite(fitted.score_samples(far)).all()
    np.testing.assert_allclose(fitted.predict_proba(far).sum(axis=1), 1.0)


@each_kind
@pytest.mark.parametrize("distance", [1e200, -1e308])
def test_a_row_infinitely_far_away_has_the_weights(kind, distance):
    X, _ = clouds()
    fitted = GaussianMixture(4, covariance_type=kind, random_state=0).fit(X)
    rows = X[:5].copy()
    rows[2] = distance
    shares, labels = fitted.predict_proba(rows), fitted.predict(rows)
    np.testing.assert_allclose(shares[2], fitted.weights_)
    np.testing.assert_array_equal(labels, shares.argmax(axis=1))
    assert fitted.score_samples(rows)[2] == -np.inf
    near = [0, 1, 3, 4]
    np.testing.assert_array_equal(shares[near], fitted.predict_proba(X[:5])[near])


def test_scratch_is_given_back_after_an_error():
    X, _ = clouds(50)
    rows = Expectation(X, SHAPES["diag"], 2)
    with pytest.raises(RuntimeError), rows._scratch():
        raise RuntimeError
    with rows._scratch() as first, rows._scratch() as second:
        assert first is not second and not rows.unused
    assert len(rows.unused) == 2


@each_kind
def test_one_thread_equals_two_to_the_bit(kind):
    X, _ = clouds(20_000, 6, 5)
    fits = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            estimator = GaussianMixture(**given_start(kind, X, 5, max_iter=5))
            fits.append(fitted_quietly(estimator, X))
    for name in FITTED:
        np.testing.assert_array_equal(getattr(fits[0], name), getattr(fits[1], name))


def test_fit_never_holds_the_responsibilities():
    X, _ = clouds(200_000, 2, 3)
    estimator = GaussianMixture(**given_start("diag", X, 50, max_iter=2))
    fitted_quietly(estimator, X[:1000])
    tracemalloc.start()
    fitted_quietly(estimator, X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6  # 200,000 x 50 of them would take 80e6 bytes


@each_kind
def test_a_warm_start_goes_on(kind):
    X, _ = clouds()
    through = fitted_quietly(GaussianMixture(**given_start(kind, X, 4, max_iter=10, tol=0.0)), X)
    parts = GaussianMixture(**given_start(kind, X, 4, max_iter=5, tol=0.0, warm_start=True))
    parts = fitted_quietly(fitted_quietly(parts, X), X)
    for name in FITTED:
        np.testing.assert_array_equal(getattr(parts, name), getattr(through, name))
    assert parts.lower_bounds_ == through.lower_bounds_[5:]


def test_a_warm_start_on_other_columns_or_components_is_refused():
    X, _ = clouds()
    fitted = GaussianMixture(3, warm_start=True, random_state=0).fit(X)
    with pytest.raises(ValueError, match="warm_start"):
        fitted.fit(X[:, :3])
    with pytest.raises(ValueError, match="warm_start"):
        fitted.set_params(n_components=4).fit(X)
    with pytest.raises(ValueError, match="warm_start"):
        fitted.set_params(n_components=3, covariance_type="diag").fit(X)
    assert fitted.n_features_in_ == 5


def test_the_best_of_several_starts_is_kept():
    X, _ = clouds(300, 2, 6, spread=3.0)
    parameters = {"init_params": "random_from_data", "max_iter": 200}
    seen = []

    class Watch:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if fitted_estimator is not None and context.task_name == "step":
                seen.append((fitted_estimator.n_iter_, fitted_estimator.lower_bound_))
            return False

    best = GaussianMixture(6, **parameters, n_init=5, random_state=0)
    best = fitted_quietly(best.set_callbacks(Watch()), X)
    ends = [now[1] for now, then in zip(seen, [*seen[1:], (1, 0)], strict=True) if then[0] == 1]
    assert len(ends) == 5
    assert best.lower_bound_ == max(ends) > min(ends)
    assert best.lower_bounds_[-1] == best.lower_bound_
    assert len(best.lower_bounds_) == best.n_iter_


@each_kind
def test_samples_come_from_the_mixture(kind):
    X, _ = clouds()
    fitted = GaussianMixture(4, covariance_type=kind, random_state=0).fit(X)
    rows, own = fitted.sample(20_000)
    assert rows.shape == (20_000, 5)
    assert np.all(np.diff(own) >= 0)
    np.testing.assert_allclose(np.bincount(own) / 20_000, fitted.weights_, atol=0.015)
    full = matrices(fitted.covariances_, kind, 4, 5)
    for k in range(4):
        np.testing.assert_allclose(rows[own == k].mean(axis=0), fitted.means_[k], atol=0.1)
        np.testing.assert_allclose(np.cov(rows[own == k].T), full[k], atol=0.25)
    with pytest.raises(ValueError, match="n_samples >= 1"):
        fitted.sample(0)


def test_verbose_tells_the_steps(capsys):
    X, _ = clouds()
    GaussianMixture(4, random_state=0, verbose=2, verbose_interval=1, n_init=2).fit(X)
    told = capsys.readouterr().out
    assert "Initialization 1" in told
    assert "Iteration 2\t time lapse" in told
    assert "Initialization converged. time lapse" in told


# Bad input: a clear error, or a right answer with a warning that names the cause.


def test_fewer_rows_than_components_is_refused():
    with pytest.raises(ValueError, match="n_samples=3 and n_components=4"):
        GaussianMixture(4).fit(np.eye(3))


def test_one_row_is_refused():
    with pytest.raises(ValueError, match="minimum of 2"):
        GaussianMixture(1).fit([[1.0, 2.0]])


@each_kind
def test_a_component_on_equal_rows_warns(kind):
    X, _ = clouds(200, 3, 1)
    X[:50] = 30.0
    if kind == "tied":  # shared with the others, it does not collapse
        GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
        return
    with pytest.warns(UserWarning, match=r"collapsed \(they hold 50 of 200 rows\).*reg_covar"):
        fitted = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    c = fitted.predict(X[:1])[0]
    np.testing.assert_allclose(fitted.means_[c], 30.0)
    assert fitted.weights_[c] == pytest.approx(0.25)
    with pytest.raises(ValueError, match=rf"Component {c}, which holds 50 rows.*reg_covar"):
        GaussianMixture(2, covariance_type=kind, random_state=0, reg_covar=0.0).fit(X)


@pytest.mark.parametrize("kind", ["full", "tied", "diag"])
def test_a_constant_column_warns_and_names_it(kind):
    X, _ = clouds(200, 3, 2)
    X[:, 1] = 7.0
    with pytest.warns(UserWarning, match="X is constant in column 1"):
        fitted = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    assert np.isfinite(fitted.score_samples(X)).all()
    with pytest.raises(ValueError, match="constant column"):
        GaussianMixture(2, covariance_type=kind, random_state=0, reg_covar=0.0).fit(X)


@each_kind
@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random_from_data"])
def test_fewer_distinct_rows_than_components_warns(kind, init):
    X = np.repeat(np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]]), 20, axis=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = GaussianMixture(5, covariance_type=kind, init_params=init, random_state=0).fit(X)
    said = " ".join(str(w.message) for w in caught)
    assert "reg_covar" in said or "no rows" in said
    assert np.isfinite(fitted.score_samples(X)).all()
    assert fitted.weights_.sum() == pytest.approx(1.0)
    if init == "kmeans":
        np.testing.assert_allclose(fitted.means_[fitted.predict(X)], X, atol=1e-8)


@each_kind
def test_a_component_without_rows_stays_and_warns(kind):
    X, _ = clouds(200, 3, 2)
    parameters = given_start(kind, X, 2)
    parameters["means_init"] = np.array([X.mean(axis=0), np.full(3, 1e6)])
    with pytest.warns(UserWarning, match="Component 1 has no rows at all"):
        fitted = GaussianMixture(**parameters).fit(X)
    assert fitted.weights_[1] == 0.0
    np.testing.assert_array_equal(fitted.means_[1], np.full(3, 1e6))
    if kind != "tied":
        own = matrices(fitted.covariances_, kind, 2, 3)[1]
        np.testing.assert_allclose(own, np.eye(3))
    assert (fitted.predict(X) == 0).all()
    alone = GaussianMixture(1, covariance_type=kind).fit(X)
    np.testing.assert_allclose(fitted.score(X), alone.score(X))
    assert len(fitted.sample(10)[0]) == 10


@each_kind
@pytest.mark.parametrize(("scale", "message"), [(1e160, "too large"), (1e-160, "too small")])
def test_numbers_without_a_square_are_refused_without_another_word(kind, scale, message):
    X, _ = clouds(100, 2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=f"X holds numbers {message} to be squared"):
            GaussianMixture(2, covariance_type=kind, reg_covar=0.0).fit(X * scale)
        # well inside the range it is as it is at scale 1
        inside = GaussianMixture(2, covariance_type=kind, reg_covar=0.0, random_state=0)
        power = 2.0**460 if scale > 1 else 2.0**-460
        found = inside.fit(X * power).means_ / power
        np.testing.assert_allclose(found, inside.fit(X).means_, rtol=1e-6)


@each_kind
def test_a_variance_too_small_to_invert_is_refused(kind):
    X, _ = clouds(100, 2, 2)
    thin = np.column_stack([X[:, 0], 1e-160 * X[:, 1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if kind == "spherical":  # its variance is that of the other column
            GaussianMixture(1, covariance_type=kind, reg_covar=0.0).fit(thin)
            return
        with pytest.raises(ValueError, match=r"too small to be inverted|not positive definite"):
            GaussianMixture(1, covariance_type=kind, reg_covar=0.0).fit(thin)


def test_a_start_infinitely_far_from_a_row_is_refused():
    X, _ = clouds(100, 2, 1)
    start = {"means_init": [[1e100, 0.0]], "precisions_init": [[1e150, 1e150]]}
    with pytest.raises(ValueError, match="means_init nearer to the rows, smaller precisions_init"):
        GaussianMixture(1, covariance_type="diag", **start).fit(X)


def test_too_few_steps_warn():
    X, _ = clouds()
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        GaussianMixture(4, max_iter=2, tol=0.0, random_state=0).fit(X)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weights_init": [0.5, 0.6]}, "sum to 1"),
        ({"weights_init": [1.5, -0.5]}, r"\[0, 1\]"),
        ({"weights_init": [1.0]}, r"weights_init must have the shape \(2,\)"),
        ({"means_init": np.zeros((2, 4))}, r"means_init must have the shape \(2, 5\)"),
        ({"means_init": np.full((2, 5), np.nan)}, "NaN"),
        ({"means_init": np.full((2, 5), 1e200)}, "means_init holds numbers too large"),
        ({"precisions_init": np.zeros((2, 5, 5))}, "positive definite"),
        ({"precisions_init": np.triu(np.ones((2, 5, 5)))}, "symmetric"),
        ({"precisions_init": np.zeros((2, 5)), "covariance_type": "diag"}, "must be positive"),
    ],
)
def test_a_start_that_makes_no_sense_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, **given).fit(clouds()[0])
