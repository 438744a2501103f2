r"""The elastic net: least squares with a price on weights that sets most of them to zero.

    minimise over w, b:   1/(2 W) sum_i v_i (y_i - x_i . w - b)^2
                          + alpha l1_ratio |w|_1 + alpha (1 - l1_ratio)/2 |w|_2^2

W is the sum of the row weights v.  The absolute value has a corner at zero: a feature gets a weight
only if it lowers the error by more than the price, so the model names the features it needs.  The
squared part shares the weight out among features that say the same; the lasso, which has none
(l1_ratio = 1), picks one of them.

Two ways, by the shape of the data:

- rows are many: their second moments are made in one pass (`_moments`), and coordinate descent
  works on a d x d matrix and never sees the rows again (`_coordinate_descent`);
- columns are many: coordinate descent works on the few columns that matter, and passes over all of
  them prove that nothing was missed (`_working_set`).

Both stop on the duality gap: the fitted objective is within `dual_gap_` of the best there is.

References
----------
.. [1] Tibshirani (1996), "Regression shrinkage and selection via the lasso", Journal of the Royal
   Statistical Society B 58(1).
.. [2] Zou and Hastie (2005), "Regularization and variable selection via the elastic net", Journal
   of the Royal Statistical Society B 67(2).
"""

from __future__ import annotations

import warnings
from collections.abc import Generator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import MultiOutputMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from groundup._blocks import thread_count
from groundup.linear_model._base import LinearRegressor, uncentred
from groundup.linear_model._coordinate_descent import Penalty, coordinate_descent
from groundup.linear_model._moments import CentredRows
from groundup.linear_model._working_set import working_sets

MOST_MOMENTS = 1000  # columns up to which the d x d moments of many rows are worth making


