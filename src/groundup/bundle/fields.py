"""What a saved parameter or fitted attribute may be: one small class for each type of value.

Each kind of object (see ``registry.py``) declares a field for every value it keeps. A field turns
the value into plain JSON and back, and refuses whatever is not of its type, in both directions. So
the type is fixed by the package and never by the file: nothing in a file can ask for another one.

JSON lacks two things that models need, so they have one spelling each:

- numbers that are not finite: ``{"float": "nan"}``, ``{"float": "inf"}``, ``{"float": "-inf"}``;
- arrays: ``{"array": "7.Ridge.coef_"}``, the name of a tensor in ``arrays.safetensors``; with
  ``"order": "F"`` where it is laid out by columns. A product of matrices may differ in its last
  bit with the layout, so it is kept.
"""

from __future__ import annotations

import math
import re
import reprlib
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from groundup.bundle.parts import PartReader, PartWriter

MAX_ITEMS = 5_000_000  # entries of one list
MAX_TEXT = 1_000_000  # characters of one string
INT64 = (-(2**63), 2**63 - 1)


class Mismatch(Exception):
    """A value is not what its field declares."""


def shown(value: object) -> str:
    """Return a short, one-line picture of a value for an error message."""
    text = reprlib.repr(value).replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "..."


class Field(ABC):
    """A type of value that a bundle can hold."""

    wants: str  # completes the sentence "it should be ..."

    @abstractmethod
    def encode(self, value: Any, writer: PartWriter, name: str) -> Any:
        """Return ``value`` as plain JSON, or raise :class:`Mismatch`."""

    @abstractmethod
    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        """Return the value that ``data`` stands for, or raise :class:`Mismatch`."""

    def mismatch(self, value: object) -> Mismatch:
        return Mismatch(f"is {shown(value)} but should be {self.wants}")


class Plain(Field):
    """A value that JSON can hold as it stands: one rule serves both directions."""

    @abstractmethod
    def accept(self, value: Any) -> Any:
        """Return ``value`` as a plain Python object, or raise :class:`Mismatch`."""

    def encode(self, value: Any, writer: PartWriter, name: str) -> Any:
        return self.accept(value)

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        return self.accept(data)


class Flag(Plain):
    """True or false."""

    wants = "true or false"

    def accept(self, value: Any) -> bool:
        if not isinstance(value, bool | np.bool_):
            raise self.mismatch(value)
        return bool(value)


class Whole(Plain):
    """A whole number within bounds, both included."""

    def __init__(self, low: int = INT64[0], high: int = INT64[1]) -> None:
        self.low, self.high = low, high
        self.wants = f"a whole number from {low} to {high}"

    def accept(self, value: Any) -> int:
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
            raise self.mismatch(value)
        if not self.low <= value <= self.high:
            raise self.mismatch(value)
        return int(value)


