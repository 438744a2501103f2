r"""Principal components: the directions in which the rows vary most.

Find the direction v of length 1 along which the centred rows have the greatest variance; then the
one of greatest variance among those at a right angle to it, and so on.  With the covariance C,

    maximise  v^T C v  subject to |v| = 1 :     C v = l v
    C = 1/(n - 1) sum_i (x_i - m)(x_i - m)^T

so the directions are the eigenvectors of C, and the variances along them its eigenvalues.  The same
directions lose least: of all k-dimensional planes, the one of the first k has the smallest sum of
squared distances from the rows.

With the centred rows Z = U diag(s) V^T the directions are the rows of V^T, and l_i = s_i^2/(n - 1).
So there are several ways:

- ``covariance_eigh``: make C (one pass over the rows, n d^2 / 2 multiplications) and take its
  eigenvectors (d^3).  For many rows and few columns there is nothing faster.  C squares the
  singular values, so those below 1e-8 of the largest are lost in its rounding.
- ``full``: factor Z = Q R, with R of d rows, and take the singular values of R.  It squares
  nothing, and costs two to four times as much.
- ``randomized``: power iteration on a random subspace (see `_power_iteration`): cheap for a few
  components of many columns, and inexact where the spectrum is flat.
- ``arpack``: SciPy's Lanczos iteration, exact for a few components.

"auto" takes the first that suits, and ``full`` in place of the first where a component that is kept
would be lost in the rounding.

*Incremental* learning merges covariances.  Two sets of rows with n_a, n_b rows, means m_a, m_b and
scatters S_a, S_b have together

    S = S_a + S_b + (n_a n_b / n) (m_b - m_a)(m_b - m_a)^T

which is exact, so `partial_fit` on pieces ends where `fit` on all rows does.  (scikit-learn's
IncrementalPCA keeps only the components themselves from one piece to the next, which saves memory
where d is in the thousands, and is an approximation.)

It fails where variance is not what matters: it depends on the units of the columns (scale them
first), and it sees straight directions only.

References
----------
.. [1] K. Pearson, "On lines and planes of closest fit to systems of points in space", Philosophical
   Magazine 2(11), 1901.
.. [2] N. Halko, P.-G. Martinsson and J. A. Tropp, "Finding structure with randomness: probabilistic
   algorithms for constructing approximate matrix decompositions", SIAM Review 53(2), 2011.
.. [3] M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis", Journal of the
   Royal Statistical Society B 61(3), 1999.
"""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse.linalg import svds
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import validate_data

from groundup._blocks import single_blas_thread, thread_count
from groundup._estimator import Steps, read_only, unchanged_if_refused
from groundup.decomposition._dimension import components_to_keep
from groundup.decomposition._power_iteration import leading_singular_vectors
from groundup.decomposition._principal_model import PrincipalComponents
from groundup.decomposition._scatter import mean_of, scatter
from groundup.decomposition._spectrum import (
    Spectrum,
    of_moments,
    of_rows,
    of_singular_values,
    of_triangle,
    squares_of,
)
from groundup.decomposition._thin_products import ThinProducts
from groundup.linear_model._moments import Moments, merged

LOST = 1e-8  # part of the largest variance below which a covariance has few digits left


