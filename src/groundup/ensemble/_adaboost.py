r"""AdaBoost: fit a weak model, give the rows that it got wrong more weight, and fit the next one.

    e = sum_i w_i [h(x_i) != y_i] / sum_i w_i                 the error of model h
    a = log((1 - e) / e) + log(K - 1)                         what its vote is worth
    w_i <- w_i exp(a [h(x_i) != y_i])                         wrong rows weigh more

The class with the most votes, sum_t a_t [h_t(x) = c], wins.  This is stagewise minimisation of the
exponential loss; the term log(K - 1) makes a model of K classes worth something as soon as it
beats guessing, e < 1 - 1/K (SAMME [2]_).  Rows with wrong labels gather weight without end, so it
suits clean data and models that are barely better than chance, such as trees of one question.

References
----------
.. [1] Y. Freund and R. E. Schapire, "A decision-theoretic generalization of on-line learning and an
   application to boosting", Journal of Computer and System Sciences 55(1), 1997.
.. [2] J. Zhu, H. Zou, S. Rosset and T. Hastie, "Multi-class AdaBoost", Statistics and Its
   Interface 2(3), 2009.
"""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin, clone
from sklearn.ensemble._base import _set_random_states
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import has_fit_parameter

from groundup._estimator import Estimator, Steps
from groundup.tree import DecisionTreeClassifier

LEAST = np.finfo(np.float64).eps  # a weight must not vanish by rounding


def samme(
    X: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    weak: Any,
    n_classes: int,
    n_estimators: int,
    learning_rate: float,
    random_state: Any,
) -> Steps:
    """Boost clones of `weak` on rows X (n, p), labels y (n,) and weights w (n,).

    Yields
    ------
    dict
        ``estimators_``, ``estimator_weights_`` and ``estimator_errors_`` after every round.
    """
    models: list[Any] = []
    votes, errors = np.zeros(n_estimators), np.ones(n_estimators)
    counts = w > 0.0
    for t in range(n_estimators):
        w = np.where(counts, np.maximum(w / w.sum(), LEAST), 0.0)
        model = clone(weak)
        _set_random_states(model, random_state)
        wrong = model.fit(X, y, sample_weight=w).predict(X) != y
        e = float(np.average(wrong, weights=w))
        if e >= 1.0 - 1.0 / n_classes and e > 0.0:
            if not models:
                raise ValueError(
                    f"{type(weak).__name__} errs on {e:.0%} of the weight in the first round, no "
                    f"better than guessing among {n_classes} classes; AdaBoost needs a model that "
                    "is, so give another `estimator`."
                )
            return
        models.append(model)
        a = learning_rate * (np.log((1.0 - e) / e) + np.log(n_classes - 1.0)) if e > 0.0 else 1.0
        votes[t], errors[t] = a, e
        state = {"estimators_": models.copy(), "estimator_weights_": votes}
        yield state | {"estimator_errors_": errors}
        if e == 0.0:
            return
        w = w * np.exp(a * (wrong - 1.0))  # e^(a wrong) up to a factor: this cannot overflow


