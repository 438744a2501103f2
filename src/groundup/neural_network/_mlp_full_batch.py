"""L-BFGS for a perceptron: every step looks at all rows. Best for some hundred of them."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from groundup._estimator import read_only
from groundup.neural_network._mlp_epoch import FusedNetwork
from groundup.neural_network._mlp_gradient import HIDDEN, OUTPUTS
from groundup.neural_network._mlp_weights import layers
from groundup.optim import lbfgs

SMALLEST_GAIN = 2.220446049250313e-09  # it stops at a smaller relative decrease of the loss


def full_batch_steps(model, X, Y, sample_weight, w, units):
    """Yield the fitted attributes of `model` after every step, from the parameters `w` (p,)."""
    # The pairs of L-BFGS are differences of gradients: float32 has too few digits for them.
    dtype, w = w.dtype, w.astype(np.float64)
    network = FusedNetwork(
        read_only(X.astype(np.float64, copy=False)),
        read_only(Y.astype(np.float64, copy=False)),
        sample_weight,
        units,
        HIDDEN[model.activation],
        OUTPUTS[model.out_activation_],
        model.alpha,
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
    for step in lbfgs(cost_and_gradient, w, max_iter=model.max_iter, tol=model.tol):
        cost = step["cost"]
        gain = (before - cost) / max(abs(before), abs(cost), 1.0) if before < np.inf else np.inf
        converged = step["converged"] or gain <= SMALLEST_GAIN
        before = cost
        if step["iteration"] == 0 and not converged:
            continue
        if model.verbose:
            print(f"Step {step['iteration']}, loss = {cost:.8f}")
        coefs, intercepts = layers(step["parameters"].astype(dtype), units)
        yield {
            "coefs_": coefs,
            "intercepts_": intercepts,
            "loss_": cost,
            "n_iter_": step["iteration"],
            "t_": 0,
            "n_outputs_": model.n_outputs_,
            "n_layers_": model.n_layers_,
            "out_activation_": model.out_activation_,
        }
        if converged or evaluations >= model.max_fun:
            break
    # short of both limits, rounding hid any further decrease
    if not converged and (step["iteration"] >= model.max_iter or evaluations >= model.max_fun):
        limit = "max_iter" if evaluations < model.max_fun else "max_fun"
        warnings.warn(
            f"{type(model).__name__}: L-BFGS did not converge within "
            f"{limit}={getattr(model, limit)}. Try a larger {limit}, columns of one scale "
            "(StandardScaler), or a larger tol.",
            ConvergenceWarning,
            stacklevel=4,
        )
