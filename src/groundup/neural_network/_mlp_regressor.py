"""The multi-layer perceptron as a regressor: layers of weighted sums, bent, and a number.

The last layer has one unit a target.  Its sum is the prediction, and the loss half the squared
error; or, for counts, e to that sum is the prediction, which is then positive, and the loss half
the Poisson deviance, y log(y / p) - y + p.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from groundup.neural_network._mlp_model import Perceptron


class MLPRegressor(RegressorMixin, Perceptron):
    """A network of dense layers that gives a number, or several.

    float32 input is worked on in float32, everything else in float64. Scale the target as well as
    the columns: a network starts near 0 and takes small steps.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        Half the squared error, or half the Poisson deviance, for targets that are counts.
    hidden_layer_sizes : array-like of int, default=(100,)
        The number of units in each hidden layer.
    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
        What bends the sums of a hidden layer: nothing (the network is then a linear model), 1 / (1
        + e^-z), tanh z, or max(0, z).
    solver : {"lbfgs", "sgd", "adam"}, default="adam"
        How the weights are found: L-BFGS on all rows at once (best for some hundred rows),
        stochastic gradient descent with momentum, or Adam.
    alpha : float, default=1e-4
        Price of the squared weights, at least 0. It is divided by the rows of a batch.
    batch_size : int or "auto", default="auto"
        Rows of a batch; "auto" is min(200, n_samples). Not for "lbfgs".
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        For "sgd": stay at `learning_rate_init`; fall as learning_rate_init / t^power_t after an
        epoch, t being the rows seen; or divide by 5 whenever the loss stops falling.
    learning_rate_init : float, default=0.001
        The first learning rate.
    power_t : float, default=0.5
        The exponent of "invscaling".
    max_iter : int, default=200
        The most epochs, or steps of L-BFGS.
    shuffle : bool, default=True
        Whether to deal the rows out anew in each epoch.
    random_state : int, RandomState instance or None, default=None
        Seed of the first weights, the rows held out and the order of the rows: the same numbers
        that scikit-learn draws.
    tol : float, default=1e-4
        The loss, or the score of `early_stopping`, has to improve by this much, for the fit to go
        on. For L-BFGS the largest entry of the gradient at which it stops.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    warm_start : bool, default=False
        Whether to begin with the weights of the last fit.
    momentum : float, default=0.9
        The share of the velocity that survives a step of "sgd".
    nesterovs_momentum : bool, default=True
        Whether momentum looks ahead.
    early_stopping : bool, default=False
        Whether to hold rows out, stop once their score no longer improves, and keep the weights
        that scored best. A fit that a callback or Ctrl-C ends earlier keeps the latest ones.
    validation_fraction : float, default=0.1
        The share of the rows held out.
    beta_1 : float, default=0.9
        The share of Adam's old average of gradients that is kept in a step.
    beta_2 : float, default=0.999
        The same for the average of their squares.
    epsilon : float, default=1e-8
        What keeps Adam's division finite.
    n_iter_no_change : int, default=10
        How many epochs in a row may fail to improve by `tol`.
    max_fun : int, default=15000
        The most evaluations of the loss by "lbfgs".
    steps : {"epoch", "batch"}, default="epoch"
        What a callback sees: every epoch, or every batch. The result is the same.

    Attributes
    ----------
    coefs_ : list of ndarray, of shapes (units before, units behind)
        The weights of each layer.
    intercepts_ : list of ndarray
        The intercepts of each layer.
    loss_ : float
        The mean loss of the last epoch, or the loss at the end of L-BFGS; penalty included. With
        several targets the squared error is their mean, while the steps follow the slope of their
        sum: the scaling is scikit-learn's, for L-BFGS too.
    best_loss_ : float or None
        The lowest loss of an epoch; None with `early_stopping`.
    loss_curve_ : list of float
        The loss of every epoch.
    validation_scores_ : list of float or None
        R^2 on the rows held out, after every epoch.
    best_validation_score_ : float or None
        The highest of them.
    t_ : int
        Rows that were learned from, counted anew in each epoch.
    n_iter_ : int
        Epochs, or steps of L-BFGS.
    n_layers_ : int
        Layers, with that of the inputs.
    n_outputs_ : int
        Units of the last layer.
    out_activation_ : str
        What bends the last layer's sums: "identity" or "exp".
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    Raises
    ------
    ValueError
        From `fit`, if a parameter or the data are not what it can learn from, and (as its subclass
        `groundup.optim.DivergenceError`) if the weights grow beyond all bounds.

    Warns
    -----
    ConvergenceWarning
        If the loss was still changing after `max_iter` epochs.
    TrainingWarning
        If the columns are of a size that a network cannot work with, if units are dead, or if
        gradients vanish or explode.

    References
    ----------
    .. [1] Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating
       errors", Nature 323.
    .. [2] Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward
       neural networks", AISTATS.
    .. [3] Kingma and Ba (2015), "Adam: a method for stochastic optimization", ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.neural_network import MLPRegressor
    >>> X = np.linspace(-2.0, 2.0, 100)[:, np.newaxis]
    >>> model = MLPRegressor(hidden_layer_sizes=(16, 16), solver="lbfgs", random_state=0)
    >>> bool(model.fit(X, np.sin(2.0 * X[:, 0])).score(X, np.sin(2.0 * X[:, 0])) > 0.99)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        steps="epoch",
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.steps = steps

    def _check_parameters(self, X, y):
        super()._check_parameters(X, y)
        if self.loss == "poisson" and np.min(y) < 0:
            raise ValueError(
                f"loss='poisson' is for counts, but y holds {np.min(y):g}. Give targets of at "
                "least 0, or loss='squared_error'."
            )

    def _validated(self, X, y, sample_weight):
        X, y, sample_weight = super()._validated(X, y, sample_weight)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y, sample_weight

    def _validated_more(self, X, y, sample_weight, *, first, classes=None):
        X, y, sample_weight = super()._validated_more(X, y, sample_weight, first=first)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y, sample_weight

    def _targets(self, y, dtype):
        Y = np.ascontiguousarray(y.reshape(len(y), -1), dtype)
        return Y, Y.shape[1], "exp" if self.loss == "poisson" else "identity"

    def _validation_score(self, X, y, sample_weight):
        output = self._forward(X)
        if not np.isfinite(output).all():
            return np.nan
        return r2_score(y, output.reshape(y.shape), sample_weight=sample_weight)

    @available_if(Perceptron._has_epochs)
    def partial_fit(self, X, y, sample_weight=None):
        """Take one epoch over some rows, from the weights that are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : estimator
        """
        return self._one_epoch(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Return the prediction for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        output = self._validated_output(X)
        return output[:, 0] if output.shape[1] == 1 else output

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
