"""Trees as plain arrays, and what has to hold before a row may walk down them.

All trees of a model lie one behind the other in one array a field, with `roots`, the places where
each of them begins. A walk follows child after child, so it is checked here that this ends, and
ends in the tree where it began: a child comes after its parent, each node but the root has one
parent, and so every node is reached from the root by exactly one way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from groundup.bundle.array_fields import Array
from groundup.bundle.fields import Field, Mismatch

if TYPE_CHECKING:
    from groundup.bundle.parts import PartReader, PartWriter
    from groundup.tree._tree import Tree

MOST_QUESTIONS = 10_000  # between a root and a leaf

# What all nodes have. A threshold may be infinite: that is the question whether a value is there.
_NODES: dict[str, Array] = {
    "children_left": Array("int32"),
    "children_right": Array("int32"),
    "feature": Array("int32"),
    "threshold": Array("float64", finite=False),
    "missing_go_to_left": Array("uint8"),
    "value": Array("float64", ndim=2),
    "impurity": Array("float64"),
    "n_node_samples": Array("int64"),
    "weighted_n_node_samples": Array("float64"),
}
# What splits of categories have, where there are any.
_SETS: dict[str, Array] = {
    "category_set": Array("int32"),
    "category_sets": Array("uint32", ndim=2),
    "first_sets": Array("int64"),
}
_ROOTS = Array("int64")


class Trees(Field):
    """The trees of a model, one or more, as ``{"roots": ..., "children_left": ..., ...}``."""

    wants = "trees"

    def encode(self, value: Any, writer: PartWriter, name: str) -> dict[str, Any]:
        from groundup.tree._tree import Tree

        trees = list(value)
        if not trees or not all(isinstance(tree, Tree) for tree in trees):
            raise self.mismatch(value)
        roots = np.cumsum([0, *(tree.node_count for tree in trees)], dtype=np.int64)
        arrays = {key: np.concatenate([getattr(tree, key) for tree in trees]) for key in _NODES}
        arrays |= _joined_sets(trees)
        fields = {**_NODES, **_SETS}
        return {
            "roots": _ROOTS.encode(roots, writer, f"{name}.roots"),
            **{
                key: fields[key].encode(array, writer, f"{name}.{key}")
                for key, array in arrays.items()
            },
        }

    def decode(self, data: Any, reader: PartReader, where: str) -> list[Tree]:
        from groundup.tree._tree import Tree

        has_sets = isinstance(data, dict) and "category_set" in data
        fields = {"roots": _ROOTS, **_NODES, **(_SETS if has_sets else {})}
        if not isinstance(data, dict) or set(data) != set(fields):
            raise self.mismatch(data)
        arrays = {
            key: field.decode(data[key], reader, f"{where}.{key}") for key, field in fields.items()
        }
        roots = arrays.pop("roots")
        check_topology(roots, arrays)
        firsts = _checked_sets(roots, arrays) if has_sets else None
        trees = []
        for t in range(len(roots) - 1):
            nodes = slice(roots[t], roots[t + 1])
            fields_of_tree = {key: arrays[key][nodes] for key in _NODES}
            if firsts is not None:
                numbers = arrays["category_set"][nodes]
                sets = arrays["category_sets"][firsts[t] : firsts[t + 1]]
                fields_of_tree |= {"category_set": numbers, "category_sets": sets}
            trees.append(Tree(**fields_of_tree))
        return trees


class OneTree(Trees):
    """A single tree."""

    wants = "a tree"

    def encode(self, value: Any, writer: PartWriter, name: str) -> dict[str, Any]:
        return super().encode([value], writer, name)

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        trees = super().decode(data, reader, where)
        if len(trees) != 1:
            raise Mismatch(f"is {len(trees)} trees but should be one")
        return trees[0]


def _joined_sets(trees: Sequence[Tree]) -> dict[str, np.ndarray]:
    """Return the sets of categories of all trees, and where those of each tree begin."""
    from groundup.tree._tree import NUMERIC, SET_WORDS

    if all(tree.category_set is None for tree in trees):
        return {}
    none = np.zeros((0, SET_WORDS), dtype=np.uint32)
    sets = [none if tree.category_sets is None else tree.category_sets for tree in trees]
    numbers = [
        np.full(tree.node_count, NUMERIC, dtype=np.int32)
        if tree.category_set is None
        else tree.category_set
        for tree in trees
    ]
    return {
        "category_set": np.concatenate(numbers),
        "category_sets": np.concatenate(sets),
        "first_sets": np.cumsum([0, *map(len, sets)], dtype=np.int64),
    }


def check_topology(roots: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
    """Check that the arrays are trees: a walk from a root ends in a leaf of the same tree.

    Parameters
    ----------
    roots : (n_trees + 1,) int64 array
        Where each tree begins in the other arrays; the last one is their length.
    arrays : dict of str to array
        The fields of `groundup.tree._tree.Tree`, (n_nodes, ...), numbers of nodes counted from
        their root.

    Raises
    ------
    Mismatch
        They are not.
    """
    from groundup.tree._tree import LEAF, NO_FEATURE

    n = len(arrays["feature"])
    starts = (
        len(roots) >= 2 and roots[0] == 0 and roots[-1] == n and bool((np.diff(roots) > 0).all())
    )
    _need(starts, "has trees that do not follow one another")
    _need(all(len(arrays[key]) == n for key in _NODES), "has nodes of different numbers")
    root = np.repeat(roots[:-1], np.diff(roots))  # (n,) of each node's tree
    end = np.repeat(roots[1:], np.diff(roots))
    node = np.arange(n)
    left, right = (arrays[f"children_{side}"].astype(np.int64) for side in ("left", "right"))
    is_leaf = left == LEAF
    _need(np.array_equal(is_leaf, right == LEAF), "has a node with one child")
    left, right = left[~is_leaf] + root[~is_leaf], right[~is_leaf] + root[~is_leaf]
    parent, last = node[~is_leaf], end[~is_leaf]
    _need((left > parent).all() and (right > parent).all(), "has a child before its parent")
    _need((left < last).all() and (right < last).all(), "has a child outside its tree")
    n_parents = np.bincount(np.concatenate([left, right]), minlength=n)
    n_parents[roots[:-1]] += 1  # a root has none, and may be nobody's child
    _need((n_parents == 1).all(), "has a node without a parent of its own")
    _need(_depth(roots, left, right, is_leaf) <= MOST_QUESTIONS, "has a tree that is too deep")

    feature = arrays["feature"]
    _need((feature[~is_leaf] >= 0).all(), "has a question about no feature")
    _need((feature[is_leaf] == NO_FEATURE).all(), "has a leaf that asks about a feature")
    _need(not np.isnan(arrays["threshold"]).any(), "has a threshold that is no number")
    _need((arrays["missing_go_to_left"] <= 1).all(), "has a missing value go to neither side")
    counts = (arrays["n_node_samples"], arrays["weighted_n_node_samples"])
    _need(all((count >= 0).all() for count in counts), "has a node of less than no rows")


def _depth(roots: np.ndarray, left: np.ndarray, right: np.ndarray, is_leaf: np.ndarray) -> int:
    """Return the most questions on a way from a root to a leaf, level by level."""
    place = np.cumsum(~is_leaf) - 1  # of a node's children among those of all that ask
    level, depth = roots[:-1], 0
    while len(asking := place[level[~is_leaf[level]]]):
        level = np.concatenate([left[asking], right[asking]])
        depth += 1
        if depth > MOST_QUESTIONS:
            break
    return depth


def _checked_sets(roots: np.ndarray, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Check the sets of categories, and return where those of each tree begin."""
    from groundup.tree._tree import LEAF, NUMERIC, SET_WORDS

    number, sets, firsts = (arrays[key] for key in _SETS)
    n_sets = np.diff(firsts)
    follow = len(firsts) == len(roots) and firsts[0] == 0 and firsts[-1] == len(sets)
    _need(follow and (n_sets >= 0).all(), "has sets of categories that no tree has")
    _need(sets.shape[1] == SET_WORDS, "has sets of categories of another size")
    _need(len(number) == len(arrays["feature"]), "has nodes of different numbers")
    most = np.repeat(n_sets, np.diff(roots))
    in_range = (number == NUMERIC) | ((number >= 0) & (number < most))
    _need(in_range.all(), "has a node whose set of categories is not there")
    leaves = arrays["children_left"] == LEAF
    _need((number[leaves] == NUMERIC).all(), "has a leaf that asks about categories")
    return firsts


def _need(condition: object, problem: str) -> None:
    if not condition:
        raise Mismatch(problem, close=True)
