"""The first run on a machine: the models' kernels are compiled by two processes of their own.

Kernels become machine code when they are first called, and are kept from then on.  Compiling those
of all models takes half a minute and some hundred megabytes.  Done by two processes of their own it
takes half as long, and the memory is given back when they end.  What they compile, they compile by
fitting every model to random numbers of the table's shape.

Nothing depends on it: where the kernels cannot be kept, or a process fails, the run compiles what
it needs itself.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import warnings
from bisect import bisect
from importlib.metadata import version
from pathlib import Path

import numpy as np

import groundup
from groundup.workflow.ladder import ladder

_MOST_ROWS = 20_000  # of the random table: enough to call the forms of kernels that use threads
_MOST_COLUMNS = 50
_FEW_ENOUGH = 2_000  # of its rows, for models that would take longer than this:
_LONG = 0.5  # seconds
# For looking for clusters: the search takes long, and compiles as much for few rows.
_FEW_ROWS, _FEW_COLUMNS = 200, 4
_NO_HURRY = 600.0  # seconds; the search for clusters in so few rows takes two
_FIRST_HALF = ("boosting", "neighbors")  # take as long to compile as all the others
# Kernels have other forms for many rows, and neighbours for few columns: what is kept counts for
# tables of a like size.
_ROW_CLASSES = (600, 2_500, 10_000)
_TREE_COLUMNS = 8  # up to here neighbours may search a tree
_FOLD = 0.8  # of the rows: what a model is fitted on while models are compared
_CLUSTERING = ["search"]  # the families, in the search for clusters
_PICTURES = ["maps", "neighbours"]  # what describes clusters and assigns rows to them


def _stamp(folder: Path, task: str, n_rows: int, n_columns: int) -> Path:
    """Name the file that says: this has been done here, for tables of such a size."""
    size = ""
    if task != "clustering":
        size = f"-{bisect(_ROW_CLASSES, n_rows)}{'-narrow' if n_columns <= _TREE_COLUMNS else ''}"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return folder / f"{task}{size}-{groundup.__version__}-{python}-{version('numba')}.compiled"


def is_compiled(task: str, n_rows: int, n_columns: int) -> bool:
    """Tell whether there is nothing to compile ahead, or no use in it."""
    from groundup._kernel import cache_folder, private_folder

    folder = cache_folder()
    return not private_folder(folder) or _stamp(folder, task, n_rows, n_columns).exists()


def compile_ahead(task: str, n_rows: int, n_columns: int, n_classes: int) -> None:
    """Compile the kernels of a task's models, and keep them.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression", "clustering"}
    n_rows, n_columns : int
        The shape of the prepared table.
    n_classes : int
        0 for regression and for clustering.
    """
    from groundup._kernel import cache_folder

    halves = [_CLUSTERING, _PICTURES]
    if task != "clustering":
        names = [candidate.name for candidate in ladder(task)]
        first = [name for name in names if name in _FIRST_HALF]
        halves = [first, [name for name in names if name not in first]]
    shape = [min(n_rows, _MOST_ROWS), min(n_columns, _MOST_COLUMNS), n_classes]
    command = [sys.executable, "-P", "-m", __name__, task, *map(str, shape)]
    processes: list[subprocess.Popen] = []
    try:
        for half in halves:
            processes.append(
                subprocess.Popen(
                    [*command, *half],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        succeeded = [process.wait() == 0 for process in processes]
    except OSError:  # no room for another process
        succeeded = [False]
    finally:
        for process in processes:
            process.kill()  # after Ctrl-C; one that has ended does not mind
            process.wait()
    if all(succeeded):
        with contextlib.suppress(OSError):
            _stamp(cache_folder(), task, n_rows, n_columns).touch()


def _fit_all(task: str, n_rows: int, n_columns: int, n_classes: int, names: list[str]) -> None:
    """Fit the models to random numbers, and let them predict."""
    random = np.random.default_rng(0)
    X = random.standard_normal((n_rows, n_columns))  # (n, p)
    if task == "clustering":
        _cluster(X[:_FEW_ROWS, :_FEW_COLUMNS].copy(), names)
        return
    y = random.standard_normal(n_rows) if n_classes == 0 else np.arange(n_rows) % n_classes
    for candidate in ladder(task, n_rows=n_rows):
        if candidate.name not in names:
            continue
        # Random numbers are the slowest case for support vectors: a part of the rows will do.
        cost = candidate.cost(n_rows, n_columns, n_classes) if candidate.cost else 0.0
        rows = _FEW_ENOUGH if cost > _LONG else n_rows
        for share in (1.0, _FOLD):
            few = slice(int(share * rows))
            model = candidate.build().fit(X[few], y[few])
            (model.predict if n_classes == 0 else model.predict_proba)(X[few])


def _cluster(X: np.ndarray, names: list[str]) -> None:
    """Look for clusters in random numbers, or draw them."""
    from groundup.workflow.clusters.find import find_clusters
    from groundup.workflow.clusters.maps import components, neighbours_map

    if "search" in names:
        # Two crowds, and time for all: what a short time leaves out would not be compiled.
        X[: len(X) // 2] += 8.0
        find_clusters(X, seed=0, seconds=_NO_HURRY)
    if "maps" in names:
        components(X)
        neighbours_map(X, seed=0)
    if "neighbours" in names:
        from groundup.neighbors import KNeighborsClassifier

        model = KNeighborsClassifier(10, weights="distance").fit(X, np.arange(len(X)) % 2)
        model.predict_proba(X)
        model.kneighbors()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    given_task, rows, columns, classes, *given_names = sys.argv[1:]
    _fit_all(given_task, int(rows), int(columns), int(classes), given_names)
