"""Look for clusters: fit the candidates, weigh the evidence, and say what there is, or that there
is nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from groundup.workflow.clusters.candidates import fit_candidates
from groundup.workflow.clusters.grouping import Evidence

Progress = Callable[[int, int, str], None]


def find_clusters(
    X: np.ndarray, *, seed: int, seconds: float, progress: Progress | None = None
) -> Evidence:
    """Look for clusters in the rows of `X`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Finite numbers in which distances mean something; see `build_distances`.
    seed : int
    seconds : float
        The time aimed for.
    progress : callable (done, total, text), optional

    Returns
    -------
    Evidence
    """
    from sklearn.metrics import silhouette_score

    candidates = fit_candidates(X, seed=seed, progress=progress)
    for grouping in candidates:
        grouping.measures["silhouette"] = float(silhouette_score(X, grouping.labels))
    chosen = max(candidates, key=lambda grouping: grouping.measures["silhouette"])
    outliers = np.flatnonzero(chosen.labels < 0)
    verdict = f"{chosen.n_clusters} groups."
    return Evidence(candidates, chosen, verdict, [chosen.title], {}, {}, outliers)
