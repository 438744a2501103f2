"""What the two multi-layer perceptrons share: parameters, the start, the steps, prediction.

    W, b <- random, of a size that neither fades nor blows up from layer to layer
    repeat until the loss (or the score on rows held out) has settled:
        deal the rows out in random order, a batch at a time
        for every batch: a gradient, and a step of Adam or of momentum
    or, with solver="lbfgs", steps of L-BFGS on all rows at once

The arithmetic of an epoch is compiled (`_mlp_epoch`); the rules of the steps are
`groundup.optim`'s.  The random numbers are drawn in scikit-learn's order, so that the same seed
gives the same first weights and the same batches.
"""

from __future__ import annotations

import warnings
from itertools import pairwise
from math import isfinite
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import expit
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from groundup._blocks import single_blas_thread
from groundup._estimator import Estimator, read_only
from groundup.neural_network._health import (
    ENOUGH_ROWS,
    tell,
    watch_columns,
    watch_gradients,
    watch_start,
    watch_targets,
)
from groundup.neural_network._mlp_epoch import ADAM, MOMENTUM, NESTEROV, FusedNetwork
from groundup.neural_network._mlp_gradient import HIDDEN, OUTPUTS
from groundup.optim import DivergenceError, lbfgs

BLOCK_ROWS = 2048  # rows that are predicted together
SMALLEST_RATE = 1e-6  # below it an adaptive learning rate is not lowered any further
SMALLEST_GAIN = 2.220446049250313e-09  # L-BFGS stops at a smaller relative decrease of the loss


