r"""The forces of t-SNE: neighbours pull each other together, all points push each other apart.

With  u_ij = 1 + |y_i - y_j|^2 / v  (v degrees of freedom),  q_ij = u_ij^(-(v + 1) / 2)  and
Z = sum_{i != j} q_ij,  the gradient of the Kullback-Leibler divergence is

    dC/dy_i = c ( sum_j p_ij (y_i - y_j) / u_ij  -  sum_j q_ij (y_i - y_j) / u_ij / Z ),
                  the pull                          the push                   c = 2 (v + 1) / v.

The pull is a sum over neighbours only, as p_ij is zero for all others.  The push is a sum over all
pairs, and Barnes-Hut makes it cheap: a node of the quad tree whose width is less than `angle` times
its distance acts as one heavy point at its centre of mass.

Points that are close together meet the same nodes.  So a whole group of them walks through the
tree at once, and demands that a node is far from the group's box; what it meets goes into a list of
heavy points, single points being those of weight 1.  Then each of the group adds up that list,
which is a loop that the compiler turns into vector instructions.  It is done in single precision,
relative to a point of the group: an error of 1e-7, where the summary itself makes one of 1e-3.
A point is not pushed by itself, so its own weight in the list is lowered by one for its turn.
Added and taken off again afterwards, its share of 1 would swallow those of points far away.

Cost: O(n log n / angle^2) for the push, O(n perplexity) for the pull.

References
----------
.. [1] L. van der Maaten, "Accelerating t-SNE using tree-based algorithms", Journal of Machine
   Learning Research 15, 2014.
.. [2] J. E. Barnes, "A modified tree code: don't laugh, it runs", Journal of Computational Physics
   87, 1990 (the walk by groups).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import get_thread_id, prange

from groundup._blocks import block_bounds
from groundup._exponential import LOG_2, log_of_one_plus
from groundup._kernel import MOST_THREADS, block_kernel, kernel
from groundup.decomposition._quad_tree import empty_tree, grow
from groundup.decomposition._tsne_descent import Divergence, Forces

ONE = np.float32(1.0)
HALF = np.float32(0.5)


@kernel
def _meet(
    tree_points,  # (d, n) in
    ranges,  # (2n, 4) in
    shapes,  # (2n, 3 d) in
    n_nodes,  # int in
    group,  # int in: the node that walks
    angle,  # float in
    middle,  # (d,) in: a point of the group
    met,  # (4, n) out: x, y, z from the middle, and weight
):
    """Walk through the tree; return how many heavy points the group meets, and its own first one.

    The group's own points stand side by side in the order of the tree; those of a leaf without
    width are one heavy point.
    """
    d = tree_points.shape[0]
    square = angle * angle
    count, node, own = 0, 0, 0
    while node < n_nodes:
        # gap = from the centre of mass to the group's box,  width = of the node's own box
        gap, width = 0.0, 0.0
        for f in range(d):
            y = shapes[node, f]
            outside = max(shapes[group, d + f] - y, y - shapes[group, 2 * d + f], 0.0)
            gap += outside * outside
            width = max(width, shapes[node, 2 * d + f] - shapes[node, d + f])
        start, stop, skip = ranges[node, 0], ranges[node, 1], ranges[node, 2]
        if node == group:
            own = count
        # The group is a part of the nodes above it, however far away their centres are.
        if start <= ranges[group, 0] and ranges[group, 1] <= stop:
            gap = 0.0
        if width * width <= square * gap:
            for f in range(d):
                met[f, count] = shapes[node, f] - middle[f]
            met[3, count] = stop - start
            count += 1
            node = skip
        elif skip == node + 1:  # a leaf: its points
            for i in range(start, stop):
                for f in range(d):
                    met[f, count] = tree_points[f, i] - middle[f]
                met[3, count] = ONE
                count += 1
            node = skip
        else:
            node += 1
    return count, own


@kernel
def _push_in_plane(
    met,  # (4, n) in
    count,  # int in
    x,  # float32 in: a point, from the middle of its group
    y,  # float32 in
):
    zero = np.float32(0.0)
    total = push_x = push_y = zero
    for j in range(count):
        dx, dy = x - met[0, j], y - met[1, j]
        # q = 1 / u,   weight q / u = weight q^2
        q = ONE / (ONE + dx * dx + dy * dy)
        heavy = met[3, j] * q
        total += heavy
        push_x += heavy * q * dx
        push_y += heavy * q * dy
    return total, push_x, push_y


@kernel
def _push_in_space(
    met,  # (4, n) in
    count,  # int in
    x,  # float32 in
    y,  # float32 in
    z,  # float32 in
):
    zero = np.float32(0.0)
    total = push_x = push_y = push_z = zero
    for j in range(count):
        dx, dy, dz = x - met[0, j], y - met[1, j], z - met[2, j]
        # v = 2:  q = u^(-3/2)
        by_u = ONE / (ONE + HALF * (dx * dx + dy * dy + dz * dz))
        heavy = met[3, j] * by_u * np.sqrt(by_u)
        total += heavy
        push_x += heavy * by_u * dx
        push_y += heavy * by_u * dy
        push_z += heavy * by_u * dz
    return total, push_x, push_y, push_z


@kernel
def _push_group(
    order,  # (n,) in
    tree_points,  # (d, n) in
    ranges,  # (2n, 4) in
    shapes,  # (2n, 3 d) in
    n_nodes,  # int in
    group,  # int in
    angle,  # float in
    middle,  # (d,) scratch
    met,  # (4, n) scratch
    push,  # (n, d + 1) out: the sum for each point, and its q_ij
):
    d = tree_points.shape[0]
    # A point of the group, not the middle of its box: a far outlier would take away all digits.
    for f in range(d):
        middle[f] = tree_points[f, (ranges[group, 0] + ranges[group, 1]) // 2]
    count, own = _meet(tree_points, ranges, shapes, n_nodes, group, angle, middle, met)
    turns = np.int64(met[3, own])  # how many points of the group this heavy point stands for
    for i in range(ranges[group, 0], ranges[group, 1]):
        row = order[i]
        weight = met[3, own]
        met[3, own] = weight - ONE
        x = np.float32(tree_points[0, i] - middle[0])
        y = np.float32(tree_points[1, i] - middle[1])
        if d == 2:
            push[row, 2], push[row, 0], push[row, 1] = _push_in_plane(met, count, x, y)
        else:
            z = np.float32(tree_points[2, i] - middle[2])
            push[row, 3], push[row, 0], push[row, 1], push[row, 2] = _push_in_space(
                met, count, x, y, z
            )
        met[3, own] = weight
        turns -= 1
        if turns == 0:
            own += 1
            turns = np.int64(met[3, own]) if own < count else 0


@kernel
def _low(word):
    """Return the number in the lower half of two packed ones."""
    return np.uint32(word).view(np.float32)


@kernel
def _high(word):
    return np.uint32(word >> np.uint64(32)).view(np.float32)


@kernel
def _pull_row(
    pairs,  # (n,) in: x and y of a point in one word, so that a neighbour is read at once
    third,  # (n,) in: z, or nothing in the plane
    i,  # int in
    offsets,  # (n + 1,) in
    neighbors,  # (m,) in
    p,  # (m,) in
    pull,  # (n, d) out
):
    zero = np.float32(0.0)
    x, y = _low(pairs[i]), _high(pairs[i])
    # Unsigned: what may be a negative index is wrapped, and such a loop is not vectorised.
    start = np.uint64(offsets[i])
    size = np.uint64(offsets[i + 1]) - start
    if third.shape[0] == 0:
        pull_x = pull_y = zero
        for e in range(size):
            pair = pairs[neighbors[start + e]]
            dx, dy = x - _low(pair), y - _high(pair)
            # p / u (y_i - y_j)
            w = p[start + e] / (ONE + dx * dx + dy * dy)
            pull_x += w * dx
            pull_y += w * dy
        pull[i, 0], pull[i, 1] = pull_x, pull_y
    else:
        z = third[i]
        pull_x = pull_y = pull_z = zero
        for e in range(size):
            j = neighbors[start + e]
            pair = pairs[j]
            dx, dy, dz = x - _low(pair), y - _high(pair), z - third[j]
            w = p[start + e] / (ONE + HALF * (dx * dx + dy * dy + dz * dz))
            pull_x += w * dx
            pull_y += w * dy
            pull_z += w * dz
        pull[i, 0], pull[i, 1], pull[i, 2] = pull_x, pull_y, pull_z


@block_kernel
def pull_and_push(
    pairs,  # (n,) in: the points, x and y in one word
    third,  # (n,) in: z, or (0,) in the plane
    offsets,  # (n + 1,) in: row i of P has the entries offsets[i] to offsets[i + 1]
    neighbors,  # (m,) in: their columns
    p,  # (m,) in: their values
    tree,  # QuadTree in
    counts,  # (2,) in: nodes and groups of the tree
    angle,  # float in
    bounds,  # (b + 1,) in: blocks of rows
    met,  # (threads, 4, n) scratch, for as many threads as there can be
    pull,  # (n, d) out
    push,  # (n, d + 1) out
):
    order, points, _, _, ranges, shapes, groups = tree
    n_blocks = bounds.shape[0] - 1
    n_nodes, n_groups = counts
    for block in prange(n_blocks):
        b = np.int64(block)
        middle = np.empty(points.shape[0])
        own = met[get_thread_id()]
        for i in range(bounds[b], bounds[b + 1]):
            _pull_row(pairs, third, i, offsets, neighbors, p, pull)
        for g in range(b * n_groups // n_blocks, (b + 1) * n_groups // n_blocks):
            _push_group(order, points, ranges, shapes, n_nodes, groups[g], angle, middle, own, push)


@kernel
def _log(u):
    """log(u) for u >= 1: u = 2^k m with 1 <= m < 2, from the bits of a float64."""
    bits = np.float64(u).view(np.int64)
    k = (bits >> 52) - 1023
    m = np.int64((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)
    return k * LOG_2 + log_of_one_plus(m - 1.0)


@kernel
def sum_of_logs(
    pairs,  # (n,) in
    third,  # (n,) in
    offsets,  # (n + 1,) in
    neighbors,  # (m,) in
    p,  # (m,) in
):
    """Return sum_ij p_ij log u_ij; on one thread, as it is asked for every 50 steps only."""
    plane = third.shape[0] == 0
    total = 0.0
    for i in range(pairs.shape[0]):
        start = np.uint64(offsets[i])
        for e in range(np.uint64(offsets[i + 1]) - start):
            j = neighbors[start + e]
            dx, dy = _low(pairs[i]) - _low(pairs[j]), _high(pairs[i]) - _high(pairs[j])
            square = dx * dx + dy * dy
            if not plane:
                square = HALF * (square + (third[i] - third[j]) * (third[i] - third[j]))
            total += p[start + e] * _log(ONE + square)
    return total


def by_tree(P: Any, Y: np.ndarray, angle: float, n_threads: int) -> tuple[Forces, Divergence]:
    """Prepare the Barnes-Hut sum: ``forces`` and ``divergence`` for `descend`."""
    n, d = Y.shape
    offsets, neighbors = P.indptr.astype(np.int64), P.indices.astype(np.uint32)
    p = P.data.astype(np.float32)
    known = P.data[P.data > 0]
    entropy = -float(known @ np.log(known))
    pull, push = np.empty((n, d)), np.empty((n, d + 1))
    bounds = block_bounds(n, block_rows=128)
    tree = empty_tree(n, d)
    met = np.empty((MOST_THREADS, 4, n), np.float32)  # memory that is not touched costs nothing

    def packed(Y):
        pairs = np.ascontiguousarray(Y[:, :2], np.float32).view(np.uint64)[:, 0]
        return pairs, np.ascontiguousarray(Y[:, 2:].ravel(), np.float32)

    def forces(Y):
        counts = grow(Y, tree)
        pull_and_push(
            *packed(Y),
            offsets,
            neighbors,
            p,
            tree,
            counts,
            angle,
            bounds,
            met,
            pull,
            push,
            n_threads=n_threads,
        )
        return pull, push

    def divergence(Y, total):
        # sum p log(p / (q / Z)) = sum p log p + (v + 1) / 2 sum p log u + log Z
        mean_log = sum_of_logs(*packed(Y), offsets, neighbors, p)
        return 0.5 * d * mean_log + np.log(total) - entropy

    return forces, divergence
