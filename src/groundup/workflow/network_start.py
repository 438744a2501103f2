"""What a neural network starts from, by the rows that it learns from, and what that costs.

A network corrects its weights after every batch of rows, and needs some thousands of corrections:
few rows have to be gone through many times, many rows only a few times. So the number of epochs
falls as the rows become more, and a large table takes hardly longer than one of middle size.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

HIDDEN = (64, 64)  # units of the hidden layers

# The penalty on large weights counts as much as so many rows do: it weighs less the more there are.
_PENALTY_ROWS = 10.0

# Each row is learned from 20 to 100 times while that is few enough; beyond 15,000 rows, all rows
# together are gone through so many times in all, and each of them twice at least. (Letters gain
# up to there: accuracy 0.871 after 5 epochs, 0.929 after 20; larger tables do not: 20,800 rows of
# a census have a ROC AUC of 0.913 after 5, 14 and 20.)
_FEW_ROWS_SEEN = 60_000
_ROWS_SEEN = 300_000

# Measured on 200 to 24,000 rows and 4 to 5,000 columns, on one processor: 0.2 to 0.3 nanoseconds.
_ROW_AND_WEIGHT = 0.25e-9


def epochs(rows: int) -> int:
    """Return how many times a network goes through its rows.

    Examples
    --------
    >>> [epochs(rows) for rows in (100, 1_000, 10_000, 30_000, 1_000_000)]
    [100, 60, 20, 10, 2]
    """
    if rows * 20 > _ROWS_SEEN:
        return max(2, _ROWS_SEEN // rows)
    return min(100, max(20, _FEW_ROWS_SEEN // rows))


def network_start(rows: int) -> dict[str, Any]:
    """Return the penalty, the rows of a batch and the epochs.

    A set number of epochs and a penalty that keeps the weights small did better than stopping when
    held-out rows say so, which takes away a tenth of the rows. What scikit-learn calls alpha is the
    penalty's share of a batch.
    """
    batch = min(64, max(1, rows // 8))
    return {
        "alpha": float(f"{_PENALTY_ROWS * batch / rows:.2g}"),
        "batch_size": batch,
        "max_iter": epochs(rows),
    }


def network_seconds(rows: int, columns: int, classes: int) -> float:
    """Estimate the time of one fit: each row meets each weight in each epoch::

    seconds = c rows epochs (columns units + units² + units answers)
    """
    answers = classes if classes > 2 else 1
    sizes = (columns, *HIDDEN, answers)
    weights = sum(a * b for a, b in pairwise(sizes))
    return _ROW_AND_WEIGHT * rows * epochs(rows) * weights
