r"""Gaussian naive Bayes: a bell curve for every column of every class.

Within class c, column j is taken to be normal with a mean m_cj and a variance v_cj of its own:

    log P(c, x) = log P(c) - 1/2 sum_j [ log(2 pi v_cj) + (x_j - m_cj)^2 / v_cj ]

Learning is counting: the mean and the variance of every column in every class, in one pass.  The
sums of squares are taken about means, never about zero: sum x^2 - n m^2 would lose all digits of
columns far from it.  So a chunk of rows, few enough to stay in the cache, is gone through twice,
first for its means, then for the squares about these, and chunks are merged by a formula that only
ever adds [1]_:

    W = W_a + W_b,   m = m_a + (W_b / W) (m_b - m_a),
    S = S_a + S_b + (W_a W_b / W) (m_b - m_a)^2,           v = S / W

Batches of `partial_fit` are merged in the same way.  Blocks of rows run on threads and are merged
in their order: the result has the same bits for any number of threads.

A column that hardly varies within a class would decide all by itself, so a small part of the
largest variance (`var_smoothing`) is added to every one.

Cost: one pass over memory for learning; n d K multiplications for predicting.  It fails where a
column is far from normal within a class (two humps, long tails) and where the classes differ in how
columns go together, which it does not see.

References
----------
.. [1] Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance: analysis and
   recommendations", The American Statistician 37(3).
.. [2] John and Langley (1995), "Estimating continuous distributions in Bayesian classifiers", UAI.
"""

from __future__ import annotations

import functools
import warnings
from itertools import pairwise
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.utils._param_validation import Interval

from groundup._blocks import block_bounds, over_threads, thread_count
from groundup._estimator import read_only
from groundup._kernel import kernel
from groundup.naive_bayes._naive_bayes import NaiveBayes

BLOCK_NUMBERS = 1_000_000  # of X, in a block: a millisecond of work
CHUNK_NUMBERS = 32_768  # of X, in a chunk: 256 KiB


class ClassMoments(NamedTuple):
    """Weight, mean and squares about the mean of each class."""

    weight: np.ndarray  # (K,)
    mean: np.ndarray  # (K, d)
    scatter: np.ndarray  # (K, d): sum of squares about the mean


@kernel
def add_moments(
    X,  # (n, d) in
    codes,  # (n,) in: classes
    weights,  # (n,) in, or (1,): the same for all rows
    low,  # first row
    high,  # last row + 1
    chunk_rows,
    weight,  # (K,) inout
    mean,  # (K, d) inout
    scatter,  # (K, d) inout
):
    """Add the rows from `low` to `high` to the moments of their classes."""
    K, d = mean.shape
    of_each_row = 1 if weights.shape[0] > 1 else 0
    first = np.full(K, -1)  # row of this class that was the first in its chunk
    total = np.empty(K)
    centre = np.empty((K, d))
    for start in range(low, high, chunk_rows):
        stop = min(start + chunk_rows, high)
        for i in range(start, stop):
            c = codes[i]
            w = weights[i * of_each_row]
            if first[c] < start:
                first[c] = i
                total[c] = 0.0
                centre[c, :] = 0.0
            total[c] += w
            # Counted from the first row, so that a constant column has exactly its value as mean.
            o = first[c]
            for j in range(d):
                centre[c, j] += w * (X[i, j] - X[o, j])
        for c in range(K):
            if first[c] < start:
                continue
            W = weight[c] + total[c]
            scale = 1.0 / total[c] if total[c] > 0.0 else 0.0
            share = total[c] / W if W > 0.0 else 0.0
            pull = weight[c] * share
            weight[c] = W
            for j in range(d):
                # the chunk's mean;  m = m_a + (W_b / W) (m_b - m_a)
                centre[c, j] = X[first[c], j] + scale * centre[c, j]
                delta = centre[c, j] - mean[c, j]
                mean[c, j] += share * delta
                # S = S_a + S_b + (W_a W_b / W) (m_b - m_a)^2
                scatter[c, j] += pull * delta * delta
        for i in range(start, stop):
            c = codes[i]
            w = weights[i * of_each_row]
            for j in range(d):
                z = X[i, j] - centre[c, j]
                scatter[c, j] += w * z * z


