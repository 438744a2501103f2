"""What `SVR` and `OneClassSVM` share: a single machine, f(x) = sum_j b_j K(x_j, x) + intercept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup.linear_model._base import linear_decision
from groundup.svm._support_model import SupportModel

Array = NDArray[np.float64]


class OneMachine(SupportModel):
    """A machine of support vectors that gives each row one number."""

    def _fitted(self, X: Array, b: Array, state: dict[str, Any]) -> dict[str, Any]:
        """Return the fitted attributes, in scikit-learn's names and shapes.

        Parameters
        ----------
        X : array of shape (n, d)
        b : array of shape (n,)
            Weights of the rows, zero for all but the support vectors.
        state : dict
            Of `smo`.
        """
        support = np.flatnonzero(b)
        return {
            "dual_coef_": b[np.newaxis, support],
            "fit_status_": int(state["violation"] > self.tol),
            "intercept_": np.array([-state["rho"]]),
            "n_iter_": int(state["n_iter"]),
            "n_support_": np.array([len(support)], dtype=np.int32),
            "shape_fit_": X.shape,
            "support_": support.astype(np.int32),
            "support_vectors_": self._support_of(support, X),
        }

    @property
    def coef_(self):
        """Weights of the features, (1, n_features), for ``kernel="linear"``."""
        if self.kernel != "linear":
            raise AttributeError("coef_ is only available when using a linear kernel")
        return self.dual_coef_ @ self.support_vectors_

    def _decision(self, X: Any) -> Array:
        """Return f of each row, (n,)."""
        X = self._validated_for_prediction(X)
        if self.kernel == "linear":
            return linear_decision(X, self.coef_, self.intercept_)[:, 0]
        everybody = slice(0, len(self.support_))
        (sums,) = self._sums(X, [(everybody, self.dual_coef_.T)])
        return sums[:, 0] + self.intercept_[0]
