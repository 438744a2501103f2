"""Prediction: many rows walk down many trees.

Three ways of walking share the work; all of them keep a tree in the cache while a block of rows
walks down it.

- *By masks* (`_masks`), where no tree has more than 64 leaves.
- *Level by level* (`_walking`), for large trees.
- *Level by level on codes*, where there are several large trees and no column has over 254
  thresholds: first each value becomes the number of its column's thresholds below it, one byte.
  The comparisons come out the same, and eight times as many rows fit in the cache.

Leaf values are added in the order of the trees, row by row, so the result has the same bits
whichever way is taken, for any number of threads and any size of a block.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from groundup._blocks import block_bounds, over_threads
from groundup.tree._masks import add_by_masks
from groundup.tree._packing import Packed, pack, read_only
from groundup.tree._walking import add_by_codes, add_by_level, find_leaves

__all__ = ["Packed", "add_values", "leaves", "pack"]

BLOCK_BYTES = 3 * 2**18  # of a level-2 cache, for the rows of a block; the rest is for the tree
COLUMNS_A_TREE = 15  # more columns than that, and laying them out for the masks costs too much
FEW_ROWS = 16  # fewer rows do not fill the masks' vector instructions
FEW_STEPS = 100_000  # rows times trees below which threads cost more than they bring


def _over_blocks(
    walk: Callable[[int, int], None], n: int, n_trees: int, row_bytes: int, n_threads: int
) -> None:
    """Call ``walk(start, stop)`` on blocks of rows that stay in the cache, the same for all."""
    if n * n_trees < FEW_STEPS:
        n_threads = 1
    most = max(256, BLOCK_BYTES // (row_bytes + 12))  # 12: what `_descend` keeps of a row
    rounds = max(1, -(-n // (most * n_threads)))
    n_blocks = min(rounds * n_threads, max(1, n))
    if n_blocks == 1:  # not even the microseconds of setting up threads
        walk(0, n)
        return
    bounds = block_bounds(n, 1, n_blocks)
    over_threads(lambda b: walk(bounds[b], bounds[b + 1]), range(n_blocks), n_threads)


def add_values(
    packed: Packed, X: np.ndarray, out: np.ndarray, n_threads: int = 1, group: int = 1
) -> None:
    """Add to `out` the values of the leaves in which the rows of `X` end.

    Parameters
    ----------
    packed : Packed
        The trees.
    X : ndarray of shape (n_samples, n_features), float64, C-contiguous
        NaN is missing.
    out : ndarray of shape (n_samples, group * k), float64, C-contiguous
        k is the number of values in a leaf.  Tree t adds to the k columns from ``(t % group) * k``.
    n_threads : int, default=1
        Threads; they do not change a bit of the result.
    group : int, default=1
        The number of trees in a round, each with columns of its own.
    """
    X = read_only(X)
    n, p = X.shape
    n_trees = len(packed.roots) - 1
    if len(packed.keep) and n >= FEW_ROWS and n_trees * COLUMNS_A_TREE >= p:
        add, row_bytes = add_by_masks, 8 * p
    elif len(packed.coded_thresholds) and n >= FEW_ROWS:
        add, row_bytes = add_by_codes, p
    else:
        add, row_bytes = add_by_level, 8 * p

    def walk(start: int, stop: int) -> None:
        add(packed, X, start, stop, group, out)

    _over_blocks(walk, n, n_trees, row_bytes, n_threads)


def leaves(packed: Packed, X: np.ndarray, n_threads: int = 1) -> np.ndarray:
    """Return the leaf in which each row ends in each tree.

    Parameters
    ----------
    packed : Packed
        The trees.
    X : ndarray of shape (n_samples, n_features), float64, C-contiguous
        NaN is missing.
    n_threads : int, default=1

    Returns
    -------
    ndarray of shape (n_samples, n_trees), dtype int32
        Numbers of nodes in each `Tree`.
    """
    X = read_only(X)
    n, p = X.shape
    out = np.empty((n, len(packed.roots) - 1), dtype=np.int32)

    def walk(start: int, stop: int) -> None:
        find_leaves(packed, X, start, stop, out)

    _over_blocks(walk, n, out.shape[1], 8 * p, n_threads)
    return out
