"""Tables written as CSV, whole or not at all, and harmless when a spreadsheet opens them.

**Whole.** The rows go to a temporary file beside the target, which is flushed to the disk and then
renamed over it. A full disk or an interrupt leaves the old file as it was.

**Harmless.** A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a
formula, and a formula can send data away or start a program. Text that came with somebody's data
must not become one, so such a cell (or column name) is written with an apostrophe in front. What is
a number from end to end, such as ``-3.5``, stays a number. A cell is quoted where it holds any of
the usual separators, so that a spreadsheet that splits at semicolons finds no formula inside.

References
----------
OWASP, "CSV Injection".
"""

from __future__ import annotations

import errno
import math
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# The characters that start a formula, and the full-width forms that some programs fold into them.
_STARTS_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NEEDS_QUOTES = re.compile(r'[",;|\t\r\n]|^\s|\s$')


class OutputError(OSError):
    """A file could not be written. The message is one line that says which, why and what to do."""


def csv_safe(text: str) -> str:
    """Return ``text`` such that no spreadsheet takes it for a formula.

    Parameters
    ----------
    text : str
        The content of a cell.

    Returns
    -------
    str
        The same text, or the text behind an apostrophe.

    Examples
    --------
    >>> csv_safe("=HYPERLINK(A1)")
    "'=HYPERLINK(A1)"
    >>> csv_safe("-3.5"), csv_safe("-3.5 or so"), csv_safe("plain")
    ('-3.5', "'-3.5 or so", 'plain')
    """
    # A tab or carriage return in front is dropped by some programs, and what follows it then starts
    # the cell. Other blanks are skipped for the same reason.
    start = text.lstrip(" \t\r\n\v\f\0\u00a0\ufeff")
    formula = text[:1] in ("\t", "\r", "\n") or start[:1] in _STARTS_FORMULA
    return "'" + text if formula and not _NUMBER.fullmatch(text) else text


def _quoted(text: str) -> str:
    if _NEEDS_QUOTES.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _cell(value: Any) -> str:
    """Write one value: a number with all its digits, a missing value as nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _quoted(csv_safe(value))
    if isinstance(value, float):  # numpy.float64 included
        return "" if math.isnan(value) else float.__repr__(value)
    if type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if hasattr(value, "isoformat"):
        return str(value.isoformat(sep=" ")) if hasattr(value, "hour") else str(value)
    return _quoted(csv_safe(str(value)))


def _lines(frame: pd.DataFrame) -> Iterator[str]:
    columns = [[_cell(value) for value in frame.iloc[:, j].tolist()] for j in range(frame.shape[1])]
    for row in zip(*columns, strict=True):
        line = ",".join(row)
        # A single empty column would leave a blank line, which readers skip.
        yield (line or '""') + "\n"


def output_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Say in one line why ``path`` could not be written, and what to do."""
    return OutputError(f"cannot write {str(path)!r}: {_reason(error)}")


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space or choose another place"
    if error.errno == errno.EFBIG:
        return "the file would grow beyond what is allowed there; choose another place"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "no permission to write there; choose another place"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "the folder does not exist; create it first"
    if error.errno == errno.EISDIR:
        return "it is a folder; give the name of a file"
    return (error.strerror or str(error)).lower()


@contextmanager
def csv_writer(
    path: str | os.PathLike[str],
) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Open a CSV that appears at ``path`` only when every row of it is on the disk.

    Parameters
    ----------
    path : path-like
        Where the file goes. An existing file is replaced, at the end, in one step.

    Yields
    ------
    callable
        Takes a :class:`pandas.DataFrame` and appends its rows (without its index). The first frame
        gives the header; later ones must have the same columns.

    Raises
    ------
    OutputError
        The file cannot be written: no such folder, no permission, disk full. Whatever stood at
        ``path`` before is untouched.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "out.csv"
    >>> with csv_writer(path) as write:
    ...     write(pd.DataFrame({"a": [1, 2]}))
    ...     write(pd.DataFrame({"a": [3]}))
    >>> path.read_text().split()
    ['a', '1', '2', '3']
    """
    # A link is followed, so that the file it points to is replaced and the link stays.
    target = Path(os.path.realpath(path))
    # A device or a pipe (/dev/stdout) cannot be renamed over.
    in_place = target.exists() and not target.is_file() and not target.is_dir()
    scratch = (
        target if in_place else target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}")
    )
    header: list[str] | None = None

    def write(frame: pd.DataFrame) -> None:
        nonlocal header
        names = [str(name) for name in frame.columns]
        if header is not None and names != header:
            raise ValueError(f"this part has the columns {names}, the file has {header}")
        try:
            if header is None:
                header = names
                file.write(",".join(_cell(name) for name in names) + "\n")
            file.writelines(_lines(frame))
        except OSError as error:
            raise output_error(path, error) from error

    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # newline="" keeps "\n"; text that is not valid Unicode is written as escapes.
        mode = "w" if in_place else "x"
        file = open(scratch, mode, encoding="utf-8", errors="backslashreplace", newline="")  # noqa: SIM115
    except OSError as error:
        raise output_error(path, error) from error
    try:
        yield write
        try:
            file.flush()
            if not in_place:
                os.fsync(file.fileno())
                file.close()
                os.replace(scratch, target)
        except OSError as error:
            raise output_error(path, error) from error
    finally:
        with suppress(OSError):  # what is still in its buffer does not fit either
            file.close()
        if not in_place:
            scratch.unlink(missing_ok=True)


def write_csv(frame: pd.DataFrame, path: str | os.PathLike[str], *, index: bool = False) -> None:
    """Write a table as CSV: in one step, and with no cell that a spreadsheet would execute.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_columns)
        The table. Numbers are written with all their digits, missing values as empty cells, dates
        in ISO form, text through :func:`csv_safe`. Column names are treated like text.
    path : path-like
        Where the file goes; an existing file is replaced.
    index : bool, default=False
        Whether the index becomes the first column (or columns).

    Raises
    ------
    OutputError
        The file cannot be written. Whatever stood at ``path`` before is untouched.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "out.csv"
    >>> write_csv(pd.DataFrame({"x": [-3.5, None], "said": ["=1+1", "fine"]}), path)
    >>> print(path.read_text(), end="")
    x,said
    -3.5,'=1+1
    ,fine
    """
    with csv_writer(path) as write:
        write(frame.reset_index() if index else frame)
