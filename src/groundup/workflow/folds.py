"""Folds, prepared once: every model is fitted and scored on the very same arrays.

Cross-validation repeats one experiment: hide some rows, fit on the rest, score on the hidden ones.
The preparation (imputing, scaling, encoding) is part of what is fitted, so it must never see the
hidden rows either. It does not depend on the model, though, so it is fitted once per fold here and
shared by all models and all trials, which costs a fraction of refitting it inside each pipeline and
gives the same numbers to the bit.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from groundup.workflow.findings import Finding
from groundup.workflow.metric import predict_for_metric, score_predictions

#: Called as work goes on: ``progress(done, total, text)``.
Progress = Callable[[int, int, str], None]

#: A split of the training table: positions of the training and of the validation rows.
Split = tuple[np.ndarray, np.ndarray]

# The score on the training rows is only compared with the validation score: this many rows give it
# to within about 0.01, and spare nearest neighbours a search for each row that they hold.
_TRAIN_SCORE_ROWS = 2_000


@dataclass
class PreparedFold:
    """One fold: the fitted preparation, and the prepared rows on both sides.

    Parameters
    ----------
    preparation : fitted transformer
        Fitted on this fold's training rows alone.
    X_train, X_validation : (n_train, d), (n_validation, d) float64 arrays
    y_train, y_validation : (n_train,), (n_validation,) arrays
        Class codes 0 .. K-1 for classification, float64 for regression.
    rows_train, rows_validation : integer arrays
        Positions of these rows in the training table.
    """

    preparation: Any
    X_train: np.ndarray
    y_train: np.ndarray
    X_validation: np.ndarray
    y_validation: np.ndarray
    rows_train: np.ndarray
    rows_validation: np.ndarray


@dataclass
class FoldScore:
    """What one model did on one fold."""

    train: float | None
    validation: float | None
    seconds: float
    prediction: np.ndarray  # (n_validation,) or (n_validation, n_classes)
    warnings: list[str]


def take_rows(X: Any, rows: np.ndarray) -> Any:
    """Return the given rows of a DataFrame or an array."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def encode_target(y: Any, task: str) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the sorted classes and the code of each row, or None and float64 for regression."""
    if task == "regression":
        return None, np.asarray(y, dtype=np.float64)
    labels, codes = np.unique(np.asarray(y), return_inverse=True)
    return labels, codes


