"""Bagging that predicts numbers: the mean of the models' predictions (see `_bagging`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from groundup.ensemble._bagging import Bagging
from groundup.tree._regressor import DecisionTreeRegressor


class BaggingRegressor(RegressorMixin, Bagging):
    """Predict a number by the mean of many models, each fitted on its own bootstrap of the rows.

    Parameters
    ----------
    estimator : estimator, default=None
        The model to fit, of any kind; None: our decision tree. It is cloned, not changed.
    n_estimators : int, default=10
        The number of models.
    max_samples : int or float, default=None
        How many rows to draw for each model: that many, or that part of the rows (of the sum of the
        weights); None: as many as there are.
    max_features : int or float, default=1.0
        How many columns each model sees: that many, or that part of them.
    bootstrap : bool, default=True
        Whether rows are drawn with replacement.
    bootstrap_features : bool, default=False
        Whether columns are drawn with replacement.
    oob_score : bool, default=False
        Whether to score on the rows out of each model's bag, after every step.
    warm_start : bool, default=False
        Whether to keep the models of the last fit and fit only those that `n_estimators` asks for
        beyond them.
    n_jobs : int, default=None
        Threads; None and -1 mean all. The result has the same bits for any number.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws, and of the models where they have one.
    verbose : int, default=0
        Accepted for compatibility; nothing is printed. To watch, hand it a callback, which sees the
        mean after every model.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted models.
    estimators_features_ : list of ndarray of int
        The columns that each model sees.
    estimators_samples_ : list of ndarray of int
        The rows that each model was fitted on.
    estimator_ : estimator
        The model that was cloned.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.
    oob_prediction_ : ndarray of shape (n_samples,)
        The mean answer of those models that have not seen the row; 0 where every one has. With
        `oob_score`.
    oob_score_ : float
        R^2 on the rows out of the bag; with `oob_score`.

    Raises
    ------
    ValueError
        From `fit`, for more columns or, without replacement, more rows than there are, for
        `oob_score` without a bootstrap, for weights that add up to 0, and for a warm start with
        fewer models than there are.

    References
    ----------
    .. [1] L. Breiman, "Bagging predictors", Machine Learning 24(2), 1996.

    Examples
    --------
    >>> from groundup.ensemble import BaggingRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = BaggingRegressor(n_estimators=50, oob_score=True, random_state=0).fit(X, y)
    >>> print(f"{model.oob_score_:.1f}")
    0.4
    """

    _default = DecisionTreeRegressor

    def _answer(self, model, X, columns):
        return np.reshape(model.predict(X[:, columns]), (len(X), 1))

    def _judged(self, y, answers):
        prediction = answers[:, 0]
        return {"oob_prediction_": prediction, "oob_score_": r2_score(y, prediction)}

    def predict(self, X: Any) -> np.ndarray:
        """Return the mean of the models' predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            In the units of `y`.
        """
        return self._mean(self._answer, X)[:, 0]
