"""The networks' workloads once more, each library in a process of its own.

    python -m benchmarks.networks_alone

In one process every library keeps threads that go on spinning for a while after their work, and on
two cores PyTorch's two threads then wait for each other and for them: up to a hundred times slower
than alone.  Here nobody else is there.  Each time is the median of nine runs after one to warm up.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

ROUNDS = 9
THREADS = "2"
LIBRARIES = ("groundup", "PyTorch, 1 thread", "PyTorch, 2 threads")


def seconds_alone(number: int, library: str) -> float:
    """Median seconds of workload `number`, in this process."""
    from benchmarks.networks import WORKLOADS

    workload = WORKLOADS[number]
    model = workload.ours() if library == "groundup" else workload.peers[library]()
    run = workload.timed(model, workload.data())
    run()
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def main() -> None:
    """Print the table: times, and a peer's time divided by ours."""
    from benchmarks.networks import WORKLOADS

    environment = {**os.environ, "OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS}
    print("| workload | " + " | ".join(LIBRARIES) + " |")
    print("| --- " * (1 + len(LIBRARIES)) + "|")
    for number, workload in enumerate(WORKLOADS):
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.networks_alone"]
        command.append(str(number))
        seconds = [
            float(subprocess.check_output([*command, library], env=environment, text=True))
            for library in LIBRARIES
        ]
        cells = [f"{1e3 * seconds[0]:.0f} ms"] + [
            f"{theirs / seconds[0]:.1f}x ({1e3 * theirs:.0f} ms)" for theirs in seconds[1:]
        ]
        print(f"| {workload.name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(seconds_alone(int(sys.argv[1]), sys.argv[2]))
    else:
        main()