def sample_rows(y: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Choose at most `limit` rows in which the target is spread as it is in all of them.

    The rows are sorted by target, ties in random order, and taken at even steps from a random
    start (systematic sampling), so that each class and each range of values keeps its share.

    Parameters
    ----------
    y : (n,) array
        The target: class codes or numbers.
    limit : int
    seed : int

    Returns
    -------
    rows : integer array
        Sorted positions; all of them where n <= limit.

    Examples
    --------
    >>> y = np.repeat([0, 1], [900, 100])
    >>> np.bincount(y[sample_rows(y, 50, seed=0)])
    array([45,  5])
    """
    n = len(y)
    if n <= limit:
        return np.arange(n)
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(n), y))
    return np.sort(order[((np.arange(limit) + rng.random()) * (n / limit)).astype(np.intp)])


def usable_folds(folds: Sequence[Split], y: np.ndarray, task: str) -> list[Split]:
    """Keep the folds on which a model can be fitted and scored.

    A classifier needs two classes among the training rows; ROC AUC needs both among the validation
    rows; R² needs two validation rows.
    """
    usable = []
    for train, validation in folds:
        train, validation = np.asarray(train), np.asarray(validation)
        if train.dtype == bool:
            train, validation = np.flatnonzero(train), np.flatnonzero(validation)
        classes_needed = {"binary": 2, "multiclass": 1, "regression": 0}[task]
        rows_needed = 2 if task == "regression" else 1
        if len(train) < 2 or len(validation) < rows_needed:
            continue
        if task != "regression" and len(np.unique(y[train])) < 2:
            continue
        if len(np.unique(y[validation])) < classes_needed:
            continue
        usable.append((train, validation))
    return usable


def prepare_fold(preparation: Any, X: Any, y: np.ndarray, fold: Split) -> PreparedFold:
    """Fit a clone of the preparation on the fold's training rows, and transform both sides."""
    from sklearn.base import clone

    train, validation = fold
    fitted = clone(preparation)
    y_train, y_validation = y[train], y[validation]
    X_train = fitted.fit_transform(take_rows(X, train), y_train)
    X_validation = fitted.transform(take_rows(X, validation))
    return PreparedFold(
        preparation=fitted,
        X_train=np.ascontiguousarray(X_train, dtype=np.float64),
        y_train=y_train,
        X_validation=np.ascontiguousarray(X_validation, dtype=np.float64),
        y_validation=y_validation,
        rows_train=train,
        rows_validation=validation,
    )


def prepared_folds(
    preparation: Any, X: Any, y: np.ndarray, folds: Sequence[Split]
) -> Iterator[PreparedFold]:
    """Yield the folds one by one, each prepared when it is asked for."""
    for fold in folds:
        yield prepare_fold(preparation, X, y, fold)


def fit_and_score(
    estimator: Any,
    fold: PreparedFold,
    task: str,
    classes: np.ndarray | None,
    *,
    train: bool = True,
) -> FoldScore:
    """Fit an estimator on the fold's training rows and score it on both sides.

    Parameters
    ----------
    estimator : unfitted estimator
    fold : PreparedFold
    task : {"binary", "multiclass", "regression"}
    classes : (n_classes,) array of codes 0 .. n_classes - 1, or None for regression
    train : bool, default=True
        Whether to score the training rows as well; otherwise that score is None.

    Returns
    -------
    score : FoldScore
        Its ``seconds`` are those of the fit and of the validation rows' predictions.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        estimator.fit(fold.X_train, fold.y_train)
        prediction = predict_for_metric(estimator, fold.X_validation, task, classes)
        seconds = time.perf_counter() - start
        train_score = None
        if train:
            n = len(fold.X_train)
            rows = np.linspace(0, n - 1, min(n, _TRAIN_SCORE_ROWS)).astype(np.intp)
            of_train = predict_for_metric(estimator, fold.X_train[rows], task, classes)
            train_score = score_predictions(fold.y_train[rows], of_train, task, classes)
    return FoldScore(
        train=train_score,
        validation=score_predictions(fold.y_validation, prediction, task, classes),
        seconds=seconds,
        prediction=prediction,
        warnings=[f"{type(w.message).__name__}: {_first_sentence(w.message)}" for w in caught],
    )


def corrected_standard_error(differences: np.ndarray, folds: Sequence[PreparedFold]) -> float:
    """Return the standard error of a mean difference over cross-validation folds.

    The folds share training rows, so their differences are correlated and s²/k is too small. With
    the correction of Nadeau and Bengio::

        SE² = (1/k + n_validation / n_train) s²

    Parameters
    ----------
    differences : (k,) array
        Score of one model minus that of another, fold by fold.
    folds : sequence of k PreparedFold

    Returns
    -------
    standard_error : float
        0 for a single fold, where nothing is known about the spread.

    References
    ----------
    C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
    """
    k = len(differences)
    if k < 2:
        return 0.0
    n_train = np.mean([len(fold.y_train) for fold in folds[:k]])
    n_validation = np.mean([len(fold.y_validation) for fold in folds[:k]])
    variance = np.var(differences, ddof=1)
    return float(np.sqrt((1 / k + n_validation / n_train) * variance))


def warnings_as_findings(stage: str, title: str, messages: Sequence[str]) -> list[Finding]:
    """Turn the warnings of a model's fits into one finding for each distinct text."""
    findings = []
    for message in dict.fromkeys(messages):
        count = messages.count(message)
        times = "once" if count == 1 else f"{count} times"
        findings.append(
            Finding(
                code="model-warning",
                stage=stage,
                message=f"{title} warned {times} while it was fitted: {message}",
                why="A model that has not settled may be worse, or less stable, than it could be.",
                action="The model was kept in the comparison with the score that it reached.",
                evidence={"count": count},
            )
        )
    return findings


def _first_sentence(message: object) -> str:
    """Return the first line of a warning, without the advice that follows it."""
    return str(message).strip().split("\n")[0].split(". ")[0].rstrip(".") + "."
