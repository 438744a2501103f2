"""Epochs of a perceptron: batch after batch, until the loss or the score has settled.

    repeat, at most max_iter times:
        deal the rows out in random order
        for every batch: a gradient, and a step of Adam or of momentum      (one compiled epoch)
        stop, or take shorter steps, once `n_iter_no_change` epochs in a row brought less than `tol`

With early stopping it is the score on rows held out that has to improve, and the weights that
scored best are kept.
"""

from __future__ import annotations

import warnings
from math import isfinite

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from groundup._estimator import read_only
from groundup.neural_network._health import tell, watch_gradients
from groundup.neural_network._mlp_epoch import ADAM, MOMENTUM, NESTEROV, FusedNetwork
from groundup.neural_network._mlp_gradient import HIDDEN, OUTPUTS
from groundup.neural_network._mlp_weights import layer_names, layers
from groundup.optim.stopping import DivergenceError, advice

SMALLEST_RATE = 1e-6  # below it an adaptive learning rate is not lowered any further


class Course:
    """What the epochs have brought so far, and how many in a row have brought nothing."""

    def __init__(self, model, w):
        self.losses, self.best_loss = model.loss_curve_, model.best_loss_
        self.scores, self.best_score = model.validation_scores_, model.best_validation_score_
        self.without = model._no_improvement_count
        self.best_weights = None if w is None else w.copy()

    def note(self, loss, score, w, tol):
        """Take note of an epoch's loss and, where rows are held out, of their score."""
        self.losses.append(loss)
        if score is None:
            self.without = self.without + 1 if loss > self.best_loss - tol else 0
            self.best_loss = min(self.best_loss, loss)
            return
        self.scores.append(score)
        self.without = self.without + 1 if score < self.best_score + tol else 0
        if score > self.best_score:
            self.best_score = score
            self.best_weights[:] = w

    def state(self):
        """Return it as fitted attributes."""
        return {
            "loss_curve_": self.losses,
            "best_loss_": self.best_loss,
            "validation_scores_": self.scores,
            "best_validation_score_": self.best_score,
            "_no_improvement_count": self.without,
        }


def rule_and_constants(model, rate):
    """Return the rule's flag and its constants (4,), as the compiled epoch takes them."""
    if model.solver == "adam":
        return ADAM, np.array([rate, model.beta_1, model.beta_2, model.epsilon], dtype=np.float64)
    rule = NESTEROV if model.nesterovs_momentum else MOMENTUM
    return rule, np.array([rate, model.momentum, 0.0, 0.0])


