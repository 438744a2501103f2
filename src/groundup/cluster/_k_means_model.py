"""What every estimator with centers does once it is fitted: predict, transform, score."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

from groundup._blocks import thread_count
from groundup._estimator import Estimator
from groundup.cluster._k_means_panel import Centers, FullSearch
from groundup.cluster._k_means_rows import Rows
from groundup.cluster._seeding import seed_centers


class CentersEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Estimator):
    """Rows are described by the nearest of a few centers."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), callable, "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    @property
    def _n_features_out(self) -> int:
        return self.cluster_centers_.shape[0]

    _default_n_init: ClassVar[int] = 10

    def _n_runs(self) -> int:
        if self._init_is_array():
            return 1
        if self.n_init == "auto":
            return 1 if self.init == "k-means++" else self._default_n_init
        return self.n_init

    def _warn_of_given_start(self) -> None:
        if self._init_is_array() and self.n_init not in ("auto", 1):
            warnings.warn(
                f"Explicit initial center position passed: performing only one init in "
                f"{type(self).__name__} instead of n_init={self.n_init}.",
                RuntimeWarning,
                stacklevel=2,
            )

    def _check_parameters(self, X, y):
        if len(X) < self.n_clusters:
            raise ValueError(
                f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}. "
                f"Ask for at most {len(X)} clusters, or give more rows."
            )
        if self._init_is_array():
            self._given_centers(self.init, X.shape[1])

    def _init_is_array(self) -> bool:
        return not isinstance(self.init, str) and not callable(self.init)

    def _given_centers(self, centers: Any, n_features: int) -> np.ndarray:
        centers = check_array(centers, dtype=np.float64, order="C", copy=True)
        if centers.shape[0] != self.n_clusters:
            raise ValueError(
                f"The shape of the initial centers {centers.shape} does not match the number of "
                f"clusters {self.n_clusters}."
            )
        if centers.shape[1] != n_features:
            raise ValueError(
                f"The shape of the initial centers {centers.shape} does not match the number of "
                f"features of the data {n_features}."
            )
        return centers

    def _start(
        self,
        X: np.ndarray,
        weights: np.ndarray | None,
        random_state: np.random.RandomState,
        n_threads: int,
    ) -> np.ndarray:
        """Return the centers to begin with, of shape (n_clusters, n_features)."""
        k = self.n_clusters
        if callable(self.init):
            return self._given_centers(self.init(X, k, random_state=random_state), X.shape[1])
        if not isinstance(self.init, str):
            return self._given_centers(self.init, X.shape[1])
        if self.init == "k-means++":
            return seed_centers(X, k, weights, random_state, n_threads)
        if weights is not None and np.count_nonzero(weights) < k:
            raise ValueError(
                f"Only {np.count_nonzero(weights)} of the weights are above zero, too few for "
                f'init="random" to draw {k} rows. Ask for fewer clusters, or use "k-means++".'
            )
        p = np.full(len(X), 1.0 / len(X)) if weights is None else weights / weights.sum()
        return X[random_state.choice(len(X), size=k, replace=False, p=p)]

    def predict(self, X: Any) -> np.ndarray:
        """Find the nearest center of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            Its index in ``cluster_centers_``.
        """
        return self._assigned(self._validated_for_prediction(X), None, self.cluster_centers_)[0]

    def _assigned(
        self, X: np.ndarray, sample_weight: np.ndarray | None, centers: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Return every row's nearest center, and the inertia."""
        # Relative to the centers' mean: one far row must not take the digits of the others.
        rows = Rows(X, sample_weight, thread_count(), centers.mean(axis=0))
        placed = Centers(centers - rows.mean)
        labels = np.full(len(X), -1, dtype=np.int32)
        FullSearch(rows, placed).assign(labels)
        return labels, rows.inertia(placed.padded, labels)

    def transform(self, X: Any) -> np.ndarray:
        """Return every row's distance to every center.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
        """
        X, centers = self._validated_for_prediction(X), self.cluster_centers_
        # Their squares lose digits far from zero.
        mean = centers.mean(axis=0)
        return euclidean_distances(X - mean, centers - mean)

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Fit, and return every row's distance to every center.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        distances : ndarray of shape (n_samples, n_clusters)
        """
        return self.fit(X, sample_weight=sample_weight).transform(X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return minus the objective: the negative sum of squared distances to the centers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
            At most 0.
        """
        X = self._validated_for_prediction(X)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        return -self._assigned(X, sample_weight, self.cluster_centers_)[1]


def warn_of_empty_clusters(
    estimator: CentersEstimator,
    X: np.ndarray,
    weights: np.ndarray | None,
    labels: np.ndarray,
    only_if_too_few_rows: bool = False,
) -> None:
    """Warn where fewer clusters than asked for have a row, and tell why.

    Parameters
    ----------
    estimator : CentersEstimator
    X : ndarray of shape (n, d)
    weights : ndarray of shape (n,) or None
    labels : ndarray of shape (n,)
    only_if_too_few_rows : bool, default=False
        Whether to say nothing unless `X` has too few distinct rows that weigh something.
    """
    k = estimator.n_clusters
    n_found = int(np.count_nonzero(np.bincount(labels, minlength=k)))
    if n_found == k:
        return
    positive = None if weights is None or weights.all() else weights > 0.0
    n_distinct = len(np.unique(X if positive is None else X[positive], axis=0))
    which = "distinct rows" if positive is None else "distinct rows of positive weight"
    if n_distinct >= k and only_if_too_few_rows:
        return
    cause = (
        f"X has only {n_distinct} {which}; ask for at most as many clusters."
        if n_distinct < k
        else "The run stopped before every center had a row; raise max_iter or try another start."
    )
    warnings.warn(
        f"{type(estimator).__name__}: number of distinct clusters ({n_found}) found smaller than "
        f"n_clusters ({k}). {cause}",
        ConvergenceWarning,
        stacklevel=2,
    )
