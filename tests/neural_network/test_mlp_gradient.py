"""The fused gradient of a dense network: against autodiff, central differences, and itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.central_differences import central_differences

from groundup._estimator import read_only
from groundup.neural_network._mlp_epoch import FusedNetwork
from groundup.neural_network._mlp_gradient import HIDDEN, OUTPUTS
from groundup.neural_network._mlp_weights import layers
from groundup.neural_network.autodiff import Tensor


def problem(output, n=37, units=(5, 7, 4, 3), dtype=np.float64, seed=0):
    generator = np.random.default_rng(seed)
    units = np.array(units)
    X = generator.normal(size=(n, units[0])).astype(dtype)
    k = units[-1]
    Y = {
        "identity": generator.normal(size=(n, k)),
        "exp": generator.integers(0, 4, size=(n, k)),
        "logistic": generator.integers(0, 2, size=(n, k)),
        "softmax": generator.integers(0, k, size=(n, 1)),
    }[output].astype(dtype)
    p = int((units[:-1] * units[1:]).sum() + units[1:].sum())
    return X, Y, units, (0.5 * generator.normal(size=p)).astype(dtype)


def fused(X, Y, sample_weight, units, w, activation, output, alpha, batch_rows=None):
    network = FusedNetwork(
        read_only(X),
        read_only(Y),
        sample_weight,
        units,
        HIDDEN[activation],
        OUTPUTS[output],
        alpha,
        batch_rows or len(X),
    )
    memory, constants = np.zeros((2, 0), X.dtype), np.zeros(4)
    cost, _ = network.epoch(w, memory, -1, constants, 0, np.arange(len(X)), 0, len(X))
    return cost / len(X), network.gradient


def by_tensors(X, Y, sample_weight, units, w, activation, output, alpha):
    """The same cost, as one writes it down; every derivative is found by `Tensor`."""
    coefs, intercepts = layers(w, units)
    coefs = [Tensor(c.copy(), requires_grad=True) for c in coefs]
    intercepts = [Tensor(b.copy(), requires_grad=True) for b in intercepts]
    bend = {
        "identity": lambda z: z,
        "logistic": Tensor.sigmoid,
        "tanh": Tensor.tanh,
        "relu": Tensor.relu,
    }[activation]
    A = Tensor(X)
    for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
        A = bend(A @ coef + intercept)
    Z = A @ coefs[-1] + intercepts[-1]
    y = Tensor(Y)
    if output == "identity":
        losses = (0.5 / Y.shape[1]) * ((Z - y) ** 2).sum(axis=1)
        slope_factor = Y.shape[1]  # scikit-learn's slope is that of the sum over the targets
    elif output == "exp":
        known = np.where(Y > 0, Y * np.log(np.where(Y > 0, Y, 1.0)) - Y, 0.0)
        losses = (Z.exp() - y * Z + Tensor(known)).sum(axis=1)
        slope_factor = 1
    elif output == "logistic":
        losses = ((1.0 + (-Z).exp()).log() + (1.0 - y) * Z).sum(axis=1)
        slope_factor = 1
    else:
        losses = -Z.log_softmax(axis=1)[np.arange(len(X)), Y[:, 0].astype(int)]
        slope_factor = 1
    v = np.ones(len(X)) if sample_weight is None else sample_weight
    loss = (losses * Tensor(v)).sum() / v.sum()
    square = sum(((coef * coef).sum() for coef in coefs), Tensor(np.zeros(())))
    penalty = (0.5 * alpha / v.sum()) * square
    (slope_factor * loss + penalty).backward()
    flat = np.concatenate([t.grad.ravel() for t in coefs + intercepts])
    return float(loss.data + penalty.data), flat


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("activation", list(HIDDEN))
@pytest.mark.parametrize("output", list(OUTPUTS))
def test_cost_and_gradient_equal_those_of_the_tensors(output, activation, weighted):
    X, Y, units, w = problem(output)
    v = np.random.default_rng(1).uniform(0, 2, len(X)) if weighted else None
    cost, gradient = fused(X, Y, v, units, w, activation, output, 0.3)
    expected_cost, expected = by_tensors(X, Y, v, units, w, activation, output, 0.3)
    assert cost == pytest.approx(expected_cost, rel=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("output", ["exp", "logistic", "softmax"])
def test_gradient_equals_central_differences(output):
    X, Y, units, w = problem(output, n=9)
    arguments = (X, Y, None, units)
    gradient = fused(*arguments, w, "tanh", output, 0.3)[1].copy()
    (expected,) = central_differences(
        lambda w: fused(*arguments, w, "tanh", output, 0.3)[0], [w], h=1e-6
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 500),
    units=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    output=st.sampled_from(["identity", "logistic"]),
    seed=st.integers(0, 100),
)
def test_any_shape_and_any_number_of_parts(n, units, output, seed):
    X, Y, units, w = problem(output, n=n, units=units, seed=seed)
    cost, gradient = fused(X, Y, None, units, w, "relu", output, 0.1)
    expected_cost, expected = by_tensors(X, Y, None, units, w, "relu", output, 0.1)
    assert cost == pytest.approx(expected_cost, rel=1e-10)
    np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("output", list(OUTPUTS))
def test_float32_is_float64_rounded(output):
    X, Y, units, w = problem(output, n=300)
    cost, gradient = fused(X, Y, None, units, w, "tanh", output, 0.3)
    small = [a.astype(np.float32) for a in (X, Y, w)]
    cost32, gradient32 = fused(*small[:2], None, units, small[2], "tanh", output, 0.3)
    assert gradient32.dtype == np.float32
    assert cost32 == pytest.approx(cost, rel=1e-5)
    np.testing.assert_allclose(gradient32, gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("activation", ["logistic", "tanh"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bends_are_exact_far_out_and_near_zero(activation, dtype):
    """A network of one unit a layer, whose input is z: the output is f(z)."""
    z = np.array([-1e4, -800, -90, -20, -1, -1e-3, -1e-9, 0, 1e-9, 1e-3, 1, 20, 90, 800, 1e4])
    exact = np.tanh(z) if activation == "tanh" else 1 / (1 + np.exp(-np.clip(z, -700, 700)))
    X, Y = z[:, None].astype(dtype), np.zeros((len(z), 1), dtype)
    w = np.array([1, 1, 0, 0], dtype)  # two weights of 1, two intercepts of 0
    for i in range(len(z)):
        cost, _ = fused(
            X[i : i + 1].copy(), Y[i : i + 1].copy(), None, np.array([1, 1, 1]), w, activation,
            "identity", 0.0,
        )  # fmt: skip
        tolerance = 8 * float(np.finfo(dtype).eps)
        assert np.sqrt(2 * cost) == pytest.approx(abs(exact[i]), rel=tolerance, abs=tolerance)


def test_rows_without_weight_and_a_batch_of_none_change_nothing():
    X, Y, units, w = problem("softmax", n=6)
    v = np.array([1.0, 0, 1, 0, 0, 1])
    kept = v > 0
    _, gradient = fused(X, Y, v, units, w, "relu", "softmax", 0.2)
    gradient = gradient.copy()
    _, expected = fused(X[kept], Y[kept], None, units, w, "relu", "softmax", 0.2)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-15)
    cost, _ = fused(X, Y, np.zeros(6), units, w, "relu", "softmax", 0.2)
    assert cost == 0.0


def test_the_oracle_notices_a_change():
    X, Y, units, w = problem("softmax")
    _, gradient = fused(X, Y, None, units, w, "relu", "softmax", 0.3)
    _, other = by_tensors(X, Y, None, units, w, "tanh", "softmax", 0.3)
    assert np.abs(gradient - other).max() > 1e-3
