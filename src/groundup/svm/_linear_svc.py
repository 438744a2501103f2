"""Linear support vector classification: the widest street between two classes.

Of all lines that separate two classes, the one with the widest empty street on both sides is the
safest: rows must move furthest before they are mistaken.  With z = w'x + b the kerbs are where z is
1 and -1, the street's width is 2 / |w|, and a row inside the street or on its wrong side pays for
the distance r to its own kerb:

    minimise   1/2 (|w|^2 + (b / s)^2) + C sum_i c_i r_i^2        loss="squared_hinge"
    minimise   1/2 (|w|^2 + (b / s)^2) + C sum_i c_i r_i          loss="hinge"

More than two classes are as many problems, each one class against the rest; the row goes to the
class with the largest z.

How it is solved: `_linear_support` chooses between `_primal_newton` and `_multipliers` (many rows),
`_dual_descent` (many columns) and `_sparse_newton` (l1 penalty), all of which are about the problem
of `_intervals`.
"""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions

from groundup.linear_model._base import linear_decision
from groundup.svm._intervals import Rows
from groundup.svm._linear_support import LinearSupportModel


class LinearSVC(ClassifierMixin, LinearSupportModel):
    """Linear support vector classification.

    Parameters and attributes are those of scikit-learn's class of the same name.  As there, the
    intercept has a price like the other weights; `intercept_scaling` makes it cheaper.

    Parameters
    ----------
    penalty : {"l1", "l2"}, default="l2"
        What to keep small: "l2" the squares of the weights; "l1" their absolute values, which sets
        some to zero.
    loss : {"hinge", "squared_hinge"}, default="squared_hinge"
        What a row pays: its distance to the kerb, or the square of it.
    dual : bool or "auto", default="auto"
        Whether to solve the dual problem, which has a number for every row, or the primal one, with
        a number for every column. All ways lead to the same weights; "auto" takes the one that is
        fastest for the shape of `X`.
    tol : float, default=1e-4
        In the dual: stop when no row violates its conditions of optimality by more than `tol`, and
        the duality gap is at most `tol` times the objective. In the primal: when the duality gap is
        at most (`tol` / 10)^2 times the objective; for the hinge `tol` / 100 times; for
        penalty="l1" `tol` / 100 times the objective of the model without features.
    C : float, default=1.0
        Price of the distances, above 0: a smaller one makes a wider street with more rows in it.
    multi_class : {"ovr", "crammer_singer"}, default="ovr"
        Only "ovr" is supported: each class against the rest.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    intercept_scaling : float, default=1
        The number s: the intercept costs as much as a weight b / s.
    class_weight : dict or "balanced", default=None
        Weights of the classes, multiplied into the rows' weights. With more than two classes the
        weight of a class counts where it is told from the rest, and the rest then weighs 1.
    verbose : int, default=0
        Has no effect; set a callback (`set_callbacks`) to watch the steps.
    random_state : int, RandomState instance or None, default=None
        Seeds the order of the rows in the dual; the primal methods draw nothing.
    max_iter : int, default=1000
        The most iterations: passes over the rows in the dual, Newton steps in the primal.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights of the features.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        The decision value where all features are zero; 0.0 without an intercept.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_iter_ : int
        The iterations of the class that took most.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, if there are fewer than two classes, or if `penalty`, `loss` and `dual` do not
        go together.

    Warns
    -----
    ConvergenceWarning
        From `fit`, if it ends further from the minimum than `tol` asks for, after `max_iter`
        iterations or because rounding hides any further decrease.

    References
    ----------
    .. [1] Cortes and Vapnik (1995), "Support-vector networks", Machine Learning 20(3).
    .. [2] Hsieh, Chang, Lin, Keerthi and Sundararajan (2008), "A dual coordinate descent method for
       large-scale linear SVM", ICML.
    .. [3] Mangasarian (2002), "A finite Newton method for classification", Optimization Methods and
       Software 17(5).

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.svm import LinearSVC
    >>> X = np.array([[-2.0, 0.0], [-1.0, 1.0], [1.0, 1.0], [2.0, 0.0]])
    >>> model = LinearSVC().fit(X, ["left", "left", "right", "right"])
    >>> model.coef_.round(3)  # the street runs along the second feature
    array([[0.8, 0. ]])
    >>> str(model.predict([[0.5, 3.0]])[0])
    'right'
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "penalty": [StrOptions({"l1", "l2"})],
        "loss": [StrOptions({"hinge", "squared_hinge"})],
        "dual": ["boolean", StrOptions({"auto"})],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "multi_class": [StrOptions({"ovr", "crammer_singer"})],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [None, dict, StrOptions({"balanced"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        penalty="l2",
        loss="squared_hinge",
        *,
        dual="auto",
        tol=1e-4,
        C=1.0,
        multi_class="ovr",
        fit_intercept=True,
        intercept_scaling=1,
        class_weight=None,
        verbose=0,
        random_state=None,
        max_iter=1000,
    ):
        self.penalty = penalty
        self.loss = loss
        self.dual = dual
        self.tol = tol
        self.C = C
        self.multi_class = multi_class
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter

    def _check_parameters(self, X, y):
        if self.multi_class != "ovr":
            raise ValueError(
                f"LinearSVC(multi_class={self.multi_class!r}) is not supported; use 'ovr'."
            )
        if len(self.classes_) < 2:
            raise ValueError(
                "LinearSVC needs rows of at least 2 classes, but y holds only one class: "
                f"{self.classes_.tolist()[0]!r}. Check that the target column and the rows are the "
                "right ones."
            )
        super()._check_parameters(X, y)

    def _class_weighted(self, codes, sample_weight):
        # a class weighs on its own problem alone, so it is applied in `_steps`
        return sample_weight

    def _steps(self, X, y, sample_weight):
        price = np.full(len(X), float(self.C))
        if sample_weight is not None:
            price *= sample_weight
        K = len(self.classes_)
        per_class = np.ones(K)
        if self.class_weight is not None:
            per_class = compute_class_weight(
                self.class_weight,
                classes=self.classes_,
                y=self.classes_[y],
                sample_weight=sample_weight,
            )
        constant = self._constant()

        def against_the_rest(k):
            is_member = y == k
            # the rest of more than one class has no weight of its own, as in scikit-learn
            weights = per_class[y] if K == 2 else np.where(is_member, per_class[k], 1.0)
            return Rows.of_class(X, constant, is_member, weights * price)

        members = [1] if K == 2 else range(K)
        problems = [partial(against_the_rest, k) for k in members]
        for V, n_iter in self._solutions(X, problems):
            yield {
                "coef_": V[:, :-1].copy(),
                "intercept_": constant * V[:, -1] if self.fit_intercept else 0.0,
                "n_iter_": n_iter,
            }

    def decision_function(self, X):
        """Return how far each row lies from the middle of the street, in units of half its width.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes)
            For two classes positive on the side of `classes_[1]`.
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
