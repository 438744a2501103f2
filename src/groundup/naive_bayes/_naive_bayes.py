r"""What the naive Bayes classifiers share: sums of the rows, and Bayes' rule.

Bayes' rule turns what is easy to count, how the rows of each class look, into what is asked, the
class of a row:

    P(class | x) = P(class) P(x | class) / P(x),     P(x) = sum over classes of these products

Naive is the step from P(x | class) to single columns: within a class they are taken to be
independent, so that their logarithms add up to the joint one,

    log P(class, x) = log P(class) + sum_j log P(x_j | class) .

Each column then needs a few numbers a class, which are sums over its rows.  Sums of two batches add
up to those of both, so learning in batches (`partial_fit`) ends where learning at once does.

The classes come out right far more often than the probabilities: columns that say the same thing
are counted as often as they say it, so the probabilities are too close to 0 and 1.

References
----------
.. [1] Domingos and Pazzani (1997), "On the optimality of the simple Bayesian classifier under
   zero-one loss", Machine Learning 29.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_sample_weight, validate_data

from groundup._estimator import Estimator, State, read_only, unchanged_if_refused


class NaiveBayes(ClassifierMixin, Estimator):
    """What the classifiers share: `fit`, `partial_fit`, and all that is predicted.

    A concrete class says what its rows add up to (`_sums`), how two sums become one (`_merged`),
    which fitted attributes follow (`_state`), and what the joint log probabilities are (`_joint`).
    """

    def _sums(self, X: Any, codes: np.ndarray, sample_weight: np.ndarray | None) -> Any:
        """Return what has to be known of the rows of each class.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n, d)
        codes : ndarray of shape (n,), int64
            Indices into ``classes_``.
        sample_weight : ndarray of shape (n,) or None
        """
        raise NotImplementedError

    def _sums_so_far(self) -> Any:
        """Return the sums of all rows seen by `fit` and `partial_fit`."""
        raise NotImplementedError

    def _merged(self, sums: Any, more: Any) -> Any:
        raise NotImplementedError

    def _state(self, sums: Any) -> State:
        """Return the fitted attributes."""
        raise NotImplementedError

    def _joint(self, X: Any) -> np.ndarray:
        """Return log P(class, x), of shape (n, K), for validated rows."""
        raise NotImplementedError

    def _log_prior(self) -> np.ndarray:
        raise NotImplementedError

    def _steps(self, X, y, sample_weight):
        yield self._state(self._sums(X, y, sample_weight))

    @unchanged_if_refused
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from more rows, on top of those already seen.

        Batches add up: the order does not matter, nor how the rows are cut into batches.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; a sparse matrix where `fit` takes one.
        y : array-like of shape (n_samples,)
            Their classes; not all need be there.
        classes : array-like of shape (n_classes,), default=None
            All classes that can ever occur. Required in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If the data are not what can be learned from, `classes` is missing or another one than
            before, or `y` holds a class that is not among them.  The estimator is then as it was.
        """
        self._validate_params()
        X, y = validate_data(self, X, y, reset=not hasattr(self, "classes_"), **self._layout(X))
        if not issparse(X):
            self._check_values(X)
        first = _check_partial_fit_first_call(self, classes)
        codes = read_only(self._codes_of_known(y))
        if sample_weight is not None:
            sample_weight = read_only(
                _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            )
        X = X if issparse(X) else read_only(X)
        self._check_parameters(X, codes)
        sums = self._sums(X, codes, sample_weight)
        if not first:
            sums = self._merged(self._sums_so_far(), sums)
        self.__dict__.update(self._state(sums))
        return self

    def _layout(self, X: Any) -> dict[str, Any]:
        """Return what ``validate_data`` is asked for; the base class checks dense values."""
        return {"dtype": np.float64, "order": "C", "ensure_all_finite": False}

    def _check_priors(self, name: str, priors: Any) -> np.ndarray:
        """Return given priors as an array; raise a ValueError unless each class has one."""
        given = np.asarray(priors, dtype=np.float64)
        if given.shape != (len(self.classes_),):
            raise ValueError(
                f"Number of priors must match number of classes: {name} has shape {given.shape}, "
                f"and there are {len(self.classes_)} classes, {self.classes_.tolist()}."
            )
        if not (given >= 0.0).all():
            raise ValueError(f"Priors must be non-negative; got {name}={given.tolist()}.")
        return given

    def predict_joint_log_proba(self, X: Any) -> np.ndarray:
        """Return log P(class, x) = log P(class) + log P(x | class) of each row and class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return self._joint(self._validated_for_prediction(X))

    def _possible(self, X: Any) -> np.ndarray:
        """Return the joint log probabilities; of a row impossible in all classes, the priors'."""
        joint = self.predict_joint_log_proba(X)
        impossible = np.isneginf(joint.max(axis=1))
        if impossible.any():
            joint[impossible] = self._log_prior()
        return joint

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        likeliest = np.argmax(self._possible(X), axis=1)
        return self.classes_.take(likeliest)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns in the order of ``classes_``.
        """
        joint = self._possible(X)
        # P(c | x) = e^(j_c - max) / sum of these: no exponent overflows
        joint -= joint.max(axis=1, keepdims=True)
        np.exp(joint, out=joint)
        joint /= joint.sum(axis=1, keepdims=True)
        return joint

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Also where the probability itself is too small for a number.
        """
        joint = self._possible(X)
        joint -= joint.max(axis=1, keepdims=True)
        joint -= np.log(np.exp(joint).sum(axis=1, keepdims=True))
        return joint
