"""Losses: values, derivatives, constants and links against differences and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn._loss import loss as twins

from groundup.ensemble._losses import CODES, Loss

N = 700  # more than two tiles
LOSSES = [
    Loss("squared_error"),
    Loss("absolute_error"),
    Loss("quantile", 0.3),
    Loss("poisson"),
    Loss("gamma"),
    Loss("log_loss"),
    Loss("log_loss", n_trees=4),
]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.name}-{loss.n_trees}")


def _data(loss, seed=0, n=N):
    rng = np.random.default_rng(seed)
    if loss.name == "log_loss":
        y = rng.integers(0, max(2, loss.n_trees), n).astype(float)
    else:
        y = rng.gamma(2.0, size=n)
    return y, 2.0 * rng.normal(size=(loss.n_trees, n)), rng.uniform(0.1, 3.0, n)


def _twin(loss, weight=None):
    if loss.name == "log_loss" and loss.n_trees > 1:
        return twins.HalfMultinomialLoss(n_classes=loss.n_trees, sample_weight=weight)
    if loss.name == "quantile":
        return twins.PinballLoss(quantile=loss.quantile, sample_weight=weight)
    named = {
        "squared_error": twins.HalfSquaredError,
        "absolute_error": twins.AbsoluteError,
        "poisson": twins.HalfPoissonLoss,
        "gamma": twins.HalfGammaLoss,
        "log_loss": twins.HalfBinomialLoss,
    }
    return named[loss.name](sample_weight=weight)


def _derivatives(loss, y, raw, weight=None, n_threads=1):
    gradient = np.full(raw.shape, np.nan, dtype=np.float32)
    hessian = np.full(raw.shape, np.nan, dtype=np.float32)
    value = loss.derivatives(y, raw, weight, gradient, hessian, n_threads)
    return value, gradient, hessian


def test_every_loss_is_tested():
    assert {loss.name for loss in LOSSES} == set(CODES)


@each_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_equal_to_scikit_learn(loss, weighted):
    y, raw, weight = _data(loss)
    weight = weight if weighted else None
    twin = _twin(loss, weight)
    theirs = np.ascontiguousarray(raw.T) if loss.n_trees > 1 else raw[0]
    value, gradient, hessian = _derivatives(loss, y, raw, weight)
    assert value == pytest.approx(twin(y, theirs, weight), rel=1e-12)
    g, h = twin.gradient_hessian(y, theirs, weight)
    np.testing.assert_allclose(gradient.T.reshape(g.shape), g, rtol=1e-6, atol=1e-7)
    if twin.constant_hessian:
        h = np.ones_like(g)
    np.testing.assert_allclose(hessian.T.reshape(h.shape), h, rtol=1e-6, atol=1e-7)
    if loss.name != "quantile" or weighted:  # there a quantile between two values is another one
        start = twin.fit_intercept_only(y, weight)
        np.testing.assert_allclose(loss.start(y, weight), np.atleast_1d(start), rtol=1e-12)


@each_loss
def test_derivatives_are_central_differences(loss):
    y, raw, _ = _data(loss, seed=1, n=40)
    _, gradient, hessian = _derivatives(loss, y, raw)
    step = 1e-4
    for k in range(loss.n_trees):
        for i in range(0, 40, 7):
            around = []
            for move in (-step, 0.0, step):
                moved = raw.copy()
                moved[k, i] += move
                around.append(40 * loss.derivatives(y, moved))
            if loss.has_kink and abs(raw[k, i] - y[i]) < 2 * step:
                continue
            g = (around[2] - around[0]) / (2 * step)
            assert gradient[k, i] == pytest.approx(g, rel=1e-5, abs=1e-6)
            if not loss.has_kink:
                h = (around[2] - 2 * around[1] + around[0]) / step**2
                assert hessian[k, i] == pytest.approx(h, rel=1e-3, abs=1e-4)


@each_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_no_constant_is_better_than_the_start(loss, weighted):
    y, raw, weight = _data(loss, seed=2)
    weight = weight if weighted else None
    start = loss.start(y, weight)
    raw[:] = start[:, np.newaxis]
    least = loss.derivatives(y, raw, weight)
    for k in range(loss.n_trees):
        for move in (-0.05, -1e-3, 1e-3, 0.05):
            moved = raw.copy()
            moved[k] += move
            assert loss.derivatives(y, moved, weight) >= least - 1e-12


@each_loss
def test_same_bits_for_any_number_of_threads_and_with_or_without_derivatives(loss):
    y, raw, weight = _data(loss, n=30_000)
    one, two = (_derivatives(loss, y, raw, weight, n_threads) for n_threads in (1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert loss.derivatives(y, raw, weight) == one[0]


@each_loss
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), n=st.integers(1, 600))
def test_integer_weights_are_repeats(loss, seed, n):
    y, raw, _ = _data(loss, seed, n)
    weight = np.random.default_rng(seed).integers(1, 4, n)
    repeats = [np.repeat(values, weight, axis=-1) for values in (y, raw)]
    assert loss.derivatives(y, raw, weight.astype(float)) == pytest.approx(
        loss.derivatives(*repeats), rel=1e-12
    )
    np.testing.assert_allclose(
        loss.start(y, weight.astype(float)), loss.start(repeats[0], None), atol=1e-12
    )


@each_loss
def test_the_prediction_of_the_start_is_the_constant_of_the_target(loss):
    y, _, _ = _data(loss, seed=3)
    prediction = loss.prediction(np.repeat(loss.start(y, None)[np.newaxis], 2, axis=0))
    if loss.name == "log_loss":
        shares = np.bincount(y.astype(int)) / len(y)
        np.testing.assert_allclose(prediction, [shares, shares])
    elif loss.has_kink:
        np.testing.assert_allclose(prediction, np.quantile(y, loss.quantile), atol=0.01)
    else:
        np.testing.assert_allclose(prediction, y.mean())


@each_loss
def test_extreme_raw_predictions_stay_finite(loss):
    y, raw, _ = _data(loss, n=40)
    raw[:, ::2] *= 1e3
    for values in _derivatives(loss, y, raw)[1:] if not loss.has_log_link else ():
        assert np.isfinite(values).all()
    assert np.isfinite(loss.derivatives(y, raw))


def test_one_class_starts_from_finite_log_odds():
    for y in (np.zeros(5), np.ones(5)):
        assert np.isfinite(Loss("log_loss").start(y, None)).all()
        assert np.isfinite(Loss("log_loss", n_trees=3).start(y, None)).all()
