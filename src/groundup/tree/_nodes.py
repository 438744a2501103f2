"""The nodes of a tree under way: where their rows stand, and what they are like.

See `_criterion` for the formulas and `_sample` for where rows stand.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._absolute_error import median_and_impurity
from groundup.tree._class_counts import FIELD, MASK
from groundup.tree._criterion import EPSILON, GINI, POISSON, class_impurity
from groundup.tree._sample import CLASSES
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
            mean, H = least, 0.0
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
