"""The numbers of the clusters as users see them: 1 is the largest, -1 is none of them."""

from __future__ import annotations

import numpy as np


def cluster_numbers(labels: np.ndarray) -> np.ndarray:
    """Return the number of each label, for ``numbers[labels]``.

    Parameters
    ----------
    labels : int ndarray of shape (n,)
        0 to k - 1; -1 for rows in no cluster.

    Returns
    -------
    ndarray of shape (k + 1,)
        The last one is for the label -1, and is -1.

    Examples
    --------
    >>> cluster_numbers(np.array([0, 1, 1, -1, 2, 2, 2]))
    array([ 3,  2,  1, -1])
    """
    sizes = np.bincount(labels[labels >= 0])
    rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    return np.append(rank + 1, -1)


def numbered(labels: np.ndarray) -> np.ndarray:
    """Return the clusters of the rows under the numbers that users see."""
    return cluster_numbers(labels)[labels]
