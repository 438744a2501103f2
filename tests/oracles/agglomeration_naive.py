"""The textbook agglomeration: look at all pairs of clusters, merge the nearest, and begin again."""

from __future__ import annotations

import numpy as np


def cluster_distance(X, D, rows, others, linkage):
    """Return how far two clusters are apart, from their rows alone."""
    if linkage == "ward":
        a, b = len(rows), len(others)
        apart = X[rows].mean(axis=0) - X[others].mean(axis=0)
        return np.sqrt(2.0 * a * b / (a + b)) * np.sqrt((apart**2).sum())
    between = D[np.ix_(rows, others)]
    return {"average": between.mean, "complete": between.max, "single": between.min}[linkage]()


def agglomerate(X, linkage, D=None):
    """Return the merged pairs of row sets and their heights: n - 1 steps of O(n^2) pairs each."""
    if D is None:
        D = np.sqrt(((X[:, None, :] - X[None, :, :]) ** 2).sum(axis=2))
    clusters = [[i] for i in range(len(D))]
    merges, heights = [], []
    while len(clusters) > 1:
        best = (np.inf, 0, 0)
        for i in range(len(clusters)):
            for j in range(i + 1, len(clusters)):
                distance = cluster_distance(X, D, clusters[i], clusters[j], linkage)
                best = min(best, (distance, i, j))
        height, i, j = best
        merges.append({frozenset(clusters[i]), frozenset(clusters[j])})
        heights.append(height)
        clusters[i] = clusters[i] + clusters.pop(j)
    return merges, np.array(heights)


def rows_of_nodes(children, n):
    """Return for every node of a dendrogram the set of its rows."""
    nodes = [frozenset([i]) for i in range(n)]
    for a, b in children:
        assert nodes[a].isdisjoint(nodes[b])
        nodes.append(nodes[a] | nodes[b])
    return nodes
