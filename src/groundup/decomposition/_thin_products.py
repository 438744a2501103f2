"""Products of a large table with few columns, A Q and A^T Y, with the same bits on any machine.

BLAS cuts such a product up by the number of its threads, and the sums in it with that.  Here the
table is cut into fixed blocks of rows instead, each of which BLAS multiplies on one thread:

    A Q    the blocks' products stand below each other
    A^T Y  the blocks' products are added, in their order

Cost: what the products cost; the second keeps one (d, l) matrix a block, of which there are few.
A sparse table is multiplied by SciPy, on one thread.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import issparse

from groundup._blocks import block_bounds, over_threads, single_blas_thread, thread_count

BLOCK = 250_000  # numbers in a block: BLAS wants many, and threads want some blocks each


class ThinProducts:
    """A table, to be multiplied by few columns at once.

    Parameters
    ----------
    A : ndarray or sparse matrix of shape (n, d)
    """

    def __init__(self, A: Any):
        self.A = A
        n, d = A.shape
        bounds = block_bounds(n, max(1, BLOCK // d), max_blocks=16).tolist()
        self.blocks = [slice(*bound) for bound in pairwise(bounds)]
        self.whole = issparse(A) or len(self.blocks) == 1
        self.n_threads = 1 if self.whole else thread_count()

    def times(self, Q: np.ndarray) -> np.ndarray:
        """Return A Q, of shape (n, l)."""
        with single_blas_thread():
            if self.whole:
                return np.asarray(self.A @ Q)
            product = np.empty((len(self.A), Q.shape[1]))

            def fill(rows: slice) -> None:
                np.matmul(self.A[rows], Q, out=product[rows])

            over_threads(fill, self.blocks, self.n_threads)
            return product

    def transposed_times(self, Y: np.ndarray) -> np.ndarray:
        """Return A^T Y, of shape (d, l)."""
        with single_blas_thread():
            if self.whole:
                return np.asarray(self.A.T @ Y)
            parts = over_threads(lambda rows: self.A[rows].T @ Y[rows], self.blocks, self.n_threads)
            return np.asarray(sum(parts[1:], parts[0]))
