"""Is a tree the one that scikit-learn grows?  And where it is not, was it a toss-up?"""

from __future__ import annotations

import numpy as np

FIELDS = (
    "children_left",
    "children_right",
    "feature",
    "n_node_samples",
    "threshold",
    "value",
    "impurity",
    "weighted_n_node_samples",
)


def assert_same_tree(ours, theirs):
    """Compare two scikit-learn trees node by node: whole numbers exactly, others to rounding."""
    assert ours.node_count == theirs.node_count
    for field in FIELDS:
        a, b = getattr(ours, field), getattr(theirs, field)
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9, err_msg=field)
    inner = ours.children_left != -1
    np.testing.assert_array_equal(
        ours.missing_go_to_left[inner], theirs.missing_go_to_left[inner], "missing_go_to_left"
    )
    assert ours.max_depth == theirs.max_depth
    assert ours.n_leaves == theirs.n_leaves


def improvement(tree, node):
    """Return by how much the node's split lowers its own impurity, weighted with the rows."""
    mass = tree.weighted_n_node_samples * tree.impurity
    return mass[node] - mass[tree.children_left[node]] - mass[tree.children_right[node]]


def assert_same_but_for_ties(ours, theirs):
    """Walk down both trees; they may part only where both splits are worth the same.

    Returns the number of splits that were compared and equal.
    """
    n_equal = 0
    pairs = [(0, 0)]
    while pairs:
        a, b = pairs.pop()
        assert ours.n_node_samples[a] == theirs.n_node_samples[b]
        np.testing.assert_allclose(ours.impurity[a], theirs.impurity[b], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(ours.value[a], theirs.value[b], rtol=1e-7, atol=1e-9)
        assert (ours.children_left[a] == -1) == (theirs.children_left[b] == -1), (a, b)
        if ours.children_left[a] == -1:
            continue
        np.testing.assert_allclose(
            improvement(ours, a), improvement(theirs, b), rtol=1e-6, atol=1e-8
        )
        same_question = ours.feature[a] == theirs.feature[b] and np.isclose(
            ours.threshold[a], theirs.threshold[b], rtol=1e-12
        )
        sizes_agree = (
            ours.n_node_samples[ours.children_left[a]]
            == theirs.n_node_samples[theirs.children_left[b]]
        )
        if same_question and sizes_agree:
            n_equal += 1
            pairs.append((ours.children_left[a], theirs.children_left[b]))
            pairs.append((ours.children_right[a], theirs.children_right[b]))
    return n_equal
