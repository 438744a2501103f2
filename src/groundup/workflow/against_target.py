"""What the training rows show about the target: its order, its classes, its largest value."""

from __future__ import annotations

import numpy as np
import pandas as pd

from groundup.workflow.columns import listed, percent
from groundup.workflow.findings import Finding
from groundup.workflow.values import cap


def target_findings(y: pd.Series, task: str) -> list[Finding]:
    """Sorted rows, rare classes and imbalance, a cap on the target, contradicting rows."""
    findings = []
    codes = y.to_numpy(dtype=np.float64) if task == "regression" else pd.factorize(y)[0]
    steps = np.diff(codes)
    if task == "regression":
        in_order = max((steps >= 0).mean(), (steps <= 0).mean()) >= 0.99
    else:
        # Shuffled rows change class with probability 1 - sum_k p_k^2 from one to the next.
        by_chance = 1 - ((y.value_counts() / len(y)) ** 2).sum()
        in_order = (steps != 0).mean() < 0.1 * by_chance
    if in_order:
        findings.append(
            Finding(
                "rows-sorted-by-target",
                "audit",
                f"The file is sorted by {y.name}.",
                why="Its first rows are unlike its last ones, and a row's place gives the answer "
                "away.",
                action="Rows are shuffled wherever they are split, and row numbers left out.",
                columns=(str(y.name),),
            )
        )
    if task == "regression":
        capped = cap(y.to_numpy(dtype=np.float64))
        if capped:
            findings.append(
                Finding(
                    "capped-target",
                    "audit",
                    f"{y.name} piles up at its largest value, {capped[0]:g} ({capped[1]} training "
                    "rows).",
                    why="Larger values were probably cut off there; the model cannot know them.",
                    action="Kept.",
                    severity="warning",
                    columns=(str(y.name),),
                    evidence={"value": capped[0], "rows": capped[1]},
                )
            )
        return findings
    counts = y.value_counts()
    rarest, most = counts.index[-1], counts.index[0]
    if counts.iloc[0] >= 3 * counts.iloc[-1]:
        findings.append(
            Finding(
                "class-imbalance",
                "audit",
                f"The classes are uneven: {most} has {percent(counts.iloc[0], len(y))} of the "
                f"training rows, {rarest} {percent(counts.iloc[-1], len(y))}.",
                why=f"Always answering {most} would already be right that often, so plain accuracy "
                "flatters.",
                action="Splits keep the shares; the score is compared with that of always giving "
                "the same answer.",
                columns=(str(y.name),),
                evidence={"counts": {str(label): int(count) for label, count in counts.items()}},
            )
        )
    rare = counts[counts < 10]
    if len(rare):
        findings.append(
            Finding(
                "rare-class",
                "audit",
                f"Rare classes: {listed([f'{label} ({n} rows)' for label, n in rare.items()])}.",
                why="So few rows can hardly be learned from, and some folds may have none.",
                action="Kept.",
                severity="warning",
                columns=(str(y.name),),
                evidence={"counts": {str(label): int(count) for label, count in rare.items()}},
            )
        )
    return findings
