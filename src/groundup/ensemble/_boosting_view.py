"""Boosted trees as the objects that scikit-learn's own functions read.

``shap.TreeExplainer`` and partial dependence expect ``model._predictors``: for each round a list of
scikit-learn's predictors, whose nodes are records.  They are made when somebody asks for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.utils.validation import check_is_fitted

from groundup.tree._tree import LEAF, NUMERIC, SET_WORDS, Tree


def predictor(tree: Tree) -> TreePredictor:
    """Return a copy of `tree` as scikit-learn's predictor.

    A set of categories holds the numbers of the categories, as the model knows them.
    """
    nodes = np.zeros(tree.node_count, dtype=PREDICTOR_RECORD_DTYPE)
    split = np.flatnonzero(tree.children_left != LEAF)
    nodes["value"] = tree.value[:, 0]
    nodes["count"] = tree.n_node_samples
    nodes["gain"] = tree.impurity
    nodes["is_leaf"] = tree.children_left == LEAF
    nodes["feature_idx"][split] = tree.feature[split]
    nodes["num_threshold"][split] = tree.threshold[split]
    nodes["missing_go_to_left"][split] = tree.missing_go_to_left[split]
    nodes["left"][split] = tree.children_left[split]
    nodes["right"][split] = tree.children_right[split]
    for node in split:  # parents come first
        nodes["depth"][tree.children_left[node]] = nodes["depth"][node] + 1
        nodes["depth"][tree.children_right[node]] = nodes["depth"][node] + 1
    sets = np.empty((0, SET_WORDS), dtype=np.uint32)
    if tree.category_set is not None and tree.category_sets is not None:
        sets = tree.category_sets
        by_category = tree.category_set != NUMERIC
        nodes["is_categorical"] = by_category
        nodes["bitset_idx"][by_category] = tree.category_set[by_category]
    return TreePredictor(nodes, sets, sets)


class ReadByScikitLearn:
    """The part of a boosted model that shap and ``sklearn.inspection`` look at."""

    _categories: Any
    _rounds: Any
    n_trees_per_iteration_: int

    @property
    def _predictors(self) -> list[list[Any]]:
        """The trees of each round as scikit-learn's predictors, for shap and partial dependence."""
        check_is_fitted(self)
        if self._categories is not None:
            raise NotImplementedError(
                "shap and the recursion of partial dependence know thresholds only, and this model "
                "splits categories; use a method that only predicts: shap.Explainer(model.predict, "
                "X), or partial_dependence(..., method='brute')."
            )
        return [[predictor(tree) for tree in trees] for trees in self._rounds.trees]

    def _compute_partial_dependence_recursion(
        self, grid: np.ndarray, target_features: np.ndarray
    ) -> np.ndarray:
        """Return the mean raw prediction of the trees, (n_trees, n_grid), at points of a grid."""
        if getattr(self, "_weighted", False):
            raise NotImplementedError(
                "The recursion of partial dependence counts rows, and this model was fitted with "
                "sample weights; use partial_dependence(..., method='brute')."
            )
        grid = np.ascontiguousarray(grid, dtype=np.float64)
        features = np.ascontiguousarray(target_features, dtype=np.intp)
        means = np.zeros((self.n_trees_per_iteration_, len(grid)))
        for trees in self._predictors:
            for k, tree in enumerate(trees):
                tree.compute_partial_dependence(grid, features, means[k])
        return means
