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
from groundup.ensemble._boosting_nodes import (
    NODE,
    BoostGrowth,
    Nodes,
    choose_columns,
    may_split,
    open_children,
    open_node,
    queue,
)
from groundup.ensemble._boosting_rows import collect_block, deal_block, transpose
from groundup.ensemble._boosting_splitting import (
    MOST_CANDIDATES,
    best_of_column,
    largest,
    mark_left,
)
from groundup.ensemble._constraints import allowed_columns, group_mask
from groundup.ensemble._histogram import COLUMN, fill, keep, merge, subtract, sums
from groundup.tree._binning import Binning, between
from groundup.tree._tree import LEAF, NO_FEATURE, NUMERIC, SET_WORDS, Tree

UNIT = 4  # columns that a thread works on at a time
SMALL = 4096  # rows of a node up to which threads share out its columns; above, its rows
BLOCK = 8192  # rows that a thread deals to the children at a time
MOST_BLOCKS = 64


class Table(NamedTuple):
    """The training data, as the kernels read it."""

    codes: np.ndarray  # (n * p,) uint8: row after row
    by_column: np.ndarray  # (p, n) uint8: the same, column after column
    columns: np.ndarray  # (p + 1,) COLUMN
    groups: np.ndarray  # (n_groups, p) bool: columns that may interact


class Work(NamedTuple):
    """Buffers of one fit."""

    kept: np.ndarray  # (n, words) float32: gradients and hessians
    rows: np.ndarray  # (n,) int32: the rows, ordered by node
    dealt: np.ndarray  # (n,) int32: the same, while a node is split
    histograms: np.ndarray  # (slots, entries * words) int64
    partials: np.ndarray  # (n_threads - 1, entries * words) int64: parts of one node's histogram


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
def start_tree(rows, free_slots, nodes, n):
    """All rows are in the root, and all histograms are free but its own."""
    for i in range(n):
        rows[i] = i
    for slot in range(free_slots.shape[0]):
        free_slots[slot] = slot
    root = nodes.node[0]
    root.start, root.end, root.slot = 0, n, free_slots.shape[0] - 1


@kernel
def open_root(table, work, n_parts, growth, scale, seed, nodes):
    """Set up the root; its sums are those of any column's histogram, all parts together."""
    words = work.kept.shape[1]
    root = nodes.node[0]
    root.gradient, root.hessian, root.n_rows = 0.0, 0.0, 0
    root.lower, root.upper = -np.inf, np.inf
    for part in range(n_parts):
        histogram = work.partials[part - 1] if part else work.histograms[root.slot]
        for entry in range(table.columns[1].start):
            g, h, n = sums(histogram, words, entry, scale)
            root.gradient += g
            root.hessian += h
            root.n_rows += n
    for k in range(nodes.open_groups.shape[1]):
        nodes.open_groups[0, k] = True
    open_node(root, 0, root.n_rows, 0, np.uint64(seed), growth)


@kernel
def fill_part(table, work, scale, nodes, number, part, n_parts):
    """Sum one part of a node's rows, for all columns."""
    node = nodes.node[number]
    n_rows = node.end - node.start
    start = node.start + part * n_rows // n_parts
    end = node.start + (part + 1) * n_rows // n_parts
    histogram = work.partials[part - 1] if part else work.histograms[node.slot]
    fill(
        table.codes, work.rows, start, end, work.kept, scale,
        table.columns, np.int64(0), table.columns.shape[0] - 1, histogram,
    )  # fmt: skip


@kernel
def choose_allowed(table, nodes, pair, growth, allowed):
    """Mark the columns on which each of the new nodes may split."""
    for k in range(2):
        if pair[k] >= 0:
            allowed_columns(table.groups, nodes.open_groups[pair[k]], allowed[k])
            if growth.max_features < 1.0:
                choose_columns(nodes.node[pair[k]].key, growth.max_features, allowed[k])


