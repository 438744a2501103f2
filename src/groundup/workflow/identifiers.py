"""Columns that name a row instead of describing it.

A row number, a customer's code or a person's name is different for every row, so a model can only
learn it by heart, and where the file was sorted the number gives the answer away. What counts:

- a **row number**: whole numbers that go up by one from row to row, in at most a few runs;
- a **number named as one**: whole numbers, nearly all different, in a column whose name says "id",
  "number", "code" ...;
- **codes**: texts of at most three words with digits in most of them, different in at least half
  of the rows;
- **names**: nearly unique texts in a column whose name says "name".

Unique measurements and unique texts of several words (a message, a title) are none of these.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from groundup.workflow.column_words import column_words, has_word, word_set
from groundup.workflow.columns import Columns, percent

_NUMBERED = word_set(
    "id ids uid uuid guid key index idx rownames rowname rownum rownumber rowid row no nr number "
    "num code ref reference serial record observation obs instant unnamed #"
)
_CLOCK = word_set("time day days week month year hour date step t period age seconds")
_NAMES = word_set("name names fullname firstname lastname surname")

# A row number may start again where files were put together, but not often.
_MOST_RUNS = 10


def identifiers(columns: Columns) -> dict[str, str]:
    """Find the columns that identify rows.

    Returns
    -------
    why : dict of str to str
        For each identifier the rule that it fell under, in words.
    """
    found = {}
    for name in columns.named("number", "text"):
        rule = _number_rule if columns.kinds[name] == "number" else _text_rule
        why = rule(columns, name)
        if why:
            found[name] = why
    return found


def free_texts(columns: Columns) -> dict[str, str]:
    """Find the columns of running text, which are read word by word.

    A column of text counts if its values have on average three words or more, and there are too
    many different ones (over 50, and over a tenth of the values) to be categories.
    """
    found = {}
    for name in columns.named("text"):
        distinct, present = columns.distinct[name], columns.n_rows - columns.missing[name]
        if distinct <= max(50, present // 10):
            continue
        words = _words_a_value(columns.present(name))
        if words >= 3:
            found[name] = f"{distinct} different texts of {words:.1f} words on average"
    return found


def _number_rule(columns: Columns, name: str) -> str | None:
    numbers = columns.numbers(name)
    if len(numbers) < columns.n_rows or (numbers != np.round(numbers)).any():
        return None
    distinct, n = columns.distinct[name], columns.n_rows
    steps = np.diff(numbers)
    runs = 1 + int((steps != 1).sum())
    if not has_word(name, _CLOCK):
        if runs == 1:
            return f"it counts the rows, {numbers[0]:g} to {numbers[-1]:g}"
        if runs <= _MOST_RUNS and distinct >= 0.2 * n and n >= 20 * runs:
            return f"it counts the rows, starting again {runs - 1} times"
    if distinct >= 0.95 * n and has_word(name, _NUMBERED):
        return f"its name says so and {percent(distinct, n)} of its values differ"
    return None


def _text_rule(columns: Columns, name: str) -> str | None:
    present = columns.present(name)
    distinct, n = columns.distinct[name], columns.n_rows
    if distinct < 0.5 * n or distinct < 20:
        return None
    share = percent(distinct, n)
    if distinct >= 0.9 * n and column_words(name) and column_words(name)[-1] in _NAMES:
        return f"names: {share} of them differ"
    texts = present.iloc[:: max(1, len(present) // 2_000)]
    with_digit = texts.str.contains(r"\d", regex=True).mean()
    if with_digit >= 0.6 and _words_a_value(texts) <= 2:
        return f"codes: {share} of them differ"
    if _words_a_value(texts) <= 1 and distinct >= 0.95 * n:
        return f"single words, {share} of them different"
    return None


def _words_a_value(texts: pd.Series) -> float:
    """Mean number of words, over at most 2,000 values evenly taken."""
    if texts.empty:
        return 0.0
    texts = texts.iloc[:: max(1, len(texts) // 2_000)]
    return float(texts.str.split().str.len().mean())
