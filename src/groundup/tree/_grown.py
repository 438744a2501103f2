"""A tree in terms of codes, as it grows, and its translation into thresholds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.tree._binning import Binning, between
from groundup.tree._nodes import (
    END,
    FEATURE,
    FIRST_RIGHT,
    IMPURITY,
    LAST_LEFT,
    LEFT,
    MISSING_LEFT,
    RIGHT,
    START,
    WEIGHT,
    Nodes,
)
from groundup.tree._tree import LEAF, Tree


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


@kernel
def depth_first_order(
    links,  # (n_nodes, 6) in
    waiting,  # (n_nodes + 1,) out: a buffer
    order,  # (n_nodes,) out: node at each place
):
    """Order the nodes depth first, left first."""
    waiting[0] = 0
    n_waiting, n_done = 1, 0
    while n_waiting > 0:
        n_waiting -= 1
        node = waiting[n_waiting]
        order[n_done] = node
        n_done += 1
        if links[node, FEATURE] >= 0:
            waiting[n_waiting] = links[node, RIGHT]
            waiting[n_waiting + 1] = links[node, LEFT]
            n_waiting += 2


def in_depth_first_order(nodes: Nodes, n_nodes: int) -> Grown:
    """Return the first `n_nodes` nodes, numbered depth first, left first."""
    waiting, order = np.empty((2, n_nodes + 1), np.int32)
    depth_first_order(nodes.links, waiting, order)
    return in_order(nodes, order[:n_nodes])


def in_order(nodes: Nodes, order: np.ndarray) -> Grown:
    """Return nodes in a certain order.

    Parameters
    ----------
    nodes : Nodes
    order : ndarray of shape (n_nodes,), dtype int
        The node at each place.
    """
    place = np.empty(len(order) + 1, np.int32)  # of each node; the last one stands for LEAF
    place[order] = np.arange(len(order), dtype=np.int32)
    place[LEAF] = LEAF
    links = nodes.links[order]
    places = nodes.places[order]
    figures = nodes.figures[order]
    return Grown(
        children_left=place[links[:, LEFT]],
        children_right=place[links[:, RIGHT]],
        feature=links[:, FEATURE].copy(),
        last_left_code=links[:, LAST_LEFT].copy(),
        first_right_code=links[:, FIRST_RIGHT].copy(),
        missing_go_to_left=links[:, MISSING_LEFT].astype(np.uint8),
        value=nodes.value[order],
        impurity=figures[:, IMPURITY].copy(),
        n_node_samples=places[:, END] - places[:, START],
        weighted_n_node_samples=figures[:, WEIGHT].copy(),
    )


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
