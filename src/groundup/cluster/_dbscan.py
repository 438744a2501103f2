r"""DBSCAN: clusters are where rows lie densely, whatever their shape.

A row with at least `min_samples` rows within the distance `eps`, itself among them, is a *core
row*.
Two core rows within eps of each other belong to the same cluster, and so does everything that a
chain of such pairs connects.  A row that is no core row but has one within eps is a *border row* of
its cluster, and all others are noise, with the label -1.

    N(i)       = { j : d(i, j) <= eps }
    core       = { i : |N(i)| >= min_samples }             (with weights: their sum over N(i))
    clusters   = the connected components of the core rows, with an edge wherever d(i, j) <= eps

The textbook grows one cluster after the other, and asks for the whole N(i) of every row on the way.
Dense places are where that is slow and where it is not needed: a row is a core row once enough
neighbours are seen, and two groups of rows are one cluster once one pair of them is.  So here

1. the rows are put into the leaves of a k-d tree (`neighbors/_kd_tree`);
2. leaf by leaf it is counted which of them are core rows, and no further (`_core_rows`);
3. from the leaves to the root the halves of every node are joined by union-find (`_joining`);
4. clusters are numbered by their first core row, and the rows left over look for the lowest number
   among the core rows around them (`_border_rows`): the labels are the textbook's, to the last row;
5. the edges that joined the rows tell in which order they can be visited (`_visits`).

Cost: about O(n log n) in few dimensions, plus all distances within the reach of rows in thin
places; memory for some 15 numbers a row, however many neighbours there are.  It fails where
clusters differ in density, since one eps cannot suit them all (see `HDBSCAN`), and in many
dimensions, where all distances are alike and the tree passes over nothing.

Other metrics than those of the k-d tree, and ``metric="precomputed"``, go through the same steps
with distances by blocks of rows (`_dbscan_by_blocks`).

References
----------
.. [1] M. Ester, H.-P. Kriegel, J. Sander and X. Xu, "A density-based algorithm for discovering
   clusters in large spatial databases with noise", KDD, 1996.
.. [2] A. Gunawan, "A faster algorithm for DBSCAN", master's thesis, TU Eindhoven, 2013.
.. [3] E. Schubert, J. Sander, M. Ester, H.-P. Kriegel and X. Xu, "DBSCAN revisited, revisited: why
   and how you should (still) use DBSCAN", ACM Transactions on Database Systems 42(3), 2017.
"""

from __future__ import annotations

from collections import deque
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.metrics.pairwise import _VALID_METRICS
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

from groundup._blocks import over_threads, thread_count
from groundup._estimator import Estimator, Steps, read_only
from groundup.cluster._border_rows import reach_border_rows
from groundup.cluster._core_rows import find_core_rows
from groundup.cluster._dbscan_by_blocks import dbscan_by_blocks, require_distances
from groundup.cluster._joining import join_below
from groundup.cluster._visits import number_clusters, visit
from groundup.neighbors._kd_tree import CHUNK, LANES, grow
from groundup.neighbors._metrics import METRICS, Metric, choose_metric

WORTH_A_THREAD = 20_000  # numbers in the table
SUBTREES = 5  # the level of the k-d tree whose nodes are shared out to threads


NEEDED = {  # parameters of metrics that have no default
    "seuclidean": ("V", "the variance of each column, such as X.var(axis=0, ddof=1)"),
    "mahalanobis": ("VI", "the inverse of the covariance, such as np.linalg.inv(np.cov(X.T))"),
}
LARGEST = np.finfo(np.float64).max


def searchable(X: np.ndarray, metric: Metric, eps: float) -> tuple[np.ndarray, float]:
    """Map the rows, and eps, to where the k-d tree is searched.

    Returns
    -------
    Z : ndarray of shape (n, d) or (n, d + 1)
    limit : float
        Finite. Rows are neighbours where the kernels' total of their difference is at most this.
    """
    Z = metric.map_rows(X, asked=False)
    if metric.name == "cosine":
        zero = np.flatnonzero(
            Z[:, -2]
        )  # rows of zeros, which are marked in the last column but one
        Z = Z[:, :-1] if len(zero) else Z[:, :-2]
        # They are at a distance of 1 from all other rows, also from each other.  With eps of 1 or
        # more they are neighbours of all, as the origin is of all rows of length 1; with less, of
        # none but themselves, as rows far from everything are.
        if eps < 1.0:
            Z[zero, -1] = 10.0 * np.arange(1, len(zero) + 1)
        else:
            Z[zero, -1] = 0.0
    elif not 1e-200 < metric.to_searched(eps) < 1e200:
        # Squares would be infinite or 0: a power of two as the unit changes nothing else.
        largest = float(np.abs(Z).max())
        shift = min(-np.frexp(eps)[1], 400 - np.frexp(largest)[1])
        Z, eps = np.ldexp(Z, shift), float(np.ldexp(eps, shift))
    # Above any limit there are infinite totals, such as those to the padding of a leaf.
    return Z, min(float(metric.to_searched(eps)), LARGEST)


