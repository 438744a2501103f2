"""Every layer: shapes, gradients by central differences, the same as PyTorch's, clear refusals."""

from __future__ import annotations

import pickle
from math import sqrt

import numpy as np
import pytest
from oracles.central_differences import central_differences

from groundup.neural_network import Network, Tensor
from groundup.neural_network.initialisation import glorot, he, orthogonal, unit_rows
from groundup.neural_network.layers import (
    GRU,
    LSTM,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Gelu,
    GlobalAverage,
    LayerNorm,
    MaxPool2d,
    MultiHeadAttention,
    PositionalEmbedding,
    Relu,
    Reshape,
    Residual,
    Sequential,
    ShapeError,
    Sigmoid,
    Softmax,
    Tanh,
    TransformerBlock,
    Upsample2d,
)

# layer, shape of a row that comes, shape of a row that leaves
EACH = [
    (Dense(4), (3,), (4,)),
    (Dense(4, bias=False), (3,), (4,)),
    (Dense(2), (5, 3), (5, 2)),
    (Relu(), (3,), (3,)),
    (Gelu(), (3,), (3,)),
    (Tanh(), (2, 3), (2, 3)),
    (Sigmoid(), (3,), (3,)),
    (Softmax(), (2, 3), (2, 3)),
    (Flatten(), (2, 3, 2), (12,)),
    (Reshape((1, 2, 3)), (6,), (1, 2, 3)),
    (Reshape((2, -1)), (6,), (2, 3)),
    (Dropout(0.4), (6,), (6,)),
    (Conv2d(2, 3), (2, 5, 4), (2, 3, 2)),
    (Conv2d(3, 2, stride=2, padding=1, bias=False), (1, 4, 5), (3, 3, 3)),
    (Conv2d(2, padding="same"), (1, 4, 3), (2, 4, 3)),
    (MaxPool2d(2), (2, 5, 4), (2, 2, 2)),
    (MaxPool2d(3, stride=1), (1, 4, 4), (1, 2, 2)),
    (AveragePool2d(2), (2, 4, 4), (2, 2, 2)),
    (Upsample2d(2), (2, 2, 3), (2, 4, 6)),
    (GlobalAverage(), (2, 3, 4), (2,)),
    (GlobalAverage(), (4, 3), (3,)),
    (LayerNorm(), (4,), (4,)),
    (LayerNorm(), (3, 4), (3, 4)),
    (BatchNorm(), (3,), (3,)),
    (BatchNorm(), (2, 3, 2), (2, 3, 2)),
    (PositionalEmbedding(), (4, 3), (4, 3)),
    (LSTM(3), (4, 2), (4, 3)),
    (LSTM(3, outputs="last"), (4, 2), (3,)),
    (GRU(3), (4, 2), (4, 3)),
    (GRU(3, outputs="last"), (4, 2), (3,)),
    (MultiHeadAttention(2), (3, 4), (3, 4)),
    (MultiHeadAttention(1, causal=True), (3, 2), (3, 2)),
    (TransformerBlock(2, expansion=2), (3, 4), (3, 4)),
    (TransformerBlock(2, causal=True, expansion=1, dropout=0.2), (3, 4), (3, 4)),
    (Sequential([Dense(3), Tanh(), Dense(2)]), (2,), (2,)),
    (Residual([Dense(3), Tanh(), Dense(2)]), (2,), (2,)),
]
each = pytest.mark.parametrize(("layer", "came", "left"), EACH, ids=lambda part: str(part))


def network_of(layer, shape, dtype="float64"):
    """Return a network of one layer whose weights are all random: also constants and gains."""
    network = Network([layer], shape, dtype=dtype, random_state=0)
    network.weights += 0.3 * np.random.default_rng(1).normal(size=network.weights.shape)
    return network


def rows_of(shape, n=5, seed=2):
    return np.random.default_rng(seed).normal(size=(n, *shape))


@each
def test_the_shape_that_is_promised_is_the_shape_that_leaves(layer, came, left):
    weights, promised = layer.build(came, np.random.default_rng(0))
    assert promised == left
    assert network_of(layer, came)(rows_of(came)).shape == (5, *left)
    assert network_of(layer, came, "float32")(rows_of(came)).dtype == np.float32
    assert all(isinstance(name, str) for name in weights)


