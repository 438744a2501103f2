"""The ten stages, each a function that takes the run's state one step further.

A stage adds its part to the record, a plain dictionary that becomes ``run.json`` and from which
the report is made, and gives the line that is printed. The test rows are put aside by `split` and
touched again only by `test`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from groundup.workflow import words
from groundup.workflow.audit import audit_against_target, audit_table
from groundup.workflow.compare import Comparison, compare
from groundup.workflow.compile_ahead import compile_ahead, is_compiled
from groundup.workflow.diagnose import diagnose, worthless_probabilities
from groundup.workflow.explain import explain
from groundup.workflow.explore import explore
from groundup.workflow.folds import warnings_as_findings
from groundup.workflow.inside import inside
from groundup.workflow.ladder import final_pipeline
from groundup.workflow.loss_curve import loss_curve
from groundup.workflow.partition import Method
from groundup.workflow.prepare import build_preparation
from groundup.workflow.read import DataError, read_table
from groundup.workflow.record import source_part
from groundup.workflow.score import score_once
from groundup.workflow.small_tree import small_tree
from groundup.workflow.split import Split, make_split
from groundup.workflow.state import State
from groundup.workflow.task import (
    Task,
    check_target,
    infer_task,
    likely_targets,
    nearest_name,
    positive_class,
)
from groundup.workflow.tune import Tuning, tune

# The shares of the time aimed for that comparing may take, and the least that tuning gets.
_COMPARE_SHARE = 0.4
_LEAST_TUNING_SECONDS = 1.0
_MOST_EXPLAIN_SECONDS = 10.0


@dataclass(kw_only=True)
class RunState(State):
    """What the stages hand on, from the file to the tested model."""

    asked_target: str | None
    asked_task: Task | None
    test_file: Path | None
    split_method: Method | None
    cluster: bool = False  # there is no target: groups are looked for
    target: str = field(init=False)
    task: Task = field(init=False)
    split: Split = field(init=False)
    X_train: pd.DataFrame = field(init=False)
    y_train: pd.Series = field(init=False)
    X_test: pd.DataFrame = field(init=False)
    y_test: pd.Series = field(init=False)
    test_groups: pd.Series | None = None
    comparison: Comparison = field(init=False)
    tuning: Tuning = field(init=False)
    pipeline: Any = None


def read_stage(state: RunState) -> None:
    """Read the file, and learn what is to be predicted: a column, or none."""
    with state.stage("read", "reading every row and deciding every column's type"):
        state.table = read_table(state.data)
        state.record["data"] = source_part(state.table.source)
        rows = state.table.rows
        state.record["rows"] = {
            "file": rows.file,
            "loaded": rows.loaded,
            "repaired": rows.repaired,
            "rejected": rows.rejected,
        }
        state.add(state.table.findings)
        state.display.found(*words.read_line(state.table))
    if state.cluster:
        return
    target = _target(state)
    if target is None:
        state.cluster = True
        return
    state.target = target
    column = next(c for c in state.table.columns if c.name == state.target)
    y = state.table.frame[state.target]
    if state.asked_task is None:
        state.task, reason = infer_task(y, column.kind)
    else:
        state.task, reason = state.asked_task, "you said so, with --task"
    check_target(y, column.kind, state.task)
    state.record |= {"target": state.target, "task": state.task, "task_reason": reason}
    state.display.say(words.task_line(state.target, state.task, reason), style="cyan")


def _target(state: RunState) -> str | None:
    """Return the column to predict; None where somebody at a terminal wants groups instead."""
    target = state.asked_target
    names = [column.name for column in state.table.columns]
    if target is None:
        likely = likely_targets(state.table.frame, state.table.columns)
        if state.display.can_ask:
            options = [*likely, ("none", "look for groups of similar rows: clustering")]
            number = state.display.choose("Which column is to be predicted?", options)
            return None if number == len(likely) else likely[number][0]
        named = "; ".join(f"{name!r} ({reason})" for name, reason in likely)
        raise DataError(
            f"Which column is to be predicted? Name it with --target. Likely: {named}. "
            "If none is, --cluster looks for groups of similar rows."
        )
    if target not in names:
        nearest = nearest_name(target, names)
        guess = f" Did you mean {nearest!r}?" if nearest else ""
        raise DataError(
            f"There is no column {target!r} in {state.data.name}.{guess} "
            f"Its columns: {', '.join(map(repr, names[:20]))}{', ...' if len(names) > 20 else ''}."
        )
    return target


def audit_stage(state: RunState) -> None:
    with state.stage("audit", "looking for what would mislead a model"):
        state.audit = audit_table(
            state.table, state.target, state.task, keep=state.keep, drop=state.drop
        )
        state.record["columns"] = _columns_part(state, {})
        state.display.found(*words.audit_line(state.audit.findings, state.audit.roles))


def split_stage(state: RunState) -> None:
    """Lock the test rows away, then look at the columns against the target, without those rows."""
    audit, frame = state.audit, state.table.frame.iloc[state.audit.rows]
    y = frame[state.target]
    with state.stage("split", "locking the test rows away"):
        method: Method | None = "file" if state.test_file else state.split_method
        state.split = make_split(frame, y, state.task, audit, seed=state.seed, method=method)
        if state.test_file:
            test_frame = _rows_of_test_file(state)
        else:
            test_frame = frame.iloc[state.split.test]
        train_frame = frame.iloc[state.split.train]
        state.y_train, state.y_test = y.iloc[state.split.train], test_frame[state.target]
        audit = audit_against_target(
            audit, train_frame[audit.features], state.y_train, folds=state.split.folds
        )
        state.audit = audit
        state.X_train, state.X_test = train_frame[audit.features], test_frame[audit.features]
        if audit.groups:
            state.test_groups = test_frame[audit.groups]
        state.add(audit.findings)
        state.add(state.split.findings)
        _record_split(state)
        state.display.found(*words.split_line(state.record["split"]))
    for message in words.warnings_to_show(state.record["findings"]):
        state.display.warning(message)


def _record_split(state: RunState) -> None:
    classes = positive = None
    if state.task != "regression":
        classes = [
            value.item() if hasattr(value, "item") else value for value in np.unique(state.y_train)
        ]
    if state.task == "binary":
        positive, _ = positive_class(state.y_train)
        positive = _plain(positive)
    state.record |= {
        "classes": classes,
        "positive": positive,
        "split": {
            "method": state.split.method,
            "why": state.split.why,
            "train": len(state.y_train),
            "test": len(state.y_test),
            "folds": len(state.split.folds),
        },
    }


def _rows_of_test_file(state: RunState) -> pd.DataFrame:
    """Read ``--test FILE`` with the training file's types; its rows must have the target."""
    assert state.test_file is not None
    kinds = {column.name: column.spec for column in state.table.columns}
    table = read_table(state.test_file, kinds=kinds)
    missing = [name for name in (*state.audit.features, state.target) if name not in table.frame]
    if missing:
        raise DataError(
            f"{state.test_file} lacks {', '.join(map(repr, missing))}: a test file needs the "
            "columns of the training file and the target. For rows without it: groundup predict."
        )
    y = table.frame[state.target]
    frame = table.frame[y.notna() & ~y.isin(state.audit.target_disguised)]
    if frame.empty:
        raise DataError(f"{state.test_file} has no row with a value in {state.target!r}.")
    return frame


