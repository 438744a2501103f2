"""What reading a file gives: the typed table, the ledger of its rows, and what was noticed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

    from .findings import Finding

Kind = Literal["number", "boolean", "date", "text"]


class DataError(ValueError):
    """A file that cannot be used as a table; the message is one line, meant for the user."""


@dataclass(frozen=True)
class Column:
    """One column of a table, as it was read.

    Attributes
    ----------
    name : str
        The name in the file's header, or ``column_0``, ``column_1``, ... where there is none.
    kind : {"number", "boolean", "date", "text"}
        Decided over all rows.
    missing : int
        Loaded rows without a value, whatever the reason.
    distinct : int
        Different values among the others.
    markers : dict of str to int
        How the missing cells were written and how often: ``{"": 3, "NA": 12}``. The cells that
        did not fit the column's kind (see `misfits`) are not among them.
    misfits : int
        Cells that hold something, but nothing of the column's kind; they count as missing.
    written_as : str
        The notation that was read: ``"integer"``, ``"decimal point"``, ``"decimal comma"``,
        ``"thousands commas"``, ``"percent"``, ``"%d/%m/%Y"``, ``"ISO 8601"``, ``"text"``, ...
    """

    name: str
    kind: Kind
    missing: int
    distinct: int
    markers: dict[str, int] = field(default_factory=dict)
    misfits: int = 0
    written_as: str = ""

    @property
    def spec(self) -> str:
        """Kind and notation, for `read_table`'s `kinds`: the next file is read the same way."""
        return f"{self.kind}: {self.written_as}"


@dataclass(frozen=True)
class RowLedger:
    """Where every record of the file went: ``file == loaded + repaired + rejected``.

    A record is one row of the table as the file writes it: one line, or several where a quoted
    cell holds line breaks. The header is not counted. An empty line is a record (a rejected one).

    Attributes
    ----------
    file : int
        Records in the file.
    loaded : int
        Loaded as they stand.
    repaired : int
        Loaded after a repair; each is listed in `Table.repaired`. The frame has
        ``loaded + repaired`` rows.
    rejected : int
        Not loaded; each is listed in `Table.rejected`.
    """

    file: int
    loaded: int
    repaired: int
    rejected: int

    def __post_init__(self) -> None:
        if self.file != self.loaded + self.repaired + self.rejected:
            raise AssertionError(f"the row ledger does not add up: {self}")


@dataclass(frozen=True)
class Rejected:
    """A record that was not loaded: its first line in the file, the reason, its text."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Repaired:
    """A record that was loaded after a repair: its first line in the file and what was done."""

    line: int
    reason: str


@dataclass(frozen=True)
class Source:
    """The file that was read, and how.

    Attributes
    ----------
    path : pathlib.Path
    format : {"text", "parquet", "json lines", "sqlite"}
    encoding : str or None
        ``"utf-8"``, ``"utf-8-sig"`` (with a byte-order mark), ``"utf-16"``, ``"cp1252"``, ...
    delimiter, decimal : str or None
    header : bool
        Whether the file names its columns.
    bytes : int
        Size of the file itself.
    sha256 : str
        Its hash, in hexadecimal.
    compression : str or None
        ``"gzip"`` or ``"zip"``.
    """

    path: Path
    format: str
    encoding: str | None
    delimiter: str | None
    decimal: str | None
    header: bool
    bytes: int
    sha256: str
    compression: str | None = None


@dataclass(frozen=True)
class Table:
    """A table as read: typed columns, and an account of every row.

    Attributes
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_columns)
        The index, called ``"line"``, is the 1-based line of the file where the record starts (the
        1-based row in a format without lines). Numbers are float64, or int64 where all are whole
        and none is missing; booleans float64 0, 1 or NaN; dates datetime64[us]; text the pandas
        ``str`` dtype with NaN for missing.
    columns : list of Column
    rows : RowLedger
    rejected : list of Rejected
    repaired : list of Repaired
    findings : list of Finding
    source : Source
    """

    frame: pd.DataFrame
    columns: list[Column]
    rows: RowLedger
    rejected: list[Rejected]
    repaired: list[Repaired]
    findings: list[Finding]
    source: Source
