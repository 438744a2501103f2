r"""The lasso with many more columns than it will use: work on a few columns, prove it for all.

Most weights of a sparse model are zero, so most of the work of going through all the columns again
and again is spent on finding that out anew.  A working set is a guess at the columns that matter:

    repeat
        slope = X^T r / W                   for all columns: one pass over the data
        gap   = P(w) - D(theta)             a proof for all columns; stop if it is small
        A     = A and the columns outside that are closest to earning a weight
        solve the problem on the columns A  by coordinate descent on their Gram matrix

Column j earns a weight when |x_j . theta| reaches l1.  How far theta is from that is its distance
to the constraint of column j,

    distance_j = (l1 - |x_j . theta|) / |x_j| ,

and the columns with the smallest distances enter A, as many as have a weight by then: A about
doubles each time, and a handful of passes is enough.  P never rises, because A keeps the columns in
use, and their Gram matrix is made once and extended.

Cost: n d a pass over the data, n |A|^2 for the Gram matrix of A.

References
----------
.. [1] Massias, Gramfort and Salmon (2018), "Celer: a fast solver for the lasso with dual
   extrapolation", ICML.
.. [2] Johnson and Guestrin (2015), "Blitz: a principled meta-algorithm for scaling sparse
   optimization", ICML.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import numpy as np
from numba import prange

from groundup._blocks import block_bounds, single_blas_thread
from groundup._kernel import block_kernel
from groundup.linear_model._coordinate_descent import Penalty, descend, duality_gap

# The most epochs on the first set; twice as many on each one after it.  A set that lacks columns
# need not be solved to the end where that takes long.
FIRST_EPOCHS = 50
# A working set is solved to this part of the tolerance, so that the rest is left to other columns.
INNER = 0.3


@block_kernel
def column_sums(
    X,  # (n, d) in
    weights,  # (n,) in: v
    target,  # (n,) in: v_i (y_i - mean(y))
    base,  # (d,) in: what the columns are counted from
    bounds,  # (b + 1,) in: blocks of columns
    first,  # (d,) inout, zeros: += sum_i v_i (x_ij - base_j)
    second,  # (d,) inout, zeros: += sum_i v_i (x_ij - base_j)^2
    product,  # (d,) inout, zeros: += sum_i target_i (x_ij - base_j)
):
    for block in prange(bounds.shape[0] - 1):
        columns = slice(bounds[block], bounds[block + 1])
        start, ones, twos, products = (
            base[columns],
            first[columns],
            second[columns],
            product[columns],
        )
        n = X.shape[0]
        for i in range(0, n - 1, 2):  # two rows at once, to load the sums half as often
            a, b, va, vb = X[i, columns], X[i + 1, columns], weights[i], weights[i + 1]
            ta, tb = target[i], target[i + 1]
            for j in range(start.shape[0]):
                xa, xb = a[j] - start[j], b[j] - start[j]
                ones[j] += va * xa + vb * xb
                twos[j] += va * xa * xa + vb * xb * xb
                products[j] += ta * xa + tb * xb
        if n % 2:
            a, va, ta = X[n - 1, columns], weights[n - 1], target[n - 1]
            for j in range(start.shape[0]):
                xa = a[j] - start[j]
                ones[j] += va * xa
                twos[j] += va * xa * xa
                products[j] += ta * xa


@block_kernel
def all_slopes(
    X,  # (n, d) in
    residual,  # (n,) in: v_i r_i
    mean,  # (d,) in
    bounds,  # (b + 1,) in: blocks of columns
    slope,  # (d,) inout, zeros
):
    """slope_j += sum_i v_i r_i (x_ij - mean_j), a few rows at once to load slope_j less often."""
    for block in prange(bounds.shape[0] - 1):
        columns = slice(bounds[block], bounds[block + 1])
        centre, out = mean[columns], slope[columns]
        n = X.shape[0]
        for i in range(0, n - 3, 4):
            a, b, c, d = X[i, columns], X[i + 1, columns], X[i + 2, columns], X[i + 3, columns]
            r, s, t, u = residual[i], residual[i + 1], residual[i + 2], residual[i + 3]
            for j in range(out.shape[0]):
                m = centre[j]
                out[j] += r * (a[j] - m) + s * (b[j] - m) + t * (c[j] - m) + u * (d[j] - m)
        for i in range(n - n % 4, n):
            a, r = X[i, columns], residual[i]
            for j in range(out.shape[0]):
                out[j] += r * (a[j] - centre[j])


def working_sets(
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    w: np.ndarray,
    penalty: Penalty,
    fit_intercept: bool = True,
    max_iter: int = 1000,
    tol: float = 1e-4,
    rng: np.random.RandomState | None = None,
    n_threads: int = 1,
) -> Generator[dict[str, Any], None, None]:
    """Minimise the elastic net's objective P over a growing set of columns.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Features; C-contiguous, float64, read-only.
    y : ndarray of shape (n,)
        Target, likewise.
    weights : ndarray of shape (n,)
        Weight of each row; they sum to 1.
    w : ndarray of shape (d,)
        Where to start; changed in place.
    penalty : Penalty
        Prices of the weights.
    fit_intercept : bool, default=True
        Whether columns and target are centred.
    max_iter : int, default=1000
        The most epochs of coordinate descent; one on a working set counts as its share of the
        columns.
    tol : float, default=1e-4
        Stop where the duality gap is at most `tol` times the mean of y^2.
    rng : RandomState or None
        Draws a new order of the coordinates for each working set.
    n_threads : int, default=1
        Threads; they do not change a bit of the result.

    Yields
    ------
    dict
        After each working set: ``w``, ``gap`` (the duality gap over all columns), ``n_iter``
        (epochs so far), ``converged`` and ``mean`` (of the features and the target).
    """
    d = X.shape[1]
    bounds = block_bounds(d, block_rows=1280)
    root = np.sqrt(weights)
    mean_y = float((weights * y).sum()) if fit_intercept else 0.0
    target = root * (y - mean_y)  # (n,): as the residual and the columns Z below, times sqrt(v)
    base = X[0].copy() if fit_intercept else np.zeros(d)
    first, second, slope = np.zeros(d), np.zeros(d), np.zeros(d)
    # The target sums to zero, so its products with X - base are those with X - mean: for w = 0.
    column_sums(X, weights, root * target, base, bounds, first, second, slope, n_threads=n_threads)
    if not fit_intercept:
        first[:] = 0.0
    mean = base + first
    length = np.sqrt(np.maximum(second - first**2, 0.0))  # of x_j, where W = 1
    means = np.append(mean, mean_y)  # (d + 1,)

    def gathered(columns: np.ndarray) -> np.ndarray:
        Z = X[:, columns] - mean[columns]
        return np.multiply(Z, root[:, np.newaxis], out=Z)  # (n, |columns|)

    def over_all_columns(residual: np.ndarray) -> float:
        """Compute the slope of every column; return the duality gap."""
        slope[:] = 0.0
        all_slopes(X, root * residual, mean, bounds, slope, n_threads=n_threads)
        return duality_gap(w, slope, residual @ residual, residual @ target, penalty)

    A = np.flatnonzero(w)
    with single_blas_thread():
        square = float(target @ target)
        Z = gathered(A)  # (n, |A|)
        gram = Z.T @ Z  # (|A|, |A|)
        if len(A) > 0:
            over_all_columns(target - Z @ w[A])
    work, n_epochs = 0.0, FIRST_EPOCHS
    converged = False
    while not converged and work < max_iter:
        with single_blas_thread():
            new = nearest_columns(w, slope, length, penalty)
            columns = gathered(new)
            kept = w[A] != 0.0
            A, Z, gram = A[kept], Z[:, kept], gram[np.ix_(kept, kept)]
            across = Z.T @ columns
            gram = np.block([[gram, across], [across.T, columns.T @ columns]])
            A, Z = np.concatenate([A, new]), np.concatenate([Z, columns], axis=1)
            share = max(len(A), 1) / d  # of an epoch over all columns
            part = w[A]
            epochs, _, settled = descend(
                gram,
                Z.T @ target,
                square,
                part,
                slope[A],
                np.argsort(A) if rng is None else rng.permutation(len(A)),
                penalty,
                min(n_epochs, math.ceil((max_iter - work) / share)),
                tol,
                INNER * tol * square,
            )
            w[A] = part
            gap = over_all_columns(target - Z @ part)
        work += epochs * share
        n_epochs *= 2
        converged = settled and gap <= tol * square
        n_iter = min(max_iter, math.ceil(work))
        yield {"w": w, "gap": gap, "n_iter": n_iter, "converged": converged, "mean": means}


def nearest_columns(
    w: np.ndarray, slope: np.ndarray, length: np.ndarray, penalty: Penalty
) -> np.ndarray:
    """Choose the columns to add to those with a weight: the ones nearest to earning one.

    Parameters
    ----------
    w, slope, length : ndarrays of shape (d,)
    penalty : Penalty

    Returns
    -------
    ndarray of shape (number of columns,), int64
        As many as have a weight, and at least 100 or sqrt(d), while there are that many.
    """
    tilted = slope - penalty.l2 * w
    steepness = tilted if penalty.positive else np.abs(tilted)
    # theta = c r, feasible:   distance_j = (l1 - c |x_j . r|) / |x_j|
    c = penalty.l1 / max(steepness.max(), penalty.l1, np.finfo(float).tiny)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (penalty.l1 - c * steepness) / length
    distance[length == 0.0] = np.inf
    distance[w != 0.0] = np.inf
    # With sqrt(d) columns their Gram matrix costs no more than a pass over the data.
    size = max(100, int(np.sqrt(len(w))), int(np.count_nonzero(w)))
    nearest = np.argpartition(distance, min(size, len(w)) - 1)[:size]
    return np.sort(nearest[distance[nearest] < np.inf])
