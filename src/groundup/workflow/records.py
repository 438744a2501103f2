"""From UTF-8 text to records: the delimiter, every record's first line, what does not fit.

A record is what `csv.reader` takes for one: cells parted by the delimiter, quoted by ``"`` where
they hold a delimiter, a quote or a line break. The single quote never quotes: in real tables it is
content far more often.

Most files are regular: every record has the same number of cells and every quote stands where it
should. `regular_layout` proves that with a few vectorised passes over the bytes, and then DuckDB may
read the file as it is. Any other file goes through `rewrite_records`, which reads it record by
record, keeps the ledger, and writes the good ones in a form that leaves nothing to guess.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np

from .table import DataError, Rejected, Repaired

# In order of preference where several explain the sample equally well: a comma is common inside
# numbers and sentences, the others are not.
DELIMITERS = "\t|;,"
_HEAD_CHARACTERS = 2**18
_HEAD_RECORDS = 2000
_TEXT_KEPT = 1000
_SENTINEL = "\x00end of file\x00"


@dataclass(frozen=True)
class Dialect:
    """How the cells of a record are parted."""

    delimiter: str
    skip_space: bool = False  # a space after each delimiter belongs to the layout, not to the cell


@dataclass
class Records:
    """Where the well-formed records of a file are, and the account of the others."""

    path: Path
    delimiter: str
    width: int
    skip: int  # lines before the first record in `path`
    lines: np.ndarray  # (n_records,) int64, the line of the original file where each one starts
    loaded: int
    longest: int  # bytes of the longest record
    rejected: list[Rejected] = field(default_factory=list)
    repaired: list[Repaired] = field(default_factory=list)
    dropped_columns: int = 0  # surplus cells after the last column, empty in every record


@contextmanager
def _long_cells() -> Iterator[None]:
    """Lift the csv module's limit on the size of a cell, which is global, for a while."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def iter_records(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str], str]]:
    """Yield (first line, cells, text) of every record; an empty line is a record without cells."""
    pending: list[str] = []

    def lines(file) -> Iterator[str]:
        for line in chain(file, [_SENTINEL]):
            pending.append(line)
            yield line

    with path.open(encoding="utf-8", newline="") as file, _long_cells():
        reader = csv.reader(
            lines(file), delimiter=dialect.delimiter, skipinitialspace=dialect.skip_space
        )
        start = 1
        for cells in reader:
            if cells == [_SENTINEL]:
                return
            text = "".join(pending)
            if text.endswith(_SENTINEL):  # still inside a quote when the file ended
                yield start, [], text
                return
            yield start, cells, text.rstrip("\r\n")
            start = reader.line_num + 1
            pending.clear()


def sniff_dialect(path: Path) -> Dialect:
    """Choose the delimiter that cuts the head of the file into the most regular records."""
    head = _head_text(path)
    best, best_score = Dialect(","), 0.0
    for delimiter in DELIMITERS:
        if delimiter not in head:
            continue
        with _long_cells():
            records = list(csv.reader(head.splitlines(keepends=True), delimiter=delimiter))
        widths = Counter(len(cells) for cells in records if any(cell.strip() for cell in cells))
        if not widths:
            continue
        width, agreeing = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
        if width < 2:
            continue
        # Share of the records that agree. A narrow margin in favour of a delimiter which
        # cuts into more cells is no reason: order of preference decides.
        score = agreeing / widths.total()
        if score > best_score + 0.05:
            best, best_score = Dialect(delimiter, _space_follows(records, width)), score
    return best if best_score >= 0.5 else Dialect(",")


