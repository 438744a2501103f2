"""Compare: every rung of the ladder on the same folds, and a choice with its reason.

The rule of choice: the best mean validation score wins, unless a simpler model comes within one
standard error of it; then the simpler one is chosen, as the difference may be luck. The baseline
takes part: where no model beats it, choosing it is the honest answer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from groundup.workflow.candidate import Candidate
from groundup.workflow.compare_findings import (
    finding_failed,
    finding_left_out,
    finding_out_of_time,
    finding_sampled,
    finding_unusable,
)
from groundup.workflow.costs import why_too_slow
from groundup.workflow.findings import Finding
from groundup.workflow.folds import (
    FoldScore,
    PreparedFold,
    Progress,
    Split,
    corrected_standard_error,
    encode_target,
    fit_and_score,
    prepare_fold,
    sample_rows,
    usable_folds,
    warnings_as_findings,
)
from groundup.workflow.ladder import ladder
from groundup.workflow.metric import METRIC_TITLES, METRICS, check_task

# Models are compared on at most this many rows: enough to tell them apart to about 0.005, and few
# enough for nearest neighbours, whose cost grows with the square. The final model gets all rows.
_ROWS = 30_000

# The deadline does not cut off a rest of the folds that is done so soon: a small table gets the
# same result on a busy machine, or while kernels are still being compiled, as on an idle one.
_GRACE_SECONDS = 3.0

# All folds stay prepared in memory for tuning; this bounds a fold's array (8 bytes a cell).
_CELLS = 5_000_000


@dataclass
class Comparison:
    """The outcome of `compare`, and what the next stages build on.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
    preparation : unfitted transformer
    labels : (n_classes,) array or None
        The classes, sorted, as they stand in the table.
    folds : list of PreparedFold
    rungs : list of Candidate
    scores : dict of str to list of FoldScore
        By name of the model, one entry a fold; without the models that failed.
    failures : dict of str to str
        By name of the model, why it could not be compared.
    left_out : dict of str to str
        By name of the model, why it takes too long for this table.
    chosen : Candidate
    chosen_why : str
    findings : list of Finding
    rows_used, rows_available : int
        How many training rows the comparison used, of how many.
    """

    task: str
    preparation: Any
    labels: np.ndarray | None
    folds: list[PreparedFold]
    rungs: list[Candidate]
    scores: dict[str, list[FoldScore]]
    failures: dict[str, str]
    left_out: dict[str, str]
    chosen: Candidate
    chosen_why: str
    rows_used: int
    rows_available: int
    findings: list[Finding] = field(default_factory=list)

    @property
    def codes(self) -> np.ndarray | None:
        """The classes as the folds know them, 0 .. n_classes - 1; None for regression."""
        return None if self.labels is None else np.arange(len(self.labels))

    def validation(self, name: str) -> np.ndarray:
        """Return the validation scores of a model, fold by fold."""
        return np.array([score.validation for score in self.scores[name]], dtype=np.float64)

    def train(self, name: str) -> np.ndarray:
        """Return the training scores of a model, fold by fold (NaN where not defined)."""
        return np.array([score.train for score in self.scores[name]], dtype=np.float64)

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison's part of ``run.json``."""
        return {
            "metric": METRICS[self.task],
            "models": [self._entry(candidate) for candidate in self.rungs],
            "chosen": self.chosen.name,
            "chosen_title": self.chosen.title,
            "chosen_why": self.chosen_why,
        }

    def _entry(self, candidate: Candidate) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "name": candidate.name,
            "title": candidate.title,
            "idea": candidate.idea,
            "params": dict(candidate.defaults),
            "validation": None,
            "std": None,
            "train": None,
            "folds": [],
            "seconds": None,
            "failed": self.failures.get(candidate.name),
            "left_out": self.left_out.get(candidate.name),
        }
        if candidate.name in self.scores:
            validation, train = self.validation(candidate.name), self.train(candidate.name)
            entry |= {
                "validation": float(validation.mean()),
                "std": float(validation.std(ddof=1)) if len(validation) > 1 else None,
                "train": None if np.isnan(train).all() else float(np.nanmean(train)),
                "folds": [float(score) for score in validation],
                "seconds": sum(score.seconds for score in self.scores[candidate.name]),
            }
        return entry


