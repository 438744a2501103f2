"""One row, one tree, one question at a time."""

from __future__ import annotations

import numpy as np

from groundup.tree._tree import LEAF, NUMERIC, SET_WORDS, Tree


def goes_left(tree: Tree, node: int, x: float) -> bool:
    set_row = NUMERIC if tree.category_set is None else tree.category_set[node]
    if np.isnan(x):
        return bool(tree.missing_go_to_left[node])
    if set_row == NUMERIC:
        return bool(x <= tree.threshold[node])
    if x not in range(32 * SET_WORDS):  # negative, broken, too large
        return bool(tree.missing_go_to_left[node])
    category = int(x)
    return bool(int(tree.category_sets[set_row, category // 32]) >> (category % 32) & 1)


def leaf(tree: Tree, row: np.ndarray) -> int:
    node = 0
    while tree.children_left[node] != LEAF:
        left = goes_left(tree, node, row[tree.feature[node]])
        node = tree.children_left[node] if left else tree.children_right[node]
    return int(node)


def leaves(trees: list[Tree], X: np.ndarray) -> np.ndarray:
    return np.array([[leaf(tree, row) for tree in trees] for row in X]).reshape(len(X), len(trees))


def add_values(trees: list[Tree], X: np.ndarray, out: np.ndarray, group: int = 1) -> None:
    for i, row in enumerate(X):
        for t, tree in enumerate(trees):
            value = tree.value[leaf(tree, row)]
            first = (t % group) * len(value)
            out[i, first : first + len(value)] += value
