"""Permutation importance by column of the raw table, against shuffling the table itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.inspection import permutation_importance
from sklearn.pipeline import FeatureUnion, Pipeline
from workflow.tables import make_folds, make_preparation, make_table

from groundup.workflow.compare import compare
from groundup.workflow.explain import _ColumnwiseTransform, explain
from groundup.workflow.ladder import final_pipeline, ladder
from groundup.workflow.tune import tune

SCORING = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}


def compared(task, preparation=None, n=400, **table):
    X, y = make_table(task, n=n, **table)
    rungs = ladder(task)[:2]
    folds = make_folds(X, y, task)
    comparison = compare(preparation or make_preparation(), X, y, folds, task, rungs=rungs)
    comparison.chosen = rungs[1]
    return comparison, tune(comparison, seconds=0), X, y


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_importances_are_those_of_scikit_learn(task):
    """scikit-learn's function draws other shuffles, so the means agree within their noise."""
    comparison, tuning, X, y = compared(task)
    part = explain(comparison, tuning, X, seconds=60)
    json.dumps(part, allow_nan=False)
    expected = []
    for train, validation in make_folds(X, y, task):
        pipeline = final_pipeline(make_preparation(), comparison.chosen)
        pipeline.fit(X.iloc[train], y[train])
        expected.append(
            permutation_importance(
                pipeline, X.iloc[validation], y[validation],
                scoring=SCORING[task], n_repeats=10, random_state=0,
            ).importances_mean
        )  # fmt: skip
    mean = dict(zip(X.columns, np.mean(expected, axis=0), strict=True))
    for one in part["importances"]:
        assert one["mean"] == pytest.approx(mean[one["column"]], abs=0.02 + 0.1 * one["mean"])
        assert one["low"] <= one["mean"] <= one["high"]
    assert part["importances"][0]["column"] == "strong"
    assert "strong" in part["words"]
    assert "400 validation rows of 5 folds, 5 shuffles" in part["method"]


def test_a_shuffled_block_is_the_shuffled_table_prepared():
    X, y = make_table("binary")
    X["words"] = [
        f"{letter} and {town}" for letter, town in zip(X["letter"], X["town"], strict=True)
    ]
    preparation = Pipeline(
        [
            (
                "prepare",
                ColumnTransformer(
                    [
                        *make_preparation().named_steps["prepare"].transformers,
                        ("as it is", "passthrough", ["strong"]),
                        ("left out", "drop", ["weak"]),
                        ("words", TfidfVectorizer(), "words"),
                    ],
                    sparse_threshold=0,
                ),
            )
        ]
    ).fit(X, y == "yes")
    rows = X.iloc[:60]
    transform = _ColumnwiseTransform(preparation, rows, preparation.transform(rows))
    assert transform.columns == list(X.columns)
    rng = np.random.default_rng(0)
    for column in X.columns:
        orders = np.array([rng.permutation(60) for _ in range(3)])
        expected = []
        for order in orders:
            shuffled = rows.copy()
            shuffled[column] = rows[column].to_numpy()[order]
            expected.append(preparation.transform(shuffled))
        np.testing.assert_allclose(
            transform.shuffled(column, orders), np.concatenate(expected), atol=1e-12
        )


def test_a_preparation_of_another_make_is_shuffled_whole():
    preparation = FeatureUnion([("all", make_preparation())])
    comparison, tuning, X, _ = compared("binary", preparation)
    part = explain(comparison, tuning, X, seconds=60)
    usual = explain(*compared("binary")[:2], X, seconds=60)
    assert part["importances"] == usual["importances"]


def test_columns_that_the_preparation_leaves_out_are_not_listed():
    comparison, tuning, X, _ = compared("regression", make_preparation(columns=["strong", "weak"]))
    part = explain(comparison, tuning, X)
    assert {one["column"] for one in part["importances"]} == {"strong", "weak", "letter", "town"}


def test_a_column_without_meaning_has_no_importance():
    comparison, tuning, X, _ = compared("regression", n=1000)
    importances = {one["column"]: one for one in explain(comparison, tuning, X)["importances"]}
    assert abs(importances["town"]["mean"]) < 0.01
    assert importances["strong"]["low"] > 0.1


def test_equal_seeds_give_equal_importances():
    comparison, tuning, X, _ = compared("binary")
    one, other = (explain(comparison, tuning, X, seed=1, seconds=60) for _ in range(2))
    assert one == other
    assert one != explain(comparison, tuning, X, seed=2, seconds=60)


def test_little_time_means_fewer_shuffles_and_folds():
    comparison, tuning, X, _ = compared("binary")
    part = explain(comparison, tuning, X, seconds=1e-9)
    assert "of 2 folds, 1 shuffle each" in part["method"]
    assert part["importances"][0]["column"] == "strong"


def test_the_rows_are_capped():
    comparison, tuning, X, _ = compared("regression", n=6000)
    assert explain(comparison, tuning, X)["method"].startswith(
        "Permutation importance on 2,000 validation rows"
    )


def test_columns_that_go_together_are_named():
    comparison, tuning, X, _ = compared("regression")
    matrix = {"columns": ["strong", "twin"], "matrix": [[1.0, 0.99], [0.99, 1.0]]}
    words = explain(comparison, tuning, X, correlations=matrix)["words"]
    assert "strong" in words
    assert "twin" in words
    assert "share their importance" in words


def test_where_nothing_matters_it_is_said():
    comparison, tuning, X, _ = compared("regression", signal=0.0, n=200)
    comparison.chosen = comparison.rungs[0]
    part = explain(comparison, tuning, X)
    assert part["words"].startswith("No column makes a difference")
    assert all(one["mean"] == 0 for one in part["importances"])


def test_the_raw_table_is_left_as_it_was():
    comparison, tuning, X, _ = compared("binary")
    before = X.copy(deep=True)
    preparation = clone(comparison.preparation)
    explain(comparison, tuning, X)
    assert X.equals(before)
    assert repr(comparison.preparation) == repr(preparation)
