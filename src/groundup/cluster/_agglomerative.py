r"""Agglomerative clustering: merge the two nearest clusters until there is one.

Every row starts as a cluster of its own.  What "nearest" means for two clusters A and B is the
linkage, and it decides what kind of clusters come out:

    ward      sqrt(2 |A| |B| / (|A| + |B|)) ||c_A - c_B||    round ones of like size
    average   mean of d(a, b) over a in A, b in B            in between
    complete  max of d(a, b)                                 compact ones, sensitive to outliers
    single    min of d(a, b)                                 of any shape; noise joins them

Ward's is what k-means minimises, one merge at a time: the merger of A and B raises the sum of
squares around the centroids c by half of its square.

The n - 1 merges form a tree, the dendrogram, and one fit answers for every number of clusters: cut
the tree where there are k, or at a height.  The merges are a log of the whole run, so nothing is
recorded beside them; `AgglomerativeClustering.stages` plays them again.

All four linkages are *reducible* (see `_chain`), and that is what makes them cheap:

- ward: rounds of mutual nearest neighbours from centroids (`_ward`), memory linear in n;
- single: the minimum spanning tree (`_spanning_tree`), memory linear in n;
- average and complete, and any linkage of a given matrix: the nearest-neighbour chain on the n x n
  matrix (`_chain`), O(n^2) time and memory.

It fails where a greedy merge, which is never undone, was wrong, and single linkage fails where
noise lies between clusters.

References
----------
.. [1] F. Murtagh and P. Contreras, "Algorithms for hierarchical clustering: an overview", WIREs
   Data Mining and Knowledge Discovery 2(1), 2012.
.. [2] D. Müllner, "Modern hierarchical, agglomerative clustering algorithms", arXiv:1109.2378,
   2011.
"""

from __future__ import annotations

import copy
import numbers
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, check_memory, validate_data

from groundup._blocks import thread_count
from groundup._estimator import Estimator, Steps
from groundup.cluster._chain import matrix_merges
from groundup.cluster._dendrogram import (
    Dendrogram,
    clusters_below,
    cut,
    cuts,
    linkage_table,
    merges_from_edges,
)
from groundup.cluster._distance_matrix import DEGREES, METRICS, distance_matrix, given_matrix
from groundup.cluster._in_range import in_range
from groundup.cluster._spanning_tree import spanning_tree
from groundup.cluster._ward import ward_merges
from groundup.neighbors._metrics import METRICS as TREE_METRICS
from groundup.neighbors._metrics import choose_metric


