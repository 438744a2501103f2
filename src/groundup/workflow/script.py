"""``train.py``: the run's model as a short script in plain scikit-learn style, for the user to own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from groundup.workflow.python_source import list_source, literal
from groundup.workflow.score import score_code

if TYPE_CHECKING:
    from groundup.workflow.run import _Run


def training_script(state: _Run, folder: Path) -> str:
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
    chosen, params = state.comparison.chosen, state.tuning.all_params
    arguments = ", ".join(f"{name}={literal(value)}" for name, value in params.items())
    score_import, score = score_code(state.task)
    imports = [
        "from pathlib import Path",
        *([] if state.test_file else state.split.imports()),
        *state.preparation.imports(),
        score_import,
        "from sklearn.pipeline import Pipeline",
        f"from {chosen.module_name} import {chosen.class_name}",
        "from groundup.workflow.read import read_table",
    ]
    parts = [
        _docstring(state),
        _arranged(imports),
        _constants(state, folder),
        _reading(state),
        _splitting(state),
        "# 3. Prepare: fitted on the training rows alone, as a part of the model.\n"
        + state.preparation.code(),
        "# 4. Train, and test once.\n"
        "model = Pipeline(\n"
        "    [\n"
        '        ("missing", missing),\n'
        '        ("prepare", prepare),\n'
        f'        ("model", {chosen.class_name}({arguments})),\n'
        "    ]\n"
        ")\n"
        "model.fit(X_train, y_train)\n"
        f"print({score})\n",
    ]
    return "\n".join(parts)


def _docstring(state: _Run) -> str:
    metric, title = state.record["metric"], state.record["chosen_title"]
    name = state.data.name.replace("\\", "/").replace('"', "'")
    return (
        f'"""{title} for {name}, as `groundup run` trained it.\n\n'
        f'Prints the score ({metric}) on the test rows.\n"""\n'
    )


def _constants(state: _Run, folder: Path) -> str:
    lines = [
        f"SEED = {state.seed}",
        f"DATA = Path(__file__).parent / {literal(_from(folder, state.data))}",
    ]
    if state.test_file:
        lines.append(f"TEST = Path(__file__).parent / {literal(_from(folder, state.test_file))}")
    return "\n".join([*lines, f"TARGET = {literal(state.target)}"]) + "\n"


def _reading(state: _Run) -> str:
    lines = [
        "# 1. Read: every column's type is decided over all rows.",
        "data = read_table(DATA).frame",
    ]
    if codes := state.audit.target_disguised:
        lines.append(f"data[TARGET] = data[TARGET].mask(data[TARGET].isin({literal(codes)}))")
    if state.audit.lines_without_target:
        lines.append("data = data[data[TARGET].notna()]")
    if state.test_file:
        lines += [
            "kinds = {column.name: column.kind for column in read_table(DATA).columns}",
            "test = read_table(TEST, kinds=kinds).frame",
            "test = test[test[TARGET].notna()]",
        ]
    return "\n".join(lines) + "\n"


def _splitting(state: _Run) -> str:
    features = list_source("FEATURES", state.audit.features)
    if state.test_file:
        return (
            "# 2. The test rows are a file of their own.\n"
            f"{features}"
            "X_train, y_train = data[FEATURES], data[TARGET]\n"
            "X_test, y_test = test[FEATURES], test[TARGET]\n"
        )
    leaks = state.audit.with_role("leak")
    lines = "# 2. Split: the test rows are locked away.\n" + features
    if leaks and state.split.copies:
        # The split was made before the leaks were known: they take part in telling rows apart.
        lines += list_source("LEAKS", leaks)
        lines += "X, y = data[FEATURES + LEAKS], data[TARGET]\n"
    else:
        lines += "X, y = data[FEATURES], data[TARGET]\n"
    lines += state.split.code()
    if leaks and state.split.copies:
        lines += "X_train, X_test = X_train[FEATURES], X_test[FEATURES]\n"
    return lines


def _arranged(imports: list[str]) -> str:
    """Merge and sort import lines: the standard library, other packages, groundup."""
    merged: dict[str, set[str]] = {}
    plain = sorted({line for line in imports if line.startswith("import ")})
    for line in imports:
        if line.startswith("from "):
            module, names = line.removeprefix("from ").split(" import ")
            merged.setdefault(module, set()).update(names.split(", "))
    lines = [f"from {module} import {', '.join(sorted(merged[module]))}" for module in sorted(merged)]
    first = [line for line in lines if line.startswith("from pathlib")]
    ours = [line for line in lines if line.startswith("from groundup")]
    others = [*plain, *(line for line in lines if line not in first and line not in ours)]
    return "\n\n".join("\n".join(block) for block in (first, others, ours) if block) + "\n"


def _from(folder: Path, file: Path) -> str:
    """Return the way from the run's folder to a file, as it holds on this disk."""
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive on Windows
        return file.resolve().as_posix()
