"""Parameters that the caller gives EM to start from: what they must be."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array

from groundup.mixture._collapse import largest_to_square
from groundup.mixture._covariance import Shape


def checked_start(
    estimator: Any, shape: Shape, n_samples: int, n_features: int
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Return ``weights_init``, ``means_init`` and ``precisions_init``, each checked or None.

    Raises
    ------
    ValueError
        For a wrong shape, weights that are no shares, means too large to be squared, or precisions
        without a density.
    """
    k = estimator.n_components
    weights = _array("weights_init", estimator.weights_init, (k,))
    if weights is not None:
        if np.any(weights < 0.0) or np.any(weights > 1.0):
            raise ValueError(
                "weights_init must lie in [0, 1], each a component's share of the rows; got values "
                f"from {weights.min():.5f} to {weights.max():.5f}."
            )
        if abs(weights.sum() - 1.0) > 1e-8:
            raise ValueError(
                f"weights_init must sum to 1, got {weights.sum():.5f}. Divide them by their sum."
            )
    means = _array("means_init", estimator.means_init, (k, n_features))
    if means is not None and np.abs(means).max() > largest_to_square(n_samples, n_features):
        raise ValueError(
            f"means_init holds numbers too large to be squared (up to {np.abs(means).max():g}). "
            "Give means among the rows of X."
        )
    precisions = _array("precisions_init", estimator.precisions_init, shape.of(k, n_features))
    if precisions is not None:
        _check_precisions(precisions, shape)
    return weights, means, precisions


def _array(name: str, given: Any, expected: tuple[int, ...]) -> np.ndarray | None:
    if given is None:
        return None
    array = check_array(given, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name)
    if array.shape != expected:
        raise ValueError(f"{name} must have the shape {expected}, got {array.shape}.")
    return np.array(array, order="C")


def _check_precisions(precisions: np.ndarray, shape: Shape) -> None:
    if not shape.is_matrix:
        if np.any(precisions <= 0.0):
            raise ValueError(f"precisions_init must be positive, got {precisions.min():g}.")
        return
    for matrix in precisions.reshape(-1, *precisions.shape[-2:]):
        if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] <= 0.0:
            raise ValueError(
                "precisions_init must be symmetric and positive definite, as inverse covariances "
                "are."
            )