class PCA(PrincipalComponents):
    """Principal component analysis, exact or randomised, at once or piece by piece.

    Parameters
    ----------
    n_components : int, float, "mle" or None, default=None
        How many components to keep: a number from 0 to ``min(n_samples, n_features)``; as many as
        explain more than this share of the variance; Minka's estimate; or all.
    copy : bool, default=True
        Accepted for compatibility; `X` is never written to.
    whiten : bool, default=False
        Whether `transform` divides each component by its standard deviation.
    svd_solver : {"auto", "full", "covariance_eigh", "arpack", "randomized"}, default="auto"
        How the components are found. "auto" is "covariance_eigh" for up to 1,000 columns and at
        least 10 times as many rows, unless a component that is kept varies so little that its
        digits would be lost; else "full" where that is cheap or exactness is asked for, and
        "randomized" for less than 80% of the components of a large table.
    tol : float, default=0.0
        Tolerance of "arpack".
    iterated_power : int or "auto", default="auto"
        Steps of "randomized" after the first; "auto" is 7 for less than a tenth of the components,
        else 4.
    n_oversamples : int, default=10
        Directions that "randomized" carries along beyond the components asked for.
    power_iteration_normalizer : {"auto", "QR", "LU", "none"}, default="auto"
        Accepted for compatibility; every step of "randomized" makes its directions orthonormal.
    random_state : int, RandomState instance or None, default=None
        Seed of "randomized" and "arpack".

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features)
        The directions, of length 1, by falling variance. In each, the entry of largest magnitude
        is positive.
    explained_variance_ : ndarray of shape (n_components_,)
        Variance of the rows along each, with n - 1 in the denominator.
    explained_variance_ratio_ : ndarray of shape (n_components_,)
        The same as a share of the whole variance.
    singular_values_ : ndarray of shape (n_components_,)
        Of the centred rows.
    mean_ : ndarray of shape (n_features,)
        Mean of the rows.
    n_components_ : int
        How many components were kept.
    n_samples_ : int
        The number of rows; after `partial_fit`, of all rows so far.
    noise_variance_ : float
        Mean variance along the directions that were left out, the noise of probabilistic PCA.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, for a single row, for more components than rows or columns, and for values
        whose squares overflow.

    References
    ----------
    .. [1] K. Pearson, "On lines and planes of closest fit to systems of points in space",
       Philosophical Magazine 2(11), 1901.
    .. [2] N. Halko, P.-G. Martinsson and J. A. Tropp, "Finding structure with randomness:
       probabilistic algorithms for constructing approximate matrix decompositions", SIAM Review
       53(2), 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.decomposition import PCA
    >>> X = np.array([[-2.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [2.0, 1.0]])
    >>> pca = PCA(n_components=1).fit(X)
    >>> print(pca.components_.round(2), pca.explained_variance_ratio_.round(2))
    [[0.85 0.53]] [0.98]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [
            Interval(Integral, 0, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"mle"}),
            None,
        ],
        "copy": ["boolean"],
        "whiten": ["boolean"],
        "svd_solver": [StrOptions({"auto", "full", "covariance_eigh", "arpack", "randomized"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "iterated_power": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "n_oversamples": [Interval(Integral, 1, None, closed="left")],
        "power_iteration_normalizer": [StrOptions({"auto", "QR", "LU", "none"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=None,
        *,
        copy=True,
        whiten=False,
        svd_solver="auto",
        tol=0.0,
        iterated_power="auto",
        n_oversamples=10,
        power_iteration_normalizer="auto",
        random_state=None,
    ):
        self.n_components = n_components
        self.copy = copy
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.tol = tol
        self.iterated_power = iterated_power
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:  # type: ignore[override]
        """Find the components of `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two rows.
        y : ignored

        Returns
        -------
        self : PCA
        """
        return self._fit(X, None, None)

    _moments: Moments | None
    _fit_svd_solver: str

    def _max_steps(self):
        return None if self.svd_solver in ("auto", "randomized") else 1

    def _asked(self, n: int, d: int, solver: str) -> Any:
        """Return the number of components asked for, or the rule for it."""
        if self.n_components is None:
            return min(n, d) - (solver == "arpack")
        return self.n_components

    def _solver(self, n: int, d: int) -> str:
        if self.svd_solver != "auto":
            return self.svd_solver
        if d <= 1000 and n >= 10 * d:
            return "covariance_eigh"
        if max(n, d) <= 500 or self.n_components == "mle":
            return "full"
        if 1 <= self._asked(n, d, "auto") < 0.8 * min(n, d):
            return "randomized"
        return "full"

    def _check_parameters(self, X, y):
        n, d = X.shape
        solver = self._solver(n, d)
        self._check_count(n, d, solver)

    def _check_count(self, n: int, d: int, solver: str) -> None:
        if n < 2:
            raise ValueError(
                f"PCA cannot see any variance in n_samples={n} row; give at least 2 rows."
            )
        asked = self._asked(n, d, solver)
        most = min(n, d) - (solver == "arpack")
        if asked == "mle" and n < d:
            raise ValueError(
                f"n_components='mle' needs at least as many rows as columns; got {n} rows and {d} "
                "columns. Give a number of components."
            )
        counted = isinstance(asked, Integral)
        if solver in ("arpack", "randomized") and not (counted and 1 <= int(asked) <= most):
            raise ValueError(
                f"n_components={asked!r} must be a number from 1 to {most} with "
                f"svd_solver={solver!r}, for {n} rows and {d} columns; "
                "svd_solver='full' takes shares and 'mle'."
            )
        if counted and int(asked) > most:
            raise ValueError(
                f"n_components={asked} must be between 0 and min(n_samples, n_features)={most} "
                f"with svd_solver={solver!r}: {n} rows in {d} columns vary in no more directions."
            )

    def _steps(self, X: np.ndarray, y: Any, sample_weight: np.ndarray | None) -> Steps:
        n, d = X.shape
        solver = self._solver(n, d)
        asked = self._asked(n, d, solver)
        moments: Moments | None = None
        if solver == "covariance_eigh":
            moments = scatter(X, thread_count())
            self._require_finite(moments.mean, X)
            with single_blas_thread():
                spectrum = of_moments(moments)
                if self.svd_solver == "auto" and self._is_lost(spectrum, asked):
                    solver = "full"
                    spectrum = of_triangle(X, moments.mean)
            found: Iterator[Spectrum] = iter([spectrum])
        else:
            found = self._from_centred_rows(X, solver, asked)
        for spectrum in found:
            yield {
                **spectrum.attributes(asked),
                "_fit_svd_solver": solver,
                "_moments": moments,
            }

    @staticmethod
    def _is_lost(spectrum: Spectrum, asked: Any) -> bool:
        """Tell whether a component that is kept drowns in the rounding of the covariance."""
        k = components_to_keep(asked, spectrum.variances, spectrum.n_samples)
        return k > 0 and bool(spectrum.variances[k - 1] <= LOST * spectrum.variances[0])

    def _from_centred_rows(self, X: np.ndarray, solver: str, asked: Any) -> Iterator[Spectrum]:
        """Yield the components from the centred rows themselves, which squares nothing."""
        n, d = X.shape
        mean = mean_of(X)
        self._require_finite(mean, X)
        if solver == "full" and n >= d:
            with single_blas_thread():
                spectrum = of_triangle(X, mean)
            yield spectrum
            return
        with np.errstate(over="ignore", invalid="ignore"):
            Z = X - mean
        total = squares_of(Z) / (n - 1)
        if solver == "full" or total == 0.0:  # equal rows: an iteration would find nothing
            with single_blas_thread():
                spectrum = of_rows(Z, mean) if n < d else of_triangle(X, mean)
            yield spectrum
            return
        random_state = check_random_state(self.random_state)
        if solver == "arpack":
            start = random_state.uniform(-1, 1, size=min(n, d))
            with single_blas_thread():
                _, singular, Vt = svds(Z, k=asked, tol=self.tol, v0=start)
            yield of_singular_values(singular[::-1], Vt[::-1], mean, n, total)
            return
        n_iter = self.iterated_power
        if n_iter == "auto":
            n_iter = 7 if asked < 0.1 * min(n, d) else 4
        products = ThinProducts(Z)
        steps = leading_singular_vectors(
            products.times,
            products.transposed_times,
            (n, d),
            asked + self.n_oversamples,
            n_iter,
            random_state,
        )
        for singular, Vt, _ in steps:
            yield of_singular_values(singular[:asked], Vt[:asked], mean, n, total)

    @unchanged_if_refused
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from more rows, as if they had been there from the start.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Some more rows. The first call needs at least two rows, and as many as components.
        y : ignored

        Returns
        -------
        self : PCA
            With the components of all rows since the first call, or since `fit`.

        Raises
        ------
        ValueError
            For a solver that keeps no covariance.
        """
        self._validate_params()
        if self.svd_solver not in ("auto", "covariance_eigh"):
            raise ValueError(
                f"partial_fit merges covariances, which svd_solver={self.svd_solver!r} does not "
                "make; use 'auto' or 'covariance_eigh'."
            )
        first = not hasattr(self, "components_")
        before = None if first else self._moments
        if not first and before is None:
            raise ValueError(
                f"The last fit used svd_solver={self._fit_svd_solver!r}, which keeps no covariance "
                "for partial_fit to go on with. Call partial_fit on a new PCA, from the first rows."
            )
        X = validate_data(self, X, dtype=np.float64, order="C", reset=first)
        moments = scatter(read_only(X), thread_count())
        with single_blas_thread():
            if before is not None:
                with np.errstate(over="ignore", invalid="ignore"):
                    moments = merged(before, moments)
            n, d = round(moments.weight), X.shape[1]
            self._check_count(n, d, "covariance_eigh")
            attributes = of_moments(moments).attributes(self._asked(n, d, "covariance_eigh"))
        for name, value in attributes.items():
            setattr(self, name, value)
        self._moments, self._fit_svd_solver = moments, "covariance_eigh"
        return self
