"""Gradient boosting of histogram-based trees for numbers; the idea stands in `_boosting`."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import sklearn.ensemble
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions

from groundup.ensemble._hist_gradient_boosting import HistGradientBoosting
from groundup.ensemble._losses import Loss


class HistGradientBoostingRegressor(RegressorMixin, HistGradientBoosting):
    """Gradient boosting: each small tree corrects what the trees before it got wrong.

    Columns are binned to bytes once; missing values and categories need no preparation.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "gamma", "poisson", "quantile"}, \
default="squared_error"
        What is made small. "gamma" (targets above 0) and "poisson" (targets at least 0) predict
        e to the sum of the trees; "quantile" predicts that quantile.
    quantile : float, default=None
        For "quantile", which one, above 0 and below 1.
    learning_rate : float, default=0.1
        The part of each tree's step that is taken; 1 takes all of it.
    max_iter : int, default=100
        The most rounds.
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
        or by name.
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

    Attributes
    ----------
    n_iter_ : int
        Rounds.
    n_trees_per_iteration_ : int
        Trees of a round: 1.
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
        From `fit`, for targets that the loss does not allow, for "quantile" without `quantile`,
        for a category column with more than `max_bins` categories, for constraints that name
        columns which are not there, and if every row has weight 0.

    References
    ----------
    .. [1] Friedman (2001), "Greedy function approximation: a gradient boosting machine", Annals of
       Statistics 29(5).
    .. [2] Ke et al. (2017), "LightGBM: a highly efficient gradient boosting decision tree", NIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.ensemble import HistGradientBoostingRegressor
    >>> X = np.arange(100.0).reshape(-1, 1)
    >>> y = np.where(X[:, 0] < 50, 1.0, 3.0)
    >>> model = HistGradientBoostingRegressor().fit(X, y)
    >>> model.predict([[10.0], [90.0]]).round(3)
    array([1., 3.])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **HistGradientBoosting._parameter_constraints,
        "loss": [
            StrOptions({"squared_error", "absolute_error", "poisson", "gamma", "quantile"}),
        ],
        "quantile": [Interval(Real, 0, 1, closed="both"), None],
    }

    def __init__(
        self,
        loss="squared_error",
        *,
        quantile=None,
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
    ):
        self.loss = loss
        self.quantile = quantile
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

    def _loss_of(self, y):
        quantile = 0.5
        if self.loss == "quantile":
            if self.quantile is None or not 0 < self.quantile < 1:
                raise ValueError(
                    f"loss='quantile' needs a quantile above 0 and below 1, got {self.quantile}."
                )
            quantile = float(self.quantile)
        if self.loss == "gamma" and not np.all(y > 0):
            raise ValueError(
                f"loss='gamma' requires strictly positive y; the least value is {np.min(y)}."
            )
        if self.loss == "poisson" and not (np.all(y >= 0) and np.sum(y) > 0):
            raise ValueError(
                "loss='poisson' requires non-negative y and sum(y) > 0; the least value is "
                f"{np.min(y)}, the sum {np.sum(y)}."
            )
        return Loss(self.loss, quantile)

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return Loss(self.loss).prediction(self._raw_predict(X))

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
            yield Loss(self.loss).prediction(raw)


# shap and sklearn.inspection ask whether a model is scikit-learn's; it reads like one.
sklearn.ensemble.HistGradientBoostingRegressor.register(HistGradientBoostingRegressor)
