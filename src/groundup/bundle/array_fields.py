"""The types of values that come in numbers: arrays, labels, names, terms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from groundup.bundle.fields import (
    MAX_ITEMS,
    MAX_TEXT,
    Absent,
    Field,
    Mismatch,
    Real,
    Sequence,
    Text,
    Whole,
)

if TYPE_CHECKING:
    from groundup.bundle.parts import PartReader, PartWriter


class Array(Field):
    """An array of numbers, kept in ``arrays.safetensors`` with its layout.

    Parameters
    ----------
    *dtypes : str
        The element types it may have.
    ndim : int or tuple of int
        The number of axes it may have.
    finite : bool, default=True
        Whether NaN and infinities are refused.
    """

    def __init__(self, *dtypes: str, ndim: int | tuple[int, ...] = 1, finite: bool = True) -> None:
        self.dtypes, self.finite = dtypes, finite
        self.ndim = (ndim,) if isinstance(ndim, int) else ndim
        self.wants = (
            f"a {' or '.join(map(str, self.ndim))}-dimensional array of {' or '.join(dtypes)}"
        )

    def encode(self, value: Any, writer: PartWriter, name: str) -> dict[str, str]:
        if not isinstance(value, np.ndarray | np.generic):
            raise self.mismatch(value)
        array = self._checked(np.asarray(value))
        by_columns = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
        reference = {"array": writer.add_array(name, array.T if by_columns else array)}
        return {**reference, "order": "F"} if by_columns else reference

    def decode(self, data: Any, reader: PartReader, where: str) -> np.ndarray:
        if not isinstance(data, dict) or not {"array"} <= set(data) <= {"array", "order"}:
            raise self.mismatch(data)
        if data.get("order", "F") != "F" or not isinstance(data["array"], str):
            raise self.mismatch(data)
        array = reader.take_array(data["array"])
        return self._checked(array.T if "order" in data else array)

    def _checked(self, array: np.ndarray) -> np.ndarray:
        if array.dtype.name not in self.dtypes or array.ndim not in self.ndim:
            raise Mismatch(
                f"is an array of {array.dtype.name} of shape {array.shape} "
                f"but should be {self.wants}"
            )
        if self.finite and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise Mismatch("holds NaN or infinity, where all numbers have to be finite", close=True)
        return array


class Scalar(Field):
    """A numpy scalar such as the mean of the target."""

    wants = "a finite number"

    def encode(self, value: Any, writer: PartWriter, name: str) -> Any:
        return Real().encode(value, writer, name)

    def decode(self, data: Any, reader: PartReader, where: str) -> np.float64:
        number = Real().decode(data, reader, where)
        if not np.isfinite(number):
            raise self.mismatch(number)
        return np.float64(number)


class Label(Field):
    """One category or class: text, a number, true or false, or missing (None or NaN)."""

    wants = "a label (text, a number, true or false, missing)"

    def encode(self, value: Any, writer: PartWriter, name: str) -> Any:
        if value is None or isinstance(value, bool | np.bool_):
            return value if value is None else bool(value)
        if isinstance(value, str):
            return Text().accept(value)
        if isinstance(value, int | np.integer):
            return Whole().accept(value)
        return Real(nan=True).encode(value, writer, name)

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        if isinstance(data, str) and len(data) <= MAX_TEXT:
            return data
        if isinstance(data, int):  # true and false included
            return data if isinstance(data, bool) else Whole().accept(data)
        return None if data is None else Real(nan=True).decode(data, reader, where)


class Labels(Field):
    """A one-dimensional array of categories or classes: text, numbers, missing values, mixed.

    Written as ``{"dtype": "object", "values": ["a", "b", {"float": "nan"}]}``.
    """

    wants = "an array of labels (text, numbers, true or false, missing)"
    _dtypes = re.compile(r"object|bool|u?int(8|16|32|64)|float(32|64)|str([1-9]\d{0,5})")

    def encode(self, value: Any, writer: PartWriter, name: str) -> dict[str, Any]:
        if not isinstance(value, np.ndarray) or value.ndim != 1:
            raise self.mismatch(value)
        width = value.dtype.itemsize // 4
        dtype = f"str{max(width, 1)}" if value.dtype.kind == "U" else value.dtype.name
        if not self._dtypes.fullmatch(dtype):
            raise self.mismatch(value)
        return {"dtype": dtype, "values": [Label().encode(v, writer, name) for v in value.tolist()]}

    def decode(self, data: Any, reader: PartReader, where: str) -> np.ndarray:
        if not isinstance(data, dict) or set(data) != {"dtype", "values"}:
            raise self.mismatch(data)
        dtype, values = data["dtype"], data["values"]
        if not isinstance(dtype, str) or not isinstance(values, list) or len(values) > MAX_ITEMS:
            raise self.mismatch(data)
        if not self._dtypes.fullmatch(dtype):
            raise self.mismatch(data)
        labels = [Label().decode(value, reader, where) for value in values]
        array = np.empty(len(labels), dtype=object)
        array[:] = labels
        if dtype == "object":
            return array
        # Text keeps its width only if it fits; a number only if it is the same number afterwards.
        python_type = {"s": str, "b": bool, "i": int, "u": int, "f": float}[dtype[0]]
        if not all(type(label) is python_type for label in labels):
            raise self.mismatch(data)
        if python_type is str:
            width = int(dtype[3:])
            if any(len(label) > width or label.endswith("\0") for label in labels):
                raise self.mismatch(data)
            # The width was measured, not read: a huge one in the file would claim memory.
            width = max([1, *map(len, labels)])
            return array.astype(f"<U{width}")
        try:
            typed = array.astype(dtype)
        except (OverflowError, ValueError):
            raise self.mismatch(data) from None
        if typed.dtype.kind in "iu" and typed.tolist() != labels:
            raise self.mismatch(data)
        return typed


class Names(Field):
    """The names of columns: an object array of strings."""

    wants = "a list of names"

    def encode(self, value: Any, writer: PartWriter, name: str) -> list[str]:
        if not isinstance(value, np.ndarray) or value.ndim != 1:
            raise self.mismatch(value)
        return [Text().accept(item) for item in value]

    def decode(self, data: Any, reader: PartReader, where: str) -> np.ndarray:
        if not isinstance(data, list):
            raise self.mismatch(data)
        names = np.empty(len(data), dtype=object)
        names[:] = [Text().accept(item) for item in data]
        return names


class Vocabulary(Field):
    """The terms of a text encoder in the order of their columns: {term: column}."""

    wants = "a list of different terms"

    def encode(self, value: Any, writer: PartWriter, name: str) -> list[str]:
        if not isinstance(value, dict) or sorted(value.values()) != list(range(len(value))):
            raise self.mismatch(value)
        return sorted(map(Text().accept, value), key=value.__getitem__)

    def decode(self, data: Any, reader: PartReader, where: str) -> dict[str, int]:
        if not isinstance(data, list) or not data:
            raise self.mismatch(data)
        vocabulary = {Text().accept(term): column for column, term in enumerate(data)}
        if len(vocabulary) != len(data):
            raise self.mismatch(data)
        return vocabulary


class ElementType(Field):
    """The type of an array's elements, by its name: as a class (a parameter) or as a dtype."""

    def __init__(self, *names: str, as_class: bool) -> None:
        self.names, self.as_class = names, as_class
        self.wants = "one of " + ", ".join(names)

    def encode(self, value: Any, writer: PartWriter, name: str) -> str:
        try:
            dtype = np.dtype(value)
        except TypeError:
            raise self.mismatch(value) from None
        return self._known("str" if dtype.kind == "U" else dtype.name)

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        dtype = np.dtype(self._known(data))
        return dtype.type if self.as_class else dtype

    def _known(self, name: object) -> str:
        if not isinstance(name, str) or name not in self.names:
            raise self.mismatch(name)
        return name


class ClassWeights(Field):
    """The weight of each class, ``{"spam": 2.0}``, written as pairs."""

    wants = "a list of [class, weight]"
    _pairs = Sequence(Sequence(Label(), length=2))

    def encode(self, value: Any, writer: PartWriter, name: str) -> list[Any]:
        if not isinstance(value, dict):
            raise self.mismatch(value)
        return self._pairs.encode([list(pair) for pair in value.items()], writer, name)

    def decode(self, data: Any, reader: PartReader, where: str) -> dict[Any, Any]:
        return dict(self._pairs.decode(data, reader, where))


FLOATS = ("float64", "float32")
INPUT: dict[str, Field] = {  # what validated input leaves on every fitted object
    "n_features_in_": Whole(1, 10_000_000),
    "feature_names_in_": Absent(Names()),
}
