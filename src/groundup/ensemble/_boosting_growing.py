r"""One tree of gradient boosting, grown best node first.

The tree fits the gradients g and curvatures h of a loss: a leaf with the sums G and H takes a step
of Newton's method, and each split is the one that lowers the loss's second-order model most:

    value = -G / (H + l2),      gain = G_L^2 / (H_L + l2) + G_R^2 / (H_R + l2) - G^2 / (H + l2)

    while there are fewer than max_leaf_nodes leaves:
        take the leaf whose best split gains most
        deal its rows to the two children
        sum the smaller child's histogram; the larger's is the parent's minus that
        find both children's best splits

A histogram belongs to every leaf that may still split.  The larger child takes over its parent's,
so there are never more than leaves.  Without a limit on the leaves the order does not matter, and
the node with the fewest rows goes first: then at most log2(n) histograms are open.

References
----------
.. [1] Friedman (2001), "Greedy function approximation: a gradient boosting machine", Annals of
   Statistics 29(5).
.. [2] Ke et al. (2017), "LightGBM: a highly efficient gradient boosting decision tree", NIPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.ensemble._boosting_splitting import best_categories, best_threshold, mark_left
from groundup.ensemble._constraints import allowed_columns, bounded_value, group_mask
from groundup.ensemble._histogram import fill, keep, subtract, sums
from groundup.tree._binning import Binning, between
from groundup.tree._tree import LEAF, NO_FEATURE, NUMERIC, SET_WORDS, Tree

UNIT = 8  # columns a thread works on at a time


class BoostGrowth(NamedTuple):
    """When a node may split, and what its children are worth; numbers only."""

    max_leaf_nodes: int = 31  # -1: no limit
    max_depth: int = -1  # -1: no limit
    min_samples_leaf: int = 20
    min_hessian: float = 1e-3  # of a leaf
    l2: float = 0.0
    max_features: float = 1.0  # share of the columns that a node may choose from
    learning_rate: float = 0.1


class Columns(NamedTuple):
    """The training data by column, as the kernels read it."""

    codes: np.ndarray  # (n, p) uint8
    starts: np.ndarray  # (p + 1,) int64: a column's first entry in a histogram
    n_bins: np.ndarray  # (p,) int32
    is_categorical: np.ndarray  # (p,) bool
    monotonic: np.ndarray  # (p,) int8
    groups: np.ndarray  # (n_groups, p) bool: columns that may interact


class Nodes(NamedTuple):
    """The nodes of the tree being grown: m is the most there can be."""

    children_left: np.ndarray  # (m,) int32
    feature: np.ndarray  # (m,) int32
    code: np.ndarray  # (m,) int32: last code, or rank of category, that goes left
    flag: np.ndarray  # (m,) bool: missing go left, or ranks count from the end
    missing_left: np.ndarray  # (m,) uint8
    gain: np.ndarray  # (m,)
    total: np.ndarray  # (m, 3): sums of gradients and hessians, rows
    bounds: np.ndarray  # (m, 2): least and greatest value
    value: np.ndarray  # (m,)
    start: np.ndarray  # (m,) int64
    end: np.ndarray  # (m,) int64: the node's rows are rows[start:end]
    depth: np.ndarray  # (m,) int32
    slot: np.ndarray  # (m,) int32: of the node's histogram
    key: np.ndarray  # (m,) uint64: the node's place in the tree, hashed with the tree's seed
    open_groups: np.ndarray  # (m, n_groups) bool
    category_sets: np.ndarray  # (m or 0, SET_WORDS) uint32: codes that go left


@dataclass(frozen=True, eq=False)
class BoostedTree:
    """A tree and where its training rows ended.

    Parameters
    ----------
    tree : Tree
        ``value`` (n_nodes, 1) is -G / (H + l2) times the learning rate, ``impurity`` the gain of a
        node's split (0 at a leaf), ``weighted_n_node_samples`` the sum of hessians.
    rows : ndarray of shape (n,), dtype int32
        The rows, ordered by leaf.  It is the grower's own buffer: the next tree overwrites it.
    leaf_bounds : ndarray of shape (n_leaves + 1,), dtype int64
        Leaf i holds ``rows[leaf_bounds[i]:leaf_bounds[i + 1]]``.
    leaf_nodes : ndarray of shape (n_leaves,), dtype int64
        The node number of each leaf.
    """

    tree: Tree
    rows: np.ndarray
    leaf_bounds: np.ndarray
    leaf_nodes: np.ndarray


@kernel
def hashed(key):
    """Return 64 random-looking bits of a number (the finaliser of SplitMix64)."""
    key = np.uint64(key) + np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@kernel
def choose_columns(
    key,  # of the node
    share,  # of the allowed columns that may be chosen
    allowed,  # (p,) bool inout
):
    """Keep a random share of the allowed columns, at least one: the node's own choice."""
    n_allowed = allowed.sum()
    needed = max(1, np.int64(np.ceil(share * n_allowed)))
    left = n_allowed
    for f in range(allowed.shape[0]):
        if allowed[f]:
            # Each column is kept with probability needed / left.
            draw = hashed(key ^ np.uint64(f)) >> np.uint64(11)
            kept = draw * 2.0**-53 * left < needed
            allowed[f] = kept
            needed -= kept
            left -= 1


