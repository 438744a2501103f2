"""Tables as the reading stage gives them, made by hand or read from the real files once."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import pandas as pd
from conftest import SHARED_DATA, shared_datasets

from groundup.workflow.audit import Audit, audit_against_target, audit_table
from groundup.workflow.read import read_table
from groundup.workflow.split import Split, make_split
from groundup.workflow.task import infer_task

_KINDS = {"f": "number", "i": "number", "u": "number", "M": "date"}


def table(frame: pd.DataFrame, **kinds: str) -> SimpleNamespace:
    """Make a table of a frame: its index counts lines from 2, its kinds follow from the dtypes."""
    frame = frame.set_axis(pd.RangeIndex(2, len(frame) + 2, name="line"))
    columns = [
        SimpleNamespace(
            name=name, kind=kinds.get(name) or _KINDS.get(frame[name].dtype.kind, "text")
        )
        for name in frame.columns
    ]
    return SimpleNamespace(frame=frame, columns=columns)


def kind_of(made: SimpleNamespace, name: str) -> str:
    return next(column.kind for column in made.columns if column.name == name)


@cache
def real_table(name: str) -> tuple[SimpleNamespace, str, str]:
    """Read one of the real files. Returns the table, the target and the task."""
    entry = next(entry for entry in shared_datasets() if entry["name"] == name)
    read = read_table(SHARED_DATA / entry["file"])
    target = entry["target"]
    target = target if isinstance(target, str) else f"column_{target}"
    task = infer_task(read.frame[target], kind_of(read, target))[0]
    return read, target, task


@cache
def real_audit(name: str) -> tuple[Audit, Split]:
    """Audit one of the real files, split it, and audit its training rows."""
    return audited(*real_table(name))


def audited(
    made: SimpleNamespace, target: str, task: str, *, seed: int = 0, keep: tuple[str, ...] = ()
) -> tuple[Audit, Split]:
    """Audit, split, audit against the target: as a run does."""
    audit = audit_table(made, target, task, keep=keep)
    frame = made.frame.iloc[audit.rows]
    y = frame[target]
    split = make_split(frame, y, task, audit, seed=seed)
    train = frame.iloc[split.train]
    audit = audit_against_target(
        audit, train[audit.features], y.iloc[split.train], folds=split.folds
    )
    return audit, split
