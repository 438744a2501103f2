"""Nearest neighbours by looking at every pair, with most of the work in one matrix product.

The squared distance between a query q and a fitted row x expands to

    ||x - q||^2 = ||q||^2 - 2 (x . q - ||x||^2 / 2)

so the k nearest rows are those with the k largest *scores* ``s = x . q - ||x||^2 / 2``, and all
scores of a block of queries against a panel of rows are one matrix product, which is the fastest
thing a processor does.  But the expansion cancels: far from the origin the two terms are huge and
their difference is noise.  So the product only *filters*, in single precision, and never decides:

1. Once, at fit: the rows are centred and scaled, shuffled, rounded to single precision, and packed
   into panels of 256 rows with ``-||x||^2 / 2`` as one more feature (a query has a 1 there).
2. For 96 queries at a time and panel after panel: all scores at once.
3. A row whose score proves that it is farther than the k-th nearest so far is passed over.
   "Proves" means by more than the rounding error of the score can be, which is bounded below.
4. The few others get their distance in double precision from the original rows, as the plain sum of
   squared differences, and are offered to the heap of the k nearest.

The result is the exact answer for every input; only the time depends on how well the filter works.
The shuffle makes it work whatever the order of the rows: the i-th row met is among the k nearest so
far with probability k / i, so about ``k (1 + log(n / k))`` rows a query reach step 4.

Rounding error.  With u = 2^-24, a score of d + 1 terms differs from its true value by at most
``(d + 8) u (||x|| ||q|| + ||x||^2 / 2)`` (the inner product's bound, Higham section 3.1, with a few
units of u to spare for the rounding of x, q and the norm); the norm of x is bounded by the largest
in its panel.  When rows lie in clusters far apart, the bound is wide and many rows reach step 4:
slower, and still exact.

Cost: O(n d) a query; memory: half that of the fitted rows for the panels.

References
----------
.. [1] N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, SIAM, 2002.
.. [2] J. Johnson, M. Douze and H. Jegou, "Billion-scale similarity search with GPUs", IEEE
   Transactions on Big Data 7, 2021 (blocks of products with the selection fused in).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.neighbors._nearest import (
    clear_nearest,
    replace_farthest,
    sort_nearest,
)

PANEL_ROWS = 256  # with QUERY_ROWS: the scores of a block stay in a level-2 cache
QUERY_ROWS = 96
GROUP = 64  # scores tested at once


class Panels(NamedTuple):
    """Fitted rows, packed for `search_panels`."""

    scores: np.ndarray  # (n_panels, d + 1, PANEL_ROWS) float32: centred rows, and -||x||^2 / 2
    radii: np.ndarray  # (n_panels,) the largest norm in the panel, scaled as the scores are
    rows: np.ndarray  # (n,) int64: which row stands where
    center: np.ndarray  # (d,)
    scale: float  # a power of two


@block_kernel
def fill_panels(
    X,  # (n, d) in
    rows,  # (n,) in: the shuffled order
    center,  # (d,) in
    scale,  # float in
    panels,  # (n_panels, d + 1, width) out
    radii,  # (n_panels,) out
):
    d, width = X.shape[1], panels.shape[2]
    for panel in prange(panels.shape[0]):
        largest = 0.0
        for j in range(width):
            position = panel * width + j
            if position >= X.shape[0]:
                for f in range(d):
                    panels[panel, f, j] = 0.0
                panels[panel, d, j] = -1e38  # an empty place is farther than any row
                continue
            square = 0.0
            for f in range(d):
                z = (X[rows[position], f] - center[f]) * scale
                panels[panel, f, j] = z
                square += z * z
            panels[panel, d, j] = -0.5 * square
            largest = max(largest, square)
        radii[panel] = np.sqrt(largest)


def pack(X: np.ndarray, n_threads: int = 1) -> Panels:
    """Centre, scale, shuffle and round the fitted rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64, read-only
    n_threads : int, default=1

    Returns
    -------
    Panels
    """
    n, d = X.shape
    width = min(PANEL_ROWS, -(-n // 16) * 16)
    n_panels = -(-n // width)
    rows = np.arange(n) if n_panels == 1 else np.random.default_rng(0).permutation(n)
    # A median, of about 256 rows: a mean would follow a single far row.
    center = np.median(X[rows[:256]], axis=0)
    spread = max((X.max(axis=0) - center).max(), (center - X.min(axis=0)).max())
    exponent = np.clip(np.frexp(spread)[1], -1000, 1000)
    scale = float(2.0**-exponent) if np.isfinite(spread) else 0.0
    panels, radii = np.empty((n_panels, d + 1, width), dtype=np.float32), np.empty(n_panels)
    fill_panels(X, rows, center, scale, panels, radii, n_threads=n_threads)
    return Panels(panels, radii, rows, center, scale)


@kernel
def _count_reaching(
    scores,  # (m, width) in
    i,  # int in: the query
    start,  # int in: columns start, ..., stop - 1
    stop,  # int in
    limit,  # float32 in
):
    count = np.int32(0)
    for j in range(start, stop):
        # "not below": a score that is not a number counts, so nothing is passed over unproved.
        count += np.int32(not (scores[i, j] < limit))
    return count


@kernel
def _squared_distance(
    X,  # (n, d) in
    row,  # int in
    Q,  # (m, d) in
    i,  # int in
):
    # sum_f (x_f - q_f)^2
    total = 0.0
    for f in range(X.shape[1]):
        total += (X[row, f] - Q[i, f]) * (X[row, f] - Q[i, f])
    return total


@kernel
def _score_error(square, radius, d):
    """How far rounding can have moved a score of d terms; all in scaled units."""
    # (d + 8) u (||x|| ||q|| + ||x||^2 / 2), and the double precision error of ||q||^2
    single = 2.0**-24 * radius * (np.sqrt(square) + 0.5 * radius)
    return (d + 8) * (single + 2.0**-52 * square) + 1e-30


@kernel
def _least_score(square, worst, error):
    """The least score that a row within the squared distance `worst` can have."""
    # ||x - q||^2 <= worst  <=>  s >= (||q||^2 - worst) / 2
    limit = 0.5 * (square - worst) - error
    return np.float32(limit - abs(limit) * 2.0**-23)


@kernel
def _settle(
    X,  # (n, d) in
    Q,  # (m, d) in
    i,  # int in: the query
    candidates,  # (b, c) in: rows
    lower,  # (b, c) in: bounds below their squared distances, scaled
    place,  # int in: which of the b are this query's
    count,  # int in: how many of the c
    worst,  # float in: the k-th nearest row is within this, scaled
    distances,  # (m, k) inout
    rows,  # (m, k) inout
):
    for c in range(count):
        if not (lower[place, c] > worst):
            row = candidates[place, c]
            distance = _squared_distance(X, row, Q, i)
            tie = distance == distances[i, 0]
            if distance <= distances[i, 0] and not (tie and row > rows[i, 0]):
                replace_farthest(distances, rows, i, distances.shape[1], distance, row)


@block_kernel
def search_panels(
    X,  # (n, d) in: the fitted rows
    Q,  # (m, d) in: the queries
    own,  # (m,) in: the fitted row that a query must not find (itself), or -1
    panels,  # Panels in
    bounds,  # (b + 1,) in: blocks of queries
    distances,  # (m, k) out: squared, ascending
    rows,  # (m, k) out
):
    panel_scores, radii, panel_rows, center, scale = panels
    n_panels, d, width = panel_scores.shape  # d counts the norm as well
    k = distances.shape[1]
    room = 4 * k + 64
    for block in prange(bounds.shape[0] - 1):
        first, stop = bounds[block], bounds[block + 1]
        n_queries = stop - first
        Z = np.empty((n_queries, d), dtype=np.float32)
        squares = np.empty(n_queries)
        scores = np.empty((n_queries, width), dtype=np.float32)
        # Bounds above the squared distances of the k rows that are nearest by their scores.
        upper = np.empty((n_queries, k))
        upper_rows = np.empty((n_queries, k), dtype=np.int64)
        candidates = np.empty((n_queries, room), dtype=np.int64)
        lower = np.empty((n_queries, room))
        counts = np.zeros(n_queries, dtype=np.int64)
        clear_nearest(distances, rows, first, stop)
        clear_nearest(upper, upper_rows, 0, n_queries)
        for i in range(n_queries):
            square = 0.0
            for f in range(d - 1):
                z = (Q[first + i, f] - center[f]) * scale
                Z[i, f] = z
                square += z * z
            Z[i, d - 1] = 1.0
            # Beyond single precision's range a score means nothing: every row is a candidate.
            squares[i] = square if square < 1e60 else np.nan
        for p in range(n_panels):
            np.dot(Z, panel_scores[p], scores)  # (n_queries, d) @ (d, width)
            n_rows = min(width, X.shape[0] - p * width)
            for i in range(n_queries):
                error = _score_error(squares[i], radii[p], d)
                limit = _least_score(squares[i], upper[i, 0], error)
                if _count_reaching(scores, i, 0, width, limit) == 0:
                    continue  # as for most panels
                for start in range(0, n_rows, GROUP):
                    end = min(start + GROUP, n_rows)
                    if _count_reaching(scores, i, start, end, limit) == 0:
                        continue
                    for j in range(start, end):
                        row = panel_rows[p * width + j]
                        if scores[i, j] < limit or row == own[first + i]:
                            continue
                        if counts[i] == room:
                            _settle(
                                X,
                                Q,
                                first + i,
                                candidates,
                                lower,
                                i,
                                room,
                                upper[i, 0],
                                distances,
                                rows,
                            )
                            counts[i] = 0
                        square = squares[i] - 2.0 * scores[i, j]
                        candidates[i, counts[i]] = row
                        lower[i, counts[i]] = square - 2.0 * error
                        counts[i] += 1
                        if square + 2.0 * error < upper[i, 0]:
                            replace_farthest(upper, upper_rows, i, k, square + 2.0 * error, row)
                            limit = _least_score(squares[i], upper[i, 0], error)
        for i in range(n_queries):
            _settle(X, Q, first + i, candidates, lower, i, counts[i], upper[i, 0], distances, rows)
        sort_nearest(distances, rows, first, stop)
