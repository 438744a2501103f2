"""Assigning rows to clusters: those of the table, and new ones.

k-means and a mixture can place any row: nearest centre, likeliest component. A merge tree and
density cannot, so there a row joins the cluster of the rows nearest to it. What a bundle keeps is
accordingly the estimator itself, or a nearest-neighbours model of the rows in clusters, and a few
notes beside it as plain numbers.

How sure an assignment is, from 0 to 1:

=============  =====================================================================================
kept           sure
=============  =====================================================================================
centres        1 - a / b, for the distances a and b to the nearest and the second nearest centre
components     the probability of the component, given the row
rows           the share of the nearest rows, weighted by 1 / distance, that are in this cluster
=============  =====================================================================================

A row is an outlier where it lies beyond the outer fence of its cluster, Q3 + 3 (Q3 - Q1) of the
distances of the cluster's own rows: to the centre, to the nearest other row, or, for a mixture, of
the negative log-density.

References
----------
J. W. Tukey, "Exploratory Data Analysis", 1977, chapter 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from groundup.workflow.clusters.grouping import Grouping
from groundup.workflow.clusters.numbering import cluster_numbers

Kept = Literal["centres", "components", "rows"]

_KEPT: dict[str, Kept] = {"k-means": "centres", "mixture": "components"}
_NEIGHBOURS = 10


@dataclass(frozen=True)
class Assignment:
    """Where rows belong.

    Parameters
    ----------
    cluster : int ndarray of shape (n,)
        1, 2, ...; -1 is none.
    sure : ndarray of shape (n,)
        0 to 1.
    distance : ndarray of shape (n,)
        To the centre or to the nearest row of the cluster, in units of the prepared numbers.
    outlier : bool ndarray of shape (n,)
    """

    cluster: np.ndarray
    sure: np.ndarray
    distance: np.ndarray
    outlier: np.ndarray


@dataclass(frozen=True)
class Assigner:
    """What assigns rows: a fitted model, and notes about it that a manifest can hold.

    Parameters
    ----------
    model : fitted estimator
        KMeans, GaussianMixture, or KNeighborsClassifier of the rows in clusters.
    kept : {"centres", "components", "rows"}
    numbers : list of int
        The cluster's number for each answer of the model.
    limits : list of float
        For cluster 1, 2, ...: beyond it, a row is an outlier.
    leaves_out : bool
        Whether rows that are outliers belong to no cluster, as density has it.
    """

    model: Any
    kept: Kept
    numbers: list[int]
    limits: list[float]
    leaves_out: bool = False

    def notes(self) -> dict[str, Any]:
        """Return all but the model, as plain data."""
        return {
            "kept": self.kept,
            "numbers": self.numbers,
            "limits": self.limits,
            "leaves_out": self.leaves_out,
        }

    @classmethod
    def from_notes(cls, model: Any, notes: Mapping[str, Any]) -> Assigner:
        """Put a model and its notes together again.

        Raises
        ------
        ValueError
            The notes are not those of such a model.
        """
        numbers: Any = notes.get("numbers")
        limits: Any = notes.get("limits")
        fine = (
            notes.get("kept") in ("centres", "components", "rows")
            and isinstance(numbers, list)
            and isinstance(limits, list)
            and len(numbers) == len(limits) == _answers(model)
            and sorted(numbers) == list(range(1, len(numbers) + 1))
            and all(isinstance(limit, int | float) for limit in limits)
        )
        if not fine:
            raise ValueError("the notes about the clusters do not fit the model; cluster again")
        return cls(model, notes["kept"], numbers, limits, bool(notes.get("leaves_out")))

    def assign(self, X: np.ndarray) -> Assignment:
        """Assign prepared rows of shape (n, d)."""
        label, sure, distance, far = self._nearest(X)
        cluster = np.array(self.numbers, np.int64)[label]
        outlier = far > np.array(self.limits)[cluster - 1]
        if self.leaves_out:
            cluster = np.where(outlier, -1, cluster)
        return Assignment(cluster, sure, distance, outlier)

    def _nearest(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the model's answer for each row, how sure, how far, and what the limit is for."""
        if self.kept == "rows":
            probability = self.model.predict_proba(X)  # (n, k)
            label = probability.argmax(axis=1)
            distance = self.model.kneighbors(X, 1)[0][:, 0]
            return label, probability[np.arange(len(X)), label], distance, distance
        label = np.asarray(self.model.predict(X), np.int64)
        if self.kept == "centres":
            return label, *_from_centres(X, self.model.cluster_centers_, label)
        probability = self.model.predict_proba(X)  # (n, k)
        distance = np.linalg.norm(X - self.model.means_[label], axis=1)
        sure = probability[np.arange(len(X)), label]
        return label, sure, distance, -self.model.score_samples(X)


