"""Lloyd's iteration: rows to their nearest center, centers to the mean of their rows.

    assign:   label_i = argmin_j |x_i - c_j|^2
    move:     c_j = sum_{i: label_i = j} w_i x_i / sum_{i: label_i = j} w_i

Neither can raise  sum_i w_i |x_i - c_label_i|^2 : the first picks the smallest term for each row,
and of all points the mean has the smallest sum of squared distances to its rows.  There are
finitely many ways to label the rows, so it ends.

A center without rows would stay where it is for ever.  It is moved onto the row farthest from its
own center, which lowers the objective too.

References
----------
.. [1] S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory
   28(2), 1982.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._estimator import Steps, read_only
from groundup._kernel import block_kernel, kernel
from groundup.cluster._k_means_panel import PANEL, TILE, Centers, fill_panel, nearest_in_panel


@kernel
def _assign_block(X, mean, centers, half_norms, start, stop, labels):
    d = centers.shape[1]
    panel, scores = np.zeros((d, PANEL)), np.empty((TILE, PANEL))
    best, nearest = np.empty(PANEL), np.empty(PANEL, dtype=np.int64)
    rows = np.empty(PANEL, dtype=np.int64)
    n_changed = 0
    for first in range(start, stop, PANEL):
        size = min(PANEL, stop - first)
        for r in range(size):
            rows[r] = first + r
        lanes = fill_panel(X, mean, rows, 0, size, panel)
        nearest_in_panel(panel, lanes, centers, half_norms, scores, best, nearest)
        for r in range(size):
            n_changed += labels[first + r] != nearest[r]
            labels[first + r] = nearest[r]
    return n_changed


@kernel
def _sum_block(X, mean, weights, labels, start, stop, block, sums, totals):
    for j in range(sums.shape[1]):
        totals[block, j] = 0.0
        for f in range(sums.shape[2]):
            sums[block, j, f] = 0.0
    for i in range(start, stop):
        weight = weights[i] if weights.shape[0] > 0 else 1.0
        j = labels[i]
        totals[block, j] += weight
        for f in range(X.shape[1]):
            sums[block, j, f] += weight * (X[i, f] - mean[f])


@block_kernel
def assign(
    X,  # (n, d) in
    mean,  # (d,) in
    weights,  # (n,) in, or (0,) where all are 1
    centers,  # (K, D) in: padded
    half_norms,  # (K,) in
    bounds,  # (b + 1,) in
    labels,  # (n,) inout
    n_changed,  # (b,) out: how many labels differ from before
    sums,  # (b, k, d) out: of the rows of each center; with k = 0 they are not asked for
    totals,  # (b, k) out: of their weights
):
    for block in prange(bounds.shape[0] - 1):
        start, stop = bounds[block], bounds[block + 1]
        n_changed[block] = _assign_block(X, mean, centers, half_norms, start, stop, labels)
        if sums.shape[1] > 0:
            _sum_block(X, mean, weights, labels, start, stop, block, sums, totals)


@block_kernel
def squared_distances(
    X,  # (n, d) in
    mean,  # (d,) in
    centers,  # (K, D) in
    labels,  # (n,) in
    bounds,  # (b + 1,) in
    distances,  # (n,) out: |x_i - c_label_i|^2
):
    for block in prange(bounds.shape[0] - 1):
        for i in range(bounds[block], bounds[block + 1]):
            j = labels[i]
            total = 0.0
            for f in range(X.shape[1]):
                total += (X[i, f] - mean[f] - centers[j, f]) ** 2
            distances[i] = total


@kernel
def merge(
    sums,  # (b, k, d) inout: block 0 becomes the total
    totals,  # (b, k) inout: likewise
):
    n_empty = 0
    for block in range(1, sums.shape[0]):
        for j in range(sums.shape[1]):
            totals[0, j] += totals[block, j]
            for f in range(sums.shape[2]):
                sums[0, j, f] += sums[block, j, f]
    for j in range(sums.shape[1]):
        n_empty += totals[0, j] == 0.0
    return n_empty


@kernel
def move(
    sums,  # (b, k, d) in: merged into block 0
    totals,  # (b, k) in: likewise
    centers,  # (K, D) inout
    half_norms,  # (K,) inout
    shifts,  # (k,) out: how far each center moved
):
    k, d = sums.shape[1], sums.shape[2]
    heaviest = 0
    for j in range(1, k):
        if totals[0, j] > totals[0, heaviest]:
            heaviest = j
    moved, explained = 0.0, 0.0
    for j in range(k):
        # Where no row is left to move an empty center to, it joins the heaviest one.
        own = j if totals[0, j] > 0.0 else heaviest
        shift, norm = 0.0, 0.0
        for f in range(d):
            # c_j = sum_i w_i x_i / sum_i w_i
            value = sums[0, own, f] / totals[0, own]
            shift += (value - centers[j, f]) ** 2
            norm += value * value
            centers[j, f] = value
        half_norms[j] = 0.5 * norm
        shifts[j] = np.sqrt(shift)
        moved += shift
        explained += totals[0, j] * norm
    return moved, explained


class Rows:
    """The rows as a run of k-means reads them, and what is worked out of them once.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64, C-contiguous, read-only
    weights : ndarray of shape (n,) or None
    n_threads : int

    Attributes
    ----------
    mean : ndarray of shape (d,)
        Rows and centers are taken relative to it.
    variance : float
        Mean over the features of their variances.
    scatter : float
        sum_i w_i |x_i - mean|^2
    """

    def __init__(self, X: np.ndarray, weights: np.ndarray | None, n_threads: int):
        self.X = X
        self.weights = read_only(np.empty(0) if weights is None else weights)
        self.bounds = read_only(block_bounds(len(X)))
        self.n_threads = n_threads if X.size >= 20_000 else 1
        self.mean = X.mean(axis=0)
        squares = (X - self.mean) ** 2
        self.variance = float(squares.mean())
        row_squares = squares.sum(axis=1)
        self.scatter = float(row_squares.sum() if weights is None else row_squares @ weights)

    def assign(self, centers: Centers, labels: np.ndarray, sums=None, totals=None) -> int:
        """Label every row by its nearest center; return how many labels changed."""
        n_blocks = len(self.bounds) - 1
        n_changed = np.empty(n_blocks, dtype=np.int64)
        if sums is None:
            sums, totals = np.empty((n_blocks, 0, 0)), np.empty((n_blocks, 0))
        assign(
            self.X,
            self.mean,
            self.weights,
            centers.padded,
            centers.half_norms,
            self.bounds,
            labels,
            n_changed,
            sums,
            totals,
            n_threads=self.n_threads,
        )
        return int(n_changed.sum())

    def squared_distances(self, centers: Centers, labels: np.ndarray) -> np.ndarray:
        """Return |x_i - c_label_i|^2, of shape (n,)."""
        distances = np.empty(len(self.X))
        squared_distances(
            self.X,
            self.mean,
            centers.padded,
            labels,
            self.bounds,
            distances,
            n_threads=self.n_threads,
        )
        return distances

    def inertia(self, centers: Centers, labels: np.ndarray) -> float:
        """Return sum_i w_i |x_i - c_label_i|^2."""
        distances = self.squared_distances(centers, labels)
        if len(self.weights):
            distances *= self.weights
        return float(distances.sum())


def lloyd(rows: Rows, start: np.ndarray, max_iter: int, tol: float) -> Steps:
    """Run k-means from one start.

    Parameters
    ----------
    rows : Rows
    start : ndarray of shape (k, d)
        The first centers.
    max_iter : int
        The most iterations.
    tol : float
        Stop where the centers' squared moves add up to at most this, in the unit of X squared.

    Yields
    ------
    dict
        ``cluster_centers_`` (k, d), ``labels_`` (n,), ``inertia_`` and ``n_iter_``.  Within a run
        the centers are the means of the labelled rows; the last state's labels are those of the
        nearest centers.
    """
    k, d = start.shape
    n_blocks = len(rows.bounds) - 1
    centers = Centers(start - rows.mean)
    labels = np.full(len(rows.X), -1, dtype=np.int32)
    sums, totals = np.empty((n_blocks, k, d)), np.empty((n_blocks, k))
    shifts = np.empty(k)
    for iteration in range(1, max_iter + 1):
        n_changed = rows.assign(centers, labels, sums, totals)
        if n_empty := merge(sums, totals):
            relocate(rows, centers, labels, sums, totals, n_empty)
        moved, explained = move(sums, totals, centers.padded, centers.half_norms, shifts)
        settled = n_changed == 0
        last = settled or moved <= tol or iteration == max_iter
        if last and not settled:
            rows.assign(centers, labels)  # so that a label is always that of the nearest center
        # sum_i w_i |x_i - c|^2  =  sum_i w_i |x_i|^2 - sum_j W_j |c_j|^2,  relative to the mean
        inertia = rows.inertia(centers, labels) if last else max(rows.scatter - explained, 0.0)
        yield {
            "cluster_centers_": centers.values + rows.mean,
            "labels_": labels,
            "inertia_": inertia,
            "n_iter_": iteration,
        }
        if last:
            return


def relocate(
    rows: Rows,
    centers: Centers,
    labels: np.ndarray,
    sums: np.ndarray,
    totals: np.ndarray,
    n_empty: int,
) -> None:
    """Give every center without rows the row that is farthest from its own center.

    Parameters
    ----------
    rows, centers, labels
        As they were when the rows were assigned.
    sums, totals : ndarray of shape (b, k, d) and (b, k)
        Merged into block 0, which is changed.
    n_empty : int
    """
    distances = rows.squared_distances(centers, labels)
    farthest = np.argpartition(distances, -n_empty)[: -n_empty - 1 : -1]
    if distances[farthest[0]] == 0.0 and distances.max() == 0.0:
        return  # every row lies on a center already
    for j, i in zip(np.flatnonzero(totals[0] == 0.0), farthest, strict=True):
        weight = rows.weights[i] if len(rows.weights) else 1.0
        moved = weight * (rows.X[i] - rows.mean)
        sums[0, labels[i]] -= moved
        totals[0, labels[i]] -= weight
        sums[0, j], totals[0, j] = moved, weight
