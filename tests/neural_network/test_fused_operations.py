"""Fused operations against their composition of plain ones, central differences, and PyTorch."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.central_differences import central_differences
from threadpoolctl import threadpool_limits

from groundup.neural_network._attention_product import attention, attention_of_product
from groundup.neural_network._convolution import conv2d
from groundup.neural_network._cross_entropy import softmax_cross_entropy
from groundup.neural_network._gelu import gelu
from groundup.neural_network._joining import concatenate, stack, where
from groundup.neural_network._linear import linear
from groundup.neural_network._normalisation import layer_norm
from groundup.neural_network._pooling import avg_pool2d, max_pool2d
from groundup.neural_network.autodiff import Tensor, no_grad

TARGETS = np.array([[0, 3, 1], [2, 2, 0]])
WEIGHTS = np.array([[1.0, 0.0, 2.0], [0.5, 1.0, 1.0]])


# ---- the slow forms: plain operations of Tensor alone ----


def plain_linear(x, weights, bias=None):
    y = x @ weights
    return y if bias is None else y + bias


def plain_layer_norm(x, gain, shift, epsilon=1e-5):
    away = x - x.mean(-1, keepdims=True)
    return away / (x.var(-1, keepdims=True) + epsilon).sqrt() * gain + shift


def plain_attention(q, k, v, causal=False):
    scores = q @ k.swapaxes(-1, -2) / sqrt(q.shape[-1])
    if causal:
        t = q.shape[-2]
        scores = where(np.tri(t, dtype=bool), scores, -1e30)
    return scores.softmax(-1) @ v


def plain_attention_of_product(product, heads):
    n, t, width = product.shape
    q, k, v = product.reshape(n, t, 3, heads, -1).transpose(2, 0, 3, 1, 4)
    y = plain_attention(q, k, v, causal=True)
    return y.transpose(0, 2, 1, 3).reshape(n, t, width // 3)


def plain_cross_entropy(logits, targets, weights=None):
    k = logits.shape[-1]
    rows = np.asarray(targets).ravel()
    losses = -logits.log_softmax(-1).reshape(-1, k)[np.arange(len(rows)), rows]
    if weights is None:
        return losses.mean()
    share = np.asarray(weights, logits.dtype).ravel()
    return (losses * (share / share.sum())).sum()


def plain_conv2d(x, weights, bias=None, stride=1, padding=0):
    x = _padded(x, padding)
    kh, kw = weights.shape[2:]
    maps = []
    for i in range(0, x.shape[2] - kh + 1, stride):
        for j in range(0, x.shape[3] - kw + 1, stride):
            covered = x[:, None, :, i : i + kh, j : j + kw]  # (n, 1, c, kh, kw)
            maps.append((covered * weights).sum((2, 3, 4)))  # (n, o)
    rows = (x.shape[2] - kh) // stride + 1
    y = stack(maps, axis=-1).reshape(x.shape[0], weights.shape[0], rows, -1)
    return y if bias is None else y + bias.reshape(-1, 1, 1)


def _padded(x, padding):
    n, c, h, w = x.shape
    if padding == 0:
        return x
    beside = Tensor(np.zeros((n, c, h, padding), x.dtype))
    x = concatenate([beside, x, beside], axis=3)
    above = Tensor(np.zeros((n, c, padding, w + 2 * padding), x.dtype))
    return concatenate([above, x, above], axis=2)


def plain_pool(x, size, stride, reduce):
    stride = size if stride is None else stride
    rows, columns = ((length - size) // stride + 1 for length in x.shape[2:])
    parts = [
        reduce(x[:, :, i * stride : i * stride + size, j * stride : j * stride + size])
        for i in range(rows)
        for j in range(columns)
    ]
    return stack(parts, axis=-1).reshape(*x.shape[:2], rows, columns)


# name -> fused, plain, PyTorch's, shapes
def _torch_linear(torch, x, weights, bias=None):
    return torch.nn.functional.linear(x, weights.T, bias)


def _torch_cross_entropy(torch, logits, weights=None):
    losses = torch.nn.functional.cross_entropy(
        logits.reshape(-1, 4), torch.tensor(TARGETS.ravel()), reduction="none"
    )
    if weights is None:
        return losses.mean()
    weights = torch.tensor(weights.ravel()).to(losses.dtype)
    return (losses * weights).sum() / weights.sum()


OPERATIONS = {
    "linear": (linear, plain_linear, _torch_linear, [(5, 4), (4, 3), (3,)]),
    "linear, sequences": (linear, plain_linear, _torch_linear, [(2, 5, 4), (4, 3), (3,)]),
    "linear, no bias": (linear, plain_linear, _torch_linear, [(5, 4), (4, 3)]),
    "layer_norm": (
        layer_norm,
        plain_layer_norm,
        lambda torch, x, gain, shift: torch.nn.functional.layer_norm(x, (7,), gain, shift),
        [(2, 3, 7), (7,), (7,)],
    ),
    "attention": (
        attention,
        plain_attention,
        lambda torch, q, k, v: torch.nn.functional.scaled_dot_product_attention(q, k, v),
        [(2, 3, 5, 4)] * 3,
    ),
    "attention, causal": (
        lambda q, k, v: attention(q, k, v, causal=True),
        lambda q, k, v: plain_attention(q, k, v, causal=True),
        lambda torch, q, k, v: torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True
        ),
        [(2, 3, 5, 4)] * 3,
    ),
    "attention of a product": (
        lambda product: attention_of_product(product, 2, causal=True),
        lambda product: plain_attention_of_product(product, 2),
        lambda torch, product: (
            torch.nn.functional.scaled_dot_product_attention(
                *product.reshape(3, 5, 3, 2, 4).permute(2, 0, 3, 1, 4), is_causal=True
            )
            .transpose(1, 2)
            .reshape(3, 5, 8)
        ),
        [(3, 5, 24)],
    ),
    "gelu": (
        gelu,
        Tensor.gelu,
        lambda torch, x: torch.nn.functional.gelu(x),
        [(2, 3, 4)],
    ),
    "cross entropy": (
        lambda z: softmax_cross_entropy(z, TARGETS),
        lambda z: plain_cross_entropy(z, TARGETS),
        lambda torch, z: _torch_cross_entropy(torch, z),
        [(2, 3, 4)],
    ),
    "cross entropy, weights": (
        lambda z: softmax_cross_entropy(z, TARGETS, WEIGHTS),
        lambda z: plain_cross_entropy(z, TARGETS, WEIGHTS),
        lambda torch, z: _torch_cross_entropy(torch, z, WEIGHTS),
        [(2, 3, 4)],
    ),
    "convolution": (
        lambda x, w, b: conv2d(x, w, b, padding=1),
        lambda x, w, b: plain_conv2d(x, w, b, padding=1),
        lambda torch, x, w, b: torch.nn.functional.conv2d(x, w, b, padding=1),
        [(2, 3, 5, 4), (4, 3, 3, 3), (4,)],
    ),
    "convolution, stride": (
        lambda x, w: conv2d(x, w, stride=2, padding=1),
        lambda x, w: plain_conv2d(x, w, stride=2, padding=1),
        lambda torch, x, w: torch.nn.functional.conv2d(x, w, stride=2, padding=1),
        [(2, 2, 6, 5), (3, 2, 2, 3)],
    ),
    "convolution of single pixels": (
        conv2d,
        plain_conv2d,
        lambda torch, x, w, b: torch.nn.functional.conv2d(x, w, b),
        [(2, 3, 3, 2), (4, 3, 1, 1), (4,)],
    ),
    "max pooling": (
        lambda x: max_pool2d(x, 2),
        lambda x: plain_pool(x, 2, None, lambda part: part.max((2, 3))),
        lambda torch, x: torch.nn.functional.max_pool2d(x, 2),
        [(2, 3, 5, 4)],
    ),
    "max pooling, overlapping": (
        lambda x: max_pool2d(x, 3, 2),
        lambda x: plain_pool(x, 3, 2, lambda part: part.max((2, 3))),
        lambda torch, x: torch.nn.functional.max_pool2d(x, 3, 2),
        [(2, 3, 7, 6)],
    ),
    "average pooling": (
        lambda x: avg_pool2d(x, 2),
        lambda x: plain_pool(x, 2, None, lambda part: part.mean((2, 3))),
        lambda torch, x: torch.nn.functional.avg_pool2d(x, 2),
        [(2, 3, 5, 4)],
    ),
    "average pooling, overlapping": (
        lambda x: avg_pool2d(x, 3, 2),
        lambda x: plain_pool(x, 3, 2, lambda part: part.mean((2, 3))),
        lambda torch, x: torch.nn.functional.avg_pool2d(x, 3, 2),
        [(2, 3, 7, 6)],
    ),
}


def _inputs(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def _slopes(shape, dtype=np.float64):
    return np.random.default_rng(1).uniform(0.5, 1.5, shape).astype(dtype)


def _with_gradients(operation, arrays):
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    result = operation(*tensors)
    result.backward(_slopes(result.shape, result.dtype))
    return result.data, [tensor.grad for tensor in tensors]


@pytest.mark.parametrize("name", OPERATIONS)
def test_derivatives_are_those_of_central_differences(name):
    operation, _, _, shapes = OPERATIONS[name]
    arrays = _inputs(shapes)

    def loss(*values):
        with no_grad():
            y = operation(*map(Tensor, values)).data
        return (y * _slopes(y.shape)).sum()

    _, ours = _with_gradients(operation, arrays)
    for mine, tried in zip(ours, central_differences(loss, arrays), strict=True):
        np.testing.assert_allclose(mine, tried, rtol=1e-6, atol=1e-8)


def _close(mine, other, dtype):
    rtol, atol = (1e-4, 2e-5) if dtype == np.float32 else (1e-10, 1e-11)
    np.testing.assert_allclose(mine, other, rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_derivatives_are_those_of_the_plain_operations(name, dtype):
    fused, plain, _, shapes = OPERATIONS[name]
    arrays = [array.astype(dtype) for array in _inputs(shapes, seed=3)]
    (y, mine), (expected, others) = (_with_gradients(form, arrays) for form in (fused, plain))
    assert y.dtype == dtype
    _close(y, expected, dtype)
    for gradient, other in zip(mine, others, strict=True):
        assert gradient.dtype == dtype
        _close(gradient, other, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_derivatives_are_those_of_pytorch(name, dtype):
    torch = pytest.importorskip("torch")
    fused, _, theirs, shapes = OPERATIONS[name]
    arrays = [array.astype(dtype) for array in _inputs(shapes, seed=4)]
    y, mine = _with_gradients(fused, arrays)
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = theirs(torch, *tensors)
    expected.backward(torch.tensor(_slopes(y.shape, dtype)))
    _close(y, expected.detach().numpy(), dtype)
    for gradient, tensor in zip(mine, tensors, strict=True):
        _close(gradient, tensor.grad.numpy(), dtype)


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_input_alone_gets_the_same_gradient(name):
    fused, _, _, shapes = OPERATIONS[name]
    arrays = _inputs(shapes, seed=5)
    _, together = _with_gradients(fused, arrays)
    for place, expected in enumerate(together):
        tensors = [Tensor(array, requires_grad=i == place) for i, array in enumerate(arrays)]
        y = fused(*tensors)
        y.backward(_slopes(y.shape))
        np.testing.assert_array_equal(tensors[place].grad, expected)


@pytest.mark.parametrize("name", OPERATIONS)
def test_inputs_and_gradient_are_left_alone_and_the_graph_may_be_used_twice(name):
    fused, _, _, shapes = OPERATIONS[name]
    arrays = _inputs(shapes, seed=6)
    before = [array.copy() for array in arrays]
    tensors = [Tensor(array, requires_grad=True) for array in arrays]
    y = fused(*tensors)
    values, slopes = y.data.copy(), _slopes(y.shape)
    y.backward(slopes, keep_graph=True)
    once = [tensor.grad.copy() for tensor in tensors]
    y.backward(slopes)
    np.testing.assert_array_equal(slopes, _slopes(y.shape))
    np.testing.assert_array_equal(y.data, values)
    for array, copy, tensor, gradient in zip(arrays, before, tensors, once, strict=True):
        np.testing.assert_array_equal(array, copy)
        np.testing.assert_array_equal(tensor.grad, 2 * gradient)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPERATIONS)
def test_views_and_strange_layouts_give_the_same(name, dtype):
    fused, _, _, shapes = OPERATIONS[name]
    arrays = [array.astype(dtype) for array in _inputs(shapes, seed=7)]
    y, expected = _with_gradients(fused, arrays)
    backwards = [np.asfortranarray(array) for array in arrays]
    for array in backwards:
        array.flags.writeable = False
    again, gradients = _with_gradients(fused, backwards)
    _close(again, y, dtype)
    for mine, other in zip(gradients, expected, strict=True):
        _close(mine, other, dtype)


FLOATS = st.sampled_from([np.float32, np.float64])


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(1, 3),
    c=st.integers(1, 3),
    o=st.integers(1, 3),
    image=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dtype=FLOATS,
)
def test_convolutions_of_any_shape(n, c, o, image, size, stride, padding, dtype):
    arrays = [array.astype(dtype) for array in _inputs([(n, c, *image), (o, c, *size), (o,)])]
    if size[0] > image[0] + 2 * padding or size[1] > image[1] + 2 * padding:
        with pytest.raises(ValueError, match="do not fit into images"):
            conv2d(*map(Tensor, arrays), stride, padding)
        return
    y, mine = _with_gradients(lambda x, w, b: conv2d(x, w, b, stride, padding), arrays)
    z, other = _with_gradients(lambda x, w, b: plain_conv2d(x, w, b, stride, padding), arrays)
    _close(y, z, dtype)
    for gradient, expected in zip(mine, other, strict=True):
        _close(gradient, expected, dtype)


@settings(deadline=None, max_examples=30)
@given(
    shape=st.tuples(*[st.integers(1, 3)] * 2, *[st.integers(1, 9)] * 2),
    size=st.integers(1, 3),
    stride=st.one_of(st.none(), st.integers(1, 4)),
    pool=st.sampled_from(["max", "mean"]),
    dtype=FLOATS,
)
def test_pooling_of_any_shape(shape, size, stride, pool, dtype):
    fused = {"max": max_pool2d, "mean": avg_pool2d}[pool]
    arrays = [array.astype(dtype) for array in _inputs([shape])]
    if size > min(shape[2:]):
        with pytest.raises(ValueError, match="do not fit into images"):
            fused(Tensor(arrays[0]), size, stride)
        return
    reduce = {"max": lambda part: part.max((2, 3)), "mean": lambda part: part.mean((2, 3))}[pool]
    y, mine = _with_gradients(lambda x: fused(x, size, stride), arrays)
    z, other = _with_gradients(lambda x: plain_pool(x, size, stride, reduce), arrays)
    _close(y, z, dtype)
    _close(mine[0], other[0], dtype)


@settings(deadline=None, max_examples=20)
@given(
    n=st.integers(1, 40),
    heads=st.integers(1, 3),
    t=st.integers(1, 20),
    d=st.integers(1, 9),
    causal=st.booleans(),
    dtype=FLOATS,
)
def test_attention_of_any_shape(n, heads, t, d, causal, dtype):
    arrays = [array.astype(dtype) for array in _inputs([(n, heads, t, d)] * 3)]
    y, mine = _with_gradients(lambda q, k, v: attention(q, k, v, causal), arrays)
    z, other = _with_gradients(lambda q, k, v: plain_attention(q, k, v, causal), arrays)
    _close(y, z, dtype)
    for gradient, expected in zip(mine, other, strict=True):
        _close(gradient, expected, dtype)


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 1500), k=st.integers(2, 40), m=st.integers(1, 40), dtype=FLOATS)
def test_rows_of_any_number(n, k, m, dtype):
    arrays = _inputs([(n, k), (k, m), (m,), (k,), (k,)])
    x, weights, bias, gain, shift = (array.astype(dtype) for array in arrays)
    for fused, plain, arrays in [
        (linear, plain_linear, [x, weights, bias]),
        (layer_norm, plain_layer_norm, [x, gain, shift]),
    ]:
        (y, mine), (z, other) = (_with_gradients(form, arrays) for form in (fused, plain))
        tolerance = 1e-3 if dtype == np.float32 else 1e-7
        np.testing.assert_allclose(y, z, rtol=tolerance, atol=tolerance)
        for gradient, expected in zip(mine, other, strict=True):
            largest = max(1.0, np.abs(expected).max())
            np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance * largest)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_rows_give_no_rows(dtype):
    x = Tensor(np.zeros((0, 3, 4, 4), dtype), requires_grad=True)
    filters = Tensor(np.ones((2, 3, 3, 3), dtype), requires_grad=True)
    y = max_pool2d(conv2d(x, filters, padding=1), 2)
    assert y.shape == (0, 2, 2, 2)
    y = gelu(y).reshape(0, 8)
    ones = Tensor(np.ones(8, dtype), requires_grad=True)
    y = layer_norm(linear(y, Tensor(np.ones((8, 8), dtype))), ones, ones)
    y = attention_of_product(linear(y, Tensor(np.ones((8, 6), dtype))).reshape(0, 5, 6), 2)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert not filters.grad.any()


# name -> operation, shapes large enough for several blocks of rows
LARGE = {
    "linear": (linear, [(1300, 20), (20, 9), (9,)]),
    "linear, no bias": (linear, [(3, 400, 20), (20, 9)]),
    "layer_norm": (layer_norm, [(1300, 20), (20,), (20,)]),
    "gelu": (gelu, [(300, 200)]),
    "attention": (lambda q, k, v: attention(q, k, v, causal=True), [(9, 3, 40, 8)] * 3),
    "cross entropy": (lambda z: softmax_cross_entropy(z, np.arange(1300) % 65), [(1300, 65)]),
    "convolution": (
        lambda x, w, b: conv2d(x, w, b, padding=1),
        [(9, 8, 9, 7), (16, 8, 3, 3), (16,)],
    ),
    "max pooling": (lambda x: max_pool2d(x, 2), [(9, 20, 30, 31)]),
    "attention of a product": (lambda x: attention_of_product(x, 2), [(9, 40, 48)]),
}


@pytest.mark.parametrize("name", LARGE)
def test_many_rows_give_in_float32_what_they_give_in_float64(name):
    operation, shapes = LARGE[name]
    arrays = _inputs(shapes, seed=8)
    y, mine = _with_gradients(operation, [array.astype(np.float32) for array in arrays])
    expected, others = _with_gradients(operation, arrays)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    for gradient, other in zip(mine, others, strict=True):
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


@pytest.mark.parametrize("name", LARGE)
def test_the_number_of_threads_changes_no_bit(name):
    operation, shapes = LARGE[name]
    arrays = [array.astype(np.float32) for array in _inputs(shapes, seed=9)]
    with threadpool_limits(1):
        y, mine = _with_gradients(operation, arrays)
    again, others = _with_gradients(operation, arrays)
    np.testing.assert_array_equal(y, again)
    for gradient, other in zip(mine, others, strict=True):
        np.testing.assert_array_equal(gradient, other)


def test_huge_logits_have_finite_losses():
    logits = Tensor(np.array([[1e4, -1e4, 0.0], [0.0, 1e4, 1e4]], np.float32), requires_grad=True)
    loss = softmax_cross_entropy(logits, [1, 0])
    loss.backward()
    assert loss.item() == pytest.approx(1.5e4, rel=1e-4)
    np.testing.assert_allclose(logits.grad, [[0.5, -0.5, 0], [-0.5, 0.25, 0.25]], atol=1e-6)


def test_huge_scores_attend_to_one_place():
    q = Tensor(np.full((1, 1, 2, 1), 1e3, np.float32), requires_grad=True)
    k = Tensor(np.array([1.0, -1.0], np.float32).reshape(1, 1, 2, 1) * 1e3)
    y = attention(q, k, Tensor(np.array([5.0, 7.0], np.float32).reshape(1, 1, 2, 1)))
    y.sum().backward()
    assert y.data.ravel().tolist() == [5, 5]
    assert np.abs(q.grad).max() < 1e-20


def test_a_constant_row_is_normalised_to_the_shift():
    x = Tensor(np.full((2, 3), 7.0), requires_grad=True)
    y = layer_norm(x, Tensor(np.ones(3)), Tensor(np.arange(3.0)))
    y.sum().backward()
    np.testing.assert_allclose(y.data, [[0, 1, 2]] * 2)
    assert np.isfinite(x.grad).all()


@pytest.mark.parametrize("name", ["linear", "layer_norm", "attention", "cross entropy"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_is_seen_in_the_result(name, dtype):
    fused, _, _, shapes = OPERATIONS[name]
    arrays = [array.astype(dtype) for array in _inputs(shapes)]
    arrays[0][...] = np.nan
    y, _ = _with_gradients(fused, arrays)
    assert np.isnan(y).all()


def test_errors_name_shapes_and_labels():
    x, weights = Tensor(np.ones((2, 3))), Tensor(np.ones((4, 5)))
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(4, 5\)"):
        linear(x, weights)
    with pytest.raises(ValueError, match=r"bias has shape \(2,\).*\(5,\)"):
        linear(Tensor(np.ones((2, 4))), weights, Tensor(np.ones(2)))
    with pytest.raises(ValueError, match=r"gain has shape \(2,\).*\(3,\)"):
        layer_norm(x, Tensor(np.ones(2)), Tensor(np.ones(3)))
    with pytest.raises(ValueError, match=r"\(1, 1, 2, 2\), \(1, 1, 3, 2\)"):
        attention(*(Tensor(np.ones((1, 1, t, 2))) for t in (2, 3, 3)))
    with pytest.raises(ValueError, match=r"\(1, 2, 4\).*2 heads"):
        attention_of_product(Tensor(np.ones((1, 2, 4))), 2)
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(4, 5\)"):
        conv2d(x, weights)
    with pytest.raises(ValueError, match="stride must be 1 or more"):
        conv2d(Tensor(np.ones((1, 1, 3, 3))), Tensor(np.ones((1, 1, 2, 2))), stride=0)
    with pytest.raises(ValueError, match=r"bias has shape \(3,\), 1 filters"):
        conv2d(Tensor(np.ones((1, 1, 3, 3))), Tensor(np.ones((1, 1, 2, 2))), Tensor(np.ones(3)))
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        max_pool2d(x, 2)


def test_labels_are_checked():
    logits = Tensor(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="Label 3 is out of range.*0 to 2"):
        softmax_cross_entropy(logits, [0, 3])
    with pytest.raises(ValueError, match="Label -1 is out of range"):
        softmax_cross_entropy(logits, [0, -1])
    with pytest.raises(ValueError, match=r"shape \(2,\).*got \(3,\)"):
        softmax_cross_entropy(logits, [0, 1, 2])
    with pytest.raises(TypeError, match="whole numbers.*float64"):
        softmax_cross_entropy(logits, [0.0, 1.0])
    with pytest.raises(ValueError, match=r"weights has shape \(1,\)"):
        softmax_cross_entropy(logits, [0, 1], [1.0])
    with pytest.raises(ValueError, match="0 or more"):
        softmax_cross_entropy(logits, [0, 1], [0.0, 0.0])
    with pytest.raises(ValueError, match="no target"):
        softmax_cross_entropy(Tensor(np.zeros((0, 3))), np.zeros(0, np.int64))
