r"""Categorical naive Bayes: columns of categories.

Each column j of each class c has its own table of frequencies:

    log P(x | c) = sum_j log p_cj(x_j),       p_cj(v) = (N_cjv + alpha) / (N_c + alpha V_j)

with N_cjv the rows of class c whose column j holds category v, among its N_c rows, and V_j the
number of categories of that column.  Categories are the numbers 0, 1, ..., V_j - 1, as
scikit-learn's `OrdinalEncoder` makes them; their order means nothing.

Cost: one look-up a number for learning, and as many as there are classes for predicting.  It fails
for columns with about as many categories as rows, which are new in every row to come.

References
----------
.. [1] Mitchell (1997), "Machine Learning", chapter 6.9.
"""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.utils._param_validation import Interval

from groundup._estimator import read_only
from groundup._kernel import kernel
from groundup.naive_bayes._counted import CountedClasses, class_weights, log_of

MOST_COUNTS = 2**27  # of all columns, categories and classes: 1 GiB


class CategoryCounts(NamedTuple):
    """The rows of each class, and those of each category of each column."""

    classes: np.ndarray  # (K,)
    categories: list[np.ndarray]  # d times (K, V_j)


@kernel
def highest_category(
    X,  # (n, d) in
    highest,  # (d,) inout
):
    """Return the place of the first value that is no category, or -1."""
    n, d = X.shape
    for i in range(n):
        for j in range(d):
            x = X[i, j]
            if x < 0.0 or x != np.floor(x):
                return i * d + j
            if x > highest[j]:
                highest[j] = x
    return -1


@kernel
def count_categories(
    X,  # (n, d) in
    codes,  # (n,) in: classes
    weights,  # (n,) in
    first,  # (d + 1,) in: where the categories of a column begin
    counts,  # (first[d], K) inout
):
    n, d = X.shape
    for i in range(n):
        for j in range(d):
            counts[first[j] + int(X[i, j]), codes[i]] += weights[i]


@kernel
def add_log_probabilities(
    X,  # (n, d) in
    first,  # (d + 1,) in
    log_p,  # (first[d], K) in
    joint,  # (n, K) inout
):
    """joint_ic += sum_j log p_cj(x_ij); return the place of the first unknown category, or -1."""
    n, d = X.shape
    for i in range(n):
        for j in range(d):
            x = X[i, j]
            if not (0.0 <= x < first[j + 1] - first[j]) or x != np.floor(x):
                return i * d + j
            at = first[j] + int(x)
            for c in range(joint.shape[1]):
                joint[i, c] += log_p[at, c]
    return -1


