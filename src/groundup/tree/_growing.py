"""Growing a tree: split the root, then its children, then theirs, until nothing is left to split.

The rows of a node stand side by side in one array of row numbers.  A split moves those that go left
before those that go right, and each child takes over its part:

    rows:   [ ......... node ......... ]
            [ ... left ... | . right . ]

Row order within a part never changes, and random choices hang on the path to the node alone.  So the
same tree comes out level by level (`grow`, which can be watched) and depth first in one call
(`grow_tree`, for the trees of a forest).  With `max_leaf_nodes` the node whose split improves the
tree most is split next.

Cost: about n log n row visits for each column that is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._binning import Binning, between
from groundup.tree._criterion import EPSILON, POISSON, class_impurity
from groundup.tree._sampling import LEFT, RIGHT, mixed
from groundup.tree._splitting import NO_SPLIT, Columns, Split, Workspace, find_split
from groundup.tree._tree import LEAF, NO_FEATURE, Tree


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


class Grown(NamedTuple):
    """A tree's nodes in terms of codes: depth first, left first; best first: as they were made.

    Parameters
    ----------
    children_left, children_right, feature : ndarray of shape (m,), dtype int32
        `LEAF` and `NO_FEATURE` at a leaf.
    last_left_code, first_right_code : ndarray of shape (m,), dtype int32
        The greatest code in the node that goes left, and the least that goes right; the column's
        number of bins where none but missing values go right.
    missing_go_to_left : ndarray of shape (m,), dtype uint8
    value : ndarray of shape (m, k), dtype float64
        Shares of the classes; mean or median.
    impurity : ndarray of shape (m,), dtype float64
    n_node_samples : ndarray of shape (m,), dtype int64
    weighted_n_node_samples : ndarray of shape (m,), dtype float64
    """

    children_left: np.ndarray
    children_right: np.ndarray
    feature: np.ndarray
    last_left_code: np.ndarray
    first_right_code: np.ndarray
    missing_go_to_left: np.ndarray
    value: np.ndarray
    impurity: np.ndarray
    n_node_samples: np.ndarray
    weighted_n_node_samples: np.ndarray


class Places(NamedTuple):
    """Where each node stands while the tree grows.

    Parameters
    ----------
    start, end : ndarray of shape (capacity,), dtype int64
        Its rows.
    depth : ndarray of shape (capacity,), dtype int32
    seed : ndarray of shape (capacity,), dtype uint64
        Of its random numbers.
    improvement : ndarray of shape (capacity,), dtype float64
        Best first: what its split is worth; minus infinity where it cannot be split.
    """

    start: np.ndarray
    end: np.ndarray
    depth: np.ndarray
    seed: np.ndarray
    improvement: np.ndarray


class Sample(NamedTuple):
    """The rows that the tree is grown on, in the order of its nodes.

    Parameters
    ----------
    rows, others : ndarray of shape (n,), dtype int32
        Row numbers, and a buffer for those that go right.
    target, weight : ndarray of shape (n_all,), dtype float64
    total_weight : float
    is_class : bool
    centre : float
        What is taken off the targets before they are squared.
    """

    rows: np.ndarray
    others: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    total_weight: float
    is_class: bool
    centre: float


@kernel
def describe(growth, sample, nodes, places, node):
    """Set a node's value, impurity and size from its rows."""
    start, end = places.start[node], places.end[node]
    rows, target, weight, value = sample.rows, sample.target, sample.weight, nodes.value
    k = value.shape[1]
    W, S, Q = 0.0, 0.0, 0.0  # sums of w, w y and w (y - centre)^2
    least, greatest = math.inf, -math.inf
    for c in range(k):
        value[node, c] = 0.0
    if sample.is_class:
        for i in range(start, end):
            row = rows[i]
            W += weight[row]
            value[node, np.int64(target[row])] += weight[row]
        for c in range(k):
            value[node, c] /= W
        H = class_impurity(growth.criterion, value[node])
    else:
        for i in range(start, end):
            w, y = weight[rows[i]], target[rows[i]]
            W += w
            S += w * y
            Q += w * (y - sample.centre) * (y - sample.centre)
            least, greatest = min(least, y), max(greatest, y)
        mean = S / W
        value[node, 0] = mean
        if least == greatest:
            value[node, 0] = least
            H = math.inf if growth.criterion == POISSON and S <= EPSILON else 0.0
        elif growth.criterion == POISSON:
            H = 0.0
            for i in range(start, end):
                y = target[rows[i]]
                if y > 0.0:
                    H += weight[rows[i]] * y * math.log(y / mean)
            H /= W
        else:
            H = Q / W - (mean - sample.centre) * (mean - sample.centre)
    nodes.impurity[node] = H
    nodes.n_node_samples[node] = end - start
    nodes.weighted_n_node_samples[node] = W
    nodes.feature[node] = NO_FEATURE
    nodes.children_left[node] = LEAF
    nodes.children_right[node] = LEAF
    nodes.last_left_code[node] = -1
    nodes.first_right_code[node] = -1
    nodes.missing_go_to_left[node] = 0


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
def look_for_split(growth, columns, sample, nodes, places, node, work):
    """Return the node's best split."""
    if not may_split(growth, nodes, places, node):
        return NO_SPLIT
    total = work.total
    for s in range(total.shape[0]):
        total[s] = 0.0
    start, end = places.start[node], places.end[node]
    for i in range(start, end):
        row = sample.rows[i]
        y, w = sample.target[row], sample.weight[row]
        total[0] += 1.0
        if sample.is_class:
            total[1 + np.int64(y)] += w
        else:
            total[1] += w
            total[2] += w * (y - sample.centre)
    return find_split(
        growth,
        columns,
        sample.rows,
        start,
        end,
        sample.target,
        sample.weight,
        sample.is_class,
        sample.centre,
        places.seed[node],
        work,
    )


