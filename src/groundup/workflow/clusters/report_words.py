"""What the report says in words about clusters: the stages, the judgement, the cautions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundup.workflow.report_text import count, number, percent, plain, score
from groundup.workflow.report_words import READ, Judgement, Stage, as_far_as, is_used

_STAGES = [
    READ,
    Stage(
        "audit",
        "columns",
        "Audit",
        "Looking for what would mislead",
        "Rows are compared by all columns at once. A column that names the row, or a copy of "
        "another, takes part in every comparison and has nothing to say.",
    ),
    Stage(
        "prepare",
        "prepare",
        "Prepare",
        "Turning columns into distances",
        "Whether two rows are alike depends on how the columns are weighed: in grams, a weight "
        "drowns everything; in tons, it vanishes. So each column gets the same say.",
    ),
    Stage(
        "explore",
        "explore",
        "Explore",
        "Getting to know the columns",
        "Columns that say the same thing count twice in a distance. Know them before you read "
        "anything into the clusters.",
    ),
    Stage(
        "find",
        "evidence",
        "Find",
        "Looking for clusters, and for reasons to doubt them",
        "Every algorithm cuts every table into as many groups as it is asked for. Whether the cuts "
        "are in the data is another question, and needs evidence.",
    ),
    Stage(
        "describe",
        "describe",
        "Describe",
        "What the clusters are like",
        "A cluster is only of use once somebody can say what it is. Here are the clusters column "
        "by column, the rows that stand for them, and the rows that fit nowhere.",
    ),
]


# A value that so much more of a cluster's rows have than of the others is the cluster.
_ONE_VALUE = 0.98


def stages(run: Mapping[str, Any]) -> list[Stage]:
    """Return the stages of a run that looks for clusters, as far as it came."""
    return as_far_as(run, _STAGES)


def audit_words(columns: list[dict[str, Any]]) -> str:
    """Say how many columns rows are compared by, and what becomes of the others."""
    used = sum(is_used(column) for column in columns)
    described = sum(column.get("role") == "described" for column in columns)
    words = f"Of {count(len(columns), 'column')}, rows are compared by {number(used)}."
    if described:
        words += f" {count(described, 'other')} describe the clusters without making them."
    left = len(columns) - used - described
    return words + (f" {count(left, 'column')} left out." if left else "")


def judgement(run: Mapping[str, Any]) -> Judgement:
    """Say how firm the clusters are, by how well they are found again without some of the rows."""
    chosen = (run.get("evidence") or {}).get("chosen") or {}
    stability = (chosen.get("measures") or {}).get("stability")
    if stability is None:
        return Judgement("")
    if stability > 0.95:
        return Judgement(
            "They are firm: when some of the rows are left out and the search begins again, the "
            "same clusters are found, nearly to the row."
        )
    if stability > 0.8:
        return Judgement(
            "They are fairly firm: when some of the rows are left out and the search begins again, "
            "most of each cluster is found again. Rows near a border may change sides."
        )
    return Judgement(
        "They are soft: when some of the rows are left out, the borders are drawn elsewhere. Read "
        "them as regions of one landscape, and a single row’s cluster as a hint.",
        "poor",
    )


def _made_by_one_column(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name the clusters that are one value of one compared column, and nothing else."""
    used = {column.get("name") for column in run.get("columns") or [] if is_used(column)}
    cases = []
    for portrait in (run.get("describe") or {}).get("clusters") or []:
        for trait in portrait["traits"]:
            whole = trait["kind"] in ("category", "missing") and trait["effect"] >= _ONE_VALUE
            if whole and trait["column"] in used:
                value = "missing" if trait["kind"] == "missing" else plain(trait["value"], 40)
                column = plain(trait["column"], 40)
                cases.append(f"cluster {portrait['number']} ({column} is {value})")
                break
    if not cases:
        return []
    return [
        {
            "message": f"One compared column alone makes {', '.join(cases[:8])}.",
            "why": "Its rows are those with that value, which a filter finds as well. Leave the "
            "column out with --drop to see whether there are groups beside it.",
        }
    ]


def cautions(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what to look at before relying on the clusters."""
    found = [f for f in run.get("findings") or [] if f.get("severity") == "warning"]
    evidence, described = run.get("evidence") or {}, run.get("describe") or {}
    rows = sum(evidence.get("sizes") or []) + (evidence.get("unassigned") or 0)
    values = evidence.get("stability") or []
    shaky = [i + 1 for i, value in enumerate(values) if value is not None and value < 0.6]
    if shaky:
        few = ", ".join(map(str, shaky))
        found.append(
            {
                "message": f"{'Cluster' if len(shaky) == 1 else 'Clusters'} {few} "
                f"{'does' if len(shaky) == 1 else 'do'} not come back reliably.",
                "why": "When some rows are left out and the search begins again, less than 60% of "
                "it is found again. Its neighbours may be the same thing cut in two.",
            }
        )
    found += _made_by_one_column(run)
    small = [i + 1 for i, size in enumerate(evidence.get("sizes") or []) if size < 10]
    if small:
        few = ", ".join(map(str, small))
        found.append(
            {
                "message": f"{'Cluster' if len(small) == 1 else 'Clusters'} {few} "
                f"{'has' if len(small) == 1 else 'have'} fewer than 10 rows.",
                "why": "So few rows may be outliers that happen to lie together.",
            }
        )
    unassigned = evidence.get("unassigned") or 0
    if rows and unassigned > 0.1 * rows:
        found.append(
            {
                "message": f"{percent(unassigned / rows)} of the rows are in no cluster.",
                "why": "They lie where rows are sparse. The clusters describe the others only.",
            }
        )
    near = [
        f"{plain(row['column'], 60)} ({score(row['agreement'])})"
        for row in described.get("left_out") or []
        if row["agreement"] > 0.9
    ]
    if near:
        found.append(
            {
                "message": f"The clusters repeat what a column says already: {', '.join(near)}.",
                "why": "That confirms the clusters, and is no news if the column is known for new "
                "rows too.",
            }
        )
    return found
