"""One node: whether to split it, how, and what its children are like.

See `_criterion` for the formulas, `_splitting` for the search, `_sample` for where rows stand.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._absolute_error import find_median_split, median_and_impurity
from groundup.tree._class_counts import FIELD, MASK, find_cut_of_counts
from groundup.tree._criterion import EPSILON, POISSON, class_impurity
from groundup.tree._sample import CLASSES, COUNTS, NO_SPLIT, count_left, pack, partition
from groundup.tree._sampling import LEFT, RIGHT, mixed
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


class Places(NamedTuple):
    """Where each node stands while the tree grows.

    Parameters
    ----------
    start, end : ndarray of shape (capacity,), dtype int64
        Its rows.
    depth : ndarray of shape (capacity,), dtype int32
    seed : ndarray of shape (capacity,), dtype uint64
        Of its random numbers.
    counts : ndarray of shape (capacity,), dtype int64
        Of its rows and classes, where they are packed into one number.
    is_packed : ndarray of shape (capacity,), dtype uint8
        Whether its rows are in the packed table.
    """

    start: np.ndarray
    end: np.ndarray
    depth: np.ndarray
    seed: np.ndarray
    counts: np.ndarray
    is_packed: np.ndarray


@kernel
def begin(nodes, places, node, start, end, depth, seed, counts, is_packed):
    """Set a new node up as a leaf."""
    places.start[node] = start
    places.end[node] = end
    places.depth[node] = depth
    places.seed[node] = seed
    places.counts[node] = counts
    places.is_packed[node] = is_packed
    nodes.n_node_samples[node] = end - start
    nodes.feature[node] = NO_FEATURE
    nodes.children_left[node] = LEAF
    nodes.children_right[node] = LEAF
    nodes.last_left_code[node] = -1
    nodes.first_right_code[node] = -1
    nodes.missing_go_to_left[node] = 0


@kernel
def describe(growth, sample, nodes, places, node, medians):
    """Set a node's value, weight and impurity."""
    # Shares are divided by what is read anew each time.  Divided by one number they would become
    # multiples of its reciprocal, and a pure node's share 1 - 2^-53.
    value, weights = nodes.value, nodes.weighted_n_node_samples
    if sample.kind == COUNTS:
        W = (places.counts[node] >> FIELD) & MASK
        W1 = places.counts[node] & MASK
        weights[node] = W
        value[node, 0] = (W - W1) / weights[node]
        value[node, 1] = W1 / weights[node]
        nodes.impurity[node] = class_impurity(growth.criterion, value, node)
        return
    table = sample.packed if places.is_packed[node] else sample.whole
    rows, target, weight = sample.rows, table.target, table.weight
    start, end, half = places.start[node], places.end[node], places.depth[node] & 1
    if medians is not None:
        value[node, 0], weights[node], nodes.impurity[node] = median_and_impurity(
            table, rows, half, start, end, medians
        )
        return
    W, S, Q = 0.0, 0.0, 0.0  # sums of w, w y and w (y - centre)^2
    if sample.kind == CLASSES:
        for c in range(value.shape[1]):
            value[node, c] = 0.0
        for i in range(start, end):
            row = rows[half, i]
            W += weight[row]
            value[node, np.int64(target[row])] += weight[row]
        weights[node] = W
        for c in range(value.shape[1]):
            value[node, c] /= weights[node]
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
    weights[node] = W
    nodes.impurity[node] = H


@kernel
def may_split(growth, nodes, places, node):
    """Tell whether a split of the node is to be looked for."""
    return (
        places.depth[node] < growth.max_depth
        and nodes.n_node_samples[node] >= growth.min_samples_split
        and nodes.n_node_samples[node] >= 2 * growth.min_samples_leaf
        and nodes.weighted_n_node_samples[node] >= 2.0 * growth.min_weight_leaf
        and nodes.impurity[node] > EPSILON
    )


