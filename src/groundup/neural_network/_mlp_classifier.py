"""The multi-layer perceptron as a classifier: layers of weighted sums, bent, and a probability.

The last layer has one unit for two classes, whose logistic curve is the probability of the second;
one unit a class for more, whose softmax are the probabilities; and one unit a label where a row
may carry several labels, each with a probability of its own.  The loss is minus the logarithm of
the probability that the network gave to what was true.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from groundup.neural_network._findings import TrainingWarning
from groundup.neural_network._mlp_model import Perceptron


def warn_of_one_hot(y: np.ndarray, stacklevel: int) -> None:
    """Warn where labels (n, n_labels) are rather one class a row."""
    if (np.count_nonzero(y, axis=1) == 1).all():
        warnings.warn(
            f"Every row of y has exactly one 1 in its {y.shape[1]} columns. They are learned as "
            "labels of which a row may have several or none, each decided by itself, so some rows "
            "will get none. If every row has one class, give its number: "
            "y = np.argmax(y, axis=1).",
            TrainingWarning,
            stacklevel=stacklevel,
        )


class MLPClassifier(ClassifierMixin, Perceptron):
    """A network of dense layers that gives the probability of each class.

    float32 input is worked on in float32, everything else in float64.

    Parameters
    ----------
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
    classes_ : ndarray of shape (n_classes,)
        The class labels, ascending; for several labels a row their numbers.
    coefs_ : list of ndarray, of shapes (units before, units behind)
        The weights of each layer.
    intercepts_ : list of ndarray
        The intercepts of each layer.
    loss_ : float
        The mean loss of the last epoch, or the loss at the end of L-BFGS; penalty included.
    best_loss_ : float or None
        The lowest loss of an epoch; None with `early_stopping`.
    loss_curve_ : list of float
        The loss of every epoch.
    validation_scores_ : list of float or None
        Accuracy on the rows held out, after every epoch.
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
        What bends the last layer's sums: "logistic" or "softmax".
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
        If the columns are of a size that a network cannot work with, if units are dead, if
        gradients vanish or explode, or if `y` has columns and exactly one 1 in every row.

    References
    ----------
    .. [1] Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating
       errors", Nature 323.
    .. [2] Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward
       neural networks", AISTATS.
    .. [3] Kingma and Ba (2015), "Adam: a method for stochastic optimization", ICLR.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from groundup.neural_network import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((16,), solver="lbfgs", alpha=0.1, max_iter=500, random_state=0)
    >>> bool(model.fit(X, y).score(X, y) > 0.97)
    True
    """

    def __init__(
        self,
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

    def _encoded(self, y):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.ndim == 1:
            codes = super()._encoded(y)
            if len(self.classes_) == 1:
                warnings.warn(
                    f"y holds one class only, {self.classes_.tolist()[0]!r}: that is what will be "
                    "predicted for every row. Give rows of two classes or more to learn a "
                    "difference.",
                    stacklevel=7,
                )
            return codes
        self._require_label_indicators(y)
        warn_of_one_hot(y, stacklevel=8)
        self.classes_ = unique_labels(y)
        return np.ascontiguousarray(y, dtype=np.int64)

    def _require_label_indicators(self, y):
        kind = type_of_target(y, input_name="y")
        if kind != "multilabel-indicator":
            raise ValueError(
                f"y has shape {y.shape} and is {kind}. Several labels a row are given as zeros and "
                "ones, (n_samples, n_labels); one class a row as (n_samples,)."
            )

    def _targets(self, y, dtype):
        if y.ndim == 2:
            return y.astype(dtype), y.shape[1], "logistic"
        codes = np.ascontiguousarray(y[:, np.newaxis], dtype)
        K = len(self.classes_)
        return (codes, 1, "logistic") if K <= 2 else (codes, K, "softmax")

    def _validation_score(self, X, y, sample_weight):
        output = self._forward(X)
        if not np.isfinite(output).all():
            return np.nan
        return accuracy_score(y, self._decided(output), sample_weight=sample_weight)

    def _decided(self, output: np.ndarray) -> np.ndarray:
        """Return the codes (n,) of the classes, or zeros and ones (n, n_labels)."""
        if self.out_activation_ == "softmax":
            return np.argmax(output, axis=1)
        chosen = (output > 0.5).astype(np.int64)
        if chosen.shape[1] > 1:
            return chosen
        return np.minimum(chosen[:, 0], len(self.classes_) - 1)

    @available_if(Perceptron._has_epochs)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Take one epoch over some rows, from the weights that are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Not all classes need be there.
        sample_weight : array-like of shape (n_samples,), default=None
        classes : array-like of shape (n_classes,), default=None
            All classes that can occur. Required in the first call.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If `y` holds a class that is not among `classes`.
        """
        return self._one_epoch(X, y, sample_weight, classes)

    def _codes_of_known(self, y):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.ndim == 2:
            self._require_label_indicators(y)
            if y.shape[1] != len(self.classes_):
                raise ValueError(
                    f"y has {y.shape[1]} labels a row, expected {len(self.classes_)}, as many as "
                    "classes."
                )
            if not hasattr(self, "coefs_"):
                warn_of_one_hot(y, stacklevel=8)
            return np.ascontiguousarray(y, dtype=np.int64)
        return super()._codes_of_known(y)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, or zeros and ones for each label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        decided = self._decided(self._validated_output(X))
        return decided if decided.ndim == 2 else self.classes_[decided]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        p = self._validated_output(X)
        if p.shape[1] > 1:
            return p
        return np.ones_like(p) if len(self.classes_) == 1 else np.hstack([1.0 - p, p])

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags
