"""Tables that are not delimited text: Parquet, JSON, SQLite and DuckDB files."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from .cells import Cells, connect, file_literal, identifier, read_csv
from .table import DataError, Rejected

_TEXT_KEPT = 1000


def parquet_cells(plain: Path, name: Path, folder: Path) -> Cells:
    """Return the cells of a Parquet file."""
    plain = plain.resolve()
    source = f"read_parquet({file_literal(plain)})"
    with connect(folder, plain) as con:
        try:
            columns = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            (n_rows,) = con.execute(f"SELECT count(*) FROM {source}").fetchall()[0]
        except duckdb.Error as error:
            raise DataError(f"{name} is a damaged Parquet file ({first_line(error)}).") from None
    names = [column for column, *_ in columns]
    _refuse_no_rows(n_rows, names, name)
    cells = ", ".join(
        f"{_as_text(column, sql_type)} AS c{i}" for i, (column, sql_type, *_) in enumerate(columns)
    )
    lines = np.arange(1, n_rows + 1, dtype=np.int64)
    return Cells(names, f"SELECT {cells} FROM {source}", plain, lines, "parquet")


def _as_text(column: str, sql_type: str) -> str:
    """SQL: a column as text, so that one set of rules decides the kind whatever the format.

    Nothing is lost on the way: DuckDB writes the shortest digits that read back as the same double.
    """
    value = identifier(column)
    if sql_type == "FLOAT":
        value = f"CAST({value} AS DOUBLE)"
    elif sql_type.startswith(("STRUCT", "MAP", "UNION")) or sql_type.endswith("]"):
        value = f"to_json({value})"
    return f"CAST({value} AS VARCHAR)"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, shortened."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def looks_like_json(utf8: Path) -> bool:
    """Whether a text begins like JSON lines, or like a JSON array of objects."""
    with utf8.open(encoding="utf-8") as file:
        head = file.read(2**16).lstrip()
    if head.startswith("{"):
        first = head.splitlines()[0]
        return len(head) == 2**16 or _is_object(first) or '":' in first or first.strip() == "{"
    return head.startswith("[") and head[1:].lstrip().startswith("{")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def json_cells(utf8: Path, encoding: str, name: Path, folder: Path) -> Cells:
    """Return the cells of a JSON lines file, or of a JSON array of objects.

    Numbers keep the digits that the file has; nested values become JSON text. A line that is no
    object is rejected.
    """
    rejected: list[Rejected] = []
    keys: dict[str, None] = {}
    for _, record in _json_records(utf8, name, rejected):
        keys.update(dict.fromkeys(record))
    names = list(keys)
    if not names:
        raise DataError(f"{name} holds no JSON object in any line.")
    rows = (
        (line, [record.get(key) for key in names]) for line, record in _json_records(utf8, name)
    )
    cells = _written_cells(names, rows, folder, "json lines")
    cells.encoding, cells.rejected = encoding, rejected
    return cells


def _json_records(
    utf8: Path, name: Path, rejected: list[Rejected] | None = None
) -> Iterator[tuple[int, dict]]:
    """Yield (line, object); in an array, the position takes the place of the line."""
    with utf8.open(encoding="utf-8") as file:
        start = file.read(2**16).lstrip()[:1]
        file.seek(0)
        if start == "[":
            try:
                records = _loads(file.read())
            except ValueError as error:
                raise DataError(f"{name} is a damaged JSON file ({error}).") from None
            numbered: Iterable = (
                (i, record, json.dumps(record)) for i, record in enumerate(records, 1)
            )
        else:
            numbered = ((i, _parsed(line), line) for i, line in enumerate(file, 1))
        for line, record, text in numbered:
            if isinstance(record, dict):
                yield line, record
            elif rejected is not None:
                reason = "no JSON object" if text.strip() else "blank line"
                rejected.append(Rejected(line, reason, text.rstrip("\r\n")[:_TEXT_KEPT]))


def _parsed(line: str) -> object:
    try:
        return _loads(line)
    except (ValueError, RecursionError):
        return None


def _loads(text: str) -> Any:
    return json.loads(text, parse_float=_Digits, parse_int=_Digits, parse_constant=_Digits)


class _Digits(str):
    """A number as it is written."""


def _numbers(value: object) -> object:
    """Return a JSON value with its numbers as numbers."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return json.loads(value) if isinstance(value, _Digits) else value


def sqlite_cells(plain: Path, name: Path, folder: Path) -> Cells:
    """Return the cells of the one table in a SQLite file."""
    try:
        with closing(
            sqlite3.connect(f"{plain.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as con:
            con.text_factory = lambda data: data.decode("utf-8", "replace")
            tables = con.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            table = _only_table([table for (table,) in tables], name)
            rows = con.execute(f"SELECT * FROM {identifier(table)}")
            names = [column for column, *_ in rows.description]
            cells = _written_cells(names, enumerate(rows, 1), folder, "sqlite")
    except sqlite3.Error as error:
        raise DataError(f"{name} is a damaged SQLite file ({first_line(error)}).") from None
    _refuse_no_rows(len(cells.lines), names, name)
    return cells


def _only_table(tables: list[str], name: Path) -> str:
    if len(tables) != 1:
        listed = ", ".join(tables[:5]) + (", ..." if len(tables) > 5 else "")
        raise DataError(
            f"{name} is a database with {len(tables)} tables{f' ({listed})' if tables else ''}; "
            "write the one that you want to a CSV or Parquet file."
        )
    return tables[0]


def _refuse_no_rows(n_rows: int, names: list[str], name: Path) -> None:
    if not n_rows:
        columns = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise DataError(f"{name} has columns ({columns}) but no rows.")


def _written_cells(
    names: list[str], rows: Iterable[tuple[int, Iterable]], folder: Path, format: str
) -> Cells:
    """Write rows of Python values as a CSV file of text, and return its cells."""
    path, lines, longest = folder / "records.csv", [], 0
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for line, values in rows:
            # `writerow` returns the characters written, of up to 4 bytes each.
            longest = max(longest, 4 * writer.writerow([_text_of(value) for value in values]))
            lines.append(line)
    query = read_csv(path, ",", len(names), 0, longest)
    return Cells(names, query, path, np.array(lines, dtype=np.int64), format)


def _text_of(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict | list):
        return json.dumps(_numbers(value), ensure_ascii=False)
    return str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")
