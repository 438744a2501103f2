"""Stability: does a group come back when other rows are asked?

The same estimator is fitted to random subsets of the rows, and each of its groups compared with the
one most like it:

    J(A, B) = rows in both / rows in either          (Jaccard)

averaged over the subsets. A group with less than 0.8 is a matter of which rows happened to be in
the table (Hennig asks for 0.75 at least, prediction strength for 0.8 to 0.9). The grouping as a
whole is compared by the adjusted Rand index. Stability alone proves nothing: halves of one ball,
cut along its longest axis, come back every time.

References
----------
.. [1] Hennig (2007): Cluster-wise assessment of cluster stability.
.. [2] Tibshirani, Walther (2005): Cluster validation by prediction strength.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score

from groundup.workflow.clusters.candidates import labels_of
from groundup.workflow.clusters.grouping import Grouping

#: A group that comes back less than this is none.
LEAST_JACCARD = 0.8
RESAMPLES = 10
_SHARE = 0.7


@dataclass(frozen=True)
class Stability:
    """How well a grouping and each of its groups come back: the means over the resamples."""

    rand: float
    by_cluster: list[float]


def stability(X: np.ndarray, grouping: Grouping, *, seed: int) -> Stability:
    """Fit a grouping's estimator to subsets of the rows and compare.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    grouping : Grouping
    seed : int
    """
    n = len(X)
    rng = np.random.default_rng(seed)
    rand, jaccard = [], []
    for _ in range(RESAMPLES):
        rows = np.sort(rng.permutation(n)[: round(_SHARE * n)])
        estimator = clone(grouping.estimator)
        if "n_init" in estimator.get_params():
            estimator.set_params(n_init=2)
        if "min_cluster_size" in estimator.get_params():
            least = max(2, round(_SHARE * estimator.min_cluster_size))
            estimator.set_params(min_cluster_size=least)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = labels_of(estimator.fit(X[rows]), X[rows])
        expected = grouping.labels[rows]
        rand.append(adjusted_rand_score(expected, found))
        jaccard.append(_best_overlaps(expected, found, grouping.n_clusters))
    return Stability(float(np.mean(rand)), np.mean(jaccard, axis=0).tolist())


def _best_overlaps(expected: np.ndarray, found: np.ndarray, n_groups: int) -> np.ndarray:
    """Return each expected group's Jaccard index with the found group most like it, (n_groups,)."""
    table = np.zeros((n_groups + 1, found.max() + 2))  # row and column 0: without a group
    np.add.at(table, (expected + 1, found + 1), 1.0)
    either = table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table
    overlap = (table / np.maximum(either, 1.0))[1:, 1:]
    return overlap.max(axis=1, initial=0.0)