class Text(Plain):
    """A string."""

    wants = "text"

    def accept(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise self.mismatch(value)
        return str(value)


class Choice(Plain):
    """One of a few strings."""

    def __init__(self, *values: str) -> None:
        self.values = values
        self.wants = "one of " + ", ".join(map(repr, values)) if len(values) > 1 else repr(*values)

    def accept(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.values:
            raise self.mismatch(value)
        return str(value)


class Nothing(Plain):
    """``None``, written as null."""

    wants = "null"

    def accept(self, value: Any) -> None:
        if value is not None:
            raise self.mismatch(value)


class Real(Field):
    """A floating-point number within bounds; NaN only where it is a meaningful value."""

    def __init__(self, low: float = -math.inf, high: float = math.inf, *, nan: bool = False):
        self.low, self.high, self.nan = low, high, nan
        bounds = "" if (low, high) == (-math.inf, math.inf) else f" from {low:g} to {high:g}"
        self.wants = f"a number{bounds}" + (" or NaN" if nan else "")

    def encode(self, value: Any, writer: PartWriter, name: str) -> Any:
        if not isinstance(value, float | np.floating):
            raise self.mismatch(value)
        number = self._checked(float(value))
        return number if math.isfinite(number) else {"float": str(number)}

    def decode(self, data: Any, reader: PartReader, where: str) -> float:
        if isinstance(data, dict) and set(data) == {"float"}:
            if data["float"] not in ("nan", "inf", "-inf"):
                raise self.mismatch(data)
            return self._checked(float(data["float"]))
        if not isinstance(data, float):
            raise self.mismatch(data)
        return self._checked(data)

    def _checked(self, number: float) -> float:
        if not (self.nan if math.isnan(number) else self.low <= number <= self.high):
            raise self.mismatch(number)
        return number


class OneOf(Field):
    """The first of several fields that takes the value."""

    def __init__(self, *fields: Field) -> None:
        self.fields = fields
        self.wants = " or ".join(field.wants for field in fields)

    def encode(self, value: Any, writer: PartWriter, name: str) -> Any:
        for field in self.fields:
            try:
                return field.encode(value, writer, name)
            except Mismatch:
                continue
        raise self.mismatch(value)

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        for field in self.fields:
            try:
                return field.decode(data, reader, where)
            except Mismatch:
                continue
        raise self.mismatch(data)


class Sequence(Field):
    """A list (or, on request, a tuple) of values of one type."""

    def __init__(self, item: Field, *, length: int | None = None, as_tuple: bool = False) -> None:
        self.item, self.length, self.as_tuple = item, length, as_tuple
        self.wants = f"a list of {item.wants}" if length is None else f"{length} x {item.wants}"

    def encode(self, value: Any, writer: PartWriter, name: str) -> list[Any]:
        if not isinstance(value, list | tuple) or self.length not in (None, len(value)):
            raise self.mismatch(value)
        return [self.item.encode(item, writer, f"{name}.{i}") for i, item in enumerate(value)]

    def decode(self, data: Any, reader: PartReader, where: str) -> list[Any] | tuple[Any, ...]:
        if not isinstance(data, list) or self.length not in (None, len(data)):
            raise self.mismatch(data)
        items = [self.item.decode(item, reader, f"{where}[{i}]") for i, item in enumerate(data)]
        return tuple(items) if self.as_tuple else items


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
            raise Mismatch("holds NaN or infinity, where every number has to be finite")
        return array


class Scalar(Field):
    """A numpy scalar such as the mean of the target."""

    wants = "a finite number"

    def encode(self, value: Any, writer: PartWriter, name: str) -> Any:
        return Real().encode(value, writer, name)

    def decode(self, data: Any, reader: PartReader, where: str) -> np.float64:
        number = Real().decode(data, reader, where)
        if not math.isfinite(number):
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


class Part(Field):
    """Another object of the bundle, of one of the kinds that may stand here."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds
        self.wants = "a " + " or ".join(kinds) if kinds else "a part of a pipeline"

    def encode(self, value: Any, writer: PartWriter, name: str) -> dict[str, Any]:
        if isinstance(value, str) or value is None:
            raise self.mismatch(value)
        return writer.encode_part(value, self.kinds)

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        if not isinstance(data, dict) or "kind" not in data:
            raise self.mismatch(data)
        return reader.decode_part(data, self.kinds, where)


class Absent(Field):
    """An attribute that some fitted objects do not have at all."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.wants = field.wants

    def encode(self, value: Any, writer: PartWriter, name: str) -> Any:
        return self.field.encode(value, writer, name)

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        return self.field.decode(data, reader, where)


def optional(field: Field) -> OneOf:
    """Return the field that takes ``None`` too."""
    return OneOf(Nothing(), field)


def number(low: float = -math.inf, high: float = math.inf) -> OneOf:
    """Return the field of a parameter that may be given as a whole number or as any other."""
    least = INT64[0] if low == -math.inf else math.ceil(low)
    most = INT64[1] if high == math.inf else math.floor(high)
    return OneOf(Whole(least, most), Real(low, high))


FINITE = Real(-sys.float_info.max, sys.float_info.max)
FLOATS = ("float64", "float32")
COUNT_OR_SHARE = OneOf(Whole(0), Real(0, 1))  # scikit-learn's min_frequency, max_df, ...
SEED = optional(Whole(0, 2**32 - 1))
INPUT: dict[str, Field] = {  # what validated input leaves on every fitted object
    "n_features_in_": Whole(1, 10_000_000),
    "feature_names_in_": Absent(Names()),
}
