r"""Gaussian naive Bayes: a bell curve for every column of every class.

Within class c, column j is taken to be normal with a mean m_cj and a variance v_cj of its own:

    log P(c, x) = log P(c) - 1/2 sum_j [ log(2 pi v_cj) + (x_j - m_cj)^2 / v_cj ]

Learning is counting: the mean and the variance of every column in every class, in one pass
(`_class_moments`), S / W from the squares about the mean and the weight of the class.

A column that hardly varies within a class would decide all by itself, so a small part of the
largest variance (`var_smoothing`) is added to every one.

Cost: one pass over memory for learning; n d K multiplications for predicting.  It fails where a
column is far from normal within a class (two humps, long tails) and where the classes differ in how
columns go together, which it does not see.

References
----------
.. [1] John and Langley (1995), "Estimating continuous distributions in Bayesian classifiers", UAI.
"""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from groundup._blocks import over_threads, thread_count
from groundup._estimator import read_only
from groundup._kernel import kernel
from groundup.naive_bayes._class_moments import (
    ClassMoments,
    blocks_of_rows,
    class_moments,
    largest_variance,
    merged_moments,
)
from groundup.naive_bayes._naive_bayes import NaiveBayes


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