@kernel
def make_split(growth, columns, sample, nodes, places, node, split, n_nodes):
    """Give the node two children, numbered `n_nodes` and `n_nodes` + 1; return what it improves."""
    start, end = places.start[node], places.end[node]
    rows, others, codes = sample.rows, sample.others, columns.codes
    f = split.feature
    missing = columns.n_bins[f]
    n_left, n_right = 0, 0
    for i in range(start, end):
        row = rows[i]
        code = np.int64(codes[row, f])
        if (split.missing_left == 1) if code == missing else (code <= split.last_left):
            rows[start + n_left] = row
            n_left += 1
        else:
            others[start + n_right] = row
            n_right += 1
    for i in range(n_right):
        rows[start + n_left + i] = others[start + i]
    for side in range(2):
        child = n_nodes + side
        places.start[child] = start if side == 0 else start + n_left
        places.end[child] = start + n_left if side == 0 else end
        places.depth[child] = places.depth[node] + 1
        places.seed[child] = mixed(places.seed[node], LEFT if side == 0 else RIGHT)
        describe(growth, sample, nodes, places, child)
    # improvement = W / W_all * (H - W_left / W * H_left - W_right / W * H_right)
    W = nodes.weighted_n_node_samples[node]
    share_left = nodes.weighted_n_node_samples[n_nodes] / W
    share_right = nodes.weighted_n_node_samples[n_nodes + 1] / W
    return (W / sample.total_weight) * (
        nodes.impurity[node]
        - share_right * nodes.impurity[n_nodes + 1]
        - share_left * nodes.impurity[n_nodes]
    )


@kernel
def adopt(nodes, node, split, n_nodes):
    """Write the split that was made into its node."""
    nodes.feature[node] = split.feature
    nodes.last_left_code[node] = split.last_left
    nodes.first_right_code[node] = split.first_right
    nodes.children_left[node] = n_nodes
    nodes.children_right[node] = n_nodes + 1
    if split.missing_left == 2:  # none was seen: with the greater part
        left, right = nodes.n_node_samples[n_nodes], nodes.n_node_samples[n_nodes + 1]
        nodes.missing_go_to_left[node] = left > right
    else:
        nodes.missing_go_to_left[node] = split.missing_left


@kernel
def expand(growth, columns, sample, nodes, places, node, n_nodes, work):
    """Split a node if that is worth while; return the number of nodes."""
    split = look_for_split(growth, columns, sample, nodes, places, node, work)
    if split.feature < 0:
        return n_nodes
    improvement = make_split(growth, columns, sample, nodes, places, node, split, n_nodes)
    if improvement + EPSILON < growth.min_impurity_decrease:
        return n_nodes
    adopt(nodes, node, split, n_nodes)
    return n_nodes + 2


@kernel
def grow_level(growth, columns, sample, nodes, places, first, end, work):
    """Split the nodes from `first` to `end`; return the number of nodes."""
    n_nodes = end
    for node in range(first, end):
        n_nodes = expand(growth, columns, sample, nodes, places, node, n_nodes, work)
    return n_nodes


@kernel
def grow_depth_first(
    growth,
    columns,
    sample,
    nodes,
    places,
    stack,  # (capacity,) inout: nodes still to be split
    n_waiting,
    n_nodes,
    work,
):
    """Split all that wait, and their children; return early where room for nodes runs out."""
    capacity = nodes.feature.shape[0]
    while n_waiting > 0 and n_nodes + 2 <= capacity:
        node = stack[n_waiting - 1]
        before = n_nodes
        n_nodes = expand(growth, columns, sample, nodes, places, node, n_nodes, work)
        n_waiting -= 1
        if n_nodes > before:
            stack[n_waiting] = before + 1
            stack[n_waiting + 1] = before
            n_waiting += 2
    return n_waiting, n_nodes


