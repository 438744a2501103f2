"""`groundup run`: the ten steps that a good teacher would insist on, one after the other."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from groundup.workflow import words
from groundup.workflow.display import Display
from groundup.workflow.outcome import Folder
from groundup.workflow.partition import Method
from groundup.workflow.record import new_record
from groundup.workflow.stages import STAGES, RunState
from groundup.workflow.task import Task


def run(
    data: str | Path,
    *,
    target: str | None = None,
    out: str | Path | None = None,
    time: float = 20.0,
    seed: int = 0,
    test: str | Path | None = None,
    task: Task | None = None,
    keep: tuple[str, ...] = (),
    split: Method | None = None,
    display: Display | None = None,
) -> dict[str, Any]:
    """Go from a raw file to a trained, checked and explained model.

    Parameters
    ----------
    data : path
        The table.
    target : str, default=None
        The column to predict. Without it the likely ones are named, and somebody at a terminal is
        asked.
    out : path, default=None
        The folder to write; by default ``groundup-runs/NAME``, with a number behind it where that
        exists.
    time : float, default=20.0
        Seconds to aim for: tuning takes what the other stages leave.
    seed : int, default=0
        Same seed, same split and same models; how many trials tuning makes depends on the time.
    test : path, default=None
        A file of test rows with the target. Without it a fifth of the rows is locked away.
    task : {"binary", "multiclass", "regression"}, default=None
        Inferred from the target without it.
    keep : tuple of str, default=()
        Columns to keep although the audit would drop them.
    split : {"stratified", "random", "time", "group"}, default=None
        How the test rows are chosen; what the audit finds decides without it.
    display : Display, default=None
        Where to say what is done; standard output by default.

    Returns
    -------
    dict
        The content of ``run.json``.

    Raises
    ------
    DataError
        If the file or the target cannot be used; one line that says why.
    OSError
        If the folder cannot be written.
    KeyboardInterrupt
        After Ctrl-C; what was finished by then has been written.
    """
    display = display or Display()
    state = RunState(
        data=Path(data),
        asked_target=target,
        asked_task=task,
        test_file=Path(test) if test else None,
        seed=seed,
        seconds=time,
        keep=tuple(keep),
        split_method=split,
        display=display,
        record=new_record(
            data,
            {
                "--target": target,
                "--out": out,
                "--time": f"{time:g}",
                "--seed": seed,
                "--test": test,
                "--task": task,
                "--split": split,
            },
            keep,
        ),
    )
    display.title(f"groundup  {state.data.name}")
    first, *others = STAGES.values()
    first(state)  # reading: what cannot be used is refused before a folder is made
    state.folder = Folder.create(out, state.data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters among them comes back as findings
            for stage in others:
                stage(state)
    except KeyboardInterrupt:
        state.record["interrupted"] = state.record["stage"]
        state.folder.write_record(state.record)
        raise KeyboardInterrupt(
            f"Stopped by Ctrl-C during {state.record['stage']}; what was finished is in "
            f"{state.folder.path}."
        ) from None
    state.folder.write_all(state)
    words.say_results(display, state.record, state.folder.path)
    return state.record
