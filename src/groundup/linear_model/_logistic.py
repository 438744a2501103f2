"""Logistic regression: probabilities of classes from a weighted sum of the features.

The sum z = w'x + b may be any number; the logistic function turns it into a probability,

    p = 1 / (1 + e^-z)                     for two classes,
    p_k = e^z_k / sum_l e^z_l              for K classes, each with a sum of its own,

so that adding 1 to z multiplies the odds p / (1 - p) by e. The coefficients are those under which
what happened was most probable, with a penalty on large ones:

    J(w, b) = -sum_i s_i log p(y_i | x_i) / sum_i s_i
              + (l1_ratio |w|_1 + (1 - l1_ratio) |w|^2 / 2) / (C sum_i s_i)

The cost is convex: there are no local minima, and every method that gets to the bottom finds the
same answer. Which one gets there fastest depends on the shape of the problem:

===================== ==================== ======================================================
penalty               parameters           method
===================== ==================== ======================================================
l2 or none            few                  Newton's method: four to eight exact steps
                                           (`_logistic_smooth`)
l2 or none            many                 L-BFGS on standardised columns: cheap steps (the same)
l1 or elastic net     any                  Newton's method with the l1 norm kept exact, on the
                                           columns that matter (`_logistic_sparse`)
===================== ==================== ======================================================

Cost: O(n d) a pass over the rows, O(n d^2) for a Hessian. It fails to have an answer when a
hyperplane separates the classes and there is no penalty: the coefficients then grow for ever, and
a warning says so.
"""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Hidden, Interval, StrOptions

from groundup._blocks import thread_count
from groundup._estimator import Estimator
from groundup.linear_model._base import linear_decision
from groundup.linear_model._logistic_cost import LogisticCost
from groundup.linear_model._logistic_smooth import smooth_logistic
from groundup.linear_model._logistic_sparse import sparse_logistic


