"""Sequential minimal optimisation: every state is feasible and no worse, the last one optimal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.smo_naive import most_violating_pairs, objective, violation
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import pairwise_kernels
from threadpoolctl import threadpool_limits

from groundup.svm import _working_sets
from groundup.svm._kernel_function import KernelFunction
from groundup.svm._kernel_rows import KernelRows
from groundup.svm._smo import smo
from groundup.svm._working_sets import choose

RBF = KernelFunction("rbf", gamma=0.2)
# The same working sets as for large tables, on small ones: a cache for so many megabytes.
SETS = {"one set": 200.0, "sets of 51": 0.01, "sets of 2": 1e-6}
each_size = pytest.mark.parametrize("cache_size", SETS.values(), ids=SETS)


def crowd(n=150, d=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = np.where(X[:, 0] + X[:, 1] ** 2 + 0.5 * rng.standard_normal(n) > 1.0, 1.0, -1.0)
    y[:2] = 1.0, -1.0
    return X, y


def classification(y, C):
    """target, low, high of SVC."""
    C = np.broadcast_to(C, y.shape)
    return y, np.where(y > 0, 0.0, -C), np.where(y > 0, C, 0.0)


def matrix(X, function):
    if function.name in ("linear", "precomputed"):
        return X @ X.T if function.name == "linear" else X
    if function.name == "rbf":
        return np.exp(-function.gamma * cdist(X, X, "sqeuclidean"))
    parameters = {"gamma": function.gamma, "coef0": function.coef0}
    if function.name == "poly":
        parameters["degree"] = function.degree
    return pairwise_kernels(X, metric=function.name, **parameters)


def solved(X, function, target, low, high, width=0.0, start=None, cache_size=200.0, **options):
    """Run `smo` and check every state on the way; return the last one."""
    K = matrix(X, function)
    steps = smo(KernelRows(X, function, cache_size), target, low, high, width, start, **options)
    total = 0.0 if start is None else start.sum()
    before, n_iter = np.inf, 0
    for state in steps:
        b = state["b"]
        assert (b >= low).all() and (b <= high).all()
        assert abs(b.sum() - total) <= 1e-9 * (1.0 + np.abs(b).sum())
        worth = objective(K, target, width, b)
        assert state["objective"] == pytest.approx(worth, rel=1e-4, abs=1e-5 * np.abs(b).sum())
        assert worth <= before + 1e-9 * abs(worth) + 1e-12
        assert state["n_iter"] >= n_iter
        before, n_iter = worth, state["n_iter"]
        last = {**state, "b": b.copy()}
    return last


# ---------------------------------------------------------------- the optimum


@each_size
@pytest.mark.parametrize("C", [0.1, 1.0, 100.0])
def test_classification_is_optimal_and_equal_to_the_plain_search(cache_size, C):
    X, y = crowd(80)
    K, dual = matrix(X, RBF), classification(y, C)
    last = solved(X, RBF, *dual, cache_size=cache_size)
    assert violation(K, *dual, 0.0, last["b"]) <= 1e-3
    plain = most_violating_pairs(K, *dual, tol=1e-6)
    assert objective(K, y, 0.0, last["b"]) == pytest.approx(
        objective(K, y, 0.0, plain), rel=1e-5, abs=1e-6 * C
    )


@each_size
def test_regression_has_one_signed_weight_a_row(cache_size):
    X, _ = crowd(60)
    y, C, width = np.sin(X[:, 0]), np.full(60, 2.0), 0.1
    K = matrix(X, RBF)
    last = solved(X, RBF, y, -C, C, width, cache_size=cache_size)
    assert violation(K, y, -C, C, width, last["b"]) <= 1e-3
    plain = most_violating_pairs(K, y, -C, C, width, tol=1e-6)
    assert objective(K, y, width, last["b"]) == pytest.approx(
        objective(K, y, width, plain), rel=1e-4
    )
    # rows within the tube have no weight
    residual = y - (K @ last["b"] - last["rho"])
    assert (np.abs(residual[last["b"] == 0.0]) <= width + 1e-3).all()


@each_size
def test_a_start_keeps_its_sum(cache_size):
    X, _ = crowd(90)
    ones = np.ones(90)
    start = np.zeros(90)
    start[:9] = 1.0
    last = solved(X, RBF, 0.0 * ones, 0.0 * ones, ones, start=start, cache_size=cache_size)
    assert last["b"].sum() == pytest.approx(9.0)
    assert violation(matrix(X, RBF), 0.0 * ones, 0.0 * ones, ones, 0.0, last["b"]) <= 1e-3


@pytest.mark.parametrize(
    "function",
    [
        KernelFunction("linear"),
        KernelFunction("poly", gamma=0.3, degree=3, coef0=1.0),
        KernelFunction("poly", gamma=0.3, degree=0),
        KernelFunction("sigmoid", gamma=0.5, coef0=-1.0),  # no inner product
        KernelFunction("sigmoid", gamma=-0.5, coef0=0.0),  # the diagonal is negative
    ],
    ids=str,
)
@each_size
def test_other_kernels(function, cache_size):
    X, y = crowd(100)
    last = solved(X, function, *classification(y, 1.0), cache_size=cache_size)
    assert violation(matrix(X, function), *classification(y, 1.0), 0.0, last["b"]) <= 1e-3


@pytest.mark.parametrize("cache_size", [200.0, 0.05])
def test_a_precomputed_kernel_is_the_kernel(cache_size):
    X, y = crowd(150)
    dual, given = classification(y, 1.0), KernelFunction("precomputed")
    last = solved(matrix(X, RBF), given, *dual, cache_size=cache_size)
    other = solved(X, RBF, *dual, cache_size=cache_size)
    np.testing.assert_allclose(last["rho"], other["rho"], atol=1e-3)


# ---------------------------------------------------------------- hard cases


@pytest.mark.parametrize("cache_size", [200.0, 0.05])
def test_a_large_price_is_solved_to_tol_in_double_precision(cache_size):
    # Single precision alone errs by more than tol where weights are 1e4.
    X, y = crowd(300)
    dual = classification(y, 1e4)
    last = solved(X, RBF, *dual, cache_size=cache_size)
    assert violation(matrix(X, RBF), *dual, 0.0, last["b"]) <= 1e-3


def test_duplicates_with_opposite_labels():
    X, y = crowd(40)
    X, y = np.concatenate([X, X]), np.concatenate([y, -y])
    dual = classification(y, 5.0)
    last = solved(X, RBF, *dual)
    assert violation(matrix(X, RBF), *dual, 0.0, last["b"]) <= 1e-3


@each_size
def test_all_rows_equal(cache_size):
    _, y = crowd(60)
    dual = classification(y, 1.0)
    last = solved(np.ones((60, 3)), RBF, *dual, cache_size=cache_size)
    assert violation(np.ones((60, 60)), *dual, 0.0, last["b"]) <= 1e-3


@pytest.mark.parametrize("cache_size", [200.0, 0.05])
def test_rows_far_from_the_origin_and_far_outliers(cache_size):
    X, y = crowd(200)
    dual = classification(y, 10.0)
    near = solved(X, RBF, *dual, cache_size=cache_size)
    far = solved(X + 1e6, RBF, *dual, cache_size=cache_size)
    np.testing.assert_allclose(far["rho"], near["rho"], atol=2e-3)
    X[0] = 1e7  # single precision would not know who is near whom
    last = solved(X, RBF, *dual, cache_size=cache_size)
    assert violation(matrix(X, RBF), *dual, 0.0, last["b"]) <= 1e-3


def test_weights_of_zero_and_of_very_different_size():
    X, y = crowd(120)
    C = 10.0 ** np.linspace(-6, 4, 120)
    C[::5] = 0.0
    dual = classification(y, C)
    last = solved(X, RBF, *dual)
    assert (last["b"][::5] == 0.0).all()
    assert violation(matrix(X, RBF), *dual, 0.0, last["b"]) <= 1e-3


def test_two_rows_have_a_closed_form():
    X, y = np.array([[0.0], [1.0]]), np.array([1.0, -1.0])
    last = solved(X, KernelFunction("linear"), *classification(y, 10.0))
    np.testing.assert_allclose(last["b"], [2.0, -2.0])  # f = 1 - 2 x
    assert last["rho"] == pytest.approx(-1.0)


def test_one_sign_only_is_at_rest_from_the_start():
    X, _ = crowd(10)
    last = solved(X, RBF, *classification(np.ones(10), 1.0))
    assert (last["b"] == 0.0).all()
    assert last["rho"] == -1.0  # f + 1 = 1: everybody on the kerb


def test_steps_can_be_limited():
    X, y = crowd(150)
    for limit in (0, 1, 7):
        last = solved(X, RBF, *classification(y, 1.0), max_iter=limit)
        assert last["n_iter"] == limit
        assert last["violation"] > 1e-3
    last = solved(X, RBF, *classification(y, 1.0), max_iter=5, cache_size=0.01)
    assert last["n_iter"] == 5


def test_a_tolerance_below_rounding_ends():
    X, y = crowd(100)
    for cache_size in (200.0, 0.01):
        last = solved(X, RBF, *classification(y, 1.0), tol=1e-300, cache_size=cache_size)
        assert violation(matrix(X, RBF), *classification(y, 1.0), 0.0, last["b"]) <= 1e-8


def test_kernel_values_that_overflow_are_told():
    X, y = crowd(50)
    huge = KernelFunction("poly", gamma=1e200, degree=9)
    with pytest.raises(ValueError, match="large values"):
        list(smo(KernelRows(X, huge), *classification(y, 1.0)))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(2, 60),
    d=st.integers(1, 4),
    grid=st.sampled_from([0, 1, 3]),
    log_C=st.floats(-3, 4),
    gamma=st.floats(0.0, 10.0),
    cache_size=st.sampled_from([200.0, 0.002]),
    shrinking=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_whatever_comes_in_the_conditions_hold(
    n, d, grid, log_C, gamma, cache_size, shrinking, seed
):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    if grid:
        X = np.round(X * grid) / grid  # duplicates
    y = np.where(rng.random(n) < 0.5, 1.0, -1.0)
    function = KernelFunction("rbf", gamma=gamma)
    dual = classification(y, 10.0**log_C * rng.random(n))
    last = solved(X, function, *dual, cache_size=cache_size, shrinking=shrinking)
    assert violation(matrix(X, function), *dual, 0.0, last["b"]) <= 1e-3 + 1e-9


# ---------------------------------------------------------------- its parts


def test_shrinking_changes_nothing_but_the_way(monkeypatch):
    monkeypatch.setattr(_working_sets, "WORTHWHILE", 0.05)
    groups = []
    extend = _working_sets.Aside.extend

    def spy(aside, gain, cost):
        extend(aside, gain, cost)
        groups.append(len(aside.groups))

    monkeypatch.setattr(_working_sets.Aside, "extend", spy)
    X, y = crowd(600)
    dual = classification(y, 10.0)
    with_it = solved(X, RBF, *dual, cache_size=0.05)
    assert max(groups) >= 1
    without = solved(X, RBF, *dual, cache_size=0.05, shrinking=False)
    np.testing.assert_allclose(with_it["objective"], without["objective"], rtol=1e-4)
    assert violation(matrix(X, RBF), *dual, 0.0, with_it["b"]) <= 1e-3


def test_the_working_set_holds_the_worst_pair_and_is_no_larger_than_asked():
    rng = np.random.default_rng(0)
    for size in (2, 3, 10, 50, 100):
        gain, cost = rng.standard_normal((2, 100))
        gain[:40], cost[60:] = -np.inf, np.inf
        chosen = choose(gain.copy(), cost.copy(), size, np.random.default_rng(0))
        assert gain.argmax() in chosen and cost.argmin() in chosen
        assert len(np.unique(chosen)) == len(chosen) <= size


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["linear", "poly", "rbf", "sigmoid", "precomputed"])
def test_kernel_rows_are_those_of_scikit_learn(name, dtype):
    X, _ = crowd(700)
    function = KernelFunction(name, gamma=0.3, degree=4, coef0=0.5)
    given = X @ X.T if name == "precomputed" else X
    K = matrix(given, function)
    rows = KernelRows(given, function)
    some = np.array([3, 5, 699, 8])
    close = {
        "rtol": 1e-10 if dtype == np.float64 else 1e-4,
        "atol": 1e-10 + 1e-4 * (dtype != np.float64),
    }
    np.testing.assert_allclose(rows.among(some, dtype), K[np.ix_(some, some)], **close)
    F, weights = np.ones(700), np.array([1.0, -2.0, 0.5, 3.0])
    rows.add_to(F, some, weights, dtype)
    np.testing.assert_allclose(F, 1.0 + weights @ K[some], **close)
    G, samples = np.zeros(700), np.arange(1, 700, 3)
    rows.add_to(G, some, weights, dtype, samples)
    np.testing.assert_allclose(G[samples], weights @ K[np.ix_(some, samples)], **close)
    assert not G[::3].any()


def test_the_same_bits_on_one_thread_and_two():
    X, y = crowd(5_000)
    ends = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            rows = KernelRows(X, RBF, cache_size=1.0, n_threads=n_threads)
            ends.append([s["b"].copy() for s in smo(rows, *classification(y, 1.0))][-1])
    np.testing.assert_array_equal(*ends)
