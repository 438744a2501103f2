"""Linear support vector regression: a line that passes within `epsilon` of the targets.

A row whose prediction z = w'x + b is within `epsilon` of its target y costs nothing; any other pays
for the distance r that is left.  A wrong target pulls with a limited force, which makes the line
robust, and the rows inside the tube do not matter at all:

    minimise   1/2 (|w|^2 + (b / s)^2) + C sum_i c_i max(0, |z_i - y_i| - epsilon)
                                                                  loss="epsilon_insensitive"
    minimise   1/2 (|w|^2 + (b / s)^2) + C sum_i c_i max(0, |z_i - y_i| - epsilon)^2
                                                                  loss="squared_epsilon_insensitive"

It is the problem of `_intervals`: each row asks for [y - epsilon, y + epsilon].  With many rows the
first is solved by `_multipliers` and the second by `_primal_newton`, with many columns both by
`_dual_descent`.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from groundup.linear_model._base import LinearRegressor
from groundup.svm._intervals import Rows
from groundup.svm._linear_support import LinearSupportModel


class LinearSVR(LinearRegressor, LinearSupportModel):
    """Linear support vector regression.

    Parameters and attributes are those of scikit-learn's class of the same name.  As there, the
    intercept has a price like the other weights; `intercept_scaling` makes it cheaper.

    Parameters
    ----------
    epsilon : float, default=0.0
        Errors up to this size cost nothing, in the units of `y`. At least 0.
    tol : float, default=1e-4
        In the dual: stop when no row violates its conditions of optimality by more than `tol` times
        the mean violation at the start, and the duality gap is at most `tol` times the objective.
        In the primal: when the duality gap is at most `tol` / 100 times the objective; for the
        squared loss (`tol` / 10)^2 times.
    C : float, default=1.0
        Price of the errors, above 0.
    loss : {"epsilon_insensitive", "squared_epsilon_insensitive"}, default="epsilon_insensitive"
        What a row pays: the error beyond `epsilon`, or the square of it.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    intercept_scaling : float, default=1.0
        The number s: the intercept costs as much as a weight b / s.
    dual : bool or "auto", default="auto"
        Whether to solve the dual problem, which has a number for every row, or the primal one, with
        a number for every column. All ways lead to the same weights; "auto" takes the one that is
        fastest for the shape of `X`.
    verbose : int, default=0
        Has no effect; set a callback (`set_callbacks`) to watch the steps.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of the rows in the dual; the primal method draws nothing.
    max_iter : int, default=1000
        The most iterations: passes over the rows in the dual, Newton steps in the primal.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Weights of the features.
    intercept_ : ndarray of shape (1,)
        The prediction where all features are zero; 0.0 without an intercept.
    n_iter_ : int
        The iterations made.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, if `loss` and `dual` do not go together.

    Warns
    -----
    ConvergenceWarning
        From `fit`, if it ends further from the minimum than `tol` asks for, after `max_iter`
        iterations or because rounding hides any further decrease.

    References
    ----------
    .. [1] Ho and Lin (2012), "Large-scale linear support vector regression", Journal of Machine
       Learning Research 13.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.svm import LinearSVR
    >>> X = np.array([[-2.0], [-1.0], [0.0], [1.0], [2.0]])
    >>> y = [-4.0, -2.0, 0.0, 2.0, 40.0]  # 2 x, but for the last one
    >>> LinearSVR(C=10.0, random_state=0).fit(X, y).predict([[1.5]]).round(2)
    array([3.])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "epsilon": [Interval(Real, 0.0, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "loss": [StrOptions({"epsilon_insensitive", "squared_epsilon_insensitive"})],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "dual": ["boolean", StrOptions({"auto"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        epsilon=0.0,
        tol=1e-4,
        C=1.0,
        loss="epsilon_insensitive",
        fit_intercept=True,
        intercept_scaling=1.0,
        dual="auto",
        verbose=0,
        random_state=None,
        max_iter=1000,
    ):
        self.epsilon = epsilon
        self.tol = tol
        self.C = C
        self.loss = loss
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.dual = dual
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter

    def _steps(self, X, y, sample_weight):
        price = np.full(len(X), float(self.C))
        if sample_weight is not None:
            price *= sample_weight
        constant = self._constant()
        rows = Rows.of_targets(X, constant, y, float(self.epsilon), price)
        for V, n_iter in self._solutions(X, [lambda: rows]):
            yield {
                "coef_": V[0, :-1].copy(),
                "intercept_": constant * V[:, -1] if self.fit_intercept else 0.0,
                "n_iter_": n_iter,
            }