@kernel
def grow_best_first(
    growth,
    columns,
    sample,
    nodes,
    places,
    splits,  # (capacity, 4) inout: feature, codes and side of each node's split
    first_new,
    n_nodes,
    n_splits,  # splits to make
    work,
):
    """Look for splits of the new nodes, then make the best one, `n_splits` times over.

    Returns the first node whose split was not looked for yet, and the number of nodes.
    """
    while True:
        for node in range(first_new, n_nodes):
            split = look_for_split(growth, columns, sample, nodes, places, node, work)
            places.improvement[node] = -math.inf
            if split.feature >= 0:
                # The two places past the last node show what the children would be.
                improvement = make_split(
                    growth, columns, sample, nodes, places, node, split, n_nodes
                )
                if improvement + EPSILON >= growth.min_impurity_decrease:
                    places.improvement[node] = improvement
                    splits[node, 0] = split.feature
                    splits[node, 1] = split.last_left
                    splits[node, 2] = split.first_right
                    splits[node, 3] = split.missing_left
        if n_splits == 0 or n_nodes + 4 > nodes.feature.shape[0]:
            return n_nodes, n_nodes
        first_new = n_nodes
        best = 0
        for node in range(n_nodes):
            if places.improvement[node] > places.improvement[best]:
                best = node
        if places.improvement[best] == -math.inf:
            return n_nodes, n_nodes
        split = Split(
            0.0,
            np.int64(splits[best, 0]),
            np.int64(splits[best, 1]),
            np.int64(splits[best, 2]),
            np.int64(splits[best, 3]),
        )
        make_split(growth, columns, sample, nodes, places, best, split, n_nodes)
        adopt(nodes, best, split, n_nodes)
        places.improvement[best] = -math.inf
        n_nodes += 2
        n_splits -= 1


@kernel
def depth_first_order(
    nodes,
    n_nodes,
    stack,  # (n_nodes,) out: a buffer
    order,  # (n_nodes,) out: node at each place
    place,  # (n_nodes,) out: place of each node
):
    """Number the nodes depth first, left first."""
    stack[0] = 0
    n_waiting, n_done = 1, 0
    while n_waiting > 0:
        n_waiting -= 1
        node = stack[n_waiting]
        order[n_done] = node
        place[node] = n_done
        n_done += 1
        if nodes.feature[node] >= 0:
            stack[n_waiting] = nodes.children_right[node]
            stack[n_waiting + 1] = nodes.children_left[node]
            n_waiting += 2


