"""PCA against SciPy's singular values of the centred rows, and against scikit-learn."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.decomposition import PCA as SklearnPCA
from sklearn.decomposition import IncrementalPCA
from threadpoolctl import threadpool_limits

from groundup._estimator import read_only
from groundup.decomposition import PCA
from groundup.decomposition._dimension import components_to_keep
from groundup.decomposition._scatter import scatter

SOLVERS = ("full", "covariance_eigh", "arpack", "randomized")


def correlated(n, d, seed=0, decay=0.7):
    """Normal rows whose variances fall by a factor from one direction to the next."""
    rng = np.random.default_rng(seed)
    V, _ = np.linalg.qr(rng.standard_normal((d, d)))
    return (rng.standard_normal((n, d)) * decay ** np.arange(d)) @ V + rng.standard_normal(d)


def by_svd(X):
    """Variances and components from the definition."""
    _, s, Vt = scipy.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    signs = np.sign(Vt[np.arange(len(Vt)), np.abs(Vt).argmax(axis=1)])
    return s**2 / (len(X) - 1), signs[:, np.newaxis] * Vt


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(300, 6), (12_000, 6), (30, 20), (20, 30)])
def test_equals_singular_values_of_the_centred_rows(shape, solver):
    X = correlated(*shape)
    pca = PCA(4, svd_solver=solver, random_state=0, iterated_power=20).fit(X)
    variances, components = by_svd(X)
    np.testing.assert_allclose(pca.explained_variance_, variances[:4], rtol=1e-9)
    np.testing.assert_allclose(pca.components_, components[:4], atol=1e-7)
    np.testing.assert_allclose(
        pca.explained_variance_ratio_, variances[:4] / variances.sum(), rtol=1e-9
    )
    np.testing.assert_allclose(
        pca.singular_values_, np.sqrt(variances[:4] * (len(X) - 1)), rtol=1e-9
    )
    rest = variances[4:].sum() / (min(shape) - 4)
    assert pca.noise_variance_ == pytest.approx(rest, rel=1e-7)
    np.testing.assert_allclose(pca.mean_, X.mean(axis=0), atol=1e-13)


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_digits])
@pytest.mark.parametrize("n_components", [None, 2, 0.95, "mle"])
@pytest.mark.parametrize("whiten", [False, True])
def test_equals_scikit_learn(load, n_components, whiten):
    X = load().data
    ours = PCA(n_components, whiten=whiten, svd_solver="full").fit(X)
    theirs = SklearnPCA(n_components, whiten=whiten, svd_solver="full").fit(X)
    assert ours.n_components_ == theirs.n_components_
    varying = theirs.explained_variance_ > 1e-9 * theirs.explained_variance_[0]
    np.testing.assert_allclose(ours.components_[varying], theirs.components_[varying], atol=1e-8)
    np.testing.assert_allclose(
        ours.explained_variance_[varying], theirs.explained_variance_[varying], rtol=1e-8
    )
    scale = np.abs(theirs.transform(X)[:, varying]).max()
    np.testing.assert_allclose(
        ours.transform(X)[:, varying], theirs.transform(X)[:, varying], atol=1e-8 * scale
    )
    np.testing.assert_allclose(
        ours.inverse_transform(ours.transform(X)),
        theirs.inverse_transform(theirs.transform(X)),
        atol=1e-7,
    )
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())


@pytest.mark.parametrize("shape", [(400, 60), (60, 400)])
def test_the_randomised_solver_draws_as_scikit_learn_does(shape):
    X = correlated(*shape, decay=0.9)
    parameters = {"n_components": 5, "svd_solver": "randomized", "random_state": 3}
    ours, theirs = PCA(**parameters).fit(X), SklearnPCA(**parameters).fit(X)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-8)
    np.testing.assert_allclose(ours.explained_variance_, theirs.explained_variance_, rtol=1e-10)
    assert ours.noise_variance_ == pytest.approx(theirs.noise_variance_)


def test_every_step_of_the_randomised_solver_explains_more():
    X = correlated(300, 80, decay=0.97)
    best = by_svd(X)[0][:5].sum()
    watched = []

    class Watcher:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "step" and fitted_estimator is not None:
                watched.append(fitted_estimator)

    pca = PCA(5, svd_solver="randomized", iterated_power=6, n_oversamples=3, random_state=0)
    pca.set_callbacks(Watcher()).fit(X)
    explained = [step.explained_variance_.sum() for step in watched]
    assert len(explained) == 7
    assert all(later >= earlier * (1 - 1e-12) for earlier, later in itertools.pairwise(explained))
    assert explained[-1] <= best * (1 + 1e-12)
    assert explained[-1] > 0.99 * best
    for step in watched:
        np.testing.assert_allclose(step.components_ @ step.components_.T, np.eye(5), atol=1e-12)


@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 2**32 - 1), st.integers(-8, 8))
@settings(max_examples=60, deadline=None)
def test_what_holds_of_any_rows(n, d, seed, magnitude):
    rng = np.random.default_rng(seed)
    X = rng.integers(-3, 4, (n, d)) * 10.0**magnitude  # duplicates and constant columns
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pca = PCA().fit(X)
    k = min(n, d)
    np.testing.assert_allclose(pca.components_ @ pca.components_.T, np.eye(k), atol=1e-12)
    assert (np.diff(pca.explained_variance_) <= 0).all()
    scale = np.abs(X).max()
    np.testing.assert_allclose(pca.inverse_transform(pca.transform(X)), X, atol=1e-9 * scale)
    np.testing.assert_allclose(
        pca.explained_variance_.sum(), X.var(axis=0, ddof=1).sum(), atol=1e-12 * scale**2
    )
    # coordinates do not correlate
    scatter = np.cov(pca.transform(X), rowvar=False).reshape(k, k)
    np.testing.assert_allclose(scatter, np.diag(pca.explained_variance_), atol=1e-9 * scale**2)


@pytest.mark.parametrize("pieces", [[300], [20, 280], [100, 1, 199], [60] * 5])
def test_pieces_give_what_the_whole_gives(pieces):
    X = correlated(300, 6)
    pca = PCA(3)
    for piece in np.split(X, np.cumsum(pieces)[:-1]):
        pca.partial_fit(piece)
    whole = PCA(3, svd_solver="covariance_eigh").fit(X)
    for name in ("components_", "explained_variance_", "explained_variance_ratio_", "mean_"):
        np.testing.assert_allclose(getattr(pca, name), getattr(whole, name), atol=1e-12)
    assert pca.noise_variance_ == pytest.approx(whole.noise_variance_, rel=1e-10)
    assert pca.n_samples_ == 300


def test_pieces_lose_nothing_that_incremental_pca_loses():
    X = correlated(600, 30, decay=0.95)
    ours, theirs = PCA(5), IncrementalPCA(5)
    for piece in np.split(X, 20):
        ours.partial_fit(piece)
        theirs.partial_fit(piece)
    best = by_svd(X)[0][:5]
    np.testing.assert_allclose(ours.explained_variance_, best, rtol=1e-10)
    assert np.abs(theirs.explained_variance_ - best).max() > 1e-4


def test_partial_fit_goes_on_from_fit():
    X = correlated(300, 6)
    pca = PCA(3).fit(X[:100]).partial_fit(X[100:])
    np.testing.assert_allclose(pca.components_, PCA(3).fit(X).components_, atol=1e-12)


def test_partial_fit_refuses_what_it_cannot_do():
    X = correlated(30, 6)
    with pytest.raises(ValueError, match="svd_solver='full' does not make"):
        PCA(svd_solver="full").partial_fit(X)
    fitted = PCA().fit(X)
    fitted.set_params(svd_solver="auto")
    assert fitted._fit_svd_solver == "full"
    with pytest.raises(ValueError, match="from the first rows"):
        fitted.partial_fit(X)
    with pytest.raises(ValueError, match="n_components=5"):
        PCA(5).partial_fit(X[:3])
    pca = PCA(2)
    with pytest.raises(ValueError, match="at least 2 rows"):
        pca.partial_fit(X[:1])
    pca.partial_fit(X)
    assert pca.n_samples_ == 30


@pytest.mark.parametrize("solver", SOLVERS)
def test_columns_far_from_zero(solver):
    X = correlated(500, 5)
    far = PCA(2, svd_solver=solver, random_state=0).fit(X + 1e8)
    near = PCA(2, svd_solver=solver, random_state=0).fit((X + 1e8) - 1e8)
    np.testing.assert_allclose(far.components_, near.components_, atol=1e-6)
    np.testing.assert_allclose(far.explained_variance_, near.explained_variance_, rtol=1e-7)
    np.testing.assert_allclose(far.transform(X + 1e8), near.transform((X + 1e8) - 1e8), atol=1e-6)


def test_auto_keeps_components_that_a_covariance_would_lose():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3)) * [1.0, 1e-6, 1e-9]
    variances, components = by_svd(X)
    pca = PCA().fit(X)
    np.testing.assert_allclose(pca.explained_variance_, variances, rtol=1e-6)
    np.testing.assert_allclose(np.abs(pca.components_), np.abs(components), atol=1e-6)
    white = PCA(whiten=True).fit_transform(X)
    np.testing.assert_allclose(np.cov(white, rowvar=False), np.eye(3), atol=1e-6)


@pytest.mark.parametrize("solver", ["full", "covariance_eigh"])
def test_constant_columns_carry_nothing(solver):
    X = np.hstack([correlated(200, 3), np.full((200, 2), 0.1)])
    pca = PCA(svd_solver=solver, whiten=True).fit(X)
    np.testing.assert_array_equal(pca.components_[:3, 3:], 0.0)
    np.testing.assert_allclose(pca.explained_variance_[3:], 0.0, atol=1e-15)
    assert np.isfinite(pca.transform(X)).all()


@pytest.mark.parametrize("solver", ["auto", "full", "covariance_eigh", "randomized"])
def test_equal_rows_warn(solver):
    with pytest.warns(UserWarning, match="All rows are the same"):
        pca = PCA(2, svd_solver=solver, random_state=0).fit(np.full((40, 3), 7.3))
    np.testing.assert_array_equal(pca.explained_variance_ratio_, 0.0)
    np.testing.assert_allclose(pca.transform(np.full((1, 3), 7.3)), 0.0)


@pytest.mark.parametrize(
    ("parameters", "shape", "message"),
    [
        ({}, (1, 3), "n_samples=1"),
        ({"n_components": 4}, (10, 3), "n_components=4 must be between 0 and"),
        ({"n_components": 4}, (3, 10), "vary in no more directions"),
        ({"n_components": "mle"}, (3, 10), "at least as many rows as columns"),
        ({"n_components": 3, "svd_solver": "arpack"}, (10, 3), "from 1 to 2"),
        ({"n_components": 0.5, "svd_solver": "randomized"}, (10, 3), "takes shares and 'mle'"),
        ({"n_components": 1.5}, (10, 3), "n_components"),
    ],
)
def test_what_cannot_be_done_is_said(parameters, shape, message):
    X = np.random.default_rng(0).standard_normal(shape)
    with pytest.raises(ValueError, match=message):
        PCA(**parameters).fit(X)


@pytest.mark.parametrize("whiten", [False, True])
def test_likelihood_is_that_of_the_model(whiten):
    X = correlated(200, 5)
    pca = PCA(3, whiten=whiten).fit(X)
    C = pca.get_covariance()
    np.testing.assert_allclose(pca.get_precision(), np.linalg.inv(C), rtol=1e-9)
    # C has the variances of the kept components, and the noise in all other directions
    variances = by_svd(X)[0]
    expected = np.r_[variances[:3], [variances[3:].mean()] * 2]
    np.testing.assert_allclose(np.linalg.eigvalsh(C)[::-1], expected, rtol=1e-10)
    density = multivariate_normal(pca.mean_, C).logpdf(X)
    np.testing.assert_allclose(pca.score_samples(X), density, rtol=1e-10)
    assert pca.score(X) == pytest.approx(density.mean())


def test_scores_equal_scikit_learn():
    X = load_iris().data
    for k in (1, 2, 4):
        ours, theirs = PCA(k).fit(X), SklearnPCA(k).fit(X)
        np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-9)
        np.testing.assert_allclose(ours.get_covariance(), theirs.get_covariance(), atol=1e-12)


def test_whitened_coordinates_have_unit_variance():
    X = load_iris().data
    Z = PCA(whiten=True).fit_transform(X)
    np.testing.assert_allclose(np.cov(Z, rowvar=False), np.eye(4), atol=1e-10)


def test_minka_finds_the_planted_dimension():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 10)) * 0.1
    X[:, :3] += rng.standard_normal((500, 3)) * [3.0, 2.0, 1.0]
    assert PCA("mle").fit(X).n_components_ == 3
    assert PCA("mle", svd_solver="covariance_eigh").fit(X).n_components_ == 3


def test_a_share_is_exceeded():
    variances = np.array([5.0, 3.0, 1.0, 1.0])
    assert [components_to_keep(s, variances, 50) for s in (0.1, 0.5, 0.79, 0.81, 0.999)] == [
        1, 2, 2, 3, 4,
    ]  # fmt: skip


def test_no_component_at_all():
    X = correlated(50, 3)
    pca = PCA(0).fit(X)
    assert pca.transform(X).shape == (50, 0)
    assert pca.noise_variance_ == pytest.approx(X.var(axis=0, ddof=1).mean())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_value_that_is_not_finite_is_refused_everywhere(solver, bad):
    X = correlated(60, 4)
    pca = PCA(2, svd_solver=solver, random_state=0).fit(X)
    broken = X.copy()
    broken[7, 2] = bad
    for method in (PCA(2, svd_solver=solver).fit, pca.transform, pca.score_samples):
        with pytest.raises(ValueError, match="NaN|infinity"):
            method(broken)
    with pytest.raises(ValueError, match="NaN|infinity"):
        PCA(0).fit(X).transform(broken)


def test_squares_that_overflow_are_named():
    with pytest.raises(ValueError, match="Scale the columns"):
        PCA(2).fit(correlated(100, 4) * 1e200)


@pytest.mark.parametrize("shape", [(30_000, 5), (9_000, 40)])
def test_the_scatter_in_one_pass(shape):
    rng = np.random.default_rng(0)
    X = np.cumsum(rng.standard_normal(shape), axis=0) + 1e6  # rows that drift
    X[:, 1] = np.sort(X[:, 1])
    X[shape[0] // 2, 2] = 1e9  # one row far from all others
    X[:, 3] = 0.1
    moments = scatter(read_only(X), 2)
    exact = X.astype(np.longdouble)
    Z = exact - exact.mean(axis=0)
    diagonal = np.sqrt((Z**2).sum(axis=0)).astype(float)
    expected = (Z.T @ Z).astype(float)
    error = np.abs(moments.second - expected)
    assert (error <= 1e-11 * np.outer(diagonal, diagonal) + 1e-9).all()
    assert (moments.second[3] == 0.0).all()
    np.testing.assert_allclose(moments.mean, exact.mean(axis=0).astype(float), rtol=1e-14)


def extremes():
    X = correlated(30, 20)
    X[0, 0], X[1, 0] = 1.5e308, -1.5e308
    return X


@pytest.mark.parametrize("solver", ["auto", *SOLVERS])
@pytest.mark.parametrize(
    "X", [correlated(30, 20) * 1e200, correlated(20, 30) * 1e200, extremes(), extremes().T]
)
def test_squares_that_overflow_are_named_by_every_solver(solver, X):
    with pytest.raises(ValueError, match="squares of X overflow"):
        PCA(2, svd_solver=solver, random_state=0).fit(np.ascontiguousarray(X))


def test_squares_that_overflow_in_a_later_piece_leave_the_model_as_it_was():
    X = correlated(30, 4)
    pca = PCA(2).partial_fit(X)
    variances = pca.explained_variance_.copy()
    with pytest.raises(ValueError, match="squares of X overflow"):
        pca.partial_fit(X * 1e200)
    np.testing.assert_array_equal(pca.explained_variance_, variances)


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (300, 20)])
@pytest.mark.parametrize("solver", ["auto", *SOLVERS])
def test_equal_rows_warn_once_and_of_nothing_else(solver, shape):
    X = np.full(shape, 0.1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pca = PCA(2, svd_solver=solver, random_state=0).fit(X)
    assert ["All rows are the same" in str(warning.message) for warning in caught] == [True]
    np.testing.assert_array_equal(pca.explained_variance_, 0.0)
    np.testing.assert_allclose(pca.components_ @ pca.components_.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(pca.transform(X), 0.0, atol=1e-15)


@pytest.mark.parametrize("asked", [0.9, "mle", None])
def test_every_rule_for_the_number_of_components_on_equal_rows(asked):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pca = PCA(asked).fit(np.full((300, 20), 0.1))
    assert ["All rows are the same" in str(warning.message) for warning in caught] == [True]
    assert pca.n_components_ == {0.9: 1, "mle": 0, None: 20}[asked]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(3000, 200), (200, 3000)])
def test_threads_of_blas_change_no_bit(solver, shape):
    X = np.random.default_rng(0).standard_normal(shape)
    if solver == "covariance_eigh" and shape[1] > shape[0]:
        X = X[:, :300]
    fits = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            pca = PCA(5, svd_solver=solver, random_state=0, iterated_power=2).fit(X)
            fits.append((pca.components_, pca.explained_variance_, pca.transform(X)))
    for one, two in zip(*fits, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_covariance_of_a_whitened_model_is_that_of_the_rows():
    X = load_iris().data
    plain, white = PCA().fit(X), PCA(whiten=True).fit(X)
    np.testing.assert_allclose(white.get_covariance(), np.cov(X, rowvar=False), atol=1e-12)
    np.testing.assert_array_equal(white.score_samples(X), plain.score_samples(X))
