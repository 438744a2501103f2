"""Decision trees: one question about one column at a time, until the rows in a leaf agree."""

from __future__ import annotations

from groundup._lazy import loaded_on_use

__all__, __getattr__, __dir__ = loaded_on_use(
    __name__,
    {
        "DecisionTreeClassifier": "_classifier",
        "DecisionTreeRegressor": "_regressor",
    },
)
