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

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from groundup.linear_model._base import linear_decision
from groundup.svm._support_model import BLOCK_VECTORS, SupportModel

# From so many pairs of a row and a support vector on, `predict` seeks signs in single precision.
MANY_PAIRS = 1_000_000
ROOM = 2_000_000  # decision values at once
FEWEST_ROWS = 512  # at once: a block for each of two threads
MOST_ERROR = 0.01  # of an exponent in single precision: 1% of K


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


def by_blocks(
    answer: Callable[[np.ndarray], np.ndarray], X: np.ndarray, n_classes: int
) -> np.ndarray:
    """Return what `answer` says of the rows `X`, asked for so many that all pairs find room.

    The k (k - 1) / 2 decision values of a row are many more than its one class, or its k votes.
    """
    step = max(FEWEST_ROWS, ROOM // n_classes**2)
    if len(X) <= step:
        return answer(X)
    return np.concatenate([answer(X[i : i + step]) for i in range(0, len(X), step)])


class OneVsOne(SupportModel):
    """A machine for each pair of classes: its decision values."""

    def _pair_sums(
        self, X: np.ndarray, weights: np.ndarray, dtype: type = np.float64
    ) -> list[np.ndarray]:
        """Return sum_j w_j K(v_j, x) for all pairs, by each of several tables of weights.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        weights : ndarray of shape (t, k - 1, n_SV)
            Tables as `dual_coef_`.
        dtype : float32 or float64, default=float64

        Returns
        -------
        list of t ndarrays of shape (n, k (k - 1) / 2)
        """
        n_tables, n_rows, n_vectors = weights.shape
        ends = np.concatenate([[0], np.cumsum(self.n_support_)]).tolist()
        if n_rows == 1:
            ends = [0, n_vectors]  # two classes: one weight each, whichever the class
        groups = [slice(*pair) for pair in pairwise(ends)]
        stacked = weights.reshape(n_tables * n_rows, n_vectors)
        sums = self._sums(X, [(group, stacked[:, group].T) for group in groups], dtype)
        if n_rows == 1:
            return [sums[0][:, t : t + 1] for t in range(n_tables)]
        return [
            decisions([each[:, t * n_rows : (t + 1) * n_rows] for each in sums])
            for t in range(n_tables)
        ]

    def _pair_decisions(self, X: np.ndarray) -> np.ndarray:
        """Return the decision values of all pairs, (n, k (k - 1) / 2), signs as `_one_vs_one`."""
        if self.kernel == "linear":
            decision = linear_decision(X, self.coef_, self.intercept_)
        else:
            decision = self._pair_sums(X, self.dual_coef_[np.newaxis])[0] + self.intercept_
        return -decision if len(self.classes_) == 2 else decision

    @np.errstate(over="ignore", invalid="ignore")
    def _pair_decisions_of_right_sign(self, X: np.ndarray) -> np.ndarray:
        """Return the same, in single precision where that is enough to know the signs.

        With u = 2^-24 the exponent g |x - v|^2, a sum of p = d + 2 products, errs by at most
        (p + 4) u 2 (g |x|^2 + g |v|^2), the exponential by another 4 u, and a sum over a block of
        m vectors by m u.  An exponent that errs by t makes K wrong by a factor of up to exp(t), so
        all values err by at most exp(t) - 1, relative to sum_j |b_j| K(v_j, x), which is summed
        alongside.  Rows whose values are smaller than that are decided in double precision, as are
        rows so far away that t is no longer small.
        """
        if self.kernel != "rbf" or len(X) * len(self.support_) < MANY_PAIRS:
            return self._pair_decisions(X)
        center = self.support_vectors_.mean(axis=0)
        of_rows, of_vectors = (
            self._gamma * np.square(A - center).sum(axis=1) for A in (X, self.support_vectors_)
        )
        error = 2.0 * (X.shape[1] + 6) * (of_rows + of_vectors.max()) + 4.0 + BLOCK_VECTORS
        error *= 2.0**-24
        unsure = ~(error <= MOST_ERROR)  # also where it is not a number
        if 2 * np.count_nonzero(unsure) > len(X):
            return self._pair_decisions(X)
        b = np.stack([self.dual_coef_, np.abs(self.dual_coef_)])
        decision, size = self._pair_sums(X, b, np.float32)
        decision += self.intercept_
        bound = np.expm1(error)[:, np.newaxis] * size + 2.0**-24 * np.abs(self.intercept_) + 1e-30
        unsure |= ~(np.abs(decision) > bound).all(axis=1)
        if len(self.classes_) == 2:
            np.negative(decision, out=decision)
        decision[unsure] = self._pair_decisions(X[unsure])
        return decision

    @property
    def coef_(self):
        """Weights of the features, (n_pairs, n_features), for ``kernel="linear"``."""
        if self.kernel != "linear":
            raise AttributeError("coef_ is only available when using a linear kernel")
        k = len(self.classes_)
        if k == 2:
            return self.dual_coef_ @ self.support_vectors_
        ends = np.concatenate([[0], np.cumsum(self.n_support_)])
        coef = [
            sum(
                w @ self.support_vectors_[part]
                for part, w in weights_of_pair(self.dual_coef_, ends, i, j)
            )
            for i, j in pairs_of(k)
        ]
        return np.stack(coef)
