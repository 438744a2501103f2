"""Values so large or small that their squares are no numbers any more, brought back into range.

Distances add up squares, and the square of 1e-165 is 0: rows that are different would count as
equal, without a word.  Multiplying all values by a power of two changes no digit of any of them,
and all distances grow by the same factor, so merges and neighbours stay what they are.

Values that are tiny beside the largest of the table do not come back: next to a 1, a difference of
1e-165 is none.
"""

from __future__ import annotations

import numpy as np

LEAST, GREATEST = 1e-70, 1e70  # where even cubes and sums over many features are safe


def in_range(X: np.ndarray) -> tuple[np.ndarray, float]:
    """Multiply very large or small values by a power of two.

    Parameters
    ----------
    X : ndarray, float64, finite

    Returns
    -------
    scaled : ndarray
        `X` itself where nothing is to be done.
    scale : float
        What it was multiplied by.

    Examples
    --------
    >>> scaled, scale = in_range(np.array([3e-200, 1e-200]))
    >>> scaled.round(3), scaled / scale
    (array([0.574, 0.191]), array([3.e-200, 1.e-200]))
    """
    largest = max(X.max(), -X.min())
    if largest == 0.0 or LEAST < largest < GREATEST:
        return X, 1.0
    scale = float(2.0 ** np.clip(-np.frexp(largest)[1], -1000, 1000))
    return X * scale, scale
