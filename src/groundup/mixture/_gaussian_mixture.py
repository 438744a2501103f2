"""The estimator around EM: where it starts, how often, and what it says when it is done.

The algorithm, and why it works, is in `_em`; what a fitted mixture is for is in `_mixture_model`.
"""

from __future__ import annotations

import time
import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from groundup._blocks import thread_count
from groundup.mixture import _covariance
from groundup.mixture._collapse import check_squares, warning_about
from groundup.mixture._covariance import SHAPES
from groundup.mixture._em import em, factors_or_refusal, fitted
from groundup.mixture._expectation import Components, Expectation
from groundup.mixture._given_start import checked_start
from groundup.mixture._mixture_model import MixtureModel
from groundup.mixture._start import first_parameters


class GaussianMixture(MixtureModel):
    """A mixture of normal distributions, fitted by expectation maximisation.

    Parameters
    ----------
    n_components : int, default=1
        The number of components.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        "full": a covariance matrix for each component; "tied": one for all; "diag": a variance for
        each component and feature; "spherical": one variance for each component.
    tol : float, default=1e-3
        Stop where the mean log-likelihood of a row changes by less than this in a step.
    reg_covar : float, default=1e-6
        Added to all variances, in the squared unit of the features, so that they stay positive.
    max_iter : int, default=100
        The most steps of EM from each start.
    n_init : int, default=1
        The number of starts; the one that ends with the highest likelihood is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default="kmeans"
        How a start is found: the clusters of k-means, rows far from each other, random
        responsibilities, or random rows.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from. With `means_init` and `precisions_init` nothing is random.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from.
    precisions_init : array-like, default=None
        Inverse covariances to start from, shaped as ``precisions_``.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts, and of `sample`.
    warm_start : bool, default=False
        Whether to start from the last fit. `n_init` then only counts for the first.
    verbose : int, default=0
        1 prints the starts and every `verbose_interval`-th step, 2 also the time and the gain.
    verbose_interval : int, default=10
        Steps between two prints.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Each component's share of the rows.
    means_ : ndarray of shape (n_components, n_features)
        Their means.
    covariances_ : ndarray
        Their covariances: (n_components, n_features, n_features) for "full", (n_features,
        n_features) for "tied", (n_components, n_features) for "diag", (n_components,) for
        "spherical".
    precisions_ : ndarray, shaped as ``covariances_``
        The inverse covariances.
    precisions_cholesky_ : ndarray, shaped as ``covariances_``
        Upper triangles U with U U^T the inverse covariance; one over the standard deviation for
        "diag" and "spherical".
    converged_ : bool
        Whether the gain fell below `tol`.
    n_iter_ : int
        Steps of the best start.
    lower_bound_ : float
        Mean log-likelihood of a row before the last step.
    lower_bounds_ : list of float
        The same before each step.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, for fewer rows than components, a start that does not suit the data, and for a
        component that collapses where reg_covar is too small to hold it.

    Warns
    -----
    ConvergenceWarning
        If no start converged in `max_iter` steps.
    UserWarning
        If a component has collapsed, or holds no row.

    References
    ----------
    .. [1] Dempster, Laird and Rubin (1977), "Maximum likelihood from incomplete data via the EM
       algorithm", Journal of the Royal Statistical Society B 39(1).

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.mixture import GaussianMixture
    >>> X = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> print(np.sort(mixture.means_.ravel()).round(6))
    [ 1. 11.]
    >>> print(mixture.weights_.round(6))
    [0.5 0.5]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions(set(SHAPES))],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({"kmeans", "random", "random_from_data", "k-means++"})],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=1,
        *,
        covariance_type="full",
        tol=1e-3,
        reg_covar=1e-6,
        max_iter=100,
        n_init=1,
        init_params="kmeans",
        weights_init=None,
        means_init=None,
        precisions_init=None,
        random_state=None,
        warm_start=False,
        verbose=0,
        verbose_interval=10,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def fit(self, X: Any, y: Any = None) -> Self:  # type: ignore[override]
        """Find the components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; at least two, and at least as many as components.
        y : ignored

        Returns
        -------
        self : GaussianMixture
        """
        return self._fit(X, None, None)

    def fit_predict(self, X: Any, y: Any = None) -> np.ndarray:
        """Find the components, and return the most probable one of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        ndarray of shape (n_samples,), dtype int64
        """
        return self.fit(X).predict(X)

    def _starts_warm(self) -> bool:
        return self.warm_start and hasattr(self, "converged_")

    def _validated(self, X, y, sample_weight):
        before = self._seen()
        validated = super()._validated(X, y, sample_weight)
        if self._starts_warm():
            self._require_as_seen(before)
        return validated

    def _check_parameters(self, X, y):
        n, d = X.shape
        if n < 2:
            raise ValueError(
                f"Found array with {n} sample(s) (shape={X.shape}) while a minimum of 2 is required"
                " by GaussianMixture: one row has no covariance."
            )
        if n < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components, got n_samples={n} and "
                f"n_components={self.n_components}. Give fewer components or more rows."
            )
        check_squares(X)
        expected = SHAPES[self.covariance_type].of(self.n_components, d)
        if self._starts_warm() and (
            len(self.weights_) != self.n_components or self.covariances_.shape != expected
        ):
            raise ValueError(
                f"warm_start=True needs covariances_ of shape {expected} for n_components="
                f"{self.n_components} and covariance_type={self.covariance_type!r}, but the last "
                f"fit left {self.covariances_.shape}. Set warm_start=False to begin anew."
            )

    def _max_steps(self):
        return self.n_init * self.max_iter + 1

    def _steps(self, X, y, sample_weight):
        shape = SHAPES[self.covariance_type]
        k, d = self.n_components, X.shape[1]
        rows = Expectation(X, shape, k, thread_count())
        given = checked_start(self, shape, len(X), d)
        random_state = check_random_state(self.random_state)
        warm = self._starts_warm()
        best: dict[str, Any] = {}
        state: dict[str, Any] = {}
        for start in range(1 if warm else self.n_init):
            lower_bound = -np.inf
            if warm:
                components = Components(self.weights_, self.means_, self.precisions_cholesky_)
                covariances, lower_bound = self.covariances_, self.lower_bound_
            else:
                components, covariances = self._start(X, shape, given, random_state)
            if self.max_iter == 0:
                yield {
                    **fitted(shape, components, covariances),
                    "converged_": False,
                    "n_iter_": 0,
                    "lower_bound_": lower_bound,
                    "lower_bounds_": [],
                }
                return
            climb = em(rows, components, self.reg_covar, self.tol, self.max_iter, lower_bound)
            for state in self._told(climb, start):
                yield state
            if not best or state["lower_bound_"] > best["lower_bound_"]:
                best = state
        if best is not state:
            yield best
        self._warn(best, X)

    def _start(self, X, shape, given, random_state):
        """Return where a start begins, and its covariances."""
        weights, means, precisions = given
        if weights is None or means is None or precisions is None:
            found = first_parameters(
                X,
                shape,
                self.n_components,
                self.init_params,
                self.reg_covar,
                random_state,
                thread_count(),
            )
            weights = found[0] if weights is None else weights
            means = found[1] if means is None else means
        if precisions is None:
            covariances = found[2]
            counts = len(X) * weights
            factors = factors_or_refusal(shape, covariances, counts, self.reg_covar)
        else:
            factors = _covariance.factors_of_precisions(shape, precisions)
            covariances = _covariance.covariances_of(shape, factors)
        return Components(weights, means, factors), covariances

    def _told(self, climb, start):
        """Pass the steps of a start on, and print what `verbose` asks for."""
        if not self.verbose:
            yield from climb
            return
        print(f"Initialization {start}")
        begun = last = time.perf_counter()
        for state in climb:
            yield state
            n_iter, bounds = state["n_iter_"], state["lower_bounds_"]
            if n_iter % self.verbose_interval == 0:
                now, gain = time.perf_counter(), np.diff(bounds[-2:]).sum()
                detail = f"\t time lapse {now - last:.5f}s\t ll change {gain:.5f}"
                print(f"  Iteration {n_iter}{detail if self.verbose > 1 else ''}")
                last = now
        how = "converged" if state["converged_"] else "did not converge"
        detail = f" time lapse {time.perf_counter() - begun:.5f}s\t lower bound {bounds[-1]:.5f}."
        print(f"Initialization {how}.{detail if self.verbose > 1 else ''}")

    def _warn(self, state, X):
        if not state["converged_"]:
            warnings.warn(
                f"GaussianMixture did not converge in max_iter={self.max_iter} steps: the last one "
                f"still changed the mean log-likelihood by at least tol={self.tol:g}. Raise "
                "max_iter or tol, or try another init_params.",
                ConvergenceWarning,
                stacklevel=2,
            )
        said = warning_about(
            SHAPES[self.covariance_type],
            state["weights_"],
            state["covariances_"],
            X,
            self.reg_covar,
        )
        if said:
            warnings.warn(said, UserWarning, stacklevel=2)
