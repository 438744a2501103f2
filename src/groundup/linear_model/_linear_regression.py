r"""Least squares: the line (plane, hyperplane) with the smallest sum of squared errors.

    minimise over w, b:   sum_i v_i (y_i - x_i . w - b)^2

With the columns and the target centred at their means the intercept drops out, and setting the
gradient to zero gives d equations for the d weights, the normal equations

    X^T X w = X^T y,        b = mean(y) - mean(x) . w .

Two ways lead to the same weights, and both end in a small triangular matrix R with R^T R = X^T X:

1. *Squared*: make X^T X in one pass (see `_moments`) and take its Cholesky factor.  Fast, but it
   squares the condition number: of 16 digits, 2 log10(cond) are lost.  Where that is too much for
   comfort the weights are refined once, with residuals taken from the rows themselves:
   w += (X^T X)^-1 X^T (y - X w), which wins the digits back.
2. *Orthogonal*: X = Q R, chunk by chunk (a chunk's R is stacked on the next one's and factored
   again), which loses log10(cond) digits only.  Then the singular values of R, which are those
   of X, tell which directions the rows say nothing about; of the many solutions the shortest is
   taken, as `scipy.linalg.lstsq` does.

Scaling the columns to one length first costs nothing and shows the condition number that matters.
The squared way is taken where its error, about eps cond^2, stays below `tol`; the orthogonal way
where it does not, where columns depend on each other, and where rows are fewer than columns.

Cost: n d^2 / 2 multiplications the squared way, about four times that the orthogonal way.  It
fails to be useful where d is about n or larger: any noise can then be fitted (see `Ridge`).

References
----------
.. [1] Golub and Van Loan (2013), "Matrix Computations", 4th edition, chapter 5.
.. [2] Bjorck (1987), "Stability analysis of the method of seminormal equations for linear least
   squares problems", Linear Algebra and its Applications 88/89.
.. [3] Demmel, Grigori, Hoemmen and Langou (2012), "Communication-optimal parallel and sequential QR
   and LU factorizations", SIAM Journal on Scientific Computing 34(1).
"""

from __future__ import annotations

import functools
from collections.abc import Generator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import cho_solve, lapack
from sklearn.base import MultiOutputMixin
from sklearn.utils._param_validation import Interval

from groundup._blocks import single_blas_thread, thread_count
from groundup.linear_model._base import LinearRegressor, uncentred
from groundup.linear_model._moments import CentredRows

EPS = np.finfo(np.float64).eps
REFINE_ABOVE = 100 * EPS  # relative error from which refining is worth a pass over the rows


def least_squares(
    X: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    fit_intercept: bool = True,
    tol: float = 1e-6,
    n_threads: int = 1,
) -> Generator[dict[str, Any], None, None]:
    """Solve least squares; yields the solution, and once more if it had to be refined.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Features; C-contiguous, float64, read-only.
    y : ndarray of shape (n,) or (n, t)
        Targets, likewise.
    sample_weight : ndarray of shape (n,) or None
        Weight of each row.
    fit_intercept : bool, default=True
        Whether there is a b.
    tol : float, default=1e-6
        The largest relative error, eps cond^2, with which the squared way may begin.
    n_threads : int, default=1
        Threads; they do not change a bit of the result.

    Yields
    ------
    dict
        ``coef_`` of shape (d,) or (t, d), ``intercept_``, ``rank_`` and ``singular_``.
    """
    n, d = X.shape
    rows = CentredRows(X, y.reshape(n, -1), sample_weight, n_threads)
    moments = rows.moments(centred=fit_intercept)

    def state(w: np.ndarray, singular: np.ndarray, rank: int) -> dict[str, Any]:
        solution = uncentred(w, moments.mean, y.ndim == 1, fit_intercept)
        return {**solution, "rank_": rank, "singular_": singular}

    gram, product = moments.second[:d, :d], moments.second[:d, d:]
    cutoff = EPS * max(n, d)
    with single_blas_thread():
        factor, error = cholesky_factor(gram) if n >= d else (None, np.inf)
        squared = False
        if factor is not None and error <= tol:
            singular = np.linalg.svd(factor, compute_uv=False)
            squared = bool(singular[-1] > cutoff * singular[0])
        if squared:
            w = cho_solve((factor, False), product, check_finite=False)
        else:
            R = triangle(rows, moments.mean)
            w, singular, rank = shortest_solution(R[:, :d], R[:, d:], cutoff)
    yield state(w, singular, d if squared else rank)
    if squared and error > REFINE_ABOVE:
        with single_blas_thread():
            w += cho_solve((factor, False), gradient(rows, moments.mean, w))
        yield state(w, singular, d)


