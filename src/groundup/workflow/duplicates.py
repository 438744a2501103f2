"""Rows that repeat another, and columns that say what another says.

A row that stands on both sides of a split lets a model answer from memory. A column that is a copy,
a renaming, or a multiple of another adds nothing, splits its weight in two in a linear model and
counts twice in a distance.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from groundup.workflow.columns import Columns, listed, percent, thinned
from groundup.workflow.findings import Finding

# 1 - r^2 below this: one column is a multiple of the other, up to rounding in the file.
_SAME_LINE = 1e-5
_CLOSE = 0.99


def duplicate_rows(columns: Columns, identifiers: list[str]) -> list[Finding]:
    """Count the rows that repeat an earlier one, with and without the identifiers."""
    exact = int(columns.frame.duplicated().sum())
    without = exact
    if identifiers:
        without = int(columns.without(identifiers).frame.duplicated().sum())
    if not without:
        return []
    if identifiers and without > exact:
        message = (
            f"{without} rows ({percent(without, columns.n_rows)}) repeat an earlier row in all but "
            f"{listed(identifiers)}" + (f"; {exact} in everything." if exact else ".")
        )
    else:
        message = f"{exact} rows ({percent(exact, columns.n_rows)}) repeat an earlier row exactly."
    lines = columns.frame.index[columns.without(identifiers).frame.duplicated()][:10]
    return [
        Finding(
            "duplicate-rows",
            "audit",
            message,
            why="Copies on both sides of a split would be answered from memory, and the score "
            "would promise too much.",
            action="Kept; the split puts copies on the same side.",
            severity="warning" if without > 0.05 * columns.n_rows else "note",
            evidence={
                "exact": exact,
                "without_identifiers": without,
                "first_lines": [int(line) for line in lines],
            },
        )
    ]


def duplicate_columns(columns: Columns) -> tuple[dict[str, str], list[Finding]]:
    """Find the columns that repeat an earlier one, and those that come close.

    Returns
    -------
    why : dict of str to str
        For each column that adds nothing, what it repeats.
    findings : list of Finding
        Columns that are nearly the same, or say the same in another form; they are kept.
    """
    why: dict[str, str] = {}
    findings: list[Finding] = []
    for first, second in _renamings(columns):
        if {columns.kinds[first], columns.kinds[second]} in ({"text"}, {"boolean"}):
            why[second] = f"each of its values stands for one value of {first}"
        else:
            findings.append(
                _related(first, second, "each value of one stands for one of the other")
            )
    for first, second, r in _correlated(columns):
        if first in why or second in why:
            continue
        if 1 - r * r < _SAME_LINE:
            why[second] = f"a multiple of {first} (correlation {r:.6f})"
        elif not any({first, second} == set(finding.columns) for finding in findings):
            findings.append(_related(first, second, f"their correlation is {r:.3f}"))
    return why, findings


def _related(first: str, second: str, how: str) -> Finding:
    return Finding(
        "related-columns",
        "audit",
        f"{first} and {second} say nearly the same: {how}.",
        why="Neither can be said to be the important one, and a distance counts both.",
        action="Both kept.",
        severity="info",
        columns=(first, second),
    )


def _renamings(columns: Columns) -> list[tuple[str, str]]:
    """Pairs of columns whose values stand one for one for each other."""
    pairs = []
    alike: dict[bytes, list[str]] = {}
    for name in columns.named("text", "number", "boolean"):
        # Where nearly all values differ, "one for one" says nothing.
        if not 2 <= columns.distinct[name] <= columns.n_rows // 2:
            continue
        # Codes in order of appearance: equal exactly where the values map one to one.
        codes = pd.factorize(columns.frame[name], use_na_sentinel=False)[0]
        key = codes.astype(np.int32).tobytes()
        earlier = alike.setdefault(key, [])
        # One of its own kind, if there is any: that one it repeats.
        same_kind = [other for other in earlier if columns.kinds[other] == columns.kinds[name]]
        if earlier:
            pairs.append(((same_kind or earlier)[0], name))
        earlier.append(name)
    return pairs


def _correlated(columns: Columns) -> list[tuple[str, str, float]]:
    """Pairs of number columns, missing in the same rows, with correlation of 0.99 or more."""
    names = [name for name in columns.named("number") if columns.distinct[name] > 2]
    if len(names) < 2:
        return []
    frame = columns.frame[names].iloc[thinned(np.arange(columns.n_rows))]
    X = frame.to_numpy(dtype=np.float64, na_value=np.nan)  # (n, d)
    known = ~np.isnan(X)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = np.where(known, X - np.nanmean(X, axis=0), 0.0)
        norms = np.sqrt((centred**2).sum(axis=0))
        # r_jk = sum_i z_ij z_ik / (|z_j| |z_k|)
        r = (centred.T @ centred) / np.outer(norms, norms)
    pairs = []
    for j, k in zip(*np.nonzero(np.triu(np.abs(r) >= _CLOSE, 1)), strict=True):
        if (known[:, j] == known[:, k]).all():
            pairs.append((names[j], names[k], float(r[j, k])))
    return pairs
