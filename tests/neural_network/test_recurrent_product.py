"""The fused LSTM and GRU against the step-by-step form, central differences and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.recurrent_naive import gru_naive, lstm_naive

from groundup.neural_network._recurrent_product import gru, lstm
from groundup.neural_network.autodiff import Tensor, no_grad

N_GATES = {"lstm": 4, "gru": 3}
FUSED = {"lstm": lstm, "gru": gru}
NAIVE = {"lstm": lstm_naive, "gru": gru_naive}


def problem(kind, n=3, T=6, d=4, u=5, dtype=np.float64, seed=0):
    """Return x, the weights, and the gradient that comes back to the output."""
    generator = np.random.default_rng(seed)
    k = N_GATES[kind]
    shapes = [(n, T, d), (d, k * u), (u, k * u), (k * u,)] + ([(u,)] if kind == "gru" else [])
    arrays = [generator.normal(size=shape).astype(dtype) for shape in shapes]
    return arrays, generator.normal(size=(n, T, u)).astype(dtype)


def with_gradients(function, arrays, gradient):
    tensors = [Tensor(array.copy(), requires_grad=True) for array in arrays]
    output = function(*tensors)
    output.backward(gradient)
    return [output.data, *(tensor.grad for tensor in tensors)]


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "T", "d", "u"), [(3, 6, 4, 5), (1, 1, 1, 1), (2, 9, 1, 17)])
def test_the_same_as_step_by_step(kind, dtype, n, T, d, u):
    arrays, gradient = problem(kind, n, T, d, u, dtype)
    tolerance = 1e-11 if dtype == np.float64 else 3e-4
    naive = with_gradients(NAIVE[kind], arrays, gradient)
    for ours, theirs in zip(with_gradients(FUSED[kind], arrays, gradient), naive, strict=True):
        assert ours.dtype == dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_gradient_is_that_of_central_differences(kind):
    arrays, gradient = problem(kind, n=2, T=4, d=2, u=3)
    _, *gradients = with_gradients(FUSED[kind], arrays, gradient)

    def loss():
        return float((FUSED[kind](*map(Tensor, arrays)).data * gradient).sum())

    for array, ours in zip(arrays, gradients, strict=True):
        for place in np.ndindex(array.shape):
            before = array[place]
            array[place] = before + 1e-5
            above = loss()
            array[place] = before - 1e-5
            below = loss()
            array[place] = before
            assert ours[place] == pytest.approx((above - below) / 2e-5, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_same_as_pytorch(kind):
    torch = pytest.importorskip("torch")
    arrays, gradient = problem(kind, u=7)
    layer = getattr(torch.nn, kind.upper())(4, 7, batch_first=True, dtype=torch.float64)
    x, W, U, b, *candidate_bias = arrays
    second_bias = np.zeros_like(b)
    if candidate_bias:
        second_bias[-7:] = candidate_bias[0]
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor(W.T))
        layer.weight_hh_l0.copy_(torch.tensor(U.T))
        layer.bias_ih_l0.copy_(torch.tensor(b))
        layer.bias_hh_l0.copy_(torch.tensor(second_bias))
    peer_x = torch.tensor(x, requires_grad=True)
    peer = layer(peer_x)[0]
    peer.backward(torch.tensor(gradient))
    ours, in_x, in_W, in_U, in_b, *in_candidate = with_gradients(FUSED[kind], arrays, gradient)
    np.testing.assert_allclose(ours, peer.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(in_x, peer_x.grad.numpy(), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(in_W, layer.weight_ih_l0.grad.numpy().T, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(in_U, layer.weight_hh_l0.grad.numpy().T, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(in_b, layer.bias_ih_l0.grad.numpy(), rtol=1e-9, atol=1e-11)
    if in_candidate:
        theirs = layer.bias_hh_l0.grad.numpy()[-7:]
        np.testing.assert_allclose(in_candidate[0], theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_large_arguments_neither_overflow_nor_lose_the_gates(kind):
    arrays, _ = problem(kind, dtype=np.float32)
    output = FUSED[kind](*(Tensor(array * 1e4) for array in arrays)).data
    assert np.isfinite(output).all() and np.abs(output).max() <= 1.0


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_second_backward_gives_the_same_again(kind):
    arrays, gradient = problem(kind)
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    output = FUSED[kind](*tensors)
    output.backward(gradient, keep_graph=True)
    once = [tensor.grad.copy() for tensor in tensors]
    output.backward(gradient)
    for tensor, first in zip(tensors, once, strict=True):
        np.testing.assert_array_equal(tensor.grad, 2 * first)


def test_an_input_without_gradient_and_prediction():
    arrays, gradient = problem("lstm")
    x, *weights = map(Tensor, arrays)
    weights = [Tensor(array, requires_grad=True) for array in arrays[1:]]
    lstm(x, *weights).backward(gradient)
    assert x.grad is None and weights[0].grad is not None
    with no_grad():
        assert not lstm(x, *weights).requires_grad
