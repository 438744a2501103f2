"""Linear models: least squares, ridge, lasso, elastic net."""

from __future__ import annotations

import numpy as np

from benchmarks._harness import INTELEX, Workload, estimator


def _peers(name: str, intelex: str, **parameters) -> dict:
    return {
        "scikit-learn": estimator("sklearn.linear_model", name, **parameters),
        INTELEX: estimator(intelex, name, **parameters),
    }


def regression(n: int, d: int, informative: int = 20, seed: int = 0):
    """Normal features, `informative` of them with a weight; noise of a tenth of the signal.

    The target is scaled so that alpha = 1 is where the lasso's coefficients all become zero.
    """
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) + rng.standard_normal(d)
    signal = X[:, :informative] @ rng.standard_normal(min(informative, d))
    y = signal + 0.1 * signal.std() * rng.standard_normal(n)
    return X, y / np.max(np.abs((X - X.mean(axis=0)).T @ (y - y.mean()) / n))


def squared_error(model, data):
    """Mean squared error on the training rows: what least squares minimises."""
    X, y = data
    return {"mean squared error": float(np.mean((y - model.predict(X)) ** 2))}


def penalised(alpha: float, l1_ratio: float = 1.0):
    """Objective of the elastic net at the fitted coefficients."""

    def quality(model, data):
        X, y = data
        w = np.ravel(model.coef_)
        loss = 0.5 * np.mean((y - model.predict(X)) ** 2)
        penalty = l1_ratio * np.abs(w).sum() + 0.5 * (1 - l1_ratio) * w @ w
        return {"objective": float(loss + alpha * penalty)}

    return quality


def _least_squares(n: int, d: int) -> Workload:
    return Workload(
        f"LinearRegression, {n:,} x {d:,}",
        lambda: regression(n, d),
        estimator("groundup.linear_model", "LinearRegression"),
        _peers("LinearRegression", "sklearnex.linear_model"),
        squared_error,
        {"mean squared error": 1e-9},
    )


def _ridge(n: int, d: int) -> Workload:
    peers = _peers("Ridge", "sklearnex.linear_model")
    if d > n:
        del peers[INTELEX]  # it makes the d x d matrix: 800 MB and half a minute
    return Workload(
        f"Ridge, {n:,} x {d:,}",
        lambda: regression(n, d),
        estimator("groundup.linear_model", "Ridge"),
        peers,
        squared_error,
        {"mean squared error": 1e-9},
    )


def _sparse(name: str, n: int, d: int, alpha: float, **parameters) -> Workload:
    parameters["alpha"] = alpha
    peers = _peers(name, "daal4py.sklearn.linear_model", **parameters)
    peers["celer"] = estimator("celer", name, **parameters)
    return Workload(
        f"{name}, {n:,} x {d:,}, alpha = {alpha:g} of the largest",
        lambda: regression(n, d),
        estimator("groundup.linear_model", name, **parameters),
        peers,
        penalised(alpha, parameters.get("l1_ratio", 1.0)),
        {"objective": 1e-5},
    )


WORKLOADS = [
    _least_squares(100_000, 50),
    _least_squares(150, 4),
    _ridge(100_000, 50),
    _ridge(500, 10_000),
    _ridge(150, 4),
    _sparse("Lasso", 100_000, 50, 0.01),
    _sparse("Lasso", 500, 10_000, 0.1),
    _sparse("Lasso", 500, 10_000, 0.01),
    _sparse("Lasso", 150, 4, 0.01),
    _sparse("ElasticNet", 100_000, 50, 0.01, l1_ratio=0.5),
    _sparse("ElasticNet", 500, 10_000, 0.1, l1_ratio=0.5),
]
