"""The logistic loss and its gradient, in one pass over the rows.

A row has one decision value z = w'x + b for two classes, or one for each of K classes, and

    two classes    loss = log(1 + e^z) - y z                 y is 0 or 1
                   p    = 1 / (1 + e^-z)
    K classes      loss = log(sum_k e^z_k) - z_y             y is the number of the class
                   p_k  = e^z_k / sum_l e^z_l

In both cases the derivative by the decision value is what was predicted minus what happened,
p - y, so the gradient by w is the sum of (p - y) x over the rows: rows that are predicted well
hardly count. The second derivative is p (1 - p), or p_k (1[k = l] - p_l) for K classes: rows in
doubt are what bends the cost (`_logistic_curvature`).

A pass is cut into blocks of rows, and a block into tiles that fit into the cache, so that a row is
read from memory once for its decision value and its part of the gradient.

Most of the time would go into exponentials, one row after the other, were they left to the C
library. Here they are a polynomial over a tile of rows, which the compiler turns into vector
instructions: see `_exponential`.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from groundup._exponential import exp_of_minus, log_of_one_plus
from groundup._kernel import block_kernel, kernel

# rows that are worked on together: 128 rows of 30 features fill a first-level cache
TILE = 128


@kernel
def binary_losses(z, e, y, weight, proba, slope):
    """Return sum_i s_i loss_i of a tile of rows.

    z, e : (TILE,), decision values and e^-|z|  # in
    y : (size,), 0 or 1  # in
    weight : (size,)  # in
    proba : (size,), the probability of class 1  # out
    slope : (TILE,), the derivative of s_i loss_i by z_i  # out
    """
    cost = 0.0
    for i in range(y.shape[0]):
        zero = y[i] == 0
        # 1 / (1 + e^-|z|) is the probability of the class that z speaks for, the rest the other's
        likely = 1.0 / (1.0 + e[i])
        unlikely = e[i] * likely
        p = likely if z[i] > 0.0 else unlikely
        one_minus_p = unlikely if z[i] > 0.0 else likely
        proba[i] = p
        # log(1 + e^z) - y z = log(1 + e^-|z|) + max(z, 0) - y z
        wrong_by = (z[i] if z[i] > 0.0 else 0.0) - (0.0 if zero else z[i])
        cost += weight[i] * (log_of_one_plus(e[i]) + wrong_by)
        # d loss / d z = p - y, where 1 - p is not rounded twice
        slope[i] = weight[i] * (p if zero else -one_minus_p)
    return cost


@kernel
def binary_block(X, y, weight, W, begin, end, proba, partial):
    """Sum weight * loss and its gradient over the rows from `begin` to `end`.

    The arguments are those of `binary_cost_and_gradient`, with one row of `partial`.
    """
    d = X.shape[1]
    z, size_of_z, e, slope = np.empty(TILE), np.empty(TILE), np.empty(TILE), np.empty(TILE)
    bits = np.empty(TILE, np.int64)
    power = bits.view(np.float64)
    gradient = np.zeros(d + 1)
    cost = 0.0
    for first in range(begin, end, TILE):
        size = min(TILE, end - first)
        for i in range(size):
            # z_i = w'x_i + b
            total = 0.0
            for j in range(d):
                total += W[0, j] * X[first + i, j]
            z[i] = total + W[0, d]
            size_of_z[i] = abs(z[i])
        exp_of_minus(size_of_z, size, bits, power, e)  # e_i = e^-|z_i|
        rows = slice(first, first + size)
        cost += binary_losses(z, e, y[rows], weight[rows], proba[rows, 0], slope)
        for i in range(size):
            # d cost / d w = sum_i s_i (p_i - y_i) x_i
            for j in range(d):
                gradient[j] += slope[i] * X[first + i, j]
            gradient[d] += slope[i]
    partial[0] = cost
    for j in range(d + 1):
        partial[1 + j] = gradient[j]


@block_kernel
def binary_cost_and_gradient(X, y, weight, W, bounds, proba, partial):
    """Sum over the rows of each block: weight * loss, and its gradient.

    X : (n, d)  # in
    y : (n,) int64, 0 or 1  # in
    weight : (n,)  # in
    W : (1, d + 1), the coefficients and the intercept  # in
    bounds : (n_blocks + 1,)  # in
    proba : (n, 1), the probability of class 1  # out
    partial : (n_blocks, 1 + d + 1), the cost, then its gradient  # out
    """
    for block in prange(bounds.shape[0] - 1):
        begin, end = bounds[block], bounds[block + 1]
        binary_block(X, y, weight, W, begin, end, proba, partial[block])


@kernel
def multinomial_block(X, y, weight, W, begin, end, proba, partial):
    """Sum weight * loss and its gradient over the rows from `begin` to `end`.

    The arguments are those of `multinomial_cost_and_gradient`, with one row of `partial`.
    """
    d, n_classes = X.shape[1], W.shape[0]
    below, e = np.empty(TILE * n_classes), np.empty(TILE * n_classes)
    bits = np.empty(TILE * n_classes, np.int64)
    power = bits.view(np.float64)
    gradient = np.zeros((n_classes, d + 1))
    cost = 0.0
    for first in range(begin, end, TILE):
        size = min(TILE, end - first)
        for i in range(size):
            largest = -np.inf
            for k in range(n_classes):
                # z_ik = w_k'x_i + b_k
                z = 0.0
                for j in range(d):
                    z += W[k, j] * X[first + i, j]
                z += W[k, d]
                below[i * n_classes + k] = z
                if not z <= largest:
                    largest = z
            # how far each class lies below the largest: exponentials cannot overflow
            for k in range(n_classes):
                below[i * n_classes + k] = largest - below[i * n_classes + k]
        exp_of_minus(below, size * n_classes, bits, power, e)  # e_ik = e^(z_ik - max_l z_il)
        for i in range(size):
            s, target = weight[first + i], y[first + i]
            total = 0.0
            for k in range(n_classes):
                total += e[i * n_classes + k]
            # log sum_k e^z_k - z_y
            cost += s * (np.log(total) + below[i * n_classes + target])
            for k in range(n_classes):
                p = e[i * n_classes + k] / total
                proba[first + i, k] = p
                # d loss / d z_k = p_k - 1[k = y]
                slope = s * (p - 1.0) if k == target else s * p
                for j in range(d):
                    gradient[k, j] += slope * X[first + i, j]
                gradient[k, d] += slope
    partial[0] = cost
    for k in range(n_classes):
        for j in range(d + 1):
            partial[1 + k * (d + 1) + j] = gradient[k, j]


@block_kernel
def multinomial_cost_and_gradient(X, y, weight, W, bounds, proba, partial):
    """Sum over the rows of each block: weight * loss, and its gradient.

    X : (n, d)  # in
    y : (n,) int64, 0 to K - 1  # in
    weight : (n,)  # in
    W : (K, d + 1), the coefficients and the intercepts  # in
    bounds : (n_blocks + 1,)  # in
    proba : (n, K), the probability of each class  # out
    partial : (n_blocks, 1 + K (d + 1)), the cost, then its gradient  # out
    """
    for block in prange(bounds.shape[0] - 1):
        begin, end = bounds[block], bounds[block + 1]
        multinomial_block(X, y, weight, W, begin, end, proba, partial[block])
