"""The small tree: its questions in the words of the table, against rows that are asked them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workflow.tables import make_folds, make_preparation, make_table

from groundup.workflow.audit import audit_table
from groundup.workflow.compare import compare
from groundup.workflow.ladder import ladder
from groundup.workflow.prepare import build_preparation
from groundup.workflow.prepared_features import PreparedFeature, prepared_features
from groundup.workflow.questions import _short, question
from groundup.workflow.report_tree import tree_drawing
from groundup.workflow.small_tree import small_tree
from groundup.workflow.tune import tune


def every_kind(n=400, seed=0):
    """Return a table with all kinds of columns, and the preparation that a run would choose."""
    rng = np.random.default_rng(seed)
    words = ["red", "green", "blue", "old", "new", "sold", "kept", "large", "small", "fine"]
    words += [f"word{i}" for i in range(60)]
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(n) < 0.1, np.nan, rng.normal(50, 20, n).round(1)),
            "rooms": rng.integers(1, 9, n).astype(float),
            "sold": rng.integers(0, 2, n).astype(float),
            "region": pd.Series(rng.choice(["north", "south", "west"], n)).astype("str"),
            "town": pd.Series([f"town {i}" for i in rng.integers(0, 45, n)]).astype("str"),
            "built": pd.to_datetime("2001-01-01") + pd.to_timedelta(rng.integers(0, 5000, n), "D"),
            "note": pd.Series([" ".join(rng.choice(words, 6)) for _ in range(n)]).astype("str"),
        }
    )
    frame.loc[rng.choice(n, 12, replace=False), "region"] = np.nan
    frame.loc[frame.index[:4], "region"] = [f"islet {i}" for i in range(4)]
    kinds = {"region": "text", "town": "text", "note": "text", "built": "date", "sold": "boolean"}
    columns = [SimpleNamespace(name=c, kind=kinds.get(c, "number")) for c in [*frame, "y"]]
    y = frame["rooms"] + rng.normal(size=n)
    table = SimpleNamespace(frame=frame.assign(y=y), columns=columns)
    audit = audit_table(table, "y", "regression", keep=tuple(frame))
    return frame, y, build_preparation(frame, audit, seed=0)


def test_every_prepared_feature_is_traced_to_its_column():
    frame, y, preparation = every_kind()
    fitted = preparation.pipeline()
    Z = fitted.fit_transform(frame, y)
    features = prepared_features(fitted)
    assert len(features) == Z.shape[1]
    names = fitted.get_feature_names_out()
    kinds = {"number", "missing", "category", "rare", "average", "date", "word"}
    assert {feature.kind for feature in features} == kinds
    for j, (feature, name) in enumerate(zip(features, names, strict=True)):
        if feature.kind == "number":
            raw = frame[feature.column].to_numpy(dtype=float)
            there = ~np.isnan(raw)
            np.testing.assert_allclose(feature.value(Z[there, j]), raw[there])
        elif feature.kind == "missing":
            assert ((Z[:, j] > 0) == frame[feature.column].isna()).all()
        elif feature.kind == "category" and feature.what == feature.what:
            assert (Z[:, j] == (frame[feature.column] == feature.what)).all()
        elif feature.kind == "rare":
            assert (Z[:, j] == frame[feature.column].isin(feature.what)).all()
        elif feature.kind == "date":
            assert name.endswith(f"{feature.column}_{feature.what}")
        elif feature.kind == "word":
            assert name.endswith(f"__{feature.what}")


def answers(frame: pd.DataFrame, column: str, test: str) -> np.ndarray:
    """Ask the rows of a table a written question, as a reader would."""
    x = frame[column]
    if test.startswith("≤ "):
        return (x <= float(test[2:].replace(",", "").replace("−", "-"))).to_numpy()
    if test == "is missing":
        return x.isna().to_numpy()
    if test in ("is true", "is 1"):
        return (x == 1).to_numpy()
    if test.startswith("is rare"):
        return x.isin([f"islet {i}" for i in range(4)]).to_numpy()
    if test.startswith("is "):
        return (x == test[3:]).to_numpy()
    if test.startswith("has “"):
        return x.str.contains(rf"\b{test[5:-1]}\b").to_numpy()
    if test.startswith("before "):
        return (x < pd.Timestamp(test[7:])).to_numpy()
    if test.endswith("or before"):
        return (x.dt.year <= int(test.split()[1])).to_numpy()
    if test.startswith("up to day"):
        return (x.dt.day <= int(test.split()[3])).to_numpy()
    first, _, last = test.removeprefix("in ").partition(" to ")
    months = pd.date_range("2001-01-01", periods=12, freq="MS").month_name().tolist()
    names, number = (months, x.dt.month - 1) if first in months else (None, x.dt.day_of_week)
    names = names or pd.date_range("2001-01-01", periods=7).day_name().tolist()
    return number.between(names.index(first), names.index(last or first)).to_numpy()


@pytest.mark.parametrize("seed", range(6))
def test_a_reader_who_asks_the_rows_gets_the_answers_of_the_tree(seed):
    frame, y, preparation = every_kind(seed=seed)
    fitted = preparation.pipeline()
    Z = fitted.fit_transform(frame, y)
    rng = np.random.default_rng(seed)
    asked = set()
    for j, feature in enumerate(prepared_features(fitted)):
        values = np.unique(Z[:, j])
        if len(values) < 2 or feature.kind == "average":
            continue
        at = rng.integers(len(values) - 1)
        threshold = (values[at] + values[at + 1]) / 2
        raw = frame[feature.column]
        put = question(
            feature,
            threshold,
            Z[:, j],
            raw.to_numpy(dtype=float) if raw.dtype.kind == "f" else None,
            target="y",
            is_boolean=feature.column == "sold",
        )
        if "weighs" in put.test:
            continue
        yes = answers(frame, put.column, put.test)
        left = Z[:, j] <= threshold
        there = raw.notna().to_numpy() | (feature.kind in ("missing", "category", "rare"))
        assert (yes == (left if put.yes_is_left else ~left))[there].all(), put
        asked.add(feature.kind)
    assert asked >= {"number", "missing", "category", "rare", "date"}


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e6), st.booleans())
def test_the_written_number_parts_the_two_values(low, gap, whole):
    if whole:
        low, gap = float(round(low)), float(round(gap) + 1)
    high = low + gap
    written = float(_short(low, high, whole=whole).replace(",", "").replace("−", "-"))
    assert low <= written < high or written == pytest.approx(low, rel=1e-14)
    assert not whole or written.is_integer()


@pytest.mark.parametrize(
    ("low", "high", "whole", "written"),
    [
        (37, 38, True, "37"),
        (206, 210, True, "208"),
        (0, 1, True, "0"),
        (0, 1, False, "0.5"),
        (-0.3, -0.2, False, "−0.3"),
        (123456, 123987, True, "123,700"),
        (1, 1, False, "1"),
    ],
)
def test_short_numbers(low, high, whole, written):
    assert _short(low, high, whole=whole) == written


def test_averages_and_shares_are_named():
    prepared = np.array([-1.0, 0.0, 1.0])
    scaled = PreparedFeature("town", "average", None, mean=300.0, scale=100.0)
    assert question(scaled, 0.5, prepared, None, target="price").test == "average price ≤ 300"
    share = PreparedFeature("town", "average", "yes", mean=0.5, scale=0.1)
    assert question(share, -0.5, prepared, None, target="sold").test == "share of yes ≤ 0.4"


def test_words_are_there_or_weigh_more():
    weights, word = np.array([0.0, 0.2, 0.4, 0.0]), PreparedFeature("text", "word", "free")
    assert question(word, 0.1, weights, None, target="spam")[1:] == ("has “free”", False)
    assert question(word, 0.3, weights, None, target="spam").test == "“free” weighs > 0.3"


def compared(task, chosen, n=400):
    X, y = make_table(task, n=n)
    comparison = compare(make_preparation(), X, y, make_folds(X, y, task, 3), task)
    comparison.chosen = next(rung for rung in comparison.rungs if rung.name == chosen)
    return comparison, tune(comparison, seconds=0), X, y


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_tree_that_is_drawn_is_the_one_that_was_compared(task):
    comparison, tuning, X, y = compared(task, ladder(task)[1].name)
    tree = small_tree(comparison, tuning, X, y, target="y")
    json.dumps(tree, allow_nan=False)
    assert tree["rows"] == 400
    assert tree["score"] == pytest.approx(comparison.validation("tree").mean())
    assert comparison.chosen.title in tree["words"]
    assert not tree["is_chosen"]
    nodes = tree["nodes"]
    for node in nodes:
        if "yes" in node:
            children = nodes[node["yes"]], nodes[node["no"]]
            assert node["rows"] == sum(child["rows"] for child in children)
            mean = sum(c["rows"] * np.array(c["value"]) for c in children) / node["rows"]
            np.testing.assert_allclose(mean, node["value"], atol=1e-9 * max(1, np.abs(mean).max()))
    assert {"strong", "twin"} & {node.get("column") for node in nodes}
    rows = np.arange(400)
    asked = nodes[0]
    yes = answers(X, asked["column"], asked["test"])
    assert nodes[asked["yes"]]["rows"] == len(rows[yes])


def test_the_chosen_tree_is_drawn_with_the_parameters_that_tuning_found():
    comparison, tuning, X, y = compared("regression", "tree")
    tuning = replace(tuning, params={"max_depth": 2, "min_samples_leaf": 1})
    tree = small_tree(comparison, tuning, X, y, target="y")
    assert tree["is_chosen"]
    assert len(tree["nodes"]) == 7
    assert "chosen model itself" in tree["words"]


def test_without_the_rung_there_is_no_tree_and_on_noise_it_is_not_believed():
    comparison, tuning, X, y = compared("binary", "baseline")
    words = small_tree(comparison, tuning, X, y, target="y")["words"]
    assert "not found to hold for new rows" in words
    comparison.rungs = comparison.rungs[:2]
    assert small_tree(comparison, tuning, X, y, target="y") is None


def test_a_large_table_is_drawn_from_a_sample(monkeypatch):
    from groundup.workflow import small_tree as module

    monkeypatch.setattr(module, "_ROWS", 100)
    comparison, tuning, X, y = compared("multiclass", "logistic")
    assert small_tree(comparison, tuning, X, y, target="y")["rows"] == 100
    comparison.chosen = next(rung for rung in comparison.rungs if rung.name == "tree")
    assert small_tree(comparison, tuning, X, y, target="y")["rows"] == 400


def leaf(value, rows=10):
    return {"rows": rows, "value": value}


def stump(yes, no, classes=None, test="≤ 1"):
    root = {"rows": 20, "value": yes["value"], "column": "c" * 100, "test": test}
    nodes = [root | {"kind": "number", "yes": 1, "no": 2}, yes, no]
    return {"nodes": nodes, "classes": classes, "rows": 20, "words": ""}


def test_the_drawing_holds_every_node_where_it_can_be_read():
    drawn = tree_drawing(stump(leaf([1.0]), leaf([3.0])))
    assert [node.label for node in drawn.nodes if node.label] == ["1", "3"]
    assert all(0 <= node.x < drawn.width and 0 < node.y < drawn.height for node in drawn.nodes)
    yes, no = drawn.root.children
    assert (yes.answer, no.answer) == ("yes", "no")
    assert yes.y < drawn.root.y < no.y
    assert yes.bars[0].width < no.bars[0].width == drawn.bar
    assert drawn.root.short_column.endswith("…")
    assert len(drawn.branches) == 2


def test_a_long_question_keeps_its_number():
    name = "average price of everything ≤ 123,456"
    drawn = tree_drawing(stump(leaf([1.0]), leaf([3.0]), test=name * 3))
    assert drawn.root.short_test.endswith("≤ 123,456")
    assert "…" in drawn.root.short_test


def test_two_classes_show_the_share_of_the_positive_one():
    tree = stump(leaf([0.75, 0.25]), leaf([0.002, 0.998]), ["yes", "no"])
    drawn = tree_drawing(tree, "sold", positive="yes")
    assert [node.label for node in drawn.root.children] == ["75%", "0.2%"]
    assert [key for key, _ in drawn.keys] == ["sold is yes", "sold is no"]


def test_many_classes_have_their_colours_and_the_rest_is_grey():
    classes = [*"abcdefgh"]
    tree = stump(leaf([0.5, 0.5] + [0.0] * 6), leaf([0.0] * 7 + [1.0]), classes)
    drawn = tree_drawing(tree, "letter", common=["h", "a"])
    assert [key for key, _ in drawn.keys] == ["h", "a", "all others"]
    first, second = drawn.root.children
    assert (first.label, second.label) == ("50% a", "100% h")
    assert len({bar.colour for node in (first, second) for bar in node.bars}) == 3
    numbered = tree_drawing(stump(leaf([0.5, 0.5, 0]), leaf([0, 0, 1]), [1, 2, 3]))
    assert numbered.root.children[0].label == "50% are 1"


def test_what_asks_nothing_is_not_drawn():
    assert tree_drawing(None) is None
    assert tree_drawing({"nodes": [leaf([1.0])]}) is None
    assert tree_drawing(stump(leaf([None]), leaf([1.0]))) is None


def test_the_report_draws_the_tree_and_writes_it_as_an_outline():
    from workflow.made_up_runs import make_run

    from groundup.workflow.report import render_report

    for task, classes in (("binary", 2), ("multiclass", 5), ("regression", 2)):
        run = make_run(task, n_classes=classes)
        page = render_report(run).partition('id="explain"')[2].partition("</section>")[0]
        drawn, outline = page.partition('<ul class="outline">')[::2]
        assert len(re.findall(r"<circle ", drawn)) == 15
        assert len(re.findall(r'class="branch"', drawn)) == 30
        assert len(re.findall(r"<li>", outline)) == 31
        assert run["explain"]["tree"]["words"] in page
        run["explain"]["tree"] = None
        assert 'class="outline"' not in render_report(run)
