"""Missing values in their disguises.

A cell can say "not known" without being empty: -200 from a sensor that was off, 999 for "never",
0 for a blood pressure that nobody took, the word "unknown". A number in disguise is turned into a
missing value only where the values themselves show that it is none of them:

- a **code below**: the smallest value is negative, repeated, and either far outside the others
  (further from them than they spread) or one of the usual codes while all the others are not
  negative; a code found so in one column is also one in the others where it stands alone below 0;
- a **code above**: the largest value is a repeated 99, 999, ..., at least five times as far from
  the others as they spread; nearer to them it may be a cap, which is noted and left;
- an **impossible zero**: a repeated zero, cut off from the smallest other value, in a quantity
  whose name says that it is never zero in what is alive (blood pressure, weight ...). Without such
  a name it may as well mean "has none", and is noted at most.

Words are left as they are: "unknown" is a category of its own, and says something.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from groundup.workflow.column_words import has_word, word_set
from groundup.workflow.columns import Columns, counted, listed, percent
from groundup.workflow.findings import Finding

_CODES_BELOW = frozenset([-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, -8888.0, -7777.0])
_NEVER_ZERO = word_set(
    "glucose pressure insulin bmi mass thickness cholesterol weight height haemoglobin "
    "hemoglobin pulse heartbeat creatinine albumin platelets"
)
_UNKNOWN_TEXT = re.compile(
    r"\W*(unknown|unk|not known|.*\bnot known|not available|not applicable|n/?a|na|nan|null|nil|"
    r"missing|no data|undefined|unspecified|tbd|x{3,})\W*|\s*(\?+|-+|\.+)\s*",
    re.IGNORECASE,
)

# With fewer values a column holds levels rather than measurements, and codes look like levels.
_LEAST_DISTINCT = 10
_LEAST_REPEATS = 3


def disguised_numbers(columns: Columns) -> tuple[dict[str, list[float]], list[Finding]]:
    """Find the numbers that stand for missing.

    Returns
    -------
    values : dict of str to list of float
        For each column the values to be turned into missing ones.
    findings : list of Finding
        One for each column and value, and notes on zeros that may be in disguise.
    """
    found: dict[str, list[float]] = {}
    findings: list[Finding] = []
    alone_below_zero: dict[str, float] = {}

    for name in columns.named("number"):
        if columns.distinct[name] < _LEAST_DISTINCT:
            continue
        numbers = columns.numbers(name)
        values, counts = np.unique(numbers, return_counts=True)
        below = _code_below(values, counts)
        if below is not None:
            found[name] = [below]
        elif values[0] < 0 <= values[1] and counts[0] >= _LEAST_REPEATS:
            alone_below_zero[name] = float(values[0])
        if _is_code_above(values, counts):
            found.setdefault(name, []).append(float(values[-1]))
        elif _impossible_zero(values, counts):
            zeros, after = int(counts[0]), float(values[1])
            if has_word(name, _NEVER_ZERO):
                found.setdefault(name, []).append(0.0)
            elif _far_from_all(numbers):
                findings.append(_zero_note(name, zeros, after, columns.n_rows))

    repeated = Counter(code for codes in found.values() for code in codes if code < 0)
    for name, code in alone_below_zero.items():
        if repeated[code]:
            found[name] = [code, *found.get(name, [])]

    found = {
        # 999 rather than 999.0, as it stands in the file.
        name: [int(code) if code == int(code) else code for code in codes]
        for name, codes in found.items()
    }
    for code in sorted({code for codes in found.values() for code in codes}):
        findings.append(
            _disguise(columns, [n for n, codes in found.items() if code in codes], code)
        )
    return found, findings


def missing_findings(columns: Columns) -> list[Finding]:
    """Count the missing values, and the words that say the same."""
    findings = []
    n = columns.n_rows
    gaps = {name: count for name, count in columns.missing.items() if 0 < count < n}
    if gaps:
        worst = sorted(gaps, key=lambda name: -gaps[name])
        findings.append(
            Finding(
                "missing-values",
                "audit",
                f"{counted(len(gaps), 'column has', 'columns have')} missing values: "
                + listed([f"{name} ({percent(gaps[name], n)})" for name in worst], most=3)
                + ".",
                why="A missing value can itself say something, and most models cannot take one.",
                action="Numbers get the median of the training rows and a column that says where "
                "they were missing; in categories, missing is one of its own.",
                columns=tuple(worst),
                evidence={"missing": gaps, "rows": n},
            )
        )
    unknown = {}
    for name in columns.named("text"):
        counts = columns.frame[name].value_counts()
        words = {
            str(text): int(count)
            for text, count in counts.items()
            if len(str(text)) <= 40 and _UNKNOWN_TEXT.fullmatch(str(text))
        }
        if words:
            unknown[name] = words
    if unknown:
        texts = listed(
            [f'"{next(iter(words))}" in {name}' for name, words in unknown.items()], most=3
        )
        findings.append(
            Finding(
                "unknown-words",
                "audit",
                f"Words that mean not known: {texts}.",
                why="They are answers that were not given.",
                action="Left as a category of their own.",
                severity="info",
                columns=tuple(unknown),
                evidence={"counts": unknown},
            )
        )
    return findings


def _code_below(values: np.ndarray, counts: np.ndarray) -> float | None:
    """The smallest value, where it is a code for missing. values: (u,) ascending, counts: (u,)."""
    lowest, following, highest = values[0], values[1], values[-1]
    if lowest >= 0 or counts[0] < _LEAST_REPEATS:
        return None
    far = following - lowest > highest - following
    usual = lowest in _CODES_BELOW and following >= 0
    # -1 below whole numbers is a code; below fractions it may be a measurement.
    if usual and lowest == -1:
        usual = bool((values == np.round(values)).all())
    return float(lowest) if usual or (far and lowest == np.round(lowest)) else None


def _is_code_above(values: np.ndarray, counts: np.ndarray) -> bool:
    lowest = values[1] if values[0] < 0 else values[0]
    highest, before = values[-1], values[-2]
    nines = highest == np.round(highest) and re.fullmatch("99+", f"{highest:.0f}") is not None
    return bool(
        nines and counts[-1] >= _LEAST_REPEATS and highest - before >= 5 * (before - lowest)
    )


def _impossible_zero(values: np.ndarray, counts: np.ndarray) -> bool:
    """Whether a repeated zero lies apart: four times the usual step between the smallest values."""
    if values[0] != 0 or counts[0] < _LEAST_REPEATS or counts[0] > counts.sum() / 2:
        return False
    steps = np.diff(values[1:12])
    return bool(values[1] >= 4 * np.median(steps))


def _far_from_all(numbers: np.ndarray) -> bool:
    others = numbers[numbers != 0]
    return bool(others.mean() >= 4 * others.std())


def _disguise(columns: Columns, names: list[str], code: float) -> Finding:
    rows, others = {}, {}
    for name in names:
        numbers = columns.numbers(name)
        rows[name] = int((numbers == code).sum())
        rest = numbers[numbers != code]
        others[name] = [float(rest.min()), float(rest.max())]
    most = max(names, key=lambda name: rows[name])
    message = (
        f"{most} is {code:g} in {counted(rows[most], 'row')} "
        f"({percent(rows[most], columns.n_rows)}), while all other values lie from "
        f"{others[most][0]:g} to {others[most][1]:g}"
    )
    if len(names) > 1:
        also = [name for name in names if name != most]
        message += f"; the same in {listed(also, most=4)}"
    return Finding(
        "disguised-missing",
        "audit",
        message + ".",
        why="Such a number stands for a value that is not known; taken as a measurement it bends "
        "averages and scales.",
        action="Treated as missing (--keep COLUMN leaves it as it is).",
        severity="warning",
        columns=tuple(names),
        evidence={"value": code, "rows": rows, "others_from_to": others},
    )


def _zero_note(name: str, zeros: int, after: float, n_rows: int) -> Finding:
    return Finding(
        "zero-may-be-missing",
        "audit",
        f"{name} is 0 in {counted(zeros, 'row')} ({percent(zeros, n_rows)}), far below all other "
        f"values, which begin at {after:g}.",
        why="If 0 cannot be, it stands for a value that is not known.",
        action="Left as it is: 0 may be real here.",
        columns=(name,),
        evidence={"rows": zeros, "lowest_other": after},
    )
