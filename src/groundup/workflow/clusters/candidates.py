"""The candidates: four ideas of what a group is, each fitted over its own parameters.

- k-means: a group is what lies nearest to the same centre; round groups of similar width.
- hierarchy: groups are merged from single rows upwards; one tree holds every number of groups.
- mixture: each group is a Gaussian cloud with its own shape; clouds may overlap.
- density: a group is a crowd with emptier space around it, of any shape; lonely rows are in none.

No candidate is judged here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from groundup.workflow.clusters.deadline import Deadline
from groundup.workflow.clusters.families import (
    HDBSCAN,
    AgglomerativeClustering,
    GaussianMixture,
    KMeans,
)
from groundup.workflow.clusters.grouping import Grouping
from groundup.workflow.clusters.merge_trees import MergeTrees

LINKAGES = ("ward", "average", "complete", "single")
# These measure every distance between two rows. The chosen estimator is fitted to the whole table,
# and n * n distances of more rows than this take minutes, or more memory than there is.
_ALL_DISTANCES = ("average", "complete")
_MOST_FOR_ALL_DISTANCES = 10_000
COVARIANCES = ("full", "tied", "diag", "spherical")
MOST_CLUSTERS = 12
# A group of fewer rows than this cannot be told from chance, nor described.
LEAST_ROWS = 5


def cluster_counts(n_rows: int) -> range:
    """Return the numbers of clusters to try: from 2 on, with at least 10 rows a cluster on average.

    Examples
    --------
    >>> cluster_counts(50), cluster_counts(1000)
    (range(2, 6), range(2, 13))
    """
    return range(2, max(2, min(MOST_CLUSTERS, n_rows // 10)) + 1)


def estimators(
    n_rows: int, n_columns: int, n_table: int, *, seed: int
) -> Iterator[tuple[str, str, Any]]:
    """Yield (family, title, unfitted estimator) of every candidate.

    Parameters
    ----------
    n_rows, n_columns : int
        The shape of the sample.
    n_table : int
        The rows of the whole table.
    seed : int
    """
    counts = cluster_counts(n_rows)
    for k in counts:
        yield "k-means", f"k-means, {k} groups", KMeans(k, n_init=10, random_state=seed)
    for linkage in LINKAGES:
        if linkage in _ALL_DISTANCES and n_table > _MOST_FOR_ALL_DISTANCES:
            continue
        for k in counts:
            title = f"hierarchy ({linkage} linkage), {k} groups"
            yield "hierarchy", title, AgglomerativeClustering(k, linkage=linkage)
    for covariance in COVARIANCES:
        for k in counts:
            if k * free_parameters(covariance, n_columns) > n_rows:
                continue  # more figures to estimate than rows to estimate them from
            mixture = GaussianMixture(
                k, covariance_type=covariance, n_init=3, reg_covar=1e-4, random_state=seed
            )
            yield "mixture", f"Gaussian mixture ({covariance}), {k} groups", mixture
    for least in sorted({max(LEAST_ROWS, round(n_rows * share)) for share in SHARES}):
        title = f"density, crowds of {least} rows or more"
        yield "density", title, HDBSCAN(min_cluster_size=least, min_samples=5, copy=True)


SHARES = (0.01, 0.02, 0.04, 0.08)


def free_parameters(covariance: str, n_columns: int) -> int:
    """Return how many figures one component's mean and covariance have, at least 2."""
    by_type = {
        "full": n_columns + n_columns * (n_columns + 1) // 2,
        "tied": n_columns,
        "diag": 2 * n_columns,
        "spherical": n_columns + 1,
    }
    return max(2, by_type[covariance])


def fit_candidates(
    X: np.ndarray,
    *,
    seed: int,
    n_table: int | None = None,
    deadline: Deadline | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Grouping]:
    """Fit every candidate to the rows of `X`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    seed : int
    n_table : int, optional
        The rows of the table that `X` is a sample of.
    deadline : Deadline, optional
        When two thirds of its time are over, the remaining mixtures are left out, which take most
        of it; later all that remains.
    progress : callable (done, total, text), optional

    Returns
    -------
    list of Grouping
        Those with at least two groups of at least `LEAST_ROWS` rows, without measures.
    """
    found: list[Grouping] = []
    trees = MergeTrees(X)
    planned = list(estimators(len(X), X.shape[1], n_table or len(X), seed=seed))
    for done, (family, title, estimator) in enumerate(planned):
        if progress:
            progress(done, len(planned), title)
        share = _MOST_OF_TIME[family]
        if deadline and found and deadline.is_over(share, _group_of(family, estimator)):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not converged, fewer distinct rows: judged below
            estimator = trees.fit(estimator)
            labels = labels_of(estimator, X)
        sizes = np.bincount(labels[labels >= 0])
        if len(sizes) >= 2:
            params = {"n_clusters": len(sizes), **_said(estimator)}
            found.append(Grouping(family, title, params, estimator, labels, len(sizes)))
    return found


# The share of the time that is over when the rest of a family is left out.
_MOST_OF_TIME = {"k-means": 0.8, "hierarchy": 0.8, "mixture": 0.67, "density": 0.85}


def _group_of(family: str, estimator: Any) -> str:
    """Name what is left out together."""
    if family == "mixture":
        return f"Gaussian mixtures ({estimator.covariance_type})"
    if family == "hierarchy":
        return f"hierarchies ({estimator.linkage} linkage)"
    return {"density": "density", "k-means": "k-means with more groups"}[family]


def labels_of(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Return the group of each row the estimator was fitted to, int64; -1 is none."""
    labels = getattr(estimator, "labels_", None)
    if labels is None:
        labels = estimator.predict(X)
    return np.maximum(np.asarray(labels, np.int64), -1)


def _said(estimator: Any) -> dict[str, Any]:
    names = ("linkage", "covariance_type", "min_cluster_size")
    return {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}