@each
def test_gradients_are_those_of_central_differences(layer, came, left):
    network, x = network_of(layer, came), rows_of(came, n=3)
    slopes = rows_of(left, n=3, seed=3)

    def loss_of(weights, values):
        network.weights[:] = weights
        noise = np.random.default_rng(4)  # the same noise each time
        return float((network(values, training=noise).data * slopes).sum())

    before = network.weights.copy()
    in_weights, in_x = central_differences(loss_of, [before, x])
    network.weights[:] = before
    inputs = Tensor(x, requires_grad=True)
    network.forward(inputs, training=np.random.default_rng(4)).backward(slopes)
    np.testing.assert_allclose(network.gradient, in_weights, atol=2e-7)
    np.testing.assert_allclose(inputs.grad, in_x, atol=2e-7)


@each
def test_a_layer_is_plain_data_and_builds_the_same_again(layer, came, left):
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert eval(repr(layer), globals()) == layer
    one, two = (Network([layer], came, random_state=7).weights for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_embedding_looks_up_rows_and_their_gradients_add_up():
    network = Network([Embedding(5, 3)], (4,), dtype="float64", random_state=0)
    x = np.array([[0, 1, 1, 4], [4, 4, 2, 0]])
    table = network.weights.reshape(5, 3)
    y = network(x)
    np.testing.assert_array_equal(y.data, table[x])
    np.testing.assert_array_equal(network(x.astype(float)).data, table[x])
    y.sum().backward()
    # symbol k was used so often
    counts = np.bincount(x.ravel(), minlength=5)
    np.testing.assert_array_equal(
        network.gradient.reshape(5, 3), np.repeat(counts, 3).reshape(5, 3)
    )


@pytest.mark.parametrize("wrong", [-1, 5, 0.5])
def test_embedding_names_a_number_that_is_no_symbol(wrong):
    network = Network([Embedding(5, 3)], (2,), random_state=0)
    with pytest.raises(ValueError, match=f"0 to 4, got {wrong:g}"):
        network(np.array([[1, wrong]]))


def test_causal_layers_do_not_see_what_comes_later():
    x = rows_of((6, 4))
    later = x.copy()
    later[:, 4:] += rows_of((2, 4), seed=6)
    for layer in (TransformerBlock(2, causal=True), MultiHeadAttention(2, causal=True), LSTM(3)):
        network = network_of(layer, (6, 4))
        before, after = network(x).data, network(later).data
        np.testing.assert_allclose(before[:, :4], after[:, :4], rtol=1e-12)
        assert not np.allclose(before[:, 4:], after[:, 4:])
    seeing = network_of(TransformerBlock(2), (6, 4))
    assert not np.allclose(seeing(x).data[:, :4], seeing(later).data[:, :4])


def test_dropout_keeps_the_mean_and_is_off_in_prediction():
    network = Network([Dropout(0.25)], (10_000,), random_state=0)
    ones = np.ones((1, 10_000))
    np.testing.assert_array_equal(network(ones).data, ones)
    noisy = network(ones, training=True).data
    assert set(np.unique(noisy).round(5)) == {0.0, np.float32(1 / 0.75).round(5)}
    assert noisy.mean() == pytest.approx(1.0, abs=0.03)
    assert not np.array_equal(noisy, network(ones, training=True).data)


def test_batch_norm_predicts_by_the_averages_of_training():
    network = Network([BatchNorm(momentum=0.5)], (2,), dtype="float64", random_state=0)
    x = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 6.0]])
    y = network(x, training=True).data
    np.testing.assert_allclose(y.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=0), 1.0, rtol=1e-4)
    state = network.state()
    np.testing.assert_allclose(state["0.running_mean"], x.mean(axis=0) / 2)
    np.testing.assert_allclose(state["0.running_variance"], (1 + x.var(axis=0, ddof=1)) / 2)
    expected = (x - x.mean(axis=0) / 2) / np.sqrt((1 + x.var(axis=0, ddof=1)) / 2 + 1e-5)
    np.testing.assert_allclose(network(x).data, expected)
    # a single row has no variance: it is normalised by the averages, and leaves them alone
    np.testing.assert_allclose(network(x[:1], training=True).data, expected[:1])
    np.testing.assert_array_equal(network.state()["0.running_mean"], state["0.running_mean"])


