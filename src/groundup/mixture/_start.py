"""Where EM starts: a first guess of whose row is whose.

EM climbs from where it starts to the nearest top, so the start decides which one.

    kmeans            the clusters of k-means: close to the answer where components are apart
    k-means++         rows far from each other, one for each component, with the least covariance
    random_from_data  rows drawn at random, likewise
    random            random responsibilities: all components start at the middle of the data
"""

from __future__ import annotations

import itertools

import numpy as np

from groundup._blocks import block_bounds
from groundup.cluster._k_means import KMeans
from groundup.cluster._seeding import seed_centers
from groundup.mixture._covariance import Shape, constrained

Array = np.ndarray


def first_parameters(
    X: Array,
    shape: Shape,
    n_components: int,
    how: str,
    reg_covar: float,
    random_state: np.random.RandomState,
    n_threads: int,
) -> tuple[Array, Array, Array]:
    """Return weights (k,), means (k, d) and covariances, from a first guess.

    A component without a row has weight 0, and the mean and covariance of all rows.
    """
    if how == "random":
        counts, means, scatter = _from_random_shares(X, shape, n_components, random_state)
    elif how == "kmeans":
        labels = KMeans(n_components, n_init=1, random_state=random_state).fit(X).labels_
        order = np.argsort(labels, kind="stable")
        ends = np.cumsum(np.bincount(labels, minlength=n_components))
        counts, means, scatter = _from_groups(X, shape, np.split(order, ends[:-1]))
    else:
        if how == "k-means++":
            means = seed_centers(X, n_components, None, random_state, n_threads)
        else:
            means = X[random_state.choice(len(X), size=n_components, replace=False)]
        counts = np.ones(n_components)
        scatter = np.zeros(means.shape + (means.shape[1:] if shape.is_matrix else ()))
    covariances = constrained(shape, scatter, counts, reg_covar)
    return counts / counts.sum(), means, covariances


def _from_groups(X, shape, groups):
    k, d = len(groups), X.shape[1]
    counts = np.array([float(len(rows)) for rows in groups])
    means = np.empty((k, d))
    scatter = np.empty((k, d, d) if shape.is_matrix else (k, d))
    for c, rows in enumerate(groups):
        own = X[rows] if len(rows) else X  # of all rows, where none is its own
        means[c] = own.mean(axis=0)
        own = own - means[c]
        scatter[c] = own.T @ own / len(own) if shape.is_matrix else np.mean(own**2, axis=0)
    return counts, means, scatter


def _from_random_shares(X, shape, k, random_state):
    n, d = X.shape
    # All components lie about the middle, so moments about it lose nothing.
    middle = X.mean(axis=0)
    counts, first = np.zeros(k), np.zeros((k, d))
    second = np.zeros((k, d, d) if shape.is_matrix else (k, d))
    bounds = block_bounds(n, block_rows=4096, max_blocks=n)
    for begin, end in itertools.pairwise(bounds.tolist()):
        shares = random_state.uniform(size=(end - begin, k))
        shares /= shares.sum(axis=1, keepdims=True)
        Z = X[begin:end] - middle
        counts += shares.sum(axis=0)
        first += shares.T @ Z
        if shape.is_matrix:
            for c in range(k):
                second[c] += (shares[:, c] * Z.T) @ Z
        else:
            second += shares.T @ Z**2
    shift = first / counts[:, np.newaxis]
    outer = shift[:, :, np.newaxis] * shift[:, np.newaxis, :] if shape.is_matrix else shift**2
    scatter = second / counts.reshape(-1, *[1] * (second.ndim - 1)) - outer
    return counts, middle + shift, scatter
