"""Clusters in a k-d tree: the one that is nearest in Ward's sense, found without a look at most.

Every cluster is a centroid c with a size s, and the price of a merger of two is

    ||c_A - c_B||^2 / (1/s_A + 1/s_B).

The tree halves the clusters by their centroids (see `neighbors._kd_tree`).  For the cluster A a box
is of no interest where even a cluster at its nearest point, with the least size s in it, costs more
than the cheapest so far:

    gap(c_A, box)^2 > cheapest (1/s_A + 1/s)

So the search begins in A's own leaf, climbs, and looks into the other side of each split only if it
has to.  Clusters of one leaf are searched for together: what is fetched from memory for one is at
hand for the others.  In many features, where no box can be passed over, that is what counts.

A merged cluster takes the place of one of its parts, and its boxes are stretched to hold it.  Sizes
only grow, so the least size of a box stays a bound.

Cost: a search about O(log m) among m clusters in a few features, O(m d) in many; memory O(m d).

References
----------
.. [1] J. H. Friedman, J. L. Bentley and R. A. Finkel, "An algorithm for finding best matches in
   logarithmic expected time", ACM Transactions on Mathematical Software 3(3), 1977.
.. [2] W. B. March, P. Ram and A. G. Gray, "Fast Euclidean minimum spanning tree: algorithm,
   analysis, and applications", KDD 2010: searching for a whole leaf at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.neighbors._kd_tree import grow

LEAF = 128  # centroids in a leaf, at most
FEW = 1024  # so many clusters stay in one leaf, and are looked at one and all
LANES = 16  # a leaf has room for a multiple of these, so that its loops are of vector instructions
GONE = -1  # the node of a cluster that was merged into another, and where no cluster stands
UNKNOWN = -2  # the node that is nearest to a cluster
FARTHEST, LATEST = float(np.finfo(np.float64).max), np.iinfo(np.int64).max


class Clusters(NamedTuple):
    """The clusters of the moment, each at a place in a leaf of the k-d tree.

    There are l leaves with room for w clusters each: place p is in leaf p // w.
    """

    points: np.ndarray  # (l, d, w) float64: centroids as columns; infinity where none is
    shares: np.ndarray  # (l * w,) float64: 1 / size
    nodes: np.ndarray  # (l * w,) int64: which node of the dendrogram it is, or GONE
    near: np.ndarray  # (l * w, 2) int64: the place of its nearest cluster, and its node by then
    boxes: np.ndarray  # (2 l - 1, 2, d) float64: node i has the children 2i + 1 and 2i + 2
    box_shares: np.ndarray  # (2 l - 1,) float64: the greatest 1 / size in a box, or more


@kernel
def _squared_distances(
    points,  # (l, d, w) in
    leaf,  # int in
    centers,  # (q, d) in
    i,  # int in: from this one of them
    totals,  # (w,) out
):
    d, w = points.shape[1], points.shape[2]
    for j in range(w):
        difference = points[leaf, 0, j] - centers[i, 0]
        totals[j] = difference * difference
    # The totals are written once for four features, and not for each.
    odd = 1 + (d - 1) % 4
    for f in range(1, odd):
        value = centers[i, f]
        for j in range(w):
            difference = points[leaf, f, j] - value
            totals[j] += difference * difference
    for f in range(odd, d, 4):
        value0, value1 = centers[i, f], centers[i, f + 1]
        value2, value3 = centers[i, f + 2], centers[i, f + 3]
        for j in range(w):
            difference0 = points[leaf, f, j] - value0
            difference1 = points[leaf, f + 1, j] - value1
            difference2 = points[leaf, f + 2, j] - value2
            difference3 = points[leaf, f + 3, j] - value3
            totals[j] += (difference0 * difference0 + difference1 * difference1) + (
                difference2 * difference2 + difference3 * difference3
            )


@kernel
def _gap(
    boxes,  # (2 l - 1, 2, d) in
    box,  # int in
    corners,  # (q + 2, d) in
    lower,  # int in: from row `lower` to row `upper` of the corners is the other box
    upper,  # int in
):
    d = boxes.shape[2]
    total = 0.0
    for f in range(d):
        outside = max(
            boxes[box, 0, f] - corners[upper, f], 0.0, corners[lower, f] - boxes[box, 1, f]
        )
        total += outside * outside
    # A little less than it is, so that rounding never hides a cluster on the very border.
    return total * (1.0 - (d + 8) * 2.0**-50)


@kernel
def search(
    points,  # (l, d, w) in
    shares,  # (l * w,) in
    nodes,  # (l * w,) in
    ranks,  # (l * w,) in: of clusters that are as near, that of the lowest rank is the nearest
    near,  # (l * w, 2) inout: of the clusters asked for, the nearest one's place and rank
    boxes,  # (2 l - 1, 2, d) in
    box_shares,  # (2 l - 1,) in
    asked,  # (q,) in: places, ascending
    first,  # int in: asked[first] to asked[stop - 1] are searched for,
    stop,  # int in: and stand in one leaf
    totals,  # (w,) scratch
    centers,  # (w + 2, d) scratch
    best,  # (w,) scratch
    waiting,  # (64,) scratch: boxes that wait
    gaps,  # (64,) scratch: their distances
):
    n_leaves, d, w = points.shape
    # They are searched for together: what is fetched from memory for one is at hand for all.
    q = stop - first
    for f in range(d):
        least, greatest = np.inf, -np.inf
        for i in range(q):
            place = asked[first + i]
            centers[i, f] = points[place // w, f, place % w]
            least = min(least, centers[i, f])
            greatest = max(greatest, centers[i, f])
        centers[q, f], centers[q + 1, f] = least, greatest
    for i in range(q):
        # The nearest is no farther away than what the former nearest has become.
        own = asked[first + i]
        place = near[own, 0]
        best[i] = FARTHEST
        near[own, 1] = LATEST
        if nodes[place] != GONE and place != own:
            total = 0.0
            for f in range(d):
                difference = points[place // w, f, place % w] - centers[i, f]
                total += difference * difference
            # A little more than it is: the search rounds otherwise.
            best[i] = total / (shares[own] + shares[place]) * (1.0 + 1e-9) + 1e-300
    # No box is of interest that is farther away than  max_i best_i s_i + max_i best_i s.
    reach, best_reach = FARTHEST, FARTHEST
    climbed = n_leaves - 1 + asked[first] // w  # below this box all was looked at, or waits
    waiting[0], gaps[0] = climbed, 0.0
    n_waiting = 1
    while True:
        while n_waiting > 0:
            n_waiting -= 1
            box = waiting[n_waiting]
            if gaps[n_waiting] > reach + best_reach * box_shares[box]:
                continue
            if box < n_leaves - 1:
                # The nearer child goes on the stack last, so that it is looked at first.
                left = _gap(boxes, 2 * box + 1, centers, q, q + 1)
                right = _gap(boxes, 2 * box + 2, centers, q, q + 1)
                left_last = left <= right
                waiting[n_waiting] = 2 * box + 1 + left_last
                waiting[n_waiting + 1] = 2 * box + 2 - left_last
                gaps[n_waiting] = max(left, right)
                gaps[n_waiting + 1] = min(left, right)
                n_waiting += 2
                continue
            leaf = box - (n_leaves - 1)
            start = leaf * w
            reach, best_reach = 0.0, 0.0
            for i in range(q):
                own = asked[first + i]
                share = shares[own]
                limit = best[i] * (share + box_shares[box])
                if limit == np.inf or _gap(boxes, box, centers, i, i) <= limit:
                    _squared_distances(points, leaf, centers, i, totals)
                    if own // w == leaf:
                        totals[own - start] = np.inf
                    for piece in range(start, start + w, LANES):
                        within = 0
                        for j in range(LANES):
                            within += totals[piece - start + j] <= best[i] * (
                                share + shares[piece + j]
                            )
                        if within > 0:
                            for place in range(piece, piece + LANES):
                                both = share + shares[place]
                                if totals[place - start] <= best[i] * both:
                                    price = totals[place - start] / both
                                    earlier = price == best[i] and ranks[place] < near[own, 1]
                                    if price < best[i] or earlier:
                                        best[i] = price
                                        near[own, 0], near[own, 1] = place, ranks[place]
                reach = max(reach, best[i] * share)
                best_reach = max(best_reach, best[i])
        if climbed == 0:
            break
        sibling = climbed - 1 if climbed % 2 == 0 else climbed + 1
        climbed = (climbed - 1) // 2
        waiting[0], gaps[0] = sibling, _gap(boxes, sibling, centers, q, q + 1)
        n_waiting = 1


@block_kernel
def search_groups(
    clusters,  # Clusters inout
    asked,  # (m,) in: places, ascending
    bounds,  # (g + 1,) in: group i is asked[bounds[i]] to asked[bounds[i + 1]], of one leaf
):
    points, shares, nodes, near, boxes, box_shares = clusters
    for group in prange(bounds.shape[0] - 1):
        _, d, w = points.shape
        totals, centers, best = np.empty(w), np.empty((w + 2, d)), np.empty(w)
        waiting, gaps = np.empty(64, dtype=np.int64), np.empty(64)
        search(
            points,
            shares,
            nodes,
            nodes,
            near,
            boxes,
            box_shares,
            asked,
            bounds[group],
            bounds[group + 1],
            totals,
            centers,
            best,
            waiting,
            gaps,
        )


def in_tree(X: np.ndarray, sizes: np.ndarray, nodes: np.ndarray, near: np.ndarray) -> Clusters:
    """Put m clusters into a k-d tree.

    `near` (m, 2) holds for each of them which of them is the nearest, and its node by then.
    """
    m, d = X.shape
    *_, tree = grow(X, LEAF if m > FEW else FEW)
    n_leaves = 2**tree.depth
    counts = (tree.stops - tree.starts)[n_leaves - 1 :]  # (l,)
    w = -(-int(counts.max()) // LANES) * LANES
    filled = np.arange(w) < counts[:, None]  # (l, w)
    points = np.zeros((n_leaves, d, w))
    points[:, 0] = np.inf
    points.transpose(0, 2, 1)[filled] = X[tree.rows]
    place = np.flatnonzero(filled)  # (m,) of the rows in the tree's order
    shares, names = np.ones(n_leaves * w), np.full(n_leaves * w, GONE)
    shares[place], names[place] = 1.0 / sizes[tree.rows], nodes[tree.rows]
    places = np.empty(m, dtype=np.int64)
    places[tree.rows] = place
    nearest = np.zeros((n_leaves * w, 2), dtype=np.int64)
    nearest[:, 1] = UNKNOWN
    nearest[place, 0], nearest[place, 1] = places[near[tree.rows, 0]], near[tree.rows, 1]
    box_shares = np.empty(2 * n_leaves - 1)
    box_shares[n_leaves - 1 :] = (shares.reshape(n_leaves, w) * filled).max(axis=1)
    for box in range(n_leaves - 2, -1, -1):
        box_shares[box] = max(box_shares[2 * box + 1], box_shares[2 * box + 2])
    return Clusters(points, shares, names, nearest, tree.boxes, box_shares)


def out_of_tree(clusters: Clusters) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the arguments of `in_tree` for the clusters that are left."""
    points, shares, nodes, near, _, _ = clusters
    kept = np.flatnonzero(nodes != GONE)
    numbers = np.zeros(len(nodes), dtype=np.int64)
    numbers[kept] = np.arange(len(kept))
    X = np.ascontiguousarray(points[kept // points.shape[2], :, kept % points.shape[2]])
    place = near[kept, 0]
    known = near[kept, 1] == nodes[place]
    place = np.where(nodes[place] == GONE, near[place, 0], place)
    nearest = np.column_stack([numbers[place], np.where(known, near[kept, 1], UNKNOWN)])
    return X, 1.0 / shares[kept], nodes[kept], nearest