def agglomerate(X: np.ndarray, linkage: str, metric: Any) -> Dendrogram:
    """Merge all rows, two clusters at a time.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64, read-only
        Or all distances, (n_samples, n_samples), for ``metric="precomputed"``.
    linkage : {"ward", "complete", "average", "single"}
    metric : str or callable

    Returns
    -------
    Dendrogram

    Examples
    --------
    >>> agglomerate(np.array([[0.0], [4.0], [1.0]]), "single", "euclidean").distances
    array([1., 3.])
    """
    n, n_threads = len(X), thread_count()
    if linkage == "ward":
        # In differences to the middle, small distances far from 0 lose no digits.  A median is in
        # the middle of most rows, whichever of them comes first, and no outlier pulls it away.
        middle = np.partition(X, n // 2, axis=0)[n // 2]  # (d,)
        centered, scale = in_range(X - middle)
        tree = ward_merges(centered, n_threads)
        return tree._replace(distances=tree.distances / scale)
    if linkage == "single" and metric in TREE_METRICS:
        edges, lengths = spanning_tree(
            X, n_threads=n_threads, metric=choose_metric(metric, 2.0, None, X.shape[1])
        )
        return merges_from_edges(edges, lengths, n)
    if metric == "precomputed" or callable(metric):
        D = given_matrix(X) if metric == "precomputed" else distance_matrix(X, metric, n_threads)
        return matrix_merges(D, linkage)
    scaled, scale = in_range(X)
    tree = matrix_merges(distance_matrix(scaled, metric, n_threads), linkage)
    # Distances grow as the values do, or as their squares, or not at all.
    for _ in range(DEGREES.get(metric, 1)):
        tree = tree._replace(distances=tree.distances / scale)
    return tree


class AgglomerativeClustering(ClusterMixin, Estimator):
    """Merge the two nearest clusters again and again, from single rows up.

    Parameters
    ----------
    n_clusters : int or None, default=2
        How many clusters to stop at. None where `distance_threshold` says when to stop.
    metric : str or callable, default="euclidean"
        How far two rows are apart: "euclidean" ("l2"), "manhattan" ("l1", "cityblock"), "cosine",
        "chebyshev", "sqeuclidean", "minkowski", "correlation", "braycurtis", "canberra", "hamming";
        "precomputed": `X` holds all distances; a callable makes all distances of `X`. Ward's
        linkage needs "euclidean".
    memory : str or object with the joblib.Memory interface, default=None
        A folder in which the merges are kept, for another fit to the same rows with another
        number of clusters.
    connectivity : None
        Which rows are neighbours. Not supported: anything but None is refused.
    compute_full_tree : "auto" or bool, default="auto"
        Accepted for compatibility: the whole tree is always made. False together with
        `distance_threshold` is an error, as in scikit-learn.
    linkage : {"ward", "complete", "average", "single"}, default="ward"
        How far two clusters are apart; see the top of this file.
    distance_threshold : float or None, default=None
        Clusters that are this far apart or farther are not merged. `n_clusters` must be None.
    compute_distances : bool, default=False
        Accepted for compatibility: ``distances_`` cost nothing here and are always there.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        The cluster of each row. The numbers are scikit-learn's, but for single linkage, where only
        the clusters are: which of two parts comes first, follows its algorithm there.
    n_clusters_ : int
        The number of clusters.
    children_ : ndarray of shape (n_samples - 1, 2), int64
        The merges, by height: merge k joins two nodes, the lower one first, into node
        ``n_samples + k``; the nodes below ``n_samples`` are the rows.
    distances_ : ndarray of shape (n_samples - 1,)
        The height of each merge: how far its two clusters were apart.
    linkage_ : ndarray of shape (n_samples - 1, 4)
        Both, and the number of rows, as ``scipy.cluster.hierarchy`` has them: its ``dendrogram``
        draws this.
    n_leaves_ : int
        The number of rows.
    n_connected_components_ : int
        1: every row may be merged with every other.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, if there are fewer rows than clusters, if parameters exclude each other, or if
        given distances are not a square symmetrical matrix of numbers of 0 or more.

    References
    ----------
    .. [1] J. H. Ward, "Hierarchical grouping to optimize an objective function", Journal of the
       American Statistical Association 58(301), 1963.
    .. [2] D. Müllner, "Modern hierarchical, agglomerative clustering algorithms", arXiv:1109.2378,
       2011.

    Examples
    --------
    >>> from groundup.cluster import AgglomerativeClustering
    >>> X = [[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [4.0, 2.0], [4.0, 4.0], [4.0, 0.0]]
    >>> model = AgglomerativeClustering().fit(X)
    >>> model.labels_
    array([1, 1, 1, 0, 0, 0])
    >>> print(model.distances_.round(3))
    [2.    2.    3.464 3.464 5.196]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_clusters": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "metric": [str, callable],
        "memory": [str, HasMethods("cache"), None],
        "connectivity": "no_validation",
        "compute_full_tree": [StrOptions({"auto"}), "boolean"],
        "linkage": [StrOptions({"ward", "complete", "average", "single"})],
        "distance_threshold": [Interval(numbers.Real, 0, None, closed="left"), None],
        "compute_distances": ["boolean"],
    }

    def __init__(
        self,
        n_clusters=2,
        *,
        metric="euclidean",
        memory=None,
        connectivity=None,
        compute_full_tree="auto",
        linkage="ward",
        distance_threshold=None,
        compute_distances=False,
    ):
        self.n_clusters = n_clusters
        self.metric = metric
        self.memory = memory
        self.connectivity = connectivity
        self.compute_full_tree = compute_full_tree
        self.linkage = linkage
        self.distance_threshold = distance_threshold
        self.compute_distances = compute_distances

    def fit(self, X: Any, y: Any = None) -> Self:  # type: ignore[override]
        """Merge the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; for ``metric="precomputed"`` all distances, (n_samples, n_samples).
        y : ignored

        Returns
        -------
        self : AgglomerativeClustering

        Raises
        ------
        ValueError
            If a parameter or the data are not what the estimator can learn from.
        """
        return self._fit(X, None, None)

    def fit_predict(self, X: Any, y: Any = None) -> np.ndarray:  # type: ignore[override]
        """Merge the rows and return ``labels_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            As for `fit`.
        y : ignored

        Returns
        -------
        ndarray of shape (n_samples,), int64
        """
        return self.fit(X).labels_

    def stages(self) -> Iterator[Self]:
        """Play the merges again, one at a time.

        The fitted tree holds them all, so this costs nothing until it is asked for.

        Yields
        ------
        estimator
            This one as it would be with n, n - 1, ..., 1 clusters: ``n_clusters_`` and ``labels_``.

        Examples
        --------
        >>> from groundup.cluster import AgglomerativeClustering
        >>> model = AgglomerativeClustering().fit([[0.0], [1.0], [5.0]])
        >>> for stage in model.stages():
        ...     print(stage.n_clusters_, stage.labels_)
        3 [2 1 0]
        2 [0 0 1]
        1 [0 0 0]
        """
        check_is_fitted(self)
        for labels in cuts(self.children_):
            stage = copy.copy(self)
            stage.n_clusters_ = int(labels.max()) + 1
            stage.labels_ = labels
            yield stage

    def _validated(self, X: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, Any, Any]:
        self._refuse_what_excludes()
        X, y, sample_weight = super()._validated(X, y, sample_weight)
        if len(X) < 2:
            validate_data(self, X, ensure_min_samples=2)
        return X, y, sample_weight

    def _refuse_what_excludes(self) -> None:
        if self.connectivity is not None:
            raise ValueError(
                "connectivity is not supported: every row may be merged with every other. Leave it "
                "at None, or use sklearn.cluster.AgglomerativeClustering."
            )
        if (self.n_clusters is None) == (self.distance_threshold is None):
            raise ValueError(
                "Exactly one of n_clusters and distance_threshold has to be set, and the other "
                f"needs to be None; they are {self.n_clusters} and {self.distance_threshold}."
            )
        if self.distance_threshold is not None and not self.compute_full_tree:
            raise ValueError("compute_full_tree must be True if distance_threshold is set.")
        if self.linkage == "ward" and self.metric not in ("euclidean", "l2"):
            raise ValueError(
                f"{self.metric} was provided as metric. Ward can only work with euclidean "
                "distances (i.e. 'euclidean' and 'l2'); choose another linkage for other metrics."
            )
        if not callable(self.metric) and self.metric not in METRICS:
            raise ValueError(
                f"metric={self.metric!r} is not supported. Supported are: "
                f"{', '.join(sorted(METRICS))}, or a callable that makes the matrix of distances."
            )

    def _check_parameters(self, X: np.ndarray, y: Any) -> None:
        if self.n_clusters is not None and self.n_clusters > len(X):
            raise ValueError(
                f"Cannot extract more clusters than samples: {self.n_clusters} clusters were given "
                f"for a tree with {len(X)} leaves."
            )
        if self.metric == "cosine" and not X.any(axis=1).all():
            raise ValueError("Cosine affinity cannot be used when X contains zero vectors")
        if self.metric != "precomputed" and not callable(self.metric):
            # Ward's linkage multiplies squares with up to n.
            with np.errstate(over="ignore"):
                squares = np.square(X.max(axis=0) - X.min(axis=0)).sum() * len(X)
            if not np.isfinite(squares):
                raise ValueError(
                    "The squared distances between rows of X are too large for a float64: some "
                    "column has values like "
                    f"{np.abs(X).max():.3g}. Scale the columns first."
                )

    def _steps(self, X: np.ndarray, y: Any, sample_weight: np.ndarray | None) -> Steps:
        make = agglomerate
        if self.memory is not None:
            make = check_memory(self.memory).cache(agglomerate)
        tree = make(X, self.linkage, self.metric)
        n = len(X)
        n_clusters = self.n_clusters
        if n_clusters is None:
            n_clusters = clusters_below(tree.distances, self.distance_threshold)
        yield {
            "children_": tree.children,
            "distances_": tree.distances,
            "linkage_": linkage_table(tree),
            "n_leaves_": n,
            "n_connected_components_": 1,
            "n_clusters_": n_clusters,
            "labels_": cut(tree.children, n, n_clusters),
        }