def prepare_stage(state: RunState) -> None:
    with state.stage("prepare", "planning how columns become numbers"):
        state.preparation = build_preparation(state.X_train, state.audit, seed=state.seed)
        state.record["prepare"] = state.preparation.plan
        state.display.found(*words.prepare_line(state.preparation.plan))


def explore_stage(state: RunState) -> None:
    with state.stage("explore", "measuring every column against the target"):
        kinds = {name: state.audit.kinds[name] for name in state.audit.features}
        X = state.preparation.missing.fit_transform(state.X_train)
        described, part = explore(X, state.y_train, state.task, kinds, seed=state.seed)
        state.record["explore"] = part
        state.record["columns"] = _columns_part(state, described)
        state.display.found(*words.explore_line(part))


def _columns_part(state: RunState, described: dict[str, dict]) -> list[dict[str, Any]]:
    """Return every column with its role and counts.

    What was explored is described on the training rows, the rest is counted over the whole file.
    """
    return [
        {
            "name": column.name,
            "kind": column.kind,
            "role": state.audit.roles[column.name][0],
            "why": state.audit.roles[column.name][1],
            "counted_over": "training rows" if column.name in described else "file",
            "missing": column.missing,
            "distinct": column.distinct,
            "summary": None,
            "histogram": None,
            **described.get(column.name, {}),
        }
        for column in state.table.columns
    ]


def _compile_first(state: RunState) -> None:
    """On a machine's first run, compile the models' kernels; the time for that is not counted."""
    n_rows, n_columns = state.X_train.shape
    if is_compiled(state.task, n_rows, n_columns):
        return
    begun = time.monotonic()
    state.progress(0, 1, "preparing the algorithms for this machine, once")
    n_classes = 0 if state.task == "regression" else int(state.y_train.nunique())
    compile_ahead(state.task, n_rows, n_columns, n_classes)
    state.waited = time.monotonic() - begun


