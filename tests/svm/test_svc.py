"""SVC: scikit-learn's answers, attributes and refusals, and conditions of optimality."""

from __future__ import annotations

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from oracles.smo_naive import objective, violation
from scipy.spatial.distance import cdist
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC as TheirSVC

from groundup.svm import SVC, _one_vs_one, _support_model

KERNELS = [
    {"kernel": "rbf"},
    {"kernel": "linear"},
    {"kernel": "poly", "coef0": 1.0},
    {"kernel": "sigmoid", "gamma": 0.01},
]
each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k["kernel"])


def crowd(n=300, d=6, seed=0, n_classes=2):
    return make_classification(
        n,
        d,
        n_informative=4,
        n_redundant=0,
        n_classes=n_classes,
        flip_y=0.1,
        random_state=seed,
    )


def both(X, y, sample_weight=None, **parameters):
    ours = SVC(**parameters).fit(X, y, sample_weight)
    return ours, TheirSVC(**parameters).fit(X, y, sample_weight)


def check_dual(model, X, y, C, tol):
    """Check the conditions of a binary fit from nothing; return the objective."""
    gamma = 1.0 / (X.shape[1] * X.var())
    K = np.exp(-gamma * cdist(X, X, "sqeuclidean"))
    signs = np.where(y == model.classes_[1], 1.0, -1.0)
    b = np.zeros(len(X))
    b[model.support_] = model.dual_coef_[0]
    C = np.broadcast_to(C, len(X))
    low, high = np.where(signs > 0, 0.0, -C), np.where(signs > 0, C, 0.0)
    assert (b >= low).all() and (b <= high).all()
    assert abs(b.sum()) <= 1e-9 * np.abs(b).sum()
    assert violation(K, signs, low, high, 0.0, b) <= tol
    return objective(K, signs, 0.0, b)


# ---------------------------------------------------------------- against scikit-learn


@each_kernel
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_equal_to_scikit_learn(kernel, n_classes, seed):
    X, y = crowd(n_classes=n_classes, seed=seed)
    ours, theirs = both(X, y, **kernel, tol=1e-5, decision_function_shape="ovo")
    np.testing.assert_array_equal(ours.support_, theirs.support_)
    np.testing.assert_array_equal(ours.support_vectors_, theirs.support_vectors_)
    np.testing.assert_array_equal(ours.n_support_, theirs.n_support_)
    np.testing.assert_allclose(ours.dual_coef_, theirs.dual_coef_, atol=2e-3)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-3)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-3)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    if kernel["kernel"] == "linear":
        np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3)
    for name in ("support_", "n_support_", "n_iter_", "dual_coef_", "intercept_", "class_weight_"):
        assert getattr(ours, name).dtype == getattr(theirs, name).dtype, name
        assert getattr(ours, name).shape == getattr(theirs, name).shape, name
    assert (ours.fit_status_, ours.shape_fit_) == (theirs.fit_status_, theirs.shape_fit_)


@pytest.mark.parametrize("C", [0.01, 1.0, 1e4])
@pytest.mark.parametrize("seed", range(3))
def test_dual_objective_and_conditions(C, seed):
    X, y = crowd(seed=seed)
    ours, theirs = both(X, y, C=C)
    value = check_dual(ours, X, y, C, 1e-3)
    # scikit-learn keeps kernel values in single precision, which 1e4 makes visible
    assert value <= check_dual(theirs, X, y, C, 2e-3 + 1e-6 * C) + 1e-5 * abs(value)


def test_working_sets_of_many_rows_end_where_scikit_learn_does():
    X, y = crowd(4_000, 20)
    ours, theirs = both(X, y)
    value = check_dual(ours, X, y, 1.0, 1e-3)
    assert value <= check_dual(theirs, X, y, 1.0, 1.1e-3) * (1 - 1e-6)
    assert len(ours.support_) == pytest.approx(len(theirs.support_), rel=0.01)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=5e-3)