class CategoricalNB(CountedClasses):
    """Naive Bayes for columns of categories, written as the numbers 0, 1, 2, ...

    Parameters
    ----------
    alpha : float, default=1.0
        What is added to every count, at least 0.
    force_alpha : bool, default=True
        Whether an `alpha` below 1e-10 is kept; if False it is raised to that, with a warning.
    fit_prior : bool, default=True
        Whether classes are as probable as they are frequent; if False all are equally probable.
    class_prior : array-like of shape (n_classes,), default=None
        The probability of each class, in place of both.
    min_categories : int or array-like of shape (n_features,), default=None
        The least number of categories of each column, so that rows to come may hold some that the
        training rows do not. None: one more than the highest that was seen.

    Attributes
    ----------
    category_count_ : list of n_features ndarrays of shape (n_classes, n_categories_[j])
        Rows of each class and category, by weight.
    class_count_ : ndarray of shape (n_classes,)
        Rows of each class, by weight.
    class_log_prior_ : ndarray of shape (n_classes,)
        Logarithm of each class's probability.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    feature_log_prob_ : list of n_features ndarrays of shape (n_classes, n_categories_[j])
        Logarithm of each category's smoothed share in each class, log p_cj(v).
    n_categories_ : ndarray of shape (n_features,), int64
        Number of categories of each column.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        For values that are no categories (negative ones, fractions), and from the predictions for
        categories that are not known.

    References
    ----------
    .. [1] Mitchell (1997), "Machine Learning", chapter 6.9.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.naive_bayes import CategoricalNB
    >>> outlook_and_wind = np.array([[0, 0], [0, 1], [1, 0], [2, 1]])
    >>> model = CategoricalNB().fit(outlook_and_wind, ["play", "play", "play", "stay"])
    >>> str(model.predict([[2, 1]])[0])
    'stay'
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CountedClasses._parameter_constraints,
        "alpha": [Interval(Real, 0, None, closed="left")],
        "min_categories": [None, "array-like", Interval(Integral, 1, None, closed="left")],
    }
    _takes_sparse = False

    def __init__(
        self, *, alpha=1.0, force_alpha=True, fit_prior=True, class_prior=None, min_categories=None
    ):
        self.alpha = alpha
        self.force_alpha = force_alpha
        self.fit_prior = fit_prior
        self.class_prior = class_prior
        self.min_categories = min_categories

    def _check_parameters(self, X, y):
        super()._check_parameters(X, y)
        least = np.asarray(0 if self.min_categories is None else self.min_categories)
        if least.dtype.kind not in "iu":
            raise ValueError(
                f"'min_categories' should have integral type. Got {least.dtype} instead."
            )
        if least.ndim and least.shape != (X.shape[1],):
            raise ValueError(
                f"'min_categories' should have shape ({X.shape[1]},) when an array-like is "
                f"provided. Got {least.shape} instead."
            )

    def _sums(self, X, codes, sample_weight):
        K, d = len(self.classes_), X.shape[1]
        highest = np.zeros(d)
        bad = highest_category(X, highest)
        if bad >= 0:
            raise _no_category(X, bad)
        least = 1 if self.min_categories is None else self.min_categories
        n_categories = np.maximum(highest + 1.0, least)
        if n_categories.sum() * K > MOST_COUNTS:
            j = int(np.argmax(n_categories))
            raise ValueError(
                f"Column {j} holds category {highest[j]:.0f}, so {n_categories[j]:.0f} categories "
                f"of {K} classes would be counted there. Number the categories 0, 1, 2, ... "
                "(OrdinalEncoder does), and leave out columns that are new in every row."
            )
        first = np.zeros(d + 1, dtype=np.int64)
        np.cumsum(n_categories.astype(np.int64), out=first[1:])
        counts = np.zeros((first[-1], K))
        weights = read_only(np.ones(len(X))) if sample_weight is None else sample_weight
        rows = class_weights(codes, sample_weight, K)
        count_categories(X, codes, weights, first, counts)
        tables = [np.ascontiguousarray(counts[low:high].T) for low, high in pairwise(first)]
        return CategoryCounts(rows, tables)

    def _sums_so_far(self):
        return CategoryCounts(self.class_count_, self.category_count_)

    def _merged(self, sums, more):
        tables = []
        for old, new in zip(sums.categories, more.categories, strict=True):
            wide, narrow = (new, old) if new.shape[1] > old.shape[1] else (old, new)
            table = wide.copy()
            table[:, : narrow.shape[1]] += narrow  # categories that are new were not there before
            tables.append(table)
        return CategoryCounts(sums.classes + more.classes, tables)

    def _state(self, sums):
        return {
            "class_count_": sums.classes,
            "category_count_": sums.categories,
            "n_categories_": np.array([t.shape[1] for t in sums.categories], dtype=np.int64),
            "class_log_prior_": self._class_log_prior(sums.classes),
            **self._log_probabilities(sums),
        }

    def _log_probabilities(self, counts: CategoryCounts) -> dict[str, Any]:
        tables = []
        for table in counts.categories:
            smoothed = table + self._smoothing()  # (K, V_j)
            total = smoothed.sum(axis=1, keepdims=True)
            # log p_cj(v) = log(N_cjv + alpha) - log(N_c + alpha V_j)
            tables.append(log_of(smoothed) - np.log(np.where(total > 0.0, total, 1.0)))
        return {"feature_log_prob_": tables}

    def _joint(self, X):
        first = np.zeros(X.shape[1] + 1, dtype=np.int64)
        np.cumsum([table.shape[1] for table in self.feature_log_prob_], out=first[1:])
        log_p = np.concatenate([table.T for table in self.feature_log_prob_])  # (first[d], K)
        joint = np.zeros((len(X), len(self.classes_)))
        unknown = add_log_probabilities(X, first, np.ascontiguousarray(log_p), joint)
        if unknown >= 0:
            raise _no_category(X, unknown, np.diff(first))
        joint += self.class_log_prior_
        return joint

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.positive_only = True
        return tags


def _no_category(X: np.ndarray, at: int, n_categories: np.ndarray | None = None) -> ValueError:
    """Return the error for the value at this place in `X`, counted row by row."""
    row, column = divmod(int(at), X.shape[1])
    value = X[row, column]
    where = f"{value:g} in row {row}, column {column}"
    if value < 0:
        return ValueError(
            f"Negative values in data passed to CategoricalNB (input X): {where}. Categories are "
            "the numbers 0, 1, 2, ...; OrdinalEncoder makes them."
        )
    if n_categories is None or value != np.floor(value):
        return ValueError(
            f"CategoricalNB got {where}, which is no category: these are the whole numbers 0, 1, "
            "2, ...; OrdinalEncoder makes them."
        )
    return ValueError(
        f"CategoricalNB got the unknown category {where}: column {column} had "
        f"{n_categories[column]} categories, 0 to {n_categories[column] - 1}. Fit it with "
        f"min_categories of at least {value + 1:.0f} to allow for ones that the training rows do "
        "not hold."
    )