def compare_stage(state: RunState) -> None:
    with state.stage("compare", "fitting every model on the same folds"):
        _compile_first(state)
        state.comparison = compare(
            state.preparation.pipeline(),
            state.X_train,
            state.y_train,
            state.split.folds,
            state.task,
            seed=state.seed,
            deadline=state.begun + state.waited + _COMPARE_SHARE * state.seconds,
            seconds=state.seconds,
            progress=state.progress,
        )
        state.record |= state.comparison.as_dict()
        state.add(state.comparison.findings)
        state.display.found(*words.compare_line(state.record))


def tune_stage(state: RunState) -> None:
    with state.stage("tune", "trying other parameters of the chosen model"):
        # The stages behind this one fit the chosen model about twice as often as comparing did.
        chosen = state.comparison.chosen
        times = 2.2 if not chosen.for_a_score else 5.2  # the probabilities are yet to come
        fits = sum(score.seconds for score in state.comparison.scores[chosen.name])
        to_come = 0.2 * state.record["seconds"]["compare"] + times * fits
        seconds = state.remaining() - to_come - 3.5
        state.tuning = tune(
            state.comparison,
            seed=state.seed,
            seconds=max(_LEAST_TUNING_SECONDS, seconds),
            storage=state.folder.path / "trials.log",
            progress=state.progress,
        )
        # Where the baseline had been chosen, tuning may have found a model that beats it.
        state.record |= {
            **state.comparison.as_dict(),
            "tune": state.tuning.as_dict(),
            "chosen_params": state.tuning.all_params,
        }
        state.add(state.tuning.findings)
        state.display.found(*words.tune_line(state.record))


def diagnose_stage(state: RunState) -> None:
    with state.stage("diagnose", "comparing training with validation"):
        state.record["diagnose"] = diagnose(
            state.comparison, state.tuning, state.X_train, seed=state.seed
        )
        state.record["diagnose"]["loss_curve"] = loss_curve(
            state.comparison, state.tuning, seed=state.seed
        )
        chosen = state.comparison.chosen
        found = worthless_probabilities(state.record["diagnose"], chosen.name, chosen.title)
        state.add(found)
        state.display.found(*words.diagnose_line(state.record["diagnose"]))
    for message in words.warnings_to_show([finding.as_dict() for finding in found]):
        state.display.warning(message)


def explain_stage(state: RunState) -> None:
    with state.stage("explain", "shuffling one column after the other"):
        state.record["explain"] = explain(
            state.comparison,
            state.tuning,
            state.X_train,
            correlations=state.record["explore"].get("correlations"),
            seed=state.seed,
            seconds=min(_MOST_EXPLAIN_SECONDS, max(1.0, state.remaining())),
            progress=state.progress,
        )
        state.record["explain"]["tree"] = small_tree(
            state.comparison,
            state.tuning,
            state.X_train,
            state.y_train,
            target=state.target,
            booleans=[name for name, kind in state.audit.kinds.items() if kind == "boolean"],
            seed=state.seed,
        )
        state.display.found(*words.explain_line(state.record["explain"]))


def test_stage(state: RunState) -> None:
    with state.stage("test", "opening the locked rows, once"):
        chosen = state.comparison.chosen.for_rows(len(state.y_train))
        pipeline = final_pipeline(state.preparation.pipeline(), chosen, state.tuning.params)
        state.record["chosen_params"] = {**chosen.defaults, **state.tuning.params}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            state.pipeline = pipeline.fit(state.X_train, state.y_train)
        messages = chosen.worth_telling([f"{w.category.__name__}: {w.message}" for w in caught])
        state.add(warnings_as_findings("test", chosen.title, messages))
        state.record["features_out"] = int(pipeline[-1].n_features_in_)
        state.record["inside"] = inside(chosen.name, pipeline[-1], len(state.y_train))
        state.record["test"] = score_once(
            pipeline,
            state.X_test,
            state.y_test,
            state.task,
            y_train=state.y_train,
            groups=state.test_groups,
        )
        state.display.found(*words.test_line(state.record))


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label


#: Every stage with its name, in the order in which they run.
STAGES: dict[str, Callable[[RunState], None]] = {
    "read": read_stage,
    "audit": audit_stage,
    "split": split_stage,
    "prepare": prepare_stage,
    "explore": explore_stage,
    "compare": compare_stage,
    "tune": tune_stage,
    "diagnose": diagnose_stage,
    "explain": explain_stage,
    "test": test_stage,
}
