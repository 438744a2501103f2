"""The signs of components: a singular vector and its opposite say the same, so one is chosen."""

from __future__ import annotations

import numpy as np


def with_fixed_signs(components: np.ndarray) -> np.ndarray:
    """Turn each row so that its entry of largest magnitude is positive.

    Parameters
    ----------
    components : ndarray of shape (k, d)
        Written to.

    Returns
    -------
    ndarray of shape (k, d)
        `components`.

    Examples
    --------
    >>> with_fixed_signs(np.array([[0.6, -0.8]]))
    array([[-0.6,  0.8]])
    """
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(len(components)), largest])[:, np.newaxis]
    return components
