"""``train.py``: the run's model as a short scikit-learn script, for the user to own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from groundup.workflow.python_source import (
    Bracketed,
    import_lines,
    laid_out,
    list_source,
    literal,
)
from groundup.workflow.score import score_code

if TYPE_CHECKING:
    from groundup.workflow.stages import RunState


def training_script(state: RunState, folder: Path) -> str:
    """Write the script that reads, splits, prepares, fits and tests as the run did.

    Parameters
    ----------
    state : the finished run
    folder : pathlib.Path
        Where the script will lie; the data file is found from there.

    Returns
    -------
    str
        Python source, formatted, under 150 lines. Run, it prints the test score of ``run.json``.
    """
    chosen, params = state.comparison.chosen, state.record["chosen_params"]
    written = {name: literal(value) for name, value in params.items()}
    if "random_state" in written:
        written["random_state"] = "SEED"
    arguments = [(f"{name}=", value) for name, value in written.items()]
    model = Bracketed(f"{chosen.class_name}(", arguments, ")")
    if chosen.scales_target:
        model = Bracketed(
            "TransformedTargetRegressor(",
            [("", model), ("transformer=", "StandardScaler()")],
            ")",
        )
    last_step = Bracketed("(", [("", literal("model")), ("", model)], ")")
    score_import, score = score_code(state.task)
    module, name = score_import.removeprefix("from ").split(" import ")
    imported = {
        **state.split.imports(),
        **state.preparation.imports(),
        name: module,
        "Pipeline": "sklearn.pipeline",
        chosen.class_name: chosen.module_name,
        "read_table": "groundup.workflow.read",
    }
    if chosen.scales_target:
        imported |= {
            "StandardScaler": "sklearn.preprocessing",
            "TransformedTargetRegressor": "sklearn.compose",
        }
    if chosen.ignored:
        imported |= dict.fromkeys(chosen.ignored, "sklearn.exceptions")
    parts = [
        _docstring(state),
        _import_block(imported, ["warnings"] if chosen.ignored else []),
        _constants(state, folder),
        _reading(state),
        _splitting(state),
        "# 3. Prepare: fitted on the training rows alone, as a part of the model.\n"
        + state.preparation.code(),
        "# 4. Train, and test once.\n"
        + "".join(
            f'warnings.simplefilter("ignore", {name})  # the number of steps is a choice\n'
            for name in chosen.ignored
        )
        + "model = Pipeline(\n"
        "    [\n"
        '        ("missing", missing),\n'
        '        ("prepare", prepare),\n'
        f"{laid_out(last_step, after=',', indent=8)}\n"
        "    ]\n"
        ")\n"
        "model.fit(X_train, y_train)\n"
        f"print({score})\n",
    ]
    return "\n".join(parts)


def _docstring(state: RunState) -> str:
    metric, title = state.record["metric"], state.record["chosen_title"]
    name = state.data.name.replace("\\", "/").replace('"', "'")
    return (
        f'"""{title} for {name}, as `groundup run` trained it.\n\n'
        f'Prints the score ({metric}) on the test rows.\n"""\n'
    )


def _constants(state: RunState, folder: Path) -> str:
    lines = [
        f"SEED = {state.seed}",
        f"DATA = Path(__file__).parent / {literal(way_from(folder, state.data))}",
    ]
    if state.test_file:
        lines.append(f"TEST = Path(__file__).parent / {literal(way_from(folder, state.test_file))}")
    return "\n".join([*lines, f"TARGET = {literal(state.target)}"]) + "\n"


def _reading(state: RunState) -> str:
    lines = [
        "# 1. Read: every column's type is decided over all rows.",
        "data = read_table(DATA).frame",
    ]
    codes = state.audit.target_disguised
    if codes:
        lines.append(f"data = data[~data[TARGET].isin({literal(codes)})]")
    if state.audit.lines_without_target:
        lines.append("data = data[data[TARGET].notna()]")
    if state.test_file:
        lines += [
            "kinds = {column.name: column.spec for column in read_table(DATA).columns}",
            "test = read_table(TEST, kinds=kinds).frame",
            f"test = test[test[TARGET].notna() & ~test[TARGET].isin({literal(codes)})]",
        ]
    return "\n".join(lines) + "\n"


def _splitting(state: RunState) -> str:
    # The split was made before the leaks were known: they take part in telling rows apart.
    leaks = state.audit.with_role("leak") if state.split.keeps_copies_together else []
    lines = (
        "# 2. Split: the test rows are locked away. The columns stand as they are treated below.\n"
    )
    lines += state.preparation.lists_code()
    if leaks:
        lines += list_source("LEAKS", leaks)
    lines += f"X, y = data[FEATURES{' + LEAKS' * bool(leaks)}], data[TARGET]\n"
    lines += state.split.code()
    if leaks:
        lines += "X_train, X_test = X_train[FEATURES], X_test[FEATURES]\n"
    if state.test_file:
        lines += "X_test, y_test = test[FEATURES], test[TARGET]\n"
    return lines


def _import_block(imported: dict[str, str], modules: list[str]) -> str:
    standard = [*(f"import {module}" for module in modules), "from pathlib import Path"]
    return "\n".join([*standard, "", *import_lines(imported)]) + "\n"


def way_from(folder: Path, file: Path) -> str:
    """Return the way from the run's folder to a file, as it holds on this disk."""
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive on Windows
        return file.resolve().as_posix()
