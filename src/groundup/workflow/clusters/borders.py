"""Borders between groups: is it emptier there than in the groups themselves?

Where a row of one group is among the nearest neighbours of a row of another, the two stand on the
border. A cut through a crowd has a border as crowded as the rest; clusters have a valley there:

    depth(A, B) = min(mean log f over A, mean log f over B) - mean log f over the border of A and B

with the density f as in `crowds`, and of the two rows that face each other the lonelier one. A
depth of log(4/3) means that the border is a quarter less dense than either group. A grouping is
worth as much as its worst border: one cut through a crowd spoils it.

A row without a group is put into that of its nearest neighbour first; otherwise whoever leaves out
the rows of a border would have none.
"""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from groundup.workflow.clusters.crowds import APART, Density

#: A shallower border cuts through a crowd.
LEAST_DEPTH = float(np.log(4 / 3))
#: Neighbours of a row that it may face across a border.
NEIGHBOURS = 15


def border_depths(density: Density, labels: np.ndarray) -> np.ndarray:
    """Return how deep the valley between every two groups is.

    Parameters
    ----------
    density : Density
    labels : int64 ndarray of shape (n,)
        0 to g - 1, without -1; see `without_outliers`.

    Returns
    -------
    ndarray of shape (g, g), symmetric
        `APART` where two groups share no border, and on the diagonal.
    """
    n, k = density.neighbours.shape
    f = density.log_density
    n_groups = labels.max() + 1
    near, far = np.repeat(np.arange(n), k), density.neighbours.ravel()
    across = labels[near] != labels[far]
    near, far = near[across], far[across]
    low = np.minimum(labels[near], labels[far])
    pair = low * n_groups + np.maximum(labels[near], labels[far])
    facing = np.bincount(pair, minlength=n_groups**2).reshape(n_groups, n_groups)
    border = np.bincount(pair, weights=np.minimum(f[near], f[far]), minlength=n_groups**2)
    sizes = np.maximum(np.bincount(labels, minlength=n_groups), 1)  # a component may be empty
    heart = np.bincount(labels, weights=f, minlength=n_groups) / sizes
    depths = np.full((n_groups, n_groups), APART)
    shared = facing > 0
    level = border.reshape(n_groups, n_groups)[shared] / facing[shared]
    depths[shared] = np.minimum(heart[:, None], heart[None, :])[shared] - level
    return np.minimum(depths, depths.T)


def parted_neighbours(density: Density, labels: np.ndarray) -> float:
    """Return the share of a row's nearest neighbours that are in another group, on average."""
    return float((labels[density.neighbours] != labels[:, None]).mean())


def without_outliers(X: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give each row without a group that of the nearest row that has one.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    labels : int64 ndarray of shape (n,)
        At least one of them not negative.
    """
    grouped = np.flatnonzero(labels >= 0)
    alone = np.flatnonzero(labels < 0)
    if not len(alone):
        return labels
    nearest = NearestNeighbors(n_neighbors=1).fit(X[grouped]).kneighbors(X[alone])[1][:, 0]
    labels = labels.copy()
    labels[alone] = labels[grouped[nearest]]
    return labels
