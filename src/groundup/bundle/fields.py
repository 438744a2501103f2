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
    """A value is not what its field declares.

    ``close`` says that it is of the right type, and wrong in what it holds: of several fields that
    might take a value, that one knows best what is wrong.
    """

    def __init__(self, problem: str, *, close: bool = False) -> None:
        super().__init__(problem)
        self.close = close


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
            except Mismatch as mismatch:
                if mismatch.close:
                    raise
        raise self.mismatch(value)

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        for field in self.fields:
            try:
                return field.decode(data, reader, where)
            except Mismatch as mismatch:
                if mismatch.close:
                    raise
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

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        if not isinstance(data, list) or self.length not in (None, len(data)):
            raise self.mismatch(data)
        items = [self.item.decode(item, reader, f"{where}[{i}]") for i, item in enumerate(data)]
        return tuple(items) if self.as_tuple else items


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
COUNT_OR_SHARE = OneOf(Whole(0), Real(0, 1))  # scikit-learn's min_frequency, max_df, ...
SEED = optional(Whole(0, 2**32 - 1))
