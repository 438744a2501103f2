"""What is kept of naive Bayes: the sums over the rows, which are all that was learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup.bundle.array_fields import INPUT, Array, Labels
from groundup.bundle.fields import (
    FINITE,
    Field,
    Flag,
    OneOf,
    Sequence,
    Whole,
    number,
    optional,
)
from groundup.bundle.parts import Below, Kind, class_in, need


def _is_log_probability(values: np.ndarray) -> bool:
    """Tell whether these can be logarithms of probabilities, which may be -inf."""
    return bool((values <= 1e-9).all())  # of 1, after rounding


def _check_classes(part: Any, where: str) -> int:
    n_classes = len(part.classes_)
    counts = part.class_count_
    need(n_classes >= 1 and counts.shape == (n_classes,), where, "has counts of other classes")
    need((counts >= 0.0).all() and counts.any(), where, "has counts below 0, or no row at all")
    return n_classes


def _check_gaussian(part: Any, n_features: int, where: str, below: Below) -> int:
    n_classes = _check_classes(part, where)
    shape = (n_classes, n_features)
    curves = part.theta_.shape == part.var_.shape == part._scatter.shape == shape
    need(curves, where, "has curves of other columns or classes")
    there = part.class_count_ > 0.0
    need((part.var_[there] > 0.0).all(), where, "has a variance that is not positive")
    need((part._scatter >= 0.0).all(), where, "has a sum of squares below 0")
    prior = part.class_prior_
    whole = prior.shape == (n_classes,) and (prior >= 0.0).all() and np.isclose(prior.sum(), 1.0)
    need(whole, where, "has probabilities of classes that are none")
    need(prior[there].any(), where, "gives no class that it knows a probability")
    return 0


def _check_prior(part: Any, n_classes: int, where: str) -> None:
    prior = part.class_log_prior_
    need(prior.shape == (n_classes,), where, "has probabilities of other classes")
    possible = _is_log_probability(prior) or part.class_prior is not None
    need(possible and not np.isnan(prior).any(), where, "has probabilities that are none")
    need(np.isfinite(prior).any(), where, "gives no class a probability")


def _check_counted(part: Any, n_features: int, where: str, below: Below) -> int:
    n_classes = _check_classes(part, where)
    _check_prior(part, n_classes, where)
    names = ("feature_count_", "feature_log_prob_", "_log_prob_of_no")
    tables = [getattr(part, name) for name in names if hasattr(part, name)]
    fit = all(table.shape == (n_classes, n_features) for table in tables)
    need(fit, where, "has counts of other columns or classes")
    need((part.feature_count_ >= 0.0).all(), where, "has a count below 0")
    logs = all(_is_log_probability(table) for table in tables[1:])
    need(logs, where, "has probabilities that are none")
    return 0


def _check_categorical(part: Any, n_features: int, where: str, below: Below) -> int:
    n_classes = _check_classes(part, where)
    _check_prior(part, n_classes, where)
    widths = part.n_categories_
    need(widths.shape == (n_features,), where, "has categories of other columns")
    for name in ("category_count_", "feature_log_prob_"):
        tables = getattr(part, name)
        shapes = [table.shape for table in tables]
        fit = shapes == [(n_classes, width) for width in widths.tolist()]
        need(fit and (widths >= 1).all(), where, "has tables of other categories")
    need(all((t >= 0.0).all() for t in part.category_count_), where, "has a count below 0")
    logs = all(_is_log_probability(table) for table in part.feature_log_prob_)
    need(logs, where, "has probabilities that are none")
    return 0


_PRIORS = optional(OneOf(Array("float64"), Sequence(number())))
_COUNTS: dict[str, Field] = {
    "alpha": OneOf(number(0), Array("float64"), Sequence(number(0))),
    "force_alpha": Flag(),
    "fit_prior": Flag(),
    "class_prior": _PRIORS,
}
_LOGS = Array("float64", finite=False)  # of what is impossible, -inf
_CLASSES: dict[str, Field] = {**INPUT, "classes_": Labels(), "class_count_": Array("float64")}
_COUNTED: dict[str, Field] = {
    **_CLASSES,
    "class_log_prior_": _LOGS,
    "feature_count_": Array("float64", ndim=2),
    "feature_log_prob_": Array("float64", ndim=2, finite=False),
}

KINDS = {
    "GaussianNB": Kind(
        class_in("naive_bayes", "GaussianNB"),
        params={"priors": _PRIORS, "var_smoothing": number(0)},
        fitted={
            **_CLASSES,
            "class_prior_": Array("float64"),
            "theta_": Array("float64", ndim=2),
            "var_": Array("float64", ndim=2),
            "epsilon_": FINITE,
            "_scatter": Array("float64", ndim=2),
        },
        check=_check_gaussian,
    ),
    "MultinomialNB": Kind(
        class_in("naive_bayes", "MultinomialNB"),
        params=_COUNTS,
        fitted=_COUNTED,
        check=_check_counted,
    ),
    "BernoulliNB": Kind(
        class_in("naive_bayes", "BernoulliNB"),
        params={**_COUNTS, "binarize": optional(number(0))},
        fitted={**_COUNTED, "_log_prob_of_no": Array("float64", ndim=2, finite=False)},
        check=_check_counted,
    ),
    "CategoricalNB": Kind(
        class_in("naive_bayes", "CategoricalNB"),
        params={
            **_COUNTS,
            "alpha": number(0),
            "min_categories": optional(OneOf(Whole(1), Array("int64"), Sequence(Whole(1)))),
        },
        fitted={
            **_CLASSES,
            "class_log_prior_": _LOGS,
            "n_categories_": Array("int64"),
            "category_count_": Sequence(Array("float64", ndim=2)),
            "feature_log_prob_": Sequence(Array("float64", ndim=2, finite=False)),
        },
        check=_check_categorical,
    ),
}
