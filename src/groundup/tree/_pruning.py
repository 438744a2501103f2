r"""Cost-complexity pruning: cut the branches that do not pay for their leaves.

A tree grown to the end remembers the noise of its training rows.  Give every leaf a price alpha and
ask for the branch T of the tree with the least

    R_alpha(T) = R(T) + alpha |leaves of T|,     R(T) = sum over leaves t of (N_t / N) impurity(t) .

Turning the branch below a node t into a leaf raises R by R(t) - R(T_t) and saves |T_t| - 1 leaves,
so it pays as soon as the price reaches

    g(t) = (R(t) - R(T_t)) / (|T_t| - 1) .

Cutting the node with the least g, the *weakest link*, again and again until the root alone is left
gives a nested sequence of trees that holds the best one for every price [1]_.  A cut changes g only
for the node's ancestors.  The least g is kept in a tournament (a binary tree over the nodes, in
which every match is won by the lesser g, on a tie by the lower node), so that a change replays
log2(m) matches: m nodes of depth d are pruned in m d log m steps, where looking at all nodes before
every cut takes m^2.

References
----------
.. [1] L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and Regression Trees",
   chapter 3, Wadsworth, 1984.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._tree import LEAF, NO_FEATURE, Tree


class PruningPath(NamedTuple):
    """The sequence of trees from the whole one (first) to the root alone (last).

    Parameters
    ----------
    cuts : ndarray of shape (n_cuts,), dtype int64
        The node that each cut turns into a leaf.
    alphas : ndarray of shape (n_cuts + 1,)
        The price per leaf from which on each tree is the best; 0 for the whole tree.
    impurities : ndarray of shape (n_cuts + 1,)
        R(T) of each tree.
    """

    cuts: np.ndarray
    alphas: np.ndarray
    impurities: np.ndarray


@kernel
def _replay_matches(
    lesser,  # (2 size,) inout: g(t) at size + t, at k < size the lesser of 2 k and 2 k + 1
    t,
    g,
):
    """Set g(t), and play the matches on its way up again."""
    k = lesser.shape[0] // 2 + t
    lesser[k] = g
    while k > 1:
        k //= 2
        lesser[k] = min(lesser[2 * k], lesser[2 * k + 1])


@kernel
def cut_weakest_links(
    left,  # (m,) in: children, LEAF at a leaf; a child comes after its parent
    right,  # (m,) in
    risk,  # (m,) in: R(t)
    cuts,  # (m,) out
    alphas,  # (m,) out
    impurities,  # (m,) out
):
    """Cut until the root alone is left; return the number of cuts."""
    m = left.shape[0]
    size = 1
    while size < m:
        size *= 2
    parent = np.full(m, -1)
    n_leaves = np.ones(m, np.int64)  # |T_t|
    branch_risk = risk.copy()  # R(T_t)
    lesser = np.full(2 * size, np.inf)
    for t in range(m - 1, -1, -1):
        if left[t] != LEAF:
            parent[left[t]] = parent[right[t]] = t
            n_leaves[t] = n_leaves[left[t]] + n_leaves[right[t]]
            branch_risk[t] = branch_risk[left[t]] + branch_risk[right[t]]
            # g(t) = (R(t) - R(T_t)) / (|T_t| - 1)
            lesser[size + t] = (risk[t] - branch_risk[t]) / (n_leaves[t] - 1)
    for k in range(size - 1, 0, -1):
        lesser[k] = min(lesser[2 * k], lesser[2 * k + 1])

    alphas[0] = 0.0
    impurities[0] = branch_risk[0]
    stack = np.empty(m, np.int64)
    n_cuts = 0
    while lesser[1] < np.inf:
        k = 1
        while k < size:
            k = 2 * k if lesser[2 * k] <= lesser[2 * k + 1] else 2 * k + 1
        weakest = k - size
        cuts[n_cuts] = weakest
        n_cuts += 1
        alphas[n_cuts] = max(lesser[1], 0.0)  # below 0 by rounding alone

        # The nodes below are no candidates any more.
        stack[0] = weakest
        height = 1
        while height > 0:
            height -= 1
            t = stack[height]
            if lesser[size + t] < np.inf:
                _replay_matches(lesser, t, np.inf)
                stack[height] = left[t]
                stack[height + 1] = right[t]
                height += 2

        lost = n_leaves[weakest] - 1
        rise = risk[weakest] - branch_risk[weakest]
        n_leaves[weakest] = 1
        branch_risk[weakest] = risk[weakest]
        t = parent[weakest]
        while t != -1:
            n_leaves[t] -= lost
            branch_risk[t] += rise
            _replay_matches(lesser, t, (risk[t] - branch_risk[t]) / (n_leaves[t] - 1))
            t = parent[t]
        impurities[n_cuts] = branch_risk[0]
    return n_cuts


def pruning_path(tree: Tree) -> PruningPath:
    """Return the order in which cost-complexity pruning cuts `tree`."""
    m = tree.node_count
    risk = tree.impurity * tree.weighted_n_node_samples / tree.weighted_n_node_samples[0]
    cuts, alphas, impurities = np.empty(m, np.int64), np.empty(m), np.empty(m)
    n_cuts = cut_weakest_links(
        tree.children_left, tree.children_right, risk, cuts, alphas, impurities
    )
    return PruningPath(cuts[:n_cuts], alphas[: n_cuts + 1], impurities[: n_cuts + 1])


def prune(tree: Tree, ccp_alpha: float) -> Tree:
    """Return the best branch of `tree` for a price of `ccp_alpha` per leaf; 0 cuts nothing."""
    if ccp_alpha == 0.0:
        return tree
    path = pruning_path(tree)
    dearer = np.flatnonzero(path.alphas > ccp_alpha)
    n_cuts = dearer[0] - 1 if len(dearer) else len(path.cuts)
    is_leaf = tree.children_left == LEAF
    is_leaf[path.cuts[:n_cuts]] = True
    return subtree(tree, is_leaf)


@kernel
def _preorder(
    left,  # (m,) in
    right,  # (m,) in
    is_leaf,  # (m,) in
    kept,  # (m,) out: the old number of each node that stays
    new_left,  # (m,) out
    new_right,  # (m,) out
):
    """Number the nodes that stay, each before its left branch, that before the right one."""
    stack = np.empty(left.shape[0] + 1, np.int64)
    waiting_parent = np.full(left.shape[0] + 1, -1)  # whose right child it is
    stack[0] = 0
    height = 1
    n_kept = 0
    while height > 0:
        height -= 1
        t = stack[height]
        if waiting_parent[height] != -1:
            new_right[waiting_parent[height]] = n_kept
        kept[n_kept] = t
        if is_leaf[t]:
            new_left[n_kept] = new_right[n_kept] = LEAF
        else:
            new_left[n_kept] = n_kept + 1
            stack[height], waiting_parent[height] = right[t], n_kept
            stack[height + 1], waiting_parent[height + 1] = left[t], -1
            height += 2
        n_kept += 1
    return n_kept


def subtree(tree: Tree, is_leaf: np.ndarray) -> Tree:
    """Return `tree` without what lies below the nodes where `is_leaf`.

    Parameters
    ----------
    tree : Tree
    is_leaf : ndarray of shape (n_nodes,), dtype bool
        True at least at every leaf of `tree`.

    Returns
    -------
    Tree
        Its nodes are in depth-first order, left before right.
    """
    m = tree.node_count
    kept, left, right = np.empty(m, np.int64), np.empty(m, np.int32), np.empty(m, np.int32)
    n_kept = _preorder(tree.children_left, tree.children_right, is_leaf, kept, left, right)
    kept = kept[:n_kept]
    leaf = is_leaf[kept]
    return Tree(
        children_left=left[:n_kept].copy(),
        children_right=right[:n_kept].copy(),
        feature=np.where(leaf, np.int32(NO_FEATURE), tree.feature[kept]),
        threshold=np.where(leaf, -2.0, tree.threshold[kept]),
        missing_go_to_left=np.where(leaf, np.uint8(0), tree.missing_go_to_left[kept]),
        value=tree.value[kept],
        impurity=tree.impurity[kept],
        n_node_samples=tree.n_node_samples[kept],
        weighted_n_node_samples=tree.weighted_n_node_samples[kept],
    )
