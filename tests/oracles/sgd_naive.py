"""Stochastic gradient descent on a linear model, written row by row with NumPy vectors."""

from __future__ import annotations

import numpy as np


def slope(loss, z, y, epsilon):
    """The derivative of the loss by z, by a central difference of the loss as it is defined."""

    def value(z):
        m, r = y * z, abs(y - z)
        return {
            "hinge": max(0.0, 1 - m),
            "perceptron": max(0.0, -m),
            "squared_hinge": max(0.0, 1 - m) ** 2,
            "modified_huber": -4 * m if m < -1 else max(0.0, 1 - m) ** 2,
            "log_loss": float(np.logaddexp(0.0, -m)),
            "squared_error": 0.5 * r * r,
            "huber": 0.5 * r * r if r <= epsilon else epsilon * r - 0.5 * epsilon**2,
            "epsilon_insensitive": max(0.0, r - epsilon),
            "squared_epsilon_insensitive": max(0.0, r - epsilon) ** 2,
        }[loss]

    h = 1e-6
    return value(z), (value(z + h) - value(z - h)) / (2 * h)


def epoch(X, y, weight, order, rates, loss, epsilon, alpha, l1_ratio, coef, intercept):
    """One epoch without averaging; the l1 penalty is paid at once, by a soft threshold."""
    coef = coef.copy()
    for i, rate in zip(order, rates, strict=True):
        _, g = slope(loss, X[i] @ coef + intercept, y[i], epsilon)
        coef = (1 - rate * alpha * (1 - l1_ratio)) * coef - rate * weight[i] * g * X[i]
        intercept = intercept - rate * weight[i] * g
    return coef, intercept
