"""Permutation importance by column of the raw table, against shuffling the table itself."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from workflow.tables import make_folds, make_preparation, make_table

from groundup.workflow.compare import compare
from groundup.workflow.explain import _words, explain, feature_owners, leans_on
from groundup.workflow.ladder import final_pipeline, ladder
from groundup.workflow.tune import tune
from groundup.workflow.words import explain_line

SCORING = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}


def compared(task, preparation=None, n=400, **table):
    X, y = make_table(task, n=n, **table)
    rungs = ladder(task)[:2]
    folds = make_folds(X, y, task, 3)
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
    for train, validation in make_folds(X, y, task, 3):
        pipeline = final_pipeline(make_preparation(), comparison.chosen)
        pipeline.fit(X.iloc[train], y[train])
        expected.append(
            permutation_importance(
                pipeline, X.iloc[validation], y[validation],
                scoring=SCORING[task], n_repeats=5, random_state=0,
            ).importances_mean
        )  # fmt: skip
    mean = dict(zip(X.columns, np.mean(expected, axis=0), strict=True))
    for one in part["importances"]:
        assert one["mean"] == pytest.approx(mean[one["column"]], abs=0.02 + 0.1 * one["mean"])
        assert one["low"] <= one["mean"] <= one["high"]
    assert part["importances"][0]["column"] == "strong"
    assert "strong" in part["words"]
    assert "400 validation rows of 3 folds, 5 shuffles" in part["method"]


def wide_preparation():
    """All blocks of `make_preparation`, a column in two of them, one in none, and a text."""
    blocks = make_preparation().named_steps["prepare"].transformers
    blocks += [("as it is", "passthrough", ["strong"]), ("words", TfidfVectorizer(), "words")]
    return Pipeline([("prepare", ColumnTransformer(blocks, sparse_threshold=0))])


def test_features_are_given_to_the_columns_that_they_are_made_from():
    X, y = make_table("binary")
    X["unused"] = np.arange(len(X))
    X["words"] = [f"{a} and {b}" for a, b in zip(X["letter"], X["town"], strict=True)]
    preparation = wide_preparation().fit(X, y == "yes")
    rows = X.iloc[:60]
    prepared = preparation.transform(rows)
    owner = feature_owners(preparation, rows, prepared)
    names = [name.split("__")[1] for name in preparation.get_feature_names_out()]
    for j, name in zip(owner, names, strict=True):
        column = "constant" if j < 0 else X.columns[j]
        if column != "words":
            assert name.startswith(column) or (column == "constant" and name == "and")
    # Shuffling the features of a column is preparing the shuffled column.
    order = np.random.default_rng(0).permutation(60)
    for j, column in enumerate(X.columns):
        shuffled = rows.copy()
        shuffled[column] = rows[column].to_numpy()[order]
        expected = prepared.copy()
        expected[:, owner == j] = prepared[order][:, owner == j]
        np.testing.assert_allclose(preparation.transform(shuffled), expected, atol=1e-12)
    assert not np.any(owner == list(X.columns).index("unused"))


def products(table):
    """Make a feature of two columns."""
    return np.column_stack([table["strong"] * table["weak"], table["twin"]])


def test_a_feature_of_several_columns_has_no_owner():
    X, _ = make_table("regression")
    preparation = FunctionTransformer(products).fit(X)
    assert feature_owners(preparation, X, preparation.transform(X)) is None
    comparison, tuning, X, _ = compared("regression", preparation)
    importances = {
        one["column"]: one["mean"] for one in explain(comparison, tuning, X)["importances"]
    }
    assert importances["twin"] > 0.3
    assert importances["town"] == 0


@pytest.mark.parametrize("n_columns", [1, 2, 3, 7, 8, 9])
def test_owners_of_any_number_of_columns(n_columns):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, n_columns)))
    X[0] = 1.0
    mixed = np.random.default_rng(1).permutation(n_columns)
    preparation = FunctionTransformer(lambda table: table.to_numpy()[:, mixed])
    owner = feature_owners(preparation, X, X.to_numpy()[:, mixed])
    assert owner.tolist() == [-1 if j == 0 else j for j in mixed]


def test_columns_that_the_preparation_leaves_out_have_no_importance():
    comparison, tuning, X, _ = compared("regression", make_preparation(columns=["strong", "weak"]))
    importances = {one["column"]: one for one in explain(comparison, tuning, X)["importances"]}
    assert set(importances) == set(X.columns)
    assert importances["twin"] == {"column": "twin", "mean": 0.0, "low": 0.0, "high": 0.0}


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
    assert "on 1,998 validation rows" in explain(comparison, tuning, X)["method"]


def test_columns_that_go_together_are_named():
    comparison, tuning, X, _ = compared("regression")
    matrix = {"columns": ["strong", "twin"], "matrix": [[1.0, 0.99], [0.99, 1.0]]}
    words = explain(comparison, tuning, X, correlations=matrix)["words"]
    assert "strong" in words
    assert "twin" in words
    assert "share their importance" in words


def test_terminal_and_report_name_the_same_columns():
    importances = [
        {"column": "luck", "mean": 0.3, "low": -0.01, "high": 0.9},
        {"column": "size", "mean": 0.2, "low": 0.1, "high": 0.3},
        {"column": "age", "mean": 0.1, "low": 0.05, "high": 0.3},
        {"column": "none", "mean": 0.01, "low": -0.05, "high": 0.1},
    ]
    assert leans_on(importances) == ["size", "age"]
    words = _words(importances, "R²", None)
    assert "leans most on size (-0.200), age (-0.100)" in words
    assert "luck did not, and may be luck" in words
    assert "none" not in words
    part = {"leans_on": leans_on(importances), "importances": importances}
    assert explain_line(part)[0] == "relies most on size and age."
    assert "no column in all folds" in explain_line({**part, "leans_on": []})[0]


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
