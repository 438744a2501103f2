r"""Truncated singular value decomposition: few directions for tables that are mostly zeros.

A table of n documents and d words has a number for every word in every document, nearly all of them
zero.  Words that go together (*ship*, *boat*, *sea*) say one thing in many columns, and two
documents on the same thing need not share a word.  The k leading singular vectors

    A ~ U diag(s) V^T        the best table of rank k:  minimise  sum_ij (A - B)_ij^2  over those B

give each document k coordinates, A V, in which such documents lie close together; for text this is
called latent semantic analysis.  It is PCA without centring: subtracting the means would fill the
zeros, and with them the memory.  So the first direction is mostly the mean itself.

``randomized`` is power iteration on a random subspace (see `_power_iteration`), where A is only
ever multiplied by a few columns: a step costs 4 (k + 10) operations a number that is not zero.
``arpack`` is SciPy's Lanczos iteration, exact to its tolerance.

It fails where the directions do not stand out: for a flat spectrum more steps (`n_iter`) are needed
and mean less.

References
----------
.. [1] S. Deerwester, S. T. Dumais, G. W. Furnas, T. K. Landauer and R. Harshman, "Indexing by
   latent semantic analysis", Journal of the American Society for Information Science 41(6), 1990.
.. [2] N. Halko, P.-G. Martinsson and J. A. Tropp, "Finding structure with randomness: probabilistic
   algorithms for constructing approximate matrix decompositions", SIAM Review 53(2), 2011.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import issparse
from scipy.sparse.linalg import svds
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from groundup._blocks import single_blas_thread
from groundup._estimator import Estimator, Steps
from groundup.decomposition._power_iteration import leading_singular_vectors
from groundup.decomposition._signs import with_fixed_signs
from groundup.decomposition._spectrum import require_finite_squares
from groundup.decomposition._thin_products import ThinProducts

_SPARSE: dict[str, Any] = {"accept_sparse": "csr", "dtype": np.float64}


ROUNDING = (4.0 * np.finfo(np.float64).eps) ** 2  # part of a mean of squares that is no variance


def whole_variance(X: Any) -> tuple[float, float]:
    """Return the sum of the variances of all columns, and that of their means of squares.

    The mean of squares less the square of the mean would lose all digits far from zero, so it is
    taken about means m, and these need not be exact:

        var_j = 1/n sum_i (x_ij - m_j)^2 - (1/n sum_i (x_ij - m_j))^2

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, d)

    Returns
    -------
    variance, squares : float
        The second is infinite where it overflows.
    """
    n, d = X.shape
    with np.errstate(over="ignore", invalid="ignore"):
        if issparse(X):
            if not X.has_canonical_format:  # a place may be stored twice, its value is the sum
                X = X.copy()
                X.sum_duplicates()

            def column_sums(values: np.ndarray | None) -> np.ndarray:
                return np.bincount(X.indices, weights=values, minlength=d)

            means = column_sums(X.data) / n
            about = X.data - means[X.indices]
            n_zeros = n - column_sums(None)  # each is -m_j about the mean
            off = (column_sums(about) - n_zeros * means) / n
            variances = (column_sums(about**2) + n_zeros * means**2) / n - off**2
            squares = column_sums(X.data**2) / n
        else:
            about = X - X.mean(axis=0)
            off = about.mean(axis=0)
            variances = np.einsum("ij,ij->j", about, about) / n - off**2
            squares = np.einsum("ij,ij->j", X, X) / n
        return float(variances[variances > ROUNDING * squares].sum()), float(squares.sum())


class TruncatedSVD(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """The leading singular vectors, without centring: for text and other sparse tables.

    Parameters
    ----------
    n_components : int, default=2
        How many directions to keep; at most as many as columns. 100 is usual for text.
    algorithm : {"randomized", "arpack"}, default="randomized"
        Power iteration on a random subspace, or SciPy's Lanczos iteration.
    n_iter : int, default=5
        Steps of "randomized" after the first.
    n_oversamples : int, default=10
        Directions that "randomized" carries along beyond those asked for.
    power_iteration_normalizer : {"auto", "QR", "LU", "none"}, default="auto"
        Accepted for compatibility; every step makes its directions orthonormal.
    random_state : int, RandomState instance or None, default=None
        Seed of the random start.
    tol : float, default=0.0
        Tolerance of "arpack"; 0 is the machine's precision.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The directions, of length 1, by falling singular value. In each, the entry of largest
        magnitude is positive.
    explained_variance_ : ndarray of shape (n_components,)
        Variance of the rows along each, with n in the denominator.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        The same as a share of the variance of all columns.
    singular_values_ : ndarray of shape (n_components,)
        Root of the sum of squares of the rows along each.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, for more components than columns; for "arpack" for as many as the smaller of
        rows and columns; for values whose squares overflow.

    References
    ----------
    .. [1] S. Deerwester, S. T. Dumais, G. W. Furnas, T. K. Landauer and R. Harshman, "Indexing by
       latent semantic analysis", Journal of the American Society for Information Science 41(6),
       1990.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from groundup.decomposition import TruncatedSVD
    >>> texts = ["a ship at sea", "a boat at sea", "bread and butter", "butter and jam"]
    >>> X = TfidfVectorizer().fit_transform(texts)
    >>> print(abs(TruncatedSVD(2, random_state=0).fit_transform(X)).round(1))
    [[0.  0.9]
     [0.  0.9]
     [0.9 0. ]
     [0.9 0. ]]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "algorithm": [StrOptions({"arpack", "randomized"})],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "n_oversamples": [Interval(Integral, 1, None, closed="left")],
        "power_iteration_normalizer": [StrOptions({"auto", "QR", "LU", "none"})],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        algorithm="randomized",
        n_iter=5,
        n_oversamples=10,
        power_iteration_normalizer="auto",
        random_state=None,
        tol=0.0,
    ):
        self.n_components = n_components
        self.algorithm = algorithm
        self.n_iter = n_iter
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.random_state = random_state
        self.tol = tol

    def fit(self, X: Any, y: Any = None) -> Self:  # type: ignore[override]
        """Find the leading singular vectors of `X`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : TruncatedSVD
        """
        return self._fit(X, None, None)

    def _max_steps(self):
        return None if self.algorithm == "randomized" else 1

    def _validated(self, X, y, sample_weight):
        if issparse(X):
            return validate_data(self, X, **_SPARSE), None, None
        return super()._validated(X, y, sample_weight)

    def _validated_for_prediction(self, X):
        if issparse(X):
            check_is_fitted(self)
            return validate_data(self, X, reset=False, **_SPARSE)
        return super()._validated_for_prediction(X)

    def _check_parameters(self, X, y):
        n, d = X.shape
        if self.n_components > d:
            raise ValueError(
                f"n_components={self.n_components} must be at most n_features={d}: a table has no "
                "more directions than columns."
            )
        if self.algorithm == "arpack" and self.n_components >= min(n, d):
            raise ValueError(
                f"n_components={self.n_components} must be less than n_samples={n} and "
                f"n_features={d} with algorithm='arpack'; 'randomized' takes all of them."
            )
        if self.n_components > n:
            warnings.warn(
                f"n_components={self.n_components}, but n_samples={n}: the rows lie in {n} "
                f"directions, so {n} components are kept.",
                stacklevel=2,
            )

    def _steps(self, X: Any, y: Any, sample_weight: np.ndarray | None) -> Steps:
        random_state = check_random_state(self.random_state)
        k = min(self.n_components, *X.shape)
        variance, squares = whole_variance(X)
        require_finite_squares(squares)
        if squares == 0.0:
            warnings.warn(
                "All values of X are 0, so the singular values are, and the directions are "
                "arbitrary.",
                stacklevel=2,
            )
        products = ThinProducts(X)
        found: Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]
        if self.algorithm == "arpack" and squares > 0.0:  # on zeros the iteration breaks down
            start = random_state.uniform(-1, 1, size=min(X.shape))
            with single_blas_thread():
                _, singular, Vt = svds(X, k=k, tol=self.tol, v0=start)
            found = iter([(singular[::-1], Vt[::-1], products.times(Vt[::-1].T))])
        else:
            found = leading_singular_vectors(
                products.times,
                products.transposed_times,
                X.shape,
                self.n_components + self.n_oversamples,
                self.n_iter,
                random_state,
                projected=True,
            )
        for singular, Vt, AV in found:
            assert AV is not None  # it was asked for
            explained = AV[:, :k].var(axis=0)
            yield {
                "components_": with_fixed_signs(np.array(Vt[:k], order="C")),
                "explained_variance_": explained,
                "explained_variance_ratio_": (
                    explained / variance if variance > 0.0 else np.zeros(k)
                ),
                "singular_values_": singular[:k],
            }

    def transform(self, X: Any) -> np.ndarray:
        """Return the coordinates of rows along the components.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        X = self._validated_for_prediction(X)
        return ThinProducts(X).times(self.components_.T)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the rows that have these coordinates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Dense.
        """
        check_is_fitted(self)
        return np.asarray(check_array(X, dtype=np.float64) @ self.components_)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
