"""Principal components and truncated singular value decomposition."""

from __future__ import annotations

import numpy as np

from benchmarks._harness import Workload, estimator


def correlated(n: int, d: int):
    """Normal rows whose variances fall evenly over three powers of ten, away from zero."""

    def data():
        rng = np.random.default_rng(0)
        V, _ = np.linalg.qr(rng.standard_normal((d, d)))
        X = (rng.standard_normal((n, d)) * np.logspace(0, -1.5, d)) @ V
        return np.ascontiguousarray(X + rng.uniform(-3, 3, d)), None

    return data


def documents(n: int, vocabulary: int, length: int):
    """Rows of word counts, a few topics in each, weighted as for text: sparse."""

    def data():
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import TfidfTransformer

        rng = np.random.default_rng(0)
        n_topics = 40
        rank = rng.permuted(np.tile(np.arange(1.0, vocabulary + 1), (n_topics, 1)), axis=1)
        # words of a topic by Zipf's law, by the inverse of its cumulative sums
        sums = np.cumsum(1.0 / rank, axis=1)
        topics = rng.integers(n_topics, size=(n, 2))[
            np.arange(n)[:, None], rng.integers(2, size=(n, length))
        ]
        words = np.empty((n, length), dtype=np.int64)
        for topic in range(n_topics):
            here = topics == topic
            words[here] = np.searchsorted(sums[topic], rng.random(here.sum()) * sums[topic, -1])
        counts = csr_matrix(
            (np.ones(n * length), (np.repeat(np.arange(n), length), words.ravel())),
            shape=(n, vocabulary),
        )
        return TfidfTransformer().fit_transform(counts), None

    return data


def _fitting(estimator, data):
    return lambda: estimator.fit(data[0])


def _unexplained(fitted, data):
    return {"variance not explained": 1.0 - float(fitted.explained_variance_ratio_.sum())}


def _pca(n: int, d: int, k: int) -> Workload:
    return Workload(
        f"PCA, {n:,} x {d}, {k} components",
        correlated(n, d),
        estimator("groundup.decomposition", "PCA", n_components=k),
        {
            "scikit-learn": estimator("sklearn.decomposition", "PCA", n_components=k),
            "scikit-learn-intelex": estimator("sklearnex.decomposition", "PCA", n_components=k),
        },
        _unexplained,
        {"variance not explained": 1e-9},
        _fitting,
    )


def _truncated_svd(text: str, data, k: int) -> Workload:
    parameters = {"n_components": k, "random_state": 0}
    return Workload(
        f"TruncatedSVD, {text}, {k} components",
        data,
        estimator("groundup.decomposition", "TruncatedSVD", **parameters),
        {"scikit-learn": estimator("sklearn.decomposition", "TruncatedSVD", **parameters)},
        _unexplained,
        {"variance not explained": 1e-6},
        _fitting,
    )


WORKLOADS = [
    _pca(100_000, 50, 10),
    _pca(150, 4, 2),
    _truncated_svd("20,000 documents of 100 words", documents(20_000, 10_000, 100), 50),
    _truncated_svd("150 x 4", correlated(150, 4), 2),
]
