"""Columns that took no part, held against the clusters.

A cluster that lines up with a label which nobody showed to the algorithm is more than an accident
of the method. The agreement is the adjusted Rand index: of all pairs of rows, how often the column
and the clusters agree on "together" or "apart", with 0 for chance and 1 for perfect agreement.

References
----------
L. Hubert and P. Arabie, "Comparing partitions", Journal of Classification 2, 1985.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from groundup.workflow.report_text import plain

_MOST_VALUES = 12


def compare_left_out(left_out: pd.DataFrame, clusters: np.ndarray) -> list[dict[str, Any]]:
    """Count the values of each column in each cluster.

    Parameters
    ----------
    left_out : DataFrame of shape (n, q)
    clusters : int ndarray of shape (n,)
        1, 2, ...; -1 is none.

    Returns
    -------
    list of dict
        For each column of at most 12 values ``{"column", "agreement", "values", "counts"}``, with
        the counts by value and cluster; the last count is of rows in no cluster, if there are any.
    """
    from sklearn.metrics import adjusted_rand_score

    found = []
    numbers = [*range(1, int(clusters.max()) + 1), *([-1] if (clusters < 0).any() else [])]
    for name in left_out.columns:
        x = left_out[name]
        known = x.notna().to_numpy()
        values = x[known].value_counts().index.tolist()
        if not 2 <= len(values) <= _MOST_VALUES:
            continue
        codes = pd.factorize(x)[0]
        found.append(
            {
                "column": str(name),
                "agreement": float(adjusted_rand_score(codes[known], clusters[known])),
                "values": [plain(value, 60) for value in values],
                "numbers": numbers,
                "counts": [
                    [int(((x == value).to_numpy() & (clusters == c)).sum()) for c in numbers]
                    for value in values
                ],
            }
        )
    return sorted(found, key=lambda one: -one["agreement"])
