"""Bagging that votes: the mean of the models' class probabilities (see `_bagging`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from groundup.ensemble._bagging import Bagging
from groundup.tree._classifier import DecisionTreeClassifier


def _has_decision_function(bagging: Bagging) -> bool:
    fitted = getattr(bagging, "estimators_", None)
    return hasattr(fitted[0] if fitted else bagging._model(), "decision_function")


class BaggingClassifier(ClassifierMixin, Bagging):
    """Classify by the mean of many models, each fitted on its own bootstrap of the rows.

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
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_classes_ : int
        Their number.
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
    oob_decision_function_ : ndarray of shape (n_samples, n_classes)
        The mean answer of those models that have not seen the row; 0 where every one has. With
        `oob_score`.
    oob_score_ : float
        Accuracy on the rows out of the bag; with `oob_score`.

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
    >>> from groundup.ensemble import BaggingClassifier
    >>> from groundup.neighbors import KNeighborsClassifier
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> model = BaggingClassifier(KNeighborsClassifier(1), max_features=0.5, random_state=0)
    >>> model.fit(X, y).predict(X[:3])
    array([0, 0, 0])
    """

    _default = DecisionTreeClassifier

    @property
    def n_classes_(self) -> int:
        """The number of classes."""
        check_is_fitted(self)
        return len(self.classes_)

    def _n_values(self):
        return len(self.classes_)

    def _answer(self, model, X, columns):
        shares = np.zeros((len(X), len(self.classes_)))
        if hasattr(model, "predict_proba"):
            shares[:, model.classes_] = model.predict_proba(X[:, columns])
        else:
            shares[np.arange(len(X)), model.predict(X[:, columns])] = 1.0
        return shares

    def _judged(self, y, answers):
        score = accuracy_score(y, np.argmax(answers, axis=1))
        return {"oob_decision_function_": answers, "oob_score_": score}

    def predict(self, X: Any) -> np.ndarray:
        """Return the class with the greatest mean share over the models.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Of equal shares the first class in ``classes_``.
        """
        winners = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[winners]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the mean over the models of the probabilities of the classes.

        A model without probabilities gives its one vote.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return self._mean(self._answer, X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of `predict_proba`, minus infinity for 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @available_if(_has_decision_function)
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the mean of the models' decision functions, where they have one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._mean(lambda model, X, c: model.decision_function(X[:, c]), X)
