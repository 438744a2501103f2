"""The vectorised exponential keeps its stated error on both sides of zero."""

from __future__ import annotations

import numpy as np

from groundup._exponential import LARGEST, exp_of_minus


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
