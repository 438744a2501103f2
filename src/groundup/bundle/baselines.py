"""What is kept of the two baselines, which look at no column."""

from __future__ import annotations

from typing import Any

from groundup.bundle.array_fields import INPUT, Array, Label, Labels
from groundup.bundle.fields import SEED, Choice, Flag, Whole, number, optional
from groundup.bundle.parts import Below, Kind, need


def _dummy_classifier() -> type:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier


def _check_dummy_classifier(part: Any, n_features: int, where: str, below: Below) -> int:
    n_classes = len(part.classes_)
    fits = (
        n_classes > 0 and part.n_classes_ == n_classes and part.class_prior_.shape == (n_classes,)
    )
    need(fits, where, "contradicts its number of classes")
    return 0


def _dummy_regressor() -> type:
    from sklearn.dummy import DummyRegressor

    return DummyRegressor


def _check_dummy_regressor(part: Any, n_features: int, where: str, below: Below) -> int:
    need(part.constant_.shape == (1, 1), where, "predicts more than one number")
    return 0


KINDS = {
    "DummyClassifier": Kind(
        _dummy_classifier,
        params={
            "strategy": Choice("most_frequent", "prior", "stratified", "uniform", "constant"),
            "random_state": SEED,
            "constant": Label(),
        },
        fitted={
            **INPUT,
            "_strategy": Choice("most_frequent", "prior", "stratified", "uniform", "constant"),
            "sparse_output_": Flag(),
            "n_outputs_": Whole(1, 1),
            "classes_": Labels(),
            "n_classes_": Whole(1),
            "class_prior_": Array("float64"),
        },
        check=_check_dummy_classifier,
    ),
    "DummyRegressor": Kind(
        _dummy_regressor,
        params={
            "strategy": Choice("mean", "median", "quantile", "constant"),
            "constant": Label(),
            "quantile": optional(number(0, 1)),
        },
        fitted={
            **INPUT,
            "n_outputs_": Whole(1, 1),
            "constant_": Array("float64", ndim=2),
        },
        check=_check_dummy_regressor,
    ),
}
