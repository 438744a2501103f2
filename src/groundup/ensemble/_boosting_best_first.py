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

from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.ensemble._boosting_nodes import (
    choose_columns,
    may_split,
    open_children,
    open_node,
    queue,
)
from groundup.ensemble._boosting_rows import collect_block, deal_block
from groundup.ensemble._boosting_splitting import (
    MOST_CANDIDATES,
    best_of_column,
    largest,
    mark_left,
)
from groundup.ensemble._constraints import allowed_columns
from groundup.ensemble._histogram import fill, merge, subtract, sums

TOGETHER = 4  # columns whose histograms are filled together: a thread gets a multiple of it
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
    table,
    growth,
    scale,
    work,
    nodes,
    pair,
    searched,
    n_parts,
    unit,
    width,
    allowed,
    gain,
    candidate,
):
    """Do what new nodes need for a few columns: both their histograms and best splits.

    The pair is the smaller child and the larger one; of the root and -1 at first.  With n_parts 0
    nothing is summed yet.
    """
    first, last = unit * width, min(allowed.shape[1], (unit + 1) * width)
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
def grow_best_first(
    table,  # Table
    growth,  # BoostGrowth
    scale,  # Scale
    seed,
    n_parts,  # threads
    work,  # Work
    nodes,  # Nodes, out
):
    """Grow a tree; return the number of its nodes."""
    n, p = work.rows.shape[0], table.columns.shape[0] - 1
    max_nodes = nodes.node.shape[0]
    # Each thread gets its columns in one piece, since for each piece the rows are gathered anew.
    width = TOGETHER * ((p + TOGETHER * n_parts - 1) // (TOGETHER * n_parts))
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
            for unit in prange((p + width - 1) // width):
                work_unit(
                    table, growth, scale, work, nodes, pair, searched, n_parts if apart else 0,
                    np.int64(unit), width, allowed, gain, candidate,
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
