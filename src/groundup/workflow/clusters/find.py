"""Look for clusters: is there more than one crowd, which grouping finds them best, and why.

    1. test whether the rows are one crowd                      (one_crowd)
    2. fit the candidates of the four families                  (candidates)
    3. measure them: borders, stability, silhouette, BIC, gap   (borders, stability, gap)
    4. choose the finest whose groups are separated and stable  (choice)
    5. say what was found, and why                              (verdict)

Large tables are judged by a sample of their rows; what is chosen is then fitted to all of them.

Only groupings that can still win are resampled. What the report alone shows (the gap, the stability
of k-means) is measured last, if more than a third of the time is left. The answer is a matter of
the seed, not of the machine, as long as steps 1 to 4 end within two fifths, two thirds and nine
tenths of the time; a slower search takes half of the made-up tables, leaves candidates out and
resamples less, in this order, and says so in `Evidence.left_out`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

from groundup.workflow.clusters import borders
from groundup.workflow.clusters.candidates import fit_candidates, labels_of
from groundup.workflow.clusters.choice import (
    best_of_kin,
    choose,
    is_admissible,
    is_separated,
    parts_as_few,
    smallest_group,
)
from groundup.workflow.clusters.crowds import densities
from groundup.workflow.clusters.deadline import Deadline
from groundup.workflow.clusters.gap import gap_statistic
from groundup.workflow.clusters.grouping import FAMILIES, Evidence, Grouping
from groundup.workflow.clusters.one_crowd import (
    LEVEL,
    Draw,
    OneCrowd,
    leading_components,
    one_crowd_test,
    spread_ties,
)
from groundup.workflow.clusters.silhouette import Silhouette
from groundup.workflow.clusters.stability import RESAMPLES, Resamples
from groundup.workflow.clusters.verdict import (
    kind_of_answer,
    verdict,
    words_of_left_out,
    words_of_test,
)

Progress = Callable[[int, int, str], None]

#: Rows by which groupings are judged.
MOST_ROWS = 1500
# A row is an outlier if its log density is this many interquartile ranges below its group's lower
# quartile: one in a million of a Gaussian cloud's rows.
_FAR_OUT = 3.0
# When that share of the time is over, the report's own figures are left out, or fewer subsets are
# drawn.
_FOR_REPORT, _FOR_CHOICE = 0.6, 0.9
_FEWER_RESAMPLES = 4
# Of a table of any size: neighbours beyond these cost time and tell no more.
_MOST_NEIGHBOURS = 60


def find_clusters(
    X: np.ndarray,
    *,
    seed: int,
    seconds: float = 60.0,
    shuffled: Draw | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Look for clusters in the rows of `X`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Finite numbers in which distances mean something; see `build_distances`.
    seed : int
    seconds : float, default=60.0
        The time aimed for: see above for what is left out when it runs short.
    shuffled : callable (rng), optional
        Returns what `X` would be if the table's columns had nothing to do with one another.
    progress : callable (done, total, text), optional

    Returns
    -------
    Evidence
        The same for the same seed, unless time ran out.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack([rng.normal(size=(60, 2)), rng.normal(size=(40, 2)) + 7])
    >>> evidence = find_clusters(X, seed=0)
    >>> evidence.verdict, np.bincount(evidence.chosen.labels).tolist()
    ('There are 2 clusters.', [60, 40])
    """
    deadline = Deadline(seconds)
    X = np.ascontiguousarray(X, dtype=np.float64)
    test = one_crowd_test(X, seed=seed, shuffled=shuffled, deadline=deadline, progress=progress)
    sample = _sample(len(X), seed)
    rows = X[sample]
    candidates = (
        fit_candidates(rows, seed=seed, n_table=len(X), deadline=deadline, progress=progress)
        if len(rows) >= 10
        else []
    )
    shortlist = _measure(rows, candidates, seed)
    resamples = Resamples(rows, seed=seed)
    if test.is_refuted:
        _resample_down_to_the_choice(resamples, candidates, deadline, progress)
    _measure_for_report(rows, resamples, candidates, shortlist, seed, deadline, progress)
    chosen = choose(candidates) if test.is_refuted else None
    outliers = np.empty(0, np.int64)
    if chosen is not None:
        chosen.measures["labels_on_sample"] = chosen.labels
        answer, reasons = verdict(test, chosen, candidates, len(X))
        if len(rows) < len(X):
            _fit_to_all(chosen, X, len(rows))
        outliers = find_outliers(X, chosen.labels, sample)
    else:
        answer, reasons = verdict(test, None, candidates, len(X))
    if deadline.left_out:
        reasons.append(words_of_left_out(deadline.left_out))
    return Evidence(
        candidates,
        chosen,
        answer,
        reasons,
        _curves(best_of_kin(candidates)),
        _null(test, len(X)),
        outliers,
        sample,
        deadline.left_out,
        kind_of_answer(test, chosen),
    )


