"""A grown tree as the object that scikit-learn's own functions read.

``plot_tree``, ``export_text``, ``shap.TreeExplainer`` and partial dependence expect
``model.tree_`` to be scikit-learn's compiled tree.  It keeps a node as one record; here a tree is
one array a field, which traverses faster.  The records are made when somebody asks for them.
"""

from __future__ import annotations

import functools

import numpy as np
from sklearn.tree._tree import Tree as SklearnTree

from groundup.tree._measures import depth
from groundup.tree._tree import Tree


@functools.cache
def _node_dtype() -> np.dtype:
    """Ask scikit-learn itself for the layout of a node, which differs between its versions."""
    return SklearnTree(1, np.ones(1, dtype=np.intp), 1).__getstate__()["nodes"].dtype


def sklearn_tree(tree: Tree, n_features: int) -> SklearnTree:
    """Return a copy of `tree` as scikit-learn's.

    Parameters
    ----------
    tree : Tree
        Its splits are numeric.
    n_features : int
        The number of columns that it was grown on.

    Returns
    -------
    sklearn.tree._tree.Tree
    """
    m, n_values = tree.value.shape
    nodes = np.zeros(m, dtype=_node_dtype())
    nodes["left_child"] = tree.children_left
    nodes["right_child"] = tree.children_right
    for field in (
        "feature",
        "threshold",
        "impurity",
        "n_node_samples",
        "weighted_n_node_samples",
        "missing_go_to_left",
    ):
        nodes[field] = getattr(tree, field)
    view = SklearnTree(n_features, np.array([n_values], dtype=np.intp), 1)
    view.__setstate__(
        {
            "max_depth": depth(tree),
            "node_count": m,
            "nodes": nodes,
            "values": np.ascontiguousarray(tree.value).reshape(m, 1, n_values),
        }
    )
    return view
