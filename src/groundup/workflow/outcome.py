"""The folder that a run leaves, each file written whole or not at all."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from groundup.workflow.csv_output import write_csv
from groundup.workflow.read import DataError
from groundup.workflow.record import as_json

if TYPE_CHECKING:
    from groundup.workflow.stages import RunState
    from groundup.workflow.state import State

# What a run writes; an earlier run's files of these names are replaced. The trials of its tuning
# (trials.log) stay, so that a search over the same data goes on.
_FILES = (
    "run.json",
    "report.html",
    "train.py",
    "predictions.csv",
    "clusters.csv",
    "rejected.csv",
)

_MOST_LISTED = 200
GOLDEN_ROWS = 20


@dataclass(frozen=True)
class Folder:
    """Where a run's files go.

    Parameters
    ----------
    path : pathlib.Path
        An existing folder.
    """

    path: Path

    @classmethod
    def create(cls, out: str | Path | None, data: Path) -> Folder:
        """Make the folder, or take over the one of an earlier run.

        Raises
        ------
        DataError
            If `out` is a file, or a folder that holds something other than a run.
        OSError
            If it cannot be made.
        """
        path = Path(out) if out else _unused(Path("groundup-runs") / data.name.split(".")[0])
        if path.exists() and not path.is_dir():
            raise DataError(f"{path} is a file; --out needs the name of a folder.")
        if path.is_dir() and any(path.iterdir()) and not (path / "run.json").exists():
            raise DataError(
                f"{path} holds something other than a run; give a new folder with --out."
            )
        path.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            (path / name).unlink(missing_ok=True)
        return cls(path)

    def write_record(self, record: dict[str, Any]) -> None:
        """Write ``run.json`` and the report of what is known so far."""
        from groundup.workflow.report import write_report

        write_text(self.path / "run.json", as_json(record))
        write_report(record, self.path / "report.html")

    def write_all(self, state: RunState) -> None:
        """Write everything that a finished run leaves."""
        from groundup.bundle import save_bundle
        from groundup.workflow.script import training_script
        from groundup.workflow.unfamiliar import with_ranges

        record, features = state.record, set(state.audit.features)
        record_rows(state)
        write_csv(_predictions(state), self.path / "predictions.csv")
        write_text(self.path / "train.py", training_script(state, self.path))
        save_bundle(
            self.path / "model",
            state.pipeline,
            schema=with_ranges(
                [column for column in state.table.columns if column.name in features],
                state.X_train,
                state.pipeline,
            ),
            task=state.task,
            target=state.target,
            target_kind=state.audit.kinds[state.target],
            unused=[name for name in state.audit.kinds if name not in {*features, state.target}],
            classes=record["classes"],
            positive=record["positive"],
            golden=state.X_test.iloc[:GOLDEN_ROWS],
            score={"metric": record["metric"], **record["test"]},
        )
        record["next"] = [
            f"groundup predict {self.path} new.csv",
            f"python {self.path / 'train.py'}",
        ]
        finish_record(record, state.begun)
        self.write_record(record)


def record_rows(state: State) -> None:
    """Put the rows that were repaired or rejected into the record, and all the latter in a file."""
    record, table = state.record, state.table
    record["rejected"] = [vars(row) for row in table.rejected[:_MOST_LISTED]]
    record["repaired"] = [vars(row) for row in table.repaired[:_MOST_LISTED]]
    if table.rejected:
        rejected = pd.DataFrame([vars(row) for row in table.rejected])
        write_csv(rejected, state.folder.path / "rejected.csv")


def finish_record(record: dict[str, Any], begun: float) -> None:
    """Note what the whole run took."""
    del record["stage"]
    record["seconds"]["total"] = time.monotonic() - begun
    record["memory_mb"] = _peak_memory_mb()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all: to a temporary name, flushed, then renamed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        error.filename = str(path)
        raise


def _unused(path: Path) -> Path:
    """Return `path`, or it with the first number behind it that is not taken."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f"{path.name}-{number}")
        number += 1
    return free


def _predictions(state: RunState) -> pd.DataFrame:
    """Return the test rows: where they stand, what is true, what was predicted."""
    model, X = state.pipeline, state.X_test
    table: dict[str, Any] = {
        "line": X.index,
        "actual": state.y_test.to_numpy(),
        "predicted": model.predict(X),
    }
    if state.task == "regression":
        table["error"] = np.asarray(table["predicted"]) - np.asarray(table["actual"])
    else:
        probabilities = model.predict_proba(X)  # (n_test, n_classes)
        for k, label in enumerate(model.classes_):
            table[f"probability_{label}"] = probabilities[:, k]
    return pd.DataFrame(table)


def _peak_memory_mb() -> float | None:
    """Return the most memory that this process has held, in MB; None where that is not known."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
