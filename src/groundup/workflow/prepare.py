"""Prepare: turn typed columns into finite numbers, with what the training rows say and no more.

Every step is an ordinary scikit-learn transformer inside one `ColumnTransformer`, so that it is
fitted within each fold on that fold's training rows, and travels with the model afterwards:

- numbers: the median where they are missing, a column that says where that was, one scale;
- categories with few values: a column for each frequent one, rare ones together, missing as one
  more; a category never seen counts as rare;
- categories with many values: the target's average among the rows with it (cross-fitted, so that
  no row sees its own target);
- dates: year, month, weekday ... (see `DateFeatures`);
- running text: TF-IDF, a number for each of its most frequent words.

Before all of these, `DisguisedMissing` says what counts as missing. Which column is treated how is
decided once, on the training rows; `Preparation.code` writes the same as a few lines of Python.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from groundup.workflow.audit import Audit
from groundup.workflow.blocks import Block, Preparation, Step
from groundup.workflow.column_words import has_word, word_set
from groundup.workflow.date_features import DateFeatures
from groundup.workflow.disguised_missing import DisguisedMissing

__all__ = ["DateFeatures", "DisguisedMissing", "Preparation", "build_preparation"]

# Categories with more different values than this get the target's average instead of columns.
_MOST_CATEGORIES = 30
# A category in fewer training rows than this is put together with the other rare ones.
_LEAST_ROWS_A_CATEGORY = 10
# Whole numbers in a column named as a code, with no more values than this, are categories.
_MOST_CODES = 50
_CODES = word_set("code zip zipcode postcode postal type")
# Words of a text column that become columns: no more than this (less with more than two such
# columns), than a fourth of the training rows, and than fit into 200 MB.
_MOST_WORDS = 500
_MOST_WORD_CELLS = 25_000_000
# A text column of fewer different words than this has phrases rather than sentences.
_LEAST_WORDS = 50


def build_preparation(X_train: pd.DataFrame, audit: Audit, *, seed: int) -> Preparation:
    """Choose how each column is turned into numbers.

    Parameters
    ----------
    X_train : DataFrame of shape (n, d)
        The training rows, with at least the columns ``audit.features``, as they were read.
    audit : Audit
        After `audit_against_target`.
    seed : int
        For the cross-fitting of target averages.

    Returns
    -------
    Preparation
        Its pipeline gives a dense float64 array without missing values, also for categories and
        dates never seen and for columns that are wholly missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from types import SimpleNamespace as Table
    >>> from groundup.workflow.audit import audit_table
    >>> frame = pd.DataFrame({"size": [3.5, None, 1.25, 2.0] * 10, "colour": ["red", "blue"] * 20,
    ...                       "price": [float(i * i) for i in range(40)]})
    >>> columns = [Table(name="size", kind="number"), Table(name="colour", kind="text"),
    ...            Table(name="price", kind="number")]
    >>> audit = audit_table(Table(frame=frame, columns=columns), "price", "regression")
    >>> preparation = build_preparation(frame, audit, seed=0)
    >>> Z = preparation.pipeline().fit_transform(frame, frame["price"])
    >>> Z.shape, [block["columns"] for block in preparation.plan]
    ((40, 4), [['size'], ['colour']])
    """
    features = audit.features
    texts = [name for name in features if name in audit.texts]
    missing = DisguisedMissing(
        {name: audit.disguised[name] for name in features if name in audit.disguised} or None
    )
    X = missing.fit_transform(X_train[features])
    treated: dict[str, list[str]] = {"numbers": [], "categories": [], "names": [], "dates": []}
    read: dict[str, int] = {}
    for name in features:
        kind = audit.kinds[name]
        if name in texts:
            n_words = _distinct_words(X[name])
            if n_words >= _LEAST_WORDS:
                read[name] = n_words
                continue
        if kind == "date":
            treated["dates"].append(name)
        elif kind == "text" or _is_code(X[name], name, kind):
            few = X[name].nunique() <= (_MOST_CATEGORIES if kind == "text" else _MOST_CODES)
            treated["categories" if few else "names"].append(name)
        else:
            treated["numbers"].append(name)

    makers = {
        "numbers": _numbers,
        "categories": _categories,
        "names": lambda columns: _names(columns, seed, audit.task or "regression"),
        "dates": _dates,
    }
    blocks = [makers[name](columns) for name, columns in treated.items() if columns]
    blocks += [
        _text(name, n_words, len(X), number, len(read))
        for number, (name, n_words) in enumerate(read.items(), 1)
    ]
    return Preparation(
        DisguisedMissing(missing.values, empty_text=tuple(read)),
        ColumnTransformer([block.build() for block in blocks], sparse_threshold=0.0),
        _plan(missing, blocks),
        blocks,
    )


def _numbers(columns: list[str]) -> Block:
    return Block(
        "numbers",
        columns,
        (
            Step(
                SimpleImputer,
                {"strategy": "median", "add_indicator": True, "keep_empty_features": True},
            ),
            Step(StandardScaler, {}),
        ),
        ("median where missing, and a column that says so", "mean 0, standard deviation 1"),
        "Distances and penalties compare numbers on one scale.",
    )


def _categories(columns: list[str]) -> Block:
    return Block(
        "categories",
        columns,
        (
            Step(
                OneHotEncoder,
                {
                    "min_frequency": _LEAST_ROWS_A_CATEGORY,
                    "handle_unknown": "infrequent_if_exist",
                    "sparse_output": False,
                },
            ),
        ),
        (
            f"a column for each category in {_LEAST_ROWS_A_CATEGORY} rows or more",
            "rarer ones together",
            "missing is a category",
        ),
        "Categories have no order that a number could express.",
    )


def _names(columns: list[str], seed: int, task: str) -> Block:
    folds = Step(KFold, {"n_splits": 5, "shuffle": True, "random_state": seed})
    # Named, since a target of whole numbers would be taken for classes.
    target_type = "continuous" if task == "regression" else task
    return Block(
        "names",
        columns,
        (
            Step(TargetEncoder, {"target_type": target_type, "cv": folds}),
            Step(StandardScaler, {}),
        ),
        (
            "the target's average among the rows with this category, cross-fitted",
            "mean 0, standard deviation 1",
        ),
        f"With more than {_MOST_CATEGORIES} categories, a column for each would be mostly zeros.",
    )


def _dates(columns: list[str]) -> Block:
    return Block(
        "dates",
        columns,
        (
            Step(DateFeatures, {}),
            Step(SimpleImputer, {"strategy": "median", "keep_empty_features": True}),
            Step(StandardScaler, {}),
        ),
        ("days, year, month, day, weekday, hour", "median where missing", "one scale"),
        "What matters is the season, the weekday or the hour, not the count of days alone.",
    )


def _text(name: str, n_words: int, n_rows: int, number: int, n_texts: int) -> Block:
    most = min(_MOST_WORDS, 2 * _MOST_WORDS // n_texts, _MOST_WORD_CELLS // n_rows // n_texts)
    words = min(n_words, n_rows // 4, max(50, most))
    return Block(
        "text" if number == 1 else f"text_{number}",
        [name],
        (Step(TfidfVectorizer, {"max_features": words, "sublinear_tf": True}),),
        (f"TF-IDF of its {words} most frequent words",),
        "What a text says is in its words: frequent in this text, and rare in the others.",
        one_text=True,
    )


def _is_code(x: pd.Series, name: str, kind: str) -> bool:
    if kind != "number" or not has_word(name, _CODES) or x.nunique() > _MOST_CODES:
        return False
    present = x.dropna()
    return bool((present == present.round()).all())


def _distinct_words(texts: pd.Series) -> int:
    present = texts.dropna()
    if present.empty:
        return 0
    try:
        return len(TfidfVectorizer().fit(present).vocabulary_)
    except ValueError:  # nothing but single letters and punctuation
        return 0


def _plan(missing: DisguisedMissing, blocks: list[Block]) -> list[dict[str, Any]]:
    plan = []
    if missing.values:
        plan.append(
            {
                "columns": list(missing.values),
                "steps": ["values that stand for missing become missing"],
                "why": "They are no measurements.",
            }
        )
    plan += [
        {"columns": list(block.columns), "steps": list(block.words), "why": block.why}
        for block in blocks
    ]
    return plan
