"""The k nearest so far: a heap with the farthest of them on top.

A search looks at candidates one after the other and has to know one number at any time, the distance
of the k-th nearest so far: what is farther needs no further look.  A binary heap keeps that number at
its root and costs O(log k) when a nearer candidate takes its place.

Candidates are ordered by (distance, row): of two at the same distance the one with the lower row
number is the nearer.  So the answer does not depend on the order in which a search meets them, nor
on the number of threads.

References
----------
.. [1] R. Sedgewick and K. Wayne, "Algorithms", 4th edition, section 2.4, Addison-Wesley, 2011.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel

NO_ROW = np.iinfo(np.int64).max  # stands behind every row, so that any candidate replaces it


@kernel
def clear_nearest(
    distances,  # (k,) out: infinity
    rows,  # (k,) out: NO_ROW
):
    for slot in range(distances.shape[0]):
        distances[slot] = np.inf
        rows[slot] = NO_ROW


@kernel
def _sink(
    distances,  # (k,) inout: a heap, but for the root
    rows,  # (k,) inout
    size,  # int in: the heap is the first `size` slots
    distance,  # float in: what belongs into the heap in place of the root
    row,  # int in
):
    slot = 0
    while True:
        child = 2 * slot + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            distances[other] > distances[child]
            or (distances[other] == distances[child] and rows[other] > rows[child])
        ):
            child = other
        if distances[child] < distance or (distances[child] == distance and rows[child] < row):
            break
        distances[slot] = distances[child]
        rows[slot] = rows[child]
        slot = child
    distances[slot] = distance
    rows[slot] = row


@kernel
def offer(
    distances,  # (k,) inout: the k nearest so far, the farthest first
    rows,  # (k,) inout: whose distances these are
    distance,  # float in: the candidate's distance
    row,  # int in: the candidate
):
    if distance < distances[0] or (distance == distances[0] and row < rows[0]):
        _sink(distances, rows, distances.shape[0], distance, row)


@kernel
def sort_nearest(
    distances,  # (k,) inout: a heap; ascending afterwards
    rows,  # (k,) inout
):
    # The root is the farthest: it goes to the end, and the heap shrinks by one.
    for size in range(distances.shape[0] - 1, 0, -1):
        distance, row = distances[size], rows[size]
        distances[size], rows[size] = distances[0], rows[0]
        _sink(distances, rows, size, distance, row)
