r"""The condensed tree: a dendrogram in which only splits into two real clusters count.

Read from its top, a dendrogram splits one cluster of everything into two, and those again, down to
single rows.  Most of these splits only shed a row or two.  So a size is set: a split counts where
both sides have at least `min_cluster_size` rows.  Otherwise the cluster goes on under its name, and
the rows of a smaller side *fall out* of it.

Height is told as density, ``lambda = 1 / distance``, which grows on the way down.  Each cluster
lives from the lambda of its birth to that at which it splits or has lost its last row, and its
*stability* is the excess of mass: how many rows it holds, for how long,

    stability(C) = sum over rows i of C   (lambda_i - birth_C)

with lambda_i the density at which row i falls out of C, or leaves it with one half of a true split.

Cost: O(n) time and memory.

References
----------
.. [1] R. J. G. B. Campello, D. Moulavi and J. Sander, "Density-based clustering based on
   hierarchical density estimates", PAKDD 2013.
.. [2] W. Stuetzle, "Estimating the cluster tree of a density by analyzing the minimal spanning tree
   of a sample", Journal of Classification 20, 2003 (runt pruning).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel
from groundup.cluster._dendrogram import Dendrogram

ENTRY = np.dtype(
    [
        ("parent", np.int64),
        ("child", np.int64),
        ("lambda_val", np.float64),
        ("child_size", np.int64),
    ]
)


class CondensedTree(NamedTuple):
    """m clusters, a parent always before its children; cluster 0 holds all n rows."""

    parents: np.ndarray  # (m,) int64: the cluster that split into it; -1 for cluster 0
    births: np.ndarray  # (m,) float64: lambda at which it came to be; 0 for cluster 0
    sizes: np.ndarray  # (m,) int64: its rows at that time
    row_clusters: np.ndarray  # (n,) int64: the last cluster that a row was in
    row_lambdas: np.ndarray  # (n,) float64: where it fell out of that

    def stabilities(self) -> np.ndarray:
        """Return each cluster's excess of mass, (m,)."""
        n_clusters, inside = len(self.parents), self.parents[1:]
        with np.errstate(invalid="ignore"):  # rows that are the same: a birth at infinite density
            by_rows = self.row_lambdas - self.births[self.row_clusters]
            by_clusters = (self.births[1:] - self.births[inside]) * self.sizes[1:]
        return np.bincount(self.row_clusters, by_rows, n_clusters) + np.bincount(
            inside, by_clusters, n_clusters
        )

    def deaths(self) -> np.ndarray:
        """Return the largest lambda at which each cluster loses a row or splits, (m,)."""
        deaths = np.zeros(len(self.parents))
        np.maximum.at(deaths, self.row_clusters, self.row_lambdas)
        np.maximum.at(deaths, self.parents[1:], self.births[1:])
        return deaths

    def entries(self) -> np.ndarray:
        """Return the tree as one table: clusters (numbered from n on) by birth, then rows."""
        n, n_clusters = len(self.row_clusters), len(self.parents)
        table = np.empty(n_clusters - 1 + n, dtype=ENTRY)
        table["parent"] = n + np.concatenate([self.parents[1:], self.row_clusters])
        table["child"] = np.concatenate([n + np.arange(1, n_clusters), np.arange(n)])
        table["lambda_val"] = np.concatenate([self.births[1:], self.row_lambdas])
        table["child_size"] = np.concatenate([self.sizes[1:], np.ones(n, dtype=np.int64)])
        return table


@kernel
def _condense(
    children,  # (n - 1, 2) in
    distances,  # (n - 1,) in
    sizes,  # (n - 1,) in
    min_cluster_size,  # int in
    clusters,  # (2n - 1,) out: the last cluster that holds all of a node
    lambdas,  # (2n - 1,) inout: where the node fell out of it; NaN while it has not
    parents,  # (m,) out
    births,  # (m,) out
    born_with,  # (m,) out: rows
):
    n = children.shape[0] + 1
    clusters[2 * n - 2] = 0
    parents[0], births[0], born_with[0] = -1, 0.0, n
    n_clusters = 1
    # A node's number is greater than those of its children, so this goes from the top down.
    for k in range(n - 2, -1, -1):
        cluster = clusters[n + k]
        left, right = children[k, 0], children[k, 1]
        clusters[left] = clusters[right] = cluster
        if not np.isnan(lambdas[n + k]):
            lambdas[left] = lambdas[right] = lambdas[n + k]
            continue
        density = 1.0 / distances[k] if distances[k] > 0.0 else np.inf
        left_size = sizes[left - n] if left >= n else 1
        right_size = sizes[right - n] if right >= n else 1
        if left_size >= min_cluster_size and right_size >= min_cluster_size:
            for side in range(2):
                clusters[children[k, side]] = n_clusters
                parents[n_clusters], births[n_clusters] = cluster, density
                born_with[n_clusters] = right_size if side else left_size
                n_clusters += 1
            continue
        if left_size < min_cluster_size:
            lambdas[left] = density
        if right_size < min_cluster_size:
            lambdas[right] = density
    return n_clusters


def condense(tree: Dendrogram, min_cluster_size: int) -> CondensedTree:
    """Keep of a dendrogram what splits into clusters of at least `min_cluster_size` rows.

    Parameters
    ----------
    tree : Dendrogram
        Of n rows, 2 or more.
    min_cluster_size : int
        2 or more.

    Returns
    -------
    CondensedTree

    Examples
    --------
    >>> from groundup.cluster._dendrogram import merges_from_edges
    >>> edges = np.array([[0, 1], [2, 3], [1, 2], [3, 4]])
    >>> dendrogram = merges_from_edges(edges, np.array([1.0, 1.0, 4.0, 5.0]), 5)
    >>> tree = condense(dendrogram, min_cluster_size=2)
    >>> tree.births  # row 4 falls out at 1 / 5, the rest splits at 1 / 4
    array([0.  , 0.25, 0.25])
    >>> tree.row_lambdas
    array([1. , 1. , 1. , 1. , 0.2])
    """
    n = len(tree.children) + 1
    most = 2 * (n // min_cluster_size) + 1
    clusters, lambdas = np.empty(2 * n - 1, np.int64), np.full(2 * n - 1, np.nan)
    parents, births, sizes = np.empty(most, np.int64), np.empty(most), np.empty(most, np.int64)
    m = _condense(
        tree.children,
        tree.distances,
        tree.sizes,
        min_cluster_size,
        clusters,
        lambdas,
        parents,
        births,
        sizes,
    )
    return CondensedTree(
        parents[:m].copy(), births[:m].copy(), sizes[:m].copy(), clusters[:n], lambdas[:n]
    )
