"""Maps: the rows as points in the plane, by principal components and by t-SNE.

Principal components show the directions in which the rows differ most, and keep distances as far as
two of them can. t-SNE keeps neighbours together and gives up distances: groups stand apart on its
map even where the way between them is short, and the size of a group means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from groundup.workflow.association import as_numbers

_MOST_POINTS = 1500
_LEAST_TSNE_ROWS = 20
_LEAST_SECONDS = 1.5  # for t-SNE, less than that is not worth beginning


def maps(
    frame: Any,
    kinds: Mapping[str, str],
    X: np.ndarray,
    clusters: np.ndarray | None,
    *,
    seed: int,
    seconds: float,
) -> list[dict[str, Any]]:
    """Return the maps of (a sample of) the rows.

    Parameters
    ----------
    frame : DataFrame of shape (n, p)
    kinds : mapping of column name to kind
    X : ndarray of shape (n, d)
    clusters : int ndarray of shape (n,) or None
    seed : int
    seconds : float
        Without time for it, t-SNE is left out.

    Returns
    -------
    list of dict
        ``{"kind": "columns" | "pca" | "tsne", "axes", "shares", "points": [[x, y, cluster, line]],
        "rows"}``; cluster 0 where there are none.
    """
    n = len(X)
    rows = np.arange(n)
    if n > _MOST_POINTS:
        rows = np.sort(np.random.default_rng(seed).choice(n, _MOST_POINTS, replace=False))
    number = np.zeros(n, np.int64) if clusters is None else clusters

    def drawn(kind: str, points: np.ndarray, axes: list[str], shares: list[float]) -> dict:
        return {
            "kind": kind,
            "axes": axes,
            "shares": shares,
            "rows": n,
            "points": [
                [float(f"{x:.5g}"), float(f"{y:.5g}"), int(c), int(line)]
                for (x, y), c, line in zip(points, number[rows], frame.index[rows], strict=True)
            ],
        }

    numbers = [name for name, kind in kinds.items() if kind == "number"]
    if len(numbers) == len(kinds) == 2 and not frame[numbers].isna().to_numpy().any():
        own = np.stack([as_numbers(frame[name], "number") for name in numbers], axis=1)
        return [drawn("columns", own[rows], numbers, [])]
    if X.shape[1] < 2 or n < 3:
        return []
    points, shares = components(X)
    found = [drawn("pca", points[rows], ["component 1", "component 2"], shares)]
    if len(rows) >= _LEAST_TSNE_ROWS and X.shape[1] > 2 and seconds > _LEAST_SECONDS:
        found.append(drawn("tsne", neighbours_map(X[rows], seed), ["", ""], []))
    return found


def components(X: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Return the first two principal components, and their shares of the variance."""
    from groundup.decomposition import PCA

    pca = PCA(2, random_state=0)
    points = pca.fit_transform(X)
    return points, [float(share) for share in np.nan_to_num(pca.explained_variance_ratio_)]


def neighbours_map(X: np.ndarray, seed: int) -> np.ndarray:
    """Return the rows on t-SNE's map, of shape (n, 2)."""
    from groundup.decomposition import TSNE

    perplexity = min(30.0, (len(X) - 1) / 4)
    return TSNE(2, perplexity=perplexity, random_state=seed).fit_transform(X)
