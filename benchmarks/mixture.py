"""Gaussian mixtures: the same start, the same number of steps of EM."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from benchmarks._harness import Workload


def clouds(n: int, d: int, k: int, spread: float):
    """Rows of k round normal clouds of variance 1, whose centers have the variance spread^2."""

    def data():
        rng = np.random.default_rng(0)
        centers = spread * rng.standard_normal((k, d))
        return (centers[rng.integers(k, size=n)] + rng.standard_normal((n, d)), None)

    return data


def _precisions(kind: str, k: int, d: int):
    return {
        "full": np.repeat(np.eye(d)[np.newaxis], k, axis=0),
        "tied": np.eye(d),
        "diag": np.ones((k, d)),
        "spherical": np.ones(k),
    }[kind]


def _steps(mixture, data):
    X = data[0]
    k, d = mixture.n_components, X.shape[1]
    mixture.set_params(
        weights_init=np.full(k, 1.0 / k),
        means_init=X[:k],
        precisions_init=_precisions(mixture.covariance_type, k, d),
    )
    return lambda: mixture.fit(X)


def _fit(mixture, data):
    return lambda: mixture.fit(data[0])


def _likelihood(mixture, data):
    return {"-log-likelihood": -mixture.score(data[0])}


def _workload(
    n: int, d: int, k: int, spread: float, kind="full", steps: int | None = 10, **level
) -> Workload:
    def estimator(module):
        def build():
            fixed = {} if steps is None else {"max_iter": steps, "tol": 0.0}
            mixture = import_module(module).GaussianMixture
            return mixture(k, covariance_type=kind, random_state=0, **fixed)

        return build

    how = "k-means start, to convergence" if steps is None else f"{steps} steps"
    lie = "apart" if spread > 1.0 else "upon each other"
    return Workload(
        f"GaussianMixture, {kind}, {k} components {lie}, {n:,} x {d}, {how}",
        clouds(n, d, k, spread),
        estimator("groundup.mixture"),
        {"scikit-learn": estimator("sklearn.mixture")},
        _likelihood,
        {"-log-likelihood": level.get("level", 1e-9)},
        _fit if steps is None else _steps,
    )


WORKLOADS = [
    _workload(100_000, 16, 20, 3.0),
    _workload(100_000, 16, 20, 0.3),
    *[_workload(100_000, 16, 20, 3.0, kind) for kind in ("tied", "diag", "spherical")],
    _workload(150, 4, 3, 3.0),
    _workload(150, 4, 3, 3.0, steps=None, level=1e-3),
]
