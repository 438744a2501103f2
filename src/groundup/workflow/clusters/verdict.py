"""The verdict on clusters, and what speaks for it, in words with figures."""

from __future__ import annotations

import numpy as np

from groundup.workflow.clusters.borders import LEAST_DEPTH
from groundup.workflow.clusters.crowds import APART
from groundup.workflow.clusters.grouping import FAMILIES, Grouping
from groundup.workflow.clusters.one_crowd import LEVEL, OneCrowd
from groundup.workflow.clusters.stability import LEAST_JACCARD


def verdict(
    test: OneCrowd, chosen: Grouping | None, candidates: list[Grouping], n_rows: int
) -> tuple[str, list[str]]:
    """Return the answer in a sentence, and the reasons.

    Parameters
    ----------
    test : OneCrowd
    chosen : Grouping or None
    candidates : list of Grouping
    n_rows : int
        Rows that the evidence is from.
    """
    reasons = [words_of_test(test, n_rows)]
    if chosen is None:
        reasons += _why_none(test, candidates)
        return "There are no clusters here.", reasons
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
        reasons.append(f"Found independently, almost row by row, by: {', '.join(agreeing)}.")
    return f"There are {chosen.n_clusters} clusters.", reasons


def words_of_test(test: OneCrowd, n_rows: int) -> str:
    """Say what the test asked, and what came out."""
    if not test.draws:
        return f"With {n_rows} rows no valley between crowds could be told from chance."
    kinds = ", ".join(f"{kind} (up to {max(drawn):.1f})" for kind, drawn in test.draws.items())
    beyond = (
        "No single crowd of those kinds explains it"
        if test.is_refuted
        else "A single crowd explains it"
    )
    return (
        f"The deepest valley between two crowds of rows has a depth of {test.statistic:.1f}, in "
        f"units of its noise. Made-up tables of as many rows in which there is one crowd only "
        f"have: {kinds}. {beyond} (p = {test.p_value:.2g}, where {LEVEL:g} or less is asked for)."
    )


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
            "There is more than one crowd, yet none of the groupings tried has groups of enough "
            f"rows with a valley of {1 - np.exp(-LEAST_DEPTH):.0%} between every two of them that "
            "also come back when other rows are drawn."
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


def _families_that_agree(chosen: Grouping, candidates: list[Grouping]) -> list[str]:
    from sklearn.metrics import adjusted_rand_score

    found = {
        grouping.family
        for grouping in candidates
        if grouping.family != chosen.family
        and grouping.n_clusters == chosen.n_clusters
        and adjusted_rand_score(grouping.labels, chosen.measures["labels_on_sample"]) >= 0.9
    }
    return [family for family in FAMILIES if family in found]
