r"""The quad tree: squares within squares, each with its points' centre of mass.

A square around all points is cut into four, each of these into four again, and so on until few
points are left in one (in three dimensions: a cube into eight).  Seen from far away the points of a
square act like one heavy point at their centre of mass; `_tsne_forces` uses that.

Along a Morton curve the points of every square lie side by side, so no pointers are needed:

    cell   = floor((y - corner) / width * 2^LEVELS)          whole numbers, one a dimension
    code   = the bits of the cells taken in turn             x15 y15 x14 y14 ... x0 y0

Points sorted by code stand in the order of the curve.  Two points are in the same square of level l
if the first l pairs of bits of their codes agree, so a node is a range of points, and its children
begin where the next pair changes.  A level at which nothing is cut off is passed over.  The nodes
stand in the order in which a walk through the tree meets them; `skip` says where the walk goes on
when it does not go into a node.

A node keeps the box that its points really fill, which is smaller than its square.

Cost: O(n) a tree, for sorting by digits, cutting and summing up.  Points closer together than
width / 2^LEVELS end up in one leaf, however many they are.

References
----------
.. [1] J. Barnes and P. Hut, "A hierarchical O(N log N) force-calculation algorithm", Nature 324,
   1986.
.. [2] G. M. Morton, "A computer oriented geodetic data base and a new technique in file
   sequencing", IBM, 1966.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel

DIGIT = 11  # bits that one pass of the sort looks at
LEAF = 16  # a node with at most this many points is not cut
GROUP = 128  # points that walk through the tree together


class QuadTree(NamedTuple):
    """A tree over n points in d = 2 or 3 dimensions; room for 2n nodes, of which some are used."""

    order: np.ndarray  # (n,) int64: which point stands where on the curve
    points: np.ndarray  # (d, n) float64: the points in that order
    codes: np.ndarray  # (2, n) int64: Morton codes in that order, and room to sort
    spare: np.ndarray  # (n,) int64: room to sort
    ranges: np.ndarray  # (2n, 4) int64: first point, behind the last, skip, parent
    shapes: np.ndarray  # (2n, 3 d) float64: centre of mass, least corner, greatest corner
    groups: np.ndarray  # (n,) int64: the nodes that walk as one, in the order of the curve


def empty_tree(n: int, d: int) -> QuadTree:
    """Make room for a tree over `n` points in `d` dimensions; `grow` fills it.

    Examples
    --------
    >>> empty_tree(10, 2).points.shape
    (2, 10)
    """
    return QuadTree(
        np.empty(n, np.int64),
        np.empty((d, n)),
        np.empty((2, n), np.int64),
        np.empty(n, np.int64),
        np.empty((2 * n, 4), np.int64),
        np.empty((2 * n, 3 * d)),
        np.empty(n, np.int64),
    )


@kernel
def _spread_bits(x, d):
    """Put d - 1 zeros between the bits of x: abc becomes 0a0b0c."""
    if d == 2:
        x = (x | (x << 8)) & 0x00FF00FF
        x = (x | (x << 4)) & 0x0F0F0F0F
        x = (x | (x << 2)) & 0x33333333
        return (x | (x << 1)) & 0x55555555
    x = (x | (x << 16)) & 0x070000FF
    x = (x | (x << 8)) & 0x0700F00F
    x = (x | (x << 4)) & 0x430C30C3
    return (x | (x << 2)) & 0x49249249


@kernel
def _write_codes(
    Y,  # (n, d) in
    levels,  # int in
    codes,  # (2, n) out: the first row
):
    n, d = Y.shape
    corner = np.empty(d)
    width = 0.0
    for f in range(d):
        least, greatest = Y[0, f], Y[0, f]
        for i in range(n):
            least, greatest = min(least, Y[i, f]), max(greatest, Y[i, f])
        corner[f] = least
        width = max(width, greatest - least)
    last = 2**levels - 1
    scale = (last + 1) / width if width > 0.0 else 0.0
    for i in range(n):
        code = 0
        for f in range(d):
            cell = min(np.int64((Y[i, f] - corner[f]) * scale), last)
            code |= _spread_bits(cell, d) << (d - 1 - f)
        codes[0, i] = code


@kernel
def _sort_by_codes(
    codes,  # (2, n) inout: the first row ascending afterwards
    order,  # (n,) out
    spare,  # (n,) scratch
):
    # One digit after the other, the lowest first; each pass keeps the order of equal digits.
    n = order.shape[0]
    counts = np.zeros((3, 2**DIGIT), np.int64)
    mask = 2**DIGIT - 1
    for i in range(n):
        for digit in range(3):
            counts[digit, (codes[0, i] >> (DIGIT * digit)) & mask] += 1
        order[i] = i
    for digit in range(3):
        start = 0
        for value in range(2**DIGIT):
            start, counts[digit, value] = start + counts[digit, value], start
        for i in range(n):
            code = codes[0, i]
            value = (code >> (DIGIT * digit)) & mask
            place = counts[digit, value]
            counts[digit, value] += 1
            codes[1, place] = code
            spare[place] = order[i]
        for i in range(n):
            codes[0, i] = codes[1, i]
            order[i] = spare[i]


@kernel
def _first_above(
    codes,  # (2, n) in
    start,  # int in
    stop,  # int in
    value,  # int in
):
    """Find the first place in start, ..., stop whose code is `value` or more."""
    while start < stop:
        middle = (start + stop) // 2
        if codes[0, middle] < value:
            start = middle + 1
        else:
            stop = middle
    return start


@kernel
def _cut(
    codes,  # (2, n) in
    d,  # int in
    levels,  # int in
    ranges,  # (2n, 4) out
    groups,  # (n,) out
):
    """Lay out the nodes in the order of a walk; return how many nodes and groups there are."""
    n = codes.shape[1]
    stack = np.empty((2**d * (levels + 2), 3), np.int64)  # first, behind the last, parent
    stack[0, 0], stack[0, 1], stack[0, 2] = 0, n, -1
    waiting, n_nodes, n_groups = 1, 0, 0
    while waiting > 0:
        waiting -= 1
        start, stop, parent = stack[waiting, 0], stack[waiting, 1], stack[waiting, 2]
        node = n_nodes
        n_nodes += 1
        ranges[node, 0], ranges[node, 1] = start, stop
        ranges[node, 2], ranges[node, 3] = node + 1, parent
        different = codes[0, start] ^ codes[0, stop - 1]
        leaf = stop - start <= LEAF or different == 0
        large = parent < 0 or ranges[parent, 1] - ranges[parent, 0] > GROUP
        if large and (leaf or stop - start <= GROUP):
            groups[n_groups] = node
            n_groups += 1
        if leaf:
            continue
        # The coarsest level at which the codes differ; below it all bits are free.
        level = 0
        while different >> (d * (level + 1)) > 0:
            level += 1
        size = 1 << (d * level)  # codes in one child
        base = codes[0, start] & ~(size * 2**d - 1)
        # The last child goes on the stack first, so that the first is met first.
        behind = stop
        for child in range(2**d - 1, -1, -1):
            first = start if child == 0 else _first_above(codes, start, behind, base + child * size)
            if first < behind:
                stack[waiting, 0], stack[waiting, 1], stack[waiting, 2] = first, behind, node
                waiting += 1
            behind = first
    return n_nodes, n_groups


@kernel
def _sum_up(
    points,  # (d, n) in
    n_nodes,  # int in
    ranges,  # (2n, 4) inout: `skip` of the inner nodes
    shapes,  # (2n, 3 d) out
):
    d = points.shape[0]
    for node in range(n_nodes):
        for f in range(d):
            shapes[node, f] = 0.0
            shapes[node, d + f], shapes[node, 2 * d + f] = np.inf, -np.inf
    # Backwards every child is met before its parent.
    for node in range(n_nodes - 1, -1, -1):
        start, stop, skip, parent = ranges[node]
        if skip == node + 1:  # a leaf
            for f in range(d):
                for i in range(start, stop):
                    y = points[f, i]
                    shapes[node, f] += y
                    shapes[node, d + f] = min(shapes[node, d + f], y)
                    shapes[node, 2 * d + f] = max(shapes[node, 2 * d + f], y)
        if parent >= 0:
            ranges[parent, 2] = max(ranges[parent, 2], skip)
            for f in range(d):
                shapes[parent, f] += shapes[node, f]
                shapes[parent, d + f] = min(shapes[parent, d + f], shapes[node, d + f])
                shapes[parent, 2 * d + f] = max(shapes[parent, 2 * d + f], shapes[node, 2 * d + f])
        for f in range(d):
            shapes[node, f] /= stop - start


@kernel
def grow(
    Y,  # (n, d) in
    tree,  # QuadTree out
):
    """Build the tree of the points; return how many nodes and how many groups it has."""
    order, points, codes, spare, ranges, shapes, groups = tree
    n, d = Y.shape
    levels = 3 * DIGIT // d
    _write_codes(Y, levels, codes)
    _sort_by_codes(codes, order, spare)
    for f in range(d):
        for i in range(n):
            points[f, i] = Y[order[i], f]
    n_nodes, n_groups = _cut(codes, d, levels, ranges, groups)
    _sum_up(points, n_nodes, ranges, shapes)
    return n_nodes, n_groups
