"""The dual of the kernel machines, solved the plain way, and its conditions of optimality."""

from __future__ import annotations

import numpy as np


def gains_and_costs(K, target, low, high, width, b):
    """What a small rise of each weight gains, and what a small fall costs."""
    e = target - K @ b
    gain = np.where(b < high, np.where(b >= 0, e - width, e + width), -np.inf)
    cost = np.where(b > low, np.where(b > 0, e - width, e + width), np.inf)
    return gain, cost


def violation(K, target, low, high, width, b):
    """m - M of the documentation of `smo`, in double precision and from nothing."""
    gain, cost = gains_and_costs(K, target, low, high, width, b)
    return max(gain.max() - cost.min(), 0.0)


def objective(K, target, width, b):
    return 0.5 * b @ K @ b - target @ b + width * np.abs(b).sum()


def most_violating_pairs(K, target, low, high, width=0.0, start=None, tol=1e-9):
    """Move the most violating pair until none is left (Keerthi et al., 2001)."""
    b = np.zeros(len(target)) if start is None else start.copy()
    for _ in range(200_000):
        gain, cost = gains_and_costs(K, target, low, high, width, b)
        i, j = int(gain.argmax()), int(cost.argmin())
        if gain[i] - cost[j] <= tol:
            return b
        curvature = max(K[i, i] + K[j, j] - 2 * K[i, j], 1e-12)
        up_to = 0.0 if b[i] < 0 else high[i]
        down_to = 0.0 if b[j] > 0 else low[j]
        move = min((gain[i] - cost[j]) / curvature, up_to - b[i], b[j] - down_to)
        b[i] = up_to if move == up_to - b[i] else b[i] + move
        b[j] = down_to if move == b[j] - down_to else b[j] - move
    raise AssertionError("the plain search did not end")
