"""The kind of every column, decided over all its cells by SQL.

One scan of the cells counts, for every column at once, what reads as a plain number, as true or
false, as nothing. Where that does not settle a column, a sample of its cells says which other
notations it could have (decimal commas, percents, dates), and a second scan counts over all rows
how many cells each of these reads. A column is of a kind if at least 99% of what it holds reads as
that kind; the other cells are reported one by one, never dropped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import duckdb

from .cell_looks import Profile, is_marker, trimmed
from .notations import (
    BOOLEAN,
    BOOLEAN_OR_DIGIT,
    DATES,
    NUMBERS,
    PLAIN,
    TEXT,
    Notation,
    month_first_twin,
    thousands_twin,
)
from .table import Kind

AGREEMENT = 0.99
# A column is numbers although words for "missing" stand among them, if this share is numbers.
_NUMBERS_AMONG_WORDS = 0.1
_SAMPLE = 1000
_SAMPLE_AGREEMENT = 0.9


@dataclass
class ColumnType:
    """The decision about one column, and what there is to say about it.

    Attributes
    ----------
    notation : Notation
        How its values are written.
    integer : bool
        Whether all cells are integers and none is missing.
    strip : bool
        Whether spaces around its texts are layout.
    misfits : int
        Cells that hold something the notation cannot read.
    notes : dict
        For the findings: ``"codes"``, ``"large"``, ``"almost number"``, ``"ambiguous"``,
        ``"expected"``.
    """

    notation: Notation
    integer: bool = False
    strip: bool = False
    misfits: int = 0
    notes: dict[str, object] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return self.notation.kind


def decide(
    con: duckdb.DuckDBPyConnection, profiles: list[Profile], forced: dict[int, str]
) -> list[ColumnType]:
    """Decide the kind and the notation of every column.

    Parameters
    ----------
    con : duckdb connection
        With the view ``cells``.
    profiles : list of Profile
    forced : dict of int to str
        Kinds that are given, by column: ``"number"``, or ``"number: decimal comma"`` with the
        notation that is expected. The notation that reads most cells is chosen.
    """
    types: dict[int, ColumnType] = {}
    candidates: dict[int, list[Notation]] = {}
    for i, column in enumerate(profiles):
        kind = forced.get(i, "").partition(":")[0]
        settled = _settled_by_kind(kind) if kind else _settled_by_profile(column)
        if settled:
            types[i] = settled
        else:
            candidates[i] = _candidates(con, i, kind)
    counts = _count_notations(con, candidates)
    for i, notations in candidates.items():
        types[i] = _best_notation(profiles[i], notations, counts[i], forced.get(i, ""))
    _settle_thousands(con, types, counts)
    for i, decided in types.items():
        if "%m" in str(decided.notes.get("ambiguous", "")):
            _settle_day_and_month(con, i, decided)
        if decided.kind == "text" and profiles[i].padded:
            decided.strip = _spaces_are_layout(con, i, profiles[i])
    return [types[i] for i in range(len(profiles))]


def _settled_by_kind(kind: str) -> ColumnType | None:
    if kind == "text":
        return ColumnType(TEXT)
    return ColumnType(BOOLEAN_OR_DIGIT) if kind == "boolean" else None


def _settled_by_profile(column: Profile) -> ColumnType | None:
    """Decide what the counts alone can decide."""
    filled = column.rows - column.certain
    values = filled - column.uncertain
    if filled == 0:
        return ColumnType(PLAIN)
    if column.boolean and column.boolean == values:
        return ColumnType(BOOLEAN)
    if column.plain < max(AGREEMENT * values, _NUMBERS_AMONG_WORDS * filled, 1):
        return None
    if column.coded and column.whole == column.plain:
        return ColumnType(TEXT, notes={"codes": column.coded})
    if column.large:
        return ColumnType(TEXT, notes={"large": column.large})
    return ColumnType(PLAIN, column.whole == column.rows, misfits=values - column.plain)


def _candidates(con: duckdb.DuckDBPyConnection, i: int, kind: str) -> list[Notation]:
    """Return the notations that most of a sample of the column's cells is written in.

    If the kind is known, any notation that reads one cell will do.
    """
    t = trimmed(f"c{i}")
    sample = [
        text
        for (text,) in con.execute(
            f"SELECT {t} FROM cells WHERE NOT {is_marker(t, 'number')} LIMIT {_SAMPLE}"
        ).fetchall()
    ]
    needed = 1 if kind else max(1, _SAMPLE_AGREEMENT * len(sample))
    notations: list[Notation] = []
    if kind != "date" and _matches(_like_a_number, sample) >= needed:
        notations += NUMBERS
    if kind != "number" and _matches(_like_a_date, sample) >= needed:
        notations += DATES
    notations = [
        n for n in notations if sum(all(c in text for c in n.signs) for text in sample) >= needed
    ]
    if not notations:
        return []
    read = ", ".join(f"count({notation.of('t')})" for notation in notations)
    counts = con.execute(f"SELECT {read} FROM (SELECT unnest(?::VARCHAR[]) AS t)", [sample])
    found = zip(notations, counts.fetchall()[0], strict=True)
    return [notation for notation, count in found if count >= needed]


# Cheap, generous first looks at a cell, to spare most columns of words the exact ones.
_like_a_number = re.compile(
    r"[-+]? ?[$€£¥]? ?[\d.,][\d., \u00a0\u202f]*([eE][-+]?\d+)? ?[%$€£¥]?"
).fullmatch
_like_a_date = re.compile(
    r"\d{1,4}[-/. ]\w{1,9}[-/., ]+\d{1,4}(?!\d).*"  # 31/12/2021, 2021-12-31T10:00, 31 Dec 2021
    r"|[^\W\d]{3,9} \d{1,2}, ?\d{2,4}(?!\d).*"  # Dec 31, 2021
    r"|\d{8}T\d{6}"
).fullmatch


def _matches(pattern: Callable[[str], object], sample: list[str]) -> int:
    return sum(pattern(text) is not None for text in sample)


def _count_notations(
    con: duckdb.DuckDBPyConnection, candidates: dict[int, list[Notation]]
) -> dict[int, dict[str, int]]:
    """Count over all rows the cells that each candidate notation reads."""
    counts: dict[int, dict[str, int]] = {i: {} for i in candidates}
    asked = [(i, notation) for i, notations in candidates.items() for notation in notations]
    if asked:
        texts = {i: trimmed(f"c{i}") for i in candidates}
        read = ", ".join(f"count({notation.of(texts[i])})" for i, notation in asked)
        found = con.execute(f"SELECT {read} FROM cells").fetchall()[0]
        for (i, notation), count in zip(asked, found, strict=True):
            counts[i][notation.name] = count
    return counts


def _best_notation(
    column: Profile, notations: list[Notation], counts: dict[str, int], forced: str
) -> ColumnType:
    values = column.rows - column.certain - column.uncertain
    kind, _, expected = forced.partition(": ")
    # Of equals, the expected notation, else the first: they stand in order of preference.
    best = max(notations, key=lambda n: (counts[n.name], n.name == expected), default=None)
    needed = max(AGREEMENT * values, _NUMBERS_AMONG_WORDS * (column.rows - column.certain))
    if best is None or (not forced and counts[best.name] < needed):
        if forced:
            return ColumnType(PLAIN if kind == "number" else DATES[0], misfits=values)
        almost = column.plain > 0.8 * values and column.plain > 0
        return ColumnType(TEXT, notes={"almost number": column.plain} if almost else {})
    decided = ColumnType(best, misfits=values - counts[best.name])
    decided.integer = best is PLAIN and column.whole == column.rows
    if expected and expected != "integer" and best.name != expected:
        decided.notes["expected"] = expected
    elif not expected:
        for twin in (month_first_twin(best.name), thousands_twin(best.name)):
            if best is not PLAIN and twin and counts.get(twin) == counts[best.name]:
                decided.notes["ambiguous"] = twin
    return decided


def _settle_thousands(
    con: duckdb.DuckDBPyConnection,
    types: dict[int, ColumnType],
    counts: dict[int, dict[str, int]],
) -> None:
    """Decide what 1,234 and 1.234 are where the column alone cannot tell.

    If another column certainly has decimal commas, the file writes commas for decimals and points
    for thousands; otherwise a comma before three digits parts thousands.
    """
    names = {notation.name: notation for notation in NUMBERS}
    open_commas = [
        decided
        for decided in types.values()
        if decided.notation.name.endswith("decimal comma") and "ambiguous" in decided.notes
    ]
    commas = any(
        decided.notation.name.endswith("decimal comma") and "ambiguous" not in decided.notes
        for decided in types.values()
    )
    if not commas:
        for decided in open_commas:
            twin = decided.notes["ambiguous"]
            decided.notes["ambiguous"] = decided.notation.name
            decided.notation = names[str(twin)]
        return
    points = [i for i, t in types.items() if t.notation is PLAIN and not t.integer]
    if not points:
        return
    twin = names["thousands points"]
    texts = [trimmed(f"c{i}") for i in points]
    read = ", ".join(
        f"count({PLAIN.of(t)}), count({twin.of(t)}), count(*) FILTER (WHERE contains({t}, '.'))"
        for t in texts
    )
    found = con.execute(f"SELECT {read} FROM cells").fetchall()[0]
    for k, i in enumerate(points):
        plain, thousands, pointed = found[3 * k : 3 * k + 3]
        if pointed and thousands == plain:
            types[i].notes["ambiguous"] = PLAIN.name
            types[i].notation = twin


def _settle_day_and_month(con: duckdb.DuckDBPyConnection, i: int, decided: ColumnType) -> None:
    """Decide whether 03/04/2021 is in April or in March where no cell of the column tells.

    Files are often in the order of time: the reading under which fewer rows go back in time is
    taken; of equals, the month first if slashes part the date (the custom of the United States),
    else the day.
    """
    twin = next(n for n in DATES if n.name == decided.notes["ambiguous"])
    t = trimmed(f"c{i}")
    back_day, back_month = con.execute(
        "SELECT count(*) FILTER (WHERE day < day_before), "
        "count(*) FILTER (WHERE month < month_before) FROM "
        "(SELECT *, lag(day) OVER () AS day_before, lag(month) OVER () AS month_before FROM "
        f"(SELECT {decided.notation.of(t)} AS day, {twin.of(t)} AS month FROM cells))"
    ).fetchall()[0]
    slashes = decided.notation.name.startswith("%d/")
    if back_month < back_day or (back_month == back_day and slashes):
        decided.notes["ambiguous"] = decided.notation.name
        decided.notation = twin


def _spaces_are_layout(con: duckdb.DuckDBPyConnection, i: int, column: Profile) -> bool:
    """Whether spaces around texts are layout: in most cells, or telling equal categories apart."""
    filled = column.rows - column.certain
    if column.padded > 0.5 * filled:
        return True
    t = trimmed(f"c{i}")
    with_spaces, without = con.execute(
        f"SELECT count(DISTINCT c{i}), count(DISTINCT {t}) FROM cells WHERE {t} <> ''"
    ).fetchall()[0]
    return without < with_spaces and without < 0.5 * filled
