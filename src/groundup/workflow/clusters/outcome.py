"""The files that a run without a target leaves."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.pipeline import Pipeline

from groundup.workflow.clusters.assign import assign_own_rows
from groundup.workflow.clusters.blank import missing_notes
from groundup.workflow.clusters.script import clustering_script
from groundup.workflow.csv_output import write_csv
from groundup.workflow.outcome import GOLDEN_ROWS, finish_record, record_rows, write_text

if TYPE_CHECKING:
    from groundup.workflow.clusters.stages import ClusterState


def write_all(state: ClusterState) -> None:
    """Write the record and the report; where there are clusters, also rows, script and model."""
    from groundup.bundle import save_bundle

    record, path = state.record, state.folder.path
    record_rows(state)
    record["next"] = []
    if state.assigner is not None and state.clusters is not None:
        write_csv(cluster_table(state), path / "clusters.csv")
        write_text(path / "train.py", clustering_script(state, path))
        features = set(state.compared)
        save_bundle(
            path / "model",
            bundled_pipeline(state),
            schema=[column for column in state.table.columns if column.name in features],
            task="clustering",
            target=_free_name("cluster", state.audit.kinds),
            target_kind="number",
            unused=[name for name in state.audit.kinds if name not in features],
            golden=state.table.frame[state.compared].iloc[:GOLDEN_ROWS],
            score=state.assigner.notes(),
        )
        record["next"] = [f"groundup predict {path} new.csv", f"python {path / 'train.py'}"]
    else:
        _remove_model(path / "model")
    finish_record(record, state.begun)
    state.folder.write_record(record)


def bundled_pipeline(state: ClusterState) -> Pipeline:
    """Return the fitted preparation with what assigns rows behind it."""
    assert state.assigner is not None
    return Pipeline([*state.pipeline.steps, ("clusters", state.assigner.model)])


def cluster_table(state: ClusterState) -> pd.DataFrame:
    """Return each row of the table with its cluster, and how sure that is."""
    assert state.assigner is not None and state.clusters is not None
    own = assign_own_rows(state.assigner, state.X, state.clusters, state.blank)
    return pd.DataFrame(
        {
            "line": state.frame.index,
            "cluster": own.cluster,
            "sure": own.sure,
            "distance": own.distance,
            "outlier": own.outlier,
            "note": missing_notes(state.missing, len(state.compared)),
        }
    )


def _free_name(name: str, taken: Collection[str]) -> str:
    """Return a name that no column has."""
    while name in taken:
        name += "_"
    return name


def _remove_model(folder: Path) -> None:
    """Remove the model of an earlier run, so that nobody takes it for this one's."""
    if (folder / "manifest.json").is_file():
        for name in ("manifest.json", "arrays.safetensors", "golden.safetensors"):
            (folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # somebody keeps files of their own in it
            folder.rmdir()
