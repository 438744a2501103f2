"""Distances between rows, and the cheaper numbers that order rows in the same way.

======================  =====================================  ==============================
metric                  distance                               searched by
======================  =====================================  ==============================
``euclidean``           sqrt(sum_f (x_f - q_f)^2)              its square
``manhattan``           sum_f abs(x_f - q_f)                   itself
``chebyshev``           max_f abs(x_f - q_f)                   itself
``minkowski``           (sum_f abs(x_f - q_f)^p)^(1/p)         its p-th power
``cosine``              1 - x . q / (||x|| ||q||)              euclidean, on rows of length 1
======================  =====================================  ==============================

A root does not change an order, so searches leave it out and take it once of each answer.  Two
metrics become another one by mapping the rows first:

    cosine:              || x/||x|| - q/||q|| ||^2 = 2 (1 - cos(x, q))
    weighted minkowski:  sum_f w_f abs(x_f - q_f)^p = sum_f abs(w_f^(1/p) x_f - w_f^(1/p) q_f)^p
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from groundup._kernel import kernel

LANES = 16  # points whose distances are computed at once: a constant, so that the loops unroll
EUCLIDEAN, MANHATTAN, CHEBYSHEV, MINKOWSKI = range(4)
METRICS = ("euclidean", "manhattan", "chebyshev", "minkowski", "cosine", "l1", "l2", "cityblock")
_ALIASES = {"l1": "manhattan", "cityblock": "manhattan", "l2": "euclidean"}


class Metric(NamedTuple):
    """A metric as the kernels know it, and what is left for before and after."""

    name: str
    kind: int  # one of the flags above
    p: float  # of the Minkowski distance, else 2
    weight: np.ndarray | None  # (d,) of the Minkowski distance

    def map_rows(self, X: np.ndarray, asked: bool) -> np.ndarray:
        """Map rows to where the kernel's metric orders them as this one does.

        Parameters
        ----------
        X : ndarray of shape (n, d)
        asked : bool
            Whether these are queries, not fitted rows.

        Returns
        -------
        ndarray of shape (n, d) or (n, d + 2)
            `X` itself where nothing is to be done.
        """
        if self.name == "cosine":
            # A row of zeros has no direction; it counts as at a right angle to every row.  Two more
            # features, one for such fitted rows and one for such queries, make it so.
            largest = np.abs(X).max(axis=1, keepdims=True)  # (n, 1): squares must not overflow
            zero = largest == 0.0
            Z = X / np.where(zero, 1.0, largest)
            norms = np.sqrt(np.einsum("ij,ij->i", Z, Z))[:, None]
            marks = np.hstack([zero & (not asked), zero & asked])
            return np.hstack([Z / np.where(zero, 1.0, norms), marks])
        if self.weight is not None:
            return X * self.weight ** (1.0 / self.p)
        return X

    def from_searched(self, searched: np.ndarray) -> np.ndarray:
        """Turn what the kernels search by into distances, in place where that can be."""
        if self.name == "cosine":
            return np.multiply(searched, 0.5, out=searched)
        if self.kind == EUCLIDEAN:
            return np.sqrt(searched, out=searched)
        if self.kind == MINKOWSKI:
            return np.power(searched, 1.0 / self.p, out=searched)
        return searched

    def to_searched(self, distance: float) -> float:
        """Turn a distance, such as a radius, into what the kernels search by."""
        if self.name == "cosine":
            return 2.0 * distance
        if self.kind == EUCLIDEAN:
            return distance * distance
        if self.kind == MINKOWSKI:
            with np.errstate(over="ignore", under="ignore"):
                power: float = np.float_power(distance, self.p)  # inf where a Python float raises
                return power
        return distance


def choose_metric(name: str, p: float, params: dict | None, n_features: int) -> Metric:
    """Translate scikit-learn's ``metric``, ``p`` and ``metric_params``.

    Parameters
    ----------
    name : str
    p : float
        Power of the Minkowski distance.
    params : dict or None
        ``{"w": array of shape (n_features,)}`` weights the features of the Minkowski distance.
    n_features : int

    Returns
    -------
    Metric

    Raises
    ------
    ValueError
        If a name or parameter is not supported; it says which are.
    """
    if not isinstance(name, str) or name not in METRICS:
        raise ValueError(
            f"metric={name!r} is not supported. Supported are: {', '.join(sorted(METRICS))}."
        )
    name = _ALIASES.get(name, name)
    params = dict(params or {})
    weight = params.pop("w", None) if name == "minkowski" else None
    p = params.pop("p", p) if name == "minkowski" else p
    if params:
        raise ValueError(
            f"metric_params={params!r} is not supported for metric={name!r}. Supported are 'p' "
            "and 'w' (one weight a feature), both for metric='minkowski'."
        )
    if weight is not None:
        weight = np.asarray(weight, dtype=np.float64)
        if weight.shape != (n_features,) or not (weight >= 0).all() or np.isinf(weight).any():
            raise ValueError(
                f"metric_params={{'w': ...}} has shape {weight.shape}; expected {n_features} "
                "finite weights of 0 or more, one a feature."
            )
    if name == "cosine":
        return Metric(name, EUCLIDEAN, 2.0, None)
    if name == "minkowski":
        if p is None or not p > 0:
            raise ValueError(f"p={p!r} is not a power for metric='minkowski'; give p > 0.")
        if weight is not None and np.isinf(p):
            weight = None if (weight > 0).all() else (weight > 0).astype(np.float64)
        name = {1.0: "manhattan", 2.0: "euclidean", np.inf: "chebyshev"}.get(float(p), name)
    kind = {"euclidean": EUCLIDEAN, "manhattan": MANHATTAN, "chebyshev": CHEBYSHEV}
    return Metric(name, kind.get(name, MINKOWSKI), float(2 if p is None else p), weight)


@kernel
def add_difference(
    kind,  # int in: EUCLIDEAN, ...
    p,  # float in
    total,  # float in: over the features so far
    difference,  # float in: x_f - q_f
):
    if kind == EUCLIDEAN:
        return total + difference * difference
    if kind == MANHATTAN:
        return total + abs(difference)
    if kind == CHEBYSHEV:
        return max(total, abs(difference))
    return total + abs(difference) ** p


@kernel
def distances_to(
    kind,  # int in
    p,  # float in
    points,  # (d, n or more) in: a row a column
    start,  # int in: the first point
    size,  # int in
    Q,  # (m, d) in
    i,  # int in: the query
    totals,  # (size or more,) out: to the points start, start + 1, ..., start + size - 1
):
    # One loop a metric, so that each is compiled to vector instructions.
    if kind == EUCLIDEAN:
        for j in range(size):
            difference = points[0, start + j] - Q[i, 0]
            totals[j] = difference * difference
        for f in range(1, Q.shape[1]):
            value = Q[i, f]
            for j in range(size):
                difference = points[f, start + j] - value
                totals[j] += difference * difference
    else:
        for j in range(size):
            totals[j] = 0.0
        for f in range(Q.shape[1]):
            value = Q[i, f]
            for j in range(size):
                totals[j] = add_difference(kind, p, totals[j], points[f, start + j] - value)


@kernel
def any_within(
    totals,  # (size or more,) in
    size,  # int in
    limit,  # float in
):
    count = 0
    for j in range(size):
        count += totals[j] <= limit
    return count > 0
