"""TruncatedSVD against SciPy's singular values and against scikit-learn, dense and sparse."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.decomposition import TruncatedSVD as SklearnTruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from groundup.decomposition import PCA, TruncatedSVD


def words(n, d, seed=0):
    """Sparse counts: two thirds of each row's words are its topic's, a tenth of the columns."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(8, size=n)
    columns = rng.integers(d, size=(n, 30))
    own = rng.random((n, 30)) < 0.67
    columns[own] = (columns[own] % (d // 10)) + (d // 10) * np.repeat(topic, own.sum(axis=1))
    rows = np.repeat(np.arange(n), 30)
    return scipy.sparse.csr_matrix((np.ones(n * 30), (rows, columns.ravel())), shape=(n, d))


def by_svd(X, k):
    _, s, Vt = scipy.linalg.svd(X, full_matrices=False)
    signs = np.sign(Vt[np.arange(len(Vt)), np.abs(Vt).argmax(axis=1)])
    return s[:k], (signs[:, np.newaxis] * Vt)[:k]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("algorithm", ["randomized", "arpack"])
@pytest.mark.parametrize("shape", [(200, 60), (60, 200), (150, 4)])
def test_equals_singular_values(shape, algorithm, sparse):
    rng = np.random.default_rng(0)
    V, _ = np.linalg.qr(rng.standard_normal((shape[1], shape[1])))
    X = (rng.standard_normal(shape) * 0.8 ** np.arange(shape[1])) @ V + 0.3
    model = TruncatedSVD(3, algorithm=algorithm, n_iter=20, random_state=0)
    Z = model.fit_transform(scipy.sparse.csr_matrix(X) if sparse else X)
    s, Vt = by_svd(X, 3)
    np.testing.assert_allclose(model.singular_values_, s, rtol=1e-9)
    np.testing.assert_allclose(model.components_, Vt, atol=1e-7)
    np.testing.assert_allclose(Z, X @ Vt.T, atol=1e-6)
    np.testing.assert_allclose(model.explained_variance_, (X @ Vt.T).var(axis=0), rtol=1e-7)
    np.testing.assert_allclose(
        model.explained_variance_ratio_, (X @ Vt.T).var(axis=0) / X.var(axis=0).sum(), rtol=1e-7
    )
    np.testing.assert_allclose(model.inverse_transform(Z), X @ Vt.T @ Vt, atol=1e-6)


@pytest.mark.parametrize("make", [lambda: words(400, 300), lambda: words(150, 500)])
@pytest.mark.parametrize("k", [2, 12])
def test_draws_as_scikit_learn_does(make, k):
    X = make()
    ours = TruncatedSVD(k, random_state=5).fit(X)
    theirs = SklearnTruncatedSVD(k, random_state=5).fit(X)
    for name in ("singular_values_", "explained_variance_", "explained_variance_ratio_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6)
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-5)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-4)
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())


def test_sparse_equals_dense():
    X = words(300, 200)
    sparse, dense = TruncatedSVD(5, random_state=0), TruncatedSVD(5, random_state=0)
    Z, W = sparse.fit_transform(X), dense.fit_transform(X.toarray())
    np.testing.assert_allclose(Z, W, atol=1e-9)
    np.testing.assert_allclose(sparse.components_, dense.components_, atol=1e-9)
    np.testing.assert_allclose(
        sparse.explained_variance_ratio_, dense.explained_variance_ratio_, rtol=1e-9
    )


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_every_sparse_form(form, kind):
    X = words(100, 80)
    make = getattr(scipy.sparse, f"{form}_{kind}")
    expected = TruncatedSVD(3, random_state=0).fit(X).transform(X)
    np.testing.assert_allclose(
        TruncatedSVD(3, random_state=0).fit(make(X)).transform(make(X)), expected, atol=1e-10
    )


def test_every_step_comes_nearer_to_the_table():
    X = words(300, 200).toarray()
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

    TruncatedSVD(6, n_oversamples=2, random_state=0).set_callbacks(Watcher()).fit(X)
    errors = [np.linalg.norm(X - m.inverse_transform(m.transform(X))) for m in watched]
    assert len(errors) == 6
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in itertools.pairwise(errors))
    _, Vt = by_svd(X, 6)
    best = np.linalg.norm(X - X @ Vt.T @ Vt)
    assert best * (1 - 1e-12) <= errors[-1] <= 1.001 * best


@given(st.integers(1, 30), st.integers(2, 30), st.integers(1, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_what_holds_of_any_table(n, d, k, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 3, (n, d)).astype(float)
    k = min(k, n, d)
    model = TruncatedSVD(k, n_iter=10, random_state=0).fit(X)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(k), atol=1e-10)
    best = scipy.linalg.svdvals(X)[:k]
    scale = max(1.0, best[0])
    assert (model.singular_values_ <= best + 1e-9 * scale).all()
    assert (np.diff(model.singular_values_) <= 1e-12 * scale).all()
    lengths = np.linalg.norm(model.transform(X), axis=0)
    assert (lengths >= model.singular_values_ - 1e-9 * scale).all()


def test_centred_rows_give_principal_components():
    X = load_digits().data
    Z = X - X.mean(axis=0)
    model = TruncatedSVD(5, algorithm="arpack", random_state=0).fit(Z)
    pca = PCA(5).fit(X)
    np.testing.assert_allclose(model.components_, pca.components_, atol=1e-7)
    np.testing.assert_allclose(
        model.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-9
    )


def test_text_in_a_pipeline():
    texts = ["a ship at sea", "the boat at sea", "bread and butter", "butter and jam"] * 5
    Z = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0)).fit_transform(texts)
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    alike = Z @ Z.T
    assert alike[0, 1] > 0.99
    assert alike[2, 3] > 0.99
    assert abs(alike[0, 2]) < 0.1


