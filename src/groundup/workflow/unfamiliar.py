"""What a new file holds that the training file did not: other kinds, notations and categories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from groundup.workflow.columns import listed
from groundup.workflow.findings import Finding

if TYPE_CHECKING:
    import pandas as pd

    from groundup.bundle import Bundle
    from groundup.workflow.table import Table


def misfits(table: Table, bundle: Bundle) -> list[Finding]:
    """Say which columns have cells of another kind, or are written in another way."""
    trained = {column.name: column for column in bundle.schema}
    findings = []
    for column in table.columns:
        if column.name not in trained:
            continue
        before = trained[column.name]
        if column.misfits:
            findings.append(
                Finding(
                    "wrong-kind",
                    "predict",
                    f"{column.name} has {column.misfits:,} cells that are no {before.kind}.",
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


def unseen(frame: pd.DataFrame, bundle: Bundle) -> list[Finding]:
    """Count the cells with a category that the model has never seen, column by column."""
    from groundup.workflow.disguised_missing import DisguisedMissing

    findings = []
    first = bundle.pipeline.steps[0][1] if hasattr(bundle.pipeline, "steps") else None
    if isinstance(first, DisguisedMissing):  # what stands for missing is no category
        frame = first.transform(frame)
    for name, categories, treatment in known_categories(bundle.pipeline):
        present = frame[name].dropna()
        unseen = present[~present.isin(categories)]
        if len(unseen):
            examples = [str(value)[:30] for value in unseen.unique()[:3]]
            findings.append(
                Finding(
                    "unseen-category",
                    "predict",
                    f"{name} has {len(unseen):,} cells with a value that the model has not seen "
                    f"({listed(examples)}).",
                    why="It cannot know what such a value means.",
                    action=treatment,
                    severity="warning" if len(unseen) > len(present) / 10 else "note",
                    columns=(name,),
                    evidence={"cells": len(unseen), "examples": examples},
                )
            )
    return findings


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