def _head_text(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        head = file.read(_HEAD_CHARACTERS)
        if len(head) < _HEAD_CHARACTERS:
            return head
    cut = max(head.rfind("\n"), head.rfind("\r"))
    return head[: cut + 1] if cut > 0 else head


def _space_follows(records: list[list[str]], width: int) -> bool:
    """Whether a space follows (nearly) every delimiter."""
    later = [cell for cells in records if len(cells) == width for cell in cells[1:]]
    return sum(cell.startswith(" ") for cell in later) > 0.95 * len(later)


def head_records(path: Path, dialect: Dialect) -> list[tuple[int, list[str]]]:
    """Return (line, cells) of the first records that hold anything."""
    records = ((line, cells) for line, cells, _ in iter_records(path, dialect) if _has_ink(cells))
    return list(islice(records, _HEAD_RECORDS))


def _has_ink(cells: list[str]) -> bool:
    return any(cell and not cell.isspace() for cell in cells)


# -- the fast way: prove that the file is regular -----------------------------------------------


def regular_layout(path: Path, delimiter: str, header: bool, width: int) -> Records | None:
    """Return where the records are if the file is regular throughout, else None.

    Regular: every quote opens right after a delimiter or line break and closes right before one
    (or is doubled inside a quoted cell), every record has `width` cells and holds something, no
    carriage return stands alone.
    """
    layout = _Layout(ord(delimiter), width)
    carry = b""
    with path.open("rb") as file:
        while True:
            block = file.read(2**24)
            data = carry + block
            if not block:
                if not data:
                    break
                data += b"\n"
            used = layout.take(np.frombuffer(data, dtype=np.uint8))
            if used is None or (not block and used < len(data)):
                return None
            if not block:
                break
            carry = data[used:]
            if len(carry) > 2**24:
                return None
    lines = np.concatenate(layout.lines) if layout.lines else np.zeros(0, np.int64)
    if header:
        if len(lines) < 2 or lines[0] != 1 or lines[1] != 2:
            return None
        lines = lines[1:]
    return Records(path, delimiter, width, int(header), lines, len(lines), layout.longest)


class _Layout:
    """The state of the scan from one block of bytes to the next."""

    def __init__(self, delimiter: int, width: int) -> None:
        self.delimiter, self.width = delimiter, width
        self.lines: list[np.ndarray] = []
        self.lines_before = 0
        self.longest = 0
        # Bytes that make a record more than an empty one.
        self.ink = np.ones(256, dtype=np.uint8)
        self.ink[[delimiter, *b'" \t\r\n\v\f']] = 0

    def take(self, data: np.ndarray) -> int | None:
        """Scan the whole records in `data`; return the bytes used, or None if one is irregular."""
        quotes = np.flatnonzero(data == ord('"'))
        breaks = np.flatnonzero(data == ord("\n"))
        # A position is inside quotes if an odd number of quotes stands before it.
        ends = breaks[_quotes_before(quotes, breaks) % 2 == 0]
        if not len(ends):
            return 0
        used = int(ends[-1]) + 1
        data, breaks = data[:used], breaks[: np.searchsorted(breaks, used)]
        quotes = quotes[: np.searchsorted(quotes, used)]
        if not self._quotes_fit(data, quotes) or not _returns_fit(data):
            return None
        delimiters = np.flatnonzero(data == self.delimiter)
        delimiters = delimiters[_quotes_before(quotes, delimiters) % 2 == 0]
        starts = np.concatenate(([0], ends[:-1] + 1))
        cells = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
        if (cells != self.width).any() or (np.add.reduceat(self.ink[data], starts) == 0).any():
            return None
        self.lines.append(np.searchsorted(breaks, starts) + 1 + self.lines_before)
        self.lines_before += len(breaks)
        self.longest = max(self.longest, int((ends - starts).max()))
        return used

    def _quotes_fit(self, data: np.ndarray, quotes: np.ndarray) -> bool:
        opening, closing = quotes[0::2], quotes[1::2]
        before = data[np.maximum(opening - 1, 0)]
        opens = (opening == 0) | (before == self.delimiter) | (before == ord("\n"))
        opens[1:] |= opening[1:] == closing[:-1] + 1  # the second of a doubled quote
        after = data[closing + 1]
        closes = (after == self.delimiter) | (after == ord("\n")) | (after == ord('"'))
        closes |= after == ord("\r")
        return bool(opens.all() and closes.all())


def _quotes_before(quotes: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.searchsorted(quotes, positions) if len(quotes) else np.zeros(len(positions), np.int64)


def _returns_fit(data: np.ndarray) -> bool:
    """Whether every carriage return is followed by a line feed."""
    returns = np.flatnonzero(data == ord("\r"))
    return not len(returns) or bool((data[returns + 1] == ord("\n")).all())


# -- the exact way: record by record ------------------------------------------------------------


def rewrite_records(
    path: Path, dialect: Dialect, header_line: int, first_line: int, width: int, folder: Path
) -> Records:
    """Read record by record; write those that fit, all cells quoted, to a file of their own.

    Parameters
    ----------
    header_line : int
        Line of the header; 0 if there is none.
    first_line : int
        Line of the first record of the table; what stands before, the header aside, is rejected.
    width : int
        Number of columns.
    """
    target = folder / "records.csv"
    rejected, repaired, lines = [], [], []
    longest = 0

    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for line, cells, text in iter_records(path, dialect):
            if line == header_line:
                continue
            reason = None
            if text.endswith(_SENTINEL):
                text = text.removesuffix(_SENTINEL)
                swallowed = len(text.splitlines())
                if swallowed > 1:
                    raise DataError(
                        f"The quote that opens a cell in line {line:,} is never closed: it would "
                        f"swallow the {swallowed:,} lines from there to the end of the file. Close it, "
                        'or double it ("") if it belongs to the text.'
                    )
                reason = "a quote opens and never closes"
            elif not _has_ink(cells):
                reason = "blank line" if not text.strip() else "no cell holds a value"
            elif line < first_line:
                reason = f"before the table begins (cells: {len(cells)}, columns: {width})"
            elif len(cells) > width:
                if _has_ink(cells[width:]):
                    reason = f"{len(cells)} cells where the table has {width} columns"
                    if spans := text.count("\n"):
                        reason += f"; a quoted cell spans lines {line:,} to {line + spans:,}"
                else:
                    surplus = len(cells) - width
                    repaired.append(
                        Repaired(line, f"{surplus} empty cells too many at the end, left out")
                    )
                    cells = cells[:width]
            elif len(cells) < width:
                lacking = width - len(cells)
                repaired.append(
                    Repaired(
                        line,
                        f"{len(cells)} cells where the table has {width} columns; "
                        f"the last {lacking} left empty",
                    )
                )
                cells += [""] * lacking
            if reason is not None:
                rejected.append(Rejected(line, reason, text[:_TEXT_KEPT]))
                continue
            writer.writerow(cells)
            lines.append(line)
            longest = max(longest, len(text))
    # UTF-8 takes at most 4 bytes a character; each cell gains two quotes, each quote may double.
    longest = 8 * longest + 4 * width
    n_loaded = len(lines) - len(repaired)
    return Records(
        target,
        ",",
        width,
        0,
        np.array(lines, dtype=np.int64),
        n_loaded,
        longest,
        rejected,
        repaired,
    )