@pytest.mark.parametrize("shape", ["ovr", "ovo"])
@pytest.mark.parametrize("break_ties", [False, True])
def test_votes_and_ties(shape, break_ties):
    X, y = crowd(300, n_classes=4)
    ours, theirs = both(X, y, decision_function_shape=shape, break_ties=break_ties, tol=1e-6)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-3)
    if break_ties and shape == "ovo":
        for model in (ours, theirs):
            with pytest.raises(ValueError, match="break_ties must be False"):
                model.predict(X)
    else:
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_many_classes():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(26), 12)
    X = rng.standard_normal((26, 8))[y] + 0.4 * rng.standard_normal((312, 8))
    ours, theirs = both(X, np.array(list("abcdefghijklmnopqrstuvwxyz"))[y], tol=1e-5)
    np.testing.assert_array_equal(ours.support_, theirs.support_)
    assert ours.dual_coef_.shape == (25, len(ours.support_))
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=2e-3)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 20.0}])
@pytest.mark.parametrize("weighted", [False, True])
def test_weights_of_classes_and_rows(n_classes, class_weight, weighted):
    X, y = crowd(200, n_classes=n_classes)
    keep = (y > 0) | (np.arange(200) % 4 == 0)  # class 0 is rare
    X, y = X[keep], y[keep]
    weight = np.random.default_rng(0).choice([0.0, 0.5, 3.0], len(y)) if weighted else None
    ours, theirs = both(X, y, weight, class_weight=class_weight, tol=1e-5)
    np.testing.assert_array_equal(ours.class_weight_, theirs.class_weight_)
    # scikit-learn counts only rows of positive weight
    counted = np.arange(len(y)) if weight is None else np.flatnonzero(weight)
    np.testing.assert_array_equal(ours.support_, counted[theirs.support_])
    np.testing.assert_allclose(ours.dual_coef_, theirs.dual_coef_, atol=2e-2)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-3)
    if weighted:
        assert (weight[ours.support_] > 0).all()


def test_a_precomputed_kernel():
    X, y = crowd(200, n_classes=3)
    K = X @ X.T
    ours, theirs = both(K[:150, :150], y[:150], kernel="precomputed", tol=1e-6)
    linear = SVC(kernel="linear", tol=1e-6).fit(X[:150], y[:150])
    np.testing.assert_array_equal(ours.support_, theirs.support_)
    asked = K[150:, :150]
    np.testing.assert_allclose(
        ours.decision_function(asked), theirs.decision_function(asked), atol=1e-3
    )
    np.testing.assert_array_equal(ours.predict(asked), linear.predict(X[150:]))
    with pytest.raises(ValueError, match="square matrix"):
        SVC(kernel="precomputed").fit(K[:150, :140], y[:150])
    with pytest.raises(AttributeError, match="linear kernel"):
        _ = ours.coef_


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer, load_digits])
def test_real_data(load):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    ours, theirs = both(X[::2], y[::2])
    assert np.mean(ours.predict(X[1::2]) == theirs.predict(X[1::2])) > 0.995
    assert ours.score(X[1::2], y[1::2]) > 0.9


# ---------------------------------------------------------------- probabilities


@pytest.mark.parametrize("n_classes", [2, 4])
def test_probabilities(n_classes):
    X, y = crowd(600, n_classes=n_classes, seed=1)
    model = SVC(probability=True, random_state=0).fit(X[:400], y[:400])
    p = model.predict_proba(X[400:])
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_allclose(model.predict_log_proba(X[400:]), np.log(p))
    with pytest.warns(FutureWarning):
        theirs = TheirSVC(probability=True, random_state=0).fit(X[:400], y[:400])
    assert log_loss(y[400:], p) <= 1.03 * log_loss(y[400:], theirs.predict_proba(X[400:]))
    np.testing.assert_allclose(p, theirs.predict_proba(X[400:]), atol=0.08)
    again = SVC(probability=True, random_state=0).fit(X[:400], y[:400])
    np.testing.assert_array_equal(again.predict_proba(X[400:]), p)
    # the machine itself is the one without probabilities
    np.testing.assert_array_equal(model.predict(X), SVC().fit(X[:400], y[:400]).predict(X))


def test_probabilities_are_not_there_unless_asked_for():
    X, y = crowd(50)
    model = SVC().fit(X, y)
    assert not hasattr(model, "predict_proba")
    with pytest.raises(NotFittedError, match="fit again"):
        model.set_params(probability=True).predict_proba(X)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_of_an_older_fit_are_gone(n_classes):
    X, y = crowd(60, n_classes=n_classes)
    model = SVC(probability=True, random_state=0).fit(X, y)
    model.set_params(probability=False).fit(X, y)
    assert not hasattr(model, "probA_")
    assert not hasattr(model, "probB_")
    with pytest.raises(NotFittedError, match="fit again"):
        model.set_params(probability=True).predict_proba(X)


