"""Constraints on a tree: predictions that only rise with a column, columns that may not interact.

*Monotonic.*  A node's value must lie between bounds.  Where it splits on a column that must not
fall, the left child's value must not be above the right one's, and the middle of both separates
everything below them:

    lower <= value of the left subtree <= (value_left + value_right) / 2 <= ... <= upper

so that no later split in either subtree can break the order.  Where leaves get other values
afterwards (`_leaf_renewal`), `put_in_order` restores it.

*Interaction.*  Columns come in groups.  A branch may use the columns of every group that holds all
the columns that the branch has used so far.
"""

from __future__ import annotations

import itertools
from numbers import Integral
from typing import Any

import numpy as np

from groundup._kernel import kernel
from groundup.tree._tree import LEAF, Tree

INCREASING, FREE, DECREASING = 1, 0, -1


@kernel
def bounded_value(gradient, hessian, l2, lower, upper):
    """Return the value that lowers the loss most within the bounds: -G / (H + l2)."""
    value = -gradient / (hessian + l2)
    value = lower if value < lower else value
    return upper if value > upper else value


@kernel
def allowed_columns(
    groups,  # (n_groups, p) bool in: the columns of each group
    open_groups,  # (n_groups,) bool in: groups that hold all columns used above this node
    allowed,  # (p,) bool out
):
    """Mark the columns that a node may split on; all of them without groups."""
    allowed[:] = groups.shape[0] == 0
    for k in range(groups.shape[0]):
        if open_groups[k]:
            for f in range(allowed.shape[0]):
                allowed[f] |= groups[k, f]


def put_in_order(
    tree: Tree,
    monotonic: np.ndarray,
) -> None:
    """Move leaf values, in place, so that the tree rises or falls with the columns it must.

    From the last split to the first: where the greatest leaf on the lower side is above the least
    on the upper side, both sides are cut off at the middle of the two.  A cut leaves the order of
    values below it as it was, so each split is looked at once.

    Parameters
    ----------
    tree : Tree
    monotonic : ndarray of shape (n_features,), dtype int8
    """
    leaves = [np.array([node]) for node in range(tree.node_count)]
    value = tree.value[:, 0]
    for node in range(tree.node_count - 1, -1, -1):  # children come after their parent
        if tree.children_left[node] == LEAF:
            continue
        left, right = leaves[tree.children_left[node]], leaves[tree.children_right[node]]
        leaves[node] = np.concatenate([left, right])
        direction = monotonic[tree.feature[node]]
        if direction == FREE:
            continue
        lower, upper = (left, right) if direction == INCREASING else (right, left)
        most, least = value[lower].max(), value[upper].min()
        if most > least:
            middle = 0.5 * (most + least)
            value[lower] = np.minimum(value[lower], middle)
            value[upper] = np.maximum(value[upper], middle)


def group_mask(interaction_groups: list | None, n_features: int) -> np.ndarray:
    """Return the groups as an array (n_groups, n_features) of bool; no rows without groups."""
    if interaction_groups is None:
        return np.zeros((0, n_features), dtype=bool)
    mask = np.zeros((len(interaction_groups), n_features), dtype=bool)
    for k, columns in enumerate(interaction_groups):
        mask[k, list(columns)] = True
    return mask


def interaction_groups(told: Any, n_features: int) -> list[set[int]] | None:
    """Return the groups of columns that may interact, or None for no constraint.

    Parameters
    ----------
    told : {"pairwise", "no_interactions"}, sequence of collections of int, or None
        Columns that it does not name form a group of their own.
    n_features : int

    Raises
    ------
    ValueError
        If it is no sequence of groups, or names a column that is not there.

    Examples
    --------
    >>> interaction_groups([{0, 1}], 4)
    [{0, 1}, {2, 3}]
    """
    if told is None:
        return None
    groups = told
    if isinstance(told, str):
        size = 1 if told == "no_interactions" else min(2, n_features)
        groups = itertools.combinations(range(n_features), size)
    try:
        sets = [set(group) for group in groups]
    except TypeError:
        raise ValueError(
            f"Interaction constraints must be a sequence of tuples or lists, got: {told!r}."
        ) from None
    for group in sets:
        if not all(isinstance(f, Integral) and 0 <= int(f) < n_features for f in group):
            raise ValueError(
                "Interaction constraints must consist of integer indices in "
                f"[0, n_features - 1] = [0, {n_features - 1}], specifying the position of "
                f"features, got invalid indices: {group!r}"
            )
    rest = set(range(n_features)).difference(*sets)
    return [group for group in [*sets, rest] if group]
