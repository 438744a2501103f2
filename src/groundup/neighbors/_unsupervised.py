"""Nearest neighbours without a target: the index itself."""

from __future__ import annotations

from typing import Any, Self

from groundup.neighbors._base import KNeighborsMixin, NeighborsBase, RadiusNeighborsMixin


class NearestNeighbors(KNeighborsMixin, RadiusNeighborsMixin, NeighborsBase):
    """Find the nearest of the fitted rows.

    Answers are exact for every algorithm. Of rows at the same distance the one with the lower index
    is the nearer.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many neighbours `kneighbors` finds.
    radius : float, default=1.0
        How far `radius_neighbors` looks, in the metric's unit.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        "brute" looks at every pair, mostly in one matrix product; "kd_tree" passes over what is too
        far; "auto" takes the one that is faster by a measured rule: the tree up to 4 features, or
        6 for 5,000 rows and more. "ball_tree" is accepted for
        scikit-learn's sake and builds a k-d tree, which gives the same answers.
    leaf_size : int, default=30
        Leaves of the tree hold this many rows or fewer, down to half.
    metric : {"minkowski", "euclidean", "manhattan", "chebyshev", "cosine", "l1", "l2", \
            "cityblock"}, default="minkowski"
        The distance between rows.
    p : float, default=2
        Power of the Minkowski distance: 1 is manhattan, 2 euclidean, infinity chebyshev.
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
    .. [1] J. L. Bentley, "Multidimensional binary search trees used for associative searching",
       Communications of the ACM 18(9), 1975.

    Examples
    --------
    >>> from groundup.neighbors import NearestNeighbors
    >>> nearest = NearestNeighbors(n_neighbors=1).fit([[0.0, 0.0], [3.0, 4.0]])
    >>> nearest.kneighbors([[3.0, 3.0]])
    (array([[1.]]), array([[1]]))
    """

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        radius: float = 1.0,
        algorithm: str = "auto",
        leaf_size: int = 30,
        metric: str = "minkowski",
        p: float = 2,
        metric_params: dict | None = None,
        n_jobs: int | None = None,
    ):
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:  # type: ignore[override]
        """Index the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.
        y : ignored

        Returns
        -------
        self : NearestNeighbors
        """
        return self._fit(X, None, None)
