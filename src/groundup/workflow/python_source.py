"""Python source from values, as `ruff format` would leave it: for the script that a run writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH = 100


def literal(value: Any) -> str:
    """Write a plain value as a Python literal with double quotes.

    Examples
    --------
    >>> print(literal({"a": [0.0, -200.0], "b": ("it's", 'a "b"', None, True)}))
    {"a": [0, -200], "b": ("it's", 'a "b"', None, True)}
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(literal, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return repr(int(value))
    return repr(value)


def list_source(name: str, items: Sequence[str]) -> str:
    """Write ``name = [...]``, filled to 100 columns where one line does not hold it.

    A formatter would give each item a line of its own; the comments keep a long list together.

    Examples
    --------
    >>> print(list_source("NUMBERS", ["age", "fare"]), end="")
    NUMBERS = ["age", "fare"]
    """
    line = f"{name} = {literal(list(items))}\n"
    if len(line) <= _WIDTH + 1:
        return line
    rows, row = [], "   "
    for item in items:
        piece = f" {literal(item)},"
        if len(row) + len(piece) > _WIDTH and row.strip():
            rows.append(row)
            row = "   "
        row += piece
    body = "\n".join([*rows, row])
    return f"# fmt: off\n{name} = [\n{body}\n]\n# fmt: on\n"


def import_lines(named: Mapping[str, str]) -> list[str]:
    """Write the imports of names from their modules, sorted as an import sorter has them.

    Parameters
    ----------
    named : mapping of name to module

    Examples
    --------
    >>> import_lines({"b": "two", "a": "two", "C": "one"})
    ['from one import C', 'from two import a, b']
    """
    modules = sorted(set(named.values()))
    return [
        f"from {module} import "
        + ", ".join(sorted((n for n in named if named[n] == module), key=_import_order))
        for module in modules
    ]


def _import_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _text(value: str) -> str:
    if '"' in value and "'" not in value:
        return repr(value)
    # JSON's escapes are Python's, but for characters beyond the basic plane: keep those as they are.
    return json.dumps(value, ensure_ascii=not value.isprintable())
