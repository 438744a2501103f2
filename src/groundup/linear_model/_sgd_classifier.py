"""Classification by stochastic gradient descent.

Two classes are one descent. K classes are K descents, each for one class against the rest, which go
through their epochs side by side.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from groundup._blocks import over_threads, thread_count
from groundup._estimator import read_only, unchanged_if_refused
from groundup.linear_model._base import linear_decision
from groundup.linear_model._sgd_descent import LinearState
from groundup.linear_model._sgd_loss import LOSSES
from groundup.linear_model._sgd_model import LARGEST_SEED, StochasticLinearModel

# below this many numbers in X, a second thread costs more than it saves
WORTH_A_THREAD = 200_000


class SGDClassifier(ClassifierMixin, StochasticLinearModel):
    """A linear classifier by stochastic gradient descent; which one depends on the loss.

    Parameters and attributes are those of scikit-learn's class of the same name. The order of the
    rows comes from another generator, so results agree with it closely, but not to the bit.

    Parameters
    ----------
    loss : str, default="hinge"
        "hinge" (support vector machine), "log_loss" (logistic regression), "modified_huber",
        "squared_hinge", "perceptron", or one for numbers: "squared_error", "huber",
        "epsilon_insensitive", "squared_epsilon_insensitive".
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
        The constant of the huber and insensitive losses.
    n_jobs : int or None, default=None
        Threads for the classes of a problem with three or more; None and -1 mean all. The result
        does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of the rows and the validation rows.
    learning_rate : str, default="optimal"
        "optimal": 1 / (alpha (t0 + t)) at step t; "constant": eta0; "invscaling": eta0 / t^power_t;
        "adaptive": eta0, divided by 5 at each plateau; "pa1" and "pa2": passive-aggressive steps,
        with loss="hinge".
    eta0 : float, default=0.01
        The first learning rate.
    power_t : float, default=0.5
        The exponent of "invscaling".
    early_stopping : bool, default=False
        Hold rows out, and stop when their accuracy no longer improves.
    validation_fraction : float, default=0.1
        The share of rows to hold out.
    n_iter_no_change : int, default=5
        Stop after that many epochs in a row without improvement.
    class_weight : dict or "balanced", default=None
        Factors on the steps of the rows of each class.
    warm_start : bool, default=False
        Begin with the coefficients of the last fit.
    average : bool or int, default=False
        Use the average of the coefficients over all steps, or from the given step on.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients of the decision values.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Their intercepts.
    n_iter_ : int
        Epochs, of the class that took most.
    t_ : float
        Steps taken plus one: `n_iter_ * n_samples + 1`.

    References
    ----------
    Bottou (2012), Stochastic gradient descent tricks. Zhang (2004), Solving large scale linear
    prediction problems using stochastic gradient descent algorithms.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.linear_model import SGDClassifier
    >>> X = np.array([[-1.0, -1.0], [-2.0, -1.0], [1.0, 1.0], [2.0, 1.0]])
    >>> y = np.array(["left", "left", "right", "right"])
    >>> model = SGDClassifier(random_state=0).fit(X, y)
    >>> str(model.predict([[-0.8, -1.0]])[0])
    'left'
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **StochasticLinearModel._parameter_constraints,
        "loss": [StrOptions(set(LOSSES))],
        "n_jobs": [Integral, None],
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        loss="hinge",
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
        n_jobs=None,
        random_state=None,
        learning_rate="optimal",
        eta0=0.01,
        power_t=0.5,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        class_weight=None,
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
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.average = average

    def _check_parameters(self, X, y):
        super()._check_parameters(X, y)
        if len(self.classes_) < 2:
            raise ValueError(
                "SGDClassifier needs rows of more than one class, but y holds only 1 class: "
                f"{self.classes_.tolist()[0]!r}."
            )

    def _class_weighted(self, codes, sample_weight):
        # one class against the rest: a class weighs on the rows where it is the class, so it is
        # applied in `_one_against_rest`, not here
        return sample_weight

    def _per_class(self, codes):
        return compute_class_weight(
            self.class_weight, classes=self.classes_, y=self.classes_[codes]
        )

    def _one_against_rest(self, codes, sample_weight, per_class):
        """Return for each decision value its class's +1, all others' -1, and the rows' weights."""
        if len(self.classes_) == 2:
            return [(np.where(codes == 1, 1.0, -1.0), sample_weight * per_class[codes])]
        return [
            (
                np.where(codes == k, 1.0, -1.0),
                sample_weight * np.where(codes == k, per_class[k], 1.0),
            )
            for k in range(len(self.classes_))
        ]

    def _descents(self, X, codes, sample_weight, states, *, max_iter, steps):
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        learn, validate = self._split(codes, sample_weight)
        seeds = check_random_state(self.random_state).randint(LARGEST_SEED, size=len(states))
        problems = self._one_against_rest(codes, weight, self._per_class(codes))
        return [
            self._descent(
                X,
                target,
                row_weight,
                state,
                int(seed),
                max_iter=max_iter,
                rows=learn,
                score=None if validate is None else _accuracy(X, target, weight, validate),
                steps=steps,
            )
            for (target, row_weight), state, seed in zip(problems, states, seeds, strict=True)
        ]

    def _steps(self, X, y, sample_weight):
        n, d = X.shape
        K = len(self.classes_)
        self._states = states = self._begin(1 if K == 2 else K, d)
        active = self._descents(X, y, sample_weight, states, max_iter=self.max_iter, steps=0)
        n_threads = thread_count(self.n_jobs) if n * d >= WORTH_A_THREAD else 1
        converged, n_iter = True, 0
        while True:
            # an epoch of each class that has not converged yet
            epochs = over_threads(lambda descent: next(descent, None), active, n_threads)
            active = [
                descent
                for descent, step in zip(active, epochs, strict=True)
                if step is not None and not step["converged"]
            ]
            if not any(step is not None for step in epochs):
                break
            n_iter += 1
            converged = not active
            coef, intercept = self._answer(states, n_iter * n)
            yield {
                "coef_": coef,
                "intercept_": intercept,
                "n_iter_": n_iter,
                "t_": 1.0 + n_iter * n,
            }
            if not active:
                break
        self._warn_if_not_converged(n_iter, converged)

    @unchanged_if_refused
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Take one epoch over some rows, from the coefficients that are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Not all classes need be there.
        classes : array-like of shape (n_classes,), default=None
            All classes that can occur. Required in the first call.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : estimator
        """
        self._validate_params()
        if self.early_stopping:
            raise ValueError("partial_fit needs early_stopping=False.")
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit does not see all rows, so class_weight='balanced' is not supported. "
                "Give a dict of weights."
            )
        first = not hasattr(self, "coef_")
        X, codes, sample_weight = self._validated_more(
            X, y, sample_weight, first=first, classes=classes
        )
        K = len(self.classes_)
        states = self._states_to_go_on_with(1 if K == 2 else K, X.shape[1])
        steps = int(getattr(self, "t_", 1.0)) - 1
        for descent in self._descents(X, codes, sample_weight, states, max_iter=1, steps=steps):
            next(descent)
        self.n_iter_ = 1
        self.t_ = 1.0 + steps + len(X)
        self.coef_, self.intercept_ = self._answer(states, steps + len(X))
        return self

    def decision_function(self, X):
        """Return the weighted sums whose signs, or whose largest, decide.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes)
        """
        X = self._validated_for_prediction(X)
        decision = linear_decision(X, self.coef_, self.intercept_)
        return decision[:, 0] if len(self.classes_) == 2 else decision

    def predict(self, X):
        """Return the class of each row.

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

    def _has_probabilities(self):
        if self.loss not in ("log_loss", "modified_huber"):
            raise AttributeError(
                f"loss={self.loss!r} has no probabilities; 'log_loss' and 'modified_huber' have."
            )
        return True

    @available_if(_has_probabilities)
    def predict_proba(self, X):
        """Return the probability of each class, for the losses that have one.

        With more than two classes, each class's probability against the rest, scaled so that they
        sum to 1 (Zadrozny and Elkan, 2002).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        z = self.decision_function(X)
        if self.loss == "log_loss":
            p = np.exp(-np.logaddexp(0.0, -z))  # 1 / (1 + e^-z)
        else:
            p = (np.clip(z, -1.0, 1.0) + 1.0) / 2.0
        if z.ndim == 1:
            return np.column_stack([1.0 - p, p])
        total = p.sum(axis=1, keepdims=True)
        # no class wants the row: all are equally likely
        p[total[:, 0] == 0.0] = 1.0
        return p / p.sum(axis=1, keepdims=True)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X):
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


def _accuracy(X, target, weight, rows):
    X, target, weight = read_only(np.ascontiguousarray(X[rows])), target[rows], weight[rows]

    def score(state: LinearState) -> float:
        z = linear_decision(X, state.coef, state.intercept)
        return accuracy_score(target, np.where(z > 0.0, 1.0, -1.0), sample_weight=weight)

    return score
