"""CategoricalNB against scikit-learn, and what it says of categories that it does not know."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sklearn.naive_bayes import CategoricalNB as SklearnCategoricalNB

from groundup.naive_bayes import CategoricalNB


def rows(n=200, sizes=(2, 5, 3), n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    X = np.stack([np.minimum(rng.poisson(0.5 + y), V - 1) for V in sizes], axis=1)
    X[0] = np.array(sizes) - 1  # the highest category of each occurs
    return X, y


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"alpha": 0.1},
        {"fit_prior": False},
        {"class_prior": [0.2, 0.3, 0.5]},
        {"min_categories": 7},
        {"min_categories": [2, 9, 1]},
    ],
)
def test_equals_scikit_learn(weighted, parameters):
    X, y = rows()
    weights = np.random.default_rng(0).uniform(0.0, 2.0, len(X)) if weighted else None
    ours = CategoricalNB(**parameters).fit(X, y, weights)
    theirs = SklearnCategoricalNB(**parameters).fit(X, y, weights)
    np.testing.assert_array_equal(ours.n_categories_, theirs.n_categories_)
    for name in ("class_count_", "class_log_prior_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name))
    for name in ("category_count_", "feature_log_prob_"):
        for table, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(table, other, rtol=1e-12)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for method in ("predict_proba", "predict_log_proba", "predict_joint_log_proba"):
        np.testing.assert_allclose(
            getattr(ours, method)(X), getattr(theirs, method)(X), rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize("cuts", [[50], [1, 2, 150], [199]])
def test_batches_end_where_all_at_once_does(cuts):
    X, y = rows()
    order = np.argsort(X[:, 1], kind="stable")  # new categories come with later batches
    model = CategoricalNB()
    for batch in np.split(order, cuts):
        model.partial_fit(X[batch], y[batch], classes=[0, 1, 2])
    whole = CategoricalNB().fit(X, y)
    np.testing.assert_array_equal(model.n_categories_, whole.n_categories_)
    for table, other in zip(model.feature_log_prob_, whole.feature_log_prob_, strict=True):
        np.testing.assert_array_equal(table, other)
    # and again from the other end: the wide tables first
    other_way = CategoricalNB()
    for batch in np.split(order[::-1], cuts):
        other_way.partial_fit(X[batch], y[batch], classes=[0, 1, 2])
    np.testing.assert_array_equal(other_way.predict_proba(X), whole.predict_proba(X))


def test_partial_fit_does_not_change_what_an_earlier_copy_holds():
    X, y = rows()
    model = CategoricalNB().fit(X, y)
    before = [table.copy() for table in model.category_count_]
    earlier = model.category_count_
    model.partial_fit(X, y)
    for table, kept in zip(earlier, before, strict=True):
        np.testing.assert_array_equal(table, kept)


def test_unknown_categories_are_named():
    X, y = rows()
    model = CategoricalNB().fit(X, y)
    X = X.copy()
    X[5, 1] = 5
    message = r"unknown category 5 in row 5, column 1: column 1 had 5 categories, 0 to 4"
    for call in (model.predict, model.predict_proba):
        with pytest.raises(ValueError, match=message):
            call(X)
    wider = CategoricalNB(min_categories=6).fit(X[:5], y[:5])
    assert np.isfinite(wider.predict_proba(X)).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1.0, r"Negative values in data passed to CategoricalNB \(input X\): -1 in row 9, col"),
        (1.5, "1.5 in row 9, column 2, which is no category"),
        (1e12, "Column 2 holds category 1000000000000"),
        (np.nan, "NaN"),
        (np.inf, "infinity"),
    ],
)
def test_what_is_no_category_is_refused(value, message):
    X, y = rows()
    model = CategoricalNB().fit(X, y)
    X = X.astype(float)
    X[9, 2] = value
    with pytest.raises(ValueError, match=message):
        CategoricalNB().fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match="NaN|infinity|[Cc]ategor"):
        model.predict(X)
    assert model.class_count_.sum() == len(X)


@pytest.mark.parametrize(
    ("least", "message"), [([2, 2], "shape"), ([1.5, 2.0, 2.0], "integral type"), (0, "range")]
)
def test_a_bad_number_of_categories_is_refused(least, message):
    X, y = rows()
    with pytest.raises(ValueError, match=message):
        CategoricalNB(min_categories=least).fit(X, y)


def test_without_smoothing_what_was_never_seen_is_impossible():
    X = np.array([[0, 1], [0, 1], [1, 1], [1, 0]])
    with np.errstate(all="raise"):
        model = CategoricalNB(alpha=0.0).fit(X, [0, 0, 1, 1])
        p = model.predict_proba([[0, 1], [1, 0], [0, 0]])
    np.testing.assert_allclose(p, [[1, 0], [0, 1], [0.5, 0.5]])


def test_constant_columns_one_class_one_row_and_sparse():
    X, y = rows()
    X[:, 0] = 0
    assert np.isfinite(CategoricalNB().fit(X, y).predict_proba(X)).all()
    assert CategoricalNB().fit([[0, 2]], ["only"]).predict([[0, 1]]).tolist() == ["only"]
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        CategoricalNB().fit(scipy.sparse.csr_matrix(X), y)
    with pytest.raises(ValueError, match="at least one non-zero"):
        CategoricalNB().fit(X, y, np.zeros(len(y)))


def test_a_class_without_rows_has_no_probability():
    X, y = rows(n_classes=2)
    model = CategoricalNB().partial_fit(X, y, classes=[0, 1, 2])
    assert (model.predict_proba(X)[:, 2] == 0).all()


def test_weights_are_repetitions():
    X, y = rows(80)
    weights = np.random.default_rng(0).integers(1, 4, 80)
    weighted = CategoricalNB().fit(X, y, weights)
    repeated = CategoricalNB().fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    np.testing.assert_array_equal(weighted.predict_proba(X), repeated.predict_proba(X))
