"""How the rows hang together: in time, and in groups.

A random split asks "can you fill in a row between others like it?" If the rows follow each other
in time, the real question is about the future; if many rows come from one patient, it is about
patients never seen. The split has to ask the real question, so the audit looks for both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from groundup.workflow.column_words import has_word, word_set
from groundup.workflow.columns import Columns, counted, listed
from groundup.workflow.findings import Finding

_TIMES = word_set("year yr date time timestamp datetime yrsold yearsold")
# A time that a thing took is no time at which it was.
_DURATIONS = word_set("secs seconds minutes mins hours duration elapsed taken")
_ENTITIES = word_set(
    "subject patient person participant user customer client member household family school "
    "hospital device machine sensor player team driver store shop company account group animal "
    "individual donor site station plant panel id ids"
)

_LEAST_GROUPS = 10
_LEAST_TIMES = 10


@dataclass(frozen=True)
class TimeOrder:
    """The column that says when, and whether the rows form a series in it."""

    column: str
    ordered: bool
    why: str


@dataclass(frozen=True)
class Groups:
    """The column that says who, and what stays the same within each group."""

    column: str
    n_groups: int
    constant_within: tuple[str, ...]
    why: str


def time_orders(columns: Columns) -> list[TimeOrder]:
    """Find the columns of time, those in which the rows form a series first.

    The rows form a series where the file is sorted by the column (99% of its steps go forward), or
    where the times are all different and evenly spaced. Dates count, and numbers in a column named
    as a time.
    """
    found = []
    for name in columns.named("date", "number"):
        is_date = columns.kinds[name] == "date"
        if not is_date and (not has_word(name, _TIMES) or has_word(name, _DURATIONS)):
            continue
        if columns.missing[name] > 0.05 * columns.n_rows:
            continue
        times = columns.present(name).to_numpy()
        if is_date:
            times = times.astype("datetime64[us]").astype(np.int64)
        steps = np.diff(times)
        distinct = columns.distinct[name]
        sorted_steps = np.diff(np.unique(times))
        if distinct >= _LEAST_TIMES and max((steps >= 0).mean(), (steps <= 0).mean()) >= 0.99:
            found.append(TimeOrder(name, True, f"the file is sorted by {name}"))
        elif (
            is_date
            and distinct >= max(_LEAST_TIMES, 0.95 * columns.n_rows)
            and (sorted_steps == np.median(sorted_steps)).mean() >= 0.9
        ):
            found.append(TimeOrder(name, True, f"{name} is evenly spaced, one row each time"))
        else:
            found.append(TimeOrder(name, False, f"{name} is a time, but the file is not in order"))
    return sorted(found, key=lambda order: not order.ordered)


def group_structure(columns: Columns, keep: Collection[str] = ()) -> Groups | None:
    """Find the column, other than those to `keep`, whose values are individuals of several rows.

    Its name says so (subject, patient, customer, id ...), it repeats, and at least one further
    column is constant within its groups, which it would not be if the rows were dealt out at
    random. Without the last, equal values need not mean the same individual.
    """
    best = None
    for name in columns.named("number", "text"):
        distinct = columns.distinct[name]
        if name in keep:
            continue
        if not _LEAST_GROUPS <= distinct <= columns.n_rows / 2 or not has_word(name, _ENTITIES):
            continue
        numbers = columns.numbers(name) if columns.kinds[name] == "number" else np.zeros(0)
        if (numbers != np.round(numbers)).any():
            continue
        constant = constant_within(columns, name)
        if constant and (best is None or len(constant) > len(best.constant_within)):
            best = Groups(
                name,
                distinct,
                tuple(constant),
                f"{distinct} values with {columns.n_rows / distinct:.0f} rows each on average, and "
                f"{listed(constant, most=3)} always the same within each",
            )
    return best


def shared_codes(columns: Columns, codes: Iterable[str]) -> list[Finding]:
    """Note the codes that several rows share, together with what those rows have in common."""
    findings = []
    for name in codes:
        rows = int(columns.frame[name].duplicated(keep=False).sum())
        if columns.distinct[name] >= 0.95 * columns.n_rows:
            continue
        constant = constant_within(columns, name)
        if len(constant) >= 2:
            findings.append(
                Finding(
                    "shared-code",
                    "audit",
                    f"{counted(rows, 'row')} share their {name} with another, and with it "
                    f"{listed(constant, most=3)}.",
                    why="Such rows may belong together, and one may tell about the other.",
                    action="Split without regard to it; the score may be somewhat optimistic.",
                    columns=(name,),
                    evidence={"rows": rows, "constant_within": constant},
                )
            )
    return findings


def constant_within(columns: Columns, group: str) -> list[str]:
    """Name the columns that are constant within the groups, and would not be by chance."""
    codes = pd.factorize(columns.frame[group], use_na_sentinel=False)[0]
    sizes = np.bincount(codes)
    shuffled = np.random.default_rng(0).permutation(codes)
    constant = []
    for name in columns.named():
        if name == group or columns.distinct[name] < 2:
            continue
        values = pd.factorize(columns.frame[name], use_na_sentinel=False)[0]
        if (
            _share_constant(values, codes, sizes) >= 0.95
            and _share_constant(values, shuffled, sizes) <= 0.5
        ):
            constant.append(name)
    return constant


def _share_constant(values: np.ndarray, codes: np.ndarray, sizes: np.ndarray) -> float:
    """Share of the groups of two rows or more within which `values` never changes."""
    lowest = np.full(len(sizes), np.iinfo(np.int64).max)
    highest = np.full(len(sizes), -1)
    np.minimum.at(lowest, codes, values)
    np.maximum.at(highest, codes, values)
    repeated = sizes >= 2
    return float((lowest == highest)[repeated].mean()) if repeated.any() else 0.0
