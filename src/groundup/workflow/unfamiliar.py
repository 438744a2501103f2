"""What a new file holds that the training file did not: kinds, notations, categories, numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from groundup.workflow.columns import listed
from groundup.workflow.findings import Finding

if TYPE_CHECKING:
    import pandas as pd

    from groundup.bundle import Bundle
    from groundup.workflow.table import Table


_SHOWN = 30  # characters of a value

#: What is to be said of single rows, by their line in the file.
Notes = dict[int, list[str]]


def misfits(table: Table, bundle: Bundle, notes: Notes) -> list[Finding]:
    """Say which columns have cells of another kind, or are written in another way."""
    trained = {column.name: column for column in bundle.schema}
    unreadable = {
        found.columns[0]: found.evidence["listed"]
        for found in table.findings
        if found.code == "unreadable-cells"
    }
    findings = []
    for column in table.columns:
        if column.name not in trained:
            continue
        before = trained[column.name]
        if column.misfits:
            odd = unreadable.get(column.name, [])
            for cell in odd:
                value = cell["value"][:_SHOWN]
                _note(notes, cell["line"], f"{column.name}: {value!r} is no {before.kind}")
            examples = [f"{cell['value'][:_SHOWN]!r} (line {cell['line']:,})" for cell in odd]
            findings.append(
                Finding(
                    "wrong-kind",
                    "predict",
                    f"{column.name} has {_cells(column.misfits)} no {before.kind}"
                    + (f": {listed(examples, 3)}." if examples else "."),
                    why="The model knows this column as something else.",
                    action="Taken as missing.",
                    severity="warning",
                    columns=(column.name,),
                    evidence={"cells": column.misfits},
                )
            )
        plain = {"", "integer", "decimal point", "text"}
        if (
            column.written_as != before.written_as
            and not {column.written_as, before.written_as} <= plain
        ):
            findings.append(
                Finding(
                    "other-notation",
                    "predict",
                    f"{column.name} is read as {column.written_as}; in training it was "
                    f"{before.written_as or 'not noted'}.",
                    why="The same characters can mean another number or date.",
                    action="Check a few rows.",
                    severity="warning",
                    columns=(column.name,),
                )
            )
    return findings


def unseen(frame: pd.DataFrame, bundle: Bundle, notes: Notes) -> list[Finding]:
    """Count the cells with a category that the model has never seen, column by column."""
    findings = []
    frame = _without_disguises(frame, bundle.pipeline)
    for name, categories, treatment in known_categories(bundle.pipeline):
        present = frame[name].dropna()
        unseen = present[~present.isin(categories)]
        if len(unseen):
            for line, value in unseen.items():
                _note(notes, line, f"{name}: {str(value)[:_SHOWN]!r} is not known to the model")
            examples = [str(value)[:_SHOWN] for value in unseen.unique()[:3]]
            findings.append(
                Finding(
                    "unseen-category",
                    "predict",
                    f"{name} has {_count(len(unseen), 'cell')} with a value that the model has not "
                    f"seen ({listed(examples)}).",
                    why="It cannot know what such a value means.",
                    action=treatment,
                    severity="warning" if len(unseen) > len(present) / 10 else "note",
                    columns=(name,),
                    evidence={"cells": len(unseen), "examples": examples},
                )
            )
    return findings


def with_ranges(columns: Iterable[Any], X: pd.DataFrame, pipeline: Any) -> list[dict[str, Any]]:
    """Return a bundle's schema: the columns, the numbers with the range that was learned from.

    Parameters
    ----------
    columns : iterable of Column
    X : DataFrame
        The rows that the model was fitted on.
    pipeline : Pipeline
        Its first step may say which numbers stand for a missing value.
    """
    import numpy as np

    X = _without_disguises(X, pipeline)
    schema = []
    for column in columns:
        entry = {"name": column.name, "kind": column.kind, "written_as": column.written_as}
        if column.kind == "number":
            values = X[column.name].to_numpy(dtype=float)
            values = values[np.isfinite(values)]
            if len(values):
                entry |= {"low": float(values.min()), "high": float(values.max())}
        schema.append(entry)
    return schema


def beyond(frame: pd.DataFrame, bundle: Bundle, notes: Notes) -> list[Finding]:
    """Say where numbers lie outside of what the model learned from.

    A tree answers there as it does at the nearest number that it knows; a sum of weighted columns
    goes on in a straight line, to wherever that leads. Neither has seen anything of the kind.
    """
    import numpy as np

    findings = []
    frame = _without_disguises(frame, bundle.pipeline)
    for column in bundle.schema:
        if column.low is None or column.high is None:
            continue
        values = frame[column.name].to_numpy(dtype=float)
        outside = (values < column.low) | (values > column.high)  # not the missing ones
        if not outside.any():
            continue
        known = f"{column.low:.6g} to {column.high:.6g}"
        for line, value in zip(frame.index[outside].tolist(), values[outside], strict=True):
            _note(notes, line, f"{column.name}: {value:.6g} is outside of {known}")
        off = np.maximum(column.low - values[outside], values[outside] - column.high)
        farthest = float(values[outside][np.argmax(off)])
        far = float(off.max()) > column.high - column.low
        findings.append(
            Finding(
                "beyond-range",
                "predict",
                f"{column.name} is outside of what was learned from ({known}) in "
                f"{_count(int(outside.sum()), 'row')}; farthest: {farthest:.6g}.",
                why="The model has seen nothing of the kind, so its answer there is a guess.",
                action="Predicted all the same: check them.",
                severity="warning" if far else "note",
                columns=(column.name,),
                evidence={"rows": int(outside.sum()), "low": column.low, "high": column.high},
            )
        )
    return findings


def _without_disguises(frame: pd.DataFrame, pipeline: Any) -> pd.DataFrame:
    """Return the frame with what stands for missing as missing: it is no category and no number."""
    from groundup.workflow.disguised_missing import DisguisedMissing

    first = pipeline.steps[0][1] if hasattr(pipeline, "steps") else None
    return first.transform(frame) if isinstance(first, DisguisedMissing) else frame


def _note(notes: Notes, line: Any, text: str) -> None:
    notes.setdefault(int(line), []).append(text)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _cells(n: int) -> str:
    return "1 cell that is" if n == 1 else f"{n:,} cells that are"


_TREATMENT = {
    "OneHotEncoder": "Taken as none of the known ones.",
    "OrdinalEncoder": "Given the code for the unknown.",
    "TargetEncoder": "Taken as an average one.",
}


def known_categories(pipeline: Any) -> Iterator[tuple[str, list[Any], str]]:
    """Yield each encoded column of a pipeline: its name, categories, and what unseen ones become.

    An encoder counts if what comes before it in its branch keeps the columns as they are.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    steps = [step for _, step in pipeline.steps] if isinstance(pipeline, Pipeline) else [pipeline]
    for prepare in (step for step in steps if isinstance(step, ColumnTransformer)):
        for _, branch, columns in prepare.transformers_:
            parts = [s for _, s in branch.steps] if isinstance(branch, Pipeline) else [branch]
            for part in parts:
                if type(part).__name__ in _TREATMENT and not isinstance(columns, str):
                    if len(part.categories_) == len(columns):
                        yield from _encoded(part, list(columns))
                    break


def _encoded(encoder: Any, columns: list[str]) -> Iterator[tuple[str, list[Any], str]]:
    treatment = _TREATMENT[type(encoder).__name__]
    rare = getattr(encoder, "infrequent_categories_", None) or [None] * len(columns)
    together = getattr(encoder, "handle_unknown", "") in ("infrequent_if_exist", "warn")
    for name, categories, grouped in zip(columns, encoder.categories_, rare, strict=True):
        words = "Taken as one of the rare ones." if together and grouped is not None else treatment
        yield name, [c for c in categories.tolist() if c == c and c is not None], words
