r"""Which center is nearest, by bounds: most rows need not look at the centers at all.

After the first steps centers move little and hardly any row changes its center.  The triangle
inequality proves it for most rows, without a distance.  Say a row was at distance u from its own
center, and at least l from all others.  Since then its own center has moved by a path of length p,
and no other by more than q:

    |x - c_own| <= u + p,      |x - c_other| >= l - q,
    so where  u + p < l - q  the row stays where it is.

One l for all other centers falls with the one that moves most.  So the centers are put into groups
of neighbours, and each row keeps one l for each group: a group that may hold a nearer center is
looked at, the others are not [1]_.  A row is asked in three stages, each dearer and rarer:

    1. one upper and one lower bound in all                      12 bytes read
    2. the lower bounds of the groups                             4 bytes a group
    3. the distances to its own group, then to every group that is still in doubt

What is kept is u minus the path so far and l plus the group's path so far: then nothing needs to be
written for a row that stays, whatever moves.  The bounds are float32, and a slack that is larger
than all rounding stands between them, so labels are those of a full search; where two centers are
equally near, the first is taken, as there.  Data too large or too small for float32 gets a full
search.

Cost: the first step as a full search; later ones in proportion to the rows in doubt, on separated
clusters a few in a hundred.  Memory: 12 bytes a row and 4 more for each group.  With far more
features than the rows' structure has dimensions all distances are alike and bounds prove little.

References
----------
.. [1] Y. Ding et al., "Yinyang k-means: a drop-in replacement of the classic k-means with
   consistent speedup", International Conference on Machine Learning, 2015.
.. [2] C. Elkan, "Using the triangle inequality to accelerate k-means", International Conference on
   Machine Learning, 2003.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.cluster._k_means_panel import (
    PANEL,
    TILE,
    Centers,
    fill_panel,
    nearest_in_panel,
)
from groundup.cluster._k_means_rows import Rows, Sums, take_over

GROUP = 8  # centers; more where that makes more groups than
SETTLING = 0.01  # of the rows change their center: from here on bounds are cheaper
MOST_GROUPS = 16  # lower bounds a row: one cache line


class Grouped(NamedTuple):
    """The centers group by group, and how far they have moved."""

    centers: np.ndarray  # (K, D): each group padded to whole tiles
    half_norms: np.ndarray  # (K,): |c|^2 / 2, and infinity in the padding
    members: np.ndarray  # (K,) int64: which centers these are, ascending in a group
    firsts: np.ndarray  # (g + 1,) int64: group q stands at firsts[q] to firsts[q + 1]
    home: np.ndarray  # (k,) int64: the group of each center
    paths: np.ndarray  # (k,): how far each center has moved in all
    drifts: np.ndarray  # (g,): the same for the center of each group that moved most, step by step


class Bounds(NamedTuple):
    """What is known of every row's distances."""

    upper: np.ndarray  # (n,) float32: to its own center, minus that center's path by then
    lower: np.ndarray  # (n,) float32: to all others, plus the sum of the largest drifts by then
    by_group: np.ndarray  # (n, g) float32: to the others of each group, plus its drift by then


class Doubt(NamedTuple):
    """The rows of a block that the bounds do not settle, and what is found out about them."""

    rows: np.ndarray  # (m,) int64
    home: np.ndarray  # (m,) int64: the group of its center so far; 0 if it has none
    upper: np.ndarray  # (m,): on the distance to the nearest center so far
    score: np.ndarray  # (m,): of that center, |c|^2 / 2 - x . c
    nearest: np.ndarray  # (m,) int64: which one it is, or -1
    queues: np.ndarray  # (g, m) int32: for each group, which of these rows look at it
    waiting: np.ndarray  # (g,) int64: how many of them


class Scratch(NamedTuple):
    """Where a panel of rows is worked on."""

    panel: np.ndarray  # (D, PANEL)
    rows: np.ndarray  # (PANEL,) int64
    places: np.ndarray  # (PANEL,) int64: where in Doubt these rows stand
    scores: np.ndarray  # (TILE, PANEL)
    best: np.ndarray  # (PANEL,)
    second: np.ndarray  # (PANEL,)
    nearest: np.ndarray  # (PANEL,) int64


@kernel
def _find_doubt(grouped, known, far, slack, start, stop, labels, doubt):
    """Write down the rows from `start` to `stop` that may change their center; count them.

    They wait for a look at their own group.
    """
    home, paths, drifts = grouped.home, grouped.paths, grouped.drifts
    upper, lower, by_group = known
    rows, homes, uppers, scores, nearest, queues, waiting = doubt
    waiting[:] = 0
    m = 0
    for i in range(start, stop):
        j = labels[i]
        u, own = np.inf, 0
        if j >= 0:
            u, own = upper[i] + paths[j], home[j]
            if u + slack < lower[i] - far:
                continue
            lowest = np.inf
            for q in range(drifts.shape[0]):
                lowest = min(lowest, by_group[i, q] - drifts[q])
            if u + slack < lowest:
                lower[i] = lowest + far
                continue
        rows[m], homes[m], uppers[m], scores[m], nearest[m] = i, own, u, np.inf, -1
        queues[own, waiting[own]] = m
        waiting[own] += 1
        m += 1
    return m


