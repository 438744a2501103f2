"""What the four forests share as estimators: parameters, answers, and the way to their trees.

How a forest is grown stands in `_forest`.
"""

from __future__ import annotations

import math
import warnings
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import check_is_fitted

from groundup._blocks import thread_count
from groundup._estimator import Estimator
from groundup.ensemble._bootstrap import Bootstrap
from groundup.ensemble._forest import TREES_A_STEP, forest
from groundup.ensemble._out_of_bag import OutOfBag
from groundup.ensemble._tree_sequence import TreeSequence
from groundup.tree._classifier import DecisionTreeClassifier
from groundup.tree._decision_tree import DecisionTree, max_features
from groundup.tree._decision_tree import _state as as_state
from groundup.tree._measures import importances
from groundup.tree._regressor import DecisionTreeRegressor
from groundup.tree._traversal import add_values, leaves
from groundup.tree._tree import Tree

MOST_SEEDS = np.iinfo(np.int32).max


class Forest(Estimator):
    """What all forests share; not to be used by itself."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{
            name: rule
            for name, rule in DecisionTree._parameter_constraints.items()
            if name != "splitter"
        },
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "bootstrap": ["boolean"],
        "oob_score": ["boolean", callable],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "max_samples": [
            None,
            Interval(RealNotInt, 0.0, None, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
        ],
    }
    _tree_class: ClassVar[type[DecisionTree]]
    _splitter: ClassVar[str] = "best"
    _estimators: list | None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _max_steps(self):
        n_new = self.n_estimators - len(self._trees_before())
        return max(1, math.ceil(n_new / TREES_A_STEP))

    def _trees_before(self) -> TreeSequence:
        """Return the trees that a warm start keeps."""
        return getattr(self, "trees_", TreeSequence()) if self.warm_start else TreeSequence()

    def _validated(self, X, y, sample_weight):
        before = self._seen()
        validated = super()._validated(X, y, sample_weight)
        if self._trees_before():
            self._require_as_seen(before)
        return validated

    def _check_parameters(self, X, y):
        name = type(self).__name__
        if self.monotonic_cst is not None:
            raise ValueError(
                f"{name}(monotonic_cst=...) is not supported; use None, or monotonic_cst of "
                "HistGradientBoostingClassifier or HistGradientBoostingRegressor."
            )
        if not self.bootstrap and self.max_samples is not None:
            raise ValueError(
                f"{name}(bootstrap=False) gives every tree all rows, so max_samples="
                f"{self.max_samples} has no meaning; set bootstrap=True or max_samples=None."
            )
        if not self.bootstrap and self.oob_score:
            raise ValueError(
                f"{name}(bootstrap=False) leaves no row out of the bag; set bootstrap=True for an "
                "out-of-bag score, or oob_score=False."
            )
        if (n_before := len(self._trees_before())) > self.n_estimators:
            raise ValueError(
                f"{name}(warm_start=True) has {n_before} trees already, more than n_estimators="
                f"{self.n_estimators}; give at least {n_before}, or set warm_start=False."
            )
        self._tree()._check_parameters(X, y)

    def _steps(self, X, y, sample_weight):
        n, p = X.shape
        weight = np.ones(n) if sample_weight is None else sample_weight
        if not 0.0 < (total := float(weight.sum())) < math.inf:
            raise ValueError(
                f"The sample weights, class weights multiplied in, add up to {total}; at least one "
                "row needs a positive weight, and the sum must be finite."
            )
        bootstrap = Bootstrap(n, sample_weight, self.max_samples) if self.bootstrap else None
        n_classes = len(self.classes_) if is_classifier(self) else 0
        out_of_bag = OutOfBag(n, max(1, n_classes)) if self.oob_score else None
        tree = self._tree()
        tree.n_features_in_, tree.max_features_ = p, max_features(self.max_features, p)
        before = self._trees_before()
        if len(before) == self.n_estimators:
            warnings.warn(
                f"A warm start with n_estimators={self.n_estimators}, which there are already, "
                "grows no tree.",
                stacklevel=2,
            )
        seeds = check_random_state(self.random_state).randint(MOST_SEEDS, size=self.n_estimators)
        if before:
            seeds[: len(before)] = self._seeds[: len(before)]
        growing = forest(
            X,
            y,
            weight,
            tree._growth(n, total if bootstrap is None else bootstrap.n_draws),
            n_classes,
            seeds,
            bootstrap,
            getattr(self, "class_weight", None) == "balanced_subsample" and self.bootstrap,
            out_of_bag,
            self.max_bins,
            self.ccp_alpha,
            thread_count(self.n_jobs),
            tuple(before),
        )
        return self._states(growing, y, seeds, bootstrap, out_of_bag)

    def _states(self, growing, y, seeds, bootstrap, out_of_bag):
        """Yield the fitted attributes for each sequence of trees."""
        fixed = {"n_outputs_": 1, "_seeds": seeds, "_bootstrap": bootstrap, "_n_samples": len(y)}
        for trees in growing:
            state = {**fixed, "trees_": trees, "_estimators": None}
            yield state if out_of_bag is None else {**state, **self._judged(y, out_of_bag.mean())}
        if out_of_bag is not None and not out_of_bag.n_trees.all():
            warnings.warn(
                f"{np.count_nonzero(out_of_bag.n_trees == 0)} of {len(y)} rows were drawn for "
                "every tree, so they have no out-of-bag prediction and count as 0 in oob_score_. "
                "Grow more trees.",
                stacklevel=2,
            )

    def _judged(self, y: np.ndarray, answers: np.ndarray) -> dict[str, Any]:
        """Return the out-of-bag attributes for the mean answers (n, k)."""
        raise NotImplementedError

    def _tree(self) -> Any:
        """Return a tree with this forest's parameters, not fitted."""
        names = self._tree_class._parameter_constraints.keys() - {"class_weight", "splitter"}
        given = {name: getattr(self, name) for name in names}
        return self._tree_class(**given, splitter=self._splitter)

    @property
    def estimator_(self) -> Any:
        """A tree with this forest's parameters, not fitted."""
        return self._tree()

    @property
    def estimators_(self) -> list:
        """The trees as estimators of their own, made when they are asked for."""
        check_is_fitted(self)
        if self._estimators is None:
            self._estimators = [
                self._as_estimator(tree, int(seed))
                for tree, seed in zip(self.trees_, self._seeds, strict=False)
            ]
        return self._estimators

    def _as_estimator(self, tree: Tree, seed: int) -> Any:
        p = self.n_features_in_
        estimator = self._tree().set_params(random_state=seed)
        estimator.n_features_in_, estimator.n_outputs_ = p, 1
        estimator.max_features_ = max_features(self.max_features, p)
        vars(estimator).update(as_state(tree, p))
        return estimator

    @property
    def estimators_samples_(self) -> list[np.ndarray]:
        """The rows that each tree was grown on, in the order in which they were drawn."""
        check_is_fitted(self)
        if "_bootstrap" not in vars(self):
            raise AttributeError("A model that was read from disk does not know its rows.")
        if self._bootstrap is None:
            return [np.arange(self._n_samples, dtype=np.int32) for _ in self.trees_]
        return [self._bootstrap.rows(int(seed)) for seed in self._seeds[: len(self.trees_)]]

    @property
    def feature_importances_(self) -> np.ndarray:
        """Each column's share of the decrease in impurity, the mean over the trees."""
        check_is_fitted(self)
        total = np.zeros(self.n_features_in_)
        for tree in self.trees_:
            total += importances(tree, self.n_features_in_)
        return total / total.sum() if total.any() else total

    def _mean_value(self, X: Any) -> np.ndarray:
        """Return the mean of the leaf values: (n_samples, k)."""
        X = self._validated_for_prediction(X)
        total = np.zeros((len(X), self.trees_[0].value.shape[1]))
        add_values(self.trees_.packed, X, total, thread_count(self.n_jobs))
        total /= len(self.trees_)
        return total

    def apply(self, X: Any) -> np.ndarray:
        """Return the leaf in which each row ends, in each tree.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_estimators), dtype int64
            Numbers of nodes.
        """
        X = self._validated_for_prediction(X)
        return leaves(self.trees_.packed, X, thread_count(self.n_jobs)).astype(np.int64)

    def decision_path(self, X: Any) -> tuple[csr_matrix, np.ndarray]:
        """Return the nodes through which each row passes, in each tree.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        indicator : csr_matrix of shape (n_samples, n_nodes)
            1 where the row passes through the node; the nodes of all trees side by side.
        n_nodes_ptr : ndarray of shape (n_estimators + 1,)
            Tree t has the columns from ``n_nodes_ptr[t]`` to ``n_nodes_ptr[t + 1]``.
        """
        X = self._validated_for_prediction(X)
        paths = [estimator.decision_path(X) for estimator in self.estimators_]
        n_nodes = np.cumsum([0, *(path.shape[1] for path in paths)])
        return hstack(paths, format="csr"), n_nodes


