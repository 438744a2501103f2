r"""Ridge regression: least squares with a price on large weights.

    minimise over w, b:   sum_i v_i (y_i - x_i . w - b)^2 + alpha |w|^2

The price makes the answer unique even where columns depend on each other or outnumber the rows, and
it trades a little bias for a lot less variance: a larger `alpha` pulls all weights towards zero,
those along directions in which the rows vary least the most.  The constant b is not penalised.

With centred data the gradient is zero where

    (X^T X + alpha I) w = X^T y                 d equations, for d <= n (primal)
    w = X^T a,   (X X^T + alpha I) a = y        n equations, for n < d  (dual)

Both are solved with a Cholesky factor.  They square the condition number, as least squares does
(see `_linear_regression`), so where the price is too small to keep the system well-conditioned the
singular values X = U diag(s) V^T take over, which never square it:

    w = V diag(s / (s^2 + alpha)) U^T y .

Cost: n d min(n, d) / 2 multiplications.  Features should be on comparable scales, because the price
is the same for all weights.

References
----------
.. [1] Hoerl and Kennard (1970), "Ridge regression: biased estimation for nonorthogonal problems",
   Technometrics 12(1).
.. [2] Saunders, Gammerman and Vovk (1998), "Ridge regression learning algorithm in dual variables",
   ICML.
"""

from __future__ import annotations

import functools
from collections.abc import Generator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import cho_solve
from sklearn.base import MultiOutputMixin
from sklearn.utils._param_validation import Interval, StrOptions

from groundup._blocks import block_bounds, over_threads, single_blas_thread, thread_count
from groundup.linear_model._base import LinearRegressor, uncentred
from groundup.linear_model._linear_regression import (
    EPS,
    REFINE_ABOVE,
    cholesky_factor,
    gradient,
    triangle,
)
from groundup.linear_model._moments import CentredRows, Moments

TRUSTED = 1e-6  # relative error below which one refinement restores full precision


def ridge(
    X: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    alpha: float | np.ndarray = 1.0,
    fit_intercept: bool = True,
    solver: str = "auto",
    n_threads: int = 1,
) -> Generator[dict[str, Any], None, None]:
    """Solve ridge regression; yields the solution once.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Features; C-contiguous, float64, read-only.
    y : ndarray of shape (n,) or (n, t)
        Targets, likewise.
    sample_weight : ndarray of shape (n,) or None
        Weight of each row.
    alpha : float or ndarray of shape (t,)
        The price, for all targets or for each.
    fit_intercept : bool, default=True
        Whether there is a b.
    solver : {"auto", "cholesky", "svd"}
        "auto" is "cholesky" while that keeps its precision, else "svd".
    n_threads : int, default=1
        Threads; they do not change a bit of the result.

    Yields
    ------
    dict
        ``coef_`` of shape (d,) or (t, d), ``intercept_``, ``solver_`` and ``n_iter_`` (1).
    """
    n, d = X.shape
    rows = CentredRows(X, y.reshape(n, -1), sample_weight, n_threads)
    alphas = np.broadcast_to(np.asarray(alpha, dtype=np.float64).ravel(), rows.Y.shape[1])
    w = None
    with single_blas_thread():
        if n >= d:
            moments = rows.moments(centred=fit_intercept)
            mean = moments.mean
            if solver != "svd":
                w = primal(rows, moments, alphas)
        else:
            mean = rows.mean() if fit_intercept else np.zeros(rows.width)
            if solver != "svd":
                w = dual(rows, mean, alphas)
        used = "svd" if w is None else "cholesky"
        if w is None:
            w = by_singular_values(triangle(rows, mean), d, alphas, EPS * max(n, d))
    state = uncentred(w, mean, y.ndim == 1, fit_intercept)
    if w.shape[1] == 1:
        state["coef_"] = w[:, 0]  # scikit-learn's shape, also for y of shape (n, 1)
    yield {**state, "solver_": used, "n_iter_": 1}


def primal(rows: CentredRows, moments: Moments, alphas: np.ndarray) -> np.ndarray | None:
    """Solve (X^T X + alpha I) w = X^T y; None where that would lose too much precision.

    Returns w of shape (d, t).
    """
    d = rows.X.shape[1]
    w = np.empty((d, len(alphas)))
    for alpha in np.unique(alphas):
        targets = np.flatnonzero(alphas == alpha)
        gram = moments.second[:d, :d] + alpha * np.eye(d)
        factor, error = cholesky_factor(gram)
        if error > TRUSTED:
            return None
        solved = cho_solve((factor, False), moments.second[:d, d + targets], check_finite=False)
        if error > REFINE_ABOVE:
            # w += (X^T X + alpha I)^-1 (X^T (y - X w) - alpha w), with the residuals of the rows
            full = np.zeros_like(w)
            full[:, targets] = solved
            slope = gradient(rows, moments.mean, full)[:, targets] - alpha * solved
            solved = solved + cho_solve((factor, False), slope)
        w[:, targets] = solved
    return w


