"""Stage 1, read: from a file on disk to a typed table, with an account of every row and cell.

The file is unpacked if need be and turned into UTF-8 (`archives`, `encodings`), cut into records
(`records`), its header found (`header`), and DuckDB decides every column's type over all rows
(`column_types`, `notations`). Nothing is altered silently: what was left out, filled in or read in a
particular way stands in the ledger or in a finding.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from . import archives, encodings
from .column_types import ColumnType, Profile, decide, is_marker, profile, trimmed
from .findings import Finding
from .header import find_header
from .notations import literal
from .records import (
    Records,
    head_records,
    regular_layout,
    rewrite_records,
    sniff_dialect,
)
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


def read_table(path: str | Path, *, kinds: dict[str, Kind] | None = None) -> Table:
    """Read a file as a table of typed columns."""
    path = Path(path)
    archives.check_file(path)
    kinds = kinds or {}
    with tempfile.TemporaryDirectory(prefix="groundup-") as name:
        folder = Path(name)
        plain, compression = archives.unpack(path, folder)
        with plain.open("rb") as file:
            head = file.read(4)
        if head == b"PAR1":
            return _read_parquet(path, plain, compression, folder, kinds)
        archives.refuse_binary(plain, path)
        return _read_text(path, plain, compression, folder, kinds)


def _read_text(path, plain, compression, folder, kinds) -> Table:
    encoding = encodings.encoding_of(plain, path)
    utf8 = encodings.as_utf8(plain, encoding, folder, path)
    dialect = sniff_dialect(utf8)
    head = head_records(utf8, dialect)
    if not head:
        raise DataError(f"{path} holds blank lines alone.")
    header = find_header(head, set(kinds))
    width = len(header.names)
    if header.line and len(head) == 1:
        raise DataError(
            f"{path} holds a header alone ({', '.join(header.names[:5])}), and no rows."
        )
    records = None
    if header.first_line == head[0][0] == 1:
        records = regular_layout(utf8, dialect.delimiter, bool(header.line), width)
    if records is None:
        records = rewrite_records(utf8, dialect, header.line, header.first_line, width, folder)
    if not len(records.lines):
        raise DataError(f"{path} holds no row that fits its {width} columns.")
    findings = []
    if not header.line:
        findings.append(
            Finding(
                "no-header",
                "read",
                f"The file has no header: {header.reason}.",
                action=f"The columns are called column_0 to column_{width - 1}.",
                why="Names tell what a column is; positions do not.",
            )
        )
    with _connection(folder, records.path) as con:
        con.execute(_cells_view(records))
        frame, columns = _typed(con, header.names, records.lines, kinds)
    source = Source(
        path,
        "text",
        encoding,
        dialect.delimiter,
        "," if any("decimal comma" in column.written_as for column in columns) else ".",
        bool(header.line),
        path.stat().st_size,
        archives.sha256_of(path),
        compression,
    )
    repaired, rejected = records.repaired, records.rejected
    ledger = RowLedger(
        len(records.lines) + len(rejected),
        len(records.lines) - len(repaired),
        len(repaired),
        len(rejected),
    )
    return Table(frame, columns, ledger, rejected, repaired, findings, source)


def _typed(con, names: list[str], lines: np.ndarray, kinds: dict[str, Kind]):
    profiles = profile(con, list(range(len(names))))
    position = {name: i for i, name in enumerate(names)}
    forced = {position[name]: kind for name, kind in kinds.items() if name in position}
    types = decide(con, profiles, forced)
    frame = _fetch(con, names, types, lines)
    columns = [_column(name, frame[name], types[i], profiles[i]) for i, name in enumerate(names)]
    return frame, columns


def _connection(folder: Path, *readable: Path) -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB that may read the given files and nothing else."""
    con = duckdb.connect(
        config={
            "threads": 2,
            "memory_limit": "2GB",
            "temp_directory": str(folder),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
        }
    )
    con.execute("SET TimeZone = 'UTC'")
    paths = ", ".join(literal(str(path)) for path in readable)
    con.execute(f"SET allowed_paths = [{paths}]")
    con.execute(f"SET allowed_directories = [{literal(str(folder))}]")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con


def _file_literal(path: Path) -> str:
    """SQL literal of a path, with its glob characters taken literally."""
    return literal("".join(f"[{c}]" if c in "*?[" else c for c in str(path)))


