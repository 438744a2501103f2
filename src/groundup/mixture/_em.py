r"""Gaussian mixtures: rows drawn from several bell-shaped clouds, and EM, which finds the clouds.

Each row is thought to come from one of k normal distributions, the components; which one is not
known.  A component has a share w_k of the rows, a mean m_k and a covariance S_k, and

    maximise over w, m, S:   L = 1/n sum_i log sum_k w_k N(x_i | m_k, S_k) .

If it were known whose row is whose, each mean and covariance would be that of its own rows.  If the
components were known, Bayes' rule would say whose row is whose.  EM takes both in turn:

    E step   r_ik = w_k N(x_i | m_k, S_k) / sum_l w_l N(x_i | m_l, S_l)      (responsibilities)
    M step   n_k = sum_i r_ik,   w_k = n_k / n,   m_k = 1/n_k sum_i r_ik x_i,
             S_k = 1/n_k sum_i r_ik (x_i - m_k)(x_i - m_k)^T + reg_covar I

Why L never falls.  For any responsibilities, L(new) - L(old) is at least the gain of the expected
complete log-likelihood Q = 1/n sum_ik r_ik log(w_k N(x_i | m_k, S_k)), and for reg_covar = 0 the
M step is where Q is greatest.  With reg_covar > 0 it is where

    Q - reg_covar/2 sum_k w_k tr S_k^-1

is greatest, so what is certain is

    L(new) - L(old) >= reg_covar/2 sum_k w_k(new) (tr S_k(new)^-1 - tr S_k(old)^-1) .

The right side is of the order of reg_covar times a precision: it only matters for a component
whose variance along some direction comes down to reg_covar itself.

Cost: n k d^2 multiplications a step (n k d for diagonal covariances), and memory for a chunk of
rows: the n x k responsibilities are used while they are in the cache and never stored.

It fails where clouds are not bell-shaped, and where a component shrinks onto fewer than d + 1
distinct rows, or onto a plane: its density then grows without limit, and only reg_covar stops it.
That is said in a warning.  EM finds a local maximum; several starts (`n_init`) find a better one.

References
----------
.. [1] Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data via the EM
   algorithm", Journal of the Royal Statistical Society B 39(1).
.. [2] McLachlan and Peel (2000), "Finite mixture models", Wiley.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from groundup.mixture import _covariance
from groundup.mixture._collapse import nowhere, overflow, refusal, underflow
from groundup.mixture._covariance import Shape, SingularCovariance
from groundup.mixture._expectation import Components, Expectation, Moments

#: Where a mean moves farther than this many standard deviations, moments about the old one lose
#: digits, and are gathered again about the new one.
FAR = 10.0
LARGEST_FACTOR = 1e150  # of U, so that U U^T = S^-1 is finite


def maximised(
    moments: Moments, before: Components, centers: np.ndarray, shape: Shape, reg_covar: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Compute the M step.

    Parameters
    ----------
    moments : Moments
        Of the responsibilities, about `centers`.
    before : Components
        The components that the responsibilities come from.
    centers : ndarray of shape (k, d)
    shape : Shape
    reg_covar : float

    Returns
    -------
    weights : ndarray of shape (k,)
    means : ndarray of shape (k, d)
    covariances : ndarray, shaped as ``covariances_``
    far : bool
        Whether a mean is so far from its center that the covariances lost digits.
    """
    counts = moments.counts
    empty = counts == 0.0
    divisor = np.where(empty, 1.0, counts)[:, np.newaxis]  # (k, 1)
    # m = c + f / n
    shift = moments.first / divisor
    means = centers + shift
    if shape.is_matrix:
        # S / n - (m - c)(m - c)^T
        scatter = moments.second / divisor[:, :, np.newaxis]
        scatter -= shift[:, :, np.newaxis] * shift[:, np.newaxis, :]
        variances = np.einsum("kjj->kj", scatter)
    else:
        scatter = variances = np.maximum(moments.second / divisor - shift**2, 0.0)
    far = bool((shift**2 > FAR**2 * (np.abs(variances) + reg_covar)).any())
    covariances = _covariance.constrained(shape, scatter, counts, reg_covar)
    if empty.any() and not shape.is_shared:
        # A component without rows stays as it was (its mean has not moved), with weight 0.
        covariances[empty] = _covariance.covariances_of(shape, before.factors)[empty]
    return counts / counts.sum(), means, covariances, far


def em(
    rows: Expectation,
    components: Components,
    reg_covar: float,
    tol: float,
    max_iter: int,
    lower_bound: float = -np.inf,
) -> Generator[dict[str, Any], None, None]:
    """Climb to a maximum of the likelihood; yields the fitted attributes after every step.

    Parameters
    ----------
    rows : Expectation
    components : Components
        Where to start.
    reg_covar : float
    tol : float
        Stop where the mean log-likelihood of a row gains less than this in a step.
    max_iter : int
    lower_bound : float
        The log-likelihood of the step before, for a warm start.

    Yields
    ------
    dict
        ``lower_bounds_`` holds the log-likelihood before each step: the E step computes it on its
        way.
    """
    shape, n = rows.shape, len(rows.X)
    lower_bounds: list[float] = []
    for n_iter in range(1, max_iter + 1):
        before, lower_bound_before = components, lower_bound
        moments = rows.moments(before, before.means)
        if not np.isfinite(moments.log_likelihood):
            raise nowhere()
        weights, means, covariances, far = maximised(
            moments, before, before.means, shape, reg_covar
        )
        if far:
            centers = means
            moments = rows.moments(before, centers)
            weights, means, covariances, _ = maximised(moments, before, centers, shape, reg_covar)
        factors = factors_or_refusal(shape, covariances, moments.counts, reg_covar)
        components = Components(weights, means, factors)
        lower_bound = moments.log_likelihood / n
        lower_bounds.append(lower_bound)
        converged = abs(lower_bound - lower_bound_before) < tol
        yield {
            **fitted(shape, components, covariances),
            "converged_": converged,
            "n_iter_": n_iter,
            "lower_bound_": lower_bound,
            "lower_bounds_": list(lower_bounds),
        }
        if converged:
            return


def factors_or_refusal(
    shape: Shape, covariances: np.ndarray, counts: np.ndarray, reg_covar: float
) -> np.ndarray:
    """Compute ``precisions_cholesky_``, or say which component has no density, and why."""
    if not np.isfinite(covariances).all():
        raise overflow()
    try:
        factors = _covariance.precision_factors(shape, covariances)
    except SingularCovariance as error:
        raise refusal(error.component, counts, reg_covar) from None
    if not np.abs(factors).max() < LARGEST_FACTOR:
        raise underflow(reg_covar)
    return factors


def fitted(shape: Shape, components: Components, covariances: np.ndarray) -> dict[str, Any]:
    """Return the parameters under their public names."""
    return {
        "weights_": components.weights,
        "means_": components.means,
        "covariances_": covariances,
        "precisions_cholesky_": components.factors,
        "precisions_": _covariance.precisions_of(shape, components.factors),
    }