def elastic_net(
    X: np.ndarray,
    y: np.ndarray,
    penalty: Penalty,
    sample_weight: np.ndarray | None = None,
    fit_intercept: bool = True,
    precompute: bool = False,
    max_iter: int = 1000,
    tol: float = 1e-4,
    rng: np.random.RandomState | None = None,
    start: np.ndarray | None = None,
    n_threads: int = 1,
) -> Generator[dict[str, Any], None, None]:
    """Fit the elastic net, one target after the other.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Features; C-contiguous, float64, read-only.
    y : ndarray of shape (n,) or (n, t)
        Targets, likewise.
    penalty : Penalty
        Prices of the weights.
    sample_weight : ndarray of shape (n,) or None
        Weight of each row.
    fit_intercept : bool, default=True
        Whether there is a b.
    precompute : bool, default=False
        Whether to work on the moments whatever the shape of the data.
    max_iter : int, default=1000
        The most epochs for a target.
    tol : float, default=1e-4
        Stop where the duality gap is at most `tol` times the mean square of the centred target.
    rng : RandomState or None
        Draws the order of the coordinates; without it they come in turn.
    start : ndarray of shape (d,) or (t, d) or None
        Weights to start from; zeros by default.
    n_threads : int, default=1
        Threads; they do not change a bit of the result.

    Yields
    ------
    dict
        After each epoch, or each working set: ``coef_``, ``intercept_``, ``n_iter_`` and
        ``dual_gap_``.
    """
    n, d = X.shape
    rows = CentredRows(X, y.reshape(n, -1), sample_weight, n_threads)
    t = rows.Y.shape[1]
    w = np.zeros((t, d)) if start is None else np.array(np.atleast_2d(start))
    mean, gaps, counts = np.zeros(d + t), np.zeros(t), [0] * t

    if precompute or d <= min(n, MOST_MOMENTS):
        moments = rows.moments(centred=fit_intercept)
        second = moments.second / moments.weight
        mean = moments.mean
        gram = np.ascontiguousarray(second[:d, :d])

        def steps(k: int) -> Generator[dict[str, Any], None, None]:
            target, square = second[:d, d + k].copy(), second[d + k, d + k]
            return coordinate_descent(gram, target, square, w[k], penalty, max_iter, tol, rng)

    else:
        shares = rows.weights / rows.weights.sum()

        def steps(k: int) -> Generator[dict[str, Any], None, None]:
            return working_sets(
                X,
                np.ascontiguousarray(rows.Y[:, k]),
                shares,
                w[k],
                penalty,
                fit_intercept,
                max_iter,
                tol,
                rng,
                n_threads,
            )

    for k in range(t):
        for step in steps(k):
            gaps[k], counts[k] = step["gap"], step["n_iter"]
            if "mean" in step:
                mean[:d], mean[d + k] = step["mean"][:d], step["mean"][d]
            state = uncentred(w.T, mean, y.ndim == 1, fit_intercept)
            if t == 1:  # scikit-learn's shapes, also for y of shape (n, 1)
                yield {**state, "coef_": w[0], "n_iter_": counts[0], "dual_gap_": gaps[0]}
            else:
                yield {**state, "n_iter_": counts, "dual_gap_": gaps}
        if not step["converged"]:
            warnings.warn(
                f"Coordinate descent did not converge in {max_iter} epochs: the duality gap is "
                f"{step['gap']:.3g}. Give it more with max_iter, scale the features, or raise "
                "alpha or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )


class ElasticNet(MultiOutputMixin, LinearRegressor):
    """Linear regression with a mixed l1 and l2 penalty.

    Parameters
    ----------
    alpha : float, default=1.0
        Price of the weights, at least 0. At 0 it is least squares, and `LinearRegression` is the
        better way to that.
    l1_ratio : float, default=0.5
        Share of the l1 penalty, from 0 (only l2) to 1 (only l1: the lasso).
    fit_intercept : bool, default=True
        Whether to fit the constant b as well; it has no price.
    precompute : bool, default=False
        True makes the second moments of the features whatever the shape of the data. False makes
        them where that is faster. A matrix is not supported.
    max_iter : int, default=1000
        The most epochs of coordinate descent.
    copy_X : bool, default=True
        Accepted for compatibility; `X` is never written to.
    tol : float, default=1e-4
        Stop where the duality gap is at most `tol` times the mean square of the centred target,
        and no weight changes by more than `tol` times the largest one. At least 0.
    warm_start : bool, default=False
        Whether to start from the weights of the last fit.
    positive : bool, default=False
        Whether weights must not be negative.
    random_state : int, RandomState instance or None, default=None
        Seed of the order of updates, for ``selection="random"``.
    selection : {"cyclic", "random"}, default="cyclic"
        Whether the coordinates are updated in turn, or in a new random order each time.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Weights, most of them zero.
    sparse_coef_ : sparse matrix of shape (1, n_features) or (n_targets, n_features)
        The weights that are not zero.
    intercept_ : float or ndarray of shape (n_targets,)
        The constant b; 0.0 without an intercept.
    n_iter_ : int or list of int
        Epochs that were run, for each target.
    dual_gap_ : float or ndarray of shape (n_targets,)
        The most by which the objective can be above its minimum.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, if `precompute` is a matrix.

    References
    ----------
    .. [1] Zou and Hastie (2005), "Regularization and variable selection via the elastic net",
       Journal of the Royal Statistical Society B 67(2).

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.linear_model import ElasticNet
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [3.0, 1.0]])
    >>> model = ElasticNet(alpha=0.5, l1_ratio=0.5).fit(X, [0.0, 1.0, 2.0, 3.0])
    >>> print(model.coef_)  # (1.25 - 0.25) / (1.25 + 0.25)
    [0.66666667 0.        ]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "fit_intercept": ["boolean"],
        "precompute": ["boolean", "array-like"],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "copy_X": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "positive": ["boolean"],
        "random_state": ["random_state"],
        "selection": [StrOptions({"cyclic", "random"})],
    }

    def __init__(
        self,
        alpha=1.0,
        *,
        l1_ratio=0.5,
        fit_intercept=True,
        precompute=False,
        max_iter=1000,
        copy_X=True,
        tol=1e-4,
        warm_start=False,
        positive=False,
        random_state=None,
        selection="cyclic",
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.precompute = precompute
        self.max_iter = max_iter
        self.copy_X = copy_X
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive
        self.random_state = random_state
        self.selection = selection

    @property
    def sparse_coef_(self):
        """Sparse representation of `coef_`, one row a target."""
        return sparse.csr_matrix(np.atleast_2d(self.coef_))

    def _check_parameters(self, X, y):
        if not isinstance(self.precompute, (bool, np.bool_)):
            raise ValueError(
                f"{type(self).__name__}(precompute=<matrix>) is not supported; use True or False."
            )
        if self.alpha == 0:
            warnings.warn(
                "With alpha=0 nothing is penalised and coordinate descent converges slowly; "
                "use LinearRegression.",
                stacklevel=2,
            )

    def _max_steps(self):
        return None  # it stops on the gap, and max_iter counts for each target

    def _steps(self, X, y, sample_weight):
        l1, l2 = self.alpha * self.l1_ratio, self.alpha * (1.0 - self.l1_ratio)
        penalty = Penalty(float(l1), float(l2), bool(self.positive))
        random = self.selection == "random"
        return elastic_net(
            X,
            y,
            penalty,
            sample_weight,
            self.fit_intercept,
            self.precompute,
            1000 if self.max_iter is None else self.max_iter,
            self.tol,
            check_random_state(self.random_state) if random else None,
            getattr(self, "coef_", None) if self.warm_start else None,
            thread_count(),
        )
