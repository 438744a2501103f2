r"""One-class support vector machine: where are the usual rows?

There are no labels: all rows are of one kind, but for some that may not be.  The machine finds the
region where rows lie close together, as the half-space furthest from the origin that still holds
most of them; the kernel bends it into any shape:

    minimise   1/2 |w|^2 - rho + 1/(nu n) sum_i max(0, rho - w'phi(x_i))         primal
    minimise   1/2 a^T K a     subject to  0 <= a_i <= 1,   sum_i a_i = nu n     dual

    f(x) = sum_j a_j K(x_j, x) - rho                 positive inside

The number nu says what to expect: at most a share nu of the training rows ends up outside, and at
least a share nu are support vectors.  With a narrow kernel (large gamma) f is an estimate of the
density of the rows, and rho the height at which it is cut.

Cost: as for every kernel machine (`_smo`), here with nu n support vectors or more.  Columns should
be of one scale.

References
----------
.. [1] Schoelkopf, Platt, Shawe-Taylor, Smola and Williamson (2001), "Estimating the support of a
   high-dimensional distribution", Neural Computation 13(7).
"""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils._param_validation import Interval

from groundup.svm._one_machine import OneMachine
from groundup.svm._smo import smo


class OneClassSVM(OutlierMixin, OneMachine):
    """Detection of outliers and novelties by the border of a region that holds most rows.

    Parameters and attributes are those of scikit-learn's class of the same name.

    Parameters
    ----------
    kernel : {"linear", "poly", "rbf", "sigmoid", "precomputed"}, default="rbf"
        How alike two rows are; see `_kernel_function`. With "precomputed", `X` is the matrix of
        kernel values itself.
    degree : int, default=3
        Degree of the polynomial kernel, at least 0.
    gamma : {"scale", "auto"} or float, default="scale"
        The kernel's gamma: "scale" is 1 / (n_features * X.var()), "auto" is 1 / n_features.
    coef0 : float, default=0.0
        The constant of the polynomial and the sigmoid kernel.
    tol : float, default=1e-3
        Stop when no pair of rows violates its conditions of optimality by more than this.
    nu : float, default=0.5
        The largest share of training rows outside the region, and the smallest share of support
        vectors. Above 0, at most 1.
    shrinking : bool, default=True
        Whether rows that seem to have settled may be left out until the end.
    cache_size : float, default=200
        Megabytes for kernel values.
    verbose : bool, default=False
        Has no effect; set a callback (`set_callbacks`) to watch the steps.
    max_iter : int, default=-1
        The most steps of pairs; -1 for no limit.

    Attributes
    ----------
    support_ : ndarray of shape (n_SV,)
        Numbers of the support vectors among the training rows.
    support_vectors_ : ndarray of shape (n_SV, n_features)
        The support vectors; empty for a precomputed kernel.
    n_support_ : ndarray of shape (1,)
        How many there are.
    dual_coef_ : ndarray of shape (1, n_SV)
        Their weights a.
    coef_ : ndarray of shape (1, n_features)
        Weights of the features, for ``kernel="linear"`` alone.
    intercept_ : ndarray of shape (1,)
        -rho.
    offset_ : ndarray of shape (1,)
        rho: `decision_function` is `score_samples` less this.
    fit_status_ : int
        0: solved to `tol`; 1: `max_iter` or rounding came first (with a warning).
    n_iter_ : int
        Steps of pairs.
    shape_fit_ : tuple of int
        Shape of the training rows.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, for no row of positive weight, a kernel given as a function, or a precomputed
        kernel that is not square.

    References
    ----------
    .. [1] Schoelkopf, Platt, Shawe-Taylor, Smola and Williamson (2001), "Estimating the support of
       a high-dimensional distribution", Neural Computation 13(7).

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.svm import OneClassSVM
    >>> X = np.array([[0.0], [0.1], [0.2], [0.3], [0.4], [0.5]])
    >>> OneClassSVM(gamma=1.0, nu=0.2).fit(X).predict([[0.25], [5.0]])
    array([ 1, -1])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **OneMachine._parameter_constraints,
        "nu": [Interval(Real, 0.0, 1.0, closed="right")],
    }

    def __init__(
        self,
        *,
        kernel="rbf",
        degree=3,
        gamma="scale",
        coef0=0.0,
        tol=1e-3,
        nu=0.5,
        shrinking=True,
        cache_size=200,
        verbose=False,
        max_iter=-1,
    ):
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.tol = tol
        self.nu = nu
        self.shrinking = shrinking
        self.cache_size = cache_size
        self.verbose = verbose
        self.max_iter = max_iter

    def _steps(self, X, y, sample_weight):
        n = len(X)
        upper = np.ones(n) if sample_weight is None else np.array(sample_weight)
        # the first rows take all of sum_i a_i = nu n, until there is none left
        before = np.cumsum(upper) - upper
        start = np.clip(self.nu * upper.sum() - before, 0.0, upper)
        steps = smo(
            self._kernel_rows(X),
            target=np.zeros(n),
            low=np.zeros(n),
            high=upper,
            start=start,
            tol=self.tol,
            max_iter=self.max_iter,
            shrinking=self.shrinking,
        )
        for state in steps:
            fitted = self._fitted(X, state["b"], state)
            yield {**fitted, "offset_": np.array([state["rho"]])}
        self._warn_if_unsolved(state["violation"], state["n_iter"])

    def score_samples(self, X):
        """Return sum_j a_j K(x_j, x): how much like the training rows each row is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples, n_fitted) if precomputed

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.decision_function(X) + self.offset_

    def decision_function(self, X):
        """Return how far inside the region each row lies: `score_samples` less `offset_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples, n_fitted) if precomputed

        Returns
        -------
        ndarray of shape (n_samples,)
            Positive inside.
        """
        return self._decision(X)

    def predict(self, X):
        """Tell for each row whether it is inside the region.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples, n_fitted) if precomputed

        Returns
        -------
        ndarray of shape (n_samples,)
            1 inside, -1 outside.
        """
        return np.where(self.decision_function(X) > 0.0, 1, -1).astype(np.intp)
