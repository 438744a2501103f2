r"""The forces of t-SNE summed over all pairs: exact.

The formulas are those of `_tsne_forces`, in double precision and for any number of dimensions.  The
row of an (n, n) matrix P stands for the neighbours.

Cost: O(n^2) for each step, and the memory of P.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from groundup._blocks import block_bounds
from groundup._kernel import block_kernel, kernel
from groundup.decomposition._tsne_descent import Divergence, Forces


@kernel
def _pull_and_push_row(
    columns,  # (d, n) in: the points, a dimension a row
    P,  # (n, n) in
    i,  # int in
    freedom,  # float in: v
    by_u,  # (n,) scratch
    q,  # (n,) scratch
    pull,  # (n, d) out
    push,  # (n, d + 1) out
):
    d, n = columns.shape
    for j in range(n):
        by_u[j] = 1.0
    for f in range(d):
        y = columns[f, i]
        for j in range(n):
            by_u[j] += (y - columns[f, j]) * (y - columns[f, j]) / freedom
    # u = 1 + |y_i - y_j|^2 / v,   q = u^(-(v + 1) / 2)
    if freedom == 1.0:
        for j in range(n):
            by_u[j] = 1.0 / by_u[j]
            q[j] = by_u[j]
    else:
        for j in range(n):
            q[j] = by_u[j] ** (-0.5 * (freedom + 1.0))
            by_u[j] = 1.0 / by_u[j]
    q[i] = 0.0  # left out before the sum: its 1 would swallow the shares of points far away
    total = 0.0
    for j in range(n):
        total += q[j]
    push[i, d] = total
    for f in range(d):
        y = columns[f, i]
        pulled = pushed = 0.0
        for j in range(n):
            apart = (y - columns[f, j]) * by_u[j]
            pulled += P[i, j] * apart
            pushed += q[j] * apart
        pull[i, f] = pulled
        push[i, f] = pushed


@block_kernel
def pull_and_push_all(
    columns,  # (d, n) in
    P,  # (n, n) in
    freedom,  # float in
    bounds,  # (b + 1,) in: blocks of rows
    pull,  # (n, d) out: sum_j p_ij (y_i - y_j) / u_ij
    push,  # (n, d + 1) out: sum_j q_ij (y_i - y_j) / u_ij, and sum_j q_ij
):
    n = columns.shape[1]
    for block in prange(bounds.shape[0] - 1):
        by_u, q = np.empty(n), np.empty(n)
        for i in range(bounds[block], bounds[block + 1]):
            _pull_and_push_row(columns, P, i, freedom, by_u, q, pull, push)


def divergence_of_all(P: np.ndarray, Y: np.ndarray, freedom: float, total: float) -> float:
    """Return sum_ij p_ij log(p_ij / (q_ij / Z)).

    Parameters
    ----------
    P : ndarray of shape (n, n)
    Y : ndarray of shape (n, d)
        The points.
    freedom : float
        Degrees of freedom v.
    total : float
        Z = sum_{i != j} q_ij.

    Examples
    --------
    >>> P = np.array([[0.0, 0.5], [0.5, 0.0]])
    >>> print(divergence_of_all(P, np.array([[0.0], [1.0]]), 1.0, total=1.0))
    0.0
    """
    i, j = np.nonzero(P)
    p = P[i, j]
    u = 1.0 + ((Y[i] - Y[j]) ** 2).sum(axis=1) / freedom
    return float(np.sum(p * (np.log(p) + 0.5 * (freedom + 1.0) * np.log(u) + np.log(total))))


def over_all_pairs(
    P: np.ndarray, Y: np.ndarray, freedom: float, n_threads: int
) -> tuple[Forces, Divergence]:
    """Prepare the sum over all pairs: ``forces`` and ``divergence`` for `descend`."""
    n, d = Y.shape
    pull, push = np.empty((n, d)), np.empty((n, d + 1))
    bounds = block_bounds(n, block_rows=64)

    def forces(Y):
        pull_and_push_all(
            np.ascontiguousarray(Y.T), P, freedom, bounds, pull, push, n_threads=n_threads
        )
        return pull, push

    return forces, lambda Y, total: divergence_of_all(P, Y, freedom, total)
