"""Objects to plain data and back: what a kind declares is kept, and nothing else exists.

A part is one fitted object: a transformer, an estimator, a pipeline of those. It is written as
``{"kind": "StandardScaler", "params": {...}, "fitted": {...}}``. The kind is looked up in a table
that is part of the package (``registry.py``); the table says which class it is, which parameters
and fitted attributes it has and of what type. A file can therefore pick among the classes of the
table and fill in their numbers. It cannot name a class, a function or a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from typing import Any

import msgspec
import numpy as np

from groundup.bundle.errors import BundleError
from groundup.bundle.fields import Absent, Field, Mismatch, shown

MAX_DEPTH = 16  # pipelines within pipelines
EDITED = "the bundle was edited or damaged; copy it again or train the model again"


class PartRecord(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """One object as it stands in the manifest."""

    kind: str
    params: dict[str, Any]
    fitted: dict[str, Any]
    output: str | None = None  # the container that transform returns, if it was set


Below = Callable[[Any, int, str], int]


@dataclass(frozen=True)
class Kind:
    """What the bundle knows about one class.

    Parameters
    ----------
    load : callable
        Imports and returns the class. Called when a bundle holds such an object, so that importing
        this package imports no estimator.
    params, fitted : mapping of str to Field
        The constructor's parameters and the fitted attributes that predicting needs, private ones
        included, each with its type.
    check : callable (instance, n_features, where, below) -> int
        Checks that the attributes fit each other and the ``n_features`` columns that come in, and
        returns how many come out (0 for a final estimator). ``below(part, n_features, where)`` does
        the same for a part inside.
    dropped : set of str
        Parameters that are left at their default: they steer how fast or how loudly the work is
        done, never its result.
    build : callable (class, params, fitted) -> instance, optional
        For the few objects that are more than parameters and attributes.
    """

    load: Callable[[], type]
    params: Mapping[str, Field]
    fitted: Mapping[str, Field]
    check: Callable[[Any, int, str, Below], int]
    dropped: frozenset[str] = frozenset()
    build: Callable[[type, dict[str, Any], dict[str, Any]], Any] | None = None


def class_in(package: str, name: str) -> Callable[[], type]:
    """Return what imports a class of one of our packages, when it is needed.

    Both names stand in a table of this package, never in a file.
    """

    def load() -> type:
        cls: type = getattr(import_module(f"groundup.{package}"), name)
        return cls

    return load


def need(condition: object, where: str, problem: str) -> None:
    """Raise a :class:`BundleError` unless ``condition`` holds."""
    if not condition:
        raise BundleError(f"{where} {problem}; {EDITED}")


def kind_of(value: object, kinds: Mapping[str, Kind]) -> str:
    """Return the kind of ``value``: a class of the same name is not enough.

    A kind has the name of its class. Where scikit-learn's class and ours can both be kept, ours is
    of the kind ``"groundup.PCA"``.
    """
    name = type(value).__name__
    for kind in (name, f"groundup.{name}"):
        if kind in kinds and kinds[kind].load() is type(value):
            return kind
    raise BundleError(
        f"a bundle cannot hold a {type(value).__module__}.{name}; "
        f"it can hold: {', '.join(sorted(kinds))}"
    )


def check_part(kinds: Mapping[str, Kind], part: Any, n_features: int, where: str) -> int:
    """Check one object against the number of columns that reach it; return how many leave it.

    Raises
    ------
    BundleError
        Attributes that contradict each other, or the columns that come in.
    """
    where = f"{where} ({type(part).__name__})"

    def below(child: Any, n_columns: int, child_where: str) -> int:
        return check_part(kinds, child, n_columns, child_where)

    names = getattr(part, "feature_names_in_", None)
    need(names is None or len(names) == n_features, where, f"does not name {n_features} columns")
    # Composites have it as a property of their first part, which is checked in its turn.
    own = vars(part).get("n_features_in_", n_features)
    need(own == n_features, where, f"takes {own} columns where {n_features} arrive")
    return kinds[kind_of(part, kinds)].check(part, n_features, where, below)


@dataclass
class PartWriter:
    """Turns fitted objects into records and collects their arrays."""

    kinds: Mapping[str, Kind]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    n_parts: int = 0

    def add_array(self, name: str, array: np.ndarray) -> str:
        self.arrays[name] = array
        return name

    def encode_part(self, value: Any, allowed: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return one fitted object as plain data."""
        name = kind_of(value, self.kinds)
        if allowed and name not in allowed:
            raise Mismatch(f"is a {name} but should be a {' or '.join(allowed)}")
        kind = self.kinds[name]
        label = f"{self.n_parts}.{name}"
        self.n_parts += 1
        given = value.get_params(deep=False)
        defaults = signature(type(value).__init__).parameters
        for unknown in sorted(given.keys() - kind.params.keys() - kind.dropped):
            # A newer scikit-learn has parameters that this table does not know yet.
            default = defaults[unknown].default
            if given[unknown] is not default and given[unknown] != default:
                raise BundleError(
                    f"{name}.{unknown} is {shown(given[unknown])}, which a bundle cannot keep; "
                    f"leave it at its default {shown(default)}"
                )
        record = PartRecord(
            kind=name,
            params={
                key: self._encode(item, given[key], label, key)
                for key, item in kind.params.items()
                if key in given or not isinstance(item, Absent)
            },
            fitted={
                key: self._encode(item, getattr(value, key), label, key)
                for key, item in kind.fitted.items()
                if self._has(value, key, item, name)
            },
            output=getattr(value, "_sklearn_output_config", {}).get("transform"),
        )
        return msgspec.to_builtins(record)

    def _has(self, value: Any, key: str, item: Field, name: str) -> bool:
        if hasattr(value, key):
            return True
        if not isinstance(item, Absent):
            raise BundleError(f"the {name} has no {key}: fit the pipeline before saving it")
        return False

    def _encode(self, item: Field, value: Any, label: str, key: str) -> Any:
        try:
            return item.encode(value, self, f"{label}.{key}")
        except Mismatch as mismatch:
            raise BundleError(
                f"cannot save {label.partition('.')[2]}.{key}: it {mismatch}"
            ) from None


