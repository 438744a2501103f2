"""The test for one crowd, borders, stability and the choice: on data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score, silhouette_score

from groundup.workflow.clusters import borders, find
from groundup.workflow.clusters.candidates import estimators, labels_of
from groundup.workflow.clusters.choice import choose
from groundup.workflow.clusters.crowds import APART, Density, densities, prominences
from groundup.workflow.clusters.families import AgglomerativeClustering, KMeans
from groundup.workflow.clusters.find import find_clusters, find_outliers
from groundup.workflow.clusters.gap import gap_statistic
from groundup.workflow.clusters.grouping import Grouping
from groundup.workflow.clusters.merge_trees import MergeTrees
from groundup.workflow.clusters.one_crowd import (
    OneCrowd,
    bent_sheet,
    few_valued,
    one_crowd_test,
    spread_ties,
)
from groundup.workflow.clusters.silhouette import Silhouette
from groundup.workflow.clusters.stability import Resamples
from groundup.workflow.clusters.verdict import kind_of_answer, verdict


def blobs(sizes, d=2, apart=8.0, seed=0):
    """Gaussian clouds on the corners of a simplex, `apart` from each other."""
    rng = np.random.default_rng(seed)
    corners = np.eye(max(d, len(sizes)))[: len(sizes), :d] * apart
    y = np.repeat(np.arange(len(sizes)), sizes)
    return rng.normal(size=(len(y), d)) + corners[y], y


def prominences_by_threshold(density, least_rows):
    """The same by the definition: cut at every height, and follow the connected parts."""
    n, k = density.neighbours.shape
    linked = np.zeros((n, n), bool)
    linked[np.repeat(np.arange(n), k), density.neighbours.ravel()] = True
    linked |= linked.T
    f = density.log_density
    parts: list[set[int]] = []
    found = []
    for i in np.argsort(-f, kind="stable"):
        touched = [part for part in parts if any(linked[i, j] for j in part)]
        parts = [part for part in parts if part not in touched]
        touched.append({int(i)})
        touched.sort(key=lambda part: -max(f[j] for j in part))
        for part in touched[1:]:
            if len(part) >= least_rows:
                found.append(max(f[j] for j in part) - f[i])
        parts.append(set().union(*touched))
    found += [APART] * max(0, sum(len(part) >= least_rows for part in parts) - 1)
    return sorted(found, reverse=True)


@pytest.mark.parametrize("seed", range(4))
def test_prominences_are_those_of_the_definition(seed):
    X, _ = blobs([40, 30], apart=2.0 + seed, seed=seed)
    density = densities(X, (6,))[0]
    expected = prominences_by_threshold(density, 3)
    np.testing.assert_allclose(prominences(density, 3), np.minimum(expected, APART))


def test_the_dimension_is_that_of_the_sheet_not_of_the_space():
    rng = np.random.default_rng(0)
    sheet = rng.uniform(size=(800, 2)) @ rng.normal(size=(2, 6))
    assert 1.7 < densities(sheet, (15,))[0].dimension < 2.4


@pytest.mark.parametrize("draw", ["uniform", "gaussian", "sheet"])
def test_a_single_crowd_is_not_refuted(draw):
    refuted = 0
    for seed in range(4):
        rng = np.random.default_rng([seed, 7])
        X = {
            "uniform": lambda rng=rng: rng.uniform(size=(300, 3)),
            "gaussian": lambda rng=rng: rng.normal(size=(300, 3)) * [1, 3, 9],
            "sheet": lambda rng=rng: bent_sheet(300, rng),
        }[draw]()
        refuted += one_crowd_test(X, seed=seed).is_refuted
    assert refuted <= 1


def test_the_same_seed_gives_the_same_test():
    X, _ = blobs([60, 60], apart=4.0)
    assert one_crowd_test(X, seed=3) == one_crowd_test(X, seed=3)


def test_ties_are_spread_but_the_gaps_between_groups_stay():
    values = np.r_[0:10, 50:60].astype(float)
    X = np.repeat(values, 20)[:, None]
    spread = spread_ties(X, np.random.default_rng(0))
    assert len(np.unique(spread)) == len(X)
    assert np.abs(spread - X).max() <= 0.5
    continuous = np.random.default_rng(1).normal(size=(50, 2))
    np.testing.assert_array_equal(spread_ties(continuous, np.random.default_rng(0)), continuous)


def test_a_scale_of_few_steps_is_spread_over_its_gaps():
    X = np.repeat([[0.0], [3.0], [4.0]], 200, axis=0)
    spread = spread_ties(X, np.random.default_rng(0))
    assert few_valued(X).tolist() == [True]
    edges = np.split(np.sort(spread, axis=0), 3)
    expected = [(-1.5, 1.5), (1.5, 3.5), (3.5, 4.5)]
    for part, (low, high) in zip(edges, expected, strict=True):
        assert low <= part.min() < low + 0.1
        assert high - 0.1 < part.max() <= high


def counts_without_groups(seed, n=500):
    """Two counts, a grade and two measurements that have nothing to do with one another."""
    rng = np.random.default_rng([seed, 5])
    X = np.column_stack(
        [
            rng.poisson(0.4, n),
            rng.poisson(0.3, n),
            rng.choice([1, 2, 3], n, p=[0.25, 0.2, 0.55]),
            rng.normal(35, 12, n).round(),
            rng.normal(size=n),
        ]
    )
    return (X - X.mean(axis=0)) / X.std(axis=0)


def test_independent_counts_are_no_clusters():
    refuted = [one_crowd_test(counts_without_groups(s), seed=s).is_refuted for s in range(5)]
    assert sum(refuted) <= 1


def test_clusters_are_seen_beside_a_count():
    X, _ = blobs([100, 100], apart=6.0)
    X = np.column_stack([X, np.random.default_rng(0).poisson(0.5, 200)])
    test = one_crowd_test(X, seed=0)
    assert any("cut into" in kind for kind in test.draws)
    assert test.is_refuted


@pytest.mark.parametrize("apart", [0.0, 2.0])
def test_few_rows_in_many_columns_are_seen_in_their_leading_components(apart):
    X = np.random.default_rng(1).normal(size=(50, 100))
    X[:25, :60] += apart
    test = one_crowd_test(X, seed=0)
    assert 1 <= test.n_leading <= 10
    assert test.is_refuted == (apart > 0)


def test_p_counts_only_tables_that_were_made():
    X, _ = blobs([60, 60], apart=9.0)
    test = one_crowd_test(X, seed=0)
    least = min(len(drawn) for drawn in test.draws.values())
    assert test.p_value >= 1 / (1 + least)


def test_zeros_and_ones_alone_are_no_clusters():
    X = np.random.default_rng(0).integers(0, 2, (200, 4)).astype(float)
    assert not one_crowd_test(X, seed=0).is_refuted


def test_a_border_between_clusters_is_deep_and_a_cut_through_one_is_not():
    X, y = blobs([150, 150], apart=4.5)
    density = densities(X, (15,))[0]
    cut = (X[:, 0] + X[:, 1] > np.median(X.sum(axis=1))).astype(np.int64)
    assert borders.border_depths(density, y)[0, 1] > 1.0
    assert borders.border_depths(density, cut)[0, 1] < borders.LEAST_DEPTH
    assert borders.parted_neighbours(density, y) < borders.parted_neighbours(density, cut)


def test_border_depth_by_hand():
    # Rows 0 and 1 against 2 and 3; only rows 1 and 2 face each other, twice.
    neighbours = np.array([[1], [2], [1], [2]])
    density = Density(neighbours, np.array([3.0, 1.0, 0.0, 4.0]), 1.0)
    depths = borders.border_depths(density, np.array([0, 0, 1, 1]))
    # hearts: 2 and 2; the lonelier row of the border has 0
    np.testing.assert_allclose(depths, [[APART, 2.0], [2.0, APART]])


def test_rows_without_a_group_join_the_nearest():
    X = np.array([[0.0], [1.0], [2.0], [9.0], [10.0]])
    joined = borders.without_outliers(X, np.array([0, 0, -1, -1, 1]))
    np.testing.assert_array_equal(joined, [0, 0, 0, 1, 1])


def test_clusters_come_back_and_accidents_do_not():
    X, _ = blobs([60, 60, 60], d=3)
    three = KMeans(3, n_init=3, random_state=0).fit(X)
    grouping = Grouping("k-means", "", {}, three, labels_of(three, X), 3)
    found = Resamples(X, seed=0).stability(grouping)
    assert found.rand == pytest.approx(1.0)
    assert min(found.by_cluster) == pytest.approx(1.0)
    seven = KMeans(7, n_init=3, random_state=0).fit(X)
    grouping = Grouping("k-means", "", {}, seven, labels_of(seven, X), 7)
    assert min(Resamples(X, seed=0).stability(grouping).by_cluster) < 0.75


def test_the_gap_statistic_finds_its_number():
    X, _ = blobs([60, 60, 60], d=3)
    gaps, errors = gap_statistic(X, [2, 3, 4, 5], seed=0)
    assert gaps[1] > gaps[0] + errors[1]
    assert gaps[1] >= gaps[2] - errors[2]


def _grouping(k, depth, stable, parted=0.01, smallest=50):
    measures = {
        "depth": depth,
        "smallest": smallest,
        "least_rows": 5,
        "parted": parted,
        "stability": stable,
        "stability_by_cluster": [stable] * k,
    }
    return Grouping("k-means", "", {}, None, np.zeros(1, np.int64), k, measures)


def test_the_finest_admissible_grouping_is_chosen():
    two, three = _grouping(2, 3.0, 1.0), _grouping(3, 0.5, 0.9)
    shallow, unstable = _grouping(4, 0.1, 1.0), _grouping(5, 2.0, 0.5)
    tiny, torn = _grouping(6, 2.0, 1.0, smallest=2), _grouping(3, 0.5, 0.99, parted=0.05)
    assert choose([two, three, shallow, unstable, tiny, torn]) is three
    assert choose([shallow, unstable, tiny]) is None


@pytest.mark.parametrize(("sizes", "d"), [([40, 150], 2), ([60, 40, 80, 50], 5)])
def test_blobs_are_found(sizes, d):
    X, y = blobs(sizes, d)
    evidence = find_clusters(X, seed=0)
    chosen = evidence.chosen
    assert chosen is not None
    assert chosen.n_clusters == len(sizes)
    assert adjusted_rand_score(y, chosen.labels) > 0.98
    assert len(chosen.measures["stability_by_cluster"]) == len(sizes)
    refitted = clone(chosen.estimator).fit(X)
    np.testing.assert_array_equal(labels_of(refitted, X), chosen.labels)
    for curve in evidence.curves.values():
        assert {len(values) for values in curve.values()} == {len(curve["k"])}


def test_a_cloud_has_no_clusters_and_the_words_say_why():
    X = np.random.default_rng(5).normal(size=(200, 3))
    evidence = find_clusters(X, seed=0)
    assert evidence.chosen is None
    assert evidence.verdict == "There are no clusters here."
    assert "single crowd" in evidence.reasons[0]
    assert evidence.null["p_value"] > evidence.null["level"]
    assert len(evidence.outliers) == 0


def test_many_rows_are_judged_by_a_sample_and_labelled_all(monkeypatch):
    monkeypatch.setattr(find, "MOST_ROWS", 150)
    X, y = blobs([300, 200], d=3)
    evidence = find_clusters(X, seed=0, seconds=1)
    assert evidence.chosen is not None
    assert len(evidence.sample) == 150
    assert adjusted_rand_score(y, evidence.chosen.labels) > 0.98


def test_lonely_rows_are_outliers():
    X, y = blobs([100, 100])
    X[7] = [100.0, -50.0]
    found = find_outliers(X, y, np.arange(len(X)))
    assert 7 in found
    assert len(found) <= 4


@pytest.mark.parametrize(
    "X",
    [
        np.ones((40, 3)),
        np.repeat([[0.0, 0.0], [1.0, 1.0]], 30, axis=0),
        np.random.default_rng(0).normal(size=(20, 2)),
        np.column_stack([np.random.default_rng(0).normal(size=60), np.zeros(60)]),
        np.random.default_rng(0).normal(size=(40, 45)),
    ],
    ids=["equal rows", "two distinct rows", "few rows", "constant column", "wide"],
)
def test_poor_tables_get_a_verdict(X):
    evidence = find_clusters(X, seed=0, seconds=2)
    assert evidence.verdict
    assert evidence.reasons


def test_the_silhouette_is_that_of_scikit_learn():
    X, y = blobs([40, 30, 20, 1], d=3, apart=3.0)
    y[::9] = -1
    expected = silhouette_score(X[y >= 0], y[y >= 0])
    assert Silhouette(X)(y) == pytest.approx(expected)


def test_one_tree_serves_all_numbers_of_groups():
    X, _ = blobs([40, 30, 20])
    trees = MergeTrees(X)
    for linkage in ("ward", "single"):
        for k in (2, 5, 3):
            estimator = AgglomerativeClustering(k, linkage=linkage)
            shared = trees.fit(clone(estimator))
            assert shared.n_clusters == k
            np.testing.assert_array_equal(shared.labels_, estimator.fit(X).labels_)


def test_without_time_there_is_still_an_answer_which_says_what_was_left_out():
    X, y = blobs([60, 50], d=3)
    evidence = find_clusters(X, seed=0, seconds=0.0)
    assert evidence.chosen is not None
    assert adjusted_rand_score(y, evidence.chosen.labels) > 0.98
    assert "the gap statistic" in evidence.left_out
    assert "--time" in evidence.reasons[-1]


def test_what_would_need_every_distance_is_not_tried_on_large_tables():
    few, many = (list(estimators(1000, 3, n, seed=0)) for n in (5000, 50_000))
    linkages = [
        {estimator.linkage for family, _, estimator in found if family == "hierarchy"}
        for found in (few, many)
    ]
    assert linkages == [{"ward", "average", "complete", "single"}, {"ward", "single"}]


def test_more_than_one_crowd_without_a_grouping_that_holds_has_an_answer_of_its_own():
    refuted = OneCrowd(9.0, 2.0, {"Gaussian cloud": [1.0] * 99}, 0.01, n_rows=1000)
    assert kind_of_answer(refuted, None) == "no grouping holds"
    answer, reasons = verdict(refuted, None, [], 5000)
    assert "no clusters" not in answer
    assert "more than one crowd" in answer
    assert "1,000 of the rows" in reasons[0]
    assert "in 99" in reasons[0]


def test_whoever_agrees_is_named_with_the_index():
    X, y = blobs([50, 50])
    trees = AgglomerativeClustering(2).fit(X)
    measures = {"depth": 1.0, "stability": 1.0, "stability_by_cluster": [1.0, 1.0]}
    chosen = Grouping("k-means", "", {}, None, y, 2, measures | {"labels_on_sample": y})
    other = Grouping("hierarchy", "", {}, trees, np.r_[1, y[1:]], 2)
    test = OneCrowd(9.0, 2.0, {"Gaussian cloud": [1.0] * 99}, 0.01, n_rows=100)
    _, reasons = verdict(test, chosen, [chosen, other], 100)
    assert "hierarchy (0.95)" in reasons[-1]


def test_clusters_of_few_rows_in_many_columns_are_found():
    X = np.random.default_rng(1).normal(size=(50, 40))
    y = np.repeat([0, 1], 25)
    X[:25] += 1.5
    evidence = find_clusters(X, seed=0)
    assert evidence.kind == "clusters"
    assert adjusted_rand_score(y, evidence.chosen.labels) == 1.0
