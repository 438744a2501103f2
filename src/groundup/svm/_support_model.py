r"""What SVC, SVR and OneClassSVM share: the kernel, and what the machine says of a row.

All three end with some training rows, the *support vectors* v_j, a weight b_j for each, and

    f(x) = sum_j b_j K(v_j, x) + intercept

Rows that are asked for come in blocks against blocks of support vectors: a matrix product, one pass
for the kernel function, and a product with the weights, in double precision.
"""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions

from groundup._blocks import over_threads, single_blas_thread, thread_count
from groundup._estimator import Estimator
from groundup.svm._kernel_function import KERNELS, KernelFunction
from groundup.svm._kernel_rows import KernelRows

BLOCK_ROWS = 256  # rows that are asked for, by
BLOCK_VECTORS = 512  # support vectors: one megabyte in double precision


class SupportModel(Estimator):
    """A machine of support vectors: parameters of the kernel, decision values by blocks."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "kernel": [StrOptions(set(KERNELS)), callable],
        "degree": [Interval(Integral, 0, None, closed="left")],
        "gamma": [
            StrOptions({"scale", "auto"}),
            Interval(Real, 0.0, None, closed="left"),
        ],
        "coef0": [Interval(Real, None, None, closed="neither")],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "shrinking": ["boolean"],
        "cache_size": [Interval(Real, 0, None, closed="neither")],
        "verbose": ["verbose"],
        "max_iter": [Interval(Integral, -1, None, closed="left")],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.kernel == "precomputed"
        return tags

    def _max_steps(self):
        return None

    def _check_parameters(self, X, y):
        name = type(self).__name__
        if callable(self.kernel):
            raise ValueError(
                f"{name}(kernel=<function>) is not supported. Use kernel='precomputed' and give "
                f"fit the matrix kernel(X, X), predict the matrix kernel(Z, X); or one of "
                f"{KERNELS}."
            )
        if self.kernel == "precomputed" and X.shape[0] != X.shape[1]:
            raise ValueError(
                "Precomputed matrix must be a square matrix. Input is a "
                f"{X.shape[0]}x{X.shape[1]} matrix: give fit the kernel between all pairs of "
                "training rows."
            )

    def _kernel_function(self, X: np.ndarray) -> KernelFunction:
        """Return the kernel with its constants for training rows `X`; sets ``_gamma``."""
        gamma = self.gamma
        if gamma == "scale":
            with np.errstate(over="ignore", invalid="ignore"):
                variance = 0.0 if self.kernel in ("linear", "precomputed") else X.var()
            if not np.isfinite(variance):
                raise ValueError(
                    "gamma='scale' is 1 / (n_features * X.var()), but the variance overflows: X "
                    "has too large values. Bring the columns to one scale (StandardScaler)."
                )
            gamma = 1.0 / (X.shape[1] * variance) if variance != 0 else 1.0
        elif gamma == "auto":
            gamma = 1.0 / X.shape[1]
        self._gamma = float(gamma)
        return KernelFunction(self.kernel, self._gamma, self.degree, float(self.coef0))

    def _kernel_rows(self, X: np.ndarray, n_threads: int | None = None) -> KernelRows:
        """Return the kernel matrix of the training rows, for `smo`."""
        n_threads = thread_count() if n_threads is None else n_threads
        return KernelRows(X, self._kernel_function(X), self.cache_size, n_threads)

    def _warn_if_unsolved(self, violation: ArrayLike, n_iter: ArrayLike) -> None:
        """Warn if any machine ended above `tol`: at `max_iter`, or where rounding hides the rest.

        Parameters
        ----------
        violation, n_iter : array of shape (n_machines,) or numbers
            Where each machine's search ended, and after how many steps.
        """
        violation, n_iter = np.atleast_1d(violation), np.atleast_1d(n_iter)
        unsolved = violation > self.tol
        if not unsolved.any():
            return
        if 0 <= self.max_iter <= n_iter[unsolved].max():
            what = (
                f"stopped at max_iter={self.max_iter} steps before its optimality conditions held "
                f"to tol={self.tol}. Consider columns of one scale (StandardScaler or "
                "MinMaxScaler), a smaller C, or a larger max_iter."
            )
        else:
            what = (
                f"cannot come to tol={self.tol}: rounding hides all further progress, and the "
                f"violation left is {violation.max():.3g}. Consider columns of one scale "
                "(StandardScaler or MinMaxScaler), targets of moderate size, a smaller C, or a "
                "larger tol."
            )
        warnings.warn(f"{type(self).__name__} {what}", ConvergenceWarning, stacklevel=2)

    def _support_of(self, support: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Return ``support_vectors_`` for row numbers `support` of the training rows `X`."""
        if self.kernel == "precomputed":
            return np.empty((0, 0))
        return X[support]

    def _sums(
        self, X: np.ndarray, groups: list[tuple[slice, np.ndarray]], dtype: type = np.float64
    ) -> list[np.ndarray]:
        """Return sum_j b_j K(v_j, x) for rows `X`, for each group of support vectors.

        Parameters
        ----------
        X : ndarray of shape (n, d), or for a precomputed kernel (n, n_fitted)
        groups : list of (slice, ndarray of shape (n_vectors, k))
            Which of the support vectors, and k weights for each of them.
        dtype : float32 or float64, default=float64
            In which precision K is computed.

        Returns
        -------
        list of ndarray of shape (n, k), one for each group
        """
        function = KernelFunction(self.kernel, self._gamma, self.degree, float(self.coef0))
        precomputed = self.kernel == "precomputed"
        if not precomputed:
            center = function.center(self.support_vectors_) if len(self.support_vectors_) else 0.0
            V = function.left(self.support_vectors_, center, dtype)
        groups = [(vectors, weights.astype(dtype)) for vectors, weights in groups]
        sums = [np.zeros((len(X), weights.shape[1])) for _, weights in groups]

        @np.errstate(over="ignore", invalid="ignore")
        def add(first: int) -> None:
            block = slice(first, first + BLOCK_ROWS)
            if precomputed:
                Z = X[block][:, self.support_]
            else:
                Z = function.right(X[block], center, dtype)
            for (vectors, weights), total in zip(groups, sums, strict=True):
                for j in range(vectors.start, vectors.stop, BLOCK_VECTORS):
                    part = slice(j, min(j + BLOCK_VECTORS, vectors.stop))
                    # (vectors, n)
                    K = Z[:, part].T if precomputed else function.of(V[part], Z)
                    w = weights[j - vectors.start : part.stop - vectors.start]
                    total[block] += K.T @ w

        with single_blas_thread():
            over_threads(add, range(0, len(X), BLOCK_ROWS), thread_count())
        return sums
