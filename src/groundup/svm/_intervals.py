r"""What the linear support vector machines have in common: a row asks for an interval.

A linear model gives each row a number z = w'x + b, and a row is content with any z in an interval
[low, high] of its own:

    classification     a row of the class      [1, inf)           at least 1 on the right side,
                       a row of the others     (-inf, -1]         the margin
    regression         a row with target y     [y - eps, y + eps]

What is charged is the distance r from z to the interval, or its square, times the row's price c:

    minimise over v = (w, b / s):   1/2 |v|^2  +  sum_i c_i |r_i|       hinge, eps-insensitive
                                    1/2 |v|^2  +  sum_i c_i r_i^2       the squared ones

Rows inside their interval cost nothing and pull at nothing: only the others, the support vectors,
decide where the street runs.  So classification and regression are one problem here, and each
method below is written once.

The constant b is the weight of one more column that holds s (`intercept_scaling`) in every row, and
has a price like all weights; a larger s makes it cheaper.

Every problem has a dual: a number beta_i for each row, which says how hard it pulls.  Any beta that
is allowed gives a lower bound on the minimum,

    u = sum_i beta_i (x_i, s)
    D(beta) = -1/2 |u|^2 + sum_i (low_i if beta_i > 0 else high_i) beta_i  [- beta_i^2 / (4 c_i)]

with |beta_i| <= c_i, or, for squared distances, without a bound but with the last term.  The
difference between the objective and the bound is the duality gap: where it is zero, both are
optimal, and no further knowledge is needed to say so.

References
----------
.. [1] Cortes and Vapnik (1995), "Support-vector networks", Machine Learning 20(3).
.. [2] Fan, Chang, Hsieh, Wang and Lin (2008), "LIBLINEAR: a library for large linear
   classification", Journal of Machine Learning Research 9.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# with so many rows a parameter, an eighth of them already knows nearly all about the solution
SAMPLE = 8
ROWS_A_PARAMETER = 100
GOLDEN_RATIO = 0.6180339887498949


class Rows(NamedTuple):
    """Rows, the interval that each asks for, and its price."""

    X: Array  # (n, d) C-contiguous
    constant: float  # s, what the column of the intercept holds; 0 without an intercept
    low: Array  # (n,)
    high: Array  # (n,)
    price: Array  # (n,) c_i >= 0

    @classmethod
    def of_class(
        cls, X: Array, constant: float, is_member: NDArray[np.bool_], price: Array
    ) -> Rows:
        """Ask for at least 1 for the members of a class, and for at most -1 for all others."""
        low = np.where(is_member, 1.0, -np.inf)
        high = np.where(is_member, np.inf, -1.0)
        return cls(X, constant, low, high, price)

    @classmethod
    def of_targets(cls, X: Array, constant: float, y: Array, epsilon: float, price: Array) -> Rows:
        """Ask for the target, give or take `epsilon`."""
        return cls(X, constant, y - epsilon, y + epsilon, price)

    def sample(self) -> Rows | None:
        """Return an eighth of the rows at eight times their price, or None if they are too few.

        They are spread by the golden ratio, which misses no part of the table and follows no period
        in it.
        """
        n, d = self.X.shape
        m = n // SAMPLE
        if m < ROWS_A_PARAMETER * (d + 1):
            return None
        spread = (np.arange(m) * GOLDEN_RATIO) % 1.0
        rows = np.sort((spread * n).astype(np.int64))
        X = self.X[rows]
        X.flags.writeable = False  # one signature of the kernels
        price = (n / m) * self.price[rows]
        return Rows(X, self.constant, self.low[rows], self.high[rows], price)


def distances(rows: Rows, v: Array) -> Array:
    """Return how far each row's z lies above (below: negative) its interval; zero inside.

    Parameters
    ----------
    rows : Rows
    v : array of shape (d + 1,)

    Returns
    -------
    array of shape (n,)
    """
    # not by BLAS, whose threads would decide about the last bits
    z = np.einsum("ij,j->i", rows.X, v[:-1]) + rows.constant * v[-1]
    return z - np.clip(z, rows.low, rows.high)


def bound(rows: Rows, beta: Array, squared: bool) -> float:
    """Return D(beta) of the l2 penalty, without its part -1/2 |u|^2."""
    pulled = np.where(beta > 0.0, rows.low, rows.high)
    linear = float(np.sum(beta[beta != 0.0] * pulled[beta != 0.0]))
    if not squared:
        return linear
    used = rows.price > 0.0
    return linear - float(np.sum(beta[used] ** 2 / (4.0 * rows.price[used])))
