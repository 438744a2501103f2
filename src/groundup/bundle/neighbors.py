"""What is kept of the neighbour models: the training rows, the answers, and the parameters.

The index over the rows (a k-d tree, or packed panels) is not kept. It follows from the rows alone,
to the bit, so it is grown again on loading: the file is half as large, and no position that a
search follows is ever read from a file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup.bundle.array_fields import INPUT, Array, Labels
from groundup.bundle.fields import Choice, Field, Mismatch, Nothing, OneOf, Whole, number, optional
from groundup.bundle.parts import Below, Kind, PartReader, PartWriter, need


class MetricWeights(Field):
    """The weights of the features in the distance, ``{"w": array}``."""

    wants = "weights of the features"
    _weights = Array("float64")

    def encode(self, value: Any, writer: PartWriter, name: str) -> dict[str, Any]:
        if not isinstance(value, dict) or set(value) != {"w"}:
            raise self.mismatch(value)
        weights = np.asarray(value["w"], dtype=np.float64)
        return {"w": self._weights.encode(weights, writer, f"{name}.w")}

    def decode(self, data: Any, reader: PartReader, where: str) -> dict[str, Any]:
        if not isinstance(data, dict) or set(data) != {"w"}:
            raise self.mismatch(data)
        return {"w": self._weights.decode(data["w"], reader, f"{where}.w")}


def _classifier() -> type:
    from groundup.neighbors import KNeighborsClassifier

    return KNeighborsClassifier


def _regressor() -> type:
    from groundup.neighbors import KNeighborsRegressor

    return KNeighborsRegressor


def _grow_again(cls: type, params: dict[str, Any], fitted: dict[str, Any]) -> Any:
    """Return the model with its index grown over the kept rows."""
    X, y = fitted["_fit_X"], fitted["_y"]  # (n, d), (n,)
    model = cls(**params)
    for name in ("n_features_in_", "feature_names_in_", "classes_"):
        if name in fitted:
            setattr(model, name, fitted[name])
    if X.shape[1] != model.n_features_in_ or len(X) == 0 or y.shape != (len(X),):
        raise Mismatch(f"has rows of shape {X.shape} and {y.shape} answers")
    if "classes_" in fitted and not ((y >= 0) & (y < len(model.classes_))).all():
        raise Mismatch("has rows of a class that does not exist")
    X, y = np.ascontiguousarray(X), np.ascontiguousarray(y)
    X.flags.writeable = y.flags.writeable = False
    try:
        model._check_parameters(X, y)
        *_, state = model._steps(X, y, None)
    except (TypeError, ValueError) as error:
        raise Mismatch(f"has parameters that do not go together ({error})") from None
    for name, value in state.items():
        setattr(model, name, value)
    return model


def _check(part: Any, n_features: int, where: str, below: Below) -> int:
    need(part.n_neighbors <= part.n_samples_fit_, where, "asks for more neighbours than rows")
    return 0


_PARAMS: dict[str, Field] = {
    "n_neighbors": Whole(1),
    "weights": OneOf(Nothing(), Choice("uniform", "distance")),
    "algorithm": Choice("auto", "ball_tree", "kd_tree", "brute"),
    "leaf_size": Whole(1),
    "p": optional(number(0)),
    "metric": Choice(
        "minkowski", "euclidean", "manhattan", "chebyshev", "cosine", "l1", "l2", "cityblock"
    ),
    "metric_params": optional(MetricWeights()),
}

KINDS = {
    "KNeighborsClassifier": Kind(
        _classifier,
        params=_PARAMS,
        fitted={
            **INPUT,
            "_fit_X": Array("float64", ndim=2),
            "_y": Array("int64"),
            "classes_": Labels(),
        },
        dropped=frozenset(["n_jobs"]),
        check=_check,
        build=_grow_again,
    ),
    "KNeighborsRegressor": Kind(
        _regressor,
        params=_PARAMS,
        fitted={**INPUT, "_fit_X": Array("float64", ndim=2), "_y": Array("float64")},
        dropped=frozenset(["n_jobs"]),
        check=_check,
        build=_grow_again,
    ),
}
