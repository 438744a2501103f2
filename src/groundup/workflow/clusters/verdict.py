"""The verdict on clusters, and what speaks for it, in words with figures."""

from __future__ import annotations

import numpy as np

from groundup.workflow.clusters.borders import LEAST_DEPTH
from groundup.workflow.clusters.crowds import APART
from groundup.workflow.clusters.grouping import FAMILIES, Grouping
from groundup.workflow.clusters.one_crowd import LEVEL, OneCrowd
from groundup.workflow.clusters.stability import LEAST_JACCARD

#: What is said where no grouping is chosen.
ANSWERS = {
    "none": "There are no clusters here.",
    "no grouping holds": "There is more than one crowd here, but no grouping that holds.",
    "cannot tell": "There are too few rows to tell whether there are clusters.",
}


def kind_of_answer(test: OneCrowd, chosen: Grouping | None) -> str:
    """Return "clusters", "none", "no grouping holds" or "cannot tell"."""
    if chosen is not None:
        return "clusters"
    if test.is_refuted:
        return "no grouping holds"
    return "none" if test.draws else "cannot tell"


def verdict(
    test: OneCrowd, chosen: Grouping | None, candidates: list[Grouping], n_table: int
) -> tuple[str, list[str]]:
    """Return the answer in a sentence, and the reasons.

    Parameters
    ----------
    test : OneCrowd
    chosen : Grouping or None
    candidates : list of Grouping
    n_table : int
        Rows of the table.
    """
    reasons = [words_of_test(test, n_table)]
    if chosen is None:
        reasons += _why_none(test, candidates)
        return ANSWERS[kind_of_answer(test, chosen)], reasons
    measures = chosen.measures
    depth = measures["depth"]
    if depth >= APART:
        reasons.append("No two of the groups touch: there is empty space between them.")
    else:
        reasons.append(
            "Between any two groups that touch lies a valley: the shallowest is "
            f"{1 - np.exp(-depth):.0%} less crowded than the groups beside it."
        )
    reasons.append(
        "Fitted to other draws of 70% of the rows, the groups come back: the least stable one "
        f"overlaps with its twin by {min(measures['stability_by_cluster']):.0%} on average "
        f"({LEAST_JACCARD:.0%} is asked for), and the adjusted Rand index is "
        f"{measures['stability']:.2f}."
    )
    finer = sorted(
        {grouping.n_clusters for grouping in candidates if grouping.n_clusters > chosen.n_clusters}
    )
    if finer:
        reasons.append(
            f"It is the finest grouping of which both hold; those with {finer[0]} groups or more "
            "cut through a crowd, hold groups of a few rows, or do not come back."
        )
    agreeing = _families_that_agree(chosen, candidates)
    if agreeing:
        said = ", ".join(f"{family} ({value:.2f})" for family, value in agreeing.items())
        reasons.append(
            "Other ideas of a group lead to nearly the same one (adjusted Rand index, where 1 is "
            f"the same row by row): {said}."
        )
    return f"There are {chosen.n_clusters} clusters.", reasons


def words_of_test(test: OneCrowd, n_table: int) -> str:
    """Say what the test asked, and what came out."""
    if not test.draws:
        return f"With {n_table} rows no valley between crowds could be told from chance."
    kinds = ", ".join(
        f"{kind} (up to {max(drawn):.1f} in {len(drawn)})" for kind, drawn in test.draws.items()
    )
    beyond = (
        "No single crowd of those kinds explains it"
        if test.is_refuted
        else "A single crowd explains it"
    )
    looked_at = (
        f"Among {test.n_rows:,} of the rows, drawn at random, the"
        if (test.n_rows < n_table)
        else "The"
    )
    words = (
        f"{looked_at} deepest valley between two crowds of rows has a depth of "
        f"{test.statistic:.1f}, in units of its noise. Made-up tables of as many rows in which "
        f"there is one crowd only have: {kinds}. {beyond} (p = {test.p_value:.2g}, where {LEVEL:g} "
        "or less is asked for)."
    )
    if test.n_leading:
        words += (
            f" With so few rows for so many columns, all are looked at in their "
            f"{test.n_leading} leading principal components; clusters that these do not show could "
            "not have been seen."
        )
    return words


def words_of_left_out(what: list[str]) -> str:
    """Say what there was no time for."""
    return (
        f"Left out, since the time was short: {', '.join(what)}. With more of it (--time) the "
        "evidence is complete."
    )


def _why_none(test: OneCrowd, candidates: list[Grouping]) -> list[str]:
    stable = [g for g in candidates if g.measures.get("stability") is not None]
    if test.is_refuted:
        return [
            "No single crowd explains the valley, yet none of the groupings tried has groups "
            f"of enough rows with a valley of {1 - np.exp(-LEAST_DEPTH):.0%} between every two of "
            "them that also come back when other rows are drawn."
        ]
    reasons = []
    if stable:
        best = max(stable, key=lambda grouping: grouping.measures["stability"])
        reasons.append(
            f"Algorithms cut anything into parts: {best.title} comes back with an adjusted Rand "
            f"index of {best.measures['stability']:.2f} when other rows are drawn. That is stable, "
            "but nothing separates the parts."
        )
    return reasons


def _families_that_agree(chosen: Grouping, candidates: list[Grouping]) -> dict[str, float]:
    """Return the adjusted Rand index of each other family's nearest grouping, if 0.9 or more."""
    from sklearn.metrics import adjusted_rand_score

    found: dict[str, float] = {}
    for grouping in candidates:
        if grouping.family != chosen.family and grouping.n_clusters == chosen.n_clusters:
            rand = adjusted_rand_score(grouping.labels, chosen.measures["labels_on_sample"])
            # Rounded down: 1.00 is the same row by row.
            rand = np.floor(100 * rand + 1e-9) / 100
            found[grouping.family] = max(rand, found.get(grouping.family, -1.0))
    return {family: float(found[family]) for family in FAMILIES if found.get(family, -1) >= 0.9}
