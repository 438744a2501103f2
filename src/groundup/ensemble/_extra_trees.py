"""Extremely randomised trees: forests that cut at random thresholds (see `_forest`)."""

from __future__ import annotations

import sklearn.ensemble

from groundup.ensemble._forest_model import ForestClassifier, ForestRegressor


class ExtraTreesClassifier(ForestClassifier):
    """Classify by the mean of many trees that cut at random thresholds.

    Like a random forest, but each column that a node looks at is cut at one random threshold, and
    the best of these cuts is made; each tree sees all rows.  Trees differ more, and the forest
    predicts the mean of the
    class shares in their leaves.

    **Steps.** A callback sees the forest after every five trees.

    **Missing values** (NaN) go to a side as the node's split has it.

    Parameters
    ----------
    n_estimators : int, default=100
        The number of trees. More never overfit, they only take longer.
    criterion : {"gini", "entropy", "log_loss"}, default="gini"
        What makes a node impure: the chance that two of its rows differ in class, or the bits that
        it takes to name a row's class ("log_loss" is another name for it).
    max_depth : int, default=None
        The most questions before a leaf; None: no limit.
    min_samples_split : int or float, default=2
        A node with fewer rows is a leaf. A float is a fraction of the rows, rounded up.
    min_samples_leaf : int or float, default=1
        Both sides of a split keep at least so many rows. A float is a fraction, rounded up.
    min_weight_fraction_leaf : float, default=0.0
        Both sides of a split keep at least this fraction of the total weight; 0 to 0.5.
    max_features : int, float, {"sqrt", "log2"} or None, default="sqrt"
        How many columns, drawn anew at each node, are tried: a number, a fraction of all, the
        square root or the logarithm of their number; None: all. Fewer make the trees differ more.
    max_leaf_nodes : int, default=None
        Grow each tree best-first, the most useful split next, up to so many leaves; None: no limit.
    min_impurity_decrease : float, default=0.0
        A split must lower the impurity by at least this, weighted with the node's share of the
        rows.
    bootstrap : bool, default=False
        Whether each tree is grown on rows drawn with replacement; otherwise on all rows.
    oob_score : bool or callable, default=False
        Whether to score the forest on the rows out of each tree's bag, after every step; needs
        ``bootstrap=True``. A callable takes the classes' codes and the predicted ones; True means
        the accuracy.
    n_jobs : int, default=None
        Threads; None and -1 mean all. The forest has the same bits for any number.
    random_state : int, RandomState instance or None, default=None
        Seed of the trees: of their rows, columns and thresholds.
    verbose : int, default=0
        Accepted for compatibility; nothing is printed. To watch a forest grow, hand it a callback:
        ``set_callbacks(sklearn.callback.ProgressBar())``.
    warm_start : bool, default=False
        Whether to keep the trees of the last fit and grow only those that `n_estimators` asks for
        beyond them. With an int for `random_state` they are the trees of a single fit.
    class_weight : dict, {"balanced", "balanced_subsample"} or None, default=None
        Weight of each class. "balanced": inversely proportional to its frequency;
        "balanced_subsample": to its frequency in the bootstrap of each tree.
    ccp_alpha : float, default=0.0
        Price of a leaf in cost-complexity pruning of each tree; 0 prunes nothing.
    max_samples : int or float, default=None
        How many rows to draw for each tree: that many, or that part of the rows (of the sum of the
        weights); None: as many as there are.
    monotonic_cst : array-like of shape (n_features,), default=None
        Only None is supported.
    max_bins : int or None, default=255
        A column with more distinct values than this is cut into so many bins of about equally many
        rows, 2 to 255, and split between them; None: never. Not a parameter of scikit-learn's.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_classes_ : int
        Their number.
    estimators_ : list of DecisionTreeClassifier
        The trees as estimators, made when they are asked for.
    estimator_ : DecisionTreeClassifier
        One with this forest's parameters, not fitted.
    estimators_samples_ : list of ndarray of int
        The rows that each tree was grown on, in the order in which they were drawn.
    trees_ : sequence of groundup.tree._tree.Tree
        The nodes of each tree, one array a field.
    feature_importances_ : ndarray of shape (n_features,)
        Each column's share of the decrease in impurity. It flatters columns with many values:
        ``sklearn.inspection.permutation_importance`` does not.
    oob_decision_function_ : ndarray of shape (n_samples, n_classes)
        The shares of the classes according to those trees that have not seen the row; 0 where every
        tree has. With `oob_score`.
    oob_score_ : float
        Score on the rows out of the bag; with `oob_score`.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.
    n_outputs_ : int
        Always 1.

    Raises
    ------
    ValueError
        From `fit`, for `monotonic_cst`, for a `y` of several columns, for weights that add up to 0,
        for `max_samples` or `oob_score` without a bootstrap, and for a warm start with fewer trees
        than there are, or on other columns or classes.

    References
    ----------
    .. [1] P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning
       63(1), 2006.

    Examples
    --------
    >>> from groundup.ensemble import ExtraTreesClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ExtraTreesClassifier(random_state=0).fit(X, y)
    >>> model.predict([[5.0, 3.5, 1.4, 0.2], [6.9, 3.1, 5.6, 2.2]])
    array([0, 2])
    """

    _splitter = "random"

    def __init__(
        self,
        n_estimators=100,
        *,
        criterion="gini",
        max_depth=None,
        min_samples_split=2,
        min_samples_leaf=1,
        min_weight_fraction_leaf=0.0,
        max_features="sqrt",
        max_leaf_nodes=None,
        min_impurity_decrease=0.0,
        bootstrap=False,
        oob_score=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
        warm_start=False,
        class_weight=None,
        ccp_alpha=0.0,
        max_samples=None,
        monotonic_cst=None,
        max_bins=255,
    ):
        self.n_estimators = n_estimators
        self.criterion = criterion
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.bootstrap = bootstrap
        self.oob_score = oob_score
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start
        self.class_weight = class_weight
        self.ccp_alpha = ccp_alpha
        self.max_samples = max_samples
        self.monotonic_cst = monotonic_cst
        self.max_bins = max_bins


