"""The second derivatives of the logistic loss: the Hessian, in one pass over the rows.

    two classes    H = sum_i s_i p_i (1 - p_i) x_i x_i'
    K classes      H = sum_i s_i (diag(p_i) - p_i p_i') kron x_i x_i'

Both are sums of products of a vector with itself, U U' with one column of U for each row of X. A
tile of U is written down transposed, so that each entry of H is the product of two rows of numbers
which lie next to each other in memory: what vector instructions want.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from groundup._kernel import block_kernel, kernel
from groundup.linear_model._logistic_loss import TILE

# the transposed tile has rows of TILE + 8 numbers, as rows of exactly 1 KiB would all land in the
# same few sets of the cache
STRIDE = TILE + 8


@kernel
def add_products(U, H):
    """H += U U', its upper triangle, two rows of U against four at a time.

    Eight sums share six loads, which keeps the multipliers busy.

    U : (q, STRIDE), zero beyond what is used; q a multiple of 4  # in
    H : (q, q); what lies below the diagonal is not to be read  # inout
    """
    for j in range(0, U.shape[0], 2):
        u0, u1 = U[j], U[j + 1]
        for k in range(j // 4 * 4, U.shape[0], 4):
            v0, v1, v2, v3 = U[k], U[k + 1], U[k + 2], U[k + 3]
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = 0.0
            for i in range(TILE):
                s00 += u0[i] * v0[i]
                s01 += u0[i] * v1[i]
                s02 += u0[i] * v2[i]
                s03 += u0[i] * v3[i]
                s10 += u1[i] * v0[i]
                s11 += u1[i] * v1[i]
                s12 += u1[i] * v2[i]
                s13 += u1[i] * v3[i]
            H[j, k] += s00
            H[j, k + 1] += s01
            H[j, k + 2] += s02
            H[j, k + 3] += s03
            H[j + 1, k] += s10
            H[j + 1, k + 1] += s11
            H[j + 1, k + 2] += s12
            H[j + 1, k + 3] += s13


@kernel
def binary_hessian_block(X, weight, proba, begin, end, partial):
    """Sum weight * p (1 - p) x x' over the rows from `begin` to `end`.

    The arguments are those of `binary_hessian`, with one matrix of `partial`.
    """
    d = X.shape[1]
    q = (d + 1 + 3) // 4 * 4
    U = np.zeros((q, STRIDE))
    H = np.zeros((q, q))
    for first in range(begin, end, TILE):
        size = min(TILE, end - first)
        for i in range(size):
            p = proba[first + i, 0]
            root = np.sqrt(weight[first + i] * p * (1.0 - p))
            for j in range(d):
                U[j, i] = root * X[first + i, j]
            U[d, i] = root
        for j in range(d + 1):
            for i in range(size, TILE):
                U[j, i] = 0.0
        add_products(U, H)
    for a in range(d + 1):
        for b in range(a, d + 1):
            partial[a, b] = partial[b, a] = H[a, b]


@block_kernel
def binary_hessian(X, weight, proba, bounds, partial):
    """Sum over the rows of each block: weight * p (1 - p) x x', with 1 appended to x.

    X : (n, d)  # in
    weight : (n,)  # in
    proba : (n, 1)  # in
    bounds : (n_blocks + 1,)  # in
    partial : (n_blocks, d + 1, d + 1)  # out
    """
    for block in prange(bounds.shape[0] - 1):
        begin, end = bounds[block], bounds[block + 1]
        binary_hessian_block(X, weight, proba, begin, end, partial[block])


@kernel
def multinomial_hessian_block(X, weight, proba, begin, end, partial):
    """Sum weight * (diag(p) - p p') kron x x' over the rows from `begin` to `end`.

    The arguments are those of `multinomial_hessian`, with one matrix of `partial`.
    """
    d, n_classes = X.shape[1], proba.shape[1]
    one = d + 1
    q, q_all = (one + 3) // 4 * 4, (n_classes * one + 3) // 4 * 4
    U = np.zeros((q, STRIDE))
    U_all = np.zeros((q_all, STRIDE))
    H = np.zeros((n_classes, q, q))
    H_all = np.zeros((q_all, q_all))
    for first in range(begin, end, TILE):
        size = min(TILE, end - first)
        for k in range(n_classes):
            for i in range(size):
                p = proba[first + i, k]
                # sqrt(s p_k) x for diag(p), sqrt(s) p_k x for p p'
                root = np.sqrt(weight[first + i] * p)
                both = np.sqrt(weight[first + i]) * p
                for j in range(d):
                    U[j, i] = root * X[first + i, j]
                    U_all[k * one + j, i] = both * X[first + i, j]
                U[d, i] = root
                U_all[k * one + d, i] = both
            for j in range(one):
                for i in range(size, TILE):
                    U[j, i] = 0.0
                    U_all[k * one + j, i] = 0.0
            add_products(U, H[k])
        add_products(U_all, H_all)
    for a in range(n_classes * one):
        for b in range(a, n_classes * one):
            # diag(p) reaches only the coefficients of one class
            k, same = a // one, b // one == a // one
            own = H[k, a - k * one, b - k * one] if same else 0.0
            partial[a, b] = partial[b, a] = own - H_all[a, b]


@block_kernel
def multinomial_hessian(X, weight, proba, bounds, partial):
    """Sum over the rows of each block: weight * (diag(p) - p p') kron x x', with 1 appended to x.

    X : (n, d)  # in
    weight : (n,)  # in
    proba : (n, K)  # in
    bounds : (n_blocks + 1,)  # in
    partial : (n_blocks, K (d + 1), K (d + 1))  # out
    """
    for block in prange(bounds.shape[0] - 1):
        begin, end = bounds[block], bounds[block + 1]
        multinomial_hessian_block(X, weight, proba, begin, end, partial[block])
