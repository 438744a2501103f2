"""Growing a tree: split the root, then its children, then theirs, until nothing is left to split.

Random choices hang on the path to a node alone, and row order within a node never changes (see
`_sample`).  So the same tree comes out level by level (`grow`, which can be watched) and depth
first in one call (`grow_tree`, for the trees of a forest, each on a thread).  With `max_leaf_nodes`
the node whose split improves the tree most is split next (`_best_first`).

Cost: about n log n row visits for each column that is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from groundup._kernel import kernel
from groundup.tree._absolute_error import Medians, medians_of
from groundup.tree._best_first import Frontier, grow_best_first
from groundup.tree._binning import Binning
from groundup.tree._class_counts import COLUMNS_AT_ONCE, FIELD, MOST_WEIGHT, CountSpace
from groundup.tree._criterion import ABSOLUTE_ERROR, POISSON
from groundup.tree._expanding import expand
from groundup.tree._grown import Grown, in_depth_first_order, in_order, thresholds, to_tree
from groundup.tree._nodes import Growth, Nodes, plant
from groundup.tree._sample import CLASSES, COUNTS, TARGETS, Columns, Sample, Table
from groundup.tree._splitting import Workspace

__all__ = ["Grown", "Growth", "grow", "grow_tree", "thresholds", "to_tree"]

PACKED_BYTES = 2**18  # codes of a packed node: a part of a core's own cache


@kernel
def grow_waiting(
    growth,
    columns,
    sample,
    nodes,
    n_rows,
    seed,
    waiting,  # (.,) inout: nodes still to be split, the next one last
    n_waiting,
    n_nodes,  # 0: the root is yet to be made
    deeper,  # whether children wait as well
    features,
    counting,
    summing,
    medians,
):
    """Split all nodes that wait, and perhaps their children; return what waits and all nodes.

    Returns early where room for nodes runs out.
    """
    capacity = nodes.links.shape[0]
    if n_nodes == 0:
        plant(growth, sample, nodes, n_rows, seed, counting, summing, medians)
        waiting[0] = 0
        n_waiting, n_nodes = 1, 1
    while n_waiting > 0 and n_nodes + 2 <= capacity:
        n_waiting -= 1
        node = waiting[n_waiting]
        if expand(
            growth, columns, sample, nodes, node, n_nodes, features, counting, summing, medians
        ):
            if deeper:
                waiting[n_waiting] = n_nodes + 1
                waiting[n_waiting + 1] = n_nodes
                n_waiting += 2
            n_nodes += 2
    return n_waiting, n_nodes


@kernel
def choose_rows(
    target,  # (n,) in
    weight,  # (n,) in
    rows,  # (2, n) out: in the first half, numbers of the rows with a weight
    counts,  # (n,) or (0,) out
):
    """Return how many rows have a weight, the weights' sum, and whether `counts` hold it all.

    The third of the four numbers is the sum of `counts`.
    """
    n_rows, all_counts = 0, 0
    W = 0.0
    whole = counts.shape[0] > 0
    for i in range(weight.shape[0]):
        w = weight[i]
        if w > 0.0:
            rows[0, n_rows] = i
            n_rows += 1
            W += w
            if whole:
                whole = w == np.floor(w) and W <= MOST_WEIGHT
                counts[i] = (1 << (2 * FIELD)) + (np.int64(w) << FIELD)
                counts[i] += np.int64(w) if target[i] == 1.0 else 0
                all_counts += counts[i]
    return n_rows, W, all_counts, whole


class _Growing:
    """One tree under way: its rows, nodes and buffers."""

    def __init__(self, codes, binning, target, weight, growth, seed, n_classes):
        n, p = codes.shape
        is_byte = codes.dtype == np.uint8
        codes = _in(codes, codes.dtype)
        medians = None
        if growth.criterion == ABSOLUTE_ERROR:
            target, medians = medians_of(target)
        target = _in(target, np.float64)
        weight = _in(np.ones(n) if weight is None else weight, np.float64)
        rows = np.empty((2, n), np.uint32)
        counts = np.empty(n if is_byte and n_classes == 2 else 0, np.int64)
        self.n_rows, total, all_counts, whole = choose_rows(target, weight, rows, counts)
        if self.n_rows == 0:
            raise ValueError("All weights are zero: there is no row to grow a tree on.")
        kind = COUNTS if whole else CLASSES if n_classes > 0 else TARGETS
        centre = 0.0
        if kind == TARGETS and growth.criterion != POISSON:
            # No BLAS: the bits of its sums depend on its threads.
            centre = float((weight * target).sum() / total)
        packed_rows = PACKED_BYTES // p if is_byte and n * p > PACKED_BYTES else 0
        n_packed = self.n_rows if packed_rows else 0
        packing = Table(
            np.empty((n_packed, p), codes.dtype),
            np.empty(n_packed if whole else 0, np.int64),
            None if whole else np.empty(n_packed),
            None if whole else np.empty(n_packed),
        )
        self.growth = growth._replace(max_features=max(1, min(growth.max_features, p)))
        self.columns = Columns(
            _in(binning.n_bins, np.int32),
            _in(binning.offsets, np.int64),
            _in(binning.lowest, np.float64),
        )
        known = (None, None) if whole else (target, weight)
        self.sample = Sample(
            rows,
            Table(codes, _in(counts, np.int64), *known),
            Table(*(None if array is None else _in(array, array.dtype) for array in packing)),
            packing,
            packed_rows,
            total,
            kind,
            all_counts,
            centre,
        )
        self.seed = np.uint64(seed)
        self.space = _space(p, 0 if is_byte else self.n_rows, n_classes, kind, medians)
        capacity = max(64, self.n_rows // 2)
        self.n_nodes = 0
        self.nodes = Nodes(
            links=np.empty((capacity, 6), np.int32),
            places=np.empty((capacity, 6), np.int64),
            figures=np.empty((capacity, 2)),
            value=np.empty((capacity, max(1, n_classes))),
        )

    def _make_room(self, capacity: int) -> None:
        if capacity > len(self.nodes.links):
            self.nodes = Nodes(*(_longer(array, capacity) for array in self.nodes))

    def _grow_waiting(self, waiting: np.ndarray, n_waiting: int, deeper: bool) -> int:
        n_waiting, self.n_nodes = grow_waiting(
            self.growth,
            self.columns,
            self.sample,
            self.nodes,
            self.n_rows,
            self.seed,
            waiting,
            n_waiting,
            self.n_nodes,
            deeper,
            *self.space,
        )
        return n_waiting

    def by_level(self) -> Iterator[Grown]:
        first, end = 0, 1  # the level
        while first < end:
            self._make_room(3 * end)
            waiting = np.arange(end - 1, first - 1, -1, dtype=np.int32)
            self._grow_waiting(waiting, end - first, False)
            if self.n_nodes > end or end == 1:
                yield in_depth_first_order(self.nodes, self.n_nodes)
            first, end = end, self.n_nodes

    def depth_first(self) -> Grown:
        waiting = np.zeros(1, np.int32)
        n_waiting = 1
        while n_waiting > 0:
            waiting = _longer(waiting, len(self.nodes.links) + 2)
            n_waiting = self._grow_waiting(waiting, n_waiting, True)
            if n_waiting > 0:
                self._make_room(2 * len(self.nodes.links))
        return in_depth_first_order(self.nodes, self.n_nodes)

    def best_first(self, splits_a_step: int) -> Iterator[Grown]:
        left = self.growth.max_leaf_nodes - 1
        self._make_room(2 * min(left + 1, self.n_rows) + 3)
        capacity = len(self.nodes.links)
        frontier = Frontier(
            np.empty((capacity, 4), np.int32), np.empty(capacity, np.int64), np.empty(capacity)
        )
        first_new = 0
        while True:
            before = max(1, self.n_nodes)
            n_splits = min(left, splits_a_step)
            self.n_nodes = grow_best_first(
                self.growth,
                self.columns,
                self.sample,
                self.nodes,
                self.n_rows,
                self.seed,
                frontier,
                first_new,
                self.n_nodes,
                n_splits,
                *self.space,
            )
            first_new = self.n_nodes
            made = (self.n_nodes - before) // 2
            left -= made
            if made or before == 1:
                yield in_order(self.nodes, np.arange(self.n_nodes))
            if left == 0 or made < n_splits:
                return


def _in(array: np.ndarray, dtype: Any) -> np.ndarray:
    """Return a read-only C-contiguous view or copy: one type for the kernels."""
    view: np.ndarray = np.ascontiguousarray(array, dtype).view()
    view.flags.writeable = False
    return view


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    longer = np.empty((length, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


def _space(p: int, n_keys: int, n_classes: int, kind: int, medians: Medians | None) -> tuple:
    """Return what kernels call `features`, `counting`, `summing` and `medians`."""
    features = np.arange(p, dtype=np.int32)
    if kind == COUNTS:
        counting = CountSpace(
            histogram=np.zeros((COLUMNS_AT_ONCE, 256), np.int64),
            occupied=np.zeros(4, np.uint64),
            present=np.empty(258, np.int64),
            sums=np.empty(258, np.int64),
        )
        return features, counting, None, None
    if medians is not None:
        return features, None, None, medians
    width = 1 + (n_classes if kind == CLASSES else 2)
    n_codes = 257 if n_keys == 0 else n_keys + 1
    summing = Workspace(
        histogram=np.zeros((256, width)),
        occupied=np.zeros(4, np.uint64),
        tallies=np.empty((n_codes, width)),
        present=np.empty(n_codes, np.int64),
        keys=np.empty(n_keys, np.uint64),
        sorted_keys=np.empty(n_keys, np.uint64),
        left=np.empty(width),
        right=np.empty(width),
        total=np.empty(width),
    )
    return features, None, summing, None


def grow(
    codes: np.ndarray,
    binning: Binning,
    target: np.ndarray,
    weight: np.ndarray | None,
    growth: Growth,
    seed: int,
    n_classes: int,
    n_threads: int = 1,
) -> Iterator[Grown]:
    """Grow one tree; yields it after every level, or after every split where leaves are limited.

    Parameters
    ----------
    codes : ndarray of shape (n, p), uint8 or uint32, C-contiguous
        ``binning.codes(X)``.
    binning : Binning
    target : ndarray of shape (n,)
        Class codes or targets.
    weight : ndarray of shape (n,) or None
        At least 0; rows of weight 0 are not in the tree.
    growth : Growth
    seed : int
        From 0 to 2^64 - 1.
    n_classes : int
        0 for regression.
    n_threads : int, default=1
        Accepted; a tree is grown on one thread.

    Yields
    ------
    Grown
        The tree so far.  The last one is the finished tree.

    Raises
    ------
    ValueError
        If all weights are zero.
    """
    growing = _Growing(codes, binning, target, weight, growth, seed, n_classes)
    if growth.max_leaf_nodes > 0:
        yield from growing.best_first(splits_a_step=1)
    else:
        yield from growing.by_level()


def grow_tree(
    codes: np.ndarray,
    binning: Binning,
    target: np.ndarray,
    weight: np.ndarray | None,
    growth: Growth,
    seed: int,
    n_classes: int,
) -> Grown:
    """Grow the tree that `grow` grows, bit by bit the same, in one call that releases the GIL."""
    growing = _Growing(codes, binning, target, weight, growth, seed, n_classes)
    if growth.max_leaf_nodes > 0:
        *_, grown = growing.best_first(splits_a_step=growth.max_leaf_nodes)
        return grown
    return growing.depth_first()
