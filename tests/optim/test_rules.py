"""Update rules against loops written out by hand, and against what the formulas promise."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import optim_loops

from groundup._estimator import read_only
from groundup.optim import Adam, Clipped, Momentum, Nesterov, Plain, RMSProp, WeightDecay
from groundup.optim.rules import LONG

RATE = 0.03


def follow(rule, w, gradients):
    w = np.array(w, dtype=np.float64)
    memory = rule.start(w)
    for g in gradients:
        rule.update(w, np.array(g, dtype=np.float64), RATE, memory)
    return w


@pytest.fixture(params=range(5))
def gradients(request):
    generator = np.random.default_rng(request.param)
    return (generator.normal(size=(12, 4)) * 10.0 ** generator.integers(-3, 4, size=4)).tolist()


START = [1.0, -2.0, 0.5, 3.0]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Plain(), lambda g: optim_loops.plain(START[:], g, RATE)),
        (Momentum(0.8), lambda g: optim_loops.momentum(START[:], g, RATE, 0.8)),
        (RMSProp(0.7, 1e-6), lambda g: optim_loops.rmsprop(START[:], g, RATE, 0.7, 1e-6)),
        (Adam(0.6, 0.9, 1e-7), lambda g: optim_loops.adam(START[:], g, RATE, 0.6, 0.9, 1e-7)),
    ],
    ids=["plain", "momentum", "rmsprop", "adam"],
)
def test_rule_equals_the_loop_written_by_hand(rule, expected, gradients):
    np.testing.assert_allclose(follow(rule, START, gradients), expected(gradients), rtol=1e-12)


def test_nesterov_is_the_textbook_sequence_seen_from_the_look_ahead_point():
    H = np.array([[3.0, 0.5], [0.5, 1.0]])
    rule, w = Nesterov(0.7), np.array([2.0, -1.0])
    memory = rule.start(w)
    path = []
    for _ in range(20):
        rule.update(w, H @ w, RATE, memory)
        path.append(w.copy())
    expected = optim_loops.nesterov_look_ahead(
        lambda v: (H @ np.array(v)).tolist(), [2.0, -1.0], RATE, 0.7, 20
    )
    np.testing.assert_allclose(path, expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e5])
def test_first_step_of_adam_has_the_length_of_the_rate_whatever_the_gradient(scale):
    w = follow(Adam(epsilon=0.0), [0.0, 0.0], [[scale, -3 * scale]])
    np.testing.assert_allclose(w, [-RATE, RATE], rtol=1e-12)


def test_adam_under_a_constant_gradient_is_unbiased_at_every_step():
    for n in range(1, 30):
        w = follow(Adam(epsilon=0.0), [0.0], [[2.0]] * n)
        np.testing.assert_allclose(w, [-RATE * n], rtol=1e-10)


def test_momentum_under_a_constant_gradient_reaches_its_final_speed():
    one = follow(Momentum(0.9), [0.0], [[1.0]] * 400)
    two = follow(Momentum(0.9), [0.0], [[1.0]] * 401)
    np.testing.assert_allclose(one - two, RATE / (1 - 0.9), rtol=1e-10)


def test_clipped_bounds_the_length_and_keeps_the_direction():
    np.testing.assert_allclose(
        follow(Clipped(max_norm=5.0), [0.0, 0.0], [[30.0, 40.0]]), [-3 * RATE, -4 * RATE]
    )
    np.testing.assert_allclose(
        follow(Clipped(max_norm=5.0), [0.0, 0.0], [[0.3, 0.4]]), [-0.3 * RATE, -0.4 * RATE]
    )


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e25), (np.float64, 1e200)])
def test_clipping_holds_where_the_squares_of_a_gradient_overflow(dtype, size):
    w = np.zeros(2, dtype=dtype)
    Clipped(max_norm=5.0).update(w, np.array([3 * size, 4 * size], dtype=dtype), 0.1, {})
    np.testing.assert_allclose(w, [-0.3, -0.4], rtol=1e-6)
    w[:] = 0.0
    Clipped(max_norm=10 * size).update(w, np.array([3 * size, 4 * size], dtype=dtype), 0.1, {})
    np.testing.assert_allclose(w, [-0.3 * size, -0.4 * size], rtol=1e-6)


def test_weight_decay_around_plain_is_an_l2_penalty(gradients):
    decayed = follow(WeightDecay(0.2), START, gradients)
    w = np.array(START)
    for g in gradients:
        w -= RATE * (np.array(g) + 0.2 * w)
    np.testing.assert_allclose(decayed, w, rtol=1e-12)


def test_one_rule_serves_two_descents(gradients):
    rule = Adam()
    alone = follow(Adam(), START, gradients)
    w1, w2 = np.array(START), np.zeros(4)
    memory1, memory2 = rule.start(w1), rule.start(w2)
    for g in gradients:
        rule.update(w1, np.array(g), RATE, memory1)
        rule.update(w2, -np.array(g), RATE, memory2)
    np.testing.assert_array_equal(w1, alone)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Momentum(1.0),
        lambda: Nesterov(-0.1),
        lambda: RMSProp(decay=1.5),
        lambda: Adam(beta2=1.0),
        lambda: Clipped(max_norm=0.0),
        lambda: WeightDecay(-1.0),
    ],
)
def test_a_constant_out_of_range_is_named(make):
    with pytest.raises(ValueError, match="got"):
        make()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", [Momentum(0.8), Nesterov(0.7), Adam(0.8, 0.95, 1e-6)], ids=repr)
def test_the_compiled_form_equals_the_lines_of_numpy(rule, dtype):
    generator = np.random.default_rng(0)
    start = generator.normal(size=LONG + 3).astype(dtype)
    compiled, plain = start.copy(), start.copy()
    memory, plain_memory = rule.start(compiled), rule.start(plain)
    for _ in range(5):
        g = generator.normal(size=start.size).astype(dtype)
        rule.update(compiled, g, RATE, memory)
        rule.update(plain, read_only(g), RATE, plain_memory)  # which the kernels do not take
    assert compiled.dtype == dtype
    tolerance = 30 * np.finfo(dtype).eps
    np.testing.assert_allclose(compiled, plain, rtol=tolerance, atol=tolerance)
    for name, value in memory.items():
        np.testing.assert_allclose(value, plain_memory[name], rtol=tolerance, atol=tolerance)
