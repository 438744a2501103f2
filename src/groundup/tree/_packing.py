"""Trees laid out for prediction: every split in a few bytes, all trees in one array.

A leaf is not a node here but a number, counted from the left; the splits of a tree stand level by
level.  Two more forms of the same splits are made where they help (see `_traversal`): masks of
leaves for small trees, and one-byte thresholds where the columns have few of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._codes import WIDTH
from groundup.tree._tree import LEAF, NUMERIC, SET_WORDS, Tree

MOST_MASK_LEAVES = 64  # bits of a mask
MOST_BORDERS = 254  # thresholds of a column that one byte can count, MISSING aside
MISSING = 255  # the code of a missing value


COLUMN, LEFT, RIGHT = 0, 1, 2  # the three numbers of a split


class Packed(NamedTuple):
    """Many trees, laid out for traversal; see `pack`.  Leaves count from left to right."""

    # (n_splits, 3) int32: the splits of all trees, level by level.  COLUMN is twice the feature,
    # plus 1 where a missing value goes left; at a split of categories it is ``~column``.
    # LEFT and RIGHT are numbers of splits within the tree, or ``~number`` of a leaf.
    splits: np.ndarray
    thresholds: np.ndarray  # (n_splits,) float64: or the row of `category_sets`
    roots: np.ndarray  # (n_trees + 1,) int64: where the splits of each tree start
    first_leaf: np.ndarray  # (n_trees + 1,) int64: where the leaves of each tree start
    leaf_node: np.ndarray  # (n_leaves,) int32: the number of the leaf in its `Tree`
    values: np.ndarray  # (n_leaves, k) float64
    category_sets: np.ndarray  # (n_sets, SET_WORDS) uint32
    keep: np.ndarray  # (n_splits,) uint64: the leaves that going right leaves over; or (0,)
    borders: np.ndarray  # (p, WIDTH) float64: thresholds, ascending, then NaN; or (0, WIDTH)
    coded_thresholds: np.ndarray  # (n_splits,) uint8: which of the column's borders; or (0,)


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a view that cannot be written to, so that a kernel has one signature."""
    array = array.view()
    array.flags.writeable = False
    return array


@kernel
def _lay_out(
    children_left,  # (m,) in: one tree
    children_right,  # (m,) in
    feature,  # (m,) in
    threshold,  # (m,) in
    missing_go_to_left,  # (m,) in
    value,  # (m, k) in
    category_set,  # (m,) in
    first_set,  # int in: where the tree's sets start among those of all trees
    splits,  # (n_splits, 3) out
    thresholds,  # (n_splits,) out
    keep,  # (n_splits,) or (0,) out
    leaf_node,  # (n_splits + 1,) out
    values,  # (n_splits + 1, k) out
):
    m = feature.shape[0]
    # Children come after their parent: leaves under a node from the bottom up, then the number of
    # the leftmost of them from the top down.
    below = np.ones(m, np.int32)
    for node in range(m - 1, -1, -1):
        if children_left[node] != LEAF:
            below[node] = below[children_left[node]] + below[children_right[node]]
    leftmost = np.zeros(m, np.int32)
    reference = np.zeros(m, np.int32)
    queue = np.empty(m, np.int32)  # level by level
    queue[0] = 0
    stop, n_splits = 1, 0
    for i in range(m):
        node = queue[i]
        left, right = children_left[node], children_right[node]
        if left == LEAF:
            leaf = leftmost[node]
            reference[node] = ~leaf
            leaf_node[leaf] = node
            for j in range(value.shape[1]):
                values[leaf, j] = value[node, j]
            continue
        reference[node] = n_splits
        n_splits += 1
        leftmost[left] = leftmost[node]
        leftmost[right] = leftmost[node] + below[left]
        queue[stop], queue[stop + 1] = left, right
        stop += 2
    for node in range(m):
        if children_left[node] == LEAF:
            continue
        split = reference[node]
        column = 2 * feature[node] + missing_go_to_left[node]
        threshold_or_set = threshold[node]
        if category_set[node] != NUMERIC:
            column = ~column
            threshold_or_set = np.float64(category_set[node] + first_set)
        splits[split, COLUMN] = column
        splits[split, LEFT] = reference[children_left[node]]
        splits[split, RIGHT] = reference[children_right[node]]
        thresholds[split] = threshold_or_set
        if keep.shape[0] > 0:
            under_left = (np.uint64(1) << np.uint64(below[children_left[node]])) - np.uint64(1)
            keep[split] = ~(under_left << np.uint64(leftmost[node]))


