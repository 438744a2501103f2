"""The algorithms that the four families are made of, behind one line of import each."""

from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.mixture import GaussianMixture

__all__ = ["HDBSCAN", "AgglomerativeClustering", "GaussianMixture", "KMeans"]
