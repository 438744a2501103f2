"""`groundup run`: the steps that a good teacher would insist on, one after the other.

Ten of them where a column is to be predicted; without one, six that look for groups of similar rows
(`groundup.workflow.clusters`). Both begin by reading the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundup.workflow import words
from groundup.workflow.columns import listed
from groundup.workflow.display import Display
from groundup.workflow.outcome import Folder
from groundup.workflow.partition import Method
from groundup.workflow.read import DataError
from groundup.workflow.record import command_line, new_record
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
    drop: tuple[str, ...] = (),
    split: Method | None = None,
    cluster: bool = False,
    display: Display | None = None,
) -> dict[str, Any]:
    """Go from a raw file to a trained, checked and explained model, or to groups of its rows.

    Parameters
    ----------
    data : path
        The table.
    target : str, default=None
        The column to predict. Without it the likely ones are named, and somebody at a terminal is
        asked, and may want groups instead.
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
    drop : tuple of str, default=()
        Columns to leave out.
    split : {"stratified", "random", "time", "group"}, default=None
        How the test rows are chosen; what the audit finds decides without it.
    cluster : bool, default=False
        Predict nothing: look for groups of similar rows. Excludes `target`, `test`, `task` and
        `split`.
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
    options = {
        "--target": target,
        "--cluster": cluster,
        "--out": out,
        "--time": f"{time:g}",
        "--seed": seed,
        "--test": test,
        "--task": task,
        "--split": split,
        "--keep": tuple(keep),
        "--drop": tuple(drop),
    }
    if cluster:
        _refuse_what_needs_a_target(options)
    display = display or Display()
    state = RunState(
        data=Path(data),
        asked_target=target,
        asked_task=task,
        test_file=Path(test) if test else None,
        seed=seed,
        seconds=time,
        keep=tuple(keep),
        drop=tuple(drop),
        split_method=split,
        cluster=cluster,
        display=display,
        record=new_record(data, options),
    )
    display.title(f"groundup  {state.data.name}")
    first, *others = STAGES.values()
    first(state)  # reading: what cannot be used is refused before a folder is made
    if state.cluster:
        from groundup.workflow.clusters.run import find_groups

        options["--cluster"] = True  # also where somebody chose it from the list
        _refuse_what_needs_a_target(options)
        state.record["command"] = command_line(data, options)
        return find_groups(state, out)
    state.folder = Folder.create(out, state.data)
    with state.stopping_cleanly():
        for stage in others:
            stage(state)
    state.folder.write_all(state)
    words.say_results(display, state.record, state.folder.path)
    return state.record


def _refuse_what_needs_a_target(options: Mapping[str, Any]) -> None:
    """Refuse ``--cluster`` together with options that only make sense with a target."""
    given = [name for name in ("--target", "--test", "--task", "--split") if options[name]]
    if given:
        raise DataError(
            f"--cluster looks for groups of similar rows and predicts nothing, so {listed(given)} "
            f"{'has' if len(given) == 1 else 'have'} no meaning with it. Leave out one or the "
            "other; --drop COLUMN leaves a column out of the comparison of rows."
        )
