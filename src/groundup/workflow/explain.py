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
        About how long it may take. Where five shuffles of each column in each fold would take
        longer, one is made; where that is still too long, in fewer folds, but in two at least.
        Equal seeds give equal results as long as this does not bind.
    progress : callable, optional
        ``progress(done, total, text)``.

    Returns
    -------
    part : dict
        The part ``"explain"`` of ``run.json``: method, words, importances (the largest first).
    """
    n_rows = max(50, _ROWS // len(comparison.folds))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the fits were reported by compare and tune
        parts = [
            _FoldPart(comparison, tuning, fold, X, n_rows, seed + index)
            for index, fold in enumerate(comparison.folds)
        ]
        columns = parts[0].transformer.columns
        n_folds, repeats = _affordable(parts, seconds)
        parts = parts[:n_folds]
        by_fold = np.empty((n_folds, len(columns)))
        for j, column in enumerate(columns):
            for i, part in enumerate(parts):
                by_fold[i, j] = part.drop(column, repeats, np.random.default_rng([seed, i, j]))
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

    def drop(self, column: Any, repeats: int, rng: np.random.Generator) -> float:
        """Return how much the score falls with the column shuffled: the mean of the repeats."""
        n = len(self.y)
        orders = np.array([rng.permutation(n) for _ in range(repeats)])  # (repeats, n)
        shuffled = self.transformer.shuffled(column, orders)  # (repeats * n, d)
        scores = [self._score(shuffled[i * n : (i + 1) * n]) for i in range(repeats)]
        return self.reference - float(np.mean(scores))


def _affordable(parts: list[_FoldPart], seconds: float) -> tuple[int, int]:
    """Return how many folds and repeats fit into the time, from the time of one shuffle."""
    column = parts[0].transformer.columns[0]
    begin = time.perf_counter()
    parts[0].drop(column, 1, np.random.default_rng(0))
    calls = seconds / (time.perf_counter() - begin)
    n_columns = len(parts[0].transformer.columns)
    if len(parts) * n_columns * _REPEATS <= calls:
        return len(parts), _REPEATS
    return min(len(parts), max(2, int(calls / n_columns))), 1


class _ColumnwiseTransform:
    """The prepared rows with one raw column shuffled, at the cost of that column's own block.

    A `ColumnTransformer` sends each column to some of its transformers and puts their outputs side
    by side: with one column shuffled, only the outputs of its own transformers change. The steps
    before it (disguised missing values) treat each cell by itself, so they run before the shuffle.
    """

    def __init__(self, preparation: Any, frame: Any, prepared: np.ndarray):
        from sklearn.compose import ColumnTransformer
        from sklearn.pipeline import Pipeline

        self.preparation, self.prepared, self.frame = preparation, prepared, frame
        self.columns = list(frame.columns)
        # (transformer, the column or columns that it reads, where its output stands)
        self.blocks: list[tuple[Any, Any, slice]] | None = None
        steps = [preparation]
        if isinstance(preparation, Pipeline):
            steps = [step for _, step in preparation.steps]
        if not isinstance(steps[-1], ColumnTransformer):
            return
        for step in steps[:-1]:
            frame = step.transform(frame)
        if not hasattr(frame, "columns"):
            return
        self.frame = frame
        self.blocks = [
            (transformer, read, steps[-1].output_indices_[name])
            for name, transformer, read in steps[-1].transformers_
            if transformer != "drop" and name in steps[-1].output_indices_
        ]
        used = {column for _, read, _ in self.blocks for column in _as_list(read)}
        self.columns = [column for column in self.columns if column in used]

    def shuffled(self, column: Any, orders: np.ndarray) -> np.ndarray:
        """Return the prepared rows once for each order in which `column` is taken.

        Parameters
        ----------
        column : str
        orders : (repeats, n) integer array

        Returns
        -------
        prepared : (repeats * n, d) array
        """
        repeats, n = orders.shape
        frame = self.frame.take(np.tile(np.arange(n), repeats))
        frame[column] = self.frame[column].take(orders.ravel()).set_axis(frame.index)
        if self.blocks is None:
            return np.ascontiguousarray(self.preparation.transform(frame), dtype=np.float64)
        result = np.tile(self.prepared, (repeats, 1))
        for transformer, read, block in self.blocks:
            if column in _as_list(read):
                part = frame[read]
                if transformer != "passthrough":
                    part = transformer.transform(part)
                part = part.toarray() if hasattr(part, "toarray") else np.asarray(part)
                result[:, block] = part
        return result


def _as_list(read: Any) -> list[Any]:
    """Return the columns that a block reads: one name, for text, or a list of names."""
    return [read] if isinstance(read, str) else list(read)


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
