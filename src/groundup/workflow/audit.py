"""Audit: what is in the table that would mislead a model, or the person who reads its score.

In two halves, with the split between them:

1. `audit_table` looks at the columns, and at the target only to see where it is missing. It decides
   which rows can be used, which columns identify rows, are empty, constant or copies, what stands
   for missing, and whether the rows hang together in time or in groups: all that the split needs.
2. `audit_against_target` looks at the columns against the target, on the training rows alone, so
   that the locked test rows decide nothing, not even which column is a leak.

Each column gets a role with its reason, and each observation is a `Finding` with its evidence.
Whatever was decided here can be taken back: a column named in ``keep`` stays a feature, as it is,
and one named in ``drop`` is left out.

Where nothing is to be predicted (``groundup run --cluster``), there is no target, and the first
half is all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from groundup.workflow import audit_findings as wording
from groundup.workflow import duplicates, identifiers, missing, structure, values
from groundup.workflow.against_target import target_findings
from groundup.workflow.columns import Columns, listed
from groundup.workflow.disguised_missing import DisguisedMissing
from groundup.workflow.findings import Finding
from groundup.workflow.leaks import leaks as find_leaks
from groundup.workflow.one_column import suspicions
from groundup.workflow.table import DataError
from groundup.workflow.task import Task, check_target, nearest_name

#: Roles under which a column is handed to the model.
FEATURE_ROLES = ("feature", "time")


@dataclass(frozen=True)
class Audit:
    """What the audit found and decided.

    Parameters
    ----------
    target : str or None
        None where nothing is to be predicted.
    task : {"binary", "multiclass", "regression"} or None
    kinds : dict of str to str
        The kind of each column, as the reading stage has it.
    findings : list of Finding
    roles : dict of str to (role, why)
        For every column: "feature", "time" (a feature that also says when), "target", "group",
        "identifier", "constant", "empty", "duplicate", "leak" or "dropped".
    disguised : dict of str to list
        The numbers that stand for missing, for the features; see `DisguisedMissing`.
    target_disguised : list
        The same for the target: rows with one of them have no target.
    rows : int ndarray
        Positions in the table of the rows that have a target: the rows to work with.
    lines_without_target : list of int
        Lines in the file of the rows that have none, and are left out.
    groups : str or None
        The column whose values must not stand on both sides of the split.
    time_column : str or None
        The column that says when; the rows form a series in it if `time_ordered`.
    time_ordered : bool
    texts : dict of str to str
        Columns of running text, each with the reason.
    scores : dict of str to float
        After `audit_against_target`: the score of each column alone.
    keep : tuple of str
        The columns that the user wants kept as they are.
    """

    target: str | None
    task: Task | None
    kinds: dict[str, str]
    findings: list[Finding]
    roles: dict[str, tuple[str, str]]
    disguised: dict[str, list[float]]
    target_disguised: list[float]
    rows: np.ndarray
    lines_without_target: list[int]
    groups: str | None = None
    time_column: str | None = None
    time_ordered: bool = False
    texts: dict[str, str] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    keep: tuple[str, ...] = ()

    @property
    def features(self) -> list[str]:
        """Names of the columns that the model is given, in the table's order."""
        return [name for name, (role, _) in self.roles.items() if role in FEATURE_ROLES]

    def with_role(self, role: str) -> list[str]:
        """Names of the columns in this role, in the table's order."""
        return [name for name, (has, _) in self.roles.items() if has == role]


