"""Linear models: a weighted sum of the features, and several ways to find the weights.

In order of difficulty: `LinearRegression` (least squares in closed form), `Ridge` (the same with a
penalty that keeps the weights small), `Lasso` and `ElasticNet` (a penalty that sets weights to
zero, one coordinate at a time), `LogisticRegression` (probabilities of classes), `SGDClassifier`
and `SGDRegressor` (any of the losses, a few rows at a time).
"""

from __future__ import annotations

from groundup._lazy import loaded_on_use

__all__, __getattr__, __dir__ = loaded_on_use(
    __name__,
    {
        "LinearRegression": "_linear_regression",
        "Ridge": "_ridge",
        "Lasso": "_lasso",
        "ElasticNet": "_elastic_net",
        "LogisticRegression": "_logistic",
        "SGDClassifier": "_sgd",
        "SGDRegressor": "_sgd",
    },
)
