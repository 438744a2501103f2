"""How a workload is timed against its peers.

A `Workload` says what is measured: the data, our estimator, its peers and what counts as
equally good.  `measure` runs it:

- warm: every library once untimed, then rounds in which each library runs once, in an order that
  rotates, so that a slow moment of the machine hits all of them alike.  The ratio of a peer is the
  median over the rounds of (its time / our time in the same round).
- cold: two fresh processes.  The first finds an empty kernel cache and compiles everything; the
  second finds it filled.  Both count the import of the estimator and the first run.
- quality: figures where lower is better (a loss, an error), of every library's own result.  A
  workload whose figures are not level is marked, because its times then say nothing.

`python -m benchmarks` pins the threads before anything is imported; import this module only from
there.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

ROUNDS = 9
SHORTEST_RUN = 0.02  # seconds; a faster call is repeated within a round until it lasts that long
PAUSE = 0.1  # seconds between libraries: idle threads of BLAS spin for some 20 milliseconds
INTELEX = "scikit-learn-intelex"


def estimator(module: str, name: str, **parameters: Any) -> Callable[[], Any]:
    """Say which class is built with which parameters; it is imported when it is asked for."""
    return lambda: getattr(import_module(module), name)(**parameters)


def fitting(estimator: Any, data: tuple) -> Callable[[], Any]:
    """Time ``fit(X, y)``; the result is the fitted estimator."""
    X, y = data[:2]
    return lambda: estimator.fit(X, y)


@dataclass(frozen=True)
class Workload:
    """One thing to measure.

    Parameters
    ----------
    name : str
        What is run, on which shape: the first column of the table.
    data : callable () -> tuple
        Makes the data, the same ones at each call.
    ours : callable () -> estimator
        Imports and builds our estimator; importing inside it lets the cold run count the import.
    peers : dict of str to callable () -> estimator
        The same for the others.  A peer that is not installed raises ImportError and is left out.
    quality : callable (result, data) -> dict of str to float
        Figures of a result; lower is better.
    level : dict of str to float
        For each figure that has to be level, the largest relative excess of ours over the best.
    timed : callable (estimator, data) -> callable () -> result
        Prepares outside the clock and returns what is timed.
    """

    name: str
    data: Callable[[], tuple]
    ours: Callable[[], Any]
    peers: dict[str, Callable[[], Any]]
    quality: Callable[[Any, tuple], dict[str, float]]
    level: dict[str, float] = field(default_factory=dict)
    timed: Callable[[Any, tuple], Callable[[], Any]] = fitting


@dataclass(frozen=True)
class Measurement:
    """What was measured: seconds by library, ratios to ours, quality, cold starts."""

    name: str
    seconds: dict[str, float]
    ratios: dict[str, float]
    quality: dict[str, dict[str, float]]
    uneven: list[str]
    fell_back: list[str]
    cold: tuple[float, float] | None


def measure(
    workload: Workload, family: str, rounds: int = ROUNDS, cold: bool = True
) -> Measurement:
    """Time one workload and compare the quality of its results."""
    data = workload.data()
    calls, quality, fell_back = {}, {}, []
    for library, factory in {"groundup": workload.ours, **workload.peers}.items():
        try:
            estimator = factory()
        except ImportError:
            continue
        with _oneapi_log() as lines:
            calls[library] = workload.timed(estimator, data)
            quality[library] = workload.quality(calls[library](), data)
        if any("fallback" in line for line in lines):
            fell_back.append(library)
    repeats = {library: _repeats(call) for library, call in calls.items()}
    seconds: dict[str, list[float]] = {library: [] for library in calls}
    order = list(calls)
    for _ in range(rounds):
        for library in order:
            time.sleep(PAUSE)
            seconds[library].append(_seconds(calls[library], repeats[library]))
        order.append(order.pop(0))
    ratios = {
        library: statistics.median(t / u for t, u in zip(each, seconds["groundup"], strict=True))
        for library, each in seconds.items()
    }
    return Measurement(
        workload.name,
        {library: statistics.median(each) for library, each in seconds.items()},
        ratios,
        quality,
        _uneven(quality, workload.level),
        fell_back,
        _cold(family, workload.name) if cold else None,
    )


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def _repeats(call: Callable[[], Any]) -> int:
    return max(1, round(SHORTEST_RUN / _seconds(call, 1)))


def _uneven(quality: dict[str, dict[str, float]], level: dict[str, float]) -> list[str]:
    """Name the figures in which ours is worse than the best by more than is allowed."""
    ours = quality["groundup"]
    return [
        name
        for name, excess in level.items()
        if ours[name] > (best := min(q[name] for q in quality.values())) + excess * abs(best)
    ]


class _oneapi_log:
    """Collect what scikit-learn-intelex logs: whether oneDAL ran, or scikit-learn in its place."""

    def __enter__(self) -> list[str]:
        self.lines: list[str] = []
        self.logger = logging.getLogger("sklearnex")
        self.handler = logging.Handler()
        self.handler.emit = lambda record: self.lines.append(record.getMessage())
        self.kept = self.logger.handlers, self.logger.level, self.logger.propagate
        self.logger.handlers, self.logger.propagate = [self.handler], False
        self.logger.setLevel(logging.INFO)
        return self.lines

    def __exit__(self, *_: object) -> None:
        self.logger.handlers, level, self.logger.propagate = self.kept
        self.logger.setLevel(max(level, logging.WARNING))


def _cold(family: str, name: str) -> tuple[float, float]:
    """Seconds of import and first run in two fresh processes: cache empty, then filled."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "--cold", family, name]
        environment = {**os.environ, "GROUNDUP_CACHE": cache}
        runs = [
            json.loads(subprocess.check_output(command, env=environment, text=True))
            for _ in range(2)
        ]
    return runs[0], runs[1]


def cold_run(workload: Workload) -> float:
    """Seconds of importing our estimator and running it once, in this fresh process."""
    data = workload.data()
    start = time.perf_counter()
    estimator = workload.ours()
    workload.timed(estimator, data)()
    return time.perf_counter() - start


def table(measurements: list[Measurement]) -> str:
    """Write the measurements as Markdown: times, then the quality behind them."""
    peers = list(
        dict.fromkeys(name for m in measurements for name in m.ratios if name != "groundup")
    )
    head = ["workload", "ours, first ever", "ours, first in a process", "ours, warm", *peers]
    rows = [head, ["---"] * len(head)]
    for m in measurements:
        cold = ["", ""] if m.cold is None else [_duration(s) for s in m.cold]
        rows.append([m.name, *cold, _duration(m.seconds["groundup"])])
        for peer in peers:
            mark = " (fell back to scikit-learn)" if peer in m.fell_back else ""
            known = peer in m.ratios
            text = f"{m.ratios[peer]:.1f}x ({_duration(m.seconds[peer])}){mark}" if known else ""
            rows[-1].append(text)
    quality = [["workload", "figure", "level", "groundup", *peers]]
    quality.append(["---"] * len(quality[0]))
    for m in measurements:
        for figure in m.quality["groundup"]:
            level = "NO" if figure in m.uneven else "yes"
            values = [m.quality.get(lib, {}).get(figure) for lib in ("groundup", *peers)]
            shown = ["" if value is None else f"{value:.8g}" for value in values]
            quality.append([m.name, figure, level, *shown])
    return "\n\n".join("\n".join(f"| {' | '.join(row)} |" for row in t) for t in (rows, quality))


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"
