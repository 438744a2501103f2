"""Regression by the nearest neighbours: the average of what was seen at the k nearest rows.

    f(q) = sum_j w_j y_j / sum_j w_j,        j over the k nearest rows of q

A step function of q for equal weights.  It cannot reach beyond the targets it has seen, and at the
border of the data it leans inwards.

References
----------
.. [1] N. S. Altman, "An introduction to kernel and nearest-neighbor nonparametric regression", The
   American Statistician 46(3), 1992.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import StrOptions

from groundup.neighbors._base import KNeighborsMixin, NeighborsBase
from groundup.neighbors._vote import average, neighbor_weights


class KNeighborsRegressor(KNeighborsMixin, RegressorMixin, NeighborsBase):
    """Predict the average target of the nearest fitted rows.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many are averaged.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        "uniform" (and None): all count alike. "distance": a neighbour counts 1 / distance; if the
        query is itself among the fitted rows, those rows alone count. A callable takes the
        distances and returns weights, both of shape (n_queries, n_neighbors).
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        As in `NearestNeighbors`: it changes the time, not the answer.
    leaf_size : int, default=30
        Leaves of the tree hold this many rows or fewer, down to half.
    p : float, default=2
        Power of the Minkowski distance: 1 is manhattan, 2 euclidean, infinity chebyshev.
    metric : {"minkowski", "euclidean", "manhattan", "chebyshev", "cosine", "l1", "l2", \
            "cityblock"}, default="minkowski"
        The distance between rows.
    metric_params : dict, default=None
        ``{"w": array of shape (n_features,)}``: weights of the Minkowski distance.
    n_jobs : int, default=None
        Threads; None and -1 mean all. The answer has the same bits for any number.

    Attributes
    ----------
    effective_metric_ : str
        The metric used, for example "euclidean" for "minkowski" with p=2.
    effective_metric_params_ : dict
        Its parameters.
    n_samples_fit_ : int
        Number of fitted rows.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` had any.

    References
    ----------
    .. [1] N. S. Altman, "An introduction to kernel and nearest-neighbor nonparametric regression",
       The American Statistician 46(3), 1992.

    Examples
    --------
    >>> from groundup.neighbors import KNeighborsRegressor
    >>> model = KNeighborsRegressor(n_neighbors=2).fit([[0.0], [1.0], [2.0]], [0.0, 10.0, 20.0])
    >>> model.predict([[0.4]])
    array([5.])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **NeighborsBase._parameter_constraints,
        "weights": [StrOptions({"uniform", "distance"}), callable, None],
    }
    _parameter_constraints.pop("radius")

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        weights: str | Callable | None = "uniform",
        algorithm: str = "auto",
        leaf_size: int = 30,
        p: float = 2,
        metric: str = "minkowski",
        metric_params: dict | None = None,
        n_jobs: int | None = None,
    ):
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:  # type: ignore[override]
        """Index the rows and keep their targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.

        Returns
        -------
        self : KNeighborsRegressor
        """
        return self._fit(X, y, None)

    def _target_state(self, y: np.ndarray) -> dict[str, Any]:
        return {"_y": y}

    def predict(self, X: Any) -> np.ndarray:
        """Return the average target of the neighbours.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), or None
            The queries; None asks for the fitted rows, each without itself.

        Returns
        -------
        ndarray of shape (n_queries,) or (n_queries, n_targets)
        """
        distances, rows, metric = self._nearest(X, None)
        if self.weights not in ("uniform", None):
            distances = metric.from_searched(distances)
        weights = neighbor_weights(distances, self.weights)
        targets = self._y if self._y.ndim == 2 else self._y[:, None]  # (n_samples, n_targets)
        means = np.empty((len(rows), targets.shape[1]))
        average(rows, targets, weights, means)
        return means if self._y.ndim == 2 else means[:, 0]
