"""The logistic cost row by row and class by class, in plain Python floats."""

from __future__ import annotations

from math import exp, log, log1p

import numpy as np


def binary_cost(X, y, weight, W):
    """Return sum of s (log(1 + e^z) - y z) and its gradient (1, d + 1)."""
    gradient = np.zeros_like(W)
    cost = 0.0
    for x, target, s in zip(X, y, weight, strict=True):
        z = sum(w * v for w, v in zip(W[0, :-1], x, strict=True)) + W[0, -1]
        softplus = z + log1p(exp(-z)) if z > 0 else log1p(exp(z))
        cost += s * (softplus - target * z)
        p = 1.0 / (1.0 + exp(-z)) if z > 0 else exp(z) / (1.0 + exp(z))
        gradient[0] += s * (p - target) * np.append(x, 1.0)
    return cost, gradient


def multinomial_cost(X, y, weight, W):
    """Return sum of s (log sum e^z - z_y) and its gradient (K, d + 1)."""
    gradient = np.zeros_like(W)
    cost = 0.0
    for x, target, s in zip(X, y, weight, strict=True):
        z = [sum(w * v for w, v in zip(row[:-1], x, strict=True)) + row[-1] for row in W]
        top = max(z)
        total = sum(exp(v - top) for v in z)
        cost += s * (log(total) + top - z[target])
        for k in range(len(W)):
            p = exp(z[k] - top) / total
            gradient[k] += s * (p - (k == target)) * np.append(x, 1.0)
    return cost, gradient


def hessian(X, weight, proba):
    """Return sum of s (diag(p) - p p') kron x x'; for one column of p, of s p (1 - p) x x'."""
    n, K = proba.shape
    one = X.shape[1] + 1
    H = np.zeros((K * one, K * one))
    for i in range(n):
        x = np.append(X[i], 1.0)
        p = proba[i]
        bend = np.diag(p) - np.outer(p, p) if K > 1 else np.array([[p[0] * (1 - p[0])]])
        H += weight[i] * np.kron(bend, np.outer(x, x))
    return H
