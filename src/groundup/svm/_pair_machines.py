"""One machine for each pair of classes: what they share, and how each is trained.

The kernel matrix of the pair (i, j) has four blocks,

    K_ii   K_ij
    K_ij'  K_jj

and a class stands in k - 1 pairs: the block within it is computed once and kept, while the block
between two classes belongs to one pair alone.  For ten classes that is a third of the products, and
the whole matrix of all rows is never there.

Pairs of too many rows for a matrix (and precomputed kernels) take their rows and go their own way.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from groundup._blocks import single_blas_thread
from groundup.svm._kernel_function import KernelFunction
from groundup.svm._kernel_rows import KernelRows
from groundup.svm._smo import WHOLE, smo

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


class Search(NamedTuple):
    """How `smo` is to search."""

    tol: float
    max_iter: int
    shrinking: bool


class PairMachines:
    """The machines of all pairs of classes.

    Parameters
    ----------
    rows : KernelRows
        The kernel of all n training rows.
    of_class : list of k ndarrays of int64
        The row numbers of each class.
    price : ndarray of shape (n,)
        C of each row.
    search : Search
    """

    def __init__(self, rows: KernelRows, of_class: list[Rows], price: Array, search: Search):
        self.rows, self.of_class, self.price, self.search = rows, of_class, price, search
        self.room = min(WHOLE, rows.room_for(np.float64))  # rows of a pair that gets a matrix
        self._center = rows.function.center(rows.X) if len(of_class) > 2 else 0.0
        self._sides: dict[int, tuple[Array, Array]] = {}
        self._within: dict[int, Array] = {}
        self._n_kept = 0  # numbers in all of these blocks

    def samples(self, i: int, j: int) -> Rows:
        """Return the rows of the pair, class `i` first."""
        return np.concatenate([self.of_class[i], self.of_class[j]])

    def against_later(self, i: int) -> list[dict[str, Any]]:
        """Train class `i` against every later class; return where each search ended."""
        ends = []
        with single_blas_thread():
            for j in range(i + 1, len(self.of_class)):
                for state in self.train(
                    self.kernel(i, j), self.samples(i, j), len(self.of_class[i])
                ):
                    end = state
                ends.append(end)
        return ends

    def kernel(self, i: int, j: int) -> KernelRows:
        """Return the kernel of the pair's rows; call it inside ``single_blas_thread()``."""
        n_i, n_j = len(self.of_class[i]), len(self.of_class[j])
        alone = len(self.of_class) == 2 or n_i + n_j > self.room
        if alone or self.rows.function.name == "precomputed":
            return self.rows.subset(self.samples(i, j))
        K = np.empty((n_i + n_j, n_i + n_j))
        K[:n_i, :n_i] = self._block_within(i)
        K[n_i:, n_i:] = self._block_within(j)
        self.rows.function.of(self._both_sides(i)[0], self._both_sides(j)[1], K[:n_i, n_i:])
        K[n_i:, :n_i] = K[:n_i, n_i:].T
        return KernelRows(K, KernelFunction("precomputed"), self.rows.cache_size)

    def train(
        self, kernel: KernelRows, samples: Rows, n_first: int
    ) -> Generator[dict[str, Any], None, None]:
        """Yield the states of `smo` on rows `samples`, of which the first `n_first` have y = 1."""
        n, price = len(samples), self.price[samples]
        target, low, high = np.ones(n), np.zeros(n), price
        target[n_first:] = -1.0
        low[n_first:], high[n_first:] = -price[n_first:], 0.0
        return smo(kernel, target, low, high, **self.search._asdict())

    def _both_sides(self, c: int) -> tuple[Array, Array]:
        if c not in self._sides:
            function, X = self.rows.function, self.rows.X[self.of_class[c]]
            self._sides[c] = function.left(X, self._center), function.right(X, self._center)
        return self._sides[c]

    def _block_within(self, c: int) -> Array:
        block = self._within.get(c)
        if block is None:
            block = self.rows.function.of(*self._both_sides(c))
            if self._n_kept + block.size <= self.rows.room_for(np.float64) ** 2:
                self._within[c] = block
                self._n_kept += block.size
        return block
