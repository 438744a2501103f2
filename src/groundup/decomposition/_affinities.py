r"""Affinities: how likely each row would choose each other row as its neighbour.

Row i chooses row j with a probability that falls off with their squared distance as a Gaussian:

    p(j|i) = exp(-beta_i d_ij^2) / sum_k exp(-beta_i d_ik^2),         p(i|i) = 0.

A single beta for all rows would leave rows in thin regions without neighbours and blur crowded
ones, so each row has its own, such that it has as many neighbours as the next: the entropy

    H_i = -sum_j p(j|i) log p(j|i) = log(perplexity)

is that of a fair choice among `perplexity` rows.  H_i falls as beta_i grows, with the slope

    dH_i / d(log beta_i) = -beta_i^2 Var_i(d^2)           (the variance under p(.|i)),

so Newton's method finds it in a handful of steps; a bracket around the solution keeps it safe.

Far rows get next to nothing: only the 3 * perplexity nearest are looked at.  Both directions are
then averaged, p_ij = (p(j|i) + p(i|j)) / 2n, so that a far outlier is still held by its neighbours.

Cost: the search for neighbours, then O(n perplexity) in time and memory.

References
----------
.. [1] L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", Journal of Machine Learning
   Research 9, 2008.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from groundup._exponential import exp_of_minus
from groundup._kernel import kernel

PRECISION = 1e-8  # of the entropy, in nats
MOST_STEPS = 100


@kernel
def _match_entropy(
    squared,  # (n, k) in
    i,  # int in: the row
    target,  # float in: log(perplexity)
    above,  # (k,) scratch: squared distances above the least
    bits,  # (k,) int64 scratch, and
    power,  # (k,) the same memory as float64
    p,  # (n, k) out
):
    k = squared.shape[1]
    least = squared[i, 0]
    for j in range(k):
        least = min(least, squared[i, j])
    mean = 0.0
    for j in range(k):
        above[j] = squared[i, j] - least
        mean += above[j] / k
    if mean == 0.0:  # all as far: a fair choice, whatever beta is
        for j in range(k):
            p[i, j] = 1.0 / k
        return
    # The unit of distance is the mean, so that beta stays a number of ordinary size.
    for j in range(k):
        above[j] /= mean
    log_beta, low, high = 0.0, -np.inf, np.inf
    weights = p[i]
    for _ in range(MOST_STEPS):
        beta = np.exp(log_beta)
        for j in range(k):
            above[j] *= beta
        exp_of_minus(above, k, bits, power, weights)
        total = first = second = 0.0  # of w, of w a and of w a^2,  a = beta d^2
        for j in range(k):
            total += weights[j]
            first += weights[j] * above[j]
            second += weights[j] * above[j] * above[j]
        for j in range(k):
            above[j] /= beta
        first /= total
        # H = log(sum w) + E[a],   dH/d(log beta) = -Var[a]
        excess = np.log(total) + first - target
        variance = second / total - first * first
        if abs(excess) <= PRECISION:
            break
        if excess > 0.0:
            low = log_beta
        else:
            high = log_beta
        step = min(max(excess / max(variance, 1e-300), -4.0), 4.0)
        log_beta += step
        if not (low < log_beta < high):
            # Outside the bracket, or no slope at all: halve it, or widen an open one.
            if high == np.inf:
                log_beta = low + 4.0
            elif low == -np.inf:
                log_beta = high - 4.0
            else:
                log_beta = 0.5 * (low + high)
        if high - low < 1e-14 or abs(log_beta) > 600.0:
            break  # more rows at the least distance than `perplexity`: no beta shuts them out
    for j in range(k):
        weights[j] /= total


@kernel
def match_entropies(
    squared,  # (n, k) in
    target,  # float in
    above,  # (k,) scratch
    bits,  # (k,) int64 scratch
    power,  # (k,) the same memory as float64
    p,  # (n, k) out
):
    for i in range(squared.shape[0]):
        _match_entropy(squared, i, target, above, bits, power, p)


def conditional_probabilities(squared: np.ndarray, perplexity: float) -> np.ndarray:
    """Return p(j|i) for the neighbours j of each row i.

    Parameters
    ----------
    squared : ndarray of shape (n_samples, k), float64
        Squared distances from each row to its neighbours.
    perplexity : float
        How many neighbours a row shall have, in effect.

    Returns
    -------
    ndarray of shape (n_samples, k)
        Each row sums to 1.  Where k <= perplexity, or all k are as far, the choice is as even as
        it can be.

    Examples
    --------
    >>> p = conditional_probabilities(np.array([[1.0, 4.0, 9.0]]), perplexity=2.0)
    >>> print(np.exp(-np.sum(p * np.log(p))).round(6))
    2.0
    """
    p = np.empty(squared.shape)
    above, power = np.empty((2, squared.shape[1]))
    # One thread: a millisecond for 1,000 rows, as much as three steps of the descent.
    match_entropies(squared, np.log(perplexity), above, power.view(np.int64), power, p)
    return p


def joint_probabilities(p: np.ndarray, neighbors: np.ndarray) -> csr_array:
    """Average both directions: p_ij = (p(j|i) + p(i|j)) / 2n.

    Parameters
    ----------
    p : ndarray of shape (n_samples, k)
        p(j|i) for the neighbours of each row.
    neighbors : ndarray of shape (n_samples, k)
        Which rows these are.

    Returns
    -------
    csr_array of shape (n_samples, n_samples)
        Symmetric; sums to 1.

    Examples
    --------
    >>> joint_probabilities(np.array([[1.0], [1.0]]), np.array([[1], [0]])).toarray()
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    n, k = p.shape
    one_way = csr_array((p.ravel(), neighbors.ravel(), np.arange(n + 1) * k), shape=(n, n))
    joint = (one_way + one_way.T).tocsr()
    joint.sort_indices()
    joint.data /= joint.data.sum()
    return joint
