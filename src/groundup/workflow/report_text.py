"""Numbers and names as a person reads them: three significant digits, and text that stays text.

Full digits live in ``run.json``. What comes from the data (names of columns and classes, cells of
rejected rows) may be anything at all, so it is shortened here and its control characters are made
visible; that it never becomes markup is the work of Jinja's autoescape and of `json_for_script`.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable
from typing import Any

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Characters that reverse or embed the direction of what follows could make a name lie.
_DIRECTION = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def number(value: Any) -> str:
    """Write a number with three significant digits, and whole numbers in full.

    Examples
    --------
    >>> [number(x) for x in (0.84213, 1234567, 1234.5678, 1e-9, -0.5, 99.96, None)]
    ['0.842', '1,234,567', '1,235', '1 × 10⁻⁹', '−0.5', '100', '–']
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}".replace("-", MINUS) if abs(value) < 10**15 else number(float(value))
    if not math.isfinite(value):
        return NOTHING if math.isnan(value) else f"{MINUS * (value < 0)}\N{INFINITY}"
    rounded = float(f"{value:.3g}")
    size = abs(rounded)
    if size and (size < 1e-4 or size >= 1e15):
        mantissa, exponent = f"{value:.2e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        text = f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    elif size >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{rounded:.10f}".rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def are_years(low: Any, high: Any) -> bool:
    """Tell whether a range is most likely one of years, which are written without a comma.

    Examples
    --------
    >>> are_years(1990, 2012.0), are_years(1200, 98000), are_years(None, 2000)
    (True, False, False)
    """
    numbers = isinstance(low, int | float) and isinstance(high, int | float)
    return numbers and 1000 <= low <= high < 2200


def score(value: float | None) -> str:
    """Write a score with three decimals, so that scores stand under one another.

    Examples
    --------
    >>> score(0.5), score(0.98551), score(-0.01), score(-1e-9), score(None)
    ('0.500', '0.986', '−0.010', '0.000', '–')
    """
    if value is None:
        return NOTHING
    if abs(value) >= 100:
        return number(value)
    return f"{round(value, 3) + 0.0:.3f}".replace("-", MINUS)  # + 0.0 takes the sign from a zero


def percent(share: float | None) -> str:
    """Write a share as a percentage, never rounded to 0% or 100% unless it is.

    Examples
    --------
    >>> percent(0.9855), percent(0.07), percent(0.9999), percent(0.00001), percent(1.0)
    ('98.6%', '7%', 'over 99.9%', 'under 0.1%', '100%')
    """
    if share is None:
        return NOTHING
    if 0.9995 <= share < 1:
        return "over 99.9%"
    if 0 < share < 0.0005:
        return "under 0.1%"
    return f"{round(100 * share, 1) + 0.0:.1f}".removesuffix(".0").replace("-", MINUS) + "%"


def count(n: int | None, noun: str, plural: str | None = None) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> count(1, "row"), count(1234, "row"), count(2, "class", "classes")
    ('1 row', '1,234 rows', '2 classes')
    """
    return f"{number(n)} {noun if n == 1 else plural or noun + 's'}"


def seconds(value: float | None) -> str:
    """Write a duration.

    Examples
    --------
    >>> seconds(0.0123), seconds(4.21), seconds(83.0)
    ('0.01 s', '4.2 s', '1 min 23 s')
    """
    if value is None:
        return NOTHING
    if value < 60:
        return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def size(n_bytes: int | None) -> str:
    """Write a size in bytes.

    Examples
    --------
    >>> size(512), size(53_098), size(4_123_456)
    ('512 bytes', '53.1 kB', '4.12 MB')
    """
    if n_bytes is None:
        return NOTHING
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= unit:
            return f"{number(n_bytes / unit)} {name}"
    return f"{n_bytes} bytes"


def plain(value: Any, length: int = 80) -> str:
    """Return a value from the data as one line of visible text of at most `length` characters.

    Examples
    --------
    >>> plain("two\\nlines"), plain("abcdefgh", 5), plain("")
    ('two␊lines', 'abcd…', '(empty)')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        # a class written 3.0 is the class 3
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value)
    if len(text) > length:
        text = text[: length - 1] + "…"
    return "".join(map(_visible, text)) or "(empty)"


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures: ␀ ␁ ␂ ...
    if character in _DIRECTION or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return "\N{REPLACEMENT CHARACTER}"
    return character


def sentence(text: Any) -> str:
    """Begin with a capital and end with a full stop.

    Examples
    --------
    >>> sentence("rows of a group stay together")
    'Rows of a group stay together.'
    """
    text = str(text or "").strip()
    end = "" if not text or text[-1] in ".!?:" else "."
    return text[:1].upper() + text[1:] + end


def distinct(values: Iterable[Any], length: int = 60) -> list[str]:
    """Return `plain` names of which no two are equal, as marks in a chart are placed by name.

    Examples
    --------
    >>> distinct(["price per unit", "price per piece"], length=8)
    ['price p…', 'price p… (2)']
    """
    names: list[str] = []
    seen: dict[str, int] = {}
    for value in values:
        name = plain(value, length)
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def json_for_script(value: Any) -> str:
    """Return JSON that can stand inside a ``<script>`` element, whatever text is in it.

    Every character that HTML or JavaScript could take for something else is written as an escape.

    Examples
    --------
    >>> print(json_for_script({"name": "</script><!--"}))
    {"name":"\\u003c/script\\u003e\\u003c!--"}
    """
    # ensure_ascii also writes U+2028 and U+2029, which end a line in JavaScript, as escapes
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
