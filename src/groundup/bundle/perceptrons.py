"""What is kept of a multi-layer perceptron: the weights of each layer, and how training went.

What Adam or the momentum remembers is not kept: a loaded network that is trained on begins anew
with that.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from groundup.bundle.array_fields import FLOATS, INPUT, Array, Labels
from groundup.bundle.fields import (
    FINITE,
    SEED,
    Absent,
    Choice,
    Field,
    Flag,
    Mismatch,
    OneOf,
    Real,
    Sequence,
    Whole,
    number,
    optional,
)
from groundup.bundle.parts import Below, Kind, class_in, need


def _build(cls: type, params: dict[str, Any], fitted: dict[str, Any]) -> Any:
    model = cls(**params)
    vars(model).update(fitted, _memory=None)
    coefs, intercepts = model.coefs_, model.intercepts_
    if len(coefs) < 1 or len(coefs) != len(intercepts):
        raise Mismatch("has layers without weights or without constants")
    if len({array.dtype for array in (*coefs, *intercepts)}) > 1:
        raise Mismatch("has weights of several types")
    model.n_layers_ = len(coefs) + 1
    model.n_outputs_ = coefs[-1].shape[1]
    return model


def _check_layers(part: Any, n_features: int, where: str) -> None:
    coefs = part.coefs_
    need(coefs[0].shape[0] == n_features, where, "has weights for other columns")
    for before, after in pairwise(coefs):
        need(before.shape[1] == after.shape[0], where, "has layers that do not follow one another")
    for coef, intercept in zip(coefs, part.intercepts_, strict=True):
        need(intercept.shape == coef.shape[1:], where, "has constants for other units")
        need(coef.size > 0, where, "has a layer without units")


def _check_classifier(part: Any, n_features: int, where: str, below: Below) -> int:
    _check_layers(part, n_features, where)
    k = len(part.classes_)
    n_outputs, answer = (1, "logistic") if k <= 2 else (k, "softmax")
    need(k >= 1, where, "has no classes")
    fit = part.n_outputs_ == n_outputs and part.out_activation_ == answer
    need(fit, where, "has outputs that do not fit one answer a row out of its classes")
    return 0


def _check_regressor(part: Any, n_features: int, where: str, below: Below) -> int:
    _check_layers(part, n_features, where)
    last = "exp" if part.loss == "poisson" else "identity"
    need(part.out_activation_ == last, where, "has outputs that do not fit its loss")
    return 0


_PARAMS: dict[str, Field] = {
    "hidden_layer_sizes": OneOf(Whole(1), Sequence(Whole(1), as_tuple=True)),
    "activation": Choice("identity", "logistic", "tanh", "relu"),
    "solver": Choice("lbfgs", "sgd", "adam"),
    "alpha": number(0),
    "batch_size": OneOf(Choice("auto"), Whole(1)),
    "learning_rate": Choice("constant", "invscaling", "adaptive"),
    "learning_rate_init": number(0),
    "power_t": number(0),
    "max_iter": Whole(1),
    "shuffle": Flag(),
    "random_state": SEED,
    "tol": number(0),
    "warm_start": Flag(),
    "momentum": number(0, 1),
    "nesterovs_momentum": Flag(),
    "early_stopping": Flag(),
    "validation_fraction": number(0, 1),
    "beta_1": number(0, 1),
    "beta_2": number(0, 1),
    "epsilon": number(0),
    "n_iter_no_change": number(1),
    "max_fun": Whole(1),
    "steps": Choice("epoch", "batch"),
}
CURVE = Sequence(Real(nan=True))
_FITTED: dict[str, Field] = {
    **INPUT,
    "coefs_": Sequence(Array(*FLOATS, ndim=2)),
    "intercepts_": Sequence(Array(*FLOATS)),
    "out_activation_": Choice("identity", "logistic", "softmax", "exp"),
    "loss_": FINITE,
    "n_iter_": Whole(0),
    "t_": Whole(0),
    # L-BFGS keeps none of these
    "loss_curve_": Absent(CURVE),
    "best_loss_": Absent(optional(Real())),
    "validation_scores_": Absent(optional(CURVE)),
    "best_validation_score_": Absent(optional(Real(nan=True))),
    "_no_improvement_count": Absent(Whole(0)),
}

KINDS = {
    "MLPClassifier": Kind(
        class_in("neural_network", "MLPClassifier"),
        params=_PARAMS,
        fitted={**_FITTED, "classes_": Labels()},
        dropped=frozenset(["verbose"]),
        check=_check_classifier,
        build=_build,
    ),
    "MLPRegressor": Kind(
        class_in("neural_network", "MLPRegressor"),
        params={**_PARAMS, "loss": Choice("squared_error", "poisson")},
        fitted=_FITTED,
        dropped=frozenset(["verbose"]),
        check=_check_regressor,
        build=_build,
    ),
}