@kernel
def _queue_others(grouped, by_group, slack, m, doubt):
    """Let the rows in doubt wait for every other group that may hold a nearer center."""
    drifts = grouped.drifts
    rows, homes, uppers, _, _, queues, waiting = doubt
    waiting[:] = 0
    for p in range(m):
        i, u = rows[p], uppers[p] + slack
        for q in range(drifts.shape[0]):
            queues[q, waiting[q]] = p
            waiting[q] += u >= by_group[i, q] - drifts[q] and q != homes[p]


@kernel
def _look_at_group(X, mean, grouped, by_group, slack, q, doubt, scratch):
    """Compare the rows that wait for group `q` with its centers."""
    centers, half_norms, members, firsts, home, _, drifts = grouped
    rows, homes, uppers, scores, nearest, queues, waiting = doubt
    panel, panel_rows, places, tile_scores, best, second, which = scratch
    taken = 0
    while taken < waiting[q]:
        size = 0
        while size < PANEL and taken < waiting[q]:
            p = queues[q, taken]
            panel_rows[size], places[size] = rows[p], p
            # What was found meanwhile may have made the look needless.
            size += homes[p] == q or uppers[p] + slack >= by_group[rows[p], q] - drifts[q]
            taken += 1
        lanes = fill_panel(X, mean, panel_rows, 0, size, panel)
        nearest_in_panel(
            panel,
            lanes,
            centers,
            half_norms,
            firsts[q],
            firsts[q + 1],
            tile_scores,
            best,
            second,
            which,
        )
        # The distances are sqrt(|x|^2 + 2 (|c|^2 / 2 - x . c)).
        for r in range(lanes):
            tile_scores[0, r] = 0.0
        for f in range(X.shape[1]):
            for r in range(lanes):
                tile_scores[0, r] += panel[f, r] * panel[f, r]
        for r in range(lanes):
            tile_scores[1, r] = np.sqrt(max(tile_scores[0, r] + 2.0 * best[r], 0.0))
            tile_scores[2, r] = np.sqrt(max(tile_scores[0, r] + 2.0 * second[r], 0.0))
        for r in range(size):
            p, i = places[r], panel_rows[r]
            j, rest = members[which[r]], tile_scores[1, r]
            if best[r] < scores[p] or (best[r] == scores[p] and j < nearest[p]):
                if nearest[p] >= 0:  # the center so far is one of the others now
                    before = home[nearest[p]]
                    by_group[i, before] = min(by_group[i, before], uppers[p] + drifts[before])
                scores[p], nearest[p], uppers[p] = best[r], j, rest
                rest = tile_scores[2, r]
            by_group[i, q] = rest + drifts[q]


@kernel
def _assign_block(X, mean, weights, grouped, known, far, slack, start, stop, block, labels, sums):
    paths, drifts = grouped.paths, grouped.drifts
    upper, lower, by_group = known
    size, n_groups = stop - start, drifts.shape[0]
    doubt = Doubt(
        np.empty(size, dtype=np.int64),
        np.empty(size, dtype=np.int64),
        np.empty(size),
        np.empty(size),
        np.empty(size, dtype=np.int64),
        np.empty((n_groups, size + 1), dtype=np.int32),
        np.empty(n_groups, dtype=np.int64),
    )
    scratch = Scratch(
        np.zeros((grouped.centers.shape[1], PANEL)),
        np.empty(PANEL + 1, dtype=np.int64),
        np.empty(PANEL + 1, dtype=np.int64),
        np.empty((TILE, PANEL)),
        np.empty(PANEL),
        np.empty(PANEL),
        np.empty(PANEL, dtype=np.int64),
    )
    m = _find_doubt(grouped, known, far, slack, start, stop, labels, doubt)
    # Its own group comes first: then the others are measured by a distance, not by a bound.
    for q in range(n_groups):
        _look_at_group(X, mean, grouped, by_group, slack, q, doubt, scratch)
    _queue_others(grouped, by_group, slack, m, doubt)
    for q in range(n_groups):
        _look_at_group(X, mean, grouped, by_group, slack, q, doubt, scratch)
    rows, uppers, nearest = doubt.rows, doubt.upper, doubt.nearest
    n_changed = 0
    for p in range(m):
        i, j = rows[p], nearest[p]
        lowest = np.inf
        for q in range(n_groups):
            lowest = min(lowest, by_group[i, q] - drifts[q])
        lower[i] = lowest + far
        upper[i] = uppers[p] - paths[j]
        if labels[i] != j:
            take_over(X, mean, weights, i, labels[i], j, sums, block)
            labels[i] = j
            n_changed += 1
    return n_changed


