"""Clustering: groups in rows that carry no labels."""

from __future__ import annotations

from groundup._lazy import loaded_on_use

__all__, __getattr__, __dir__ = loaded_on_use(
    __name__,
    {
        "AgglomerativeClustering": "_agglomerative",
        "DBSCAN": "_dbscan",
        "HDBSCAN": "_hdbscan",
        "KMeans": "_k_means",
        "MiniBatchKMeans": "_mini_batch_k_means",
    },
)