# ---- PyTorch ----


def copied(tensor, values):
    import torch

    with torch.no_grad():
        tensor.copy_(torch.tensor(np.ascontiguousarray(values)))


def torch_twin(layer, shape, state):
    """Return PyTorch's module of a layer, with the same weights."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    w = {name.removeprefix("0."): values for name, values in state.items()}
    if isinstance(layer, Dense):
        twin = nn.Linear(shape[-1], layer.units).double()
        copied(twin.weight, w["weights"].T)
        copied(twin.bias, w["bias"])
    elif isinstance(layer, Conv2d):
        twin = nn.Conv2d(shape[0], layer.channels, layer.size, layer.stride, layer.padding).double()
        copied(twin.weight, w["weights"])
        copied(twin.bias, w["bias"])
    elif isinstance(layer, (LayerNorm, BatchNorm)):
        if isinstance(layer, LayerNorm):
            twin = nn.LayerNorm(shape[-1]).double()
        else:
            twin = (nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(shape[0]).double()
        copied(twin.weight, w["gain"])
        copied(twin.bias, w["shift"])
    elif isinstance(layer, LSTM):
        twin = nn.LSTM(shape[-1], layer.units, batch_first=True).double()
        copied(twin.weight_ih_l0, w["input_weights"].T)
        copied(twin.weight_hh_l0, w["recurrent_weights"].T)
        copied(twin.bias_ih_l0, w["bias"])
        copied(twin.bias_hh_l0, 0 * w["bias"])
    elif isinstance(layer, GRU):
        twin = nn.GRU(shape[-1], layer.units, batch_first=True).double()
        copied(twin.weight_ih_l0, w["input_weights"].T)
        copied(twin.weight_hh_l0, w["recurrent_weights"].T)
        copied(twin.bias_ih_l0, w["bias"])
        copied(twin.bias_hh_l0, np.r_[np.zeros(2 * layer.units), w["candidate_bias"]])
    elif isinstance(layer, MultiHeadAttention):
        twin = nn.MultiheadAttention(shape[-1], layer.heads, batch_first=True).double()
        copied_attention(twin, w)
    elif isinstance(layer, TransformerBlock):
        d = shape[-1]
        twin = nn.TransformerEncoderLayer(
            d, layer.heads, layer.expansion * d, 0.0, "gelu", batch_first=True, norm_first=True
        ).double()
        copied_attention(
            twin.self_attn,
            {k.removeprefix("attention."): v for k, v in w.items() if k.startswith("attention.")},
        )
        for norm, name in ((twin.norm1, "attention_norm"), (twin.norm2, "dense_norm")):
            copied(norm.weight, w[f"{name}.gain"])
            copied(norm.bias, w[f"{name}.shift"])
        for dense, name in ((twin.linear1, "expand"), (twin.linear2, "contract")):
            copied(dense.weight, w[f"{name}.weights"].T)
            copied(dense.bias, w[f"{name}.bias"])
    else:
        twin = {
            Gelu: nn.GELU(),
            MaxPool2d: nn.MaxPool2d(2),
            AveragePool2d: nn.AvgPool2d(2),
            Upsample2d: nn.Upsample(scale_factor=2),
        }[type(layer)]
    return twin


def copied_attention(twin, w):
    copied(twin.in_proj_weight, w["queries_keys_values.weights"].T)
    copied(twin.in_proj_bias, w["queries_keys_values.bias"])
    copied(twin.out_proj.weight, w["output.weights"].T)
    copied(twin.out_proj.bias, w["output.bias"])


def answer_of(twin, layer, x):
    """Return the twin's output for x."""
    import torch

    causal = getattr(layer, "causal", False)
    hidden = torch.triu(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), 1) if causal else None
    if isinstance(layer, MultiHeadAttention):
        return twin(x, x, x, attn_mask=hidden, need_weights=False)[0]
    if isinstance(layer, TransformerBlock):
        return twin(x, src_mask=hidden, is_causal=causal)
    y = twin(x)
    if isinstance(layer, (LSTM, GRU)):
        return y[0][:, -1] if layer.outputs == "last" else y[0]
    return y


