"""Crowds and the valleys between them: how dense the rows lie, and how deep one must descend.

The density at a row follows from the distance r to its k-th nearest neighbour: k rows in a ball
of volume ~ r^d, where d is the dimension that the rows themselves fill (on a curved sheet: 2),

    log f(x) = log k - d log r_k(x) + constant,

with a standard error of 1 / sqrt(k) whatever the dimension. Now let the water that covers the land
fall. The highest row appears first, as an island; other rows appear and join the island of a
neighbour that is dry already, or begin one. Where two islands meet lies the lowest point of the
best way between their peaks, the saddle, and

    prominence = log f(lower peak) - log f(saddle)

is how far one has to descend to get from one crowd to the other. A single crowd, round, long or
bent, has one peak; chance makes small ones. No straight line enters: only neighbours count.

References
----------
.. [1] Chazal, Guibas, Oudot, Skraba (2013): Persistence-based clustering in Riemannian manifolds.
.. [2] Levina, Bickel (2005): Maximum likelihood estimation of intrinsic dimension.
.. [3] Hartigan, Mohanty (1992): The runt test for multimodality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from groundup._kernel import kernel

# Two crowds with no chain of neighbours between them: no finite depth tells how far they are apart.
APART = 10.0


@dataclass(frozen=True)
class Density:
    """The k nearest neighbours of each row, and the logarithm of the density there.

    Parameters
    ----------
    neighbours : int64 ndarray of shape (n, k)
    log_density : ndarray of shape (n,)
        Up to a constant.
    dimension : float
        How many directions the rows fill, seen from nearby.
    """

    neighbours: np.ndarray
    log_density: np.ndarray
    dimension: float


def densities(X: np.ndarray, counts: tuple[int, ...]) -> list[Density]:
    """Estimate the density at each row from its k nearest neighbours, for each k of `counts`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    counts : tuple of int
        Each at most n - 1.
    """
    most = max(counts)
    distances, rows = NearestNeighbors(n_neighbors=most + 1).fit(X).kneighbors(X)
    distances, rows = distances[:, 1:], rows[:, 1:].astype(np.int64)
    # Rows that are equal to many others would be infinitely dense.
    least = distances[distances > 0].min(initial=1e-9)
    distances = np.maximum(distances, least)
    found = []
    for k in counts:
        r = distances[:, :k]
        # d = 1 / mean of log(r_k / r_j) over j < k, averaged over the rows as its inverse
        dimension = 1.0 / max(float(np.log(r[:, -1:] / r[:, :-1]).mean()), 1e-6)
        found.append(Density(rows[:, :k], -dimension * np.log(r[:, -1]), dimension))
    return found


def prominences(density: Density, least_rows: int) -> np.ndarray:
    """Return the prominence of every crowd but the highest, of at least `least_rows` rows.

    Parameters
    ----------
    density : Density
    least_rows : int
        An island with fewer rows when it meets another is taken for a part of that one.

    Returns
    -------
    ndarray of shape (crowds - 1,), descending
        In units of the logarithm of the density; at most `APART`.
    """
    links = _both_ways(density.neighbours)
    order = np.argsort(-density.log_density, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    depths = np.empty(len(order))
    n_merges, n_islands = _flood(order, rank, *links, density.log_density, least_rows, depths)
    depths = np.append(depths[:n_merges], np.full(max(0, n_islands - 1), APART))
    return np.sort(np.minimum(depths, APART))[::-1]


def _both_ways(neighbours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Link each row with its neighbours and with those it is a neighbour of: (starts, rows)."""
    n, k = neighbours.shape
    source = np.repeat(np.arange(n), k)
    a = np.concatenate([source, neighbours.ravel()])
    b = np.concatenate([neighbours.ravel(), source])
    order = np.argsort(a, kind="stable")
    starts = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(a, minlength=n), out=starts[1:])
    return starts, b[order]


@kernel
def _root(island, i):
    while island[i] != i:
        island[i] = island[island[i]]
        i = island[i]
    return i


@kernel
def _flood(
    order,  # (n,) in: the rows from the densest down
    rank,  # (n,) in: each row's place in `order`
    starts,  # (n + 1,) in
    linked,  # (starts[n],) in: the rows linked with row i are linked[starts[i]:starts[i + 1]]
    height,  # (n,) in: log density
    least_rows,  # in
    depths,  # (n,) out: the prominence of each island that met a higher one
):
    n = order.shape[0]
    island = np.arange(n)
    size = np.ones(n, np.int64)
    n_merges = 0
    for place in range(n):
        i = order[place]
        for link in range(starts[i], starts[i + 1]):
            j = linked[link]
            if rank[j] >= place:
                continue  # still under water
            a = _root(island, i)
            b = _root(island, j)
            if a == b:
                continue
            # An island's root is its peak.
            if height[a] < height[b]:
                a, b = b, a
            if size[b] >= least_rows:
                depths[n_merges] = height[b] - height[i]
                n_merges += 1
            island[b] = a
            size[a] += size[b]
    n_islands = 0
    for i in range(n):
        if island[i] == i and size[i] >= least_rows:
            n_islands += 1
    return n_merges, n_islands
