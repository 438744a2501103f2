"""The record of a run: plain data that becomes ``run.json``, and from which the report is made."""

from __future__ import annotations

import json
import math
import platform
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from groundup import __version__
from groundup.workflow.table import Source

_LIBRARIES = ("numpy", "scipy", "numba", "scikit-learn", "pandas", "duckdb", "optuna")


def command_line(data: str | Path, options: Mapping[str, Any]) -> str:
    """Write the command that asks for the same again.

    Examples
    --------
    >>> command_line("my data.csv", {"--cluster": True, "--drop": ("a", "b"), "--out": None})
    "groundup run 'my data.csv' --cluster --drop a --drop b"
    """
    words = [str(data)]
    for option, value in options.items():
        if value is None or value is False:
            continue
        if value is True:
            words.append(option)
            continue
        for one in value if isinstance(value, tuple) else (value,):
            words += [option, str(one)]
    return "groundup run " + " ".join(map(shlex.quote, words))


def new_record(data: str | Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Begin a record: what was asked for, and with which versions."""
    return {
        "groundup": __version__,
        "command": command_line(data, options),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": options["--seed"],
        "stage": "read",
        "findings": [],
        "seconds": {},
        "versions": {"python": platform.python_version()}
        | {library: version(library) for library in _LIBRARIES},
    }


def source_part(source: Source) -> dict[str, Any]:
    """Return the record's part about the file."""
    return {
        "path": str(source.path),
        "name": source.path.name,
        "bytes": source.bytes,
        "sha256": source.sha256,
        "format": source.format,
        "encoding": source.encoding,
        "delimiter": source.delimiter,
        "decimal": source.decimal,
        "header": source.header,
        "compression": source.compression,
    }


def as_json(record: dict[str, Any]) -> str:
    """Return the record as JSON; a number that JSON does not have (NaN, infinity) becomes null.

    Examples
    --------
    >>> print(as_json({"score": float("nan"), "low": 0.1}))
    {
     "score": null,
     "low": 0.1
    }
    """
    return json.dumps(_plain(record), indent=1, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
