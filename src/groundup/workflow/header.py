"""Whether the first record names the columns, how wide the table is, and where it begins."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

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
        If the header gives two columns the same name.
    """
    widths = Counter(len(cells) for _, cells in records)
    usual, agreeing = widths.most_common(1)[0]
    start = _table_start(records, usual) if agreeing > 0.9 * len(records) else 0
    line, first = records[start]
    below = [cells for _, cells in records[start + 1 :]]
    aligned = _aligned(first, below, usual)
    body = [cells for cells in below if len(cells) == usual]
    is_header, reason = _names_columns(aligned, body, known or set())
    if not is_header:
        return Header([f"column_{i}" for i in range(usual)], 0, line, reason)
    names, nameless = _complete_names(aligned, line)
    return Header(names, line, line, reason, nameless)


def _table_start(records: list[tuple[int, list[str]]], usual: int) -> int:
    """Return the index of the first record after titles and notes, which are narrower."""
    for start, (_, cells) in enumerate(records[:10]):
        if len(cells) >= usual - 1 or len(cells) > 2:
            return start if start < len(records) - 2 else 0
    return 0


def _aligned(first: list[str], below: list[list[str]], usual: int) -> list[str]:
    """Return the first record with one cell for each column of the table.

    A header may be wider than the rows under it, whose last cells are then left out; or one cell
    shorter, if the first column holds the names of the rows, as R writes them; or shorter because
    every row ends with delimiters.
    """
    if len(first) >= usual:
        return first
    named_rows = len(first) == usual - 1 and any(cells[-1].strip() for cells in below if cells)
    return ["", *first] if named_rows else first + [""] * (usual - len(first))


def _names_columns(first: list[str], body: list[list[str]], known: set[str]) -> tuple[bool, str]:
    """Decide whether a record holds names rather than values, and say why."""
    named = [cell.strip() for cell in first]
    if known and sum(cell in known or cell.strip() in known for cell in first) > len(first) / 2:
        return True, "the first line holds the expected column names"
    values = [cell for cell in named if _is_value(cell)]
    if not body:
        return not values, f"its only line holds {f'values ({values[0]})' if values else 'words'}"
    numbered = _are_positions(values) or _are_years(values)
    votes_for = votes_against = 0
    for i, cell in enumerate(named[: len(body[0])]):
        column = [cells[i].strip() for cells in body]
        column = [text for text in column if text not in _BLANK_LIKE]
        if not column or cell in _BLANK_LIKE:
            continue
        if sum(map(_is_value, column)) > 0.9 * len(column):
            if not _is_value(cell):
                votes_for += 1
            elif not numbered:
                votes_against += 1
        elif cell in column and len(set(column)) <= 0.5 * len(column):
            votes_against += 1
    if votes_for > votes_against:
        return True, f"the first line is words above {votes_for} columns of numbers or dates"
    if votes_against:
        columns = "1 column" if votes_against == 1 else f"{votes_against} columns"
        return False, f"the first line holds values like those below it in {columns}"
    return True, "the first line is unlike the lines below it"


def _is_value(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell) or _DATE.fullmatch(cell))


def _are_positions(cells: list[str]) -> bool:
    """Whether cells are 0, 1, 2, ...: the names that programs give to nameless columns."""
    return len(cells) >= 3 and cells == [str(i) for i in range(len(cells))]


def _are_years(cells: list[str]) -> bool:
    """Whether cells are two or more years in equal steps: names of columns, not values."""
    if len(cells) < 2 or not all(len(cell) == 4 and cell.isdecimal() for cell in cells):
        return False
    years = [int(cell) for cell in cells]
    steps = {later - earlier for earlier, later in pairwise(years)}
    return len(steps) == 1 and 0 < abs(steps.pop()) <= 10 and 1700 <= min(years) <= 2200


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
