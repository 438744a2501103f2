"""Describe: what each cluster is like, which rows stand for it, and which rows fit nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from groundup.workflow.clusters.assign import Assigner, Assignment, assign_own_rows
from groundup.workflow.clusters.dendrogram import dendrogram_part
from groundup.workflow.clusters.grouping import Evidence
from groundup.workflow.clusters.left_out import compare_left_out
from groundup.workflow.clusters.maps import maps
from groundup.workflow.clusters.traits import (
    LEAST_STRENGTH,
    Trait,
    put_together,
    short_name,
    traits,
)
from groundup.workflow.clusters.typical import outliers, typical_rows
from groundup.workflow.explore import explore

# Traits from this strength on are told, up to the most; weaker ones where there are few.
_STRONG = 0.33
_MOST_TRAITS = 8
_FEW_TRAITS = 3
_MOST_COMPARED = 12


def describe(
    frame: pd.DataFrame,
    kinds: Mapping[str, str],
    X: np.ndarray,
    evidence: Evidence,
    clusters: np.ndarray | None,
    assigner: Assigner | None,
    *,
    blank: np.ndarray,
    left_out: pd.DataFrame,
    texts: list[str],
    seed: int,
    seconds: float,
) -> dict[str, Any]:
    """Return the part ``"describe"`` of ``run.json``.

    Parameters
    ----------
    frame : DataFrame of shape (n, p)
        The columns that rows were compared by, missing values written as such.
    kinds : mapping of column name to kind
    X : ndarray of shape (n, d)
        The prepared numbers.
    evidence : Evidence
    clusters : int ndarray of shape (n,) or None
        1, 2, ...; -1 is none; None where there are no clusters.
    assigner : Assigner or None
    blank : bool ndarray of shape (n,)
        Rows with nothing that could be compared.
    left_out : DataFrame of shape (n, q)
        The columns that the user left out, to be held against the clusters.
    texts : list of str
        The columns of running text.
    seed : int
    seconds : float
        Time for the pictures.

    Returns
    -------
    dict
        ``maps``, ``dendrogram``; with clusters also ``clusters`` (the portraits), ``compared``
        (columns side by side), ``pictures``, ``outliers``, ``left_out``.
    """
    part: dict[str, Any] = {
        "maps": maps(frame, kinds, X, clusters, seed=seed, seconds=seconds),
        "dendrogram": dendrogram_part(evidence, clusters),
    }
    if clusters is None or assigner is None:
        return part
    own = assign_own_rows(assigner, X, clusters, blank)
    found = traits(frame, kinds, clusters, texts=texts)
    compared = _compare(frame, kinds, clusters, seed)
    return part | {
        "clusters": _portraits(frame, X, own, found, assigner),
        **compared,
        "outliers": outliers(frame, kinds, own, assigner),
        "left_out": compare_left_out(left_out, clusters),
    }


def _portraits(
    frame: pd.DataFrame, X: np.ndarray, own: Assignment, found: list[list[Trait]], kept: Assigner
) -> list[dict[str, Any]]:
    portraits: list[dict[str, Any]] = []
    for number, of_cluster in enumerate(map(put_together, found), start=1):
        rows = own.cluster == number
        strong = [trait for trait in of_cluster if trait.strength >= _STRONG]
        told = [trait for trait in of_cluster if trait.strength >= LEAST_STRENGTH][:_FEW_TRAITS]
        told = strong[:_MOST_TRAITS] if len(strong) >= _FEW_TRAITS else told
        shown = list(dict.fromkeys(trait.column for trait in of_cluster))
        portraits.append(
            {
                "number": number,
                "name": short_name(of_cluster, [other["name"] for other in portraits]),
                "size": int(rows.sum()),
                "share": float(rows.mean()),
                "sure": float(np.median(own.sure[rows])),
                "outliers": int((rows & own.outlier).sum()),
                "traits": [trait.as_dict() for trait in told],
                "typical": typical_rows(frame, X, own, number, kept, shown),
            }
        )
    return portraits


def _compare(
    frame: pd.DataFrame, kinds: Mapping[str, str], clusters: np.ndarray, seed: int
) -> dict[str, Any]:
    """Hold the columns against the clusters: which tell them apart, and their values side by side.

    The p-values are left out: the clusters were made from these columns, so that every one of them
    would look as if it could not be chance.
    """
    inside = clusters > 0
    names = np.array([f"{number}" for number in range(clusters.max() + 1)])
    few = frame[inside]
    if clusters.max() < 2:
        return {"associations": [], "pictures": [], "compared": []}
    y = pd.Series(names[clusters[inside]], index=few.index)
    _, part = explore(few, y, "multiclass", kinds, seed=seed)
    strongest = [row["column"] for row in part["associations"]]
    for row in part["associations"]:
        del row["p"], row["p_adjusted"]
    return {
        "associations": part["associations"],
        "pictures": part["pictures"],
        "compared": [
            {"column": name, "kind": kinds[name], "values": _side_by_side(frame[name], clusters)}
            for name in [n for n in strongest if few[n].notna().mean() >= 0.5][:_MOST_COMPARED]
        ],
    }


def _side_by_side(x: pd.Series, clusters: np.ndarray) -> list[dict[str, Any]]:
    """Return the median, or the commonest value and its share, of every row and of each cluster."""
    values: list[dict[str, Any]] = []
    for number in range(clusters.max() + 1):
        here = (x if number == 0 else x[clusters == number]).dropna()
        if here.empty:
            values.append({"value": None})
        elif x.dtype.kind in "if" and x.nunique() > 2:
            values.append({"value": float(here.median())})
        elif x.dtype.kind == "M":
            values.append({"value": str(here.median().date())})
        else:
            counts = here.value_counts()
            top = counts.index[0]
            shown = top.item() if hasattr(top, "item") else top
            values.append({"value": shown, "share": float(counts.iloc[0] / len(here))})
    return values
