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

from collections.abc import Generator
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils._param_validation import Hidden, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _ovr_decision_function

from groundup._blocks import single_blas_thread
from groundup.svm._kernel_rows import KernelRows
from groundup.svm._one_vs_one import OneVsOne, pairs_of, votes
from groundup.svm._platt import coupled, held_out_decisions, platt_curve, probabilities
from groundup.svm._smo import smo

KEPT = 4096  # up to so many rows, the kernel is computed once for all pairs of classes


def _has_probability(svc):
    if svc.probability is not True:
        raise AttributeError(
            "predict_proba is not available when probability=False; fit SVC(probability=True)."
        )
    return True


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
        Seed of the folds for ``probability=True``.

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
        0 if solved to `tol`, 1 if `max_iter` came first (with a warning).
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
                f"{len(self.classes_)} class: {self.classes_[0]!r}. A machine for one class is "
                "OneClassSVM."
            )

    def _class_weighted(self, codes, sample_weight):
        # As scikit-learn: "balanced" counts rows, whatever they weigh.
        y = self.classes_[codes]
        weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)[codes]
        return weights if sample_weight is None else weights * sample_weight

    def _steps(self, X, y, sample_weight):
        k = len(self.classes_)
        price = np.full(len(X), float(self.C))
        if sample_weight is not None:
            self._check_weights(y, sample_weight)
            price *= sample_weight
        class_weight = np.ones(k)
        if self.class_weight is not None:
            class_weight = compute_class_weight(
                self.class_weight, classes=self.classes_, y=self.classes_[y]
            )
        order = np.argsort(y, kind="stable")  # class after class
        ends = np.concatenate([[0], np.cumsum(np.bincount(y, minlength=k))])
        of_class = [order[ends[c] : ends[c + 1]] for c in range(k)]
        pairs = pairs_of(k)
        rows = self._kernel_rows(X)
        if k > 2 and len(X) <= min(KEPT, rows.room_for(np.float64)):
            with single_blas_thread():
                rows = rows.kept()
        weights = np.zeros((k - 1, len(X)))
        intercept, n_iter = np.zeros(len(pairs)), np.zeros(len(pairs), np.int32)
        unsolved = np.zeros(len(pairs), bool)
        for p, (i, j) in enumerate(pairs):
            pair = np.concatenate([of_class[i], of_class[j]])
            n_i = len(of_class[i])
            for state in self._pair_steps(rows, pair, n_i, price[pair]):
                weights[j - 1, of_class[i]] = state["b"][:n_i]
                weights[i, of_class[j]] = state["b"][n_i:]
                intercept[p], n_iter[p] = -state["rho"], state["n_iter"]
                unsolved[p] = state["violation"] > self.tol
                if k == 2:
                    yield self._state(
                        X, y, order, class_weight, weights, intercept, n_iter, unsolved
                    )
            if k > 2 and j == k - 1:  # all pairs of class i
                yield self._state(X, y, order, class_weight, weights, intercept, n_iter, unsolved)
        self._warn_if_stopped(bool(unsolved.any()))
        if self.probability is True:
            calibration = self._calibration(rows, of_class, price)
            state = self._state(X, y, order, class_weight, weights, intercept, n_iter, unsolved)
            yield {**state, **calibration}

    def _pair_steps(
        self, rows: KernelRows, pair: np.ndarray, n_first: int, price: np.ndarray
    ) -> Generator[dict[str, Any], None, None]:
        """Solve for one pair of classes: rows `pair`, of which the first `n_first` have y = 1."""
        n = len(pair)
        target, low, high = np.ones(n), np.zeros(n), price
        target[n_first:] = -1.0
        low[n_first:], high[n_first:] = -price[n_first:], 0.0
        return smo(
            rows.subset(pair),
            target,
            low,
            high,
            tol=self.tol,
            max_iter=self.max_iter,
            shrinking=self.shrinking,
        )

    def _state(self, X, y, order, class_weight, weights, intercept, n_iter, unsolved):
        """Return the fitted attributes, in scikit-learn's order and signs."""
        support = order[(weights != 0.0).any(axis=0)[order]]
        # With two classes the second one is the positive one.
        sign = -1.0 if len(weights) == 1 else 1.0
        return {
            "class_weight_": class_weight,
            "dual_coef_": sign * weights[:, support],
            "fit_status_": int(unsolved.any()),
            "intercept_": sign * intercept,
            "n_iter_": n_iter.copy(),
            "n_support_": np.bincount(y[support], minlength=len(self.classes_)).astype(np.int32),
            "shape_fit_": X.shape,
            "support_": support.astype(np.int32),
            "support_vectors_": self._support_of(support, X),
        }

    def _calibration(
        self, rows: KernelRows, of_class: list[np.ndarray], price: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Fit the probability curve of each pair, to decision values of rows that were held out."""
        random_state = check_random_state(self.random_state)
        curves = []
        for i, j in pairs_of(len(of_class)):
            pair = np.concatenate([of_class[i], of_class[j]])
            is_first = np.arange(len(pair)) < len(of_class[i])

            def decide(train, test, pair=pair, is_first=is_first):
                n_first = int(np.count_nonzero(is_first[train]))  # they come first
                learnt = pair[train]
                for state in self._pair_steps(rows, learnt, n_first, price[learnt]):
                    last = state
                b, support = last["b"], np.flatnonzero(last["b"])
                f = np.zeros(rows.n_samples)
                with single_blas_thread():
                    rows.add_to(f, learnt[support], b[support], samples=pair[test])
                return f[pair[test]] - last["rho"]

            held_out = held_out_decisions(decide, is_first, random_state)
            curves.append(platt_curve(held_out, is_first, price[pair] / self.C))
        a, b = np.array(curves).T
        return {"probA_": a.copy(), "probB_": b.copy()}

    def _check_weights(self, y, sample_weight):
        weighty = np.unique(y[sample_weight > 0])
        if len(weighty) == 0:
            raise ValueError("Invalid input - all samples have zero weight.")
        if len(weighty) == 1:
            raise ValueError(
                "Invalid input - all samples with positive weights have the same label: only class "
                f"{self.classes_[weighty[0]]!r} is left, and there is nothing to tell it from."
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
        decision = self._pair_decisions(self._validated_for_prediction(X))
        if len(self.classes_) == 2:
            return -decision[:, 0]
        if self.decision_function_shape == "ovr":
            return _ovr_decision_function(decision < 0, -decision, len(self.classes_))
        return decision

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
        decision = self._pair_decisions_of_right_sign(self._validated_for_prediction(X))
        if k == 2:
            return self.classes_[np.where(decision[:, 0] > 0, 0, 1)]
        return self.classes_[votes(decision, k)]

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
        of_first = probabilities(self._pair_decisions(X), self.probA_, self.probB_)
        if k == 2:
            return np.column_stack([of_first[:, 0], 1.0 - of_first[:, 0]])
        table = np.zeros((len(X), k, k))
        for p, (i, j) in enumerate(pairs_of(k)):
            table[:, i, j], table[:, j, i] = of_first[:, p], 1.0 - of_first[:, p]
        return coupled(table)

    @available_if(_has_probability)
    def predict_log_proba(self, X):
        """Return the logarithm of `predict_proba`."""
        return np.log(self.predict_proba(X))