@kernel
def deal_rows(
    codes,  # (n, p) in
    feature,
    goes_left,  # (256,) uint8 in
    start,
    end,
    rows,  # (n,) inout
    scratch,  # (n,) out
):
    """Order a node's rows: those that go left first, each side in its old order."""
    n_left, n_right = 0, 0
    for i in range(start, end):
        row = rows[i]
        left = goes_left[codes[row, feature]]
        rows[start + n_left] = row
        scratch[n_right] = row
        n_left += left
        n_right += 1 - left
    for i in range(n_right):
        rows[start + n_left + i] = scratch[i]
    return start + n_left


@kernel
def search_column(columns, f, growth, scale, nodes, node, histogram):
    """Return the best split of a node on one column: gain, code, flag."""
    start, n_bins = columns.starts[f], columns.n_bins[f]
    lower, upper = nodes.bounds[node]
    if columns.is_categorical[f]:
        return best_categories(
            histogram, start, n_bins, nodes.total[node], growth, scale, lower, upper
        )
    return best_threshold(
        histogram, start, n_bins, nodes.total[node], growth, scale,
        columns.monotonic[f], lower, upper,
    )  # fmt: skip


@kernel
def open_node(nodes, node, parent, path, start, end, growth):
    """Set what a new node takes from its parent, and its value."""
    nodes.start[node], nodes.end[node] = start, end
    nodes.children_left[node] = LEAF
    nodes.feature[node] = NO_FEATURE
    nodes.gain[node] = 0.0
    nodes.slot[node] = -1
    if parent >= 0:
        nodes.depth[node] = nodes.depth[parent] + 1
        nodes.key[node] = hashed(nodes.key[parent] + np.uint64(path))
    value = bounded_value(
        nodes.total[node, 0], nodes.total[node, 1], growth.l2,
        nodes.bounds[node, 0], nodes.bounds[node, 1],
    )  # fmt: skip
    nodes.value[node] = value


@kernel
def may_split(nodes, node, growth):
    """Tell whether a split of the node could leave enough in both children."""
    return (
        nodes.total[node, 2] >= 2 * growth.min_samples_leaf
        and nodes.total[node, 1] >= 2 * growth.min_hessian
        and (growth.max_depth < 0 or nodes.depth[node] < growth.max_depth)
    )


@kernel
def make_children(columns, feature, mid, growth, nodes, node, left, total_left):
    """Set up the two children of a node, numbered left and left + 1."""
    right = left + 1
    nodes.children_left[node] = left
    nodes.total[left] = total_left
    nodes.total[right] = nodes.total[node] - total_left
    nodes.bounds[left] = nodes.bounds[node]
    nodes.bounds[right] = nodes.bounds[node]
    for k in range(columns.groups.shape[0]):
        still_open = nodes.open_groups[node, k] and columns.groups[k, feature]
        nodes.open_groups[left, k] = nodes.open_groups[right, k] = still_open
    open_node(nodes, left, node, 1, nodes.start[node], mid, growth)
    open_node(nodes, right, node, 2, mid, nodes.end[node], growth)
    monotonic = columns.monotonic[feature]
    if monotonic != 0:
        middle = 0.5 * (nodes.value[left] + nodes.value[right])
        # Increasing: the left child stays below the middle, the right one above.
        nodes.bounds[left, 1 if monotonic > 0 else 0] = middle
        nodes.bounds[right, 0 if monotonic > 0 else 1] = middle


@kernel
def choose_split(columns, growth, nodes, node, gains, codes, flags):
    """Keep the best of the columns' splits, the first of equals, if it gains anything."""
    unsplit = -nodes.value[node] * nodes.total[node, 0]
    for f in range(columns.n_bins.shape[0]):
        gain = gains[f] - unsplit
        if gain > nodes.gain[node]:
            nodes.gain[node] = gain
            nodes.feature[node] = f
            nodes.code[node] = codes[f]
            nodes.flag[node] = flags[f]


