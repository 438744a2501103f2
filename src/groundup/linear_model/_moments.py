r"""Centred second moments: all that a linear model with a squared loss needs to know of the rows.

For rows z_i = (x_i, y_i) with weights v_i it is

    W = sum_i v_i,    m = sum_i v_i z_i / W,    S = sum_i v_i (z_i - m)(z_i - m)^T .

S holds X^T X, X^T y and y^T y of the centred data: (d + t)^2 numbers in place of n rows.

The textbook's shortcut S = sum v z z^T - W m m^T subtracts two large numbers when a column lies far
from zero, and nothing is left of a column like 1e8 +- 1.  So every chunk of rows is centred at its
own mean before it is squared, and chunks are merged by a formula that only ever adds [1]_:

    S = S_a + S_b + (W_a W_b / W) (m_b - m_a)(m_b - m_a)^T .

Cost: one pass over the rows, n (d + t)^2 / 2 multiplications in BLAS.  Blocks of rows run on
threads and are merged in their order: the result has the same bits for any number of threads.

References
----------
.. [1] Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance: analysis and
   recommendations", The American Statistician 37(3).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np

from groundup._blocks import block_bounds, over_threads, single_blas_thread
from groundup._kernel import kernel

CHUNK_ROWS = 4096  # few enough for the caches, and so many that Python's share is small
Result = TypeVar("Result")


class Moments(NamedTuple):
    """Weight, mean and centred second moments of rows z = (x, y)."""

    weight: float  # W
    mean: np.ndarray  # (d + t,)
    second: np.ndarray  # (d + t, d + t)


@kernel
def chunk_mean(
    X,  # (m, d) in
    Y,  # (m, t) in
    weights,  # (m,) in
    total,  # the sum of the weights
    mean,  # (d + t,) out
):
    """Compute the weighted mean of the rows (x, y)."""
    m, d = X.shape
    t = Y.shape[1]
    mean[:] = 0.0
    for i in range(m):
        # Counted from the first row, so that a constant column has exactly its value as mean.
        for j in range(d):
            mean[j] += weights[i] * (X[i, j] - X[0, j])
        for k in range(t):
            mean[d + k] += weights[i] * (Y[i, k] - Y[0, k])
    scale = 1.0 / total if total > 0.0 else 0.0
    for j in range(d):
        mean[j] = X[0, j] + scale * mean[j]
    for k in range(t):
        mean[d + k] = Y[0, k] + scale * mean[d + k]


@kernel
def centre_chunk(
    X,  # (m, d) in
    Y,  # (m, t) in
    weights,  # (m,) in
    mean,  # (d + t,) in
    Z,  # (m, d + t) out
):
    """z_i = sqrt(v_i) ((x_i, y_i) - m), so that Z^T Z are the chunk's moments about m."""
    m, d = X.shape
    for i in range(m):
        root = np.sqrt(weights[i])
        for j in range(d):
            Z[i, j] = root * (X[i, j] - mean[j])
        for k in range(Y.shape[1]):
            Z[i, d + k] = root * (Y[i, k] - mean[d + k])


@kernel
def centre_at_own_mean(
    X,  # (m, d) in
    Y,  # (m, t) in
    weights,  # (m,) in
    mean,  # (d + t,) out
    Z,  # (m, d + t) out
):
    """Do both in one call, and return the sum of the weights.

    Threads meet whenever they take Python's lock again, so a chunk has as few calls as it can.
    """
    total = 0.0
    for i in range(weights.shape[0]):
        total += weights[i]
    chunk_mean(X, Y, weights, total, mean)
    centre_chunk(X, Y, weights, mean, Z)
    return total


