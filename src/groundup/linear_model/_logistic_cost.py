"""The cost that logistic regression minimises, as the optimisers of `groundup.optim` ask for it.

    J(w, b) = sum_i s_i loss(y_i, w'x_i + b) / sum_i s_i  +  l2 / 2 |w|^2

with the loss of `_logistic_loss`, row weights s, and l2 = (1 - l1_ratio) / (C sum_i s_i). The
intercept b is not penalised: how common the classes are is no reason to doubt the fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup._blocks import block_bounds
from groundup._estimator import read_only
from groundup.linear_model import _logistic_curvature, _logistic_loss
from groundup.optim import ALL_ROWS

Array = NDArray[np.float64]

# below this many numbers in X, starting a second thread costs more than it saves
WORTH_A_THREAD = 20_000
# a block is about this many numbers of X, and at least 128 rows: wide tables are cut finer
BLOCK_NUMBERS = 131_072
# partial Hessians of all blocks may take this many numbers together
HESSIAN_ROOM = 4_000_000


def rows_of_a_block(d: int) -> int:
    return min(4096, max(128, BLOCK_NUMBERS // d))


class LogisticCost:
    """The mean logistic loss of a linear model, with its derivatives.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float64 and C-contiguous.
    y : array of shape (n,), int64
        Number of the class, 0 to n_classes - 1.
    n_classes : int
        2 or more. With 2 there is one decision value a row, with K > 2 there are K.
    sample_weight : array of shape (n,), optional
        Weights s_i of the rows, 1 each by default.
    l2 : float, default=0.0
        Strength of the penalty l2 / 2 |w|^2.
    l1 : float, default=0.0
        Strength of a penalty l1 |w|_1. It is not part of J, which is smooth; it is kept here for
        `_logistic_sparse`.
    fit_intercept : bool, default=True
        Whether there is an intercept.
    n_threads : int, default=1
        Threads to compute on. The result does not depend on it.

    Attributes
    ----------
    n_parameters : int
        Length p of the parameter vector: for each decision value d coefficients, then its
        intercept if there is one.
    proba : array of shape (n, 1) or (n, K)
        Probability of class 1, or of each class, at the parameters evaluated last.
    weight_sum : float
        sum_i s_i

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.optim import ALL_ROWS
    >>> cost = LogisticCost(np.array([[-1.0], [1.0]]), np.array([0, 1]), 2)
    >>> value, gradient = cost.cost_and_gradient(np.zeros(cost.n_parameters), ALL_ROWS)
    >>> round(value, 6), gradient
    (0.693147, array([-0.5,  0. ]))
    """

    def __init__(
        self,
        X: Array,
        y: NDArray[np.int64],
        n_classes: int,
        sample_weight: Array | None = None,
        *,
        l2: float = 0.0,
        l1: float = 0.0,
        fit_intercept: bool = True,
        n_threads: int = 1,
    ) -> None:
        self.X, self.y = read_only(X), read_only(y)
        n, d = X.shape
        self.n_values = 1 if n_classes == 2 else n_classes
        self.sample_weight = read_only(np.ones(n) if sample_weight is None else sample_weight)
        self.weight_sum = float(n if sample_weight is None else np.sum(sample_weight))
        self.l2, self.l1 = l2, l1
        self.fit_intercept = fit_intercept
        self.n_threads = n_threads if n * d >= WORTH_A_THREAD else 1
        self.shape = (self.n_values, d + 1)
        self.n_parameters = self.n_values * (d + int(fit_intercept))
        self.proba = np.empty((n, self.n_values))
        self._bounds = block_bounds(n, block_rows=rows_of_a_block(d))
        self._partial = np.empty((len(self._bounds) - 1, 1 + self.n_values * (d + 1)))
        self._partial_hessian: Array | None = None

    def with_rows(self, rows: Any) -> LogisticCost:
        """Return the cost of some of the rows alone."""
        return LogisticCost(
            self.X[rows],
            self.y[rows],
            max(2, self.n_values),
            self.sample_weight[rows],
            l2=self.l2,
            l1=self.l1,
            fit_intercept=self.fit_intercept,
            n_threads=self.n_threads,
        )

    def with_columns(self, columns: NDArray[np.int64]) -> LogisticCost:
        """Return the same cost for some of the columns alone."""
        return LogisticCost(
            np.ascontiguousarray(self.X[:, columns]),
            self.y,
            max(2, self.n_values),
            self.sample_weight,
            l2=self.l2,
            l1=self.l1,
            fit_intercept=self.fit_intercept,
            n_threads=self.n_threads,
        )

    def unravel(self, w: Array) -> Array:
        """Return the parameters as an array (K or 1, d + 1); a missing intercept is 0."""
        if self.fit_intercept:
            return w.reshape(self.shape)
        W = np.zeros(self.shape)
        W[:, :-1] = w.reshape(self.n_values, -1)
        return W

    def ravel(self, W: Array) -> Array:
        """Return an array (K or 1, d + 1) as a parameter vector (p,)."""
        return W.ravel() if self.fit_intercept else W[:, :-1].ravel()

    def cost_and_gradient(self, w: Array, rows: Any = ALL_ROWS) -> tuple[float, Array]:
        """Return J(w) and its gradient of shape (p,), over all rows or over some of them."""
        if isinstance(rows, slice) and rows == ALL_ROWS:
            return self._cost_and_gradient(w)
        return self.with_rows(rows)._cost_and_gradient(w)

    def _cost_and_gradient(self, w: Array) -> tuple[float, Array]:
        W = self.unravel(w)
        n, bounds, partial = len(self.X), self._bounds, self._partial
        inputs = self.X, self.y, self.sample_weight, W
        two = self.n_values == 1
        if len(partial) == 1:  # no threads, and no code for them to compile
            block = _logistic_loss.binary_block if two else _logistic_loss.multinomial_block
            block(*inputs, 0, n, self.proba, partial[0])
        else:
            blocks = (
                _logistic_loss.binary_cost_and_gradient
                if two
                else _logistic_loss.multinomial_cost_and_gradient
            )
            blocks(*inputs, bounds, self.proba, partial, n_threads=self.n_threads)
        total = self._partial.sum(axis=0) / self.weight_sum  # (1 + K (d + 1),)
        coef = W[:, :-1]
        gradient = total[1:].reshape(self.shape)
        # J = mean loss + l2 / 2 |w|^2
        cost = float(total[0])
        if self.l2 > 0.0:
            cost += 0.5 * self.l2 * float(np.vdot(coef, coef))
            gradient[:, :-1] += self.l2 * coef
        return cost, self.ravel(gradient)

    def hessian(self, w: Array, rows: Any = ALL_ROWS) -> Array:
        """Return the second derivatives, of shape (p, p), where the cost was evaluated last.

        For K > 2 classes, a constant added to the decision values of all classes changes nothing:
        along that direction the Hessian is zero, unless there is a penalty. There its mean diagonal
        is filled in instead. The gradient has no part along it, so the Newton step stays the same,
        and the system can be solved.
        """
        K, one = self.shape
        q = K * one
        max_blocks = min(64, max(2, HESSIAN_ROOM // (q * q)))
        bounds = block_bounds(len(self.X), rows_of_a_block(one), max_blocks)
        if self._partial_hessian is None:
            self._partial_hessian = np.empty((len(bounds) - 1, q, q))
        partial = self._partial_hessian
        inputs = self.X, self.sample_weight, self.proba
        two = self.n_values == 1
        if len(partial) == 1:
            block = (
                _logistic_curvature.binary_hessian_block
                if two
                else _logistic_curvature.multinomial_hessian_block
            )
            block(*inputs, 0, len(self.X), partial[0])
        else:
            blocks = (
                _logistic_curvature.binary_hessian
                if two
                else _logistic_curvature.multinomial_hessian
            )
            blocks(*inputs, bounds, partial, n_threads=self.n_threads)
        H = partial.sum(axis=0) / self.weight_sum  # (K (d + 1), K (d + 1))
        diagonal = H.reshape(-1)[:: q + 1].reshape(K, one)
        if K > 1:
            is_penalised = self.l2 > 0.0 or self.l1 > 0.0
            unpenalised = slice(one - 1, one) if is_penalised else slice(None)
            filling = np.zeros(one)
            filling[unpenalised] = diagonal.mean(axis=0)[unpenalised] / K
            blocks = H.reshape(K, one, K, one)
            features = np.arange(one)
            blocks[:, features, :, features] += filling[:, None, None]
        diagonal[:, :-1] += self.l2
        if self.fit_intercept:
            return H
        kept = np.flatnonzero(np.arange(q) % one != one - 1)
        return H[np.ix_(kept, kept)]
