"""What every run hands from stage to stage: the file, the time, the record, and where to speak."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundup.workflow.audit import Audit
from groundup.workflow.display import Display
from groundup.workflow.findings import Finding
from groundup.workflow.outcome import Folder
from groundup.workflow.prepare import Preparation
from groundup.workflow.read import Table


@dataclass(kw_only=True)
class State:
    """The state that runs with a target and runs without one share.

    Parameters
    ----------
    data : pathlib.Path
    seed : int
    seconds : float
        The time aimed for.
    keep, drop : tuple of str
        Columns that the user wants in, and out.
    display : Display
    record : dict
        What becomes ``run.json``.
    """

    data: Path
    seed: int
    seconds: float
    keep: tuple[str, ...]
    drop: tuple[str, ...]
    display: Display
    record: dict[str, Any]
    begun: float = field(default_factory=time.monotonic)
    waited: float = 0.0  # seconds for the kernels to be compiled, which do not count
    table: Table = field(init=False)
    folder: Folder = field(init=False)
    audit: Audit = field(init=False)
    preparation: Preparation = field(init=False)

    @contextmanager
    def stage(self, name: str, doing: str) -> Iterator[None]:
        """Time a stage, and print its line when it is done."""
        begun = time.perf_counter()
        self.record["stage"] = name
        with self.display.stage(name, doing):
            yield
        self.record["seconds"][name] = time.perf_counter() - begun

    def add(self, findings: list[Finding]) -> None:
        """Put findings into the record."""
        self.record["findings"] += [finding.as_dict() for finding in findings]

    def progress(self, done: int, total: int, text: str) -> None:
        """Say what a long stage is doing now."""
        self.display.progress(f"{text}  ({done} of {total})")

    def remaining(self) -> float:
        """Return the seconds that are left of the time aimed for."""
        return self.seconds + self.waited - (time.monotonic() - self.begun)

    @contextmanager
    def stopping_cleanly(self) -> Iterator[None]:
        """After Ctrl-C, write what is known so far, and say where."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what matters among them comes back as findings
                yield
        except KeyboardInterrupt:
            self.record["interrupted"] = self.record["stage"]
            self.folder.write_record(self.record)
            raise KeyboardInterrupt(
                f"Stopped by Ctrl-C during {self.record['stage']}; what was finished is in "
                f"{self.folder.path}."
            ) from None
