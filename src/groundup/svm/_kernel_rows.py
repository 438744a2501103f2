r"""Rows of the kernel matrix, computed in blocks and never all at once.

The matrix K_ij = K(x_i, x_j) of n rows has n^2 entries: 20 GB for 50,000 rows.  Training needs only
some of its rows, those of the variables that change, and asks two things of them:

    among(rows)            K between the rows of a working set
    add_to(F, rows, w)     F_i += sum_j w_j K(x_rows[j], x_i)     for all i

Both are cut into tiles of some hundred rows that stay in the second-level cache: a matrix product
(BLAS), one pass for the exponential, and one product with the weights.  What is kept is K among the
rows of the working set, which many steps read; its size is what `cache_size` bounds.

References
----------
.. [1] T. Joachims, "Making large-scale SVM learning practical", in "Advances in Kernel Methods",
   MIT Press, 1999.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup._blocks import over_threads
from groundup.svm._kernel_function import KernelFunction

TILE_ROWS = 512  # of the working set
FARTHEST = 200.0  # g |x|^2 that single precision is trusted with
TILE_SAMPLES = 256  # single precision: half a megabyte, half of a second-level cache


class KernelRows:
    """The kernel matrix of the rows of `X`, by blocks of rows.

    Call it inside ``single_blas_thread()``: then the bits do not depend on the number of threads.

    Parameters
    ----------
    X : ndarray of shape (n, d), or (n, n) for a precomputed kernel
        Rows, float64.
    function : KernelFunction
    cache_size : float, default=200.0
        Megabytes for what is kept.
    n_threads : int, default=1

    Attributes
    ----------
    n_samples : int
    """

    def __init__(
        self,
        X: np.ndarray,
        function: KernelFunction,
        cache_size: float = 200.0,
        n_threads: int = 1,
    ):
        self.X, self.function, self.n_threads = X, function, n_threads
        self.cache_size = cache_size
        self.n_samples = len(X)
        self._sides: dict[type, tuple[np.ndarray, np.ndarray]] = {}

    def subset(self, rows: np.ndarray) -> KernelRows:
        """Return the kernel matrix of some of the rows, (q,) indices."""
        X = self.X[rows]
        if self.function.name == "precomputed":
            X = X.take(rows, axis=1)  # several times as fast as an index of both axes
        return KernelRows(X, self.function, self.cache_size, self.n_threads)

    @property
    def precision(self) -> type:
        """The precision in which rows are good enough for a search, if not for its proof.

        Values of the rbf kernel lie between 0 and 1, and single precision knows them to 1e-5 while
        g |x|^2 stays below some hundred.  Others may be of any size.
        """
        if self.function.name != "rbf":
            return np.float64
        farthest = -self._both_sides(np.float32)[0][:, -2].min(initial=0.0)
        return np.float32 if farthest < FARTHEST else np.float64

    def room_for(self, dtype: type) -> int:
        """Return how many rows a working set may have, so that its K fits `cache_size`."""
        return max(2, int((self.cache_size * 2**20 / np.dtype(dtype).itemsize) ** 0.5))

    def among(self, rows: np.ndarray, dtype: type = np.float64) -> np.ndarray:
        """Return K between `rows`, (q,) ascending indices: shape (q, q)."""
        everybody = len(rows) == self.n_samples
        if self.function.name == "precomputed":
            if everybody:
                return self.X.astype(dtype, order="C", copy=False)
            return self.X[np.ix_(rows, rows)].astype(dtype)
        left, right = self._both_sides(dtype)
        A, B = (left, right) if everybody else (left[rows], right[rows])
        if len(rows) <= TILE_ROWS:
            return self.function.of(A, B)
        K: np.ndarray = np.empty((len(rows), len(rows)), dtype)
        starts = range(0, len(rows), TILE_ROWS)

        def strip(start: int) -> None:
            part = slice(start, start + TILE_ROWS)
            self.function.of(A[part], B, out=K[part])

        over_threads(strip, starts, self.n_threads)
        return K

    def add_to(
        self,
        F: np.ndarray,
        rows: np.ndarray,
        weights: np.ndarray,
        dtype: type = np.float64,
        samples: np.ndarray | None = None,
    ) -> None:
        """F_i += sum_j weights_j K(x_rows[j], x_i), for all samples i or some.

        Parameters
        ----------
        F : ndarray of shape (n,)
        rows : ndarray of shape (r,), int64
        weights : ndarray of shape (r,)
        dtype : float32 or float64, default=float64
            In which precision K is computed; tiles are summed in double precision.
        samples : ndarray of shape (s,), int64, or None
            The samples i; all by default.
        """
        n, r = self.n_samples if samples is None else len(samples), len(rows)
        if r == 0 or n == 0:
            return
        if self.function.name == "precomputed":
            if samples is None:
                F += weights @ self.X[rows]
            else:
                F[samples] += weights @ self.X[np.ix_(rows, samples)]
            return
        left, right = self._both_sides(dtype)
        A = left[rows]
        w: np.ndarray = weights.astype(dtype)
        # Some blocks of samples a task, so that a thread seldom waits for Python's lock.
        step = TILE_SAMPLES * max(1, min(8, n // (8 * TILE_SAMPLES)))

        @np.errstate(over="ignore", invalid="ignore")
        def add(first: int) -> None:
            memory: np.ndarray = np.empty(min(r, TILE_ROWS) * TILE_SAMPLES, dtype)
            for start in range(first, min(first + step, n), TILE_SAMPLES):
                block: Any = slice(start, min(start + TILE_SAMPLES, n))
                if samples is not None:
                    block = samples[block]
                B = right[block]
                total = np.zeros(len(B))
                for j in range(0, r, TILE_ROWS):
                    part = A[j : j + TILE_ROWS]
                    tile = memory[: len(part) * len(B)].reshape(len(part), len(B))
                    # (rows,) @ (rows, samples)
                    total += w[j : j + TILE_ROWS] @ self.function.of(part, B, out=tile)
                F[block] += total

        over_threads(add, range(0, n, step), self.n_threads)

    def _both_sides(self, dtype: type) -> tuple[np.ndarray, np.ndarray]:
        if dtype not in self._sides:
            center = self.function.center(self.X)
            self._sides[dtype] = (
                self.function.left(self.X, center, dtype),
                self.function.right(self.X, center, dtype),
            )
        return self._sides[dtype]
