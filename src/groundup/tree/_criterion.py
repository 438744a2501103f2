r"""Criteria: how mixed the rows of a node are, and how much a split would sort them out.

A node with total weight W holds either classes, of which class c has the share p_c, or targets y:

    gini              H = 1 - sum_c p_c^2
    entropy           H = -sum_c p_c log2 p_c                   (also called log loss)
    squared error     H = sum_i w_i (y_i - mean)^2 / W
    Poisson           H = sum_i w_i y_i log(y_i / mean) / W     (half the deviance)
    absolute error    H = sum_i w_i |y_i - median| / W

A split into left and right is worth

    improvement = W / W_all * (H - W_left / W * H_left - W_right / W * H_right) .

For all criteria but the last, the part of it that differs between the splits of one node follows
from the sums on both sides alone (S = sum_i w_i y_i, W_c the weight of class c).  The gain is that
part:

    gini              sum over the sides of   sum_c W_c^2 / W
    entropy           sum over the sides of   sum_c W_c log2 W_c - W log2 W
    squared error     sum over the sides of   S^2 / W
    Poisson           sum over the sides of   S log(S / W)

References
----------
.. [1] Breiman, Friedman, Olshen and Stone (1984), "Classification and regression trees".
"""

from __future__ import annotations

import math

from groundup._kernel import kernel

GINI, ENTROPY, SQUARED_ERROR, POISSON, ABSOLUTE_ERROR = range(5)

EPSILON = 2.0**-52  # an impurity up to this is rounding


@kernel
def side_gain(
    criterion,
    sums,  # (1 + n_sums,) in: rows, then the weight of each class, or W and S
    n_sums,
):
    """Return one side's part of the gain."""
    gain = 0.0
    if criterion == GINI:
        W = 0.0
        for c in range(1, n_sums + 1):
            W += sums[c]
            gain += sums[c] * sums[c]
        return gain / W
    if criterion == ENTROPY:
        W = 0.0
        for c in range(1, n_sums + 1):
            if sums[c] > 0.0:
                W += sums[c]
                gain += sums[c] * math.log2(sums[c])
        return gain - W * math.log2(W)
    if criterion == SQUARED_ERROR:
        return sums[2] * sums[2] / sums[1]
    if sums[2] <= EPSILON:  # Poisson: a mean of zero cannot be predicted
        return -math.inf
    return sums[2] * math.log(sums[2] / sums[1])


@kernel
def class_impurity(
    criterion,
    shares,  # (., k) in
    node,
):
    """Return the impurity of a node from the shares of its classes."""
    H = 0.0
    if criterion == GINI:
        for c in range(shares.shape[1]):
            H += shares[node, c] * shares[node, c]
        return 1.0 - H
    for c in range(shares.shape[1]):
        if shares[node, c] > 0.0:
            H -= shares[node, c] * math.log2(shares[node, c])
    return H
