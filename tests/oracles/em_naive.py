"""EM for a Gaussian mixture as the textbook has it: every responsibility, every outer product."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal


def matrices(covariances, kind, k, d):
    """Return any kind of covariances as k full matrices."""
    if kind == "full":
        return covariances
    if kind == "tied":
        return np.repeat(covariances[np.newaxis], k, axis=0)
    if kind == "diag":
        return np.array([np.diag(v) for v in covariances])
    return np.array([v * np.eye(d) for v in covariances])


def log_densities(X, weights, means, covariances):
    """Return log w_k N(x_i | m_k, S_k), (n, k); the covariances are full matrices."""
    columns = [
        np.log(w) + multivariate_normal(m, S).logpdf(X)
        for w, m, S in zip(weights, means, covariances, strict=True)
    ]
    return np.stack(columns, axis=1)


def em_step(X, weights, means, covariances, kind, reg_covar):
    """Take one step; return the new parameters and the mean log-likelihood of the old ones."""
    (n, d), k = X.shape, len(weights)
    log_p = log_densities(X, weights, means, matrices(covariances, kind, k, d))
    total = logsumexp(log_p, axis=1, keepdims=True)
    r = np.exp(log_p - total)  # (n, k)
    counts = r.sum(axis=0)
    means = np.array([(r[:, c, np.newaxis] * X).sum(axis=0) / counts[c] for c in range(k)])
    scatter = np.array(
        [
            np.einsum("i,ij,il->jl", r[:, c], X - means[c], X - means[c]) / counts[c]
            for c in range(k)
        ]
    )
    variances = np.array([np.diag(S) for S in scatter])
    new = {
        "full": lambda: scatter + reg_covar * np.eye(d),
        "tied": lambda: np.einsum("c,cjl->jl", counts, scatter) / n + reg_covar * np.eye(d),
        "diag": lambda: variances + reg_covar,
        "spherical": lambda: variances.mean(axis=1) + reg_covar,
    }[kind]()
    return counts / n, means, new, float(total.mean())