class ExtraTreesRegressor(ForestRegressor):
    """Predict a number by the mean of many trees that cut at random thresholds.

    Like a random forest, but each column that a node looks at is cut at one random threshold, and
    the best of these cuts is made; each tree sees all rows.  Trees differ more, and the forest
    predicts the mean of the
    trees.

    **Steps.** A callback sees the forest after every five trees.

    **Missing values** (NaN) go to a side as the node's split has it.

    Parameters
    ----------
    n_estimators : int, default=100
        The number of trees. More never overfit, they only take longer.
    criterion : {"squared_error", "absolute_error", "poisson"}, default="squared_error"
        What makes a node impure. "squared_error": the variance of its targets; leaves predict their
        mean. "absolute_error": their mean distance from the median, which is predicted. "poisson":
        half of their Poisson deviance, for counts; leaves predict the mean.
    max_depth : int, default=None
        The most questions before a leaf; None: no limit.
    min_samples_split : int or float, default=2
        A node with fewer rows is a leaf. A float is a fraction of the rows, rounded up.
    min_samples_leaf : int or float, default=1
        Both sides of a split keep at least so many rows. A float is a fraction, rounded up.
    min_weight_fraction_leaf : float, default=0.0
        Both sides of a split keep at least this fraction of the total weight; 0 to 0.5.
    max_features : int, float, {"sqrt", "log2"} or None, default=1.0
        How many columns, drawn anew at each node, are tried: a number, a fraction of all, the
        square root or the logarithm of their number; None: all. Fewer make the trees differ more.
    max_leaf_nodes : int, default=None
        Grow each tree best-first, the most useful split next, up to so many leaves; None: no limit.
    min_impurity_decrease : float, default=0.0
        A split must lower the impurity by at least this, weighted with the node's share of the
        rows.
    bootstrap : bool, default=False
        Whether each tree is grown on rows drawn with replacement; otherwise on all rows.
    oob_score : bool or callable, default=False
        Whether to score the forest on the rows out of each tree's bag, after every step; needs
        ``bootstrap=True``. A callable takes the targets and the predictions; True means
        R^2.
    n_jobs : int, default=None
        Threads; None and -1 mean all. The forest has the same bits for any number.
    random_state : int, RandomState instance or None, default=None
        Seed of the trees: of their rows, columns and thresholds.
    verbose : int, default=0
        Accepted for compatibility; nothing is printed. To watch a forest grow, hand it a callback:
        ``set_callbacks(sklearn.callback.ProgressBar())``.
    warm_start : bool, default=False
        Whether to keep the trees of the last fit and grow only those that `n_estimators` asks for
        beyond them. With an int for `random_state` they are the trees of a single fit.
    ccp_alpha : float, default=0.0
        Price of a leaf in cost-complexity pruning of each tree; 0 prunes nothing.
    max_samples : int or float, default=None
        How many rows to draw for each tree: that many, or that part of the rows (of the sum of the
        weights); None: as many as there are.
    monotonic_cst : array-like of shape (n_features,), default=None
        Only None is supported.
    max_bins : int or None, default=255
        A column with more distinct values than this is cut into so many bins of about equally many
        rows, 2 to 255, and split between them; None: never. Not a parameter of scikit-learn's.

    Attributes
    ----------
    estimators_ : list of DecisionTreeRegressor
        The trees as estimators, made when they are asked for.
    estimator_ : DecisionTreeRegressor
        One with this forest's parameters, not fitted.
    estimators_samples_ : list of ndarray of int
        The rows that each tree was grown on, in the order in which they were drawn.
    trees_ : sequence of groundup.tree._tree.Tree
        The nodes of each tree, one array a field.
    feature_importances_ : ndarray of shape (n_features,)
        Each column's share of the decrease in impurity. It flatters columns with many values:
        ``sklearn.inspection.permutation_importance`` does not.
    oob_prediction_ : ndarray of shape (n_samples,)
        The prediction of those trees that have not seen the row; 0 where every tree has. With
        `oob_score`.
    oob_score_ : float
        Score on the rows out of the bag; with `oob_score`.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.
    n_outputs_ : int
        Always 1.

    Raises
    ------
    ValueError
        From `fit`, for `monotonic_cst`, for a `y` of several columns, for weights that add up to 0,
        for negative targets with "poisson",
        for `max_samples` or `oob_score` without a bootstrap, and for a warm start with fewer trees
        than there are, or on other columns.

    References
    ----------
    .. [1] P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning
       63(1), 2006.

    Examples
    --------
    >>> from groundup.ensemble import ExtraTreesRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ExtraTreesRegressor(random_state=0, oob_score=True, bootstrap=True).fit(X, y)
    >>> print(f"{model.oob_score_:.1f}")
    0.4
    """

    _splitter = "random"

    def __init__(
        self,
        n_estimators=100,
        *,
        criterion="squared_error",
        max_depth=None,
        min_samples_split=2,
        min_samples_leaf=1,
        min_weight_fraction_leaf=0.0,
        max_features=1.0,
        max_leaf_nodes=None,
        min_impurity_decrease=0.0,
        bootstrap=False,
        oob_score=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
        warm_start=False,
        ccp_alpha=0.0,
        max_samples=None,
        monotonic_cst=None,
        max_bins=255,
    ):
        self.n_estimators = n_estimators
        self.criterion = criterion
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.bootstrap = bootstrap
        self.oob_score = oob_score
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start
        self.ccp_alpha = ccp_alpha
        self.max_samples = max_samples
        self.monotonic_cst = monotonic_cst
        self.max_bins = max_bins


# shap and sklearn.inspection ask whether a model is scikit-learn's forest; it reads like one.
sklearn.ensemble.ExtraTreesClassifier.register(ExtraTreesClassifier)
sklearn.ensemble.ExtraTreesRegressor.register(ExtraTreesRegressor)
