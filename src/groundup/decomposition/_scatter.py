r"""The scatter of rows about their mean, S = sum_i (x_i - m)(x_i - m)^T, in one pass.

The mean is not known before the pass has ended, and sum x x^T - n m m^T, which needs none, loses
all digits of columns far from zero.  So the rows are shifted by an origin o close to the mean, and
what it is off by, e = m - o, is put right at the end:

    S = sum_i (x_i - o)(x_i - o)^T - n e e^T

That subtraction costs digits only where n e_j^2 is large against S_jj.  For o the mean of r of the
rows, e_j^2 <= S_jj / r whatever these rows are (the mean of squares is at least the square of the
mean), so n e_j^2 / S_jj <= n / r: at most three digits for r = n / 1000, and none for rows in no
particular order, where it is about 1 / r.

Cost: one pass over memory, n d^2 / 2 multiplications in BLAS.  Blocks of rows run on threads and
are added in their order: the result has the same bits for any number of threads.
"""

from __future__ import annotations

import threading

import numpy as np

from groundup._blocks import block_bounds, over_threads, single_blas_thread
from groundup._estimator import read_only
from groundup._kernel import kernel
from groundup.linear_model._moments import Moments

CHUNK = 200_000  # numbers shifted at once: BLAS wants many rows, the caches few
FEW = 20_000  # numbers that are not worth a kernel


@kernel
def shift(
    X,  # (m, d) in
    origin,  # (d,) in
    Z,  # (m or more, d) out: x - o
    total,  # (d,) inout: the sum of these
):
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            Z[i, j] = X[i, j] - origin[j]
            total[j] += Z[i, j]


def mean_of(X: np.ndarray) -> np.ndarray:
    """Return the mean, counted from the first row: a constant column has exactly its value."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(X[0] + (X - X[0]).mean(axis=0))


def scatter(X: np.ndarray, n_threads: int = 1) -> Moments:
    """Return the number of rows, their mean and their scatter.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64, C-contiguous, read-only
    n_threads : int, default=1

    Returns
    -------
    Moments
        With a mean that is not finite if a value is not.
    """
    n, d = X.shape
    if X.size <= FEW:
        mean = mean_of(X)
        with np.errstate(over="ignore", invalid="ignore"):
            Z = X - mean
            return Moments(float(n), mean, Z.T @ Z)
    origin = read_only(mean_of(X[:: min(1000, n // 200 + 1)]))
    chunk_rows = max(1, CHUNK // d)
    bounds = block_bounds(n, chunk_rows, max_blocks=max(2, min(64, 2**25 // d**2)))
    buffers = threading.local()

    def of_block(block: int) -> tuple[np.ndarray, np.ndarray]:
        if not hasattr(buffers, "Z"):  # a new one for each block would cost a page fault a page
            buffers.Z = np.empty((chunk_rows, d))
        total, second = np.zeros(d), np.zeros((d, d))
        for low in range(bounds[block], bounds[block + 1], chunk_rows):
            rows = X[low : min(low + chunk_rows, bounds[block + 1])]
            Z = buffers.Z[: len(rows)]
            shift(rows, origin, Z, total)
            with np.errstate(over="ignore", invalid="ignore"):  # each thread has its own
                second += np.matmul(Z.T, Z)
        return total, second

    with single_blas_thread():
        parts = over_threads(of_block, range(len(bounds) - 1), n_threads)
    with np.errstate(over="ignore", invalid="ignore"):
        total = sum((part for part, _ in parts), np.zeros(d))
        second = sum((part for _, part in parts), np.zeros((d, d)))
        off = total / n
        return Moments(float(n), origin + off, second - np.outer(n * off, off))