def compare(
    preparation: Any,
    X: Any,
    y: Any,
    folds: Sequence[Split],
    task: str,
    *,
    seed: int = 0,
    deadline: float | None = None,
    seconds: float | None = None,
    progress: Progress | None = None,
    rungs: Sequence[Candidate] | None = None,
) -> Comparison:
    """Fit and score every rung of the ladder on the same folds, and choose one.

    Parameters
    ----------
    preparation : unfitted transformer
        Turns the raw table into numbers; cloned and fitted on each fold's training rows.
    X : (n, p) DataFrame
        The training table.
    y : (n,) Series or array
        The target, without missing values.
    folds : sequence of (train, validation) integer arrays
        Positions in `X`.
    task : {"binary", "multiclass", "regression"}
    seed : int, default=0
        For the sample of rows, where the table is large, and for models that draw at random.
    deadline : float, optional
        A moment of `time.monotonic`. Past it no further fold is begun, but two are always done, and
        all of them where the rest would take a few seconds only. It is put off by what the first
        fold takes longer than the second, which is the time to compile.
    seconds : float, optional
        The time aimed for. A model whose time grows faster than the rows do is left out where its
        fits would take too large a share of it (`groundup.workflow.costs`).
    progress : callable, optional
        ``progress(done, total, text)`` after each fit.
    rungs : sequence of Candidate, default=ladder(task, seed, rows of a fold)
        The models, from simple to flexible, the baseline first.

    Returns
    -------
    comparison : Comparison

    Raises
    ------
    ValueError
        If no fold can be used, or no model could be fitted.
    """
    check_task(task)
    labels, y = encode_target(y, task)
    findings: list[Finding] = []
    splits = usable_folds(folds, y, task)
    if not splits:
        raise ValueError(
            f"None of the {len(folds)} folds can be used: each needs training and validation rows "
            "that hold at least two classes. Give more rows, or split the table another way."
        )
    if len(splits) < len(folds):
        findings.append(finding_unusable(len(folds) - len(splits), len(folds)))

    splits, prepared, rows_used = _within_limits(preparation, X, y, splits, task, seed)
    if rows_used < len(y):
        findings.append(finding_sampled(rows_used, len(y)))

    codes = None if labels is None else np.arange(len(labels))
    n_rows = int(np.median([len(train) for train, _ in splits]))  # that a model is fitted to
    rungs = list(ladder(task, seed, n_rows) if rungs is None else rungs)
    size = round(n_rows * len(y) / rows_used), prepared[0].X_train.shape[1]
    classes = 0 if labels is None else len(labels)
    slow = {rung.name: why_too_slow(rung, *size, classes, len(splits), seconds) for rung in rungs}
    left_out = {name: why for name, why in slow.items() if why is not None}
    compared = [rung for rung in rungs if rung.name not in left_out]
    scores: dict[str, list[FoldScore]] = {rung.name: [] for rung in compared}
    failures: dict[str, str] = {}
    total = len(splits) * len(compared)
    lasted: list[float] = []  # seconds of each fold
    for index, split in enumerate(splits):
        begun = time.monotonic()
        if index == len(prepared):
            prepared.append(prepare_fold(preparation, X, y, split))
        for position, rung in enumerate(compared):
            if rung.name not in failures:
                try:
                    score = fit_and_score(
                        rung.build(for_a_score=True), prepared[index], task, codes
                    )
                    if score.validation is None or not np.isfinite(score.validation):
                        raise ValueError("its predictions are not finite numbers")
                    scores[rung.name].append(score)
                except Exception as error:  # one model's failure must not end the run
                    failures[rung.name] = f"{type(error).__name__}: {error}".split("\n")[0]
            if progress is not None:
                text = f"{rung.title}, fold {index + 1} of {len(splits)}"
                progress(index * len(compared) + position + 1, total, text)
        now = time.monotonic()
        lasted.append(now - begun)
        if deadline is not None and index == 1:
            # What the first fold took longer, it took to compile: that happens once, and must not
            # make the first run of all a poorer one.
            deadline += max(0.0, lasted[0] - lasted[1])
        to_come = (len(splits) - index - 1) * lasted[-1]
        if deadline is not None and now > deadline and index >= 1 and to_come > _GRACE_SECONDS:
            findings.append(finding_out_of_time(index + 1, len(splits)))
            break

    findings += [finding_left_out(r, left_out[r.name]) for r in rungs if r.name in left_out]
    for rung in compared:
        if rung.name in failures:
            del scores[rung.name]
            findings.append(finding_failed(rung, failures[rung.name]))
        else:
            caught = [message for score in scores[rung.name] for message in score.warnings]
            findings += warnings_as_findings("compare", rung.title, rung.worth_telling(caught))
    if not scores:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
        raise ValueError(f"No model could be fitted. {reasons}")

    comparison = Comparison(
        task=task,
        preparation=preparation,
        labels=labels,
        folds=prepared,
        rungs=rungs,
        scores=scores,
        failures=failures,
        left_out=left_out,
        chosen=rungs[0],
        chosen_why="",
        rows_used=rows_used,
        rows_available=len(y),
        findings=findings,
    )
    comparison.chosen, comparison.chosen_why = _choose(comparison)
    return comparison


