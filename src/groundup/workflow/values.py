"""Single columns whose values look wrong: empty, constant, far out, impossible, or cut off."""

from __future__ import annotations

import numpy as np

from groundup.workflow.column_words import has_word, word_set
from groundup.workflow.columns import Columns, counted, listed, percent
from groundup.workflow.findings import Finding

_NEAR_CONSTANT = 0.99
_NEVER_NEGATIVE = word_set(
    "time age count price amount distance duration weight height area size quantity hours days "
    "minutes seconds secs income salary fare rooms population length width"
)
_WEIGHTS = word_set("fnlwgt sampleweight surveyweight finalweight wgt pweight")


def empty_columns(columns: Columns) -> list[str]:
    """Name the columns without any value."""
    return [name for name in columns.named() if columns.missing[name] == columns.n_rows]


def constant_columns(columns: Columns) -> dict[str, str]:
    """Find the columns with one value in every row."""
    return {
        name: f"{columns.present(name).iloc[0]} in every row"
        for name in columns.named()
        if columns.distinct[name] == 1 and not columns.missing[name]
    }


def value_findings(columns: Columns) -> list[Finding]:
    """Note near-constant columns, far-out and impossible values, caps, and survey weights."""
    return [
        *_near_constant(columns),
        *_far_out(columns),
        *_negative(columns),
        *_capped(columns),
        *_survey_weights(columns),
    ]


def _near_constant(columns: Columns) -> list[Finding]:
    shares = {}
    for name in columns.named():
        counts = columns.frame[name].value_counts(dropna=False)
        if counts.iloc[0] >= _NEAR_CONSTANT * columns.n_rows:
            shares[name] = int(counts.iloc[0])
    if not shares:
        return []
    return [
        Finding(
            "near-constant-column",
            "audit",
            "Nearly always the same value: "
            + listed([f"{name} ({percent(c, columns.n_rows)})" for name, c in shares.items()])
            + ".",
            why="So few rows differ that little can be learned from it, and chance looks large.",
            action="Kept.",
            severity="info",
            columns=tuple(shares),
            evidence={"rows_with_most_frequent": shares},
        )
    ]


def _far_out(columns: Columns) -> list[Finding]:
    far = {}
    for name in columns.named("number"):
        if columns.distinct[name] <= 10:
            continue
        numbers = columns.numbers(name)
        q25, q75 = np.quantile(numbers, [0.25, 0.75])
        reach = 3 * (q75 - q25)  # Tukey's outer fences
        count = int(((numbers < q25 - reach) | (numbers > q75 + reach)).sum())
        if reach > 0 and count:
            far[name] = count
    if not far:
        return []
    worst = sorted(far, key=lambda name: -far[name])
    return [
        Finding(
            "outliers",
            "audit",
            f"Values far from the rest in {counted(len(far), 'column')}: "
            + listed([f"{name} ({counted(far[name], 'row')})" for name in worst], most=3)
            + ".",
            why="More than three times the interquartile range outside the middle half: a long "
            "tail or an error, and a few of them can steer a linear model.",
            action="Kept.",
            columns=tuple(worst),
            evidence={"rows": far},
        )
    ]


def _negative(columns: Columns) -> list[Finding]:
    findings = []
    for name in columns.named("number"):
        if not has_word(name, _NEVER_NEGATIVE):
            continue
        numbers = columns.numbers(name)
        count = int((numbers < 0).sum())
        if 0 < count <= 0.05 * len(numbers):
            lines = columns.frame.index[columns.frame[name] < 0][:10]
            findings.append(
                Finding(
                    "impossible-values",
                    "audit",
                    f"{name} is negative in {counted(count, 'row')} (lowest {numbers.min():g}).",
                    why="By its name it should not be.",
                    action="Kept; see whether these rows can be trusted.",
                    severity="warning",
                    columns=(name,),
                    evidence={"rows": count, "first_lines": [int(line) for line in lines]},
                )
            )
    return findings


def cap(numbers: np.ndarray) -> tuple[float, int] | None:
    """Return the largest value and its count, where it piles up as if cut off there.

    It does where it stands in at least ten rows, in a column of more than fifty different values,
    and either five times as often as any of the ten values before it, or alone: written in nines
    (999, 99999), as far from the others as half of their range.

    Examples
    --------
    >>> import numpy as np
    >>> cap(np.minimum(np.arange(100.0), 75.0))
    (75.0, 25)
    """
    values, counts = np.unique(numbers, return_counts=True)
    if len(values) <= 50 or counts[-1] < 10:
        return None
    lowest, before, highest = values[0], values[-2], values[-1]
    piled_up = counts[-1] >= 5 * counts[-11:-1].max()
    nines = highest >= 999 and set(f"{highest:.0f}") == {"9"} and highest == np.round(highest)
    alone = nines and highest - before >= (before - lowest) / 2
    return (float(highest), int(counts[-1])) if piled_up or alone else None


def _capped(columns: Columns) -> list[Finding]:
    findings = []
    for name in columns.named("number"):
        found = cap(columns.numbers(name)) if columns.distinct[name] > 50 else None
        if found:
            findings.append(
                Finding(
                    "capped-values",
                    "audit",
                    f"{name} piles up at its largest value, {found[0]:.10g} "
                    f"({counted(found[1], 'row')}).",
                    why="Larger values were probably cut off there, or it is a code.",
                    action="Kept.",
                    columns=(name,),
                    evidence={"value": found[0], "rows": found[1]},
                )
            )
    return findings


def _survey_weights(columns: Columns) -> list[Finding]:
    return [
        Finding(
            "survey-weight",
            "audit",
            f"{name} looks like a survey weight.",
            why="It says how many people a row stands for, and nothing about this one.",
            action="Kept; leave it out if it is one.",
            columns=(name,),
        )
        for name in columns.named("number")
        if has_word(name, _WEIGHTS)
    ]
