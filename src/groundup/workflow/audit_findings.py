"""The words for what the audit decided about rows and columns."""

from __future__ import annotations

from groundup.workflow.columns import counted, listed, percent
from groundup.workflow.findings import Finding
from groundup.workflow.leaks import Leak
from groundup.workflow.structure import Groups, TimeOrder


def rows_without_target(target: str, lines: list[int], n_rows: int) -> Finding:
    """Say which rows have no target."""
    return Finding(
        "rows-without-target",
        "audit",
        f"{target} is missing in {counted(len(lines), 'row')} ({percent(len(lines), n_rows)}).",
        why="A row without an answer can neither teach nor test.",
        action="Left out, and counted.",
        columns=(target,),
        evidence={"rows": len(lines), "first_lines": lines[:10]},
    )


_ROLE_WORDS = {
    "empty": (
        "empty-column",
        "no value in any row",
        "There is nothing to learn from it.",
    ),
    "constant": (
        "constant-column",
        "the same value in every row",
        "What never changes cannot tell rows apart.",
    ),
    "identifier": (
        "identifier",
        "they name the row instead of describing it",
        "A model can only learn them by heart, or learn from them how the file was sorted.",
    ),
    "duplicate": (
        "duplicate-column",
        "they repeat another column",
        "A copy adds nothing, and counts twice in a distance.",
    ),
}


def left_out(roles: dict[str, tuple[str, str]]) -> list[Finding]:
    """Build one finding for each kind of column that is left out."""
    findings = []
    for role, (code, words, why) in _ROLE_WORDS.items():
        names = [name for name, (has, _) in roles.items() if has == role]
        if names:
            reasons = {name: roles[name][1] for name in names}
            shown = [f"{name} ({reason})" for name, reason in reasons.items()]
            findings.append(
                Finding(
                    code,
                    "audit",
                    f"{listed(names if role == 'empty' else shown)}: {words}.",
                    why=why,
                    action="Left out (--keep COLUMN takes it in all the same).",
                    columns=tuple(names),
                    evidence={"why": reasons},
                )
            )
    return findings


def group_structure(groups: Groups) -> Finding:
    """Say that rows come in groups."""
    return Finding(
        "group-structure",
        "audit",
        f"{groups.column} groups the rows: {groups.why}.",
        why="Rows of one group are alike. If they stood on both sides of the split, a model that "
        "recognises the group would look as if it understood the matter.",
        action=f"All rows of one {groups.column} stay on one side, and it is no feature.",
        severity="warning",
        columns=(groups.column,),
        evidence={"groups": groups.n_groups, "constant_within": list(groups.constant_within)},
    )


def times(times: list[TimeOrder], chosen: TimeOrder | None) -> Finding:
    """Say that the rows form a series in time, or that they might."""
    names = tuple(order.column for order in times)
    if chosen and chosen.ordered:
        return Finding(
            "time-order",
            "audit",
            f"The rows form a series in time: {chosen.why}.",
            why="A random split would let the model look up the neighbouring hours and days; the "
            "real question is about times to come.",
            action="Split by time: the latest rows test.",
            severity="warning",
            columns=names,
        )
    return Finding(
        "time-column",
        "audit",
        f"{listed(names)} {'holds' if len(names) == 1 else 'hold'} times, but the file is not in "
        "their order.",
        why="If the model is to predict times to come, a random split is too optimistic.",
        action="Split without regard to time.",
        severity="info",
        columns=names,
    )


def free_text(name: str, why: str) -> Finding:
    """Say that a column is running text."""
    return Finding(
        "free-text",
        "audit",
        f"{name} is running text: {why}.",
        why="What it says is in its words, not in its being equal to another.",
        action="Read word by word.",
        severity="info",
        columns=(name,),
    )


def leak(leak: Leak, target: str, *, dropped: bool) -> Finding:
    """Say how a column gives the target away."""
    return Finding(
        "leak",
        "audit",
        f"{leak.column} gives {target} away: {leak.why}.",
        why="Such a column is filled in or computed with the answer at hand; on new rows, where "
        "there is none yet, the model would fail.",
        action="Left out (--keep takes it in all the same)."
        if dropped
        else "Kept, since nothing else would be left.",
        severity="warning",
        columns=(leak.column,),
        evidence={"rule": leak.rule, **leak.evidence},
    )
