"""Explain: which columns of the raw table the model leans on.

Permutation importance asks: how much worse does the score get if one column's values are shuffled
among the rows, so that the column keeps its distribution and loses its meaning? The model is not
refitted. It is measured on validation rows: on its training rows a model leans on its memory.

The range given for a column is that of the folds: the lowest and the highest of their means. Of
five folds it holds the middle of what other folds would show 15 times out of 16 (1 - 2 / 2⁵).

Two columns that say the same thing share their importance: with one of them shuffled, the model
still has the other. A column with no importance is one that this model can do without, not one that has
nothing to do with the target.

References
----------
L. Breiman, "Random forests", Machine Learning 45, 2001.
A. Fisher, C. Rudin and F. Dominici, "All models are wrong, but many are useful", JMLR 20, 2019.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

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
        No repeat is begun past this time; the first one is always finished.
    progress : callable, optional
        ``progress(done, total, text)``.

    Returns
    -------
    part : dict
        The part ``"explain"`` of ``run.json``: method, words, importances (the largest first).
    """
    deadline = time.monotonic() + seconds
    folds, n_rows = comparison.folds, max(50, _ROWS // len(comparison.folds))
    columns = list(X.columns)
    drops: list[np.ndarray] = []  # one (n_folds, n_columns) array a repeat
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the fits were reported by compare and tune
        parts = [
            _FoldPart(comparison, tuning, fold, X, n_rows, seed + index)
            for index, fold in enumerate(folds)
        ]
        total = _REPEATS * len(columns)
        for repeat in range(_REPEATS):
            if repeat and time.monotonic() > deadline:
                break
            drop = np.zeros((len(parts), len(columns)))
            for j, column in enumerate(columns):
                for i, part in enumerate(parts):
                    drop[i, j] = part.drop(column, np.random.default_rng([seed, repeat, i, j]))
                if progress is not None:
                    progress(repeat * len(columns) + j + 1, total, str(column))
            drops.append(drop)
    by_fold = np.mean(drops, axis=0)  # (n_folds, n_columns)
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
            f"{len(drops)} shuffles each: the drop in {metric}."
        ),
        "words": _words(importances, metric, correlations),
        "importances": importances,
    }


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
        self.model = comparison.chosen.build(tuning.params).fit(fold.X_train, fold.y_train)
        self.transformer = _ColumnwiseTransform(
            fold.preparation, take_rows(X, fold.rows_validation[kept]), self.prepared
        )
        self.reference = self._score(self.prepared)

    def _score(self, prepared: np.ndarray) -> float:
        prediction = predict_for_metric(self.model, prepared, self.task, self.codes)
        score = score_predictions(self.y, prediction, self.task, self.codes)
        return 0.0 if score is None else score

    def drop(self, column: Any, rng: np.random.Generator) -> float:
        """Return how much the score falls with the column's values shuffled."""
        order = rng.permutation(len(self.y))
        return self.reference - self._score(self.transformer.shuffled(column, order))


class _ColumnwiseTransform:
    """The prepared rows with one raw column shuffled, at the cost of that column's own block.

    A `ColumnTransformer` sends each column to some of its transformers and puts their outputs side
    by side: with one column shuffled, only the outputs of its own transformers change. The steps
    before it (disguised missing values) treat each cell by itself, so they run before the shuffle.
    """

    def __init__(self, preparation: Any, frame: Any, prepared: np.ndarray):
        from sklearn.compose import ColumnTransformer
        from sklearn.pipeline import Pipeline

        self.preparation, self.prepared = preparation, prepared
        steps = [step for _, step in preparation.steps] if isinstance(preparation, Pipeline) else []
        last = steps[-1] if steps else preparation
        self.columns: ColumnTransformer | None = None
        self.frame = frame
        if isinstance(last, ColumnTransformer) and hasattr(frame, "columns"):
            for step in steps[:-1]:
                frame = step.transform(frame)
            if hasattr(frame, "columns"):
                self.columns, self.frame = last, frame

    def shuffled(self, column: Any, order: np.ndarray) -> np.ndarray:
        """Return the prepared rows, (n, d), with `column` taken in the given order."""
        frame = self.frame.copy(deep=False)
        frame[column] = self.frame[column].to_numpy()[order]
        frame[column] = frame[column].astype(self.frame[column].dtype)
        if self.columns is None:
            return np.ascontiguousarray(self.preparation.transform(frame), dtype=np.float64)
        result = self.prepared.copy()
        for name, transformer, names in self.columns.transformers_:
            block = self.columns.output_indices_.get(name)
            if block is None or block.start == block.stop or column not in list(names):
                continue
            if transformer == "passthrough":
                result[:, block] = frame[names].to_numpy(dtype=np.float64)
                continue
            part = transformer.transform(frame[names])
            part = part.toarray() if hasattr(part, "toarray") else part
            result[:, block] = np.asarray(part, dtype=np.float64)
        return result


def _words(
    importances: list[dict[str, Any]], metric: str, correlations: Mapping[str, Any] | None
) -> str:
    leading = [one for one in importances if one["low"] > 0][:3]
    if not leading:
        return (
            "No column makes a difference in all folds: shuffled one at a time, none of them "
            f"lowers the {metric} reliably."
        )
    named = ", ".join(f"{one['column']} (-{one['mean']:.3f})" for one in leading)
    words = f"The model leans most on {named}: so much {metric} is lost when they are shuffled."
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
