"""GaussianNB against exact fractions, SciPy's densities and scikit-learn."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.naive_bayes_naive import exact_moments, gaussian_joint
from sklearn.datasets import load_breast_cancer, load_iris, load_wine, make_classification
from sklearn.naive_bayes import GaussianNB as SklearnGaussianNB

from groundup.naive_bayes import GaussianNB


def rows(n=300, d=5, n_classes=3, seed=0, offset=0.0):
    X, y = make_classification(
        n, d, n_informative=d, n_redundant=0, n_classes=n_classes, random_state=seed
    )
    return X + offset, y


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn_on_real_data(load, weighted):
    X, y = load(return_X_y=True)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(X)) if weighted else None
    # Theirs counts rows once for epsilon_, ours by their weight.
    smoothing = 0.0 if weighted else 1e-9
    ours = GaussianNB(var_smoothing=smoothing).fit(X, y, weights)
    theirs = SklearnGaussianNB(var_smoothing=smoothing).fit(X, y, weights)
    for name in ("class_count_", "class_prior_", "theta_", "var_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9)
    assert ours.epsilon_ == pytest.approx(theirs.epsilon_, rel=1e-12)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for method in ("predict_proba", "predict_log_proba", "predict_joint_log_proba"):
        np.testing.assert_allclose(
            getattr(ours, method)(X), getattr(theirs, method)(X), rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
def test_moments_are_those_of_exact_arithmetic_far_from_the_origin(offset):
    X, y = rows(offset=offset)
    weights = np.random.default_rng(1).integers(0, 4, len(X)).astype(float)
    model = GaussianNB(var_smoothing=0).fit(X, y, weights)
    count, means, variances = exact_moments(X, y, weights, 3)
    np.testing.assert_array_equal(model.class_count_, count)
    np.testing.assert_allclose(model.theta_, means, rtol=1e-15, atol=1e-15)
    # the mean is rounded at 1e-16 of the offset, and the variance holds its square
    np.testing.assert_allclose(model.var_, variances, rtol=1e-13 + (1e-16 * offset) ** 2)


def test_joint_is_that_of_normal_densities():
    X, y = rows()
    model = GaussianNB().fit(X, y)
    expected = gaussian_joint(X, model.class_prior_, model.theta_, model.var_)
    np.testing.assert_allclose(model.predict_joint_log_proba(X), expected, rtol=1e-12)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])


def test_many_blocks_equal_one(monkeypatch):
    from groundup.naive_bayes import _class_moments

    X, y = rows(5000, 4, n_classes=2, offset=100.0)
    whole = GaussianNB().fit(X, y)
    monkeypatch.setattr(_class_moments, "BLOCK_NUMBERS", 400)
    monkeypatch.setattr(_class_moments, "CHUNK_NUMBERS", 80)
    cut = GaussianNB().fit(X, y)
    np.testing.assert_allclose(cut.theta_, whole.theta_, rtol=1e-14)
    np.testing.assert_allclose(cut.var_, whole.var_, rtol=1e-13)
    np.testing.assert_array_equal(cut.predict(X), whole.predict(X))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.integers(0, 2**31),
    st.sampled_from([0.0, -3.0, 1e7]),
)
def test_batches_end_where_all_at_once_does(sizes, seed, offset):
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    X = rng.standard_normal((n, 3)) * [1.0, 10.0, 0.1] + offset
    y = rng.integers(0, 4, n)
    weights = rng.uniform(0.1, 3.0, n)
    model = GaussianNB()
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        batch = slice(end - size, end)
        model.partial_fit(X[batch], y[batch], classes=[0, 1, 2, 3], sample_weight=weights[batch])
    there = np.unique(y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a single row is constant
        whole = GaussianNB().fit(X, y, weights)
    np.testing.assert_allclose(model.class_count_[there], whole.class_count_, rtol=1e-13)
    np.testing.assert_allclose(model.theta_[there], whole.theta_, rtol=1e-12, atol=1e-13)
    scale = X.var(axis=0) + 1e-30
    np.testing.assert_allclose(
        model.var_[there] / scale, whole.var_ / scale, rtol=1e-9, atol=1e-12 + 1e-16 * offset**2
    )
    assert model.epsilon_ == pytest.approx(whole.epsilon_, rel=1e-9)
    assert np.isin(model.predict(X), there).all()
    assert (model.predict_proba(X)[:, np.setdiff1d(range(4), there)] == 0.0).all()


def test_a_class_without_rows_in_a_batch_keeps_what_it_had():
    X, y = rows()
    model = GaussianNB().partial_fit(X[y == 0], y[y == 0], classes=[0, 1, 2])
    before = model.theta_[0].copy()
    model.partial_fit(X[y == 1], y[y == 1])
    np.testing.assert_array_equal(model.theta_[0], before)
    assert model.class_count_.tolist() == [np.sum(y == 0), np.sum(y == 1), 0]
    assert set(model.predict(X)) == {0, 1}
    with np.errstate(all="raise"):
        assert np.isfinite(model.predict_proba(X)).all()


def test_a_class_of_weight_zero_is_never_predicted_even_with_given_priors():
    X, y = rows()
    model = GaussianNB(priors=[0.2, 0.2, 0.6]).fit(X, y, (y != 2).astype(float))
    assert set(model.predict(X)) == {0, 1}
    assert model.class_prior_.tolist() == [0.2, 0.2, 0.6]


def test_weights_are_repetitions():
    X, y = rows(80)
    weights = np.random.default_rng(0).integers(0, 4, 80)
    weighted = GaussianNB().fit(X, y, weights)
    repeated = GaussianNB().fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    np.testing.assert_allclose(weighted.theta_, repeated.theta_, rtol=1e-13)
    np.testing.assert_allclose(weighted.var_, repeated.var_, rtol=1e-12)


def test_a_constant_column_changes_no_probability():
    X, y = rows()
    with_constant = np.column_stack([X, np.full(len(X), 0.1)])
    alone, beside = GaussianNB().fit(X, y), GaussianNB().fit(with_constant, y)
    np.testing.assert_array_equal(beside.theta_[:, -1], 0.1)
    np.testing.assert_array_equal(beside.var_[:, -1], beside.epsilon_)
    np.testing.assert_allclose(
        beside.predict_proba(with_constant), alone.predict_proba(X), atol=1e-12
    )


def test_only_constant_columns_leave_the_priors_and_warn():
    X = np.full((4, 2), 0.1)
    with pytest.warns(UserWarning, match="All columns of X are constant"):
        model = GaussianNB().fit(X, [0, 1, 1, 1])
    np.testing.assert_allclose(model.predict_proba([[0.1, 0.1], [5.0, 2.0]])[:, 1], 0.75, 1e-6)


def test_one_row_and_one_class():
    with pytest.warns(UserWarning, match="constant"):
        model = GaussianNB().fit([[1.0, 2.0]], ["only"])
    assert model.predict([[3.0, 4.0]]).tolist() == ["only"]
    X, _ = rows()
    np.testing.assert_array_equal(
        GaussianNB().fit(X, np.zeros(len(X), int)).predict_proba(X), np.ones((len(X), 1))
    )


def test_given_priors():
    X, y = rows()
    ours = GaussianNB(priors=[0.5, 0.25, 0.25]).fit(X, y)
    theirs = SklearnGaussianNB(priors=[0.5, 0.25, 0.25]).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ([0.5, 0.5], "Number of priors must match"),
        ([0.5, 0.4, 0.2], "sum of the priors should be 1"),
        ([1.5, -0.5, 0.0], "non-negative"),
        ([np.nan, 0.5, 0.5], "non-negative"),
    ],
)
def test_bad_priors_are_refused(priors, message):
    X, y = rows()
    with pytest.raises(ValueError, match=message):
        GaussianNB(priors=priors).fit(X, y)
    with pytest.raises(ValueError, match=message):
        GaussianNB(priors=priors).partial_fit(X, y, classes=[0, 1, 2])


def test_no_smoothing_needs_variance():
    X, y = rows()
    X[y == 1, 2] = 7.0
    with pytest.raises(ValueError, match=r"Column 2 does not vary within class 1"):
        GaussianNB(var_smoothing=0).fit(X, y)
    model = GaussianNB(var_smoothing=0).partial_fit(X[:1], y[:1], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="does not vary"):
        model.predict(X)  # more batches may still bring variance
    X[y == 1, 2] = np.arange(np.sum(y == 1))
    model.partial_fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_everywhere(bad):
    X, y = rows()
    model = GaussianNB().fit(X, y)
    state = {name: repr(value) for name, value in vars(model).items()}
    dirty = X.copy()
    dirty[200, 1] = bad
    weights = np.ones(len(X))
    weights[200] = 0.0
    for call in (
        lambda: GaussianNB().fit(dirty, y),
        lambda: GaussianNB().fit(dirty, y, weights),
        lambda: model.partial_fit(dirty, y),
        lambda: model.predict(dirty),
        lambda: model.predict_proba(dirty),
    ):
        with pytest.raises(ValueError, match="NaN|infinity"):
            call()
    assert {name: repr(value) for name, value in vars(model).items()} == state


def test_values_whose_squares_overflow_are_refused():
    X, y = rows()
    model = GaussianNB().fit(X, y)
    X = X.copy()
    X[3, 3] = 1e200
    for call in (lambda: GaussianNB().fit(X, y), lambda: model.predict(X)):
        with pytest.raises(ValueError, match="squares overflow"):
            call()


def test_partial_fit_asks_for_classes_and_refuses_others():
    X, y = rows()
    with pytest.raises(ValueError, match="classes must be passed"):
        GaussianNB().partial_fit(X, y)
    model = GaussianNB()
    with pytest.raises(ValueError, match="y holds 2, which is not among classes"):
        model.partial_fit(X, y, classes=[0, 1])
    assert not hasattr(model, "classes_")
    model.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, y, classes=[0, 1, 2, 3])
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :2], y)
    with pytest.raises(ValueError, match="[Nn]egative"):
        model.partial_fit(X, y, sample_weight=-np.ones(len(X)))
    assert model.class_count_.sum() == len(X)


def test_weights_that_are_all_zero_are_refused():
    X, y = rows()
    with pytest.raises(ValueError, match="at least one non-zero"):
        GaussianNB().fit(X, y, np.zeros(len(X)))


def test_text_labels():
    X, y = rows()
    names = np.array(["ash", "beech", "cedar"])[y]
    model = GaussianNB().partial_fit(X, names, classes=["ash", "beech", "cedar"])
    np.testing.assert_array_equal(model.predict(X), GaussianNB().fit(X, names).predict(X))


@pytest.mark.parametrize("weight", [0.0, 1e-40, 1e-9])
@pytest.mark.parametrize("chunk", [80, 32_768])
@pytest.mark.parametrize("far_row", [0, 250])
def test_a_far_row_of_hardly_any_weight_costs_no_digits(weight, chunk, far_row, monkeypatch):
    from groundup.naive_bayes import _class_moments

    monkeypatch.setattr(_class_moments, "CHUNK_NUMBERS", chunk)
    X, y = rows()
    X[far_row] = 1e14
    weights = np.ones(len(X))
    weights[far_row] = weight
    count, means, variances = exact_moments(X, y, weights, 3)
    whole = GaussianNB(var_smoothing=0).fit(X, y, weights)
    cut = GaussianNB(var_smoothing=0)
    for low, high in pairwise((0, 1 if weight else 3, 200, 250, 251 if weight else 253, len(X))):
        batch = slice(low, high)
        cut.partial_fit(X[batch], y[batch], classes=[0, 1, 2], sample_weight=weights[batch])
    for model in (whole, cut):
        np.testing.assert_allclose(model.class_count_, count, rtol=1e-14)
        np.testing.assert_allclose(model.theta_, means, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(model.var_, variances, rtol=1e-12)


def test_the_largest_variance_does_not_depend_on_a_far_class_of_hardly_any_weight():
    X, y = rows()
    without = GaussianNB().fit(X[y > 0], y[y > 0])
    X[y == 0] = 1e14
    model = GaussianNB().fit(X, y, np.where(y == 0, 1e-60, 1.0))
    assert model.epsilon_ == pytest.approx(without.epsilon_, rel=1e-12, abs=0.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("row", [0, 1, 299])
def test_values_that_are_not_finite_are_found_in_rows_of_weight_zero(bad, row):
    X, y = rows()
    X[row, 2] = bad
    weights = np.ones(len(X))
    weights[row] = 0.0
    with pytest.raises(ValueError, match="NaN|infinity"):
        GaussianNB().fit(X, y, weights)