class Perceptron(Estimator):
    """What `MLPClassifier` and `MLPRegressor` share."""

    _dtypes: ClassVar[tuple[type, ...]] = (np.float64, np.float32)

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(HIDDEN))],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "steps": [StrOptions({"epoch", "batch"})],
    }

    def _targets(self, y: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, int, str]:
        """Return Y as the kernels take it, n_outputs_ and out_activation_."""
        raise NotImplementedError

    def _validation_score(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None
    ) -> float:
        """Score the present weights on rows held out."""
        raise NotImplementedError

    def _hidden_units(self) -> list[int]:
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object)).tolist()
        for size in sizes:
            if not isinstance(size, Integral) or isinstance(size, bool) or size <= 0:
                raise ValueError(
                    f"hidden_layer_sizes must be > 0, got {sizes}. Give whole numbers, one for "
                    "each hidden layer, such as (100,)."
                )
        return [int(size) for size in sizes]

    def _check_parameters(self, X, y):
        self._hidden_units()

    def _max_steps(self):
        return self.max_iter if self.steps == "epoch" or self.solver == "lbfgs" else None

    def _validated(self, X, y, sample_weight):
        before = self._seen()
        validated = super()._validated(X, y, sample_weight)
        if self.warm_start and hasattr(self, "coefs_"):
            self._require_as_seen(before)
        return validated

    def _steps(self, X, y, sample_weight):
        return self._learning(X, y, sample_weight, begin=self._begins())

    def _begins(self) -> bool:
        return not (self.warm_start and hasattr(self, "coefs_"))

    def _learning(self, X, y, sample_weight, *, begin, epochs=None):
        """Yield the state after every step, from new weights or from those that are there."""
        generator = check_random_state(self.random_state)
        Y, n_outputs, out_activation = self._targets(y, X.dtype)
        units = np.array([X.shape[1], *self._hidden_units(), n_outputs], dtype=np.int64)
        if begin:
            w = self._first_weights(units, X.dtype, generator)
            self.n_outputs_, self.n_layers_ = n_outputs, len(units)
            self.out_activation_ = out_activation
            self.t_ = 0
            self._memory = None
            self._no_improvement_count = 0
            self.loss_curve_ = []
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_ = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None
        else:
            w = self._weights_to_go_on_with(units, X.dtype)
            self.__dict__.update(
                {
                    name: list(value)  # a fit that fails leaves the last one's as it was
                    for name in ("loss_curve_", "validation_scores_")
                    if (value := getattr(self, name, None)) is not None
                }
            )
        told: set[str] = set()
        if begin:
            self._look_at_the_start(X, y, w, units, told)
        if self.solver == "lbfgs":
            del self.loss_curve_, self.best_loss_
            del self.validation_scores_, self.best_validation_score_
            yield from self._full_batch_steps(X, Y, sample_weight, w, units)
            return
        yield from self._stochastic_steps(X, y, Y, sample_weight, w, units, generator, told, epochs)

    def _first_weights(self, units, dtype, generator):
        """Draw weights (p,) that keep the spread of values from layer to layer (Glorot, Bengio)."""
        weights, intercepts = [], []
        factor = 2.0 if self.activation == "logistic" else 6.0
        for k, n in pairwise(units):
            # uniform in +-sqrt(6 / (k + n)): variance 2 / (k + n)
            bound = np.sqrt(factor / (k + n))
            weights.append(generator.uniform(-bound, bound, (k, n)).ravel())
            intercepts.append(generator.uniform(-bound, bound, n))
        return np.concatenate(weights + intercepts).astype(dtype)

    def _weights_to_go_on_with(self, units, dtype):
        shapes = [coef.shape for coef in self.coefs_]
        expected = list(zip(units[:-1].tolist(), units[1:].tolist(), strict=True))
        if shapes != expected:
            raise ValueError(
                f"The fitted network has weights of shapes {shapes}, but these data and "
                f"hidden_layer_sizes={self.hidden_layer_sizes} need {expected}. Set "
                "warm_start=False, or clone the estimator, to begin anew."
            )
        parts = [coef.ravel() for coef in self.coefs_] + list(self.intercepts_)
        return np.concatenate(parts).astype(dtype)

    def _look_at_the_start(self, X, y, w, units, told):
        tell(watch_columns(X), told, stacklevel=8)
        if not is_classifier(self):
            tell(watch_targets(y), told, stacklevel=8)
        coefs, intercepts = _layers(w, units)
        outputs = [X[:ENOUGH_ROWS]]
        with single_blas_thread():
            for layer, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
                Z = outputs[-1] @ coef + intercept
                outputs.append(Z if layer == len(coefs) - 1 else _bent(Z, self.activation))
        kind = "dense" if self.activation == "identity" else f"dense {self.activation}"
        kinds = [kind] * (len(coefs) - 1) + ["dense"]
        tell(watch_start(outputs[0], outputs[1:], _names(units), kinds), told, stacklevel=8)

    def _stochastic_steps(self, X, y, Y, sample_weight, w, units, generator, told, epochs):
        n = len(X)
        rows, held_out = self._split(y, n, generator)
        n_learn = len(rows)
        batch_rows = min(200, n_learn) if self.batch_size == "auto" else self.batch_size
        if batch_rows > n_learn:
            warnings.warn(
                f"batch_size={batch_rows} is more than the {n_learn} rows to learn from, so every "
                "batch will hold all of them.",
                stacklevel=6,
            )
            batch_rows = n_learn
        network = FusedNetwork(
            X,
            read_only(Y),
            sample_weight,
            units,
            HIDDEN[self.activation],
            OUTPUTS[self.out_activation_],
            self.alpha,
            batch_rows,
        )
        coefs, intercepts = _layers(w, units)
        start_norms = _norms(coefs)
        if self._memory is None or epochs is None:
            # the rule's memory (2, p), its learning rate, and how many steps it has taken
            self._memory = [np.zeros((2, len(w)), w.dtype), float(self.learning_rate_init), 0]
        memory, rate, updates = self._memory
        if self.solver == "adam":
            rule = ADAM
            constants = np.array([rate, self.beta_1, self.beta_2, self.epsilon], dtype=np.float64)
        else:
            rule = NESTEROV if self.nesterovs_momentum else MOMENTUM
            constants = np.array([rate, self.momentum, 0.0, 0.0])
        best = w.copy() if held_out is not None else None
        state = {
            "coefs_": coefs,
            "intercepts_": intercepts,
            "loss_curve_": self.loss_curve_,
            "best_loss_": self.best_loss_,
            "validation_scores_": self.validation_scores_,
            "best_validation_score_": self.best_validation_score_,
            "n_outputs_": self.n_outputs_,
            "n_layers_": self.n_layers_,
            "out_activation_": self.out_activation_,
        }
        order = rows
        without, t = self._no_improvement_count, self.t_
        converged = False
        for epoch in range(1, (epochs or self.max_iter) + 1):
            if self.shuffle:
                permutation = np.arange(n_learn)
                generator.shuffle(permutation)
                order = order[permutation]
            cost = 0.0
            each = n_learn if self.steps == "epoch" else batch_rows
            for first in range(0, n_learn, each):
                last = min(first + each, n_learn)
                batch_cost, updates = network.epoch(
                    w, memory, rule, constants, updates, order, first, last
                )
                cost += batch_cost
                if last < n_learn:
                    self._require_finite(batch_cost, w)
                    yield {
                        **state,
                        "loss_": batch_cost / (last - first),
                        "n_iter_": epoch,
                        "t_": t + last,
                        "_memory": [memory, rate, updates],
                        "_no_improvement_count": without,
                    }
            loss = cost / n_learn
            self._require_finite(loss, w)
            t += n_learn
            self.loss_curve_.append(loss)
            if epoch & (epoch - 1) == 0:  # the first, second, fourth, eighth ... epoch
                gradients = _norms(_layers(network.gradient, units)[0])
                found = watch_gradients(gradients, _norms(coefs), _names(units), start_norms)
                tell(found, told, stacklevel=6)
            if held_out is None:
                without = without + 1 if loss > state["best_loss_"] - self.tol else 0
                state["best_loss_"] = min(state["best_loss_"], loss)
            else:
                weight = None if sample_weight is None else sample_weight[held_out]
                self.__dict__.update(coefs_=coefs, intercepts_=intercepts)
                score = self._validation_score(X[held_out], y[held_out], weight)
                self.validation_scores_.append(score)
                highest = state["best_validation_score_"]
                without = without + 1 if score < highest + self.tol else 0
                if score > highest:
                    state["best_validation_score_"] = score
                    best[:] = w
            if self.verbose:
                shown = "" if held_out is None else f", validation score = {score:.6f}"
                print(f"Epoch {epoch}, loss = {loss:.8f}{shown}")
            if rule != ADAM and self.learning_rate == "invscaling":
                rate = _change_rate(
                    constants, memory, self.learning_rate_init / (t + 1) ** self.power_t
                )
            if without > self.n_iter_no_change:
                if rule == ADAM or self.learning_rate != "adaptive" or rate <= SMALLEST_RATE:
                    converged = True
                else:
                    rate = _change_rate(constants, memory, rate / 5.0)
                    without = 0
            if best is not None and (converged or epoch == self.max_iter):
                w[:] = best
            yield {
                **state,
                "loss_": loss,
                "n_iter_": epoch,
                "t_": t,
                "_memory": [memory, rate, updates],
                "_no_improvement_count": without,
            }
            if converged:
                break
        if not (converged or epochs is not None):
            warnings.warn(
                f"{type(self).__name__} did not converge in max_iter={self.max_iter} epochs: the "
                "loss was still changing. Try a larger max_iter, columns of one scale "
                "(StandardScaler), or a larger tol.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _split(self, y, n, generator):
        """Return the rows to learn from and those to validate on, which may be None."""
        if not self.early_stopping:
            return np.arange(n), None
        stratified = is_classifier(self) and self.n_outputs_ == 1
        learn, validate = train_test_split(
            np.arange(n),
            random_state=generator,
            test_size=self.validation_fraction,
            stratify=y if stratified else None,
        )
        if len(validate) < 2:
            raise ValueError(
                f"The validation set is too small: validation_fraction={self.validation_fraction} "
                f"of {n} rows. Give more rows, a larger fraction, or early_stopping=False."
            )
        return learn, validate

    def _require_finite(self, loss, w):
        if isfinite(loss) and isfinite(w @ w):
            return
        raise DivergenceError(
            f"The network diverged: loss {loss}, and weights that are no longer finite, with "
            f"learning_rate_init={self.learning_rate_init:g}. Try "
            f"learning_rate_init={self.learning_rate_init / 10:g} or lower, and bring the "
            "columns of X (and the target of a regression) to one scale first (StandardScaler)."
        )

    def _full_batch_steps(self, X, Y, sample_weight, w, units):
        # The pairs of L-BFGS are differences of gradients: float32 has too few digits for them.
        dtype, w = w.dtype, w.astype(np.float64)
        network = FusedNetwork(
            read_only(X.astype(np.float64, copy=False)),
            read_only(Y.astype(np.float64, copy=False)),
            sample_weight,
            units,
            HIDDEN[self.activation],
            OUTPUTS[self.out_activation_],
            self.alpha,
            len(X),
        )
        memory, constants = np.zeros((2, 0)), np.zeros(4)
        every_row = np.arange(len(X))
        evaluations = 0

        def cost_and_gradient(w, rows):
            nonlocal evaluations
            evaluations += 1
            cost, _ = network.epoch(w, memory, -1, constants, 0, every_row, 0, len(X))
            return cost / len(X), network.gradient.copy()

        before, converged = np.inf, False
        for step in lbfgs(cost_and_gradient, w, max_iter=self.max_iter, tol=self.tol):
            cost = step["cost"]
            gain = (before - cost) / max(abs(before), abs(cost), 1.0) if before < np.inf else np.inf
            converged = step["converged"] or gain <= SMALLEST_GAIN
            before = cost
            if step["iteration"] == 0 and not converged:
                continue
            if self.verbose:
                print(f"Step {step['iteration']}, loss = {cost:.8f}")
            coefs, intercepts = _layers(step["parameters"].astype(dtype), units)
            yield {
                "coefs_": coefs,
                "intercepts_": intercepts,
                "loss_": cost,
                "n_iter_": step["iteration"],
                "t_": 0,
                "n_outputs_": self.n_outputs_,
                "n_layers_": self.n_layers_,
                "out_activation_": self.out_activation_,
            }
            if converged or evaluations >= self.max_fun:
                break
        # short of both limits, rounding hid any further decrease
        if not converged and (step["iteration"] >= self.max_iter or evaluations >= self.max_fun):
            limit = "max_iter" if evaluations < self.max_fun else "max_fun"
            warnings.warn(
                f"{type(self).__name__}: L-BFGS did not converge within "
                f"{limit}={getattr(self, limit)}. Try a larger {limit}, columns of one scale "
                "(StandardScaler), or a larger tol.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _one_epoch(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Take one epoch over some rows, from the weights that are there."""
        self._validate_params()
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        begin = not hasattr(self, "coefs_")
        X, y = validate_data(
            self, X, y, dtype=self._dtypes, order="C", multi_output=True, reset=begin
        )
        y = self._codes_of_known(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        self._check_parameters(X, y)
        for state in self._learning(read_only(X), y, sample_weight, begin=begin, epochs=1):
            self.__dict__.update(state)
        return self

    def _codes_of_known(self, y: np.ndarray) -> np.ndarray:
        """Return the targets of `partial_fit` as `_validated` returns those of `fit`."""
        raise NotImplementedError

    def _has_epochs(self):
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit takes an epoch of batches, so it needs solver='adam' or 'sgd', not "
                "solver='lbfgs'."
            )
        return True

    def _forward(self, X: np.ndarray) -> np.ndarray:
        """Return the output of the network, (n, n_outputs), of X's type."""
        n_outputs = self.coefs_[-1].shape[1]
        prediction = np.empty((len(X), n_outputs), np.result_type(X, self.coefs_[0]))
        with single_blas_thread():
            for first in range(0, len(X), BLOCK_ROWS):
                A = X[first : first + BLOCK_ROWS]
                for coef, intercept in zip(self.coefs_[:-1], self.intercepts_[:-1], strict=True):
                    A = _bent(A @ coef + intercept, self.activation)
                Z = A @ self.coefs_[-1] + self.intercepts_[-1]
                prediction[first : first + BLOCK_ROWS] = _answer(Z, self.out_activation_)
        return prediction

    def _validated_output(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "coefs_")
        return self._forward(self._validated_for_prediction(X))


def _layers(w: np.ndarray, units: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return views of the parameters (p,): weights (k, n) and intercepts (n,) of each layer."""
    weights, intercepts, at = [], [], 0
    for k, n in pairwise(units):
        weights.append(w[at : at + k * n].reshape(k, n))
        at += k * n
    for n in units[1:]:
        intercepts.append(w[at : at + n])
        at += n
    return weights, intercepts


def _names(units: np.ndarray) -> list[str]:
    return [f"hidden layer {layer}" for layer in range(1, len(units) - 1)] + ["the output layer"]


def _norms(matrices: list[np.ndarray]) -> list[float]:
    return [float(np.linalg.norm(matrix)) for matrix in matrices]


def _change_rate(constants: np.ndarray, memory: np.ndarray, rate: float) -> float:
    """Set a new learning rate, and keep the step that the velocity would take without gradients."""
    memory[0] *= constants[0] / rate
    constants[0] = rate
    return rate


def _bent(Z: np.ndarray, activation: str) -> np.ndarray:
    if activation == "relu":
        return np.maximum(Z, 0.0, out=Z)
    if activation == "tanh":
        return np.tanh(Z, out=Z)
    return expit(Z, out=Z) if activation == "logistic" else Z


def _answer(Z: np.ndarray, out_activation: str) -> np.ndarray:
    if out_activation == "softmax":
        np.exp(Z - Z.max(axis=1, keepdims=True), out=Z)
        return np.divide(Z, Z.sum(axis=1, keepdims=True), out=Z)
    return np.exp(Z, out=Z) if out_activation == "exp" else _bent(Z, out_activation)