def stochastic_steps(model, X, y, Y, sample_weight, w, units, generator, told, epochs):
    """Yield the fitted attributes of a perceptron after every epoch, or every batch.

    Parameters
    ----------
    model : Perceptron
        Whose parameters say how to learn, and whose `_memory` the rule goes on with.
    X : ndarray of shape (n_samples, n_features), read-only
    y : ndarray
        The targets as `_validated` returns them, for the rows held out.
    Y : ndarray of shape (n_samples, n_outputs) or (n_samples, 1)
        The targets as the kernels take them.
    sample_weight : ndarray of shape (n_samples,) or None
    w : ndarray of shape (p,)
        The parameters to begin with: changed.
    units : ndarray of shape (L + 1,), int64
    generator : RandomState
    told : set of str
        Findings on the network's health that the user was told already.
    epochs : int or None
        How many; None for at most `max_iter`, with a warning if they were too few.
    """
    n = len(X)
    rows, held_out = split(model, y, n, generator)
    n_learn = len(rows)
    batch_rows = min(200, n_learn) if model.batch_size == "auto" else model.batch_size
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
        HIDDEN[model.activation],
        OUTPUTS[model.out_activation_],
        model.alpha,
        batch_rows,
    )
    coefs, intercepts = layers(w, units)
    start_norms = norms(coefs)
    if model._memory is None or epochs is None:
        # the rule's memory (2, p), its learning rate, and how many steps it has taken
        model._memory = [np.zeros((2, len(w)), w.dtype), float(model.learning_rate_init), 0]
    memory, rate, updates = model._memory
    memory = memory.astype(w.dtype, copy=False)
    rule, constants = rule_and_constants(model, rate)
    course = Course(model, w if held_out is not None else None)
    if held_out is not None:
        X_held, y_held = X[held_out], y[held_out]
        weight_held = None if sample_weight is None else sample_weight[held_out]
    always = {
        "coefs_": coefs,
        "intercepts_": intercepts,
        "n_outputs_": model.n_outputs_,
        "n_layers_": model.n_layers_,
        "out_activation_": model.out_activation_,
    }
    order = rows
    t, converged = model.t_, False
    for epoch in range(1, (epochs or model.max_iter) + 1):
        if model.shuffle:
            permutation = np.arange(n_learn)
            generator.shuffle(permutation)
            order = order[permutation]
        cost = 0.0
        each = n_learn if model.steps == "epoch" else batch_rows
        for first in range(0, n_learn, each):
            last = min(first + each, n_learn)
            batch_cost, updates = network.epoch(
                w, memory, rule, constants, updates, order, first, last
            )
            cost += batch_cost
            if last < n_learn:
                require_finite(model, batch_cost, w)
                yield {
                    **always,
                    **course.state(),
                    "loss_": batch_cost / (last - first),
                    "n_iter_": epoch,
                    "t_": t + last,
                    "_memory": [memory, rate, updates],
                }
        loss = cost / n_learn
        require_finite(model, loss, w)
        t += n_learn
        if epoch & (epoch - 1) == 0:  # the first, second, fourth, eighth ... epoch
            gradients = norms(layers(network.gradient, units)[0])
            found = watch_gradients(gradients, norms(coefs), layer_names(units), start_norms)
            tell(found, told, stacklevel=6, has_layers=False)
        score = None
        if held_out is not None:
            model.__dict__.update(coefs_=coefs, intercepts_=intercepts)
            score = model._validation_score(X_held, y_held, weight_held)
        course.note(loss, score, w, model.tol)
        if model.verbose:
            shown = "" if score is None else f", validation score = {score:.6f}"
            print(f"Epoch {epoch}, loss = {loss:.8f}{shown}")
        if rule != ADAM and model.learning_rate == "invscaling":
            rate = change_rate(
                constants, memory, model.learning_rate_init / (t + 1) ** model.power_t
            )
        if course.without > model.n_iter_no_change:
            if rule == ADAM or model.learning_rate != "adaptive" or rate <= SMALLEST_RATE:
                converged = True
            else:
                rate = change_rate(constants, memory, rate / 5.0)
                course.without = 0
        if course.best_weights is not None and (converged or epoch == model.max_iter):
            w[:] = course.best_weights
        yield {
            **always,
            **course.state(),
            "loss_": loss,
            "n_iter_": epoch,
            "t_": t,
            "_memory": [memory, rate, updates],
        }
        if converged:
            break
    if not (converged or epochs is not None):
        warnings.warn(
            f"{type(model).__name__} did not converge in max_iter={model.max_iter} epochs: the "
            "loss was still changing. Try a larger max_iter, columns of one scale "
            "(StandardScaler), or a larger tol.",
            ConvergenceWarning,
            stacklevel=4,
        )


def split(model, y, n, generator):
    """Return the rows to learn from and those to validate on, which may be None."""
    if not model.early_stopping:
        return np.arange(n), None
    stratified = is_classifier(model) and model.n_outputs_ == 1
    try:
        if model.validation_fraction == 0.0:
            raise ValueError("There would be no row to validate on.")
        learn, validate = train_test_split(
            np.arange(n),
            random_state=generator,
            test_size=model.validation_fraction,
            stratify=y if stratified else None,
        )
        if len(validate) < 2:
            raise ValueError("The validation set is too small.")
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True holds {model.validation_fraction:g} of the {n} rows back, which "
            f"they do not allow: {error} Give more rows, another validation_fraction, or "
            "early_stopping=False."
        ) from None
    return learn, validate


def require_finite(model, loss, w):
    """Raise a DivergenceError if the loss or a weight has overflowed."""
    # 0 w is 0 for every finite w, and NaN else
    with np.errstate(invalid="ignore"):
        finite = isfinite(loss) and isfinite(float(w @ np.zeros_like(w)))
    if not finite:
        raise DivergenceError(
            f"The network diverged, to a loss of {loss:.6g} and weights that are no longer finite, "
            f"{advice(model.learning_rate_init, 'learning_rate_init')}"
            f"{'' if is_classifier(model) else ' Scale the targets as well.'}"
        )


def norms(matrices: list[np.ndarray]) -> list[float]:
    with np.errstate(over="ignore"):
        return [float(np.linalg.norm(matrix)) for matrix in matrices]


def change_rate(constants: np.ndarray, memory: np.ndarray, rate: float) -> float:
    """Set a new learning rate, and keep the step that the velocity would take without gradients."""
    memory[0] *= constants[0] / rate
    constants[0] = rate
    return rate
