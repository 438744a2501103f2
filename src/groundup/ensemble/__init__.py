"""Ensembles: many trees that vote (forests), or that correct each other (boosting)."""

from __future__ import annotations

from groundup._lazy import loaded_on_use

__all__, __getattr__, __dir__ = loaded_on_use(
    __name__,
    {
        "AdaBoostClassifier": "_adaboost",
        "ExtraTreesClassifier": "_extra_trees",
        "ExtraTreesRegressor": "_extra_trees",
        "HistGradientBoostingClassifier": "_hist_gradient_boosting_classifier",
        "HistGradientBoostingRegressor": "_hist_gradient_boosting_regressor",
        "RandomForestClassifier": "_random_forest",
        "RandomForestRegressor": "_random_forest",
    },
)
