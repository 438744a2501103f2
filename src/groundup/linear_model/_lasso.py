r"""The lasso: least squares with a price on the absolute value of every weight.

    minimise over w, b:   1/(2 W) sum_i v_i (y_i - x_i . w - b)^2 + alpha |w|_1

It is the elastic net without its squared part (see `_elastic_net`).  Each unit of weight costs the
same, so a feature that lowers the error by less than `alpha` per unit gets none at all.  Of two
features that say the same it picks one; the elastic net shares the weight out between them.
"""

from __future__ import annotations

from typing import Any, ClassVar

from groundup.linear_model._elastic_net import ElasticNet


class Lasso(ElasticNet):
    """Linear regression with an l1 penalty: most weights become zero.

    Parameters
    ----------
    alpha : float, default=1.0
        Price of the weights, at least 0. At 0 it is least squares, and `LinearRegression` is the
        better way to that.
    fit_intercept : bool, default=True
        Whether to fit the constant b as well; it has no price.
    precompute : bool, default=False
        True makes the second moments of the features whatever the shape of the data. False makes
        them where that is faster. A matrix is not supported.
    copy_X : bool, default=True
        Accepted for compatibility; `X` is never written to.
    max_iter : int, default=1000
        The most epochs of coordinate descent.
    tol : float, default=1e-4
        Stop where the duality gap is at most `tol` times the mean square of the centred target,
        and no weight changes by more than `tol` times the largest one. At least 0.
    warm_start : bool, default=False
        Whether to start from the weights of the last fit.
    positive : bool, default=False
        Whether weights must not be negative.
    random_state : int, RandomState instance or None, default=None
        Seed of the order of updates, for ``selection="random"``.
    selection : {"cyclic", "random"}, default="cyclic"
        Whether the coordinates are updated in turn, or in a new random order each time.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Weights, most of them zero.
    sparse_coef_ : sparse matrix of shape (1, n_features) or (n_targets, n_features)
        The weights that are not zero.
    intercept_ : float or ndarray of shape (n_targets,)
        The constant b; 0.0 without an intercept.
    n_iter_ : int or list of int
        Epochs that were run, for each target.
    dual_gap_ : float or ndarray of shape (n_targets,)
        The most by which the objective can be above its minimum.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, if `precompute` is a matrix.

    References
    ----------
    .. [1] Tibshirani (1996), "Regression shrinkage and selection via the lasso", Journal of the
       Royal Statistical Society B 58(1).

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.linear_model import Lasso
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0], [3.0, 1.0]])
    >>> model = Lasso(alpha=0.25).fit(X, [0.0, 1.0, 2.0, 3.0])
    >>> print(model.coef_)  # (1.25 - 0.25) / 1.25
    [0.8 0. ]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        name: rule for name, rule in ElasticNet._parameter_constraints.items() if name != "l1_ratio"
    }

    def __init__(
        self,
        alpha=1.0,
        *,
        fit_intercept=True,
        precompute=False,
        copy_X=True,
        max_iter=1000,
        tol=1e-4,
        warm_start=False,
        positive=False,
        random_state=None,
        selection="cyclic",
    ):
        super().__init__(
            alpha=alpha,
            l1_ratio=1.0,
            fit_intercept=fit_intercept,
            precompute=precompute,
            copy_X=copy_X,
            max_iter=max_iter,
            tol=tol,
            warm_start=warm_start,
            positive=positive,
            random_state=random_state,
            selection=selection,
        )