def pack(trees: Sequence[Tree]) -> Packed:
    """Lay trees out for fast prediction.

    Parameters
    ----------
    trees : sequence of Tree
        Their values have the same number of columns.

    Returns
    -------
    Packed
    """
    n_leaves = np.array([(tree.node_count + 1) // 2 for tree in trees], dtype=np.int64)
    first_leaf = np.append(0, np.cumsum(n_leaves))
    roots = np.append(0, np.cumsum(n_leaves - 1))
    by_masks = n_leaves.max(initial=0) <= MOST_MASK_LEAVES
    splits = np.empty((roots[-1], 3), dtype=np.int32)
    thresholds = np.empty(roots[-1])
    keep = np.zeros(roots[-1] if by_masks else 0, dtype=np.uint64)
    leaf_node = np.empty(first_leaf[-1], dtype=np.int32)
    values = np.empty((first_leaf[-1], trees[0].value.shape[1] if trees else 1))
    sets, n_sets = [np.zeros((0, SET_WORDS), dtype=np.uint32)], 0
    for t, tree in enumerate(trees):
        own = slice(roots[t], roots[t + 1])
        own_leaves = slice(first_leaf[t], first_leaf[t + 1])
        category_set = tree.category_set
        if category_set is None or tree.category_sets is None:
            category_set = np.full(tree.node_count, NUMERIC, dtype=np.int32)
        else:
            sets.append(tree.category_sets)
        _lay_out(
            read_only(tree.children_left),
            read_only(tree.children_right),
            read_only(tree.feature),
            read_only(tree.threshold),
            read_only(tree.missing_go_to_left),
            read_only(tree.value),
            read_only(category_set),
            n_sets,
            splits[own],
            thresholds[own],
            keep[own],
            leaf_node[own_leaves],
            values[own_leaves],
        )
        n_sets = sum(map(len, sets))
    borders, coded_thresholds = np.empty((0, WIDTH)), np.empty(0, dtype=np.uint8)
    if not by_masks and len(trees) > 1 and not n_sets:
        borders, coded_thresholds = _coded(splits, thresholds)
    return Packed(
        splits,
        thresholds,
        roots,
        first_leaf,
        leaf_node,
        values,
        np.concatenate(sets),
        keep,
        borders,
        coded_thresholds,
    )


@kernel
def _position(
    row,  # (WIDTH,) in: ascending, then NaN
    t,  # float in
):
    """Return how many entries are below t."""
    below = np.uint64(0)
    half = np.uint64(128)
    for _ in range(8):
        below += half * np.uint64(row[below + half - np.uint64(1)] < t)
        half >>= np.uint64(1)
    return below


@kernel
def _collect_borders(
    splits,  # (n_splits, 3) in
    thresholds,  # (n_splits,) in
    borders,  # (p, WIDTH) inout: NaN; then the distinct thresholds of each column, ascending
):
    for split in range(splits.shape[0]):
        row = borders[splits[split, COLUMN] >> 1]
        t = thresholds[split]
        at = _position(row, t)
        if row[at] == t:
            continue
        if row[MOST_BORDERS - 1] == row[MOST_BORDERS - 1]:
            return False
        for i in range(MOST_BORDERS - 1, at, -1):
            row[i] = row[i - 1]
        row[at] = t
    return True


@kernel
def _code_thresholds(
    splits,  # (n_splits, 3) in
    thresholds,  # (n_splits,) in
    borders,  # (p, WIDTH) in
    coded_thresholds,  # (n_splits,) out
):
    # x <= borders[b] is the same as (number of borders below x) <= b.
    for split in range(splits.shape[0]):
        coded_thresholds[split] = _position(borders[splits[split, COLUMN] >> 1], thresholds[split])


def _coded(splits: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return borders (p, WIDTH) and thresholds as codes; both empty where a byte is too small."""
    p = int(splits[:, COLUMN].max(initial=-1) >> 1) + 1
    borders = np.full((p, WIDTH), np.nan)
    if not _collect_borders(splits, thresholds, borders):
        return np.empty((0, WIDTH)), np.empty(0, dtype=np.uint8)
    coded_thresholds = np.empty(len(splits), dtype=np.uint8)
    _code_thresholds(splits, thresholds, borders, coded_thresholds)
    return borders, coded_thresholds
