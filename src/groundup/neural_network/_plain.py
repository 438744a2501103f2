"""Arrays as the compiled operations take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup._estimator import read_only


def plain(array: np.ndarray, dtype: Any = None) -> np.ndarray:
    """Return an array row by row in memory, and read-only: a kernel is compiled for one layout."""
    return read_only(np.ascontiguousarray(array, dtype))
