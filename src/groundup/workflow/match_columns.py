"""Which column of a new file is which column of the training file."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundup.workflow.columns import listed
from groundup.workflow.findings import Finding
from groundup.workflow.table import DataError

if TYPE_CHECKING:
    import pandas as pd

    from groundup.bundle import Bundle
    from groundup.workflow.table import Table


def read_as_trained(data: Path, bundle: Bundle) -> tuple[Table, list[Finding]]:
    """Read a new file, its cells as the kinds of columns that the model was trained on.

    Parameters
    ----------
    data : pathlib.Path
    bundle : Bundle

    Returns
    -------
    table : Table
    findings : list of Finding
        What the reader noticed, and whether columns had to be moved.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    from groundup.workflow.read import read_table

    kinds: dict[str, Any] = {column.name: _spec(column) for column in bundle.schema}
    kinds[bundle.target] = bundle.target_kind
    table = read_table(data, kinds=kinds)
    findings = []
    target = _left_out_target(table, bundle)
    if target is not None:
        # What stands behind the target in the training file has moved up by one place.
        place = {f"column_{j}": f"column_{j + (j >= target)}" for j in range(len(table.columns))}
        table = read_table(
            data, kinds={old: kinds[new] for old, new in place.items() if new in kinds}
        )
        findings.append(
            Finding(
                "target-left-out",
                "predict",
                f"The file has {len(place)} columns and no header, the training file had "
                f"{len(place) + 1}.",
                action=f"Taken as the same columns without the target, {bundle.target}.",
                severity="warning",
            )
        )
        columns = [replace(column, name=place[column.name]) for column in table.columns]
        table = replace(table, frame=table.frame.rename(columns=place), columns=columns)
    return table, [f for f in table.findings if f.code != "no-header"] + findings


def match_columns(table: Table, bundle: Bundle) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the model's input columns from a table, and what had to be said about them.

    Parameters
    ----------
    table : Table
        The new file, as it was read.
    bundle : Bundle

    Returns
    -------
    frame : DataFrame of shape (n_rows, n_features)
        The columns of ``bundle.schema``, in its order; those that the file lacks are missing.
    findings : list of Finding

    Raises
    ------
    DataError
        None of the columns is there.
    """
    given = table.frame
    findings: list[Finding] = []
    names = [column.name for column in bundle.schema]
    if not table.source.header and not set(names) & set(given.columns):
        raise DataError(
            f"{table.source.path} has no header, and the model was trained on named columns. Add a "
            f"first line with the names, among them {listed(names)}."
        )
    absent = [name for name in names if name not in given.columns]
    known = {*names, bundle.target, *(bundle.unused or ())}
    extra = [name for name in given.columns if name not in known]
    near = {name: _nearest(name, extra) for name in absent}
    guesses = [f"{guess!r} may be {name!r}" for name, guess in near.items() if guess]
    if len(absent) == len(names):
        raise DataError(
            f"{table.source.path} has none of the model's columns {listed(names)}; it has "
            f"{listed(list(given.columns))}."
            + (f" Rename them: {', '.join(guesses[:3])}." if guesses else "")
        )
    if absent:
        findings.append(
            Finding(
                "absent-column",
                "predict",
                f"{_are(absent)} not in the file.",
                why="The model was trained with it; without it the predictions are worse.",
                action="Taken as missing in every row."
                + (f" Check the names: {', '.join(guesses[:3])}." if guesses else ""),
                severity="warning",
                columns=tuple(absent),
            )
        )
    if extra:
        findings.append(
            Finding(
                "extra-column",
                "predict",
                f"{_are(extra)} not known to the model.",
                action="Ignored.",
                severity="info",
                columns=tuple(extra),
            )
        )
    return _with_absent(given, bundle), findings


def _left_out_target(table: Table, bundle: Bundle) -> int | None:
    """Return the target's place if columns go by their place and the file lacks the target alone.

    If it stood last, or the file has all columns, nothing moves and None is returned.

    Raises
    ------
    DataError
        The file has another number of columns, so that their places say nothing.
    """
    names = [bundle.target, *(bundle.unused or ()), *(column.name for column in bundle.schema)]
    places = [place for place in map(_place, names) if place is not None]
    if table.source.header or len(places) < len(names):
        return None
    width, trained_width = len(table.columns), 1 + max(places)
    if bundle.unused is not None and width not in (trained_width, trained_width - 1):
        raise DataError(
            f"{table.source.path} has {width} columns and no header, the training file had "
            f"{trained_width}: which is which? Give all columns, or a first line with the names "
            f"{listed([column.name for column in bundle.schema])}."
        )
    return places[0] if width == trained_width - 1 and places[0] != width else None


def _place(name: str) -> int | None:
    """Return the place of a column without a name of its own: 3 for ``column_3``."""
    prefix, _, digits = name.partition("_")
    return int(digits) if prefix == "column" and digits.isdecimal() and len(digits) < 7 else None


def _with_absent(given: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Return the input columns in order, a column that is not there as missing."""
    import numpy as np
    import pandas as pd

    nothing = {"date": np.datetime64("NaT", "us"), "text": np.nan}
    dtype = {"date": "datetime64[us]", "text": "str"}
    columns = {
        column.name: given[column.name]
        if column.name in given.columns
        else pd.Series(
            nothing.get(column.kind, np.nan),
            index=given.index,
            dtype=dtype.get(column.kind, "float64"),
        )
        for column in bundle.schema
    }
    return pd.DataFrame(columns, index=given.index)


def _nearest(name: str, candidates: list[str]) -> str | None:
    folded = {_folded(candidate): candidate for candidate in reversed(candidates)}
    close = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else None


def _folded(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def _are(names: list[str]) -> str:
    return f"The column {names[0]} is" if len(names) == 1 else f"The columns {listed(names)} are"


def _spec(column: Any) -> str:
    """Kind and notation of a column as the training file wrote it, for `read_table`."""
    return f"{column.kind}: {column.written_as}" if column.written_as else column.kind
