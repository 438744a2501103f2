"""The update rules as a student would write them: one parameter at a time, plain Python floats."""

from __future__ import annotations

from math import sqrt


def plain(w, gradients, rate):
    for g in gradients:
        w = [wj - rate * gj for wj, gj in zip(w, g, strict=True)]
    return w


def momentum(w, gradients, rate, m):
    v = [0.0] * len(w)
    for g in gradients:
        for j in range(len(w)):
            v[j] = m * v[j] + g[j]
            w[j] = w[j] - rate * v[j]
    return w


def nesterov_look_ahead(gradient, w, rate, m, updates):
    """Textbook form: the gradient is evaluated ahead of the point, at w - rate * m * v.

    Returns the look-ahead point after each update.
    """
    v = [0.0] * len(w)
    path = []
    for _ in range(updates):
        ahead = [wj - rate * m * vj for wj, vj in zip(w, v, strict=True)]
        g = gradient(ahead)
        for j in range(len(w)):
            v[j] = m * v[j] + g[j]
            w[j] = w[j] - rate * v[j]
        path.append([wj - rate * m * vj for wj, vj in zip(w, v, strict=True)])
    return path


def rmsprop(w, gradients, rate, decay, epsilon):
    s = [0.0] * len(w)
    for g in gradients:
        for j in range(len(w)):
            s[j] = decay * s[j] + (1 - decay) * g[j] ** 2
            w[j] = w[j] - rate * g[j] / (sqrt(s[j]) + epsilon)
    return w


def adam(w, gradients, rate, beta1, beta2, epsilon):
    """Bias is removed the long way: by the sum of the weights that each average has given out."""
    p = len(w)
    for j in range(p):
        for t in range(1, len(gradients) + 1):
            weights1 = [(1 - beta1) * beta1 ** (t - i) for i in range(1, t + 1)]
            weights2 = [(1 - beta2) * beta2 ** (t - i) for i in range(1, t + 1)]
            seen = [gradients[i][j] for i in range(t)]
            mean = sum(a * g for a, g in zip(weights1, seen, strict=True)) / sum(weights1)
            square = sum(a * g * g for a, g in zip(weights2, seen, strict=True)) / sum(weights2)
            w[j] = w[j] - rate * mean / (sqrt(square) + epsilon)
    return w
