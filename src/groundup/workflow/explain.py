"""Explain: which columns of the raw table the model leans on.

Permutation importance asks: how much worse does the score get if one column's values are shuffled
among the rows, so that the column keeps its distribution and loses its meaning? The model is not
refitted. It is measured on validation rows: on its training rows a model leans on its memory.

The range given for a column is that of the folds: the lowest and the highest of their means. Of
five folds it holds the middle of what other folds would show 15 times out of 16 (1 - 2 / 2⁵).

Two columns that say the same thing share their importance: with one of them shuffled, the model
still has the other. A column with no importance is one that this model can do without, not one that
has nothing to do with the target.

References
----------
L. Breiman, "Random forests", Machine Learning 45, 2001.
A. Fisher, C. Rudin and F. Dominici, "All models are wrong, but many are useful", JMLR 20, 2019.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from groundup.workflow.columns import listed
from groundup.workflow.compare import Comparison
from groundup.workflow.folds import PreparedFold, Progress, sample_rows, take_rows
from groundup.workflow.metric import (
    METRIC_TITLES,
    METRICS,
    predict_for_metric,
    score_predictions,
)
from groundup.workflow.tune import Tuning

_ROWS = 2_000
_REPEATS = 5
_CORRELATED = 0.8


def explain(
    comparison: Comparison,
    tuning: Tuning,
    X: Any,
    *,
    correlations: Mapping[str, Any] | None = None,
    seed: int = 0,
    seconds: float = 10.0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure the importance of every column for the chosen model.

    Parameters
    ----------
    comparison : Comparison
    tuning : Tuning
    X : (n, p) DataFrame
        The training table that was compared on.
    correlations : dict, optional
        ``{"columns", "matrix"}`` from `explore`, for the note on columns that share importance.
    seed : int, default=0
    seconds : float, default=10.0
        About how long it may take. Where five shuffles of each column in each fold would take
        longer, one is made; where that is still too long, in fewer folds, but in two at least.
        Equal seeds give equal results as long as this does not bind.
    progress : callable, optional
        ``progress(done, total, text)``.

    Returns
    -------
    part : dict
        The part ``"explain"`` of ``run.json``: method, words, leans_on (the columns that the words
        name), importances (the largest first).
    """
    columns = list(X.columns)
    n_rows = max(50, _ROWS // len(comparison.folds))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the fits were reported by compare and tune
        begin = time.perf_counter()
        parts = [_FoldPart(comparison, tuning, comparison.folds[0], X, n_rows, seed)]
        setup = time.perf_counter() - begin
        n_folds, repeats = _affordable(
            parts[0], setup, len(comparison.folds), len(columns), seconds
        )
        parts += [
            _FoldPart(comparison, tuning, fold, X, n_rows, seed)
            for fold in comparison.folds[1:n_folds]
        ]
        by_fold = np.empty((n_folds, len(columns)))
        for j, column in enumerate(columns):
            for i, part in enumerate(parts):
                by_fold[i, j] = part.drop(j, repeats, np.random.default_rng([seed, i, j]))
            if progress is not None:
                progress(j + 1, len(columns), str(column))
    mean = by_fold.mean(axis=0)
    order = np.argsort(-mean, kind="stable")
    importances = [
        {
            "column": str(columns[j]),
            "mean": float(mean[j]),
            "low": float(by_fold[:, j].min()),
            "high": float(by_fold[:, j].max()),
        }
        for j in order
    ]
    metric = METRIC_TITLES[METRICS[comparison.task]]
    rows = sum(len(part.y) for part in parts)
    return {
        "method": (
            f"Permutation importance on {rows:,} validation rows of {len(parts)} folds, "
            f"{repeats} shuffle{'s' * (repeats > 1)} each: the drop in {metric}."
        ),
        "words": _words(importances, metric, correlations),
        "leans_on": leans_on(importances),
        "importances": importances,
    }


def leans_on(importances: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the columns that the model leans on: those that lower the score in every fold.

    Examples
    --------
    >>> leans_on([{"column": "luck", "mean": 0.2, "low": -0.1}, {"column": "size", "low": 0.1}])
    ['size']
    """
    return [str(one["column"]) for one in importances if one["low"] > 0]


class _FoldPart:
    """The model fitted on a fold, and some of its validation rows to shuffle columns of."""

    def __init__(
        self,
        comparison: Comparison,
        tuning: Tuning,
        fold: PreparedFold,
        X: Any,
        n_rows: int,
        seed: int,
    ):
        self.task, self.codes = comparison.task, comparison.codes
        kept = sample_rows(fold.y_validation, n_rows, seed)
        self.y = fold.y_validation[kept]
        self.prepared = fold.X_validation[kept]  # (n, d)
        self.frame = take_rows(X, fold.rows_validation[kept])
        self.preparation = fold.preparation
        self.owner = feature_owners(self.preparation, self.frame, self.prepared)
        model = comparison.chosen.build(tuning.params, for_a_score=True)
        self.model = model.fit(fold.X_train, fold.y_train)
        self.reference = self._score(self.prepared)

    def _score(self, prepared: np.ndarray) -> float:
        prediction = predict_for_metric(self.model, prepared, self.task, self.codes)
        score = score_predictions(self.y, prediction, self.task, self.codes)
        return 0.0 if score is None else score

    def drop(self, j: int, repeats: int, rng: np.random.Generator) -> float:
        """Return how much the score falls with column j shuffled: the mean of the repeats."""
        if self.owner is not None and not np.any(self.owner == j):
            return 0.0  # on these rows, no feature changes with it
        orders = (rng.permutation(len(self.y)) for _ in range(repeats))
        scores = [self._score(self.shuffled(j, order)) for order in orders]
        return self.reference - float(np.mean(scores))

    def shuffled(self, j: int, order: np.ndarray) -> np.ndarray:
        """Return the prepared rows, (n, d), with raw column j taken in the given order."""
        if self.owner is None:
            return _prepared_with(self.preparation, self.frame, [j], order)
        prepared = self.prepared.copy()
        own = self.owner == j
        prepared[:, own] = self.prepared[order][:, own]
        return prepared


def feature_owners(preparation: Any, frame: Any, prepared: np.ndarray) -> np.ndarray | None:
    """Find the raw column that each prepared feature is made from.

    A preparation treats each row by itself. Where each of its features is also made from one column
    alone, shuffling a column shuffles its features and nothing has to be prepared again.

    To find the owners of all features with few preparations, the columns are numbered in binary.
    For each digit, the rows of all columns with a 1 there are moved on by one, and then those of
    all columns with a 0. A feature of one column changes in exactly one of the two, and that is a
    digit of its owner's number. (Moved on by one row, a feature stays the same only if it is
    constant.) One that changes in both is made from several columns.

    Parameters
    ----------
    preparation : fitted transformer
    frame : (n, p) DataFrame
    prepared : (n, d) array
        What the preparation makes of the frame.

    Returns
    -------
    owner : (d,) integer array or None
        The position of each feature's column, -1 for a feature that is constant on these rows; None
        if some feature is made from several columns.
    """
    n, p = frame.shape
    by_one = np.roll(np.arange(n), -1)
    owner = np.zeros(prepared.shape[1], dtype=np.int64)
    constant = np.ptp(prepared, axis=0) == 0
    tolerance = 1e-9 * np.ptp(prepared, axis=0)
    for digit in range(max(1, (p - 1).bit_length())):
        changed = []
        for value in (0, 1):
            moved = [j for j in range(p) if (j >> digit) & 1 == value]
            again = _prepared_with(preparation, frame, moved, by_one) if moved else prepared
            changed.append(np.any(np.abs(again - prepared) > tolerance, axis=0))
        if np.any(changed[0] & changed[1]) or np.any(~(changed[0] | changed[1]) & ~constant):
            return None
        owner |= changed[1].astype(np.int64) << digit
    return np.where(constant, -1, owner)


def _prepared_with(preparation: Any, frame: Any, moved: list[int], order: np.ndarray) -> np.ndarray:
    """Prepare the frame with the columns at the positions `moved` taken in another order."""
    import pandas as pd

    columns = [
        frame.iloc[:, j].take(order).set_axis(frame.index) if j in moved else frame.iloc[:, j]
        for j in range(frame.shape[1])
    ]
    return np.asarray(preparation.transform(pd.concat(columns, axis=1)), dtype=np.float64)


def _affordable(
    part: _FoldPart, setup: float, n_folds: int, n_columns: int, seconds: float
) -> tuple[int, int]:
    """Return how many folds and repeats fit into the time, given that of one of each."""
    begin = time.perf_counter()
    part._score(part.shuffled(0, np.arange(len(part.y))))
    shuffle = n_columns * (time.perf_counter() - begin)
    if n_folds * (setup + _REPEATS * shuffle) <= seconds:
        return n_folds, _REPEATS
    return min(n_folds, max(2, int(seconds / (setup + shuffle)))), 1


def _words(
    importances: list[dict[str, Any]], metric: str, correlations: Mapping[str, Any] | None
) -> str:
    reliable = leans_on(importances)
    leading = [one for one in importances if one["column"] in reliable][:3]
    if not leading:
        return (
            "No column makes a difference in all folds: shuffled one at a time, none of them "
            f"lowers the {metric} reliably."
        )
    named = ", ".join(f"{one['column']} (-{one['mean']:.3f})" for one in leading)
    words = (
        f"The model leans most on {named}: so much {metric} is lost when they are shuffled. Only "
        "columns that lower it in every fold are named"
    )
    luck = [one["column"] for one in importances if one["mean"] > leading[-1]["mean"]]
    luck = [column for column in luck if column not in reliable]
    words += f"; {listed(luck)} did not, and may be luck." if luck else "."
    pairs = _correlated_pairs(correlations, {one["column"] for one in importances})
    if pairs:
        first, second, rho = pairs[0]
        words += (
            f" {first} and {second} go together (rho {rho:.2f}), so they share their importance: "
            "with one shuffled the model still has the other."
        )
        if len(pairs) > 1:
            words += f" So do {len(pairs) - 1} further pair{'s' * (len(pairs) > 2)}."
    return words


def _correlated_pairs(
    correlations: Mapping[str, Any] | None, known: set[str]
) -> list[tuple[str, str, float]]:
    """List the pairs of columns that correlate by more than 0.8, the strongest first."""
    if not correlations:
        return []
    names, matrix = correlations["columns"], correlations["matrix"]
    pairs = [
        (str(names[i]), str(names[j]), matrix[i][j])
        for i in range(len(names))
        for j in range(i)
        if matrix[i][j] is not None
        and abs(matrix[i][j]) > _CORRELATED
        and {str(names[i]), str(names[j])} <= known
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[2]))
