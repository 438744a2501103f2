"""Lloyd's iteration: rows to their nearest center, centers to the mean of their rows.

    assign:   label_i = argmin_j |x_i - c_j|^2
    move:     c_j = sum_{i: label_i = j} w_i x_i / sum_{i: label_i = j} w_i

Neither can raise  sum_i w_i |x_i - c_label_i|^2 : the first picks the smallest term for each row,
and of all points the mean has the smallest sum of squared distances to its rows.  There are
finitely many ways to label the rows, so it ends.

A center without rows would stay where it is for ever.  It is moved onto the row farthest from its
own center, which lowers the objective too.

References
----------
.. [1] S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory
   28(2), 1982.
"""

from __future__ import annotations

import numpy as np

from groundup._estimator import Steps
from groundup._kernel import kernel
from groundup.cluster._k_means_bounds import BoundedSearch, bounds_hold, bounds_pay
from groundup.cluster._k_means_panel import Centers, FullSearch
from groundup.cluster._k_means_rows import Rows, Sums

ON_CENTER = 1e-13  # of the data's size: so near, a row's distance to its center is rounding


@kernel
def move(
    merged,  # (k, d + 2) in: S, W and the number of rows
    centers,  # (K, D) inout
    half_norms,  # (K,) inout
    shifts,  # (k,) out: how far each center moved
):
    k, d = merged.shape[0], merged.shape[1] - 2
    heaviest = 0
    for j in range(1, k):
        if merged[j, d] > merged[heaviest, d]:
            heaviest = j
    moved, explained = 0.0, 0.0
    for j in range(k):
        # Where no row is left to move an empty center to, it joins the heaviest one.
        own = j if merged[j, d] > 0.0 else heaviest
        shift, norm = 0.0, 0.0
        for f in range(d):
            # c_j = S_j / W_j
            value = merged[own, f] / merged[own, d]
            shift += (value - centers[j, f]) ** 2
            norm += value * value
            centers[j, f] = value
        half_norms[j] = 0.5 * norm
        shifts[j] = np.sqrt(shift)
        moved += shift
        explained += merged[j, d] * norm
    return moved, explained


def lloyd(
    rows: Rows, start: np.ndarray, max_iter: int, tol: float, algorithm: str = "auto"
) -> Steps:
    """Run k-means from one start.

    Parameters
    ----------
    rows : Rows
    start : ndarray of shape (k, d)
        The first centers.
    max_iter : int
        The most iterations.
    tol : float
        Stop where the centers' squared moves add up to at most this, in the unit of X squared.
    algorithm : {"auto", "lloyd", "elkan"}, default="auto"
        Whether to search by bounds: once they pay, never, or from the first step on.

    Yields
    ------
    dict
        ``cluster_centers_`` (k, d), ``labels_`` (n,), ``inertia_`` and ``n_iter_``.  Within a run
        the centers are the means of the labelled rows; the last state's labels are those of the
        nearest centers.
    """
    k = len(start)
    centers = Centers(start - rows.mean)
    search: FullSearch | BoundedSearch = FullSearch(rows, centers)
    if not bounds_hold(rows, centers):
        algorithm = "lloyd"
    if algorithm == "elkan":
        search = BoundedSearch(rows, centers)
    labels = np.full(len(rows.X), -1, dtype=np.int32)
    sums, shifts = rows.empty_sums(k), np.empty(k)
    for iteration in range(1, max_iter + 1):
        n_changed = search.assign(labels, sums)
        if n_empty := rows.merge(sums, labels):
            relocate(rows, centers, labels, sums, n_empty)
        moved, explained = move(sums.merged, centers.padded, centers.half_norms, shifts)
        search.follow(shifts)
        settled = n_changed == 0
        if algorithm == "auto" and bounds_pay(rows, k, n_changed):
            search, algorithm = BoundedSearch(rows, centers), "elkan"
        last = settled or moved <= tol or iteration == max_iter
        if last and not settled:
            search.assign(labels, sums)  # so that a label is always that of the nearest center
        # sum_i w_i |x_i - c|^2  =  sum_i w_i |x_i|^2 - sum_j W_j |c_j|^2,  relative to the mean
        inertia = max(rows.scatter - explained, 0.0)
        if last:
            inertia = rows.inertia(centers.padded, labels)
        yield {
            "cluster_centers_": centers.values + rows.mean,
            "labels_": labels,
            "inertia_": inertia,
            "n_iter_": iteration,
        }
        if last:
            return


def relocate(rows: Rows, centers: Centers, labels: np.ndarray, sums: Sums, n_empty: int) -> None:
    """Give every center without rows the row that is farthest from its own center.

    Rows without weight are not given away: a center made of them would have none either.

    Parameters
    ----------
    rows, centers, labels
        As they were when the rows were assigned.
    sums : Sums
        Only ``merged`` is changed: a row keeps its label until it is assigned again.
    n_empty : int
    """
    distances = rows.squared_distances(centers.padded, labels)
    if len(rows.weights):
        distances[rows.weights == 0.0] = 0.0
    distances[distances <= (ON_CENTER * rows.reach) ** 2] = 0.0
    if distances.max() == 0.0:
        return  # every row lies on a center already
    farthest = np.argpartition(distances, -n_empty)[: -n_empty - 1 : -1]
    n_rows, moved = sums.merged[:, -1].copy(), labels.copy()
    for j, i in zip(np.flatnonzero(n_rows == 0.0), farthest, strict=True):
        if len(rows.weights) and rows.weights[i] == 0.0:
            continue
        if distances[i] == 0.0 and n_rows[labels[i]] == 1.0:
            continue  # its center would stand empty instead
        n_rows[labels[i]] -= 1.0
        n_rows[j], moved[i] = 1.0, j
    # Taking rows off the sums would leave rounding, which is all there is where few weights stay.
    sums.merged[:] = rows.add_up(moved, len(n_rows)).merged
