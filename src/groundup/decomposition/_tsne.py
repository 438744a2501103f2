r"""t-SNE: a map of the rows in the plane on which neighbours stay neighbours.

Each row i has probabilities p_ij of choosing row j as its neighbour, from the distances in the data
(`_affinities`).  The map gives each row a point y_i, and the same kind of probability from the
distances on the map, with a heavier tail,

    q_ij = (1 + |y_i - y_j|^2)^-1 / Z,        Z = sum_{k != l} (1 + |y_k - y_l|^2)^-1,

and moves the points until the two agree as well as they can:

    minimise over y:    C = KL(P || Q) = sum_ij p_ij log(p_ij / q_ij).

A large p_ij with a small q_ij costs much: neighbours that are torn apart.  The reverse costs
little.  The heavy tail lets rows at a moderate distance stand far apart, for which a plane has too
little room otherwise.  The gradient is a sum of springs: neighbours pull, all points push
(`_tsne_forces`),

    dC/dy_i = 4 sum_j (p_ij - q_ij) (1 + |y_i - y_j|^2)^-1 (y_i - y_j).

It is followed downhill with momentum, and a step size of its own for each coordinate: a gain that
grows while the gradient keeps its sign, and shrinks when it turns:

    start    the first principal components, shrunk to a point cloud of size 1e-4
    repeat   gain    += 0.2 where the last move went downhill here too,  *= 0.8 elsewhere
             move     = momentum * move - learning_rate * gain * gradient
             y       += move

The first 250 steps multiply P by `early_exaggeration`, so that clusters form while they can still
pass through each other; then momentum rises from 0.5 to 0.8, gains and moves start anew, and the
true P takes over.

Cost: O(n log n) a step and O(n perplexity) memory; O(n^2) of both with ``method="exact"``.  It is
a picture, not a measurement: distances between clusters, and their sizes, mean little; other seeds
and perplexities give other pictures; and it shows clusters in noise if the perplexity is small.
There is no way to place new rows.

References
----------
.. [1] L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", Journal of Machine Learning
   Research 9, 2008.
.. [2] L. van der Maaten, "Accelerating t-SNE using tree-based algorithms", Journal of Machine
   Learning Research 15, 2014.
.. [3] A. C. Belkina et al., "Automated optimized parameters for t-distributed stochastic neighbor
   embedding improve visualization and analysis of large datasets", Nature Communications 10, 2019.
"""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from groundup._blocks import thread_count
from groundup._estimator import Estimator
from groundup.decomposition._affinities import conditional_probabilities, joint_probabilities
from groundup.decomposition._all_pairs import over_all_pairs
from groundup.decomposition._pca import PCA
from groundup.decomposition._tsne_descent import EXPLORATION, FARTHEST, descend
from groundup.decomposition._tsne_forces import by_tree
from groundup.neighbors import NearestNeighbors
from groundup.neighbors._metrics import METRICS

START_SIZE = 1e-4  # standard deviation of the first coordinate at the start
SMALL = 1000  # so few points are not worth a second thread


