"""Test once: the score on the locked rows, with an interval that means what it says.

The rows were put aside before anything was learned from the table, and they are used here for the
first and only time. Asking twice, and keeping the better answer, would turn the test into training.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from groundup.workflow.intervals import (
    Interval,
    accuracy_interval,
    auc_interval,
    r2_interval,
)
from groundup.workflow.metric import (
    METRIC_TITLES,
    METRICS,
    check_task,
    number_or_none,
)

# With one row of the target's variance above this share, simulated intervals for R² held the true
# score in 70 to 85% of tests instead of 95% (benchmarks/interval_coverage.py, "lognormal target").
# With one row of the squared error above it, the interval is right and very wide.
_HEAVY_ROW = 0.2

_SCORE_CODE = {
    "binary": (
        "from sklearn.metrics import roc_auc_score",
        "roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])",
    ),
    "multiclass": (
        "from sklearn.metrics import accuracy_score",
        "accuracy_score(y_test, model.predict(X_test))",
    ),
    "regression": (
        "from sklearn.metrics import r2_score",
        "r2_score(y_test, model.predict(X_test))",
    ),
}


def score_code(task: str) -> tuple[str, str]:
    """Return the import and the expression that compute the score of ``model`` in ``train.py``.

    The expression uses the names ``model``, ``X_test`` and ``y_test``, and gives the very float
    that `score_once` returns.

    Examples
    --------
    >>> score_code("regression")
    ('from sklearn.metrics import r2_score', 'r2_score(y_test, model.predict(X_test))')
    """
    check_task(task)
    return _SCORE_CODE[task]


def score_once(
    model: Any,
    X_test: Any,
    y_test: Any,
    task: str,
    *,
    y_train: Any = None,
    groups: Any = None,
    level: float = 0.95,
) -> dict[str, Any]:
    """Score a fitted model on the test rows.

    Parameters
    ----------
    model : fitted pipeline
    X_test : (n, p) DataFrame
    y_test : (n,) Series or array
    task : {"binary", "multiclass", "regression"}
    y_train : array, optional
        The training target, for the score of the baseline. Without it there is none.
    groups : (n,) array, optional
        The group of each test row, where rows of one group are not independent.
    level : float, default=0.95
        How often, over many tests, the interval is to hold the true score.

    Returns
    -------
    test : dict
        The part ``"test"`` of ``run.json``: score, low, high, level, rows, method, words, baseline,
        others, confusion. What is not defined on these rows is None.
    """
    check_task(task)
    y = np.asarray(y_test, dtype=np.float64) if task == "regression" else np.asarray(y_test)
    if groups is not None:
        groups = _codes(groups)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is undefined on these rows comes out as None below
        if task == "regression":
            part, interval = _score_regression(model, X_test, y, groups, level)
        else:
            part, interval = _score_classification(model, X_test, y, task, groups, level)
        baseline = None if y_train is None else _baseline_score(y, np.asarray(y_train), task)
    score = number_or_none(part["score"])
    known = interval if score is not None else None
    return {
        "score": score,
        "low": number_or_none(known.low) if known else None,
        "high": number_or_none(known.high) if known else None,
        "level": level,
        "rows": len(y),
        "method": known.method if known else "not defined",
        "words": _words(task, score, known, baseline, len(y), level) + part.get("caution", ""),
        "baseline": baseline,
        "others": {name: number_or_none(value) for name, value in part["others"].items()},
        "confusion": part["confusion"],
    }


def confusion(y: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Return ``{"labels", "matrix"}``: rows are the true classes, columns the predicted ones.

    Examples
    --------
    >>> confusion(np.array(["a", "b", "b"]), np.array(["a", "a", "b"]))
    {'labels': ['a', 'b'], 'matrix': [[1, 0], [1, 1]]}
    """
    labels = np.unique(np.concatenate([np.asarray(y), np.asarray(predicted)]))
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(matrix, (np.searchsorted(labels, y), np.searchsorted(labels, predicted)), 1)
    return {"labels": [plain(label) for label in labels], "matrix": matrix.tolist()}


def plain(value: Any) -> Any:
    """Return a label as JSON can hold it: a str, int, float or bool."""
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, str | int | float | bool) else str(value)


