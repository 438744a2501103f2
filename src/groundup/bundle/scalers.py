"""What is kept of the transformers that bring columns to one scale, and how it fits together."""

from __future__ import annotations

from typing import Any

from groundup.bundle.array_fields import FLOATS, INPUT, Array, Scalar
from groundup.bundle.fields import FINITE, Absent, Choice, Flag, OneOf, Part, Whole, optional
from groundup.bundle.parts import Below, Kind, need


def _standard_scaler() -> type:
    from sklearn.preprocessing import StandardScaler

    return StandardScaler


def _check_standard_scaler(part: Any, n_features: int, where: str, below: Below) -> int:
    for name in ("mean_", "var_", "scale_"):
        value = getattr(part, name)
        need(
            value is None or value.shape == (n_features,), where, f"has a {name} of another length"
        )
    need(not part.with_mean or part.mean_ is not None, where, "lacks its means")
    if part.with_std:
        need(
            part.scale_ is not None and (part.scale_ > 0).all(),
            where,
            "has a scale that is not positive",
        )
    return n_features


def _power_transformer() -> type:
    from sklearn.preprocessing import PowerTransformer

    return PowerTransformer


def _check_power_transformer(part: Any, n_features: int, where: str, below: Below) -> int:
    need(part.lambdas_.shape == (n_features,), where, "has powers for other columns")
    scaler = getattr(part, "_scaler", None)
    need((scaler is not None) == part.standardize, where, "contradicts its scaler")
    return n_features if scaler is None else below(scaler, n_features, f"{where} scaler")


def _equal_weight() -> type:
    from groundup.workflow.clusters.features import EqualWeight

    return EqualWeight


def _check_equal_weight(part: Any, n_features: int, where: str, below: Below) -> int:
    need(part.mean_.shape == (n_features,), where, "has means of other columns")
    need(part.scale_ > 0.0, where, "has a scale that is not positive")
    return n_features


KINDS = {
    "StandardScaler": Kind(
        _standard_scaler,
        params={"copy": Flag(), "with_mean": Flag(), "with_std": Flag()},
        fitted={
            **INPUT,
            "mean_": optional(Array(*FLOATS)),
            "var_": optional(Array(*FLOATS)),
            "scale_": optional(Array(*FLOATS)),
            "n_samples_seen_": OneOf(Whole(0), Scalar(), Array("int64", *FLOATS)),
        },
        check=_check_standard_scaler,
    ),
    "PowerTransformer": Kind(
        _power_transformer,
        params={
            "method": Choice("yeo-johnson", "box-cox"),
            "standardize": Flag(),
            "copy": Flag(),
        },
        fitted={
            **INPUT,
            "lambdas_": Array("float64"),
            "_scaler": Absent(Part("StandardScaler")),
        },
        check=_check_power_transformer,
    ),
    "EqualWeight": Kind(
        _equal_weight,
        params={},
        fitted={**INPUT, "mean_": Array("float64"), "scale_": FINITE},
        check=_check_equal_weight,
    ),
}
