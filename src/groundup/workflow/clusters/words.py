"""What `groundup run --cluster` says: one line a stage, what was found and why it matters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from groundup.workflow.columns import counted
from groundup.workflow.display import Display
from groundup.workflow.findings import Finding
from groundup.workflow.read import DataError, Table
from groundup.workflow.report_text import percent, plain

Line = tuple[str, str]

_LEAST_ROWS = 20

AUDIT_WHY = "A column that names the row makes every row unlike every other."


def refuse_few_rows(table: Table) -> None:
    """Raise DataError where there are too few rows to tell a group from chance."""
    rows = len(table.frame)
    if rows < _LEAST_ROWS:
        raise DataError(
            f"There {'is' if rows == 1 else 'are'} {counted(rows, 'row')}; to tell groups from "
            f"chance, at least {_LEAST_ROWS} are needed."
        )


# What the audit says about a model to be trained, said about rows to be compared: why and action.
_REWORDED: dict[str, dict[str, Any]] = {
    "group-structure": {
        "why": "Rows of one group are alike for a reason that is known already.",
        "action": "The column takes no part; see whether the clusters repeat it.",
        "severity": "note",
    },
    "time-order": {
        "why": "Rows that follow each other are often alike, so that a cluster may be no more than "
        "a period.",
        "action": "A date describes the clusters and takes no part in the distances; a number "
        "does, and --drop leaves it out.",
    },
    "time-column": {
        "why": "Clusters that are periods may be all that is found.",
        "action": "Dates describe the clusters and take no part in the distances; numbers do.",
    },
    "shared-code": {
        "why": "Such rows belong together, and may make a cluster for that reason alone.",
        "action": "See whether the clusters repeat it.",
    },
    "free-text": {"action": "Takes no part in the distances; the clusters are described by it."},
    "identifier": {"why": "In a distance it would only add noise."},
    "constant-column": {"why": "What never changes cannot tell rows apart."},
    "missing-values": {
        "action": "Numbers get their median; in categories, missing is one of its own.",
    },
    "duplicate-rows": {
        "why": "Equal rows are at distance 0, so that many of them make a cluster by themselves.",
        "action": "Kept.",
    },
}


def reworded(findings: list[Finding]) -> list[Finding]:
    """Return the audit's findings in words that fit a comparison of rows."""
    return [
        replace(finding, **_REWORDED[finding.code]) if finding.code in _REWORDED else finding
        for finding in findings
    ]


def prepare_line(n_compared: int, n_numbers: int) -> Line:
    """Say how many columns rows are compared by, and how many numbers they become.

    Examples
    --------
    >>> prepare_line(4, 4)[0]
    '4 columns become 4 numbers a row.'
    """
    become = f"become{'s' * (n_compared == 1)} {counted(n_numbers, 'number')} a row"
    return (
        f"{counted(n_compared, 'column')} {become}.",
        "Similar rows are close rows: each column gets its say in the distance.",
    )


def explore_line(correlations: dict[str, Any]) -> Line:
    """Name the columns that go most with one another."""
    why = "Columns that say the same thing count twice in a distance."
    columns, matrix = correlations["columns"], correlations["matrix"]
    pairs = [
        (abs(r), columns[i], columns[j])
        for i in range(len(columns))
        for j in range(i)
        if (r := matrix[i][j]) is not None
    ]
    if not pairs:
        return "there are no two columns of numbers to be compared.", why
    r, one, other = max(pairs)
    return f"go most together: {plain(one, 40)} and {plain(other, 40)} ({r:.2f}).", why


def find_line(part: dict[str, Any]) -> Line:
    """Give the verdict."""
    if not part["n_clusters"]:
        answer = part["verdict"]
        return (
            answer[:1].lower() + answer[1:],
            "Algorithms always find some; whether chance would do as well is the question.",
        )
    sizes = ", ".join(f"{size:,}" for size in part["sizes"][:8])
    more = ", ..." if len(part["sizes"]) > 8 else ""
    found = f"{part['n_clusters']} clusters of {sizes}{more} rows"
    if part["unassigned"]:
        found += f", {counted(part['unassigned'], 'row')} in none"
    return f"{found} ({part['chosen']['title']}).", "The number is chosen by evidence, not by wish."


def describe_line(part: dict[str, Any]) -> Line:
    """Name the largest clusters."""
    portraits = part.get("clusters") or []
    if not portraits:
        return "drew the rows as they are.", "A picture shows what the test has measured."
    named = [f"{p['number']} ({plain(p['name'], 60)})" for p in portraits[:3]]
    more = len(portraits) - len(named)
    found = ", ".join(named) + (f" and {more} more" if more else "")
    return f"{found}.", "A cluster that cannot be described is of no use."


def say_results(display: Display, record: dict[str, Any], folder: Path) -> None:
    """End with the answer, the files, and what to do next."""
    evidence = record["evidence"]
    display.say()
    display.say(evidence["verdict"], style="bold")
    for portrait in (record["describe"].get("clusters") or [])[:12]:
        share = percent(portrait["share"])
        rows = counted(portrait["size"], "row")
        display.say(f"  {portrait['number']}  {plain(portrait['name'], 80)}: {rows}, {share}")
    display.say()
    lines = [("open", f"{folder / 'report.html'}")]
    if evidence["n_clusters"]:
        lines += [
            ("own", f"{folder / 'train.py'}  (the same clusters by a short script)"),
            ("look", f"{folder / 'clusters.csv'}  (each row with its cluster, and how sure)"),
            ("next", f"groundup predict {folder} new.csv"),
        ]
    for label, line in lines:
        display.say(f"{label:<5} {line}")
    display.say()
