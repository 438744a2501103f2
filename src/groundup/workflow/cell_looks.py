"""What the cells of each column look like, counted over all rows in one scan."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from .cells import literal
from .notations import MAX_EXACT_INTEGER, MISSING, MISSING_AMONG_NUMBERS, SPACES, listed


@dataclass
class Profile:
    """Counts over the cells of one column.

    Attributes
    ----------
    rows : int
    markers : dict of str to int
        Every text that may mean "missing", and how often it is there.
    plain : int
        Cells that are plain numbers: digits, a decimal point, an exponent.
    whole, coded, large : int
        Of these: without point or exponent; with a leading zero; 2**53 and beyond, either sign.
    boolean : int
        Cells that are true or false.
    padded : int
        Cells with spaces around a text.
    """

    rows: int
    markers: dict[str, int]
    plain: int
    whole: int
    coded: int
    large: int
    boolean: int
    padded: int

    @property
    def certain(self) -> int:
        """Cells that are missing whatever the kind of the column."""
        return sum(count for text, count in self.markers.items() if text in MISSING)

    @property
    def uncertain(self) -> int:
        """Cells that are missing unless the column is text."""
        return sum(count for text, count in self.markers.items() if text not in MISSING)


def trimmed(cell: str) -> str:
    """SQL: the text of a cell without spaces around it, '' if it is NULL.

    DuckDB's trim of a set of characters costs 1 µs a cell, so that it is asked only where the first
    or the last character says that there is something to trim.
    """
    first = " OR ".join(f"prefix({cell}, {literal(space)})" for space in SPACES if space > "\x7f")
    padded = f"{cell} < '!' OR {first} OR right({cell}, 1) IN {listed(tuple(SPACES))}"
    text = f"coalesce({cell}, '')"
    return f"CASE WHEN {padded} THEN trim({text}, {literal(SPACES)}) ELSE {text} END"


def is_marker(text: str, kind: str) -> str:
    """SQL: whether a trimmed text means that a column of this kind has no value."""
    certain = f"{text} IN {listed(MISSING)}"
    if kind == "text":
        return certain
    return f"({certain} OR lower({text}) IN {listed(MISSING_AMONG_NUMBERS)})"


# What a cell looks like, as a number that a query can count.
_DECIMAL, _WHOLE, _CODED, _LARGE, _MARKER, _BOOLEAN = range(1, 7)


def _look(t: str, d: str) -> str:
    """SQL: what a cell looks like, from its trimmed text and that text cast to a double."""
    # Only texts that begin with a zero, signed or not, are worth the regular expression.
    zero = f"({t} >= '0' AND {t} < '1' OR {t} >= '-0' AND {t} < '-1' OR {t} >= '+0' AND {t} < '+1')"
    return f"""CASE
        WHEN isfinite({d}) AND NOT contains({t}, '_') THEN CASE
            WHEN contains({t}, '.') OR contains({t}, 'e') OR contains({t}, 'E') THEN {_DECIMAL}
            WHEN abs({d}) >= {MAX_EXACT_INTEGER} THEN {_LARGE}
            WHEN {zero} AND regexp_matches({t}, '^[-+]?0[0-9]') THEN {_CODED}
            ELSE {_WHOLE} END
        WHEN {is_marker(t, "number")} THEN {_MARKER}
        WHEN lower({t}) IN ('true', 'false') THEN {_BOOLEAN} END"""


def profile(con: duckdb.DuckDBPyConnection, n_columns: int) -> list[Profile]:
    """Count what the cells of the view ``cells``, of columns c0, c1, ..., look like.

    The cells are laid out as (column, text) pairs and counted by column: one expression for all
    columns. With one for each, DuckDB took seconds to plan 30 columns, and ran out of memory at 81.
    """
    names = ", ".join(f"c{i}" for i in range(n_columns))
    # One level of the query a stage: text, cast, look, counts.
    counts = con.execute(f"""
        SELECT CAST(ltrim(name, 'c') AS INTEGER), count(*),
            histogram(t) FILTER (WHERE look = {_MARKER}),
            count(*) FILTER (WHERE look BETWEEN {_DECIMAL} AND {_LARGE}),
            count(*) FILTER (WHERE look BETWEEN {_WHOLE} AND {_LARGE}),
            count(*) FILTER (WHERE look = {_CODED}),
            count(*) FILTER (WHERE look = {_LARGE}),
            count(*) FILTER (WHERE look = {_BOOLEAN}),
            count(*) FILTER (WHERE cell <> t AND t <> '')
        FROM (SELECT name, cell, t, {_look("t", "d")} AS look
            FROM (SELECT name, cell, t, TRY_CAST(t AS DOUBLE) AS d
                FROM (SELECT name, cell, {trimmed("cell")} AS t
                    FROM cells UNPIVOT INCLUDE NULLS (cell FOR name IN ({names})))))
        GROUP BY name""").fetchall()
    return [
        Profile(rows, dict(markers or {}), *others) for _, rows, markers, *others in sorted(counts)
    ]
