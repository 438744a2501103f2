"""The drawing of the small tree: its root at the left, a leaf in each row at the right.

The thickness of a branch is the share of the rows that go along it. On a narrow screen the same
tree is written as an outline instead, one question below the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from groundup.workflow.report_charts import CLASS_COLOURS, GREY
from groundup.workflow.report_text import count, number, percent, plain

# Sizes in the units of the drawing's viewBox, which are pixels on a wide screen.
_WIDTH, _ROW, _LEAF = 736.0, 38.0, 196.0
_BAR, _BAR_HEIGHT = 64.0, 11.0
_THICKEST, _THINNEST = 15.0, 1.2
_LETTER = 6.4  # about the width of one


@dataclass(frozen=True)
class Bar:
    """One part of a leaf's bar."""

    x: float
    width: float
    colour: str


@dataclass(frozen=True)
class Node:
    """A question or a leaf where it stands in the drawing."""

    x: float
    y: float
    column: str = ""
    test: str = ""
    answer: str = ""  # "yes" or "no": the branch that leads here
    label: str = ""  # of a leaf: what it predicts
    rows: str = ""
    bars: tuple[Bar, ...] = ()
    children: tuple[Node, ...] = ()
    short_column: str = ""
    short_test: str = ""
    short_label: str = ""


@dataclass(frozen=True)
class Branch:
    """The line from a question to what comes next."""

    path: str
    thickness: float
    answer: str
    x: float
    y: float


@dataclass(frozen=True)
class TreeDrawing:
    """What the template needs to draw the tree, and to write it as an outline."""

    width: float
    height: float
    root: Node
    nodes: list[Node]
    branches: list[Branch]
    keys: list[tuple[str, str]]
    description: str
    bar: float = _BAR
    bar_height: float = _BAR_HEIGHT


@dataclass
class _Layout:
    """The state of a walk over the tree."""

    tree: Mapping[str, Any]
    colours: Mapping[int, str]
    positive: int | None
    low: float
    high: float
    column_width: float
    leaf_x: float
    next_row: int = 0
    nodes: list[Node] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)

    def place(self, index: int, depth: int, answer: str) -> Node:
        """Place a node and all below it, the leaves in rows from top to bottom."""
        entry = self.tree["nodes"][index]
        x = 10 + depth * self.column_width
        if "yes" not in entry:
            y = (self.next_row + 0.5) * _ROW
            self.next_row += 1
            label, bars = self._answer(entry["value"])
            node = Node(
                self.leaf_x,
                y,
                answer=answer,
                label=label,
                rows=count(entry["rows"], "row"),
                bars=bars,
                short_label=_fit(label, _LEAF - _BAR - 16),
            )
        else:
            children = tuple(
                self.place(entry[answer], depth + 1, answer) for answer in ("yes", "no")
            )
            y = (children[0].y + children[1].y) / 2
            room = self.column_width - 12
            column, test = plain(entry["column"], 80), plain(entry["test"], 120)
            node = Node(
                x,
                y,
                column=column,
                test=test,
                answer=answer,
                rows=count(entry["rows"], "row"),
                children=children,
                short_column=_fit(column, room),
                short_test=_fit(test, room),
            )
            for child in children:
                below = self.tree["nodes"][entry[child.answer]]
                self.branches.append(self._branch(node, child, below["rows"]))
        self.nodes.append(node)
        return node

    def _branch(self, node: Node, child: Node, rows: int) -> Branch:
        share = rows / max(1, self.tree["nodes"][0]["rows"])
        thickness = max(_THINNEST, _THICKEST * share)
        # The branch leaves its question in the row of the child, so that text stays readable.
        x, bend = node.x, node.x + 16
        end = child.x - (6 if child.children else 10)
        path = f"M{x:.1f} {node.y:.1f}C{x:.1f} {child.y:.1f} {x:.1f} {child.y:.1f} {bend:.1f} "
        path += f"{child.y:.1f}H{end:.1f}"
        beside = child.y - 3 - thickness / 2 if child.y < node.y else child.y + 9 + thickness / 2
        return Branch(path, round(thickness, 1), child.answer, bend + 2, round(beside, 1))

    def _answer(self, value: Sequence[float]) -> tuple[str, tuple[Bar, ...]]:
        """Return what a leaf predicts, and its bar."""
        classes = self.tree.get("classes")
        if not classes:
            mean = value[0]
            # Every leaf between the least and the greatest, and never quite empty.
            share = 0.06 + 0.94 * (mean - self.low) / ((self.high - self.low) or 1)
            return number(mean), (Bar(0, round(share * _BAR, 1), CLASS_COLOURS[0]),)
        k = (
            max(range(len(value)), key=value.__getitem__)
            if self.positive is None
            else self.positive
        )
        bars, x = [], 0.0
        for c in sorted(range(len(value)), key=lambda c: self._place_of_class(c)):
            width = value[c] * _BAR
            if width > 0.2:
                bars.append(Bar(round(x, 1), round(width, 1), self.colours.get(c, GREY)))
            x += width
        if self.positive is not None:
            return _share(value[k]), tuple(bars)
        are = "" if isinstance(classes[k], str) else "are "
        return f"{_share(value[k])} {are}{plain(classes[k], 40)}", tuple(bars)

    def _place_of_class(self, c: int) -> tuple[bool, int]:
        return c != self.positive, c if c in self.colours else len(self.colours) + c