@kernel
def work_unit(
    table, growth, scale, work, nodes, pair, searched, n_parts, unit, allowed, gain, candidate
):
    """Do what new nodes need for a few columns: both their histograms and best splits.

    The pair is the smaller child and the larger one; of the root and -1 at first.  With n_parts 0
    nothing is summed yet.
    """
    first, last = unit * UNIT, min(allowed.shape[1], (unit + 1) * UNIT)
    words = work.kept.shape[1]
    word_from, word_to = table.columns[first].start * words, table.columns[last].start * words
    small = nodes.node[pair[0]]
    histogram = work.histograms[small.slot]
    if n_parts == 0:
        fill(
            table.codes, work.rows, small.start, small.end, work.kept, scale,
            table.columns, first, last, histogram,
        )  # fmt: skip
    merge(work.partials, n_parts - 1, word_from, word_to, histogram)
    if pair[1] >= 0:
        parents = work.histograms[nodes.node[pair[1]].slot]
        subtract(parents, histogram, word_from, word_to)
    running, left = np.empty((2, 256), np.int64), np.empty((3, MOST_CANDIDATES))
    scratch = np.empty(MOST_CANDIDATES)
    for k in range(2):
        if searched[k]:
            node = nodes.node[pair[k]]
            for f in range(first, last):
                gain[k, f] = 0.0
                if allowed[k, f]:
                    gain[k, f], candidate[k, f] = best_of_column(
                        table.columns[f], work.histograms[node.slot], words, node,
                        growth, scale, running, left, scratch,
                    )  # fmt: skip


@kernel
def settle(nodes, pair, searched, growth, gain, candidate, waiting, n_waiting, free_slots, n_free):
    """Queue the new nodes that gain by a split; the histograms of the others become free."""
    for k in range(2):
        if pair[k] >= 0:
            node = nodes.node[pair[k]]
            if searched[k]:
                f = largest(gain[k], gain.shape[1])
                if gain[k, f] > 0.0:
                    node.gain, node.feature, node.candidate = gain[k, f], f, candidate[k, f]
            if node.gain > 0.0:
                by_gain = growth.max_leaf_nodes > 0
                n_waiting = queue(nodes.node, pair[k], by_gain, waiting, n_waiting)
            else:
                free_slots[n_free] = node.slot
                n_free += 1
    return n_waiting, n_free


