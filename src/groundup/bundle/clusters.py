"""What is kept of centres and of mixtures, and how it must fit together.

Which training row was in which cluster (``labels_``) is not kept: it says something of the rows,
not of the model, and predicting does not need it. Nor are random numbers half drawn: with mini
batches `partial_fit` goes on after loading, and draws anew from the seed where it moves centres
that hold few rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup.bundle.array_fields import FLOATS, INPUT, Array
from groundup.bundle.fields import (
    FINITE,
    SEED,
    Absent,
    Choice,
    Field,
    Flag,
    OneOf,
    Real,
    Sequence,
    Whole,
    number,
    optional,
)
from groundup.bundle.parts import Below, Kind, need

# --- KMeans ---------------------------------------------------------------------------------------


def _k_means() -> type:
    from groundup.cluster._k_means import KMeans

    return KMeans


def _check_k_means(part: Any, n_features: int, where: str, below: Below) -> int:
    expected = (part.n_clusters, n_features)
    need(part.cluster_centers_.shape == expected, where, f"has centres not of shape {expected}")
    return int(part.n_clusters)


def _mini_batch_k_means() -> type:
    from groundup.cluster._mini_batch_k_means import MiniBatchKMeans

    return MiniBatchKMeans


def _check_mini_batch_k_means(part: Any, n_features: int, where: str, below: Below) -> int:
    counts = part._counts
    fits = counts.shape == (part.n_clusters,) and (counts >= 0.0).all()
    need(fits, where, "has counts of other clusters")
    return _check_k_means(part, n_features, where, below)


# --- GaussianMixture ------------------------------------------------------------------------------


def _gaussian_mixture() -> type:
    from groundup.mixture._gaussian_mixture import GaussianMixture

    return GaussianMixture


def _check_gaussian_mixture(part: Any, n_features: int, where: str, below: Below) -> int:
    from groundup.mixture._covariance import SHAPES, precisions_of

    k, shape = part.n_components, SHAPES[part.covariance_type]
    need(part.weights_.shape == (k,), where, "has weights for other components")
    shares = (part.weights_ >= 0.0).all() and abs(part.weights_.sum() - 1.0) <= 1e-8
    need(shares, where, "has weights that are not shares of one whole")
    need(part.means_.shape == (k, n_features), where, "has means of other components or columns")
    expected = shape.of(k, n_features)
    for name in ("covariances_", "precisions_", "precisions_cholesky_"):
        fits = getattr(part, name).shape == expected
        need(fits, where, f"has {name} that are not of shape {expected}")
    factors = part.precisions_cholesky_
    diagonal = np.diagonal(factors, axis1=-2, axis2=-1) if shape.is_matrix else factors
    need((diagonal > 0.0).all(), where, "has precisions that are not positive")
    if shape.is_matrix:
        need(not np.tril(factors, -1).any(), where, "has precision factors that are no triangles")
    precisions = precisions_of(shape, factors)
    close = np.allclose(part.precisions_, precisions, 1e-9, 1e-9 * np.abs(precisions).max())
    need(close, where, "has precisions that contradict their factors")
    close = _are_inverse(part.covariances_, factors, shape.is_matrix)
    need(close, where, "has covariances that contradict their precisions")
    return 0


def _are_inverse(covariances: np.ndarray, factors: np.ndarray, is_matrix: bool) -> bool:
    """Tell whether U^T S U is the identity, as far as rounding lets one see that."""
    if not is_matrix:
        return np.allclose(covariances * factors**2, 1.0, rtol=0.0, atol=1e-9)
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    symmetric = np.array_equal(covariances, np.swapaxes(covariances, -1, -2))
    if not symmetric or not (variances > 0.0).all():
        return False
    d = covariances.shape[-1]
    # |S_ij| <= s_i s_j, so the terms of the product are no larger than those of b b^T
    b = np.sqrt(variances)[..., np.newaxis, :] @ np.abs(factors)
    rounding = 1e4 * d * np.finfo(np.float64).eps * np.swapaxes(b, -1, -2) * b
    product = np.swapaxes(factors, -1, -2) @ covariances @ factors
    return bool((np.abs(product - np.eye(d)) <= 1e-9 + rounding).all())


_CENTERS: dict[str, Field] = {
    "n_clusters": Whole(1),
    "init": OneOf(Choice("k-means++", "random"), Array(*FLOATS, ndim=2)),
    "n_init": OneOf(Choice("auto"), Whole(1)),
    "max_iter": Whole(1),
    "tol": number(0),
    "random_state": SEED,
}

KINDS = {
    "KMeans": Kind(
        _k_means,
        params={
            **_CENTERS,
            "copy_x": Flag(),
            "algorithm": Choice("lloyd", "elkan", "auto"),
        },
        fitted={
            **INPUT,
            "cluster_centers_": Array("float64", ndim=2),
            "inertia_": FINITE,
            "n_iter_": Whole(0),
        },
        dropped=frozenset(["verbose"]),
        check=_check_k_means,
    ),
    "MiniBatchKMeans": Kind(
        _mini_batch_k_means,
        params={
            **_CENTERS,
            "batch_size": Whole(1),
            "compute_labels": Flag(),
            "max_no_improvement": optional(Whole(0)),
            "init_size": optional(Whole(1)),
            "reassignment_ratio": number(0),
        },
        fitted={
            **INPUT,
            "cluster_centers_": Array("float64", ndim=2),
            "inertia_": Absent(FINITE),
            "n_iter_": Absent(Whole(0)),
            "n_steps_": Whole(0),
            "_counts": Array("float64"),
            "_n_since_last_reassign": Whole(0),
        },
        dropped=frozenset(["verbose"]),
        check=_check_mini_batch_k_means,
    ),
    "GaussianMixture": Kind(
        _gaussian_mixture,
        params={
            "n_components": Whole(1),
            "covariance_type": Choice("full", "tied", "diag", "spherical"),
            "tol": number(0),
            "reg_covar": number(0),
            "max_iter": Whole(0),
            "n_init": Whole(1),
            "init_params": Choice("kmeans", "k-means++", "random", "random_from_data"),
            "weights_init": optional(Array(*FLOATS)),
            "means_init": optional(Array(*FLOATS, ndim=2)),
            "precisions_init": optional(Array(*FLOATS, ndim=(1, 2, 3))),
            "random_state": SEED,
            "warm_start": Flag(),
        },
        fitted={
            **INPUT,
            "weights_": Array("float64"),
            "means_": Array("float64", ndim=2),
            "covariances_": Array("float64", ndim=(1, 2, 3)),
            "precisions_": Array("float64", ndim=(1, 2, 3)),
            "precisions_cholesky_": Array("float64", ndim=(1, 2, 3)),
            "converged_": Flag(),
            "n_iter_": Whole(0),
            "lower_bound_": Real(),  # -inf before the first step
            "lower_bounds_": Sequence(FINITE),
        },
        dropped=frozenset(["verbose", "verbose_interval"]),
        check=_check_gaussian_mixture,
    ),
}
