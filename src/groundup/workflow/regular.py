"""The fast way into a delimited file: prove, over its bytes, that nothing in it is irregular."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_BLOCK = 2**24


def regular_lines(path: Path, delimiter: str, width: int) -> tuple[np.ndarray, int, str] | None:
    """Return where the records of a regular file start; None if the file is not regular.

    A file is regular if every quote opens right after a delimiter or a line break and closes right
    before one (or is doubled inside a quoted cell), every record has `width` cells and holds
    something, all end alike, and no carriage return stands alone. Then every reader of CSV reads
    the same records.

    Parameters
    ----------
    path : pathlib.Path
        UTF-8 text.
    delimiter : str
        One ASCII character.
    width : int
        Cells in a record.

    Returns
    -------
    lines : ndarray of shape (n_records,), int64
        The 1-based line where each record starts, the header among them.
    longest : int
        Bytes of the longest record.
    line_end : {"\\n", "\\r\\n"}
        What all records end with.
    """
    scan = _Scan(ord(delimiter), width)
    carry = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            data = carry + block
            used = scan.take(np.frombuffer(data, dtype=np.uint8))
            if used is None or len(data) - used > _BLOCK:
                return None
            carry = data[used:]
    line_end = "\r\n" if scan.with_return else "\n"
    if carry:  # the last line has no line break
        carry += line_end.encode()
        if scan.take(np.frombuffer(carry, dtype=np.uint8)) != len(carry):
            return None
    if not scan.lines:
        return None
    return np.concatenate(scan.lines), scan.longest, line_end


class _Scan:
    """What is known so far, from one block of bytes to the next."""

    def __init__(self, delimiter: int, width: int) -> None:
        self.delimiter, self.width = delimiter, width
        self.lines: list[np.ndarray] = []
        self.lines_before = 0
        self.longest = 0
        self.with_return: bool | None = None  # whether lines end with both; not known yet
        # Bytes that make a record more than an empty one.
        self.ink = np.ones(256, dtype=np.uint8)
        self.ink[[delimiter, *b'" \t\r\n\v\f\x1c\x1d\x1e\x1f']] = 0
        # Beyond ASCII there are more spaces: a record of such bytes alone needs the exact way.
        self.ink[128:] = 0

    def take(self, data: np.ndarray) -> int | None:
        """Scan the whole records in `data`; return the bytes used, or None if one is irregular."""
        quotes = np.flatnonzero(data == ord('"'))
        breaks = np.flatnonzero(data == ord("\n"))
        # A position is inside quotes if an odd number of quotes stands before it.
        ends = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
        if not len(ends):
            return 0
        used = int(ends[-1]) + 1
        data, breaks = data[:used], breaks[: np.searchsorted(breaks, used)]
        quotes = quotes[: np.searchsorted(quotes, used)]
        if not self._quotes_fit(data, quotes) or not self._line_ends_fit(data, ends):
            return None
        delimiters = np.flatnonzero(data == self.delimiter)
        delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
        cells = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
        starts = np.concatenate(([0], ends[:-1] + 1))
        ink = np.add.reduceat(self.ink[data], starts, dtype=np.int64)
        if (cells != self.width).any() or not ink.all():
            return None
        self.lines.append(self.lines_before + 1 + np.searchsorted(breaks, starts))
        self.lines_before += len(breaks)
        self.longest = max(self.longest, int((ends - starts).max()))
        return used

    def _quotes_fit(self, data: np.ndarray, quotes: np.ndarray) -> bool:
        opening, closing = quotes[0::2], quotes[1::2]
        before = data[np.maximum(opening - 1, 0)]
        opens = (opening == 0) | (before == self.delimiter) | (before == ord("\n"))
        opens[1:] |= opening[1:] == closing[:-1] + 1  # the second of a doubled quote
        after = data[closing + 1]  # a record ends with a line break, so that there is one
        closes = (after == self.delimiter) | (after == ord("\n")) | (after == ord("\r"))
        return bool(opens.all() and (closes | (after == ord('"'))).all())

    def _line_ends_fit(self, data: np.ndarray, ends: np.ndarray) -> bool:
        """Whether all records end alike, and every carriage return is followed by a line feed."""
        returns = np.flatnonzero(data == ord("\r"))
        if (data[returns + 1] != ord("\n")).any():
            return False
        with_return = (data[ends - 1] == ord("\r")) & (ends > 0)
        if self.with_return is None:
            self.with_return = bool(with_return[0])
        return bool((with_return == self.with_return).all())
