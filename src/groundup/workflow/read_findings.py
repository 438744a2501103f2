"""What there is to say about a file after reading it: every choice, repair and loss, in words."""

from __future__ import annotations

from collections import Counter

import duckdb
import numpy as np

from .cell_looks import Profile, is_marker, trimmed
from .cells import Cells
from .column_types import ColumnType
from .findings import Finding
from .notations import MISSING
from .records import BLANK_LINE, NO_CELL_FILLED
from .table import Column, Rejected, Repaired

_LISTED = 5
_EVIDENCE = 100
_GIVEN_EVIDENCE = 10_000  # of columns whose kind was given: each such row gets a note


def findings_of(
    con: duckdb.DuckDBPyConnection,
    cells: Cells,
    columns: list[Column],
    types: list[ColumnType],
    profiles: list[Profile],
    given: set[str],
) -> list[Finding]:
    """Return the findings of the stage, the ones about rows first.

    Parameters
    ----------
    con : duckdb connection
        With the view ``cells``.
    given : set of str
        The columns whose kind was given, not decided.
    """
    named = list(zip(columns, types, profiles, strict=True))
    findings = cells.findings + _row_findings(cells.rejected, cells.repaired)
    findings += _marker_findings(columns)
    for i, (column, decided, _) in enumerate(named):
        if decided.misfits:
            findings.append(_misfit_finding(con, i, column, decided, cells.lines, given))
    findings += _text_findings(named)
    findings += _notation_findings(named)
    return findings


def _row_findings(rejected: list[Rejected], repaired: list[Repaired]) -> list[Finding]:
    findings = []
    blank = [r for r in rejected if r.reason in (BLANK_LINE, NO_CELL_FILLED)]
    unfit = [r for r in rejected if r.reason not in (BLANK_LINE, NO_CELL_FILLED)]
    if unfit:
        reasons = Counter(r.reason for r in unfit)
        findings.append(
            Finding(
                "rejected-rows",
                "read",
                f"{_rows(len(unfit))} could not be loaded: line {unfit[0].line:,}: "
                f"{unfit[0].reason}{_and_others(len(unfit))}.",
                "A row that does not fit the columns cannot be told apart into cells.",
                "They were left out; each is listed with its line.",
                "warning",
                evidence={"rows": len(unfit), "reasons": dict(reasons.most_common(20))},
            )
        )
    if blank:
        findings.append(
            Finding(
                "blank-rows",
                "read",
                f"{_rows(len(blank))} without any value, the first in line {blank[0].line:,}.",
                "A row without values says nothing.",
                "They were left out; each is listed with its line.",
                evidence={"rows": len(blank), "first_line": blank[0].line},
            )
        )
    if repaired:
        reasons = Counter(r.reason for r in repaired)
        findings.append(
            Finding(
                "repaired-rows",
                "read",
                f"{_rows(len(repaired))} did not have one cell a column: line "
                f"{repaired[0].line:,}: {repaired[0].reason}{_and_others(len(repaired))}.",
                "If a cell is lacking in the middle, the ones after it stand in the wrong column.",
                "They were loaded as if the last cells were lacking; each is listed with its line.",
                "warning",
                evidence={"rows": len(repaired), "reasons": dict(reasons.most_common(20))},
            )
        )
    return findings


def _marker_findings(columns: list[Column]) -> list[Finding]:
    findings = []
    by_text: Counter[str] = Counter()
    for column in columns:
        by_text.update({t: n for t, n in column.markers.items() if t in MISSING})
    marked = [column for column in columns if any(t in MISSING for t in column.markers)]
    if marked:
        texts = ", ".join(f"{n:,} {_shown(text)}" for text, n in by_text.most_common(_LISTED))
        findings.append(
            Finding(
                "missing-cells",
                "read",
                f"{by_text.total():,} cells in {_columns(len(marked))} are missing: {texts}.",
                "A model has to be told what to do without a value.",
                "They were read as missing.",
                "info",
                tuple(column.name for column in marked),
                {
                    "markers": {
                        c.name: {t: n for t, n in c.markers.items() if t in MISSING} for c in marked
                    }
                },
            )
        )
    worded = [column for column in columns if any(t not in MISSING for t in column.markers)]
    if worded:
        words = Counter[str]()
        for column in worded:
            words.update({t: n for t, n in column.markers.items() if t not in MISSING})
        texts = ", ".join(f"{n:,} {_shown(text)}" for text, n in words.most_common(_LISTED))
        findings.append(
            Finding(
                "words-for-missing",
                "read",
                f"Words for a missing value stand in {_columns(len(worded))} of numbers or dates: "
                f"{texts}.",
                "Among numbers such a word can only mean that there is none; it may still mean "
                "something (no garage, not measured).",
                "They were read as missing.",
                "note",
                tuple(column.name for column in worded),
                {"markers": {c.name: dict(c.markers) for c in worded}},
            )
        )
    return findings


