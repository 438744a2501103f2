"""The test score: scikit-learn's very float, in words, and on rows that make it undefined."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import confusion_matrix
from workflow.tables import make_preparation, make_table

from groundup.workflow.ladder import final_pipeline, ladder
from groundup.workflow.score import confusion, score_code, score_once


def fitted(task, n=400, **table):
    X, y = make_table(task, n=n, **table)
    return final_pipeline(make_preparation(), ladder(task)[1]).fit(X, y), y


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_score_is_the_float_of_the_code_in_train_py(task):
    model, y_train = fitted(task)
    X_test, y_test = make_table(task, n=150, seed=1)
    test = score_once(model, X_test, y_test, task, y_train=y_train)
    json.dumps(test, allow_nan=False)
    names = {"model": model, "X_test": X_test, "y_test": y_test}
    line, expression = score_code(task)
    exec(line, names)
    assert repr(test["score"]) == repr(float(eval(expression, names)))
    assert test["low"] < test["score"] < test["high"]
    assert test["rows"] == 150
    assert test["baseline"] < test["low"]
    assert f"{test['low']:.3f}" in test["words"]
    if task != "regression":
        assert (
            test["confusion"]["matrix"] == confusion_matrix(y_test, model.predict(X_test)).tolist()
        )


def test_the_score_takes_a_series_of_text():
    model, _ = fitted("binary")
    X_test, y_test = make_table("binary", n=150, seed=1)
    series = pd.Series(y_test, index=X_test.index, dtype="str")
    assert score_once(model, X_test, series, "binary") == score_once(
        model, X_test, y_test, "binary"
    )


def test_groups_widen_the_interval():
    model, _ = fitted("regression")
    X, y = make_table("regression", n=100, seed=1)
    X_test, y_test = pd.concat([X] * 4), np.tile(y, 4)
    rows = score_once(model, X_test, y_test, "regression")
    groups = score_once(
        model, X_test, y_test, "regression", groups=np.tile(np.arange(100), 4).astype(object)
    )
    assert rows["score"] == groups["score"]
    ratio = (groups["high"] - groups["low"]) / (rows["high"] - rows["low"])
    assert ratio == pytest.approx(2, rel=0.1)
    assert "100 groups" in groups["method"]


def test_a_missing_group_is_a_group_of_its_own():
    model, _ = fitted("regression")
    X, y = make_table("regression", n=60, seed=1)
    groups = np.array([None] * 40 + ["a"] * 20, dtype=object)
    test = score_once(model, X, y, "regression", groups=groups)
    assert "41 groups" in test["method"]


def test_a_class_that_the_test_lacks():
    model, y_train = fitted("multiclass")
    X, y = make_table("multiclass", n=100, seed=1)
    kept = y != "low"
    test = score_once(model, X[kept], y[kept], "multiclass", y_train=y_train)
    json.dumps(test, allow_nan=False)
    assert test["confusion"]["labels"] == ["high", "low", "middle"]
    model, y_train = fitted("binary")
    X, y = make_table("binary", n=100, seed=1)
    kept = y == "yes"
    test = score_once(model, X[kept], y[kept], "binary", y_train=y_train)
    json.dumps(test, allow_nan=False)
    assert test["score"] is test["low"] is test["high"] is None
    assert "one class only" in test["words"]
    assert test["others"]["accuracy"] > 0.5


def test_a_class_that_training_lacked():
    model, y_train = fitted("multiclass")
    X, y = make_table("multiclass", n=100, seed=1)
    y = y.copy()
    y[:3] = "new"
    test = score_once(model, X, y, "multiclass", y_train=y_train)
    json.dumps(test, allow_nan=False)
    assert test["confusion"]["labels"] == ["high", "low", "middle", "new"]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_four_rows_are_enough_for_a_wide_interval(task):
    model, y_train = fitted(task)
    X, y = make_table(task, n=40, seed=2)
    rows = [0, 1, 2, 3] if task == "regression" else [*np.unique(y, return_index=True)[1], 5, 6][:4]
    test = score_once(model, X.iloc[rows], y[rows], task, y_train=y_train)
    json.dumps(test, allow_nan=False)
    assert test["rows"] == 4
    assert test["high"] - test["low"] > 0.2
    assert "So few rows" in test["words"]


def test_constant_predictions():
    X, y = make_table("binary", n=100)
    test = score_once(DummyClassifier().fit(X, y), X, y, "binary", y_train=y)
    assert (test["score"], test["low"], test["high"]) == (0.5, 0.5, 0.5)
    assert "does not rule out the baseline" in test["words"]
    X, y = make_table("regression", n=100)
    test = score_once(DummyRegressor().fit(X, y), X, y, "regression", y_train=y)
    assert test["score"] == pytest.approx(0, abs=1e-12)


def test_a_constant_target_in_the_test():
    model, y_train = fitted("regression")
    X, _ = make_table("regression", n=20, seed=1)
    test = score_once(model, X, np.full(20, 3.0), "regression", y_train=y_train)
    json.dumps(test, allow_nan=False)
    assert test["low"] is None
    assert "does not vary" in test["words"]


def test_a_target_that_few_rows_decide_gets_a_caution():
    model, _ = fitted("regression")
    X, y = make_table("regression", n=60, seed=1)
    calm = score_once(model, X, y, "regression")
    y = y.copy()
    y[0] += 1000
    wild = score_once(model, X, y, "regression")
    assert "of the target's variance" in wild["words"]
    assert "of the squared error" in wild["words"]
    assert "single row" not in calm["words"]


def test_labels_of_any_kind_are_plain_in_the_confusion():
    found = confusion(np.array([1, 2, 2]), np.array([2, 2, 1]))
    assert found == {"labels": [1, 2], "matrix": [[0, 1], [1, 1]]}
    assert json.dumps(confusion(np.array([True, False]), np.array([True, True])))