def dbscan(
    X: np.ndarray,
    metric: Metric,
    eps: float,
    min_samples: float,
    weights: np.ndarray | None,
    leaf_size: int,
    n_threads: int,
) -> Steps:
    """Cluster the rows; yields once.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64, read-only
    metric : Metric
    eps, min_samples : float
    weights : ndarray of shape (n,) or None
    leaf_size : int
        The most rows in a leaf of the k-d tree.
    n_threads : int

    Yields
    ------
    dict
        The fitted attributes of `DBSCAN`, but for ``components_``.
    """
    n = len(X)
    Z, limit = searchable(X, metric, eps)
    Z = read_only(np.ascontiguousarray(Z))
    (tree,) = deque(grow(Z, min(leaf_size, CHUNK), n_threads), maxlen=1)
    search = (tree, Z, metric.kind, metric.p, limit)
    # From here on rows are named by their place in the tree.
    of_points = np.ones(n + LANES)
    if weights is not None:
        of_points[:n] = weights[tree.rows]
    enough = float(min_samples)
    may_stop = weights is None or bool((weights >= 0.0).all())
    is_core = np.empty(n, dtype=np.bool_)
    parent, edges = np.arange(n), np.full((n, 2), -1)
    one_of = np.full(2 ** (tree.depth + 1) - 1, -1)
    whole = np.zeros(len(one_of), dtype=np.bool_)

    # Subtrees that threads share: 2^level of them, whatever the number of threads.
    level = min(tree.depth, SUBTREES)
    tops = range(2**level - 1, 2 ** (level + 1) - 1)
    per_subtree = 2 ** (tree.depth - level)

    def leaves_below(top: int) -> tuple[int, int]:
        return (top + 1) * per_subtree - 1, (top + 2) * per_subtree - 1

    def cluster_subtree(top: int) -> None:
        find_core_rows(*search, of_points, enough, may_stop, *leaves_below(top), is_core)
        join_below(*search, is_core, top, level, tree.depth + 1, parent, edges, one_of, whole)

    over_threads(cluster_subtree, tops, n_threads)
    join_below(*search, is_core, 0, 0, level, parent, edges, one_of, whole)

    places, labels = np.empty(n, dtype=np.int64), np.full(n, -1)
    places[tree.rows] = np.arange(n)
    number_clusters(places, is_core, parent, labels)

    def reach(top: int) -> None:
        reach_border_rows(*search, is_core, one_of, whole, *leaves_below(top), labels, edges)

    over_threads(reach, tops, n_threads)
    order, reached_from = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    visit(places, tree.rows, is_core, labels, edges, order, reached_from)
    yield {
        "labels_": labels[places],
        "core_sample_indices_": np.flatnonzero(is_core[places]),
        "visit_order_": order,
        "reached_from_": reached_from,
    }


