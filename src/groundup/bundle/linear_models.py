"""What is kept of each linear model, and how it must fit together."""

from __future__ import annotations

from typing import Any

from groundup.bundle.fields import (
    FINITE,
    INPUT,
    SEED,
    Array,
    Choice,
    ClassWeights,
    Field,
    Flag,
    Labels,
    Nothing,
    OneOf,
    Whole,
    number,
    optional,
)
from groundup.bundle.parts import Below, Kind, need


def _linear_regression() -> type:
    from groundup.linear_model import LinearRegression

    return LinearRegression


def _ridge() -> type:
    from groundup.linear_model import Ridge

    return Ridge


def _lasso() -> type:
    from groundup.linear_model import Lasso

    return Lasso


def _elastic_net() -> type:
    from groundup.linear_model import ElasticNet

    return ElasticNet


def _logistic_regression() -> type:
    from groundup.linear_model import LogisticRegression

    return LogisticRegression


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

KINDS = {
    "LinearRegression": Kind(
        _linear_regression,
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
        _ridge,
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
        _lasso,
        params=_LASSO,
        fitted={**_WEIGHTS, "n_iter_": Whole(0), "dual_gap_": FINITE},
        check=_check_regressor,
    ),
    "ElasticNet": Kind(
        _elastic_net,
        params={**_LASSO, "l1_ratio": number(0, 1)},
        fitted={**_WEIGHTS, "n_iter_": Whole(0), "dual_gap_": FINITE},
        check=_check_regressor,
    ),
    "LogisticRegression": Kind(
        _logistic_regression,
        params={
            "penalty": OneOf(Nothing(), Choice("deprecated", "l1", "l2", "elasticnet")),
            "C": number(0),
            "l1_ratio": optional(number(0, 1)),
            "dual": Flag(),
            "tol": number(0),
            "fit_intercept": Flag(),
            "intercept_scaling": number(0),
            "class_weight": OneOf(Nothing(), Choice("balanced"), ClassWeights()),
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
}
