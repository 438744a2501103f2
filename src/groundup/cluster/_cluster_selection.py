"""Which clusters of a condensed tree to take: none may lie inside another one.

*Excess of mass*: choose the clusters whose stabilities have the greatest sum.  From the leaves up,
a cluster is compared with the best that its own parts can do together, and the better of the two
goes on to its parent:

    best(C) = max(stability(C), sum over the children D of C   best(D))

*Leaves*: choose the clusters that split no further, the finest there are.

Either way a distance `epsilon` can be set, below which no split shall count: a chosen cluster that
was born at a smaller distance gives way to the first cluster above it that was not.

A row that fell out of a chosen cluster early is a weak member of it:

    probability_i = min(lambda_i, death_C) / death_C

References
----------
.. [1] R. J. G. B. Campello, D. Moulavi, A. Zimek and J. Sander, "Hierarchical density estimates for
   data clustering, visualization, and outlier detection", ACM TKDD 10(1), 2015.
.. [2] C. Malzer and M. Baum, "A hybrid approach to hierarchical density-based cluster selection",
   MFI 2020, arXiv:1911.02282.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.cluster._condensed_tree import CondensedTree


@kernel
def _excess_of_mass(
    parents,  # (m,) in
    sizes,  # (m,) in
    largest,  # int in: no cluster of more rows is taken
    first,  # int in: clusters before this one are not taken
    best,  # (m,) inout: stability(C); best(C) afterwards
    taken,  # (m,) inout: False
):
    m = parents.shape[0]
    below = np.zeros(m)  # the sum of best(D) over the children D
    for c in range(m - 1, first - 1, -1):
        taken[c] = not (below[c] > best[c] or sizes[c] > largest)
        if not taken[c]:
            best[c] = below[c]
        if c > 0:
            below[parents[c]] += best[c]
    # Of those inside each other the outermost stays.
    covered = np.zeros(m, dtype=np.bool_)
    for c in range(1, m):
        covered[c] = covered[parents[c]] or taken[parents[c]]
    for c in range(1, m):
        taken[c] = taken[c] and not covered[c]


@kernel
def _nearest_taken(
    parents,  # (m,) in
    taken,  # (m,) in
    nearest,  # (m,) out: the cluster itself, or the first one above it that is taken, or cluster 0
):
    nearest[0] = 0
    for c in range(1, parents.shape[0]):
        nearest[c] = c if taken[c] else nearest[parents[c]]


def _widen(
    tree: CondensedTree, taken: np.ndarray, epsilon: float, allow_single_cluster: bool
) -> np.ndarray:
    """Replace clusters born at a distance below `epsilon` by the first above that was not."""
    with np.errstate(divide="ignore"):
        distances = 1.0 / tree.births  # at birth
    widened = np.zeros_like(taken)
    for c in np.flatnonzero(taken):
        if distances[c] < epsilon:
            while True:
                parent = tree.parents[c]
                if parent == 0 and not allow_single_cluster:
                    break
                c = parent
                if parent == 0 or distances[parent] > epsilon:
                    break
        widened[c] = True
    return widened


def select_clusters(
    tree: CondensedTree,
    method: str = "eom",
    allow_single_cluster: bool = False,
    epsilon: float = 0.0,
    max_cluster_size: int | None = None,
) -> np.ndarray:
    """Choose clusters of a condensed tree.

    Parameters
    ----------
    tree : CondensedTree
    method : {"eom", "leaf"}
        By excess of mass, or the leaves.
    allow_single_cluster : bool
        Whether cluster 0, which holds everything, may be chosen.
    epsilon : float
        Clusters born at a smaller distance give way to one above them.
    max_cluster_size : int or None
        Excess of mass chooses no larger cluster.

    Returns
    -------
    ndarray of shape (m,), bool
    """
    m = len(tree.parents)
    if method == "leaf":
        taken = np.bincount(tree.parents[1:], minlength=m) == 0
        taken[0] = False
    else:
        sizes = tree.sizes.copy()
        # Of everything, as scikit-learn does, only what is in true clusters is counted.
        sizes[0] = tree.sizes[1:][tree.parents[1:] == 0].sum()
        largest = np.iinfo(np.int64).max if max_cluster_size is None else int(max_cluster_size)
        taken = np.zeros(m, dtype=bool)
        first = 0 if allow_single_cluster else 1
        _excess_of_mass(tree.parents, sizes, largest, first, tree.stabilities(), taken)
    if epsilon > 0.0 and not taken[0]:
        taken = _widen(tree, taken, epsilon, allow_single_cluster)
    return taken


def labels_and_probabilities(
    tree: CondensedTree, taken: np.ndarray, epsilon: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Label each row by the cluster it belongs to, and say how strongly it does.

    Parameters
    ----------
    tree : CondensedTree
    taken : ndarray of shape (m,), bool
        From `select_clusters`.
    epsilon : float
        Where everything is one cluster, rows that fell out of it at a greater distance are noise;
        at 0 all are but those that stayed to the end.

    Returns
    -------
    labels : ndarray of shape (n,), int64
        From 0, or -1 for noise.
    probabilities : ndarray of shape (n,), float64
        0 for noise.
    """
    nearest = np.empty(len(taken), dtype=np.int64)
    _nearest_taken(tree.parents, taken, nearest)
    numbers = np.where(taken, np.cumsum(taken) - 1, -1)
    chosen = nearest[tree.row_clusters]  # (n,)
    labels = numbers[chosen]
    deaths = tree.deaths()
    if taken[0]:
        threshold = 1.0 / epsilon if epsilon > 0.0 else deaths[0]
        stays = (taken.sum() == 1) & (tree.row_lambdas >= threshold)
        labels[(chosen == 0) & ~stays] = -1
    death, lambdas = deaths[chosen], tree.row_lambdas
    certain = (death == 0.0) | np.isinf(lambdas)
    with np.errstate(invalid="ignore", divide="ignore"):
        strength = np.where(certain, 1.0, np.minimum(lambdas, death) / death)
    return labels, np.where(labels >= 0, strength, 0.0)
