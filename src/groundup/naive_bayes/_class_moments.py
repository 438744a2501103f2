r"""Weight, mean and squares about the mean of every column in every class, in one pass.

The sums of squares are taken about means, never about zero: sum x^2 - n m^2 would lose all digits
of columns far from it.  So a chunk of rows, few enough to stay in the cache, is gone through twice,
first for its means, then for the squares about these, and chunks are merged by a formula that only
ever adds [1]_:

    W = W_a + W_b,   m = m_a + (W_b / W) (m_b - m_a),
    S = S_a + S_b + (W_a W_b / W) (m_b - m_a)^2

Batches of `partial_fit` are merged in the same way.  Blocks of rows run on threads and are merged
in their order: the result has the same bits for any number of threads.

The mean of a chunk is a sum of differences too, from one of its rows: the heaviest, or one that is
not much lighter.  From w (x - m)^2 <= S it follows that such a row is at most some sqrt(rows)
standard deviations from the mean, so no digits are lost.  Any other row might be as far away as it
likes if its weight is small enough, and a row of weight zero would decide about the last digits of
all others.  For the same reason the lighter side's mean is merged into the heavier one's.

Cost: one pass over memory.

References
----------
.. [1] Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance: analysis and
   recommendations", The American Statistician 37(3).
"""

from __future__ import annotations

import functools
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from groundup._blocks import block_bounds, over_threads
from groundup._estimator import read_only
from groundup._kernel import kernel

BLOCK_NUMBERS = 1_000_000  # of X, in a block: a millisecond of work
CHUNK_NUMBERS = 32_768  # of X, in a chunk: 256 KiB
# so many times lighter than the heaviest of all rows, a row still does to count differences from
LIGHTER = 64.0


class ClassMoments(NamedTuple):
    """Weight, mean and squares about the mean of each class."""

    weight: np.ndarray  # (K,)
    mean: np.ndarray  # (K, d)
    scatter: np.ndarray  # (K, d): sum of squares about the mean


@kernel
def add_moments(
    X,  # (n, d) in
    codes,  # (n,) in: classes
    weights,  # (n,) in, or (1,): the same for all rows
    heavy,  # a weight that is close enough to the largest
    low,  # first row
    high,  # last row + 1
    chunk_rows,
    weight,  # (K,) inout
    mean,  # (K, d) inout
    scatter,  # (K, d) inout
):
    """Add the rows from `low` to `high` to the moments of their classes."""
    K, d = mean.shape
    of_each_row = 1 if weights.shape[0] > 1 else 0
    origin = np.full(K, -1)  # row of this class in its chunk, of the largest weight or a heavy one
    top = np.empty(K)  # its weight
    total = np.empty(K)
    centre = np.empty((K, d))
    for start in range(low, high, chunk_rows):
        stop = min(start + chunk_rows, high)
        n_heavy = 0  # classes with a heavy row: once all have one, no others are looked for
        for i in range(start, stop):
            c = codes[i]
            w = weights[i * of_each_row]
            if origin[c] < start:
                total[c], top[c] = 0.0, -1.0
                centre[c, :] = 0.0
            if w > top[c]:
                n_heavy += top[c] < heavy <= w
                origin[c], top[c] = i, w
                if n_heavy == K:
                    break
        for i in range(start, stop):
            c = codes[i]
            w = weights[i * of_each_row]
            total[c] += w
            # Counted from a row, so that a constant column has exactly its value as mean.
            o = origin[c]
            for j in range(d):
                centre[c, j] += w * (X[i, j] - X[o, j])
        for c in range(K):
            if origin[c] < start:
                continue
            W = weight[c] + total[c]
            scale = 1.0 / total[c] if total[c] > 0.0 else 0.0
            share = total[c] / W if W > 0.0 else 0.0
            share_before = weight[c] / W if W > 0.0 else 1.0
            pull = weight[c] * share
            lighter = total[c] <= weight[c]
            weight[c] = W
            for j in range(d):
                # the chunk's mean;  m = m_a + (W_b / W) (m_b - m_a) = m_b - (W_a / W) (m_b - m_a)
                centre[c, j] = X[origin[c], j] + scale * centre[c, j]
                delta = centre[c, j] - mean[c, j]
                if lighter:
                    mean[c, j] += share * delta
                else:
                    mean[c, j] = centre[c, j] - share_before * delta
                # S = S_a + S_b + (W_a W_b / W) (m_b - m_a)^2
                scatter[c, j] += pull * delta * delta
        for i in range(start, stop):
            c = codes[i]
            w = weights[i * of_each_row]
            for j in range(d):
                z = X[i, j] - centre[c, j]
                scatter[c, j] += w * z * z


def blocks_of_rows(n: int, d: int, most: int) -> list[tuple[int, int]]:
    """Cut rows into blocks that depend on the shape of the data alone."""
    bounds = block_bounds(n, max(1, BLOCK_NUMBERS // d), max_blocks=most).tolist()
    return list(pairwise(bounds))


def class_moments(
    X: np.ndarray,
    codes: np.ndarray,
    sample_weight: np.ndarray | None,
    n_classes: int,
    n_threads: int,
) -> ClassMoments:
    """Return the moments of every class.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64, C-contiguous, read-only
    codes : ndarray of shape (n,), int64, read-only
    sample_weight : ndarray of shape (n,), float64, read-only, or None
    n_classes : int
    n_threads : int

    Returns
    -------
    ClassMoments
        Zeros for a class without rows.
    """
    n, d = X.shape
    weights = read_only(np.ones(1)) if sample_weight is None else sample_weight

    heavy = float(weights.max()) / LIGHTER

    def of_block(block: tuple[int, int]) -> ClassMoments:
        moments = ClassMoments(
            np.zeros(n_classes), np.zeros((n_classes, d)), np.zeros((n_classes, d))
        )
        with np.errstate(all="ignore"):  # what is not finite is seen afterwards
            add_moments(X, codes, weights, heavy, *block, max(16, CHUNK_NUMBERS // d), *moments)
        return moments

    # Every block keeps its own moments until the merge: at most 256 MiB of them.
    blocks = blocks_of_rows(n, d, most=max(2, min(64, 2**24 // (n_classes * d))))
    return functools.reduce(merged_moments, over_threads(of_block, blocks, n_threads))


def merged_moments(a: ClassMoments, b: ClassMoments) -> ClassMoments:
    """Return the moments of the rows of both."""
    weight = a.weight + b.weight
    with np.errstate(all="ignore"):
        there = np.where(weight > 0.0, weight, 1.0)
        share_a, share_b = (part[:, np.newaxis] for part in (a.weight / there, b.weight / there))
        delta = b.mean - a.mean
        # m = m_a + (W_b / W) (m_b - m_a) = m_b - (W_a / W) (m_b - m_a)
        lighter = (b.weight <= a.weight)[:, np.newaxis]
        mean = np.where(lighter, a.mean + share_b * delta, b.mean - share_a * delta)
        pull = a.weight[:, np.newaxis] * share_b
        return ClassMoments(weight, mean, a.scatter + b.scatter + pull * delta**2)


def largest_variance(moments: ClassMoments) -> float:
    """Return the largest variance of a column over all classes together."""
    total = moments.weight.sum()
    there = moments.weight > 0.0
    weight, mean = moments.weight[there, np.newaxis], moments.mean[there]
    # Counted from one class's mean, so that equal means differ by exactly nothing, and from the
    # heaviest one's, as in a chunk.
    about = mean - mean[np.argmax(weight)]
    about -= (weight * about).sum(axis=0) / total
    return float((moments.scatter[there] + weight * about**2).sum(axis=0).max() / total)
