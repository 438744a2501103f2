"""What the neighbours say: a vote over classes, an average over targets.

    votes_c = sum_j w_j [y_j = c]                 mean = sum_j w_j y_j / sum_j w_j

with w_j = 1 (``weights="uniform"``), or 1 / distance_j (``"distance"``): near neighbours count
more. A neighbour at distance 0 is the very point asked for; then such neighbours alone count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from groundup._kernel import kernel

NO_WEIGHTS = np.empty((0, 0))


def neighbor_weights(distances: np.ndarray, weights: str | Callable | None) -> np.ndarray:
    """Weigh each neighbour.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, n_neighbors)
    weights : {"uniform", "distance"}, callable or None
        A callable takes the distances and returns an array of the same shape.

    Returns
    -------
    ndarray of shape (n_queries, n_neighbors)
        `NO_WEIGHTS`, of shape (0, 0), if all count alike.

    Raises
    ------
    ValueError
        If a callable returns another shape.

    Examples
    --------
    >>> neighbor_weights(np.array([[0.5, 2.0], [0.0, 1.0]]), "distance")
    array([[2. , 0.5],
           [1. , 0. ]])
    """
    if weights is None or weights == "uniform":
        return NO_WEIGHTS
    if callable(weights):
        given = np.ascontiguousarray(weights(distances), dtype=np.float64)
        if given.shape != distances.shape:
            raise ValueError(
                f"The callable given as weights returned the shape {given.shape}; expected one "
                f"weight a neighbour, {distances.shape}."
            )
        return given
    with np.errstate(divide="ignore"):
        inverse = 1.0 / distances
    infinite = np.isinf(inverse)
    same = infinite.any(axis=1)
    inverse[same] = infinite[same]
    return inverse


@kernel
def count_votes(
    rows,  # (m, k) in: the neighbours of each query
    codes,  # (n,) in: the class of each fitted row
    weights,  # (m, k) in, or (0, 0)
    votes,  # (m, n_classes) out
):
    uniform = weights.shape[0] == 0
    votes[:] = 0.0
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            # votes_c = sum_j w_j [y_j = c]
            votes[i, codes[rows[i, j]]] += 1.0 if uniform else weights[i, j]


@kernel
def elect(
    votes,  # (m, n_classes) in
    winners,  # (m,) out: the class with most votes, the first of equals
):
    for i in range(votes.shape[0]):
        best = 0
        for c in range(1, votes.shape[1]):
            if votes[i, c] > votes[i, best]:
                best = c
        winners[i] = best


@kernel
def average(
    rows,  # (m, k) in: the neighbours of each query
    targets,  # (n, t) in
    weights,  # (m, k) in, or (0, 0)
    means,  # (m, t) out
):
    uniform = weights.shape[0] == 0
    for i in range(rows.shape[0]):
        means[i] = 0.0
        weight_sum = 0.0
        for j in range(rows.shape[1]):
            weight = 1.0 if uniform else weights[i, j]
            weight_sum += weight
            for t in range(targets.shape[1]):
                means[i, t] += weight * targets[rows[i, j], t]
        # mean = sum_j w_j y_j / sum_j w_j
        for t in range(targets.shape[1]):
            means[i, t] /= weight_sum
