"""Which question is asked: the kind of the problem, read off the target's values, with the reason.

A target with two values asks a yes-or-no question (``"binary"``), a few names ask "which one"
(``"multiclass"``), and a quantity asks "how much" (``"regression"``). Whole numbers can be either;
the rule for them is written out in `infer_task` and its verdict always comes with its reason, so
that a user who disagrees knows what to override.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from groundup.workflow.column_words import column_words, word_set
from groundup.workflow.table import DataError

Task = Literal["binary", "multiclass", "regression"]

#: A table with fewer rows than this cannot carry a test that means anything.
LEAST_ROWS = 20

# Whole numbers with at most this many distinct values are taken for classes ...
_MOST_NUMBER_CLASSES = 10
# ... provided that a value stands on average in at least this many rows.
_LEAST_ROWS_A_CLASS = 5

_TARGET_WORDS = word_set(
    "target label class outcome response survived survival churn churned default fraud spam "
    "species quality price cost value diagnosis cnt demand sales rating fare result"
)

_POSITIVE_WORDS = word_set(
    "yes y true t positive pos success spam fraud churn churned sick ill disease malignant "
    "dead died defaulted bad fail failed failure approved accepted clicked bought 1 1.0"
)
_NEGATIVE_WORDS = word_set(
    "no n false f negative neg ham legitimate healthy benign alive good ok normal rejected "
    "0 0.0 -1 -1.0"
)


def infer_task(y: pd.Series, kind: str) -> tuple[Task, str]:
    """Infer the kind of the problem from the target's values.

    Parameters
    ----------
    y : Series of shape (n,)
        The target; missing values are left out.
    kind : {"number", "boolean", "date", "text"}
        What the reading stage took the column for.

    Returns
    -------
    task : {"binary", "multiclass", "regression"}
    reason : str
        The rule that decided, in words.

    Raises
    ------
    DataError
        Nothing but missing values, one value alone, dates, or nearly unique texts.

    Examples
    --------
    >>> import pandas as pd
    >>> infer_task(pd.Series(["yes", "no", "no", "yes"] * 5), "text")[0]
    'binary'
    >>> infer_task(pd.Series([3.5, 2.25, 8.0, 1.5] * 5, name="price"), "number")
    ('regression', 'price takes 4 values with fractions: a quantity')
    """
    name = "the target" if y.name is None else str(y.name)
    values = y.dropna()
    if values.empty:
        raise DataError(f"{name} has no value in any row; choose another column with --target")
    distinct = values.nunique()
    if distinct == 1:
        raise DataError(
            f"{name} has the same value, {values.iloc[0]}, in all {len(values)} rows: there is "
            "nothing to learn; choose another column with --target"
        )
    if kind == "date":
        raise DataError(
            f"{name} holds dates, which cannot be predicted as they are; turn them into a number "
            "(days until ...) or choose another column with --target"
        )
    if distinct == 2:
        first, second = _in_order(values.unique())
        return "binary", f"{name} takes two values, {_show(first)} and {_show(second)}"
    if kind in ("text", "boolean"):
        if distinct > max(50, len(values) // 10):
            raise DataError(
                f"{name} holds {distinct} different texts in {len(values)} rows: too many to be "
                "classes; choose another column with --target"
            )
        return "multiclass", f"{name} takes {distinct} different texts"

    numbers = values.to_numpy(dtype=np.float64)
    if (numbers != np.round(numbers)).any():
        return "regression", f"{name} takes {distinct} values with fractions: a quantity"
    if distinct > _MOST_NUMBER_CLASSES:
        return "regression", (
            f"{name} takes {distinct} whole numbers, more than {_MOST_NUMBER_CLASSES}: a quantity"
        )
    if len(values) < _LEAST_ROWS_A_CLASS * distinct:
        return "regression", (
            f"{name} takes {distinct} whole numbers in {len(values)} rows, too few rows a value to "
            "be classes: a quantity"
        )
    return "multiclass", (
        f"{name} takes {distinct} whole numbers, {numbers.min():g} to {numbers.max():g}, no more "
        f"than {_MOST_NUMBER_CLASSES}: classes (--task regression treats them as a quantity)"
    )


def check_target(y: pd.Series, kind: str, task: Task) -> None:
    """Check that `y` can be the target of `task`, also where the user chose the task.

    Raises
    ------
    DataError
        Fewer than 20 rows with a target, one value alone, texts for regression, more than two
        values for binary, or fewer than five rows a class.

    Examples
    --------
    >>> import pandas as pd
    >>> check_target(pd.Series([0, 1] * 10), "number", "binary")
    """
    name = "the target" if y.name is None else str(y.name)
    values = y.dropna()
    if values.empty:
        raise DataError(f"{name} has no value in any row; choose another column with --target")
    if len(values) < LEAST_ROWS:
        raise DataError(
            f"{len(values)} rows have a value in {name}; at least {LEAST_ROWS} are needed to hold "
            "some back for a test"
        )
    distinct = values.nunique()
    if distinct == 1:
        raise DataError(
            f"{name} has the same value, {values.iloc[0]}, in all {len(values)} rows: there is "
            "nothing to learn; choose another column with --target"
        )
    if task == "regression" and kind not in ("number", "boolean"):
        raise DataError(f"{name} holds {kind} values; regression needs numbers")
    if task == "binary" and distinct != 2:
        raise DataError(
            f"{name} takes {distinct} values; a binary problem needs two (--task multiclass)"
        )
    if task == "multiclass" and len(values) < _LEAST_ROWS_A_CLASS * distinct:
        raise DataError(
            f"{name} takes {distinct} values in {len(values)} rows; to be classes they need "
            f"{_LEAST_ROWS_A_CLASS} rows each on average"
        )


def positive_class(y: pd.Series) -> tuple[Any, str]:
    """Choose which of the two classes "positive" means.

    A word that says so decides (yes, true, 1, spam ...); else the rarer class, which is mostly the
    one that is looked for; else the later one in sorted order, as scikit-learn has it.

    Returns
    -------
    positive : the class, as it stands in `y`
    reason : str

    Examples
    --------
    >>> import pandas as pd
    >>> positive_class(pd.Series(["<=50K"] * 3 + [">50K"]))
    ('>50K', '>50K is the rarer class (1 of 4 rows)')
    >>> positive_class(pd.Series(["no", "yes", "yes"]))[1]
    'the word yes says so'
    """
    counts = y.dropna().value_counts()
    first, second = _in_order(counts.index)
    for positive, negative in ((first, second), (second, first)):
        word, other = _bare(positive), _bare(negative)
        if word in ("1", "1.0") and other not in _NEGATIVE_WORDS:
            continue  # codes 1 and 2: the number says nothing
        if word in _POSITIVE_WORDS and other not in _POSITIVE_WORDS:
            return positive, f"the word {_show(positive)} says so"
        if other in _NEGATIVE_WORDS and word not in _NEGATIVE_WORDS:
            return positive, f"its opposite is {_show(negative)}"
    if counts[first] == counts[second]:
        return second, f"both are equally frequent, and {_show(second)} sorts last"
    rarer = first if counts[first] < counts[second] else second
    return rarer, f"{_show(rarer)} is the rarer class ({counts[rarer]} of {counts.sum()} rows)"


def likely_targets(
    frame: pd.DataFrame, columns: Sequence[Any], *, most: int = 5
) -> list[tuple[str, str]]:
    """Name the columns that may be the target, the likeliest first, each with its reason.

    Parameters
    ----------
    frame : DataFrame of shape (n, d)
    columns : sequence of Column
        With ``name`` and ``kind``, as the reading stage has them.
    most : int, default=5

    Examples
    --------
    >>> import pandas as pd
    >>> from types import SimpleNamespace as Column
    >>> frame = pd.DataFrame({"age": [31.5, 40.0, 22.1], "churn": ["no", "yes", "no"]})
    >>> columns = [Column(name="age", kind="number"), Column(name="churn", kind="text")]
    >>> [(name, reason)] = likely_targets(frame, columns)
    >>> name, reason[:38]
    ('churn', 'its name is a usual one for a target, ')
    """
    ranked = []
    # A row number in front is passed over.
    first = int(len(columns) > 1 and _counts_rows(frame[columns[0].name]))
    for position, column in enumerate(columns):
        values = frame[column.name]
        distinct = values.nunique()
        if distinct < 2 or column.kind == "date":
            continue
        if column.kind == "text" and distinct > max(50, len(values) // 10):
            continue
        points, reasons = 0, []
        words = column_words(column.name)
        if words == ["y"] or not set(words).isdisjoint(_TARGET_WORDS):
            points += 4
            reasons.append("its name is a usual one for a target")
        if position == len(columns) - 1:
            points += 3
            reasons.append("it is the last column")
        elif position == first:
            points += 1
            reasons.append("it is the first column")
        if [column.kind for column in columns].count("text") == 1 and column.kind == "text":
            points += 1
            reasons.append("it is the only column of text")
        if distinct == 2:
            points += 1
            reasons.append("it takes two values")
        if points >= 2:
            ranked.append((-points, position, column.name, ", ".join(reasons)))
    if not ranked and len(columns):
        return [(columns[-1].name, "it is the last column")]
    return [(name, reason) for _, _, name, reason in sorted(ranked)[:most]]


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that a typing slip turns into `name`, or None.

    Examples
    --------
    >>> nearest_name("survive", ["pclass", "survived", "age"])
    'survived'
    """
    names = list(names)
    lowered = {other.lower(): other for other in reversed(names)}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    if close:
        return lowered[close[0]]
    inside = [other for other in names if name.lower() in other.lower()]
    return inside[0] if inside else None


def _counts_rows(values: pd.Series) -> bool:
    return values.dtype.kind in "if" and bool((values.diff().dropna() == 1).all())


def _bare(value: Any) -> str:
    return str(value).strip().strip("'\"").strip().lower()


def _show(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_order(classes: Iterable[Any]) -> tuple[Any, Any]:
    first, second = sorted(classes)
    return first, second
