"""Summaries, histograms, correlations and pictures of the training rows."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workflow.tables import make_table

from groundup.workflow.explore import (
    correlations,
    describe_column,
    describe_target,
    explore,
    histogram,
    picture,
    summary,
)

KINDS = dict.fromkeys(("strong", "weak", "noise", "twin"), "number")
KINDS |= {"letter": "text", "town": "text"}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_columns_that_matter_come_first(task):
    X, y = make_table(task, n=2000)
    columns, part = explore(X, y, task, KINDS)
    json.dumps([columns, part], allow_nan=False)
    names = [one["column"] for one in part["associations"]]
    assert set(names[:2]) == {"strong", "twin"}
    assert set(names[2:4]) == {"letter", "weak"}
    by_name = {one["column"]: one for one in part["associations"]}
    assert by_name["letter"]["p_adjusted"] < 1e-6
    assert by_name["noise"]["p_adjusted"] > 0.01
    assert all(one["p"] <= one["p_adjusted"] for one in part["associations"])
    matrix = part["correlations"]["matrix"]
    i, j = (part["correlations"]["columns"].index(name) for name in ("strong", "twin"))
    assert matrix[i][j] == pytest.approx(X["strong"].corr(X["twin"], method="spearman"))
    assert columns["noise"]["missing"] == X["noise"].isna().sum()
    assert columns["town"]["distinct"] == 12
    assert len(part["pictures"]) == len(KINDS)
    kinds = {one["column"]: one["kind"] for one in part["pictures"]}
    expected = {"binary": "shares", "multiclass": "shares", "regression": "boxes"}[task]
    assert kinds["letter"] == expected
    assert kinds["strong"] == ("points" if task == "regression" else "boxes")


def test_only_the_named_columns_are_explored():
    X, y = make_table("binary")
    columns, part = explore(X, y, "binary", {"strong": "number", "letter": "text"})
    assert set(columns) == {"strong", "letter"} == {a["column"] for a in part["associations"]}


def test_two_explorations_agree():
    X, y = make_table("regression", n=3000)
    assert explore(X, y, "regression", KINDS, seed=3) == explore(X, y, "regression", KINDS, seed=3)


def test_a_summary_is_pandas():
    values = np.random.default_rng(0).exponential(size=101)
    expected = pd.Series(values).describe()
    found = summary(values)
    for ours, theirs in [
        ("min", "min"),
        ("q25", "25%"),
        ("median", "50%"),
        ("q75", "75%"),
        ("max", "max"),
        ("mean", "mean"),
        ("std", "std"),
    ]:
        assert found[ours] == pytest.approx(expected[theirs])


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-20, 20).map(float),
        ),
        min_size=1,
        max_size=80,
    )
)
def test_a_histogram_counts_every_value_once(values):
    found = histogram(np.array(values))
    assert sum(found["counts"]) == len(values)
    assert len(found["edges"]) == len(found["counts"]) + 1 <= 31
    assert np.all(np.isfinite(found["edges"]))
    json.dumps([found, summary(np.array(values))], allow_nan=False)
    if len(found["counts"]) > 1:
        expected = np.histogram(values, bins=found["edges"])[0] if len(set(values)) > 1 else None
        if expected is not None and expected.sum() == len(values):
            assert found["counts"] == expected.tolist()


def test_whole_numbers_get_a_bin_each():
    found = histogram(np.array([3.0, 3, 5]))
    assert found == {"edges": [2.5, 3.5, 4.5, 5.5], "counts": [2, 0, 1]}
    assert histogram(np.array([7.0, 7.0]))["counts"] == [2]


def test_columns_of_each_kind_are_described():
    moments = ["2024-01-01", None, "2024-01-03", "2024-01-02T06:00"]
    dates = pd.Series(pd.to_datetime(moments, format="ISO8601"))
    found = describe_column(dates, "date")
    assert found["summary"] == {
        "min": "2024-01-01",
        "median": "2024-01-02T06:00:00",
        "max": "2024-01-03",
    }
    assert found["missing"] == 1
    assert sum(found["histogram"]["counts"]) == 3
    flags = describe_column(pd.Series([1.0, 0.0, 1.0, np.nan]), "boolean")
    assert flags["summary"] == {"top": [["true", 2], ["false", 1]]}
    text = describe_column(pd.Series(["<b>", "x", "x"], dtype="str"), "text")
    assert text["summary"] == {"top": [["x", 2], ["<b>", 1]]}
    empty = describe_column(pd.Series([np.nan, np.nan]), "number")
    assert empty == {"missing": 2, "distinct": 0, "summary": {}, "histogram": None}
    endless = describe_column(pd.Series([np.inf, 1.0, 1e308, -1e308]), "number")
    json.dumps(endless, allow_nan=False)


def test_the_target_is_described():
    y = np.array(["b", "a", "b"], dtype=object)
    assert describe_target(y, "binary") == {"counts": [["b", 2], ["a", 1]]}
    assert describe_target(np.array([1, 2, 2]), "multiclass") == {"counts": [[2, 2], [1, 1]]}
    found = describe_target(np.arange(50.0), "regression")
    assert found["summary"]["mean"] == 24.5


def test_correlations_are_of_the_strongest_columns_only():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 40)), columns=[f"x{i}" for i in range(40)])
    kinds = dict.fromkeys(X.columns, "number")
    found = correlations(X, X["x7"].to_numpy(), kinds, list(X.columns)[::-1], seed=0)
    assert found["columns"] == list(X.columns)[::-1][:25]
    assert np.allclose(np.diag(found["matrix"]), 1)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_pictures_of_every_kind_of_column(task):
    rng = np.random.default_rng(0)
    n = 600
    X = pd.DataFrame(
        {
            "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), "h"),
            "flag": rng.integers(0, 2, n) * 1.0,
            "free": [f"word {i} " * (i % 7 + 1) for i in range(n)],
            "many": rng.choice([f"level {i}" for i in range(40)], n),
        }
    )
    _, y = make_table(task, n=n)
    kinds = {"date": "date", "flag": "boolean", "free": "text", "many": "text"}
    _, part = explore(X, y, task, kinds)
    json.dumps(part, allow_nan=False)
    pictures = {one["column"]: one for one in part["pictures"]}
    assert set(pictures) == set(kinds)
    assert pictures["free"]["of"] == "length"
    if task == "regression":
        assert pictures["date"]["kind"] == "points"
        assert len(pictures["date"]["points"]) == 500
        assert pictures["date"]["points"][0][0].startswith("2024-01-")
        assert pictures["flag"]["of"] == "target"
        group = pictures["flag"]["groups"][0]
        target = y[(X["flag"] == (group["label"] == "true")).to_numpy()]
        assert group["median"] == pytest.approx(np.median(target))
    else:
        assert pictures["date"]["groups"][0]["median"].startswith("2024-01-")
        assert pictures["flag"]["kind"] == "shares"
        assert sum(pictures["flag"]["groups"][0]["shares"]) == pytest.approx(1)
        assert len(pictures["many"]["groups"]) == 12


def test_columns_without_anything_to_measure_do_no_harm():
    X = pd.DataFrame({"empty": [np.nan] * 30, "constant": ["a"] * 30, "x": np.arange(30.0)})
    kinds = {"empty": "number", "constant": "text", "x": "number"}
    columns, part = explore(X, np.arange(30.0), "regression", kinds)
    assert [one["column"] for one in part["associations"]] == ["x"]
    assert set(columns) == set(kinds)


def test_zeros_and_ones_are_drawn_as_levels():
    rng = np.random.default_rng(0)
    x = pd.Series(rng.integers(0, 2, 200), name="flag")
    codes = rng.integers(0, 2, 200)
    drawn = picture(x, "number", codes, "binary", np.array(["no", "yes"]), 0)
    assert drawn["kind"] == "shares"
    assert sorted(group["label"] for group in drawn["groups"]) == [0, 1]
    of_one = next(group for group in drawn["groups"] if group["label"] == 1)
    assert of_one["shares"][1] == pytest.approx(codes[x == 1].mean())
    drawn = picture(x, "number", rng.normal(size=200), "regression", None, 0)
    assert (drawn["kind"], drawn["of"]) == ("boxes", "target")
