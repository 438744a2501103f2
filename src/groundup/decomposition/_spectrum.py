"""The spectrum of a covariance: directions in which rows vary, and the variance along each.

Three ways to it, from what is at hand: the moments of the rows, the centred rows themselves, or
the triangle R of the centred rows Z = Q R, which has the singular values of Z and only d rows.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from groundup._blocks import thread_count
from groundup.decomposition._dimension import components_to_keep
from groundup.decomposition._signs import with_fixed_signs
from groundup.linear_model._linear_regression import triangle
from groundup.linear_model._moments import CentredRows, Moments


class Spectrum(NamedTuple):
    """Directions in which the rows vary, and how much."""

    mean: np.ndarray  # (d,)
    variances: np.ndarray  # (k,), in falling order
    components: np.ndarray  # (k, d)
    total: float  # the variance in all directions
    n_samples: int

    def attributes(self, asked: Any) -> dict[str, Any]:
        """Return the fitted attributes that keep as many components as `asked` for."""
        d = len(self.mean)
        rank = min(self.n_samples, d)
        k = components_to_keep(asked, self.variances, self.n_samples)
        kept = self.variances[:k]
        if self.total > 0.0:
            ratio = kept / self.total
        else:
            warnings.warn(
                "All rows are the same: there is no variance to explain, so "
                "explained_variance_ratio_ is 0 and the directions are arbitrary.",
                stacklevel=2,
            )
            ratio = np.zeros(k)
        # What the other directions share: (total - sum of the kept) / (rank - k)
        rest = self.variances[k:].sum() if len(self.variances) == rank else self.total - kept.sum()
        return {
            "components_": with_fixed_signs(self.components[:k].copy()),
            "explained_variance_": kept.copy(),
            "explained_variance_ratio_": ratio,
            "singular_values_": np.sqrt(kept * (self.n_samples - 1)),
            "mean_": self.mean,
            "n_components_": k,
            "n_samples_": self.n_samples,
            "noise_variance_": max(0.0, float(rest) / (rank - k)) if k < rank else 0.0,
        }


def squares_of(Z: np.ndarray) -> float:
    """Return the sum of the squares of all values.

    Raises
    ------
    ValueError
        If it is not finite, for then no variance is.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(np.einsum("ij,ij->", Z, Z))
    require_finite_squares(total)
    return total


def require_finite_squares(total: float) -> None:
    """Raise a ValueError if a sum of squares of finite values has overflown."""
    if not np.isfinite(total):
        raise ValueError(
            "The squares of X overflow: its values are too large, or too far apart. Scale the "
            "columns, for example by dividing each by its largest magnitude."
        )


def of_moments(moments: Moments) -> Spectrum:
    """Take the eigenvectors of the covariance; all of them, min(n, d)."""
    n = round(moments.weight)
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(np.trace(moments.second))
    require_finite_squares(total if np.isfinite(moments.second).all() else np.inf)
    # C v = l v.  The eigenvalues ascend, and rounding can leave one a little below 0.
    values, vectors = np.linalg.eigh(moments.second / (n - 1))
    rank = min(n, len(values))
    variances = np.maximum(values[::-1][:rank], 0.0)
    return Spectrum(moments.mean, variances, vectors.T[::-1][:rank], total / (n - 1), n)


def of_rows(Z: np.ndarray, mean: np.ndarray) -> Spectrum:
    """Take the singular values of rows about their mean."""
    n = len(Z)
    _, singular, Vt = np.linalg.svd(Z, full_matrices=False)
    return of_singular_values(singular, Vt, mean, n)


def of_triangle(X: np.ndarray, mean: np.ndarray) -> Spectrum:
    """Take the singular values of R, where the centred rows are Q R: they are those of the rows."""
    n = len(X)
    rows = CentredRows(X, np.empty((n, 0)), None, thread_count())
    with np.errstate(over="ignore", invalid="ignore"):
        R = triangle(rows, mean)
    squares_of(R)
    _, singular, Vt = np.linalg.svd(R, full_matrices=False)
    return of_singular_values(singular, Vt, mean, n)


def of_singular_values(
    singular: np.ndarray, Vt: np.ndarray, mean: np.ndarray, n: int, total: float | None = None
) -> Spectrum:
    """Turn singular values s of n centred rows into variances s^2 / (n - 1)."""
    variances = singular**2 / (n - 1)
    return Spectrum(mean, variances, Vt, float(variances.sum()) if total is None else total, n)
