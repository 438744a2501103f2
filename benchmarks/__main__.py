"""Run the benchmarks: ``python -m benchmarks [--family NAME] [--out FILE]``."""

from __future__ import annotations

import os

THREADS = "2"
for _variable in ("OMP", "OPENBLAS", "MKL", "NUMBA", "BLIS", "NUMEXPR"):
    os.environ[f"{_variable}_NUM_THREADS"] = THREADS
os.environ.pop(
    "OPENBLAS_CORETYPE", None
)  # every library picks the kernels for this processor itself

# Only now may anything be imported that starts threads.
import argparse  # noqa: E402
import importlib  # noqa: E402
import importlib.metadata  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import warnings  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks._harness import ROUNDS, cold_run, measure, table  # noqa: E402

LIBRARIES = [
    "numpy",
    "scipy",
    "numba",
    "scikit-learn",
    "scikit-learn-intelex",
    "celer",
    "fastcluster",
    "hdbscan",
    "openTSNE",
    "faiss-cpu",
    "pykdtree",
    "lightgbm",
    "xgboost-cpu",
    "torch",
]


def families() -> list[str]:
    """Name the modules beside this one that have a list WORKLOADS."""
    modules = Path(__file__).parent.glob("[!_]*.py")
    return sorted(p.stem for p in modules if "\nWORKLOADS" in p.read_text())


def machine() -> str:
    """Describe in general terms where this ran, and with which versions."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().split("\n\n")[0].splitlines()
        facts = {key.strip(): value.strip() for key, _, value in (s.partition(":") for s in lines)}
        processor = f"{facts['model name']} (family {facts['cpu family']}, model {facts['model']})"
        processor += ", AVX-512" if "avx512f" in facts["flags"] else ""
    versions = []
    for library in LIBRARIES:
        try:
            versions.append(f"{library} {importlib.metadata.version(library)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return (
        f"{os.cpu_count()} cores, {processor}, {platform.system()}; "
        f"all libraries with {THREADS} threads. "
        f"Python {platform.python_version()}, {', '.join(versions)}."
    )


def main() -> None:
    """Measure the chosen families and print, or write, the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--family", action="append", choices=families(), help="default: all")
    parser.add_argument("--only", help="workloads whose name contains this text")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="timed rounds")
    parser.add_argument("--no-cold", action="store_true", help="leave out the two fresh processes")
    parser.add_argument("--out", type=Path, help="also write the tables to this Markdown file")
    parser.add_argument("--cold", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.cold:
        family, name = options.cold
        workloads = importlib.import_module(f"benchmarks.{family}").WORKLOADS
        print(json.dumps(cold_run(next(w for w in workloads if w.name == name))))
        return
    text = (
        f"{machine()}\n\n"
        "A peer's column: its time divided by ours (median of paired runs), and its time.\n"
    )
    print(text, flush=True)
    for family in options.family or families():
        chosen = importlib.import_module(f"benchmarks.{family}").WORKLOADS
        chosen = [w for w in chosen if not options.only or options.only in w.name]
        measured = [measure(w, family, options.rounds, not options.no_cold) for w in chosen]
        section = f"\n## {family}\n\n{table(measured)}\n"
        print(section, flush=True)
        text += section
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
