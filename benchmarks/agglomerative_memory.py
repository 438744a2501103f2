"""Peak memory of agglomeration: ``python -m benchmarks.agglomerative_memory``.

Each fit runs in a fresh process, as in `boosting_memory`: a small fit first, then the rise of the
resident memory's peak above what was held before, the rows among that.  Where it doubles with the
rows, memory is linear in n.
"""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.boosting_memory import rise

FITS = [
    ("ward", 25_000, 8),
    ("ward", 50_000, 8),
    ("ward", 100_000, 8),
    ("single", 25_000, 4),
    ("single", 50_000, 4),
    ("single", 100_000, 4),
    ("average", 10_000, 20),
]


def measure(linkage: str, n: int, d: int) -> float:
    """Return the rise in this process, in MiB."""
    import numpy as np

    from groundup.cluster import AgglomerativeClustering

    rng = np.random.default_rng(0)
    X = rng.uniform(-10.0, 10.0, size=(20, d))[rng.integers(20, size=n)] + rng.normal(size=(n, d))
    model = AgglomerativeClustering(linkage=linkage)
    model.fit(X[:6000].copy())
    return rise(lambda: model.fit(X))


def main() -> None:
    """Measure all fits, or the one whose linkage, rows and features are given."""
    if len(sys.argv) > 1:
        print(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
        return
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}
    for linkage, n, d in FITS:
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.agglomerative_memory"]
        command += [linkage, str(n), str(d)]
        figure = float(subprocess.check_output(command, env=environment, text=True))
        print(f"{linkage:>8} {n:>7,} x {d:<2} {figure:7.0f} MiB above the rows", flush=True)


if __name__ == "__main__":
    main()
