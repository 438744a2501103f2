"""Names of a package that are loaded on first use (PEP 562).

Importing numba takes a second and compiled kernels come with it, so a package of algorithms names
its classes in a table and imports a class's file when somebody asks for the class.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def loaded_on_use(
    package: str, home: Mapping[str, str]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's ``__all__``, ``__getattr__`` and ``__dir__``.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    home : mapping of str to str
        For each public name, the module of the package that defines it.
    """
    names = list(home)

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    def listed() -> list[str]:
        return sorted([*vars(sys.modules[package]), *names])

    return names, get, listed