def _misfit_finding(
    con: duckdb.DuckDBPyConnection,
    i: int,
    column: Column,
    decided: ColumnType,
    lines: np.ndarray,
    given: set[str],
) -> Finding:
    t = trimmed(f"c{i}")
    found = con.execute(
        f"SELECT row, t FROM (SELECT row_number() OVER () AS row, {t} AS t FROM cells) "
        f"WHERE NOT {is_marker('t', 'number')} AND {decided.notation.of('t')} IS NULL "
        f"ORDER BY row LIMIT {_GIVEN_EVIDENCE if column.name in given else _EVIDENCE}"
    ).fetchall()
    odd = [{"line": int(lines[row - 1]), "value": text[:200]} for row, text in found]
    listed = ", ".join(f"{_shown(cell['value'])} (line {cell['line']:,})" for cell in odd[:_LISTED])
    more = f" and {decided.misfits - _LISTED:,} more" if decided.misfits > _LISTED else ""
    one = decided.misfits == 1
    cells = "1 cell is" if one else f"{decided.misfits:,} cells are"
    what = {"number": "number", "date": "date", "boolean": "true or false"}[column.kind]
    return Finding(
        "unreadable-cells" if column.name in given else "misfit-cells",
        "read",
        f"{cells} no {what} in column {column.name!r}: {listed}{more}.",
        "The column was expected to be of this kind."
        if column.name in given
        else f"At least 99% of the column are {what}s, so that the rest look like slips.",
        "They count as missing.",
        "warning",
        (column.name,),
        {"cells": decided.misfits, "listed": odd},
    )


def _text_findings(named: list[tuple[Column, ColumnType, Profile]]) -> list[Finding]:
    """Columns that stay text though they look like numbers, and texts whose spaces were cut."""
    findings = []
    for column, decided, cells in named:
        almost = decided.notes.get("almost number")
        if almost:
            values = cells.rows - cells.certain
            findings.append(
                Finding(
                    "almost-number",
                    "read",
                    f"{almost:,} of the {values:,} values of {column.name!r} are numbers, the "
                    "others are not.",
                    "As text, every different number is a category of its own.",
                    "It stays text: fewer than 99% are numbers. Correct the others in the file if "
                    "they are slips.",
                    "note",
                    (column.name,),
                    {"numbers": almost, "values": values},
                )
            )
    codes = [column.name for column, decided, _ in named if "codes" in decided.notes]
    if codes:
        findings.append(
            Finding(
                "codes-as-text",
                "read",
                f"Leading zeros in {_columns(len(codes))} of digits: {_names(codes)}.",
                "A leading zero is a mark of a code (a postcode, a key), not of a quantity.",
                "They stay text.",
                "note",
                tuple(codes),
            )
        )
    large = [column.name for column, decided, _ in named if "large" in decided.notes]
    if large:
        findings.append(
            Finding(
                "large-integers",
                "read",
                f"Integers of 2^53 and more in {_columns(len(large))}: {_names(large)}.",
                "As numbers they would lose their last digits; so long a number is a key.",
                "They stay text.",
                "note",
                tuple(large),
            )
        )
    padded = [(c.name, cells.padded) for c, t, cells in named if t.strip and cells.padded]
    if padded:
        names = [name for name, _ in padded]
        findings.append(
            Finding(
                "spaces-cut",
                "read",
                f"Texts in {_columns(len(padded))} have spaces around them: {_names(names)}.",
                "' Private' and 'Private' would be two categories.",
                "The spaces were cut.",
                "info",
                tuple(names),
                {"cells": dict(padded)},
            )
        )
    return findings


def _notation_findings(named: list[tuple[Column, ColumnType, Profile]]) -> list[Finding]:
    """Numbers and dates that are not written the plain way, or could be read in two ways."""
    findings = []
    plain = {"decimal point", "true and false", "text", "ISO 8601"}
    by_notation: dict[str, list[str]] = {}
    for column, decided, _ in named:
        if decided.notation.name not in plain:
            by_notation.setdefault(decided.notation.name, []).append(column.name)
        if other := decided.notes.get("ambiguous"):
            findings.append(
                Finding(
                    "ambiguous-notation",
                    "read",
                    f"{column.name!r} could be written as {decided.notation.name!r} or as "
                    f"{other!r}: every cell fits both.",
                    "The two readings give different values, and no cell tells which is meant.",
                    f"It was read as {decided.notation.name!r}. Write dates as 2021-12-31 and "
                    "numbers without marks of thousands to be sure.",
                    "warning",
                    (column.name,),
                    {"read_as": decided.notation.name, "or": str(other)},
                )
            )
        if expected := decided.notes.get("expected"):
            findings.append(
                Finding(
                    "other-notation",
                    "read",
                    f"{column.name!r} is written as {decided.notation.name!r}, not as "
                    f"{expected!r}.",
                    "The file may come from another program, or another country.",
                    f"It was read as {decided.notation.name!r}, which fits more cells.",
                    "warning",
                    (column.name,),
                    {"read_as": decided.notation.name, "expected": str(expected)},
                )
            )
    for notation, names in by_notation.items():
        findings.append(
            Finding(
                "notation",
                "read",
                f"Written as {notation}: {_columns(len(names))}, {_names(names)}.",
                "Read in the usual way they would be text.",
                _action(notation),
                "info",
                tuple(names),
                {"notation": notation},
            )
        )
    return findings


def _action(notation: str) -> str:
    if notation.startswith("percent"):
        return "They were read as numbers: 12.5% is 12.5."
    if notation.startswith("amounts"):
        return "They were read as numbers, without the sign of the currency."
    if "time zone" in notation:
        return "They were read as dates in UTC."
    return f"They were read as {'dates' if '%' in notation else 'numbers'}."


def _shown(text: str) -> str:
    return "blank" if text == "" else repr(text if len(text) <= 40 else text[:37] + "...")


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(repr, names[:_LISTED])) + more


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"


def _columns(n: int) -> str:
    return "1 column" if n == 1 else f"{n:,} columns"


def _and_others(n: int) -> str:
    return f", and {n - 1:,} more" if n > 1 else ""
