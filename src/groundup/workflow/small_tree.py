"""The small tree, to be drawn: what one who may ask only a few questions sees in the table.

A tree of a few levels is the one model that can be read whole. Whatever model was chosen, the small
tree of the ladder is grown on the training rows and written down in the units of the raw table, and
beside it stands how far it gets.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from groundup.workflow.compare import Comparison
from groundup.workflow.folds import sample_rows, take_rows
from groundup.workflow.metric import METRIC_TITLES, METRICS
from groundup.workflow.prepared_features import prepared_features
from groundup.workflow.questions import question
from groundup.workflow.score import plain
from groundup.workflow.tune import Tuning

# A tree that is only looked at is grown on at most this many rows.
_ROWS = 30_000

NAME = "tree"  # of its rung


def small_tree(
    comparison: Comparison,
    tuning: Tuning,
    X: Any,
    y: Any,
    *,
    target: str,
    booleans: Collection[str] = (),
    seed: int = 0,
) -> dict[str, Any] | None:
    """Grow the small tree on the training rows, and write down its questions and answers.

    Parameters
    ----------
    comparison : Comparison
    tuning : Tuning
    X : (n, p) DataFrame
        The training table.
    y : (n,) Series or array
        The target, as it stands in the table.
    target : str
        Its name.
    booleans : collection of str, default=()
        The columns of true and false.
    seed : int, default=0
        For the sample of rows, where the table is large and the tree is not the chosen model.

    Returns
    -------
    tree : dict or None
        ``{"nodes", "classes", "rows", "is_chosen", "score", "words"}``; None where the tree was not
        compared. Nodes come parents first. Each has ``rows`` and ``value``, the shares of the
        classes or the mean of the target; one that asks has ``column``, ``test``, what it asks of
        the column (``kind``, as in `PreparedFeature`), and its children ``yes`` and ``no``.
    """
    from sklearn.base import clone

    rung = next((rung for rung in comparison.rungs if rung.name == NAME), None)
    if rung is None or NAME not in comparison.scores:
        return None
    is_chosen = comparison.chosen.name == NAME
    y = np.asarray(y)
    if not is_chosen and len(y) > _ROWS:
        codes = y if comparison.task == "regression" else np.unique(y, return_inverse=True)[1]
        rows = sample_rows(codes, _ROWS, seed)
        X, y = take_rows(X, rows), y[rows]
    preparation = clone(comparison.preparation)
    prepared = np.ascontiguousarray(preparation.fit_transform(X, y), dtype=np.float64)  # (n, d)
    model = rung.build(tuning.params if is_chosen else None).fit(prepared, y)

    raw = X
    for _, step in preparation.steps[:-1]:  # what stands for missing is no number
        raw = step.transform(raw)
    features = prepared_features(preparation)
    grown = model.tree_
    nodes: list[dict[str, Any]] = []
    for node in range(grown.node_count):
        value = np.asarray(grown.value[node], dtype=np.float64).reshape(-1)
        if comparison.labels is not None:
            value = np.round(value, 12)  # a share of 1 may come as 0.9999999999999999
        entry: dict[str, Any] = {"rows": int(grown.n_node_samples[node]), "value": value.tolist()}
        left, right = int(grown.children_left[node]), int(grown.children_right[node])
        if left >= 0:
            j = int(grown.feature[node])
            asked = question(
                features[j],
                float(grown.threshold[node]),
                prepared[:, j],
                _numbers(raw, features[j].column),
                target=target,
                is_boolean=features[j].column in booleans,
            )
            yes, no = (left, right) if asked.yes_is_left else (right, left)
            entry |= {
                "kind": features[j].kind,
                "column": asked.column,
                "test": asked.test,
                "yes": yes,
                "no": no,
            }
        nodes.append(entry)
    score = float(np.mean([s.validation for s in _scores(comparison, tuning, is_chosen)]))
    classes = None if comparison.labels is None else [plain(c) for c in model.classes_]
    return {
        "nodes": nodes,
        "classes": classes,
        "rows": len(y),
        "is_chosen": is_chosen,
        "score": score,
        "words": _words(comparison, tuning, score, is_chosen, len(nodes)),
    }


def _scores(comparison: Comparison, tuning: Tuning, is_chosen: bool) -> list[Any]:
    return tuning.scores if is_chosen else comparison.scores[NAME]


def _numbers(X: Any, column: str) -> np.ndarray | None:
    """Return a raw column as float64, None where it is no column of numbers."""
    if column not in X.columns or X[column].dtype.kind not in "biuf":
        return None
    return X[column].to_numpy(dtype=np.float64)


def _words(
    comparison: Comparison, tuning: Tuning, score: float, is_chosen: bool, n_nodes: int
) -> str:
    metric, title = METRIC_TITLES[METRICS[comparison.task]], comparison.chosen.title
    if n_nodes == 1:
        return "The small tree found no question worth asking."
    if is_chosen:
        return "This is the chosen model itself, whole."
    baseline = 0.0
    if "baseline" in comparison.scores:
        baseline = float(comparison.validation("baseline").mean())
    if comparison.chosen.name == "baseline" or score <= baseline:
        return (
            f"It reaches {metric} {score:.3f} on rows that it had not seen, and the baseline "
            f"{baseline:.3f}: what it shows was not found to hold for new rows."
        )
    chosen = tuning.after
    words = (
        f"On rows that it had not seen, it reaches {metric} {score:.3f}; {title}, the chosen "
        "model, "
    )
    if score >= chosen:
        return words + f"reaches {chosen:.3f}."
    share = (score - baseline) / (chosen - baseline)
    return words + (
        f"reaches {chosen:.3f}. So these few questions hold {share:.0%} of what that model knows "
        "beyond the baseline; the rest is in finer or more tangled patterns."
    )
