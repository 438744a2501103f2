"""Delimited text: its encoding, its delimiter, its header, its records."""

from __future__ import annotations

from pathlib import Path

from .cells import Cells, read_csv
from .findings import Finding
from .header import Header, find_header
from .records import SINGLE, Dialect, Records, head_records, rewrite_records, sniff_dialect
from .regular import regular_lines
from .table import DataError


def delimited_cells(
    utf8: Path, encoding: str, name: Path, folder: Path, known: set[str], trust_regular: bool = True
) -> Cells:
    """Find the table in a text file.

    A file that is regular throughout is left to DuckDB as it is; any other is read record by record
    and written anew.

    Parameters
    ----------
    utf8 : pathlib.Path
        The text in UTF-8.
    encoding : str
        The encoding of the file itself.
    name : pathlib.Path
        The file itself, for messages.
    folder : pathlib.Path
        Where temporary files go.
    known : set of str
        Column names that are expected.
    trust_regular : bool, default=True
        Whether a regular file may be read as it is.
    """
    dialect = sniff_dialect(utf8)
    head = head_records(utf8, dialect)
    if not head:
        raise DataError(f"{name} holds blank lines alone.")
    header = find_header(head, known)
    width = len(header.names)
    if header.line and len(head) == 1:
        columns = ", ".join(header.names[:5]) + (", ..." if width > 5 else "")
        raise DataError(f"{name} holds a header alone ({columns}) and no rows.")
    cells = None
    if trust_regular and header.first_line == 1:
        cells = _regular(utf8, dialect, header, encoding)
    if cells is None:
        records = rewrite_records(utf8, dialect, header.line, header.first_line, width, folder)
        if not len(records.lines):
            raise DataError(f"{name} holds no row that fits its {width} columns.")
        cells = _rewritten(records, dialect, header, encoding)
    cells.findings = _layout_findings(header, encoding) + cells.findings
    if dialect.delimiter == SINGLE:
        cells.delimiter = None
    return cells


def _regular(utf8: Path, dialect: Dialect, header: Header, encoding: str) -> Cells | None:
    width = len(header.names)
    found = regular_lines(utf8, dialect.delimiter, width)
    if found is None:
        return None
    lines, longest, line_end = found
    if header.line:
        if len(lines) < 2 or lines[1] != 2:  # the header itself holds a line break
            return None
        lines = lines[1:]
    utf8, skip = utf8.resolve(), int(header.line > 0)
    query = read_csv(utf8, dialect.delimiter, width, skip, longest, line_end)
    return Cells(
        header.names, query, utf8, lines, "text", encoding, dialect.delimiter,
        header.line > 0,
    )  # fmt: skip


def _rewritten(records: Records, dialect: Dialect, header: Header, encoding: str) -> Cells:
    cells = Cells(
        header.names,
        read_csv(records.path, ",", len(header.names), 0, records.longest),
        records.path,
        records.lines,
        "text",
        encoding,
        dialect.delimiter,
        header.line > 0,
        records.rejected,
        records.repaired,
    )
    if stray := records.stray_quotes:
        cells.findings.append(
            Finding(
                "stray-quotes",
                "read",
                f"{len(stray):,} rows have a quote mark in an odd place, the first in line "
                f"{stray[0]:,}.",
                "A quote opens a cell only at its start; elsewhere the cell may have been cut "
                "differently from what its writer meant.",
                "They are loaded: a quote inside an unquoted cell is text, one after a quoted cell "
                "is left out.",
                "warning",
                evidence={"rows": len(stray), "lines": stray[:20]},
            )
        )
    return cells


def _layout_findings(header: Header, encoding: str) -> list[Finding]:
    findings = []
    if not header.line:
        last = len(header.names) - 1
        findings.append(
            Finding(
                "no-header",
                "read",
                f"The file has no header: {header.reason}.",
                "A name tells what a column is, a position does not.",
                f"The columns are called column_0 to column_{last}.",
                "warning",
                evidence={"reason": header.reason},
            )
        )
    if header.nameless:
        findings.append(
            Finding(
                "nameless-columns",
                "read",
                f"The header gives no name to {_listed(header.nameless)}.",
                "Every column needs a name to be spoken of.",
                "Nameless columns are called by their position, counted from 0.",
                columns=header.nameless,
            )
        )
    if encoding not in ("utf-8", "utf-8-sig"):
        sure = encoding.startswith(("utf-16", "utf-32"))
        findings.append(
            Finding(
                "encoding",
                "read",
                f"The text is encoded as {encoding}, not UTF-8.",
                "A wrong guess garbles accented letters."
                if not sure
                else "UTF-8 is what most programs expect.",
                "It was read as such."
                if sure
                else f"It was read as {encoding}, the usual encoding of such bytes.",
                "info" if sure else "note",
                evidence={"encoding": encoding},
            )
        )
    return findings


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
