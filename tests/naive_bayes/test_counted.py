"""MultinomialNB and BernoulliNB against scikit-learn, repeated rows and the definition."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn.naive_bayes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bernoulli, multinomial
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from groundup.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB, MultinomialNB

BOTH = pytest.mark.parametrize("cls", [MultinomialNB, BernoulliNB])
SPARSE = pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])


def counts(n=200, d=30, n_classes=4, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    rates = rng.exponential(0.7, size=(n_classes, d))
    return rng.poisson(rates[y]).astype(float), y


def twin(model):
    return getattr(sklearn.naive_bayes, type(model).__name__)(**model.get_params())


@BOTH
@SPARSE
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"alpha": 0.01},
        {"alpha": np.linspace(0.1, 2.0, 30)},
        {"fit_prior": False},
        {"class_prior": [0.1, 0.2, 0.3, 0.4]},
    ],
    ids=["default", "alpha", "alphas", "uniform", "priors"],
)
def test_equals_scikit_learn(cls, sparse, weighted, parameters):
    X, y = counts()
    if cls is BernoulliNB and np.ndim(parameters.get("alpha", 0.0)):
        pytest.skip("scikit-learn adds the alphas of columns to counts of classes")
    weights = np.random.default_rng(0).uniform(0.0, 2.0, len(X)) if weighted else None
    theirs = twin(cls(**parameters)).fit(X, y, weights)
    rows = scipy.sparse.csr_matrix(X) if sparse else X
    ours = cls(**parameters).fit(rows, y, weights)
    for name in ("class_count_", "class_log_prior_", "feature_count_", "feature_log_prob_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12)
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(X))
    for method in ("predict_proba", "predict_log_proba", "predict_joint_log_proba"):
        np.testing.assert_allclose(
            getattr(ours, method)(rows), getattr(theirs, method)(X), rtol=1e-9, atol=1e-10
        )


@BOTH
def test_digits_as_scikit_learn(cls):
    X, y = load_digits(return_X_y=True)
    ours = cls().fit(X, y)
    np.testing.assert_array_equal(ours.predict(X), twin(ours).fit(X, y).predict(X))


def test_multinomial_is_the_multinomial_distribution():
    X, y = counts(n_classes=2)
    model = MultinomialNB().fit(X, y)
    joint = np.stack(
        [
            np.log(np.mean(y == k)) + multinomial.logpmf(X, X.sum(axis=1), p)
            for k, p in enumerate(np.exp(model.feature_log_prob_))
        ],
        axis=1,
    )
    ours = model.predict_joint_log_proba(X)
    # the same but for what does not depend on the class
    np.testing.assert_allclose(ours[:, 0] - ours[:, 1], joint[:, 0] - joint[:, 1], rtol=1e-9)


def test_bernoulli_is_the_bernoulli_distribution():
    X, y = counts()
    model = BernoulliNB(binarize=1.5).fit(X, y)
    joint = np.stack(
        [
            np.log(np.mean(y == k)) + bernoulli.logpmf(X > 1.5, p).sum(axis=1)
            for k, p in enumerate(np.exp(model.feature_log_prob_))
        ],
        axis=1,
    )
    np.testing.assert_allclose(model.predict_joint_log_proba(X), joint, rtol=1e-10)


@BOTH
@SPARSE
@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5), seed=st.integers(0, 2**31))
def test_batches_end_where_all_at_once_does(cls, sparse, sizes, seed):
    X, y = counts(sum(sizes), 8, seed=seed)
    rows = scipy.sparse.csr_matrix(X) if sparse else X
    model = cls()
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        model.partial_fit(rows[end - size : end], y[end - size : end], classes=[0, 1, 2, 3])
    whole = cls().fit(rows, y)
    there = whole.classes_
    np.testing.assert_array_equal(model.feature_count_[there], whole.feature_count_)
    np.testing.assert_array_equal(model.feature_log_prob_[there], whole.feature_log_prob_)
    np.testing.assert_array_equal(model.class_log_prior_[there], whole.class_log_prior_)
    np.testing.assert_array_equal(model.predict(rows), whole.predict(rows))


@BOTH
@SPARSE
def test_without_smoothing_what_was_never_seen_is_impossible(cls, sparse):
    X = np.array([[2.0, 0, 1], [1, 0, 1], [0, 1, 1], [0, 3, 1]])
    y = [0, 0, 1, 1]
    rows = scipy.sparse.csr_matrix if sparse else np.asarray
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = cls(alpha=0.0).fit(rows(X), y)
        joint = model.predict_joint_log_proba(rows(X))
        p = model.predict_proba(rows(np.array([[1.0, 0, 1], [0, 1, 1], [1, 1, 1]])))
        # as the limit of less and less smoothing
        nearly = cls(alpha=1e-250).fit(X, y).predict_joint_log_proba(X)
    np.testing.assert_array_equal(np.isneginf(joint), nearly < -100)
    np.testing.assert_allclose(joint[np.isfinite(joint)], nearly[nearly > -100])
    np.testing.assert_allclose(p[:2], [[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(p[2], [0.5, 0.5])  # impossible in both: what is left is the prior


def test_bernoulli_smooths_each_column_by_its_own_alpha():
    X, y = counts()
    alpha = np.linspace(0.1, 2.0, 30)
    together = BernoulliNB(alpha=alpha).fit(X, y)
    for j in range(30):
        alone = BernoulliNB(alpha=alpha[j]).fit(X[:, [j]], y)
        np.testing.assert_array_equal(together.feature_log_prob_[:, [j]], alone.feature_log_prob_)


def test_bernoulli_keeps_the_digits_of_a_no_that_hardly_occurs():
    X = np.ones((10, 1))
    model = BernoulliNB(alpha=1e-20).fit(np.vstack([X, 0 * X]), [0] * 10 + [1] * 10)
    # 1 - p = alpha / (N + 2 alpha), which 1 - exp(log p) would make 0
    joint = model.predict_joint_log_proba([[0.0]])
    assert joint[0, 0] == pytest.approx(np.log(0.5) + np.log(1e-21))


@BOTH
def test_a_class_without_rows_has_no_probability(cls):
    X, y = counts(n_classes=2)
    model = cls().partial_fit(X, y, classes=[0, 1, 5])
    assert model.class_count_[2] == 0
    assert set(model.predict(X)) <= {0, 1}
    assert (model.predict_proba(X)[:, 2] == 0.0).all()
    model.partial_fit(X[:3], [5, 5, 5])
    assert model.class_count_[2] == 3


@BOTH
def test_constant_columns_and_one_class(cls):
    X, y = counts()
    X[:, 3] = 0.0
    assert np.isfinite(cls().fit(X, y).predict_proba(X)).all()
    one = cls().fit(X, np.full(len(X), "only"))
    np.testing.assert_array_equal(one.predict_proba(X), np.ones((len(X), 1)))
    np.testing.assert_array_equal(cls().fit(X[:1], ["only"]).predict(X[:2]), ["only", "only"])


@pytest.mark.parametrize("cls", [BernoulliNB, CategoricalNB, GaussianNB, MultinomialNB])
def test_predictions_have_the_same_bits_on_any_number_of_threads(cls):
    X, y = counts(3000, 500)
    X = np.minimum(X, 3.0)
    weights = np.random.default_rng(1).uniform(0.0, 2.0, len(X))
    with threadpool_limits(1):
        model = cls().fit(X, y, weights)
        alone = model.predict_joint_log_proba(X)
    with threadpool_limits(4):
        model = cls().fit(X, y, weights)
        np.testing.assert_array_equal(model.predict_joint_log_proba(X), alone)


def test_the_message_names_the_negative_value_of_a_place_that_is_given_twice():
    X = scipy.sparse.csr_matrix(([1.0, -3.0, 2.0], [0, 0, 1], [0, 2, 3]), shape=(2, 2))
    with pytest.raises(ValueError, match=r"-3 in row 0, column 0"):
        MultinomialNB().fit(X, [0, 1])


@SPARSE
def test_negative_counts_are_refused(sparse):
    X, y = counts()
    X[7, 4] = -2.0
    rows = scipy.sparse.csr_matrix(X) if sparse else X
    message = r"Negative values in data passed to MultinomialNB \(input X\): -2 in row 7, column 4"
    with pytest.raises(ValueError, match=message):
        MultinomialNB().fit(rows, y)
    with pytest.raises(ValueError, match=message):
        MultinomialNB().partial_fit(rows, y, classes=range(4))


@SPARSE
def test_bernoulli_without_threshold_needs_ones_and_zeros(sparse):
    X, y = counts()
    rows = scipy.sparse.csr_matrix(X) if sparse else X
    yes = (rows > 0).astype(float)
    np.testing.assert_array_equal(
        BernoulliNB(binarize=None).fit(yes, y).predict_proba(yes),
        BernoulliNB().fit(rows, y).predict_proba(rows),
    )
    with pytest.raises(ValueError, match=r"binarize=None.*zeros and ones"):
        BernoulliNB(binarize=None).fit(rows, y)


@BOTH
def test_places_stored_twice_are_summed(cls):
    twice = scipy.sparse.csr_matrix(([1.0, 1.0, 3.0], [0, 0, 1], [0, 2, 3]), shape=(2, 2))
    once = scipy.sparse.csr_matrix(([2.0, 3.0], [0, 1], [0, 1, 2]), shape=(2, 2))
    parameters = {"binarize": 1.5} if cls is BernoulliNB else {}
    for rows in (twice, once, once.tocsc(), scipy.sparse.coo_array(once)):
        model = cls(**parameters).fit(rows, [0, 1])
        expected = [[1, 0], [0, 1]] if cls is BernoulliNB else [[2, 0], [0, 3]]
        np.testing.assert_array_equal(model.feature_count_, expected)
    assert twice.nnz == 3


@BOTH
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"class_prior": [0.5, 0.5]}, "Number of priors must match"),
        ({"class_prior": [-0.1, 0.5, 0.5, 0.1]}, "non-negative"),
        ({"alpha": [1.0, 1.0]}, "alpha is an array"),
        ({"alpha": np.full(30, -1.0)}, "alpha must be finite and at least 0"),
        ({"alpha": -1.0}, "alpha"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(cls, parameters, message):
    X, y = counts()
    with pytest.raises(ValueError, match=message):
        cls(**parameters).fit(X, y)


@BOTH
def test_a_tiny_alpha_is_raised_unless_forced(cls):
    X, y = counts()
    with pytest.warns(UserWarning, match="alpha=0 is too small"):
        raised = cls(alpha=0.0, force_alpha=False).fit(X, y)
    np.testing.assert_array_equal(
        raised.feature_log_prob_, cls(alpha=1e-10).fit(X, y).feature_log_prob_
    )


@BOTH
@SPARSE
def test_nan_and_zero_weights_are_refused(cls, sparse):
    X, y = counts()
    rows = scipy.sparse.csr_matrix(X) if sparse else X
    with pytest.raises(ValueError, match="at least one non-zero"):
        cls().fit(rows, y, np.zeros(len(y)))
    X[3, 3] = np.nan
    rows = scipy.sparse.csr_matrix(X) if sparse else X
    for call in (
        lambda: cls().fit(rows, y),
        lambda: cls().partial_fit(rows, y, classes=range(4)),
        lambda: cls().fit(np.nan_to_num(X), y).predict(rows),
    ):
        with pytest.raises(ValueError, match="NaN"):
            call()


@BOTH
def test_weights_are_repetitions(cls):
    X, y = counts(80)
    weights = np.random.default_rng(1).integers(0, 4, 80)
    weighted = cls().fit(X, y, weights)
    repeated = cls().fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    np.testing.assert_array_equal(weighted.feature_count_, repeated.feature_count_)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X))
