"""How columns enter the distance between two rows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from groundup.workflow.clusters.features import EqualWeight, build_distances
from groundup.workflow.table import DataError


def audited(frame, kinds, texts=()):
    return SimpleNamespace(
        features=list(frame), kinds=kinds, texts=dict.fromkeys(texts, ""), disguised={}
    )


def matrix(frame, kinds, **more):
    preparation = build_distances(frame, audited(frame, kinds, **more), seed=0)
    used = [name for block in preparation.blocks for name in block.columns]
    return preparation, preparation.pipeline().fit_transform(frame[used])


def test_skewed_columns_are_made_symmetric_and_all_have_one_scale():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 10, 300), "income": rng.lognormal(10, 1, 300)})
    frame.loc[3, "age"] = np.nan
    preparation, X = matrix(frame, dict.fromkeys(frame, "number"))
    assert [block.name for block in preparation.blocks] == ["numbers", "skewed"]
    np.testing.assert_allclose(X.std(axis=0), 1.0, rtol=1e-6)
    assert np.isfinite(X).all()
    assert abs(pd.Series(X[:, 1]).skew()) < 0.3


def test_categories_describe_where_there_are_numbers_enough():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60), "c": ["x", "y"] * 30})
    preparation, X = matrix(frame, {"a": "number", "b": "number", "c": "text"})
    assert X.shape == (60, 2)
    assert any(part["columns"] == ["c"] for part in preparation.plan)


def test_a_category_counts_as_much_as_a_number():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=90), "b": ["x", "y", "z"] * 30, "c": rng.choice(["u", "v"], 90)}
    )
    _, X = matrix(frame, {"a": "number", "b": "text", "c": "text"})
    assert X.shape == (90, 6)
    np.testing.assert_allclose(X[:, 0].var(), 1.0)
    np.testing.assert_allclose(X[:, 1:4].var(axis=0).sum(), 1.0)
    np.testing.assert_allclose(X[:, 4:].var(axis=0).sum(), 1.0)


def test_many_columns_are_reduced():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100, 3)) @ rng.normal(size=(3, 15)))
    frame.columns = [f"x{j}" for j in range(15)]
    preparation, X = matrix(frame, dict.fromkeys(frame, "number"))
    assert X.shape[1] <= 3
    assert preparation.after is not None


def test_dates_and_texts_are_left_out_and_something_must_be_left():
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=30), "said": ["hello"] * 30})
    with pytest.raises(DataError, match="No column is left"):
        build_distances(frame, audited(frame, {"when": "date", "said": "text"}, ["said"]), seed=0)


def test_equal_weight_of_a_constant_is_zero():
    assert (EqualWeight().fit_transform(np.ones((5, 2))) == 0).all()


def test_counts_are_not_bent():
    counts = np.random.default_rng(0).poisson(0.3, 300)
    frame = pd.DataFrame({"children": counts, "x": np.random.default_rng(1).normal(size=300)})
    kinds = dict.fromkeys(frame, "number")
    preparation = build_distances(frame, audited(frame, kinds), seed=0)
    assert [block.name for block in preparation.blocks] == ["numbers"]


def test_values_whose_squares_overflow_are_refused_by_name():
    frame = pd.DataFrame({"mass": [1e300, -2e300, 3e299, 1.0], "x": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(DataError, match="'mass' has values as large as"):
        build_distances(frame, audited(frame, dict.fromkeys(frame, "number")), seed=0)