WITH_TWINS = [
    (Dense(4), (3,)),
    (Gelu(), (6,)),
    (Conv2d(3, 3, stride=2, padding=1), (2, 6, 5)),
    (MaxPool2d(2), (2, 5, 4)),
    (AveragePool2d(2), (2, 5, 4)),
    (Upsample2d(2), (2, 2, 3)),
    (LayerNorm(), (5, 4)),
    (BatchNorm(), (3,)),
    (BatchNorm(), (2, 3, 4)),
    (LSTM(5), (6, 3)),
    (LSTM(5, outputs="last"), (6, 3)),
    (GRU(5), (6, 3)),
    (MultiHeadAttention(2), (5, 6)),
    (MultiHeadAttention(3, causal=True), (5, 6)),
    (TransformerBlock(2, causal=True), (5, 8)),
    (TransformerBlock(4), (5, 8)),
]


@pytest.mark.parametrize(("layer", "shape"), WITH_TWINS, ids=str)
def test_the_same_as_pytorch_there_and_back(layer, shape):
    torch = pytest.importorskip("torch")
    network, x = network_of(layer, shape), rows_of(shape)
    twin = torch_twin(layer, shape, network.state()).train()
    theirs_x = torch.tensor(x, requires_grad=True)
    theirs = answer_of(twin, layer, theirs_x)
    ours_x = Tensor(x, requires_grad=True)
    ours = network.forward(ours_x, training=True)
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), atol=1e-10)
    slopes = rows_of(ours.shape[1:], seed=5)
    ours.backward(slopes)
    theirs.backward(torch.tensor(slopes))
    np.testing.assert_allclose(ours_x.grad, theirs_x.grad.numpy(), atol=1e-9)
    squares = {"ours": float(network.gradient @ network.gradient)}
    unused = 0.0  # PyTorch's second constants, which ours do not have
    for name, parameter in twin.named_parameters():
        square = float((parameter.grad**2).sum())
        if name == "bias_hh_l0":
            units = getattr(layer, "units", 0)
            kept = parameter.grad[2 * units :] if isinstance(layer, GRU) else parameter.grad[:0]
            unused += square - float((kept**2).sum())
    theirs_sum = sum(float((p.grad**2).sum()) for p in twin.parameters()) - unused
    assert squares["ours"] == pytest.approx(theirs_sum, rel=1e-9)


# ---- where weights begin ----


def test_the_start_has_the_variance_that_it_is_named_for():
    generator = np.random.default_rng(0)
    assert he(generator, (300, 200), 300, 200).var() == pytest.approx(2 / 300, rel=0.03)
    assert glorot(generator, (300, 200), 300, 200).var() == pytest.approx(2 / 500, rel=0.03)
    assert unit_rows(generator, 500, 64).var() == pytest.approx(1 / 64, rel=0.03)
    W = orthogonal(generator, 20)
    np.testing.assert_allclose(W @ W.T, np.eye(20), atol=1e-12)


def test_dense_begins_as_suits_the_activation_that_follows():
    layers = [Dense(400), BatchNorm(), Relu(), Dense(400), Dropout(0.1), Tanh(), Dense(400)]
    state = Network(layers, (400,), random_state=0).state()
    variances = [state[f"{i}.weights"].var() for i in (0, 3, 6)]
    assert variances == pytest.approx([2 / 400, 1 / 400, 1 / 400], rel=0.03)
    chosen = Network([Dense(400, start="he"), Tanh()], (400,), random_state=0).state()
    assert chosen["0.weights"].var() == pytest.approx(2 / 400, rel=0.03)


def test_signals_keep_their_size_through_many_layers():
    x = rows_of((256,), n=64)
    deep = Network([Dense(256), Relu()] * 20, (256,), random_state=0)
    assert 0.3 < np.std(deep(x).data) < 3.0
    blocks = Network([TransformerBlock(4)] * 12, (8, 32), random_state=0)
    assert 0.7 < np.std(blocks(rows_of((8, 32))).data) < 2.5


def test_residuals_begin_smaller_the_more_there_are():
    one = Network([TransformerBlock(2)], (3, 64), random_state=0).state()
    eight = Network([TransformerBlock(2)] * 8, (3, 64), random_state=0).state()
    for name in ("attention.output.weights", "contract.weights"):
        ratio = one[f"0.{name}"].std() / eight[f"0.{name}"].std()
        assert ratio == pytest.approx(sqrt(8), rel=0.05)
    nested = Sequential([Residual([Dense(64)]), Residual([Residual([Dense(64)]), Dense(64)])])
    assert nested.count_residuals() == 3


