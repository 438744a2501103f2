"""The cast of all cells to the types decided, and the data frame of the values."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd

from .cell_looks import Profile, trimmed
from .column_types import ColumnType
from .notations import MISSING, PLAIN, listed
from .table import Column


def typed_frame(
    con: duckdb.DuckDBPyConnection,
    names: list[str],
    types: list[ColumnType],
    profiles: list[Profile],
    lines: np.ndarray,
) -> pd.DataFrame:
    """Return the values of the view ``cells`` as a data frame, indexed by line."""
    values = ", ".join(
        f"{_value(i, decided, cells)} AS c{i}"
        for i, (decided, cells) in enumerate(zip(types, profiles, strict=True))
    )
    arrays = con.execute(f"SELECT {values} FROM cells").fetchnumpy()
    series = {i: _array(arrays.pop(f"c{i}"), decided) for i, decided in enumerate(types)}
    frame = pd.DataFrame(series, index=pd.Index(lines, name="line"), copy=False)
    frame.columns = pd.Index(names)
    return frame


def _value(i: int, decided: ColumnType, cells: Profile) -> str:
    """SQL: the value of a cell, NULL where it has none; as few operations a cell as are needed."""
    text = trimmed(f"c{i}") if cells.padded or "" in cells.markers else f"c{i}"
    if decided.integer:
        return f"TRY_CAST({text} AS BIGINT)"
    if decided.kind != "text":
        # Where every cell is a number or a marker, the cast alone tells the two apart.
        if decided.notation is PLAIN and not decided.misfits:
            return f"TRY_CAST({text} AS DOUBLE)"
        return decided.notation.of(f"({text})")
    kept = text if decided.strip else f"c{i}"
    markers = tuple(marker for marker in cells.markers if marker in MISSING)
    return f"CASE WHEN ({text}) NOT IN {listed(markers)} THEN {kept} END" if markers else kept


def _array(
    values: np.ndarray, decided: ColumnType
) -> np.ndarray | pd.api.extensions.ExtensionArray:
    """Return what DuckDB gives, masked where NULL, as an array that marks missing values itself."""
    missing = np.ma.getmaskarray(values)
    data = np.ma.getdata(values)
    if decided.kind == "text":
        # One object a different text: a category takes 8 bytes a row, not 60.
        data[missing] = None
        codes, texts = pd.factorize(data)  # a missing text has the code -1
        data = np.append(texts, np.nan)[codes]
        return pd.array(data, dtype=pd.StringDtype("python", na_value=np.nan))
    if decided.kind == "date":
        data = data.astype("datetime64[us]")
        data[missing] = np.datetime64("NaT")
        return data
    if decided.integer:
        return data.astype(np.int64)
    data = data.astype(np.float64)
    data[missing] = np.nan
    return data


def typed_columns(
    frame: pd.DataFrame, types: list[ColumnType], profiles: list[Profile]
) -> list[Column]:
    """Return the description of every column."""
    columns = []
    for i, (decided, cells) in enumerate(zip(types, profiles, strict=True)):
        values = frame.iloc[:, i]
        markers = {
            text: count
            for text, count in cells.markers.items()
            if decided.kind != "text" or text in MISSING
        }
        misfits = int(values.isna().sum()) - sum(markers.values())
        decided.misfits = misfits
        columns.append(
            Column(
                str(frame.columns[i]),
                decided.kind,
                int(values.isna().sum()),
                int(values.nunique()),
                markers,
                misfits,
                "integer" if decided.integer else decided.notation.name,
            )
        )
    return columns
