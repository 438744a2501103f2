r"""How many components to keep, by the share of the variance or by Minka's evidence.

*A share*: the fewest components that explain more than it.

*Minka's evidence*.  Suppose that the rows are k directions of signal and equal noise in all other
directions.  The probability of the rows under that story, averaged over everything that is not
known but k, can be worked out but for terms that do not matter for many rows [1]_:

    log p(X | k)  =  log p(U) - (n / 2) sum_{i <= k} log l_i - (n (d - k) / 2) log v
                     + ((m + k) / 2) log 2 pi - (1 / 2) log |A| - (k / 2) log n

    v = mean of l_i over i > k            the noise
    m = d k - k (k + 1) / 2               the freedom of k directions in d dimensions
    log |A| = sum_{i <= k} sum_{j > i} log( (1 / l^_j - 1 / l^_i) (l_i - l_j) n )

with the variances l_1 >= ... >= l_d, and l^ the same with v in place of those after the k-th.  Too
small a k pays with noise that is too large, too large a k with freedom that nothing asks for.

References
----------
.. [1] T. P. Minka, "Automatic choice of dimensionality for PCA", NIPS, 2000.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from scipy.special import gammaln

SMALLEST = 1e-15  # a variance below this counts as none


def components_to_keep(asked: Any, variances: np.ndarray, n_samples: int) -> int:
    """Translate ``n_components`` into a number.

    Parameters
    ----------
    asked : int, float in (0, 1) or "mle"
    variances : ndarray of shape (min(n, d),)
        In falling order.
    n_samples : int

    Returns
    -------
    int

    Examples
    --------
    >>> components_to_keep(0.9, np.array([8.0, 1.5, 0.5]), n_samples=100)
    2
    """
    if isinstance(asked, str):
        return most_probable_dimension(variances, n_samples)
    if isinstance(asked, Integral):
        return int(asked)
    total = variances.sum()
    if total == 0.0:  # equal rows: no component explains more than another
        return 1
    shares = np.cumsum(variances / total)
    return min(int(np.searchsorted(shares, asked, side="right")) + 1, len(variances))


def most_probable_dimension(variances: np.ndarray, n_samples: int) -> int:
    """Return the k from 1 to d - 1 of the greatest evidence (0 where d is 1)."""
    evidence = np.full(len(variances), -np.inf)
    for k in range(1, len(variances)):
        if variances[k - 1] >= SMALLEST:
            evidence[k] = log_evidence(variances, k, n_samples)
    return int(evidence.argmax())


def log_evidence(variances: np.ndarray, k: int, n: int) -> float:
    """Return log p(X | k), as in the text above."""
    d = len(variances)
    # log p(U) = -k log 2 + sum_{i <= k} log Gamma((d - i + 1) / 2) - (d - i + 1) / 2 log pi
    halves = (d - np.arange(1, k + 1) + 1) / 2.0
    log_directions = np.sum(gammaln(halves) - halves * np.log(np.pi)) - k * np.log(2.0)
    noise = max(SMALLEST, variances[k:].mean())
    m = d * k - k * (k + 1) / 2.0
    smoothed = variances.copy()
    smoothed[k:] = noise
    i, j = np.triu_indices(k, k=1, m=d)  # i < k, j > i
    curvature = (1 / smoothed[j] - 1 / smoothed[i]) * (variances[i] - variances[j]) * n
    log_A = np.log(np.maximum(curvature, SMALLEST))  # equal variances have a curvature of 0
    return float(
        log_directions
        - n / 2.0 * np.sum(np.log(variances[:k]))
        - n * (d - k) / 2.0 * np.log(noise)
        + (m + k) / 2.0 * np.log(2.0 * np.pi)
        - np.sum(log_A) / 2.0
        - k / 2.0 * np.log(n)
    )