def dual(rows: CentredRows, mean: np.ndarray, alphas: np.ndarray) -> np.ndarray | None:
    """Solve (X X^T + alpha I) a = y, w = X^T a; None where that would lose too much precision.

    Returns w of shape (d, t).
    """
    n, d = rows.X.shape
    root = np.sqrt(rows.weights)[:, np.newaxis]  # (n, 1)
    bounds = block_bounds(d, block_rows=1024, max_blocks=max(2, min(16, 2**25 // n**2)))
    blocks = [slice(*pair) for pair in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
    n_threads = min(rows.n_threads, len(blocks))

    def centred(columns: slice) -> np.ndarray:
        Z = rows.X[:, columns] - mean[columns]
        return np.multiply(Z, root, out=Z) if rows.weighted else Z

    def products(columns: slice) -> np.ndarray:
        Z = centred(columns)
        return np.matmul(Z, Z.T)

    # K = X X^T, summed over blocks of columns
    K = functools.reduce(np.add, over_threads(products, blocks, n_threads))  # (n, n)
    Y = root * (rows.Y - mean[d:])
    a = np.empty_like(Y)
    for alpha in np.unique(alphas):
        targets = np.flatnonzero(alphas == alpha)
        factor, error = cholesky_factor(K + alpha * np.eye(n))
        if error > TRUSTED:
            return None
        solved = cho_solve((factor, False), Y[:, targets], check_finite=False)
        residual = Y[:, targets] - K @ solved - alpha * solved
        a[:, targets] = solved + cho_solve((factor, False), residual)
    return np.concatenate(over_threads(lambda c: centred(c).T @ a, blocks, n_threads))


def by_singular_values(R: np.ndarray, d: int, alphas: np.ndarray, cutoff: float) -> np.ndarray:
    """Solve with R, the triangle of the rows (X, y), whatever the condition number.

    Parameters
    ----------
    R : ndarray of shape (r, d + t)
    d : int
    alphas : ndarray of shape (t,)
    cutoff : float
        Directions whose singular value is at most this part of the largest count as zero.

    Returns
    -------
    w : ndarray of shape (d, t)
    """
    # w = V diag(s / (s^2 + alpha)) U^T y,   where directions with s = 0 stay at zero
    U, s, Vt = np.linalg.svd(R[:, :d], full_matrices=False)
    rank = int(np.sum(s > cutoff * s[0]))
    s = s[:rank, np.newaxis]
    return Vt[:rank].T @ ((U[:, :rank].T @ R[:, d:]) * (s / (s**2 + alphas)))


class Ridge(MultiOutputMixin, LinearRegressor):
    """Linear least squares with an l2 penalty.

    Parameters
    ----------
    alpha : float or array-like of shape (n_targets,), default=1.0
        Price of the squared length of the weights, at least 0; one for all targets or one for each.
    fit_intercept : bool, default=True
        Whether to fit the constant b as well.
    copy_X : bool, default=True
        Accepted for compatibility; `X` is never written to.
    max_iter : int or None, default=None
        Accepted for compatibility; the solvers are direct.
    tol : float, default=1e-4
        Accepted for compatibility; the solvers are direct.
    solver : {"auto", "svd", "cholesky"}, default="auto"
        "cholesky" squares the condition number and so is fast; "svd" does not and is for nearly
        dependent columns with a small `alpha`. "auto" and "cholesky" both switch to "svd" where
        "cholesky" would lose more than half of the digits.
    positive : bool, default=False
        Only False is supported.
    random_state : int, RandomState instance or None, default=None
        Accepted for compatibility; nothing is random.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Weights.
    intercept_ : float or ndarray of shape (n_targets,)
        The constant b; 0.0 without an intercept.
    n_iter_ : int
        Always 1: the solvers are direct.
    solver_ : str
        The solver that was used.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, for a solver or ``positive=True`` that is not supported, and for as many
        values of `alpha` as there are not targets.

    References
    ----------
    .. [1] Hoerl and Kennard (1970), "Ridge regression: biased estimation for nonorthogonal
       problems", Technometrics 12(1).

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.linear_model import Ridge
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = Ridge(alpha=5.0).fit(X, [0.0, 1.0, 2.0, 3.0])
    >>> print(model.coef_)  # 5 / (5 + alpha)
    [0.5]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "solver": [
            StrOptions({"auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"})
        ],
        "positive": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        alpha=1.0,
        *,
        fit_intercept=True,
        copy_X=True,
        max_iter=None,
        tol=1e-4,
        solver="auto",
        positive=False,
        random_state=None,
    ):
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.positive = positive
        self.random_state = random_state

    def _check_parameters(self, X, y):
        if self.solver not in ("auto", "cholesky", "svd"):
            raise ValueError(
                f"Ridge(solver={self.solver!r}) is not supported; use 'auto', 'cholesky' or 'svd'."
            )
        if self.positive:
            raise ValueError("Ridge(positive=True) is not supported; use positive=False.")
        alpha = np.asarray(self.alpha, dtype=np.float64)
        n_targets = 1 if y.ndim == 1 else y.shape[1]
        if alpha.size not in (1, n_targets):
            raise ValueError(
                f"alpha has {alpha.size} values for {n_targets} targets; "
                "give one value, or one for each target."
            )
        if not np.all(alpha >= 0) or not np.isfinite(alpha).all():
            raise ValueError(f"alpha must be finite and at least 0; got {self.alpha!r}.")

    def _max_steps(self):
        return 1

    def _steps(self, X, y, sample_weight):
        return ridge(
            X, y, sample_weight, self.alpha, self.fit_intercept, self.solver, thread_count()
        )
