"""Predict: a trained model applied to a new file, with an account of every row and column.

A model of clusters assigns the rows of the file to them.

What happens where the new file differs from the training table:

==============================  ====================================================================
the new file has                then
==============================  ====================================================================
columns in another order        they are matched by name
no header                       they are matched by position, if the training file had none either
a column too few                it is missing in every row, and a warning says so
no column of the model at all   an error, with the nearest names
a column too many               it is ignored
a category never seen           it is treated as the encoder does: as a rare one, as none of the
                                known ones, or as the average category
a cell of the wrong kind        it is missing
a number that is out of range   it is predicted all the same, and a warning says so
a row that cannot be read       it gets an empty prediction and a note that says why
the target                      it is not used; the predictions are scored on it, as a courtesy
==============================  ====================================================================

As many rows come out as are in the file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundup.workflow.findings import Finding
from groundup.workflow.match_columns import match_columns, read_as_trained
from groundup.workflow.unfamiliar import Notes, beyond, misfits, unseen

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from groundup.bundle import Bundle
    from groundup.workflow.table import Table

_CHUNK_ROWS = 50_000  # rows that are encoded at a time: encoding takes many times their own size
_MODEL_FOLDER = "model"
_SUFFIXES = {".csv", ".tsv", ".txt", ".data", ".dat", ".gz", ".zip", ".parquet", ".json", ".jsonl"}


@dataclass(frozen=True)
class PredictionSummary:
    """What came of a prediction.

    Attributes
    ----------
    out : pathlib.Path
        The CSV that was written.
    data : pathlib.Path
        The file that was predicted.
    target : str
        What was predicted.
    rows : int
        Rows in the file, and rows written.
    predicted : int
        Rows with a prediction.
    rejected : int
        Rows without one, because they could not be read.
    findings : list of Finding
        Where the file differs from the training table.
    score : dict or None
        ``{"metric", "score", "rows"}`` where the file has the target.
    clusters : dict of int to int or None
        For a model of clusters, how many rows each got; -1 is none of them.
    """

    out: Path
    data: Path
    target: str
    rows: int
    predicted: int
    rejected: int
    findings: list[Finding] = field(default_factory=list)
    score: dict[str, Any] | None = None
    clusters: dict[int, int] | None = None

    def lines(self) -> list[str]:
        """Return the summary as sentences, one a line."""
        from groundup.workflow.metric import METRIC_TITLES

        said = [f"Predicted {self.target} for {_rows(self.predicted)} of {self.data.name}."]
        if self.clusters is not None:
            said = [f"Assigned {_rows(self.predicted)} of {self.data.name} to clusters."]
            said += [
                f"{f'Cluster {number}' if number > 0 else 'No cluster'}: {_rows(count)}."
                for number, count in self.clusters.items()
            ]
        if self.rejected:
            said.append(
                f"{_rows(self.rejected)} could not be read: the prediction there is empty, and the "
                "column note says why."
            )
        said += [
            " ".join(filter(None, [found.message, found.action]))
            for found in self.findings
            # How the file is written is news only where it differs from the training file.
            if found.stage == "predict" or found.severity == "warning"
        ]
        if self.score is not None:
            title = METRIC_TITLES[self.score["metric"]]
            said.append(
                f"The file has {self.target} too, which was not used. On the "
                f"{_rows(self.score['rows'])} with a known value, the {title} is "
                f"{self.score['score']:.3f}."
            )
        said.append(f"Written: {self.out}")
        return said


def predict_file(
    run_or_model: str | os.PathLike[str],
    data: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
) -> PredictionSummary:
    """Predict every row of a file and write the predictions as CSV.

    The CSV has the columns ``line`` (where the row starts in the file), ``prediction``, for a
    classifier ``probability_<class>`` for each class, and ``note`` (empty, or what happened to the
    row). For a model of clusters, ``cluster`` (-1 is none), ``sure`` (0 to 1), ``distance`` and
    ``outlier`` stand in the place of the prediction. It appears whole or not at all, in the order
    of the file.

    Parameters
    ----------
    run_or_model : path-like
        The folder that ``groundup run`` left, or a bundle.
    data : path-like
        The new file, in any format that ``groundup run`` reads.
    out : path-like, default=None
        Where the CSV goes; by default ``<name of data>.predictions.csv`` in the current folder.

    Returns
    -------
    PredictionSummary

    Raises
    ------
    BundleError
        No model there, or one that cannot be trusted.
    DataError
        The file cannot be read, has none of the model's columns, or would be overwritten.
    OutputError
        The CSV cannot be written.
    """
    from groundup.bundle import load_bundle
    from groundup.workflow.csv_output import csv_writer

    data = Path(data)
    target = Path(out) if out is not None else default_output(data)
    _check_output(target, data)
    bundle = load_bundle(_bundle_folder(Path(run_or_model)))
    table, findings = read_as_trained(data, bundle)
    frame, matched = match_columns(table, bundle)
    notes: Notes = {repair.line: [f"repaired: {repair.reason}"] for repair in table.repaired}
    findings = [found for found in findings if not _is_told_again(found, bundle)] + matched
    findings += misfits(table, bundle, notes) + unseen(frame, bundle, notes)
    findings += beyond(frame, bundle, notes)
    if not bundle.replay.identical:
        findings.append(
            Finding("other-machine", "predict", f"The model was checked: {bundle.replay.words}.")
        )

    predictions: list[np.ndarray] = []
    with csv_writer(target) as write:
        for part in _parts(frame, table, bundle, notes, predictions):
            write(part)
    return PredictionSummary(
        out=target,
        data=data,
        target=bundle.target,
        rows=len(frame) + len(table.rejected),
        predicted=len(frame),
        rejected=len(table.rejected),
        findings=findings,
        score=_score(table.frame, bundle, predictions),
        clusters=_counts(predictions) if bundle.task == "clustering" else None,
    )


def default_output(data: Path) -> Path:
    """Return where the predictions of a file go: the current folder, under the file's name.

    Examples
    --------
    >>> str(default_output(Path("in/june.csv.gz")))
    'june.predictions.csv'
    """
    name = Path(data.name)
    while name.suffix.lower() in _SUFFIXES:
        name = name.with_suffix("")
    return Path(f"{name}.predictions.csv")


def _check_output(target: Path, data: Path) -> None:
    from groundup.workflow.table import DataError

    if target.exists() and data.exists() and os.path.samefile(target, data):
        raise DataError(f"The predictions would overwrite {data}. Give another file with --out.")


def _bundle_folder(folder: Path) -> Path:
    """Return the bundle in a run's folder, or the folder itself."""
    from groundup.bundle import BundleError

    if (folder / "manifest.json").exists():
        return folder
    if (folder / _MODEL_FOLDER / "manifest.json").exists():
        return folder / _MODEL_FOLDER
    if folder.is_dir():
        _say_if_no_clusters(folder)
        raise BundleError(
            f"there is no model in {str(folder)!r}; give the folder that groundup run left"
        )
    raise BundleError(f"there is no folder {str(folder)!r}; give the one that groundup run left")


