"""Rows with missing or infinite values: left out of a hierarchy, then put back at its very end.

No distance can be told of such a row, so the clusters are found without them.  Afterwards they have
labels of their own, and each joins everything else at infinity, the last merges of all:

    m finite rows -> nodes 0 to m - 1, merges m to 2m - 2
    all n rows    -> nodes 0 to n - 1, the same merges n to n + m - 2, then one a row left out
"""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup._blocks import all_finite

INFINITE, MISSING = -2, -3  # labels that are no clusters


def finite_rows(X: np.ndarray) -> np.ndarray:
    """Return the numbers of the rows whose values are all finite, ascending."""
    return np.arange(len(X)) if all_finite(X) else np.flatnonzero(np.isfinite(X).all(axis=1))


def put_back(state: dict[str, Any], X: np.ndarray, finite: np.ndarray) -> dict[str, Any]:
    """Put the rows back that have missing or infinite values.

    Parameters
    ----------
    state : dict
        What `HDBSCAN` learned from the m finite rows.
    X : ndarray of shape (n, d)
        All rows.
    finite : ndarray of shape (m,), int64
        From `finite_rows`.

    Returns
    -------
    dict
        The same for all rows.
    """
    n, n_finite = len(X), len(finite)
    others = np.setdiff1d(np.arange(n), finite)
    missing = np.isnan(X[others]).any(axis=1)
    labels, probabilities, core = np.empty(n, np.int64), np.empty(n), np.full(n, np.nan)
    labels[finite], probabilities[finite] = state["labels_"], state["probabilities_"]
    labels[others] = np.where(missing, MISSING, INFINITE)
    probabilities[others] = np.where(missing, np.nan, 0.0)
    core[finite] = state["core_distances_"]

    def renumbered(nodes: np.ndarray) -> np.ndarray:
        nodes = nodes.astype(np.int64)
        return np.where(nodes < n_finite, finite[nodes % n_finite], nodes + n - n_finite)

    linkage = np.empty((n - 1, 4))
    linkage[: n_finite - 1] = state["linkage_"]
    linkage[: n_finite - 1, :2] = renumbered(state["linkage_"][:, :2])
    joined = np.arange(len(others))
    linkage[n_finite - 1 :] = np.column_stack(
        [others, n + n_finite - 2 + joined, np.full(len(others), np.inf), n_finite + 1 + joined]
    )
    condensed = state["condensed_tree_"].copy()
    for name in ("parent", "child"):
        condensed[name] = renumbered(condensed[name])
    return {
        **state,
        "labels_": labels,
        "probabilities_": probabilities,
        "core_distances_": core,
        "linkage_": linkage,
        "condensed_tree_": condensed,
    }
