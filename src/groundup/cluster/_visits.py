"""The numbers of DBSCAN's clusters, and the order in which it visits the rows.

Clusters are numbered by their first core row.  From there a cluster grows along the edges that
joined it, each of them a pair of rows within eps: a core row that is visited brings its neighbours
along these edges with it, border rows too, and those of them that are core rows bring theirs.

    visit_order_    all rows: cluster by cluster as they are reached, then the noise in row order
    reached_from_   the core row, visited before, that a row was reached from; -1 for the first of
                    a cluster and for noise

So the finished arrays are the whole story, and `stages` tells it again, a row at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from groundup._kernel import kernel
from groundup.cluster._union_find import find


@kernel
def number_clusters(
    places,  # (n,) in: where a row stands among the points
    is_core,  # (n,) in: of the points
    parent,  # (n,) inout
    labels,  # (n,) inout: -1 at the start; of the core rows among the points
):
    """Return the number of clusters."""
    n_clusters = 0
    for row in range(places.shape[0]):
        i = places[row]
        if is_core[i]:
            root = find(parent, i)
            if labels[root] < 0:
                labels[root] = n_clusters
                n_clusters += 1
            labels[i] = labels[root]
    return n_clusters


@kernel
def visit(
    places,  # (n,) in: where a row stands among the points
    rows,  # (n,) in: which row stands where
    is_core,  # (n,) in: of the points
    labels,  # (n,) in: of the points
    edges,  # (n, 2) in: pairs of points within eps, -1 in a slot without one
    order,  # (n,) out: rows
    reached_from,  # (n,) out: rows, by row
):
    n = places.shape[0]
    # The edges of a point as a chain of half edges 2 s and 2 s + 1, those of the slot s.
    first = np.full(n, -1)
    following = np.full(2 * n, -1)
    for s in range(n - 1, -1, -1):
        if edges[s, 0] >= 0:
            for side in range(2):
                i = edges[s, side]
                following[2 * s + side] = first[i]
                first[i] = 2 * s + side
    seen = np.zeros(n, dtype=np.bool_)
    n_visited, at = 0, 0
    for row in range(n):
        reached_from[row] = -1
    for row in range(n):
        if not is_core[places[row]] or seen[places[row]]:
            continue
        seen[places[row]] = True
        order[n_visited] = row
        n_visited += 1
        while at < n_visited:  # what was visited and has not been asked for its neighbours
            i = places[order[at]]
            at += 1
            half = first[i]
            while half >= 0:
                j = edges[half // 2, 1 - half % 2]
                if not seen[j]:
                    seen[j] = True
                    order[n_visited] = rows[j]
                    reached_from[rows[j]] = rows[i]
                    n_visited += 1
                half = following[half]
    for row in range(n):
        if labels[places[row]] < 0:
            order[n_visited] = row
            n_visited += 1


def stages(dbscan: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each row that a fitted DBSCAN visits, and the labels as they are then.

    Parameters
    ----------
    dbscan : DBSCAN
        A fitted one.

    Yields
    ------
    row : int
    labels : ndarray of shape (n_samples,)
        -1 for rows that are not visited yet, and for noise. The same array each time, which the
        next visit changes.

    Examples
    --------
    >>> from groundup.cluster import DBSCAN
    >>> model = DBSCAN(eps=1, min_samples=2).fit([[0.0], [5.0], [1.0], [6.0], [9.0]])
    >>> for row, labels in stages(model):
    ...     print(row, labels)
    0 [ 0 -1 -1 -1 -1]
    2 [ 0 -1  0 -1 -1]
    1 [ 0  1  0 -1 -1]
    3 [ 0  1  0  1 -1]
    4 [ 0  1  0  1 -1]
    """
    labels = np.full(len(dbscan.labels_), -1)
    for row in dbscan.visit_order_.tolist():
        labels[row] = dbscan.labels_[row]
        yield row, labels
