"""Peak memory of boosting 1,000,000 x 30: ``python -m benchmarks.boosting_memory [rounds]``.

Each library fits in a fresh process.  It first fits a few rows, so that what it imports, compiles
and starts is loaded; then the rise of the peak of the resident memory during the fit counts, above
what was held before it, the table and its targets among that.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MIB = 2**20
ROWS, COLUMNS, FEW = 1_000_000, 30, 20_000


def resident() -> float:
    """Return the resident memory of this process, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / MIB


def rise(work: Callable[[], Any]) -> float:
    """Run `work`; return by how much the resident memory rose at its peak, in MiB.

    The kernel's own peak is that of the process's life, so the memory is looked at every
    millisecond.
    """
    before = peak = resident()
    running = True

    def watch() -> None:
        nonlocal peak
        while running:
            peak = max(peak, resident())
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        kept = work()
    finally:
        running = False
        watcher.join()
    peak = max(peak, resident())
    del kept
    return peak - before


def estimator(library: str, rounds: int) -> Any:
    """Build one library's classifier."""
    if library == "LightGBM":
        from lightgbm import LGBMClassifier

        return LGBMClassifier(n_estimators=rounds, num_leaves=31, n_jobs=2, verbose=-1)
    if library == "XGBoost":
        from xgboost import XGBClassifier

        return XGBClassifier(
            n_estimators=rounds,
            max_leaves=31,
            grow_policy="lossguide",
            max_depth=0,
            learning_rate=0.1,
            tree_method="hist",
            n_jobs=2,
        )
    if library == "scikit-learn":
        from sklearn.ensemble import HistGradientBoostingClassifier as Theirs

        return Theirs(max_iter=rounds, early_stopping=False)
    from groundup.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=rounds, early_stopping=False)


def measure(library: str, rounds: int) -> float:
    """Return the rise in this process, in MiB."""
    import numpy as np

    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, COLUMNS))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=ROWS) > 0).astype(np.int64)
    estimator(library, 3).fit(X[:FEW].copy(), y[:FEW].copy())
    fitting = estimator(library, rounds)
    return rise(lambda: fitting.fit(X, y))


def main() -> None:
    """Measure all libraries, or the one named in the second argument."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    if len(sys.argv) > 2:
        print(measure(sys.argv[2], rounds))
        return
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}
    for library in ("groundup", "LightGBM", "XGBoost", "scikit-learn"):
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.boosting_memory"]
        command += [str(rounds), library]
        figure = float(subprocess.check_output(command, env=environment, text=True))
        print(f"{library:>14}: {figure:6.0f} MiB above the {ROWS:,} x {COLUMNS} table", flush=True)


if __name__ == "__main__":
    main()
