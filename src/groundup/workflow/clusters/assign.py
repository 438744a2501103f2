"""Assigning rows to clusters: those of the table, and new ones.

k-means and a mixture can place any row: nearest centre, likeliest component. A merge tree and
density cannot, so there a row joins the cluster of the rows nearest to it. What a bundle keeps is
accordingly the estimator itself, or a nearest-neighbours model of the rows, and a few notes beside
it as plain numbers. A row of the table that comes again gets the answer that it got: it is known
by its place, and asked of the other rows.

How sure an assignment is, from 0 to 1:

=============  =====================================================================================
kept           sure
=============  =====================================================================================
centres        1 - a / b, for the distances a and b to the nearest and the second nearest centre
components     the probability of the component, given the row
rows           the share of the nearest rows, weighted by 1 / distance, that are in this cluster
=============  =====================================================================================

It is 0 for a row in no cluster, and unknown for a row of which no compared column is filled in.

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
# Rows closer than this are the same row: columns vary by about 1, and less is rounding.
_SAME = 1e-7


@dataclass(frozen=True)
class Assignment:
    """Where rows belong.

    Parameters
    ----------
    cluster : int ndarray of shape (n,)
        1, 2, ...; -1 is none.
    sure : ndarray of shape (n,)
        0 to 1; 0 in no cluster; nan where a row has nothing that could be compared.
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
        KMeans, GaussianMixture, or KNeighborsClassifier of the rows; its class -1 is no cluster.
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

    def assign(self, X: np.ndarray, blank: np.ndarray | None = None) -> Assignment:
        """Assign prepared rows.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        blank : bool ndarray of shape (n,), default=None
            Rows of which no compared column is filled in: they belong to no cluster.
        """
        if self.kept == "rows":
            cluster, sure, distance, known = self._from_rows(X)
            far = distance
        else:
            cluster, sure, distance, far = self._from_model(X)
            known = np.zeros(len(X), bool)
        limits = np.append(np.array(self.limits), np.inf)[np.where(cluster > 0, cluster - 1, -1)]
        outlier = (far > limits) | (cluster < 0)
        if self.leaves_out:
            cluster = np.where(outlier & ~known, -1, cluster)
        sure = np.where(cluster > 0, sure, 0.0)
        if blank is not None:
            cluster, outlier = np.where(blank, -1, cluster), outlier & ~blank
            sure, distance = np.where(blank, np.nan, sure), np.where(blank, np.nan, distance)
        return Assignment(cluster, sure, distance, outlier)

    def _from_model(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return each row's cluster, how sure, the distance, and what the limit is for."""
        label = np.asarray(self.model.predict(X), np.int64)
        cluster = np.array(self.numbers, np.int64)[label]
        if self.kept == "centres":
            return cluster, *_from_centres(X, self.model.cluster_centers_, label)
        probability = self.model.predict_proba(X)  # (n, k)
        distance = np.linalg.norm(X - self.model.means_[label], axis=1)
        sure = probability[np.arange(len(X)), label]
        return cluster, sure, distance, -self.model.score_samples(X)

    def _from_rows(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return each row's cluster, how sure, the distance, and whether the row is known."""
        n_asked, y = self.model.n_neighbors, self.model.classes_[self.model._y]
        distances, rows = self.model.kneighbors(X, n_asked + 1)  # (n, m + 1)
        known = distances[:, 0] < _SAME
        own = y[rows[:, 0]]
        # A known row is asked of the others: without itself; a new one of the m nearest.
        distances = np.where(known[:, None], distances[:, 1:], distances[:, :-1])  # (n, m)
        near = np.where(known[:, None], y[rows[:, 1:]], y[rows[:, :-1]])
        weights = 1.0 / np.maximum(distances, _SAME)
        votes = np.stack([(weights * (near == c)).sum(axis=1) for c in self.model.classes_], axis=1)
        cluster = np.where(known, own, self.model.classes_[votes.argmax(axis=1)])
        shares = (weights * (near == cluster[:, None])).sum(axis=1) / weights.sum(axis=1)
        distance = np.where(near > 0, distances, np.inf).min(axis=1)
        lost = np.isinf(distance)  # among rows in no cluster only
        if lost.any():
            distance[lost] = _to_nearest(X[lost], self.model._fit_X[y > 0])
        return cluster, shares, np.where(distance < _SAME, 0.0, distance), known


def _to_nearest(X: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return each row's distance to the nearest of the others."""
    from groundup.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=1).fit(others).kneighbors(X)[0][:, 0]


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
    for name in ("cluster_centers_", "means_"):
        if hasattr(model, name):
            return len(getattr(model, name))
    return int((model.classes_ > 0).sum()) if hasattr(model, "classes_") else 0


def assigner_for(
    chosen: Grouping, X: np.ndarray, clusters: np.ndarray, blank: np.ndarray | None = None
) -> Assigner:
    """Return what assigns new rows as a grouping does.

    Parameters
    ----------
    chosen : Grouping
    X : ndarray of shape (n, d)
        The prepared rows.
    clusters : int ndarray of shape (n,)
        1, 2, ...; -1 is none.
    blank : bool ndarray of shape (n,), default=None
        Rows of which no compared column is filled in: they stand for nothing.
    """
    n_clusters = int(clusters.max())
    kept = _KEPT.get(chosen.family, "rows")
    fitted = np.ones(len(X), bool) if blank is None else ~blank
    if kept == "rows":
        from groundup.neighbors import KNeighborsClassifier

        n_neighbors = min(_NEIGHBOURS, int(fitted.sum()) - 1)  # one fewer: each asks the others
        model = KNeighborsClassifier(n_neighbors, weights="distance")
        model.fit(X[fitted], clusters[fitted])
        numbers, leaves_out = list(range(1, n_clusters + 1)), bool((clusters[fitted] < 0).any())
        asked = Assigner(model, kept, numbers, [np.inf] * n_clusters)
        far = asked._from_rows(X)[2]
    else:
        model, leaves_out = chosen.estimator, False
        numbers = cluster_numbers(chosen.labels)[:-1].tolist()
        far = Assigner(model, kept, numbers, [])._from_model(X)[3]
    limits = [outer_fence(far[clusters == number]) for number in range(1, n_clusters + 1)]
    return Assigner(model, kept, numbers, limits, leaves_out)


def assign_own_rows(
    assigner: Assigner, X: np.ndarray, clusters: np.ndarray, blank: np.ndarray | None = None
) -> Assignment:
    """Say how sure the clusters of the table's own rows are: by the rule that new rows follow."""
    found = assigner.assign(X, blank)
    return Assignment(clusters, found.sure, found.distance, found.outlier)


def outer_fence(distances: np.ndarray) -> float:
    """Return Tukey's outer fence, Q3 + 3 (Q3 - Q1).

    Examples
    --------
    >>> outer_fence(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    10.0
    """
    q1, q3 = np.percentile(distances, [25, 75])
    return float(q3 + 3.0 * (q3 - q1))
