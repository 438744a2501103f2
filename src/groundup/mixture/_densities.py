"""The E step's kernels: how dense each component is at each row, and whose row it is.

    log w_k N(x | m_k, S_k) = log w_k - d/2 log 2 pi - 1/2 log |S_k| - 1/2 |U_k^T (x - m_k)|^2

with U_k U_k^T = S_k^-1.  The mean is subtracted first and the triangle applied second, so nothing
cancels for components that are thin or far from zero; multiplying out x^T S^-1 x would.

The responsibility of component k for a row is its share of the row's density,

    r_k = w_k N(x | m_k, S_k) / sum_l w_l N(x | m_l, S_l),    log sum by way of the largest term.

A tile of rows is written down transposed: each operation then runs over numbers of different rows
that lie next to each other in memory, which is what vector instructions want.
"""

from __future__ import annotations

import numpy as np

from groundup._exponential import exp_of_minus
from groundup._kernel import kernel

TILE = 256  # rows worked on together
#: e^-50 = 2e-22: a share so small is lost when it is added to any other number of its sum
NEGLIGIBLE = 50.0


@kernel
def _transposed_tile(
    X,  # (n, d) in
    first,  # int in: the rows first to first + size
    size,  # int in
    tile,  # (d or more, TILE) out
):
    for i in range(size):
        for j in range(X.shape[1]):
            tile[j, i] = X[first + i, j]


@kernel
def _add_four_by_four(
    L,  # (f, p, p) in
    which,  # int in
    row,  # int in: the rows row to row + 4 of L[which]
    column,  # int in
    z,  # (p, TILE) in
    size,  # int in
    y,  # (4, TILE) inout
):
    """y += L[row : row + 4, column : column + 4] z[column : column + 4]: 16 products, 8 loads."""
    l00, l01 = L[which, row, column], L[which, row, column + 1]
    l02, l03 = L[which, row, column + 2], L[which, row, column + 3]
    l10, l11 = L[which, row + 1, column], L[which, row + 1, column + 1]
    l12, l13 = L[which, row + 1, column + 2], L[which, row + 1, column + 3]
    l20, l21 = L[which, row + 2, column], L[which, row + 2, column + 1]
    l22, l23 = L[which, row + 2, column + 2], L[which, row + 2, column + 3]
    l30, l31 = L[which, row + 3, column], L[which, row + 3, column + 1]
    l32, l33 = L[which, row + 3, column + 2], L[which, row + 3, column + 3]
    for t in range(size):
        z0, z1, z2, z3 = z[column, t], z[column + 1, t], z[column + 2, t], z[column + 3, t]
        y[0, t] += l00 * z0 + l01 * z1 + l02 * z2 + l03 * z3
        y[1, t] += l10 * z0 + l11 * z1 + l12 * z2 + l13 * z3
        y[2, t] += l20 * z0 + l21 * z1 + l22 * z2 + l23 * z3
        y[3, t] += l30 * z0 + l31 * z1 + l32 * z2 + l33 * z3


@kernel
def triangular_log_densities(
    X,  # (n, d) in
    begin,  # int in: the rows begin to end
    end,  # int in
    means,  # (k, d) in
    L,  # (k or 1, p, p) in: U^T, lower triangles, zeros beyond d; p a multiple of 4
    constants,  # (k,) in: log w_k - d/2 log 2 pi + log |U_k|
    log_p,  # (k, end - begin or more) out
):
    """Compute log w_k N(x | m_k, S_k) for covariances with all their entries."""
    d, p = X.shape[1], L.shape[1]
    x, z = np.zeros((p, TILE)), np.zeros((p, TILE))
    y, squares = np.empty((4, TILE)), np.empty(TILE)
    for first in range(begin, end, TILE):
        size = min(TILE, end - first)
        _transposed_tile(X, first, size, x)
        for k in range(means.shape[0]):
            for j in range(d):
                for t in range(size):
                    z[j, t] = x[j, t] - means[k, j]
            for t in range(size):
                squares[t] = 0.0
            for row in range(0, p, 4):
                # y = L z = U^T (x - m); to the right of the diagonal L is zero
                for t in range(size):
                    y[0, t] = y[1, t] = y[2, t] = y[3, t] = 0.0
                for column in range(0, row + 1, 4):
                    _add_four_by_four(L, min(k, L.shape[0] - 1), row, column, z, size, y)
                for t in range(size):
                    squares[t] += y[0, t] ** 2 + y[1, t] ** 2 + y[2, t] ** 2 + y[3, t] ** 2
            for t in range(size):
                log_p[k, first - begin + t] = constants[k] - 0.5 * squares[t]


@kernel
def diagonal_log_densities(
    X,  # (n, d) in
    begin,  # int in: the rows begin to end
    end,  # int in
    means,  # (k, d) in
    scales,  # (k, d) in: one over the standard deviations
    constants,  # (k,) in: log w_k - d/2 log 2 pi + sum_j log scales_kj
    log_p,  # (k, end - begin or more) out
):
    """Compute log w_k N(x | m_k, S_k) for diagonal covariances."""
    d = X.shape[1]
    x, squares = np.zeros((d, TILE)), np.empty(TILE)
    for first in range(begin, end, TILE):
        size = min(TILE, end - first)
        _transposed_tile(X, first, size, x)
        for k in range(means.shape[0]):
            for t in range(size):
                squares[t] = 0.0
            for j in range(d):
                mean, scale = means[k, j], scales[k, j]
                for t in range(size):
                    squares[t] += (scale * (x[j, t] - mean)) ** 2
            for t in range(size):
                log_p[k, first - begin + t] = constants[k] - 0.5 * squares[t]


@kernel
def share_out(
    log_p,  # (k, m or more) inout: log densities in, responsibilities out
    m,  # int in
    best,  # (m or more,) out
    total,  # (m or more,) out
    below,  # (m or more,) out
    bits,  # (m or more,) int64 out
    power,  # the memory of bits as float64
    counts,  # (k,) inout: the responsibilities are added
):
    """Turn log densities into responsibilities; return the sum of the rows' log densities."""
    n_components = log_p.shape[0]
    for i in range(m):
        best[i] = log_p[0, i]
        total[i] = 0.0
    for k in range(1, n_components):
        for i in range(m):
            best[i] = log_p[k, i] if log_p[k, i] > best[i] else best[i]
    for k in range(n_components):
        row = log_p[k]
        for i in range(m):
            below[i] = best[i] - row[i]
        exp_of_minus(below, m, bits, power, row)
        for i in range(m):
            row[i] = row[i] if below[i] < NEGLIGIBLE else 0.0
            total[i] += row[i]
    log_likelihood = 0.0
    for i in range(m):
        # log sum_k p_k = log p_best + log sum_k p_k / p_best
        log_likelihood += best[i] + np.log(total[i])
        total[i] = 1.0 / total[i]
    for k in range(n_components):
        count = 0.0
        for i in range(m):
            log_p[k, i] *= total[i]
            count += log_p[k, i]
        counts[k] += count
    return log_likelihood
