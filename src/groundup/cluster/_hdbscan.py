"""HDBSCAN: DBSCAN at every distance at once, and of all those clusters the ones that last longest.

DBSCAN calls dense what has `min_samples` rows within a distance, and leaves it to the user to guess
that distance; where some clusters are denser than others, none is right.  HDBSCAN lets it shrink
from infinity to zero and watches.  What belongs together at one distance falls apart at a smaller
one, and a real cluster is one that stays whole over a long range of densities.  In steps:

1. *Core distances*: how far it is to a row's `min_samples`-th nearest row, itself counted.
2. *Mutual reachability*, the distance at which two rows are both dense and within reach:
   ``max(core_a, core_b, distance(a, b) / alpha)``.
3. The minimum spanning tree of that (`_spanning_tree`), which is the dendrogram of all the
   groupings that DBSCAN finds at any distance.
4. The condensed tree (`_condensed_tree`): only splits into two parts of `min_cluster_size` rows
   count, all other rows fall out of their cluster as noise.
5. The choice (`_cluster_selection`): the clusters with the greatest excess of mass.

Nothing is repeated until it settles, so the fit is one step; its trace are the fitted arrays, the
merges in `linkage_` and the life of every cluster in `condensed_tree_`.

Cost: O(n log n) in few features, O(n^2 d) in more than ten; memory linear in n.  It fails where
clusters touch along a dense bridge, and in many features, where all rows are about equally far.

References
----------
.. [1] R. J. G. B. Campello, D. Moulavi and J. Sander, "Density-based clustering based on
   hierarchical density estimates", PAKDD 2013.
.. [2] L. McInnes and J. Healy, "Accelerated hierarchical density based clustering", ICDM workshops
   2017.
"""

from __future__ import annotations

import numbers
import warnings
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from groundup._blocks import thread_count
from groundup._estimator import Estimator, State, Steps
from groundup.cluster._cluster_centers import centroids, medoids
from groundup.cluster._cluster_selection import labels_and_probabilities, select_clusters
from groundup.cluster._condensed_tree import condense
from groundup.cluster._dendrogram import large_clusters_below, linkage_table, merges_from_edges
from groundup.cluster._distance_matrix import refuse_what_is_no_distances
from groundup.cluster._rows_left_out import finite_rows, put_back
from groundup.cluster._spanning_tree import mutual_reachability_tree, tree_of_distances
from groundup.neighbors._metrics import METRICS, Metric, choose_metric

NOISE = -1
SMALL = 2000  # rows that are not worth a second thread
_MERGE = np.dtype(
    [
        ("left_node", np.intp),
        ("right_node", np.intp),
        ("value", np.float64),
        ("cluster_size", np.intp),
    ]
)


