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

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from groundup._blocks import single_blas_thread
from groundup._estimator import Estimator, unchanged_if_refused
from groundup.neural_network._health import (
    some_rows,
    tell,
    watch_columns,
    watch_start,
    watch_targets,
)
from groundup.neural_network._mlp_descent import stochastic_steps
from groundup.neural_network._mlp_full_batch import full_batch_steps
from groundup.neural_network._mlp_gradient import HIDDEN
from groundup.neural_network._mlp_weights import (
    bent,
    first_weights,
    layer_names,
    layers,
    predicted,
)


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
            w = first_weights(units, self.activation, X.dtype, generator)
            self.n_outputs_, self.n_layers_ = n_outputs, len(units)
            self.out_activation_ = out_activation
        else:
            w = self._weights_to_go_on_with(units, X.dtype)
        self._remember(begin)
        told: set[str] = set()
        if begin:
            self._look_at_the_start(X, y, w, units, told)
        if self.solver == "lbfgs":
            yield from full_batch_steps(self, X, Y, sample_weight, w, units)
            return
        yield from stochastic_steps(self, X, y, Y, sample_weight, w, units, generator, told, epochs)

    def _remember(self, begin):
        """Set what grows from epoch to epoch: anew, or as the last fit left it."""
        before = {} if begin else vars(self)
        self.t_ = before.get("t_", 0)
        self._no_improvement_count = before.get("_no_improvement_count", 0)
        # copies: a fit that fails leaves the last one's as they were
        memory = before.get("_memory")
        self._memory = None if memory is None else [memory[0].copy(), *memory[1:]]
        if self.solver == "lbfgs":
            for name in (
                "loss_curve_",
                "best_loss_",
                "validation_scores_",
                "best_validation_score_",
            ):
                self.__dict__.pop(name, None)
            return
        self.loss_curve_ = list(before.get("loss_curve_", []))
        if self.early_stopping:
            self.best_loss_ = None
            self.validation_scores_ = list(before.get("validation_scores_") or [])
            best = before.get("best_validation_score_")
            self.best_validation_score_ = -np.inf if best is None else best
        else:
            best = before.get("best_loss_")
            self.best_loss_ = np.inf if best is None else best
            self.validation_scores_ = self.best_validation_score_ = None

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
        tell(watch_columns(X, getattr(self, "feature_names_in_", None)), told, stacklevel=8)
        if not is_classifier(self):
            tell(watch_targets(y), told, stacklevel=8)
        coefs, intercepts = layers(w, units)
        outputs = [some_rows(X)]
        with single_blas_thread():
            for layer, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
                Z = outputs[-1] @ coef + intercept
                outputs.append(Z if layer == len(coefs) - 1 else bent(Z, self.activation))
        kind = "dense" if self.activation == "identity" else f"dense {self.activation}"
        kinds = [kind] * (len(coefs) - 1) + ["dense"]
        tell(
            watch_start(outputs[0], outputs[1:], layer_names(units), kinds),
            told,
            stacklevel=8,
            has_layers=False,
        )

    @unchanged_if_refused
    def _one_epoch(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        """Take one epoch over some rows, from the weights that are there."""
        self._validate_params()
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        begin = not hasattr(self, "coefs_")
        X, y, sample_weight = self._validated_more(
            X, y, sample_weight, first=begin, classes=classes
        )
        for state in self._learning(X, y, sample_weight, begin=begin, epochs=1):
            self.__dict__.update(state)
        return self

    def _has_epochs(self):
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit takes an epoch of batches, so it needs solver='adam' or 'sgd', not "
                "solver='lbfgs'."
            )
        return True

    def _forward(self, X: np.ndarray) -> np.ndarray:
        """Return the output of the network, (n, n_outputs), of X's type."""
        return predicted(X, self.coefs_, self.intercepts_, self.activation, self.out_activation_)

    def _validated_output(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "coefs_")
        return self._forward(self._validated_for_prediction(X))
