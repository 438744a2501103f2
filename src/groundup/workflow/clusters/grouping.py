"""What a search for clusters hands on: the groupings that were tried, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: The four families, from the simplest idea of a group to the most flexible.
FAMILIES = ("k-means", "hierarchy", "mixture", "density")


@dataclass
class Grouping:
    """One way of putting the rows into groups.

    Parameters
    ----------
    family : {"k-means", "hierarchy", "mixture", "density"}
    title : str
        For readers: ``"Gaussian mixture, 3 groups (full)"``.
    params : dict
        What was chosen: the number of clusters, the linkage, the covariance.
    estimator : fitted estimator
        Fitting a clone of it to the same rows gives the same labels.
    labels : int64 ndarray of shape (n,)
        0 to ``n_clusters - 1``; -1 for a row that belongs to no group.
    n_clusters : int
    measures : dict
        ``silhouette``, ``gap``, ``bic``, ``stability``, ... None where one does not apply.
    """

    family: str
    title: str
    params: dict[str, Any]
    estimator: Any
    labels: np.ndarray
    n_clusters: int
    measures: dict[str, Any] = field(default_factory=dict)


@dataclass
class Evidence:
    """The groupings that were tried, the one that was chosen, and why.

    Parameters
    ----------
    candidates : list of Grouping
    chosen : Grouping or None
        None: there are no clusters here.
    verdict : str
        The answer in one sentence.
    reasons : list of str
        What speaks for it, with figures.
    curves : dict
        For each family the measures of its candidates, by the parameter that was varied.
    null : dict
        The test behind "no clusters here": ``statistic``, ``observed``, ``draws``, ``p_value``,
        ``level``, ``words``.
    outliers : int64 ndarray
        Rows far from every group of the chosen one.
    sample : int64 ndarray
        The rows that the candidates were fitted to and judged by: all, unless there are many. The
        labels of a candidate are theirs; those of the chosen one are of all rows.
    left_out : list of str
        What there was no time for.
    kind : {"clusters", "none", "no grouping holds", "cannot tell"}
        Which answer it is.
    """

    candidates: list[Grouping]
    chosen: Grouping | None
    verdict: str
    reasons: list[str]
    curves: dict[str, dict[str, list]]
    null: dict[str, Any]
    outliers: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    sample: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    left_out: list[str] = field(default_factory=list)
    kind: str = "none"
