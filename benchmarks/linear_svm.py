"""Linear support vector machines: the objective that all of them minimise decides on quality."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_iris

from benchmarks._harness import Workload, estimator


def two_classes(n: int, d: int, informative: int | None = None):
    """Normal features; the class is the sign of a weighted sum with noise: one row in five errs."""

    def data():
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, d))
        w = np.zeros(d)
        w[: informative or d] = rng.standard_normal(informative or d)
        z = X @ w
        return X, (z / z.std() + 0.7 * rng.standard_normal(n) > 0).astype(np.int64)

    return data


def targets(n: int, d: int):
    """Normal features; the target is a weighted sum with noise."""

    def data():
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, d))
        return X, X @ rng.standard_normal(d) + rng.standard_normal(n)

    return data


def classes_objective(C: float = 1.0, loss: str = "squared_hinge", penalty: str = "l2"):
    """The objective per row, summed over the problems of one class against the rest."""

    def quality(model, data):
        X, y = data
        classes = model.classes_[1:] if len(model.classes_) == 2 else model.classes_
        sign = np.where(y[:, None] == classes, 1.0, -1.0)  # (n, K)
        missing = np.maximum(0.0, 1.0 - sign * (X @ model.coef_.T + model.intercept_))
        total = C * np.sum(missing**2 if loss == "squared_hinge" else missing)
        v = np.column_stack([model.coef_, model.intercept_])
        total += np.abs(v).sum() if penalty == "l1" else 0.5 * np.sum(v**2)
        return {"objective": float(total / len(X))}

    return quality


def targets_objective(loss: str = "epsilon_insensitive", C: float = 1.0):
    """The objective per row, for epsilon = 0."""

    def quality(model, data):
        X, y = data
        error = np.abs(X @ model.coef_ + model.intercept_ - y)
        v = np.append(model.coef_, model.intercept_)
        total = C * np.sum(error if loss == "epsilon_insensitive" else error**2)
        return {"objective": float((total + 0.5 * v @ v) / len(X))}

    return quality


def _both(name: str, **parameters) -> dict:
    return {
        "ours": estimator("groundup.svm", name, random_state=0, **parameters),
        "peers": {"scikit-learn": estimator("sklearn.svm", name, random_state=0, **parameters)},
    }


def _classes(name: str, data, level: float = 1e-6, **parameters) -> Workload:
    measured = {key: parameters[key] for key in ("C", "loss", "penalty") if key in parameters}
    return Workload(
        f"LinearSVC, {name}",
        data,
        **_both("LinearSVC", **parameters),
        quality=classes_objective(**measured),
        level={"objective": level},
    )


def _targets(name: str, data, level: float = 1e-6, **parameters) -> Workload:
    measured = {key: parameters[key] for key in ("C", "loss") if key in parameters}
    return Workload(
        f"LinearSVR, {name}",
        data,
        **_both("LinearSVR", **parameters),
        quality=targets_objective(**measured),
        level={"objective": level},
    )


WORKLOADS = [
    _classes("100,000 x 50", two_classes(100_000, 50)),
    _classes("hinge, 20,000 x 50", two_classes(20_000, 50), loss="hinge"),
    _classes("hinge, C=0.001, 20,000 x 50", two_classes(20_000, 50), loss="hinge", C=0.001),
    _classes("l1, C=0.01, 20,000 x 200", two_classes(20_000, 200, 20), penalty="l1", C=0.01),
    _classes("dual, C=0.01, 1,000 x 5,000", two_classes(1_000, 5_000), 1e-4, C=0.01),
    _classes("150 x 4, three classes", lambda: load_iris(return_X_y=True)),
    _targets("squared, 100,000 x 50", targets(100_000, 50), loss="squared_epsilon_insensitive"),
    _targets("20,000 x 50", targets(20_000, 50)),
    _targets("150 x 4", targets(150, 4), 1e-4),
]
