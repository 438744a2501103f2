"""Support vector machines with a kernel: fitting and predicting, SVC and SVR."""

from __future__ import annotations

import functools

import numpy as np
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.metrics.pairwise import rbf_kernel

from benchmarks._harness import INTELEX, Workload, estimator, fitting

BLOCK = 2_000  # support vectors at once, where the objective is computed


@functools.cache
def clusters(n: int, m: int = 10_000, d: int = 20):
    """Two classes of four clusters each, one row in twenty mislabelled; columns standardised."""
    X, y = make_classification(
        n + m,
        d,
        n_informative=10,
        n_redundant=4,
        n_clusters_per_class=4,
        flip_y=0.05,
        random_state=0,
    )
    X = np.ascontiguousarray((X - X.mean(axis=0)) / X.std(axis=0))
    return X[:n], y[:n], X[n:], y[n:]


@functools.cache
def surface(n: int, m: int = 10_000, d: int = 20):
    """A smooth function of three of twenty normal features, and noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n + m, d))
    y = np.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2] + 0.1 * rng.standard_normal(n + m)
    return X[:n], y[:n], X[n:], y[n:]


def iris():
    X, y = load_iris(return_X_y=True)
    return X, y, X, y


def digits():
    """Ten classes, so 45 machines of some 360 rows each."""
    X, y = load_digits(return_X_y=True)
    return X, y, X, y


def _predicting(estimator, data):
    estimator.fit(*data[:2])
    return lambda: estimator.predict(data[2])


def dual_objective(model, data, linear: float = 0.0) -> float:
    """1/2 b^T K b - t^T b + linear |b|_1, in double precision, for a machine of one pair."""
    X, y = data[:2]
    b, V = np.asarray(model.dual_coef_).ravel(), X[model.support_]
    gamma = 1.0 / (X.shape[1] * X.var())
    target = y[model.support_] if linear else np.sign(b)
    squared = sum(
        b[i : i + BLOCK] @ rbf_kernel(V[i : i + BLOCK], V, gamma) @ b
        for i in range(0, len(b), BLOCK)
    )
    return float(0.5 * squared - target @ b + linear * np.abs(b).sum())


def _svc_quality(model, data):
    return {"dual objective": dual_objective(model, data)}


def _svr_quality(model, data):
    return {"dual objective": dual_objective(model, data, linear=model.epsilon)}


def _train_error(model, data):
    return {"error": float(np.mean(model.predict(data[0]) != data[1]))}


def _error(predicted, data):
    return {"error": float(np.mean(predicted != data[3]))}


def _squared_error(predicted, data):
    return {"mean squared error": float(np.mean((predicted - data[3]) ** 2))}


def _workload(cls: str, what: str, data, quality, level, peers, timed=fitting) -> Workload:
    modules = {"scikit-learn": "sklearn.svm", INTELEX: "sklearnex.svm"}
    return Workload(
        f"{cls} RBF, {what}",
        data,
        estimator("groundup.svm", cls),
        {peer: estimator(modules[peer], cls) for peer in peers},
        quality,
        level,
        timed,
    )


BOTH = ("scikit-learn", INTELEX)
# An objective is settled to about tol times the sum of weights that still move: 1e-6 of it.
OBJECTIVE, ERROR = {"dual objective": 1e-6}, {"error": 2e-3}

WORKLOADS = [
    _workload("SVC", "10,000 x 20, fit", lambda: clusters(10_000), _svc_quality, OBJECTIVE, BOTH),
    _workload(
        "SVC",
        "10,000 x 20, predict 10,000",
        lambda: clusters(10_000),
        _error,
        ERROR,
        BOTH,
        _predicting,
    ),
    # scikit-learn needs about a minute here, three times as long as its Intel extension.
    _workload(
        "SVC", "50,000 x 20, fit", lambda: clusters(50_000), _svc_quality, OBJECTIVE, (INTELEX,)
    ),
    _workload(
        "SVC",
        "50,000 x 20, predict 10,000",
        lambda: clusters(50_000),
        _error,
        ERROR,
        (INTELEX,),
        _predicting,
    ),
    _workload("SVR", "10,000 x 20, fit", lambda: surface(10_000), _svr_quality, OBJECTIVE, BOTH),
    _workload(
        "SVR",
        "10,000 x 20, predict 10,000",
        lambda: surface(10_000),
        _squared_error,
        {"mean squared error": 2e-3},
        BOTH,
        _predicting,
    ),
    _workload("SVC", "150 x 4, three classes, fit", iris, _train_error, {"error": 0.0}, BOTH),
    _workload(
        "SVC", "150 x 4, three classes, predict", iris, _error, {"error": 0.0}, BOTH, _predicting
    ),
    _workload(
        "SVC", "digits 1,797 x 64, ten classes, fit", digits, _train_error, {"error": 1e-3}, BOTH
    ),
    _workload(
        "SVC",
        "digits 1,797 x 64, ten classes, predict",
        digits,
        _error,
        {"error": 1e-3},
        BOTH,
        _predicting,
    ),
    _workload(
        "SVR",
        "150 x 4, fit",
        lambda: surface(150, 10, 4),
        _svr_quality,
        {"dual objective": 1e-4},
        BOTH,
    ),
]