class _Growing:
    """One tree under way: its buffers."""

    def __init__(self, codes, binning, target, weight, growth, seed, n_classes):
        n, p = codes.shape
        is_class = n_classes > 0
        target = np.asarray(target, dtype=np.float64)
        weight = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
        rows = np.flatnonzero(weight).astype(np.int32)
        if len(rows) == 0:
            raise ValueError("All weights are zero: there is no row to grow a tree on.")
        total = float(weight.sum())
        centre = 0.0
        if not is_class and growth.criterion != POISSON:
            centre = float(np.dot(weight, target) / total)
        self.growth = growth._replace(max_features=max(1, min(growth.max_features, p)))
        self.columns = Columns(codes, binning.n_bins, binning.offsets, binning.lowest)
        self.sample = Sample(rows, np.empty_like(rows), target, weight, total, is_class, centre)
        width = 1 + (n_classes if is_class else 2)
        n_codes = 256 if codes.dtype == np.uint8 else len(rows)
        n_keys = 0 if codes.dtype == np.uint8 else len(rows)
        self.work = Workspace(
            histogram=np.zeros((256, width)),
            tallies=np.empty((n_codes + 1, width)),
            present=np.empty(n_codes + 1, np.int64),
            keys=np.empty(n_keys, np.uint64),
            sorted_keys=np.empty(n_keys, np.uint64),
            features=np.arange(p, dtype=np.int32),
            left=np.empty(width),
            right=np.empty(width),
            total=np.empty(width),
        )
        capacity = self._capacity(len(rows))
        self.nodes = Grown(
            children_left=np.empty(capacity, np.int32),
            children_right=np.empty(capacity, np.int32),
            feature=np.empty(capacity, np.int32),
            last_left_code=np.empty(capacity, np.int32),
            first_right_code=np.empty(capacity, np.int32),
            missing_go_to_left=np.empty(capacity, np.uint8),
            value=np.empty((capacity, max(1, n_classes))),
            impurity=np.empty(capacity),
            n_node_samples=np.empty(capacity, np.int64),
            weighted_n_node_samples=np.empty(capacity),
        )
        self.places = Places(
            start=np.empty(capacity, np.int64),
            end=np.empty(capacity, np.int64),
            depth=np.empty(capacity, np.int32),
            seed=np.empty(capacity, np.uint64),
            improvement=np.empty(capacity),
        )
        self.n_nodes = 1
        self.places.start[0] = self.places.depth[0] = 0
        self.places.end[0] = len(rows)
        self.places.seed[0] = seed
        describe(self.growth, self.sample, self.nodes, self.places, 0)

    def _capacity(self, n_rows: int) -> int:
        most_leaves = n_rows // self.growth.min_samples_leaf
        if self.growth.max_leaf_nodes > 0:
            most_leaves = min(most_leaves, self.growth.max_leaf_nodes)
        if self.growth.max_depth < 40:
            most_leaves = min(most_leaves, 2**self.growth.max_depth)
        return 2 * max(1, most_leaves) + 3

    def by_level(self) -> Iterator[Grown]:
        first = 0
        while first < self.n_nodes:
            before = self.n_nodes
            self.n_nodes = grow_level(
                self.growth,
                self.columns,
                self.sample,
                self.nodes,
                self.places,
                first,
                before,
                self.work,
            )
            first = before
            if self.n_nodes > before or before == 1:
                yield self.in_order()

    def depth_first(self) -> Grown:
        stack = np.zeros(len(self.nodes.feature), np.int32)
        _, self.n_nodes = grow_depth_first(
            self.growth,
            self.columns,
            self.sample,
            self.nodes,
            self.places,
            stack,
            1,
            self.n_nodes,
            self.work,
        )
        return self.in_order()

    def best_first(self, splits_a_step: int) -> Iterator[Grown]:
        splits = np.empty((len(self.nodes.feature), 4), np.int32)
        left = max(0, self.growth.max_leaf_nodes - 1)
        first_new = 0
        while True:
            before = self.n_nodes
            n_splits = min(left, splits_a_step)
            first_new, self.n_nodes = grow_best_first(
                self.growth,
                self.columns,
                self.sample,
                self.nodes,
                self.places,
                splits,
                first_new,
                self.n_nodes,
                n_splits,
                self.work,
            )
            made = (self.n_nodes - before) // 2
            left -= made
            if made or before == 1:
                yield Grown(*(array[: self.n_nodes].copy() for array in self.nodes))
            if left == 0 or made < n_splits:
                return

    def in_order(self) -> Grown:
        stack, order, place = np.empty((3, self.n_nodes + 1), np.int32)
        depth_first_order(self.nodes, self.n_nodes, stack, order, place)
        order = order[: self.n_nodes]
        grown = Grown(*(array[order] for array in self.nodes))
        inner = grown.feature >= 0
        for children in (grown.children_left, grown.children_right):
            children[inner] = place[children[inner]]
        return grown


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
        From 0 to 2^63 - 1.
    n_classes : int
        0 for regression.
    n_threads : int, default=1
        Threads; they do not change a bit of the result.

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


def thresholds(grown: Grown, binning: Binning, midpoints: bool) -> np.ndarray:
    """Translate the codes at which nodes split into values.

    Parameters
    ----------
    grown : Grown
    binning : Binning
    midpoints : bool
        True: halfway between the node's own neighbouring values.  False: a border of the binning,
        the middle one between the two codes, so that a column has few distinct thresholds.

    Returns
    -------
    ndarray of shape (m,), dtype float64
        -2 at a leaf, infinity where only missing values go right.
    """
    threshold = np.full(len(grown.feature), -2.0)
    inner = np.flatnonzero(grown.feature >= 0)
    feature = grown.feature[inner]
    last, first = grown.last_left_code[inner], grown.first_right_code[inner]
    alone = first >= binning.n_bins[feature]
    first = np.minimum(first, binning.n_bins[feature] - 1)
    if not midpoints:
        last = np.minimum((last + first - 1) // 2, binning.n_bins[feature] - 2)
        last = np.maximum(last, 0)
        first = np.minimum(last + 1, binning.n_bins[feature] - 1)
    offset = binning.offsets[feature]
    border = between(binning.highest[offset + last], binning.lowest[offset + first])
    threshold[inner] = np.where(alone, np.inf, border)
    return threshold


def to_tree(grown: Grown, binning: Binning, midpoints: bool) -> Tree:
    """Return the tree with thresholds in the columns' own units (see `thresholds`)."""
    return Tree(
        children_left=grown.children_left,
        children_right=grown.children_right,
        feature=grown.feature,
        threshold=thresholds(grown, binning, midpoints),
        missing_go_to_left=grown.missing_go_to_left,
        value=grown.value,
        impurity=grown.impurity,
        n_node_samples=grown.n_node_samples,
        weighted_n_node_samples=grown.weighted_n_node_samples,
    )
