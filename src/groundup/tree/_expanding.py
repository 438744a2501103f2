"""Expanding a node: its best split is found, and two children are made of its rows.

What a split is worth stands in `_criterion`; the search for it in `_class_counts` (two classes,
whole weights), `_splitting` (the other sums), `_absolute_error` and `_random_cuts`.
"""

from __future__ import annotations

import math

import numpy as np

from groundup._kernel import kernel
from groundup.tree._absolute_error import find_median_split
from groundup.tree._class_counts import FIELD, find_cut_of_counts
from groundup.tree._criterion import EPSILON
from groundup.tree._nodes import (
    ALL_COUNTS,
    DEPTH,
    END,
    FEATURE,
    FIRST_RIGHT,
    IMPURITY,
    IS_PACKED,
    LAST_LEFT,
    LEFT,
    MISSING_LEFT,
    RIGHT,
    SEED,
    START,
    WEIGHT,
    begin,
    describe,
    may_split,
)
from groundup.tree._random_cuts import find_random_split
from groundup.tree._sample import CLASSES, NO_SPLIT, count_left, pack, partition
from groundup.tree._sampling import TO_LEFT, TO_RIGHT, mixed
from groundup.tree._splitting import find_split


@kernel
def find_cut(growth, columns, sample, places, node, features, counting, summing, medians):
    """Return a node's best split, and the counts on its left (0 where there are none)."""
    start, end, half = places[node, START], places[node, END], places[node, DEPTH] & 1
    if end - start <= sample.packed_rows and not places[node, IS_PACKED]:
        pack(sample, half, start, end, summing, medians)
        places[node, IS_PACKED] = 1
    table = sample.packed if places[node, IS_PACKED] else sample.whole
    rows, seed = sample.rows, np.uint64(places[node, SEED])
    if medians is not None:
        split = find_median_split(
            growth, columns, table, rows, half, start, end, seed, features, medians
        )
        return split, 0
    if summing is None:
        if counting is None:
            return NO_SPLIT, 0
        counts = places[node, ALL_COUNTS]
        return find_cut_of_counts(
            growth, columns, table, rows, half, start, end, counts, seed, features, counting
        )
    add_up(sample, table, half, start, end, summing.total)
    is_class, centre = sample.kind == CLASSES, sample.centre
    if growth.random_split:
        split = find_random_split(
            growth,
            columns,
            table,
            rows,
            half,
            start,
            end,
            is_class,
            centre,
            seed,
            features,
            summing,
        )
        return split, 0
    split = find_split(
        growth, columns, table, rows, half, start, end, is_class, centre, seed, features, summing
    )
    return split, 0


@kernel
def make_children(
    growth, columns, sample, nodes, node, split, left_counts, children, counting, summing, medians
):
    """Make nodes `children` and `children` + 1 of the two sides; return what that improves.

    Minus infinity where it is less than it has to be.
    """
    links, places, figures, rows = nodes.links, nodes.places, nodes.figures, sample.rows
    start, end, half = places[node, START], places[node, END], places[node, DEPTH] & 1
    depth, packed = places[node, DEPTH] + 1, places[node, IS_PACKED]
    codes = sample.packed.codes if packed else sample.whole.codes
    f, last_left, missing = (
        split.feature,
        split.last_left,
        np.int64(columns.n_bins[split.feature]),
    )
    to_left = split.missing_left == 1
    n_left = left_counts >> (2 * FIELD)
    if counting is None:
        n_left = count_left(codes, f, missing, last_left, to_left, rows, half, start, end)
    left, right, middle = children, children + 1, start + n_left
    left_seed = np.int64(mixed(np.uint64(places[node, SEED]), TO_LEFT))
    right_seed = np.int64(mixed(np.uint64(places[node, SEED]), TO_RIGHT))
    right_counts = places[node, ALL_COUNTS] - left_counts
    begin(links, places, left, start, middle, depth, left_seed, left_counts, packed)
    begin(links, places, right, middle, end, depth, right_seed, right_counts, packed)
    if counting is None:
        partition(codes, f, missing, last_left, to_left, rows, half, start, end, n_left)
    describe(growth, sample, nodes, left, counting, summing, medians)
    describe(growth, sample, nodes, right, counting, summing, medians)
    if counting is not None:  # the rows are needed only where a child is split in turn
        go_on = may_split(growth, places, figures, left) | may_split(growth, places, figures, right)
        if go_on:
            partition(codes, f, missing, last_left, to_left, rows, half, start, end, n_left)
    # improvement = W / W_all * (H - W_left / W * H_left - W_right / W * H_right)
    W = figures[node, WEIGHT]
    improvement = (W / sample.total_weight) * (
        figures[node, IMPURITY]
        - figures[right, WEIGHT] / W * figures[right, IMPURITY]
        - figures[left, WEIGHT] / W * figures[left, IMPURITY]
    )
    return improvement if improvement + EPSILON >= growth.min_impurity_decrease else -math.inf


@kernel
def add_up(
    sample,
    table,
    half,
    start,
    end,
    total,  # (1 + n_sums,) out
):
    """Add up a node's rows and sums."""
    for s in range(total.shape[0]):
        total[s] = 0.0
    for i in range(start, end):
        row = sample.rows[half, i]
        y, w = table.target[row], table.weight[row]
        total[0] += 1.0
        if sample.kind == CLASSES:
            total[1 + np.int64(y)] += w
        else:
            total[1] += w
            total[2] += w * (y - sample.centre)


@kernel
def adopt(
    links,  # (capacity, 6) inout
    places,  # (capacity, 6) in
    node,
    split,
    children,
):
    """Write the split that was made into its node."""
    links[node, LEFT], links[node, RIGHT] = children, children + 1
    links[node, FEATURE] = split.feature
    links[node, LAST_LEFT], links[node, FIRST_RIGHT] = (split.last_left, split.first_right)
    links[node, MISSING_LEFT] = split.missing_left
    if split.missing_left == 2:  # none was seen: with the greater part
        n_left = places[children, END] - places[children, START]
        n_right = places[children + 1, END] - places[children + 1, START]
        links[node, MISSING_LEFT] = n_left > n_right


@kernel
def expand(growth, columns, sample, nodes, node, children, features, counting, summing, medians):
    """Split a node if that is worth while; tell whether it was."""
    if not may_split(growth, nodes.places, nodes.figures, node):
        return False
    split, left_counts = find_cut(
        growth, columns, sample, nodes.places, node, features, counting, summing, medians
    )
    if split.feature < 0:
        return False
    improvement = make_children(
        growth,
        columns,
        sample,
        nodes,
        node,
        split,
        left_counts,
        children,
        counting,
        summing,
        medians,
    )
    if improvement == -math.inf:
        return False
    adopt(nodes.links, nodes.places, node, split, children)
    return True
