"""Decision trees that predict classes: a leaf predicts the shares of the classes in it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import sklearn.tree
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils._param_validation import StrOptions

from groundup.tree._criterion import ENTROPY, GINI
from groundup.tree._decision_tree import DecisionTree


class DecisionTreeClassifier(ClassifierMixin, DecisionTree):
    """Classify by a sequence of questions about single columns.

    **Exactness.** A column with up to `max_bins` distinct values is split exactly, as
    scikit-learn's is: on data without ties between splits the tree is the same.  A column with more
    is cut into `max_bins` bins of about equally many rows each, and split between bins; accuracy is
    level, and growing is many times faster.  ``max_bins=None`` splits every column exactly.

    **Missing values** (NaN) are tried on both sides of every split.  At a node that saw none in
    training they follow the larger side.

    Parameters
    ----------
    criterion : {"gini", "entropy", "log_loss"}, default="gini"
        What makes a node impure. "gini": the chance that two of its rows, drawn at random, differ
        in class. "entropy" and "log_loss": the bits that a row's class tells.
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
    class_weight : dict or "balanced", default=None
        Weights of the classes, by class; "balanced": inversely proportional to their frequencies.
    ccp_alpha : float, default=0.0
        Price of a leaf in cost-complexity pruning; 0 prunes nothing.
    monotonic_cst : array-like of shape (n_features,), default=None
        Only None is supported.
    max_bins : int or None, default=255
        The most bins of a column, 2 to 255; see above. Not a parameter of scikit-learn's.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_classes_ : int
        Their number.
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
        From `fit`, for `monotonic_cst`, for a `y` of several columns, and for weights that add up
        to 0.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and Regression Trees",
       Wadsworth, 1984.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import export_text
    >>> from groundup.tree import DecisionTreeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = DecisionTreeClassifier(max_depth=2).fit(X[:, 2:], y)
    >>> print(export_text(model, feature_names=["length", "width"]).rstrip())
    |--- length <= 2.45
    |   |--- class: 0
    |--- length >  2.45
    |   |--- width <= 1.75
    |   |   |--- class: 1
    |   |--- width >  1.75
    |   |   |--- class: 2
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **DecisionTree._parameter_constraints,
        "criterion": [StrOptions({"gini", "entropy", "log_loss"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    _criteria: ClassVar[dict[str, int]] = {"gini": GINI, "entropy": ENTROPY, "log_loss": ENTROPY}

    def __init__(
        self,
        *,
        criterion="gini",
        splitter="best",
        max_depth=None,
        min_samples_split=2,
        min_samples_leaf=1,
        min_weight_fraction_leaf=0.0,
        max_features=None,
        random_state=None,
        max_leaf_nodes=None,
        min_impurity_decrease=0.0,
        class_weight=None,
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
        self.class_weight = class_weight
        self.ccp_alpha = ccp_alpha
        self.monotonic_cst = monotonic_cst
        self.max_bins = max_bins

    def _class_weighted(self, codes, sample_weight):
        # scikit-learn's trees balance the rows as counted, not as weighted.
        per_row = compute_sample_weight(self.class_weight, self.classes_[codes])
        return per_row if sample_weight is None else per_row * sample_weight

    def _n_classes(self):
        self.n_classes_ = len(self.classes_)
        return self.n_classes_

    def predict(self, X: Any) -> np.ndarray:
        """Return the commonest class of the leaf in which each row ends.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Of equally common classes the first in ``classes_``.
        """
        X = self._validated_for_prediction(X)
        commonest = self.classes_[np.argmax(self.grown_.value, axis=1)]  # (n_nodes,)
        return commonest[self._leaves(X)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the shares of the classes in the leaf in which each row ends.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        X = self._validated_for_prediction(X)
        return self.grown_.value[self._leaves(X)]

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of `predict_proba`, minus infinity for a share of 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; NaN is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


# plot_tree, export_text and shap ask whether a model is scikit-learn's tree; it reads like one.
sklearn.tree.DecisionTreeClassifier.register(DecisionTreeClassifier)
