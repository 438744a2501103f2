r"""Linear support vector machines by descent in the dual, one row at a time.

In the dual every row has one number beta_i, how hard it pulls (see `_intervals`), and the weights
are what all rows pull together, v = sum_i beta_i (x_i, s):

    minimise   1/2 |v|^2 + sum_i h_i / 2 beta_i^2 - sum_i (low_i if beta_i > 0 else high_i) beta_i
               |beta_i| <= c_i,  h_i = 0            distances
               no bound,         h_i = 1 / (2 c_i)  squared distances

With all other numbers fixed, the best beta_i follows from a parabola in closed form: all that it
takes is the row's z = (x_i, s)'v, which says how content the row is with what the others did.

    repeat:
        for each row i, in random order:
            z <- (x_i, s)'v
            beta <- the beta_i that is best now          v <- v + (beta - beta_i) (x_i, s)
        until no row violates its conditions by more than tol

    conditions     beta_i = 0: low <= z <= high                 content: need not pull
                   0 < beta_i < c_i: z + h beta_i = low         just content
                   beta_i = c_i: z <= low                       pulls as hard as it may
                   and the same for beta_i < 0 with high

A pass costs what a gradient costs, but makes n small steps instead of one; no step can raise the
objective, and there is no learning rate to choose.  A random order matters: in a fixed one,
neighbours that resemble each other undo each other's steps.

Shrinking: most rows settle early at 0 or at the bound.  A row that sits there while its condition
holds by more than the last pass's largest violation is left out.  Before the end all rows come
back, and the conditions are checked for every one of them.

How good is v?  A small violation is no proof: with large c a row that is a little off pays much.
So the duality gap is looked at too, when no row violates its conditions by more than tol, and while
it is too large the passes go on to a tenth of the violation.

Cost: O(n d) a pass, O(n) numbers beside the table.  It needs columns of one scale: with columns of
very different sizes, or with a large C, passes are many and each gains little.

References
----------
.. [1] Hsieh, Chang, Lin, Keerthi and Sundararajan (2008), "A dual coordinate descent method for
   large-scale linear SVM", ICML.
.. [2] Ho and Lin (2012), "Large-scale linear support vector regression", Journal of Machine
   Learning Research 13.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup._kernel import kernel
from groundup.svm._intervals import Rows, bound, distances
from groundup.tree._sampling import below

Array = NDArray[np.float64]

# passes over a small table are too short to look at one by one: this many rows make a step
ROWS_A_STEP = 30_000


@kernel
def descend_by_rows(
    X,  # (n, d) in
    constant,  # in: s
    low,  # (n,) in
    high,  # (n,) in
    price,  # (n,) in: c
    squared,  # in: whether distances are squared
    tol,  # in: the largest violation to leave
    seed,  # in: uint64
    passes,  # in: the most passes to make
    passes_before,  # in: how many were made before
    beta,  # (n,) inout
    v,  # (d + 1,) inout: sum_i beta_i (x_i, s)
    square,  # (n,) in: |x_i|^2 + s^2
    order,  # (m,) int64 inout: the rows in use, then those left out
    still,  # (2,) inout: how many rows are in use; the last pass's largest violation
):
    """Make passes over the rows in use; return (passes made, converged)."""
    n, d = order.shape[0], X.shape[1]
    in_use, limit = np.int64(still[0]), still[1]
    for made in range(passes):
        counter = np.int64(passes_before + made) * n
        largest = 0.0
        k = 0
        while k < in_use:
            # a step of a shuffle: one of the rows that have not had their turn comes next
            swap = k + below(seed, counter + k, in_use - k)
            i = order[swap]
            order[swap] = order[k]
            order[k] = i
            # z = (x, s)'v
            z = constant * v[d]
            for j in range(d):
                z += X[i, j] * v[j]
            h = 0.5 / price[i] if squared else 0.0
            most = np.inf if squared else price[i]
            b = beta[i]
            below_low, above_high = low[i] - z - h * b, z + h * b - high[i]
            if b == 0.0:
                violation = max(0.0, below_low, above_high)
                left_out = max(below_low, above_high) < -limit
            elif b > 0.0:
                violation = max(0.0, -below_low) if b == most else abs(below_low)
                left_out = b == most and below_low > limit
            else:
                violation = max(0.0, -above_high) if b == -most else abs(above_high)
                left_out = b == -most and above_high > limit
            if left_out:
                in_use -= 1
                order[k], order[in_use] = order[in_use], i
                continue
            k += 1
            largest = max(largest, violation)
            if violation == 0.0:
                continue
            # the minimum of the parabola on the side of low, else on the side of high, else 0
            best = b + below_low / (square[i] + h)
            if best <= 0.0:
                best = min(0.0, b - above_high / (square[i] + h))
            best = min(max(best, -most), most)
            if best != b:
                beta[i] = best
                for j in range(d):
                    v[j] += (best - b) * X[i, j]
                v[d] += (best - b) * constant
        limit = largest
        if largest <= tol:
            if in_use == n:
                still[0], still[1] = in_use, limit
                return made + 1, True
            in_use, limit = n, np.inf
    still[0], still[1] = in_use, limit
    return passes, False


def dual_descent(
    rows: Rows,
    *,
    squared: bool,
    max_iter: int = 1000,
    tol: float = 1e-4,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """Minimise the sum of distances, or of squared ones; yield the start and then every few passes.

    Parameters
    ----------
    rows : Rows
    squared : bool
        Whether distances are squared.
    max_iter : int, default=1000
        The most passes.
    tol : float, default=1e-4
        Stop when no row's z violates its condition by more than `tol` times the mean violation at
        the start, which is 1 for classes, and the duality gap is at most `tol` times the objective.
    seed : int, default=0
        Of the random order.

    Yields
    ------
    step : dict
        `parameters` (d + 1,); `beta` (n,); `n_iter`, the passes so far, 0 for the start;
        `converged`.

    Examples
    --------
    >>> import numpy as np
    >>> X, is_member = np.array([[-1.0], [2.0]]), np.array([False, True])
    >>> for step in dual_descent(Rows.of_class(X, 1.0, is_member, np.ones(2)), squared=False):
    ...     pass
    >>> step["parameters"].round(3), step["beta"].round(3)
    (array([ 0.667, -0.333]), array([-0.444,  0.111]))
    """
    X, constant, low, high, price = rows
    n, d = X.shape
    beta, v = np.zeros(n), np.zeros(d + 1)
    square = np.einsum("ij,ij->i", X, X) + constant**2
    # without a bound a row of zeros would pull for ever; it moves nothing
    pulls = (price > 0.0) & ((square > 0.0) | squared)
    beta[~pulls] = np.where(low > 0.0, price, np.where(high < 0.0, -price, 0.0))[~pulls]
    order = np.flatnonzero(pulls)
    start = np.maximum(np.maximum(low, -high), 0.0)[order]  # each row's violation at v = 0
    limit = tol * float(start.mean()) if len(order) else 0.0
    still = np.array([len(order), np.inf])
    passes_a_step = -(-ROWS_A_STEP // max(1, len(order)))
    made, converged = 0, not np.any(start)
    while True:
        yield {"parameters": v, "beta": beta, "n_iter": made, "converged": converged}
        if converged or made >= max_iter:
            return
        passes, converged = descend_by_rows(
            X,
            constant,
            low,
            high,
            price,
            squared,
            limit,
            np.uint64(seed),
            min(passes_a_step, max_iter - made),
            made,
            beta,
            v,
            square,
            order,
            still,
        )
        made += passes
        if converged and duality_gap(rows, beta, v, squared) > tol:
            converged = False
            limit *= 0.1


def duality_gap(rows: Rows, beta: Array, v: Array, squared: bool) -> float:
    """Return P(v) - D(beta), the most by which P is above its minimum, as a part of P(v).

    Parameters
    ----------
    rows : Rows
    beta : array of shape (n,)
    v : array of shape (d + 1,)
        sum_i beta_i (x_i, s)
    squared : bool
    """
    r = np.abs(distances(rows, v))
    half = 0.5 * float(v @ v)
    objective = half + float(rows.price @ (r * r if squared else r))
    gap = objective - (bound(rows, beta, squared) - half)
    return gap / objective if objective > 0.0 else 0.0
