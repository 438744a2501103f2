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

A round merges about half of all clusters as long as there are many.  When a few thousand are left, or
a round hardly finds pairs, they are merged along a nearest-neighbour chain.  Ties go to the cluster
that was made first; with such an order of all pairs there is always one pair to merge.

The nearest cluster is searched in a k-d tree of the centroids (see `neighbors._kd_tree`).  A box holds
nothing of interest for A when even its nearest point, with the least size s in the box, is too far:

    2 gap(c_A, box)^2 / (1/s_A + 1/s) > d(A, the nearest so far)^2

A merged cluster takes the place of one of its parts, and boxes are stretched to hold it; when half of
the clusters are gone the tree is built anew.

Rows that are equal cost nothing to merge, and are merged before all this.

Cost: about 3 n searches, each O(log n) in a few dimensions and up to O(n d) in many; memory O(n d).

References
----------
.. [1] J. H. Ward, "Hierarchical grouping to optimize an objective function", Journal of the American
   Statistical Association 58(301), 1963.
.. [2] M. Bruynooghe, "Classification ascendante hiérarchique des grands ensembles de données: un
   algorithme rapide fondé sur la construction des voisinages réductibles", Les cahiers de l'analyse
   des données 3(1), 1978.
.. [3] F. Murtagh and P. Legendre, "Ward's hierarchical agglomerative clustering method: which
   algorithms implement Ward's criterion?", Journal of Classification 31(3), 2014.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.cluster._dendrogram import Dendrogram, merges_by_height
from groundup.neighbors._kd_tree import grow

LEAF = 128  # centroids in a leaf, at most
FEW = 1024  # so many clusters stay in one leaf, and are looked at one and all
MANY = 4096  # from so many clusters on they are merged in rounds
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


class Merges(NamedTuple):
    """The merges in the order in which they are made."""

    pairs: np.ndarray  # (n - 1, 2) int64
    heights: np.ndarray  # (n - 1,) float64: ||c_A - c_B||^2 / (1/s_A + 1/s_B)
    sizes: np.ndarray  # (n - 1,) int64


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
    lower,  # (q, d) in: row i of both is the box whose squared distance from `box` is asked for
    upper,  # (q, d) in
    i,  # int in
):
    d = boxes.shape[2]
    total = 0.0
    for f in range(d):
        outside = max(boxes[box, 0, f] - upper[i, f], 0.0, lower[i, f] - boxes[box, 1, f])
        total += outside * outside
    # A little less than it is, so that rounding never hides a cluster on the very border.
    return total * (1.0 - (d + 8) * 2.0**-50)


