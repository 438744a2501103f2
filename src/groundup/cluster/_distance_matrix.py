"""All distances between rows, for the linkages that need them.

The Euclidean distances are taken from differences,

    d(a, b) = sqrt(sum_f (a_f - b_f)^2),

and not from ||a||^2 - 2 a . b + ||b||^2, which is faster and loses all digits for rows that lie
close together: those are the ones that are merged first.  The other metrics are SciPy's.

Cost: O(n^2 d) time; 8 n^2 bytes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import prange
from scipy.spatial.distance import cdist

from groundup._blocks import block_bounds, over_threads
from groundup._kernel import block_kernel, kernel

_SCIPY = {
    "l1": "cityblock",
    "manhattan": "cityblock",
    "cityblock": "cityblock",
    "cosine": "cosine",
    "chebyshev": "chebyshev",
    "sqeuclidean": "sqeuclidean",
    "minkowski": "euclidean",  # its default power is 2
    "correlation": "correlation",
    "braycurtis": "braycurtis",
    "canberra": "canberra",
    "hamming": "hamming",
}
METRICS = {"euclidean", "l2", "precomputed", *_SCIPY}
# Values times c make distances times c^degree, of degree 1 unless it stands here.
DEGREES = {
    "sqeuclidean": 2,
    "cosine": 0,
    "correlation": 0,
    "braycurtis": 0,
    "canberra": 0,
    "hamming": 0,
}
TILE = 64  # rows whose distances to 64 others are made together


@kernel
def _tile(
    X,  # (n, d) in
    columns,  # (d, n) in: the same
    first,  # int in: the tile is rows first, ..., of the columns start, ...
    start,  # int in
    D,  # (n, n) out
):
    n, d = X.shape
    stop = min(start + TILE, n)
    for i in range(first, min(first + TILE, n)):
        for j in range(start, stop):
            D[i, j] = 0.0
        for f in range(d):
            value = X[i, f]
            for j in range(start, stop):
                difference = columns[f, j] - value
                D[i, j] += difference * difference
        for j in range(start, stop):
            D[i, j] = np.sqrt(D[i, j])
    for i in range(first, min(first + TILE, n)):
        for j in range(start, stop):
            D[j, i] = D[i, j]


@block_kernel
def _euclidean(X, columns, D):
    n_tiles = (X.shape[0] + TILE - 1) // TILE
    for place in prange(n_tiles):
        # The first tile has the most to do and the last the least: one from each end in turn.
        tile = np.int64(place) // 2
        if np.int64(place) % 2 == 1:
            tile = n_tiles - 1 - tile
        for other in range(tile, n_tiles):
            _tile(X, columns, tile * TILE, other * TILE, D)


def distance_matrix(X: np.ndarray, metric: str | Callable, n_threads: int = 1) -> np.ndarray:
    """Make the matrix of all distances.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64, C-contiguous, read-only
    metric : str or callable
        A callable makes the whole matrix of `X`.
    n_threads : int, default=1

    Returns
    -------
    ndarray of shape (n, n), float64, C-contiguous
        Symmetrical, nothing negative; to be overwritten at will.

    Raises
    ------
    ValueError
        If a distance is not defined, or what a callable made is not such a matrix.

    Examples
    --------
    >>> distance_matrix(np.array([[0.0, 0.0], [3.0, 4.0]]), "euclidean")
    array([[0., 5.],
           [5., 0.]])
    """
    n = len(X)
    if callable(metric):
        return given_matrix(np.asarray(metric(X), dtype=np.float64), f"metric={metric!r}", n)
    D = np.empty((n, n))
    if metric in ("euclidean", "l2"):
        _euclidean(X, np.ascontiguousarray(X.T), D, n_threads=n_threads)
        return D
    bounds = block_bounds(n, block_rows=256, max_blocks=1024)

    def rows_of(block: int) -> None:
        first, stop = bounds[block], bounds[block + 1]
        cdist(X[first:stop], X, _SCIPY[metric], out=D[first:stop])

    over_threads(rows_of, range(len(bounds) - 1), n_threads)
    if np.isnan(D).any():
        row = int(np.flatnonzero(np.isnan(D).any(axis=1))[0])
        raise ValueError(
            f"metric={metric!r} is not defined for row {row} of X: a distance of it is NaN, as for "
            "a row without any variation. Leave such rows out, or choose another metric."
        )
    return np.maximum(D, 0.0, out=D)  # rounding leaves -1e-16 for cosine


def given_matrix(D: np.ndarray, source: str = "X", n: int | None = None) -> np.ndarray:
    """Check a matrix of distances, and return a copy to be overwritten at will.

    Parameters
    ----------
    D : ndarray of shape (n, n), float64
    source : str, default="X"
        What an error calls it.
    n : int or None, default=None
        The rows it should have, where that is known.

    Returns
    -------
    ndarray of shape (n, n), float64, C-contiguous

    Raises
    ------
    ValueError
        If it is not square, not symmetrical, or has numbers that are negative or not finite.
    """
    if D.ndim != 2 or D.shape[0] != D.shape[1] or (n is not None and len(D) != n):
        raise ValueError(
            f"Distance matrix should be square, got matrix of shape {D.shape} from {source}: one "
            "row and one column for each row of the data."
        )
    if not np.isfinite(D).all():
        raise ValueError(f"The distances from {source} contain NaN or infinity.")
    if D.min() < 0.0:
        raise ValueError(
            f"The distances from {source} must not be negative; the least is {D.min():.6g}."
        )
    if not np.allclose(D, D.T, rtol=1e-8, atol=1e-12 * D.max()):
        a, b = np.unravel_index(np.argmax(np.abs(D - D.T)), D.shape)
        raise ValueError(
            f"The distances from {source} are not symmetrical: row {a}, column {b} has "
            f"{D[a, b]:.6g}, row {b}, column {a} has {D[b, a]:.6g}. Give (D + D.T) / 2 if that is "
            "what you mean."
        )
    # The upper half counts, as in scikit-learn; the diagonal does not.
    upper = np.triu(D, 1)
    return upper + upper.T


def refuse_what_is_no_distances(D: np.ndarray) -> None:
    """Raise a ValueError for a matrix that is not symmetric, negative, or not 0 on the diagonal.

    Parameters
    ----------
    D : ndarray of shape (n, n), float64
        Infinity is allowed off the diagonal.

    Examples
    --------
    >>> refuse_what_is_no_distances(np.array([[1.0, 0.2], [0.2, 1.0]]))
    Traceback (most recent call last):
    ValueError: Row 0 of the precomputed distances is 1 away from itself, but ... give 1 - S.
    """
    if D.shape[0] != D.shape[1] or not np.allclose(D, D.T):
        raise ValueError(
            "The precomputed distance matrix is expected to be symmetric, but "
            f"{'its values are not' if D.shape[0] == D.shape[1] else f'has shape {D.shape}'}. "
            "Check how it was made."
        )
    least = D.min()
    if least < 0.0:
        raise ValueError(
            f"The precomputed distances must not be negative; the least is {least:.6g}. Where that "
            "is rounding, give np.maximum(D, 0); similarities are no distances."
        )
    own = np.diagonal(D)
    # sqrt(a . a - 2 a . b + b . b) is off by the root of the last digit.
    if own.max() > 1e-6 * np.max(D, initial=0.0, where=np.isfinite(D)):
        row = int(np.argmax(own))
        raise ValueError(
            f"Row {row} of the precomputed distances is {own[row]:.6g} away from itself, but the "
            "diagonal of a matrix of distances is 0. Similarities are no distances: of a "
            "similarity S with 1 on the diagonal give 1 - S."
        )
