r"""Sequential minimal optimisation: the dual of every kernel machine, two variables at a time.

Support vector machines for classification, regression and novelty all lead to one problem over
weights a, one for each training row (two for regression):

    minimise    1/2 a^T Q a + p^T a          Q_ij = s_i s_j K(x_i, x_j)
    subject to  s^T a = const,   0 <= a_i <= C_i                 s_i in {-1, +1}

With b_i = s_i a_i the signs go away.  Every b_i has a range [lo_i, hi_i] (which is [0, C_i] or
[-C_i, 0]), the sum of b stays what it is, and

    f_i = sum_j b_j K(x_j, x_i)              what the machine says of row i, up to a constant
    e_i = -s_i p_i - f_i                     minus the gradient with respect to b_i

Because the sum is fixed, no weight can move alone: the smallest step raises one b_i and lowers one
b_j by the same amount.  That lowers the objective where e_i > e_j, so the solution is found when no
such pair is left:

    m = max e_i over b_i < hi_i    <=    M = min e_j over b_j > lo_j         (Karush, Kuhn, Tucker)

and the search ends at m - M <= tol.  Until then:

1. i is the variable of m: the one that most wants to rise.
2. j is the partner with which one step gains most, (e_i - e_j)^2 / (K_ii + K_jj - 2 K_ij): the
   second-order choice of [2]_, which needs far fewer steps than the j of M.
3. Both move by (e_i - e_j) / (K_ii + K_jj - 2 K_ij), or as far as their ranges allow.

Two levels keep this fast.  The steps happen inside a *working set* of up to some thousand variables
whose part of K fits into a cache; only when they are at rest there, f of all other rows is brought
up to date (one pass over the rows in blocks, by BLAS), and the set is chosen anew: the variables
between their bounds, and those that violate the condition most.

Cost: about as many steps as there are support vectors, times a few; each O(working set).  The
passes over all rows cost n d for each variable that changed.  Memory: linear in n, plus the working
set's square.  It is slow where C is huge and the classes overlap (many steps between nearly equal
rows), and no better than any method if K is no inner product (sigmoid): there a pair of negative
curvature moves to the end of its range.

References
----------
.. [1] J. Platt, "Fast training of support vector machines using sequential minimal optimization",
   in "Advances in Kernel Methods", MIT Press, 1999.
.. [2] R.-E. Fan, P.-H. Chen and C.-J. Lin, "Working set selection using second order information
   for training support vector machines", JMLR 6, 2005.
.. [3] T. Joachims, "Making large-scale SVM learning practical", ibid.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from groundup._blocks import single_blas_thread
from groundup._kernel import kernel
from groundup.svm._kernel_rows import KernelRows

TAU = 1e-12  # the least curvature of a pair: duplicates, and kernels that are no inner product
WORKING_SET = 1024


@kernel
def pair_steps(
    K,  # (q, q) in
    e,  # (q,) inout
    b,  # (q,) inout
    low,  # (q,) in
    high,  # (q,) in
    tol,  # float in: stop where m - M <= tol
    most,  # int in: the most steps
):
    """Raise one weight and lower another, until the working set is at rest; return the steps."""
    q = e.shape[0]
    for step in range(most):
        # m = max e_i over those that can rise,   M = min e_j over those that can fall
        i, m, M = -1, -np.inf, np.inf
        for k in range(q):
            if b[k] < high[k] and e[k] > m:
                m = e[k]
                i = k
            if b[k] > low[k] and e[k] < M:
                M = e[k]
        if m - M <= tol:
            return step
        # j = argmax (e_i - e_j)^2 / (K_ii + K_jj - 2 K_ij)
        j, best = -1, 0.0
        for k in range(q):
            d = m - e[k]
            if b[k] > low[k] and d > 0.0:
                curvature = max(K[i, i] + K[k, k] - 2.0 * K[i, k], TAU)
                if d * d / curvature > best:
                    best = d * d / curvature
                    j = k
        curvature = max(K[i, i] + K[j, j] - 2.0 * K[i, j], TAU)
        move = min((e[i] - e[j]) / curvature, high[i] - b[i], b[j] - low[j])
        # Exactly onto a bound, so that rounding leaves nobody just beside it.
        b[i] = high[i] if move == high[i] - b[i] else b[i] + move
        b[j] = low[j] if move == b[j] - low[j] else b[j] - move
        for k in range(q):
            e[k] -= move * (K[i, k] - K[j, k])
    return most


def smo(
    kernel_rows: KernelRows,
    sample_of: np.ndarray,
    signs: np.ndarray,
    linear: np.ndarray,
    upper: np.ndarray,
    start: np.ndarray | None = None,
    tol: float = 1e-3,
    max_iter: int = -1,
    shrinking: bool = True,
    n_threads: int = 1,
) -> Generator[dict[str, Any], None, None]:
    """Minimise the dual; yields after every working set.

    Parameters
    ----------
    kernel_rows : KernelRows
        K of the training rows.
    sample_of : ndarray of shape (m,), int64
        Which row a variable belongs to.
    signs : ndarray of shape (m,)
        s, -1.0 or 1.0.
    linear : ndarray of shape (m,)
        p.
    upper : ndarray of shape (m,)
        C_i, at least 0.
    start : ndarray of shape (m,) or None
        Where to begin, within the bounds; zeros by default.  s^T a stays what it is there.
    tol : float, default=1e-3
        Stop where m - M is at most this.
    max_iter : int, default=-1
        The most steps of pairs; -1 for no limit.
    shrinking : bool, default=True
    n_threads : int, default=1

    Yields
    ------
    dict
        ``alpha`` (m,), ``gradient`` (m,), ``violation`` (m - M), ``objective``, ``rho`` and
        ``n_iter``, the number of steps so far.
    """
    with single_blas_thread():
        problem = _Problem(kernel_rows, sample_of, signs, linear, upper, start)
    n_iter = 0
    while True:
        with single_blas_thread():
            m, M = problem.extremes()
            if m - M <= tol or 0 <= max_iter <= n_iter:
                break
            chosen = problem.choose(WORKING_SET)
            most = max_iter - n_iter if max_iter >= 0 else 100 * len(chosen)
            inner_tol = tol * 0.5 if len(chosen) == problem.m else max(0.1 * (m - M), 0.5 * tol)
            n_iter += problem.work_on(chosen, inner_tol, most)
        yield problem.state(n_iter)
    if n_iter == 0:
        yield problem.state(n_iter)


class _Problem:
    """The signless problem: weights b, their ranges, and e."""

    def __init__(self, rows, sample_of, signs, linear, upper, start):
        self.rows, self.sample_of, self.signs, self.linear = rows, sample_of, signs, linear
        self.m = len(signs)
        self.low = np.where(signs > 0, 0.0, -upper)
        self.high = np.where(signs > 0, upper, 0.0)
        self.b = np.zeros(self.m) if start is None else signs * start
        self.f = np.zeros(rows.n_samples)
        self.target = -signs * linear
        moved = np.flatnonzero(self.b)
        rows.add_to(self.f, sample_of[moved], self.b[moved])

    def e(self) -> np.ndarray:
        return self.target - self.f[self.sample_of]

    def extremes(self) -> tuple[float, float]:
        """Return m and M."""
        e = self.e()
        m = np.max(e, initial=-np.inf, where=self.b < self.high)
        M = np.min(e, initial=np.inf, where=self.b > self.low)
        return float(m), float(M)

    def choose(self, size: int) -> np.ndarray:
        """Return the variables of the next working set."""
        if self.m <= size:
            return np.arange(self.m)
        e = self.e()
        can_rise, can_fall = self.b < self.high, self.b > self.low
        half = size // 2
        rising = np.where(can_rise, e, -np.inf)
        falling = np.where(can_fall, e, np.inf)
        up = np.argpartition(-rising, half)[:half]
        down = np.argpartition(falling, half)[:half]
        return np.union1d(up[can_rise[up]], down[can_fall[down]])

    def work_on(self, chosen: np.ndarray, tol: float, most: int) -> int:
        samples = self.sample_of[chosen]
        K = self.rows.among(samples)
        e, b = self.e()[chosen], self.b[chosen]
        before = b.copy()
        steps = pair_steps(K, e, b, self.low[chosen], self.high[chosen], tol, most)
        self.b[chosen] = b
        moved = np.flatnonzero(b != before)
        self.rows.add_to(self.f, samples[moved], (b - before)[moved])
        return steps

    def state(self, n_iter: int) -> dict[str, Any]:
        m, M = self.extremes()
        alpha = self.signs * self.b
        e = self.e()
        gradient = -self.signs * e
        free = (self.b > self.low) & (self.b < self.high)
        rho = -float(e[free].mean()) if free.any() else -0.5 * (m + M)
        return {
            "alpha": alpha,
            "gradient": gradient,
            "violation": max(m - M, 0.0),
            "objective": 0.5 * float(alpha @ (gradient + self.linear)),
            "rho": rho,
            "n_iter": n_iter,
        }
