"""The M step's kernels: counts, means and scatter of the rows, each shared out among components.

    n_k = sum_i r_ik,    f_k = sum_i r_ik (x_i - c_k),    S_k = sum_i r_ik (x_i - c_k)(x_i - c_k)^T

about a centre c_k close to the mean, from which

    m_k = c_k + f_k / n_k,    covariance = S_k / n_k - (m_k - c_k)(m_k - c_k)^T .

With c_k the mean of the step before, the last term is small, and nothing cancels; about zero, or
about one centre for all components, a small component far out would lose its digits.

Most rows belong to one or two of the components.  Rows whose responsibility is zero are left out,
and the others are packed side by side before they are multiplied.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel

TILE = 256
# the packed tile has rows of TILE + 8 numbers, as rows of exactly 2 KiB would all land in the same
# few sets of the cache
STRIDE = TILE + 8


@kernel
def _add_products(
    u,  # (p, STRIDE) in: p a multiple of 4, zeros beyond what is used
    size,  # int in
    S,  # (p, p) inout: its upper triangle
):
    """S += u u^T, two rows against four at a time: eight sums share six loads."""
    for j in range(0, u.shape[0], 2):
        for k in range(j // 4 * 4, u.shape[0], 4):
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = 0.0
            for t in range(size):
                a, b = u[j, t], u[j + 1, t]
                v0, v1, v2, v3 = u[k, t], u[k + 1, t], u[k + 2, t], u[k + 3, t]
                s00 += a * v0
                s01 += a * v1
                s02 += a * v2
                s03 += a * v3
                s10 += b * v0
                s11 += b * v1
                s12 += b * v2
                s13 += b * v3
            S[j, k] += s00
            S[j, k + 1] += s01
            S[j, k + 2] += s02
            S[j, k + 3] += s03
            S[j + 1, k] += s10
            S[j + 1, k + 1] += s11
            S[j + 1, k + 2] += s12
            S[j + 1, k + 3] += s13


@kernel
def _rows_with_a_share(
    share,  # (k, m or more) in
    k,  # int in
    m,  # int in
    rows,  # (m or more,) int64 out
):
    count = 0
    for i in range(m):
        rows[count] = i
        count += share[k, i] > 0.0
    return count


@kernel
def add_scatter(
    X,  # (n, d) in
    begin,  # int in: the rows begin to begin + m
    m,  # int in
    share,  # (k, m or more) in: the responsibilities
    centers,  # (k, d) in
    rows,  # (m or more,) int64 out
    first,  # (k, d) inout
    second,  # (k, d, d) inout
):
    """Add the moments of some rows, with all entries of the scatter."""
    d = X.shape[1]
    p = (d + 3) // 4 * 4
    u, root, S = np.zeros((p, STRIDE)), np.zeros(STRIDE), np.empty((p, p))
    for k in range(share.shape[0]):
        n_rows = _rows_with_a_share(share, k, m, rows)
        S[:] = 0.0
        for start in range(0, n_rows, TILE):
            size = min(TILE, n_rows - start)
            for t in range(size):
                i = rows[start + t]
                root[t] = np.sqrt(share[k, i])
                for j in range(d):
                    # u u^T = r (x - c)(x - c)^T
                    u[j, t] = root[t] * (X[begin + i, j] - centers[k, j])
            for j in range(d):
                total = 0.0
                for t in range(size):
                    total += root[t] * u[j, t]
                first[k, j] += total
            _add_products(u, size, S)
        for j in range(d):
            for l in range(j, d):
                second[k, j, l] += S[j, l]
                second[k, l, j] = second[k, j, l]


@kernel
def add_squares(
    X,  # (n, d) in
    begin,  # int in: the rows begin to begin + m
    m,  # int in
    share,  # (k, m or more) in: the responsibilities
    centers,  # (k, d) in
    rows,  # (m or more,) int64 out
    first,  # (k, d) inout
    second,  # (k, d) inout
):
    """Add the moments of some rows, of the scatter its diagonal alone."""
    for k in range(share.shape[0]):
        n_rows = _rows_with_a_share(share, k, m, rows)
        for t in range(n_rows):
            i = rows[t]
            r = share[k, i]
            for j in range(X.shape[1]):
                z = X[begin + i, j] - centers[k, j]
                first[k, j] += r * z
                second[k, j] += r * z * z
