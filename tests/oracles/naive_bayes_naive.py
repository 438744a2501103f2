"""Naive Bayes in exact arithmetic: every sum a fraction, every row by itself."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy.stats import norm


def exact_moments(X, y, weights, n_classes):
    """Return weights (K,), means (K, d) and variances (K, d) with one rounding at the end."""
    d = X.shape[1]
    total = [Fraction(0)] * n_classes
    for c, w in zip(y, weights, strict=True):
        total[c] += Fraction(w)
    means, variances = np.zeros((n_classes, d)), np.zeros((n_classes, d))
    for c in range(n_classes):
        rows = [i for i in range(len(X)) if y[i] == c]
        for j in range(d):
            if total[c] == 0:
                continue
            pairs = [(Fraction(float(weights[i])), Fraction(float(X[i, j]))) for i in rows]
            mean = sum(w * x for w, x in pairs) / total[c]
            variances[c, j] = float(sum(w * (x - mean) ** 2 for w, x in pairs) / total[c])
            means[c, j] = float(mean)
    return np.array([float(t) for t in total]), means, variances


def gaussian_joint(X, prior, means, variances):
    """Return log P(c, x), (n, K), from SciPy's normal densities."""
    return np.stack(
        [
            np.log(p) + norm(m, np.sqrt(v)).logpdf(X).sum(axis=1)
            for p, m, v in zip(prior, means, variances, strict=True)
        ],
        axis=1,
    )
