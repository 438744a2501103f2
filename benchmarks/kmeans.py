"""k-means: the same start and the same stop, so that every library takes the same steps."""

from __future__ import annotations

import numpy as np

from benchmarks._harness import INTELEX, Workload, estimator


def clouds(n: int, d: int, k: int):
    """Return k normal clouds that overlap, and k of their rows to start with."""

    def data():
        rng = np.random.default_rng(0)
        middles = 3.0 * rng.standard_normal((k, d))
        X = middles[rng.integers(k, size=n)] + rng.standard_normal((n, d))
        return X, None, X[rng.choice(n, k, replace=False)]

    return data


def _inertia(fitted, data):
    return {"inertia": float(fitted.inertia_), "steps": float(fitted.n_iter_)}


def _fitting(estimator, data):
    return lambda: estimator.fit(data[0])


def _fitting_from_start(estimator, data):
    estimator.set_params(init=data[2])
    return lambda: estimator.fit(data[0])


def _workload(n: int, d: int, k: int) -> Workload:
    parameters = {"n_clusters": k, "n_init": 1}
    return Workload(
        f"KMeans, {n:,} x {d}, k={k}, same start",
        clouds(n, d, k),
        estimator("groundup.cluster", "KMeans", algorithm="auto", **parameters),
        {
            "scikit-learn": estimator("sklearn.cluster", "KMeans", **parameters),
            INTELEX: estimator("sklearnex.cluster", "KMeans", **parameters),
        },
        _inertia,
        {"inertia": 1e-9},
        _fitting_from_start,
    )


def _small(name: str, peers: tuple[str, ...], **parameters) -> Workload:
    return Workload(
        f"{name}, 150 x 4, defaults",
        clouds(150, 4, 3),
        estimator("groundup.cluster", name, random_state=0, **parameters),
        {
            library: estimator(f"{module}.cluster", name, random_state=0, **parameters)
            for library, module in (("scikit-learn", "sklearn"), (INTELEX, "sklearnex"))
            if library in peers
        },
        _inertia,
        {"inertia": 1e-9} if "scikit-learn" in peers and len(peers) == 1 else {},
        _fitting,
    )


WORKLOADS = [
    _workload(100_000, 16, 20),
    _workload(1_000_000, 8, 100),
    _small("KMeans", ("scikit-learn",)),
    _small("MiniBatchKMeans", ("scikit-learn",)),
    Workload(
        "MiniBatchKMeans, 1,000,000 x 8, k=100",
        clouds(1_000_000, 8, 100),
        estimator("groundup.cluster", "MiniBatchKMeans", n_clusters=100, random_state=0),
        {
            "scikit-learn": estimator(
                "sklearn.cluster", "MiniBatchKMeans", n_clusters=100, random_state=0
            )
        },
        _inertia,
        {"inertia": 1e-9},
        _fitting,
    ),
]
