r"""Ward's linkage from centroids: no matrix of distances, and most distances are never looked at.

Ward merges the two clusters whose merger adds least to the sum of squares within clusters.  That
price needs no more than two centroids c and two sizes s, so nothing is stored but these:

    d(A, B)^2 = 2 s_A s_B / (s_A + s_B) ||c_A - c_B||^2  =  2 ||c_A - c_B||^2 / (1/s_A + 1/s_B)

(twice what the sum of squares grows by: for two rows it is their squared distance).

Two clusters that are each other's nearest may be merged at once, and in any order, because Ward's
linkage is reducible (see `_chain`).  So it goes in rounds:

    repeat:  find the nearest cluster of every cluster that does not know it   (in parallel)
             merge all pairs that are each other's nearest
             who lost its nearest cluster that way, does not know it any more

A round merges up to half of all clusters.  When a few thousand are left, or a round hardly finds
pairs, they are merged along a nearest-neighbour chain, as in `_chain`.  In rounds ties go to the
cluster that was made first; with such an order of all pairs there is always one pair to merge.  The
chain prefers the cluster that it came from.

The nearest cluster is searched in a k-d tree of the centroids (see `_centroid_tree`).  It is built
anew for each round, and in the chain when half of its clusters are gone.

Rows that are equal cost nothing to merge; among many rows they are merged before all this.

Cost: about 3 n searches, each O(log n) in a few dimensions and up to O(n d) in many; memory O(n d).

References
----------
.. [1] J. H. Ward, "Hierarchical grouping to optimize an objective function", Journal of the
   American Statistical Association 58(301), 1963.
.. [2] M. Bruynooghe, "Classification ascendante hiérarchique des grands ensembles de données: un
   algorithme rapide fondé sur la construction des voisinages réductibles", Les cahiers de l'analyse
   des données 3(1), 1978.
.. [3] F. Murtagh and P. Legendre, "Ward's hierarchical agglomerative clustering method: which
   algorithms implement Ward's criterion?", Journal of Classification 31(3), 2014.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.cluster._centroid_tree import (
    FEW,
    GONE,
    UNKNOWN,
    in_tree,
    out_of_tree,
    search,
    search_groups,
)
from groundup.cluster._dendrogram import Dendrogram, merges_by_height
from groundup.cluster._equal_rows import merge_equal_rows

MANY = 4096  # from so many clusters on they are merged in rounds


class Merges(NamedTuple):
    """The merges in the order in which they are made."""

    pairs: np.ndarray  # (n - 1, 2) int64
    heights: np.ndarray  # (n - 1,) float64: ||c_A - c_B||^2 / (1/s_A + 1/s_B)
    sizes: np.ndarray  # (n - 1,) int64


@kernel
def _merge(
    points,  # (l, d, w) inout
    shares,  # (l * w,) inout
    nodes,  # (l * w,) inout
    near,  # (l * w, 2) inout: of one that is gone, where it went
    boxes,  # (2 l - 1, 2, d) inout
    merges,  # Merges inout
    merge,  # int in: which one this is
    a,  # int in: here the merged cluster stands
    b,  # int in: this one is gone
):
    pairs, heights, sizes = merges
    n = heights.shape[0] + 1
    n_leaves, d, w = points.shape
    leaf, i, other, j = a // w, a % w, b // w, b % w
    total = 0.0
    for f in range(d):
        difference = points[leaf, f, i] - points[other, f, j]
        total += difference * difference
    height = total / (shares[a] + shares[b])
    size = 0
    # Rounding must not put a node below its parts.
    for part in (nodes[a], nodes[b]):
        if part >= n:
            height = max(height, heights[part - n])
            size += sizes[part - n]
        else:
            size += 1
    pairs[merge, 0], pairs[merge, 1] = nodes[a], nodes[b]
    heights[merge], sizes[merge] = height, size
    # c = c_A + s_B / (s_A + s_B) (c_B - c_A)
    weight = shares[a] / (shares[a] + shares[b])
    for f in range(d):
        points[leaf, f, i] += weight * (points[other, f, j] - points[leaf, f, i])
    points[other, 0, j] = np.inf
    shares[a] = 1.0 / size
    nodes[a], nodes[b] = n + merge, GONE
    near[a, 0], near[a, 1] = b, UNKNOWN
    near[b, 0] = a
    box = n_leaves - 1 + leaf
    while True:
        for f in range(d):
            boxes[box, 0, f] = min(boxes[box, 0, f], points[leaf, f, i])
            boxes[box, 1, f] = max(boxes[box, 1, f], points[leaf, f, i])
        if box == 0:
            break
        box = (box - 1) // 2


@kernel
def _merge_pairs(
    clusters,  # Clusters inout: all know their nearest
    merges,  # Merges inout
    merge,  # int in: the number of the next merge
):
    points, shares, nodes, near, boxes, _ = clusters
    for a in range(nodes.shape[0]):
        if nodes[a] != GONE:
            b = near[a, 0]
            # What was merged just now has another node.
            mutual = near[a, 1] == nodes[b] and near[b, 0] == a and near[b, 1] == nodes[a]
            if mutual:
                _merge(points, shares, nodes, near, boxes, merges, merge, a, b)
                merge += 1
    return merge


@kernel
def _walk(
    clusters,  # Clusters inout
    merges,  # Merges inout
    merge,  # int in: the number of the next merge
    last,  # int in: the number of the merge to end with
):
    points, shares, nodes, near, boxes, box_shares = clusters
    _, d, w = points.shape
    totals, centers, best = np.empty(w), np.empty((3, d)), np.empty(1)
    waiting, gaps = np.empty(64, dtype=np.int64), np.empty(64)
    chain = np.empty(nodes.shape[0] + 1, dtype=np.int64)
    ranks = np.arange(nodes.shape[0])
    length = 0
    start = 0
    while merge <= last:
        if length == 0:
            while nodes[start] == GONE:
                start += 1
            chain[0] = start
            length = 1
        a = chain[length - 1]
        before = chain[length - 2] if length > 1 else a
        # Of clusters that are as near the one before in the chain is the nearest.
        ranks[before] = -1
        search(
            points,
            shares,
            nodes,
            ranks,
            near,
            boxes,
            box_shares,
            chain,
            length - 1,
            length,
            totals,
            centers,
            best,
            waiting,
            gaps,
        )
        ranks[before] = before
        b = near[a, 0]
        mutual = length > 1 and b == before
        # No chain is longer than there are clusters, unless rounding closed it to a ring.
        if mutual or length == chain.shape[0]:
            _merge(points, shares, nodes, near, boxes, merges, merge, max(a, b), min(a, b))
            merge += 1
            length = length - 2 if mutual else 0
        else:
            chain[length] = b
            length += 1


def ward_merges(X: np.ndarray, n_threads: int = 1) -> Dendrogram:
    """Agglomerate rows by Ward's linkage.

    Parameters
    ----------
    X : ndarray of shape (n, d), float64
        Finite, and so are the squares of all distances, times n.
    n_threads : int, default=1

    Returns
    -------
    Dendrogram

    Examples
    --------
    >>> ward_merges(np.array([[0.0], [4.0], [1.0]])).distances  # the second: sqrt(4/3) 3.5
    array([1.        , 4.04145188])
    """
    n = len(X)
    merges = Merges(
        np.empty((n - 1, 2), dtype=np.int64), np.empty(n - 1), np.empty(n - 1, dtype=np.int64)
    )
    sizes, nodes, merge = np.ones(n), np.arange(n), 0
    if n > FEW:
        X, sizes, nodes, merge = merge_equal_rows(X, *merges)
    near = np.full((len(X), 2), UNKNOWN)
    near[:, 0] = 0
    in_rounds = True
    while merge < n - 1:
        m = n - merge  # clusters
        clusters = in_tree(X, sizes, nodes, near)
        if in_rounds and m >= MANY:
            unknown = clusters.near[:, 1] != clusters.nodes[clusters.near[:, 0]]
            asked = np.flatnonzero(unknown & (clusters.nodes != GONE))
            leaf = asked // clusters.points.shape[2]
            bounds = np.concatenate([[0], np.flatnonzero(np.diff(leaf)) + 1, [len(asked)]])
            search_groups(clusters, asked, bounds, n_threads=n_threads)
            before, merge = merge, _merge_pairs(clusters, merges, merge)
            in_rounds = merge - before > m // 50
        else:
            last = merge + m // 2 if m > FEW else n - 2
            _walk(clusters, merges, merge, last)
            merge = last + 1
        if merge < n - 1:
            X, sizes, nodes, near = out_of_tree(clusters)
    tree = merges_by_height(*merges)
    return tree._replace(distances=np.sqrt(2.0 * tree.distances))
