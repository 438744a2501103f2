"""The kind of every column, decided over all its cells by SQL.

Two scans of the cells: one counts, for every column at once, what reads as a plain number, as
true/false, as nothing; a second one counts other notations (decimal commas, percents, dates) in the
columns that a sample of their cells says could have them. A column is of a kind if at least 99% of
what it holds reads as that kind; the rest is reported cell by cell, never dropped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import duckdb

from .notations import (
    BOOLEAN,
    BOOLEAN_OR_DIGIT,
    DATES,
    MAX_EXACT_INTEGER,
    MISSING,
    MISSING_AMONG_NUMBERS,
    NUMBERS,
    PLAIN,
    SPACES,
    TEXT,
    Notation,
    listed,
    literal,
    month_first_twin,
)

AGREEMENT = 0.99
_SAMPLE = 1000
_SAMPLE_AGREEMENT = 0.9
_TRIMMED = f"trim(coalesce({{c}}, ''), {literal(SPACES)})"


@dataclass
class Profile:
    """What the cells of one column look like."""

    rows: int
    markers: dict[str, int]  # every text that may mean "missing", and how often it is there
    plain: int  # cells that are plain numbers
    whole: int  # ... of digits alone
    coded: int  # ... with a leading zero
    large: int  # ... beyond 2**53
    boolean: int
    padded: int  # cells with spaces around them
    distinct_gain: int = 0

    @property
    def certain(self) -> int:
        return sum(count for text, count in self.markers.items() if text in MISSING)

    @property
    def uncertain(self) -> int:
        return sum(count for text, count in self.markers.items() if text not in MISSING)


@dataclass
class ColumnType:
    """The decision about one column, and what there is to say about it."""

    notation: Notation
    integer: bool = False
    strip: bool = False
    misfits: int = 0
    notes: dict[str, object] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.notation.kind


def trimmed(i: int) -> str:
    """SQL: the trimmed text of the cell in column i, '' if it is NULL."""
    return _TRIMMED.replace("{c}", f"c{i}")


def is_marker(text: str, kind: str) -> str:
    """SQL: whether a trimmed text means that a column of this kind has no value."""
    certain = f"{text} IN {listed(MISSING)}"
    if kind == "text":
        return certain
    return f"({certain} OR lower({text}) IN {listed(MISSING_AMONG_NUMBERS)})"


def profile(con: duckdb.DuckDBPyConnection, columns: list[int]) -> dict[int, Profile]:
    """Count, in one scan of all rows, what the cells of each column look like."""
    if not columns:
        return {}
    parts = ["count(*)"]
    for i in columns:
        t = trimmed(i)
        number = PLAIN.of(t)
        whole = f"({number} IS NOT NULL AND NOT regexp_matches({t}, '[.eE]'))"
        parts += [
            f"histogram({t}) FILTER (WHERE {is_marker(t, 'number')})",
            f"count({number})",
            f"count(*) FILTER (WHERE {whole})",
            f"count(*) FILTER (WHERE {whole} AND regexp_matches({t}, '^[-+]?0[0-9]'))",
            f"count(*) FILTER (WHERE {whole} AND abs({number}) > {MAX_EXACT_INTEGER})",
            f"count({BOOLEAN.of(t)})",
            f"count(*) FILTER (WHERE c{i} <> {t} AND {t} <> '')",
        ]
    rows, *figures = con.execute(f"SELECT {', '.join(parts)} FROM cells").fetchone()
    profiles = {}
    for k, i in enumerate(columns):
        markers, *counts = figures[7 * k : 7 * k + 7]
        profiles[i] = Profile(rows, dict(markers or {}), *counts)
    return profiles


def decide(
    con: duckdb.DuckDBPyConnection, profiles: dict[int, Profile], forced: dict[int, str]
) -> dict[int, ColumnType]:
    """Decide the kind and the notation of every column in `profiles`.

    Parameters
    ----------
    forced : dict of column index to kind
        Kinds that are given; for these the notation that reads most cells is chosen.
    """
    types: dict[int, ColumnType] = {}
    undecided: dict[int, list[Notation]] = {}
    for i, column in profiles.items():
        if i in forced:
            if forced[i] == "text":
                types[i] = ColumnType(TEXT)
            elif forced[i] == "boolean":
                types[i] = ColumnType(BOOLEAN_OR_DIGIT)
            else:
                undecided[i] = []
            continue
        values = column.rows - column.certain
        if values == 0:
            types[i] = ColumnType(PLAIN, notes={"empty": True})
        elif column.boolean and column.boolean == values - column.uncertain:
            types[i] = ColumnType(BOOLEAN)
        elif column.plain and column.plain >= AGREEMENT * (values - column.uncertain):
            types[i] = _plain_number(column, values)
        else:
            undecided[i] = []
    for i in undecided:
        undecided[i] = _candidates(con, i, forced.get(i))
    counts = _count_notations(con, undecided)
    for i, candidates in undecided.items():
        types[i] = _best_notation(profiles[i], candidates, counts, i, forced.get(i))
    padded = [i for i, t in types.items() if t.kind == "text" and profiles[i].padded]
    for i in padded:
        types[i].strip = _spaces_are_layout(con, i, profiles[i])
    return types


def _plain_number(column: Profile, values: int) -> ColumnType:
    if column.coded and column.whole == column.plain:
        return ColumnType(TEXT, notes={"codes": column.coded})
    if column.large:
        return ColumnType(TEXT, notes={"large": column.large})
    misfits = values - column.uncertain - column.plain
    all_whole = column.whole == column.rows
    return ColumnType(PLAIN, integer=all_whole, misfits=misfits)


def _candidates(con: duckdb.DuckDBPyConnection, i: int, kind: str | None) -> list[Notation]:
    """Return the notations that most of a sample of the column's cells is written in."""
    t = trimmed(i)
    con.execute(
        f"SELECT {t} AS t FROM cells WHERE NOT {is_marker(t, 'number')} LIMIT {_SAMPLE}",
    )
    sample = [text for (text,) in con.fetchall()]
    needed = max(1, _SAMPLE_AGREEMENT * len(sample) if kind is None else 1)
    notations: list[Notation] = []
    if kind != "date" and _matches(_like_a_number, sample) >= needed:
        notations += NUMBERS
    if kind != "number" and _matches(_like_a_date, sample) >= needed:
        notations += DATES
    if not notations:
        return []
    read = ", ".join(f"count({notation.of('t')})" for notation in notations)
    counts = con.execute(
        f"SELECT {read} FROM (SELECT unnest(?::VARCHAR[]) AS t)", [sample]
    ).fetchone()
    return [n for n, count in zip(notations, counts, strict=True) if count >= needed]


