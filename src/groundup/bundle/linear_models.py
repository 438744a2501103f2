"""What is kept of each linear model, and how it must fit together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from groundup.bundle.array_fields import INPUT, Array, ClassWeights, Labels
from groundup.bundle.fields import (
    FINITE,
    SEED,
    Choice,
    Field,
    Flag,
    Nothing,
    OneOf,
    Sequence,
    Whole,
    number,
    optional,
)
from groundup.bundle.parts import Below, Kind, PartReader, PartWriter, need

Name = Literal[
    "LinearRegression",
    "Ridge",
    "Lasso",
    "ElasticNet",
    "LogisticRegression",
    "SGDClassifier",
    "SGDRegressor",
]


def _class(name: Name) -> Callable[[], type]:
    """Return what imports one of the linear models, when it is needed."""

    def load() -> type:
        from groundup import linear_model

        cls: type = getattr(linear_model, name)
        return cls

    return load


def _check_regressor(part: Any, n_features: int, where: str, below: Below) -> int:
    need(part.coef_.shape == (n_features,), where, "has weights for other columns")
    return 0


def _check_logistic_regression(part: Any, n_features: int, where: str, below: Below) -> int:
    n_classes = len(part.classes_)
    # Two classes need one decision value, more need one each.
    n_outputs = 1 if n_classes == 2 else n_classes
    need(n_classes >= 2, where, "has fewer than two classes")
    need(part.coef_.shape == (n_outputs, n_features), where, "has weights for other columns")
    need(part.intercept_.shape == (n_outputs,), where, "has intercepts for other classes")
    return 0


class StepStates(Field):
    """Where stochastic descent stands for each output, so that it can go on with further rows."""

    wants = "a list of [coef, intercept, average_coef, average_intercept]"
    _arrays = Sequence(Sequence(Array("float64"), length=4))

    def encode(self, value: Any, writer: PartWriter, name: str) -> list[Any]:
        states = [[s.coef, s.intercept, s.average_coef, s.average_intercept] for s in value]
        return self._arrays.encode(states, writer, name)

    def decode(self, data: Any, reader: PartReader, where: str) -> list[Any]:
        from groundup.linear_model._sgd_descent import LinearState

        return [LinearState(*arrays) for arrays in self._arrays.decode(data, reader, where)]


def _check_sgd(part: Any, n_features: int, where: str, below: Below) -> int:
    labels = getattr(part, "classes_", None)
    n_outputs = 1 if labels is None or len(labels) == 2 else len(labels)
    shape = (n_features,) if labels is None else (n_outputs, n_features)
    need(labels is None or len(labels) >= 2, where, "has fewer than two classes")
    need(part.coef_.shape == shape, where, "has weights for other columns")
    need(part.intercept_.shape == (n_outputs,), where, "has intercepts for other classes")
    need(len(part._states) == n_outputs, where, "has steps for other classes")
    for state in part._states:
        coefs = state.coef.shape == state.average_coef.shape == (n_features,)
        intercepts = state.intercept.shape == state.average_intercept.shape == (1,)
        need(coefs and intercepts, where, "has steps for other columns")
    return 0


_WEIGHTS: dict[str, Field] = {**INPUT, "coef_": Array("float64"), "intercept_": FINITE}
_STEPS = optional(Whole(1))

_LASSO: dict[str, Field] = {
    "alpha": number(0),
    "fit_intercept": Flag(),
    "precompute": Flag(),
    "copy_X": Flag(),
    "max_iter": _STEPS,
    "tol": number(0),
    "warm_start": Flag(),
    "positive": Flag(),
    "random_state": SEED,
    "selection": Choice("cyclic", "random"),
}

_CLASS_WEIGHT = OneOf(Nothing(), Choice("balanced"), ClassWeights())
_REGRESSION_LOSSES = (
    "squared_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
)
_CLASS_LOSSES = ("hinge", "perceptron", "squared_hinge", "modified_huber", "log_loss")
_SGD: dict[str, Field] = {
    "penalty": optional(Choice("l2", "l1", "elasticnet")),
    "alpha": number(0),
    "l1_ratio": optional(number(0, 1)),
    "fit_intercept": Flag(),
    "max_iter": Whole(1),
    "tol": optional(number(0)),
    "shuffle": Flag(),
    "epsilon": number(0),
    "random_state": SEED,
    "learning_rate": Choice("constant", "optimal", "invscaling", "adaptive", "pa1", "pa2"),
    "eta0": number(0),
    "power_t": number(),
    "early_stopping": Flag(),
    "validation_fraction": number(0, 1),
    "n_iter_no_change": Whole(1),
    "warm_start": Flag(),
    "average": OneOf(Flag(), Whole(0)),
}
_SGD_FITTED: dict[str, Field] = {
    **INPUT,
    "intercept_": Array("float64"),
    "n_iter_": Whole(0),
    "t_": FINITE,
    "_states": StepStates(),
}

KINDS = {
    "LinearRegression": Kind(
        _class("LinearRegression"),
        params={
            "fit_intercept": Flag(),
            "copy_X": Flag(),
            "tol": number(0),
            "positive": Flag(),
        },
        fitted={
            **_WEIGHTS,
            "rank_": optional(Whole(0)),
            "singular_": optional(Array("float64")),
        },
        dropped=frozenset(["n_jobs"]),
        check=_check_regressor,
    ),
    "Ridge": Kind(
        _class("Ridge"),
        params={
            "alpha": number(0),
            "fit_intercept": Flag(),
            "copy_X": Flag(),
            "max_iter": _STEPS,
            "tol": number(0),
            "solver": Choice(
                "auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"
            ),
            "positive": Flag(),
            "random_state": SEED,
        },
        fitted={
            **_WEIGHTS,
            "n_iter_": OneOf(Nothing(), Whole(0), Array("int32", "int64")),
            "solver_": Choice("svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"),
        },
        check=_check_regressor,
    ),
    "Lasso": Kind(
        _class("Lasso"),
        params=_LASSO,
        fitted={**_WEIGHTS, "n_iter_": Whole(0), "dual_gap_": FINITE},
        check=_check_regressor,
    ),
    "ElasticNet": Kind(
        _class("ElasticNet"),
        params={**_LASSO, "l1_ratio": number(0, 1)},
        fitted={**_WEIGHTS, "n_iter_": Whole(0), "dual_gap_": FINITE},
        check=_check_regressor,
    ),
    "LogisticRegression": Kind(
        _class("LogisticRegression"),
        params={
            "penalty": OneOf(Nothing(), Choice("deprecated", "l1", "l2", "elasticnet")),
            "C": number(0),
            "l1_ratio": optional(number(0, 1)),
            "dual": Flag(),
            "tol": number(0),
            "fit_intercept": Flag(),
            "intercept_scaling": number(0),
            "class_weight": _CLASS_WEIGHT,
            "random_state": SEED,
            "solver": Choice("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"),
            "max_iter": Whole(0),
            "warm_start": Flag(),
        },
        fitted={
            **INPUT,
            "classes_": Labels(),
            "coef_": Array("float64", ndim=2),
            "intercept_": Array("float64"),
            "n_iter_": Array("int32", "int64"),
        },
        dropped=frozenset(["n_jobs", "verbose"]),
        check=_check_logistic_regression,
    ),
    "SGDClassifier": Kind(
        _class("SGDClassifier"),
        params={
            **_SGD,
            "loss": Choice(*_CLASS_LOSSES, *_REGRESSION_LOSSES),
            "class_weight": _CLASS_WEIGHT,
        },
        fitted={**_SGD_FITTED, "classes_": Labels(), "coef_": Array("float64", ndim=2)},
        dropped=frozenset(["n_jobs", "verbose"]),
        check=_check_sgd,
    ),
    "SGDRegressor": Kind(
        _class("SGDRegressor"),
        params={**_SGD, "loss": Choice(*_REGRESSION_LOSSES)},
        fitted={**_SGD_FITTED, "coef_": Array("float64")},
        dropped=frozenset(["verbose"]),
        check=_check_sgd,
    ),
}
