"""A network by hand: weights in one vector, by name, and blocks of rows."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from groundup.neural_network import Network, Tensor
from groundup.neural_network.layers import (
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    PositionalEmbedding,
    Relu,
    Reshape,
    Sequential,
    Tanh,
    TransformerBlock,
)
from groundup.neural_network.losses import squared_error
from groundup.optim import Plain

LAYERS = [Reshape((1, 4, 4)), Conv2d(3), BatchNorm(), Relu(), Dropout(0.2), Flatten(), Dense(2)]
X = np.random.default_rng(0).normal(size=(600, 16))


def test_the_vector_holds_all_weights_and_then_the_averages():
    network = Network(LAYERS, (16,), random_state=0)
    names = list(network.state())
    assert names == [
        *("1.weights", "1.bias", "2.gain", "2.shift", "6.weights", "6.bias"),
        *("2.running_mean", "2.running_variance"),
    ]
    assert network.weights.shape == network.gradient.shape == (27 + 3 + 3 + 3 + 24 + 2,)
    assert network.parameters.vector.shape == (network.weights.size + 6,)
    network.weights[:] = 0.0
    assert not network.state()["6.weights"].any()
    assert network.state()["2.running_variance"].all()


def test_gradients_add_up_until_they_are_forgotten():
    network = Network([Dense(1)], (16,), dtype="float64", random_state=0)
    for times in (1, 2):
        network(X).sum().backward()
        np.testing.assert_allclose(network.gradient[:16], times * X.sum(axis=0))
    network.zero_gradient()
    assert not network.gradient.any()


def test_state_and_load_carry_a_network_over():
    one, two = (Network(LAYERS, (16,), random_state=seed) for seed in (0, 1))
    one(X, training=True)
    two.load(one.state())
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    state = one.state()
    with pytest.raises(ValueError, match="only one of both: 6.bias"):
        two.load({name: state[name] for name in state if name != "6.bias"})
    with pytest.raises(ValueError, match=r"6.bias has shape \(3,\), the network's is \(2,\)"):
        two.load({**state, "6.bias": np.zeros(3)})
    np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_two_networks_can_share_weights():
    vector = np.zeros(3, np.float32)
    one = Network([Dense(1)], (2,), vector=vector)
    two = Network([Dense(1)], (2,), vector=vector, shapes=one.parameters.shapes)
    one.weights += 1.0
    np.testing.assert_array_equal(two.predict(np.ones((1, 2))), [[3.0]])
    with pytest.raises(ValueError, match=r"has 3 numbers, the vector has shape \(4,\)"):
        Network([Dense(1)], (2,), vector=np.zeros(4, np.float32))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_is_a_whole_network_of_its_own(copied):
    original = Network(LAYERS, (16,), random_state=0)
    original(X, training=True).sum().backward()
    before, gradient = original.predict(X), original.gradient.copy()
    other = copied(original)
    np.testing.assert_array_equal(other.predict(X), before)
    np.testing.assert_array_equal(other.gradient, gradient)
    other.zero_gradient()
    other(X).sum().backward()
    assert other.gradient.any()
    other.weights += 1.0
    assert not np.array_equal(other.predict(X), before)
    other.weights = original.weights
    np.testing.assert_array_equal(other.predict(X), before)
    other.parameters.vector[:] = 0.0
    assert not other.predict(X).any()
    np.testing.assert_array_equal(original.predict(X), before)
    np.testing.assert_array_equal(original.gradient, gradient)


def test_forgetting_the_gradient_of_one_weight_keeps_it_in_the_network():
    network = Network([Dense(1)], (16,), dtype="float64", random_state=0)
    network(X).sum().backward()
    network.parameters.tree["0"]["weights"].zero_grad()
    assert not network.gradient[:16].any()
    assert network.gradient[16] == len(X)
    network(X).sum().backward()
    np.testing.assert_allclose(network.gradient[:16], X.sum(axis=0))


def test_a_row_is_predicted_to_the_same_bits_in_any_company_by_small_layers():
    network = Network([*LAYERS, Tanh(), Dense(40), Relu(), Dense(1)], (16,), random_state=0)
    whole = network.predict(X)
    for rows in (slice(0, 1), slice(5, 8), slice(3, 299), slice(256, 257), slice(100, 600)):
        np.testing.assert_array_equal(network.predict(X[rows]), whole[rows])
    assert network.predict(X[:0]).shape == (0, 1)


def test_the_output_of_each_layer():
    network = Network(LAYERS, (16,), random_state=0)
    outputs = network.outputs(X[:8])
    shapes = [(1, 4, 4), (3, 2, 2), (3, 2, 2), (3, 2, 2), (3, 2, 2), (12,), (2,)]
    assert [output.shape[1:] for output in outputs] == shapes
    for number, output in enumerate(outputs):
        np.testing.assert_array_equal(network.predict(X[:8], number), output)
        np.testing.assert_array_equal(network.predict(X[:8], number - 7), output)
    with pytest.raises(ValueError, match="There are 7 layers, counted from 0 to 6"):
        network.predict(X, 7)
    assert str(network).splitlines()[1].split() == [
        *("layer", "1", "Conv2d(3)", "(3,", "2,", "2)", "30", "weights")
    ]


def test_rows_of_another_shape_are_refused_but_sequences_may_be_shorter():
    network = Network(LAYERS, (16,))
    for wrong in (X[:, :15], X[0], 3.0):
        with pytest.raises(ValueError, match=r"rows of shape \(16,\), got an array of shape"):
            network(wrong)
    layers = [Embedding(9, 4), PositionalEmbedding(), TransformerBlock(2, causal=True)]
    reader = Network(layers, (6,), random_state=0)
    text = np.random.default_rng(0).integers(0, 9, size=(3, 6))
    np.testing.assert_allclose(reader(text[:, :4]).data, reader(text).data[:, :4], atol=1e-6)
    with pytest.raises(ValueError, match="shape"):
        reader(text[0])
    with pytest.raises(ValueError, match="Sequences of 12 positions.*vectors for 6"):
        reader(np.hstack([text, text]))
    without_positions = Network([Embedding(9, 4), Dense(2)], (6,))
    assert without_positions(np.hstack([text, text])).shape == (3, 12, 2)


def test_an_adversarial_pair_trains_each_side_alone():
    # what a generative adversarial network needs: a gradient through one network into another
    maker = Network(Sequential([Dense(4), Tanh(), Dense(2)]), (3,), dtype="float64", random_state=0)
    judge = Network(Sequential([Dense(4), Tanh(), Dense(1)]), (2,), dtype="float64", random_state=1)
    noise = np.random.default_rng(0).normal(size=(8, 3))
    before = judge.weights.copy()
    losses = []
    for _ in range(20):
        loss = squared_error(judge(maker(noise, training=True)), np.ones((8, 1)))
        maker.zero_gradient()
        loss.backward()
        Plain().update(maker.weights, maker.gradient, 0.1, {})
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    np.testing.assert_array_equal(judge.weights, before)


def test_noise_comes_from_the_seed():
    def noisy(seed):
        network = Network(LAYERS, (16,), random_state=seed)
        return network(X, training=True).data

    np.testing.assert_array_equal(noisy(3), noisy(3))
    assert not np.array_equal(noisy(3), noisy(4))
    assert isinstance(Network(LAYERS, (16,)).as_input(Tensor(X)), Tensor)