@kernel
def likeliest(
    X,  # (n, d) in
    low,  # first row
    high,  # last row + 1
    mean,  # (K, d) in
    scale,  # (K, d) in: 1 / standard deviation
    constant,  # (K,) in: log P(c) - 1/2 sum_j log(2 pi v_cj)
    joint,  # (n, K) out: log P(c, x), or (0, K): not asked for
    best,  # (n,) out: the likeliest class, or (0,): not asked for
):
    """Return whether all numbers on the way were finite."""
    K, d = mean.shape
    zero = 0.0
    for i in range(low, high):
        arg = 0
        top = -np.inf
        for c in range(K):
            # log P(c, x) = log P(c) - 1/2 sum_j [ log(2 pi v_cj) + (x_j - m_cj)^2 / v_cj ]
            s = 0.0
            for j in range(d):
                z = (X[i, j] - mean[c, j]) * scale[c, j]
                s += z * z
            zero += 0.0 * s
            s = constant[c] - 0.5 * s
            if s > top:
                top = s
                arg = c
            if joint.shape[0] > 0:
                joint[i, c] = s
        if best.shape[0] > 0:
            best[i] = arg
    return zero == 0.0


def blocks_of_rows(n: int, d: int, most: int) -> list[tuple[int, int]]:
    """Cut rows into blocks that depend on the shape of the data alone."""
    bounds = block_bounds(n, max(1, BLOCK_NUMBERS // d), max_blocks=most).tolist()
    return list(pairwise(bounds))


def class_moments(
    X: np.ndarray,
    codes: np.ndarray,
    sample_weight: np.ndarray | None,
    n_classes: int,
    n_threads: int,
) -> ClassMoments:
    """Return the moments of every class.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64, C-contiguous, read-only
    codes : ndarray of shape (n,), int64, read-only
    sample_weight : ndarray of shape (n,), float64, read-only, or None
    n_classes : int
    n_threads : int

    Returns
    -------
    ClassMoments
        Zeros for a class without rows.
    """
    n, d = X.shape
    weights = read_only(np.ones(1)) if sample_weight is None else sample_weight

    def of_block(block: tuple[int, int]) -> ClassMoments:
        moments = ClassMoments(
            np.zeros(n_classes), np.zeros((n_classes, d)), np.zeros((n_classes, d))
        )
        with np.errstate(all="ignore"):  # what is not finite is seen afterwards
            add_moments(X, codes, weights, *block, max(16, CHUNK_NUMBERS // d), *moments)
        return moments

    # Every block keeps its own moments until the merge: at most 256 MiB of them.
    blocks = blocks_of_rows(n, d, most=max(2, min(64, 2**24 // (n_classes * d))))
    return functools.reduce(merged_moments, over_threads(of_block, blocks, n_threads))


def merged_moments(a: ClassMoments, b: ClassMoments) -> ClassMoments:
    """Return the moments of the rows of both."""
    weight = a.weight + b.weight
    with np.errstate(all="ignore"):
        share = b.weight / np.where(weight > 0.0, weight, 1.0)  # W_b / W
        delta = b.mean - a.mean
        mean = a.mean + share[:, np.newaxis] * delta
        pull = (a.weight * share)[:, np.newaxis]
        return ClassMoments(weight, mean, a.scatter + b.scatter + pull * delta**2)


def largest_variance(moments: ClassMoments) -> float:
    """Return the largest variance of a column over all classes together."""
    total = moments.weight.sum()
    there = moments.weight > 0.0
    weight, mean = moments.weight[there, np.newaxis], moments.mean[there]
    # Counted from one class's mean, so that equal means differ by exactly nothing.
    about = mean - mean[0]
    about -= (weight * about).sum(axis=0) / total
    return float((moments.scatter[there] + weight * about**2).sum(axis=0).max() / total)


class GaussianNB(NaiveBayes):
    """Naive Bayes with a normal distribution for every column of every class.

    Parameters and attributes are those of scikit-learn's class of the same name. Batches of
    `partial_fit` add up to what `fit` makes of all rows, `epsilon_` included, which there belongs
    to the last batch alone; and `epsilon_` counts rows by their weight.

    Parameters
    ----------
    priors : array-like of shape (n_classes,), default=None
        The probability of each class; they sum to 1. None: as frequent as in the training rows.
    var_smoothing : float, default=1e-9
        The part of the largest variance of a column that is added to all variances.

    Attributes
    ----------
    class_count_ : ndarray of shape (n_classes,)
        Rows of each class, by weight.
    class_prior_ : ndarray of shape (n_classes,)
        Probability of each class.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    epsilon_ : float
        What was added to the variances.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.
    var_ : ndarray of shape (n_classes, n_features)
        Variance of each column in each class, with `epsilon_`.
    theta_ : ndarray of shape (n_classes, n_features)
        Mean of each column in each class.

    Raises
    ------
    ValueError
        From `fit` and `partial_fit`, for as many `priors` as there are not classes or a sum of them
        that is not 1, weights that are all zero, values whose squares overflow, and, with
        ``var_smoothing=0``, a column without any variance within a class.

    References
    ----------
    .. [1] Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance: analysis
       and recommendations", The American Statistician 37(3).

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.naive_bayes import GaussianNB
    >>> X = np.array([[-1.0], [1.0], [9.0], [11.0]])
    >>> model = GaussianNB().fit(X, [0, 0, 1, 1])
    >>> print(model.theta_.ravel(), model.var_.ravel().round(6))
    [ 0. 10.] [1. 1.]
    >>> print(model.predict([[4.0]]))
    [0]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "priors": ["array-like", None],
        "var_smoothing": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, *, priors=None, var_smoothing=1e-9):
        self.priors = priors
        self.var_smoothing = var_smoothing

    def _check_parameters(self, X, y):
        if self.priors is not None:
            priors = self._check_priors("priors", self.priors)
            if not np.isclose(priors.sum(), 1.0):
                raise ValueError(f"The sum of the priors should be 1; it is {priors.sum():g}.")

    def _check_values(self, X):
        """Leave it to the sums, which are not finite if a value is not: one pass, not two."""

    def _sums(self, X, codes, sample_weight):
        K = len(self.classes_)
        moments = class_moments(X, codes, sample_weight, K, thread_count())
        self._require_finite(X, np.isfinite(moments.scatter).all())
        return moments

    def _require_finite(self, X: np.ndarray, finite: Any) -> None:
        if not finite:
            super()._check_values(X)  # names NaN and infinity
            raise ValueError(
                "X holds values so large, or so far from all others, that their squares overflow. "
                "Scale the columns, with StandardScaler for one."
            )

    def _sums_so_far(self):
        return ClassMoments(self.class_count_, self.theta_, self._scatter)

    def _merged(self, sums, more):
        return merged_moments(sums, more)

    def _state(self, sums):
        count = sums.weight
        largest = largest_variance(sums)
        # Where nothing varies, any variance does: all classes are equally far from every row.
        epsilon = self.var_smoothing * (largest if largest > 0.0 else 1.0)
        prior = count / count.sum() if self.priors is None else np.array(self.priors, np.float64)
        return {
            "class_count_": count,
            "class_prior_": prior,
            "theta_": sums.mean,
            "var_": sums.scatter / np.where(count > 0.0, count, 1.0)[:, np.newaxis] + epsilon,
            "epsilon_": epsilon,
            "_scatter": sums.scatter,
        }

    def _steps(self, X, y, sample_weight):
        state = self._state(self._sums(X, y, sample_weight))
        self._require_variance(state["var_"], state["class_count_"])
        if not state["_scatter"].any() and (state["theta_"] == state["theta_"][0]).all():
            warnings.warn(
                f"All columns of X are constant ({len(X)} rows), so nothing tells the classes "
                "apart but how frequent they are.",
                stacklevel=2,
            )
        yield state

    def _require_variance(self, variance: np.ndarray, class_count: np.ndarray) -> None:
        none = (variance <= 0.0) & (class_count > 0.0)[:, np.newaxis]
        if none.any():
            k, j = np.argwhere(none)[0]
            raise ValueError(
                f"Column {j} does not vary within class {self.classes_.tolist()[k]!r}, and "
                f"var_smoothing={self.var_smoothing} adds no variance. Give a positive "
                "var_smoothing, or leave the column out."
            )

    def _log_prior(self):
        with np.errstate(divide="ignore"):
            prior = np.log(self.class_prior_)
        return np.where(self.class_count_ > 0.0, prior, -np.inf)

    def _curves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return means (K, d), 1 / standard deviations (K, d) and constants (K,)."""
        self._require_variance(self.var_, self.class_count_)
        # A class without rows has no curve, and no probability.
        there = (self.class_count_ > 0.0)[:, np.newaxis]
        variance = np.where(there, self.var_, 1.0)
        constant = self._log_prior() - 0.5 * np.log(2.0 * np.pi * variance).sum(axis=1)
        return self.theta_, 1.0 / np.sqrt(variance), constant

    def _predicted(self, X: np.ndarray, n_joint: int, n_best: int) -> tuple[np.ndarray, np.ndarray]:
        joint = np.empty((n_joint, len(self.classes_)))
        best = np.empty(n_best, dtype=np.int64)
        mean, scale, constant = map(read_only, self._curves())
        blocks = blocks_of_rows(len(X), X.shape[1], most=64)

        def of_block(block: tuple[int, int]) -> bool:
            with np.errstate(all="ignore"):  # what is not finite is told
                return likeliest(X, *block, mean, scale, constant, joint, best)

        finite = over_threads(of_block, blocks, thread_count())
        self._require_finite(X, all(finite))
        return joint, best

    def _joint(self, X):
        return self._predicted(X, len(X), 0)[0]

    def predict(self, X):
        """Return the likeliest class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        X = self._validated_for_prediction(X)
        return self.classes_.take(self._predicted(X, 0, len(X))[1])
