r"""Mini-batch k-means: move the centers after every few rows, not after all of them.

    minimise over c_1 .. c_k:   sum_i w_i min_j |x_i - c_j|^2

A thousand random rows say nearly as well as all of them where a center should go.  Each step draws
a batch, labels its rows, and moves every center to the mean of all rows it has ever been given:

    W_j <- W_j + w,      c_j <- c_j + (w / W_j) (mean of the batch's rows - c_j)

so a center's step shrinks as it has seen more.  The objective of single batches goes up and down;
its running average tells when it no longer falls.  A center that gets hardly any rows is put onto a
random row of the batch, now and then.

Cost: O(batch k d) a step, whatever n is; the passes over all rows are those that check the input
and, at the end, label it.  The result is a little worse than that of k-means, which is the better
choice while all rows fit in memory and a full pass is cheap.

References
----------
.. [1] D. Sculley, "Web-scale k-means clustering", Proceedings of the 19th International Conference
   on World Wide Web, 2010.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight

from groundup._blocks import thread_count
from groundup._estimator import Steps, read_only, unchanged_if_refused
from groundup.cluster._k_means_model import CentersEstimator, warn_of_empty_clusters
from groundup.cluster._k_means_panel import Batch, Centers
from groundup.cluster._k_means_rows import Rows


def move_by_batch(batch: Batch, centers: np.ndarray, counts: np.ndarray) -> float:
    """Label a batch and move each center to the mean of all rows it was ever given.

    Parameters
    ----------
    batch : Batch
    centers : ndarray of shape (k, d)
        Changed.
    counts : ndarray of shape (k,)
        The weight that each center was given so far; changed.

    Returns
    -------
    float
        The batch's inertia before the move.
    """
    # Relative to the centers' mean: one far row must not take the digits of the others.
    mean = read_only(centers.mean(axis=0))
    sums, inertia = batch.assigned(Centers(centers - mean), mean)
    d = centers.shape[1]
    got = np.flatnonzero(sums[:, d] > 0.0)
    before = counts[got]
    counts[got] += sums[got, d]
    # c_j = (W_j c_j + sum_i w_i x_i) / (W_j + w)
    relative = centers[got] - mean
    relative = (relative * before[:, None] + sums[got, :d]) / counts[got, None]
    centers[got] = relative + mean
    return inertia


def reassign_rare(
    X: np.ndarray,
    centers: np.ndarray,
    counts: np.ndarray,
    ratio: float,
    random_state: np.random.RandomState,
) -> int:
    """Put centers that got hardly any rows onto random rows of the batch.

    Parameters
    ----------
    X : ndarray of shape (b, d)
        The batch.
    centers, counts : ndarray of shape (k, d) and (k,)
        Changed.
    ratio : float
        A center is rare if its count is below this part of the largest one; above 1 as 1.
    random_state : RandomState

    Returns
    -------
    int
        How many were.
    """
    rare = counts < min(ratio, 1.0) * counts.max()
    most = int(0.5 * len(X))  # half of the batch, at most
    if rare.sum() > 0.5 * len(X):
        rare[np.argsort(counts)[most:]] = False
    n_rare = int(rare.sum())
    if n_rare:
        centers[rare] = X[random_state.choice(len(X), replace=False, size=n_rare)]
    # As many as the rarest of the others, so that it is not put elsewhere at once.
    counts[rare] = counts[~rare].min()
    return n_rare


class Smoothed:
    """The running average of the batches' inertia, and whether it still falls.

    Parameters
    ----------
    share : float
        How much of the rows one batch is; a batch counts for about twice that.
    patience : int or None
        How many batches in a row may bring no new lowest average; None for any number.
    """

    def __init__(self, share: float, patience: int | None):
        self.share, self.patience = min(2.0 * share, 1.0), patience
        self.average: float | None = None
        self.lowest = np.inf
        self.n_in_vain = 0

    def note(self, inertia: float) -> bool:
        """Take the next batch's mean inertia in; tell whether to stop."""
        if self.average is None:
            self.average = inertia
        else:
            self.average += self.share * (inertia - self.average)
        if self.average < self.lowest:
            self.lowest, self.n_in_vain = self.average, 0
        else:
            self.n_in_vain += 1
        return self.patience is not None and self.n_in_vain >= self.patience


def drawing(
    n: int, weights: np.ndarray | None, random_state: np.random.RandomState
) -> Callable[[int], np.ndarray]:
    """Return a function that draws so many rows, by weight and with replacement."""
    if weights is None:
        return lambda size: np.minimum(
            (random_state.random_sample(size) * n).astype(np.int64), n - 1
        )
    cumulative = np.cumsum(weights / weights.sum())
    cumulative /= cumulative[-1]
    return lambda size: np.searchsorted(cumulative, random_state.random_sample(size), side="right")


