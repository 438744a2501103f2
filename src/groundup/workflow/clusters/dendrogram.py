"""The last merges of a hierarchy, laid out to be drawn.

A merge tree begins with every row alone and joins the two closest groups until one is left. Its
last thirty merges are what is worth looking at: a long way up without a merge says that the groups
below it are far apart, and the line that cuts the tree there leaves as many groups as it crosses.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup.workflow.clusters.grouping import Evidence, Grouping

_MOST_LEAVES = 30


def dendrogram_part(evidence: Evidence, clusters: np.ndarray | None) -> dict[str, Any] | None:
    """Return the dendrogram of the chosen hierarchy, or of the best one that was tried.

    Parameters
    ----------
    evidence : Evidence
    clusters : int ndarray of shape (n,) or None
        1, 2, ...; -1 is none.

    Returns
    -------
    dict or None
        `tree_layout` with ``"title"``, ``"n_clusters"`` and ``"is_chosen"``; None where no
        hierarchy was tried.
    """
    grouping = _hierarchy(evidence)
    if grouping is None:
        return None
    linkage = np.asarray(grouping.estimator.linkage_)
    if clusters is not None and len(clusters) != len(linkage) + 1:
        clusters = None  # it was fitted to a sample
    layout = tree_layout(linkage, grouping.n_clusters, clusters)
    return layout | {
        "title": grouping.title,
        "n_clusters": grouping.n_clusters,
        "is_chosen": grouping is evidence.chosen,
        "rows": len(linkage) + 1,
    }


def _hierarchy(evidence: Evidence) -> Grouping | None:
    if evidence.chosen is not None and hasattr(evidence.chosen.estimator, "linkage_"):
        return evidence.chosen
    tried = [g for g in evidence.candidates if hasattr(g.estimator, "linkage_")]
    chosen = evidence.chosen
    if chosen is not None:
        level = [g for g in tried if g.n_clusters == chosen.n_clusters]
        tried = level or tried
    return max(tried, key=lambda g: g.measures.get("silhouette") or -1.0, default=None)


def tree_layout(
    linkage: np.ndarray, n_clusters: int, clusters: np.ndarray | None = None
) -> dict[str, Any]:
    """Lay the last merges out, leaves from left to right.

    Parameters
    ----------
    linkage : ndarray of shape (n - 1, 4)
        SciPy's format: the two that merge, their distance, and the rows in the whole.
    n_clusters : int
        Where to cut.
    clusters : int ndarray of shape (n,) or None
        Which clusters the rows are in, to give each branch that of its rows.

    Returns
    -------
    dict
        ``leaves``: ``[{"rows", "cluster"}]`` from left to right; ``branches``:
        ``[{"x", "y", "x2", "y2", "cluster"}]``, level or upright lines, x in leaves from 0 on;
        ``cut``: the height of the cutting line. A cluster is 0 where rows of several are below.

    Examples
    --------
    >>> tree = tree_layout(np.array([[0, 1, 1.0, 2], [2, 3, 4.0, 3]]), 2)
    >>> [leaf["rows"] for leaf in tree["leaves"]], tree["cut"]
    ([1, 1, 1], 2.5)
    """
    n = len(linkage) + 1
    n_leaves = min(_MOST_LEAVES, n)
    first = 2 * n - n_leaves  # nodes from here on are merges that are drawn
    children = linkage[:, :2].astype(np.int64)
    heights = np.concatenate([np.zeros(n), linkage[:, 2]])
    below = _clusters_below(children, n, clusters)

    # An explicit stack, the first child first: leaves come out from left to right.
    x: dict[int, float] = {}
    leaves: list[dict[str, Any]] = []
    stack = [2 * n - 2]
    while stack:
        node = stack.pop()
        if node < first:
            x[node] = float(len(leaves))
            rows = 1 if node < n else int(linkage[node - n, 3])
            leaves.append({"rows": rows, "cluster": int(below[node])})
        else:
            stack += [int(children[node - n, 1]), int(children[node - n, 0])]

    branches: list[dict[str, Any]] = []
    for node in range(first, 2 * n - 1):  # a merge comes after what it merges
        a, b = (int(child) for child in children[node - n])
        x[node], top = (x[a] + x[b]) / 2, float(heights[node])
        for child in (a, b):
            foot = float(heights[child]) if child >= first else 0.0
            cluster = int(below[child])
            branches.append({"x": x[child], "y": foot, "x2": x[child], "y2": top})
            branches[-1]["cluster"] = cluster
            branches.append({"x": x[child], "y": top, "x2": x[node], "y2": top, "cluster": cluster})
    cut = None
    if 2 <= n_clusters <= n_leaves:
        last = float(linkage[n - n_clusters - 1, 2]) if n_clusters < n else 0.0
        cut = (last + float(linkage[n - n_clusters, 2])) / 2
    return {"leaves": leaves, "branches": branches, "cut": cut}


def _clusters_below(children: np.ndarray, n: int, clusters: np.ndarray | None) -> np.ndarray:
    """Return the one cluster that all rows below a node are in; 0 where there are several."""
    below = np.zeros(2 * n - 1, np.int64)
    if clusters is None:
        return below
    below[:n] = np.maximum(clusters, 0)
    for node, (a, b) in enumerate(children, start=n):
        below[node] = below[a] if below[a] == below[b] else 0
    return below