def _score_regression(
    model: Any, X: Any, y: np.ndarray, groups: np.ndarray | None, level: float
) -> tuple[dict[str, Any], Interval | None]:
    from sklearn.metrics import mean_absolute_error, median_absolute_error, r2_score

    prediction = np.asarray(model.predict(X), dtype=np.float64)
    others = {
        "mean_absolute_error": mean_absolute_error(y, prediction),
        "median_absolute_error": median_absolute_error(y, prediction),
        "root_mean_squared_error": np.sqrt(np.mean((y - prediction) ** 2)),
    }
    score = r2_score(y, prediction)
    interval = r2_interval(y, prediction, groups, level)
    part = {"score": score, "others": others, "confusion": None}
    part["caution"] = _caution((y - prediction) ** 2, (y - y.mean()) ** 2)
    return part, interval


def _caution(squared_error: np.ndarray, squared_deviation: np.ndarray) -> str:
    """Say so where one row decides the score."""
    caution = ""
    if len(squared_error) < 20:
        return caution
    error = squared_error.max() / max(squared_error.sum(), np.finfo(float).tiny)
    if error > _HEAVY_ROW:
        rest = squared_error.sum() - squared_error.max()
        without = 1 - rest / max(squared_deviation.sum(), np.finfo(float).tiny)
        caution += (
            f" A single row makes up {error:.0%} of the squared error (without that error the "
            f"score would be {without:.3f}): look at the worst rows."
        )
    deviation = squared_deviation.max() / max(squared_deviation.sum(), np.finfo(float).tiny)
    if deviation > _HEAVY_ROW:
        caution += (
            f" A single row makes up {deviation:.0%} of the target's variance in the test: other "
            "tests may differ by more than this interval says."
        )
    return caution


def _score_classification(
    model: Any, X: Any, y: np.ndarray, task: str, groups: np.ndarray | None, level: float
) -> tuple[dict[str, Any], Interval | None]:
    from sklearn import metrics

    probability = model.predict_proba(X)  # (n, n_classes)
    predicted = model.predict(X)  # (n,)
    classes = model.classes_
    others = {
        "accuracy": metrics.accuracy_score(y, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
    }
    known = np.isin(y, classes)
    if known.all():
        others["log_loss"] = metrics.log_loss(y, probability, labels=classes)
    interval: Interval | None = None
    if task == "binary":
        positive = y == classes[1]
        others["brier_score"] = np.mean((probability[:, 1] - positive) ** 2)
        if positive.any():
            others["average_precision"] = metrics.average_precision_score(
                positive, probability[:, 1]
            )
            others["f1"] = metrics.f1_score(positive, predicted == classes[1])
        score = None
        if positive.any() and not positive.all():
            score = metrics.roc_auc_score(y, probability[:, 1])
            interval = auc_interval(positive, probability[:, 1], groups, level)
    else:
        others["macro_f1"] = metrics.f1_score(y, predicted, average="macro")
        score = others.pop("accuracy")
        interval = accuracy_interval(predicted == y, groups, level)
    part = {"score": score, "others": others, "confusion": confusion(y, predicted)}
    return part, interval


def _baseline_score(y: np.ndarray, y_train: np.ndarray, task: str) -> float | None:
    """Score the model that looks at no column: the same answer for every row."""
    if task == "binary":
        return 0.5
    if task == "multiclass":
        labels, counts = np.unique(y_train, return_counts=True)
        return float(np.mean(y == labels[counts.argmax()]))
    from sklearn.metrics import r2_score

    return number_or_none(r2_score(y, np.full(len(y), y_train.astype(np.float64).mean())))


def _words(
    task: str,
    score: float | None,
    interval: Interval | None,
    baseline: float | None,
    rows: int,
    level: float,
) -> str:
    metric = METRIC_TITLES[METRICS[task]]
    if score is None or interval is None:
        reason = (
            "the test rows hold one class only"
            if task == "binary"
            else "the target does not vary in the test rows"
        )
        return f"The {metric} on the {rows:,} test rows is not defined: {reason}."
    words = f"On {rows:,} rows that nothing was learned from, the {metric} is {score:.3f}. "
    if np.isinf(interval.low):
        return words + "That is too little to say how far the true one may be from it."
    words += (
        f"Other rows of the same kind would give another score; the true one lies between "
        f"{interval.low:.3f} and {interval.high:.3f} (an interval that holds it in "
        f"{level:.0%} of such tests)."
    )
    if baseline is not None and interval.low <= baseline:
        words += f" That does not rule out the baseline's {baseline:.3f}."
    if rows < 100:
        words += " So few rows cannot say more."
    return words


def _codes(groups: Any) -> np.ndarray:
    """Return each row's group as a number; a missing group is a group of its own."""
    import pandas as pd

    codes, labels = pd.factorize(np.asarray(groups, dtype=object))
    missing = codes < 0
    codes = codes.astype(np.int64)
    codes[missing] = len(labels) + np.arange(int(missing.sum()))
    return codes