class MiniBatchKMeans(CentersEstimator):
    """k-means clustering by small random batches of rows.

    Parameters
    ----------
    n_clusters : int, default=8
        How many clusters to find, and centers to place.
    init : {"k-means++", "random"}, callable or array-like of shape (n_clusters, n_features), \
            default="k-means++"
        The centers to start with. "k-means++" draws rows that lie apart; "random" draws rows.
    max_iter : int, default=100
        The most passes over the rows: batches are drawn until they hold so many times all rows.
    batch_size : int, default=1024
        Rows a step.
    verbose : int, default=0
        Whether to print every step's inertia.
    compute_labels : bool, default=True
        Whether to label all rows once the centers stand.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts, the batches and the reassignments.
    tol : float, default=0.0
        Stop where the squared moves of all centers add up to at most `tol` times the mean variance
        of the features; 0 does not look at it.
    max_no_improvement : int or None, default=10
        Stop after so many batches in a row without a new lowest smoothed inertia.
    init_size : int or None, default=None
        How many random rows the start is chosen from; 3 batches, or 3 rows a cluster if that is
        too few for `n_clusters`.
    n_init : "auto" or int, default="auto"
        How many starts to try; the one with the lowest inertia on a sample is kept. "auto" is 3 for
        "random" and for a callable, else 1.
    reassignment_ratio : float, default=0.01
        Centers with fewer rows than this part of the largest one's are put elsewhere, in one step
        at most as many as half of a batch.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        The centers.
    labels_ : ndarray of shape (n_samples,), int32
        Index of each row's nearest center; with ``compute_labels=True``, once the last step is
        done. After `partial_fit`, of its rows.
    inertia_ : float
        The weighted sum of squared distances to the nearest centers; without labels, and between
        steps, estimated from the batches.
    n_iter_ : int
        Passes over the rows that the batches amount to, rounded up.
    n_steps_ : int
        Batches.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit` and the first `partial_fit`, for fewer rows than clusters.

    References
    ----------
    .. [1] D. Sculley, "Web-scale k-means clustering", Proceedings of the 19th International
       Conference on World Wide Web, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.cluster import MiniBatchKMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = MiniBatchKMeans(n_clusters=2, random_state=0, batch_size=6).fit(X)
    >>> model.predict([[0, 0], [12, 3]]).tolist() in ([0, 1], [1, 0])
    True
    """

    _default_n_init: ClassVar[int] = 3
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CentersEstimator._parameter_constraints,
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "compute_labels": ["boolean"],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "init_size": [Interval(Integral, 1, None, closed="left"), None],
        "reassignment_ratio": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters=8,
        *,
        init="k-means++",
        max_iter=100,
        batch_size=1024,
        verbose=0,
        compute_labels=True,
        random_state=None,
        tol=0.0,
        max_no_improvement=10,
        init_size=None,
        n_init="auto",
        reassignment_ratio=0.01,
    ):
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio

    def _max_steps(self):
        return None  # a matter of the number of rows

    def _sample_size(self, n: int) -> int:
        """Return how many rows a start is chosen from."""
        size = self.init_size
        if size is None:
            size = 3 * min(self.batch_size, n)
            if size < self.n_clusters:
                size = 3 * self.n_clusters
        elif size < self.n_clusters:
            warnings.warn(
                f"init_size={size} should be larger than n_clusters={self.n_clusters}. "
                "Setting it to min(3*n_clusters, n_samples)",
                RuntimeWarning,
                stacklevel=2,
            )
            size = 3 * self.n_clusters
        return min(size, n)

    def _drawn(self, X, weights, random_state, size: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Draw so many of the rows that weigh something, with replacement; and their weights."""
        if weights is None:
            return read_only(X[random_state.randint(0, len(X), size)]), None
        rows = np.flatnonzero(weights > 0.0)
        rows = rows[random_state.randint(0, len(rows), size)]
        return read_only(X[rows]), read_only(weights[rows])

    def _start_from_sample(self, X, weights, random_state, size: int) -> np.ndarray:
        # With fewer rows of positive weight than clusters, `_start` tells what there is to tell.
        if size < len(X) and (weights is None or np.count_nonzero(weights) >= self.n_clusters):
            X, weights = self._drawn(X, weights, random_state, size)
        return self._start(X, weights, random_state, 1)

    def _best_start(self, X, weights, random_state) -> np.ndarray:
        """Return the start with the lowest inertia on a sample, of shape (k, d)."""
        size = self._sample_size(len(X))
        sample = Batch(*self._drawn(X, weights, random_state, size))
        lowest, best = np.inf, np.empty(0)
        for _ in range(self._n_runs()):
            centers = self._start_from_sample(X, weights, random_state, size)
            mean = read_only(centers.mean(axis=0))
            _, inertia = sample.assigned(Centers(centers - mean), mean)
            if not len(best) or inertia < lowest:
                lowest, best = inertia, centers
        return best

    def _is_time_to_reassign(self, counts: np.ndarray, n_since: int) -> bool:
        return bool((counts == 0.0).any()) or n_since >= 10 * self.n_clusters

    def _steps(self, X, y, sample_weight) -> Steps:
        self._warn_of_given_start()
        self.__dict__.pop("labels_", None)  # of the fit before, of other rows
        random_state = check_random_state(self.random_state)
        n, batch_size = len(X), min(self.batch_size, len(X))
        variance = Rows(X, None, thread_count()).variance if self.tol > 0 else 0.0
        total = float(n if sample_weight is None else sample_weight.sum())
        centers = self._best_start(X, sample_weight, random_state)
        counts = np.zeros(self.n_clusters)
        draw = drawing(n, sample_weight, random_state)
        smoothed = Smoothed(batch_size / (n + 1), self.max_no_improvement)
        n_steps, n_since = self.max_iter * n // batch_size, 0
        for step in range(1, n_steps + 1):
            batch = Batch(X[draw(batch_size)], None)
            n_since += batch_size
            reassign = self._is_time_to_reassign(counts, n_since)
            before = centers.copy()
            inertia = move_by_batch(batch, centers, counts) / batch_size
            if reassign:
                n_since = 0
                if self.reassignment_ratio > 0:
                    reassign_rare(batch.X, centers, counts, self.reassignment_ratio, random_state)
            # The first batch's inertia is that of the start.
            last = step == n_steps
            if step > 1:
                moved = float(np.sum((centers - before) ** 2))
                still = self.tol > 0 and moved <= self.tol * variance
                last |= smoothed.note(inertia) or still
            average = inertia if smoothed.average is None else smoothed.average
            if self.verbose:
                print(f"Mini-batch step {step}/{n_steps}: mean inertia {inertia}, {average}")
            state = {
                "cluster_centers_": centers,
                "inertia_": average * total,
                "n_steps_": step,
                "n_iter_": int(np.ceil(step * batch_size / n)),
                "_counts": counts,
                "_n_since_last_reassign": n_since,
            }
            if last and self.compute_labels:
                labels, state["inertia_"] = self._assigned(X, sample_weight, centers)
                state["labels_"] = labels
                warn_of_empty_clusters(self, X, sample_weight, labels, only_if_too_few_rows=True)
            yield state
            if last:
                return

    @unchanged_if_refused
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Go on from the centers so far with one batch: the rows of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first batch, which the start is chosen from, needs at least `n_clusters` rows.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : MiniBatchKMeans
        """
        self._validate_params()
        if hasattr(self, "cluster_centers_"):
            X = self._validated_for_prediction(X)
            if sample_weight is not None:
                sample_weight = _check_sample_weight(
                    sample_weight, X, dtype=np.float64, ensure_non_negative=True
                )
                sample_weight = read_only(sample_weight)
        else:
            X, _, sample_weight = self._validated(X, None, sample_weight)
            self._check_parameters(X, None)
            self._random_state = check_random_state(self.random_state)
            size = self._sample_size(len(X))
            centers = self._start_from_sample(X, sample_weight, self._random_state, size)
            self.cluster_centers_ = centers
            self._counts = np.zeros(self.n_clusters)
            self._n_since_last_reassign = 0
            self.n_steps_ = 0
        if not hasattr(self, "_random_state"):
            self._random_state = check_random_state(self.random_state)
        centers, counts = self.cluster_centers_.copy(), self._counts.copy()
        move_by_batch(Batch(X, sample_weight), centers, counts)
        self._n_since_last_reassign += min(self.batch_size, len(X))
        if self._is_time_to_reassign(self._counts, self._n_since_last_reassign):
            self._n_since_last_reassign = 0
            if self.reassignment_ratio > 0:
                weighty = X if sample_weight is None else X[sample_weight > 0.0]
                reassign_rare(weighty, centers, counts, self.reassignment_ratio, self._random_state)
        self.cluster_centers_, self._counts = centers, counts
        self.n_steps_ += 1
        self.__dict__.pop("labels_", None)
        if self.compute_labels:
            self.labels_, self.inertia_ = self._assigned(X, sample_weight, centers)
        return self
