"""What all neighbour estimators share: the index over the fitted rows, and the questions to it.

``fit`` builds an index, either a k-d tree (`_kd_tree`) or packed panels (`_brute`); `kneighbors`
and `radius_neighbors` ask it.  Which one is built does not change an answer, only the time.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array, csr_matrix
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from groundup._blocks import block_bounds, single_blas_thread, thread_count
from groundup._estimator import Estimator, Steps, read_only
from groundup.neighbors._brute import QUERY_ROWS, pack, search_panels
from groundup.neighbors._kd_tree import grow, nearest_in_tree
from groundup.neighbors._metrics import EUCLIDEAN, METRICS, Metric, choose_metric
from groundup.neighbors._radius import rows_within


def tree_is_faster(n: int, d: int, k: int | None, kind: int) -> bool:
    """Tell whether the k-d tree answers faster than brute force; it is never needed for the answer.

    Measured for normal data, microseconds a query on one core, tree / brute force:

    ======= ========= ========= ========= =========
    rows    d = 2     d = 4     d = 6     d = 8
    ======= ========= ========= ========= =========
    1,000   0.6 / 2.5 1.8 / 2.4 4.4 / 2.5 8.2 / 2.6
    10,000  0.9 / 7.6 2.6 / 7.9 7.8 / 8.4 22 / 8.7
    50,000  0.7 / 24  3.1 / 20  12 / 22   51 / 29
    ======= ========= ========= ========= =========

    Where the rows lie near a surface of few dimensions the tree would win far beyond that, but the
    rule does not look at the rows: in 16 features it can gain a factor of 5 and lose one of 70.
    """
    if k is not None and k >= n // 2:
        return False
    if kind != EUCLIDEAN:
        return d <= 8  # brute force has no matrix product to lean on
    return d <= 4 or (d <= 6 and n >= 5000)


class NeighborsBase(Estimator):
    """The index over the fitted rows."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_neighbors": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "radius": [Interval(numbers.Real, 0, None, closed="both"), None],
        "algorithm": [StrOptions({"auto", "ball_tree", "kd_tree", "brute"})],
        "leaf_size": [Interval(numbers.Integral, 1, None, closed="left")],
        "p": [Interval(numbers.Real, 0, None, closed="right"), None],
        "metric": [StrOptions(set(METRICS))],
        "metric_params": [dict, None],
        "n_jobs": [numbers.Integral, None],
    }

    def _metric(self, n_features: int) -> Metric:
        return choose_metric(self.metric, self.p, self.metric_params, n_features)

    def _check_parameters(self, X: np.ndarray, y: Any) -> None:
        metric = self._metric(X.shape[1])
        if metric.p < 1 and self.algorithm in ("kd_tree", "ball_tree"):
            raise ValueError(
                f'algorithm="{self.algorithm}" does not support p={metric.p}: below 1 the '
                "Minkowski distance breaks the triangle inequality. "
                'Use algorithm="brute" or p >= 1.'
            )

    def _max_steps(self) -> int | None:
        return None

    def _method(self, X: np.ndarray, metric: Metric) -> str:
        """Choose the index that answers faster."""
        if self.algorithm != "auto":
            return "brute" if self.algorithm == "brute" else "kd_tree"
        n, d = X.shape
        faster = metric.p >= 1 and tree_is_faster(n, d, self.n_neighbors, metric.kind)
        return "kd_tree" if faster else "brute"

    def _steps(self, X: np.ndarray, y: Any, sample_weight: np.ndarray | None) -> Steps:
        metric = self._metric(X.shape[1])
        fitted = X.copy()  # a later change of the caller's array must not change answers
        mapped = read_only(metric.map_rows(fitted, asked=False))
        state = {
            "effective_metric_": metric.name,
            "effective_metric_params_": self._effective_params(metric),
            "n_samples_fit_": X.shape[0],
            "_fit_X": fitted,
            "_mapped_X": mapped,
            "_fit_method": self._method(X, metric),
            "_tree": None,
            "_panels": None,
            **self._target_state(y),
        }
        if state["_fit_method"] == "kd_tree":
            n_threads = 1 if X.size < 20_000 else thread_count(self.n_jobs)
            for tree in grow(mapped, self.leaf_size, n_threads):
                yield {**state, "_tree": tree}
        else:
            if metric.kind == EUCLIDEAN:
                state["_panels"] = pack(
                    mapped, 1 if X.size < 100_000 else thread_count(self.n_jobs)
                )
            yield state

    def _target_state(self, y: Any) -> dict[str, Any]:
        return {}

    @staticmethod
    def _effective_params(metric: Metric) -> dict[str, Any]:
        return {"p": metric.p, "w": metric.weight} if metric.name == "minkowski" else {}

    def _queries(self, X: Any) -> tuple[np.ndarray, np.ndarray, Metric]:
        """Return the queries as the kernels take them, and the row that each must not find."""
        check_is_fitted(self)
        metric = self._metric(self.n_features_in_)
        if X is None:
            Q, own = self._fit_X, np.arange(self.n_samples_fit_)
        else:
            Q = self._validated_for_prediction(X)
            own = np.full(len(Q), -1)
        return read_only(metric.map_rows(Q, asked=True)), own, metric

    def _one_leaf(self):
        """The tree to walk by brute force where no tree was built."""
        return self._tree or next(grow(self._mapped_X, len(self._mapped_X)))

    def _nearest(self, X: Any, k: int | None) -> tuple[np.ndarray, np.ndarray, Metric]:
        """Find each query's k nearest rows, by what the metric is searched by."""
        Q, own, metric = self._queries(X)
        k = self._checked_count(self.n_neighbors if k is None else k, own_left_out=X is None)
        distances, rows = np.empty((len(Q), k)), np.empty((len(Q), k), dtype=np.int64)
        bounds = query_blocks(len(Q))
        if self._panels is not None:
            # Too little work to share: on a busy machine the threads would wait for each other.
            small = Q.size * self.n_samples_fit_ < 5_000_000
            n_threads = 1 if small else thread_count(self.n_jobs)
            with single_blas_thread():
                search_panels(
                    self._mapped_X,
                    Q,
                    own,
                    self._panels,
                    bounds,
                    distances,
                    rows,
                    n_threads=n_threads,
                )
        else:
            n_threads = 1 if len(Q) < 1000 else thread_count(self.n_jobs)
            nearest_in_tree(
                self._one_leaf(),
                metric.kind,
                metric.p,
                Q,
                own,
                bounds,
                distances,
                rows,
                n_threads=n_threads,
            )
        return distances, rows, metric

    def _checked_count(self, k: Any, own_left_out: bool) -> int:
        if not isinstance(k, numbers.Integral):
            raise TypeError(f"n_neighbors={k!r} is a {type(k).__name__}; expected an integer.")
        if k <= 0:
            raise ValueError(f"Expected n_neighbors > 0. Got {k}.")
        available = self.n_samples_fit_ - own_left_out
        if k > available:
            reason = ", and a row is not its own neighbour" if own_left_out else ""
            raise ValueError(
                f"n_neighbors={k} neighbours were asked for, but "
                f"n_samples_fit={self.n_samples_fit_} rows were fitted{reason}. "
                f"Expected n_neighbors <= {available}: use a smaller n_neighbors or fit more rows."
            )
        return int(k)