class DBSCAN(ClusterMixin, Estimator):
    """Density-based clustering: chains of rows that have enough neighbours, and noise.

    Parameters
    ----------
    eps : float, default=0.5
        The distance within which rows are neighbours; above 0. What matters most: too small and all
        is noise, too large and all is one cluster.
    min_samples : int, default=5
        How many rows (or how much weight) within eps make a core row, itself included.
    metric : str or callable, default="euclidean"
        "euclidean", "manhattan", "chebyshev", "minkowski" or "cosine" go through a k-d tree;
        "precomputed" takes `X` as a table of distances; any other metric that
        ``sklearn.metrics.pairwise_distances`` knows costs all n^2 distances, three times, in
        blocks of rows.
    metric_params : dict or None, default=None
        Further arguments of the metric.
    algorithm : {"auto", "ball_tree", "kd_tree", "brute"}, default="auto"
        Accepted for compatibility: the answer does not depend on it, and the metric decides.
    leaf_size : int, default=30
        The most rows in a leaf of the k-d tree; it changes the time alone.
    p : float or None, default=None
        The power of the Minkowski distance; None is 2.
    n_jobs : int or None, default=None
        Threads; None uses all. The result is the same for any number.

    Attributes
    ----------
    core_sample_indices_ : ndarray of shape (n_core_samples,)
        The core rows, ascending.
    components_ : ndarray of shape (n_core_samples, n_features)
        A copy of these rows.
    labels_ : ndarray of shape (n_samples,)
        The cluster of each row, numbered by their first core rows; -1 for noise. A border row
        within reach of several clusters belongs to the one of the lowest number.
    visit_order_ : ndarray of shape (n_samples,)
        The rows as they are reached, cluster by cluster, then the noise (see
        `groundup.cluster._visits.stages`).
    reached_from_ : ndarray of shape (n_samples,)
        The core row within eps, visited before, from which a row is reached; -1 for the first row
        of a cluster and for noise.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, if `eps` is not above 0, the metric is not known or lacks a parameter, or given
        distances are not a square symmetrical table of numbers of 0 or more.

    References
    ----------
    .. [1] M. Ester, H.-P. Kriegel, J. Sander and X. Xu, "A density-based algorithm for discovering
       clusters in large spatial databases with noise", KDD, 1996.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.cluster import DBSCAN
    >>> X = np.array([[1.0, 2.0], [2.0, 2.0], [2.0, 3.0], [8.0, 7.0], [8.0, 8.0], [25.0, 80.0]])
    >>> DBSCAN(eps=3, min_samples=2).fit(X).labels_
    array([ 0,  0,  0,  1,  1, -1])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "eps": [Interval(Real, 0.0, None, closed="neither")],
        "min_samples": [Interval(Integral, 1, None, closed="left")],
        "metric": [StrOptions(set(_VALID_METRICS) | {"precomputed"} | set(METRICS)), callable],
        "metric_params": [dict, None],
        "algorithm": [StrOptions({"auto", "ball_tree", "kd_tree", "brute"})],
        "leaf_size": [Interval(Integral, 1, None, closed="left")],
        "p": [Interval(Real, 0.0, None, closed="left"), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        eps=0.5,
        *,
        min_samples=5,
        metric="euclidean",
        metric_params=None,
        algorithm="auto",
        leaf_size=30,
        p=None,
        n_jobs=None,
    ):
        self.eps = eps
        self.min_samples = min_samples
        self.metric = metric
        self.metric_params = metric_params
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.n_jobs = n_jobs

    def _validated(self, X, y, sample_weight):
        X, y, _ = super()._validated(X, y, None)
        if sample_weight is not None:
            # A negative weight is allowed: it keeps the rows around it from being core rows.
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        return X, y, read_only(sample_weight)

    def _check_parameters(self, X, y):
        if self.metric == "precomputed" and X.shape[0] != X.shape[1]:
            raise ValueError(
                f"metric='precomputed' takes a square table of distances; X has shape {X.shape}. "
                "Give the distance of every row to every row, or another metric for a table of "
                "features."
            )
        if self.metric == "precomputed":
            require_distances(X)
        elif isinstance(self.metric, str) and self.metric in NEEDED:
            name, meaning = NEEDED[self.metric]
            if name not in (self.metric_params or {}):
                raise ValueError(
                    f"metric={self.metric!r} needs metric_params={{{name!r}: ...}}, {meaning}."
                )

    def _steps(self, X, y, sample_weight):
        if isinstance(self.metric, str) and self.metric in METRICS:
            power = 2.0 if self.p is None else self.p
            metric = choose_metric(self.metric, power, self.metric_params, X.shape[1])
            n_threads = 1 if X.size < WORTH_A_THREAD else thread_count(self.n_jobs)
            steps = dbscan(
                X, metric, self.eps, self.min_samples, sample_weight, self.leaf_size, n_threads
            )
        else:
            steps = dbscan_by_blocks(
                X, self.metric, self.metric_params, self.eps, self.min_samples, sample_weight
            )
        for state in steps:
            yield {**state, "components_": X[state["core_sample_indices_"]]}

    def fit_predict(self, X, y=None, sample_weight=None):
        """Cluster the rows and return their labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts towards `min_samples`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.fit(X, sample_weight=sample_weight).labels_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags
