r"""Support vector classification: the widest street between two classes.

A border f(x) = 0 could run anywhere between two classes that do not overlap.  The best one keeps
its distance: it is the middle of the widest street, whose kerbs are f(x) = 1 and f(x) = -1.  The
width is 2 / |w|, so |w|^2 is made small; rows that stand on the street, or on its wrong side, pay C
each unit of the way:

    minimise over w, b:   1/2 |w|^2 + sum_i C v_i max(0, 1 - y_i f(x_i)),     f(x) = w . phi(x) + b

Its dual has one weight a_i for each row and asks for inner products of rows only, so any kernel
K(x, z) = phi(x) . phi(z) will do (see `_kernel_function`):

    minimise over a:      1/2 sum_ij a_i a_j y_i y_j K(x_i, x_j) - sum_i a_i
    subject to            sum_i y_i a_i = 0,    0 <= a_i <= C v_i

Rows beyond their kerb get a_i = 0 and could as well be forgotten.  The others, the *support
vectors*, carry the border: f(x) = sum_i a_i y_i K(x_i, x) + b.  `_smo` solves the dual.

Cost: between O(n^2) and O(n^3) in the number of rows, so up to some ten thousand of them.  Columns
should be on one scale.  More than two classes: one machine for each pair (`_one_vs_one`).

References
----------
.. [1] C. Cortes and V. Vapnik, "Support-vector networks", Machine Learning 20, 1995.
.. [2] C.-C. Chang and C.-J. Lin, "LIBSVM: a library for support vector machines", ACM TIST 2, 2011.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import compute_class_weight
from sklearn.utils._param_validation import Hidden, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _ovr_decision_function

from groundup.svm._one_vs_one import OneVsOne, by_blocks, pairs_of, votes
from groundup.svm._pair_machines import PairMachines, Search
from groundup.svm._platt import coupled, probabilities
from groundup.svm._svc_probability import pair_curves


def _has_probability(svc):
    if svc.probability is not True:
        raise AttributeError(
            "predict_proba is not available when probability=False; fit SVC(probability=True)."
        )
    return True


def _shown(label):
    """Return a label as one would write it, without NumPy's type."""
    return repr(label.item() if isinstance(label, np.generic) else label)


class SVC(ClassifierMixin, OneVsOne):
    """Support vector classification.

    Parameters
    ----------
    C : float, default=1.0
        Price of a row on the wrong side of its kerb, above 0; a smaller one makes the street wider.
    kernel : {"linear", "poly", "rbf", "sigmoid", "precomputed"}, default="rbf"
        The inner product. With "precomputed", `fit` takes the kernel between the training rows, and
        `predict` that between the rows asked for and the training rows.
    degree : int, default=3
        Degree of "poly".
    gamma : {"scale", "auto"} or float, default="scale"
        Coefficient of "rbf", "poly" and "sigmoid". "scale" is 1 / (n_features * X.var()), "auto" is
        1 / n_features.
    coef0 : float, default=0.0
        Constant of "poly" and "sigmoid".
    shrinking : bool, default=True
        Whether rows far from the border wait until the others are settled.
    probability : bool, default=False
        Whether to calibrate `predict_proba` by cross-validation, which fits five times more.
    tol : float, default=1e-3
        Stop where the optimality conditions are violated by at most this.
    cache_size : float, default=200
        Megabytes for kernel values that are kept.
    class_weight : dict or "balanced", default=None
        Factors on C for the classes; "balanced" is n_samples / (n_classes * count of the class).
    verbose : bool, default=False
        Accepted for compatibility; callbacks watch a fit.
    max_iter : int, default=-1
        The most steps of a pair of weights for each pair of classes; -1 for no limit.
    decision_function_shape : {"ovr", "ovo"}, default="ovr"
        Whether `decision_function` has one column a class, or one a pair of classes.
    break_ties : bool, default=False
        Whether `predict` follows `decision_function` where classes have the same number of votes;
        with "ovr" and more than two classes.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds for ``probability=True``. A bundle keeps an int; the state of a
        RandomState it refuses, as for all estimators.

    Attributes
    ----------
    class_weight_ : ndarray of shape (n_classes,)
        Factors on C.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    coef_ : ndarray of shape (n_classes * (n_classes - 1) / 2, n_features)
        Weights of the features, for a linear kernel.
    dual_coef_ : ndarray of shape (n_classes - 1, n_SV)
        Weights of the support vectors, with the sign of their class (see `_one_vs_one`).
    fit_status_ : int
        0 if solved to `tol`, 1 if `max_iter` or rounding came first (with a warning).
    intercept_ : ndarray of shape (n_classes * (n_classes - 1) / 2,)
        Constants of the decision functions.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.
    n_iter_ : ndarray of shape (n_classes * (n_classes - 1) / 2,)
        Steps of pairs of weights.
    n_support_ : ndarray of shape (n_classes,), dtype=int32
        Number of support vectors of each class.
    support_ : ndarray of shape (n_SV,), dtype=int32
        Which training rows they are, class after class.
    support_vectors_ : ndarray of shape (n_SV, n_features)
        The rows themselves; empty for a precomputed kernel.
    probA_, probB_ : ndarray of shape (n_classes * (n_classes - 1) / 2,)
        With ``probability=True``: class i has the probability 1 / (1 + exp(probA_ f + probB_))
        among classes i < j, where f is the pair's decision value, positive for i.
    shape_fit_ : tuple of int
        Shape of the training rows.

    Raises
    ------
    ValueError
        From `fit`, for one class only, no row of positive weight, a kernel given as a function, or
        a precomputed kernel that is not square.

    References
    ----------
    .. [1] C. Cortes and V. Vapnik, "Support-vector networks", Machine Learning 20, 1995.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.svm import SVC
    >>> X = np.array([[-2.0, 0.0], [-1.0, 1.0], [1.0, 0.0], [2.0, 1.0]])
    >>> model = SVC(kernel="linear").fit(X, ["left", "left", "right", "right"])
    >>> print(model.predict([[-0.5, 3.0], [0.9, 0.0]]), model.support_)
    ['left' 'right'] [1 2]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **OneVsOne._parameter_constraints,
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "probability": ["boolean", Hidden(StrOptions({"deprecated"}))],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "decision_function_shape": [StrOptions({"ovr", "ovo"})],
        "break_ties": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        C=1.0,
        kernel="rbf",
        degree=3,
        gamma="scale",
        coef0=0.0,
        shrinking=True,
        probability=False,
        tol=1e-3,
        cache_size=200,
        class_weight=None,
        verbose=False,
        max_iter=-1,
        decision_function_shape="ovr",
        break_ties=False,
        random_state=None,
    ):
        self.C = C
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.shrinking = shrinking
        self.probability = probability
        self.tol = tol
        self.cache_size = cache_size
        self.class_weight = class_weight
        self.verbose = verbose
        self.max_iter = max_iter
        self.decision_function_shape = decision_function_shape
        self.break_ties = break_ties
        self.random_state = random_state

    def _check_parameters(self, X, y):
        super()._check_parameters(X, y)
        if len(self.classes_) < 2:
            raise ValueError(
                "The number of classes has to be greater than one; got "
                f"{len(self.classes_)} class: {_shown(self.classes_[0])}. A machine for one class "
                "is OneClassSVM."
            )

    def _class_weighted(self, codes, sample_weight):
        # As scikit-learn: "balanced" counts rows, whatever they weigh.
        self.class_weight_ = compute_class_weight(
            self.class_weight, classes=self.classes_, y=self.classes_[codes]
        )
        weights = self.class_weight_[codes]
        return weights if sample_weight is None else weights * sample_weight

    def _steps(self, X, y, sample_weight):
        k = len(self.classes_)
        for old in ("probA_", "probB_"):  # of another fit's machines
            self.__dict__.pop(old, None)
        class_weight = np.ones(k) if self.class_weight is None else self.class_weight_
        price = np.full(len(X), float(self.C))
        if sample_weight is not None:
            self._check_weights(y, sample_weight)
            price *= sample_weight
        order = np.argsort(y, kind="stable")  # class after class
        of_class = np.split(order, np.cumsum(np.bincount(y, minlength=k))[:-1])
        search = Search(self.tol, self.max_iter, self.shrinking)
        machines = PairMachines(self._kernel_rows(X), of_class, price, search)
        n_pairs = k * (k - 1) // 2
        weights = np.zeros((k - 1, len(X)))
        intercept, violation = np.zeros(n_pairs), np.zeros(n_pairs)
        n_iter = np.zeros(n_pairs, np.int32)

        def put(p, i, j, state):
            n_i = len(of_class[i])
            weights[j - 1, of_class[i]] = state["b"][:n_i]
            weights[i, of_class[j]] = state["b"][n_i:]
            intercept[p], n_iter[p] = -state["rho"], state["n_iter"]
            violation[p] = state["violation"]

        so_far = X, y, order, class_weight, weights, intercept, n_iter, violation
        if k == 2:
            for state in machines.train(machines.kernel(0, 1), order, len(of_class[0])):
                put(0, 0, 1, state)
                yield self._state(*so_far)
        else:
            p = 0
            for i in range(k - 1):
                for j, state in enumerate(machines.against_later(i), i + 1):
                    put(p, i, j, state)
                    p += 1
                yield self._state(*so_far)
        self._warn_if_unsolved(violation, n_iter)
        if self.probability is True:
            a, b = pair_curves(machines, price / self.C, self.random_state)
            yield {**self._state(*so_far), "probA_": a, "probB_": b}

    def _state(self, X, y, order, class_weight, weights, intercept, n_iter, violation):
        """Return the fitted attributes, in scikit-learn's order and signs."""
        support = order[(weights != 0.0).any(axis=0)[order]]
        # With two classes the second one is the positive one.
        sign = -1.0 if len(weights) == 1 else 1.0
        return {
            "class_weight_": class_weight,
            "dual_coef_": sign * weights[:, support],
            "fit_status_": int((violation > self.tol).any()),
            "intercept_": sign * intercept,
            "n_iter_": n_iter.copy(),
            "n_support_": np.bincount(y[support], minlength=len(self.classes_)).astype(np.int32),
            "shape_fit_": X.shape,
            "support_": support.astype(np.int32),
            "support_vectors_": self._support_of(support, X),
        }

    def _check_weights(self, y, sample_weight):
        weighty = np.unique(y[sample_weight > 0])
        given = "class_weight" if self.class_weight is not None else "sample_weight"
        if len(weighty) == 0:
            raise ValueError(
                f"Invalid input - all samples have zero weight: see {given}. At least two classes "
                "need rows of positive weight."
            )
        if len(weighty) == 1:
            raise ValueError(
                "Invalid input - all samples with positive weights have the same label: only class "
                f"{_shown(self.classes_[weighty[0]])} is left by {given}, and there is nothing to "
                "tell it from."
            )

    def decision_function(self, X):
        """Return how far each row lies from the borders, in units of half the street.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples, n_fitted) if precomputed
            Rows to decide on.

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_pairs)
            Two classes: positive values mean the second one. More, with "ovo": a column for each
            pair. With "ovr": votes for each class, plus a part of a vote for the distances.
        """
        X, k = self._validated_for_prediction(X), len(self.classes_)
        if k == 2:
            return -self._pair_decisions(X)[:, 0]
        if self.decision_function_shape == "ovo":
            return self._pair_decisions(X)

        def with_votes(block):
            decision = self._pair_decisions(block)
            return _ovr_decision_function(decision < 0, -decision, k)

        return by_blocks(with_votes, X, k)

    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples, n_fitted) if precomputed
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
            The class with the most votes.
        """
        k = len(self.classes_) if hasattr(self, "classes_") else 0
        if self.break_ties and self.decision_function_shape == "ovo":
            raise ValueError("break_ties must be False when decision_function_shape is 'ovo'")
        if self.break_ties and k > 2:
            return self.classes_[self.decision_function(X).argmax(axis=1)]
        X = self._validated_for_prediction(X)
        if k == 2:
            decision = self._pair_decisions_of_right_sign(X)
            return self.classes_[np.where(decision[:, 0] > 0, 0, 1)]
        return self.classes_[
            by_blocks(lambda block: votes(self._pair_decisions_of_right_sign(block), k), X, k)
        ]

    @available_if(_has_probability)
    def predict_proba(self, X):
        """Return the probability of each class, by the calibration that `fit` made.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples, n_fitted) if precomputed
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1.  The calibration sees held-out rows, so the most probable class may
            differ from `predict` near the border, and means little after a fit of few rows.
        """
        X = self._validated_for_prediction(X)
        if not hasattr(self, "probA_"):
            raise NotFittedError(
                "predict_proba is not available when fitted with probability=False; fit again with "
                "probability=True."
            )
        k = len(self.classes_)
        if k == 2:
            of_first = probabilities(self._pair_decisions(X), self.probA_, self.probB_)
            return np.column_stack([of_first[:, 0], 1.0 - of_first[:, 0]])

        def agreed(block):
            of_first = probabilities(self._pair_decisions(block), self.probA_, self.probB_)
            table = np.zeros((len(block), k, k))
            for p, (i, j) in enumerate(pairs_of(k)):
                table[:, i, j], table[:, j, i] = of_first[:, p], 1.0 - of_first[:, p]
            return coupled(table)

        return by_blocks(agreed, X, k)

    @available_if(_has_probability)
    def predict_log_proba(self, X):
        """Return the logarithm of `predict_proba`."""
        return np.log(self.predict_proba(X))
