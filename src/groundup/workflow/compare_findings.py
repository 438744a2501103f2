"""What the comparison has to tell beside its scores: folds, rows or models that it went without."""

from __future__ import annotations

from groundup.workflow.candidate import Candidate
from groundup.workflow.findings import Finding


def finding_unusable(unusable: int, total: int) -> Finding:
    return Finding(
        code="unusable-fold",
        stage="compare",
        severity="warning",
        message=f"{unusable} of {total} folds hold too few rows or classes to be scored.",
        why="A score needs rows of at least two classes on both sides of a fold.",
        action=f"The models were compared on the other {total - unusable} folds.",
        evidence={"unusable": unusable, "folds": total},
    )


def finding_sampled(used: int, available: int) -> Finding:
    return Finding(
        code="compared-on-sample",
        stage="compare",
        severity="info",
        message=f"The models were compared on {used:,} of the {available:,} training rows.",
        why="That many rows tell the models apart, and all of them would take minutes.",
        action="The chosen model is fitted on all training rows in the end.",
        evidence={"used": used, "available": available},
    )


def finding_out_of_time(done: int, total: int) -> Finding:
    return Finding(
        code="out-of-time",
        stage="compare",
        message=f"Time ran out after {done} of {total} folds.",
        why="Fewer folds make the validation scores less certain.",
        action="All models were compared on the folds that were finished; --time allows more.",
        evidence={"done": done, "folds": total},
    )


def finding_left_out(rung: Candidate, reason: str) -> Finding:
    return Finding(
        code="model-left-out",
        stage="compare",
        severity="info",
        message=f"{rung.title}: left out of the comparison. {reason}",
        why="A model that takes all the time leaves none for the others.",
        action="The run went on with the other models.",
        evidence={"model": rung.name},
    )


def finding_failed(rung: Candidate, reason: str) -> Finding:
    return Finding(
        code="model-failed",
        stage="compare",
        severity="warning",
        message=f"{rung.title} could not be fitted. {reason}",
        why="The comparison lacks this model, which might have been the best one.",
        action="The run went on with the other models.",
        evidence={"model": rung.name},
    )
