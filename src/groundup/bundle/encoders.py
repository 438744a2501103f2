"""What is kept of the three encoders of categories, and how it must fit together.

All three hold the categories of each column. Where rare categories are put together, a mapping
sends each category to its place; its values index columns, so they are checked to be in range."""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup.bundle.array_fields import FLOATS, INPUT, Array, ElementType, Label, Labels, Scalar
from groundup.bundle.errors import BundleError
from groundup.bundle.fields import (
    COUNT_OR_SHARE,
    SEED,
    Absent,
    Choice,
    Field,
    Flag,
    Nothing,
    OneOf,
    Real,
    Sequence,
    Whole,
    number,
    optional,
)
from groundup.bundle.parts import EDITED, Below, Kind, PartReader, PartWriter, need


class FoldCount(Whole):
    """A number of folds; an object that splits becomes the default, since it acts in training."""

    def __init__(self) -> None:
        super().__init__(2, 10_000)

    def encode(self, value: Any, writer: PartWriter, name: str) -> int:
        return super().encode(5 if hasattr(value, "split") else value, writer, name)


class Positions(Field):
    """A dictionary from column to position, ``{0: 4}``, written as pairs."""

    wants = "a list of pairs of whole numbers"
    _pairs = Sequence(Sequence(Whole(0), length=2))

    def encode(self, value: Any, writer: PartWriter, name: str) -> list[Any]:
        return self._pairs.encode([list(pair) for pair in value.items()], writer, name)

    def decode(self, data: Any, reader: PartReader, where: str) -> dict[int, int]:
        return dict(self._pairs.decode(data, reader, where))


def _one_hot_encoder() -> type:
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder


def _ordinal_encoder() -> type:
    from sklearn.preprocessing import OrdinalEncoder

    return OrdinalEncoder


def _target_encoder() -> type:
    from sklearn.preprocessing import TargetEncoder

    return TargetEncoder


def _check_categories(part: Any, n_features: int, where: str) -> list[int]:
    """Return the number of categories of each column after the rare ones are put together."""
    sizes = [len(categories) for categories in part.categories_]
    need(len(sizes) == n_features and min(sizes) > 0, where, "lacks the categories of a column")
    if not part._infrequent_enabled:
        return sizes
    rare = getattr(part, "_infrequent_indices", None)
    mappings = getattr(part, "_default_to_infrequent_mappings", None)
    if rare is None or mappings is None or not len(rare) == len(mappings) == n_features:
        raise BundleError(f"{where} lacks its rare categories; {EDITED}")
    for j, (indices, mapping) in enumerate(zip(rare, mappings, strict=True)):
        need((indices is None) == (mapping is None), where, "contradicts its rare categories")
        if indices is None:
            continue
        # An ordinal encoder keeps the missing value, its last category, out of the grouping.
        n_grouped = sizes[j] - (j in getattr(part, "_missing_indices", {}))
        n_kept = n_grouped - len(indices) + 1
        fits = (
            len(mapping) == n_grouped
            and 0 < len(indices) <= n_grouped
            and ((indices >= 0) & (indices < n_grouped)).all()
            # The rare ones share the last place, each of the others has its own.
            and ((mapping >= 0) & (mapping < n_kept)).all()
            and (mapping[indices] == n_kept - 1).all()
        )
        need(fits, where, "has rare categories that are out of range")
        sizes[j] = n_kept
    return sizes


def _check_one_hot_encoder(part: Any, n_features: int, where: str, below: Below) -> int:
    sizes = _check_categories(part, n_features, where)
    for name in ("drop_idx_", "_drop_idx_after_grouping"):
        dropped = getattr(part, name)
        need(dropped is None or len(dropped) == n_features, where, "drops for other columns")
        for j, index in enumerate([] if dropped is None else dropped.tolist()):
            limit = len(part.categories_[j])
            whole = isinstance(index, int) and not isinstance(index, bool)
            need(index is None or (whole and 0 <= index < limit), where, "drops what is not there")
    if part._drop_idx_after_grouping is not None:
        sizes = [
            size - (index is not None)
            for size, index in zip(sizes, part._drop_idx_after_grouping.tolist(), strict=True)
        ]
    need(part._n_features_outs == sizes, where, "contradicts its number of columns")
    return sum(sizes)


