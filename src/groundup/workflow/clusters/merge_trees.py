"""One merge tree for every number of groups.

Of a hierarchy only the place of the cut depends on the number of groups, so the tree over the same
rows is made once for each linkage, and cut as often as it is asked for.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from groundup.cluster._dendrogram import cut
from groundup.workflow.clusters.families import AgglomerativeClustering


class MergeTrees:
    """Fits estimators to the same rows `X`; hierarchies share their tree.

    Examples
    --------
    >>> trees = MergeTrees(np.array([[0.0], [1.0], [10.0], [11.0], [30.0]]))
    >>> for k in (2, 3):
    ...     print(trees.fit(AgglomerativeClustering(k)).labels_.tolist())
    [0, 0, 0, 0, 1]
    [2, 2, 0, 0, 1]
    """

    def __init__(self, X: np.ndarray) -> None:
        self._X = X
        self._by_linkage: dict[str, Any] = {}

    def fit(self, estimator: Any) -> Any:
        """Return the estimator, fitted; a hierarchy as `fit` with its number of groups has it."""
        if not isinstance(estimator, AgglomerativeClustering):
            return estimator.fit(self._X)
        tree = self._by_linkage.get(estimator.linkage)
        if tree is None:
            tree = self._by_linkage[estimator.linkage] = estimator.fit(self._X)
            return tree
        fitted = copy.copy(tree)
        fitted.n_clusters = fitted.n_clusters_ = estimator.n_clusters
        fitted.labels_ = cut(tree.children_, tree.n_leaves_, estimator.n_clusters)
        return fitted
