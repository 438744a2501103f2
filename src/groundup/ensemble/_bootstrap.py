"""The bootstrap: each tree learns from rows drawn at random, with replacement.

Of n draws out of n rows, a row is missed by all with probability (1 - 1/n)^n, about 1/e: each tree
sees 63% of the rows, some of them twice and more, and so the trees differ, and their mean varies
less than any one of them.  The other 37% are "out of bag": rows that this tree has never seen.

A row of weight v is drawn with probability v / sum(v).  Draw number i of a tree depends on the
tree's seed and on i alone.

References
----------
.. [1] B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7(1),
   1979.
.. [2] H.-C. Chen and Y. Asau, "On generating random variates from an empirical distribution",
   AIIE Transactions 6(2), 1974 (the guide table).
"""

from __future__ import annotations

import warnings
from numbers import Integral

import numpy as np

from groundup._kernel import kernel
from groundup.tree._sampling import below, mixed, unit

BAG = 0  # the counter of the seed of a tree's draws; the nodes of the tree use others


@kernel
def draw_rows(
    seed,  # int in: the tree's
    n,  # int in: rows to draw from
    cumulative,  # (n,) in: sums of the weights up to and with each row; (0,) if all weigh the same
    guide,  # (n,) in: the first row whose sum is above g/n of the total
    rows,  # (n_draws,) out
):
    stream = mixed(np.uint64(seed), BAG)
    for i in range(rows.shape[0]):
        if cumulative.shape[0] == 0:
            rows[i] = below(stream, i, n)
            continue
        # The first row with cumulative > u * total.  The guide says where to begin, on average one
        # step before it.
        u = unit(stream, i)
        row = guide[int(u * n)]
        x = min(u * cumulative[n - 1], np.nextafter(cumulative[n - 1], 0.0))
        while cumulative[row] <= x:
            row += 1
        rows[i] = row


@kernel
def count(
    rows,  # (n_draws,) in
    counts,  # (n,) inout: zeros at first
):
    for i in range(rows.shape[0]):
        counts[rows[i]] += 1.0


class Bootstrap:
    """How the rows of each tree are drawn.

    Parameters
    ----------
    n_samples : int
        Rows to draw from.
    sample_weight : ndarray of shape (n_samples,) or None
        A row's chance is proportional to its weight.
    max_samples : int, float or None, default=None
        How many rows to draw: that many; that part of the sum of the weights (of `n_samples`
        without weights), which may be above 1; as many as there are rows.
    """

    def __init__(
        self,
        n_samples: int,
        sample_weight: np.ndarray | None = None,
        max_samples: int | float | None = None,
    ):
        self.n_samples = n_samples
        self.n_draws = _number_of_draws(n_samples, sample_weight, max_samples)
        self.cumulative = np.empty(0)
        self.guide = np.empty(0, dtype=np.int64)
        if sample_weight is not None:
            self.cumulative = np.cumsum(sample_weight)
            parts = np.arange(n_samples) * (self.cumulative[-1] / n_samples)
            last_with_weight = int(np.flatnonzero(sample_weight)[-1])
            self.guide = np.minimum(
                np.searchsorted(self.cumulative, parts, side="right"), last_with_weight
            )

    def rows(self, seed: int) -> np.ndarray:
        """Return the rows that the tree with this seed learns from, in the order of the draws."""
        rows = np.empty(self.n_draws, dtype=np.int32)
        draw_rows(seed, self.n_samples, self.cumulative, self.guide, rows)
        return rows

    def counts(self, seed: int) -> np.ndarray:
        """Return how often each row was drawn: (n_samples,) float64."""
        counts = np.zeros(self.n_samples)
        count(self.rows(seed), counts)
        return counts


def _number_of_draws(
    n_samples: int, sample_weight: np.ndarray | None, max_samples: int | float | None
) -> int:
    """Translate `max_samples` into a number of rows (see `Bootstrap`)."""
    if max_samples is None:
        return n_samples
    if isinstance(max_samples, Integral):
        return int(max_samples)
    total = n_samples if sample_weight is None else float(sample_weight.sum())
    n_draws = max(1, int(max_samples * total))
    if n_draws < max(10, n_samples ** (1 / 3)):
        of = "rows" if sample_weight is None else "sum of the weights"
        warnings.warn(
            f"max_samples={max_samples} of {total:g} ({of}) is only {n_draws} rows for each tree. "
            "Give an int to say how many rows to draw.",
            stacklevel=2,
        )
    return n_draws