def _sample(n_rows: int, seed: int) -> np.ndarray:
    if n_rows <= MOST_ROWS:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, MOST_ROWS, replace=False))


def _resample_down_to_the_choice(
    resamples: Resamples,
    candidates: list[Grouping],
    deadline: Deadline,
    progress: Progress | None,
) -> None:
    """Resample the separated groupings from the finest down to the first that is admissible.

    Of equally fine ones those that part the fewest neighbours come first: once one of these is
    admissible, `choose` takes none that parts many more.
    """
    separated = [grouping for grouping in candidates if is_separated(grouping)]
    finest_first = sorted({grouping.n_clusters for grouping in separated}, reverse=True)
    for done, n_clusters in enumerate(finest_first):
        if progress:
            progress(done, len(finest_first), f"other draws of the rows: {n_clusters} groups")
        equals = [grouping for grouping in separated if grouping.n_clusters == n_clusters]
        equals.sort(key=lambda grouping: grouping.measures["parted"])
        fewest = np.inf
        for grouping in equals:
            if not parts_as_few(grouping, fewest):
                break
            late = deadline.is_over(_FOR_CHOICE, "more than half of the resamples")
            _resample(resamples, grouping, _FEWER_RESAMPLES if late else RESAMPLES)
            if is_admissible(grouping):
                fewest = min(fewest, grouping.measures["parted"])
        if fewest < np.inf:
            return


def _resample(resamples: Resamples, grouping: Grouping, n_resamples: int = RESAMPLES) -> None:
    if grouping.measures["stability"] is None:
        found = resamples.stability(grouping, n_resamples)
        grouping.measures["stability"] = found.rand
        grouping.measures["stability_by_cluster"] = found.by_cluster


def _measure_for_report(
    X: np.ndarray,
    resamples: Resamples,
    candidates: list[Grouping],
    shortlist: list[Grouping],
    seed: int,
    deadline: Deadline,
    progress: Progress | None,
) -> None:
    """Measure what decides nothing, as far as there is time."""
    if progress:
        progress(1, 1, "the gap statistic")
    if not deadline.is_over(_FOR_REPORT, "the gap statistic"):
        _add_gap(X, candidates, seed)
    for grouping in shortlist:
        known = grouping.family != "k-means" or grouping.measures["stability"] is not None
        if not known and not deadline.is_over(_FOR_REPORT, "the stability of k-means"):
            _resample(resamples, grouping)


