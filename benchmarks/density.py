"""Clusters of any shape by density: DBSCAN and HDBSCAN."""

from __future__ import annotations

import numpy as np

from benchmarks._harness import Workload, estimator


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


def tree_and_groups(fitted, data):
    """Tell also how long the tree is under which the clusters were found."""
    if hasattr(fitted, "single_linkage_tree_"):
        lengths = fitted.single_linkage_tree_.to_numpy()[:, 2]
    else:
        lengths = fitted._single_linkage_tree_["value"]
    return {"length of the spanning tree": lengths.sum(), **unlike_the_groups(fitted, data)}


def _hdbscan(n: int, d: int, min_cluster_size: int, min_samples: int) -> Workload:
    # The package hdbscan leaves the row itself out of `min_samples`, and by default it makes do
    # with a tree that is not quite the shortest.
    ours = {"min_cluster_size": min_cluster_size, "min_samples": min_samples}
    package = {**ours, "min_samples": min_samples - 1, "core_dist_n_jobs": 2 if n > 1000 else 1}
    jobs = 2 if n > 1000 else None
    return Workload(
        f"HDBSCAN, {n:,} x {d}, {min_samples} rows near",
        blobs_and_noise(n, d, 3 if n < 1000 else 20),
        estimator("groundup.cluster", "HDBSCAN", **ours),
        {
            "scikit-learn": estimator("sklearn.cluster", "HDBSCAN", n_jobs=jobs, copy=True, **ours),
            "hdbscan": estimator("hdbscan", "HDBSCAN", **package),
            "hdbscan, one process": estimator(
                "hdbscan", "HDBSCAN", **{**package, "core_dist_n_jobs": 1}
            ),
            "hdbscan, exact tree": estimator(
                "hdbscan", "HDBSCAN", approx_min_span_tree=False, **package
            ),
        },
        tree_and_groups,
        # Edges of one length may be merged in any order, which moves a row here and there.
        {"length of the spanning tree": 1e-9, "1 - adjusted Rand index": 0.02},
        clustering,
    )


WORKLOADS = [
    _dbscan(100_000, 2, 0.05, 10, "35 neighbours in the mean"),
    _dbscan(100_000, 2, 0.1, 20, "120 neighbours in the mean"),
    _dbscan(100_000, 8, 0.6, 10, "80 neighbours in the mean"),
    _dbscan(150, 4, 0.5, 5, "20 neighbours in the mean"),
    _hdbscan(50_000, 4, 50, 10),
    _hdbscan(150, 4, 5, 5),
]
