"""Regression by stochastic gradient descent."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from groundup._estimator import read_only, unchanged_if_refused
from groundup.linear_model._base import linear_decision
from groundup.linear_model._sgd_descent import LinearState
from groundup.linear_model._sgd_loss import REGRESSION_LOSSES
from groundup.linear_model._sgd_model import LARGEST_SEED, StochasticLinearModel


class SGDRegressor(RegressorMixin, StochasticLinearModel):
    """A linear regressor by stochastic gradient descent; which one depends on the loss.

    Parameters and attributes are those of scikit-learn's class of the same name. The order of the
    rows comes from another generator, so results agree with it closely, but not to the bit.

    Parameters
    ----------
    loss : str, default="squared_error"
        "squared_error", "huber" (less moved by outliers), "epsilon_insensitive" (support vector
        regression), "squared_epsilon_insensitive".
    penalty : {"l2", "l1", "elasticnet"} or None, default="l2"
        What to keep small: squares, absolute values (sets some to zero), both, nothing.
    alpha : float, default=0.0001
        Strength of the penalty.
    l1_ratio : float, default=0.15
        Share of the l1 norm, for penalty="elasticnet".
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is not penalised.
    max_iter : int, default=1000
        The largest number of epochs.
    tol : float or None, default=1e-3
        An epoch counts as an improvement if the objective (or the validation score) is better than
        the best so far by more than this. None: all `max_iter` epochs.
    shuffle : bool, default=True
        Whether each epoch has its own random order.
    verbose : int, default=0
        Has no effect; set a callback (`set_callbacks`) to watch the epochs.
    epsilon : float, default=0.1
        The constant of the huber and insensitive losses, in units of y.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of the rows and the validation rows.
    learning_rate : str, default="invscaling"
        "invscaling": eta0 / t^power_t at step t; "constant": eta0; "optimal":
        1 / (alpha (t0 + t)); "adaptive": eta0, divided by 5 at each plateau; "pa1" and "pa2":
        passive-aggressive steps, with loss="epsilon_insensitive".
    eta0 : float, default=0.01
        The first learning rate.
    power_t : float, default=0.25
        The exponent of "invscaling".
    early_stopping : bool, default=False
        Hold rows out, and stop when their R^2 no longer improves.
    validation_fraction : float, default=0.1
        The share of rows to hold out.
    n_iter_no_change : int, default=5
        Stop after that many epochs in a row without improvement.
    warm_start : bool, default=False
        Begin with the coefficients of the last fit.
    average : bool or int, default=False
        Use the average of the coefficients over all steps, or from the given step on.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients.
    intercept_ : ndarray of shape (1,)
        The intercept.
    n_iter_ : int
        Epochs.
    t_ : float
        Steps taken plus one: `n_iter_ * n_samples + 1`.

    References
    ----------
    Bottou (2012), Stochastic gradient descent tricks.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.linear_model import SGDRegressor
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> model = SGDRegressor(random_state=0).fit(X, 3 * X[:, 0] - X[:, 1] + 2)
    >>> model.coef_.round(1), model.intercept_.round(1)
    (array([ 3., -1.]), array([2.]))
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **StochasticLinearModel._parameter_constraints,
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
    }

    def __init__(
        self,
        loss="squared_error",
        *,
        penalty="l2",
        alpha=0.0001,
        l1_ratio=0.15,
        fit_intercept=True,
        max_iter=1000,
        tol=1e-3,
        shuffle=True,
        verbose=0,
        epsilon=0.1,
        random_state=None,
        learning_rate="invscaling",
        eta0=0.01,
        power_t=0.25,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        warm_start=False,
        average=False,
    ):
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.epsilon = epsilon
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.average = average

    def _one_descent(self, X, y, sample_weight, state, *, max_iter, steps):
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        learn, validate = self._split(y, sample_weight)
        seed = int(check_random_state(self.random_state).randint(LARGEST_SEED))
        score = None if validate is None else _r2(X, y, weight, validate)
        return self._descent(
            X, y, weight, state, seed, max_iter=max_iter, rows=learn, score=score, steps=steps
        )

    def _steps(self, X, y, sample_weight):
        n, d = X.shape
        self._states = states = self._begin(1, d)
        for step in self._one_descent(
            X, y, sample_weight, states[0], max_iter=self.max_iter, steps=0
        ):
            coef, intercept = self._answer(states, step["epoch"] * n)
            yield {
                "coef_": coef[0],
                "intercept_": intercept,
                "n_iter_": step["epoch"],
                "t_": 1.0 + step["epoch"] * n,
            }
        self._warn_if_not_converged(step["epoch"], step["converged"])

    @unchanged_if_refused
    def partial_fit(self, X, y, sample_weight=None):
        """Take one epoch over some rows, from the coefficients that are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : estimator
        """
        self._validate_params()
        if self.early_stopping:
            raise ValueError("partial_fit needs early_stopping=False.")
        first = not hasattr(self, "coef_")
        X, y, sample_weight = self._validated_more(X, y, sample_weight, first=first)
        states = self._states_to_go_on_with(1, X.shape[1])
        steps = int(getattr(self, "t_", 1.0)) - 1
        next(self._one_descent(X, y, sample_weight, states[0], max_iter=1, steps=steps))
        self.n_iter_ = 1
        self.t_ = 1.0 + steps + len(X)
        coef, self.intercept_ = self._answer(states, steps + len(X))
        self.coef_ = coef[0]
        return self

    def predict(self, X):
        """Predict the target of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        X = self._validated_for_prediction(X)
        return linear_decision(X, self.coef_, self.intercept_)


def _r2(X, target, weight, rows):
    X, target, weight = read_only(np.ascontiguousarray(X[rows])), target[rows], weight[rows]

    def score(state: LinearState) -> float:
        return r2_score(
            target, linear_decision(X, state.coef, state.intercept), sample_weight=weight
        )

    return score