def test_the_forget_gate_begins_open():
    bias = Network([LSTM(3)], (2, 2), random_state=0).state()["0.bias"]
    np.testing.assert_array_equal(bias, np.repeat([0.0, 1.0, 0.0, 0.0], 3))


# ---- refusals ----

DO_NOT_FIT = [
    ([Dense(3), Conv2d(4)], (5,), "Layer 1 Conv2d(4) was given rows of shape (3,)", "Reshape"),
    ([Conv2d(4), Dense(3)], (1, 5, 5), "Layer 1 Dense(3) was given rows of shape (4, 3, 3)", "Fl"),
    ([Reshape((1, 8, 8))], (63,), "Layer 0 Reshape((1, 8, 8)) was given rows of shape (63,)", "64"),
    ([Reshape((4, -1))], (63,), "Layer 0 Reshape((4, -1))", "multiple of 4"),
    ([Conv2d(4, 5)], (1, 4, 9), "Layer 0 Conv2d(4, size=5)", "at least 5 x 5"),
    ([MaxPool2d(3)], (1, 2, 9), "Layer 0 MaxPool2d(3)", "at least 3 x 3"),
    ([AveragePool2d(2)], (9,), "Layer 0 AveragePool2d() was given", "height, width"),
    ([LSTM(3)], (9,), "Layer 0 LSTM(3) was given rows of shape (9,)", "positions, features"),
    ([Dense(6), TransformerBlock(4)], (5, 9), "Layer 1 TransformerBlock(4)", "heads"),
    ([BatchNorm()], (5, 9), "Layer 0 BatchNorm()", "LayerNorm"),
    ([LayerNorm()], (1, 5, 9), "Layer 0 LayerNorm()", "BatchNorm"),
    ([GlobalAverage()], (5,), "Layer 0 GlobalAverage()", "nothing to average"),
    ([Embedding(4, 2)], (5, 9), "Layer 0 Embedding(4, size=2)", "symbols of a sequence"),
    ([PositionalEmbedding()], (5,), "Layer 0 PositionalEmbedding()", "Embedding"),
    ([Upsample2d()], (5,), "Layer 0 Upsample2d()", "height, width"),
    ([Tanh(), Residual([Dense(4)])], (5,), "Layer 1 Residual((Dense(4),))", "keep the shape"),
    (
        [Tanh(), Residual([Relu(), Conv2d(4)])],
        (5,),
        "Layer 1, layer 1 Conv2d(4) was given rows of shape (5,), but it takes",
        "Reshape",
    ),
]


@pytest.mark.parametrize(("layers", "shape", "place", "advice"), DO_NOT_FIT, ids=lambda p: str(p))
def test_a_shape_that_does_not_fit_is_told_with_the_place(layers, shape, place, advice):
    with pytest.raises(ShapeError) as told:
        Network(layers, shape)
    assert str(told.value).startswith(place)
    assert advice in str(told.value)
    again = pickle.loads(pickle.dumps(told.value))
    assert str(again) == str(told.value)
    assert isinstance(again, ValueError)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "Dense: units must be a whole number of at least 1, got 0"),
        (lambda: Dense(2.5), "got 2.5"),
        (lambda: Dense(2, start="large"), "start must be one of 'he', 'glorot'"),
        (lambda: Conv2d(2, 4, padding="same"), "odd size"),
        (lambda: Conv2d(2, 3, padding="valid"), 'whole number or "same"'),
        (lambda: Conv2d(2, 3, padding=-1), "at least 0"),
        (lambda: Dropout(1.0), "below 1, got 1.0"),
        (lambda: Reshape((2, -1, -1)), "one of them may be -1"),
        (lambda: LSTM(3, outputs="first"), "outputs must be one of 'all', 'last'"),
        (lambda: Sequential(Dense(3)), "Sequential takes a list of layers"),
        (lambda: Sequential([Dense(3), Relu]), "layer 1 is the class Relu, not a layer"),
        (lambda: Sequential([Dense(3), "relu"]), "layer 1 is 'relu', which is no layer"),
    ],
)
def test_sizes_that_make_no_sense_are_refused_at_once(make, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        make()
