"""The choice among groupings: every border a valley, every group stable, and then the finest.

A grouping is admissible if

- every group holds enough rows to speak of: 5, and one in a hundred;
- between every two groups that touch lies a valley (`borders.LEAST_DEPTH`), so none cuts a crowd;
- every group comes back in resamples (`stability.LEAST_JACCARD`), so none is an accident.

Coarse groupings pass easily: whoever puts several clusters into one still cuts along valleys. So of
the admissible ones those with most groups win, as in the rule of prediction strength (the largest k
that predicts well enough). Of equally fine ones those remain that part the fewest neighbours
(`borders.parted_neighbours`), give or take a quarter, and of these the most stable one wins.

BIC and the silhouette are shown, and do not decide: BIC takes several Gaussians to describe one
cluster that is not Gaussian, and the silhouette prefers few round groups to many others.

References
----------
.. [1] Tibshirani, Walther (2005): Cluster validation by prediction strength.
.. [2] Baudry, Raftery, Celeux, Lo, Gottardo (2010): Combining mixture components for clustering.
"""

from __future__ import annotations

from groundup.workflow.clusters.borders import LEAST_DEPTH
from groundup.workflow.clusters.candidates import LEAST_ROWS
from groundup.workflow.clusters.grouping import Grouping
from groundup.workflow.clusters.stability import LEAST_JACCARD

_LEAST_SHARE = 0.01
# Shares of parted neighbours that differ by less than a quarter are level.
_LEVEL = 0.25


def smallest_group(n_rows: int) -> int:
    """Return how many rows a group has at least.

    Examples
    --------
    >>> smallest_group(200), smallest_group(2000)
    (5, 20)
    """
    return max(LEAST_ROWS, round(_LEAST_SHARE * n_rows))


def best_of_kin(candidates: list[Grouping]) -> list[Grouping]:
    """Return the best of those that share family and number of groups: by BIC, or by depth."""
    best: dict[tuple[str, int], Grouping] = {}
    for grouping in candidates:
        key = grouping.family, grouping.n_clusters
        if key not in best or _kin_score(grouping) > _kin_score(best[key]):
            best[key] = grouping
    return list(best.values())


def _kin_score(grouping: Grouping) -> tuple[bool, float]:
    bic = grouping.measures.get("bic")
    score = grouping.measures["depth"] if bic is None else -bic
    return grouping.measures["smallest"] >= grouping.measures["least_rows"], score


def is_separated(grouping: Grouping) -> bool:
    """Whether its groups are large enough, with a valley between every two."""
    measures = grouping.measures
    return measures["smallest"] >= measures["least_rows"] and measures["depth"] >= LEAST_DEPTH


def is_admissible(grouping: Grouping) -> bool:
    """Whether its groups are separated, and every one of them comes back in resamples."""
    by_cluster = grouping.measures.get("stability_by_cluster")
    return is_separated(grouping) and by_cluster is not None and min(by_cluster) >= LEAST_JACCARD


def choose(candidates: list[Grouping]) -> Grouping | None:
    """Return the finest admissible grouping, or None.

    Parameters
    ----------
    candidates : list of Grouping
        With the measures ``depth``, ``parted``, ``smallest`` and ``least_rows``; those without
        ``stability`` and ``stability_by_cluster`` are not considered.
    """
    admissible = [grouping for grouping in candidates if is_admissible(grouping)]
    if not admissible:
        return None
    finest = max(grouping.n_clusters for grouping in admissible)
    equals = [grouping for grouping in admissible if grouping.n_clusters == finest]
    fewest = min(grouping.measures["parted"] for grouping in equals)
    level = [grouping for grouping in equals if parts_as_few(grouping, fewest)]
    return max(level, key=lambda grouping: grouping.measures["stability"])


def parts_as_few(grouping: Grouping, fewest: float) -> bool:
    """Whether a grouping parts no more neighbours than one that parts `fewest`, or hardly more."""
    return bool(grouping.measures["parted"] <= (1 + _LEVEL) * fewest + _LEVEL / 100)
