"""Logistic regression: l2 against the default solvers, l1 and elastic net against saga."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_iris, make_classification

from benchmarks._harness import INTELEX, Workload, estimator


def classification(n: int, d: int, n_classes: int = 2, seed: int = 0):
    """Half of the features are informative, some repeat others, 5% of the labels are wrong."""
    X, y = make_classification(
        n,
        d,
        n_informative=max(2, d // 2) if d < 1000 else 30,
        n_redundant=d // 6 if d < 1000 else 0,
        n_classes=n_classes,
        n_clusters_per_class=1 if n_classes > 2 else 2,
        flip_y=0.05,
        random_state=seed,
    )
    return np.ascontiguousarray(X), y


def objective(C: float = 1.0, l1_ratio: float = 0.0):
    """The cost per row that all of them minimise."""

    def quality(model, data):
        X, y = data
        codes = np.searchsorted(model.classes_, y)
        z = X @ model.coef_.T + model.intercept_
        if len(model.classes_) == 2:
            z = np.column_stack([np.zeros(len(X)), z[:, 0]])
        z -= z.max(axis=1, keepdims=True)
        loss = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(X)), codes]
        w = model.coef_
        penalty = l1_ratio * np.abs(w).sum() + 0.5 * (1 - l1_ratio) * np.sum(w * w)
        return {"objective": float(loss.mean() + penalty / (C * len(X)))}

    return quality


def _smooth(name: str, data, **parameters) -> Workload:
    return Workload(
        f"LogisticRegression, {name}",
        data,
        estimator("groundup.linear_model", "LogisticRegression", **parameters),
        {
            "scikit-learn": estimator("sklearn.linear_model", "LogisticRegression", **parameters),
            INTELEX: estimator("sklearnex.linear_model", "LogisticRegression", **parameters),
            "scikit-learn, newton-cholesky": estimator(
                "sklearn.linear_model", "LogisticRegression", solver="newton-cholesky", **parameters
            ),
        },
        objective(parameters.get("C", 1.0)),
        {"objective": 1e-6},
    )


def _sparse(name: str, data, C: float, l1_ratio: float, saga: bool = True) -> Workload:
    parameters = {"C": C, "l1_ratio": l1_ratio}
    peers = {}
    if l1_ratio == 1.0:
        peers["scikit-learn, liblinear"] = estimator(
            "sklearn.linear_model", "LogisticRegression", solver="liblinear", **parameters
        )
    if saga:
        peers["scikit-learn"] = estimator(
            "sklearn.linear_model", "LogisticRegression", solver="saga", max_iter=300, **parameters
        )
    return Workload(
        f"LogisticRegression, {name}, l1_ratio = {l1_ratio:g}, C = {C:g}",
        data,
        estimator("groundup.linear_model", "LogisticRegression", **parameters),
        peers,
        objective(C, l1_ratio),
        {"objective": 1e-5},
    )


WORKLOADS = [
    _smooth("100,000 x 30", lambda: classification(100_000, 30)),
    _smooth("20,000 x 30, 5 classes", lambda: classification(20_000, 30, 5), max_iter=1000),
    _smooth("2,000 x 2,000", lambda: classification(2_000, 2_000), max_iter=1000),
    _smooth("150 x 4, 3 classes", lambda: load_iris(return_X_y=True), max_iter=1000),
    _smooth("100 x 4, 2 classes", lambda: tuple(a[50:] for a in load_iris(return_X_y=True))),
    _sparse("100,000 x 30", lambda: classification(100_000, 30), 0.001, 1.0),
    # saga takes minutes here
    _sparse("500 x 10,000", lambda: classification(500, 10_000), 0.05, 1.0, saga=False),
    _sparse("20,000 x 30", lambda: classification(20_000, 30), 0.005, 0.5),
]
