"""L-BFGS for a perceptron: every step looks at all rows. Best for some hundred of them."""

from __future__ import annotations

import warnings
from math import inf

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from groundup._estimator import read_only
from groundup.neural_network._mlp_epoch import FusedNetwork
from groundup.neural_network._mlp_gradient import HIDDEN, OUTPUTS
from groundup.neural_network._mlp_weights import layers
from groundup.optim import lbfgs

SMALLEST_GAIN = 2.220446049250313e-09  # it stops at a smaller relative decrease of the loss


def steps_past_kinks(cost_and_gradient, w, max_iter, tol, kinks):
    """Yield the steps of L-BFGS, which begins anew where it got stuck, until that gains nothing.

    The loss of a network of relus has kinks, where the gradient jumps. The curvature that was
    learned on one side misleads on the other, and steps become tiny; straight downhill goes on.
    """
    done = 0
    while True:
        first = before = None
        steps = lbfgs(cost_and_gradient, w, max_iter=max_iter - done, tol=tol, kinks=kinks)
        for step in steps:
            cost = step["cost"]
            gain = inf if before is None else (before - cost) / max(abs(before), abs(cost), 1.0)
            first = cost if first is None else first
            before = cost
            if step["iteration"] > 0 or (done == 0 and step["converged"]):
                yield {**step, "iteration": done + step["iteration"]}
            if gain <= SMALLEST_GAIN:
                break
        done += step["iteration"]
        if done == 0 and not step["converged"]:
            yield step  # not a single step leads down from the start
        w = step["parameters"]
        gained = (first - cost) / max(abs(first), abs(cost), 1.0)
        if step["converged"] or done >= max_iter or gained <= 2.0 * SMALLEST_GAIN:
            return


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

    kinks = model.activation == "relu"
    for step in steps_past_kinks(cost_and_gradient, w, model.max_iter, model.tol, kinks):
        cost = step["cost"]
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
        if evaluations >= model.max_fun:
            break
    # short of both limits, no further decrease was to be had
    at_a_limit = step["iteration"] >= model.max_iter or evaluations >= model.max_fun
    if at_a_limit and not step["converged"]:
        limit = "max_iter" if evaluations < model.max_fun else "max_fun"
        warnings.warn(
            f"{type(model).__name__}: L-BFGS did not converge within "
            f"{limit}={getattr(model, limit)}. Try a larger {limit}, columns of one scale "
            "(StandardScaler), or a larger tol.",
            ConvergenceWarning,
            stacklevel=4,
        )
