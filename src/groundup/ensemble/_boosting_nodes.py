"""The nodes of a tree that is being grown, as records, and the line in which they wait."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.ensemble._boosting_splitting import TINY
from groundup.ensemble._constraints import bounded_value
from groundup.tree._sampling import DRAW, TO_LEFT, TO_RIGHT, mixed, number, unit
from groundup.tree._tree import LEAF, NO_FEATURE


class BoostGrowth(NamedTuple):
    """When a node may split, and what its children are worth; numbers only."""

    max_leaf_nodes: int = 31  # -1: no limit
    max_depth: int = -1  # -1: no limit
    min_samples_leaf: int = 20
    min_hessian: float = 1e-3  # of a leaf
    l2: float = 0.0
    max_features: float = 1.0  # share of the columns that a node may choose from
    learning_rate: float = 0.1


NODE = np.dtype(
    [
        ("gradient", np.float64),  # sums over the node's rows
        ("hessian", np.float64),
        ("n_rows", np.int64),
        ("start", np.int64),  # its rows are rows[start:end]
        ("end", np.int64),
        ("value", np.float64),
        ("lower", np.float64),  # bounds of the value
        ("upper", np.float64),
        ("gain", np.float64),  # of its best split; 0 without one
        ("feature", np.int64),
        ("candidate", np.int64),  # which of the column's splits
        ("left", np.int64),  # the left child; the right one is next
        ("missing_left", np.int64),
        ("depth", np.int64),
        ("slot", np.int64),  # of its histogram
        ("key", np.uint64),  # its place in the tree, hashed with the tree's seed
    ]
)


class Nodes(NamedTuple):
    """The nodes of one tree; m is the most there can be."""

    node: np.ndarray  # (m,) NODE
    open_groups: np.ndarray  # (m, n_groups) bool: groups that hold all columns used above the node
    left_codes: np.ndarray  # (m or 0, SET_WORDS) uint32: categories that go left, as bits


@kernel
def choose_columns(
    key,  # of the node
    share,  # of the allowed columns that may be chosen
    allowed,  # (p,) bool inout
):
    """Keep a random share of the allowed columns, at least one: the node's own choice."""
    left = 0
    for f in range(allowed.shape[0]):
        left += allowed[f]
    needed = max(1, np.int64(np.ceil(share * left)))
    for f in range(allowed.shape[0]):
        if allowed[f]:
            # Each column is kept with probability needed / left.
            kept = unit(key, number(f, DRAW)) * left < needed
            allowed[f] = kept
            needed -= kept
            left -= 1


@kernel
def open_node(
    node,  # NODE inout: with its sums and bounds
    start,
    end,
    depth,
    key,
    growth,  # BoostGrowth
):
    """Set up a new node, which is a leaf as yet."""
    node.start, node.end, node.depth, node.key = start, end, depth, key
    node.value = bounded_value(
        node.gradient, node.hessian, growth.l2 + TINY, node.lower, node.upper
    )
    node.left, node.feature, node.gain, node.missing_left = LEAF, NO_FEATURE, 0.0, 0


@kernel
def open_children(
    node,  # NODE inout
    left,  # NODE inout: with its sums
    right,  # NODE out
    left_number,
    monotonic,  # of the column that the node splits on
    growth,  # BoostGrowth
):
    """Set up the two children of a node."""
    node.left = left_number
    right.gradient = node.gradient - left.gradient
    right.hessian = node.hessian - left.hessian
    right.n_rows = node.n_rows - left.n_rows
    left.lower, left.upper = node.lower, node.upper
    right.lower, right.upper = node.lower, node.upper
    middle = node.start + left.n_rows
    depth, key = node.depth + 1, node.key
    open_node(left, node.start, middle, depth, mixed(key, TO_LEFT), growth)
    open_node(right, middle, node.end, depth, mixed(key, TO_RIGHT), growth)
    if monotonic != 0:
        between = 0.5 * (left.value + right.value)
        if monotonic > 0:
            left.upper, right.lower = between, between
        else:
            left.lower, right.upper = between, between


@kernel
def may_split(node, growth):
    """Tell whether a split of the node could leave enough in both children."""
    return (
        node.n_rows >= 2 * growth.min_samples_leaf
        and node.hessian >= 2 * growth.min_hessian
        and (growth.max_depth < 0 or node.depth < growth.max_depth)
    )


@kernel
def queue(
    nodes,  # (m,) NODE in
    newcomer,  # its number
    by_gain,  # or by size, the smallest first
    waiting,  # (m,) inout: node numbers, the next one last
    n_waiting,
):
    """Insert a node among those that wait to be split; return their number."""
    place = n_waiting
    while place > 0:
        other = waiting[place - 1]
        if by_gain:
            goes_first = nodes[newcomer].gain > nodes[other].gain
        else:
            goes_first = nodes[newcomer].n_rows < nodes[other].n_rows
        if goes_first:
            break
        waiting[place] = other
        place -= 1
    waiting[place] = newcomer
    return n_waiting + 1
