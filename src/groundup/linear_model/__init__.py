"""Linear models: a weighted sum of the features, and several ways to find the weights.

In order of difficulty: `LinearRegression` (least squares in closed form), `Ridge` (the same with a
penalty that keeps the weights small), `Lasso` and `ElasticNet` (a penalty that sets weights to
zero, one coordinate at a time), `LogisticRegression` (probabilities of classes), `SGDClassifier`
and `SGDRegressor` (any of the losses, a few rows at a time).
"""

from __future__ import annotations

from importlib import import_module

_HOME = {
    "LinearRegression": "_linear_regression",
    "Ridge": "_ridge",
    "Lasso": "_lasso",
    "ElasticNet": "_elastic_net",
    "LogisticRegression": "_logistic",
    "SGDClassifier": "_sgd",
    "SGDRegressor": "_sgd",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    # Loaded on first use (PEP 562), because numba takes a second to import.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