class ForestClassifier(ClassifierMixin, Forest):
    """A forest whose leaves hold shares of classes; not to be used by itself."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Forest._parameter_constraints,
        "criterion": DecisionTreeClassifier._parameter_constraints["criterion"],
        "class_weight": [StrOptions({"balanced", "balanced_subsample"}), dict, None],
    }
    _tree_class = DecisionTreeClassifier

    @property
    def n_classes_(self) -> int:
        """The number of classes."""
        check_is_fitted(self)
        return len(self.classes_)

    def _class_weighted(self, codes, sample_weight):
        preset = self.class_weight
        if preset == "balanced_subsample":
            if self.bootstrap:
                return sample_weight  # the classes are balanced in each bootstrap
            preset = "balanced"
        per_class = compute_class_weight(
            preset, classes=self.classes_, y=self.classes_[codes], sample_weight=sample_weight
        )
        return per_class[codes] if sample_weight is None else per_class[codes] * sample_weight

    def _judged(self, y, answers):
        score = self.oob_score if callable(self.oob_score) else accuracy_score
        return {
            "oob_decision_function_": answers,
            "oob_score_": score(y, np.argmax(answers, axis=1)),
        }

    def _as_estimator(self, tree, seed):
        estimator = super()._as_estimator(tree, seed)
        estimator.classes_ = np.arange(self.n_classes_, dtype=np.float64)
        estimator.n_classes_ = self.n_classes_
        return estimator

    def predict(self, X: Any) -> np.ndarray:
        """Return the class with the greatest mean share over the trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Of equal shares the first class in ``classes_``.
        """
        winners = np.argmax(self.predict_proba(X), axis=1)
        return self.classes_[winners]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the shares of the classes in the leaves of each row, the mean over the trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return self._mean_value(X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of `predict_proba`, minus infinity for a share of 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


class ForestRegressor(RegressorMixin, Forest):
    """A forest whose leaves hold a mean or a median; not to be used by itself."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Forest._parameter_constraints,
        "criterion": DecisionTreeRegressor._parameter_constraints["criterion"],
    }
    _tree_class = DecisionTreeRegressor

    def _judged(self, y, answers):
        score = self.oob_score if callable(self.oob_score) else r2_score
        prediction = answers[:, 0]
        return {"oob_prediction_": prediction, "oob_score_": score(y, prediction)}

    def predict(self, X: Any) -> np.ndarray:
        """Return the mean of the values of the leaves in which each row ends.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            In the units of `y`.
        """
        return self._mean_value(X)[:, 0]

    def _compute_partial_dependence_recursion(
        self, grid: np.ndarray, target_features: np.ndarray
    ) -> np.ndarray:
        # The name by which sklearn.inspection.partial_dependence asks for its quick method.
        total = np.zeros(len(grid))
        for tree in self.estimators_:
            total += tree._compute_partial_dependence_recursion(grid, target_features)
        return total / len(self.trees_)
