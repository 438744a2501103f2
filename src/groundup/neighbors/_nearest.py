"""The k nearest so far: a heap with the farthest of them on top.

A search looks at candidates one after the other and has to know one number at any time, the
distance of the k-th nearest so far: what is farther needs no further look.  A binary heap keeps
that number at its root and costs O(log k) when a nearer candidate takes its place.  A small k is
kept in descending order, which is a heap too, and moving a few numbers up beats walking down a
tree.

Candidates are ordered by (distance, row): of two at the same distance the one with the lower row
number is the nearer.  So the answer does not depend on the order in which a search meets them, nor
on the number of threads.

The kernels take whole arrays and a query's number, not slices of them: numba counts the references
to an array for every slice, with an atomic instruction, and threads fight for the count.

References
----------
.. [1] R. Sedgewick and K. Wayne, "Algorithms", 4th edition, section 2.4, Addison-Wesley, 2011.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel

SMALL = 32  # up to this k the heap is kept in descending order
NO_ROW = np.iinfo(np.int64).max  # stands behind every row, so that any candidate replaces it


@kernel
def clear_nearest(
    distances,  # (m, k) out: infinity
    rows,  # (m, k) out: NO_ROW
    first,  # int in: queries first, first + 1, ..., stop - 1
    stop,  # int in
):
    for i in range(first, stop):
        for slot in range(distances.shape[1]):
            distances[i, slot] = np.inf
            rows[i, slot] = NO_ROW


@kernel
def replace_farthest(
    distances,  # (m, k) inout: the k nearest so far, the farthest first
    rows,  # (m, k) inout: whose distances these are
    i,  # int in: the query
    size,  # int in: how many of the k form the heap; k during a search
    distance,  # float in: of a candidate that is nearer than the farthest
    row,  # int in: the candidate
):
    descending = distances.shape[1] <= SMALL
    slot = 0
    # The candidate takes the root's place and sinks to where everything below it is nearer.
    while True:
        child = slot + 1 if descending else 2 * slot + 1
        if child >= size:
            break
        if not descending and child + 1 < size:
            other = child + 1
            if distances[i, other] > distances[i, child] or (
                distances[i, other] == distances[i, child] and rows[i, other] > rows[i, child]
            ):
                child = other
        if distances[i, child] < distance or (
            distances[i, child] == distance and rows[i, child] < row
        ):
            break
        distances[i, slot] = distances[i, child]
        rows[i, slot] = rows[i, child]
        slot = child
    distances[i, slot] = distance
    rows[i, slot] = row


@kernel
def sort_nearest(
    distances,  # (m, k) inout: the farthest first; ascending afterwards
    rows,  # (m, k) inout
    first,  # int in: queries first, first + 1, ..., stop - 1
    stop,  # int in
):
    k = distances.shape[1]
    for i in range(first, stop):
        if k <= SMALL:
            for slot in range(k // 2):
                other = k - 1 - slot
                distance, row = distances[i, slot], rows[i, slot]
                distances[i, slot], rows[i, slot] = distances[i, other], rows[i, other]
                distances[i, other], rows[i, other] = distance, row
        else:
            # The root is the farthest: it goes to the end; what was there sinks in a smaller heap.
            for size in range(k - 1, 0, -1):
                distance, row = distances[i, size], rows[i, size]
                distances[i, size], rows[i, size] = distances[i, 0], rows[i, 0]
                replace_farthest(distances, rows, i, size, distance, row)
