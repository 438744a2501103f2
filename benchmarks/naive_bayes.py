"""Naive Bayes: fitting and predicting, normal columns, counts of words, and categories."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks._harness import Workload, estimator


def normal_columns(n: int, d: int):
    """Normal features, shifted and scaled by class for a third of them, far from the origin."""

    def data():
        rng = np.random.default_rng(0)
        y = rng.integers(2, size=n)
        X = rng.standard_normal((n, d)) + 100.0
        X[:, : (d + 2) // 3] += 0.4 * y[:, np.newaxis]
        X[:, 0] *= 1.0 + 0.5 * y
        return X, y

    return data


def words(n: int, d: int, n_classes: int):
    """Counts of 60 words a text; a fifth of the words come from the share of its class."""

    def data():
        rng = np.random.default_rng(0)
        y = rng.integers(n_classes, size=n)
        columns = np.minimum(rng.exponential(d / 10, size=(n, 60)).astype(np.int64), d - 1)
        own = rng.random((n, 60)) < 0.2
        columns[own] = (columns[own] % (d // n_classes)) + (d // n_classes) * np.repeat(
            y, own.sum(axis=1)
        )
        rows = np.repeat(np.arange(n), 60)
        return csr_matrix((np.ones(n * 60), (rows, columns.ravel())), shape=(n, d)), y

    return data


def categories(n: int, d: int):
    """Columns of ten categories, whose frequencies depend on the class."""

    def data():
        rng = np.random.default_rng(0)
        y = rng.integers(3, size=n)
        return np.minimum(rng.poisson(3.0 + 0.3 * y[:, np.newaxis], size=(n, d)), 9.0), y

    return data


def _fitting_and_predicting(estimator, data):
    X, y = data
    return lambda: estimator.fit(X, y).predict(X)


def _error(predicted, data):
    return {"error": float(np.mean(predicted != data[1]))}


def _workload(name: str, text: str, data) -> Workload:
    # scikit-learn-intelex has none of its own
    return Workload(
        f"{name}, fit and predict, {text}",
        data,
        estimator("groundup.naive_bayes", name),
        {"scikit-learn": estimator("sklearn.naive_bayes", name)},
        _error,
        {"error": 1e-9},
        _fitting_and_predicting,
    )


WORKLOADS = [
    _workload("GaussianNB", "1,000,000 x 30", normal_columns(1_000_000, 30)),
    _workload("GaussianNB", "150 x 4", normal_columns(150, 4)),
    _workload("MultinomialNB", "20,000 texts, 50,000 words, 20 classes", words(20_000, 50_000, 20)),
    _workload("BernoulliNB", "20,000 texts, 50,000 words, 20 classes", words(20_000, 50_000, 20)),
    _workload("CategoricalNB", "200,000 x 20, 10 categories", categories(200_000, 20)),
]
