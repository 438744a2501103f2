"""Changing a bundle on purpose: with new hashes and a new digest, as an attacker would."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from groundup.bundle.manifest import ARRAYS, GOLDEN, MANIFEST


def read_tree(folder: Path) -> dict[str, Any]:
    return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))


def write_tree(folder: Path, tree: dict[str, Any], *, rehash: bool = True) -> None:
    """Write a manifest with a digest that fits, and the hashes of the files as they are."""
    tree = dict(tree)
    if rehash and isinstance(tree.get("files"), dict):
        for name in (ARRAYS, GOLDEN):
            data = (folder / name).read_bytes()
            tree["files"][name] = {"bytes": len(data), "sha256": sha256(data).hexdigest()}
    sign(folder, json.dumps({**tree, "digest": "0" * 64}, indent=2, ensure_ascii=False) + "\n")


def sign(folder: Path, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    digest = sha256(data).hexdigest().encode()
    (folder / MANIFEST).write_bytes(data.replace(b"0" * 64, digest, 1))


def all_places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a tree, the root left out."""
    items: Any = []
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree)
    found = []
    for key, value in items:
        found += [(*path, key), *all_places(value, (*path, key))]
    return found


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


ODD_VALUES: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True,
    lambda: -1,
    lambda: 0,
    lambda: 1,
    lambda: 2**31,
    lambda: 10**30,
    lambda: 1e308,
    lambda: -0.0,
    lambda: "",
    lambda: "os.system",
    lambda: "drop",
    lambda: "passthrough",
    lambda: "(a+)+$",
    lambda: "\0",
    list,
    dict,
    lambda: [None],
    lambda: {"float": "nan"},
    lambda: {"float": "inf"},
    lambda: {"array": "0.Pipeline.steps"},
    lambda: {"array": "../../etc/passwd"},
    lambda: {"dtype": "object", "values": ["a", None, 1]},
    lambda: {"dtype": "str999999", "values": ["a"]},
    lambda: {"kind": "Pipeline", "params": {}, "fitted": {}},
    lambda: {"kind": "__import__('os')", "params": {}, "fitted": {}},
    lambda: nested(50),
    lambda: nested(3000),
]


def tampered(tree: dict[str, Any], random_state: random.Random) -> dict[str, Any]:
    """Return the tree with one value changed, removed, added or exchanged."""
    tree = copy.deepcopy(tree)
    places = all_places(tree)
    place = random_state.choice(places)
    parent: Any = tree
    for key in place[:-1]:
        parent = parent[key]
    key = place[-1]
    how = random_state.randrange(6)
    if how == 0:
        del parent[key]
    elif how == 1:
        other: Any = tree
        for step in random_state.choice(places):
            other = other[step]
        parent[key] = copy.deepcopy(other)
    elif how == 2 and isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
        parent[key] = random_state.choice([-parent[key], parent[key] + 1, parent[key] * 1000 + 7])
    elif how == 3 and isinstance(parent[key], list):
        parent[key] = random_state.choice(
            [parent[key] * 2, parent[key][:-1], parent[key][::-1], [parent[key]]]
        )
    elif how == 4 and isinstance(parent[key], dict):
        parent[key]["__class__"] = "os.system"
    else:
        parent[key] = random_state.choice(ODD_VALUES)()
    return tree