class LogisticRegression(ClassifierMixin, Estimator):
    """Logistic regression for two or more classes, with l2, l1, elastic-net or no penalty.

    Parameters and attributes are those of scikit-learn's class of the same name.

    Parameters
    ----------
    penalty : {"l2", "l1", "elasticnet", None}, default="deprecated"
        Deprecated in scikit-learn 1.8: leave it, and use `l1_ratio` and `C`. It is still
        understood.
    C : float, default=1.0
        How much the data count against the penalty: the inverse of the penalty's strength.
        `np.inf` means no penalty.
    l1_ratio : float, default=0.0
        The share of the l1 norm in the penalty. 0: l2, which makes all coefficients smaller. 1: l1,
        which sets many of them to zero. In between: elastic net.
    dual : bool, default=False
        Only False is supported.
    tol : float, default=1e-4
        Without an l1 part: stop when no entry of the cost's gradient exceeds `tol`. With one: stop
        when the duality gap, which bounds how far the cost is above its minimum, is at most
        `tol / 100` times the cost of the model without features.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is not penalised.
    intercept_scaling : float, default=1
        Has no effect: the intercept is never penalised here.
    class_weight : dict or "balanced", default=None
        Weights of the classes, multiplied into the rows' weights.
    random_state : int, RandomState instance or None, default=None
        Has no effect: nothing here is random.
    solver : {"lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"}, \
default="lbfgs"
        All lead to the same coefficients. "newton-cg" and "newton-cholesky" ask for Newton's method
        however many features there are; with the others the method is chosen by the size of the
        problem. Any solver can be used with any penalty.
    max_iter : int, default=100
        The largest number of steps.
    verbose : int, default=0
        Has no effect; set a callback (`set_callbacks`) to watch the steps.
    warm_start : bool, default=False
        Begin with the coefficients of the last fit.
    n_jobs : int or None, default=None
        Threads to compute on; None and -1 mean all. The result does not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        The change of the decision value when a feature grows by 1.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        The decision value where all features are zero.
    n_iter_ : ndarray of shape (1,)
        The number of steps.

    Raises
    ------
    ValueError
        If there are fewer than two classes, or a parameter has a value that is not supported.

    References
    ----------
    Cox (1958), The regression analysis of binary sequences. Minka (2003), A comparison of
    numerical optimizers for logistic regression.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from groundup.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression().fit(X, y)
    >>> model.predict(X[:2])
    array([0, 0])
    >>> model.predict_proba(X[:1]).round(2)
    array([[0.98, 0.02, 0.  ]])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "penalty": [
            StrOptions({"l1", "l2", "elasticnet"}),
            None,
            Hidden(StrOptions({"deprecated"})),
        ],
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "dual": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "solver": [
            StrOptions({"lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"})
        ],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        penalty="deprecated",
        *,
        C=1.0,
        l1_ratio=0.0,
        dual=False,
        tol=1e-4,
        fit_intercept=True,
        intercept_scaling=1,
        class_weight=None,
        random_state=None,
        solver="lbfgs",
        max_iter=100,
        verbose=0,
        warm_start=False,
        n_jobs=None,
    ):
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    def _max_steps(self):
        return self.max_iter + 1  # the start is a step too

    def _check_parameters(self, X, y):
        if len(self.classes_) < 2:
            raise ValueError(
                "LogisticRegression needs rows of at least 2 classes, but y holds only one class: "
                f"{self.classes_.tolist()[0]!r}. Check that the target column and the rows are the "
                "right ones."
            )
        if self.dual:
            raise ValueError("dual=True is not supported; supported: dual=False.")
        if self.penalty == "elasticnet" and self.l1_ratio is None:
            raise ValueError(
                "penalty='elasticnet' needs l1_ratio, the share of the l1 norm, from 0 to 1."
            )
        if self.penalty != "deprecated":
            warnings.warn(
                "penalty is deprecated since scikit-learn 1.8 and will be removed in 1.10. Instead "
                "of penalty='l2' leave it out; of 'l1' give l1_ratio=1; of 'elasticnet' give "
                "l1_ratio; of None give C=np.inf.",
                FutureWarning,
                stacklevel=4,
            )

    def _penalty(self, weight_sum: float) -> tuple[float, float]:
        """Return the strengths of the l1 and the l2 part, of a cost that is a mean over rows."""
        share = self.l1_ratio or 0.0
        if self.penalty == "l1":
            share = 1.0
        elif self.penalty == "l2":
            share = 0.0
        strength = 0.0 if self.penalty is None else 1.0 / (self.C * weight_sum)
        return share * strength, (1.0 - share) * strength

    def _steps(self, X, y, sample_weight):
        cost = LogisticCost(
            X,
            y,
            len(self.classes_),
            sample_weight,
            fit_intercept=self.fit_intercept,
            n_threads=thread_count(self.n_jobs),
        )
        cost.l1, cost.l2 = self._penalty(cost.weight_sum)
        start = np.zeros(cost.shape)
        if self.warm_start and hasattr(self, "coef_"):
            if self.coef_.shape != start[:, :-1].shape:
                raise ValueError(
                    f"warm_start=True needs coefficients of shape {start[:, :-1].shape}, but the "
                    f"last fit left {self.coef_.shape}. Fit a new estimator."
                )
            start[:, :-1] = self.coef_
            start[:, -1] = self.intercept_ if self.fit_intercept else 0.0
        start = cost.ravel(start)

        limits = {"max_iter": self.max_iter, "tol": self.tol}
        if cost.l1 > 0.0:
            steps = sparse_logistic(cost, start, **limits)
        else:
            wants_newton = self.solver in ("newton-cg", "newton-cholesky")
            steps = smooth_logistic(
                cost, start, method="newton" if wants_newton else "auto", **limits
            )
        for step in steps:
            W = cost.unravel(step["parameters"])
            yield {
                "coef_": W[:, :-1].copy(),
                "intercept_": W[:, -1].copy(),
                "n_iter_": np.array([step["iteration"]], dtype=np.int32),
            }
        self._warn(step, cost)

    def _warn(self, step: dict[str, Any], cost: LogisticCost) -> None:
        unpenalised = cost.l1 == 0.0 and cost.l2 == 0.0
        if unpenalised and self.max_iter > 0 and _separates(cost):
            warnings.warn(
                "Without a penalty these coefficients have no finite value: they separate the "
                "classes perfectly, and larger ones always fit better. What is returned depends "
                "on tol. Give a finite C, or look for a feature that reveals the target.",
                ConvergenceWarning,
                stacklevel=2,
            )
        elif not step["converged"] and step["iteration"] >= self.max_iter:
            warnings.warn(
                f"LogisticRegression did not converge in max_iter={self.max_iter} steps "
                f"({_what_is_left(step)}, tol={self.tol:g}). Try a larger max_iter, a smaller C, "
                "or columns of one scale (StandardScaler).",
                ConvergenceWarning,
                stacklevel=2,
            )
        elif not step["converged"] and not _is_at_rounding(step, cost):
            warnings.warn(
                f"LogisticRegression stopped after {step['iteration']} steps, as rounding hid any "
                f"further decrease of the cost ({_what_is_left(step)}, tol={self.tol:g}). Bring "
                "the columns to one scale (StandardScaler).",
                ConvergenceWarning,
                stacklevel=2,
            )

    def decision_function(self, X):
        """Return the weighted sums from which the probabilities come.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes)
            For two classes the log-odds of `classes_[1]`: positive where it is the more probable.
        """
        X = self._validated_for_prediction(X)
        decision = linear_decision(X, self.coef_, self.intercept_)
        return decision[:, 0] if len(self.classes_) == 2 else decision

    def predict(self, X):
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        decision = self.decision_function(X)
        if decision.ndim == 1:
            return self.classes_[(decision > 0.0).astype(np.intp)]
        return self.classes_[np.argmax(decision, axis=1)]

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; each row sums to 1.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X):
        """Return the logarithm of each class's probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        z = self.decision_function(X)
        if z.ndim == 1:
            # log p = -log(1 + e^-z), log (1 - p) = -log(1 + e^z)
            return np.column_stack([-np.logaddexp(0.0, z), -np.logaddexp(0.0, -z)])
        # log p_k = z_k - log sum_l e^z_l
        below = z - z.max(axis=1, keepdims=True)
        return below - np.log(np.exp(below).sum(axis=1, keepdims=True))


def _separates(cost: LogisticCost) -> bool:
    """Tell whether every row is on the right side at the parameters evaluated last."""
    if cost.n_values == 1:
        right = (cost.proba[:, 0] > 0.5) == (cost.y == 1)
    else:
        right = np.argmax(cost.proba, axis=1) == cost.y
    return bool(np.all(right | (cost.sample_weight == 0.0)))


def _what_is_left(step: dict[str, Any]) -> str:
    if "gap" in step:
        return f"the duality gap is {step['gap']:.3g}"
    return f"the largest entry of the gradient is {np.max(np.abs(step['gradient'])):.3g}"


def _is_at_rounding(step: dict[str, Any], cost: LogisticCost) -> bool:
    """Tell whether what is left of the gradient is no more than the rounding of its sum."""
    if "gap" in step:
        return step["gap"] <= 1e-8 * step["cost"]
    largest_terms = max(1.0, float(np.max(np.abs(cost.X))))
    return bool(np.max(np.abs(step["gradient"])) <= 1e-9 * largest_terms)