@kernel
def decide(table, work, scale, nodes, number, n_nodes, goes_left):
    """Write out the split of a node: where each code goes, and the sums of the left child."""
    node = nodes.node[number]
    column = table.columns[node.feature]
    mark_left(
        column, node.candidate, work.histograms[node.slot], work.kept.shape[1], node, scale,
        goes_left, nodes.node[n_nodes],
    )  # fmt: skip
    node.missing_left = goes_left[column.n_bins]
    if column.is_categorical:
        for word in range(nodes.left_codes.shape[1]):
            nodes.left_codes[number, word] = 0
        for code in range(column.n_bins):
            bit = np.uint32(goes_left[code]) << np.uint32(code % 32)
            nodes.left_codes[number, code // 32] |= bit


@kernel
def open_pair(table, growth, nodes, number, left, may_grow, pair, searched, free_slots, n_free):
    """Set up a node's children; pick those whose best splits are to be found, if any."""
    node = nodes.node[number]
    children = nodes.node[left], nodes.node[left + 1]
    open_children(
        node, children[0], children[1], left, table.columns[node.feature].monotonic, growth
    )
    for k in range(nodes.open_groups.shape[1]):
        still_open = nodes.open_groups[number, k] and table.groups[k, node.feature]
        nodes.open_groups[left, k] = nodes.open_groups[left + 1, k] = still_open
    smaller = 0 if children[0].n_rows <= children[1].n_rows else 1
    small, large = children[smaller], children[1 - smaller]
    searched[0] = may_grow and may_split(small, growth)
    searched[1] = may_grow and may_split(large, growth)
    if searched[0] or searched[1]:
        pair[0], pair[1] = left + smaller, left + 1 - smaller
        small.slot, large.slot = free_slots[n_free - 1], node.slot
        return n_free - 1
    pair[0] = -1
    free_slots[n_free] = node.slot
    return n_free + 1


@kernel
def deal(table, feature, goes_left, work, start, end, size, block, n_left):
    """Deal one block of a node's rows."""
    first = start + block * size
    n_left[block] = deal_block(
        table.by_column[feature], goes_left,
        work.rows, first, min(end, first + size), work.dealt,
    )  # fmt: skip


@kernel
def collect(work, start, end, size, block, n_left, n_blocks):
    """Copy a dealt block to its place: behind all that went the same way before it."""
    before, of_all = 0, 0
    for other in range(n_blocks):
        of_all += n_left[other]
        if other < block:
            before += n_left[other]
    first = start + block * size
    collect_block(
        work.dealt, first, min(end, first + size), n_left[block], work.rows,
        start + before, start + of_all + block * size - before,
    )  # fmt: skip


@block_kernel
def _grow(
    table,  # Table
    growth,  # BoostGrowth
    scale,  # Scale
    seed,
    n_parts,  # threads
    work,  # Work
    nodes,  # Nodes, out
):
    n, p = work.rows.shape[0], table.columns.shape[0] - 1
    max_nodes = nodes.node.shape[0]
    gain, candidate = np.empty((2, p)), np.empty((2, p), np.int64)
    allowed = np.empty((2, p), np.bool_)
    goes_left = np.empty(256, np.uint8)
    n_left = np.empty(MOST_BLOCKS, np.int64)
    # np.int64(...): a kernel is compiled once more for a literal number.
    waiting, n_waiting = np.empty(max_nodes, np.int64), np.int64(0)
    free_slots = np.empty(work.histograms.shape[0], np.int64)
    n_free = free_slots.shape[0] - 1
    pair, searched = np.empty(2, np.int64), np.empty(2, np.bool_)
    start_tree(work.rows, free_slots, nodes, n)
    pair[0], pair[1], n_nodes = 0, -1, np.int64(1)
    while True:
        if pair[0] >= 0:
            # Histograms and best splits of the two youngest nodes.
            small = nodes.node[pair[0]]
            apart = n_nodes == 1 or small.n_rows > SMALL
            if apart:
                for part in prange(n_parts):
                    fill_part(table, work, scale, nodes, pair[0], np.int64(part), n_parts)
            if n_nodes == 1:
                open_root(table, work, n_parts, growth, scale, seed, nodes)
                searched[0], searched[1] = may_split(nodes.node[0], growth), False
            choose_allowed(table, nodes, pair, growth, allowed)
            for unit in prange((p + UNIT - 1) // UNIT):
                work_unit(
                    table, growth, scale, work, nodes, pair, searched, n_parts if apart else 0,
                    np.int64(unit), allowed, gain, candidate,
                )  # fmt: skip
            n_waiting, n_free = settle(
                nodes, pair, searched, growth, gain, candidate,
                waiting, n_waiting, free_slots, n_free,
            )  # fmt: skip
        if n_waiting == 0 or n_nodes + 2 > max_nodes:
            return n_nodes
        # Split the node that gains most.
        n_waiting -= 1
        number = waiting[n_waiting]
        decide(table, work, scale, nodes, number, n_nodes, goes_left)
        start, end = nodes.node[number].start, nodes.node[number].end
        feature = nodes.node[number].feature
        n_blocks = max(1, min(MOST_BLOCKS, (end - start) // BLOCK))
        size = (end - start + n_blocks - 1) // n_blocks
        if n_blocks == 1:
            deal(table, feature, goes_left, work, start, end, size, np.int64(0), n_left)
            collect(work, start, end, size, np.int64(0), n_left, n_blocks)
        else:
            for block in prange(n_blocks):
                deal(table, feature, goes_left, work, start, end, size, np.int64(block), n_left)
            for block in prange(n_blocks):
                collect(work, start, end, size, np.int64(block), n_left, n_blocks)
        n_nodes += 2
        n_free = open_pair(
            table, growth, nodes, number, n_nodes - 2, n_nodes + 2 <= max_nodes,
            pair, searched, free_slots, n_free,
        )  # fmt: skip


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
        columns = np.zeros(p + 1, dtype=COLUMN)
        columns["start"][1:] = np.cumsum(binning.n_bins + np.int64(1))
        columns["n_bins"][:p] = binning.n_bins
        columns["is_categorical"][:p] = binning.is_categorical
        if monotonic is not None:
            columns["monotonic"][:p] = monotonic
        codes = np.ascontiguousarray(codes)
        by_column = np.empty((p, n), dtype=np.uint8)
        transpose(codes, by_column, n_threads=n_threads if codes.size > 500_000 else 1)
        self.table = Table(
            codes.reshape(-1),
            by_column,
            columns.view(np.recarray),
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
        self.work = Work(
            kept=np.empty((n, 0), dtype=np.float32),
            rows=np.empty(n, dtype=np.int32),
            dealt=np.empty(n, dtype=np.int32),
            histograms=np.empty((0, 0), dtype=np.int64),
            partials=np.empty((0, 0), dtype=np.int64),
        )

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
        if self.work.kept.shape[1] != words:
            self._allocate(words)
        scale = keep(gradient, hessian, self.work.kept, self.n_threads)
        nodes = self._empty_nodes()
        n_nodes = _grow(
            self.table, self.growth, scale, seed, self.n_threads, self.work, nodes,
            n_threads=self.n_threads,
        )  # fmt: skip
        node = nodes.node[:n_nodes]
        tree = self._tree(node, nodes.left_codes)
        leaves = np.flatnonzero(tree.children_left == LEAF)
        leaves = leaves[np.argsort(node["start"][leaves])]
        bounds = np.append(node["start"][leaves], len(self.work.rows))
        return BoostedTree(tree, self.work.rows, bounds, leaves)

    def _allocate(self, words: int) -> None:
        n_words = int(self.table.columns["start"][-1]) * words
        self.work = self.work._replace(
            kept=np.empty((len(self.work.rows), words), dtype=np.float32),
            histograms=np.empty((self.n_slots, n_words), dtype=np.int64),
            partials=np.empty((self.n_threads - 1, n_words), dtype=np.int64),
        )

    def _empty_nodes(self) -> Nodes:
        m = self.max_nodes
        any_categorical = self.table.columns["is_categorical"].any()
        return Nodes(
            node=np.empty(m, dtype=NODE).view(np.recarray),
            open_groups=np.empty((m, len(self.table.groups)), dtype=np.bool_),
            left_codes=np.empty((m if any_categorical else 0, SET_WORDS), dtype=np.uint32),
        )

    def _tree(self, node: np.ndarray, left_codes: np.ndarray) -> Tree:
        is_leaf = node["left"] == LEAF
        children_left = node["left"].astype(np.int32)
        feature = np.where(is_leaf, NO_FEATURE, node["feature"]).astype(np.int32)
        split = np.flatnonzero(~is_leaf)
        threshold = np.full(len(node), -2.0)
        category_set = category_sets = None
        if len(left_codes):
            of_categories = self.binning.is_categorical[feature[split]]
            categorical, split = split[of_categories], split[~of_categories]
            category_set = np.full(len(node), NUMERIC, dtype=np.int32)
            category_set[categorical] = np.arange(len(categorical))
            category_sets = np.zeros((len(categorical), SET_WORDS), dtype=np.uint32)
            for words, k in zip(category_sets, categorical, strict=True):
                self._write_categories(feature[k], left_codes[k], words)
        threshold[split] = self._thresholds(feature[split], node["candidate"][split])
        return Tree(
            children_left=children_left,
            children_right=np.where(is_leaf, LEAF, children_left + 1).astype(np.int32),
            feature=feature,
            threshold=threshold,
            missing_go_to_left=node["missing_left"].astype(np.uint8),
            value=node["value"][:, np.newaxis] * self.growth.learning_rate,
            impurity=np.where(is_leaf, 0.0, node["gain"]),
            n_node_samples=node["n_rows"].copy(),
            weighted_n_node_samples=node["hessian"].copy(),
            category_set=category_set,
            category_sets=category_sets,
        )

    def _thresholds(self, feature: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        """Return the border after the last code on the left; infinity after a column's last."""
        binning = self.binning
        code = candidate % binning.n_bins[feature]
        low = binning.offsets[feature] + code
        is_last = code == binning.n_bins[feature] - 1
        border = between(binning.highest[low], binning.lowest[np.where(is_last, low, low + 1)])
        return np.where(is_last, np.inf, border)

    def _write_categories(self, feature: int, left_codes: np.ndarray, words: np.ndarray) -> None:
        """Translate a set of codes into a set of categories."""
        codes = np.flatnonzero(np.unpackbits(left_codes.view(np.uint8), bitorder="little"))
        category = self.binning.lowest[self.binning.offsets[feature] + codes].astype(np.int64)
        np.bitwise_or.at(words, category // 32, np.uint32(1) << (category % 32).astype(np.uint32))