def cholesky_factor(gram: np.ndarray) -> tuple[np.ndarray | None, float]:
    """Factor R^T R = X^T X with R upper triangular; tell the relative error of solving with it.

    Parameters
    ----------
    gram : ndarray of shape (d, d)
        X^T X.

    Returns
    -------
    R : ndarray of shape (d, d), or None if columns depend on each other
    error : float
        About eps cond^2, where cond is the condition number of X with all columns of length 1.
    """
    length = np.sqrt(np.diag(gram))
    if not length.all():
        return None, np.inf
    scaled = gram / np.outer(length, length)
    norm = np.abs(scaled).sum(axis=0).max()
    factor, failed = lapack.dpotrf(scaled)
    if failed:
        return None, np.inf
    inverse_condition, _ = lapack.dpocon(factor, norm)  # estimates 1 / (|A| |A^-1|) in d^2 steps
    if inverse_condition == 0.0:
        return None, np.inf
    return factor * length, float(EPS / inverse_condition)


def gradient(rows: CentredRows, mean: np.ndarray, w: np.ndarray) -> np.ndarray:
    """X^T V (y - X w), of shape (d, t), from the rows themselves."""
    d = w.shape[0]

    def of_block(start: int, stop: int) -> np.ndarray:
        # z_i holds sqrt(v_i) (x_i, y_i), centred
        parts = (Z[:, :d].T @ (Z[:, d:] - Z[:, :d] @ w) for Z, *_ in rows.chunks(start, stop, mean))
        return functools.reduce(np.add, parts)

    return functools.reduce(np.add, rows.over_blocks(of_block))


def triangle(rows: CentredRows, mean: np.ndarray) -> np.ndarray:
    """R of sqrt(V) (X, y) = Q R, of shape (min(n, d + t), d + t), without ever making Q."""

    def of_block(start: int, stop: int) -> np.ndarray:
        Z = np.concatenate([Z.copy() for Z, *_ in rows.chunks(start, stop, mean)])
        return np.asarray(np.linalg.qr(Z, mode="r"))

    return np.asarray(np.linalg.qr(np.concatenate(rows.over_blocks(of_block)), mode="r"))


def shortest_solution(
    A: np.ndarray, b: np.ndarray, cutoff: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Of the solutions w of least squares A w = b, find the one of smallest length.

    Parameters
    ----------
    A : ndarray of shape (r, d)
    b : ndarray of shape (r, t)
    cutoff : float
        Directions whose singular value is at most this part of the largest count as zero.

    Returns
    -------
    w : ndarray of shape (d, t)
    singular : ndarray of shape (min(r, d),)
        Singular values, in falling order.
    rank : int
        How many of them count.
    """
    # A = U diag(s) V^T,   w = V diag(1 / s) U^T b
    U, singular, Vt = np.linalg.svd(A, full_matrices=False)
    rank = int(np.sum(singular > cutoff * singular[0]))
    w = Vt[:rank].T @ ((U[:, :rank].T @ b) / singular[:rank, np.newaxis])
    return w, singular, rank


class LinearRegression(MultiOutputMixin, LinearRegressor):
    """Ordinary least squares: the weights with the smallest sum of squared errors.

    Parameters
    ----------
    fit_intercept : bool, default=True
        Whether to fit the constant b as well. Without it the hyperplane goes through the origin.
    copy_X : bool, default=True
        Accepted for compatibility; `X` is never written to.
    tol : float, default=1e-6
        Precision asked of the fast way, at least 0. It is taken where its relative error before
        refinement, about eps cond^2, is at most `tol`; 0 asks for the orthogonal way always.
        No direction is dropped because of `tol`: only those go whose singular value is below
        rounding error, max(n, d) eps times the largest. (scikit-learn 1.9 drops directions below
        `tol` times the largest, hence columns a million times smaller than another.)
    n_jobs : int or None, default=None
        Threads: None and -1 take all, k takes at most k. The result is the same to the bit.
    positive : bool, default=False
        Only False is supported.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Weights: change of the prediction per unit of a feature. Of several solutions the shortest.
    intercept_ : float or ndarray of shape (n_targets,)
        The constant b; 0.0 without an intercept.
    rank_ : int
        Number of directions that the rows determine.
    singular_ : ndarray of shape (min(n_samples, n_features),)
        Singular values of the centred `X`, in falling order.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, if ``positive=True``.

    References
    ----------
    .. [1] Bjorck (1996), "Numerical methods for least squares problems", SIAM.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.linear_model import LinearRegression
    >>> X = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 3.0]])
    >>> model = LinearRegression().fit(X, X @ [1.0, 2.0] + 3.0)
    >>> print(model.coef_.round(6), round(model.intercept_, 6))
    [1. 2.] 3.0
    >>> print(model.predict([[3.0, 5.0]]).round(6))
    [16.]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_jobs": [None, Integral],
        "positive": ["boolean"],
    }

    def __init__(self, *, fit_intercept=True, copy_X=True, tol=1e-6, n_jobs=None, positive=False):
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.tol = tol
        self.n_jobs = n_jobs
        self.positive = positive

    def _check_parameters(self, X, y):
        if self.positive:
            raise ValueError(
                "LinearRegression(positive=True) is not supported; use positive=False, or "
                "Lasso(positive=True) with a small alpha for weights that are not negative."
            )

    def _max_steps(self):
        return 2

    def _steps(self, X, y, sample_weight):
        n_threads = thread_count(self.n_jobs)
        return least_squares(X, y, sample_weight, self.fit_intercept, self.tol, n_threads)
