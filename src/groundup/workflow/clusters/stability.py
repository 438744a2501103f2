"""Stability: does a group come back when other rows are asked?

The same estimator is fitted to random subsets of the rows, and each of its groups compared with the
one most like it:

    J(A, B) = rows in both / rows in either          (Jaccard)

averaged over the subsets. A group with less than 0.8 is a matter of which rows happened to be in
the table (Hennig asks for 0.75 at least, prediction strength for 0.8 to 0.9). The grouping as a
whole is compared by the adjusted Rand index. Stability alone proves nothing: halves of one ball,
cut along its longest axis, come back every time.

The same subsets are drawn for every grouping, so that one merge tree a subset and linkage serves
all numbers of groups. Once a group has done so badly that the subsets to come cannot lift its mean
to 0.8 any more, they are not asked.

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
from groundup.workflow.clusters.merge_trees import MergeTrees

#: A group that comes back less than this is none.
LEAST_JACCARD = 0.8
RESAMPLES = 10
_SHARE = 0.7


@dataclass(frozen=True)
class Stability:
    """How well a grouping and each of its groups come back: the means over the resamples."""

    rand: float
    by_cluster: list[float]


class Resamples:
    """Random subsets of the rows, to which groupings are fitted again.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    seed : int
    """

    def __init__(self, X: np.ndarray, *, seed: int) -> None:
        self._X = X
        rng = np.random.default_rng(seed)
        n_drawn = round(_SHARE * len(X))
        self._draws = [np.sort(rng.permutation(len(X))[:n_drawn]) for _ in range(RESAMPLES)]
        self._trees: dict[int, MergeTrees] = {}

    def stability(self, grouping: Grouping, n_resamples: int = RESAMPLES) -> Stability:
        """Fit a grouping's estimator to the subsets and compare.

        Parameters
        ----------
        grouping : Grouping
            Of the rows of `X`.
        n_resamples : int
            Subsets at most; fewer are drawn where a group can no longer reach `LEAST_JACCARD`.
        """
        rand, jaccard = [], []
        for draw in range(n_resamples):
            expected = grouping.labels[self._draws[draw]]
            found = self._fit(grouping, draw)
            rand.append(adjusted_rand_score(expected, found))
            jaccard.append(_best_overlaps(expected, found, grouping.n_clusters))
            at_best = np.sum(jaccard, axis=0) + (n_resamples - draw - 1)
            if at_best.min() < LEAST_JACCARD * n_resamples:
                break
        return Stability(float(np.mean(rand)), np.mean(jaccard, axis=0).tolist())

    def _fit(self, grouping: Grouping, draw: int) -> np.ndarray:
        X = self._X[self._draws[draw]]
        estimator = clone(grouping.estimator)
        if "n_init" in estimator.get_params():
            estimator.set_params(n_init=2)
        if "min_cluster_size" in estimator.get_params():
            least = max(2, round(_SHARE * estimator.min_cluster_size))
            estimator.set_params(min_cluster_size=least)
        trees = self._trees.setdefault(draw, MergeTrees(X))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return labels_of(trees.fit(estimator), X)


def _best_overlaps(expected: np.ndarray, found: np.ndarray, n_groups: int) -> np.ndarray:
    """Return each expected group's Jaccard index with the found group most like it, (n_groups,)."""
    table = np.zeros((n_groups + 1, found.max() + 2))  # row and column 0: without a group
    np.add.at(table, (expected + 1, found + 1), 1.0)
    either = table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table
    overlap = (table / np.maximum(either, 1.0))[1:, 1:]
    return overlap.max(axis=1, initial=0.0)
