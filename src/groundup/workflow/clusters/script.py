"""``train.py`` of a run without a target: the same clusters by a short scikit-learn script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from groundup.workflow.python_source import Bracketed, import_lines, laid_out, literal
from groundup.workflow.script import way_from

if TYPE_CHECKING:
    from groundup.workflow.clusters.stages import ClusterState


def clustering_script(state: ClusterState, folder: Path) -> str:
    """Write the script that reads, prepares and clusters as the run did.

    Parameters
    ----------
    state : the finished run
    folder : pathlib.Path
        Where the script will lie; the data file is found from there.

    Returns
    -------
    str
        Python source, formatted. Run, it prints the sizes of the clusters, and whether they are
        those of ``clusters.csv``.
    """
    chosen = state.evidence.chosen
    assert chosen is not None
    estimator = chosen.estimator
    name = type(estimator).__name__
    arguments = [
        (f"{key}=", "SEED" if key == "random_state" and value == state.seed else literal(value))
        for key, value in told_params(estimator).items()
    ]
    model = laid_out(Bracketed(f"{name}(", arguments, ")"), before="model = ")
    labels = "model.labels_" if hasattr(estimator, "labels_") else "model.predict(X)"
    imported = {
        **state.preparation.imports(),
        "np": "numpy",
        "pd": "pandas",
        "Pipeline": "sklearn.pipeline",
        name: _module(estimator),
        "read_table": "groundup.workflow.read",
    }
    steps = "\n".join(f'        ("{name}", {name}),' for name, _ in state.preparation.steps())
    file = state.data.name.replace("\\", "/").replace('"', "'")
    parts = [
        f'"""{chosen.title} of {file}, as `groundup run --cluster` found it.\n\n'
        'Prints the rows of each cluster, and whether they are those of clusters.csv.\n"""\n',
        "\n".join(["from pathlib import Path", "", *import_lines(imported)]) + "\n",
        f"SEED = {state.seed}\n"
        "HERE = Path(__file__).parent\n"
        f"DATA = HERE / {literal(way_from(folder, state.data))}\n",
        "# 1. Read: every column's type is decided over all rows.\n"
        "data = read_table(DATA).frame\n\n"
        "# 2. Prepare: the columns become numbers whose distances mean something.\n"
        + state.preparation.lists_code()
        + state.preparation.code(),
        "# 3. Find the clusters.\n"
        f"distances = Pipeline(\n    [\n{steps}\n    ]\n)\n"
        "X = np.ascontiguousarray(distances.fit_transform(data[FEATURES]), dtype=np.float64)\n"
        f"{model}\n"
        "model.fit(X)\n"
        f"labels = {labels}\n" + _without_blank_rows(state),
        "# 4. Number them from the largest on; -1 is a row in no cluster.\n"
        "sizes = np.bincount(labels[labels >= 0])\n"
        'rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")\n'
        "clusters = np.append(rank + 1, -1)[labels]\n"
        'kept = pd.read_csv(HERE / "clusters.csv")["cluster"].to_numpy()\n'
        "for cluster, n in zip(*np.unique(clusters, return_counts=True), strict=True):\n"
        '    print(f"cluster {cluster}: {n} rows")\n'
        'print("as in clusters.csv:", bool((clusters == kept).all()))\n',
    ]
    return "\n".join(parts)


def _without_blank_rows(state: ClusterState) -> str:
    if not state.blank.any():
        return ""
    return (
        "# A row of which every compared cell is missing belongs to no cluster.\n"
        "blank = distances[0].transform(data[FEATURES]).isna().all(axis=1).to_numpy()\n"
        "labels = np.where(blank, -1, labels)\n"
    )


def told_params(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator that differ from the defaults of its class."""
    default = type(estimator)().get_params()
    return {
        name: value
        for name, value in estimator.get_params().items()
        if not _same(value, default[name])
    }


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, np.ndarray) or isinstance(default, np.ndarray):
        return False
    return type(value) is type(default) and value == default


def _module(estimator: Any) -> str:
    """Return the public module of an estimator: the package without its private file."""
    return ".".join(p for p in type(estimator).__module__.split(".") if not p.startswith("_"))
