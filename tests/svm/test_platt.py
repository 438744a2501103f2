"""Platt's curve against a minimiser, coupling against its conditions, folds that hold out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.calibration import CalibratedClassifierCV
from sklearn.calibration import _SigmoidCalibration as TheirCurve
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from groundup.svm import SVC
from groundup.svm._platt import coupled, held_out_decisions, platt_curve, probabilities


def decisions_of(n, seed=0, share=0.4):
    rng = np.random.default_rng(seed)
    is_positive = rng.random(n) < share
    return np.where(is_positive, 0.8, -0.8) + rng.standard_normal(n), is_positive


def cost(a, b, f, is_positive, w):
    """Platt's cross entropy, with his targets."""
    n_positive, n_negative = w[is_positive].sum(), w[~is_positive].sum()
    t = np.where(is_positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    p = 1 / (1 + np.exp(a * f + b))
    return -float(w @ (t * np.log(p) + (1 - t) * np.log(1 - p)))


def test_the_curve_is_at_the_minimum():
    f, is_positive = decisions_of(300)
    w = np.random.default_rng(1).uniform(0.0, 2.0, 300)
    a, b = platt_curve(f, is_positive, w)
    best = minimize(lambda ab: cost(*ab, f, is_positive, w), [0.0, 0.0], tol=1e-10)
    assert cost(a, b, f, is_positive, w) <= best.fun + 1e-9
    np.testing.assert_allclose([a, b], best.x, atol=1e-4)
    assert a < 0.0


def test_the_curve_of_scikit_learn():
    f, is_positive = decisions_of(500, seed=2)
    theirs = TheirCurve().fit(f, is_positive.astype(int))
    np.testing.assert_allclose(platt_curve(f, is_positive), [theirs.a_, theirs.b_], rtol=1e-3)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_the_scale_of_the_values_does_not_matter(scale, shift):
    f, is_positive = decisions_of(200)
    a, b = platt_curve(f, is_positive)
    moved = platt_curve(scale * (f + shift), is_positive)
    np.testing.assert_allclose(
        probabilities(scale * (f + shift), *moved), probabilities(f, a, b), atol=1e-6
    )


def test_weights_are_repeated_rows():
    f, is_positive = decisions_of(100)
    w = np.random.default_rng(0).integers(0, 4, 100)
    weighted = platt_curve(f, is_positive, w.astype(float))
    np.testing.assert_allclose(
        weighted, platt_curve(np.repeat(f, w), np.repeat(is_positive, w)), rtol=1e-8
    )


def test_perfect_separation_and_constant_values_stay_finite():
    f = np.array([-2.0, -1.0, 1.0, 2.0])
    p = probabilities(f, *platt_curve(f, f > 0))
    assert np.all((p > 0.1) & (p < 0.9))
    p = probabilities(np.zeros(4), *platt_curve(np.zeros(4), f > -1.5))
    np.testing.assert_allclose(p, (3 * 4 / 5 + 1 / 3) / 4, atol=1e-6)  # the mean target


def test_huge_values_do_not_overflow():
    with np.errstate(over="raise"):
        p = probabilities(np.array([-1e308, 0.0, 1e308]), -1.0, 0.0)
    np.testing.assert_array_equal(p, [0.0, 0.5, 1.0])


def test_every_row_is_held_out_once_and_folds_are_seeded():
    is_positive = np.arange(53) % 3 == 0
    seen = np.zeros(53, dtype=int)

    def decide(train, test):
        assert not np.intersect1d(train, test).size
        assert len(train) + len(test) == 53
        # each fold holds its share of both classes
        assert is_positive[test].sum() in (3, 4)
        seen[test] += 1
        return test.astype(float)

    np.testing.assert_array_equal(held_out_decisions(decide, is_positive, 0), np.arange(53))
    assert np.all(seen == 1)

    folds = [[], [], []]
    for tests, seed in zip(folds, (0, 0, 1), strict=True):
        held_out_decisions(
            lambda train, test, tests=tests: tests.append(test.tolist()) or np.zeros(len(test)),
            is_positive,
            seed,
        )
    assert folds[0] == folds[1] != folds[2]


def test_a_class_of_one_row():
    is_positive = np.array([True, False, False, False])
    decisions = held_out_decisions(lambda train, test: np.full(len(test), 0.5), is_positive, 0)
    np.testing.assert_array_equal(decisions, [-1.0, 0.5, 0.5, 0.5])


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 8), st.integers(0, 1_000))
def test_pairs_that_agree_give_back_their_classes(k, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(k), 5) + 1e-4
    p /= p.sum(axis=1, keepdims=True)
    pairs = p[:, :, None] / (p[:, :, None] + p[:, None, :])
    np.testing.assert_allclose(coupled(pairs), p, atol=1e-8)


def test_coupling_is_at_the_minimum():
    rng = np.random.default_rng(0)
    k, n = 4, 6
    r = rng.uniform(0.05, 0.95, (n, k, k))
    upper = np.triu(r, 1)
    r = upper + np.tril(1.0 - upper.transpose(0, 2, 1), -1)
    p = coupled(r)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert np.all(p >= 0.0)

    def disagreement(q, i):
        return sum((r[i, b, a] * q[a] - r[i, a, b] * q[b]) ** 2 for a in range(k) for b in range(a))

    for i in range(n):
        for _ in range(50):
            other = p[i] + 0.02 * rng.standard_normal(k)
            other /= other.sum()
            assert disagreement(p[i], i) <= disagreement(other, i) + 1e-15


def test_certain_pairs():
    pairs = np.array([[[0.0, 1.0, 1.0], [0.0, 0.0, 0.5], [0.0, 0.5, 0.0]]])
    np.testing.assert_allclose(coupled(pairs), [[1.0, 0.0, 0.0]], atol=1e-6)


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris, load_wine])
def test_probabilities_are_as_good_as_a_calibrated_classifier(load):
    X, y = load(return_X_y=True)
    train, test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
    ours = make_pipeline(StandardScaler(), SVC(probability=True, random_state=0))
    p = ours.fit(train, y_train).predict_proba(test)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    theirs = make_pipeline(
        StandardScaler(), CalibratedClassifierCV(SVC(), ensemble=False, cv=5)
    ).fit(train, y_train)
    assert log_loss(y_test, p) <= log_loss(y_test, theirs.predict_proba(test)) + 0.02