def _measure(X: np.ndarray, candidates: list[Grouping], seed: int) -> list[Grouping]:
    """Measure all that a grouping's labels tell; return the best of each family and number."""
    if not candidates:
        return []
    # Between whole numbers it is empty without being a border, and with few rows in many columns
    # there is no border to be seen: so borders are looked for where the test looks for valleys.
    spread = leading_components(spread_ties(X, np.random.default_rng(seed)))
    density = densities(spread, (min(borders.NEIGHBOURS, len(X) - 1),))[0]
    least_rows = smallest_group(len(X))
    for grouping in candidates:
        labels = borders.without_outliers(X, grouping.labels)
        smallest = int(np.bincount(grouping.labels[grouping.labels >= 0]).min())
        grouping.measures |= {
            "depth": float(borders.border_depths(density, labels).min()),
            "parted": borders.parted_neighbours(density, labels),
            "smallest": smallest,
            "least_rows": least_rows,
            "silhouette": None,
            "bic": float(grouping.estimator.bic(X)) if grouping.family == "mixture" else None,
            "gap": None,
            "stability": None,
        }
    shortlist = best_of_kin(candidates)
    silhouette = Silhouette(X)
    for grouping in shortlist:
        grouping.measures["silhouette"] = silhouette(grouping.labels)
    return shortlist


def _add_gap(X: np.ndarray, candidates: list[Grouping], seed: int) -> None:
    means = [grouping for grouping in candidates if grouping.family == "k-means"]
    if not means:
        return
    gaps, errors = gap_statistic(X, [grouping.n_clusters for grouping in means], seed=seed)
    for grouping, gap, error in zip(means, gaps, errors, strict=True):
        grouping.measures |= {"gap": gap, "gap_se": error}


def _fit_to_all(chosen: Grouping, X: np.ndarray, n_sampled: int) -> None:
    """Fit the chosen estimator to all rows; what counts rows grows with their number."""
    estimator = clone(chosen.estimator)
    ratio = len(X) / n_sampled
    for name in ("min_cluster_size", "min_samples"):
        if name in estimator.get_params():
            grown = round(ratio * getattr(estimator, name))
            if name == "min_samples":
                grown = min(grown, _MOST_NEIGHBOURS)
            estimator.set_params(**{name: grown})
            chosen.params[name] = getattr(estimator, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen.labels = labels_of(estimator.fit(X), X)
    chosen.estimator = estimator
    chosen.n_clusters = int(chosen.labels.max()) + 1


def find_outliers(X: np.ndarray, labels: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return the rows that are in no group, or much lonelier than the others of their group.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    labels : int64 ndarray of shape (n,)
    sample : int64 ndarray
        The rows among which neighbours are counted.
    """
    k = min(borders.NEIGHBOURS, len(sample) - 1)
    distances = NearestNeighbors(n_neighbors=k + 1).fit(X[sample]).kneighbors(X)[0][:, -1]
    lonely = np.log(np.maximum(distances, 1e-12))  # - log f / d
    out = labels < 0
    for group in range(labels.max() + 1):
        members = labels == group
        lower, upper = np.quantile(lonely[members], [0.25, 0.75])
        out |= members & (lonely > upper + _FAR_OUT * (upper - lower))
    return np.flatnonzero(out)


def _curves(shortlist: list[Grouping]) -> dict[str, dict[str, list]]:
    """Return each family's measures, by the number of groups."""
    curves = {}
    for family in FAMILIES:
        kin = [grouping for grouping in shortlist if grouping.family == family]
        kin.sort(key=lambda grouping: grouping.n_clusters)
        curve: dict[str, list] = {"k": [grouping.n_clusters for grouping in kin]}
        for name in ("silhouette", "gap", "gap_se", "bic", "stability", "depth"):
            curve[name] = [grouping.measures.get(name) for grouping in kin]
        if kin:
            curves[family] = curve
    return curves


def _null(test: OneCrowd, n_table: int) -> dict[str, Any]:
    return {
        "statistic": "depth of the deepest valley between two crowds, in units of its noise",
        "observed": test.statistic,
        "draws": [value for drawn in test.draws.values() for value in drawn],
        "draws_by_kind": test.draws,
        "direction": "larger: more clustered",
        "dimension": test.dimension,
        "p_value": test.p_value,
        "level": LEVEL,
        "rows": test.n_rows,
        "words": words_of_test(test, n_table),
    }
