"""The trees of a fitted ensemble, as arrays, and what is made of them when it is first asked for.

Training ends with plain arrays.  Prediction wants them packed side by side; so they are packed at
the first prediction and remembered here, not in the estimator, whose attributes a prediction must
not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import overload

from groundup.tree._traversal import Packed, pack
from groundup.tree._tree import Tree


class TreeSequence(Sequence[Tree]):
    """An immutable sequence of trees.

    Parameters
    ----------
    trees : iterable of Tree
    """

    def __init__(self, trees=()):
        self._trees = tuple(trees)

    @cached_property
    def packed(self) -> Packed:
        """The trees laid out for traversal."""
        return pack(self._trees)

    def __len__(self) -> int:
        return len(self._trees)

    @overload
    def __getitem__(self, index: int) -> Tree: ...

    @overload
    def __getitem__(self, index: slice) -> TreeSequence: ...

    def __getitem__(self, index):
        return TreeSequence(self._trees[index]) if isinstance(index, slice) else self._trees[index]

    def __reduce__(self):
        return TreeSequence, (self._trees,)  # what is packed can be made again

    def __repr__(self) -> str:
        return f"<{len(self)} trees with {sum(t.node_count for t in self):,} nodes>"
