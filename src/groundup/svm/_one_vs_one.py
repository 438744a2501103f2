r"""One against one: many classes by one machine for every pair of them.

k classes make k (k - 1) / 2 pairs, in the order (0, 1), (0, 2), ..., (1, 2), ...  The machine of
the pair (i, j) is trained on the rows of these two classes alone, and its decision value f_ij(x) is
positive where it takes x for class i.  Each pair gives one vote, and the class with the most votes
wins (the first of them at a tie).

A training row belongs to k - 1 pairs, so it has k - 1 weights.  They are kept as LIBSVM keeps them,
in a table of k - 1 rows: for a support vector of class c, row r holds its weight against class r
where r < c, and against class r + 1 otherwise.

References
----------
.. [1] S. Knerr, L. Personnaz and G. Dreyfus, "Single-layer learning revisited: a stepwise procedure
   for building and training a neural network", Neurocomputing, NATO ASI 68, 1990.
"""

from __future__ import annotations

import numpy as np


def pairs_of(n_classes: int) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, in the order of their decision values.

    Examples
    --------
    >>> pairs_of(3)
    [(0, 1), (0, 2), (1, 2)]
    """
    return [(i, j) for i in range(n_classes) for j in range(i + 1, n_classes)]


def weights_of_pair(
    dual_coef: np.ndarray, ends: np.ndarray, i: int, j: int
) -> tuple[tuple[slice, np.ndarray], tuple[slice, np.ndarray]]:
    """Return where the support vectors of classes i and j stand, and their weights in this pair.

    Parameters
    ----------
    dual_coef : ndarray of shape (k - 1, n_vectors)
    ends : ndarray of shape (k + 1,)
        Class c has the support vectors ``ends[c]`` to ``ends[c + 1]``.
    i, j : int
        i < j.
    """
    of_i, of_j = slice(ends[i], ends[i + 1]), slice(ends[j], ends[j + 1])
    return (of_i, dual_coef[j - 1, of_i]), (of_j, dual_coef[i, of_j])


def decisions(sums: list[np.ndarray]) -> np.ndarray:
    """Put the sums of all pairs together: decision values less the intercepts.

    Parameters
    ----------
    sums : list of k ndarrays of shape (n, k - 1)
        For each class, what its support vectors contribute to each of its k - 1 pairs.

    Returns
    -------
    ndarray of shape (n, k (k - 1) / 2)
    """
    # f_ij(x) = sum over vectors of i + sum over vectors of j (+ intercept_ij)
    columns = [sums[i][:, j - 1] + sums[j][:, i] for i, j in pairs_of(len(sums))]
    return np.stack(columns, axis=1)


def votes(decision: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the class with the most votes for each row of `decision`.

    Examples
    --------
    >>> import numpy as np
    >>> votes(np.array([[-1.0, 1.0, 2.0]]), 3)  # 1 beats 0, 0 beats 2, 1 beats 2
    array([1])
    """
    count = np.zeros((len(decision), n_classes), np.int64)
    for p, (i, j) in enumerate(pairs_of(n_classes)):
        for_i = decision[:, p] > 0
        count[:, i] += for_i
        count[:, j] += ~for_i
    return count.argmax(axis=1)
