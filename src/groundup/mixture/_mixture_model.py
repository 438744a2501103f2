"""What a fitted mixture says of rows: how dense it is there, and whose they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp
from sklearn.base import DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from groundup._blocks import thread_count
from groundup._estimator import Estimator
from groundup.mixture._covariance import SHAPES
from groundup.mixture._expectation import Components, Expectation


class MixtureModel(DensityMixin, Estimator):
    """Base of the mixtures of normal distributions: everything but how one is fitted."""

    covariance_type: str
    random_state: Any
    weights_: np.ndarray  # (k,)
    means_: np.ndarray  # (k, d)
    covariances_: np.ndarray
    precisions_cholesky_: np.ndarray

    def _weighted_log_densities(self, X):
        X = self._validated_for_prediction(X)
        shape = SHAPES[self.covariance_type]
        rows = Expectation(X, shape, len(self.weights_), thread_count())
        log_p = rows.weighted_log_densities(
            Components(self.weights_, self.means_, self.precisions_cholesky_)
        )
        # Distances beyond the range of a float64 (inf - inf) are infinite.
        np.copyto(log_p, -np.inf, where=np.isnan(log_p))
        return log_p

    def _comparable_log_densities(self, X):
        """As `_weighted_log_densities`; a row infinitely far from all components has the weights.

        Nothing else is known of it, and the weights say how probable a component is before a row
        is looked at.
        """
        log_p = self._weighted_log_densities(X)
        far = log_p.max(axis=1) == -np.inf
        if far.any():
            with np.errstate(divide="ignore"):
                log_p[far] = np.log(self.weights_)
        return log_p

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), dtype int64
        """
        return np.argmax(self._comparable_log_densities(X), axis=1)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return each component's responsibility for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Each row sums to 1. A row so far away (about 1e154 standard deviations) that every
            density is zero, even its logarithm beyond all numbers, has ``weights_``.
        """
        log_p = self._comparable_log_densities(X)
        return np.exp(log_p - logsumexp(log_p, axis=1, keepdims=True))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the log density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return logsumexp(self._weighted_log_densities(X), axis=1)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean log density of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        float
        """
        return float(np.mean(self.score_samples(X)))

    def _n_parameters(self) -> int:
        k, d = self.means_.shape
        return SHAPES[self.covariance_type].n_parameters(k, d) + k * d + k - 1

    def bic(self, X: Any) -> float:
        """Return the Bayesian information criterion: the lower, the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        float
            -2 log-likelihood of all rows + log(n_samples) for each free parameter.
        """
        densities = self.score_samples(X)
        n = len(densities)
        return float(-2.0 * densities.sum() + self._n_parameters() * np.log(n))

    def aic(self, X: Any) -> float:
        """Return Akaike's information criterion: the lower, the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        float
            -2 log-likelihood of all rows + 2 for each free parameter.
        """
        return float(-2.0 * self.score_samples(X).sum() + 2 * self._n_parameters())

    def sample(self, n_samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Draw rows from the mixture.

        Parameters
        ----------
        n_samples : int, default=1

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows, component by component.
        y : ndarray of shape (n_samples,), dtype int64
            The component of each.

        Raises
        ------
        ValueError
            If `n_samples` is below 1.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"sample needs n_samples >= 1, got {n_samples}.")
        shape = SHAPES[self.covariance_type]
        k, d = self.means_.shape
        rng = check_random_state(self.random_state)
        counts = rng.multinomial(n_samples, self.weights_)
        drawn = []
        for c, count in enumerate(counts):
            if shape.is_matrix:
                covariance = self.covariances_ if shape.is_shared else self.covariances_[c]
                drawn.append(rng.multivariate_normal(self.means_[c], covariance, int(count)))
            else:
                # x = m + s e
                noise = rng.standard_normal((count, d))
                drawn.append(self.means_[c] + noise * np.sqrt(self.covariances_[c]))
        return np.vstack(drawn), np.repeat(np.arange(k), counts)
