"""Trees and forests grown to full depth, against scikit-learn and scikit-learn-intelex."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_iris, make_classification

from benchmarks._harness import INTELEX, Workload, estimator


def _seeded(module: str, name: str, **parameters):
    return estimator(module, name, random_state=0, **parameters)


def two_classes(n: int, m: int, p: int):
    """Return a function that makes n rows to learn from and m to test on; 5% of the labels lie."""

    def data():
        X, y = make_classification(
            n + m,
            p,
            n_informative=p // 2,
            n_redundant=p // 6,
            flip_y=0.05,
            class_sep=0.8,
            random_state=0,
        )
        return np.ascontiguousarray(X[:n]), y[:n], X[n:], y[n:]

    return data


def noisy_targets(n: int, m: int, p: int):
    """Return a function that makes n rows to learn from and m to test on, with a noisy target."""

    def data():
        rng = np.random.default_rng(0)
        X = rng.normal(size=(n + m, p))
        y = 2 * X[:, 0] + np.sin(3 * X[:, 1]) + X[:, 2] * X[:, 3] + np.abs(X[:, 4])
        y += 0.5 * rng.normal(size=n + m)
        return X[:n], y[:n], X[n:], y[n:]

    return data


def iris():
    """Return iris, to learn from and to test on."""
    X, y = load_iris(return_X_y=True)
    return X, y, X, y


def _error(fitted, data):
    return {"error": float(np.mean(fitted.predict(data[2]) != data[3]))}


def _squared_error(fitted, data):
    return {"mean squared error": float(np.mean((fitted.predict(data[2]) - data[3]) ** 2))}


QUALITY = {_error: "error", _squared_error: "mean squared error"}


def _forest(name: str, n: int, p: int, data, quality, **parameters) -> Workload:
    return Workload(
        f"{name}, 100 trees, {n:,} x {p}",
        data,
        _seeded("groundup.ensemble", name, n_jobs=2, **parameters),
        {
            "scikit-learn": _seeded("sklearn.ensemble", name, n_jobs=2, **parameters),
            INTELEX: _seeded("sklearnex.ensemble", name, n_jobs=2, **parameters),
        },
        quality,
        {QUALITY[quality]: 0.03},
    )


def _tree(name: str, size: str, data, quality, level: float) -> Workload:
    return Workload(
        f"{name}, {size}",
        data,
        _seeded("groundup.tree", name),
        {"scikit-learn": _seeded("sklearn.tree", name)},
        quality,
        {QUALITY[quality]: level},
    )


WORKLOADS = [
    _tree("DecisionTreeClassifier", "150 x 4", iris, _error, 0.0),
    _tree("DecisionTreeClassifier", "100,000 x 30", two_classes(100_000, 20_000, 30), _error, 0.03),
    _tree(
        "DecisionTreeRegressor",
        "100,000 x 30",
        noisy_targets(100_000, 20_000, 30),
        _squared_error,
        0.03,
    ),
    _forest("RandomForestClassifier", 100_000, 30, two_classes(100_000, 20_000, 30), _error),
    _forest(
        "RandomForestRegressor",
        20_000,
        30,
        noisy_targets(20_000, 20_000, 30),
        _squared_error,
        max_features=10,
    ),
    _forest("ExtraTreesClassifier", 100_000, 30, two_classes(100_000, 20_000, 30), _error),
]
