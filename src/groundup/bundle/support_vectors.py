"""What is kept of support vector machines: the rows that matter, their weights, the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup.bundle.array_fields import INPUT, Array, ClassWeights, Labels
from groundup.bundle.fields import (
    FINITE,
    SEED,
    Absent,
    Choice,
    Field,
    Flag,
    Nothing,
    OneOf,
    Sequence,
    Whole,
    number,
)
from groundup.bundle.parts import Below, Kind, class_in, need


def _check_vectors(part: Any, n_features: int, n_weights: int, where: str) -> int:
    """Check the support vectors and their weights; return how many there are."""
    support = part.support_
    n_vectors = len(support)
    need(part._gamma >= 0.0, where, "has a kernel whose gamma is below 0")
    need((support >= 0).all(), where, "names a row that is not there")
    if part.kernel == "precomputed":
        # Their numbers are places in the rows of the kernel that predicting is given.
        need((support < n_features).all(), where, "names a row that is not there")
        need(part.support_vectors_.size == 0, where, "has rows beside a kernel that needs none")
    else:
        fit = part.support_vectors_.shape == (n_vectors, n_features)
        need(fit, where, "has support vectors of other columns")
    fit = part.dual_coef_.shape == (n_weights, n_vectors)
    need(fit, where, "has weights of other support vectors")
    counts = part.n_support_
    need((counts >= 0).all() and counts.sum() == n_vectors, where, "counts other support vectors")
    return n_vectors


def _check_svc(part: Any, n_features: int, where: str, below: Below) -> int:
    k = len(part.classes_)
    need(k >= 2, where, "has fewer than two classes")
    _check_vectors(part, n_features, k - 1, where)
    need(part.n_support_.shape == (k,), where, "counts support vectors of other classes")
    n_pairs = k * (k - 1) // 2
    need(part.intercept_.shape == (n_pairs,), where, "has intercepts for other classes")
    need(part.class_weight_.shape == (k,), where, "has weights of other classes")
    curves = [getattr(part, name, None) for name in ("probA_", "probB_")]
    if part.probability is True:
        given = all(curve is not None and curve.shape == (n_pairs,) for curve in curves)
        need(given, where, "has no curve of probabilities for each pair of classes")
    else:
        need(all(curve is None for curve in curves), where, "has probabilities that it denies")
    return 0


def _check_one_machine(part: Any, n_features: int, where: str, below: Below) -> int:
    _check_vectors(part, n_features, 1, where)
    one = part.n_support_.shape == part.intercept_.shape == (1,)
    need(one, where, "has more than one machine")
    offset = getattr(part, "offset_", np.zeros(1))
    need(offset.shape == (1,), where, "has more than one offset")
    return 0


def _check_linear_svc(part: Any, n_features: int, where: str, below: Below) -> int:
    k = len(part.classes_)
    n_outputs = 1 if k == 2 else k
    need(k >= 2, where, "has fewer than two classes")
    need(part.coef_.shape == (n_outputs, n_features), where, "has weights for other columns")
    # without an intercept it is the number 0.0
    fit = np.shape(part.intercept_) in ((), (n_outputs,))
    need(fit, where, "has intercepts for other classes")
    return 0


def _check_linear_svr(part: Any, n_features: int, where: str, below: Below) -> int:
    need(part.coef_.shape == (n_features,), where, "has weights for other columns")
    need(np.shape(part.intercept_) in ((), (1,)), where, "has more than one intercept")
    return 0


_CLASS_WEIGHT = OneOf(Nothing(), Choice("balanced"), ClassWeights())
_MACHINE: dict[str, Field] = {
    "kernel": Choice("linear", "poly", "rbf", "sigmoid", "precomputed"),
    "degree": Whole(0),
    "gamma": OneOf(Choice("scale", "auto"), number(0)),
    "coef0": number(),
    "tol": number(0),
    "shrinking": Flag(),
    "max_iter": Whole(-1),
}
_QUICKER = frozenset(["cache_size", "verbose"])
_VECTORS: dict[str, Field] = {
    **INPUT,
    "_gamma": FINITE,
    "support_": Array("int32"),
    "support_vectors_": Array("float64", ndim=2),
    "dual_coef_": Array("float64", ndim=2),
    "intercept_": Array("float64"),
    "n_support_": Array("int32"),
    "fit_status_": Whole(0, 1),
    "shape_fit_": Sequence(Whole(1), length=2, as_tuple=True),
}
_LINEAR: dict[str, Field] = {
    "tol": number(0),
    "C": number(0),
    "fit_intercept": Flag(),
    "intercept_scaling": number(0),
    "dual": OneOf(Flag(), Choice("auto")),
    "random_state": SEED,
    "max_iter": Whole(0),
}
_LINEAR_FITTED: dict[str, Field] = {
    **INPUT,
    "intercept_": OneOf(FINITE, Array("float64")),
    "n_iter_": Whole(0),
}

KINDS = {
    "SVC": Kind(
        class_in("svm", "SVC"),
        params={
            **_MACHINE,
            "C": number(0),
            "probability": Flag(),
            "class_weight": _CLASS_WEIGHT,
            "decision_function_shape": Choice("ovo", "ovr"),
            "break_ties": Flag(),
            "random_state": SEED,
        },
        fitted={
            **_VECTORS,
            "classes_": Labels(),
            "class_weight_": Array("float64"),
            "n_iter_": Array("int32"),
            "probA_": Absent(Array("float64")),
            "probB_": Absent(Array("float64")),
        },
        dropped=_QUICKER,
        check=_check_svc,
    ),
    "SVR": Kind(
        class_in("svm", "SVR"),
        params={**_MACHINE, "C": number(0), "epsilon": number(0)},
        fitted={**_VECTORS, "n_iter_": Whole(0)},
        dropped=_QUICKER,
        check=_check_one_machine,
    ),
    "OneClassSVM": Kind(
        class_in("svm", "OneClassSVM"),
        params={**_MACHINE, "nu": number(0, 1)},
        fitted={**_VECTORS, "n_iter_": Whole(0), "offset_": Array("float64")},
        dropped=_QUICKER,
        check=_check_one_machine,
    ),
    "LinearSVC": Kind(
        class_in("svm", "LinearSVC"),
        params={
            **_LINEAR,
            "penalty": Choice("l1", "l2"),
            "loss": Choice("hinge", "squared_hinge"),
            "multi_class": Choice("ovr"),
            "class_weight": _CLASS_WEIGHT,
        },
        fitted={**_LINEAR_FITTED, "classes_": Labels(), "coef_": Array("float64", ndim=2)},
        dropped=frozenset(["verbose"]),
        check=_check_linear_svc,
    ),
    "LinearSVR": Kind(
        class_in("svm", "LinearSVR"),
        params={
            **_LINEAR,
            "epsilon": number(0),
            "loss": Choice("epsilon_insensitive", "squared_epsilon_insensitive"),
        },
        fitted={**_LINEAR_FITTED, "coef_": Array("float64")},
        dropped=frozenset(["verbose"]),
        check=_check_linear_svr,
    ),
}