def _cells_view(records: Records) -> str:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(records.width))
    return (
        f"CREATE VIEW cells AS SELECT * FROM read_csv({_file_literal(records.path)}, "
        f"auto_detect=false, header=false, skip={records.skip}, delim={literal(records.delimiter)}, "
        f"quote='\"', escape='\"', columns={{{columns}}}, "
        f"max_line_size={max(2**21, 2 * records.longest)})"
    )


def _fetch(con, names: list[str], types: dict[int, ColumnType], lines: np.ndarray) -> pd.DataFrame:
    """Cast all cells to the types decided and return them as a data frame."""
    parts = []
    for i in range(len(names)):
        t = trimmed(i)
        value = types[i].notation.of(t)
        if types[i].integer:
            value = f"CAST({t} AS BIGINT)"
        elif types[i].kind == "text" and not types[i].strip:
            value = f"c{i}"
        if not types[i].integer:
            value = f"CASE WHEN NOT {is_marker(t, types[i].kind)} THEN {value} END"
        parts.append(f"{value} AS c{i}")
    arrays = con.execute(f"SELECT {', '.join(parts)} FROM cells").fetchnumpy()
    series = {}
    for i in range(len(names)):
        values = arrays.pop(f"c{i}")
        if len(values) != len(lines):
            raise RuntimeError(f"{len(values)} rows read where {len(lines)} records were counted")
        series[i] = _series(values, types[i])
    frame = pd.DataFrame(series, index=pd.Index(lines, name="line"), copy=False)
    frame.columns = pd.Index(names, dtype=object)
    return frame


def _series(values: np.ndarray, column: ColumnType):
    mask = np.ma.getmaskarray(values)
    data = np.ma.getdata(values)
    if column.kind == "text":
        data = data.astype(object)
        data[mask] = np.nan
        shared: dict = {}
        for k, value in enumerate(data):
            data[k] = shared.setdefault(value, value)
        return pd.array(data, dtype=pd.StringDtype("python", na_value=np.nan))
    if column.kind == "date":
        data = data.astype("datetime64[us]")
        data[mask] = np.datetime64("NaT")
        return data
    if column.integer:
        return data.astype(np.int64)
    data = data.astype(np.float64)
    data[mask] = np.nan
    return data


def _column(name: str, values: pd.Series, column: ColumnType, cells: Profile) -> Column:
    from .notations import MISSING

    markers = {
        text: count
        for text, count in cells.markers.items()
        if column.kind != "text" or text in MISSING
    }
    return Column(
        name,
        column.kind,
        int(values.isna().sum()),
        int(values.nunique()),
        markers,
        column.misfits,
        "integer" if column.integer else column.notation.name,
    )


def _read_parquet(path, plain, compression, folder, kinds) -> Table:
    rows = f"read_parquet({_file_literal(plain)})"
    with _connection(folder, plain) as con:
        try:
            described = con.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
        except duckdb.Error as error:
            raise DataError(f"{path} is a damaged Parquet file ({_first_line(error)}).") from None
        names = [name for name, *_ in described]
        cells = ", ".join(
            f"{_as_text(name, sql_type)} AS c{i}"
            for i, (name, sql_type, *_) in enumerate(described)
        )
        con.execute(f"CREATE VIEW cells AS SELECT {cells} FROM {rows}")
        (n_rows,) = con.execute("SELECT count(*) FROM cells").fetchone()
        if not n_rows:
            raise DataError(f"{path} has columns ({', '.join(names[:5])}), but no rows.")
        frame, columns = _typed(con, names, np.arange(1, n_rows + 1), kinds)
    source = Source(
        path,
        "parquet",
        None,
        None,
        None,
        True,
        path.stat().st_size,
        archives.sha256_of(path),
        compression,
    )
    return Table(frame, columns, RowLedger(n_rows, n_rows, 0, 0), [], [], [], source)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]


def _as_text(name: str, sql_type: str) -> str:
    """SQL: a column as text, so that one set of rules decides the kind whatever the format.

    Nothing is lost on the way: DuckDB writes the shortest digits that read back as the same double.
    """
    column = '"' + name.replace('"', '""') + '"'
    if sql_type == "FLOAT":
        column = f"CAST({column} AS DOUBLE)"
    elif sql_type.startswith(("STRUCT", "MAP", "UNION")) or sql_type.endswith("]"):
        column = f"to_json({column})"
    return f"CAST({column} AS VARCHAR)"
