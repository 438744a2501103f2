"""One node: whether to split it, how, and what its children are like.

See `_criterion` for the formulas, `_splitting` and `_class_counts` for the search, `_sample` for
where rows stand.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._absolute_error import find_median_split, median_and_impurity
from groundup.tree._class_counts import FIELD, MASK, find_cut_of_counts
from groundup.tree._criterion import EPSILON, GINI, POISSON, class_impurity
from groundup.tree._random_cuts import find_random_split
from groundup.tree._sample import CLASSES, NO_SPLIT, count_left, pack, partition
from groundup.tree._sampling import TO_LEFT, TO_RIGHT, mixed
from groundup.tree._splitting import find_split
from groundup.tree._tree import LEAF, NO_FEATURE


class Growth(NamedTuple):
    """How far a tree grows, in plain numbers.

    Parameters
    ----------
    criterion : int
        `GINI`, `ENTROPY`, `SQUARED_ERROR`, `POISSON` or `ABSOLUTE_ERROR`.
    random_split : int
        0: the best cut of a column; 1: one cut at random (extra trees).
    max_depth : int
    min_samples_split, min_samples_leaf : int
        Fewest rows of a node that is split; of a child.
    min_weight_leaf : float
        Least weight of a child.
    max_features : int
        Columns drawn at each node.
    min_impurity_decrease : float
        A split must improve the tree by this much.
    max_leaf_nodes : int
        Most leaves; the best splits are made first.  -1: no limit.
    """

    criterion: int
    random_split: int = 0
    max_depth: int = 2**31 - 1
    min_samples_split: int = 2
    min_samples_leaf: int = 1
    min_weight_leaf: float = 0.0
    max_features: int = 2**31 - 1
    min_impurity_decrease: float = 0.0
    max_leaf_nodes: int = -1


# Columns of Nodes.links, Nodes.places and Nodes.figures
LEFT, RIGHT, FEATURE, LAST_LEFT, FIRST_RIGHT, MISSING_LEFT = range(6)
START, END, DEPTH, SEED, ALL_COUNTS, IS_PACKED = range(6)
IMPURITY, WEIGHT = range(2)


class Nodes(NamedTuple):
    """The nodes in the order in which they are made.  Few arrays: each costs time at every call.

    Parameters
    ----------
    links : ndarray of shape (capacity, 6), dtype int32
        Both children; the column, the last code on the left, the first one on the right; the side
        of missing values.
    places : ndarray of shape (capacity, 6), dtype int64
        Where a node's rows start and end; its depth; the seed of its random numbers; the counts of
        its rows and classes, if they fit one number; whether its rows are in the packed table.
    figures : ndarray of shape (capacity, 2), dtype float64
        Impurity, and weight of the rows.
    value : ndarray of shape (capacity, k), dtype float64
        Shares of the classes; mean or median.
    """

    links: np.ndarray
    places: np.ndarray
    figures: np.ndarray
    value: np.ndarray


@kernel
def begin(
    links,  # (capacity, 6) inout
    places,  # (capacity, 6) inout
    node,
    start,
    end,
    depth,
    seed,
    counts,
    is_packed,
):
    """Set a new node up as a leaf."""
    places[node, START], places[node, END] = start, end
    places[node, DEPTH], places[node, SEED] = depth, seed
    places[node, ALL_COUNTS], places[node, IS_PACKED] = counts, is_packed
    links[node, LEFT] = links[node, RIGHT] = LEAF
    links[node, FEATURE] = NO_FEATURE
    links[node, LAST_LEFT] = links[node, FIRST_RIGHT] = -1
    links[node, MISSING_LEFT] = 0


@kernel
def describe_counts(
    criterion,
    counts,
    node,
    value,  # (capacity, 2) inout
    figures,  # (capacity, 2) inout
):
    """Set the value, weight and impurity of a node of two classes from its counts."""
    W, W1 = (counts >> FIELD) & MASK, counts & MASK
    # Shares are divided by what is read anew each time.  Divided by one number they would become
    # multiples of its reciprocal, and a pure node's share 1 - 2^-53.
    figures[node, WEIGHT] = W
    value[node, 0] = (W - W1) / figures[node, WEIGHT]
    value[node, 1] = W1 / figures[node, WEIGHT]
    p0, p1 = value[node, 0], value[node, 1]
    if criterion == GINI:
        figures[node, IMPURITY] = 1.0 - (p0 * p0 + p1 * p1)
    elif W1 == 0 or W1 == W:
        figures[node, IMPURITY] = 0.0
    else:
        figures[node, IMPURITY] = -p0 * math.log2(p0) - p1 * math.log2(p1)


@kernel
def describe_rows(growth, sample, nodes, node):
    """Set a node's value, weight and impurity from its rows."""
    places, value, figures = nodes.places, nodes.value, nodes.figures
    table = sample.packed if places[node, IS_PACKED] else sample.whole
    rows, target, weight = sample.rows, table.target, table.weight
    start, end, half = places[node, START], places[node, END], places[node, DEPTH] & 1
    W, S, Q = 0.0, 0.0, 0.0  # sums of w, w y and w (y - centre)^2
    if sample.kind == CLASSES:
        for c in range(value.shape[1]):
            value[node, c] = 0.0
        for i in range(start, end):
            row = rows[half, i]
            value[node, np.int64(target[row])] += weight[row]
        for c in range(value.shape[1]):
            W += value[node, c]
        figures[node, WEIGHT] = W
        for c in range(value.shape[1]):
            value[node, c] /= figures[node, WEIGHT]  # see describe_counts
        H = class_impurity(growth.criterion, value, node)
    else:
        least, greatest = math.inf, -math.inf
        for i in range(start, end):
            w, y = weight[rows[half, i]], target[rows[half, i]]
            W += w
            S += w * y
            Q += w * (y - sample.centre) * (y - sample.centre)
            least, greatest = min(least, y), max(greatest, y)
        mean = S / W
        if least == greatest:
            mean = least
            H = math.inf if growth.criterion == POISSON and S <= EPSILON else 0.0
        elif growth.criterion == POISSON:
            H = 0.0
            for i in range(start, end):
                y = target[rows[half, i]]
                if y > 0.0:
                    H += weight[rows[half, i]] * y * math.log(y / mean)
            H /= W
        else:
            H = Q / W - (mean - sample.centre) * (mean - sample.centre)
        value[node, 0] = mean
    figures[node, WEIGHT] = W
    figures[node, IMPURITY] = H


