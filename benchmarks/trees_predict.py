"""Trees: predicting with a fitted boosting model and with a fitted forest.

The trees are fitted outside the clock, on the first rows of the table.
"""

from __future__ import annotations

import numpy as np

from benchmarks._harness import INTELEX, Workload, estimator

FITTED = 50_000  # rows to learn from


def _two_classes(n: int):
    def data():
        from sklearn.datasets import make_classification

        X, y = make_classification(
            max(n, FITTED),
            30,
            n_informative=15,
            n_redundant=5,
            flip_y=0.05,
            class_sep=0.8,
            random_state=0,
        )
        return np.ascontiguousarray(X[:n]), y[:n], X[:FITTED], y[:FITTED]

    return data


def _predicting(estimator, data):
    Q, _, X, y = data
    estimator.fit(X, y)
    return lambda: estimator.predict_proba(Q)


def _log_loss(probabilities, data):
    p = np.clip(probabilities[np.arange(len(data[1])), data[1]], 1e-9, 1.0)
    return {"log-loss": float(-np.log(p).mean())}


def _boosting(n: int) -> Workload:
    return Workload(
        f"HistGradientBoostingClassifier, predict_proba, 100 trees of 31 leaves, {n:,} x 30",
        _two_classes(n),
        estimator(
            "groundup.ensemble",
            "HistGradientBoostingClassifier",
            max_iter=100,
            early_stopping=False,
        ),
        {
            "lightgbm": estimator(
                "lightgbm", "LGBMClassifier", n_estimators=100, n_jobs=2, verbose=-1
            ),
            "xgboost": estimator(
                "xgboost",
                "XGBClassifier",
                n_estimators=100,
                max_leaves=31,
                max_depth=0,
                grow_policy="lossguide",
                learning_rate=0.1,
                tree_method="hist",
                n_jobs=2,
            ),
            "scikit-learn": estimator(
                "sklearn.ensemble",
                "HistGradientBoostingClassifier",
                max_iter=100,
                early_stopping=False,
            ),
        },
        _log_loss,
        {"log-loss": 0.02} if n > 1000 else {},
        _predicting,
    )


def _forest(n: int) -> Workload:
    parameters = {"n_estimators": 100, "n_jobs": 2, "random_state": 0}
    return Workload(
        f"RandomForestClassifier, predict_proba, 100 full trees, {n:,} x 30",
        _two_classes(n),
        estimator("groundup.ensemble", "RandomForestClassifier", **parameters),
        {
            "scikit-learn": estimator("sklearn.ensemble", "RandomForestClassifier", **parameters),
            INTELEX: estimator("sklearnex.ensemble", "RandomForestClassifier", **parameters),
        },
        _log_loss,
        {"log-loss": 0.1} if n > 1000 else {},
        _predicting,
    )


def _tree(n: int) -> Workload:
    return Workload(
        f"DecisionTreeClassifier, predict_proba, full depth, {n:,} x 30",
        _two_classes(n),
        estimator("groundup.tree", "DecisionTreeClassifier", random_state=0),
        {"scikit-learn": estimator("sklearn.tree", "DecisionTreeClassifier", random_state=0)},
        lambda probabilities, data: {
            "error": float(np.mean(probabilities.argmax(axis=1) != data[1]))
        },
        {"error": 0.05},
        _predicting,
    )


WORKLOADS = [
    _boosting(1_000_000),
    _boosting(1_000),
    _boosting(1),
    _forest(200_000),
    _forest(1),
    _tree(200_000),
]
