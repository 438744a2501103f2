"""The command line: ``groundup run`` and ``groundup predict``.

Everything heavy is imported inside a command, so that ``groundup --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from groundup import __version__

app = typer.Typer(
    name="groundup",
    help="Machine learning from the ground up: from a raw file to a model that was checked.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


class TaskName(StrEnum):
    """The kinds of problem."""

    binary = "binary"
    multiclass = "multiclass"
    regression = "regression"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"groundup {__version__}")
        raise typer.Exit


class SplitMethod(StrEnum):
    """The ways of choosing test rows."""

    stratified = "stratified"
    random = "random"
    time = "time"
    group = "group"


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    data: Annotated[Path, typer.Argument(help="The table: CSV, TSV, Parquet, JSON lines.")],
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="The column to predict.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The folder to write.  [default: groundup-runs/NAME]"),
    ] = None,
    time: Annotated[
        float, typer.Option("--time", min=0, help="Seconds to aim for; tuning takes what is left.")
    ] = 20.0,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same result.")] = 0,
    test: Annotated[
        Path | None,
        typer.Option(help="A file of test rows, with the target, instead of locking some away."),
    ] = None,
    task: Annotated[
        TaskName | None, typer.Option(help="The kind of problem, where the guess is wrong.")
    ] = None,
    split: Annotated[
        SplitMethod | None, typer.Option(help="How test rows are chosen, where the guess is wrong.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="A column to keep although the audit would drop it. Repeatable."),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(help="A column to leave out. Repeatable."),
    ] = None,
    cluster: Annotated[
        bool,
        typer.Option("--cluster", help="Predict nothing: look for groups of similar rows."),
    ] = False,
) -> None:
    """Train, check and explain a model of DATA, and say how good it really is.

    Leaves a folder with report.html (open it first), train.py (the same model as a short script),
    model/ (for `groundup predict`), predictions.csv and run.json.

    With --cluster, there is no column to predict: the rows are sorted into groups of similar ones,
    each described in words, or the answer is that there are none. clusters.csv has each row's.
    """
    from groundup.workflow.display import Display
    from groundup.workflow.run import run as run_workflow

    _plainly(
        lambda: run_workflow(
            data,
            target=target,
            out=out,
            time=time,
            seed=seed,
            test=test,
            task=task.value if task else None,
            keep=tuple(keep or ()),
            drop=tuple(drop or ()),
            split=split.value if split else None,
            cluster=cluster,
            display=Display(),
        )
    )


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="The folder of a run, or its model/ folder.")],
    data: Annotated[Path, typer.Argument(help="New rows, with the columns of the training file.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The CSV to write.  [default: NAME.predictions.csv]"),
    ] = None,
) -> None:
    """Predict new rows with a trained model, or assign them to clusters: one row out for each in.

    Columns are matched by name, in any order. A missing column counts as missing values, an
    extra one is ignored, a category that training never saw is treated as rare: each is reported.
    """
    from groundup.workflow.predict import predict_file

    def predict_and_say() -> None:
        for line in predict_file(model, data, out).lines():
            typer.echo(line)

    _plainly(predict_and_say)


def _plainly(command) -> None:
    """Run `command`; what goes wrong is said in one line, and the exit status tells."""
    from groundup.workflow.errors import in_one_line

    try:
        command()
    except KeyboardInterrupt as stopped:
        _fail(str(stopped) or "Stopped by Ctrl-C; nothing was finished yet.", status=130)
    except (ValueError, OSError, MemoryError) as error:
        _fail(in_one_line(error), status=1)
    except Exception as error:  # a mistake of ours: still one line, and a way to see more
        if os.environ.get("GROUNDUP_DEBUG"):
            raise
        _fail(
            f"{in_one_line(error)} This is a mistake in groundup, not in your data; "
            "GROUNDUP_DEBUG=1 shows where.",
            status=70,
        )


def _fail(message: str, status: int) -> None:
    typer.secho("groundup: ", fg=typer.colors.RED, err=True, nl=False)
    typer.echo(message, err=True)
    raise typer.Exit(status)


def main() -> None:
    """Enter from the shell."""
    try:
        app()
    except BrokenPipeError:  # the reader of our output has gone: groundup ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
