"""A regressor of any layers."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import StrOptions

from groundup._estimator import unchanged_if_refused
from groundup.neural_network._dense import Dense, Gelu, Relu, Sigmoid
from groundup.neural_network._network import as_sequential, as_type
from groundup.neural_network._network_model import NetworkModel, last_layer
from groundup.neural_network._reshaping import Flatten
from groundup.neural_network.losses import (
    absolute_error,
    binary_cross_entropy,
    huber,
    squared_error,
)

LOSSES = {
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "binary_cross_entropy": binary_cross_entropy,
}


class NetworkRegressor(MultiOutputMixin, RegressorMixin, NetworkModel):
    """A neural network of any layers, as a regressor of one number or of many.

    An output layer is added where the list has none: unless the network ends in as many numbers as
    there are targets, and not in a `Relu` or `Gelu`, a `Dense` of that many comes behind it, after
    a `Flatten` where a row is an image or a sequence.

    With ``fit(X, X)`` it is an autoencoder: a network that is narrow in the middle has to find a
    short code for each row, from which the row can be told. `layer_output` returns the code.

    Parameters
    ----------
    layers : list of Layer, default=(Dense(64), Relu())
        What the network computes (`groundup.neural_network.layers`). The input is a row of the
        table; `Reshape` makes an image or a sequence of it. The output may have any shape with as
        many numbers as there are targets.
    loss : {"squared_error", "absolute_error", "huber", "binary_cross_entropy"}, \
default="squared_error"
        What is made small (`groundup.neural_network.losses`). "binary_cross_entropy" is for
        targets from 0 to 1, such as pixels; it ends the network in a sigmoid.
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
    n_outputs_ : int
        The number of targets.
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
    .. [2] Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural
       networks, Science 313.

    Examples
    --------
    >>> import numpy as np
    >>> from groundup.neural_network import NetworkRegressor
    >>> from groundup.neural_network.layers import Dense, Tanh
    >>> X = np.linspace(-2, 2, 200).reshape(-1, 1)
    >>> y = np.sin(2 * X[:, 0])
    >>> model = NetworkRegressor([Dense(32), Tanh()], learning_rate=0.01, random_state=0)
    >>> bool(model.fit(X, y).score(X, y) > 0.95)
    True

    An autoencoder: ten columns which are two in truth.

    >>> code = np.random.default_rng(0).normal(size=(300, 2))
    >>> X = code @ np.random.default_rng(1).normal(size=(2, 10))
    >>> model = NetworkRegressor([Dense(2), Dense(10)], learning_rate=0.01, random_state=0)
    >>> bool(model.fit(X, X).score(X, X) > 0.99)
    True
    >>> model.layer_output(X, 0).shape
    (300, 2)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **NetworkModel._parameter_constraints,
        "loss": [StrOptions(set(LOSSES))],
    }

    def __init__(
        self,
        layers=(Dense(64), Relu()),  # noqa: B008
        *,
        loss="squared_error",
        rule=None,
        learning_rate=0.001,
        batch_size="auto",
        max_epochs=200,
        tol=1e-4,
        patience=10,
        early_stopping=False,
        validation_fraction=0.1,
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
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.steps = steps
        self.dtype = dtype
        self.random_state = random_state

    # ---- what the network has to give, and what it is compared with ----

    def _check_parameters(self, X, y):
        super()._check_parameters(X, y)
        if self.loss != "binary_cross_entropy":
            return
        if not (y.min() >= 0.0 and y.max() <= 1.0):
            raise ValueError(
                f"loss='binary_cross_entropy' takes targets from 0 to 1, y runs from {y.min():.6g} "
                f"to {y.max():.6g}. Scale them (MinMaxScaler), or use loss='squared_error'."
            )
        if isinstance(last_layer(as_sequential(self.layers)), Sigmoid):
            raise ValueError(
                "loss='binary_cross_entropy' takes logits, the numbers in front of a sigmoid. "
                "Leave out Sigmoid() at the end of layers; predict applies it."
            )

    def _ending(self, last, shape, y):
        t = 1 if y.ndim == 1 else y.shape[1]
        if last is not None and prod(shape) == t and not isinstance(last, (Relu, Gelu)):
            return ()
        if isinstance(last, Dense):
            raise ValueError(
                f"The last layer, {last!r}, makes the network's output {shape}, "
                f"{prod(shape)} numbers a row, but y has {t}. Make it Dense({t}), or leave it out: "
                "it is added. If it is a hidden layer, put an activation such as Relu() behind it."
            )
        return (Flatten(), Dense(t)) if len(shape) > 1 else (Dense(t),)

    def _targets(self, y, output_shape):
        # one number for each output, in the outputs' shape
        n_outputs = prod(output_shape)
        if y.size != len(y) * n_outputs:
            raise ValueError(
                f"The network gives {n_outputs} numbers a row, y has {y.size // len(y)}. "
                "To begin anew, use a clone, or fit with warm_start=False."
            )
        self.n_outputs_ = n_outputs
        self._one_dimensional = y.ndim == 1
        return as_type(y.reshape(len(y), *output_shape), np.dtype(self.dtype), "y")

    def _loss(self):
        return LOSSES[self.loss]

    def _constant_attributes(self, network):
        return {**super()._constant_attributes(network), "n_outputs_": self.n_outputs_}

    # ---- row by row ----

    @unchanged_if_refused
    def partial_fit(self, X, y, sample_weight=None):
        """Take one epoch over some rows, from the weights that are there.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : estimator
        """
        self._take_one_epoch(X, y, sample_weight)
        return self

    # ---- predictions ----

    def predict(self, X):
        """Return the prediction for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._outputs(X)
        if self.loss == "binary_cross_entropy":
            outputs = expit(outputs)
        return outputs.ravel() if self._one_dimensional else outputs.reshape(len(outputs), -1)
