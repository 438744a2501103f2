r"""Bernoulli naive Bayes: columns that say yes or no.

Each column is a coin of its own for each class, which says yes with probability p_cj, so that what
is absent counts as well as what is there:

    log P(x | c) = sum_j [ x_j log p_cj + (1 - x_j) log(1 - p_cj) ]

    p_cj = (N_cj + alpha) / (N_c + 2 alpha),      1 - p_cj = (N_c - N_cj + alpha) / (N_c + 2 alpha)

with N_cj the rows of class c that say yes in column j, among its N_c rows.  Sorted as

    sum_j log(1 - p_cj) + sum_j x_j (log p_cj - log(1 - p_cj))

only the columns that say yes are touched: sparse rows cost what they hold.

Cost: one pass over the numbers that are not zero.  For long texts `MultinomialNB` is usually
better, since it sees how often a word occurs; for short ones this.

References
----------
.. [1] McCallum and Nigam (1998), "A comparison of event models for naive Bayes text
   classification", AAAI Workshop on Learning for Text Categorization.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.utils._param_validation import Interval

from groundup._blocks import single_blas_thread
from groundup.naive_bayes._counted import (
    CountedClasses,
    Counts,
    class_weights,
    dot_with_impossible,
    log_of,
    sums_by_class,
)

BLOCK_NUMBERS = 2**17  # of X, in a block: 1 MiB


class BernoulliNB(CountedClasses):
    """Naive Bayes for columns of two values.

    Parameters
    ----------
    alpha : float or array-like of shape (n_features,), default=1.0
        What is added to the counts of yes and of no, at least 0; one value for all features or one
        for each.
    force_alpha : bool, default=True
        Whether an `alpha` below 1e-10 is kept; if False it is raised to that, with a warning.
    binarize : float or None, default=0.0
        A value above this says yes; at least 0. None: `X` holds only 0 and 1 already.
    fit_prior : bool, default=True
        Whether classes are as probable as they are frequent; if False all are equally probable.
    class_prior : array-like of shape (n_classes,), default=None
        The probability of each class, in place of both.

    Attributes
    ----------
    class_count_ : ndarray of shape (n_classes,)
        Rows of each class, by weight.
    class_log_prior_ : ndarray of shape (n_classes,)
        Logarithm of each class's probability.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    feature_count_ : ndarray of shape (n_classes, n_features)
        Rows of each class that say yes in each column, by weight.
    feature_log_prob_ : ndarray of shape (n_classes, n_features)
        Logarithm of the probability of yes in each class, log p_cj.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit` and `partial_fit`, for ``binarize=None`` with values other than 0 and 1, for as
        many priors as there are not classes, for as many values of `alpha` as there are not
        features, and for weights that are all zero.

    References
    ----------
    .. [1] McCallum and Nigam (1998), "A comparison of event models for naive Bayes text
       classification", AAAI Workshop on Learning for Text Categorization.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.naive_bayes import BernoulliNB
    >>> has_fur_and_fins = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    >>> model = BernoulliNB().fit(has_fur_and_fins, ["cat", "cat", "fish", "fish"])
    >>> print(model.predict_proba([[0, 1]]).round(2))  # (1/4)^2 to (3/4)^2
    [[0.1 0.9]]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CountedClasses._parameter_constraints,
        "binarize": [None, Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self, *, alpha=1.0, force_alpha=True, binarize=0.0, fit_prior=True, class_prior=None
    ):
        self.alpha = alpha
        self.force_alpha = force_alpha
        self.binarize = binarize
        self.fit_prior = fit_prior
        self.class_prior = class_prior

    def _yes_and_no(self, X: Any) -> Any:
        """Return `X` as ones and zeros."""
        values = X.data if issparse(X) else X
        if self.binarize is None:
            other = values[(values != 0.0) & (values != 1.0)]
            if other.size:
                raise ValueError(
                    f"BernoulliNB(binarize=None) needs an X of zeros and ones; it holds "
                    f"{other.flat[0]:g}. Give the threshold above which a value says yes."
                )
            return X
        if not issparse(X):
            return np.greater(X, self.binarize).astype(np.float64)
        if not X.has_canonical_format:  # a place may be stored twice, its value is the sum
            X = X.copy()
            X.sum_duplicates()
        yes = (X.data > self.binarize).astype(np.float64)
        return csr_matrix((yes, X.indices, X.indptr), shape=X.shape)

    def _sums(self, X, codes, sample_weight):
        K, d = len(self.classes_), X.shape[1]
        counts = Counts(class_weights(codes, sample_weight, K), np.zeros((K, d)))
        for rows in _blocks(X):
            weights = None if sample_weight is None else sample_weight[rows]
            counts.features[:] += sums_by_class(self._yes_and_no(X[rows]), codes[rows], weights, K)
        return counts

    def _log_probabilities(self, counts: Counts) -> dict[str, Any]:
        alpha = self._smoothing()
        rows = counts.classes[:, np.newaxis]  # (K, 1)
        total = rows + 2.0 * alpha
        log_total = np.log(np.where(total > 0.0, total, 1.0))
        # Weights that are no whole numbers may add up to a little more here than there.
        no = np.maximum(rows - counts.features, 0.0)
        return {
            "feature_log_prob_": log_of(counts.features + alpha) - log_total,
            # From the counts: 1 - p loses its digits where p is close to 1.
            "_log_prob_of_no": log_of(no + alpha) - log_total,
        }

    def _joint(self, X):
        joint = np.empty((X.shape[0], len(self.classes_)))
        with single_blas_thread():
            for rows in _blocks(X):
                joint[rows] = self._joint_of_yes(self._yes_and_no(X[rows]))
        return joint

    def _joint_of_yes(self, yes: Any) -> np.ndarray:
        log_p, log_q = self.feature_log_prob_, self._log_prob_of_no
        # A no that cannot be: all of these columns have to say yes.
        certain = np.isneginf(log_q)  # (K, d)
        log_q = np.where(certain, 0.0, log_q)
        # log P(c) + sum_j log(1 - p_cj) + sum_j x_j (log p_cj - log(1 - p_cj))
        joint = dot_with_impossible(yes, log_p - log_q)
        joint += log_q.sum(axis=1) + self.class_log_prior_
        if certain.any():
            n_yes = np.asarray(yes @ certain.T.astype(np.float64))
            joint[n_yes < certain.sum(axis=1)] = -np.inf
        return joint


def _blocks(X: Any) -> list[slice]:
    """Cut dense rows into blocks whose ones and zeros stay in the cache; sparse rows are one."""
    n, d = X.shape
    step = n if issparse(X) else max(1, BLOCK_NUMBERS // d)
    return [slice(low, low + step) for low in range(0, n, step)]
