"""The duality gap of logistic regression: how far the cost can be above its minimum.

    F(w, b) = mean loss + l2 / 2 |w|^2 + l1 |w|_1

Convex problems come in pairs: a maximum problem belongs to each minimum problem, and every point of
it is a lower bound on the minimum. For logistic regression its variables are probabilities of the
classes, one set for each row, and what is maximised is their entropy: predictions as undecided as
the data permit. The predictions of the current model, bent a little to obey the constraints, are a
good point to ask. F minus that bound is the duality gap: a certificate that needs no trust in the
method by which w was found.

References
----------
Boyd and Vandenberghe (2004), Convex Optimization, section 5. Koh, Kim and Boyd (2007), An
interior-point method for large-scale l1-regularized logistic regression.
"""

from __future__ import annotations

from math import log

import numpy as np
from numba import prange
from numpy.typing import NDArray

from groundup._blocks import block_bounds
from groundup._kernel import block_kernel, kernel
from groundup.linear_model._logistic_cost import LogisticCost

Array = NDArray[np.float64]


@kernel
def entropy_of_block(proba, y, weight, shrink, mix, mixed_in, begin, end):
    """Return the sum of `entropy` over the rows from `begin` to `end`."""
    n_values, n_classes = proba.shape[1], mixed_in.shape[0]
    total = 0.0
    for i in range(begin, end):
        row = 0.0
        for k in range(n_classes):
            if n_values == 1:
                p = proba[i, 0] if k == 1 else 1.0 - proba[i, 0]
            else:
                p = proba[i, k]
            q = shrink * ((1.0 - mix) * p + mix * mixed_in[k])
            if k == y[i]:
                q += 1.0 - shrink
            if q > 0.0:
                row -= q * np.log(q)
        total += weight[i] * row
    return total


@block_kernel
def entropy(proba, y, weight, shrink, mix, mixed_in, bounds, partial):
    """Sum over the rows of each block: -weight * sum_k q_k log q_k, of q made from the predictions.

    q = shrink ((1 - mix) p + mix t) + (1 - shrink) (1 in the place of y)

    proba : (n, 1) for two classes, or (n, K)  # in
    y : (n,)  # in
    weight : (n,)  # in
    shrink, mix : numbers from 0 to 1  # in
    mixed_in : (2,) or (K,), t  # in
    bounds : (n_blocks + 1,)  # in
    partial : (n_blocks,)  # out
    """
    for block in prange(partial.shape[0]):
        begin, end = bounds[block], bounds[block + 1]
        partial[block] = entropy_of_block(proba, y, weight, shrink, mix, mixed_in, begin, end)


class Dual:
    """Lower bounds on the cost, from predictions.

    For any probabilities q_i of the classes, with r_i = s_i (q_i - y_i) / sum s, the minimum of F
    is at least

        D(q) = sum_i s_i entropy(q_i) / sum s - sum_j conjugate(sum_i r_i x_ij)

    where conjugate(v) = max(|v| - l1, 0)^2 / (2 l2), which for l2 = 0 means: no |v| may exceed l1.
    And sum_i r_i = 0 if there is an intercept. The predictions p of the model nearly meet both; to
    meet them exactly, mix in a little of a constant t, and shrink the result towards y:

        q = a ((1 - e) p + e t) + (1 - a) y

    e and t make the sums of the classes right, a makes the largest |v| equal to l1.

    Parameters
    ----------
    cost : LogisticCost
    """

    def __init__(self, cost: LogisticCost) -> None:
        self.cost = cost
        n_classes = max(2, cost.n_values)
        s = cost.sample_weight / cost.weight_sum
        # share of each class; mean of the columns, over all rows and over those of each class
        self.shares = np.bincount(cost.y, weights=s, minlength=n_classes)  # (K,)
        one_hot = np.zeros((n_classes, len(s)))
        one_hot[cost.y, np.arange(len(s))] = s
        self.class_means = np.stack([np.einsum("i,ij->j", row, cost.X) for row in one_hot])
        self.mean = self.class_means.sum(axis=0)  # (d,)
        self.bounds = block_bounds(len(s))

    def cost_without_features(self) -> float:
        """Return the cost of the best constant prediction, for the scale of the gap."""
        if not self.cost.fit_intercept:
            return log(len(self.shares))
        shares = self.shares[self.shares > 0.0]
        return max(float(-(shares * np.log(shares)).sum()), 1e-300)

    def duality_gap(self, value: float, G: Array) -> float:
        """Return how far F can be above its minimum where the cost was evaluated last.

        Parameters
        ----------
        value : float
            F there.
        G : array of shape (1 or K, d + 1)
            Gradient of the mean loss there, by the coefficients and the intercepts, without the
            penalty's part.
        """
        cost, shares = self.cost, self.shares
        mix, t = 0.0, shares
        if cost.fit_intercept:
            # d: by how much the predictions of a class sum to more than there is of it
            surplus = np.array([-G[0, -1], G[0, -1]]) if cost.n_values == 1 else G[:, -1]
            predicted = np.maximum(shares + surplus, 1e-300)
            # the smallest e for which t = share - d (1 - e) / e has no negative entry
            mix = float(np.clip(np.max(surplus / predicted), 0.0, 1.0))
            if mix > 0.0:
                t = np.maximum(shares - surplus * ((1.0 - mix) / mix), 0.0)
        classes = slice(1, 2) if cost.n_values == 1 else slice(None)
        # sum_i r_i x_i for q = (1 - e) p + e t
        v = (1.0 - mix) * G[:, :-1]
        v = v + mix * (t[classes, None] * self.mean - self.class_means[classes])
        largest = float(np.max(np.abs(v), initial=0.0))
        shrink, conjugate = 1.0, 0.0
        if cost.l2 > 0.0:
            conjugate = float(np.sum(np.maximum(np.abs(v) - cost.l1, 0.0) ** 2)) / (2.0 * cost.l2)
        elif largest > cost.l1:
            shrink = cost.l1 / largest
        inputs = cost.proba, cost.y, cost.sample_weight, shrink, mix, t
        partial = np.empty(len(self.bounds) - 1)
        if len(partial) == 1:  # no threads, and no code for them to compile
            partial[0] = entropy_of_block(*inputs, 0, len(cost.X))
        else:
            entropy(*inputs, self.bounds, partial, n_threads=cost.n_threads)
        return value - (float(partial.sum()) / cost.weight_sum - conjugate)
