r"""Support vector regression: a curve that passes within `epsilon` of the targets.

With a kernel, the curve is a sum of bells around training rows (see `_kernel_function`),

    f(x) = sum_j b_j K(x_j, x) + intercept

A row whose target is within epsilon of the curve costs nothing and gets b = 0: it could be left out
and the curve would stay as it is.  All others are *support vectors*, which pull the curve up
(b > 0) or down (b < 0), no harder than C: so a wrong target cannot drag it far.

    minimise   1/2 |w|^2 + C sum_i max(0, |f(x_i) - y_i| - epsilon)              primal
    minimise   1/2 b^T K b - y^T b + epsilon |b|_1                               dual
               subject to  sum_i b_i = 0,   |b_i| <= C

The dual is that of every kernel machine (`_smo`), with two variables a row, one for each direction:
b_i = a_i - a*_i with 0 <= a_i, a*_i <= C, of which at most one is not zero.

Cost: between O(n d) and O(n d) times the number of support vectors.  These are the rows outside the
tube, so a small epsilon makes many of them.  Columns should be of one scale, and C of the order of
the targets' spread.

References
----------
.. [1] Drucker, Burges, Kaufman, Smola and Vapnik (1997), "Support vector regression machines",
   NIPS.
.. [2] Smola and Schoelkopf (2004), "A tutorial on support vector regression", Statistics and
   Computing 14(3).
"""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval

from groundup.svm._one_machine import OneMachine
from groundup.svm._smo import smo


class SVR(RegressorMixin, OneMachine):
    """Support vector regression with a kernel.

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
        Stop when no pair of rows violates its conditions of optimality by more than this, in the
        units of `y`.
    C : float, default=1.0
        The most that a row may pull, above 0.
    epsilon : float, default=0.1
        Errors up to this size cost nothing, in the units of `y`. At least 0.
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
        How hard each one pulls: b.
    coef_ : ndarray of shape (1, n_features)
        Weights of the features, for ``kernel="linear"`` alone.
    intercept_ : ndarray of shape (1,)
        The constant.
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
    .. [1] Smola and Schoelkopf (2004), "A tutorial on support vector regression", Statistics and
       Computing 14(3).

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.svm import SVR
    >>> X = np.linspace(0.0, 6.0, 30)[:, None]
    >>> model = SVR(C=10.0).fit(X, np.sin(X[:, 0]))
    >>> model.predict([[1.57]]).round(1)
    array([0.9])
    >>> int(model.n_support_[0])  # the other rows lie inside the tube
    6
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **OneMachine._parameter_constraints,
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "epsilon": [Interval(Real, 0.0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        kernel="rbf",
        degree=3,
        gamma="scale",
        coef0=0.0,
        tol=1e-3,
        C=1.0,
        epsilon=0.1,
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
        self.C = C
        self.epsilon = epsilon
        self.shrinking = shrinking
        self.cache_size = cache_size
        self.verbose = verbose
        self.max_iter = max_iter

    def _steps(self, X, y, sample_weight):
        n = len(X)
        price = np.full(n, float(self.C))
        if sample_weight is not None:
            price *= sample_weight
        # sum b = 0, so what is added to all targets is added to the constant, and to nothing else.
        # Near 0, targets lose the fewest digits to rounding.
        level = float(np.median(y))
        steps = smo(
            self._kernel_rows(X),
            target=y - level,
            low=-price,
            high=price,
            width=float(self.epsilon),
            tol=self.tol,
            max_iter=self.max_iter,
            shrinking=self.shrinking,
        )
        for state in steps:
            yield self._fitted(X, state["b"], {**state, "rho": state["rho"] - level})
        self._warn_if_unsolved(state["violation"], state["n_iter"])

    def predict(self, X):
        """Predict the target of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples, n_fitted) if precomputed
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
            The height of the curve, in the units of `y`.
        """
        return self._decision(X)
