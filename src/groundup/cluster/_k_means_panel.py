"""Which center is nearest: rows side by side in panels, against all centers.

    argmin_j |x - c_j|^2  =  argmin_j ( |c_j|^2 / 2 - x . c_j )

The right side needs one multiplication and one addition a feature, and |c_j|^2 / 2 once a step.  It
loses digits where rows lie far from the origin compared with their distances from each other, so
rows and centers are taken relative to a mean: while fitting to that of all rows, else to that of
the centers, so that what is said of a row does not depend on the rows beside it.

A panel holds up to 256 rows as columns: one instruction works on the same feature of eight rows,
and the minimum over the centers needs no comparison across lanes.  Four centers and four features
go through a panel at once, so that a loaded value is used four times.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from groundup._estimator import read_only
from groundup._kernel import block_kernel, kernel
from groundup.cluster._k_means_rows import Rows, Sums, squared_distances, take_over

PANEL = 256  # rows looked at together: with 16 features 32 KiB
LANES = 32  # a panel's last rows are rounded up to this, so that no slow last loop is left
TILE = 4  # centers and features that go through a panel at once


class Centers:
    """Centers as the kernels read them: padded to whole tiles, with their half squared norms.

    Parameters
    ----------
    values : ndarray of shape (k, d)
        The centers, relative to what the rows are taken relative to.

    Attributes
    ----------
    padded : ndarray of shape (K, D)
        k and d rounded up to multiples of TILE; zeros behind the values.
    values : ndarray of shape (k, d)
        A view of them.
    half_norms : ndarray of shape (K,)
        |c|^2 / 2, and infinity behind them, so that no row is nearest to the padding.
    """

    def __init__(self, values: np.ndarray):
        k, d = values.shape
        self.padded = np.zeros((-(-k // TILE) * TILE, -(-d // TILE) * TILE))
        self.values = self.padded[:k, :d]
        self.values[:] = values
        self.half_norms = np.full(len(self.padded), np.inf)
        self.half_norms[:k] = 0.5 * np.einsum("kd,kd->k", self.values, self.values)


@kernel
def fill_panel(
    X,  # (n, d) in
    mean,  # (d,) in: what rows are taken relative to
    rows,  # (m,) in
    start,  # int in: the rows to take are rows[start] and on
    size,  # int in: so many of them, at most PANEL
    panel,  # (D, PANEL) out: zeros from the last row up to whole LANES
):
    lanes = (size + LANES - 1) // LANES * LANES
    for f in range(X.shape[1]):
        for r in range(size, lanes):
            panel[f, r] = 0.0
    for r in range(size):
        i = rows[start + r]
        for f in range(X.shape[1]):
            panel[f, r] = X[i, f] - mean[f]
    return lanes


@kernel
def nearest_in_panel(
    panel,  # (D, PANEL) in
    lanes,  # int in: the first so many rows of it
    centers,  # (K, D) in
    half_norms,  # (K,) in
    first,  # int in: the first center to look at
    stop,  # int in: behind the last one; both are multiples of TILE
    scores,  # (TILE, PANEL) scratch
    best,  # (PANEL,) out: |c|^2 / 2 - x . c of the nearest center
    second,  # (PANEL,) out: of the second nearest
    nearest,  # (PANEL,) out: which one is the nearest; the first of several
):
    for r in range(lanes):
        best[r] = np.inf
        second[r] = np.inf
        nearest[r] = first
    for j in range(first, stop, TILE):
        for r in range(lanes):
            scores[0, r] = half_norms[j]
            scores[1, r] = half_norms[j + 1]
            scores[2, r] = half_norms[j + 2]
            scores[3, r] = half_norms[j + 3]
        for f in range(0, centers.shape[1], TILE):
            for r in range(lanes):
                x, y, z, u = panel[f, r], panel[f + 1, r], panel[f + 2, r], panel[f + 3, r]
                scores[0, r] -= (
                    x * centers[j, f]
                    + y * centers[j, f + 1]
                    + z * centers[j, f + 2]
                    + u * centers[j, f + 3]
                )
                scores[1, r] -= (
                    x * centers[j + 1, f]
                    + y * centers[j + 1, f + 1]
                    + z * centers[j + 1, f + 2]
                    + u * centers[j + 1, f + 3]
                )
                scores[2, r] -= (
                    x * centers[j + 2, f]
                    + y * centers[j + 2, f + 1]
                    + z * centers[j + 2, f + 2]
                    + u * centers[j + 2, f + 3]
                )
                scores[3, r] -= (
                    x * centers[j + 3, f]
                    + y * centers[j + 3, f + 1]
                    + z * centers[j + 3, f + 2]
                    + u * centers[j + 3, f + 3]
                )
        for r in range(lanes):
            least, runner_up, which = best[r], second[r], nearest[r]
            for q in range(TILE):
                score = scores[q, r]
                if score < least:
                    which = j + q
                runner_up = min(runner_up, max(score, least))
                least = min(least, score)
            best[r], second[r], nearest[r] = least, runner_up, which


@kernel
def _assign_block(
    X, mean, weights, centers, half_norms, start, stop, block, labels, sums, with_sums
):
    panel, scores = np.zeros((centers.shape[1], PANEL)), np.empty((TILE, PANEL))
    best, second = np.empty(PANEL), np.empty(PANEL)
    nearest, rows = np.empty(PANEL, dtype=np.int64), np.arange(start, stop)
    n_changed = 0
    for first in range(start, stop, PANEL):
        size = min(PANEL, stop - first)
        lanes = fill_panel(X, mean, rows, first - start, size, panel)
        nearest_in_panel(
            panel,
            lanes,
            centers,
            half_norms,
            0,
            half_norms.shape[0],
            scores,
            best,
            second,
            nearest,
        )
        for r in range(size):
            i, j = first + r, nearest[r]
            if labels[i] != j:
                if with_sums:
                    take_over(X, mean, weights, i, labels[i], j, sums, block)
                labels[i] = j
                n_changed += 1
    return n_changed


@block_kernel
def assign(
    X,  # (n, d) in
    mean,  # (d,) in
    weights,  # (n,) in, or (0,) where all are 1
    centers,  # (K, D) in: padded
    half_norms,  # (K,) in
    bounds,  # (b + 1,) in
    labels,  # (n,) inout: -1 where a row has none yet
    n_changed,  # (b,) out: how many differ from before
    sums,  # (b, k, d + 2) inout
    with_sums,  # bool in: whether to keep the sums up to date
):
    for block in prange(bounds.shape[0] - 1):
        n_changed[block] = _assign_block(
            X,
            mean,
            weights,
            centers,
            half_norms,
            bounds[block],
            bounds[block + 1],
            block,
            labels,
            sums,
            with_sums,
        )


class FullSearch:
    """Find every row's nearest center by looking at all of them.

    Parameters
    ----------
    rows : Rows
    centers : Centers
        Followed as they move.
    """

    def __init__(self, rows: Rows, centers: Centers):
        self.rows, self.centers = rows, centers
        self.n_changed = np.empty(rows.n_blocks, dtype=np.int64)

    def assign(self, labels: np.ndarray, sums: Sums | None = None) -> int:
        """Label every row by its nearest center, and take it to that center's sums.

        Parameters
        ----------
        labels : ndarray of shape (n,), int32
            Changed; -1 where a row has no label yet.
        sums : Sums or None
            Of the labels before; changed along.

        Returns
        -------
        int
            How many labels changed.
        """
        rows = self.rows
        assign(
            rows.X,
            rows.mean,
            rows.weights,
            self.centers.padded,
            self.centers.half_norms,
            rows.bounds,
            labels,
            self.n_changed,
            _NO_SUMS if sums is None else sums.by_block,
            sums is not None,
            n_threads=rows.n_threads,
        )
        return int(self.n_changed.sum())

    def follow(self, shifts: np.ndarray) -> None:
        """Take note that the centers moved; nothing is remembered that could be out of date."""


_NO_SUMS = np.empty((0, 0, 0))


class Batch:
    """A few rows that are labelled once.

    Parameters
    ----------
    X : ndarray of shape (b, d), float64, C-contiguous
    weights : ndarray of shape (b,) or None
    """

    def __init__(self, X: np.ndarray, weights: np.ndarray | None):
        self.X = read_only(X)
        self.weights = read_only(np.empty(0) if weights is None else weights)
        self.bounds = read_only(np.array([0, len(X)]))

    def assigned(self, centers: Centers, mean: np.ndarray) -> tuple[np.ndarray, float]:
        """Find out which rows are nearest to which center.

        Parameters
        ----------
        centers : Centers
        mean : ndarray of shape (d,), read-only
            What they are relative to.

        Returns
        -------
        sums : ndarray of shape (k, d + 2)
            Of each center's weighted rows, relative to `mean`, of their weights, and their number.
        inertia : float
        """
        b, (k, d) = len(self.X), centers.values.shape
        labels, sums = np.full(b, -1, dtype=np.int32), np.zeros((1, k, d + 2))
        distances, n_changed = np.empty(b), np.empty(1, dtype=np.int64)
        assign(
            self.X,
            mean,
            self.weights,
            centers.padded,
            centers.half_norms,
            self.bounds,
            labels,
            n_changed,
            sums,
            True,
        )
        squared_distances(self.X, mean, centers.padded, labels, self.bounds, distances)
        if len(self.weights):
            distances *= self.weights
        return sums[0], float(distances.sum())
