"""Gradient boosting of histogram-based trees for classes; the idea stands in `_boosting`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import sklearn.ensemble
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions

from groundup.ensemble._hist_gradient_boosting import HistGradientBoosting
from groundup.ensemble._losses import Loss


class HistGradientBoostingClassifier(ClassifierMixin, HistGradientBoosting):
    """Gradient boosting: each small tree corrects what the trees before it got wrong.

    Columns are binned to bytes once; missing values and categories need no preparation. The trees
    add up to log-odds: one tree a round for two classes, one for each class above that.

    Parameters
    ----------
    loss : {"log_loss"}, default="log_loss"
        The logarithm of the probability that was given to the true class, times -1.
    learning_rate : float, default=0.1
        The part of each tree's step that is taken; 1 takes all of it.
    max_iter : int, default=100
        The most rounds. Each has one tree for two classes, and K trees for K > 2 classes.
    max_leaf_nodes : int or None, default=31
        The most leaves of a tree, at least 2. None: no limit.
    max_depth : int or None, default=None
        The most questions between the root and a leaf. None: no limit.
    min_samples_leaf : int, default=20
        The fewest training rows in a leaf. On a few hundred rows, take less.
    l2_regularization : float, default=0.0
        Added to a leaf's second derivatives: pulls the values of small leaves towards zero.
    max_features : float, default=1.0
        The share of columns, drawn at random, that a node may choose from.
    max_bins : int, default=255
        The most bins of a column, missing values aside, 2 to 255. A column with no more distinct
        values has one bin for each.
    categorical_features : array-like of bool, int or str, "from_dtype" or None, \
default="from_dtype"
        Columns of categories: a mask, positions, or names. "from_dtype": the columns of a table
        whose type is categorical. A category that `fit` has not seen counts as missing.
    monotonic_cst : array-like of int of shape (n_features,) or dict, default=None
        1: predictions must not fall as the column rises; -1: must not rise; 0: free. By position,
        or by name. For two classes; the prediction is the probability of the second.
    interaction_cst : {"pairwise", "no_interactions"} or sequence of lists, tuples or sets of \
int, default=None
        Groups of columns; a branch of a tree uses columns that share a group. Columns that are not
        named form a group of their own.
    warm_start : bool, default=False
        Whether `fit` adds rounds to those of the last `fit`, up to `max_iter`. The result is that
        of one go, to the bit, if the data are the same.
    early_stopping : "auto" or bool, default="auto"
        Whether to end when the score no longer rises. "auto": on more than 10,000 rows, or with
        `X_val`.
    scoring : str, callable or None, default="loss"
        What early stopping looks at: the loss, a scorer by name, ``scorer(estimator, X, y)``, or
        for None the estimator's own `score`.
    validation_fraction : float, int or None, default=0.1
        The share, or number, of rows that are held out for early stopping. None: it looks at the
        training rows.
    n_iter_no_change : int, default=10
        End when none of that many last scores is better than the one before them.
    tol : float, default=1e-7
        What a score must gain to be better.
    verbose : int, default=0
        Accepted for compatibility; a callback such as ``sklearn.callback.ProgressBar`` shows
        progress.
    random_state : int, RandomState instance or None, default=None
        Of the rows held out, and of the columns that nodes may choose from.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class; "balanced": inversely to its share of the rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    n_iter_ : int
        Rounds.
    n_trees_per_iteration_ : int
        Trees of a round: 1, or the number of classes if there are more than 2.
    do_early_stopping_ : bool
        Whether early stopping was on.
    train_score_, validation_score_ : ndarray of shape (n_iter_ + 1,)
        Scores before the first round and after each, higher is better, on the training rows (at
        most 10,000 of them, unless the score is the loss) and on the held-out rows. Empty without
        early stopping, the second also without held-out rows.
    train_loss_, validation_loss_ : ndarray of shape (n_iter_ + 1,)
        The mean loss at the same points; the second is empty without held-out rows.
    is_categorical_ : ndarray of shape (n_features,), dtype bool, or None
        The columns of categories; None if there are none.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, for monotonic constraints with more than two classes,
        for a category column with more than `max_bins` categories, for constraints that name
        columns which are not there, and if every row has weight 0.

    References
    ----------
    .. [1] Friedman (2001), "Greedy function approximation: a gradient boosting machine", Annals of
       Statistics 29(5).
    .. [2] Ke et al. (2017), "LightGBM: a highly efficient gradient boosting decision tree", NIPS.

    Examples
    --------
    >>> from groundup.ensemble import HistGradientBoostingClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> HistGradientBoostingClassifier().fit(X, y).score(X, y)
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **HistGradientBoosting._parameter_constraints,
        "loss": [StrOptions({"log_loss"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        loss="log_loss",
        *,
        learning_rate=0.1,
        max_iter=100,
        max_leaf_nodes=31,
        max_depth=None,
        min_samples_leaf=20,
        l2_regularization=0.0,
        max_features=1.0,
        max_bins=255,
        categorical_features="from_dtype",
        monotonic_cst=None,
        interaction_cst=None,
        warm_start=False,
        early_stopping="auto",
        scoring="loss",
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-7,
        verbose=0,
        random_state=None,
        class_weight=None,
    ):
        self.loss = loss
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.max_leaf_nodes = max_leaf_nodes
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_features = max_features
        self.max_bins = max_bins
        self.categorical_features = categorical_features
        self.monotonic_cst = monotonic_cst
        self.interaction_cst = interaction_cst
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.class_weight = class_weight

    def _loss_of(self, y):
        n_classes = len(self.classes_)
        return Loss(self.loss, n_trees=n_classes if n_classes > 2 else 1)

    def _probabilities(self, raw: np.ndarray) -> np.ndarray:
        if len(self.classes_) == 1:
            return np.ones_like(raw)
        return Loss(self.loss, n_trees=raw.shape[1]).prediction(raw)

    def _likeliest(self, raw: np.ndarray) -> np.ndarray:
        code = raw.argmax(axis=1) if raw.shape[1] > 1 else (raw[:, 0] > 0).astype(np.int64)
        return self.classes_[code]

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._likeliest(self._raw_predict(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._probabilities(self._raw_predict(X))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the sums of the trees: log-odds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_classes) for more than two classes
        """
        raw = self._raw_predict(X)
        return raw if raw.shape[1] > 1 else raw[:, 0]

    def staged_predict(self, X: Any) -> Iterator[np.ndarray]:
        """Yield what `predict` returns, after each round.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Yields
        ------
        ndarray of shape (n_samples,)
        """
        for raw in self._staged_raw_predict(X):
            yield self._likeliest(raw)

    def staged_predict_proba(self, X: Any) -> Iterator[np.ndarray]:
        """Yield what `predict_proba` returns, after each round.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Yields
        ------
        ndarray of shape (n_samples, n_classes)
        """
        for raw in self._staged_raw_predict(X):
            yield self._probabilities(raw)

    def staged_decision_function(self, X: Any) -> Iterator[np.ndarray]:
        """Yield what `decision_function` returns, after each round.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Yields
        ------
        ndarray of shape (n_samples,), or (n_samples, n_classes) for more than two classes
        """
        for raw in self._staged_raw_predict(X):
            yield raw if raw.shape[1] > 1 else raw[:, 0]


# shap and sklearn.inspection ask whether a model is scikit-learn's; it reads like one.
sklearn.ensemble.HistGradientBoostingClassifier.register(HistGradientBoostingClassifier)
