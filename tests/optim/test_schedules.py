"""Learning-rate schedules: their formulas at chosen points, and the same for arrays."""

from __future__ import annotations

import numpy as np
import pytest

from groundup.optim import (
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    InverseTime,
    OneCycle,
    StepDecay,
)

SCHEDULES = [
    Constant(0.3),
    StepDecay(0.3, factor=0.5, every=10),
    Exponential(0.3, decay=0.01),
    InverseScaling(0.3, power=0.6),
    InverseTime(curvature=0.2, first=4.0),
    Cosine(0.3, updates=50, final=0.01),
    OneCycle(0.3, updates=50),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_an_array_of_updates_gives_the_rate_of_each(schedule):
    t = np.arange(120)
    one_by_one = [float(schedule(int(k))) for k in t]
    np.testing.assert_allclose(schedule(t), one_by_one, rtol=1e-14)
    assert np.all(np.asarray(schedule(t)) > 0)


@pytest.mark.parametrize("schedule", SCHEDULES[:-1], ids=lambda s: type(s).__name__)
def test_the_rate_never_rises(schedule):
    assert np.all(np.diff(schedule(np.arange(200))) <= 0)


@pytest.mark.parametrize(
    ("schedule", "t", "rate"),
    [
        (Constant(0.3), 9, 0.3),
        (StepDecay(0.8, 0.5, 10), 9, 0.8),
        (StepDecay(0.8, 0.5, 10), 10, 0.4),
        (StepDecay(0.8, 0.5, 10), 29, 0.2),
        (Exponential(0.8, np.log(2)), 3, 0.1),
        (InverseScaling(0.8, 0.5), 0, 0.8),
        (InverseScaling(0.8, 0.5), 3, 0.4),
        (InverseTime(0.1, 5.0), 0, 2.0),
        (InverseTime(0.1, 5.0), 5, 1.0),
        (Cosine(0.8, 10, 0.2), 0, 0.8),
        (Cosine(0.8, 10, 0.2), 5, 0.5),
        (Cosine(0.8, 10, 0.2), 10, 0.2),
        (Cosine(0.8, 10, 0.2), 99, 0.2),
        (OneCycle(0.8, 100, warm_up=0.3, start_divisor=10, final_divisor=100), 0, 0.08),
        (OneCycle(0.8, 100, warm_up=0.3, start_divisor=10, final_divisor=100), 15, 0.44),
        (OneCycle(0.8, 100, warm_up=0.3, start_divisor=10, final_divisor=100), 30, 0.8),
        (OneCycle(0.8, 100, warm_up=0.3, start_divisor=10, final_divisor=100), 100, 0.008),
    ],
)
def test_rate_at(schedule, t, rate):
    assert float(schedule(t)) == pytest.approx(rate, rel=1e-12)


def test_robbins_and_monro():
    """The sum of the rates grows without end, the sum of their squares does not."""
    t = np.arange(1_000_000)
    for schedule in (InverseScaling(1.0, 1.0), InverseScaling(1.0, 0.75), InverseTime(1.0, 1.0)):
        rates = schedule(t)
        halves = rates[:1000].sum(), rates[1000:].sum()
        squares = (rates[:1000] ** 2).sum(), (rates[1000:] ** 2).sum()
        assert halves[1] > 0.9 * halves[0]
        assert squares[1] < 0.05 * squares[0]
