"""Nearest neighbours: exact, by brute force in blocks or by a k-d tree."""

from groundup.neighbors._classification import KNeighborsClassifier
from groundup.neighbors._regression import KNeighborsRegressor
from groundup.neighbors._unsupervised import NearestNeighbors

__all__ = ["KNeighborsClassifier", "KNeighborsRegressor", "NearestNeighbors"]
