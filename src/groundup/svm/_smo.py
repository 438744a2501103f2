r"""Sequential minimal optimisation: the dual of every kernel machine, two variables at a time.

Support vector machines for classification, regression and novelty all lead to one problem over
weights b, one for each training row, each with a range that holds 0:

    minimise    1/2 b^T K b - t^T b + w |b|_1        K_ij = K(x_i, x_j)
    subject to  sum_i b_i = const,   low_i <= b_i <= high_i

    SVC           t_i = y_i (-1 or 1),  b_i y_i in [0, C],  w = 0
    SVR           t_i = y_i,            b_i in [-C, C],     w = epsilon
    OneClassSVM   t_i = 0,              b_i in [0, 1],      w = 0,  sum b_i = nu n

With f = K b (what the machine says of each row, up to a constant) and e = t - f, a small rise of
b_i gains e_i - w (or e_i + w, where b_i < 0), and a small fall costs e_i + w (or e_i - w, where
b_i > 0).  The sum of b is fixed, so no weight can move alone: the smallest step raises one and
lowers another by the same amount, and the solution is found when no such pair gains:

    m = max gain of a rise  <=  M = min cost of a fall               (Karush, Kuhn, Tucker)

The search ends at m - M <= tol.  Until then:

1. i is the variable of m: the one that most wants to rise.
2. j is the partner with which one step gains most, (m - cost_j)^2 / (K_ii + K_jj - 2 K_ij): the
   second-order choice of [2]_, which needs far fewer steps than the j of M.
3. Both move by (m - cost_j) / (K_ii + K_jj - 2 K_ij), or until one comes to the end of its range.

Two levels keep this fast.  The steps happen inside a *working set* of some thousand variables whose
part of K is at hand (`_pair_steps`); only when it is nearly at rest, f of all other rows is brought
up to date, in one pass over the rows (`_kernel_rows`).  The set holds

- the variables inside their ranges: they answer to every change, so they must move together,
- and of those that violate the condition by more than half of the worst, as many as there is room
  for, *by lot*: the very worst are often neighbours that say the same.

For 50,000 rows with 17,000 support vectors that is some 15 passes.

*Shrinking*: variables that rest at a bound and are beyond all that could move are set aside.  Their
f waits until the others are settled, and then catches up with all changes at once.

*Precision*: passes compute K in single precision and sum in double.  At the end f of all rows near
the border is computed anew in double precision, and the search goes on if that shows a violation.

Cost: about as many steps as there are support vectors, times two to four, each O(size of the set);
and n d for each weight that a set changed, about two or three times the number of support vectors.
Memory: linear in n, plus the square of the set.  It is slow where C is huge and the classes
overlap: the valley is long and flat.  If K is no inner product (sigmoid), a pair of negative
curvature moves to the end of its range, and the result is a local minimum.

References
----------
.. [1] J. Platt, "Fast training of support vector machines using sequential minimal optimization",
   in "Advances in Kernel Methods", MIT Press, 1999.
.. [2] R.-E. Fan, P.-H. Chen and C.-J. Lin, "Working set selection using second order information
   for training support vector machines", JMLR 6, 2005.
.. [3] T. Joachims, "Making large-scale SVM learning practical", in "Advances in Kernel Methods",
   MIT Press, 1999.
"""

from __future__ import annotations

from collections.abc import Generator
from math import inf, isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup._blocks import single_blas_thread
from groundup.svm._kernel_rows import KernelRows
from groundup.svm._pair_steps import MOST_VARIABLES, pair_steps
from groundup.svm._working_sets import one_set, working_sets

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

WHOLE = 2048  # up to so many rows, the working set is all of them, in double precision


def smo(
    kernel_rows: KernelRows,
    target: Array,
    low: Array,
    high: Array,
    width: float = 0.0,
    start: Array | None = None,
    tol: float = 1e-3,
    max_iter: int = -1,
    shrinking: bool = True,
) -> Generator[dict[str, Any], None, None]:
    """Minimise the dual; yields after every working set.

    Parameters
    ----------
    kernel_rows : KernelRows
        K of the n training rows.
    target : ndarray of shape (n,)
        t.
    low, high : ndarray of shape (n,)
        Ranges of the weights: low <= 0 <= high.
    width : float, default=0.0
        w, at least 0.
    start : ndarray of shape (n,) or None
        Where to begin, within the ranges; zeros by default.  sum b stays what it is there.
    tol : float, default=1e-3
        Stop where m - M is at most this.
    max_iter : int, default=-1
        The most steps of pairs; -1 for no limit.
    shrinking : bool, default=True
        Whether variables that rest are set aside.

    Yields
    ------
    dict
        ``b`` (n,), the live weights; ``violation`` (m - M, of the variables not set aside);
        ``objective``; ``rho``, minus the constant to add to f; ``n_iter``, the steps so far.

    Raises
    ------
    ValueError
        If kernel values overflow.
    """
    dual = Dual(kernel_rows, target, low, high, width, start)
    whole = len(target) <= min(WHOLE, kernel_rows.room_for(np.float64))
    sets = one_set(dual, tol, max_iter) if whole else working_sets(dual, tol, max_iter, shrinking)
    n_states = 0
    for _ in sets:
        n_states += 1
        yield dual.state()
    if n_states == 0:
        dual.measure(*dual.gains_and_costs())
        yield dual.state()


