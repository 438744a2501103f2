"""What the two network estimators share: from a list of layers and a table to a training."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from groundup._estimator import Estimator
from groundup.neural_network._composites import Sequential
from groundup.neural_network._given_rows import require_rows, told_of_text
from groundup.neural_network._health_of_network import look_at_end, look_at_start
from groundup.neural_network._layer import Layer, Shape
from groundup.neural_network._network import (
    Network,
    as_sequential,
    first_weights,
)
from groundup.neural_network._parameters import flattened
from groundup.neural_network._training import Descent, Loss, Rows, require_finite, train
from groundup.optim import Adam, Constant
from groundup.optim.rules import Memory

LARGEST_SEED = np.iinfo(np.int32).max
AUTO_BATCH_SIZE = 32
STILL_FALLING = 0.95  # the last epoch's loss over the best before


class NetworkModel(Estimator):
    """Base of `NetworkClassifier` and `NetworkRegressor`.

    A subclass says what its output has to look like (`_ending`), what the loss compares it with
    (`_targets`), and what a prediction makes of it.
    """

    _dtypes: ClassVar[tuple[type, ...]] = (np.float64, np.float32)

    # Between calls of partial_fit: what the rule remembers, and how many updates there were.
    _memory: tuple[Memory, int]

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "layers": "no_validation",
        "rule": "no_validation",
        "learning_rate": "no_validation",
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "shuffle": ["boolean"],
        "warm_start": ["boolean"],
        "steps": [StrOptions({"epoch", "batch"})],
        "dtype": [StrOptions({"float32", "float64"})],
        "random_state": ["random_state"],
    }

    # ---- what the two say differently ----

    def _ending(self, last: Layer | None, shape: Shape, y: np.ndarray) -> tuple[Layer, ...]:
        """Return the output layers that have to be added to a network of this output shape."""
        raise NotImplementedError

    def _targets(self, y: np.ndarray, output_shape: Shape) -> np.ndarray:
        """Return the targets in the form that the loss takes."""
        raise NotImplementedError

    def _loss(self) -> Loss:
        """Return the loss as a function of outputs, targets and weights."""
        raise NotImplementedError

    # ---- learning ----

    def _validate_params(self):
        super()._validate_params()
        if not isinstance(self.layers, (list, tuple, Layer)):
            raise ValueError(
                "layers must be a list of layers of groundup.neural_network.layers, such as "
                f"[Dense(64), Relu()]; got {self.layers!r}."
            )
        rule, rate = self.rule, self.learning_rate
        if isinstance(rule, type):
            raise ValueError(
                f"rule is the class {rule.__name__}, not a rule of its own: write "
                f"{rule.__name__}()."
            )
        if rule is not None and not (hasattr(rule, "start") and hasattr(rule, "update")):
            raise ValueError(
                f"rule must be an update rule of groundup.optim, such as Adam() or "
                f"Momentum(0.9), or None for Adam(); got {rule!r}."
            )
        if not callable(rate) and not (isinstance(rate, Real) and 0.0 < rate < np.inf):
            raise ValueError(
                "learning_rate must be a positive number, or a schedule of groundup.optim, such as "
                f"Cosine(0.001, updates=1000) or StepDecay(0.001); got {rate!r}."
            )

    def _validated(self, X, y, sample_weight):
        require_rows(X)
        before = self._seen() if self.warm_start and hasattr(self, "weights_") else None
        with told_of_text():
            validated = super()._validated(X, y, sample_weight)
        if before is not None:
            self._require_as_seen(before)
        return validated

    def _check_parameters(self, X, y):
        as_sequential(self.layers)  # says which of them is no layer

    def _max_steps(self):
        return self.max_epochs if self.steps == "epoch" else None

    def fit(self, X, y=None, sample_weight=None):
        """Learn from `X` and `y`, epoch by epoch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training rows, best with columns of one scale; a first `Reshape` makes images or
            sequences of them, a first `Embedding` takes whole numbers that stand for symbols.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets; of a classifier whose network gives an answer at every position, the label
            of each.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts; 1 for each by default.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a parameter or the data are not what the estimator can learn from; as its subclass
            `ShapeError` if a layer does not fit the one before it, as
            `groundup.optim.DivergenceError` if the loss overflows or keeps rising.
        """
        return self._fit(X, y, sample_weight)

    def _steps(self, X, y, sample_weight):
        again = self.warm_start and hasattr(self, "weights_")
        network = self._as_it_was() if again else self._started(X.shape[1], y)
        vars(self).pop("_memory", None)
        rows = self._rows(network, X, y, sample_weight)
        learn, validate = self._split(y, sample_weight)
        validation = None if validate is None else rows.at(validate)
        rows = rows if learn is None else rows.at(learn)
        batch_size = self._batch_size(len(rows))
        told: set[str] = set()
        self._look_at_start(network, rows, told)
        constant = self._constant_attributes(network)
        loss_curve = list(self.loss_curve_) if again else []
        epoch_before = len(loss_curve)
        for state in train(
            network,
            self._loss(),
            rows,
            validation,
            self._descent(network),
            batch_size=batch_size,
            max_epochs=self.max_epochs,
            tol=self.tol,
            patience=self.patience,
            each_batch=self.steps == "batch",
            loss_curve=loss_curve,
            validation_curve=list(self.validation_curve_ or ()) if again else [],
            told=told,
            weights_of=self.best_epoch_ if again else 0,
        ):
            yield {
                "weights_": state["weights"],
                "loss_": state["loss"],
                "loss_curve_": state["loss_curve"],
                "validation_curve_": state["validation_curve"],
                "n_iter_": state["epoch"],
                "best_epoch_": state["best_epoch"],
                **constant,
            }
        look_at_end(network, rows.x, state["epoch"], told)
        if state["epoch"] - epoch_before == self.max_epochs:
            self._warn_if_unfinished(state["validation_curve"] or state["loss_curve"])

    def _warn_if_unfinished(self, curve: list[float]) -> None:
        """Warn where the epochs ran out while the loss fell; a schedule ends as it was meant to."""
        if callable(self.learning_rate):
            return
        if len(curve) == 1:
            seen = f"One epoch does not show whether the loss of {curve[0]:.4g} has settled."
        elif curve[-1] < STILL_FALLING * min(curve[:-1]) - self.tol:
            seen = f"The last one took the loss from {curve[-2]:.4g} to {curve[-1]:.4g}."
        else:
            return
        warnings.warn(
            f"{type(self).__name__} ended at max_epochs={self.max_epochs}, perhaps too early. "
            f"{seen} Try a larger max_epochs or learning_rate.",
            ConvergenceWarning,
            stacklevel=2,
        )

    def _started(self, n_features: int, y: np.ndarray) -> Network:
        """Return a network with its first weights, and an output layer where it has none."""
        seed = check_random_state(self.random_state).randint(LARGEST_SEED)
        generator, self._order, self._noise = np.random.default_rng(seed).spawn(3)
        model = as_sequential(self.layers)
        weights, shape = first_weights(model, (n_features,), generator)
        ending = self._ending(last_layer(model), shape, y)
        for number, layer in enumerate(ending, len(model.layers)):
            weights[str(number)], shape = layer.build(shape, generator)
        vector, shapes = flattened(weights, self.dtype)
        layers = (*model.layers, *ending)
        self.output_shape_ = shape
        return Network(layers, (n_features,), vector=vector, shapes=shapes)

    def _as_it_was(self) -> Network:
        """Return the network to go on with, on a copy of its weights: a failure costs nothing."""
        self._order, self._noise = copy.deepcopy((self._order, self._noise))
        given = as_sequential(self.layers).layers
        if given != self.layers_[: len(given)]:
            raise ValueError(
                f"{type(self).__name__} was fitted with other layers, {list(self.layers_)}; now "
                f"they are {list(given)}. To begin anew, use a clone, or fit with warm_start=False."
            )
        return Network(
            self.layers_,
            (self.n_features_in_,),
            vector=self.weights_.copy(),
            shapes=self.parameter_shapes_,
        )

    def _constant_attributes(self, network: Network) -> dict[str, Any]:
        return {
            "layers_": network.layers,
            "parameter_shapes_": network.parameters.shapes,
            "output_shape_": self.output_shape_,
        }

    def _rows(self, network: Network, X, y, sample_weight) -> Rows:
        if sample_weight is not None:
            mean = float(sample_weight.mean())
            if not mean > 0.0:
                raise ValueError("All sample weights are 0: there is nothing to learn from.")
            sample_weight = (sample_weight / mean).astype(network.weights.dtype)
        return Rows(network.as_input(X).data, self._targets(y, self.output_shape_), sample_weight)

    def _descent(self, network: Network) -> Descent:
        rule = Adam() if self.rule is None else self.rule
        rate = self.learning_rate
        schedule: Callable = rate if callable(rate) else Constant(rate)
        memory = rule.start(network.weights)
        return Descent(rule, memory, schedule, self._order, self._noise, self.shuffle)

    def _batch_size(self, n: int) -> int:
        if self.batch_size == "auto":
            return min(AUTO_BATCH_SIZE, n)
        if self.batch_size > n:
            warnings.warn(
                f"Got batch_size={self.batch_size}, which is larger than the {n} rows to learn "
                f"from. It is going to be clipped to {n}.",
                stacklevel=2,
            )
        return min(self.batch_size, n)

    def _split(self, y, sample_weight):
        """Return the rows to learn from and those to validate on, or None, None."""
        if not self.early_stopping:
            return None, None
        stratify = is_classifier(self) and y.ndim == 1
        splitter = StratifiedShuffleSplit if stratify else ShuffleSplit
        split = splitter(test_size=self.validation_fraction, random_state=self.random_state)
        try:
            learn, validate = next(split.split(np.zeros((len(y), 1)), y))
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True holds {self.validation_fraction:g} of the {len(y)} rows "
                f"back, which they do not allow: {error} Give more rows, another "
                "validation_fraction, or early_stopping=False."
            ) from None
        if sample_weight is not None:
            for rows, purpose in ((learn, "learn from"), (validate, "validate on")):
                if not np.any(sample_weight[rows] > 0):
                    raise ValueError(
                        f"All rows to {purpose} have sample weight 0. Use another random_state or "
                        "validation_fraction, or early_stopping=False."
                    )
        return np.sort(learn), np.sort(validate)

    def _look_at_start(self, network: Network, rows: Rows, told: set[str]) -> None:
        columns = getattr(self, "feature_names_in_", None)
        numbers = None if is_classifier(self) else rows.targets
        look_at_start(network, rows.x, numbers, columns, told)

    def _take_one_epoch(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> None:
        """Go on from the weights that are there, or begin: one epoch over some rows."""
        self._validate_params()
        if self.early_stopping:
            raise ValueError("partial_fit needs early_stopping=False.")
        require_rows(X)
        begun = hasattr(self, "weights_")
        with told_of_text():
            X, y, sample_weight = self._validated_more(
                X, y, sample_weight, first=not begun, classes=classes
            )
        network = self._as_it_was() if begun else self._started(X.shape[1], y)
        rows = self._rows(network, X, y, sample_weight)
        descent = self._descent(network)
        if hasattr(self, "_memory"):
            memory, descent.updates = copy.deepcopy(self._memory)
            if memory.keys() == descent.memory.keys():  # else another rule begins here
                descent.memory = memory
        size = min(len(rows), AUTO_BATCH_SIZE if self.batch_size == "auto" else self.batch_size)
        if not begun:
            self._look_at_start(network, rows, set())
        rate = descent.rate
        loss = next(descent.epoch(network, self._loss(), rows, size))
        require_finite(network.parameters.vector, rate)
        self._memory = descent.memory, descent.updates
        for name, value in self._constant_attributes(network).items():
            setattr(self, name, value)
        self.weights_ = network.parameters.vector
        self.loss_ = loss
        self.loss_curve_ = [*getattr(self, "loss_curve_", ()), loss]
        self.validation_curve_ = None
        self.n_iter_ = self.best_epoch_ = getattr(self, "n_iter_", 0) + 1

    def _validated_for_prediction(self, X):
        require_rows(X)
        with told_of_text():
            return super()._validated_for_prediction(X)

    # ---- looking inside ----

    @property
    def network_(self) -> Network:
        """The network with the weights that were learned; it looks into `weights_`."""
        check_is_fitted(self, "weights_")
        return Network(
            self.layers_,
            (self.n_features_in_,),
            vector=self.weights_,
            shapes=self.parameter_shapes_,
        )

    def layer_output(self, X, layer):
        """Return what one of the layers makes of each row, such as an autoencoder's code.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        layer : int
            Which of `layers_`, counted from 0, or from the end if negative.

        Returns
        -------
        ndarray of shape (n_samples, ...)
        """
        X = self._validated_for_prediction(X)
        return self.network_.predict(X, layer)

    def _outputs(self, X) -> np.ndarray:
        """Return the network's outputs, as float64, for rows that are yet to be checked."""
        X = self._validated_for_prediction(X)
        return self.network_.predict(X).astype(np.float64)


def last_layer(model: Sequential) -> Layer | None:
    """Return the last layer, looking into composites."""
    last = model.layers[-1] if model.layers else None
    return last_layer(last) if isinstance(last, Sequential) else last
