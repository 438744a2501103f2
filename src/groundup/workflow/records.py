"""The exact way into a delimited file: record by record, with an account of what does not fit.

A record is what `csv.reader` takes for one: cells parted by the delimiter, quoted by ``"`` where
they hold a delimiter, a quote or a line break. The single quote never quotes: in real tables it is
content far more often.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np

from .table import DataError, Rejected, Repaired

# In order of preference where several explain the sample equally well: a comma is common inside
# numbers and sentences, the others are not.
DELIMITERS = "\t|;,"
# Parts the cells of a file of one column, which has none to part: no text holds it.
SINGLE = "\x1f"
_HEAD_CHARACTERS = 2**18
_HEAD_RECORDS = 2000
_TEXT_KEPT = 1000
BLANK_LINE = "blank line"
NO_CELL_FILLED = "no cell holds a value"
BEFORE_TABLE = "stands before the table"
_END = "\x00end of file\x00"  # no text file holds NUL characters: `encodings` refuses them


@dataclass(frozen=True)
class Dialect:
    """How the cells of a record are parted."""

    delimiter: str
    skip_space: bool = False  # a space after each delimiter belongs to the layout, not to the cell


@dataclass
class Records:
    """The records that fit the table, written to a file of their own, and the account of all.

    Attributes
    ----------
    path : pathlib.Path
        Comma-separated UTF-8 without a header, every cell quoted.
    lines : ndarray of shape (n_rows,), int64
        The line of the original file where each one starts.
    longest : int
        Bytes of the longest record, at most.
    stray_quotes : list of int
        Lines of the loaded records in which a quote stands where none belongs.
    """

    path: Path
    lines: np.ndarray
    longest: int
    rejected: list[Rejected] = field(default_factory=list)
    repaired: list[Repaired] = field(default_factory=list)
    stray_quotes: list[int] = field(default_factory=list)


@contextmanager
def long_cells() -> Iterator[None]:
    """Lift the csv module's limit on the size of a cell, which is global, for a while."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def iter_records(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str], str]]:
    """Yield (first line, cells, text) of every record; an empty line is a record without cells.

    A line ends with a line feed, a carriage return or both. If the file ends inside a quote, the
    last text ends with the mark `_END`.
    """
    pending: list[str] = []

    def lines(file: TextIO) -> Iterator[str]:
        for line in chain(file, [_END]):
            pending.append(line)
            yield line

    with path.open(encoding="utf-8", newline="") as file, long_cells():
        reader = csv.reader(
            lines(file), delimiter=dialect.delimiter, skipinitialspace=dialect.skip_space
        )
        start = 1
        for cells in reader:
            if cells == [_END]:
                return
            text = "".join(pending)
            yield start, cells, text.rstrip("\r\n")
            start = reader.line_num + 1
            pending.clear()


def sniff_dialect(path: Path) -> Dialect:
    """Choose the delimiter that cuts the head of the file into the most regular records.

    If none cuts half of them alike, the one that cuts the first record is taken, and if none does,
    the file is a single column. DuckDB's own sniffer is not asked: it takes the single quotes of
    ``'-1'`` for quoting.
    """
    head = _head_text(path)
    best, best_score = None, 0.5
    for delimiter in DELIMITERS:
        if delimiter not in head:
            continue
        with long_cells():
            records = list(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter))
        widths = Counter(len(cells) for cells in records if has_ink(cells))
        tables = {width: count for width, count in widths.items() if width > 1}
        if not tables:
            continue
        width = max(tables, key=lambda width: tables[width])
        # The share of records that agree; within 5% the order of preference decides.
        score = tables[width] / widths.total()
        if score > best_score + 0.05:
            best, best_score = Dialect(delimiter, _space_follows(records, width)), score
    if best is None:
        counts = {
            delimiter: head.lstrip().partition("\n")[0].count(delimiter) for delimiter in DELIMITERS
        }
        most = max(counts, key=lambda delimiter: counts[delimiter])
        best = Dialect(most if counts[most] else SINGLE)
    return best


