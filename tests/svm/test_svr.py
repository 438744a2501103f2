"""SVR and OneClassSVM: conditions of optimality from scratch, and scikit-learn's answers."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR as TheirSVR
from sklearn.svm import OneClassSVM as TheirOneClassSVM

from groundup.svm import SVR, OneClassSVM

KERNELS = [
    {"kernel": "rbf"},
    {"kernel": "linear"},
    {"kernel": "poly", "coef0": 1.0},
    {"kernel": "sigmoid", "gamma": 0.01, "coef0": 0.1},
    {"kernel": "precomputed"},
]
each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k["kernel"])


def curve(n=200, seed=0):
    X, y = make_friedman1(n, 6, noise=1.0, random_state=seed)
    return StandardScaler().fit_transform(X), y


def kernel_matrix(A, B, kernel):
    """The kernel by scikit-learn, with the gamma that the estimators take by default."""
    name = kernel["kernel"]
    if name in ("linear", "precomputed"):
        return A @ B.T
    constants = {"gamma": kernel.get("gamma", 1.0 / (B.shape[1] * B.var()))}
    if name != "rbf":
        constants["coef0"] = kernel["coef0"]
    return pairwise_kernels(A, B, metric=name, **constants)


def fit(cls, kernel, X, *args, **parameters):
    table = X @ X.T if kernel["kernel"] == "precomputed" else X
    return cls(**kernel, **parameters).fit(table, *args), table


def weights_of_rows(model, n):
    b = np.zeros(n)
    b[model.support_] = model.dual_coef_[0]
    return b


# ---------------------------------------------------------------- SVR


@each_kernel
@pytest.mark.parametrize("tol", [1e-3, 1e-6])
def test_conditions_of_optimality_from_scratch(kernel, tol):
    X, y = curve()
    C, epsilon = 2.0, 0.5
    model, table = fit(SVR, kernel, X, y, C=C, epsilon=epsilon, tol=tol)
    b = weights_of_rows(model, len(X))
    assert abs(b.sum()) <= 1e-9
    assert np.all(np.abs(b) <= C)
    f = kernel_matrix(X, X, kernel) @ b + model.intercept_
    np.testing.assert_allclose(model.predict(table), f, atol=1e-5 * np.abs(f).max())
    above = f - y  # how far the curve lies above the target
    slack = 2.0 * tol + 1e-6
    assert np.all(np.abs(above[b == 0.0]) <= epsilon + slack)
    assert np.all(above[b == C] <= -epsilon + slack)
    assert np.all(above[b == -C] >= epsilon - slack)
    up, down = (b > 0) & (b < C), (b < 0) & (b > -C)
    np.testing.assert_allclose(above[up], -epsilon, atol=slack)
    np.testing.assert_allclose(above[down], epsilon, atol=slack)


@each_kernel
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0])
def test_svr_against_scikit_learn(kernel, epsilon):
    X, y = curve(120)
    parameters = {"C": 1.5, "epsilon": epsilon, "tol": 1e-6}
    ours, table = fit(SVR, kernel, X, y, **parameters)
    theirs, _ = fit(TheirSVR, kernel, X, y, **parameters)
    np.testing.assert_allclose(ours.predict(table), theirs.predict(table), atol=2e-3)
    K = kernel_matrix(X, X, kernel)

    def dual(model):
        b = weights_of_rows(model, len(X))
        return 0.5 * b @ K @ b - y @ b + epsilon * np.abs(b).sum()

    assert dual(ours) <= dual(theirs) + 1e-5 * abs(dual(theirs))
    if epsilon > 0.0:
        assert len(np.setxor1d(ours.support_, theirs.support_)) <= 1
    for name in ("dual_coef_", "intercept_", "n_support_", "support_", "support_vectors_"):
        ours_value, their_value = getattr(ours, name), getattr(theirs, name)
        assert ours_value.dtype == their_value.dtype, name
        assert ours_value.ndim == their_value.ndim, name
    assert ours.fit_status_ == theirs.fit_status_ == 0
    assert ours.shape_fit_ == theirs.shape_fit_
    assert hasattr(ours, "coef_") == (kernel["kernel"] == "linear")


def test_svr_on_real_rows():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    for C in (1.0, 100.0):
        ours, theirs = SVR(C=C, tol=1e-5).fit(X, y), TheirSVR(C=C, tol=1e-5).fit(X, y)
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-2)
        assert abs(len(ours.support_) - len(theirs.support_)) <= 2


def test_weights_are_repeated_rows_and_zeros_are_none():
    X, y = curve(60)
    w = np.random.default_rng(0).integers(0, 4, 60)
    weighted = SVR(tol=1e-7).fit(X, y, w)
    repeated = SVR(tol=1e-7, gamma=weighted._gamma).fit(np.repeat(X, w, axis=0), np.repeat(y, w))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-4)
    assert np.all(w[weighted.support_] > 0)


def test_a_wide_tube_needs_no_support_vector():
    X, y = curve(50)
    model = SVR(epsilon=np.ptp(y)).fit(X, y)
    assert model.support_.size == 0
    assert model.dual_coef_.shape == (1, 0)
    predicted = model.predict(X)
    assert np.all(predicted == predicted[0])
    assert np.all(np.abs(predicted - y) <= np.ptp(y))
    assert SVR(kernel="linear", epsilon=np.ptp(y)).fit(X, y).predict(X).shape == (50,)


def test_constant_columns_a_constant_target_and_one_row():
    X, y = np.ones((20, 3)), np.arange(20.0)
    model = SVR(C=1e3).fit(X, y)
    # nothing tells the rows apart: the curve is a constant, near their median
    assert 8.0 <= model.predict(X[:1])[0] <= 11.0
    np.testing.assert_allclose(
        SVR().fit(*curve(30)[:1], np.full(30, 7.0)).predict(X[:, :1] * np.ones((1, 6))),
        7.0,
        atol=0.2,
    )
    assert SVR().fit([[1.0]], [3.0]).predict([[5.0]])[0] == pytest.approx(3.0, abs=0.1)


def test_every_step_can_predict_and_the_objective_falls():
    X, y = curve(300)
    K = kernel_matrix(X, X, {"kernel": "rbf"})
    model = SVR(C=10.0)
    model._validate_params()
    model.n_features_in_ = X.shape[1]
    values = []
    frozen_X, frozen_y = X.copy(), y.copy()
    for array in (frozen_X, frozen_y):
        array.flags.writeable = False
    for state in model._steps(frozen_X, frozen_y, None):
        b = np.zeros(len(X))
        b[state["support_"]] = state["dual_coef_"][0]
        values.append(0.5 * b @ K @ b - y @ b + 0.1 * np.abs(b).sum())
        assert abs(b.sum()) <= 1e-8
    assert all(after <= before + 1e-6 for before, after in pairwise(values))


def test_max_iter_is_said():
    X, y = curve(100)
    with pytest.warns(ConvergenceWarning, match="SVR stopped at max_iter=3"):
        model = SVR(max_iter=3).fit(X, y)
    assert model.fit_status_ == 1
    assert model.n_iter_ <= 3
    with pytest.warns(ConvergenceWarning, match="OneClassSVM stopped at max_iter=2"):
        OneClassSVM(max_iter=2).fit(X)


@pytest.mark.parametrize("cls", [SVR, OneClassSVM])
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel": "cosine"}, "kernel"),
        ({"kernel": np.dot}, "precomputed"),
        ({"kernel": "precomputed"}, "square"),
        ({"gamma": -1.0}, "gamma"),
        ({"tol": 0.0}, "tol"),
    ],
)
def test_bad_parameters_are_refused(cls, parameters, message):
    X, y = curve(20)
    with pytest.raises(ValueError, match=message):
        cls(**parameters).fit(X, y)


@pytest.mark.parametrize("cls", [SVR, OneClassSVM])
def test_bad_data_are_refused(cls):
    X, y = curve(20)
    with pytest.raises(ValueError, match="at least one non-zero"):
        cls().fit(X, y, np.zeros(20))
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        cls().fit(X, y)
    with pytest.raises(ValueError, match="epsilon"):
        SVR(epsilon=-0.1).fit(*curve(20))
    for nu in (0.0, 1.1):
        with pytest.raises(ValueError, match="nu"):
            OneClassSVM(nu=nu).fit(curve(20)[0])


# ---------------------------------------------------------------- OneClassSVM


@each_kernel
@pytest.mark.parametrize("nu", [0.05, 0.5, 0.95])
def test_one_class_against_scikit_learn(kernel, nu):
    X = curve(150)[0] + 2.0  # around the origin a half-space that holds most rows has no answer
    ours, table = fit(OneClassSVM, kernel, X, nu=nu, tol=1e-6)
    theirs, _ = fit(TheirOneClassSVM, kernel, X, nu=nu, tol=1e-6)
    scale = np.abs(theirs.score_samples(table)).max()
    np.testing.assert_allclose(
        ours.score_samples(table), theirs.score_samples(table), atol=1e-4 * scale
    )
    K = kernel_matrix(X, X, kernel)

    def dual(model):
        a = weights_of_rows(model, len(X))
        return 0.5 * a @ K @ a

    assert dual(ours) <= dual(theirs) + 1e-5 * abs(dual(theirs)) + 1e-9
    a = weights_of_rows(ours, len(X))
    # the weights sum to nu n, and none is above 1
    assert a.sum() == pytest.approx(nu * len(X), rel=1e-9)
    assert np.all((a >= 0.0) & (a <= 1.0))
    assert ours.offset_.shape == theirs.offset_.shape
    np.testing.assert_array_equal(ours.offset_, -ours.intercept_)
    np.testing.assert_allclose(
        ours.decision_function(table), ours.score_samples(table) - ours.offset_, atol=1e-12 * scale
    )


@pytest.mark.parametrize("nu", [0.03, 0.2, 0.7])
def test_nu_bounds_both_shares(nu):
    X = load_breast_cancer(return_X_y=True)[0]
    X = StandardScaler().fit_transform(X)
    model = OneClassSVM(nu=nu, tol=1e-8).fit(X)
    outside = np.mean(model.decision_function(X) < -1e-6)
    assert outside <= nu + 1e-9
    assert len(model.support_) / len(X) >= nu - 1e-9
    assert set(model.predict(X)) == {-1, 1}
    assert model.fit_predict(X).dtype == np.intp


def test_a_row_far_away_is_outside():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 2))
    model = OneClassSVM(nu=0.1).fit(X)
    np.testing.assert_array_equal(model.predict([[0.0, 0.0], [8.0, 8.0]]), [1, -1])


def test_one_class_weights_are_repeated_rows():
    X, _ = curve(60)
    w = np.random.default_rng(0).integers(0, 4, 60)
    weighted = OneClassSVM(nu=0.3, tol=1e-7).fit(X, None, w)
    repeated = OneClassSVM(nu=0.3, tol=1e-7, gamma=weighted._gamma).fit(np.repeat(X, w, axis=0))
    np.testing.assert_allclose(
        weighted.decision_function(X), repeated.decision_function(X), atol=1e-4
    )


def test_one_row_and_equal_rows():
    assert OneClassSVM().fit([[1.0, 2.0]]).decision_function([[1.0, 2.0]])[0] == pytest.approx(0.0)
    model = OneClassSVM().fit(np.ones((10, 2)))
    assert model.decision_function(np.ones((1, 2)))[0] == pytest.approx(0.0, abs=1e-9)
    assert model.predict([[5.0, 5.0]])[0] == -1


def test_nu_of_one_takes_every_row():
    X, _ = curve(60)
    model = OneClassSVM(nu=1.0).fit(X)
    # no weight is free to say where the border is: it passes through the innermost row
    assert model.dual_coef_.tolist() == [[1.0] * 60]
    assert model.decision_function(X).max() == pytest.approx(0.0, abs=1e-9)


def test_a_half_space_through_the_middle_of_the_rows():
    X = StandardScaler().fit_transform(np.random.default_rng(0).standard_normal((150, 6)))
    model = OneClassSVM(kernel="linear", tol=1e-6).fit(X)
    # the origin lies among the rows: no direction has most of them on one side
    np.testing.assert_allclose(model.coef_, 0.0, atol=1e-4)
    assert model.n_iter_ < 10_000


@pytest.mark.parametrize("level", [1e6, 1e9, -1e12])
@pytest.mark.parametrize("n", [200, 2_500])
def test_targets_far_from_zero_are_learnt_as_those_near_it(level, n):
    X = np.linspace(0.0, 6.0, n)[:, np.newaxis]
    y = np.sin(2.0 * X[:, 0])
    near = SVR().fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        far = SVR().fit(X, y + level)
    assert far.fit_status_ == 0
    np.testing.assert_allclose(far.predict(X) - level, near.predict(X), atol=2e-3)


def test_one_target_far_from_the_others():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X[:, 0] + 0.1 * rng.normal(size=200)
    y[7] = 1e9
    model = SVR().fit(X, y)
    assert model.fit_status_ == 0
    others = np.arange(200) != 7
    assert np.abs(model.predict(X) - y)[others].mean() < 0.3
