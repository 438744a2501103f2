"""Gradient boosting by definition: NumPy, floating-point sums, every split of every node tried.

No bins, no histograms, no subtraction: each candidate's gain is computed from the rows themselves.
Small data only.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np


@dataclass(eq=False)
class Node:
    """A node: its rows, and its split if it has one."""

    rows: np.ndarray
    value: float
    depth: int
    gain: float = 0.0
    feature: int = -1
    left_rows: np.ndarray | None = None
    right_rows: np.ndarray | None = None
    children: list = field(default_factory=list)


def score(g, h, l2):
    """Twice the most that one value can lower the loss of these rows: G^2 / (H + l2)."""
    return g.sum() ** 2 / (h.sum() + l2)


def sides(x, categorical):
    """Yield every way to send values left: thresholds, missing values on either side, or sets."""
    missing = np.isnan(x)
    values = np.unique(x[~missing])
    if categorical:
        for size in range(1, len(values)):
            for chosen in itertools.combinations(values, size):
                yield np.isin(x, chosen)
        return
    for value in values[:-1]:
        yield ~missing & (x <= value)
    if missing.any():
        yield ~missing
        for value in values[:-1]:
            yield missing | (x <= value)


def best_split(X, g, h, node, l2, min_samples_leaf, min_hessian, categorical):
    """Set the split of a node that gains most, the first of equals."""
    rows = node.rows
    whole = score(g[rows], h[rows], l2)
    for feature in range(X.shape[1]):
        for left in sides(X[rows, feature], categorical[feature]):
            a, b = rows[left], rows[~left]
            if min(len(a), len(b)) < min_samples_leaf:
                continue
            if min(h[a].sum(), h[b].sum()) < min_hessian:
                continue
            gain = score(g[a], h[a], l2) + score(g[b], h[b], l2) - whole
            if gain > node.gain * (1 + 1e-12) + 1e-12:
                node.gain, node.feature = gain, feature
                node.left_rows, node.right_rows = a, b


def grow(
    X,
    g,
    h,
    max_leaf_nodes=31,
    max_depth=None,
    min_samples_leaf=20,
    min_hessian=1e-3,
    l2=0.0,
    categorical=None,
):
    """Grow one tree, best node first; return its leaves."""
    if categorical is None:
        categorical = np.zeros(X.shape[1], dtype=bool)

    def opened(rows, depth):
        node = Node(rows, -g[rows].sum() / (h[rows].sum() + l2), depth)
        if max_depth is None or depth < max_depth:
            best_split(X, g, h, node, l2, min_samples_leaf, min_hessian, categorical)
        return node

    leaves = [opened(np.arange(len(X)), 0)]
    while len(leaves) < max_leaf_nodes:
        node = max(leaves, key=lambda leaf: leaf.gain)
        if node.gain <= 0:
            break
        leaves.remove(node)
        leaves += [opened(node.left_rows, node.depth + 1), opened(node.right_rows, node.depth + 1)]
    return leaves


def derivatives(loss, y, raw):
    """Return the first and second derivative of the loss by the raw prediction."""
    if loss == "squared_error":
        return raw - y, np.ones(len(y))
    p = 1 / (1 + np.exp(-raw))  # log loss
    return p - y, p * (1 - p)


def boost(X, y, n_rounds, loss="squared_error", learning_rate=0.1, start=0.0, **growth):
    """Return the raw predictions (n_rounds, n) of the training rows after each round."""
    raw = np.full(len(y), start)
    rounds = []
    for _ in range(n_rounds):
        g, h = derivatives(loss, y, raw)
        for leaf in grow(X, g, h, **growth):
            raw[leaf.rows] += learning_rate * leaf.value
        rounds.append(raw.copy())
    return np.array(rounds)
