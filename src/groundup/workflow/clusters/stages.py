"""The stages of a run without a target, behind the reading: each takes the state one step further.

The record that they fill becomes ``run.json``; the report is made from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from groundup.workflow.audit import audit_table
from groundup.workflow.clusters import words
from groundup.workflow.clusters.assign import Assigner, assigner_for
from groundup.workflow.clusters.blank import missing_cells
from groundup.workflow.clusters.describe import describe
from groundup.workflow.clusters.evidence_part import evidence_part
from groundup.workflow.clusters.features import build_distances
from groundup.workflow.clusters.find import find_clusters
from groundup.workflow.clusters.grouping import Evidence, Grouping
from groundup.workflow.clusters.numbering import numbered
from groundup.workflow.clusters.silhouette import Silhouette
from groundup.workflow.compile_ahead import compile_ahead, is_compiled
from groundup.workflow.disguised_missing import DisguisedMissing
from groundup.workflow.explore import correlations, describe_column
from groundup.workflow.state import State
from groundup.workflow.words import audit_line, warnings_to_show

# The seconds that are kept for describing and for the report.
_AFTERWARDS = 5.0
_LEAST_SECONDS = 3.0
# The silhouette looks at every pair of rows.
_MOST_SILHOUETTE = 5000
# Rows that the test for one crowd looks at; more of them would be shuffled in vain.
_MOST_SHUFFLED = 1000
# A number column of no more distinct values than this makes a crowd of each of them.
_FEW_VALUES = 12


@dataclass(kw_only=True)
class ClusterState(State):
    """What the stages hand on, from the typed table to the groups of its rows."""

    frame: pd.DataFrame = field(init=False)  # (n, p) the columns that clusters are described by
    compared: list[str] = field(init=False)  # those of them that make the distances
    pipeline: Any = None  # the fitted preparation, later with the chosen estimator behind it
    X: np.ndarray = field(init=False)  # (n, d) numbers whose distances mean something
    missing: np.ndarray = field(init=False)  # (n,) compared cells that are missing
    evidence: Evidence = field(init=False)
    clusters: np.ndarray | None = None  # (n,) 1, 2, ... from the largest on; -1 is none
    assigner: Assigner | None = None

    @property
    def blank(self) -> np.ndarray:
        """Which rows have nothing that could be compared, of shape (n,)."""
        return self.missing == len(self.compared)

    @classmethod
    def after_reading(cls, read: State) -> ClusterState:
        """Take over from the stage that reads the file."""
        state = cls(
            data=read.data,
            seed=read.seed,
            seconds=read.seconds,
            keep=read.keep,
            drop=read.drop,
            display=read.display,
            record=read.record | {"task": "clustering"},
            begun=read.begun,
        )
        state.table = read.table
        return state


def audit_stage(state: ClusterState) -> None:
    """Decide which columns rows are compared by."""
    with state.stage("audit", "looking for what would mislead a comparison"):
        audit = audit_table(state.table, None, None, keep=state.keep, drop=state.drop)
        state.audit = audit
        findings = words.reworded(audit.findings)
        state.add(findings)
        state.record["columns"] = _columns_part(state, {})
        state.display.found(audit_line(findings, audit.roles)[0], words.AUDIT_WHY)
    for message in warnings_to_show(state.record["findings"]):
        state.display.warning(message)


def prepare_stage(state: ClusterState) -> None:
    """Turn columns into numbers whose distances mean something."""
    with state.stage("prepare", "turning columns into distances"):
        table = state.table.frame[state.audit.features]
        state.preparation = build_distances(table, state.audit, seed=state.seed)
        treated = {name for block in state.preparation.blocks for name in block.columns}
        state.compared = [name for name in state.audit.features if name in treated]
        state.pipeline = state.preparation.pipeline()
        # Fitted and then asked, as new rows are: equal to the last bit where they are equal.
        X = state.pipeline.fit(table[state.compared]).transform(table[state.compared])
        state.X = np.ascontiguousarray(X, dtype=np.float64)
        state.missing = missing_cells(state.pipeline, table[state.compared])
        state.frame = DisguisedMissing(state.audit.disguised).fit_transform(table)
        state.record["prepare"] = state.preparation.plan
        state.record["features_out"] = int(state.X.shape[1])
        state.display.found(*words.prepare_line(len(state.compared), state.X.shape[1]))


def explore_stage(state: ClusterState) -> None:
    """Describe every column, and which go with one another."""
    with state.stage("explore", "looking at every column"):
        kinds = {name: state.audit.kinds[name] for name in state.audit.features}
        described = {name: describe_column(state.frame[name], kinds[name]) for name in kinds}
        why = {name: block["why"] for block in state.record["prepare"] for name in block["columns"]}
        for name in described:
            if name not in state.compared:
                described[name] |= {"role": "described", "why": why.get(name, "")}
        state.record["columns"] = _columns_part(state, described)
        part = {"correlations": correlations(state.frame, None, kinds, list(kinds), state.seed)}
        state.record["explore"] = part
        state.display.found(*words.explore_line(part["correlations"]))


def _columns_part(state: ClusterState, described: dict[str, dict]) -> list[dict[str, Any]]:
    return [
        {
            "name": column.name,
            "kind": column.kind,
            "role": state.audit.roles[column.name][0],
            "why": state.audit.roles[column.name][1],
            "counted_over": "file",
            "missing": column.missing,
            "distinct": column.distinct,
            "summary": None,
            "histogram": None,
            **described.get(column.name, {}),
        }
        for column in state.table.columns
    ]


def find_stage(state: ClusterState) -> None:
    """Try the four families, and weigh the evidence for groups."""
    with state.stage("find", "looking for groups in four ways"):
        _compile_first(state)
        seconds = max(_LEAST_SECONDS, state.remaining() - _AFTERWARDS)
        state.evidence = find_clusters(
            state.X,
            seed=state.seed,
            seconds=seconds,
            shuffled=_shuffled(state) if _takes_few_values(state) else None,
            progress=state.progress,
        )
        chosen = state.evidence.chosen
        if chosen is not None:
            chosen.labels = np.where(state.blank, -1, chosen.labels)
            _measure_chosen(chosen, state)
            state.clusters = numbered(chosen.labels)
            state.assigner = assigner_for(chosen, state.X, state.clusters, state.blank)
        state.record["evidence"] = evidence_part(state.evidence, state.clusters)
        state.display.found(*words.find_line(state.record["evidence"]))


def _measure_chosen(chosen: Grouping, state: ClusterState) -> None:
    """Give the chosen grouping its silhouette where only others of its kind were measured."""
    rows, labels = state.evidence.sample, chosen.measures.get("labels_on_sample")
    if labels is None or len(labels) != len(rows):
        rows, labels = np.arange(len(state.X)), chosen.labels
    if chosen.measures.get("silhouette") is None and len(rows) <= _MOST_SILHOUETTE:
        chosen.measures["silhouette"] = Silhouette(state.X[rows])(labels)


def _takes_few_values(state: ClusterState) -> bool:
    """Whether categories count in the distance, or most numbers are as good as categories."""
    if any(block.name.startswith("category") for block in state.preparation.blocks):
        return True
    few = (state.table.frame[state.compared].nunique() <= _FEW_VALUES).sum()
    return bool(2 * few >= len(state.compared))


def _shuffled(state: ClusterState) -> Callable[[np.random.Generator], np.ndarray]:
    """Return what shuffles each column of the table on its own, and prepares the result."""
    table = state.table.frame[state.compared]
    if len(table) > _MOST_SHUFFLED:
        table = table.sample(_MOST_SHUFFLED, random_state=state.seed)

    def draw(rng: np.random.Generator) -> np.ndarray:
        columns = {name: table[name].take(rng.permutation(len(table))) for name in table}
        mixed = pd.DataFrame({name: c.set_axis(table.index) for name, c in columns.items()})
        return np.ascontiguousarray(state.pipeline.transform(mixed), dtype=np.float64)

    return draw


def _compile_first(state: ClusterState) -> None:
    """On a machine's first run, compile the kernels; the time for that is not counted."""
    if is_compiled("clustering", *state.X.shape):
        return
    begun = time.monotonic()
    state.progress(0, 1, "preparing the algorithms for this machine, once")
    compile_ahead("clustering", len(state.X), state.X.shape[1], 0)
    state.waited = time.monotonic() - begun


def describe_stage(state: ClusterState) -> None:
    """Say what each group is like."""
    with state.stage("describe", "finding out what sets each group apart"):
        described = [name for name in state.audit.features if name not in state.compared]
        left_out = [*dict.fromkeys(state.drop), *described]
        state.record["describe"] = describe(
            state.frame,
            {name: state.audit.kinds[name] for name in state.audit.features},
            state.X,
            state.evidence,
            state.clusters,
            state.assigner,
            blank=state.blank,
            left_out=state.table.frame[left_out],
            texts=list(state.audit.texts),
            seed=state.seed,
            seconds=max(1.0, state.remaining()),
        )
        state.display.found(*words.describe_line(state.record["describe"]))


#: Every stage with its name, in the order in which they run, behind "read".
STAGES: dict[str, Callable[[ClusterState], None]] = {
    "audit": audit_stage,
    "prepare": prepare_stage,
    "explore": explore_stage,
    "find": find_stage,
    "describe": describe_stage,
}
