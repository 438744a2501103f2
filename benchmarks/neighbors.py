"""Nearest neighbours: predicting with a classifier, by brute force and by the k-d tree."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from benchmarks._harness import INTELEX, Workload, estimator


class _Index:
    """A library that only searches: the vote is added, as its user would have to do."""

    def __init__(self, build, search):
        self.build, self.search = build, search

    def fit(self, X, y):
        self.index, self.y = self.build(X), y
        return self

    def predict(self, Q):
        votes = self.y[self.search(self.index, Q)]  # (m, k), classes 0 and 1
        return (2 * votes.sum(axis=1) > votes.shape[1]).astype(self.y.dtype)


def _pykdtree():
    tree = import_module("pykdtree.kdtree").KDTree
    return _Index(tree, lambda index, Q: index.query(Q, 5)[1])


def _faiss():
    faiss = import_module("faiss")

    def build(X):
        index = faiss.IndexFlatL2(X.shape[1])
        index.add(X.astype(np.float32))
        return index

    return _Index(build, lambda index, Q: index.search(Q.astype(np.float32), 5)[1])


def two_classes(n: int, m: int, d: int):
    """Normal features; the class is the sign of two features' sum, wrong for one row in ten."""

    def data():
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n + m, d))
        y = ((X[:, 0] + X[:, 1] > 0) ^ (rng.random(n + m) < 0.1)).astype(np.int64)
        return X[:n], y[:n], X[n:], y[n:]

    return data


def _predicting(estimator, data):
    X, y, Q, _ = data
    estimator.fit(X, y)
    return lambda: estimator.predict(Q)


def _fitting_and_predicting(estimator, data):
    X, y, Q, _ = data
    return lambda: estimator.fit(X, y).predict(Q)


def _error(predicted, data):
    return {"error": float(np.mean(predicted != data[3]))}


def _workload(name: str, n: int, m: int, d: int, timed, others=None, **parameters) -> Workload:
    return Workload(
        f"KNeighborsClassifier, {name}, {n:,} fitted, {m:,} asked, {d} features",
        two_classes(n, m, d),
        estimator("groundup.neighbors", "KNeighborsClassifier", **parameters),
        {
            "scikit-learn": estimator("sklearn.neighbors", "KNeighborsClassifier", **parameters),
            INTELEX: estimator("sklearnex.neighbors", "KNeighborsClassifier", **parameters),
            **(others or {}),
        },
        _error,
        {"error": 1e-9 if not others or "faiss" not in others else 1e-3},
        timed,
    )


WORKLOADS = [
    _workload(
        "brute, predict", 50_000, 10_000, 30, _predicting, {"faiss": _faiss}, algorithm="brute"
    ),
    _workload(
        "k-d tree, predict",
        20_000,
        20_000,
        2,
        _predicting,
        {"pykdtree": _pykdtree},
        algorithm="kd_tree",
    ),
    _workload("auto, predict", 20_000, 20_000, 2, _predicting),
    _workload("auto, fit and predict", 150, 150, 4, _fitting_and_predicting),
    _workload("auto, predict", 150, 150, 4, _predicting),
]
