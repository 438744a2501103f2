"""Peak memory of DBSCAN on 100,000 rows: ``python -m benchmarks.dbscan_memory``.

Each library clusters in a fresh process.  It first clusters a few rows, so that what it imports,
compiles and starts is loaded; then the rise of the peak of the resident memory counts, above what
was held before, the table among that.
"""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks._harness import estimator
from benchmarks.boosting_memory import rise
from benchmarks.density import blobs_and_noise

ROWS = 100_000
EPS = {2: 0.1, 8: 0.6}
MODULES = {"groundup": "groundup.cluster", "scikit-learn": "sklearn.cluster"}


def measure(library: str, columns: int) -> float:
    """Return the rise in this process, in MiB."""
    X, _ = blobs_and_noise(ROWS, columns)()
    build = estimator(MODULES[library], "DBSCAN", eps=EPS[columns], min_samples=10, n_jobs=2)
    build().fit(X[:20_000].copy())
    clustering = build()
    return rise(lambda: clustering.fit(X))


def main() -> None:
    """Measure both libraries, or the one named in the arguments."""
    if len(sys.argv) > 2:
        print(measure(sys.argv[1], int(sys.argv[2])))
        return
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}
    for columns in EPS:
        for library in MODULES:
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.dbscan_memory"]
            command += [library, str(columns)]
            figure = float(subprocess.check_output(command, env=environment, text=True))
            print(f"{library:>14}: {figure:6.1f} MiB above the {ROWS:,} x {columns} table")


if __name__ == "__main__":
    main()
