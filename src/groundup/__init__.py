"""Machine learning from the ground up.

The algorithms live in sub-packages that carry scikit-learn's names: ``groundup.linear_model``,
``groundup.neighbors``, ``groundup.optim``.  ``groundup run data.csv --target y`` is the whole way
from a raw file to a checked model.  Importing this module loads none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_SUBPACKAGES = (
    "bundle",
    "cluster",
    "decomposition",
    "ensemble",
    "linear_model",
    "mixture",
    "naive_bayes",
    "neighbors",
    "neural_network",
    "optim",
    "svm",
    "tree",
    "workflow",
)
__all__ = ["__version__", *_SUBPACKAGES]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"groundup.{name}")
    raise AttributeError(f"module 'groundup' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
