r"""What the naive Bayes classifiers of counts share: smoothing, class priors, sparse rows.

What was never counted would be impossible, and a single unseen word would overrule all others.  So
`alpha` is added to every count before it becomes a probability: as though each value had been seen
alpha times more in every class (Laplace's rule for alpha = 1).
"""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, issparse
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from groundup._estimator import read_only
from groundup.naive_bayes._naive_bayes import NaiveBayes

SMALLEST_ALPHA = 1e-10


class Counts(NamedTuple):
    """The rows of each class, and the sum of their values in each column."""

    classes: np.ndarray  # (K,)
    features: np.ndarray  # (K, d)


def class_weights(codes: np.ndarray, sample_weight: np.ndarray | None, n_classes: int) -> Any:
    """Return the rows of each class, by weight."""
    return np.bincount(codes, weights=sample_weight, minlength=n_classes).astype(np.float64)


def sums_by_class(
    X: Any, codes: np.ndarray, sample_weight: np.ndarray | None, n_classes: int
) -> np.ndarray:
    """Return the sum of the rows of each class.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, d)
    codes : ndarray of shape (n,), int64
    sample_weight : ndarray of shape (n,) or None
    n_classes : int

    Returns
    -------
    ndarray of shape (n_classes, d)
    """
    n, d = X.shape
    weights = np.ones(n) if sample_weight is None else sample_weight
    if not issparse(X):
        # Y has one number in each row, in the column of its class: the sums are Y^T X
        Y = csr_matrix((weights, codes, np.arange(n + 1)), shape=(n, n_classes))
        return np.asarray(Y.T @ X)
    # numbered through all classes and columns, so that one count holds all sums
    in_row = np.diff(X.indptr)
    place = np.repeat(codes * d, in_row) + X.indices
    values = X.data if sample_weight is None else X.data * np.repeat(weights, in_row)
    return np.bincount(place, weights=values, minlength=n_classes * d).reshape(n_classes, d)


def log_of(x: np.ndarray) -> np.ndarray:
    """Return log x, and -inf for 0 without a warning: what does not occur is impossible."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(x))


class CountedClasses(NaiveBayes):
    """What the classifiers of counts share."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "force_alpha": ["boolean"],
        "fit_prior": ["boolean"],
        "class_prior": ["array-like", None],
    }
    _takes_sparse = True

    def _log_probabilities(self, counts: Any) -> dict[str, Any]:
        """Return the smoothed logarithms of the counts, as fitted attributes."""
        raise NotImplementedError

    def _sums_so_far(self):
        return Counts(self.class_count_, self.feature_count_)

    def _merged(self, sums, more):
        return Counts(sums.classes + more.classes, sums.features + more.features)

    def _state(self, sums):
        return {
            "class_count_": sums.classes,
            "feature_count_": sums.features,
            "class_log_prior_": self._class_log_prior(sums.classes),
            **self._log_probabilities(sums),
        }

    def _class_log_prior(self, class_count: np.ndarray) -> np.ndarray:
        if self.class_prior is not None:
            return log_of(self._check_priors("class_prior", self.class_prior))
        if self.fit_prior:
            return log_of(class_count) - np.log(class_count.sum())
        return np.full(len(class_count), -np.log(len(class_count)))

    def _log_prior(self):
        return self.class_log_prior_

    def _check_parameters(self, X, y):
        if self.class_prior is not None:
            self._check_priors("class_prior", self.class_prior)
        alpha = np.asarray(self.alpha, dtype=np.float64)
        if alpha.ndim and alpha.shape != (X.shape[1],):
            raise ValueError(
                "When alpha is an array, it should contain one value for each feature: it has "
                f"shape {alpha.shape}, and X has {X.shape[1]} features."
            )
        if not (np.isfinite(alpha).all() and (alpha >= 0.0).all()):
            raise ValueError(f"All values in alpha must be finite and at least 0; got {self.alpha}")
        if not self.force_alpha and alpha.min() < SMALLEST_ALPHA:
            warnings.warn(
                f"alpha={alpha.min():g} is too small for a smoothing, so alpha = "
                f"{SMALLEST_ALPHA:.1e} is used. Use force_alpha=True to keep alpha unchanged.",
                stacklevel=4,
            )

    def _smoothing(self) -> Any:
        """Return alpha, of shape () or (d,)."""
        alpha = np.asarray(self.alpha, dtype=np.float64)
        return alpha if self.force_alpha else np.maximum(alpha, SMALLEST_ALPHA)

    def _layout(self, X):
        if issparse(X) and self._takes_sparse:
            return {"dtype": np.float64, "accept_sparse": "csr"}
        return super()._layout(X)

    def _validated(self, X, y, sample_weight):
        if not (issparse(X) and self._takes_sparse):
            return super()._validated(X, y, sample_weight)
        X, y = validate_data(self, X, y, **self._layout(X))
        codes = self._encoded(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        return X, read_only(codes), read_only(sample_weight)

    def _validated_for_prediction(self, X):
        if not (issparse(X) and self._takes_sparse):
            return super()._validated_for_prediction(X)
        check_is_fitted(self)
        return validate_data(self, X, reset=False, **self._layout(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._takes_sparse
        tags.classifier_tags.poor_score = True
        return tags


def dot_with_impossible(X: Any, log_p: np.ndarray) -> np.ndarray:
    """Return X log_p^T, where a value of 0 costs nothing even if its logarithm is -inf.

    To be called with one BLAS thread: where BLAS cuts its sums depends on the number of threads.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, d)
        At least 0 where `log_p` is -inf.
    log_p : ndarray of shape (K, d)

    Returns
    -------
    ndarray of shape (n, K)
    """
    impossible = np.isneginf(log_p)
    if not impossible.any():
        return np.asarray(X @ log_p.T)
    product = np.asarray(X @ np.where(impossible, 0.0, log_p).T)
    product[np.asarray(X @ impossible.T.astype(np.float64)) > 0.0] = -np.inf
    return product


def require_not_negative(X: Any, name: str) -> None:
    """Raise a ValueError that names a negative value."""
    values = X.data if issparse(X) else X
    if values.size == 0 or values.min() >= 0.0:
        return
    if issparse(X):
        at = int(np.flatnonzero(values < 0.0)[0])
        row, column = int(np.searchsorted(X.indptr, at, side="right")) - 1, int(X.indices[at])
    else:
        at = int(np.argmin(X))
        row, column = divmod(at, X.shape[1])
    raise ValueError(
        f"Negative values in data passed to {name} (input X): {values.flat[at]:g} in row {row}, "
        f"column {column}. It learns from counts, which are at least 0."
    )