@block_kernel
def assign_by_bounds(
    X,  # (n, d) in
    mean,  # (d,) in
    weights,  # (n,) in, or (0,) where all are 1
    grouped,  # Grouped in
    known,  # Bounds inout
    far,  # float in: the sum of the largest drifts
    slack,  # float in: more than all rounding
    bounds,  # (b + 1,) in
    labels,  # (n,) inout: -1 where a row has none yet
    n_changed,  # (b,) out
    sums,  # (b, k, d + 2) inout
):
    for block in prange(bounds.shape[0] - 1):
        n_changed[block] = _assign_block(
            X,
            mean,
            weights,
            grouped,
            known,
            far,
            slack,
            bounds[block],
            bounds[block + 1],
            block,
            labels,
            sums,
        )


def group(centers: np.ndarray) -> list[np.ndarray]:
    """Put centers into groups of neighbours of equal size.

    The set is halved across its widest feature until a part is small enough.

    Parameters
    ----------
    centers : ndarray of shape (k, d)

    Returns
    -------
    list of ndarray of int64
        Each group's centers, ascending.

    Examples
    --------
    >>> [len(members) for members in group(np.arange(20.0).reshape(20, 1))]
    [8, 8, 4]
    """
    k = len(centers)
    size = GROUP * -(-k // (GROUP * MOST_GROUPS))
    groups, waiting = [], [np.arange(k)]
    while waiting:
        part = waiting.pop()
        if len(part) <= size:
            groups.append(np.sort(part))
            continue
        widest = int(np.argmax(np.ptp(centers[part], axis=0)))
        part = part[np.argsort(centers[part, widest], kind="stable")]
        middle = size * -(-len(part) // (2 * size))
        waiting += [part[middle:], part[:middle]]
    return groups


class BoundedSearch:
    """Find every row's nearest center by bounds from the steps before.

    Parameters
    ----------
    rows : Rows
    centers : Centers
        Followed as they move.
    """

    def __init__(self, rows: Rows, centers: Centers):
        self.rows, self.centers = rows, centers
        n, k = len(rows.X), len(centers.values)
        groups = group(centers.values)
        sizes = [-(-len(members) // TILE) * TILE for members in groups]
        firsts = np.concatenate([[0], np.cumsum(sizes)])
        members = np.full(firsts[-1], -1)
        home = np.empty(k, dtype=np.int64)
        for q, own in enumerate(groups):
            members[firsts[q] : firsts[q] + len(own)] = own
            home[own] = q
        self.there = members >= 0
        self.grouped = Grouped(
            np.zeros((len(members), centers.padded.shape[1])),
            np.full(len(members), np.inf),
            members,
            firsts,
            home,
            np.zeros(k),
            np.zeros(len(groups)),
        )
        self.known = Bounds(
            np.full(n, np.inf, dtype=np.float32),  # nothing is known yet
            np.full(n, -np.inf, dtype=np.float32),
            np.full((n, len(groups)), -np.inf, dtype=np.float32),
        )
        self.n_changed = np.empty(rows.n_blocks, dtype=np.int64)
        self.far = 0.0  # the sum of the largest shifts, step by step
        self.reach = reach(rows, centers)
        self._copy_centers()

    def _copy_centers(self) -> None:
        own = self.grouped.members[self.there]
        self.grouped.centers[self.there] = self.centers.padded[own]
        self.grouped.half_norms[self.there] = self.centers.half_norms[own]

    def assign(self, labels: np.ndarray, sums: Sums) -> int:
        """Do what `FullSearch.assign` does."""
        rows = self.rows
        # float32 rounds what is at most 2 reach + far to 24 bits; the squares behind it cancel
        # to half of 53 bits, times a few for the sum over the features.
        slack = 2.0**-20 * np.sqrt(1.0 + rows.X.shape[1] / 64.0) * (self.reach + self.far)
        assign_by_bounds(
            rows.X,
            rows.mean,
            rows.weights,
            self.grouped,
            self.known,
            self.far,
            slack,
            rows.bounds,
            labels,
            self.n_changed,
            sums.by_block,
            n_threads=rows.n_threads,
        )
        return int(self.n_changed.sum())

    def follow(self, shifts: np.ndarray) -> None:
        """Take note that each center moved by ``shifts[j]``, and where to."""
        paths, drifts, home = self.grouped.paths, self.grouped.drifts, self.grouped.home
        paths += shifts
        step = np.zeros(len(drifts))
        np.maximum.at(step, home, shifts)
        drifts += step
        self.far += float(shifts.max())
        self._copy_centers()


def reach(rows: Rows, centers: Centers) -> float:
    """Return a distance from the mean beyond which neither rows nor centers lie."""
    k = len(centers.values)
    return max(rows.reach, float(np.sqrt(2.0 * centers.half_norms[:k].max())))


def bounds_hold(rows: Rows, centers: Centers) -> bool:
    """Tell whether float32 can hold the distances and what is added to them step by step."""
    return 1e-30 < reach(rows, centers) < 1e30


def bounds_pay(rows: Rows, k: int, n_changed: int) -> bool:
    """Tell whether bounds save more time than they cost, from now on; they never change a label.

    They cost about five full searches to set up, and prove little while the centers still move.

    Parameters
    ----------
    rows : Rows
    k : int
        The number of centers.
    n_changed : int
        How many rows changed their center in the last step.
    """
    n, d = rows.X.shape
    return n * k >= 200_000 and k * d >= 128 and n_changed <= SETTLING * n
