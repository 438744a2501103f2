r"""A decision tree: ask the most telling question, split the rows by the answer, and start again.

All rows begin in the root.  A node asks of one column x_f whether x_f <= t, with that f and t for
which the rows on the two sides differ least among themselves:

    minimise over f, t:   N_left impurity(left) + N_right impurity(right)

(`_criterion` has the impurities).  The two sides become nodes, and so on until a node is pure, or
too small, or deep enough (`_growing`).  A leaf predicts the shares of the classes in it, or the
mean (for the absolute error the median) of its targets.

    bins, codes of the values      ``bin_columns``, ``Binning.codes``     n p log n  (once)
    levels of the tree             ``grow``                               n p        (a level)
    branches cut back              ``prune``                              only with ``ccp_alpha``

A tree needs no scaling, finds interactions by itself and can be read as a list of rules.  Grown to
the end it repeats its training rows, noise included: limit it (``max_depth``,
``min_samples_leaf``, ``ccp_alpha``), or average many (`groundup.ensemble`).  It predicts steps,
never a slope, and nothing beyond the targets that it has seen; and since each question is chosen
for the next step alone, it does not see through to an XOR.

References
----------
.. [1] L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and Regression Trees",
   Wadsworth, 1984.
.. [2] T. Hastie, R. Tibshirani and J. Friedman, "The Elements of Statistical Learning", 2nd
   edition, section 9.2, Springer, 2009.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import check_is_fitted

from groundup._blocks import thread_count
from groundup._estimator import Estimator, Steps
from groundup.tree import _measures
from groundup.tree._binning import bin_columns
from groundup.tree._growing import Growth, grow, grow_tree, to_tree
from groundup.tree._pruning import prune, pruning_path
from groundup.tree._sklearn_view import sklearn_tree
from groundup.tree._stages import stages
from groundup.tree._traversal import Packed, leaves, pack
from groundup.tree._tree import Tree

NO_LIMIT = np.iinfo(np.int32).max
SMALL = 2**17  # values; so small a table is done before anybody could ask to stop


def decision_tree(
    X: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None,
    growth: Growth,
    n_classes: int,
    seed: int = 0,
    max_bins: int | None = 255,
    ccp_alpha: float = 0.0,
    n_threads: int = 1,
    slowly: bool = True,
) -> Steps:
    """Grow a tree; yields it after every level (best-first: every split), then pruned.

    Still slower, question by question, a tree can be looked at when it is grown: `stages`.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Features; C-contiguous, float64, NaN where missing.
    y : ndarray of shape (n,)
        Codes of the classes (int64) or targets (float64).
    sample_weight : ndarray of shape (n,) or None
        Weight of each row.
    growth : Growth
        Criterion and limits.
    n_classes : int
        0 for regression.
    seed : int, default=0
        For random thresholds and random choices of columns.
    max_bins : int or None, default=255
        The most bins of a column; None: one for each distinct value.
    ccp_alpha : float, default=0.0
        Price of a leaf.
    n_threads : int, default=1
        Threads; they do not change a bit of the result.
    slowly : bool, default=True
        False: yield the grown tree alone, which is the same.

    Yields
    ------
    dict
        ``grown_``, the `Tree` as it stands.
    """
    seen = X  # rows of weight 0 make no bins
    if sample_weight is not None and not sample_weight.all():
        seen = X[sample_weight > 0.0]
    binning = bin_columns(seen, max_bins, n_threads=n_threads)
    codes = binning.codes(X, n_threads)
    if slowly:
        steps = grow(codes, binning, y, sample_weight, growth, seed, n_classes, n_threads)
    else:
        steps = iter([grow_tree(codes, binning, y, sample_weight, growth, seed, n_classes)])
    for grown in steps:
        tree = to_tree(grown, binning, midpoints=True)
        yield _state(tree, X.shape[1])
    if ccp_alpha > 0.0:
        yield _state(prune(tree, ccp_alpha), X.shape[1])


class _Forms:
    """Other forms of a tree, made when they are asked for and not saved with it."""

    def __init__(self, tree: Tree, n_features: int):
        self.tree = tree
        self.n_features = n_features

    @functools.cached_property
    def packed(self) -> Packed:
        return pack([self.tree])

    @functools.cached_property
    def sklearn(self) -> Any:
        return sklearn_tree(self.tree, self.n_features)

    def __reduce__(self):
        return _Forms, (self.tree, self.n_features)


def _state(tree: Tree, n_features: int) -> dict[str, Any]:
    return {"grown_": tree, "_forms": _Forms(tree, n_features)}


class DecisionTree(Estimator):
    """What the classifier and the regressor share; not to be used by itself."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "splitter": [StrOptions({"best", "random"})],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_samples_split": [
            Interval(Integral, 2, None, closed="left"),
            Interval(RealNotInt, 0.0, 1.0, closed="right"),
        ],
        "min_samples_leaf": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0.0, 1.0, closed="neither"),
        ],
        "min_weight_fraction_leaf": [Interval(Real, 0.0, 0.5, closed="both")],
        "max_features": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0.0, 1.0, closed="right"),
            StrOptions({"sqrt", "log2"}),
            None,
        ],
        "random_state": ["random_state"],
        "max_leaf_nodes": [Interval(Integral, 2, None, closed="left"), None],
        "min_impurity_decrease": [Interval(Real, 0.0, None, closed="left")],
        "ccp_alpha": [Interval(Real, 0.0, None, closed="left")],
        "monotonic_cst": ["array-like", None],
        "max_bins": [Interval(Integral, 2, 255, closed="both"), None],
    }
    _criteria: ClassVar[dict[str, int]]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _max_steps(self):
        return None  # known when the tree is grown

    def _check_parameters(self, X, y):
        if self.monotonic_cst is not None:
            raise ValueError(
                f"{type(self).__name__}(monotonic_cst=...) is not supported; use None, or "
                "monotonic_cst of HistGradientBoostingClassifier or HistGradientBoostingRegressor."
            )

    def _validated(self, X, y, sample_weight):
        shape = getattr(y, "shape", ())
        if len(shape) == 2 and shape[1] > 1:
            raise ValueError(
                f"{type(self).__name__} predicts one target, but y has shape {shape}; fit one for "
                "each column of y, as the estimators of sklearn.multioutput do."
            )
        return super()._validated(X, y, sample_weight)

    def _steps(self, X, y, sample_weight):
        n, p = X.shape
        total = float(n if sample_weight is None else sample_weight.sum())
        if not 0.0 < total < math.inf:
            raise ValueError(
                f"The sample weights, class weights multiplied in, add up to {total}; at least one "
                "row needs a positive weight, and the sum must be finite."
            )
        self.n_outputs_ = 1
        self.max_features_ = max_features(self.max_features, p)
        growth = self._growth(n, total)
        random = growth.random_split or self.max_features_ < p or self.random_state is not None
        watched = bool(getattr(self, "_skl_callbacks", None))
        return decision_tree(
            X,
            y,
            sample_weight,
            growth,
            self._n_classes(),
            int(check_random_state(self.random_state).randint(NO_LIMIT)) if random else 0,
            self.max_bins,
            self.ccp_alpha,
            thread_count(),
            slowly=watched or X.size > SMALL,
        )

    def _growth(self, n: int, total_weight: float) -> Growth:
        """Return the limits as plain numbers; fractions are of `n` rows and of `total_weight`."""
        min_leaf, min_split = self.min_samples_leaf, self.min_samples_split
        if not isinstance(min_leaf, Integral):
            min_leaf = math.ceil(min_leaf * n)
        if not isinstance(min_split, Integral):
            min_split = max(2, math.ceil(min_split * n))
        return Growth(
            criterion=self._criteria[self.criterion],
            random_split=int(self.splitter == "random"),
            max_depth=NO_LIMIT if self.max_depth is None else min(self.max_depth, NO_LIMIT),
            min_samples_split=max(min_split, 2 * min_leaf),
            min_samples_leaf=min_leaf,
            min_weight_leaf=self.min_weight_fraction_leaf * total_weight,
            max_features=min(self.max_features_, self.n_features_in_),
            min_impurity_decrease=float(self.min_impurity_decrease),
            max_leaf_nodes=-1 if self.max_leaf_nodes is None else self.max_leaf_nodes,
        )

    def _n_classes(self) -> int:
        """Return the number of classes, 0 for regression."""
        return 0

    @property
    def tree_(self) -> Any:
        """The grown tree as scikit-learn's own object, made when it is asked for."""
        check_is_fitted(self)
        return self._forms.sklearn

    @property
    def feature_importances_(self) -> np.ndarray:
        """Each column's share of the decrease in impurity: (n_features,), summing to 1."""
        check_is_fitted(self)
        return _measures.importances(self.grown_, self.n_features_in_)

    def get_depth(self) -> int:
        """Return the number of questions on the longest way from the root to a leaf."""
        check_is_fitted(self)
        return _measures.depth(self.grown_)

    def get_n_leaves(self) -> int:
        """Return the number of leaves."""
        check_is_fitted(self)
        return _measures.n_leaves(self.grown_)

    def _leaves(self, X: np.ndarray) -> np.ndarray:
        """Return the leaf of each row of validated `X`: (n_samples,), int32."""
        # Waking the threads takes as long as a few thousand rows.
        n_threads = thread_count() if len(X) > 10_000 else 1
        return leaves(self._forms.packed, X, n_threads)[:, 0]

    def apply(self, X: Any) -> np.ndarray:
        """Return the leaf in which each row ends.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,), dtype int64
            Numbers of nodes, as in ``tree_``.
        """
        X = self._validated_for_prediction(X)
        return self._leaves(X).astype(np.int64)

    def decision_path(self, X: Any) -> csr_matrix:
        """Return the nodes through which each row passes, leaf and root among them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        csr_matrix of shape (n_samples, n_nodes)
            1 where the row passes through the node.
        """
        X = self._validated_for_prediction(X)
        parent = _measures.parents(self.grown_)
        at = self._leaves(X)  # climbs from the leaves to the root
        rows = np.arange(len(X))
        passed = [(rows, at)]
        while (climbing := parent[at] >= 0).any():
            rows, at = rows[climbing], parent[at[climbing]]
            passed.append((rows, at))
        rows, nodes = (np.concatenate(part) for part in zip(*passed, strict=True))
        path = csr_matrix(
            (np.ones(len(rows), dtype=np.int64), (rows, nodes)),
            shape=(len(X), self.grown_.node_count),
        )
        path.sort_indices()
        return path

    def cost_complexity_pruning_path(self, X: Any, y: Any, sample_weight: Any = None) -> Bunch:
        """Return the prices at which pruning changes the tree, and how impure it is then.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows.
        y : array-like of shape (n_samples,)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        Bunch
            ``ccp_alphas``: the price per leaf from which on each tree of the path is the best, from
            0 for the whole tree to that for the root alone.  ``impurities``: the sum of the
            impurities of its leaves, weighted with their shares of the rows.
        """
        whole = clone(self).set_params(ccp_alpha=0.0).fit(X, y, sample_weight=sample_weight)
        path = pruning_path(whole.grown_)
        return Bunch(ccp_alphas=path.alphas, impurities=path.impurities)

    def stages(self) -> Iterator[Self]:
        """Tell the growth of this tree again, one question at a time, the best question first.

        A tree grows level by level, and that is what a callback sees.  Who wants to look more
        slowly loops over the stages, which cost nothing until they are asked for: every node
        keeps what it would predict as a leaf.

        Yields
        ------
        estimator
            This one as it was with 1, 2, 3, ... leaves; each can predict.

        Examples
        --------
        >>> from groundup.tree import DecisionTreeRegressor
        >>> model = DecisionTreeRegressor().fit([[0.0], [1.0], [2.0]], [0.0, 5.0, 6.0])
        >>> for stage in model.stages():
        ...     print(stage.predict([[0.0], [1.0], [2.0]]))
        [3.66666667 3.66666667 3.66666667]
        [0.  5.5 5.5]
        [0. 5. 6.]
        """
        check_is_fitted(self)
        for tree in stages(self.grown_):
            stage = copy.copy(self)
            for name, value in _state(tree, self.n_features_in_).items():
                setattr(stage, name, value)
            yield stage


def max_features(asked: int | float | str | None, n_features: int) -> int:
    """Translate scikit-learn's `max_features` into a number of columns.

    Parameters
    ----------
    asked : int, float, {"sqrt", "log2"} or None
        A number of columns, a fraction of them, a function of their number; None: all.
    n_features : int

    Returns
    -------
    int
        At least 1.
    """
    if asked is None:
        return n_features
    if asked == "sqrt":
        return max(1, int(math.sqrt(n_features)))
    if asked == "log2":
        return max(1, int(math.log2(n_features)))
    if isinstance(asked, Integral):
        return int(asked)
    return max(1, int(asked * n_features))
