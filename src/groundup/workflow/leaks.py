"""Columns that know the answer: leaks, looked for on the training rows alone.

A column filled in after the outcome, computed from it, or computed into it, makes a score that no
new row will ever reach. A strong column is no leak, though: a flipper's length honestly separates
the species, and dropping it would be as wrong as keeping a lifeboat's number. So a column is
dropped only on evidence that strength alone cannot give:

- **copy**: its values stand one for one for the classes;
- **filled in afterwards**: whether it is filled tells the class (both ways for nearly all rows; or
  30 rows or more, all of one class, that chance would not have put together);
- **sum**: the target is the sum or the mean of it and other columns, in every row;
- **function**: the target rises with it, or falls with it, in every row (rank correlation 0.999);
- **part**: it bears the target's name, never exceeds it (or the other way round), and moves with
  it (correlation 0.9 or more);
- **coarser target**: three or more values, each class having one of them alone.

What is only suspiciously strong on its own is another matter; see `one_column`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from groundup.workflow.column_words import shared_words
from groundup.workflow.columns import Columns, listed, percent, thinned

_CHANCE = 1e-6
# A sum is sought among the columns that move most with the target.
_MOST_TERMS = 200


@dataclass(frozen=True)
class Leak:
    """A column that knows the answer, and how that was seen."""

    column: str
    rule: str
    why: str
    evidence: dict[str, Any] = field(default_factory=dict)


def leaks(columns: Columns, y: pd.Series, task: str) -> list[Leak]:
    """Find the columns that are proven to give the target away.

    Parameters
    ----------
    columns : Columns
        The features on the training rows.
    y : Series of shape (n,)
        The target on the training rows, aligned with the frame; nothing missing.
    task : {"binary", "multiclass", "regression"}
    """
    if task == "regression":
        rules = (_functions, _sums, _parts)
    else:
        rules = (_copies, _filled_afterwards, _coarser_targets)
    found: dict[str, Leak] = {}
    for rule in rules:
        for leak in rule(columns, y):
            found.setdefault(leak.column, leak)
    return list(found.values())


def _copies(columns: Columns, y: pd.Series) -> list[Leak]:
    classes = pd.factorize(y)[0]
    return [
        Leak(name, "copy", f"each of its values stands for one value of {y.name}")
        for name in columns.named("text", "number", "boolean")
        if columns.distinct[name] <= y.nunique()
        and np.array_equal(pd.factorize(columns.frame[name], use_na_sentinel=False)[0], classes)
    ]


def _filled_afterwards(columns: Columns, y: pd.Series) -> list[Leak]:
    found = []
    counts = y.value_counts()
    base = counts / len(y)
    for name in columns.named():
        if not 0 < columns.missing[name] < columns.n_rows:
            continue
        filled = columns.frame[name].notna()
        if len(counts) == 2:
            # Recall of each class if "filled" meant one of them: balanced accuracy.
            shares = [filled[y == label].mean() for label in counts.index]
            balanced = (1 + abs(shares[0] - shares[1])) / 2
            if balanced >= 0.95:
                often, seldom = np.argmax(shares), np.argmin(shares)
                found.append(
                    Leak(
                        name,
                        "filled-afterwards",
                        f"it is filled in for {percent(100 * shares[often], 100)} of the rows with "
                        f"{y.name} {counts.index[often]} and for "
                        f"{percent(100 * shares[seldom], 100)} of those with "
                        f"{counts.index[seldom]}",
                        {"balanced_accuracy_of_missingness": float(balanced)},
                    )
                )
                continue
        for side, rows in (("filled in", y[filled]), ("missing", y[~filled])):
            label = rows.iloc[0]
            if len(rows) < 30 or rows.nunique() > 1 or base[label] > 0.95:
                continue
            # P(n rows drawn at random are all of this class) = share^n
            chance = float(base[label]) ** len(rows)
            if chance < _CHANCE:
                found.append(
                    Leak(
                        name,
                        "filled-afterwards",
                        f"all {len(rows)} rows in which it is {side} have {y.name} {label}",
                        {"rows": len(rows), "chance": chance},
                    )
                )
                break
    return found


def _coarser_targets(columns: Columns, y: pd.Series) -> list[Leak]:
    classes, labels = pd.factorize(y)
    found: list[Leak] = []
    if len(labels) <= 3:
        return found
    for name in columns.named("text"):
        if not 3 <= columns.distinct[name] < len(labels) or columns.missing[name]:
            continue
        values = pd.factorize(columns.frame[name])[0]
        pairs = len(np.unique(classes.astype(np.int64) * (values.max() + 1) + values))
        if pairs == len(labels) and len(y) >= 10 * len(labels):
            found.append(
                Leak(
                    name,
                    "coarser-target",
                    f"each value of {y.name} has one value of {name} alone, as if it had been "
                    "assigned from it",
                )
            )
    return found


def _functions(columns: Columns, y: pd.Series) -> list[Leak]:
    from scipy.stats import spearmanr

    found = []
    target = y.to_numpy(dtype=np.float64)
    for name in columns.named("number"):
        x = columns.frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        rows = thinned(np.flatnonzero(~np.isnan(x)))
        if len(rows) < 30 or columns.distinct[name] < 20:
            continue
        rho = float(spearmanr(x[rows], target[rows]).statistic)
        if abs(rho) >= 0.999:
            found.append(
                Leak(
                    name,
                    "function",
                    f"{y.name} {'rises' if rho > 0 else 'falls'} with it row for row "
                    f"(rank correlation {rho:.5f})",
                    {"rank_correlation": rho},
                )
            )
    return found


def _sums(columns: Columns, y: pd.Series) -> list[Leak]:
    """Columns whose sum, difference or mean is the target."""
    names = [
        name
        for name in columns.named("number")
        if not columns.missing[name] and columns.distinct[name] > 2
    ]
    rows = thinned(np.arange(columns.n_rows))
    X = columns.frame[names].to_numpy(dtype=np.float64)[rows]
    target = y.to_numpy(dtype=np.float64)[rows]
    X = X - X.mean(axis=0)
    target = target - target.mean()
    scale = X.std(axis=0)
    if len(names) > _MOST_TERMS:
        nearest = np.sort(np.argsort(-np.abs(X.T @ target) / scale)[:_MOST_TERMS])
        names, X, scale = [names[j] for j in nearest], X[:, nearest], scale[nearest]
    if len(names) < 2 or len(rows) < 2 * len(names) + 10:
        return []
    # min_w |t - (X / s) w|^2, then b = w / s: columns on one scale keep the solution accurate.
    b = np.linalg.lstsq(X / scale, target, rcond=1e-10)[0] / scale
    used = np.abs(b) * scale > 1e-3 * target.std()
    if used.sum() < 2:
        return []
    # A formula that somebody would write: the same weight, up to sign, for every column.
    weight = np.abs(b[used]).mean()
    remainder = target - X[:, used] @ (weight * np.sign(b[used]))
    if remainder.std() > 1e-3 * target.std():
        return []
    members = [name for name, is_used in zip(names, used, strict=True) if is_used]
    terms = " ".join(
        ("+ " if sign > 0 else "- ") + name
        for name, sign in zip(members, np.sign(b[used]), strict=True)
    ).removeprefix("+ ")
    formula = terms if abs(weight - 1) < 1e-2 else f"{weight:.3g} x ({terms})"
    return [
        Leak(name, "sum", f"{y.name} = {formula} in every row", {"members": members})
        for name in members
    ]


def _parts(columns: Columns, y: pd.Series) -> list[Leak]:
    found = []
    target = y.to_numpy(dtype=np.float64)
    for name in columns.named("number"):
        words = shared_words(str(y.name), name)
        if not words:
            continue
        x = columns.frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        known = ~np.isnan(x)
        if known.sum() < 30 or columns.distinct[name] < 20:
            continue
        below = bool((x <= target)[known].all())
        above = bool((x >= target)[known].all())
        r = float(np.corrcoef(x[known], target[known])[0, 1])
        if (below or above) and r >= 0.9:
            relation = "never exceeds" if below else "is never less than"
            found.append(
                Leak(
                    name,
                    "part",
                    f'it shares "{listed(words)}" with {y.name}, {relation} it in any row, and '
                    f"moves with it (correlation {r:.2f})",
                    {"correlation": r},
                )
            )
    return found
