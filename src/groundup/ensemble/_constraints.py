"""Constraints on a tree: predictions that only rise with a column, columns that may not interact.

*Monotonic.*  A node's value must lie between bounds.  Where it splits on a column that must not
fall, the left child's value must not be above the right one's, and the middle of both separates
everything below them:

    lower <= value of the left subtree <= (value_left + value_right) / 2 <= ... <= upper

so that no later split in either subtree can break the order.

*Interaction.*  Columns come in groups.  A branch may use the columns of every group that holds all
the columns that the branch has used so far.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel

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


def group_mask(interaction_groups: list | None, n_features: int) -> np.ndarray:
    """Return the groups as an array (n_groups, n_features) of bool; no rows without groups."""
    if interaction_groups is None:
        return np.zeros((0, n_features), dtype=bool)
    mask = np.zeros((len(interaction_groups), n_features), dtype=bool)
    for k, columns in enumerate(interaction_groups):
        mask[k, list(columns)] = True
    return mask
