"""Clusters of any shape by density: DBSCAN."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from benchmarks._harness import Workload


def estimator(module: str, name: str, **parameters):
    """Import and build an estimator when it is asked for."""
    return lambda: getattr(import_module(module), name)(**parameters)


def blobs_and_noise(n: int, d: int, k: int = 20, spread: float = 0.3):
    """k normal groups of rows in a cube of side 10, and a tenth of the rows anywhere in it."""

    def data():
        rng = np.random.default_rng(0)
        centers = rng.uniform(0, 10, (k, d))
        groups = rng.integers(k, size=n)
        X = centers[groups] + spread * rng.standard_normal((n, d))
        noise = rng.random(n) < 0.1
        X[noise] = rng.uniform(0, 10, (noise.sum(), d))
        groups[noise] = -1
        return X, groups

    return data


def clustering(estimator, data):
    """Time ``fit(X)``; the result is the fitted estimator."""
    return lambda: estimator.fit(data[0])


def unlike_the_groups(fitted, data):
    """One minus the adjusted Rand index of the labels and the groups that were drawn."""
    from sklearn.metrics import adjusted_rand_score

    return {"1 - adjusted Rand index": 1.0 - adjusted_rand_score(data[1], fitted.labels_)}


def _dbscan(n: int, d: int, eps: float, min_samples: int, around: str) -> Workload:
    parameters = {"eps": eps, "min_samples": min_samples}
    return Workload(
        f"DBSCAN, {n:,} x {d}, eps={eps}, {around}",
        blobs_and_noise(n, d, 3 if n < 1000 else 20),
        estimator("groundup.cluster", "DBSCAN", **parameters),
        {
            "scikit-learn": estimator("sklearn.cluster", "DBSCAN", n_jobs=2, **parameters),
            "scikit-learn-intelex": estimator(
                "sklearnex.cluster", "DBSCAN", n_jobs=2, **parameters
            ),
        },
        unlike_the_groups,
        {"1 - adjusted Rand index": 1e-9},
        clustering,
    )


WORKLOADS = [
    _dbscan(100_000, 2, 0.05, 10, "35 neighbours in the mean"),
    _dbscan(100_000, 2, 0.1, 20, "120 neighbours in the mean"),
    _dbscan(100_000, 8, 0.6, 10, "80 neighbours in the mean"),
    _dbscan(150, 4, 0.5, 5, "20 neighbours in the mean"),
]
