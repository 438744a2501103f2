"""Transformers as data: what builds them also writes the Python that builds them.

A `Step` is one transformer, a `Block` the columns that are treated alike by a few steps, and a
`Preparation` all blocks together, as a `ColumnTransformer` and as source for the script of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline

from groundup.workflow.disguised_missing import DisguisedMissing
from groundup.workflow.python_source import (
    Bracketed,
    dict_source,
    laid_out,
    list_source,
    literal,
)


@dataclass(frozen=True)
class Step:
    """One transformer of a block: its class and the parameters that are not the default.

    A parameter ``random_state`` stands in the code as ``SEED``; a parameter may be a step itself.
    """

    transformer: type
    parameters: Mapping[str, Any]

    def build(self) -> Any:
        """Return the unfitted transformer."""
        return self.transformer(
            **{
                name: value.build() if isinstance(value, Step) else value
                for name, value in self.parameters.items()
            }
        )

    def source(self) -> Bracketed:
        """Return the Python expression that builds it."""
        arguments = []
        for name, value in self.parameters.items():
            written = value.source() if isinstance(value, Step) else literal(value)
            arguments.append((f"{name}=", "SEED" if name == "random_state" else written))
        return Bracketed(f"{self.transformer.__name__}(", arguments, ")")

    def classes(self) -> set[str]:
        """Return the names of the classes that the code calls."""
        inner = [value for value in self.parameters.values() if isinstance(value, Step)]
        return {self.transformer.__name__}.union(*(step.classes() for step in inner))


@dataclass(frozen=True)
class Block:
    """Columns that are treated alike: their name in the `ColumnTransformer`, and the steps."""

    name: str
    columns: list[str]
    steps: tuple[Step, ...]
    words: tuple[str, ...]
    why: str
    one_text: bool = False

    def build(self) -> tuple[str, Any, Any]:
        """Return the (name, transformer, columns) of a `ColumnTransformer`."""
        built = [step.build() for step in self.steps]
        transformer = built[0] if len(built) == 1 else make_pipeline(*built)
        # A bag of words takes one column of texts, not a table of them.
        return self.name, transformer, self.columns[0] if self.one_text else list(self.columns)

    def source(self) -> Bracketed:
        """Return the same tuple as Python source."""
        steps = [("", step.source()) for step in self.steps]
        made = steps[0] if len(steps) == 1 else ("", Bracketed("make_pipeline(", steps, ")"))
        columns = literal(self.columns[0]) if self.one_text else self.name.upper()
        return Bracketed("(", [("", literal(self.name)), made, ("", columns)], ")")


@dataclass(frozen=True)
class Preparation:
    """The unfitted transformers that stand before the model.

    Parameters
    ----------
    missing : DisguisedMissing
    columns : ColumnTransformer
    plan : list of {"columns", "steps", "why"}
        The same in words.
    blocks : list of Block
    after : Step or None, default=None
        What is done to all numbers together, behind the blocks: to reduce them to fewer.
    """

    missing: DisguisedMissing
    columns: ColumnTransformer
    plan: list[dict[str, Any]]
    blocks: list[Block]
    after: Step | None = None

    def steps(self) -> list[tuple[str, Any]]:
        """Return the steps of a pipeline that stand before the model."""
        steps = [("missing", self.missing), ("prepare", self.columns)]
        return steps if self.after is None else [*steps, ("reduce", self.after.build())]

    def pipeline(self) -> Pipeline:
        """Return the steps as an unfitted pipeline."""
        return Pipeline(self.steps())

    def imports(self) -> dict[str, str]:
        """Return the names that `code` uses with their modules, for `import_lines`."""
        used = {"ColumnTransformer", "DisguisedMissing"}
        for block in self.blocks:
            used = used.union(*(step.classes() for step in block.steps))
        if self.after is not None:
            used |= self.after.classes()
        if any(len(block.steps) > 1 for block in self.blocks):
            used.add("make_pipeline")
        return {name: _MODULES[name] for name in sorted(used)}

    def lists_code(self) -> str:
        """Return the lines of Python that list the columns of each block, and all ``FEATURES``."""
        lists = [block for block in self.blocks if not block.one_text]
        texts = [block.columns[0] for block in self.blocks if block.one_text]
        names = " + ".join(
            [block.name.upper() for block in lists] + ([literal(texts)] if texts else [])
        )
        return (
            "".join(list_source(block.name.upper(), block.columns) for block in lists)
            + f"FEATURES = {names}\n"
        )

    def code(self) -> str:
        """Return the lines of Python that build the same transformers.

        They expect ``SEED``, the lines of `imports` and of `lists_code`, and leave ``missing``,
        ``prepare`` and, where there is a step behind them, ``reduce``.
        """
        arguments: list[tuple[str, str | Bracketed]] = []
        if self.missing.values:
            arguments.append(("", dict_source(self.missing.values)))
        if self.missing.empty_text:
            arguments.append(("empty_text=", literal(tuple(self.missing.empty_text))))
        missing = laid_out(Bracketed("DisguisedMissing(", arguments, ")"), before="missing = ")
        blocks = [laid_out(block.source(), after=",", indent=8) for block in self.blocks]
        prepare = ["prepare = ColumnTransformer(", "    [", *blocks, "    ],"]
        reduce = [] if self.after is None else [laid_out(self.after.source(), before="reduce = ")]
        return "\n".join([missing, *prepare, "    sparse_threshold=0.0,", ")", *reduce, ""])


_MODULES = {
    "ColumnTransformer": "sklearn.compose",
    "PCA": "groundup.decomposition",
    "TfidfVectorizer": "sklearn.feature_extraction.text",
    "SimpleImputer": "sklearn.impute",
    "KFold": "sklearn.model_selection",
    "make_pipeline": "sklearn.pipeline",
    "OneHotEncoder": "sklearn.preprocessing",
    "PowerTransformer": "sklearn.preprocessing",
    "StandardScaler": "sklearn.preprocessing",
    "TargetEncoder": "sklearn.preprocessing",
    "EqualWeight": "groundup.workflow.clusters.features",
    "DateFeatures": "groundup.workflow.prepare",
    "DisguisedMissing": "groundup.workflow.prepare",
}