def _say_if_no_clusters(folder: Path) -> None:
    """Raise DataError where the run in this folder looked for clusters and found none."""
    import json

    from groundup.workflow.table import DataError

    record: Any = {}
    with contextlib.suppress(OSError, ValueError):
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if not isinstance(record, dict) or record.get("task") != "clustering":
        return
    if not (record.get("evidence") or {}).get("chosen"):
        raise DataError(
            f"The run in {str(folder)!r} found no clusters, so there is nothing to assign new "
            "rows to; its report.html says why."
        )


def _parts(
    frame: pd.DataFrame,
    table: Table,
    bundle: Bundle,
    notes: Notes,
    predictions: list[np.ndarray],
) -> Iterator[pd.DataFrame]:
    """Yield the output in parts, in the file's order; collect what the score needs."""
    import pandas as pd

    rejected = sorted(table.rejected, key=lambda row: row.line)
    taken = 0
    for start in range(0, max(len(frame), 1), _CHUNK_ROWS):
        rows = frame.iloc[start : start + _CHUNK_ROWS]
        part = _predicted(rows, notes, bundle, predictions)
        last = start + _CHUNK_ROWS >= len(frame)
        until = len(rejected) if last else taken
        while not last and until < len(rejected) and rejected[until].line < rows.index[-1]:
            until += 1
        if until > taken:
            lost = pd.DataFrame(
                {
                    "line": [row.line for row in rejected[taken:until]],
                    "note": [f"not read: {row.reason}" for row in rejected[taken:until]],
                }
            ).reindex(columns=part.columns)
            part = pd.concat([part.astype(object), lost.astype(object)]).sort_values(
                "line", kind="stable"
            )
            taken = until
        yield part