def _head_text(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        head = file.read(_HEAD_CHARACTERS)
    if len(head) < _HEAD_CHARACTERS:
        return head
    cut = max(head.rfind("\n"), head.rfind("\r"))
    return head[: cut + 1] if cut > 0 else head


def _space_follows(records: list[list[str]], width: int) -> bool:
    """Whether a space follows nearly every delimiter."""
    later = [cell for cells in records if len(cells) == width for cell in cells[1:]]
    return sum(cell.startswith(" ") for cell in later) > 0.95 * len(later)


def head_records(path: Path, dialect: Dialect) -> list[tuple[int, list[str]]]:
    """Return (line, cells) of the first records that hold anything."""
    records = ((line, cells) for line, cells, _ in iter_records(path, dialect) if has_ink(cells))
    return list(islice(records, _HEAD_RECORDS))


def has_ink(cells: list[str]) -> bool:
    """Whether any cell holds more than white space."""
    return any(cell and not cell.isspace() for cell in cells)


def rewrite_records(
    path: Path, dialect: Dialect, header_line: int, first_line: int, width: int, folder: Path
) -> Records:
    """Read record by record; write those that fit to a file that leaves nothing to guess.

    Parameters
    ----------
    path : pathlib.Path
        UTF-8 text.
    dialect : Dialect
    header_line : int
        Line of the header; 0 if there is none.
    first_line : int
        Line where the table begins, header included; what stands before is rejected.
    width : int
        Number of columns.
    folder : pathlib.Path
        Where to write.

    Raises
    ------
    DataError
        If a quote swallows the rest of the file, or most records have too many cells.
    """
    records = Records(folder / "records.csv", np.zeros(0, np.int64), 0)
    well_quoted = _well_quoted(dialect.delimiter)
    lines: list[int] = []
    too_wide = first_wide = 0
    with records.path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for line, cells, text in iter_records(path, dialect):
            if line == header_line:
                continue
            reason = _rejection(line, cells, text, width, first_line)
            if reason:
                if len(cells) > width:
                    first_wide = first_wide or line
                    too_wide += 1
                text = text.removesuffix(_END).rstrip("\r\n")
                records.rejected.append(Rejected(line, reason, text[:_TEXT_KEPT]))
                continue
            if len(cells) != width:
                records.repaired.append(Repaired(line, _repair(len(cells), width)))
                cells = (cells + [""] * width)[:width]
            if '"' in text and not well_quoted(text):
                records.stray_quotes.append(line)
            writer.writerow(cells)
            lines.append(line)
            records.longest = max(records.longest, len(text))
    if too_wide > len(lines):
        raise DataError(
            f"The rows do not agree on the number of columns: {too_wide:,} of "
            f"{too_wide + len(lines):,} have more than {_cells(width)}, the first in line "
            f"{first_wide:,}. Quote the cells that hold the delimiter {dialect.delimiter!r}."
        )
    # A character takes up to 4 bytes in UTF-8; a cell gains two quotes, and each quote doubles.
    records.longest = 8 * records.longest + 4 * width
    records.lines = np.array(lines, dtype=np.int64)
    return records


def _rejection(line: int, cells: list[str], text: str, width: int, first_line: int) -> str:
    """Return why a record cannot be loaded, or an empty text."""
    if text.endswith(_END):
        swallowed = len(text.removesuffix(_END).splitlines())
        if swallowed > 1:
            raise DataError(
                f"The quote that opens a cell in line {line:,} is never closed: it would swallow "
                f"the {swallowed:,} lines from there to the end of the file. Close it, or double "
                'it ("") if it belongs to the text.'
            )
        return "a quote opens and never closes"
    if not has_ink(cells):
        return NO_CELL_FILLED if text.strip() else BLANK_LINE
    if line < first_line:
        return f"{BEFORE_TABLE}: {_cells(len(cells))} where the table has {_columns(width)}"
    if len(cells) > width and has_ink(cells[width:]):
        spans = text.count("\n")
        quoted = f"; a quoted cell spans lines {line:,} to {line + spans:,}" if spans else ""
        return f"{_cells(len(cells))} where the table has {_columns(width)}{quoted}"
    return ""


def _repair(n_cells: int, width: int) -> str:
    """Return what is done to a record with too few cells, or with empty ones too many."""
    rest = "empty rest left out" if n_cells > width else "rest left empty"
    return f"{_cells(n_cells)} where the table has {_columns(width)}; the {rest}"


def _cells(n: int) -> str:
    return "1 cell" if n == 1 else f"{n:,} cells"


def _columns(n: int) -> str:
    return "1 column" if n == 1 else f"{n:,} columns"


def _well_quoted(delimiter: str):
    """Return a test of a record's text: quotes enclose whole cells, or are doubled inside them."""
    cell = rf' *"[^"]*(?:""[^"]*)*"|[^"{re.escape(delimiter)}]*'
    return re.compile(f"(?:{cell})(?:{re.escape(delimiter)}(?:{cell}))*").fullmatch
