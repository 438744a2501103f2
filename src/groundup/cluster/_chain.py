r"""The nearest-neighbour chain: agglomeration in n^2 steps, on the matrix of all distances.

Merging the two nearest clusters, again and again, takes n searches through n^2 distances.  The
chain needs far less.  Start at any cluster, go to its nearest, from there to that one's nearest:
each step is shorter than the last, so soon two clusters are each other's nearest.

    a -> b -> c <-> d        d(a, b) > d(b, c) > d(c, d)

These two are merged at once, though a nearer pair may be elsewhere.  That is right for a linkage
that is *reducible*: what two clusters merge into is no nearer to a third than the nearer of the two
was,

    d(c + d, x) >= min(d(c, x), d(d, x)),

so no merge elsewhere will part them, and the rest of the chain stays a chain and is walked on.  In
the end the merges are sorted by height.

The distances to a merged cluster follow from those to its parts (Lance and Williams):

    complete:  d(c + d, x) = max(d(c, x), d(d, x))
    single:    d(c + d, x) = min(d(c, x), d(d, x))
    average:   d(c + d, x) = (|c| d(c, x) + |d| d(d, x)) / (|c| + |d|)

Cost: some 3 n searches of a row; O(n^2) time, and the n x n matrix: 800 MB for 10,000 rows.  Half
of a symmetrical matrix would do, but then a search runs down columns, from one page of memory to
the next. Where half of the clusters are gone, the others move together.

References
----------
.. [1] F. Murtagh, "A survey of recent advances in hierarchical clustering algorithms", The Computer
   Journal 26(4), 1983.
.. [2] G. N. Lance and W. T. Williams, "A general theory of classificatory sorting strategies", The
   Computer Journal 9(4), 1967.
.. [3] D. Müllner, "Modern hierarchical, agglomerative clustering algorithms", arXiv:1109.2378,
   2011.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.cluster._dendrogram import Dendrogram, merges_by_height

LINKAGES = {"average": 0, "complete": 1, "single": 2}
PIECE = 64  # distances that are looked through together
GONE = np.iinfo(np.int64).max  # all bits but the sign: greater than the bits of any distance


@kernel
def _nearest(
    bits,  # (m, m) in: the distances as whole numbers, which are in the same order
    gone,  # (m,) in: GONE where a cluster is no more, else 0
    m,  # int in: clusters, those that are no more among them
    a,  # int in: the cluster whose nearest is looked for
    before,  # int in: the one before it in the chain, or -1; the nearest one, if it is as near
):
    # A minimum of whole numbers is one vector instruction; with floats NaN would be in the way.
    own = gone[a]
    gone[a] = GONE
    least = GONE
    found = 0
    for start in range(0, m, PIECE):
        piece_least = GONE
        for x in range(start, min(start + PIECE, m)):
            piece_least = min(piece_least, (bits[a, x] & GONE) | gone[x])
        if piece_least < least:
            least, found = piece_least, start
    nearest = found
    while (bits[a, nearest] & GONE) | gone[nearest] != least:
        nearest += 1
    if before >= 0 and bits[a, before] & GONE == least:
        nearest = before
    gone[a] = own
    return nearest


@kernel
def _walk(
    linkage,  # int in: of LINKAGES
    D,  # (m, m) inout: the distances, as long as both clusters are there
    bits,  # (m, m) inout: the same memory as whole numbers
    gone,  # (m,) inout
    nodes,  # (m,) inout: which node of the dendrogram a cluster is
    counts,  # (m,) inout: its rows
    m,  # int in: clusters
    stop,  # int in: the number of clusters to end with
    pairs,  # (n - 1, 2) out
    heights,  # (n - 1,) out
    sizes,  # (n - 1,) out
):
    n = heights.shape[0] + 1
    chain = np.empty(m + 1, dtype=np.int64)
    length = 0
    first = 0
    left = m
    while left > stop:
        if length == 0:
            while gone[first] != 0:
                first += 1
            chain[0] = first
            length = 1
        a = chain[length - 1]
        before = chain[length - 2] if length > 1 else -1
        b = _nearest(bits, gone, m, a, before)
        # No chain is longer than there are clusters, unless rounding closed it to a ring.
        if b != before and length <= m:
            chain[length] = b
            length += 1
            continue
        length = length - 2 if b == before else 0
        a, b = min(a, b), max(a, b)
        merge = n - left
        pairs[merge, 0], pairs[merge, 1] = nodes[a], nodes[b]
        # Rounding must not put a node below its parts.
        height = D[a, b]
        for part in (nodes[a], nodes[b]):
            if part >= n:
                height = max(height, heights[part - n])
        heights[merge] = height
        sizes[merge] = counts[a] + counts[b]
        share = counts[a] / (counts[a] + counts[b])
        gone[a] = GONE
        if linkage == 0:
            # d(a + b, x) = share d(a, x) + (1 - share) d(b, x)
            for x in range(m):
                D[b, x] += share * (D[a, x] - D[b, x])
        elif linkage == 1:
            for x in range(m):
                D[b, x] = max(D[a, x], D[b, x])
        else:
            for x in range(m):
                D[b, x] = min(D[a, x], D[b, x])
        for x in range(m):
            if gone[x] == 0:
                D[x, b] = D[b, x]
        nodes[b] = n + merge
        counts[b] += counts[a]
        left -= 1


@kernel
def _move_together(
    D,  # (m, m) inout
    kept,  # (k,) in: the clusters that are there, ascending; they become 0 to k - 1
):
    # Each number moves up or left, to where nothing is that has still to move.
    for i in range(kept.shape[0]):
        for j in range(kept.shape[0]):
            D[i, j] = D[kept[i], kept[j]]


def matrix_merges(D: np.ndarray, linkage: str) -> Dendrogram:
    """Agglomerate from the matrix of all distances.

    Parameters
    ----------
    D : ndarray of shape (n, n), float64, C-contiguous
        Symmetrical, none negative, none NaN. It is overwritten.
    linkage : {"average", "complete", "single"}

    Returns
    -------
    Dendrogram

    Examples
    --------
    >>> D = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 3.0], [4.0, 3.0, 0.0]])
    >>> matrix_merges(D, "average").distances
    array([1. , 3.5])
    """
    n = len(D)
    pairs, heights = np.empty((n - 1, 2), dtype=np.int64), np.empty(n - 1)
    sizes = np.empty(n - 1, dtype=np.int64)
    nodes, counts = np.arange(n), np.ones(n, dtype=np.int64)
    bits, m = D.view(np.int64), n
    while m > 1:
        stop = m // 2 if m > 1000 else 1
        gone = np.zeros(m, dtype=np.int64)
        _walk(LINKAGES[linkage], D, bits, gone, nodes, counts, m, stop, pairs, heights, sizes)
        kept = np.flatnonzero(gone == 0)
        nodes, counts, m = nodes[kept], counts[kept], len(kept)
        if m > 1:
            _move_together(D, kept)
    return merges_by_height(pairs, heights, sizes)
