"""Decision trees that predict numbers: a leaf predicts the mean, or the median, of its targets."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import sklearn.tree
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import StrOptions

from groundup.tree._criterion import ABSOLUTE_ERROR, POISSON, SQUARED_ERROR
from groundup.tree._decision_tree import DecisionTree


class DecisionTreeRegressor(RegressorMixin, DecisionTree):
    """Predict a number by a sequence of questions about single columns.

    **Exactness.** A column with up to `max_bins` distinct values is split exactly, as
    scikit-learn's is: on data without ties between splits the tree is the same.  A column with more
    is cut into `max_bins` bins of about equally many rows each, and split between bins; accuracy is
    level, and growing is many times faster.  ``max_bins=None`` splits every column exactly.

    **Missing values** (NaN) are tried on both sides of every split.  At a node that saw none in
    training they follow the larger side.

    Parameters
    ----------
    criterion : {"squared_error", "absolute_error", "poisson"}, default="squared_error"
        What makes a node impure. "squared_error": the variance of its targets; it predicts their
        mean. "absolute_error": their mean distance from the median, which it predicts; outliers
        count less. "poisson": half of their Poisson deviance, for counts, which must not be
        negative; it predicts the mean.
    splitter : {"best", "random"}, default="best"
        "best": the best threshold of each column. "random": a random threshold in each column's
        range, and the best of those.
    max_depth : int, default=None
        The most questions before a leaf; None: no limit.
    min_samples_split : int or float, default=2
        A node with fewer rows is a leaf. A float is a fraction of the rows, rounded up.
    min_samples_leaf : int or float, default=1
        Both sides of a split keep at least so many rows. A float is a fraction, rounded up.
    min_weight_fraction_leaf : float, default=0.0
        Both sides of a split keep at least this fraction of the total weight; 0 to 0.5.
    max_features : int, float or {"sqrt", "log2"}, default=None
        How many columns, drawn anew at each node, are tried: a number, a fraction of all, the
        square root or the logarithm of their number; None: all. Columns that are constant in the
        node do not count.
    random_state : int, RandomState instance or None, default=None
        Seed of the columns and thresholds that are drawn, and of the draw between columns whose
        splits are worth the same. With None and nothing but such ties to draw, every fit draws
        alike.
    max_leaf_nodes : int, default=None
        Grow best-first, the most useful split next, up to so many leaves; None: level by level,
        without a limit.
    min_impurity_decrease : float, default=0.0
        A split must lower the impurity by at least this, weighted with the node's share of the
        rows.
    ccp_alpha : float, default=0.0
        Price of a leaf in cost-complexity pruning; 0 prunes nothing.
    monotonic_cst : array-like of shape (n_features,), default=None
        Only None is supported.
    max_bins : int or None, default=255
        The most bins of a column, 2 to 255; see above. Not a parameter of scikit-learn's.

    Attributes
    ----------
    feature_importances_ : ndarray of shape (n_features,)
        Each column's share of the decrease in impurity. It flatters columns with many values.
    max_features_ : int
        How many columns are tried at a node.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.
    n_outputs_ : int
        Always 1.
    grown_ : groundup.tree._tree.Tree
        The nodes, one array a field.
    tree_ : sklearn.tree._tree.Tree
        The same as scikit-learn's own object, for ``plot_tree``, ``export_text`` and
        ``shap.TreeExplainer``.

    Raises
    ------
    ValueError
        From `fit`, for `monotonic_cst`, for a `y` of several columns, for weights that add up to 0,
        and for negative targets, or none above 0, with "poisson".

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and Regression Trees",
       Wadsworth, 1984.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.tree import DecisionTreeRegressor
    >>> X = np.arange(6.0)[:, np.newaxis]
    >>> model = DecisionTreeRegressor(max_depth=1).fit(X, [1.0, 1.0, 1.0, 4.0, 5.0, 6.0])
    >>> model.predict([[0.0], [2.4], [2.6]])
    array([1., 1., 5.])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **DecisionTree._parameter_constraints,
        "criterion": [StrOptions({"squared_error", "absolute_error", "poisson"})],
    }
    _criteria: ClassVar[dict[str, int]] = {
        "squared_error": SQUARED_ERROR,
        "absolute_error": ABSOLUTE_ERROR,
        "poisson": POISSON,
    }

    def __init__(
        self,
        *,
        criterion="squared_error",
        splitter="best",
        max_depth=None,
        min_samples_split=2,
        min_samples_leaf=1,
        min_weight_fraction_leaf=0.0,
        max_features=None,
        random_state=None,
        max_leaf_nodes=None,
        min_impurity_decrease=0.0,
        ccp_alpha=0.0,
        monotonic_cst=None,
        max_bins=255,
    ):
        self.criterion = criterion
        self.splitter = splitter
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.random_state = random_state
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.ccp_alpha = ccp_alpha
        self.monotonic_cst = monotonic_cst
        self.max_bins = max_bins

    def _check_parameters(self, X, y):
        super()._check_parameters(X, y)
        if self.criterion == "poisson":
            if y.min() < 0.0:
                raise ValueError(
                    f"criterion='poisson' is for counts, but y has values down to {y.min():g}; use "
                    "targets of at least 0, or another criterion."
                )
            if y.max() == 0.0:
                raise ValueError(
                    "criterion='poisson' needs a target above 0, but all of y is 0; use "
                    "criterion='squared_error'."
                )

    def predict(self, X: Any) -> np.ndarray:
        """Return the value of the leaf in which each row ends.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        X = self._validated_for_prediction(X)
        return self.grown_.value[self._leaves(X), 0]

    def _compute_partial_dependence_recursion(
        self, grid: np.ndarray, target_features: np.ndarray
    ) -> np.ndarray:
        # The name by which sklearn.inspection.partial_dependence asks for its quick method.
        averages = np.zeros(len(grid))
        self.tree_.compute_partial_dependence(
            np.ascontiguousarray(grid, dtype=np.float32),
            np.ascontiguousarray(target_features, dtype=np.intp),
            averages,
        )
        return averages


# plot_tree, export_text and shap ask whether a model is scikit-learn's tree; it reads like one.
sklearn.tree.DecisionTreeRegressor.register(DecisionTreeRegressor)
