"""`groundup run` as a user meets it: wall time and peak memory, from a cold and from a warm start.

    python benchmarks/run_command.py            # a 10,000 x 20 table
    python benchmarks/run_command.py --data ../shared/data   # every real data set as well

A cold start has an empty kernel cache, as the very first run after an installation has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd


def mixed_table(path: Path, n_rows: int = 10_000, n_columns: int = 20, seed: int = 0) -> Path:
    """Write a table of numbers, categories, dates and holes, with a target that depends on some."""
    rng = np.random.default_rng(seed)
    n_numbers = n_columns - 6
    Z = rng.normal(size=(n_rows, n_numbers))
    city = rng.choice(["north", "south", "east", "west", "centre"], n_rows)
    plan = rng.choice(["basic", "plus", "pro"], n_rows, p=[0.6, 0.3, 0.1])
    product = rng.choice([f"P{k:03d}" for k in range(120)], n_rows)
    signal = Z[:, 0] - 0.7 * Z[:, 1] + 0.5 * Z[:, 2] * Z[:, 3] + (plan == "pro") - (city == "north")
    frame = pd.DataFrame(Z.round(4), columns=[f"measure_{j}" for j in range(n_numbers)])
    frame.iloc[rng.random(n_rows) < 0.05, 4] = np.nan
    frame["city"], frame["plan"], frame["product"] = city, plan, product
    frame["since"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(
        rng.integers(0, 1500, n_rows), "D"
    )
    frame["active"] = np.where(rng.random(n_rows) < 0.5, "true", "false")
    frame["left"] = np.where(signal + rng.normal(size=n_rows) > 0, "yes", "no")
    frame.to_csv(path, index=False)
    return path


def timed_run(data: Path, target: str, cache: Path, out: Path) -> dict:
    """Run the command once in a process of its own, and measure it."""
    command = [sys.executable, "-m", "groundup.cli", "run", str(data), "--target", target]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--out", str(out)],
        env={**os.environ, "GROUNDUP_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status != 0:
        return {"failed": error.strip().splitlines()[-1] if error.strip() else f"status {status}"}
    run = json.loads((out / "run.json").read_text())
    scale = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB elsewhere
    return {
        "seconds": seconds,
        "peak_mb": usage.ru_maxrss * scale / 1e6,
        "allowed_mb": 6 * data.stat().st_size / 1e6 + 500,
        "report_mb": (out / "report.html").stat().st_size / 1e6,
        "chosen": run["chosen"],
        "metric": run["metric"],
        "score": run["test"]["score"],
        "low": run["test"]["low"],
        "high": run["test"]["high"],
    }


def jobs(data_folder: Path | None, folder: Path) -> list[tuple[str, Path, str]]:
    """List the tables: the made-up one, and the real ones where their folder is given."""
    found = [("10,000 x 20", mixed_table(folder / "mixed.csv"), "left")]
    if data_folder:
        for entry in json.loads((data_folder / "datasets.json").read_text()):
            target = entry["target"]
            name = f"column_{target}" if isinstance(target, int) else target
            found.append((entry["name"], data_folder / entry["file"], name))
    return found


def main() -> None:
    """Print a table of runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder with datasets.json")
    arguments = parser.parse_args()
    print("| table | start | seconds | peak MB (allowed) | report MB | model | score (95%) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number, (name, data, target) in enumerate(jobs(arguments.data, folder)):
            for start in ["cold", "warm"] if number == 0 else ["warm"]:
                r = timed_run(data, target, folder / "cache", folder / f"{number}-{start}")
                if "failed" in r:
                    failed += 1
                    print(f"| {name} | {start} | failed: {r['failed']} |", flush=True)
                    continue
                print(
                    f"| {name} | {start} | {r['seconds']:.1f} | {r['peak_mb']:.0f} "
                    f"({r['allowed_mb']:.0f}) | {r['report_mb']:.2f} | {r['chosen']} | "
                    f"{r['metric']} {r['score']:.3f} ({r['low']:.3f} to {r['high']:.3f}) |",
                    flush=True,
                )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