def _predicted(
    rows: pd.DataFrame, notes: Notes, bundle: Bundle, predictions: list[np.ndarray]
) -> pd.DataFrame:
    """Return the output for some rows."""
    import numpy as np
    import pandas as pd

    output: dict[str, Any] = {"line": rows.index.to_numpy()}
    with _quiet():
        if bundle.task == "clustering":
            from groundup.workflow.clusters.new_rows import assigned

            output |= assigned(bundle, rows)
            predictions.append(output["cluster"])
            output["note"] = [
                "; ".join([*notes.get(line, []), *filter(None, [other])]) or None
                for line, other in zip(rows.index.tolist(), output["note"], strict=True)
            ]
            return pd.DataFrame(output)
        answer = bundle.predict(rows) if len(rows) else np.empty(0)
        if bundle.classes is None:
            output["prediction"] = answer
            predictions.append(answer)
        else:
            output["prediction"] = np.array([_label(c) for c in answer.tolist()], dtype=object)
            if hasattr(bundle.pipeline, "predict_proba"):
                n_classes = len(bundle.classes)
                probability = bundle.predict_proba(rows) if len(rows) else np.empty((0, n_classes))
                for k, label in enumerate(bundle.classes):
                    output[f"probability_{_label(label)}"] = probability[:, k]
                predictions.append(probability)
    output["note"] = ["; ".join(notes.get(line, [])) or None for line in rows.index.tolist()]
    return pd.DataFrame(output)


def _is_told_again(found: Finding, bundle: Bundle) -> bool:
    """Tell whether `misfits` says the same of an input column, with what is done about it."""
    names = {column.name for column in bundle.schema}
    return found.code == "unreadable-cells" and set(found.columns) <= names


def _label(label: Any) -> Any:
    """Return a class as it is written: a whole number without a decimal point."""
    return int(label) if isinstance(label, float) and label.is_integer() else label


def _quiet() -> Any:
    """Hold back the warnings about unseen categories: they were counted."""
    import warnings

    return warnings.catch_warnings(action="ignore", category=UserWarning)


def _score(
    frame: pd.DataFrame, bundle: Bundle, predictions: list[np.ndarray]
) -> dict[str, Any] | None:
    """Score the predictions where the file has the target; None where it has not."""
    import numpy as np

    from groundup.workflow.metric import METRICS, score_predictions

    if bundle.task == "clustering" or bundle.target not in frame.columns or not predictions:
        return None
    actual = frame[bundle.target]
    known = actual.notna() if bundle.classes is None else actual.isin(bundle.classes)
    if not known.any():
        return None
    found = np.concatenate(predictions)[known.to_numpy()]
    y = actual[known].to_numpy()
    classes = None if bundle.classes is None else np.array(bundle.classes)
    if bundle.task == "binary":
        found = found[:, 1]
        y = (y == bundle.classes[1]).astype(int) if bundle.classes else y
        classes = np.array([0, 1])
    score = score_predictions(y, found, bundle.task, classes)
    if score is None or not np.isfinite(score):
        return None
    return {"metric": METRICS[bundle.task], "score": score, "rows": len(y)}


def _counts(predictions: list[np.ndarray]) -> dict[int, int]:
    """Count the rows of each cluster, those in none last."""
    import numpy as np

    numbers, counts = np.unique(np.concatenate(predictions), return_counts=True)
    pairs = sorted(zip(numbers.tolist(), counts.tolist(), strict=True), key=lambda p: p[0] % 10**6)
    return dict(pairs)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