def _matches(pattern: Callable[[str], object], sample: list[str]) -> int:
    return sum(pattern(text) is not None for text in sample)


# Cheap, generous first looks at a cell, to spare most columns of words the exact ones.
_like_a_number = re.compile(
    r"[-+]? ?[$€£¥]? ?[\d.,][\d., \u00a0\u202f]*([eE][-+]?\d+)? ?[%$€£¥]?"
).fullmatch
_like_a_date = re.compile(
    r"\d{1,4}[-/. ]\w{1,9}[-/., ]+\d{1,4}\b.*|[^\W\d]{3,9} \d{1,2}, ?\d{2,4}\b.*|\d{8}T\d{6}"
).fullmatch


def _count_notations(
    con: duckdb.DuckDBPyConnection, candidates: dict[int, list[Notation]]
) -> dict[tuple[int, str], int]:
    asked = [(i, notation) for i, notations in candidates.items() for notation in notations]
    if not asked:
        return {}
    counts = con.execute(
        f"SELECT {', '.join(f'count({n.of(trimmed(i))})' for i, n in asked)} FROM cells"
    ).fetchone()
    return {(i, n.name): count for (i, n), count in zip(asked, counts, strict=True)}


def _best_notation(
    column: Profile,
    candidates: list[Notation],
    counts: dict[tuple[int, str], int],
    i: int,
    forced: str | None,
) -> ColumnType:
    values = column.rows - column.certain - column.uncertain
    # The first of equals: `NUMBERS` and `DATES` stand in order of preference.
    best = max(candidates, key=lambda n: counts[i, n.name], default=None)
    if best is None or (forced is None and counts[i, best.name] < AGREEMENT * values):
        if forced is not None:
            fallback = PLAIN if forced == "number" else DATES[0]
            return ColumnType(fallback, misfits=values)
        notes: dict[str, object] = {}
        if column.plain > 0.8 * values:
            notes["almost number"] = column.plain
        return ColumnType(TEXT, notes=notes)
    decided = ColumnType(best, misfits=values - counts[i, best.name])
    twin = month_first_twin(best.name)
    if twin and counts.get((i, twin)) == counts[i, best.name]:
        decided.notes["ambiguous day and month"] = twin
    return decided


def _spaces_are_layout(con: duckdb.DuckDBPyConnection, i: int, column: Profile) -> bool:
    """Whether spaces around cells are layout: nearly everywhere, or telling equal words apart."""
    if column.padded > 0.5 * (column.rows - column.certain):
        return True
    with_spaces, without = con.execute(
        f"SELECT count(DISTINCT c{i}), count(DISTINCT {trimmed(i)}) FROM cells WHERE {trimmed(i)} <> ''"
    ).fetchone()
    return without < with_spaces
