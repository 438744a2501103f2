"""The four shapes that the covariances of a mixture may have, and what each allows.

    full       every component has a matrix of its own: ellipsoids of any shape and direction
    tied       one matrix for all: the same ellipsoid at different places
    diag       a variance for each feature and component: ellipsoids along the axes
    spherical  one variance for each component: balls

Fewer numbers to learn need fewer rows, and cannot fit what is not there.

A density is computed from the triangle U with U U^T = covariance^-1 (for variances: one over the
standard deviation).  It comes from the Cholesky factor, C C^T = covariance, as U = C^-T.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

Array = np.ndarray


class SingularCovariance(ValueError):
    """A covariance that is not positive definite, and so has no density."""

    def __init__(self, component: int | None):
        super().__init__(component)
        self.component = component  # None: the one that all share


class Shape(NamedTuple):
    """What sets one kind of covariance apart."""

    name: str
    is_matrix: bool  # matrices (full, tied) or variances (diag, spherical)
    is_shared: bool  # one for all components

    def of(self, n_components: int, n_features: int) -> tuple[int, ...]:
        """Return the shape of ``covariances_``."""
        return {
            "full": (n_components, n_features, n_features),
            "tied": (n_features, n_features),
            "diag": (n_components, n_features),
            "spherical": (n_components,),
        }[self.name]

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return how many numbers may be chosen freely."""
        triangle = n_features * (n_features + 1) // 2
        return {
            "full": n_components * triangle,
            "tied": triangle,
            "diag": n_components * n_features,
            "spherical": n_components,
        }[self.name]


SHAPES = {
    "full": Shape("full", True, False),
    "tied": Shape("tied", True, True),
    "diag": Shape("diag", False, False),
    "spherical": Shape("spherical", False, False),
}


def constrained(shape: Shape, scatter: Array, counts: Array, reg_covar: float) -> Array:
    """Turn each component's own covariance into the most likely one of this shape.

    Parameters
    ----------
    shape : Shape
    scatter : ndarray of shape (k, d, d) for matrices, (k, d) for variances
        About each component's mean, divided by its count.
    counts : ndarray of shape (k,)
        The sum of the responsibilities.
    reg_covar : float
        Added to the variances.

    Returns
    -------
    ndarray
        Shaped as ``covariances_``.
    """
    if shape.name == "tied":
        # sum_k n_k S_k / n
        covariances = np.tensordot(counts / counts.sum(), scatter, axes=1)
    elif shape.name == "spherical":
        covariances = scatter.mean(axis=1)
    else:
        covariances = scatter
    if shape.is_matrix:
        d = covariances.shape[-1]
        covariances.reshape(-1, d * d)[:, :: d + 1] += reg_covar
        return covariances
    return covariances + reg_covar


def precision_factors(shape: Shape, covariances: Array) -> Array:
    """Compute ``precisions_cholesky_``: U with U U^T = covariance^-1.

    Raises
    ------
    SingularCovariance
        If a covariance is not positive definite.
    """
    if not shape.is_matrix:
        bad = covariances <= 0.0
        if bad.any():
            raise SingularCovariance(int(np.argmax(bad.reshape(len(bad), -1).any(axis=1))))
        return 1.0 / np.sqrt(covariances)
    matrices = covariances[np.newaxis] if shape.is_shared else covariances
    factors = np.empty_like(matrices)
    for k, matrix in enumerate(matrices):
        C, failed = dpotrf(matrix, lower=1, clean=1)
        if not failed:
            inverse, failed = dtrtri(C, lower=1)
        if failed:
            raise SingularCovariance(None if shape.is_shared else k)
        factors[k] = inverse.T
    return factors[0] if shape.is_shared else factors


def factors_of_precisions(shape: Shape, precisions: Array) -> Array:
    """Compute ``precisions_cholesky_`` from the precisions themselves."""
    if not shape.is_matrix:
        return np.sqrt(precisions)
    # With J the reversal of an axis, J P J = C C^T, so U = J C J is upper triangular.
    reversed_both = precisions[..., ::-1, ::-1]
    return np.ascontiguousarray(np.linalg.cholesky(reversed_both)[..., ::-1, ::-1])


def precisions_of(shape: Shape, factors: Array) -> Array:
    """Compute ``precisions_`` = U U^T."""
    return factors @ np.swapaxes(factors, -1, -2) if shape.is_matrix else factors**2


def covariances_of(shape: Shape, factors: Array) -> Array:
    """Compute ``covariances_`` = U^-T U^-1."""
    if not shape.is_matrix:
        return factors**-2.0
    inverse = np.linalg.inv(factors)
    return np.swapaxes(inverse, -1, -2) @ inverse


def log_determinants(shape: Shape, factors: Array, n_components: int, n_features: int) -> Array:
    """Compute log |U_k| = -1/2 log |S_k| for each component: (k,)."""
    if shape.is_matrix:
        sums = np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
    elif shape.name == "diag":
        sums = np.log(factors).sum(axis=1)
    else:
        sums = n_features * np.log(factors)
    return np.broadcast_to(sums, n_components)


def kernel_factors(shape: Shape, factors: Array, n_components: int, n_features: int) -> Array:
    """Lay the factors out as the kernels of `_densities` read them.

    Returns
    -------
    ndarray of shape (k or 1, p, p) for matrices, (k, d) for variances
        The triangles transposed, and padded with zeros to a multiple of four.
    """
    if not shape.is_matrix:
        columns = factors if shape.name == "diag" else factors[:, np.newaxis]
        return np.ascontiguousarray(np.broadcast_to(columns, (n_components, n_features)))
    p = (n_features + 3) // 4 * 4
    padded = np.zeros((1 if shape.is_shared else n_components, p, p))
    padded[:, :n_features, :n_features] = np.swapaxes(factors, -1, -2)
    return padded


def least_variances(shape: Shape, covariances: Array) -> Array:
    """Return each covariance's least variance along any direction: (k,), or (1,) if tied."""
    if shape.is_matrix:
        return np.linalg.eigvalsh(covariances).reshape(-1, covariances.shape[-1])[:, 0]
    return covariances.min(axis=1) if shape.name == "diag" else covariances