class HDBSCAN(ClusterMixin, Estimator):
    """Find clusters of any shape and density, and the rows that belong to none.

    Parameters
    ----------
    min_cluster_size : int, default=5
        The fewest rows that make a cluster, at least 2.
    min_samples : int, default=None
        How many rows, itself among them, a row must have near to count as dense; more of them make
        more noise. None: as many as `min_cluster_size`.
    cluster_selection_epsilon : float, default=0.0
        Clusters that split at a smaller distance than this stay whole.
    max_cluster_size : int, default=None
        The most rows of a cluster; only for ``cluster_selection_method="eom"``.
    metric : str, default="euclidean"
        "euclidean", "manhattan", "chebyshev", "minkowski", "cosine", or "precomputed": then `X`
        holds the distances of all pairs of rows.
    metric_params : dict, default=None
        ``{"p": power}`` and ``{"w": weights}`` of the Minkowski distance.
    alpha : float, default=1.0
        Distances are divided by it before they are compared with core distances.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        "brute" looks at every pair of rows; "kd_tree" and "ball_tree" search in a k-d tree. The
        answer is the same.
    leaf_size : int, default=40
        The most rows in a leaf of that tree.
    n_jobs : int, default=None
        The number of threads; None and -1 mean all. The answer does not depend on it.
    cluster_selection_method : {"eom", "leaf"}, default="eom"
        Excess of mass, or the finest clusters there are.
    allow_single_cluster : bool, default=False
        Whether all rows may be one cluster.
    store_centers : {"centroid", "medoid", "both"}, default=None
        Which centres of the clusters to keep.
    copy : bool, default=False
        Accepted for compatibility; `X` is never written to.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The cluster of each row, from 0; -1 for noise, -2 for rows with infinite values, -3 for
        rows with missing values.
    probabilities_ : ndarray of shape (n_samples,)
        How strongly a row belongs to its cluster: 1 for the last to leave it, 0 for noise and rows
        with infinite values, NaN for rows with missing values.
    core_distances_ : ndarray of shape (n_samples,)
        How far it is to each row's `min_samples`-th nearest; NaN where a value is not finite.
    linkage_ : ndarray of shape (n_samples - 1, 4)
        The merges in SciPy's form: two nodes, the mutual reachability, the number of rows. Rows
        with values that are not finite join at infinity.
    condensed_tree_ : ndarray of records
        Fields parent, child, lambda_val, child_size: first the clusters, numbered from `n_samples`
        (which holds everything) on, then the rows and where they fell out of their last cluster.
    centroids_ : ndarray of shape (n_clusters, n_features)
        Means of the clusters' rows, weighted by their probabilities; if asked for.
    medoids_ : ndarray of shape (n_clusters, n_features)
        The row of each cluster that is nearest to all its others, weighted so; if asked for.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, if there are fewer finite rows than `min_samples`, or fewer than two; if a row
        has nothing but zeros and so no direction, with ``metric="cosine"``; for a
        precomputed matrix that is not square or symmetric, or has missing or negative values, or
        one whose diagonal is not 0.

    References
    ----------
    .. [1] R. J. G. B. Campello, D. Moulavi and J. Sander, "Density-based clustering based on
       hierarchical density estimates", PAKDD 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.cluster import HDBSCAN
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.2], [5.4], [20.0]])
    >>> HDBSCAN(min_cluster_size=2).fit(X).labels_
    array([ 0,  0,  0,  1,  1,  1, -1])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "min_cluster_size": [Interval(numbers.Integral, 2, None, closed="left")],
        "min_samples": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "cluster_selection_epsilon": [Interval(numbers.Real, 0, None, closed="left")],
        "max_cluster_size": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "metric": [StrOptions({*METRICS, "precomputed"})],
        "metric_params": [dict, None],
        "alpha": [Interval(numbers.Real, 0, None, closed="neither")],
        "algorithm": [StrOptions({"auto", "brute", "kd_tree", "ball_tree"})],
        "leaf_size": [Interval(numbers.Integral, 1, None, closed="left")],
        "n_jobs": [numbers.Integral, None],
        "cluster_selection_method": [StrOptions({"eom", "leaf"})],
        "allow_single_cluster": ["boolean"],
        "store_centers": [StrOptions({"centroid", "medoid", "both"}), None],
        "copy": ["boolean", StrOptions({"warn"})],
    }

    def __init__(
        self,
        min_cluster_size=5,
        min_samples=None,
        cluster_selection_epsilon=0.0,
        max_cluster_size=None,
        metric="euclidean",
        metric_params=None,
        alpha=1.0,
        algorithm="auto",
        leaf_size=40,
        n_jobs=None,
        cluster_selection_method="eom",
        allow_single_cluster=False,
        store_centers=None,
        copy="warn",
    ):
        self.min_cluster_size = min_cluster_size
        self.min_samples = min_samples
        self.cluster_selection_epsilon = cluster_selection_epsilon
        self.max_cluster_size = max_cluster_size
        self.metric = metric
        self.metric_params = metric_params
        self.alpha = alpha
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.n_jobs = n_jobs
        self.cluster_selection_method = cluster_selection_method
        self.allow_single_cluster = allow_single_cluster
        self.store_centers = store_centers
        self.copy = copy

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.metric != "precomputed"
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # type: ignore[override]
        """Cluster the rows of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples, n_samples)
            The rows, or their distances for ``metric="precomputed"``.
        y : None
            Ignored.

        Returns
        -------
        self : HDBSCAN
            With `labels_`.

        Raises
        ------
        ValueError
            If a parameter or the data are not what the estimator can learn from.
        """
        return self._fit(X, None, None)

    def _check_values(self, X: np.ndarray) -> None:
        # Rows that are not finite get labels of their own; a distance may be infinite.
        if self.metric == "precomputed" and np.isnan(X).any():
            raise ValueError(
                "Input X contains NaN. Distances must be known for all pairs of rows with "
                'metric="precomputed"; infinity stands for "no way".'
            )

    def _check_parameters(self, X: np.ndarray, y: Any) -> None:
        if self.metric == "precomputed":
            self._check_distances(X)
        elif self._metric(X.shape[1]).p < 1:
            raise ValueError(
                f"metric_params={self.metric_params!r}: below p=1 the Minkowski distance breaks "
                "the triangle inequality. Expected p >= 1."
            )
        elif self.metric == "cosine" and not X.any(axis=1).all():
            row = int(np.argmin(X.any(axis=1)))
            raise ValueError(
                f"Row {row} of X has nothing but zeros, and so no direction to compare with "
                'metric="cosine". Leave such rows out, or choose another metric.'
            )
        finite = finite_rows(X) if self.metric != "precomputed" else None
        n = len(X) if finite is None else len(finite)
        rest = "" if n == len(X) else f" whose values are all finite, out of {len(X)}"
        if n <= 1:
            raise ValueError(f"n_samples={n}{rest}, while HDBSCAN requires more than one sample.")
        if self._neighbours() > n:
            raise ValueError(
                f"min_samples ({self._neighbours()}) must be at most the number of samples in X "
                f"({n}{rest})."
            )
        if self.min_cluster_size > n:
            warnings.warn(
                f"min_cluster_size={self.min_cluster_size} is more than the {n} rows{rest}, so "
                "every row is noise. Lower min_cluster_size.",
                stacklevel=4,
            )

    def _check_distances(self, X: np.ndarray) -> None:
        if self.store_centers is not None:
            raise ValueError(
                f'store_centers="{self.store_centers}" needs the rows themselves, but '
                'metric="precomputed" gives distances. Set store_centers=None.'
            )
        if self.algorithm in ("kd_tree", "ball_tree"):
            raise ValueError(
                f'algorithm="{self.algorithm}" needs the rows themselves, but '
                'metric="precomputed" gives distances. Use algorithm="auto".'
            )
        refuse_what_is_no_distances(X)

    def _neighbours(self) -> int:
        return int(self.min_cluster_size if self.min_samples is None else self.min_samples)

    def _metric(self, n_features: int) -> Metric:
        return choose_metric(self.metric, 2.0, self.metric_params, n_features)

    def _steps(self, X: np.ndarray, y: Any, sample_weight: np.ndarray | None) -> Steps:
        finite = None if self.metric == "precomputed" else finite_rows(X)
        rows = X if finite is None else X[finite]
        edges, lengths, core = self._tree(rows)
        dendrogram = merges_from_edges(edges, lengths, len(rows))
        tree = condense(dendrogram, self.min_cluster_size)
        epsilon = float(self.cluster_selection_epsilon)
        taken = select_clusters(
            tree,
            self.cluster_selection_method,
            self.allow_single_cluster,
            epsilon,
            self.max_cluster_size,
        )
        labels, probabilities = labels_and_probabilities(tree, taken, epsilon)
        state = {
            "labels_": labels,
            "probabilities_": probabilities,
            "core_distances_": core,
            "linkage_": linkage_table(dendrogram),
            "condensed_tree_": tree.entries(),
        }
        if self.store_centers is not None:
            state.update(self._centers(rows, labels, probabilities))
        yield state if finite is None or len(finite) == len(X) else put_back(state, X, finite)

    def _tree(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self.metric == "precomputed":
            edges, lengths, core = tree_of_distances(X, self._neighbours(), self.alpha)
            if np.isinf(lengths).any():
                warnings.warn(
                    "The minimum spanning tree has edges of infinite length: too many distances "
                    "are infinite for all rows to be joined.",
                    stacklevel=4,
                )
            return edges, lengths, core
        algorithm = {"auto": "auto", "brute": "prim"}.get(self.algorithm, "boruvka")
        return mutual_reachability_tree(
            X,
            self._neighbours(),
            1 if len(X) < SMALL else thread_count(self.n_jobs),
            self.alpha,
            self._metric(X.shape[1]),
            algorithm,
            self.leaf_size,
        )

    def _centers(self, X: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> State:
        centers: State = {}
        if self.store_centers in ("centroid", "both"):
            centers["centroids_"] = centroids(X, labels, weights)
        if self.store_centers in ("medoid", "both"):
            centers["medoids_"] = medoids(X, labels, weights, self.metric, self.metric_params)
        return centers

    def _keep(self, state: State, n_steps: int, interrupted: list) -> Self:
        for name in ("centroids_", "medoids_"):  # those of an earlier fit
            self.__dict__.pop(name, None)
        return super()._keep(state, n_steps, interrupted)

    @property
    def _single_linkage_tree_(self) -> np.ndarray:
        """The merges as scikit-learn keeps them, records of `linkage_`."""
        merges = np.empty(len(self.linkage_), dtype=_MERGE)
        for column, name in enumerate(_MERGE.names or ()):
            merges[name] = self.linkage_[:, column]
        return merges

    def dbscan_clustering(self, cut_distance: float, min_cluster_size: int = 5) -> np.ndarray:
        """Cluster as DBSCAN would at one distance, its border rows left out as noise.

        Parameters
        ----------
        cut_distance : float
            Merges at this mutual reachability or more are undone.
        min_cluster_size : int, default=5
            Smaller clusters are noise.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels as in `labels_`, clusters in the order of their first rows.

        Examples
        --------
        >>> from groundup.cluster import HDBSCAN
        >>> X = [[0.0], [0.1], [0.2], [5.0], [5.2], [5.4], [20.0]]
        >>> HDBSCAN(min_cluster_size=2).fit(X).dbscan_clustering(0.5, min_cluster_size=3)
        array([ 0,  0,  0,  1,  1,  1, -1])
        """
        check_is_fitted(self)
        labels = large_clusters_below(self.linkage_, cut_distance, min_cluster_size)
        return np.where(self.labels_ < NOISE, self.labels_, labels)
