"""Classification by the nearest neighbours: ask the k nearest rows, and let them vote.

    P(y = c | q) = sum_j w_j [y_j = c] / sum_j w_j,        j over the k nearest rows of q

There is nothing to learn but an index over the rows.  A small k follows every row, noise included;
a large k smooths over borders.  Features should be scaled alike, since the distance adds them up,
and there should be few of them: among many, all rows are about equally far.

References
----------
.. [1] T. M. Cover and P. E. Hart, "Nearest neighbor pattern classification", IEEE Transactions on
   Information Theory 13(1), 1967.
.. [2] T. Hastie, R. Tibshirani and J. Friedman, "The Elements of Statistical Learning", 2nd
   edition, section 13.3, Springer, 2009.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import DataConversionWarning
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets

from groundup.neighbors._base import KNeighborsMixin, NeighborsBase
from groundup.neighbors._vote import count_votes, elect, neighbor_weights


class KNeighborsClassifier(KNeighborsMixin, ClassifierMixin, NeighborsBase):
    """Classify by a vote of the nearest fitted rows.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many vote.
    weights : {"uniform", "distance"}, callable or None, default="uniform"
        "uniform" (and None): all votes count alike. "distance": a vote counts 1 / distance; if the
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
    classes_ : ndarray of shape (n_classes,), or list of such
        The classes; a list with one array an output if `y` has several columns.
    outputs_2d_ : bool
        Whether `y` has several columns.
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
    .. [1] T. M. Cover and P. E. Hart, "Nearest neighbor pattern classification", IEEE Transactions
       on Information Theory 13(1), 1967.

    Examples
    --------
    >>> from groundup.neighbors import KNeighborsClassifier
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> model = KNeighborsClassifier(n_neighbors=3).fit(X, ["low", "low", "high", "high"])
    >>> model.predict([[1.1]])
    array(['low'], dtype='<U4')
    >>> model.predict_proba([[2.2]])
    array([[0.66666667, 0.33333333]])
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
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:  # type: ignore[override]
        """Index the rows and keep their classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their classes.

        Returns
        -------
        self : KNeighborsClassifier
        """
        return self._fit(X, y, None)

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == 1:
            warnings.warn(
                "A column-vector y was passed when a 1d array was expected. Please change the "
                "shape of y to (n_samples,), for example using ravel().",
                DataConversionWarning,
                stacklevel=2,
            )
            y = y.ravel()
        if y.ndim == 1:
            return super()._encoded(y)
        check_classification_targets(y)
        pairs = [np.unique(column, return_inverse=True) for column in y.T]
        self.classes_: Any = [classes for classes, _ in pairs]
        return np.column_stack([codes for _, codes in pairs]).astype(np.int64)

    def _target_state(self, y: np.ndarray) -> dict[str, Any]:
        return {"_y": y, "outputs_2d_": y.ndim == 2}

    def _votes(self, X: Any) -> list[np.ndarray]:
        """Return one array of shape (n_queries, n_classes) an output."""
        distances, rows, metric = self._nearest(X, None)
        if self.weights not in ("uniform", None):
            distances = metric.from_searched(distances)
        weights = neighbor_weights(distances, self.weights)
        if weights.size and not weights.any(axis=1).all():
            raise ValueError(
                "All neighbors of some sample is getting zero weights. Please modify 'weights' to "
                "avoid this case if you are using a user-defined function."
            )
        all_votes = []
        for codes, classes in zip(*self._outputs(), strict=True):
            votes = np.empty((len(rows), len(classes)))
            count_votes(rows, codes, weights, votes)
            all_votes.append(votes)
        return all_votes

    def _outputs(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return each output's codes and classes."""
        if not self.outputs_2d_:
            return [self._y], [self.classes_]
        return [np.ascontiguousarray(codes) for codes in self._y.T], self.classes_

    def predict(self, X: Any) -> np.ndarray:
        """Return the class that the neighbours vote for; of equals the first in `classes_`.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), or None
            The queries; None asks for the fitted rows, each without itself.

        Returns
        -------
        ndarray of shape (n_queries,) or (n_queries, n_outputs)
        """
        predicted = []
        for votes, classes in zip(self._votes(X), self._outputs()[1], strict=True):
            winners = np.empty(len(votes), dtype=np.int64)
            elect(votes, winners)
            predicted.append(classes[winners])
        return np.column_stack(predicted) if self.outputs_2d_ else predicted[0]

    def predict_proba(self, X: Any) -> Any:
        """Return each class's share of the votes.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), or None
            The queries; None asks for the fitted rows, each without itself.

        Returns
        -------
        ndarray of shape (n_queries, n_classes), or a list with one an output
            Columns in the order of `classes_`; rows add up to 1.
        """
        all_votes = self._votes(X)
        for votes in all_votes:
            votes /= votes.sum(axis=1, keepdims=True)
        return all_votes if self.outputs_2d_ else all_votes[0]