@kernel
def find_cut(growth, columns, sample, places, node, features, counting, summing, medians):
    """Return a node's best split, and the counts on its left (0 where there are none).

    All but one of `counting`, `summing` and `medians` are None.  A branch on ``is None`` is dropped
    before it is compiled where it is known to be dead, but only if the argument is None: hence
    more than one question.
    """
    start, end, half = places.start[node], places.end[node], places.depth[node] & 1
    if end - start <= sample.packed_rows and not places.is_packed[node]:
        pack(sample, half, start, end)
        places.is_packed[node] = 1
    table = sample.packed if places.is_packed[node] else sample.whole
    rows, seed = sample.rows, places.seed[node]
    if medians is not None:
        split = find_median_split(
            growth, columns, table, rows, half, start, end, seed, features, medians
        )
        return split, 0
    if summing is None:
        if counting is None:
            return NO_SPLIT, 0
        counts = places.counts[node]
        return find_cut_of_counts(
            growth, columns, table, rows, half, start, end, counts, seed, features, counting
        )
    add_up(sample, table, half, start, end, summing.total)
    is_class, centre = sample.kind == CLASSES, sample.centre
    split = find_split(
        growth, columns, table, rows, half, start, end, is_class, centre, seed, features, summing
    )
    return split, 0


@kernel
def make_children(
    growth,
    columns,
    sample,
    nodes,
    places,
    node,
    split,
    left_counts,
    children,
    medians,
):
    """Make nodes `children` and `children` + 1 of the two sides; return what that improves.

    Minus infinity where it is less than it has to be.
    """
    start, end, half = places.start[node], places.end[node], places.depth[node] & 1
    codes = sample.packed.codes if places.is_packed[node] else sample.whole.codes
    f, last_left, missing = split.feature, split.last_left, np.int64(columns.n_bins[split.feature])
    to_left = split.missing_left == 1
    if sample.kind == COUNTS:
        n_left = left_counts >> (2 * FIELD)
    else:
        n_left = count_left(codes, f, missing, last_left, to_left, sample.rows, half, start, end)
    left, right, middle = children, children + 1, start + n_left
    depth, packed = places.depth[node] + 1, places.is_packed[node]
    seed, right_counts = places.seed[node], places.counts[node] - left_counts
    begin(nodes, places, left, start, middle, depth, mixed(seed, LEFT), left_counts, packed)
    begin(nodes, places, right, middle, end, depth, mixed(seed, RIGHT), right_counts, packed)
    if sample.kind == COUNTS:
        describe(growth, sample, nodes, places, left, medians)
        describe(growth, sample, nodes, places, right, medians)
    if (
        sample.kind != COUNTS
        or may_split(growth, nodes, places, left)
        or may_split(growth, nodes, places, right)
    ):
        partition(codes, f, missing, last_left, to_left, sample.rows, half, start, end, n_left)
    if sample.kind != COUNTS:
        describe(growth, sample, nodes, places, left, medians)
        describe(growth, sample, nodes, places, right, medians)
    # improvement = W / W_all * (H - W_left / W * H_left - W_right / W * H_right)
    W = nodes.weighted_n_node_samples[node]
    improvement = (W / sample.total_weight) * (
        nodes.impurity[node]
        - nodes.weighted_n_node_samples[right] / W * nodes.impurity[right]
        - nodes.weighted_n_node_samples[left] / W * nodes.impurity[left]
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
def adopt(nodes, node, split, children):
    """Write the split that was made into its node."""
    nodes.feature[node] = split.feature
    nodes.last_left_code[node] = split.last_left
    nodes.first_right_code[node] = split.first_right
    nodes.children_left[node] = children
    nodes.children_right[node] = children + 1
    if split.missing_left == 2:  # none was seen: with the greater part
        left, right = nodes.n_node_samples[children], nodes.n_node_samples[children + 1]
        nodes.missing_go_to_left[node] = left > right
    else:
        nodes.missing_go_to_left[node] = split.missing_left


@kernel
def expand(
    growth, columns, sample, nodes, places, node, children, features, counting, summing, medians
):
    """Split a node if that is worth while; tell whether it was."""
    if not may_split(growth, nodes, places, node):
        return False
    split, left_counts = find_cut(
        growth, columns, sample, places, node, features, counting, summing, medians
    )
    if split.feature < 0:
        return False
    improvement = make_children(
        growth, columns, sample, nodes, places, node, split, left_counts, children, medians
    )
    if improvement == -math.inf:
        return False
    adopt(nodes, node, split, children)
    return True
