"""What `groundup run` says while it works: one line a stage, what was found and why it matters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.prompt import IntPrompt
from rich.status import Status
from rich.table import Table
from rich.text import Text

_WIDEST = 96


class Display:
    """Prints stages to a terminal with a spinner, and to anything else as plain lines.

    Parameters
    ----------
    console : rich.console.Console, default=None
        Where to print; standard output by default.
    """

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False)
        self._width = min(self.console.width, _WIDEST) - 2
        self._found, self._why = "", ""
        self._status: Status | None = None

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer."""
        return self.console.is_terminal and self.console.is_interactive

    def title(self, text: str) -> None:
        """Print the first line of a run."""
        self.console.print()
        self.console.print(Text(f"  {text}", style="bold"))
        self.console.print()

    @contextmanager
    def stage(self, name: str, doing: str) -> Iterator[None]:
        """Show that a stage is under way; when it ends, the line that `found` was given."""
        begun = time.perf_counter()
        self._found, self._why = "", ""
        if self.console.is_terminal:
            with self.console.status(
                f"[bold]{name:<9}[/] {escape(doing)}", spinner="dots"
            ) as status:
                self._status = status
                self._name = name
                try:
                    yield
                finally:
                    self._status = None
        else:
            yield
        self._line(name, time.perf_counter() - begun)

    def progress(self, doing: str) -> None:
        """Say what a long stage is doing now."""
        if self._status is not None:
            self._status.update(f"[bold]{self._name:<9}[/] {escape(doing)}")

    def found(self, found: str, why: str = "") -> None:
        """Give the line of the stage under way: what was found, and why it matters."""
        self._found, self._why = found, why

    def _line(self, name: str, seconds: float) -> None:
        """Print what was found, and dimmed below it why that matters."""
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(width=1)
        row.add_column(width=8)
        row.add_column(ratio=1)
        row.add_column(width=6, justify="right")
        text = Text(self._found)
        if self._why:
            text.append(f"\n{self._why}", style="dim")
        row.add_row(Text("✓", "green"), Text(name, "bold"), text, Text(f"{seconds:.1f}s", "dim"))
        self.console.print(Padding(row, (0, 0, 0, 2)), width=self._width)

    def warning(self, text: str) -> None:
        """Print something that the user should look at before trusting the score."""
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(width=1)
        row.add_column(width=8)
        row.add_column(ratio=1)
        row.add_row(Text("!", "bold yellow"), Text("beware", "yellow"), Text(text))
        self.console.print(Padding(row, (0, 0, 0, 2)), width=self._width)

    def say(self, text: str = "", style: str = "") -> None:
        """Print one plain line, kept as it is: a path must be fit to be copied."""
        self.console.print(Text(f"  {text}" if text else "", style=style), soft_wrap=True)

    def choose(self, question: str, options: list[tuple[str, str]]) -> int:
        """Ask for one of `options`, pairs of a name and a reason, and return its position.

        The first is the default.
        """
        self.say(question)
        for number, (name, reason) in enumerate(options, start=1):
            self.say(f"  {number}  {name}  ({reason})")
        answer = IntPrompt.ask(
            "  Number",
            console=self.console,
            choices=[str(number + 1) for number in range(len(options))],
            default=1,
        )
        return answer - 1