@kernel
def _search(
    points,  # (l, d, w) in
    shares,  # (l * w,) in
    nodes,  # (l * w,) in
    near,  # (l * w, 2) inout: of the clusters asked for
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
                left = _gap(boxes, 2 * box + 1, centers, centers[1:], q)
                right = _gap(boxes, 2 * box + 2, centers, centers[1:], q)
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
                if limit == np.inf or _gap(boxes, box, centers, centers, i) <= limit:
                    _squared_distances(points, leaf, centers, i, totals)
                    for piece in range(start, start + w, LANES):
                        within = 0
                        for j in range(LANES):
                            within += totals[piece - start + j] <= best[i] * (
                                share + shares[piece + j]
                            )
                        if within > 0:
                            for place in range(piece, piece + LANES):
                                price = totals[place - start] / (share + shares[place])
                                earlier = price == best[i] and nodes[place] < near[own, 1]
                                if (price < best[i] or earlier) and place != own:
                                    best[i] = price
                                    near[own, 0], near[own, 1] = place, nodes[place]
                reach = max(reach, best[i] * share)
                best_reach = max(best_reach, best[i])
        if climbed == 0:
            break
        sibling = climbed - 1 if climbed % 2 == 0 else climbed + 1
        climbed = (climbed - 1) // 2
        waiting[0], gaps[0] = sibling, _gap(boxes, sibling, centers, centers[1:], q)
        n_waiting = 1


@block_kernel
def _search_groups(
    clusters,  # Clusters inout
    asked,  # (m,) in: places, ascending
    bounds,  # (g + 1,) in: group i is asked[bounds[i]] to asked[bounds[i + 1]], of one leaf
):
    points, shares, nodes, near, boxes, box_shares = clusters
    for group in prange(bounds.shape[0] - 1):
        _, d, w = points.shape
        totals, centers, best = np.empty(w), np.empty((w + 2, d)), np.empty(w)
        waiting, gaps = np.empty(64, dtype=np.int64), np.empty(64)
        _search(
            points,
            shares,
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
    length = 0
    start = 0
    while merge <= last:
        if length == 0:
            while nodes[start] == GONE:
                start += 1
            chain[0] = start
            length = 1
        a = chain[length - 1]
        if near[a, 1] != nodes[near[a, 0]]:
            _search(
                points,
                shares,
                nodes,
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
        b = near[a, 0]
        if length > 1 and b == chain[length - 2]:
            _merge(points, shares, nodes, near, boxes, merges, merge, a, b)
            merge += 1
            length -= 2
        else:
            chain[length] = b
            length += 1


def _in_tree(X: np.ndarray, sizes: np.ndarray, nodes: np.ndarray, near: np.ndarray) -> Clusters:
    """Put m clusters into a k-d tree.

    `near` (m, 2) holds for each of them which of them is the nearest, and its node by then.
    """
    m, d = X.shape
    for tree in grow(X, LEAF if m > FEW else FEW):
        pass
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


def _out_of_tree(clusters: Clusters) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the arguments of `_in_tree` for the clusters that are left."""
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
    X, sizes, nodes, merge = _merge_equal_rows(X, merges)
    near = np.full((len(X), 2), UNKNOWN)
    near[:, 0] = 0
    in_rounds = True
    while merge < n - 1:
        m = n - merge  # clusters
        clusters = _in_tree(X, sizes, nodes, near)
        if in_rounds and m >= MANY:
            unknown = clusters.near[:, 1] != clusters.nodes[clusters.near[:, 0]]
            asked = np.flatnonzero(unknown & (clusters.nodes != GONE))
            leaf = asked // clusters.points.shape[2]
            bounds = np.concatenate([[0], np.flatnonzero(np.diff(leaf)) + 1, [len(asked)]])
            _search_groups(clusters, asked, bounds, n_threads=n_threads)
            before, merge = merge, _merge_pairs(clusters, merges, merge)
            in_rounds = merge - before > m // 50
        else:
            last = merge + m // 2 if m > FEW else n - 2
            _walk(clusters, merges, merge, last)
            merge = last + 1
        X, sizes, nodes, near = _out_of_tree(clusters)
    tree = merges_by_height(*merges)
    return tree._replace(distances=np.sqrt(2.0 * tree.distances))


def _merge_equal_rows(X, merges):
    """Merge rows that are equal.

    Returns the distinct rows, how many rows each stands for, their nodes, and how many merges that
    made.
    """
    n = len(X)
    # Rows whose sums over mixed bits are equal stand side by side once these are sorted.
    bits = (X + 0.0).view(np.uint64)  # + 0.0: -0.0 is 0.0
    bits = (bits ^ (bits >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(32)
    odd = np.random.default_rng(0).integers(2**63, size=X.shape[1], dtype=np.uint64) * 2 + 1
    sums = bits @ odd
    order = np.argsort(sums, kind="stable")
    candidate = np.flatnonzero(sums[order[1:]] == sums[order[:-1]])
    same = (X[order[candidate + 1]] == X[order[candidate]]).all(axis=1)
    if not same.any():
        return X, np.ones(n), np.arange(n), 0
    again = np.zeros(n, dtype=bool)
    again[candidate[same] + 1] = True
    starts = np.flatnonzero(~again)  # (m,) in the sorted order
    counts = np.diff(np.append(starts, n))
    merge = int(again.sum())
    # A set of equal rows r_1, r_2, r_3, ... is merged as ((r_1, r_2), r_3), ...
    group = np.repeat(np.arange(len(starts)), counts)[again]  # (merge,)
    nth = np.flatnonzero(again) - starts[group]  # 1 for the second row of a set
    made = np.arange(n, n + merge)
    merges.pairs[:merge, 0] = np.where(nth == 1, order[starts[group]], made - 1)
    merges.pairs[:merge, 1] = order[again]
    merges.heights[:merge] = 0.0
    merges.sizes[:merge] = nth + 1
    nodes = order[starts]
    nodes[group] = made  # the last one stays
    return X[order[starts]], counts.astype(np.float64), nodes, merge
