"""What is kept of a regressor that learns a target on another scale."""

from __future__ import annotations

from typing import Any

from groundup.bundle.array_fields import INPUT
from groundup.bundle.fields import Flag, Nothing, Part, Whole
from groundup.bundle.parts import Below, Kind, need


def _transformed_target() -> type:
    from sklearn.compose import TransformedTargetRegressor

    return TransformedTargetRegressor


def _build(cls: type, params: dict[str, Any], fitted: dict[str, Any]) -> Any:
    """Return it with its two parts in both places: to predict with, and to begin anew from."""
    from sklearn.base import clone

    regressor, transformer = fitted["regressor_"], fitted["transformer_"]
    model = cls(regressor=clone(regressor), transformer=clone(transformer), **params)
    vars(model).update(fitted)
    return model


def _check(part: Any, n_features: int, where: str, below: Below) -> int:
    n_outputs = below(part.regressor_, n_features, f"{where} regressor")
    need(n_outputs == 0, where, "has a transformer where its regressor should be")
    need(not hasattr(part.regressor_, "classes_"), where, "has classes where numbers should be")
    below(part.transformer_, 1, f"{where} scale of the target")
    return 0


KINDS = {
    "TransformedTargetRegressor": Kind(
        _transformed_target,
        params={"func": Nothing(), "inverse_func": Nothing(), "check_inverse": Flag()},
        fitted={
            "regressor_": Part(),
            "transformer_": Part("StandardScaler"),
            "_training_dim": Whole(1, 1),
            "feature_names_in_": INPUT["feature_names_in_"],
        },
        # made again from the fitted ones
        dropped=frozenset(["regressor", "transformer"]),
        check=_check,
        build=_build,
    ),
}
