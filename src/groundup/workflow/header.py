"""Whether the first record names the columns, how wide the table is, and where it begins."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from .table import DataError

_NUMBER = re.compile(r"[-+]?[$€£]?\s?(\d[\d.,]*|[.,]\d+)([eE][-+]?\d+)?\s?%?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?")
_BLANK_LIKE = {"", "?", "NA", "N/A", "NULL", "null", "NaN", "nan"}


@dataclass(frozen=True)
class Header:
    """The names of the columns and the lines where header and table begin."""

    names: list[str]
    line: int  # of the header; 0: the file has none
    first_line: int  # of the table: header or first record
    reason: str
    nameless: tuple[str, ...] = ()


def find_header(records: list[tuple[int, list[str]]], known: set[str] | None = None) -> Header:
    """Tell the header from the data in the first records of a file.

    Parameters
    ----------
    records : list of (line, cells)
        The first records that hold anything.
    known : set of str, optional
        Column names that are expected: a first record made of these is a header.

    Raises
    ------
    DataError
        If the header gives two columns the same name, or the records do not agree on a width.
    """
    width, start = _width_and_start(records)
    line, first = records[start]
    first = first + [""] * (width - len(first))
    body = [cells for _, cells in records[start + 1 :] if len(cells) == width]
    is_header, reason = _names_columns(first[:width], body, known or set())
    if not is_header:
        names = [f"column_{i}" for i in range(width)]
        return Header(names, 0, line, reason)
    names, nameless = _complete_names(first[:width], line)
    return Header(names, line, line, reason, nameless)


def _width_and_start(records: list[tuple[int, list[str]]]) -> tuple[int, int]:
    """Return the number of columns, and the index of the record where the table begins."""
    widths = Counter(len(cells) for _, cells in records)
    usual, agreeing = widths.most_common(1)[0]
    # Titles and notes above the table: the few first records, all narrower than the table.
    start = 0
    if agreeing > 0.9 * len(records) and len(records) > 3:
        while len(records[start][1]) < usual and usual > 1 and len(records[start][1]) <= 2:
            start += 1
        if start > 10 or start >= len(records) - 2:
            start = 0
    # A header may be wider than the records under it, whose last cells are then left out.
    return max(usual, len(records[start][1])), start


def _names_columns(first: list[str], body: list[list[str]], known: set[str]) -> tuple[bool, str]:
    """Decide whether a record holds names rather than values, and say why."""
    named = [cell.strip() for cell in first]
    if known and sum(cell in known or cell.strip() in known for cell in first) > len(first) / 2:
        return True, "the first line holds the expected column names"
    numbers = [cell for cell in named if _is_value(cell)]
    if not body:
        if numbers:
            return False, f"the only line holds numbers ({numbers[0]})"
        return True, "the only line holds words"
    votes_for, votes_against = 0, 0
    for i, cell in enumerate(named):
        values = [cells[i].strip() for cells in body]
        values = [value for value in values if value not in _BLANK_LIKE]
        if not values or cell in _BLANK_LIKE:
            continue
        typed = sum(map(_is_value, values)) > 0.9 * len(values)
        if typed:
            if _is_value(cell):
                votes_against += 1
            else:
                votes_for += 1
        elif cell in values and len(set(values)) < 0.5 * len(values):
            votes_against += 1
    if votes_for > votes_against:
        return True, f"the first line is words over {votes_for} columns of numbers or dates"
    if votes_against:
        return False, f"the first line holds values like those below it in {votes_against} columns"
    if numbers and len(numbers) > len(named) / 2:
        return False, "the first line holds numbers"
    return True, "the first line is unlike the lines below it"


def _is_value(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))


def _complete_names(first: list[str], line: int) -> tuple[list[str], tuple[str, ...]]:
    """Name the nameless columns by their position; refuse names given twice."""
    twice = [name for name, count in Counter(first).items() if count > 1 and name.strip()]
    if twice:
        places = {
            name: [str(i + 1) for i, cell in enumerate(first) if cell == name] for name in twice
        }
        listed = "; ".join(f"{name!r} (columns {', '.join(places[name])})" for name in twice[:5])
        raise DataError(f"The header in line {line:,} names columns twice: {listed}. Rename them.")
    names, nameless = [], []
    for i, name in enumerate(first):
        if not name.strip():
            name = f"column_{i}"
            while name in first or name in names:
                name += "_"
            nameless.append(name)
        names.append(name)
    return names, tuple(nameless)