def query_blocks(n_queries: int) -> np.ndarray:
    """Cut queries into blocks: enough for all threads, with no more rows than the panels like."""
    return block_bounds(n_queries, max(8, min(QUERY_ROWS, n_queries // 8)), max_blocks=n_queries)


class KNeighborsMixin:
    """Questions for the k nearest."""

    _nearest: Callable[..., Any]  # of `NeighborsBase`

    def kneighbors(
        self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True
    ) -> Any:
        """Find the nearest fitted rows of each query.

        Of rows at the same distance the one with the lower index comes first.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), default=None
            The queries. By default the fitted rows themselves, and no row is its own neighbour.
        n_neighbors : int, default=None
            How many to find; by default the constructor's `n_neighbors`.
        return_distance : bool, default=True
            Whether to return the distances as well.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            Ascending. Only if `return_distance`.
        indices : ndarray of shape (n_queries, n_neighbors)
            Rows of the fitted data.

        Raises
        ------
        ValueError
            If fewer than `n_neighbors` rows were fitted.

        Examples
        --------
        >>> from groundup.neighbors import NearestNeighbors
        >>> nearest = NearestNeighbors(n_neighbors=2).fit([[0.0], [1.0], [4.0]])
        >>> nearest.kneighbors([[3.0]])
        (array([[1., 2.]]), array([[2, 1]]))
        """
        distances, rows, metric = self._nearest(X, n_neighbors)
        return (metric.from_searched(distances), rows) if return_distance else rows

    def kneighbors_graph(
        self, X: Any = None, n_neighbors: int | None = None, mode: str = "connectivity"
    ) -> csr_array | csr_matrix:
        """Return the k nearest as a sparse matrix.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), default=None
            As in `kneighbors`.
        n_neighbors : int, default=None
            As in `kneighbors`.
        mode : {"connectivity", "distance"}, default="connectivity"
            Whether an entry is 1 or the distance.

        Returns
        -------
        sparse matrix of shape (n_queries, n_samples_fit), CSR
            Entry (i, j) is set if row j is among the nearest of query i.

        Examples
        --------
        >>> from groundup.neighbors import NearestNeighbors
        >>> nearest = NearestNeighbors(n_neighbors=1).fit([[0.0], [1.0], [4.0]])
        >>> nearest.kneighbors_graph().toarray()
        array([[0., 1., 0.],
               [1., 0., 0.],
               [0., 1., 0.]])
        """
        _check_mode(mode)
        distances, rows = self.kneighbors(X, n_neighbors)
        offsets = np.arange(rows.shape[0] + 1) * rows.shape[1]
        return self._graph(distances.ravel(), rows.ravel(), offsets, mode)

    def _graph(self, distances, rows, offsets, mode):
        from sklearn.utils._sparse import _align_api_if_sparse

        data = distances if mode == "distance" else np.ones(len(rows))
        shape = (len(offsets) - 1, self.n_samples_fit_)
        return _align_api_if_sparse(csr_array((data, rows, offsets), shape=shape))


class RadiusNeighborsMixin:
    """Questions for all rows within a radius."""

    _graph: Callable[..., Any]  # of `NeighborsBase`

    def radius_neighbors(
        self,
        X: Any = None,
        radius: float | None = None,
        return_distance: bool = True,
        sort_results: bool = False,
    ) -> Any:
        """Find all fitted rows within a radius of each query, the border included.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), default=None
            The queries. By default the fitted rows themselves, and no row is its own neighbour.
        radius : float, default=None
            In the metric's unit; by default the constructor's `radius`.
        return_distance : bool, default=True
            Whether to return the distances as well.
        sort_results : bool, default=False
            Whether an answer is sorted by distance; else it is sorted by index.

        Returns
        -------
        distances : ndarray of shape (n_queries,) of arrays
            Only if `return_distance`.
        indices : ndarray of shape (n_queries,) of arrays
            Rows of the fitted data; an empty array where there are none.

        Raises
        ------
        ValueError
            If `sort_results` is asked for without the distances.

        Examples
        --------
        >>> from groundup.neighbors import NearestNeighbors
        >>> nearest = NearestNeighbors(radius=1.5).fit([[0.0], [1.0], [4.0]])
        >>> distances, indices = nearest.radius_neighbors([[0.2], [9.0]], sort_results=True)
        >>> [each.tolist() for each in indices]
        [[0, 1], []]
        """
        if sort_results and not return_distance:
            raise ValueError("return_distance must be True if sort_results is True.")
        distances, rows, offsets = self._within(X, radius, sort_results)
        indices = _answers(rows, offsets)
        return (_answers(distances, offsets), indices) if return_distance else indices

    def radius_neighbors_graph(
        self,
        X: Any = None,
        radius: float | None = None,
        mode: str = "connectivity",
        sort_results: bool = False,
    ) -> csr_array | csr_matrix:
        """Return all rows within a radius as a sparse matrix.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), default=None
            As in `radius_neighbors`.
        radius : float, default=None
            As in `radius_neighbors`.
        mode : {"connectivity", "distance"}, default="connectivity"
            Whether an entry is 1 or the distance.
        sort_results : bool, default=False
            Whether a row's entries are sorted by distance; else by column.

        Returns
        -------
        sparse matrix of shape (n_queries, n_samples_fit), CSR
            Entry (i, j) is set if row j is within the radius of query i.

        Examples
        --------
        >>> from groundup.neighbors import NearestNeighbors
        >>> nearest = NearestNeighbors(radius=1.5).fit([[0.0], [1.0], [4.0]])
        >>> nearest.radius_neighbors_graph(mode="distance").toarray()
        array([[0., 1., 0.],
               [1., 0., 0.],
               [0., 0., 0.]])
        """
        _check_mode(mode)
        return self._graph(*self._within(X, radius, sort_results), mode)

    def _within(self, X, radius, sort_results):
        Q, own, metric = self._queries(X)
        radius = self.radius if radius is None else radius
        distances, rows, offsets = rows_within(
            self._one_leaf(),
            metric.kind,
            metric.p,
            Q,
            own,
            query_blocks(len(Q)),
            metric.to_searched(float(radius)),
            thread_count(self.n_jobs),
        )
        queries = np.repeat(np.arange(len(Q)), np.diff(offsets))
        order = np.lexsort((rows, distances, queries) if sort_results else (rows, queries))
        return metric.from_searched(distances[order]), rows[order], offsets


def _check_mode(mode: str) -> None:
    if mode not in ("connectivity", "distance"):
        raise ValueError(
            f'mode={mode!r} is not supported; it must be one of "connectivity" or "distance".'
        )


def _answers(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Cut values into one array a query; an array of objects, as scikit-learn returns it."""
    answers = np.empty(len(offsets) - 1, dtype=object)
    for i in range(len(answers)):
        answers[i] = values[offsets[i] : offsets[i + 1]]
    return answers