def audit_table(
    table: Any,
    target: str | None,
    task: Task | None,
    *,
    keep: Iterable[str] = (),
    drop: Iterable[str] = (),
) -> Audit:
    """Audit a table's structure: everything that can be said before the split.

    Parameters
    ----------
    table : Table
        As the reading stage returns it: ``frame`` (n rows, indexed by line number) and ``columns``
        (each with ``name`` and ``kind``).
    target : str or None
        Name of the column to be predicted; None where nothing is.
    task : {"binary", "multiclass", "regression"} or None
        None where there is no target.
    keep : iterable of str, default=()
        Columns to keep as features as they are, whatever the audit thinks of them.
    drop : iterable of str, default=()
        Columns to leave out, whatever the audit thinks of them.

    Returns
    -------
    Audit

    Raises
    ------
    DataError
        If the target or a column of `keep` or `drop` is not there (with the nearest name), the
        target cannot serve (see `check_target`), or no column is left to look at.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from types import SimpleNamespace
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame({"id": np.arange(1, 41), "size": rng.normal(size=40), "unit": "m",
    ...                       "price": rng.normal(size=40)})
    >>> kinds = {"id": "number", "size": "number", "unit": "text", "price": "number"}
    >>> columns = [SimpleNamespace(name=name, kind=kind) for name, kind in kinds.items()]
    >>> table = SimpleNamespace(frame=frame, columns=columns)
    >>> audit = audit_table(table, "price", "regression")
    >>> audit.features, audit.roles["id"]
    (['size'], ('identifier', 'it counts the rows, 1 to 40'))
    >>> audit_table(table, "price", "regression", keep=["id"]).features
    ['id', 'size']
    """
    kinds = {column.name: column.kind for column in table.columns}
    keep, drop = tuple(keep), tuple(drop)
    for name in (target, *keep, *drop):
        if name is not None and name not in kinds:
            nearest = nearest_name(name, kinds)
            raise DataError(
                f"there is no column {name!r}" + (f"; did you mean {nearest!r}?" if nearest else "")
            )
    for name in drop:
        if name in (target, *keep):
            other = "the target" if name == target else "named in --keep"
            raise DataError(f"the column {name!r} cannot be dropped: it is {other}")
    findings: list[Finding] = []

    # Disguises first: what follows looks at the values without them.
    disguised, found = missing.disguised_numbers(_searched(table.frame, kinds, target, task, keep))
    findings += found
    frame = DisguisedMissing(disguised).fit_transform(table.frame)
    roles = dict.fromkeys(kinds, ("feature", ""))
    rows, lines, target_disguised = np.arange(len(frame)), [], []
    if target is not None and task is not None:
        target_disguised = disguised.pop(target, [])
        has_target = frame[target].notna().to_numpy()
        rows = np.flatnonzero(has_target)
        lines = [int(line) for line in frame.index[~has_target]]
        if lines:
            findings.append(wording.rows_without_target(target, lines, len(frame)))
        frame = frame.iloc[rows]
        check_target(frame[target], kinds[target], task)
        roles[target] = ("target", "the column to be predicted")
    roles.update(dict.fromkeys(drop, ("dropped", "you said so, with --drop")))
    every = Columns(frame, kinds)
    columns = every.without([*drop] if target is None else [target, *drop])

    def left(role: str, why: Mapping[str, str]) -> Columns:
        """Give columns a role, and return those that are left."""
        given = {name: (role, reason) for name, reason in why.items() if name not in keep}
        roles.update(given)
        return columns.without(given)

    columns = left("empty", dict.fromkeys(values.empty_columns(columns), "no value in any row"))
    columns = left("constant", values.constant_columns(columns))
    times = structure.time_orders(columns)
    groups = structure.group_structure(columns, keep)
    if groups:
        findings.append(wording.group_structure(groups))
        columns = left("group", {groups.column: groups.why})
    codes = identifiers.identifiers(columns)
    findings += structure.shared_codes(columns, codes)
    columns = left("identifier", codes)
    repeats, found = duplicates.duplicate_columns(columns)
    columns = left("duplicate", repeats)
    findings += found
    codes_left_out = [name for name in codes if name not in columns.kinds]
    findings += duplicates.duplicate_rows(every.without(drop), codes_left_out)
    findings += wording.left_out(roles)

    times = [order for order in times if order.column in columns.kinds]
    time = next((order for order in times if order.ordered or kinds[order.column] == "date"), None)
    if time:
        roles[time.column] = ("time", time.why)
    if times:
        findings.append(wording.times(times, time))

    texts = identifiers.free_texts(columns)
    findings += [wording.free_text(name, why) for name, why in texts.items()]
    findings += missing.missing_findings(columns)
    findings += values.value_findings(columns)

    audit = Audit(
        target=target,
        task=task,
        kinds=kinds,
        findings=findings,
        roles=roles,
        disguised={name: codes for name, codes in disguised.items() if name in columns.kinds},
        target_disguised=target_disguised,
        rows=rows,
        lines_without_target=lines,
        groups=groups.column if groups else None,
        time_column=time.column if time else None,
        time_ordered=bool(time and time.ordered),
        texts=texts,
        keep=keep,
    )
    if not audit.features:
        left_out = listed([f"{name} ({roles[name][0]})" for name in kinds if name != target])
        purpose = "compare rows by" if target is None else f"predict {target} from"
        raise DataError(
            f"no column is left to {purpose}: {left_out or 'it is the only one'}; "
            "--keep COLUMN takes one in all the same"
        )
    return audit


def audit_against_target(
    audit: Audit,
    X_train: pd.DataFrame,
    y_train: pd.Series,
    *,
    folds: Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
) -> Audit:
    """Look at the columns against the target, on the training rows alone.

    Parameters
    ----------
    audit : Audit
        From `audit_table`.
    X_train : DataFrame of shape (n, d)
        The training rows, with at least the columns ``audit.features``, as they were read.
    y_train : Series of shape (n,)
        Their target, indexed by line number as `X_train` is.
    folds : sequence of (fit, validate) position arrays, default=None
        Folds of the training rows for scoring columns alone (``split.folds``); three random ones
        by default, and for rows in time.

    Returns
    -------
    Audit
        With leaks among the roles, the findings added, and the score of each column alone.
    """
    if audit.target is None or audit.task is None:
        raise ValueError("this audit has no target to look at the columns against")
    features = audit.features
    frame = DisguisedMissing(audit.disguised).fit_transform(X_train[features])
    columns = Columns(frame, {name: audit.kinds[name] for name in features})
    y = y_train.rename(audit.target)
    findings = [*audit.findings, *target_findings(y, audit.task)]
    roles = dict(audit.roles)

    proven = [leak for leak in find_leaks(columns, y, audit.task) if leak.column not in audit.keep]
    all_leak = len(proven) == len(features)
    for leak in proven:
        findings.append(wording.leak(leak, audit.target, dropped=not all_leak))
        if not all_leak:
            roles[leak.column] = ("leak", leak.why)

    columns = columns.without(leak.column for leak in proven)
    # Whether a column holds the answer is no question of how the times change.
    if folds is None or audit.time_ordered:
        folds = _three_folds(len(y))
    found, scores = suspicions(columns, y, audit.task, folds, list(audit.texts))
    return replace(audit, findings=[*findings, *found], roles=roles, scores=scores)


def _searched(
    frame: pd.DataFrame,
    kinds: dict[str, str],
    target: str | None,
    task: str | None,
    keep: Iterable[str],
) -> Columns:
    """Leave out the columns in which no number is in disguise: classes, and those to be kept."""
    columns = Columns(frame, kinds).without(keep)
    return columns if task == "regression" or target is None else columns.without([target])


def _three_folds(n_rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    shuffled = np.random.default_rng(0).permutation(n_rows)
    parts = np.array_split(shuffled, 3)
    return [
        (np.sort(np.concatenate(parts[:i] + parts[i + 1 :])), np.sort(parts[i])) for i in range(3)
    ]