class Dual:
    """The problem, and where the search stands."""

    def __init__(self, rows, target, low, high, width, start):
        self.rows, self.target, self.low, self.high, self.width = rows, target, low, high, width
        self.n_iter, self.objective = 0, 0.0
        self.b, self.e = np.zeros(len(target)), target.copy()
        if start is not None:
            self.b[:] = start
            moved = np.flatnonzero(start)
            with single_blas_thread():
                rows.add_to(self.e, moved, -start[moved])
            self.objective = -0.5 * float(start @ (self.e + target)) + width * np.abs(start).sum()
        self.m, self.M = inf, -inf  # until they are measured

    def gains_and_costs(self) -> tuple[Array, Array]:
        """Return what a rise of each b gains and what a fall costs; -+infinity at a bound."""
        e, b, w = self.e, self.b, self.width
        gain = np.where(b < self.high, e if w == 0.0 else e - np.where(b >= 0.0, w, -w), -np.inf)
        cost = np.where(b > self.low, e if w == 0.0 else e + np.where(b <= 0.0, w, -w), np.inf)
        return gain, cost

    def measure(self, gain: Array, cost: Array) -> None:
        """Set m and M."""
        self.m, self.M = float(gain.max()), float(cost.min())
        if inf in (self.m, -self.M) or isnan(self.m - self.M):
            raise ValueError(
                "Kernel values overflow: the input data contain large values. Bring the columns to "
                "one scale (StandardScaler), or choose smaller gamma, degree or coef0."
            )

    @property
    def violation(self) -> float:
        """By how much m exceeds M."""
        return max(self.m - self.M, 0.0)

    def state(self) -> dict[str, Any]:
        """Return what `smo` yields."""
        free = (self.b > self.low) & (self.b < self.high)
        if self.width > 0.0:
            free &= self.b != 0.0
        n_free = int(np.count_nonzero(free))
        if n_free > 0:
            # gain = cost = the constant, for those inside their ranges
            e = self.e if self.width == 0.0 else self.e - self.width * np.sign(self.b)
            constant = float(e[free].sum()) / n_free
        else:
            ends = [end for end in (self.m, self.M) if np.isfinite(end)]
            constant = float(sum(ends)) / len(ends) if ends else 0.0
        return {
            "b": self.b,
            "violation": self.violation,
            "objective": self.objective,
            "rho": -constant,
            "n_iter": self.n_iter,
        }

    def work_on(self, chosen: Rows, K: NDArray, tol: float, most: int) -> tuple[Rows, Array, Array]:
        """Take at most `most` steps inside a working set, whose K is given.

        Returns
        -------
        moved : ndarray of shape (r,)
            The rows whose weights changed.
        change : ndarray of shape (r,)
            By how much.
        e : ndarray of shape (q,)
            What e of the set is now; ``self.e`` is left as it was.
        """
        assert len(chosen) <= MOST_VARIABLES, "places have 16 bits in pair_steps"
        e, b = self.e[chosen], self.b[chosen]  # copies
        rise, fall, value = np.empty((3, len(chosen)))
        self.n_iter += pair_steps(
            K,
            np.ascontiguousarray(np.diagonal(K)),
            e,
            b,
            self.low[chosen],
            self.high[chosen],
            self.width,
            tol,
            most,
            rise,
            fall,
            value,
            value.view(np.int64),
        )
        before = self.b[chosen]
        change = b - before
        # e is linear on the way, so 1/2 b'Kb - t'b changes by  -change . (e_before + e_after) / 2
        self.objective -= 0.5 * float(change @ (self.e[chosen] + e))
        if self.width > 0.0:
            self.objective += self.width * float(np.abs(b).sum() - np.abs(before).sum())
        self.b[chosen] = b
        place = np.flatnonzero(change)
        return chosen[place], change[place], e
