"""One step of EM over the rows: share every row out, and gather what the shares add up to.

The E step's responsibilities are an n x k matrix that the M step reads again.  Here both work on a
chunk of rows at a time, small enough for the cache, so the matrix never exists: what is left of a
chunk are its counts, sums and scatter.  Chunks are gathered in tasks, tasks merged in order: the
result has the same bits for any number of threads.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from groundup._blocks import block_bounds, over_threads
from groundup.mixture import _covariance, _densities, _weighted_moments
from groundup.mixture._covariance import Shape

CHUNK_NUMBERS = 65_536  # responsibilities of a chunk: half a megabyte, in the second cache
PARTIAL_NUMBERS = 2**22  # of the partial results of all tasks together: 32 MiB
WORTH_A_THREAD = 200_000  # densities times features below which a second thread costs more


class Components(NamedTuple):
    """The parameters of a mixture with k components in d dimensions."""

    weights: np.ndarray  # (k,)
    means: np.ndarray  # (k, d)
    factors: np.ndarray  # U with U U^T the inverse covariance; shaped as precisions_cholesky_


class Moments(NamedTuple):
    """What the rows shared out among k components add up to, about a centre for each."""

    log_likelihood: float  # of all rows together
    counts: np.ndarray  # (k,)
    first: np.ndarray  # (k, d)
    second: np.ndarray  # (k, d, d) for matrices; (k, d) for variances


class _Scratch:
    """The room that one thread needs for a chunk."""

    def __init__(self, n_components: int, chunk: int):
        self.log_p = np.empty((n_components, chunk))
        self.best, self.total, self.below = np.empty((3, chunk))
        self.bits = np.empty(chunk, np.int64)
        self.rows = np.empty(chunk, np.int64)


class Expectation:
    """The rows of one data set, as the steps of EM go through them.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        C-contiguous, float64, read-only.
    shape : Shape
        Of the covariances.
    n_components : int
    n_threads : int, default=1
    """

    def __init__(self, X: np.ndarray, shape: Shape, n_components: int, n_threads: int = 1):
        n, d = X.shape
        self.X, self.shape, self.n_components = X, shape, n_components
        work = n * d * n_components * (d if shape.is_matrix else 1)
        self.n_threads = n_threads if work >= WORTH_A_THREAD else 1
        self.chunk = min(n, max(256, min(4096, CHUNK_NUMBERS // n_components)))
        partial = n_components * d * (d if shape.is_matrix else 1)
        most = max(2, min(64, PARTIAL_NUMBERS // partial))
        self.bounds = block_bounds(n, block_rows=self.chunk, max_blocks=most)
        self.unused: list[_Scratch] = []

    @contextmanager
    def _scratch(self) -> Iterator[_Scratch]:
        # Kept from step to step: fresh memory costs a page fault a page.
        # Asking first whether there is some would let another thread take it in between.
        try:
            scratch = self.unused.pop()
        except IndexError:
            scratch = _Scratch(self.n_components, self.chunk)
        try:
            yield scratch
        finally:
            self.unused.append(scratch)

    def _tasks(self) -> list[tuple[int, int]]:
        return list(zip(self.bounds[:-1].tolist(), self.bounds[1:].tolist(), strict=True))

    def _constants(self, components: Components) -> np.ndarray:
        k, d = components.means.shape
        with np.errstate(divide="ignore"):
            log_weights = np.log(components.weights)  # a component without rows has weight 0
        # log w_k - d/2 log 2 pi + log |U_k|
        return (
            log_weights
            - 0.5 * d * np.log(2.0 * np.pi)
            + _covariance.log_determinants(self.shape, components.factors, k, d)
        )

    def _log_densities(self, components: Components):
        """Return a function (begin, end, log_p) that fills log_p (k, end - begin)."""
        k, d = components.means.shape
        compute = (
            _densities.triangular_log_densities
            if self.shape.is_matrix
            else _densities.diagonal_log_densities
        )
        factors = _covariance.kernel_factors(self.shape, components.factors, k, d)
        constants = self._constants(components)

        def of_rows(begin: int, end: int, log_p: np.ndarray) -> None:
            compute(self.X, begin, end, components.means, factors, constants, log_p)

        return of_rows

    def moments(self, components: Components, centers: np.ndarray) -> Moments:
        """Share the rows out among the components, and gather their moments about `centers`."""
        k, d = centers.shape
        log_densities = self._log_densities(components)
        is_matrix = self.shape.is_matrix
        add = _weighted_moments.add_scatter if is_matrix else _weighted_moments.add_squares

        def of_task(task: tuple[int, int]) -> Moments:
            counts, first = np.zeros(k), np.zeros((k, d))
            second = np.zeros((k, d, d) if is_matrix else (k, d))
            log_likelihood = 0.0
            with self._scratch() as s:
                power = s.bits.view(np.float64)
                for begin in range(*task, self.chunk):
                    end = min(task[1], begin + self.chunk)
                    m = end - begin
                    log_densities(begin, end, s.log_p)
                    log_likelihood += _densities.share_out(
                        s.log_p, m, s.best, s.total, s.below, s.bits, power, counts
                    )
                    add(self.X, begin, m, s.log_p, centers, s.rows, first, second)
            return Moments(log_likelihood, counts, first, second)

        return functools.reduce(_merged, over_threads(of_task, self._tasks(), self.n_threads))

    def weighted_log_densities(self, components: Components) -> np.ndarray:
        """Return log w_k N(x | m_k, S_k) for every row and component: (n, k)."""
        log_densities = self._log_densities(components)
        result = np.empty((len(self.X), self.n_components))

        def of_task(task: tuple[int, int]) -> None:
            with self._scratch() as s:
                for begin in range(*task, self.chunk):
                    end = min(task[1], begin + self.chunk)
                    log_densities(begin, end, s.log_p)
                    result[begin:end] = s.log_p[:, : end - begin].T

        over_threads(of_task, self._tasks(), self.n_threads)
        return result


def _merged(a: Moments, b: Moments) -> Moments:
    a.counts[:] += b.counts
    a.first[:] += b.first
    a.second[:] += b.second
    return a._replace(log_likelihood=a.log_likelihood + b.log_likelihood)