def _from_centres(
    X: np.ndarray, centres: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    distances = np.stack([np.linalg.norm(X - centre, axis=1) for centre in centres], axis=1)
    rows = np.arange(len(X))
    own = distances[rows, label]  # (n,)
    distances[rows, label] = np.inf
    second = distances.min(axis=1)
    # 1 - a / b
    sure = 1.0 - np.divide(own, second, out=np.zeros_like(own), where=second > 0)
    return np.clip(sure, 0.0, 1.0), own, own


def _answers(model: Any) -> int:
    """Return how many clusters a model knows."""
    for name in ("cluster_centers_", "means_", "classes_"):
        if hasattr(model, name):
            return len(getattr(model, name))
    return 0


def assigner_for(chosen: Grouping, X: np.ndarray, clusters: np.ndarray) -> Assigner:
    """Return what assigns new rows as a grouping does.

    Parameters
    ----------
    chosen : Grouping
    X : ndarray of shape (n, d)
        The prepared rows.
    clusters : int ndarray of shape (n,)
        1, 2, ...; -1 is none.
    """
    n_clusters = int(clusters.max())
    kept = _KEPT.get(chosen.family, "rows")
    if kept == "rows":
        from groundup.neighbors import KNeighborsClassifier

        inside = clusters > 0
        n_neighbors = min(_NEIGHBOURS, int(inside.sum()) - 1)  # one fewer: each asks the others
        model = KNeighborsClassifier(n_neighbors, weights="distance")
        model.fit(X[inside], clusters[inside])
        numbers, far = list(range(1, n_clusters + 1)), np.zeros(len(X))
        far[inside] = _to_other_rows(model)[0]
        leaves_out = bool((~inside).any())
    else:
        model, leaves_out = chosen.estimator, False
        numbers = cluster_numbers(chosen.labels)[:-1].tolist()
        far = Assigner(model, kept, numbers, [])._nearest(X)[3]
    limits = [outer_fence(far[clusters == number]) for number in range(1, n_clusters + 1)]
    return Assigner(model, kept, numbers, limits, leaves_out)


def assign_own_rows(assigner: Assigner, X: np.ndarray, clusters: np.ndarray) -> Assignment:
    """Say how sure the clusters of the table's own rows are: each row is asked of the others."""
    if assigner.kept != "rows":
        found = assigner.assign(X)
        return Assignment(clusters, found.sure, found.distance, found.outlier)
    inside = clusters > 0
    distance, sure = np.zeros(len(X)), np.zeros(len(X))
    distance[inside], sure[inside] = _to_other_rows(assigner.model)
    if not inside.all():  # rows in no cluster: as sure as they are far from the nearest one
        distance[~inside] = assigner.model.kneighbors(X[~inside], 1)[0][:, 0]
    limits = np.array(assigner.limits)[clusters - 1]
    return Assignment(clusters, sure, distance, ~inside | (distance > limits))


def _to_other_rows(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return each fitted row's distance to the nearest other, and the share of its own cluster."""
    distances, rows = model.kneighbors()  # (n, 10), of the other rows
    y = model._y
    near = np.maximum(distances, 1e-12)
    weights = 1.0 / near
    same = (y[rows] == y[:, None]) * weights
    return distances[:, 0], same.sum(axis=1) / weights.sum(axis=1)


def outer_fence(distances: np.ndarray) -> float:
    """Return Tukey's outer fence, Q3 + 3 (Q3 - Q1).

    Examples
    --------
    >>> outer_fence(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    10.0
    """
    q1, q3 = np.percentile(distances, [25, 75])
    return float(q3 + 3.0 * (q3 - q1))
