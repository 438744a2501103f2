"""Decomposition: the few directions that hold most of what many columns say."""

from __future__ import annotations

from groundup._lazy import loaded_on_use

__all__, __getattr__, __dir__ = loaded_on_use(
    __name__,
    {"PCA": "_pca", "TSNE": "_tsne", "TruncatedSVD": "_truncated_svd"},
)
