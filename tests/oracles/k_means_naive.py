"""k-means as the textbook has it: NumPy, every distance, every sum, at every step."""

from __future__ import annotations

import numpy as np


def k_means(X, start, weights=None, max_iter=300, tol=0.0):
    """Return the list of (labels before the move, centers after it), one a step.

    Stops where no label changes, or where the squared moves add up to at most `tol`.
    """
    weights = np.ones(len(X)) if weights is None else weights
    centers, labels, steps = start.astype(float), None, []
    for _ in range(max_iter):
        nearest = ((X[:, None, :] - centers[None, :, :]) ** 2).sum(axis=2).argmin(axis=1)
        moved = np.array(
            [
                np.average(X[nearest == j], axis=0, weights=weights[nearest == j])
                if weights[nearest == j].sum() > 0
                else centers[j]
                for j in range(len(centers))
            ]
        )
        steps.append((nearest, moved))
        if labels is not None and np.array_equal(nearest, labels):
            break
        if ((moved - centers) ** 2).sum() <= tol:
            break
        centers, labels = moved, nearest
    return steps


def inertia(X, centers, labels, weights=None):
    """Return sum_i w_i |x_i - c_label_i|^2."""
    squares = ((X - centers[labels]) ** 2).sum(axis=1)
    return float(squares.sum() if weights is None else squares @ weights)
