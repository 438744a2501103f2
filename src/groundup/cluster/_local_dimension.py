"""The dimension of what the rows lie on, which may be far less than the number of their features.

Rows near a plane in space have three features and two dimensions, and a tree of boxes searches
them as fast as rows of a plane.  In D dimensions the number of rows within a distance t grows as
t^D.  The likelihood of the distances t_1 <= ... <= t_k of a row's k nearest is then greatest at

    1 / D = mean over j < k   log(t_k / t_j)

which is averaged over a few rows.

Cost: O(n d) for each row asked.

References
----------
.. [1] E. Levina and P. J. Bickel, "Maximum likelihood estimation of intrinsic dimension", NIPS
   2004.
"""

from __future__ import annotations

import numpy as np

from groundup._estimator import read_only
from groundup.neighbors._base import query_blocks
from groundup.neighbors._kd_tree import grow, nearest_in_tree
from groundup.neighbors._metrics import Metric

ASKED = 100  # rows of which the nearest are found


def local_dimension(mapped: np.ndarray, metric: Metric) -> float:
    """Estimate the dimension of what the rows lie on, from the distances of a few rows' nearest.

    Parameters
    ----------
    mapped : ndarray of shape (n_samples, n_features), float64, read-only
    metric : Metric

    Returns
    -------
    float
        0 where the nearest rows are all the same.

    Examples
    --------
    >>> from groundup.neighbors._metrics import choose_metric
    >>> t = np.random.default_rng(0).uniform(size=(1000, 1))
    >>> curve = np.hstack([np.cos(3 * t), np.sin(3 * t), t])
    >>> round(local_dimension(curve, choose_metric("euclidean", 2.0, None, 3)))
    1
    """
    n = len(mapped)
    asked = np.arange(ASKED) * n // ASKED
    k = min(10, n - 1)
    searched, rows = np.empty((ASKED, k)), np.empty((ASKED, k), dtype=np.int64)
    Q = read_only(mapped[asked])
    all_rows = next(grow(mapped, n))  # one leaf
    nearest_in_tree(
        all_rows, metric.kind, metric.p, Q, asked, query_blocks(ASKED), searched, rows, 1
    )
    distances = metric.from_searched(searched)
    far, near = np.repeat(distances[:, -1:], k - 1, axis=1), distances[:, :-1]
    logs = np.log(far[near > 0.0] / near[near > 0.0])
    return 1.0 / logs.mean() if logs.sum() > 0.0 else 0.0