def tree_drawing(
    tree: Mapping[str, Any] | None,
    target: str = "target",
    positive: Any = None,
    common: Sequence[Any] = (),
) -> TreeDrawing | None:
    """Lay the tree out.

    Parameters
    ----------
    tree : mapping or None
        The part ``["explain"]["tree"]`` of ``run.json``.
    target : str, default="target"
        The target's name.
    positive : label, default=None
        For two classes, the one whose share is told.
    common : sequence of labels, default=()
        The classes with a colour of their own, in the order of the colours.

    Returns
    -------
    TreeDrawing or None
        None if there is no tree, or if it asks nothing.
    """
    nodes = (tree or {}).get("nodes") or []
    if tree is None or len(nodes) < 3 or any(None in entry["value"] for entry in nodes):
        return None
    classes = tree.get("classes") or []
    k = classes.index(positive) if len(classes) == 2 and positive in classes else None
    colours = {
        classes.index(label): colour
        for label, colour in zip(common, CLASS_COLOURS, strict=False)
        if label in classes
    }
    if len(classes) == 2:
        k = 1 if k is None else k
        colours = {k: CLASS_COLOURS[0]}
    depth = _depths(nodes)
    leaves = [entry for entry in nodes if "yes" not in entry]
    means = [entry["value"][0] for entry in leaves]
    leaf_x = _WIDTH - _LEAF
    layout = _Layout(
        tree,
        colours,
        k,
        min(means),
        max(means),
        (leaf_x - 10) / max(depth),
        leaf_x,
    )
    root = layout.place(0, 0, "")
    keys = []
    if k is not None:
        keys = [
            (f"{plain(target, 40)} is {plain(classes[c], 40)}", colours.get(c, GREY))
            for c in (k, 1 - k)
        ]
    elif classes:
        of = "" if all(isinstance(label, str) for label in classes) else f"{plain(target, 40)} "
        keys = [(of + plain(classes[c], 40), colour) for c, colour in colours.items()]
        keys += [("all others", GREY)] if len(keys) < len(classes) else []
    return TreeDrawing(
        _WIDTH,
        layout.next_row * _ROW,
        root,
        layout.nodes,
        layout.branches,
        keys,
        f"A decision tree of {count(len(leaves), 'leaf', 'leaves')}; its first question is "
        f"{root.column} {root.test}.",
    )


def _depths(nodes: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return how many questions stand above each node; parents come first."""
    depths = [0] * len(nodes)
    for index, entry in enumerate(nodes):
        for answer in ("yes", "no"):
            if answer in entry:
                depths[entry[answer]] = depths[index] + 1
    return depths


def _share(share: float) -> str:
    """Write a share in whole percents, and never as 0% or 100% unless it is."""
    whole = round(100 * share)
    return percent(whole / 100) if whole not in (0, 100) else percent(share)


def _fit(text: str, room: float) -> str:
    """Shorten a text to about this width; the number that it ends with is kept."""
    most = max(4, int(room / _LETTER))
    if len(text) <= most:
        return text
    for sign in (" ≤ ", " > "):
        begin, found, end = text.rpartition(sign)
        if found and len(end) + 6 < most:
            return begin[: most - len(end) - 4].rstrip() + "…" + found + end
    return text[: most - 1].rstrip() + "…"
