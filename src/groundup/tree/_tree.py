"""A grown tree: plain arrays, one entry a node.

Node 0 is the root.  A row goes left where ``x[feature] <= threshold``, or, at a node that splits
categories, where its category is in the node's set; a missing value goes where
``missing_go_to_left`` says.  It ends at a leaf, whose ``value`` is the prediction.

Children come after their parent, so one pass over the arrays visits every parent first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAF = -1  # instead of a child
NO_FEATURE = -2  # instead of a feature, at a leaf
NUMERIC = -1  # instead of a set of categories, at a numeric split
SET_WORDS = 8  # a set of up to 256 categories is 8 words of 32 bits


@dataclass(frozen=True, eq=False)
class Tree:
    """The nodes of one tree.

    Parameters
    ----------
    children_left, children_right : ndarray of shape (n_nodes,), dtype int32
        The child nodes; `LEAF` at a leaf.
    feature : ndarray of shape (n_nodes,), dtype int32
        The column that a node asks about; `NO_FEATURE` at a leaf.
    threshold : ndarray of shape (n_nodes,), dtype float64
        A row goes left where its value is at most this; -2 at a leaf.
    missing_go_to_left : ndarray of shape (n_nodes,), dtype uint8
        Where a missing value goes.
    value : ndarray of shape (n_nodes, n_values), dtype float64
        Shares of the classes, or the mean (median, ...) of the targets.
    impurity : ndarray of shape (n_nodes,), dtype float64
    n_node_samples : ndarray of shape (n_nodes,), dtype int64
        Training rows in the node.
    weighted_n_node_samples : ndarray of shape (n_nodes,), dtype float64
        The sum of their weights.
    category_set : ndarray of shape (n_nodes,), dtype int32, or None
        Row of `category_sets` at a node that splits categories, `NUMERIC` elsewhere.  None: all
        splits are numeric.
    category_sets : ndarray of shape (n_sets, SET_WORDS), dtype uint32, or None
        Bit ``c % 32`` of word ``c // 32`` tells whether category c goes left.
    """

    children_left: np.ndarray
    children_right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_go_to_left: np.ndarray
    value: np.ndarray
    impurity: np.ndarray
    n_node_samples: np.ndarray
    weighted_n_node_samples: np.ndarray
    category_set: np.ndarray | None = None
    category_sets: np.ndarray | None = None

    @property
    def node_count(self) -> int:
        """The number of nodes, leaves among them."""
        return len(self.feature)
