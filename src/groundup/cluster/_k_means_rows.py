"""The rows of a k-means run, and what a step adds up over them.

A center is a mean, so all that the rows say of it are three sums:

    S_j = sum_{i in j} w_i (x_i - mean),     W_j = sum_{i in j} w_i,     the number of i in j

After the first few steps hardly any row changes its center, so a step takes only the rows that do
from one center's sums to the other's.  Every such difference rounds, and the error is as large as
the largest sum was; so where a total has fallen to a small part of that, the rows are added up
anew.  Rows are taken relative to the mean of all, since sums far from zero lose digits.

Each block of rows has sums of its own, merged in block order: the same bits on any number of
threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._estimator import read_only
from groundup._kernel import block_kernel, kernel

SERIAL = 20_000  # up to so many values threads cost more than they gain
LEAST_SHARE = 1e-3  # of its largest total; below it the rows are added up anew
SUMS_MEMORY = 2**26  # bytes: 64 MB for the sums of all blocks


class Sums(NamedTuple):
    """What moves the centers: S, W and the number of rows that count, side by side."""

    by_block: np.ndarray  # (b, k, d + 2)
    merged: np.ndarray  # (k, d + 2)
    largest: np.ndarray  # (k,): each center's largest W since its rows were added up


@block_kernel
def _moments(
    X,  # (n, d) in
    weights,  # (n,) in, or (0,) where all are 1
    origin,  # (d,) in
    bounds,  # (b + 1,) in
    sums,  # (b, 4, d) out: the sums of z = x - origin, z^2, w z and w z^2
    farthest,  # (b,) out: max |x - origin|^2
    totals,  # (b,) out: sum w
):
    for block in prange(bounds.shape[0] - 1):
        for f in range(X.shape[1]):
            sums[block, 0, f] = 0.0
            sums[block, 1, f] = 0.0
            sums[block, 2, f] = 0.0
            sums[block, 3, f] = 0.0
        most, total = 0.0, 0.0
        for i in range(bounds[block], bounds[block + 1]):
            weight = weights[i] if weights.shape[0] > 0 else 1.0
            square = 0.0
            for f in range(X.shape[1]):
                z = X[i, f] - origin[f]
                sums[block, 0, f] += z
                sums[block, 1, f] += z * z
                sums[block, 2, f] += weight * z
                sums[block, 3, f] += weight * z * z
                square += z * z
            most = max(most, square)
            total += weight
        farthest[block], totals[block] = most, total


@kernel
def take_over(
    X,  # (n, d) in
    mean,  # (d,) in
    weights,  # (n,) in, or (0,)
    i,  # int in: the row that goes
    old,  # int in: from this center, or -1
    new,  # int in: to this one, or -1
    sums,  # (b, k, d + 2) inout: S, W and the number of rows, by block
    block,  # int in
):
    d = X.shape[1]
    weight = weights[i] if weights.shape[0] > 0 else 1.0
    for sign in range(-1, 2, 2):
        j = old if sign < 0 else new
        if j >= 0 and weight > 0.0:
            for f in range(d):
                sums[block, j, f] += sign * weight * (X[i, f] - mean[f])
            sums[block, j, d] += sign * weight
            sums[block, j, d + 1] += sign


@block_kernel
def add_up(
    X,  # (n, d) in
    mean,  # (d,) in
    weights,  # (n,) in, or (0,)
    labels,  # (n,) in
    bounds,  # (b + 1,) in
    sums,  # (b, k, d + 2) out
):
    for block in prange(bounds.shape[0] - 1):
        for j in range(sums.shape[1]):
            for f in range(sums.shape[2]):
                sums[block, j, f] = 0.0
        for i in range(bounds[block], bounds[block + 1]):
            take_over(X, mean, weights, i, -1, labels[i], sums, block)


@kernel
def merge(
    sums,  # (b, k, d + 2) in
    merged,  # (k, d + 2) out
    largest,  # (k,) inout: the largest total since the rows were added up
):
    d = merged.shape[1] - 2
    n_empty, worn = 0, False
    for j in range(merged.shape[0]):
        for f in range(d + 2):
            total = 0.0
            for block in range(sums.shape[0]):
                total += sums[block, j, f]
            merged[j, f] = total
        if merged[j, d + 1] == 0.0:  # what is left of the sums is rounding
            n_empty += 1
            for f in range(d + 1):
                merged[j, f] = 0.0
        else:
            worn |= merged[j, d] < LEAST_SHARE * largest[j]
            largest[j] = max(largest[j], merged[j, d])
    return n_empty, worn


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


class Rows:
    """The rows as a run of k-means reads them, and what is worked out of them once.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64, C-contiguous, read-only
    weights : ndarray of shape (n,), read-only, or None
    n_threads : int
    mean : ndarray of shape (d,) or None
        What rows and centers are taken relative to.  By default the rows' own, and only then are
        `variance`, `scatter` and `reach` worked out.
    n_clusters : int, default=1
        How many centers sums are kept for; with very many there are fewer blocks.

    Attributes
    ----------
    mean : ndarray of shape (d,)
        Of all rows, without weights, or what was given.
    variance : float
        The features' variances, without weights, averaged.
    scatter : float
        sum_i w_i |x_i - mean|^2
    reach : float
        No row is farther than this from the mean.
    """

    variance: float
    scatter: float
    reach: float

    def __init__(
        self,
        X: np.ndarray,
        weights: np.ndarray | None,
        n_threads: int = 1,
        mean: np.ndarray | None = None,
        n_clusters: int = 1,
    ):
        self.X = X
        self.weights = read_only(np.empty(0) if weights is None else weights)
        # Each block has sums of its own, for every center.
        most_blocks = SUMS_MEMORY // (8 * n_clusters * (X.shape[1] + 2))
        self.bounds = read_only(block_bounds(len(X), max_blocks=max(1, min(64, most_blocks))))
        self.n_blocks = len(self.bounds) - 1
        self.n_threads = 1 if X.size < SERIAL else n_threads
        if mean is None:
            self._measure()
        else:
            self.mean = read_only(mean)

    def _measure(self) -> None:
        """Work out what is known of all rows together, in one pass over them."""
        X, (n, d) = self.X, self.X.shape
        # Some rows' mean: near enough to that of all that the sums of squares lose no digits.
        origin = X[:: max(1, n // 256)].mean(axis=0)
        sums = np.empty((self.n_blocks, 4, d))
        farthest, totals = np.empty(self.n_blocks), np.empty(self.n_blocks)
        _moments(
            X, self.weights, origin, self.bounds, sums, farthest, totals, n_threads=self.n_threads
        )
        first, second, weighted, weighted_second = sums.sum(axis=0)
        off = first / n  # of the mean from the origin
        self.mean = read_only(origin + off)
        self.variance = float(np.mean(np.maximum(second / n - off * off, 0.0)))
        # sum_i w_i |x_i - mean|^2
        self.scatter = float(
            weighted_second.sum() - 2.0 * (off @ weighted) + totals.sum() * (off @ off)
        )
        self.reach = float(np.sqrt(farthest.max()) + np.sqrt(off @ off))

    def empty_sums(self, k: int) -> Sums:
        """Return sums for `k` centers and no row yet."""
        d = self.X.shape[1]
        return Sums(np.zeros((self.n_blocks, k, d + 2)), np.empty((k, d + 2)), np.zeros(k))

    def add_up(self, labels: np.ndarray, k: int) -> Sums:
        """Return the sums of `k` centers, from the rows with these labels."""
        sums = self.empty_sums(k)
        self._add_up(labels, sums)
        merge(*sums)
        return sums

    def _add_up(self, labels: np.ndarray, sums: Sums) -> None:
        add_up(
            self.X,
            self.mean,
            self.weights,
            labels,
            self.bounds,
            sums.by_block,
            n_threads=self.n_threads,
        )

    def merge(self, sums: Sums, labels: np.ndarray) -> int:
        """Set ``sums.merged`` from the blocks; return how many centers have no row."""
        n_empty, worn = merge(*sums)
        if worn:
            self._add_up(labels, sums)
            sums.largest[:] = 0.0
            n_empty, _ = merge(*sums)
        return n_empty

    def squared_distances(self, centers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return |x_i - c_label_i|^2, of shape (n,)."""
        distances = np.empty(len(self.X))
        squared_distances(
            self.X,
            self.mean,
            centers,
            labels,
            self.bounds,
            distances,
            n_threads=self.n_threads,
        )
        return distances

    def inertia(self, centers: np.ndarray, labels: np.ndarray) -> float:
        """Return sum_i w_i |x_i - c_label_i|^2."""
        distances = self.squared_distances(centers, labels)
        if len(self.weights):
            distances *= self.weights
        return float(distances.sum())
