"""Where each prepared feature comes from: the column, and what was done to it.

A model sees scaled numbers, flags and averages; its reader knows columns. A fitted preparation says
which is which, so what a model does with a feature can be said of the column: 0.31 in units of
standard deviations is an age of 37 years, and a flag above one half is the region "north".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from groundup.workflow.date_features import PARTS


@dataclass(frozen=True)
class PreparedFeature:
    """One number that the model sees, in terms of the raw table.

    Parameters
    ----------
    column : str
        The raw column; for ``"other"`` the prepared feature's own name.
    kind : {"number", "missing", "category", "rare", "average", "date", "word", "other"}
        What it holds: the column's value, a flag for a missing value, for one category or for all
        rare ones, the target's average in the row's category, a part of a date, the weight of a
        word, or something that this module cannot read.
    what : object, default=None
        The category; the list of rare categories; the class whose share is averaged, None where the
        target is a number; the part of the date; the word.
    mean, scale : float
        The value is ``mean + scale * prepared``.
    first : int, default=0
        For the part ``"days"`` of a date: the day 0, in microseconds since 1970.
    """

    column: str
    kind: str
    what: Any = None
    mean: float = 0.0
    scale: float = 1.0
    first: int = 0

    def value(self, prepared: Any) -> Any:
        """Undo the scaling."""
        return self.mean + self.scale * prepared


Features = list[PreparedFeature]


def prepared_features(preparation: Any) -> Features:
    """Return what each feature of a fitted preparation is made from, in their order.

    Parameters
    ----------
    preparation : fitted Pipeline with a ColumnTransformer in it

    Returns
    -------
    list of PreparedFeature
        Those of a transformer that is not known here are ``"other"``.
    """
    from sklearn.compose import ColumnTransformer

    columns = next(step for _, step in preparation.steps if isinstance(step, ColumnTransformer))
    names = columns.get_feature_names_out()
    found = [PreparedFeature(str(name), "other") for name in names]
    for block, transformer, given in columns.transformers_:
        place = columns.output_indices_[block]
        features = _after(transformer, [given] if isinstance(given, str) else list(given))
        if features is not None and len(features) == place.stop - place.start:
            found[place] = features
    return found


def _after(transformer: Any, columns: list[str]) -> Features | None:
    """Follow the columns through the steps of a block; None where a step is not known."""
    steps = [step for _, step in getattr(transformer, "steps", [("", transformer)])]
    features = [PreparedFeature(str(name), "number") for name in columns]
    for step in steps:
        follow = _STEPS.get(step if isinstance(step, str) else type(step).__name__)
        followed = None if follow is None else follow(step, features)
        if followed is None:
            return None
        features = followed
    return features


def _imputed(step: Any, features: Features) -> Features:
    kept = features
    if not step.keep_empty_features and step.statistics_.dtype.kind == "f":
        kept = [f for f, value in zip(features, step.statistics_, strict=True) if value == value]
    if step.indicator_ is None:
        return kept
    return kept + [replace(features[i], kind="missing") for i in step.indicator_.features_]


def _scaled(step: Any, features: Features) -> Features:
    means = step.mean_ if step.with_mean else np.zeros(len(features))
    scales = step.scale_ if step.with_std else np.ones(len(features))
    return [
        replace(feature, mean=float(mean), scale=float(scale))
        for feature, mean, scale in zip(features, means, scales, strict=True)
    ]


def _one_hot(step: Any, features: Features) -> Features:
    rare = getattr(step, "infrequent_categories_", [None] * len(features))
    found = []
    for feature, categories, of_rare in zip(features, step.categories_, rare, strict=True):
        names = [] if of_rare is None else list(of_rare)
        found += [
            replace(feature, kind="category", what=category)
            for category in categories
            if not _is_among(category, names)
        ]
        if names:
            found.append(replace(feature, kind="rare", what=names))
    return found


def _is_among(category: Any, names: Iterable[Any]) -> bool:
    # NaN, the missing category, does not equal itself.
    return any(category == name or (category != category and name != name) for name in names)


def _averaged(step: Any, features: Features) -> Features:
    classes = [None] if step.classes_ is None else list(step.classes_)
    if len(classes) == 2:  # the share of the second class says that of the first one
        classes = classes[1:]
    return [
        replace(feature, kind="average", what=label) for feature in features for label in classes
    ]


def _dated(step: Any, features: Features) -> Features:
    return [
        replace(feature, kind="date", what=part, first=int(first))
        for feature, varies, first in zip(features, step.varies_, step.first_, strict=True)
        for part, kept in zip(PARTS, varies, strict=True)
        if kept
    ]


def _words(step: Any, features: Features) -> Features:
    return [
        replace(features[0], kind="word", what=str(term)) for term in step.get_feature_names_out()
    ]


_STEPS: Mapping[str, Callable[[Any, Features], Features | None]] = {
    "passthrough": lambda step, features: features,
    "drop": lambda step, features: [],
    "FunctionTransformer": lambda step, features: None if step.func else features,
    "SimpleImputer": _imputed,
    "StandardScaler": _scaled,
    "OneHotEncoder": _one_hot,
    "TargetEncoder": _averaged,
    "DateFeatures": _dated,
    "TfidfVectorizer": _words,
}
