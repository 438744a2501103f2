"""A table as cells of text that DuckDB can scan, whatever the format it came in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from .findings import Finding
from .table import Rejected, Repaired

_THREADS = 2
_WIDE = 2000
# DuckDB 2.0 moves TRY_CAST into the CSV reader, where a cell that does not cast is no NULL any more
# but ends the query with an error.
_HARMFUL_OPTIMIZERS = {"type_pushdown", "scalar_fn_pushdown"}


@dataclass
class Cells:
    """The cells of a file, as text, and how they were found.

    Attributes
    ----------
    names : list of str
        Of the columns. In SQL the columns are called c0, c1, ...: no text of a file becomes SQL.
    query : str
        The SELECT that gives the cells, one column of VARCHAR a column.
    readable : pathlib.Path
        The one file that the query reads.
    lines : ndarray of shape (n_rows,), int64
        Where each row starts in the original file.
    """

    names: list[str]
    query: str
    readable: Path
    lines: np.ndarray
    format: str
    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True
    rejected: list[Rejected] = field(default_factory=list)
    repaired: list[Repaired] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def connect(folder: Path, readable: Path, n_columns: int = 1) -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB that may read one file, and write to one temporary folder.

    The memory it may take grows with `n_columns`: a query holds 2,048 cells of each column, several
    times over.
    """
    con = duckdb.connect(
        config={
            "threads": _THREADS if n_columns <= _WIDE else 1,
            "memory_limit": f"{max(1024, n_columns // 4)}MB",
            "temp_directory": str(folder),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
        }
    )
    con.execute("SET TimeZone = 'UTC'")
    known = {name for (name,) in con.execute("SELECT name FROM duckdb_optimizers()").fetchall()}
    con.execute(f"SET disabled_optimizers = {literal(','.join(_HARMFUL_OPTIMIZERS & known))}")
    con.execute(f"SET allowed_paths = [{literal(str(readable))}]")
    con.execute(f"SET allowed_directories = [{literal(str(folder))}]")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def file_literal(path: Path) -> str:
    """Return a path as an SQL literal in which glob characters stand for themselves."""
    return literal("".join(f"[{c}]" if c in "*?[" else c for c in str(path)))


def read_csv(
    path: Path, delimiter: str, width: int, skip: int, longest: int, line_end: str = "\n"
) -> str:
    """Return the SELECT of the cells of a regular delimited file.

    Parameters
    ----------
    skip : int
        Lines before the first record.
    longest : int
        Bytes of the longest record, at most.
    line_end : {"\\n", "\\r\\n"}
        Where DuckDB has to guess it, a line break of the other kind in a quoted cell misleads it.
    """
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    return (
        f"SELECT * FROM read_csv({file_literal(path)}, auto_detect=false, header=false, "
        f"skip={skip}, delim={literal(delimiter)}, quote='\"', escape='\"', "
        f"new_line={literal(repr(line_end)[1:-1])}, columns={{{columns}}}, "
        f"max_line_size={max(2**21, 2 * longest)})"
    )
