"""What all linear models share: a prediction is a weighted sum of the features.

    f(x) = w_1 x_1 + ... + w_d x_d + b

Regression predicts f(x) itself; classification takes its sign, or turns one f(x) for each class
into probabilities. Training only decides how w and b are found.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import RegressorMixin

from groundup._estimator import Estimator
from groundup._kernel import kernel


@kernel
def weighted_sums(X, coef, intercept, sums):
    """sums = X coef^T + intercept, one row after the other.

    A row is summed on its own, in an order that depends on d alone, so its bits are the same
    whichever rows stand around it and however many threads are free.

    X : (n, d)  # in
    coef : (k, d)  # in
    intercept : (k,)  # in
    sums : (n, k)  # out
    """
    n, d = X.shape
    for i in range(n):
        for c in range(coef.shape[0]):
            # f_c(x_i) = sum_j w_cj x_ij + b_c
            total = 0.0
            for j in range(d):
                total += coef[c, j] * X[i, j]
            sums[i, c] = total + intercept[c]


def linear_decision(X: np.ndarray, coef: np.ndarray, intercept: float | np.ndarray) -> np.ndarray:
    """Decision values X coef^T + intercept.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows, C-contiguous float64 and read-only, as the estimators hand it on.
    coef : ndarray of shape (d,) or (k, d)
        One weight for each feature, for one output or for each of k outputs.
    intercept : float or ndarray of shape (k,)
        Added to every row.

    Returns
    -------
    ndarray of shape (n,) if `coef` is one-dimensional, else (n, k)
    """
    weights = np.array(np.atleast_2d(coef), dtype=np.float64, order="C")
    offsets = np.empty(weights.shape[0])
    offsets[:] = intercept
    sums = np.empty((X.shape[0], weights.shape[0]))
    weighted_sums(X, weights, offsets, sums)
    return sums[:, 0] if coef.ndim == 1 else sums


def uncentred(
    w: np.ndarray, mean: np.ndarray, single: bool, fit_intercept: bool
) -> dict[str, np.ndarray | float]:
    """Turn weights found on centred data into the attributes of a model of the data as given.

    Parameters
    ----------
    w : ndarray of shape (d, t)
        Weights, one column a target.
    mean : ndarray of shape (d + t,)
        Means of the features and of the targets.
    single : bool
        Whether y was one-dimensional; then so is ``coef_``.
    fit_intercept : bool
        Without it ``intercept_`` is 0.0.

    Returns
    -------
    dict
        ``coef_`` and ``intercept_``.
    """
    d = w.shape[0]
    # y - mean(y) = (x - mean(x)) . w,   hence   b = mean(y) - mean(x) . w
    b = mean[d:] - mean[:d] @ w
    return {
        "coef_": w[:, 0] if single else w.T,
        "intercept_": (float(b[0]) if single else b) if fit_intercept else 0.0,
    }


class LinearRegressor(RegressorMixin, Estimator):
    """A regressor whose steps yield `coef_` and `intercept_`: it predicts X coef_ + intercept_."""

    def predict(self, X):
        """Predict the target of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to predict, with the features that `fit` saw.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            The prediction X coef_ + intercept_, in the units of `y`.
        """
        X = self._validated_for_prediction(X)
        return linear_decision(X, self.coef_, self.intercept_)
