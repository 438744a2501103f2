"""A grower of boosting trees: what one fit allocates once, and the finished tree as arrays.

How a tree grows is told in `_boosting_best_first`, what it is judged by in `_histogram` and
`_boosting_splitting`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from groundup.ensemble._boosting_best_first import Table, Work, grow_best_first
from groundup.ensemble._boosting_nodes import NODE, BoostGrowth, Nodes
from groundup.ensemble._boosting_rows import transpose
from groundup.ensemble._constraints import group_mask
from groundup.ensemble._histogram import COLUMN, keep
from groundup.tree._binning import Binning, between
from groundup.tree._tree import LEAF, NO_FEATURE, NUMERIC, SET_WORDS, Tree

FEW_CODES = 20_000  # a table up to this size is one thread's work


@dataclass(frozen=True, eq=False)
class BoostedTree:
    """A tree and where its training rows ended.

    Parameters
    ----------
    tree : Tree
        ``value`` (n_nodes, 1) is -G / (H + l2) times the learning rate, ``impurity`` the gain of a
        node's split (0 at a leaf), ``weighted_n_node_samples`` the sum of hessians.
    rows : ndarray of shape (n,), dtype int32
        The rows, ordered by leaf.  It is the grower's own buffer: the next tree overwrites it.
    leaf_bounds : ndarray of shape (n_leaves + 1,), dtype int64
        Leaf i holds ``rows[leaf_bounds[i]:leaf_bounds[i + 1]]``.
    leaf_nodes : ndarray of shape (n_leaves,), dtype int64
        The node number of each leaf.
    """

    tree: Tree
    rows: np.ndarray
    leaf_bounds: np.ndarray
    leaf_nodes: np.ndarray


class TreeGrower:
    """Grows the trees of one fit; its buffers are allocated once.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_features), dtype uint8
        The bin of every value.
    binning : Binning
        What the bins mean.
    growth : BoostGrowth
    monotonic : ndarray of shape (n_features,), dtype int8, default=None
        1: predictions must not fall with the column; -1: must not rise; 0: free.
    interaction_groups : list of sets of int, default=None
        Columns that may be used together in a branch; None: all.
    n_threads : int, default=1
        They do not change a bit of the trees.
    """

    def __init__(
        self,
        codes: np.ndarray,
        binning: Binning,
        growth: BoostGrowth,
        monotonic: np.ndarray | None = None,
        interaction_groups: list | None = None,
        n_threads: int = 1,
    ):
        n, p = codes.shape
        self.binning, self.growth = binning, growth
        self.n_threads = n_threads if codes.size > FEW_CODES else 1
        columns = np.zeros(p + 1, dtype=COLUMN)
        columns["start"][1:] = np.cumsum(binning.n_bins + np.int64(1))
        columns["n_bins"][:p] = binning.n_bins
        columns["is_categorical"][:p] = binning.is_categorical
        if monotonic is not None:
            columns["monotonic"][:p] = monotonic
        codes = np.ascontiguousarray(codes)
        by_column = np.empty((p, n), dtype=np.uint8)
        transpose(codes, by_column, n_threads=self.n_threads)
        self.table = Table(
            codes.reshape(-1),
            by_column,
            columns.view(np.recarray),
            group_mask(interaction_groups, p),
        )
        most_leaves = max(1, n // max(1, growth.min_samples_leaf))
        if growth.max_depth >= 0:
            most_leaves = min(most_leaves, 2 ** min(growth.max_depth, 40))
        open_at_once = n.bit_length() + 1
        if growth.max_leaf_nodes > 0:
            most_leaves = open_at_once = min(most_leaves, growth.max_leaf_nodes)
        self.max_nodes = 2 * most_leaves - 1
        self.n_slots = min(open_at_once, most_leaves) + 1
        self.work = Work(
            kept=np.empty((n, 0), dtype=np.float32),
            rows=np.empty(n, dtype=np.int32),
            dealt=np.empty(n, dtype=np.int32),
            histograms=np.empty((0, 0), dtype=np.int64),
            partials=np.empty((0, 0), dtype=np.int64),
        )

    def grow(
        self, gradient: np.ndarray, hessian: np.ndarray | None = None, seed: int = 0
    ) -> BoostedTree:
        """Grow one tree.

        Parameters
        ----------
        gradient : ndarray of shape (n_samples,), float32 or float64
            First derivative of the loss by each row's raw prediction.
        hessian : ndarray of shape (n_samples,), of the same type, or None
            Second derivative, at least 0; None where it is 1 for all rows.
        seed : int, default=0
            Of the columns that a node may choose from, where ``max_features`` is below 1.

        Returns
        -------
        BoostedTree
        """
        words = 1 if hessian is None else 2
        if self.work.kept.shape[1] != words:
            self._allocate(words)
        scale = keep(gradient, hessian, self.work.kept, self.n_threads)
        nodes = self._empty_nodes()
        n_nodes = grow_best_first(
            self.table, self.growth, scale, seed, self.n_threads, self.work, nodes,
            n_threads=self.n_threads,
        )  # fmt: skip
        node = nodes.node[:n_nodes]
        tree = self._tree(node, nodes.left_codes)
        leaves = np.flatnonzero(tree.children_left == LEAF)
        leaves = leaves[np.argsort(node["start"][leaves])]
        bounds = np.append(node["start"][leaves], len(self.work.rows))
        return BoostedTree(tree, self.work.rows, bounds, leaves)

    def _allocate(self, words: int) -> None:
        n_words = int(self.table.columns["start"][-1]) * words
        self.work = self.work._replace(
            kept=np.empty((len(self.work.rows), words), dtype=np.float32),
            histograms=np.empty((self.n_slots, n_words), dtype=np.int64),
            partials=np.empty((self.n_threads - 1, n_words), dtype=np.int64),
        )

    def _empty_nodes(self) -> Nodes:
        m = self.max_nodes
        any_categorical = self.table.columns["is_categorical"].any()
        return Nodes(
            node=np.empty(m, dtype=NODE).view(np.recarray),
            open_groups=np.empty((m, len(self.table.groups)), dtype=np.bool_),
            left_codes=np.empty((m if any_categorical else 0, SET_WORDS), dtype=np.uint32),
        )

    def _tree(self, node: np.ndarray, left_codes: np.ndarray) -> Tree:
        is_leaf = node["left"] == LEAF
        children_left = node["left"].astype(np.int32)
        feature = np.where(is_leaf, NO_FEATURE, node["feature"]).astype(np.int32)
        split = np.flatnonzero(~is_leaf)
        threshold = np.full(len(node), -2.0)
        category_set = category_sets = None
        if len(left_codes):
            of_categories = self.binning.is_categorical[feature[split]]
            categorical, split = split[of_categories], split[~of_categories]
            category_set = np.full(len(node), NUMERIC, dtype=np.int32)
            category_set[categorical] = np.arange(len(categorical))
            category_sets = np.zeros((len(categorical), SET_WORDS), dtype=np.uint32)
            for words, k in zip(category_sets, categorical, strict=True):
                self._write_categories(feature[k], left_codes[k], words)
        threshold[split] = self._thresholds(feature[split], node["candidate"][split])
        return Tree(
            children_left=children_left,
            children_right=np.where(is_leaf, LEAF, children_left + 1).astype(np.int32),
            feature=feature,
            threshold=threshold,
            missing_go_to_left=node["missing_left"].astype(np.uint8),
            value=node["value"][:, np.newaxis] * self.growth.learning_rate,
            impurity=np.where(is_leaf, 0.0, node["gain"]),
            n_node_samples=node["n_rows"].copy(),
            weighted_n_node_samples=node["hessian"].copy(),
            category_set=category_set,
            category_sets=category_sets,
        )

    def _thresholds(self, feature: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        """Return the border after the last code on the left; infinity after a column's last."""
        binning = self.binning
        code = candidate % binning.n_bins[feature]
        low = binning.offsets[feature] + code
        is_last = code == binning.n_bins[feature] - 1
        border = between(binning.highest[low], binning.lowest[np.where(is_last, low, low + 1)])
        return np.where(is_last, np.inf, border)

    def _write_categories(self, feature: int, left_codes: np.ndarray, words: np.ndarray) -> None:
        """Translate a set of codes into a set of categories."""
        codes = np.flatnonzero(np.unpackbits(left_codes.view(np.uint8), bitorder="little"))
        category = self.binning.lowest[self.binning.offsets[feature] + codes].astype(np.int64)
        np.bitwise_or.at(words, category // 32, np.uint32(1) << (category % 32).astype(np.uint32))
