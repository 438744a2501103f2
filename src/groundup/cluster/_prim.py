"""Prim's algorithm: one tree grows from one row, always by the shortest edge that leaves it.

Of all edges between the tree and the rows outside it, the shortest must be in the minimum spanning
tree: a tree without it has another edge across, and would be shorter with this one in its place.
So the algorithm keeps, for every row outside, the shortest edge into the tree.  The row with the
shortest of all joins, and may offer each of the others something shorter.

It looks at every pair of rows once, whatever the data: n^2 d / 2 operations, memory linear in n.
That beats every cleverness where there are few rows, or too many features for a tree of boxes to
tell near from far.

References
----------
.. [1] R. C. Prim, "Shortest connection networks and some generalizations", Bell System Technical
   Journal 36(6), 1957.
.. [2] J. C. Gower and G. J. S. Ross, "Minimum spanning trees and single linkage cluster analysis",
   Journal of the Royal Statistical Society C 18(1), 1969.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.neighbors._metrics import distances_to
from groundup.neighbors._nearest import clear_nearest, replace_farthest

CHUNK = 128  # rows outside the tree that are looked at together
PRECOMPUTED = -1  # in the place of a metric: X holds distances


@kernel
def comes_first(
    length,  # float in: of an edge
    apart,  # float in: how far its rows are from each other; at most its length
    a,  # int in: one row of it
    b,  # int in: the other
    other_length,  # float in: the same of another edge
    other_apart,  # float in
    other_a,  # int in
    other_b,  # int in
):
    # The total order of edges: (length, distance, lower row, higher row).
    if length != other_length:
        return length < other_length
    if apart != other_apart:
        return apart < other_apart
    low, other_low = min(a, b), min(other_a, other_b)
    if low != other_low:
        return low < other_low
    return max(a, b) < max(other_a, other_b)


@kernel
def _take_last(
    place,  # int in: of the row that joined
    last,  # int in: the last row outside comes in its place
    points,  # (d, n + CHUNK) inout
    rows,  # (n + CHUNK,) inout
    cores,  # (n + CHUNK,) inout
    near,  # (2, n + CHUNK) inout
    sources,  # (n + CHUNK,) inout
):
    for f in range(points.shape[0]):
        points[f, place] = points[f, last]
    rows[place] = rows[last]
    cores[place] = cores[last]
    near[0, place] = near[0, last]
    near[1, place] = near[1, last]
    sources[place] = sources[last]


@kernel
def core_distances(
    kind,  # int in: of the metric
    p,  # float in: of the metric
    X,  # (n, d) in
    points,  # (d, n + CHUNK) in: the rows as columns
    min_samples,  # int in: how many rows a core distance reaches, the row itself among them
    core,  # (n,) out
):
    n = X.shape[0]
    totals = np.empty(CHUNK)
    near, near_rows = np.empty((1, min_samples)), np.empty((1, min_samples), dtype=np.int64)
    for i in range(n):
        clear_nearest(near, near_rows, 0, 1)
        for start in range(0, n, CHUNK):
            distances_to(kind, p, points, start, CHUNK, X, i, totals)
            for j in range(min(CHUNK, n - start)):
                if totals[j] < near[0, 0]:
                    replace_farthest(near, near_rows, 0, min_samples, totals[j], start + j)
        core[i] = near[0, 0]


@kernel
def prim(
    kind,  # int in: of the metric, or PRECOMPUTED
    p,  # float in: of the metric
    X,  # (n, d) in
    core,  # (n,) in: core distances
    shrink,  # float in: what distances are multiplied by before they are compared with those
    points,  # (d, n + CHUNK) inout: the rows as columns; rows outside the tree stand in front
    edges,  # (n - 1, 2) out
    lengths,  # (n - 1, 2) out: of the edges, and how far their rows are apart
):
    n = X.shape[0]
    rows = np.arange(n + CHUNK)  # which row stands where
    cores = np.zeros(n + CHUNK)
    for i in range(n):
        cores[i] = core[i]
    near = np.full((2, n + CHUNK), np.inf)  # each row's shortest edge into the tree,
    sources = np.zeros(n + CHUNK, dtype=np.int64)  # and its row in the tree
    totals = np.empty(CHUNK)
    place = 0  # of the row that joined last
    for step in range(n - 1):
        row = rows[place]
        own = core[row]
        n_outside = n - 1 - step
        _take_last(place, n_outside, points, rows, cores, near, sources)
        place = -1
        for start in range(0, n_outside, CHUNK):
            size = min(CHUNK, n_outside - start)
            if kind == PRECOMPUTED:
                for j in range(size):
                    totals[j] = X[row, rows[start + j]]
            else:
                distances_to(kind, p, points, start, CHUNK, X, row, totals)
            ties = 0
            least = np.inf
            for j in range(size):
                t = start + j
                length = max(totals[j] * shrink, own, cores[t])
                same = length == near[0, t]
                shorter = (length < near[0, t]) | (same & (totals[j] < near[1, t]))
                ties += same & (totals[j] == near[1, t])
                near[0, t] = length if shorter else near[0, t]
                near[1, t] = totals[j] if shorter else near[1, t]
                sources[t] = row if shorter else sources[t]
                least = min(least, near[0, t])
            if ties > 0:
                # Edges alike in both lengths: rows decide, one by one.
                for j in range(size):
                    t = start + j
                    length = max(totals[j] * shrink, own, cores[t])
                    if (
                        length == near[0, t]
                        and totals[j] == near[1, t]
                        and comes_first(0.0, 0.0, row, rows[t], 0.0, 0.0, sources[t], rows[t])
                    ):
                        sources[t] = row
            if place < 0 or least <= near[0, place]:
                for t in range(start, start + size):
                    if place < 0 or comes_first(
                        near[0, t],
                        near[1, t],
                        sources[t],
                        rows[t],
                        near[0, place],
                        near[1, place],
                        sources[place],
                        rows[place],
                    ):
                        place = t
        edges[step, 0], edges[step, 1] = sources[place], rows[place]
        lengths[step, 0], lengths[step, 1] = near[0, place], near[1, place]
