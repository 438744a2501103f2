"""Python source from values, as `ruff format` would leave it: for the script that a run writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH = 100
_SHORT = {"np": "numpy", "pd": "pandas"}


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


@dataclass(frozen=True)
class Bracketed:
    """Something in brackets, with items that may be in brackets themselves.

    Parameters
    ----------
    opening, closing : str
        ``"make_pipeline("`` and ``")"``.
    items : sequence of (prefix, str or Bracketed)
        The prefix is ``"cv="`` for a keyword, ``'"age": '`` for an entry, else empty.
    """

    opening: str
    items: Sequence[tuple[str, str | Bracketed]]
    closing: str

    def in_one_line(self) -> str:
        """Write it without a line break."""
        items = ", ".join(prefix + _in_one_line(item) for prefix, item in self.items)
        return self.opening + items + self.closing


def laid_out(source: str | Bracketed, *, before: str = "", after: str = "", indent: int = 0) -> str:
    """Lay an expression out in lines of at most 100 columns, as a formatter would.

    One line if that holds it; else the brackets' content on a line of its own; else one line for
    each item, in which the same begins again.

    Examples
    --------
    >>> print(laid_out(Bracketed("f(", [("", "first"), ("key=", "x" * 99)], ")"), before="y = "))
    y = f(
        first,
        key=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,
    )
    """
    margin = " " * indent
    line = margin + before + _in_one_line(source) + after
    if isinstance(source, str) or len(line) <= _WIDTH:
        return line
    content = Bracketed("", source.items, "").in_one_line()
    if indent + 4 + len(content) <= _WIDTH:
        inner = [margin + "    " + content]
    else:
        # A comma after the last item, but none after an only one.
        comma = "," if len(source.items) > 1 else ""
        inner = [
            laid_out(item, before=prefix, after=comma, indent=indent + 4)
            for prefix, item in source.items
        ]
    return "\n".join([margin + before + source.opening, *inner, margin + source.closing + after])


def _in_one_line(source: str | Bracketed) -> str:
    return source if isinstance(source, str) else source.in_one_line()


def dict_source(values: Mapping[str, Any]) -> Bracketed:
    """Write a mapping, ready to be laid out.

    Examples
    --------
    >>> dict_source({"pressure": [0.0]}).in_one_line()
    '{"pressure": [0]}'
    """
    entries = [(f"{literal(key)}: ", literal(value)) for key, value in values.items()]
    return Bracketed("{", entries, "}")


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
        A short name such as ``np`` for a whole module comes with the module's own name.

    Examples
    --------
    >>> import_lines({"b": "two", "a": "two", "C": "one", "np": "numpy"})
    ['import numpy as np', 'from one import C', 'from two import a, b']
    """
    modules = {name: module for name, module in named.items() if _SHORT.get(name) != module}
    return [
        *(f"import {_SHORT[name]} as {name}" for name in sorted(set(named) - set(modules))),
        *(
            f"from {module} import "
            + ", ".join(sorted((n for n in modules if modules[n] == module), key=_import_order))
            for module in sorted(set(modules.values()))
        ),
    ]


def _import_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _text(value: str) -> str:
    written = repr(value)
    # Double quotes wherever that needs no further escapes.
    return f'"{written[1:-1]}"' if '"' not in value and written[0] == "'" else written
