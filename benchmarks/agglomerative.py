"""Agglomerative clustering: all merges, from the rows to one cluster.

fastcluster makes the merges and leaves the labels to SciPy; ours and scikit-learn's times include
them.  Its "vectors" form needs no matrix of distances, as ours for Ward's and single linkage.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np

from benchmarks._harness import Workload, estimator


class _Fastcluster:
    """fastcluster's functions with the face of an estimator."""

    def __init__(self, function: str, linkage: str):
        self.function = getattr(import_module("fastcluster"), function)
        self.linkage = linkage

    def fit(self, X, y=None):
        self.distances_ = self.function(X, self.linkage)[:, 2]
        return self


def groups(n: int, d: int):
    """Normal rows around 20 centers that are some of them close together."""

    def data():
        rng = np.random.default_rng(0)
        centers = rng.uniform(-10.0, 10.0, size=(20, d))
        return centers[rng.integers(20, size=n)] + rng.normal(size=(n, d)), None

    return data


def no_groups(n: int, d: int):
    """Normal rows around one center: no box of a tree can be passed over in many features."""
    return lambda: (np.random.default_rng(0).normal(size=(n, d)), None)


def _heights(fitted, data):
    return {"sum of heights": float(fitted.distances_.sum())}


def _workload(linkage: str, n: int, d: int, peers: tuple[str, ...], data=groups) -> Workload:
    everyone = {
        "scikit-learn": estimator(
            "sklearn.cluster", "AgglomerativeClustering", linkage=linkage, compute_distances=True
        ),
        "fastcluster": lambda: _Fastcluster("linkage", linkage),
        "fastcluster, vectors": lambda: _Fastcluster("linkage_vector", linkage),
    }
    what = "" if data is groups else ", no groups"
    return Workload(
        f"AgglomerativeClustering, {linkage}, {n:,} x {d}{what}",
        data(n, d),
        estimator("groundup.cluster", "AgglomerativeClustering", linkage=linkage),
        {name: everyone[name] for name in peers},
        _heights,
        {"sum of heights": 1e-9},
    )


SKLEARN, MATRIX, VECTORS = "scikit-learn", "fastcluster", "fastcluster, vectors"

# At 50,000 rows a matrix of distances takes 10 GB, half of a symmetrical one.
WORKLOADS = [
    _workload("ward", 10_000, 20, (SKLEARN, MATRIX, VECTORS)),
    _workload("ward", 10_000, 20, (SKLEARN, MATRIX, VECTORS), no_groups),
    _workload("ward", 50_000, 8, (VECTORS,)),
    _workload("ward", 50_000, 8, (VECTORS,), no_groups),
    _workload("single", 50_000, 4, (SKLEARN, VECTORS)),
    _workload("average", 10_000, 20, (SKLEARN, MATRIX)),
    _workload("complete", 10_000, 20, (SKLEARN, MATRIX)),
    *(_workload(linkage, 150, 4, (SKLEARN,)) for linkage in ("ward", "average", "complete")),
    _workload("single", 150, 4, (SKLEARN,)),
]