class CentredRows:
    """The rows (x, y), to be gone through in centred chunks, blocks of them at the same time.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Features; C-contiguous, float64, read-only.
    Y : ndarray of shape (n, t)
        Targets, likewise.
    sample_weight : ndarray of shape (n,) or None
        Weight of each row; None counts each once.
    n_threads : int, default=1
        Blocks worked on at the same time.
    """

    def __init__(self, X, Y, sample_weight=None, n_threads=1):
        if sample_weight is not None and not sample_weight.any():
            raise ValueError("All sample weights are zero; give at least one row a weight.")
        self.X, self.Y, self.n_threads = X, Y, n_threads
        self.weighted = sample_weight is not None
        self.weights = np.ones(len(X)) if sample_weight is None else sample_weight
        self.weights = self.weights.view()
        self.weights.flags.writeable = False
        self.width = X.shape[1] + Y.shape[1]
        self.buffers = threading.local()
        # Every block keeps a (d + t)^2 matrix until the merge: at most 256 MiB of them.
        most = max(2, min(64, 2**25 // self.width**2))
        self.bounds = block_bounds(len(X), block_rows=CHUNK_ROWS, max_blocks=most)

    def over_blocks(self, of_block: Callable[[int, int], Result]) -> list[Result]:
        """Call `of_block(start, stop)` for every block of rows; results in block order."""
        blocks = list(zip(self.bounds[:-1].tolist(), self.bounds[1:].tolist(), strict=True))
        with single_blas_thread():
            return over_threads(
                lambda block: of_block(*block), blocks, min(self.n_threads, len(blocks))
            )

    def chunks(
        self, start: int, stop: int, mean: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
        """Go through the rows `start` to `stop` in chunks, each about `mean` or about its own.

        Yields (Z, mean, W): the chunk's rows about the mean, times the roots of their weights, of
        shape (at most CHUNK_ROWS, d + t) and overwritten by the next chunk; that mean; and the
        weight of the chunk.
        """
        buffer = self._own_buffer()
        for low in range(start, stop, CHUNK_ROWS):
            high = min(low + CHUNK_ROWS, stop)
            rows = self.X[low:high], self.Y[low:high], self.weights[low:high]
            Z = buffer[: high - low]
            if mean is None:
                own = np.empty(self.width)
                weight = centre_at_own_mean(*rows, own, Z)
                yield Z, own, weight
            else:
                centre_chunk(*rows, mean, Z)
                yield Z, mean, float(rows[2].sum())

    def _own_buffer(self) -> np.ndarray:
        """Return this thread's buffer for a chunk: a new one a block costs a page fault a page."""
        if not hasattr(self.buffers, "chunk"):
            self.buffers.chunk = np.empty((min(CHUNK_ROWS, len(self.X)), self.width))
        return self.buffers.chunk

    def mean(self) -> np.ndarray:
        """Make the weighted mean of the rows alone, of shape (d + t,)."""
        mean = np.empty(self.width)
        chunk_mean(self.X, self.Y, self.weights, float(self.weights.sum()), mean)
        return mean

    def moments(self, centred: bool = True) -> Moments:
        """Make the moments about the mean; if not `centred`, about zero and with a mean of zero."""
        fixed = None if centred else np.zeros(self.width)

        def of_block(start: int, stop: int) -> Moments:
            parts = (
                Moments(weight, mean, np.matmul(Z.T, Z))
                for Z, mean, weight in self.chunks(start, stop, fixed)
            )
            return functools.reduce(merged, parts)

        return functools.reduce(merged, self.over_blocks(of_block))


def merged(a: Moments, b: Moments) -> Moments:
    """Merge the moments of two sets of rows."""
    if a.weight == 0.0:  # rows that do not count
        return b
    weight = a.weight + b.weight
    # m = m_a + (W_b / W) (m_b - m_a)
    apart = b.mean - a.mean
    mean = a.mean + (b.weight / weight) * apart
    # S = S_a + S_b + (W_a W_b / W) (m_b - m_a)(m_b - m_a)^T
    second = a.second + b.second
    second += np.outer((a.weight * b.weight / weight) * apart, apart)
    return Moments(weight, mean, second)
