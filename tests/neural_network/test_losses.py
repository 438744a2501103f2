"""Losses against their formulas, central differences and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.central_differences import central_differences

from groundup.neural_network import Tensor
from groundup.neural_network.losses import (
    absolute_error,
    binary_cross_entropy,
    huber,
    squared_error,
)


def plain_binary_cross_entropy(z, t):
    p = 1 / (1 + np.exp(-z))
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


def plain_huber(z, t):
    away = np.abs(z - t)
    return np.where(away <= 1, away**2 / 2, away - 0.5)


FORMULAS = {
    squared_error: lambda z, t: (z - t) ** 2,
    absolute_error: lambda z, t: np.abs(z - t),
    huber: plain_huber,
    binary_cross_entropy: plain_binary_cross_entropy,
}
each_loss = pytest.mark.parametrize("loss", FORMULAS, ids=lambda loss: loss.__name__)


def outputs_and_targets(shape=(6, 2, 3)):
    generator = np.random.default_rng(0)
    return 2 * generator.normal(size=shape), generator.uniform(size=shape)


@each_loss
@pytest.mark.parametrize("weights", [None, np.array([0.0, 1.0, 2.0, 0.5, 1.0, 3.0])])
def test_formula_and_derivative(loss, weights):
    z, t = outputs_and_targets()
    per_row = FORMULAS[loss](z, t).mean(axis=(1, 2))
    output = Tensor(z, requires_grad=True)
    value = loss(output, Tensor(t), None if weights is None else Tensor(weights))
    assert value.item() == pytest.approx(np.average(per_row, weights=weights))
    value.backward()
    [expected] = central_differences(lambda z: loss(Tensor(z), t, weights).item(), [z])
    np.testing.assert_allclose(output.grad, expected, atol=1e-8)


@each_loss
def test_the_same_as_pytorch(loss):
    functional = pytest.importorskip("torch").nn.functional
    import torch

    theirs = {
        squared_error: functional.mse_loss,
        absolute_error: functional.l1_loss,
        huber: functional.huber_loss,
        binary_cross_entropy: functional.binary_cross_entropy_with_logits,
    }[loss]
    z, t = outputs_and_targets()
    output = Tensor(z, requires_grad=True)
    value = loss(output, t)
    value.backward()
    theirs_z = torch.tensor(z, requires_grad=True)
    expected = theirs(theirs_z, torch.tensor(t))
    expected.backward()
    assert value.item() == pytest.approx(expected.item())
    np.testing.assert_allclose(output.grad, theirs_z.grad.numpy(), atol=1e-12)


@each_loss
def test_float32_stays_and_shapes_are_not_stretched(loss):
    z, t = outputs_and_targets((5, 1))
    output = Tensor(z.astype(np.float32), requires_grad=True)
    value = loss(output, t, np.ones(5))
    value.backward()
    assert value.dtype == output.grad.dtype == np.float32
    with pytest.raises(ValueError, match=r"\(5, 1\), the targets \(5,\)"):
        loss(Tensor(z), t[:, 0])
    for weights in (np.zeros(5), -np.ones(5), np.ones(4)):
        with pytest.raises(ValueError, match="weights must be 5 numbers of 0 or more"):
            loss(Tensor(z), t, weights)


def test_huber_is_square_near_and_straight_far():
    z = Tensor(np.array([0.1, 10.0]), requires_grad=True)
    assert huber(z, [0.0, 0.0], delta=2.0).item() == pytest.approx((0.005 + 2 * 9) / 2)


def test_cross_entropy_of_large_logits_does_not_overflow():
    z = Tensor(np.array([1e4, -1e4]), requires_grad=True)
    assert binary_cross_entropy(z, [1.0, 0.0]).item() == 0.0
    assert binary_cross_entropy(z, [0.0, 1.0]).item() == 1e4
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        binary_cross_entropy(z, [0.0, 2.0])
