"""The silhouette of many groupings of the same rows: the distances are measured once.

    s(i) = (b - a) / max(a, b)

where a is the mean distance of row i to the others of its group, and b that to the rows of the
nearest other group; the silhouette of a grouping is the mean over its rows, 0 for a row alone.
With the matrix of distances at hand, the sums over all groups are one product of matrices.

References
----------
.. [1] Rousseeuw (1987): Silhouettes: a graphical aid to the interpretation and validation of
       cluster analysis.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist


class Silhouette:
    """Measures groupings of the rows of `X`, of shape (n, d); n * n distances are kept.

    Examples
    --------
    >>> measure = Silhouette(np.array([[0.0], [1.0], [10.0], [11.0]]))
    >>> round(measure(np.array([0, 0, 1, 1])), 3)
    0.9
    """

    def __init__(self, X: np.ndarray) -> None:
        self._distances = cdist(X, X)  # (n, n)

    def __call__(self, labels: np.ndarray) -> float:
        """Return the mean over the rows with a group; `labels` has at least two groups."""
        grouped = np.flatnonzero(labels >= 0)
        y = labels[grouped]
        member = np.zeros((len(labels), labels.max() + 1))  # (n, g), a row of zeros without a group
        member[grouped, y] = 1.0
        sizes = member.sum(axis=0)
        rows = np.arange(len(y))
        sums = (self._distances @ member)[grouped]  # (rows, g)
        a = sums[rows, y] / np.maximum(sizes[y] - 1, 1)
        to_others = sums / np.maximum(sizes, 1)
        to_others[:, sizes == 0] = np.inf
        to_others[rows, y] = np.inf
        b = to_others.min(axis=1)
        larger = np.maximum(a, b)
        s = np.divide(b - a, larger, out=np.zeros_like(a), where=larger > 0)
        return float(np.where(sizes[y] > 1, s, 0.0).mean())
