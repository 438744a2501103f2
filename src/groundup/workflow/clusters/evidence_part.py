"""The part ``"evidence"`` of ``run.json``: what was tried, what was chosen, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from groundup.workflow.clusters.grouping import Evidence, Grouping
from groundup.workflow.clusters.numbering import cluster_numbers

_MOST_DRAWS = 500


def evidence_part(evidence: Evidence, clusters: np.ndarray | None) -> dict[str, Any]:
    """Return the evidence as plain data.

    Parameters
    ----------
    evidence : Evidence
    clusters : int ndarray of shape (n,) or None
        The clusters of the rows by their numbers; None where there are none.
    """
    chosen = evidence.chosen
    part: dict[str, Any] = {
        "n_clusters": 0 if chosen is None else chosen.n_clusters,
        "kind": evidence.kind,
        "verdict": evidence.verdict,
        "reasons": list(evidence.reasons),
        "chosen": None if chosen is None else _of(chosen),
        "candidates": [_of(grouping) for grouping in evidence.candidates],
        "curves": plain(evidence.curves),
        "null": plain(evidence.null),
        "left_out_for_time": list(evidence.left_out),
    }
    part["null"]["draws"] = (part["null"].get("draws") or [])[:_MOST_DRAWS]
    if chosen is not None and clusters is not None:
        part["sizes"] = np.bincount(clusters[clusters > 0])[1:].tolist()
        part["unassigned"] = int((clusters < 0).sum())
        by_label = chosen.measures.get("stability_by_cluster")
        if by_label is not None:
            part["stability"] = _by_number(by_label, evidence, clusters)
    return part


def _by_number(
    by_label: Sequence[float], evidence: Evidence, clusters: np.ndarray
) -> list[float | None]:
    """Return what was measured on the sample for each label, for cluster 1, 2, ...

    Where the table is large, the chosen grouping was fitted again to all rows: a cluster is then
    the one in which most of the label's rows are.
    """
    assert evidence.chosen is not None
    labels = evidence.chosen.measures.get("labels_on_sample")
    if labels is None or len(labels) == len(clusters):
        numbers = cluster_numbers(evidence.chosen.labels)[:-1].tolist()
    else:
        there = np.maximum(clusters[evidence.sample], 0)
        counts = [np.bincount(there[labels == k], minlength=2) for k in range(len(by_label))]
        numbers = [int(count[1:].argmax()) + 1 for count in counts]
    values: list[float | None] = [None] * int(clusters.max())
    for number, value in zip(numbers, by_label, strict=False):
        values[number - 1] = plain(value)
    return values


def _of(grouping: Grouping) -> dict[str, Any]:
    return {
        "family": grouping.family,
        "title": grouping.title,
        "params": plain(grouping.params),
        "n_clusters": int(grouping.n_clusters),
        "measures": {
            name: plain(value)
            for name, value in grouping.measures.items()
            if name not in ("labels_on_sample", "stability_by_cluster")
        },
        "class": type(grouping.estimator).__name__,
    }


def plain(value: Any) -> Any:
    """Return arrays as lists and numbers as Python's own."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value
