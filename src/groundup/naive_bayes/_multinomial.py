r"""Multinomial naive Bayes: texts as bags of words.

A text of class c is taken to be drawn word by word from that class's own frequencies p_cj, so for
counts x_j the likelihood is, up to a factor that all classes share,

    log P(x | c) = sum_j x_j log p_cj,        p_cj = (N_cj + alpha) / (N_c + alpha d)

with N_cj how often word j stands in the texts of class c, N_c their length in words, and d the
number of words.  That is linear in x: a row costs as many operations as it has words, times the
classes.  Counts need not be whole; weights such as tf-idf work as well.

Cost: one pass over the numbers that are not zero.  It fails where words come in bursts: the tenth
*whale* in a text says little that the first did not, and counts as much.

References
----------
.. [1] McCallum and Nigam (1998), "A comparison of event models for naive Bayes text
   classification", AAAI Workshop on Learning for Text Categorization.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup._blocks import single_blas_thread
from groundup.naive_bayes._counted import (
    CountedClasses,
    Counts,
    class_weights,
    dot_with_impossible,
    log_of,
    require_not_negative,
    sums_by_class,
)


class MultinomialNB(CountedClasses):
    """Naive Bayes for counts, such as the words of texts.

    Parameters
    ----------
    alpha : float or array-like of shape (n_features,), default=1.0
        What is added to every count, at least 0; one value for all features or one for each.
    force_alpha : bool, default=True
        Whether an `alpha` below 1e-10 is kept; if False it is raised to that, with a warning.
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
        Sum of each column over the rows of each class, by weight.
    feature_log_prob_ : ndarray of shape (n_classes, n_features)
        Logarithm of each feature's smoothed share in each class, log p_cj.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit` and `partial_fit`, for negative values in `X`, for as many priors as there are
        not classes, for as many values of `alpha` as there are not features, and for weights that
        are all zero.

    References
    ----------
    .. [1] McCallum and Nigam (1998), "A comparison of event models for naive Bayes text
       classification", AAAI Workshop on Learning for Text Categorization.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from groundup.naive_bayes import MultinomialNB
    >>> texts = ["a ship at sea", "a boat at sea", "bread and butter", "butter and jam"]
    >>> words = CountVectorizer().fit(texts)
    >>> model = MultinomialNB().fit(words.transform(texts), ["sea", "sea", "food", "food"])
    >>> str(model.predict(words.transform(["bread on a boat at sea"]))[0])
    'sea'
    """

    def __init__(self, *, alpha=1.0, force_alpha=True, fit_prior=True, class_prior=None):
        self.alpha = alpha
        self.force_alpha = force_alpha
        self.fit_prior = fit_prior
        self.class_prior = class_prior

    def _check_parameters(self, X, y):
        super()._check_parameters(X, y)
        require_not_negative(X, "MultinomialNB")

    def _sums(self, X, codes, sample_weight):
        K = len(self.classes_)
        return Counts(
            class_weights(codes, sample_weight, K), sums_by_class(X, codes, sample_weight, K)
        )

    def _log_probabilities(self, counts: Counts) -> dict[str, Any]:
        smoothed = counts.features + self._smoothing()  # (K, d)
        total = smoothed.sum(axis=1, keepdims=True)
        # log p_cj = log(N_cj + alpha) - log(N_c + alpha d);  -inf in a class without any count
        log_p = log_of(smoothed) - np.log(np.where(total > 0.0, total, 1.0))
        return {"feature_log_prob_": log_p}

    def _joint(self, X):
        # log P(c) + sum_j x_j log p_cj
        with single_blas_thread():
            return dot_with_impossible(X, self.feature_log_prob_) + self.class_log_prior_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags
