"""The vectorised exponential keeps its stated error on both sides of zero."""

from __future__ import annotations

import numpy as np

from groundup._exponential import LARGEST, exp_float32, exp_of_minus
from groundup._kernel import kernel


def _exp_of_minus(a):
    bits, result = np.empty(len(a), dtype=np.int64), np.empty(len(a))
    exp_of_minus(a, len(a), bits, bits.view(np.float64), result)
    return result


def test_relative_error_for_either_sign():
    a = np.concatenate([np.linspace(-40, 40, 20_001), np.geomspace(1e-300, LARGEST, 5_000)])
    a = np.concatenate([a, -a])
    exact = np.exp(-a.astype(np.longdouble))
    relative = np.abs((_exp_of_minus(a) - exact) / exact).astype(np.float64)
    assert np.all(relative <= (2 + np.abs(a)) * 1.2e-16)


def test_ends_are_finite_and_nan_stays():
    least, most, none = _exp_of_minus(np.array([np.inf, -np.inf, np.nan]))
    assert 0 < least < 1e-303
    assert 1e303 < most < np.inf
    assert np.isnan(none)


@kernel
def _exp_float32(x, y):
    for i in range(x.shape[0]):
        y[i] = exp_float32(x[i])


def test_float32_keeps_its_stated_error_and_its_ends():
    x = np.concatenate([np.linspace(-87, 87, 20_001), np.linspace(-1, 1, 5_001)]).astype(np.float32)
    y = np.empty_like(x)
    _exp_float32(x, y)
    exact = np.exp(x.astype(np.float64))
    assert np.abs(y / exact - 1).max() < 5e-7
    ends = np.array([np.inf, -np.inf, np.nan], np.float32)
    y = np.empty_like(ends)
    _exp_float32(ends, y)
    assert 1e37 < y[0] < np.inf
    assert 0 < y[1] < 1e-37
    assert np.isnan(y[2])
