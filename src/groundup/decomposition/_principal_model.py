"""What principal components answer once they are found.

A row is described by its coordinates along the components, and is given back from them:

    t = V (x - m),        x' = V^T t + m.

Probabilistic PCA reads them as a normal distribution: the variances found along the components, and
along all other directions one and the same noise.

References
----------
.. [1] M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis", Journal of the
   Royal Statistical Society B 61(3), 1999.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from groundup._blocks import single_blas_thread
from groundup._estimator import Estimator


class PrincipalComponents(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """The fitted side of PCA: projecting, and the distribution behind it."""

    def _check_values(self, X):
        # Every value enters the mean or a projection: whether these are finite is seen in less
        # time than a pass over all values takes.
        pass

    def _require_finite(self, result: np.ndarray, X: np.ndarray) -> None:
        """Raise a ValueError if a value of `X` is not finite, as `result` would show."""
        if not np.isfinite(result).all():
            super()._check_values(X)

    def transform(self, X: Any) -> np.ndarray:
        """Return the coordinates of rows along the components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components_)
        """
        X = self._validated_for_prediction(X)
        # Centred before the product: columns far from zero would lose digits in it.
        with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            projected = np.asarray((X - self.mean_) @ self.components_.T)
        self._require_finite(projected if projected.size else X, X)
        if self.whiten:
            projected /= self._deviations()
        return projected

    def _deviations(self) -> np.ndarray:
        # A direction without variance would be divided by zero.
        return np.maximum(np.sqrt(self.explained_variance_), np.finfo(np.float64).eps)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the rows that have these coordinates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components_)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The nearest points on the plane of the components.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=np.float64)
        if X.shape[1] != self.n_components_:
            raise ValueError(
                f"X has {X.shape[1]} columns, but there are {self.n_components_} components; give "
                "what transform returned."
            )
        if self.whiten:
            X = X * self._deviations()
        return np.asarray(X @ self.components_ + self.mean_)

    def get_covariance(self) -> np.ndarray:
        """Return the covariance of the model: the components, and equal noise elsewhere.

        It is that of the rows as they were given, with ``whiten=True`` too: whitening is a matter
        of `transform`. (scikit-learn then scales the components by their variances once more, and
        its covariance and likelihoods are not those of the rows.)

        Returns
        -------
        ndarray of shape (n_features, n_features)
        """
        check_is_fitted(self)
        # C = V^T diag(l - noise) V + noise I, whitened or not
        above = np.maximum(self.explained_variance_ - self.noise_variance_, 0.0)
        covariance = (self.components_.T * above) @ self.components_
        covariance.flat[:: len(covariance) + 1] += self.noise_variance_
        return np.asarray(covariance)

    def get_precision(self) -> np.ndarray:
        """Return the inverse of `get_covariance`.

        Returns
        -------
        ndarray of shape (n_features, n_features)
        """
        check_is_fitted(self)
        noise = self.noise_variance_
        if noise == 0.0:
            return np.asarray(np.linalg.inv(self.get_covariance()))
        # The components are orthonormal, so the inverse acts on each direction alone:
        # C^-1 = V^T diag(1 / max(l, noise) - 1 / noise) V + 1 / noise I
        less = 1.0 / np.maximum(self.explained_variance_, noise) - 1.0 / noise
        precision = (self.components_.T * less) @ self.components_
        precision.flat[:: len(precision) + 1] += 1.0 / noise
        return np.asarray(precision)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return each row's log-likelihood under the normal distribution of the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        X = self._validated_for_prediction(X)
        Z = X - self.mean_
        # log N(x; m, C) = -1/2 ( z^T C^-1 z + d log 2 pi - log |C^-1| )
        precision = self.get_precision()
        _, log_determinant = np.linalg.slogdet(precision)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("ij,ij->i", Z, Z @ precision)
        self._require_finite(squares, X)
        return np.asarray(-0.5 * (squares + Z.shape[1] * np.log(2.0 * np.pi) - log_determinant))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean log-likelihood of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        float
        """
        return float(self.score_samples(X).mean())

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)