def _within_limits(
    preparation: Any, X: Any, y: np.ndarray, splits: list[Split], task: str, seed: int
) -> tuple[list[Split], list[PreparedFold], int]:
    """Thin the folds to rows and cells that can be afforded; the first one comes prepared."""
    rows = sample_rows(y, _ROWS, seed)
    thinned = _thin(splits, rows, y, task)
    first = prepare_fold(preparation, X, y, thinned[0])
    width = max(1, first.X_train.shape[1])
    if len(rows) * width > _CELLS and len(rows) > 2_000:
        rows = sample_rows(y, max(2_000, _CELLS // width), seed)
        thinned = _thin(splits, rows, y, task)
        first = prepare_fold(preparation, X, y, thinned[0])
    return thinned, [first], len(rows)


def _thin(splits: list[Split], rows: np.ndarray, y: np.ndarray, task: str) -> list[Split]:
    """Keep only the given rows of each fold (all of them if no fold stays usable)."""
    kept = np.zeros(len(y), dtype=bool)
    kept[rows] = True
    thinned = [(train[kept[train]], validation[kept[validation]]) for train, validation in splits]
    return usable_folds(thinned, y, task) or splits


def _choose(comparison: Comparison) -> tuple[Candidate, str]:
    """Choose the best mean, or the simplest model within one standard error of it."""
    compared = [rung for rung in comparison.rungs if rung.name in comparison.scores]
    means = {rung.name: comparison.validation(rung.name).mean() for rung in compared}
    metric = METRIC_TITLES[METRICS[comparison.task]]
    best = max(compared, key=lambda rung: means[rung.name])  # the first, so the simplest, of equals
    k = len(comparison.scores[best.name])
    folds = f"{k} folds" if k > 1 else "1 fold"
    for rung in compared[: compared.index(best)]:
        differences = comparison.validation(best.name) - comparison.validation(rung.name)
        error = corrected_standard_error(differences, comparison.folds)
        if differences.mean() <= error:
            why = (
                f"{best.title} had the highest mean {metric} ({means[best.name]:.4f}), but "
                f"{rung.title} ({means[rung.name]:.4f}) is within one standard error of it "
                f"({differences.mean():.4f} apart, standard error {error:.4f}, {folds}): "
                "the difference may be luck, so the simpler model was chosen."
            )
            if rung.name == "baseline":
                why += " No model was shown to do better than guessing."
            return rung, why
    if len(compared) == 1:
        return best, f"{best.title} was the only model that could be fitted."
    others = [rung for rung in compared if rung is not best]
    second = max(others, key=lambda rung: means[rung.name])
    first_score, second_score = f"{means[best.name]:.4f}", f"{means[second.name]:.4f}"
    why = (
        f"{best.title} had the highest mean {metric} on the validation rows of {folds}: "
        f"{first_score}, ahead of {second.title} with {second_score}"
    )
    if first_score == second_score:
        why = (
            f"{best.title} had a mean {metric} of {first_score} on the validation rows of {folds}, "
            f"and {second.title} was as good"
        )
    simpler = compared[: compared.index(best)]
    if first_score == second_score and compared.index(second) > compared.index(best):
        return best, why + ", but is less simple."
    return best, why + (
        "; no simpler model came within one standard error of it." if simpler else "."
    )
