r"""Seeding: k-means++ with several trials a center.

k-means ends in the valley in which it starts, so it pays to start with centers that lie apart.
k-means++ draws each next center among the rows with a chance that grows with the squared distance
to the nearest center so far:

    P(row i)  proportional to  w_i D_i,      D_i = min_c |x_i - c|^2

A row in a part of the data that no center covers yet is likely; an outlier is only one row.  The
expected objective is then at most 8 (ln k + 2) times the best one.  The greedy form draws
2 + ln k candidates and keeps the one that lowers sum_i w_i D_i most; it is better in practice.

Cost: O(n d k log k) time, and 8 bytes a row.

References
----------
.. [1] D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", Proceedings
   of the 18th ACM-SIAM Symposium on Discrete Algorithms, 2007.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._kernel import block_kernel, kernel

CHUNK = 256  # rows looked at together


@kernel
def _chunk_distances(
    X,  # (n, d) in
    start,  # int in
    stop,  # int in: at most CHUNK rows
    candidates,  # (t,) in: rows of X
    columns,  # (d, CHUNK) scratch
    distances,  # (t, CHUNK) out: squared
):
    size = stop - start
    for r in range(size):
        for f in range(X.shape[1]):
            columns[f, r] = X[start + r, f]
    for t in range(candidates.shape[0]):
        for r in range(size):
            distances[t, r] = 0.0
        for f in range(X.shape[1]):
            c = X[candidates[t], f]
            for r in range(size):
                # |x - c|^2 = sum_f (x_f - c_f)^2
                distances[t, r] += (columns[f, r] - c) * (columns[f, r] - c)


@kernel
def _try_block(X, weights, closest, candidates, start, stop, block, potentials):
    columns = np.empty((X.shape[1], CHUNK))
    distances = np.empty((candidates.shape[0], CHUNK))
    for t in range(candidates.shape[0]):
        potentials[block, t] = 0.0
    for first in range(start, stop, CHUNK):
        size = min(CHUNK, stop - first)
        _chunk_distances(X, first, first + size, candidates, columns, distances)
        for t in range(candidates.shape[0]):
            total = 0.0
            if weights.shape[0] > 0:
                for r in range(size):
                    total += weights[first + r] * min(closest[first + r], distances[t, r])
            else:
                for r in range(size):
                    total += min(closest[first + r], distances[t, r])
            potentials[block, t] += total


@block_kernel
def _try_candidates(
    X,  # (n, d) in
    weights,  # (n,) in, or (0,) where all are 1
    closest,  # (n,) in: squared distance to the nearest center
    candidates,  # (t,) in: rows of X
    bounds,  # (b + 1,) in
    potentials,  # (b, t) out: sum_i w_i D_i if that candidate became a center
):
    for block in prange(bounds.shape[0] - 1):
        _try_block(
            X,
            weights,
            closest,
            candidates,
            bounds[block],
            bounds[block + 1],
            block,
            potentials,
        )


@kernel
def _settle_block(X, closest, chosen, start, stop):
    columns = np.empty((X.shape[1], CHUNK))
    distances = np.empty((1, CHUNK))
    for first in range(start, stop, CHUNK):
        size = min(CHUNK, stop - first)
        _chunk_distances(X, first, first + size, chosen, columns, distances)
        for r in range(size):
            closest[first + r] = min(closest[first + r], distances[0, r])


@block_kernel
def _settle(
    X,  # (n, d) in
    closest,  # (n,) inout
    chosen,  # (1,) in: the row that became a center
    bounds,  # (b + 1,) in
):
    for block in prange(bounds.shape[0] - 1):
        _settle_block(X, closest, chosen, bounds[block], bounds[block + 1])


def seed_centers(
    X: np.ndarray,
    k: int,
    weights: np.ndarray | None,
    random_state: np.random.RandomState,
    n_threads: int = 1,
    n_local_trials: int | None = None,
) -> np.ndarray:
    """Choose `k` rows as centers by greedy k-means++.

    The numbers are drawn in scikit-learn's order, so the same seed gives the same rows.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64, C-contiguous, read-only
    k : int
        At most n.
    weights : ndarray of shape (n,) or None
        Of the rows; 1 for each by default.
    random_state : RandomState
    n_threads : int, default=1
    n_local_trials : int or None, default=None
        Candidates a center; 2 + ln k by default.

    Returns
    -------
    ndarray of shape (k, d)
        A new array; fewer than `k` distinct rows appear more than once.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [9.0], [9.1]])
    >>> X.flags.writeable = False
    >>> np.sort(seed_centers(X, 2, None, np.random.RandomState(0)).ravel().round())
    array([0., 9.])
    """
    return X[seed_rows(X, k, weights, random_state, n_threads, n_local_trials)]


def seed_rows(
    X: np.ndarray,
    k: int,
    weights: np.ndarray | None,
    random_state: np.random.RandomState,
    n_threads: int = 1,
    n_local_trials: int | None = None,
) -> np.ndarray:
    """Do what `seed_centers` does, and return the numbers of the rows, of shape (k,)."""
    n = len(X)
    n_trials = 2 + int(np.log(k)) if n_local_trials is None else n_local_trials
    bounds = block_bounds(n)
    given = np.empty(0) if weights is None else weights
    rows = np.empty(k, dtype=np.int64)
    rows[0] = _first_row(n, weights, random_state)
    closest = np.full(n, np.inf)
    potentials = np.empty((len(bounds) - 1, 1))
    _try_candidates(X, given, closest, rows[:1], bounds, potentials, n_threads=n_threads)
    for c in range(1, k):
        _settle(X, closest, rows[c - 1 : c], bounds, n_threads=n_threads)
        candidates = _draw(random_state.uniform(size=n_trials), potentials, closest, given, bounds)
        trials = np.empty((len(bounds) - 1, n_trials))
        _try_candidates(X, given, closest, candidates, bounds, trials, n_threads=n_threads)
        best = int(np.argmin(trials.sum(axis=0)))
        rows[c] = candidates[best]
        potentials = trials[:, best : best + 1]
    return rows


def _first_row(n: int, weights: np.ndarray | None, random_state: np.random.RandomState) -> int:
    u = float(random_state.random_sample())
    if weights is None:
        return min(int(u * n), n - 1)
    cumulative = np.cumsum(weights / weights.sum())
    return min(int(np.searchsorted(cumulative / cumulative[-1], u, side="right")), n - 1)


def _draw(
    uniform: np.ndarray,
    potentials: np.ndarray,
    closest: np.ndarray,
    weights: np.ndarray,
    bounds: np.ndarray,
) -> np.ndarray:
    """Draw rows with a chance proportional to w_i D_i: first the block, then the row in it."""
    upto = np.cumsum(potentials[:, 0])  # (b,)
    drawn = np.empty(len(uniform), dtype=np.int64)
    for t, target in enumerate(uniform * upto[-1]):
        block = min(int(np.searchsorted(upto, target)), len(upto) - 1)
        block_rows = slice(bounds[block], bounds[block + 1])
        chance = closest[block_rows] * (weights[block_rows] if len(weights) else 1.0)
        within = target - (upto[block - 1] if block else 0.0)
        place = int(np.searchsorted(np.cumsum(chance), within))
        drawn[t] = min(bounds[block] + place, bounds[block + 1] - 1)
    return drawn
