"""The problem's kind, the positive class and the likely targets, on values and real files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import needs_shared_data, shared_datasets
from hypothesis import given
from hypothesis import strategies as st
from workflow.typed_tables import real_table

from groundup.workflow.table import Column, DataError
from groundup.workflow.task import (
    check_target,
    infer_task,
    likely_targets,
    nearest_name,
    positive_class,
)


@needs_shared_data
@pytest.mark.parametrize("entry", shared_datasets(), ids=lambda entry: entry["name"])
def test_task_of_real_files(entry):
    table, target, task = real_table(entry["name"])
    expected = entry["task"]
    if expected == "cluster":
        expected = "binary" if entry["classes"] == 2 else "multiclass"
    assert task == expected
    if "positive" in entry:
        assert str(positive_class(table.frame[target])[0]) in (
            str(entry["positive"]),
            f"{entry['positive']}.0",
        )


@pytest.mark.parametrize(
    ("values", "kind", "task"),
    [
        ([1, 2] * 20, "number", "binary"),
        ([0.0, 1.0, np.nan] * 20, "boolean", "binary"),
        (["a", "b", "c"] * 20, "text", "multiclass"),
        (list(range(3, 10)) * 10, "number", "multiclass"),
        (list(range(1990, 2013)) * 10, "number", "regression"),
        (list(range(8)) * 2, "number", "regression"),  # two rows a value: no classes
        ([0.5, 1.0, 1.5] * 20, "number", "regression"),
    ],
)
def test_task_of_values(values, kind, task):
    inferred, reason = infer_task(pd.Series(values, name="t"), kind)
    assert inferred == task
    assert reason.startswith("t takes ")


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ([None, None], "text", "no value in any row"),
        ([3.0] * 30, "number", "the same value, 3.0, in all 30 rows"),
        (pd.date_range("2024-01-01", periods=30), "date", "holds dates"),
        ([f"text {i}" for i in range(100)], "text", "100 different texts"),
    ],
)
def test_targets_that_cannot_be(values, kind, message):
    with pytest.raises(DataError, match=message):
        infer_task(pd.Series(values, name="t"), kind)


@pytest.mark.parametrize(
    ("values", "kind", "task", "message"),
    [
        ([1, 2] * 9, "number", "binary", "18 rows have a value in t; at least 20"),
        ([np.nan] * 30, "number", "regression", "no value in any row"),
        ([1] * 30, "number", "binary", "the same value"),
        (["a", "b"] * 15, "text", "regression", "regression needs numbers"),
        ([1, 2, 3] * 10, "number", "binary", "takes 3 values; a binary problem needs two"),
        (list(range(30)), "number", "multiclass", "need 5 rows each"),
    ],
)
def test_targets_that_the_task_cannot_take(values, kind, task, message):
    with pytest.raises(DataError, match=message):
        check_target(pd.Series(values, name="t"), kind, task)


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (["no", "no", "yes", "yes", "yes"], "yes"),
        ([0, 1, 1, 1], 1),
        ([1, 1, 2], 2),
        (["'-1'", "'-1'", "'1'"], "'1'"),
        ([True, True, False], True),
        (["ham", "ham", "spam"], "spam"),
        (["benign", "benign", "tumour", "tumour", "tumour"], "tumour"),
        (["u", "v"], "v"),
    ],
)
def test_positive_class(labels, positive):
    chosen, reason = positive_class(pd.Series(labels))
    assert chosen == positive
    assert reason


@needs_shared_data
@pytest.mark.parametrize(
    "name",
    ["titanic", "telco_churn", "bank_marketing", "ames_housing", "taxi_fare", "wine_quality"],
)
def test_true_target_is_named_first(name):
    table, target, _ = real_table(name)
    assert likely_targets(table.frame, table.columns)[0][0] == target


def test_likely_targets_of_a_table_with_nothing_to_go_by():
    frame = pd.DataFrame({"p": [1.5, 2.5], "q": ["m", "n"]})
    columns = [Column("p", "number", 0, 2), Column("q", "text", 0, 2)]
    assert [name for name, _ in likely_targets(frame, columns)] == ["q"]
    assert likely_targets(frame[["p"]].iloc[:1], columns[:1]) == [("p", "it is the last column")]


@pytest.mark.parametrize(
    ("given_name", "nearest"),
    [("Survived", "survived"), ("survivd", "survived"), ("ag", "age"), ("zzz", None)],
)
def test_nearest_name(given_name, nearest):
    assert nearest_name(given_name, ["pclass", "survived", "age"]) == nearest


@given(st.lists(st.integers(-50, 50), min_size=25, max_size=60))
def test_an_inferred_task_passes_its_own_check(values):
    y = pd.Series(values, name="t")
    try:
        task, _ = infer_task(y, "number")
    except DataError:
        assert y.nunique() == 1
    else:
        check_target(y, "number", task)
