"""A classifier of any layers."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions

from groundup._estimator import unchanged_if_refused
from groundup.neural_network._dense import Dense, Relu, Softmax
from groundup.neural_network._network_model import NetworkModel
from groundup.neural_network._reshaping import Flatten
from groundup.neural_network.losses import softmax_cross_entropy


class NetworkClassifier(ClassifierMixin, NetworkModel):
    """A neural network of any layers, as a classifier.

    The network gives a number (a logit) for each class; the loss is the cross entropy of their
    softmax. An output layer is added where the list has none: unless the last layer is a `Dense`
    with as many units as there are classes, a `Dense` of that many comes behind it, after a
    `Flatten` where a row is an image or a sequence.

    Where `y` has several columns, the network answers at every position of a sequence: its output
    is (positions, classes) a row, and `y` holds the label of each position, such as the character
    that comes next.

    Parameters
    ----------
    layers : list of Layer, default=(Dense(64), Relu())
        What the network computes (`groundup.neural_network.layers`). The input is a row of the
        table; `Reshape` makes an image or a sequence of it.
    loss : {"cross_entropy"}, default="cross_entropy"
        What is made small.
    rule : Rule or None, default=None
        What becomes of a gradient (`groundup.optim.rules`); None is ``Adam()``. Rules wrap each
        other: ``Clipped(1.0, WeightDecay(0.01, Adam()))``.
    learning_rate : float or Schedule, default=0.001
        The length of a step, or a function of the number of updates
        (`groundup.optim.schedules`).
    batch_size : int or "auto", default="auto"
        How many rows a step looks at; "auto" is 32, or all rows where there are fewer.
    max_epochs : int, default=200
        The most passes over the rows.
    tol : float, default=1e-4
        An epoch improves if its loss is below the best so far by more than this.
    patience : int, default=10
        After how many epochs in a row without improvement to stop.
    early_stopping : bool, default=False
        Whether to hold rows back, to watch the loss of those, and to keep the weights of the best
        epoch.
    validation_fraction : float, default=0.1
        The share of rows to hold back.
    class_weight : dict, "balanced" or None, default=None
        A weight for each class.
    shuffle : bool, default=True
        Whether each epoch has its own random order.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last fit. With `early_stopping`, which
        keeps those where nothing better comes, an integer `random_state` holds the same rows back
        each time; with None, rows that the last fit has learned from.
    steps : {"epoch", "batch"}, default="epoch"
        How often a callback is called.
    dtype : {"float32", "float64"}, default="float32"
        The type of weights and outputs.
    random_state : int, RandomState instance or None, default=None
        Seeds the first weights, the order of the rows, the noise, and the rows held back.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The distinct labels.
    weights_ : ndarray of shape (p + q,)
        All p learned weights of the network in one vector, then q running averages.
    parameter_shapes_ : dict of str to tuple of int
        The name and shape of each array in `weights_`, in order.
    layers_ : tuple of Layer
        The layers, output layer included.
    network_ : Network
        Both together: to compute with, to print, to read weights by name.
    output_shape_ : tuple of int
        The shape of the network's output for one row.
    loss_ : float
        The mean loss of the last epoch.
    loss_curve_ : list of float
        The mean loss of each epoch, each batch before the step that it led to.
    validation_curve_ : list of float or None
        The loss of the rows held back after each epoch.
    best_epoch_ : int
        The epoch, counted from 1, whose weights these are. With early stopping it is the best;
        of a fit that a callback or Ctrl-C ended, the last.
    n_iter_ : int
        The number of epochs.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where `X` had some.

    References
    ----------
    .. [1] Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating
       errors, Nature 323.
    .. [2] Goodfellow, Bengio and Courville (2016), Deep learning, MIT Press.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from groundup.neural_network import NetworkClassifier
    >>> from groundup.neural_network.layers import Dense, Relu
    >>> X, y = load_iris(return_X_y=True)
    >>> model = NetworkClassifier([Dense(16), Relu()], random_state=0).fit(scale(X), y)
    >>> bool(model.score(scale(X), y) > 0.95)
    True
    >>> print(model.network_)
    layer  0  Dense(16)   (16,)  80 weights
    layer  1  Relu()      (16,)
    layer  2  Dense(3)    (3,)   51 weights
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **NetworkModel._parameter_constraints,
        "loss": [StrOptions({"cross_entropy"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        layers=(Dense(64), Relu()),  # noqa: B008
        *,
        loss="cross_entropy",
        rule=None,
        learning_rate=0.001,
        batch_size="auto",
        max_epochs=200,
        tol=1e-4,
        patience=10,
        early_stopping=False,
        validation_fraction=0.1,
        class_weight=None,
        shuffle=True,
        warm_start=False,
        steps="epoch",
        dtype="float32",
        random_state=None,
    ):
        self.layers = layers
        self.loss = loss
        self.rule = rule
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.tol = tol
        self.patience = patience
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.steps = steps
        self.dtype = dtype
        self.random_state = random_state

    # ---- labels at every position ----

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = getattr(self, "_several_labels", False)
        return tags

    def _validated(self, X, y, sample_weight):
        self._several_labels = several(y)
        return super()._validated(X, y, sample_weight)

    def _encoded(self, y):
        with warnings.catch_warnings():
            if y.ndim == 2:  # many classes among few rows are not many among all positions
                warnings.filterwarnings("ignore", message=".*unique classes", category=UserWarning)
            return super()._encoded(y)

    def _class_weighted(self, codes, sample_weight):
        if codes.ndim == 1:
            return super()._class_weighted(codes, sample_weight)
        if sample_weight is not None:
            sample_weight = np.repeat(sample_weight, codes.shape[1])
        return super()._class_weighted(codes.ravel(), sample_weight).reshape(codes.shape)

    # ---- what the network has to give, and what it is compared with ----

    def _check_parameters(self, X, y):
        super()._check_parameters(X, y)
        if len(self.classes_) < 2:
            only = self.classes_.tolist()[0]
            raise ValueError(f"y holds one class, {only!r}; a classifier needs at least two.")

    def _ending(self, last, shape, y):
        k = len(self.classes_)
        if isinstance(last, Softmax):
            raise ValueError(
                "The loss of a classifier takes logits, the numbers in front of a softmax. Leave "
                "out Softmax() at the end of layers; predict_proba returns probabilities."
            )
        if y.ndim == 2 and (len(shape) != 2 or shape[0] != y.shape[1]):
            raise ValueError(
                f"y holds {y.shape[1]} labels a row, so the network has to give "
                f"({y.shape[1]}, features) numbers a row; the layers give {shape}. If each row of "
                "y marks one class by a 1, give y.argmax(axis=1)."
            )
        if isinstance(last, Dense):
            if last.units != k:
                raise ValueError(
                    f"The last layer, {last!r}, gives {last.units} numbers, but y has {k} "
                    f"classes. Make it Dense({k}), or leave it out: it is added. If it is a hidden "
                    "layer, put an activation such as Relu() behind it."
                )
            if len(shape) == y.ndim:
                return ()
        if y.ndim == 1 and len(shape) == 2 and isinstance(last, Dense):
            raise ValueError(
                f"The layers give {k} numbers at each of {shape[0]} positions, but y holds one "
                "label a row. Put GlobalAverage() or Flatten() in front of the last Dense, or take "
                'outputs="last" of an LSTM or GRU.'
            )
        if y.ndim == 1 and len(shape) > 1:
            return (Flatten(), Dense(k))
        return (Dense(k),)

    def _targets(self, y, output_shape):
        return y

    def _loss(self):
        return cross_entropy_of_rows

    # ---- row by row ----

    @unchanged_if_refused
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Take one epoch over some rows, from the weights that are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_positions)
            Not all classes need be there.
        classes : array-like of shape (n_classes,), default=None
            All classes that can occur. Required in the first call.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : estimator
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit does not see all rows, so class_weight='balanced' is not supported. "
                "Give a dict of weights."
            )
        self._several_labels = several(y)
        self._take_one_epoch(X, y, sample_weight, classes)
        return self

    # ---- predictions ----

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples, n_positions, n_classes)
        """
        return softmax(self._outputs(X), axis=-1)

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples, n_positions, n_classes)
        """
        return log_softmax(self._outputs(X), axis=-1)

    def predict(self, X):
        """Return the class of each row, or of each position of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_positions)
        """
        most_likely = np.argmax(self._outputs(X), axis=-1)
        return self.classes_[most_likely]

    def score(self, X, y, sample_weight=None):
        """Return the share of labels that are predicted right.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_positions)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        if not several(y):
            return super().score(X, y, sample_weight)
        right = np.mean(self.predict(X) == np.asarray(y), axis=1)  # (n,)
        return float(np.average(right, weights=sample_weight))


def several(y):
    """Tell whether y holds several labels a row, one for each position."""
    shape = np.asarray(y).shape
    return len(shape) == 2 and shape[1] > 1


def cross_entropy_of_rows(outputs, targets, weights):
    """Return the mean cross entropy, where a row's weight counts for all of its positions."""
    if weights is not None and weights.ndim < targets.ndim:
        weights = np.broadcast_to(weights[:, np.newaxis], targets.shape)
    return softmax_cross_entropy(outputs, targets, weights)