def _check_ordinal_encoder(part: Any, n_features: int, where: str, below: Below) -> int:
    _check_categories(part, n_features, where)
    for j, index in part._missing_indices.items():
        inside = j < n_features and index < len(part.categories_[j])
        need(inside, where, "places missing values outside")
    return n_features


def _check_target_encoder(part: Any, n_features: int, where: str, below: Below) -> int:
    _check_categories(part, n_features, where)
    n_targets = 1
    if part.target_type_ == "multiclass":
        need(part.classes_ is not None and len(part.classes_) > 2, where, "lacks its classes")
        n_targets = len(part.classes_)
    need(np.shape(part.target_mean_) in ((), (n_targets,)), where, "has means of another length")
    need(len(part.encodings_) == n_features * n_targets, where, "lacks the encoding of a column")
    for j, encoding in enumerate(part.encodings_):
        n_categories = len(part.categories_[j // n_targets])
        need(len(encoding) == n_categories, where, "has an encoding of another length")
    return n_features * n_targets


_ENCODER: dict[str, Field] = {
    **INPUT,
    "categories_": Sequence(Labels()),
    "_infrequent_enabled": Flag(),
    "_infrequent_indices": Absent(Sequence(optional(Array("int64")))),
    "_default_to_infrequent_mappings": Absent(Sequence(optional(Array("int64")))),
}
_CATEGORIES = OneOf(Choice("auto"), Sequence(OneOf(Labels(), Sequence(Label()))))

KINDS = {
    "OneHotEncoder": Kind(
        _one_hot_encoder,
        params={
            "categories": _CATEGORIES,
            "drop": OneOf(Nothing(), Choice("first", "if_binary"), Labels()),
            "sparse_output": Flag(),
            "dtype": ElementType(*FLOATS, as_class=True),
            "handle_unknown": Choice("error", "ignore", "infrequent_if_exist", "warn"),
            "min_frequency": optional(COUNT_OR_SHARE),
            "max_categories": optional(Whole(1)),
            "feature_name_combiner": Choice("concat"),
        },
        fitted={
            **_ENCODER,
            "drop_idx_": optional(Labels()),
            "_drop_idx_after_grouping": optional(Labels()),
            "_n_features_outs": Sequence(Whole(0)),
        },
        check=_check_one_hot_encoder,
    ),
    "OrdinalEncoder": Kind(
        _ordinal_encoder,
        params={
            "categories": _CATEGORIES,
            "dtype": ElementType(*FLOATS, "int64", as_class=True),
            "handle_unknown": Choice("error", "use_encoded_value"),
            "unknown_value": OneOf(Nothing(), Whole(), Real(nan=True)),
            "encoded_missing_value": OneOf(Whole(), Real(nan=True)),
            "min_frequency": optional(COUNT_OR_SHARE),
            "max_categories": optional(Whole(1)),
        },
        fitted={**_ENCODER, "_missing_indices": Positions()},
        check=_check_ordinal_encoder,
    ),
    "TargetEncoder": Kind(
        _target_encoder,
        params={
            "categories": _CATEGORIES,
            "target_type": Choice("auto", "binary", "continuous", "multiclass"),
            "smooth": OneOf(Choice("auto"), number(0)),
            # How the training rows are cross-fitted; of no consequence for new ones.
            "cv": FoldCount(),
            "shuffle": Absent(OneOf(Choice("deprecated"), Flag())),
            "random_state": Absent(OneOf(Choice("deprecated"), SEED)),
        },
        fitted={
            **_ENCODER,
            "target_type_": Choice("binary", "continuous", "multiclass"),
            "classes_": optional(Labels()),
            "target_mean_": OneOf(Scalar(), Array("float64")),
            "encodings_": Sequence(Array("float64")),
        },
        check=_check_target_encoder,
    ),
}