class AdaBoostClassifier(ClassifierMixin, Estimator):
    """Boost a weak classifier by weighting the rows that it gets wrong.

    Parameters
    ----------
    estimator : classifier, default=None
        The weak model; its `fit` takes a `sample_weight`. None: a decision tree of one question.
    n_estimators : int, default=50
        The most rounds; a model without error ends it sooner.
    learning_rate : float, default=1.0
        Factor of every vote, above 0; a smaller one needs more rounds.
    random_state : int, RandomState instance or None, default=None
        Seeds the models that have a `random_state`.

    Attributes
    ----------
    estimator_ : classifier
        What was cloned.
    estimators_ : list of classifiers
        The fitted models.
    estimator_weights_ : ndarray of shape (n_estimators,)
        Their votes a; 0 where boosting ended sooner.
    estimator_errors_ : ndarray of shape (n_estimators,)
        Their errors e; 1 where boosting ended sooner.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_classes_ : int
        Their number.
    feature_importances_ : ndarray of shape (n_features,)
        The mean of the models' importances, weighted with their votes.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, if the estimator takes no weights, or is no better than guessing.

    References
    ----------
    .. [1] J. Zhu, H. Zou, S. Rosset and T. Hastie, "Multi-class AdaBoost", Statistics and Its
       Interface 2(3), 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from groundup.ensemble import AdaBoostClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AdaBoostClassifier(n_estimators=20).fit(X, y)
    >>> [round(float(np.mean(p == y)), 2) for p in model.staged_predict(X)][:3]
    [0.67, 0.66, 0.96]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, *, n_estimators=50, learning_rate=1.0, random_state=None):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.random_state = random_state

    def _max_steps(self):
        return self.n_estimators

    def _check_parameters(self, X, y):
        if self.estimator is not None and not has_fit_parameter(self.estimator, "sample_weight"):
            raise ValueError(
                f"{type(self.estimator).__name__} doesn't support sample_weight, which AdaBoost "
                "teaches by; give an `estimator` whose fit takes it."
            )

    def _steps(self, X, y, sample_weight):
        self.n_classes_ = len(self.classes_)
        weak = DecisionTreeClassifier(max_depth=1) if self.estimator is None else self.estimator
        self.estimator_ = clone(weak)
        random_state = check_random_state(self.random_state)
        w = np.ones(len(y)) if sample_weight is None else sample_weight
        limits = (self.n_classes_, self.n_estimators, self.learning_rate, random_state)
        return samme(X, self.classes_[y], w, self.estimator_, *limits)

    @property
    def feature_importances_(self) -> np.ndarray:
        """The mean of the models' importances, weighted with their votes: (n_features,)."""
        votes = self.estimator_weights_[: len(self.estimators_)]
        return np.average([m.feature_importances_ for m in self.estimators_], axis=0, weights=votes)

    def staged_decision_function(self, X: Any) -> Iterator[np.ndarray]:
        """Yield what `decision_function` returns after every round."""
        X = self._validated_for_prediction(X)
        K = self.n_classes_
        total, norm = np.zeros((len(X), K)), 0.0
        for model, a in zip(self.estimators_, self.estimator_weights_, strict=False):
            voted = model.predict(X)[:, np.newaxis] == self.classes_  # (n, K)
            total += np.where(voted, a, -a / (K - 1)) if K > 1 else 0.0
            norm += a
            mean = total / norm
            yield mean[:, 1] - mean[:, 0] if K == 2 else mean

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the mean vote for each class, from -1 / (K - 1) to 1; for two, their difference.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        *_, last = self.staged_decision_function(X)
        return last

    def _elected(self, decision: np.ndarray) -> np.ndarray:
        binary = decision.ndim == 1
        return self.classes_[(decision > 0).astype(int) if binary else decision.argmax(axis=1)]

    def _shares(self, decision: np.ndarray) -> np.ndarray:
        if decision.ndim == 1:
            decision = np.column_stack([-decision, decision]) / 2
        return softmax(decision / max(1, self.n_classes_ - 1), axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """Return the class that wins the vote: (n_samples,)."""
        return self._elected(self.decision_function(X))

    def staged_predict(self, X: Any) -> Iterator[np.ndarray]:
        """Yield what `predict` returns after every round."""
        yield from map(self._elected, self.staged_decision_function(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return softmax(f / (K - 1)) of the mean votes f: (n_samples, n_classes)."""
        return self._shares(self.decision_function(X))

    def staged_predict_proba(self, X: Any) -> Iterator[np.ndarray]:
        """Yield what `predict_proba` returns after every round."""
        yield from map(self._shares, self.staged_decision_function(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of `predict_proba`: (n_samples, n_classes)."""
        return np.log(self.predict_proba(X))

    def staged_score(self, X: Any, y: Any, sample_weight: Any = None) -> Iterator[float]:
        """Yield the accuracy after every round."""
        for predicted in self.staged_predict(X):
            yield float(np.average(predicted == np.asarray(y), weights=sample_weight))
