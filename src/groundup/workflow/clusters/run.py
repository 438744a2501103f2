"""`groundup run --cluster`: from a raw file to groups of rows, or to "there are none"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from groundup.workflow.clusters import words
from groundup.workflow.clusters.outcome import write_all
from groundup.workflow.clusters.stages import STAGES, ClusterState
from groundup.workflow.outcome import Folder
from groundup.workflow.state import State


def find_groups(read: State, out: str | Path | None) -> dict[str, Any]:
    """Go on from the file that was read, and return the content of ``run.json``.

    Parameters
    ----------
    read : State
        After the stage "read".
    out : path or None
        The folder to write, as `groundup.workflow.run.run` has it.
    """
    state = ClusterState.after_reading(read)
    words.refuse_few_rows(state.table)
    state.folder = Folder.create(out, state.data)
    with state.stopping_cleanly():
        for stage in STAGES.values():
            stage(state)
    write_all(state)
    words.say_results(state.display, state.record, state.folder.path)
    return state.record
