"""What is kept of trees, forests and boosting: every node as plain arrays, checked when read.

Kept is what predicting needs, and the counts and impurities from which ``feature_importances_``
follows. The order of nodes in which prediction is fast is made again on loading; no position that a
walk follows is taken from a file unchecked.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from groundup.bundle.array_fields import INPUT, Array, ClassWeights, Label, Labels
from groundup.bundle.fields import (
    SEED,
    Choice,
    Field,
    Flag,
    Mismatch,
    Nothing,
    OneOf,
    Real,
    Sequence,
    Text,
    Whole,
    number,
    optional,
)
from groundup.bundle.parts import Below, Kind, PartReader, PartWriter, need
from groundup.bundle.tree_fields import OneTree, Trees

_MOST_CATEGORIES = 256


def _class(package: str, name: str) -> Callable[[], type]:
    """Return what imports one of the classes below, when it is needed."""

    def load() -> type:
        cls: type = getattr(import_module(f"groundup.{package}"), name)
        return cls

    return load


class Rounds(Trees):
    """The trees of boosting, round after round: as many a round as there are raw predictions."""

    wants = "rounds of trees"

    def encode(self, value: Any, writer: PartWriter, name: str) -> dict[str, Any]:
        return super().encode([tree for trees in value.trees for tree in trees], writer, name)


class CategoryTables(Field):
    """The known categories of each column of categories, in the order of their numbers."""

    wants = "a list of [column, categories]"
    _columns = Sequence(Sequence(OneOf(Whole(0), Sequence(Label())), length=2))

    def encode(self, value: Any, writer: PartWriter, name: str) -> list[Any]:
        tables = [
            [f, sorted(known, key=known.__getitem__)] for f, known in sorted(value.known.items())
        ]
        return self._columns.encode(tables, writer, name)

    def decode(self, data: Any, reader: PartReader, where: str) -> dict[int, dict[Any, int]]:
        known: dict[int, dict[Any, int]] = {}
        for entry in self._columns.decode(data, reader, where):
            f, names = entry
            if not isinstance(f, int) or not isinstance(names, list) or f in known:
                raise self.mismatch(entry)
            known[f] = {name: i for i, name in enumerate(names)}
            if len(known[f]) < len(names) or len(names) > _MOST_CATEGORIES:
                raise self.mismatch(names)
        return known


def _tree(cls: type, params: dict[str, Any], fitted: dict[str, Any]) -> Any:
    """Return a single tree."""
    from groundup.tree._decision_tree import _state

    model = cls(**params)
    vars(model).update(fitted)
    if "classes_" in fitted:
        model.n_classes_ = len(model.classes_)
    vars(model).update(_state(model.grown_, model.n_features_in_))
    return model


def _forest(cls: type, params: dict[str, Any], fitted: dict[str, Any]) -> Any:
    """Return a forest; which rows its trees were grown on is no longer known."""
    from groundup.ensemble._tree_sequence import TreeSequence

    model = cls(**params)
    vars(model).update(fitted)
    model.trees_, model._estimators = TreeSequence(fitted["trees_"]), None
    if len(model._seeds) < len(model.trees_):
        raise Mismatch("has fewer seeds than trees")
    return model


def _boosting(cls: type, params: dict[str, Any], fitted: dict[str, Any]) -> Any:
    """Return the sum of trees, in rounds of as many trees as there are raw predictions."""
    from groundup.ensemble._categories import Categories
    from groundup.ensemble._hist_gradient_boosting import Rounds as FittedRounds

    model = cls(**params)
    trees, k = fitted["_rounds"], fitted["n_trees_per_iteration_"]
    known, is_categorical = fitted["_categories"], fitted["is_categorical_"]
    if len(trees) % k:
        raise Mismatch("has a round with too few trees")
    if (known is None) != (is_categorical is None):
        raise Mismatch("has categories for no column")
    if is_categorical is not None and sorted(known) != np.flatnonzero(is_categorical).tolist():
        raise Mismatch("has categories for other columns")
    vars(model).update(fitted)
    model._rounds = FittedRounds(tuple(tuple(trees[i : i + k]) for i in range(0, len(trees), k)))
    model._categories = None if known is None else Categories(is_categorical, known)
    model.n_iter_ = len(trees) // k
    return model


def _check_trees(trees: Any, n_features: int, n_values: int, where: str) -> None:
    for tree in trees:
        need(tree.feature.max() < n_features, where, "asks about a column that is not there")
        need(tree.value.shape[1] == n_values, where, "has leaves for other classes")


def _check_shares(part: Any, trees: Any, where: str) -> None:
    if hasattr(part, "classes_"):
        for tree in trees:
            shares = tree.value
            whole = np.abs(shares.sum(axis=1) - 1) < 1e-6
            need(whole.all() and (shares >= 0).all(), where, "has shares that are none")


def _n_values(part: Any, where: str) -> int:
    labels = getattr(part, "classes_", None)
    need(labels is None or len(labels) >= 1, where, "has no classes")
    return 1 if labels is None else len(labels)


def _check_tree(part: Any, n_features: int, where: str, below: Below) -> int:
    _check_trees([part.grown_], n_features, _n_values(part, where), where)
    _check_shares(part, [part.grown_], where)
    return 0


def _check_forest(part: Any, n_features: int, where: str, below: Below) -> int:
    _check_trees(part.trees_, n_features, _n_values(part, where), where)
    _check_shares(part, part.trees_, where)
    return 0


def _check_boosting(part: Any, n_features: int, where: str, below: Below) -> int:
    labels = getattr(part, "classes_", None)
    need(labels is None or len(labels) >= 2, where, "has fewer than two classes")
    k = 1 if labels is None or len(labels) == 2 else len(labels)
    need(part.n_trees_per_iteration_ == k, where, "has trees for other classes")
    need(part._baseline_prediction.shape == (1, k), where, "starts from other classes")
    trees = [tree for round_ in part._rounds.trees for tree in round_]
    _check_trees(trees, n_features, 1, where)
    categorical = part.is_categorical_
    known = {} if part._categories is None else part._categories.known
    need(categorical is None or len(categorical) == n_features, where, "has other columns")
    for tree in trees:
        _check_categories(tree, known, where)
    return 0


def _check_categories(tree: Any, known: dict[int, dict[Any, int]], where: str) -> None:
    """Check that sets of categories are asked of columns of categories, and hold no others."""
    if tree.category_set is None:
        return
    for node in np.flatnonzero(tree.category_set >= 0):
        names = known.get(int(tree.feature[node]))
        need(names is not None, where, "asks a column of numbers for its category")
        words = tree.category_sets[tree.category_set[node]]  # (8,) uint32
        members = np.flatnonzero(
            np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")
        )
        in_range = not len(members) or members[-1] < len(names or ())
        need(in_range, where, "asks for a category that is not there")


_COUNT_OR_SHARE = OneOf(Whole(1), Real(0, 1))
_GROWTH: dict[str, Field] = {
    "max_depth": optional(Whole(1)),
    "min_samples_split": OneOf(Whole(2), Real(0, 1)),
    "min_samples_leaf": _COUNT_OR_SHARE,
    "min_weight_fraction_leaf": number(0, 0.5),
    "max_features": OneOf(Nothing(), Choice("sqrt", "log2"), Whole(1), Real(0, 1)),
    "random_state": SEED,
    "max_leaf_nodes": optional(Whole(2)),
    "min_impurity_decrease": number(0),
    "ccp_alpha": number(0),
    "monotonic_cst": Nothing(),
    "max_bins": optional(Whole(2, 255)),
}
_FOREST_GROWTH: dict[str, Field] = {
    **_GROWTH,
    "n_estimators": Whole(1),
    "bootstrap": Flag(),
    "oob_score": Flag(),
    "warm_start": Flag(),
    "max_samples": OneOf(Nothing(), Whole(1), Real(0)),
}
_BOOSTING: dict[str, Field] = {
    "learning_rate": number(0),
    "max_iter": Whole(1),
    "max_leaf_nodes": optional(Whole(2)),
    "max_depth": optional(Whole(1)),
    "min_samples_leaf": Whole(1),
    "l2_regularization": number(0),
    "max_features": number(0, 1),
    "max_bins": Whole(2, 255),
    "categorical_features": OneOf(
        Nothing(), Choice("from_dtype"), Sequence(OneOf(Flag(), Whole(0), Text()))
    ),
    "monotonic_cst": OneOf(Nothing(), Sequence(Whole(-1, 1)), ClassWeights()),
    "interaction_cst": OneOf(
        Nothing(), Choice("pairwise", "no_interactions"), Sequence(Sequence(Whole(0)))
    ),
    "warm_start": Flag(),
    "early_stopping": OneOf(Choice("auto"), Flag()),
    "scoring": optional(
        Choice(
            "loss",
            "accuracy",
            "balanced_accuracy",
            "f1",
            "neg_brier_score",
            "neg_log_loss",
            "neg_mean_absolute_error",
            "neg_mean_squared_error",
            "neg_root_mean_squared_error",
            "r2",
            "roc_auc",
        )
    ),
    "validation_fraction": optional(_COUNT_OR_SHARE),
    "n_iter_no_change": Whole(1),
    "tol": number(0),
    "random_state": SEED,
}
_CLASS_CRITERION = Choice("gini", "entropy", "log_loss")
_CRITERION = Choice("squared_error", "absolute_error", "poisson")
_CLASS_WEIGHT = OneOf(Nothing(), Choice("balanced"), ClassWeights())
_FOREST_CLASS_WEIGHT = OneOf(Nothing(), Choice("balanced", "balanced_subsample"), ClassWeights())
_CLASSES: dict[str, Field] = {"classes_": Labels()}

_TREE_FITTED: dict[str, Field] = {
    **INPUT,
    "grown_": OneTree(),
    "max_features_": Whole(1),
    "n_outputs_": Whole(1, 1),
}
_FOREST_FITTED: dict[str, Field] = {
    **INPUT,
    "trees_": Trees(),
    "_seeds": Array("int64", "int32"),
    "n_outputs_": Whole(1, 1),
}
_CURVE = Array("float64", finite=False)
_BOOSTING_FITTED: dict[str, Field] = {
    **INPUT,
    "_rounds": Rounds(),
    "_baseline_prediction": Array("float64", ndim=2),
    "_categories": optional(CategoryTables()),
    "is_categorical_": optional(Array("bool")),
    "n_trees_per_iteration_": Whole(1),
    "do_early_stopping_": Flag(),
    "_split_seed": Whole(0),
    "_growth_seed": Whole(0),
    "train_loss_": _CURVE,
    "validation_loss_": _CURVE,
    "train_score_": _CURVE,
    "validation_score_": _CURVE,
}


def _forest_kind(name: str) -> Kind:
    of_classes = name.endswith("Classifier")
    criterion: dict[str, Field] = {"criterion": _CLASS_CRITERION if of_classes else _CRITERION}
    weight: dict[str, Field] = {"class_weight": _FOREST_CLASS_WEIGHT} if of_classes else {}
    return Kind(
        _class("ensemble", name),
        params={**_FOREST_GROWTH, **criterion, **weight},
        fitted={**_FOREST_FITTED, **(_CLASSES if of_classes else {})},
        dropped=frozenset(["n_jobs", "verbose"]),
        check=_check_forest,
        build=_forest,
    )


_FORESTS = (
    "RandomForestClassifier",
    "RandomForestRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
)

KINDS = {
    "DecisionTreeClassifier": Kind(
        _class("tree", "DecisionTreeClassifier"),
        params={
            **_GROWTH,
            "criterion": _CLASS_CRITERION,
            "splitter": Choice("best", "random"),
            "class_weight": _CLASS_WEIGHT,
        },
        fitted={**_TREE_FITTED, **_CLASSES},
        check=_check_tree,
        build=_tree,
    ),
    "DecisionTreeRegressor": Kind(
        _class("tree", "DecisionTreeRegressor"),
        params={**_GROWTH, "criterion": _CRITERION, "splitter": Choice("best", "random")},
        fitted=_TREE_FITTED,
        check=_check_tree,
        build=_tree,
    ),
    **{name: _forest_kind(name) for name in _FORESTS},
    "HistGradientBoostingClassifier": Kind(
        _class("ensemble", "HistGradientBoostingClassifier"),
        params={**_BOOSTING, "loss": Choice("log_loss"), "class_weight": _CLASS_WEIGHT},
        fitted={**_BOOSTING_FITTED, **_CLASSES},
        dropped=frozenset(["verbose"]),
        check=_check_boosting,
        build=_boosting,
    ),
    "HistGradientBoostingRegressor": Kind(
        _class("ensemble", "HistGradientBoostingRegressor"),
        params={
            **_BOOSTING,
            "loss": Choice("squared_error", "absolute_error", "poisson", "gamma", "quantile"),
            "quantile": optional(number(0, 1)),
        },
        fitted=_BOOSTING_FITTED,
        dropped=frozenset(["verbose"]),
        check=_check_boosting,
        build=_boosting,
    ),
}
