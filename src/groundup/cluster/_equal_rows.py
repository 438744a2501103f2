"""Rows that are equal: merged before anything else, at height 0.

Sorting rows to find them means sorting lists of numbers.  Here every row is summed up in one whole
number first, a sum over its mixed bits; rows that are equal have equal sums, so they stand side by
side once the sums are sorted, and only such neighbours are compared.  Two different rows may share
a sum, and could then keep two equal ones apart: those are merged later on, at the same height 0.

Cost: O(n d + n log n) time, O(n d) memory.
"""

from __future__ import annotations

import numpy as np


def merge_equal_rows(
    X: np.ndarray, pairs: np.ndarray, heights: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Merge rows that are equal.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64
    pairs, heights, sizes : ndarray of shape (n - 1, 2), (n - 1,) and (n - 1,)
        The first of them are written: see `merges_by_height`.

    Returns
    -------
    X : ndarray of shape (m, d)
        The rows that are left.
    counts : ndarray of shape (m,), float64
        How many rows each of them stands for.
    nodes : ndarray of shape (m,), int64
        Its node.
    merge : int
        How many merges were made.

    Examples
    --------
    >>> pairs, heights, sizes = np.zeros((2, 2), np.int64), np.zeros(2), np.zeros(2)
    >>> X, counts, nodes, merge = merge_equal_rows(
    ...     np.array([[5.0], [7.0], [5.0]]), pairs, heights, sizes
    ... )
    >>> merge, pairs[0]
    (1, array([0, 2]))
    >>> for row in np.argsort(nodes):
    ...     print(X[row], counts[row], nodes[row])
    [7.] 1.0 1
    [5.] 2.0 3
    """
    n = len(X)
    bits = (X + 0.0).view(np.uint64)  # + 0.0: -0.0 is 0.0
    bits = (bits ^ (bits >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(32)
    odd = np.random.default_rng(0).integers(2**63, size=X.shape[1], dtype=np.uint64) * 2 + 1
    sums = bits @ odd
    order = np.argsort(sums, kind="stable")
    candidate = np.flatnonzero(sums[order[1:]] == sums[order[:-1]])
    same = (X[order[candidate + 1]] == X[order[candidate]]).all(axis=1)
    if not same.any():
        return X, np.ones(n), np.arange(n), 0
    again = np.zeros(n, dtype=bool)
    again[candidate[same] + 1] = True
    starts = np.flatnonzero(~again)  # (m,) in the sorted order
    counts = np.diff(np.append(starts, n))
    merge = int(again.sum())
    # A set of equal rows r_1, r_2, r_3, ... is merged as ((r_1, r_2), r_3), ...
    group = np.repeat(np.arange(len(starts)), counts)[again]  # (merge,)
    nth = np.flatnonzero(again) - starts[group]  # 1 for the second row of a set
    made = np.arange(n, n + merge)
    pairs[:merge, 0] = np.where(nth == 1, order[starts[group]], made - 1)
    pairs[:merge, 1] = order[again]
    heights[:merge] = 0.0
    sizes[:merge] = nth + 1
    nodes = order[starts]
    nodes[group] = made  # the last one stays
    return X[order[starts]], counts.astype(np.float64), nodes, merge
