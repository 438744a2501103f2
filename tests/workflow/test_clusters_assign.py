"""The same rows get the same answer: of the run that found the clusters, and of its model."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from groundup.cluster import HDBSCAN, AgglomerativeClustering, KMeans
from groundup.mixture import GaussianMixture
from groundup.workflow.clusters.assign import Assigner, assign_own_rows, assigner_for
from groundup.workflow.clusters.blank import missing_notes
from groundup.workflow.clusters.grouping import Grouping
from groundup.workflow.clusters.numbering import numbered

FAMILIES = {
    "k-means": lambda: KMeans(3, random_state=0),
    "hierarchy": lambda: AgglomerativeClustering(3),
    "mixture": lambda: GaussianMixture(3, random_state=0),
    "density": lambda: HDBSCAN(min_cluster_size=10),
}


def crowds() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0], [9, 0], [0, 9]])
    X = np.repeat(centres, [60, 50, 40], axis=0) + rng.normal(size=(150, 2))
    return np.vstack([X, X[:5], rng.uniform(-4, 13, (25, 2))])  # copies, and rows in between


TABLES = {
    "crowds": crowds,
    "whole numbers": lambda: np.round(crowds()),  # many rows at one place
    "iris": lambda: (lambda X: (X - X.mean(axis=0)) / X.std(axis=0))(load_iris().data),
}


def grouped(family: str, X: np.ndarray) -> tuple[Assigner, np.ndarray]:
    estimator = FAMILIES[family]()
    labels = estimator.fit_predict(X)
    grouping = Grouping(family, family, {}, estimator, labels, int(labels.max()) + 1)
    clusters = numbered(labels)
    return assigner_for(grouping, X, clusters), clusters


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_of_the_table_gets_its_own_answer_again(family, table):
    X = np.ascontiguousarray(TABLES[table]())
    assigner, clusters = grouped(family, X)
    own = assign_own_rows(assigner, X, clusters)
    loaded = Assigner.from_notes(assigner.model, assigner.notes())
    order = np.random.default_rng(1).permutation(len(X))
    again = loaded.assign(X[order])
    assert np.array_equal(again.cluster, clusters[order])
    assert np.array_equal(again.outlier, own.outlier[order])
    np.testing.assert_allclose(again.sure, own.sure[order], atol=1e-9)
    np.testing.assert_allclose(again.distance, own.distance[order], atol=1e-9)
    assert (own.sure[clusters < 0] == 0).all()
    assert own.outlier[clusters < 0].all()


def test_a_row_far_from_everything_is_in_no_cluster_and_not_sure():
    assigner, clusters = grouped("density", crowds())
    assert (clusters < 0).any()
    found = assigner.assign(np.array([[400.0, 400.0]]))
    assert found.cluster.tolist() == [-1]
    assert found.sure.tolist() == [0.0]
    assert found.outlier.tolist() == [True]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_with_nothing_to_compare_is_in_no_cluster(family):
    X = crowds()
    found = grouped(family, X)[0].assign(X[:3], np.array([False, True, False]))
    assert found.cluster[1] == -1
    assert np.isnan(found.sure[1])
    assert not found.outlier[1]
    assert (found.cluster[[0, 2]] > 0).all()


def test_missing_cells_are_counted_in_words():
    assert missing_notes(np.array([0, 2]), 4) == [None, "2 of 4 compared cells are missing"]
