"""The algorithms that the four families are made of."""

from groundup.cluster import HDBSCAN, AgglomerativeClustering, KMeans
from groundup.mixture import GaussianMixture

__all__ = ["HDBSCAN", "AgglomerativeClustering", "GaussianMixture", "KMeans"]