def test_probabilities_of_decisions_that_differ_by_rounding_alone():
    X, y = crowd(60)
    model = SVC(probability=True, gamma=1e-15, random_state=0).fit(X, y)
    assert abs(model.probA_[0]) < 1e3
    p = model.predict_proba(X)
    np.testing.assert_allclose(p, np.broadcast_to(p[:1], p.shape), atol=1e-3)


# ---------------------------------------------------------------- bad input and edges


def test_one_class_one_row_no_weight():
    X, y = crowd(20)
    with pytest.raises(ValueError, match="number of classes has to be greater than one; got 1"):
        SVC().fit(X, np.zeros(20))
    with pytest.raises(ValueError, match="greater than one"):
        SVC().fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="at least one non-zero"):
        SVC().fit(X, y, np.zeros(20))
    with pytest.raises(ValueError, match="same label"):
        SVC().fit(X, y, (y == 1).astype(float))


def test_messages_show_labels_as_one_writes_them():
    X, y = crowd(20)
    with pytest.raises(ValueError, match="only class 1 is left by class_weight"):
        SVC(class_weight={0: 0.0}).fit(X, y)
    with pytest.raises(ValueError, match="only class 'b' is left by sample_weight"):
        SVC().fit(X, np.array(["a", "b"])[y], (y == 1).astype(float))
    with pytest.raises(ValueError, match="got 1 class: 7. A machine"):
        SVC().fit(X, np.full(20, 7))


def test_a_tolerance_below_rounding_is_called_that():
    X, y = crowd(200)
    with pytest.warns(ConvergenceWarning, match="cannot come to tol=1e-18: rounding"):
        model = SVC(tol=1e-18, C=1e3).fit(X, y)
    assert model.fit_status_ == 1


@pytest.mark.parametrize("kernel", ["rbf", "linear", "poly", "sigmoid"])
@pytest.mark.parametrize("cache_size", [200, 0.2, 0.01])  # all blocks, some, no matrix of a pair
def test_machines_of_pairs_are_those_of_two_classes(kernel, cache_size):
    X, y = crowd(400, n_classes=4)
    gamma = 1.0 / (X.shape[1] * X.var())
    how = {"kernel": kernel, "gamma": gamma, "cache_size": cache_size, "tol": 1e-6}
    ours = SVC(decision_function_shape="ovo", **how).fit(X, y).decision_function(X)
    for p, (i, j) in enumerate(combinations(range(4), 2)):
        of_pair = (y == i) | (y == j)
        alone = SVC(**how).fit(X[of_pair], y[of_pair])
        np.testing.assert_allclose(ours[:, p], -alone.decision_function(X), atol=1e-4)


def test_a_class_without_weight_never_wins():
    X, y = crowd(200, n_classes=3)
    model = SVC().fit(X, y, (y != 2).astype(float))
    assert np.isfinite(model.decision_function(X)).all()
    assert set(model.predict(X)) == {0, 1}


def test_a_kernel_function_is_refused_with_the_way_out():
    X, y = crowd(20)
    with pytest.raises(ValueError, match="precomputed"):
        SVC(kernel=lambda A, B: A @ B.T).fit(X, y)


@pytest.mark.parametrize("kernel", ["rbf", "linear", "poly", "sigmoid"])
def test_constant_columns_and_equal_rows(kernel):
    _, y = crowd(60)
    model = SVC(kernel=kernel).fit(np.ones((60, 3)), y)
    assert np.isfinite(model.decision_function(np.ones((2, 3)))).all()
    model = SVC(kernel=kernel).fit(np.zeros((60, 3)), y)
    assert np.isfinite(model.decision_function(np.ones((2, 3)))).all()


def test_two_rows_have_the_street_between_them():
    model = SVC(kernel="linear", C=1e4).fit([[0.0, 0.0], [2.0, 0.0]], ["a", "b"])
    np.testing.assert_allclose(model.decision_function([[0.0, 5.0], [1.0, -3.0]]), [-1.0, 0.0])
    np.testing.assert_array_equal(model.predict([[0.9, 0.0], [1.1, 0.0]]), ["a", "b"])


def test_columns_of_different_scale_and_place():
    X, y = crowd(300)
    X = X * np.array([1e3, 1.0, 1e-3, 1.0, 10.0, 1.0]) + 1e4
    ours, theirs = both(X, y)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=5e-3)


def test_values_too_large_for_the_kernel_are_told():
    X, y = crowd(60)
    with pytest.raises(ValueError, match="large values"):
        SVC(kernel="poly", degree=9, gamma=1.0).fit(X * 1e100, y)