class TSNE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """t-distributed stochastic neighbour embedding: a map on which neighbours stay neighbours.

    scikit-learn has it in ``sklearn.manifold``.

    Parameters
    ----------
    n_components : int, default=2
        Dimensions of the map: 1, 2 or 3 with ``method="barnes_hut"``.
    perplexity : float, default=30.0
        How many neighbours a row has, in effect; less than the number of rows. Between 5 and 50,
        as a rule.
    early_exaggeration : float, default=12.0
        What P is multiplied by in the first 250 steps; at least 1. Larger values leave more room
        between clusters.
    learning_rate : float or "auto", default="auto"
        Length of a step per gradient. "auto" is ``max(n_samples / early_exaggeration / 4, 50)``.
    max_iter : int, default=1000
        The most steps, at least 250.
    n_iter_without_progress : int, default=300
        Stop after so many steps without a smaller divergence, which is looked at every 50 steps;
        not in the first 250.
    min_grad_norm : float, default=1e-7
        Stop where the gradient is not longer than this.
    metric : {"euclidean", "manhattan", "chebyshev", "minkowski", "cosine", "l1", "l2", \
            "cityblock", "precomputed"}, default="euclidean"
        The distance between rows; "precomputed" means that `X` is the (n_samples, n_samples) matrix
        of distances.
    metric_params : dict, default=None
        Parameters of the Minkowski distance: ``{"p": ..., "w": ...}``.
    init : {"pca", "random"} or ndarray of shape (n_samples, n_components), default="pca"
        Where the points start.
    verbose : int, default=0
        With 1 the divergence after each stage is printed, with 2 every 50 steps.
    random_state : int, RandomState instance or None, default=None
        Seed of ``init="random"``. The descent itself has nothing random.
    method : {"barnes_hut", "exact"}, default="barnes_hut"
        "barnes_hut" takes O(n log n) time for each step, "exact" takes O(n^2) time and memory, and
        counts all rows as neighbours.
    angle : float, default=0.5
        Barnes-Hut: a group of points acts as one where its width is less than this part of its
        distance. Smaller is more exact and slower.
    n_jobs : int, default=None
        Threads; None and -1 mean all. The map has the same bits for any number.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        The map.
    kl_divergence_ : float
        The Kullback-Leibler divergence when it was last looked at: every 50 steps and at the last,
        before the points were moved; with P exaggerated in the first 250 steps.
    learning_rate_ : float
        The learning rate that was used.
    n_iter_ : int
        How many steps were taken. (scikit-learn says one less.)
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, for a perplexity not below the number of rows, a metric that is not supported,
        more than 3 components with Barnes-Hut, or an `init` that does not fit the data; and where
        the points fly apart without end, as they do with a learning rate that is far too large.

    References
    ----------
    .. [1] L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", Journal of Machine
       Learning Research 9, 2008.
    .. [2] L. van der Maaten, "Accelerating t-SNE using tree-based algorithms", Journal of Machine
       Learning Research 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.decomposition import TSNE
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 9.0], [9.0, 8.0]])
    >>> Y = TSNE(perplexity=1.5, random_state=0).fit_transform(X)
    >>> Y.shape
    (4, 2)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "perplexity": [Interval(Real, 0, None, closed="neither")],
        "early_exaggeration": [Interval(Real, 1, None, closed="left")],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 250, None, closed="left")],
        "n_iter_without_progress": [Interval(Integral, -1, None, closed="left")],
        "min_grad_norm": [Interval(Real, 0, None, closed="left")],
        "metric": [str, callable],
        "metric_params": [dict, None],
        "init": [StrOptions({"pca", "random"}), np.ndarray],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "method": [StrOptions({"barnes_hut", "exact"})],
        "angle": [Interval(Real, 0, 1, closed="both")],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        n_components=2,
        *,
        perplexity=30.0,
        early_exaggeration=12.0,
        learning_rate="auto",
        max_iter=1000,
        n_iter_without_progress=300,
        min_grad_norm=1e-7,
        metric="euclidean",
        metric_params=None,
        init="pca",
        verbose=0,
        random_state=None,
        method="barnes_hut",
        angle=0.5,
        n_jobs=None,
    ):
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.n_iter_without_progress = n_iter_without_progress
        self.min_grad_norm = min_grad_norm
        self.metric = metric
        self.metric_params = metric_params
        self.init = init
        self.verbose = verbose
        self.random_state = random_state
        self.method = method
        self.angle = angle
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:  # type: ignore[override]
        """Draw the map of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
            The rows; with ``metric="precomputed"`` their distances.
        y : ignored

        Returns
        -------
        self : TSNE
        """
        return self._fit(X, None, None)

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Draw the map of the rows and return it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
            As in `fit`.
        y : ignored

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            ``embedding_``.
        """
        return self.fit(X).embedding_

    @property
    def _n_features_out(self):
        return self.embedding_.shape[1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags

    def _check_parameters(self, X, y):
        n, d = X.shape
        if self.perplexity >= n:
            raise ValueError(
                f"perplexity ({self.perplexity}) must be less than n_samples ({n}): a row cannot "
                "have as many neighbours. Give a smaller perplexity or more rows."
            )
        if n < 2:
            raise ValueError(f"TSNE draws a map of at least 2 rows; got n_samples={n}.")
        if self.method == "barnes_hut" and self.n_components > 3:
            raise ValueError(
                f"n_components={self.n_components} is not supported with method='barnes_hut', "
                "whose tree has at most 3 dimensions; use 1, 2, 3, or method='exact'."
            )
        if self.metric == "precomputed":
            self._check_distances(X)
        elif self.metric not in METRICS:
            raise ValueError(
                f"metric={self.metric!r} is not supported; use one of "
                f"{', '.join(sorted(METRICS))}, or 'precomputed'."
            )
        if isinstance(self.init, np.ndarray):
            expected = (n, self.n_components)
            if self.init.shape != expected:
                raise ValueError(
                    f"init has shape {self.init.shape}; expected one point for each row, "
                    f"(n_samples, n_components) = {expected}."
                )
            if self.init.dtype.kind not in "iuf" or not np.isfinite(self.init).all():
                raise ValueError("init holds values that are not finite numbers.")
            if np.abs(self.init).max() > FARTHEST:
                raise ValueError(
                    f"init holds coordinates up to {np.abs(self.init).max():g}: points so far "
                    "apart do not feel each other. Scale it to a standard deviation near 1e-4."
                )
        elif self.init == "pca" and self.n_components > min(n, d):
            raise ValueError(
                f"init='pca' has no {self.n_components} principal components for n_samples={n} "
                f"rows and n_features={d}; use init='random' or fewer n_components."
            )

    def _check_distances(self, X):
        if isinstance(self.init, str) and self.init == "pca":
            raise ValueError(
                "The parameter init='pca' cannot be used with metric='precomputed': there are no "
                "rows to take components of. Use init='random' or an array."
            )
        if X.shape[0] != X.shape[1]:
            raise ValueError(
                f"X should be a square distance matrix with metric='precomputed'; got {X.shape}."
            )
        if X.min() < 0:
            raise ValueError(
                "Negative values in X: with metric='precomputed' it holds distances, which are 0 "
                "or more."
            )

    def _steps(self, X, y, sample_weight):
        n, n_threads = len(X), thread_count(self.n_jobs)
        n_neighbors = n - 1
        if self.method == "barnes_hut":
            n_neighbors = min(n_neighbors, int(3.0 * self.perplexity + 1))
        squared, neighbors = self._neighbors(X, n_neighbors)
        p = conditional_probabilities(squared, self.perplexity)
        P = joint_probabilities(p, neighbors)
        Y = self._start(X)
        freedom = max(self.n_components - 1.0, 1.0)
        if n < SMALL:
            n_threads = 1
        if self.method == "exact":
            forces, divergence = over_all_pairs(P.toarray(), Y, freedom, n_threads)
        else:
            forces, divergence = by_tree(P, Y, self.angle, n_threads)
        if self.learning_rate == "auto":
            learning_rate = max(n / self.early_exaggeration / 4, 50.0)
        else:
            learning_rate = float(self.learning_rate)
        for state in descend(
            forces,
            divergence,
            Y,
            freedom,
            learning_rate,
            self.early_exaggeration,
            self.max_iter,
            self.n_iter_without_progress,
            self.min_grad_norm,
            self._report,
        ):
            # A map on a line is drawn in the plane, on its first axis.
            state["embedding_"] = Y[:, : self.n_components]
            yield state

    def _neighbors(self, X, k):
        """Find the k nearest of each row: squared distances and rows, (n, k) each."""
        if self.metric == "precomputed":
            distances = X.copy()
            np.fill_diagonal(distances, np.inf)
            neighbors = np.argsort(distances, axis=1, kind="stable")[:, :k]
            distances = np.take_along_axis(distances, neighbors, axis=1)
        else:
            search = NearestNeighbors(
                n_neighbors=k,
                metric=self.metric,
                metric_params=self.metric_params,
                n_jobs=self.n_jobs,
            )
            distances, neighbors = search.fit(X).kneighbors()
        return np.square(distances, out=distances), neighbors

    def _start(self, X):
        """Place the points, (n, n_components), or (n, 2) for a line."""
        n, d = len(X), self.n_components
        Y = np.zeros((n, max(d, 2)))
        random_state = check_random_state(self.random_state)
        if isinstance(self.init, np.ndarray):
            Y[:, :d] = self.init
        elif self.init == "random":
            Y[:, :d] = START_SIZE * random_state.standard_normal((n, d))
        else:
            components = PCA(n_components=d, random_state=random_state).fit_transform(X)
            sizes = components.std(axis=0)
            # Along a direction without variance all points would stay on one line for ever.
            flat = ~(sizes > 1e-10 * sizes[0])
            if flat[0]:
                warnings.warn(
                    "All rows are the same, so there are no principal components to start from: "
                    "the map starts at random and shows nothing.",
                    stacklevel=2,
                )
            Y[:, :d] = components * (START_SIZE / max(sizes[0], 1e-300))
            Y[:, :d][:, flat] = START_SIZE * random_state.standard_normal((n, int(flat.sum())))
        return Y

    def _report(self, step, kl, length):
        if self.verbose >= 2:
            print(f"[t-SNE] Iteration {step}: error = {kl:.7f}, gradient norm = {length:.7f}")
        if self.verbose and step == EXPLORATION:
            print(
                f"[t-SNE] KL divergence after {step} iterations with early exaggeration: {kl:.6f}"
            )
        if self.verbose and step == self.max_iter:
            print(f"[t-SNE] KL divergence after {step} iterations: {kl:.6f}")
