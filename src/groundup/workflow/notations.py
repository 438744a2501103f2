"""The ways in which tables write numbers, dates and nothing at all, each as a piece of SQL.

A `Notation` turns the trimmed text of a cell into a value, or into NULL where the text is not
written that way. The casts are DuckDB's, whose doubles equal Python's ``float(text)`` to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

from .cells import literal
from .table import Kind

# Never a value, in any column. Compared exactly.
MISSING = (
    "", "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "<NA>", "NaN", "nan", "NAN", "-NaN", "-nan", "NULL",
    "null", "Null", "\\N", "?", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!",
    "1.#QNAN", "-1.#IND", "1.#IND",
)  # fmt: skip
# A category in a column of words ("None" in a column of kinds of veneer, "-" for a DNA strand), but
# nothing at all in a column of numbers or dates. Compared in lower case.
MISSING_AMONG_NUMBERS = (
    "na", "n.a.", "n.a", "nd", "n/d", "-", "--", "---", ".", "..", "...", "none", "nil", "unknown",
    "unk", "missing", "undefined", "not available", "not applicable", "not known", "*", "**",
)  # fmt: skip
# What surrounds a cell without belonging to it; the last ones are no-break spaces.
SPACES = " \t\r\n\v\f\u00a0\u202f"

# Below it every integer is a float64 of its own; from it on, neighbours share one.
MAX_EXACT_INTEGER = 2**53


def listed(texts: tuple[str, ...]) -> str:
    """Return texts as an SQL list for IN."""
    return "(" + ", ".join(map(literal, texts)) + ")"


@dataclass(frozen=True)
class Notation:
    """One way to write a kind of value.

    Attributes
    ----------
    name : str
        For people: ``"decimal comma"``, ``"%d/%m/%Y"``.
    kind : {"number", "boolean", "date", "text"}
    sql : str
        An expression of the trimmed text ``{t}``: the value, or NULL.
    signs : str
        Characters that every cell so written holds.
    """

    name: str
    kind: Kind
    sql: str
    signs: str = ""

    def of(self, trimmed: str) -> str:
        """Return the SQL of the value of the cell whose trimmed text is the SQL `trimmed`."""
        return self.sql.replace("{t}", trimmed)


def _finite(text: str) -> str:
    """SQL: the text as a double if it is a finite number in plain digits, else NULL.

    DuckDB also casts 1_000, and overflows to infinity: neither is a number here.
    """
    cast = f"TRY_CAST({text} AS DOUBLE)"
    return f"CASE WHEN isfinite({cast}) AND NOT contains({text}, '_') THEN {cast} END"


PLAIN = Notation("decimal point", "number", _finite("{t}"))
_WITHOUT_COMMAS = "replace({t}, ',', '')"
_COMMA_AS_POINT = "replace({t}, ',', '.')"
_WITHOUT_POINTS = "replace(replace({t}, '.', ''), ',', '.')"
_WITHOUT_SPACES = r"replace(regexp_replace({t}, '[ \x{a0}\x{202f}]', '', 'g'), ',', '.')"
_DIGITS = {
    "decimal point": PLAIN.sql,
    "decimal comma": f"CASE WHEN NOT contains({{t}}, '.') THEN {_finite(_COMMA_AS_POINT)} END",
    "thousands commas": (
        r"CASE WHEN regexp_full_match({t}, '[-+]?\d{1,3}(,\d{3})+(\.\d*)?') "
        f"OR NOT contains({{t}}, ',') THEN {_finite(_WITHOUT_COMMAS)} END"
    ),
    "thousands points": (
        r"CASE WHEN regexp_full_match({t}, '[-+]?\d{1,3}(\.\d{3})+(,\d*)?') "
        f"OR NOT contains({{t}}, '.') THEN {_finite(_WITHOUT_POINTS)} END"
    ),
    "thousands spaces": (
        r"CASE WHEN regexp_full_match({t}, '[-+]?\d{1,3}([ \x{a0}\x{202f}]\d{3})*([.,]\d*)?') "
        f"THEN {_finite(_WITHOUT_SPACES)} END"
    ),
}
_PERCENT = r"CASE WHEN {t} LIKE '%\%' ESCAPE '\' THEN rtrim({t}, '% ') END"
_CURRENCIES = "$€£¥"


def _currency(symbol: str) -> str:
    """SQL: the text without the symbol before or after it; NULL if it has none."""
    return (
        f"CASE WHEN regexp_full_match({{t}}, '[-+]? ?[{symbol}] ?[0-9.,]+') "
        f"OR regexp_full_match({{t}}, '[-+]?[0-9.,]+ ?[{symbol}]') "
        f"THEN regexp_replace({{t}}, ' ?[{symbol}] ?', '') END"
    )


# In order of preference where several read the same cells.
NUMBERS = [PLAIN] + [
    Notation(name, "number", sql) for name, sql in _DIGITS.items() if name != PLAIN.name
]
NUMBERS += [
    Notation(f"percent, {name}", "number", sql.replace("{t}", f"({_PERCENT})"), "%")
    for name, sql in _DIGITS.items()
]
NUMBERS += [
    Notation(
        f"amounts in {sign}, {name}", "number", sql.replace("{t}", f"({_currency(sign)})"), sign
    )
    for sign in _CURRENCIES
    for name, sql in _DIGITS.items()
]

BOOLEAN = Notation(
    "true and false",
    "boolean",
    "CASE lower({t}) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END",
)
# Where a column is known to be boolean, 1 and 0 are read as well.
BOOLEAN_OR_DIGIT = Notation(
    "true and false",
    "boolean",
    "CASE WHEN lower({t}) IN ('true', '1', '1.0') THEN 1.0 "
    "WHEN lower({t}) IN ('false', '0', '0.0') THEN 0.0 END",
)

_ISO = r"""
    CASE WHEN regexp_full_match({t},
        '\d{4}[-/]\d{1,2}[-/]\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}([.]\d+)?)?)?')
    THEN TRY_CAST({t} AS TIMESTAMP) END"""
_ISO_WITH_ZONE = r"""
    CASE WHEN regexp_full_match({t},
        '\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d{2}(:\d{2}([.]\d+)?)? ?(Z|[+-]\d{2}(:?\d{2})?)')
    THEN timezone('UTC', TRY_CAST({t} AS TIMESTAMPTZ)) END"""
_TIMES = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"]
_DAYS = [
    "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
    "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%Y.%m.%d",
]  # fmt: skip


def _date(form: str) -> Notation:
    sql = f"try_strptime({{t}}, {literal(form)})"
    if "%Y" in form:  # strptime takes a year of one to three digits for a year of antiquity
        sql = rf"CASE WHEN regexp_matches({{t}}, '(^|\D)\d{{4}}(\D|$)') THEN {sql} END"
    return Notation(form, "date", sql, "".join(sorted(set(form) & set("-/.: ,"))))


DATES = [
    Notation("ISO 8601", "date", _ISO),
    Notation("ISO 8601 with time zone", "date", _ISO_WITH_ZONE, "-:"),
    Notation("%Y%m%dT%H%M%S", "date", "try_strptime({t}, '%Y%m%dT%H%M%S')", "T"),
]
DATES += [_date(day + time) for day in _DAYS for time in _TIMES]

TEXT = Notation("text", "text", "{t}")


def month_first_twin(name: str) -> str | None:
    """Return the name of the date notation with month before day, or None if there is no such."""
    if name.startswith(("%d/%m/", "%d-%m-", "%d.%m.")):
        return "%m" + name[2] + "%d" + name[5:]
    return None


def thousands_twin(name: str) -> str | None:
    """Return the name of the notation that takes the decimal sign for a mark of thousands.

    1,234 is a little more than one in a column of decimal commas, and more than a thousand in one
    of thousands commas.
    """
    if name.endswith("decimal comma"):
        return name.replace("decimal comma", "thousands commas")
    if name.endswith("decimal point"):
        return name.replace("decimal point", "thousands points")
    return None