@dataclass
class PartReader:
    """Turns records into fitted objects, taking each array once."""

    kinds: Mapping[str, Kind]
    arrays: dict[str, np.ndarray]
    depth: int = 0

    def take_array(self, name: str) -> np.ndarray:
        if name not in self.arrays:
            raise BundleError(f"arrays.safetensors has no array {name!r} left to give; {EDITED}")
        return self.arrays.pop(name)

    def decode_root(self, data: object) -> Any:
        """Return the whole model."""
        try:
            return self.decode_part(data, (), "the model")
        except Mismatch as mismatch:
            raise BundleError(f"the model {mismatch}; {EDITED}") from None

    def decode_part(self, data: object, allowed: tuple[str, ...], where: str) -> Any:
        """Return the fitted object that ``data`` describes, its values checked one by one."""
        try:
            record = msgspec.convert(data, PartRecord)
        except msgspec.ValidationError as error:
            raise BundleError(
                f"{where} is not the record of an object ({error}); {EDITED}"
            ) from None
        where = f"{where} ({record.kind[:60]!r})"
        need(record.kind in self.kinds, where, "is of a kind that this version does not know")
        if allowed and record.kind not in allowed:
            raise Mismatch(f"is a {record.kind} but should be a {' or '.join(allowed)}")
        need(record.output in (None, "default", "pandas"), where, "asks for an unknown container")
        need(self.depth < MAX_DEPTH, where, f"is nested deeper than {MAX_DEPTH} levels")
        kind = self.kinds[record.kind]
        self.depth += 1
        params = self._decode_all(kind.params, record.params, where)
        fitted = self._decode_all(kind.fitted, record.fitted, where)
        self.depth -= 1
        instance = self._build(kind, params, fitted, where)
        if record.output is not None:
            instance.set_output(transform=record.output)
        return instance

    def _build(self, kind: Kind, params: dict[str, Any], fitted: dict[str, Any], where: str) -> Any:
        cls = kind.load()
        try:
            if kind.build is not None:
                return kind.build(cls, params, fitted)
            instance = cls(**params)
        except Mismatch as mismatch:
            raise BundleError(f"{where} {mismatch}; {EDITED}") from None
        except TypeError as error:
            raise BundleError(
                f"{where} was saved by another version of its library ({error}); "
                "install that version or train the model again"
            ) from None
        for key, value in fitted.items():
            setattr(instance, key, value)
        return instance

    def _decode_all(
        self, fields: Mapping[str, Field], data: Mapping[str, Any], where: str
    ) -> dict[str, Any]:
        unknown = sorted(data.keys() - fields.keys())
        need(not unknown, where, f"has the unknown entry {shown(unknown[:1])}")
        for key, item in fields.items():
            if not isinstance(item, Absent):
                need(key in data, where, f"lacks {key}")
        return {
            key: self._decode(fields[key], value, f"{where}.{key}") for key, value in data.items()
        }

    def _decode(self, item: Field, value: Any, where: str) -> Any:
        try:
            return item.decode(value, self, where)
        except Mismatch as mismatch:
            raise BundleError(f"{where} {mismatch}; {EDITED}") from None
