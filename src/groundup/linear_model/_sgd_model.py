"""What the estimators trained by stochastic gradient descent share.

Their parameters become the settings of one `stochastic_descent`: a schedule of learning rates, a
penalty, rows held out to decide when to stop.
"""

from __future__ import annotations

import warnings
from math import sqrt
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils._param_validation import Hidden, Interval, StrOptions

from groundup._estimator import Estimator, read_only
from groundup.linear_model._sgd_descent import (
    GRADIENT,
    PASSIVE_AGGRESSIVE_1,
    PASSIVE_AGGRESSIVE_2,
    LinearState,
    stochastic_descent,
)
from groundup.optim import Constant, InverseScaling, InverseTime, Schedule

LARGEST_SEED = np.iinfo(np.int32).max


class StochasticLinearModel(Estimator):
    """What `SGDClassifier` and `SGDRegressor` share: the descent, its schedule and its stopping."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "penalty": [StrOptions({"l2", "l1", "elasticnet"}), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "shuffle": ["boolean"],
        "verbose": ["verbose"],
        "epsilon": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "learning_rate": [
            StrOptions({"constant", "optimal", "invscaling", "adaptive"}),
            Hidden(StrOptions({"pa1", "pa2"})),
        ],
        "eta0": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, None, None, closed="neither")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "average": [Interval(Integral, 0, None, closed="neither"), "boolean"],
    }

    def fit(self, X, y, coef_init=None, intercept_init=None, sample_weight=None):
        """Learn from `X` and `y`, epoch by epoch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows, best with columns of one scale.
        y : array-like of shape (n_samples,)
            The targets.
        coef_init : array-like of the shape of `coef_`, default=None
            Coefficients to begin with, in place of zeros.
        intercept_init : array-like of the shape of `intercept_`, default=None
            Intercepts to begin with, in place of zeros.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors on the steps of the rows; 1 for each by default.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a parameter or the data are not what the estimator can learn from, or (as its
            subclass `groundup.optim.DivergenceError`) if the coefficients overflow.
        """
        if self.warm_start and hasattr(self, "coef_"):
            coef_init = self.coef_ if coef_init is None else coef_init
            intercept_init = self.intercept_ if intercept_init is None else intercept_init
        self._start = coef_init, intercept_init
        try:
            return self._fit(X, y, sample_weight)
        finally:
            del self._start

    def _check_parameters(self, X, y):
        if self.learning_rate == "optimal" and self.alpha == 0:
            raise ValueError(
                "learning_rate='optimal' is 1 / (alpha * t), so alpha must be > 0. Give a positive "
                "alpha, or learning_rate='invscaling'."
            )
        if self.learning_rate in ("pa1", "pa2"):
            needed = "hinge" if is_classifier(self) else "epsilon_insensitive"
            if self.loss != needed:
                raise ValueError(
                    f"learning_rate={self.learning_rate!r} only goes with loss={needed!r}, got "
                    f"loss={self.loss!r}."
                )
        if self.penalty == "elasticnet" and self.l1_ratio is None:
            raise ValueError(
                "penalty='elasticnet' needs l1_ratio, the share of the l1 norm, from 0 to 1."
            )
        if self.power_t < 0:
            warnings.warn(
                "A negative power_t makes the learning rate grow; it is deprecated since "
                "scikit-learn 1.8 and will be an error in 1.10. Give 0 or more.",
                FutureWarning,
                stacklevel=4,
            )

    def _schedule(self) -> Schedule:
        if self.learning_rate == "optimal":
            # 1 / (alpha (t0 + t)), with t0 such that the first step is as long as typical weights
            typical_weight = sqrt(1.0 / sqrt(self.alpha))
            return InverseTime(self.alpha, first=1.0 / (typical_weight * self.alpha))
        if self.learning_rate == "invscaling":
            return InverseScaling(self.eta0, self.power_t)
        return Constant(self.eta0)

    def _descent(self, X, target, sample_weight, state, seed, *, max_iter, rows, score, steps):
        """Return the steps of one descent, with this estimator's parameters."""
        rules = {"pa1": PASSIVE_AGGRESSIVE_1, "pa2": PASSIVE_AGGRESSIVE_2}
        shares = {"l1": 1.0, "elasticnet": self.l1_ratio}
        return stochastic_descent(
            X,
            read_only(target),
            read_only(sample_weight),
            state,
            loss=self.loss,
            schedule=self._schedule(),
            epsilon=float(self.epsilon),
            alpha=0.0 if self.penalty is None else float(self.alpha),
            l1_ratio=float(shares.get(self.penalty, 0.0)),
            fit_intercept=bool(self.fit_intercept),
            step_rule=rules.get(self.learning_rate, GRADIENT),
            adaptive=self.learning_rate == "adaptive",
            rows=rows,
            score=score,
            shuffle=self.shuffle,
            seed=seed,
            max_iter=max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            average_from=int(self.average),
            steps_before=steps,
        )

    def _split(self, y, sample_weight):
        """Return the rows to learn from and those to validate on, or None, None."""
        if not self.early_stopping:
            return None, None
        splitter = StratifiedShuffleSplit if is_classifier(self) else ShuffleSplit
        split = splitter(test_size=self.validation_fraction, random_state=self.random_state)
        learn, validate = next(split.split(np.zeros((len(y), 1)), y))
        if len(learn) == 0 or len(validate) == 0:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} of {len(y)} rows leaves one side "
                "empty. Give more rows, another fraction, or early_stopping=False."
            )
        if sample_weight is not None and not np.any(sample_weight[validate] > 0):
            raise ValueError(
                "The sample weights for validation set are all zero; use another random_state."
            )
        return np.sort(learn), np.sort(validate)

    def _begin(self, n_values: int, d: int) -> list[LinearState]:
        """Return a state for each decision value, from what `fit` was told to begin with."""
        coef_init, intercept_init = self._start
        coef, intercept = np.zeros((n_values, d)), np.zeros(n_values)
        if coef_init is not None:
            given = np.asarray(coef_init, dtype=np.float64)
            if given.size != n_values * d:
                raise ValueError(
                    f"coef_init has shape {given.shape}, which does not match the data: expected "
                    f"{(n_values, d)}."
                )
            coef[:] = given.reshape(n_values, d)
        if intercept_init is not None:
            given = np.asarray(intercept_init, dtype=np.float64)
            if given.size != n_values:
                raise ValueError(
                    f"intercept_init has shape {given.shape}, which does not match the data: "
                    f"expected {(n_values,)}."
                )
            intercept[:] = given.ravel()
        return [LinearState(coef[k].copy(), intercept[k : k + 1].copy()) for k in range(n_values)]

    def _states_to_go_on_with(self, n_values: int, d: int) -> list[LinearState]:
        """Return the states that the last call left, to be changed, or new ones of zeros."""
        if not hasattr(self, "_states"):
            self._states = [LinearState.zeros(d) for _ in range(n_values)]
        else:
            self._states = [state.copy() for state in self._states]
        return self._states

    def _answer(self, states: list[LinearState], steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return coefficients (K, d) and intercepts (K,): averages, once averaging has begun."""
        if 0 < self.average <= steps:
            return (
                np.stack([state.average_coef for state in states]),
                np.concatenate([state.average_intercept for state in states]),
            )
        return (
            np.stack([state.coef for state in states]),
            np.concatenate([state.intercept for state in states]),
        )

    def _warn_if_not_converged(self, n_iter: int, converged: bool) -> None:
        if self.tol is not None and n_iter == self.max_iter and not converged:
            warnings.warn(
                f"{type(self).__name__} did not converge in max_iter={self.max_iter} epochs. Try a "
                "larger max_iter, columns of one scale (StandardScaler), or a larger tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
