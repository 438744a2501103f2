"""The one figure by which models are compared: what it is for each task, and how it is computed.

=============  ============  ==========================================================
task           metric        in words
=============  ============  ==========================================================
binary         ``roc_auc``   how often a row of the positive class ranks above one that is not
multiclass     ``accuracy``  the share of rows whose class is named correctly
regression     ``r2``        the share of the target's variance that is explained
=============  ============  ==========================================================

All three grow with quality and are 1 for a perfect model. None depends on a threshold that nobody
has chosen yet: for a binary target accuracy would, and would reward never naming a rare class.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Task = Literal["binary", "multiclass", "regression"]

METRICS: dict[str, str] = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}

METRIC_TITLES: dict[str, str] = {"roc_auc": "ROC AUC", "accuracy": "accuracy", "r2": "R²"}

METRIC_WORDS: dict[str, str] = {
    "roc_auc": (
        "ROC AUC: take one row of each class at random; this is how often the model gives the "
        "positive one the higher probability. 0.5 is guessing, 1 is perfect."
    ),
    "accuracy": "Accuracy: the share of rows whose class the model names correctly. 1 is perfect.",
    "r2": (
        "R²: the share of the target's variance that the model explains. 0 is as good as always "
        "answering the average, 1 is perfect, and below 0 is worse than the average."
    ),
}


def check_task(task: str) -> None:
    """Raise a ``ValueError`` unless `task` is one of the three known ones."""
    if task not in METRICS:
        raise ValueError(f"task must be one of {', '.join(METRICS)}; got {task!r}.")


def predict_for_metric(model: Any, X: Any, task: str, classes: np.ndarray | None) -> np.ndarray:
    """Return what the metric of the task needs to know about the rows of `X`.

    Parameters
    ----------
    model : fitted estimator or pipeline
    X : (n, d) array or DataFrame
    task : {"binary", "multiclass", "regression"}
    classes : (n_classes,) array or None
        All classes of the problem, sorted. A model whose training rows lacked one of them gets
        probability 0 there. None for regression.

    Returns
    -------
    prediction : (n,) or (n, n_classes) float64 array
        Binary: probability of ``classes[1]``. Multiclass: probability of each class. Regression:
        the predicted value. A model without probabilities gives what has the same score: for a
        binary target its decision values, which rank the rows alike, else 1 for the class that it
        names and 0 for the others.
    """
    if task == "regression":
        return np.asarray(model.predict(X), dtype=np.float64).reshape(len(X))
    assert classes is not None
    probability = np.zeros((len(X), len(classes)))
    if not hasattr(model, "predict_proba"):
        if task == "binary":
            return np.asarray(model.decision_function(X), dtype=np.float64)  # (n,)
        probability[np.arange(len(X)), np.searchsorted(classes, model.predict(X))] = 1.0
        return probability
    probability[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    return probability[:, 1] if task == "binary" else probability


def score_predictions(
    y: np.ndarray, prediction: np.ndarray, task: str, classes: np.ndarray | None
) -> float | None:
    """Score predictions with the metric of the task.

    Parameters
    ----------
    y : (n,) array
        The true values.
    prediction : (n,) or (n, n_classes) array
        As `predict_for_metric` returns them.
    task : {"binary", "multiclass", "regression"}
    classes : (n_classes,) array or None

    Returns
    -------
    score : float or None
        None where the metric is not defined: ROC AUC on rows of one class, R² on rows that share
        one value of the target.

    Examples
    --------
    >>> import numpy as np
    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> score_predictions(y, p, "binary", np.array([0, 1]))
    0.75
    """
    if task == "binary":
        assert classes is not None
        return area_under_roc(y == classes[1], prediction)
    if task == "multiclass":
        assert classes is not None
        return float(np.mean(y == classes[prediction.argmax(axis=1)])) if len(y) else None
    # R² = 1 - Σ (y - ŷ)² / Σ (y - ȳ)²
    deviation = float(np.sum((y - y.mean()) ** 2)) if len(y) else 0.0
    if deviation == 0:
        return None
    return 1.0 - float(np.sum((y - prediction) ** 2)) / deviation


def area_under_roc(positive: np.ndarray, score: np.ndarray) -> float | None:
    """Return the area under the ROC curve from the ranks of the positive rows.

    With R the sum of the ranks of the m positive rows among all m + n (ties share their mean)::

        AUC = (R - m (m + 1)/2) / (m n)

    It is the Mann-Whitney statistic, and equals scikit-learn's `roc_auc_score` up to rounding at a
    fraction of its cost, which counts where thousands of shuffles are scored.

    Parameters
    ----------
    positive : (n,) boolean array
    score : (n,) array

    Returns
    -------
    area : float or None
        None if the rows are of one class only.
    """
    from scipy.stats import rankdata

    m = int(np.count_nonzero(positive))
    n = len(positive) - m
    if m == 0 or n == 0:
        return None
    return float((rankdata(score)[positive].sum() - m * (m + 1) / 2) / (m * n))


def number_or_none(value: Any) -> float | None:
    """Return a float that JSON can hold: None in place of NaN and the infinities."""
    return float(value) if value is not None and np.isfinite(value) else None
