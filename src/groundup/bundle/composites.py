"""How a pipeline and a column transformer, the objects made of other objects, are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from groundup.bundle.array_fields import Names
from groundup.bundle.fields import (
    Absent,
    Choice,
    Field,
    Flag,
    Mismatch,
    Nothing,
    OneOf,
    Part,
    Sequence,
    Text,
    Whole,
    number,
)
from groundup.bundle.parts import Below, Kind, PartReader, PartWriter, need

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline


class Step(Field):
    """A named step of a pipeline: ``["scale", {...}]``."""

    wants = "a named step"
    _step = OneOf(Choice("passthrough"), Part())

    def encode(self, value: Any, writer: PartWriter, name: str) -> list[Any]:
        step_name, step = value
        return [Text().accept(step_name), self._step.encode(step or "passthrough", writer, name)]

    def decode(self, data: Any, reader: PartReader, where: str) -> tuple[str, Any]:
        if not isinstance(data, list) or len(data) != 2:
            raise self.mismatch(data)
        return Text().accept(data[0]), self._step.decode(data[1], reader, f"{where}[1]")


class Branch(Field):
    """A fitted branch of a column transformer: its name, what it does, and to which columns.

    The columns are a list, or a single one for a transformer that takes a one-dimensional column.
    """

    wants = "a branch [name, transformer, columns]"
    _transformer = OneOf(Choice("drop", "passthrough"), Part())
    _column = OneOf(Text(), Whole(0))
    _columns = OneOf(_column, Sequence(_column))

    def encode(self, value: Any, writer: PartWriter, name: str) -> list[Any]:
        from sklearn.preprocessing import FunctionTransformer

        branch, transformer, columns = value
        # A fitted column transformer holds its own stand-in for "passthrough".
        if type(transformer) is FunctionTransformer and transformer.func is None:
            transformer = "passthrough"
        columns = columns.tolist() if isinstance(columns, np.ndarray) else columns
        return [
            Text().accept(branch),
            self._transformer.encode(transformer, writer, name),
            self._columns.encode(columns, writer, name),
        ]

    def decode(self, data: Any, reader: PartReader, where: str) -> tuple[str, Any, Any]:
        if not isinstance(data, list) or len(data) != 3:
            raise self.mismatch(data)
        return (
            Text().accept(data[0]),
            self._transformer.decode(data[1], reader, f"{where}[1]"),
            self._columns.decode(data[2], reader, f"{where}[2]"),
        )


def _pipeline() -> type:
    from sklearn.pipeline import Pipeline

    return Pipeline


def _build_pipeline(cls: type, params: dict[str, Any], fitted: dict[str, Any]) -> Any:
    names = [name for name, _ in params["steps"]]
    if not names or len(set(names)) < len(names) or any("__" in name for name in names):
        raise Mismatch("has steps without a name of their own")
    return cls(**params)


def _check_pipeline(pipeline: Pipeline, n_features: int, where: str, below: Below) -> int:
    n_columns = n_features
    for i, (name, step) in enumerate(pipeline.steps):
        need(n_columns > 0, where, f"has an estimator before its last step {name[:60]!r}")
        if step != "passthrough":
            n_columns = below(step, n_columns, f"step {i + 1} {name[:60]!r}")
    return n_columns


def _column_transformer() -> type:
    from sklearn.compose import ColumnTransformer

    return ColumnTransformer


def _build_column_transformer(cls: type, params: dict[str, Any], fitted: dict[str, Any]) -> Any:
    """Rebuild the fitted state from the branches; everything else in it follows from them."""
    from sklearn.preprocessing import FunctionTransformer

    branches = fitted["transformers_"]
    names = list(fitted.get("feature_names_in_", []))
    position = {name: j for j, name in enumerate(names)}
    n_features = fitted["n_features_in_"]
    if len(position) != len(names) or len({name for name, _, _ in branches}) < len(branches):
        raise Mismatch("names a column or a branch twice")
    if names and len(names) != n_features:
        raise Mismatch(f"names {len(names)} columns and takes {n_features}")

    def indices(columns: Any) -> list[int]:
        listed = columns if isinstance(columns, list) else [columns]
        found = [position.get(c, -1) if isinstance(c, str) else c for c in listed]
        if not all(0 <= j < n_features for j in found):
            raise Mismatch("selects a column that does not exist")
        return found

    transformers_ = []
    for name, part, columns in branches:
        if isinstance(part, str) and part == "passthrough":
            part = FunctionTransformer(
                accept_sparse=True, check_inverse=False, feature_names_out="one-to-one"
            ).set_output(transform="default")
            passed = indices(columns)
            part.n_features_in_ = len(passed)
            if names:
                part.feature_names_in_ = np.array([names[j] for j in passed], dtype=object)
        transformers_.append((name, part, columns))
    chosen = {name: indices(columns) for name, _, columns in branches}
    stated = [branch for branch in transformers_ if branch[0] != "remainder"]
    remaining = sorted(set(range(n_features)) - {j for b in stated for j in chosen[b[0]]})
    chosen["remainder"] = remaining
    transformer = cls(stated, **params)
    transformer.transformers_ = transformers_
    transformer.sparse_output_ = fitted["sparse_output_"]
    transformer.n_features_in_ = n_features
    if names:
        transformer.feature_names_in_ = fitted["feature_names_in_"]
    transformer._columns = [columns for _, _, columns in stated]
    transformer._transformer_to_input_indices = chosen
    by_name = bool(stated) and all(
        isinstance(c, str) for _, _, cs in stated for c in (cs if isinstance(cs, list) else [cs])
    )
    rest = [names[j] for j in remaining] if by_name and names else remaining
    transformer._remainder = ("remainder", transformer.remainder, rest)
    return transformer


def _check_column_transformer(
    transformer: ColumnTransformer, n_features: int, where: str, below: Below
) -> int:
    start = 0
    widths = {"remainder": slice(0, 0)}
    for name, part, columns in transformer.transformers_:
        n_columns = len(columns) if isinstance(columns, list) else 1
        if isinstance(part, str) or n_columns == 0:
            width = 0
        elif type(part).__name__ == "FunctionTransformer":
            width = n_columns
        else:
            width = below(part, n_columns, f"branch {name[:60]!r}")
            need(width > 0, where, f"has an estimator in branch {name[:60]!r}")
        widths[name] = slice(start, start + width) if width else slice(0, 0)
        start += width
    need(start > 0, where, "gives no column")
    transformer.output_indices_ = widths
    return start


KINDS = {
    "Pipeline": Kind(
        _pipeline,
        params={
            "steps": Sequence(Step()),
            "transform_input": Nothing(),
        },
        fitted={},
        # A memory would read cached objects from a folder that the file names.
        dropped=frozenset(["memory", "verbose"]),
        check=_check_pipeline,
        build=_build_pipeline,
    ),
    "ColumnTransformer": Kind(
        _column_transformer,
        params={
            "remainder": Choice("drop", "passthrough"),
            "sparse_threshold": number(0, 1),
            "transformer_weights": Nothing(),
            "verbose_feature_names_out": OneOf(Flag(), Text()),
        },
        fitted={
            "transformers_": Sequence(Branch()),
            "n_features_in_": Whole(1, 1_000_000),
            "feature_names_in_": Absent(Names()),
            "sparse_output_": Flag(),
        },
        dropped=frozenset(["transformers", "n_jobs", "verbose"]),
        check=_check_column_transformer,
        build=_build_column_transformer,
    ),
}
