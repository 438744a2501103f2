"""The gap statistic: how much closer to its centres are the rows than evenly filled boxes would be?

With W_k the sum of squared distances to the nearest of k centres,

    gap(k) = mean over boxes of log W_k(box) - log W_k(data)

where a box is as large as the data in their principal directions. Where k reaches the number of
clusters the data's W_k falls steeply and the box's does not; the smallest k with

    gap(k) >= gap(k + 1) - s(k + 1),     s(k) = sd of log W_k(box) * sqrt(1 + 1 / boxes)

is the statistic's own choice.

References
----------
.. [1] Tibshirani, Walther, Hastie (2001): Estimating the number of clusters in a data set via the
       gap statistic.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from groundup.workflow.clusters.families import KMeans
from groundup.workflow.clusters.one_crowd import single_crowds

_BOXES = 8
# Rows that are enough for sums of squares.
_MOST_ROWS = 800


def gap_statistic(
    X: np.ndarray, counts: Sequence[int], *, seed: int
) -> tuple[list[float], list[float]]:
    """Return gap(k) and s(k) for each k of `counts`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    counts : sequence of int
    seed : int
    """
    rng = np.random.default_rng(seed)
    if len(X) > _MOST_ROWS:
        X = X[rng.choice(len(X), _MOST_ROWS, replace=False)]
    box = single_crowds(X)["even box"]
    ours = _log_inertias(X, counts, seed)
    theirs = np.array([_log_inertias(box(rng), counts, seed) for _ in range(_BOXES)])
    spread = theirs.std(axis=0) * np.sqrt(1 + 1 / _BOXES)
    return (theirs.mean(axis=0) - ours).tolist(), spread.tolist()


def _log_inertias(X: np.ndarray, counts: Sequence[int], seed: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct rows than centres: the inertia is 0
        inertias = [
            KMeans(k, n_init=1, random_state=seed).fit(np.ascontiguousarray(X)).inertia_
            for k in counts
        ]
    return np.log(np.maximum(inertias, 1e-12))
