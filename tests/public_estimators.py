"""The public estimators, found by walking the sub-packages: a new one is under contract at once."""

from __future__ import annotations

import inspect
from importlib import import_module

from groundup._estimator import Estimator

ALGORITHM_PACKAGES = (
    "cluster",
    "decomposition",
    "ensemble",
    "linear_model",
    "mixture",
    "naive_bayes",
    "neighbors",
    "neural_network",
    "svm",
    "tree",
)


def public_estimators() -> list[type[Estimator]]:
    """Return every estimator class that an algorithm package exports, by name."""
    found = {
        name: member
        for package in ALGORITHM_PACKAGES
        for module in [import_module(f"groundup.{package}")]
        for name in module.__all__
        for member in [getattr(module, name)]
        if inspect.isclass(member) and issubclass(member, Estimator)
    }
    return [found[name] for name in sorted(found)]