def test_constant_columns_and_one_row():
    model = TruncatedSVD(2).fit(np.full((20, 3), 2.0))
    np.testing.assert_allclose(model.components_[0], np.ones(3) / np.sqrt(3.0))
    np.testing.assert_array_equal(model.explained_variance_ratio_, 0.0)
    with pytest.warns(UserWarning, match="1 components are kept"):
        one = TruncatedSVD(2).fit([[3.0, 4.0]])
    np.testing.assert_allclose(one.components_, [[0.6, 0.8]])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 5}, "n_components=5 must be at most n_features=4"),
        ({"n_components": 4, "algorithm": "arpack"}, "must be less than"),
        ({"n_components": 0}, "n_components"),
    ],
)
def test_what_cannot_be_done_is_said(parameters, message):
    with pytest.raises(ValueError, match=message):
        TruncatedSVD(**parameters).fit(np.eye(10, 4))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sparse_value_that_is_not_finite_is_refused(bad):
    X = words(50, 40)
    X.data[7] = bad
    with pytest.raises(ValueError, match="NaN|infinity"):
        TruncatedSVD().fit(X)


@pytest.mark.parametrize("algorithm", ["randomized", "arpack"])
def test_the_variance_of_sparse_columns_far_from_zero(algorithm):
    X = np.random.default_rng(0).standard_normal((500, 5)) + 1e8
    X[::7, 2] = 0.0
    X[:, 4] = 0.1
    sparse, dense = (TruncatedSVD(2, algorithm=algorithm, random_state=0) for _ in range(2))
    sparse.fit(scipy.sparse.csr_matrix(X))
    dense.fit(X)
    expected = (X @ dense.components_.T).var(axis=0) / X.var(axis=0).sum()
    np.testing.assert_allclose(sparse.explained_variance_ratio_, expected, rtol=1e-6)
    np.testing.assert_allclose(dense.explained_variance_ratio_, expected, rtol=1e-6)


def test_places_that_are_stored_twice_have_the_sum():
    X = scipy.sparse.csr_matrix(
        (np.arange(1.0, 8.0), np.array([2, 0, 0, 1, 1, 2, 0]), np.array([0, 3, 5, 7])), shape=(3, 3)
    )
    before = X.data.copy()
    sparse = TruncatedSVD(2, random_state=0).fit(X)
    np.testing.assert_array_equal(X.data, before)
    dense = TruncatedSVD(2, random_state=0).fit(X.toarray())
    for name in ("singular_values_", "explained_variance_", "explained_variance_ratio_"):
        np.testing.assert_allclose(getattr(sparse, name), getattr(dense, name), rtol=1e-12)
    assert sparse.explained_variance_ratio_.sum() <= 1.0


@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("algorithm", ["randomized", "arpack"])
def test_equal_rows_have_no_variance_to_explain(make, algorithm):
    model = TruncatedSVD(1, algorithm=algorithm).fit(make(np.full((300, 20), 0.1)))
    np.testing.assert_array_equal(model.explained_variance_ratio_, 0.0)


@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("algorithm", ["randomized", "arpack"])
def test_a_table_of_zeros_warns(make, algorithm):
    with pytest.warns(UserWarning, match="All values of X are 0"):
        model = TruncatedSVD(2, algorithm=algorithm, random_state=0).fit(make(np.zeros((30, 20))))
    np.testing.assert_array_equal(model.singular_values_, 0.0)
    np.testing.assert_array_equal(model.explained_variance_ratio_, 0.0)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(2))


@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("algorithm", ["randomized", "arpack"])
def test_squares_that_overflow_are_named(make, algorithm):
    X = np.random.default_rng(0).standard_normal((30, 20)) * 1e300
    with pytest.raises(ValueError, match="squares of X overflow"):
        TruncatedSVD(2, algorithm=algorithm).fit(make(X))


@pytest.mark.parametrize("algorithm", ["randomized", "arpack"])
@pytest.mark.parametrize("shape", [(3000, 200), (200, 3000)])
def test_threads_of_blas_change_no_bit(algorithm, shape):
    X = np.random.default_rng(0).standard_normal(shape)
    for table in (X, scipy.sparse.csr_matrix(np.where(X > 1.5, X, 0.0))):
        fits = []
        for n_threads in (1, 2):
            with threadpool_limits(n_threads):
                model = TruncatedSVD(5, algorithm=algorithm, n_iter=2, random_state=0)
                fits.append((model.fit_transform(table), model.components_))
        for one, two in zip(*fits, strict=True):
            np.testing.assert_array_equal(one, two)