@kernel
def queue(nodes, node, growth, waiting, n_waiting):
    """Insert a node among those that wait to be split, the next one last; return their number."""
    place = n_waiting
    while place > 0:
        other = waiting[place - 1]
        if growth.max_leaf_nodes > 0:
            first = nodes.gain[node] > nodes.gain[other]
        else:
            first = nodes.total[node, 2] < nodes.total[other, 2]
        if first:
            break
        waiting[place] = other
        place -= 1
    waiting[place] = node
    return n_waiting + 1


@block_kernel
def _grow(
    columns,  # Columns
    growth,  # BoostGrowth
    kept,  # (n, words) in
    scale,  # Scale
    seed,
    rows,  # (n,) out
    scratch,  # (n,)
    histograms,  # (slots, entries, words)
    max_nodes,
    nodes,  # Nodes, out
):
    n, p = columns.codes.shape
    units = (p + UNIT - 1) // UNIT
    gains = np.empty((2, p))
    codes = np.empty((2, p), np.int32)
    flags = np.empty((2, p), np.bool_)
    allowed = np.empty((2, p), np.bool_)
    goes_left = np.empty(256, np.uint8)
    total_left = np.empty(3)
    waiting = np.empty(max_nodes, np.int32)
    free_slots = np.arange(histograms.shape[0])
    n_free = histograms.shape[0]
    n_waiting = 0
    for i in range(n):
        rows[i] = i
    # the root
    n_free -= 1
    root_slot = free_slots[n_free]
    for unit in prange(units):
        fill(
            columns.codes,
            rows,
            0,
            n,
            kept,
            scale,
            columns.starts,
            unit * UNIT,
            min(p, (unit + 1) * UNIT),
            histograms[root_slot],
        )
    nodes.total[0] = 0.0
    for entry in range(columns.starts[0], columns.starts[1]):
        g, h, count = sums(histograms[root_slot], entry, scale)
        nodes.total[0, 0] += g
        nodes.total[0, 1] += h
        nodes.total[0, 2] += count
    nodes.bounds[0, 0], nodes.bounds[0, 1] = -np.inf, np.inf
    nodes.depth[0] = 0
    nodes.key[0] = hashed(np.uint64(seed))
    nodes.open_groups[0] = True
    open_node(nodes, 0, -1, 0, 0, n, growth)
    nodes.slot[0] = root_slot
    n_nodes = 1
    first, last = 0, 1 if may_split(nodes, 0, growth) else 0  # the nodes to search
    while True:
        for child in range(first, last):
            allowed_columns(columns.groups, nodes.open_groups[child], allowed[child - first])
            if growth.max_features < 1.0:
                choose_columns(nodes.key[child], growth.max_features, allowed[child - first])
        for unit in prange(units):
            for f in range(unit * UNIT, min(p, (unit + 1) * UNIT)):
                for child in range(first, last):
                    gain, code, flag = -np.inf, -1, False
                    if allowed[child - first, f] and nodes.slot[child] >= 0:
                        gain, code, flag = search_column(
                            columns, f, growth, scale, nodes, child, histograms[nodes.slot[child]]
                        )
                    gains[child - first, f] = gain
                    codes[child - first, f] = code
                    flags[child - first, f] = flag
        for child in range(first, last):
            k = child - first
            choose_split(columns, growth, nodes, child, gains[k], codes[k], flags[k])
            if nodes.feature[child] >= 0:
                n_waiting = queue(nodes, child, growth, waiting, n_waiting)
            elif nodes.slot[child] >= 0:
                free_slots[n_free] = nodes.slot[child]
                n_free += 1
        n_leaves = (n_nodes + 1) // 2
        if n_waiting == 0 or n_leaves == growth.max_leaf_nodes:
            break
        n_waiting -= 1
        node = waiting[n_waiting]
        f = nodes.feature[node]
        slot = nodes.slot[node]
        mark_left(
            histograms[slot], columns.starts[f], columns.n_bins[f], columns.is_categorical[f],
            nodes.code[node], nodes.flag[node], nodes.total[node], scale, goes_left, total_left,
        )  # fmt: skip
        nodes.missing_left[node] = goes_left[columns.n_bins[f]]
        if columns.is_categorical[f]:
            nodes.category_sets[node] = 0
            for c in range(columns.n_bins[f]):
                if goes_left[c]:
                    nodes.category_sets[node, c // 32] |= np.uint32(1) << np.uint32(c % 32)
        mid = deal_rows(
            columns.codes, f, goes_left, nodes.start[node], nodes.end[node], rows, scratch
        )
        left = n_nodes
        make_children(columns, f, mid, growth, nodes, node, left, total_left)
        n_nodes += 2
        first = last = left
        n_leaves += 1
        if n_leaves == growth.max_leaf_nodes:
            break
        left_may, right_may = may_split(nodes, left, growth), may_split(nodes, left + 1, growth)
        if not (left_may or right_may):
            free_slots[n_free] = slot
            n_free += 1
            continue
        small = left if nodes.total[left, 2] <= nodes.total[left + 1, 2] else left + 1
        large = 2 * left + 1 - small
        n_free -= 1
        small_slot = free_slots[n_free]
        for unit in prange(units):
            f0, f1 = unit * UNIT, min(p, (unit + 1) * UNIT)
            fill(
                columns.codes,
                rows,
                nodes.start[small],
                nodes.end[small],
                kept,
                scale,
                columns.starts,
                f0,
                f1,
                histograms[small_slot],
            )
            subtract(
                histograms[slot], histograms[small_slot], columns.starts[f0], columns.starts[f1]
            )
        nodes.slot[small], nodes.slot[large] = small_slot, slot
        if not may_split(nodes, small, growth):
            free_slots[n_free] = small_slot
            n_free += 1
            nodes.slot[small] = -1
        if not may_split(nodes, large, growth):
            free_slots[n_free] = slot
            n_free += 1
            nodes.slot[large] = -1
        last = left + 2
    return n_nodes


class TreeGrower:
    """Grows the trees of one fit; its buffers are allocated once.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_features), dtype uint8
        The bin of every value.
    binning : Binning
        What the bins mean.
    growth : BoostGrowth
    monotonic : ndarray of shape (n_features,), dtype int8, default=None
        1: predictions must not fall with the column; -1: must not rise; 0: free.
    interaction_groups : list of sets of int, default=None
        Columns that may be used together in a branch; None: all.
    n_threads : int, default=1
        They do not change a bit of the trees.
    """

    def __init__(
        self,
        codes: np.ndarray,
        binning: Binning,
        growth: BoostGrowth,
        monotonic: np.ndarray | None = None,
        interaction_groups: list | None = None,
        n_threads: int = 1,
    ):
        n, p = codes.shape
        self.binning, self.growth, self.n_threads = binning, growth, n_threads
        if monotonic is None:
            monotonic = np.zeros(p, dtype=np.int8)
        n_bins = np.asarray(binning.n_bins, dtype=np.int32)
        starts = np.concatenate([[0], np.cumsum(n_bins + 1, dtype=np.int64)])
        self.columns = Columns(
            codes,
            starts,
            n_bins,
            np.asarray(binning.is_categorical, dtype=np.bool_),
            np.asarray(monotonic, dtype=np.int8),
            group_mask(interaction_groups, p),
        )
        most_leaves = max(1, n // max(1, growth.min_samples_leaf))
        if growth.max_depth >= 0:
            most_leaves = min(most_leaves, 2 ** min(growth.max_depth, 40))
        open_at_once = n.bit_length() + 1
        if growth.max_leaf_nodes > 0:
            most_leaves = open_at_once = min(most_leaves, growth.max_leaf_nodes)
        self.max_nodes = 2 * most_leaves - 1
        self.n_slots = min(open_at_once, most_leaves) + 1
        self.rows = np.empty(n, dtype=np.int32)
        self.scratch = np.empty(n, dtype=np.int32)
        self.kept = self.histograms = np.empty((0, 0))

    def grow(
        self, gradient: np.ndarray, hessian: np.ndarray | None = None, seed: int = 0
    ) -> BoostedTree:
        """Grow one tree.

        Parameters
        ----------
        gradient : ndarray of shape (n_samples,), float64
            First derivative of the loss by each row's raw prediction.
        hessian : ndarray of shape (n_samples,), float64, or None
            Second derivative, at least 0; None where it is 1 for all rows.
        seed : int, default=0
            Of the columns that a node may choose from, where ``max_features`` is below 1.

        Returns
        -------
        BoostedTree
        """
        words = 1 if hessian is None else 2
        if self.kept.shape[1] != words:
            self.kept = np.empty((len(self.rows), words), dtype=np.float32)
            entries = int(self.columns.starts[-1])
            self.histograms = np.empty((self.n_slots, entries, words), dtype=np.int64)
        scale = keep(gradient, hessian, self.kept, self.n_threads)
        nodes = self._empty_nodes()
        n_nodes = _grow(
            self.columns, self.growth, self.kept, scale, seed,
            self.rows, self.scratch, self.histograms, self.max_nodes, nodes,
            n_threads=self.n_threads,
        )  # fmt: skip
        tree = self._tree(nodes, n_nodes)
        leaves = np.flatnonzero(tree.children_left == LEAF)
        leaves = leaves[np.argsort(nodes.start[leaves], kind="stable")]
        bounds = np.append(nodes.start[leaves], len(self.rows))
        return BoostedTree(tree, self.rows, bounds, leaves)

    def _empty_nodes(self) -> Nodes:
        m = self.max_nodes
        any_categorical = bool(self.columns.is_categorical.any())
        return Nodes(
            children_left=np.empty(m, dtype=np.int32),
            feature=np.empty(m, dtype=np.int32),
            code=np.empty(m, dtype=np.int32),
            flag=np.empty(m, dtype=np.bool_),
            missing_left=np.zeros(m, dtype=np.uint8),
            gain=np.empty(m),
            total=np.empty((m, 3)),
            bounds=np.empty((m, 2)),
            value=np.empty(m),
            start=np.empty(m, dtype=np.int64),
            end=np.empty(m, dtype=np.int64),
            depth=np.empty(m, dtype=np.int32),
            slot=np.empty(m, dtype=np.int32),
            key=np.empty(m, dtype=np.uint64),
            open_groups=np.empty((m, len(self.columns.groups)), dtype=np.bool_),
            category_sets=np.zeros((m if any_categorical else 0, SET_WORDS), dtype=np.uint32),
        )

    def _tree(self, nodes: Nodes, n_nodes: int) -> Tree:
        children_left = nodes.children_left[:n_nodes].copy()
        is_leaf = children_left == LEAF
        children_right = np.where(is_leaf, LEAF, children_left + 1).astype(np.int32)
        feature = np.where(is_leaf, NO_FEATURE, nodes.feature[:n_nodes]).astype(np.int32)
        split = np.flatnonzero(~is_leaf)
        numeric = split[~self.columns.is_categorical[feature[split]]]
        categorical = split[self.columns.is_categorical[feature[split]]]
        threshold = np.full(n_nodes, -2.0)
        threshold[numeric] = self._thresholds(feature[numeric], nodes.code[numeric])
        category_set = category_sets = None
        if len(categorical):
            category_set = np.full(n_nodes, NUMERIC, dtype=np.int32)
            category_set[categorical] = np.arange(len(categorical))
            category_sets = np.stack(
                [self._category_words(feature[k], nodes.category_sets[k]) for k in categorical]
            )
        missing_left = np.where(is_leaf, 0, nodes.missing_left[:n_nodes]).astype(np.uint8)
        return Tree(
            children_left=children_left,
            children_right=children_right,
            feature=feature,
            threshold=threshold,
            missing_go_to_left=missing_left,
            value=nodes.value[:n_nodes, np.newaxis] * self.growth.learning_rate,
            impurity=np.where(is_leaf, 0.0, nodes.gain[:n_nodes]),
            n_node_samples=nodes.total[:n_nodes, 2].astype(np.int64),
            weighted_n_node_samples=nodes.total[:n_nodes, 1].copy(),
            category_set=category_set,
            category_sets=category_sets,
        )

    def _thresholds(self, feature: np.ndarray, code: np.ndarray) -> np.ndarray:
        """Return the border after each code; infinity after a column's last one."""
        binning = self.binning
        low = binning.offsets[feature] + code
        is_last = code == binning.n_bins[feature] - 1
        border = between(binning.highest[low], binning.lowest[np.where(is_last, low, low + 1)])
        return np.where(is_last, np.inf, border)

    def _category_words(self, feature: int, codes_left: np.ndarray) -> np.ndarray:
        """Translate a set of codes into a set of categories."""
        binning = self.binning
        codes = np.arange(binning.n_bins[feature])
        codes = codes[(codes_left[codes // 32] >> (codes % 32).astype(np.uint32)) & 1 == 1]
        categories = binning.lowest[binning.offsets[feature] + codes].astype(np.int64)
        words = np.zeros(SET_WORDS, dtype=np.uint32)
        np.bitwise_or.at(
            words, categories // 32, np.uint32(1) << (categories % 32).astype(np.uint32)
        )
        return words