@pytest.mark.parametrize("kernel", ["rbf", "sigmoid"])
def test_values_whose_squares_overflow(kernel):
    X, y = crowd(60)
    with pytest.raises(ValueError, match="large values"):
        SVC(kernel=kernel).fit(X * 1e200, y)


def test_a_limit_on_steps_warns():
    X, y = crowd(200)
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        model = SVC(max_iter=3).fit(X, y)
    assert model.fit_status_ == 1
    assert model.n_iter_[0] == 3


def test_decisions_do_not_depend_on_the_rows_asked_beside(monkeypatch):
    X, y = crowd(900)
    model = SVC().fit(X, y)
    whole = model.decision_function(X)
    np.testing.assert_allclose(model.decision_function(X[5:7]), whole[5:7], rtol=1e-9)
    monkeypatch.setattr(_support_model, "BLOCK_ROWS", 7)
    monkeypatch.setattr(_support_model, "BLOCK_VECTORS", 11)
    np.testing.assert_allclose(model.decision_function(X), whole, rtol=1e-9, atol=1e-12)


def test_predicting_many_classes_needs_no_table_of_all_pairs():
    rng = np.random.default_rng(0)
    y = np.arange(300) % 30
    X = rng.normal(size=(30, 5))[y] + 0.3 * rng.normal(size=(300, 5))
    model = SVC(probability=True, random_state=0).fit(X, y)
    asked = np.tile(X, (40, 1))
    for answer in (model.predict, model.decision_function, model.predict_proba):
        tracemalloc.start()
        many = answer(asked)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # 12,000 rows of 435 pairs: 42 MB, several times
        assert peak - many.nbytes < 80e6
        np.testing.assert_allclose(many[:300], answer(X), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("spread", [0.0, 1e3, 1e200])
def test_predicting_in_single_precision_decides_as_double_does(n_classes, spread, monkeypatch):
    X, y = crowd(1_000, n_classes=n_classes)
    model = SVC().fit(X, y)
    asked = np.concatenate([X, X[:50] + 1e-7, X[:5] * spread])
    asked[-1] = model.support_vectors_[0]
    monkeypatch.setattr(_one_vs_one, "MANY_PAIRS", 0)
    single = model.predict(asked)
    monkeypatch.setattr(_one_vs_one, "MANY_PAIRS", 10**18)
    np.testing.assert_array_equal(single, model.predict(asked))


@pytest.mark.parametrize("gamma", ["auto", 1e-3, 1.0])
@pytest.mark.parametrize("C", [1.0, 100.0])
def test_columns_that_are_not_scaled_are_decided_as_double_does(gamma, C):
    # incomes, ages and numbers of children: single precision knows g |x - v|^2 to no digit
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.integers(20_000, 90_000, 1_500), rng.integers(18, 90, 1_500)])
    X = np.column_stack([X, rng.integers(0, 5, 1_500)]).astype(float)
    y = (rng.random(1_500) < 0.3).astype(int)
    model = SVC(C=C, gamma=gamma).fit(X, y)
    predicted = model.predict(X)
    np.testing.assert_array_equal(predicted, model.decision_function(X) > 0)
    np.testing.assert_array_equal(model.predict(X[:300]), predicted[:300])


@pytest.mark.parametrize("scale", [10.0, 100.0, 1e4])
def test_single_precision_is_given_up_where_rows_are_far(scale, monkeypatch):
    # rows of all distances asked of one machine: from sure to hopeless in single precision
    X, y = crowd(600)
    model = SVC(gamma=1.0, C=10.0).fit(X * scale, y)
    near = model.support_vectors_[:200] + np.linspace(0.0, 3.0, 200)[:, np.newaxis]
    asked = np.concatenate([X * scale, near])
    monkeypatch.setattr(_one_vs_one, "MANY_PAIRS", 0)
    single = model.predict(asked)
    np.testing.assert_array_equal(single, model.decision_function(asked) > 0)


def test_single_precision_settles_nearly_all_rows(monkeypatch):
    X, y = crowd(2_000, 20)
    model = SVC().fit(X, y)
    monkeypatch.setattr(_one_vs_one, "MANY_PAIRS", 0)
    in_double = []
    plain = SVC._pair_decisions
    monkeypatch.setattr(
        SVC, "_pair_decisions", lambda self, Z: in_double.append(len(Z)) or plain(self, Z)
    )
    model.predict(X)
    assert sum(in_double) < 40
