"""Stage 1, read: from a file on disk to a typed table, with an account of every row and cell.

The way of a file: `archives` unpacks it and refuses what is no table; `encodings` turns text into
UTF-8; `delimited` finds delimiter and header (`header`) and the records, the fast way (`regular`)
or the exact one (`records`); `other_formats` does the same for Parquet, JSON and SQLite. From there
on every format is one thing, `cells` of text that DuckDB scans: `cell_looks` counts over all rows,
`column_types` decides, `notations` says how a text is read as a value, `typed_frame` casts,
`read_findings` says in words what was done. Nothing is altered silently.
"""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from . import archives, encodings
from .cell_looks import profile
from .cells import Cells, connect
from .column_types import decide
from .delimited import delimited_cells
from .other_formats import first_line, json_cells, looks_like_json, parquet_cells, sqlite_cells
from .read_findings import findings_of
from .table import (
    Column,
    DataError,
    Kind,
    Rejected,
    Repaired,
    RowLedger,
    Source,
    Table,
)
from .typed_frame import typed_columns, typed_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Column",
    "DataError",
    "Kind",
    "Rejected",
    "Repaired",
    "RowLedger",
    "Source",
    "Table",
    "read_table",
]


def read_table(path: str | Path, *, kinds: Mapping[str, str] | None = None) -> Table:
    """Read a file as a table of typed columns, with an account of every row.

    Text in any delimiter of comma, semicolon, tab and bar, any usual encoding and line end, with or
    without header, plain or in gzip or zip; Parquet; JSON lines; a SQLite file of one table. Each
    column's kind is decided over all its cells: *number* or *date* if at least 99% of them read as
    such (decimal commas, marks of thousands, percents and amounts included), *boolean* if all are
    true or false, else *text*. What is left out, filled in or read in a particular way is listed.

    Parameters
    ----------
    path : str or pathlib.Path
        The file. Glob characters in its name stand for themselves.
    kinds : mapping of str to str, optional
        Kinds that are known by column name, such as those of the table that a model was trained on:
        ``"number"``, ``"boolean"``, ``"date"``, ``"text"``, or kind and notation, as in
        ``"date: %m/%d/%Y"`` (`Column.spec` of the earlier table). Cells that cannot be read as that
        kind become missing, which is a finding. Columns that are not named are decided as usual.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        If the file cannot be read as a table; the message is one line for the user.

    Notes
    -----
    Blank cells and the markers NA, N/A, NaN, null, NULL, ``\\N``, ``?`` and those of spreadsheets
    are missing in every column. Words such as None, unknown and - are missing in columns of numbers
    or dates, and categories in columns of text. A record that holds no value at all is rejected as
    a blank line. Codes with leading zeros and integers beyond 2**53 stay text.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "birds.csv"
    >>> _ = path.write_text("name;mass;seen\\nwren;9,5;31/12/2021\\nrook;NA;1/1/2022\\n")
    >>> table = read_table(path)
    >>> [(column.name, column.kind, column.written_as) for column in table.columns]
    [('name', 'text', 'text'), ('mass', 'number', 'decimal comma'), ('seen', 'date', '%d/%m/%Y')]
    >>> table.rows
    RowLedger(file=2, loaded=2, repaired=0, rejected=0)
    >>> table.frame["mass"].tolist()
    [9.5, nan]
    """
    path = Path(path)
    archives.check_file(path)
    kinds = dict(kinds or {})
    try:
        with tempfile.TemporaryDirectory(prefix="groundup-") as name:
            folder = Path(name).resolve()
            plain, compression = archives.unpack(path, folder)
            for trust_regular in (True, False):
                cells = _cells(plain, path, folder, set(kinds), trust_regular)
                try:
                    return _typed(cells, path, folder, compression, kinds)
                except (duckdb.Error, _RowsDiffer):
                    # DuckDB and the scan of the bytes saw different records: the exact way decides.
                    if not trust_regular or cells.format != "text":
                        raise
    except (duckdb.OutOfMemoryException, MemoryError):
        raise DataError(f"{path} needs more memory than there is.") from None
    except duckdb.Error as error:
        raise DataError(f"{path} cannot be read ({first_line(error)}).") from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DataError(
                f"The disk is full: reading {path} needs room in {tempfile.gettempdir()}."
            ) from None
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    raise AssertionError("unreachable")


class _RowsDiffer(Exception):
    """DuckDB gives another number of rows than the scan counted."""


def _cells(plain: Path, path: Path, folder: Path, known: set[str], trust_regular: bool) -> Cells:
    """Return the cells of an unpacked file, whatever its format."""
    with plain.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"PAR1"):
        return parquet_cells(plain, path, folder)
    if head.startswith(b"SQLite format 3\0"):
        return sqlite_cells(plain, path, folder)
    archives.refuse_binary(head, path)
    encoding = encodings.encoding_of(plain, path)
    utf8 = encodings.as_utf8(plain, encoding, folder, path)
    if looks_like_json(utf8):
        return json_cells(utf8, encoding, path, folder)
    return delimited_cells(utf8, encoding, path, folder, known, trust_regular)


def _typed(
    cells: Cells, path: Path, folder: Path, compression: str | None, kinds: dict[str, str]
) -> Table:
    """Decide the types, cast the cells, and put the table together."""
    with connect(folder, cells.readable, len(cells.names)) as con:
        con.execute(f"CREATE VIEW cells AS {cells.query}")
        profiles = profile(con, len(cells.names))
        if profiles[0].rows != len(cells.lines):
            raise _RowsDiffer(f"{profiles[0].rows} rows for {len(cells.lines)} records")
        position = {name: i for i, name in enumerate(cells.names)}
        given = {name: kind for name, kind in kinds.items() if name in position}
        types = decide(con, profiles, {position[name]: kind for name, kind in given.items()})
        frame = typed_frame(con, cells.names, types, profiles, cells.lines)
        columns = typed_columns(frame, types, profiles)
        findings = findings_of(con, cells, columns, types, profiles, set(given))
    commas = any(c.written_as.endswith(("decimal comma", "thousands points")) for c in columns)
    source = Source(
        path,
        cells.format,
        cells.encoding,
        cells.delimiter,
        None if cells.format != "text" else "," if commas else ".",
        cells.header,
        path.stat().st_size,
        archives.sha256_of(path),
        compression,
    )
    n_rows, repaired, rejected = len(frame), len(cells.repaired), len(cells.rejected)
    ledger = RowLedger(n_rows + rejected, n_rows - repaired, repaired, rejected)
    return Table(frame, columns, ledger, cells.rejected, cells.repaired, findings, source)