@kernel
def describe(growth, sample, nodes, node, counting, summing, medians):
    """Set a node's value, weight and impurity.

    All but one of `counting`, `summing` and `medians` are None, and what they would be for is not
    compiled: a branch on ``is None`` is dropped where it is known to be dead, but only if the
    argument is None.  Hence more than one question.
    """
    places, figures = nodes.places, nodes.figures
    if medians is not None:
        table = sample.packed if places[node, IS_PACKED] else sample.whole
        start, end, half = (places[node, START], places[node, END], places[node, DEPTH] & 1)
        nodes.value[node, 0], figures[node, WEIGHT], figures[node, IMPURITY] = median_and_impurity(
            table, sample.rows, half, start, end, medians
        )
    elif summing is None:
        if counting is not None:
            counts = places[node, ALL_COUNTS]
            describe_counts(growth.criterion, counts, node, nodes.value, figures)
    else:
        describe_rows(growth, sample, nodes, node)


@kernel
def may_split(
    growth,
    places,  # (capacity, 6) in
    figures,  # (capacity, 2) in
    node,
):
    """Tell whether a split of the node is to be looked for."""
    n_rows = places[node, END] - places[node, START]
    return (
        (places[node, DEPTH] < growth.max_depth)
        & (n_rows >= max(growth.min_samples_split, 2 * growth.min_samples_leaf))
        & (figures[node, WEIGHT] >= 2.0 * growth.min_weight_leaf)
        & (figures[node, IMPURITY] > EPSILON)
    )


@kernel
def plant(growth, sample, nodes, n_rows, seed, counting, summing, medians):
    """Make the root."""
    begin(nodes.links, nodes.places, 0, 0, n_rows, 0, np.int64(seed), sample.counts, 0)
    describe(growth, sample, nodes, 0, counting, summing, medians)


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
