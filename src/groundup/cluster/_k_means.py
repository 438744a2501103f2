r"""k-means: k centers, each the mean of the rows that are nearer to it than to the others.

minimise over c_1 .. c_k:   sum_i w_i min_j |x_i - c_j|^2
"""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from groundup._blocks import thread_count
from groundup.cluster._k_means_lloyd import lloyd
from groundup.cluster._k_means_model import CentersEstimator, warn_of_empty_clusters
from groundup.cluster._k_means_rows import Rows


class KMeans(CentersEstimator):
    """k-means clustering.

    Parameters
    ----------
    n_clusters : int, default=8
        How many clusters to find, and centers to place.
    init : {"k-means++", "random"}, callable or array-like of shape (n_clusters, n_features), \
            default="k-means++"
        The centers to start with. "k-means++" draws rows that lie apart; "random" draws rows.
    n_init : "auto" or int, default="auto"
        How many starts to try; the result with the lowest inertia is kept, also by a fit that is
        stopped: after each step it holds the better of the best run before and the one under way.
        "auto" is 10 for "random" and for a callable, else 1.
    max_iter : int, default=300
        The most iterations of one run.
    tol : float, default=1e-4
        Stop where the squared moves of all centers add up to at most `tol` times the mean variance
        of the features.
    verbose : int, default=0
        Whether to print every iteration's inertia.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts.
    copy_x : bool, default=True
        Accepted for compatibility; `X` is never written to.
    algorithm : {"lloyd", "elkan", "auto"}, default="lloyd"
        How the nearest centers are found; labels, centers and steps are the same. "lloyd" looks at
        every center, "elkan" proves by bounds which centers need no look, at the price of some 20
        to 80 bytes a row, "auto" begins with the first and changes to the second once it pays.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        The centers.
    labels_ : ndarray of shape (n_samples,), int32
        Index of each row's nearest center.
    inertia_ : float
        The objective: the weighted sum of squared distances to the nearest centers.
    n_iter_ : int
        Iterations of the run that was kept.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    References
    ----------
    .. [1] S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information
       Theory 28(2), 1982.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.cluster import KMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> model.labels_
    array([1, 1, 1, 0, 0, 0], dtype=int32)
    >>> model.cluster_centers_
    array([[10.,  2.],
           [ 1.,  2.]])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CentersEstimator._parameter_constraints,
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"lloyd", "elkan", "auto"})],
    }

    def __init__(
        self,
        n_clusters=8,
        *,
        init="k-means++",
        n_init="auto",
        max_iter=300,
        tol=1e-4,
        verbose=0,
        random_state=None,
        copy_x=True,
        algorithm="lloyd",
    ):
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm

    def _max_steps(self):
        return self._n_runs() * self.max_iter

    def _steps(self, X, y, sample_weight):
        self._warn_of_given_start()
        random_state = check_random_state(self.random_state)
        rows = Rows(X, sample_weight, thread_count(), n_clusters=self.n_clusters)
        tol = self.tol * rows.variance
        best: dict[str, Any] | None = None
        for run in range(1, self._n_runs() + 1):
            start = self._start(X, sample_weight, random_state, rows.n_threads)
            state: dict[str, Any] = {}
            for state in lloyd(rows, start, self.max_iter, tol, self.algorithm):
                if self.verbose:
                    print(f"Run {run}, iteration {state['n_iter_']}: {state['inertia_']}")
                # What a fit that is stopped here ends with: not less than what it has found.
                yield state if best is None else min(best, state, key=_inertia)
            best = state if best is None else min(best, state, key=_inertia)
        warn_of_empty_clusters(self, X, sample_weight, best["labels_"])


def _inertia(state: dict[str, Any]) -> float:
    return state["inertia_"]
