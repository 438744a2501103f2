"""Categories: found by type, name or position, numbered, and unseen ones missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor as Twin

from groundup.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from groundup.ensemble._categories import find_categories

COLORS = ["red", "green", "blue", None]


def _frame(n=400, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "length": rng.normal(size=n),
            "color": pd.Categorical.from_codes(rng.integers(-1, 3, n), ["red", "green", "blue"]),
            "size": rng.integers(0, 9, n).astype(float),
        }
    )
    effect = {"red": 3.0, "green": -2.0, "blue": 1.0}
    y = frame["color"].map(effect).astype(float).fillna(0.5) + 0.3 * frame["length"]
    return frame, y.to_numpy() + (frame["size"].to_numpy() % 2)


def test_numbers_are_ranks_and_missing_stays_missing():
    frame, _ = _frame()
    categories, encoded = find_categories(frame, "from_dtype", 255)
    assert categories.is_categorical.tolist() == [False, True, False]
    assert categories.known == {1: {"blue": 0, "green": 1, "red": 2}}
    expected = frame["color"].map({"blue": 0.0, "green": 1.0, "red": 2.0}).astype(float)
    np.testing.assert_array_equal(encoded[:, 1], expected)
    np.testing.assert_array_equal(encoded[:, 0], frame["length"])
    new = frame.iloc[:3].assign(color=pd.Categorical(["mauve", "red", None]))
    np.testing.assert_array_equal(categories.encode(new)[:, 1], [np.nan, 2.0, np.nan])


@pytest.mark.parametrize(
    "told",
    ["from_dtype", ["color"], [1], [False, True, False], np.array([1])],
    ids=["dtype", "name", "position", "mask", "array"],
)
def test_every_way_of_telling_gives_the_same_model(told):
    frame, y = _frame()
    expected = HistGradientBoostingRegressor(max_iter=5).fit(frame, y)
    model = HistGradientBoostingRegressor(max_iter=5, categorical_features=told).fit(frame, y)
    np.testing.assert_array_equal(model.predict(frame), expected.predict(frame))
    assert model.is_categorical_.tolist() == [False, True, False]
    assert list(model.feature_names_in_) == list(frame.columns)


def test_text_arrow_and_numbers_give_the_same_model():
    frame, y = _frame()
    expected = HistGradientBoostingRegressor(max_iter=5).fit(frame, y).predict(frame)
    options = {"max_iter": 5, "categorical_features": [1]}
    text = frame.assign(color=frame["color"].astype(object))
    as_array = text.to_numpy(dtype=object)
    numbers = frame.assign(color=frame["color"].cat.codes.replace(-1, np.nan)).to_numpy(float)
    for X in (text, as_array, numbers):
        model = HistGradientBoostingRegressor(**options).fit(X, y)
        assert model.train_loss_[-1] == pytest.approx(
            HistGradientBoostingRegressor(**options).fit(frame, y).train_loss_[-1]
        )
        np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12)
    table = pytest.importorskip("pyarrow").Table.from_pandas(frame)
    model = HistGradientBoostingRegressor(max_iter=5).fit(table, y)
    np.testing.assert_array_equal(model.predict(table), expected)


def test_an_unseen_category_is_predicted_as_missing():
    frame, y = _frame()
    model = HistGradientBoostingRegressor().fit(frame, y)
    unseen = frame.assign(color=pd.Categorical(["mauve"] * len(frame)))
    missing = frame.assign(color=pd.Categorical([None] * len(frame), categories=["red"]))
    np.testing.assert_array_equal(model.predict(unseen), model.predict(missing))
    assert np.isfinite(model.predict(unseen)).all()


def test_categories_whose_rows_all_have_weight_zero():
    frame, y = _frame()
    weight = (frame["color"] != "green").to_numpy().astype(float)
    model = HistGradientBoostingRegressor().fit(frame, y, sample_weight=weight)
    kept = frame[weight > 0]
    absent = HistGradientBoostingRegressor().fit(kept, y[weight > 0])
    np.testing.assert_allclose(model.predict(kept), absent.predict(kept))
    assert np.isfinite(model.predict(frame)).all()


def test_the_categories_learned_are_the_ones_used_whatever_the_order():
    frame, y = _frame()
    model = HistGradientBoostingRegressor().fit(frame, y)
    other = frame.assign(
        color=frame["color"].cat.set_categories(["blue", "violet", "red", "green"])
    )
    np.testing.assert_array_equal(model.predict(other), model.predict(frame))


def test_too_many_categories_are_refused_and_255_are_not():
    rng = np.random.default_rng(0)
    y = rng.normal(size=2000)
    for n_categories, fits in ((255, True), (300, False)):
        codes = np.arange(2000) % n_categories
        frame = pd.DataFrame({"town": pd.Categorical([f"t{c:03}" for c in codes])})
        model = HistGradientBoostingRegressor(max_iter=3)
        if fits:
            assert np.isfinite(model.fit(frame, y).predict(frame)).all()
            continue
        with pytest.raises(ValueError, match=r"'town'.*cardinality <= 255.*300"):
            model.fit(frame, y)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (["weight"], "not a valid feature name"),
        ([7], r"must be in \[0, n_features - 1\]"),
        ([True], "shape"),
        ([1.5], "bool, int or str"),
    ],
)
def test_columns_that_are_not_there_are_refused(told, message):
    frame, y = _frame()
    with pytest.raises(ValueError, match=message):
        HistGradientBoostingRegressor(categorical_features=told).fit(frame, y)


def test_categories_without_a_common_order_are_refused():
    frame = pd.DataFrame({"mixed": pd.Categorical(["a", 1, "b", 2] * 10)})
    with pytest.raises(ValueError, match="'mixed' mixes types"):
        HistGradientBoostingRegressor().fit(frame, np.arange(40.0))


def test_a_column_of_categories_beats_the_same_column_as_a_number():
    rng = np.random.default_rng(0)
    town = rng.integers(0, 100, 4000)
    y = rng.normal(size=100)[town] + 0.1 * rng.normal(size=4000)
    X = town[:, np.newaxis].astype(float)
    options = {"max_iter": 10, "max_leaf_nodes": 4, "learning_rate": 0.5}
    as_number = HistGradientBoostingRegressor(**options).fit(X, y).score(X, y)
    named = HistGradientBoostingRegressor(**options, categorical_features=[0]).fit(X, y)
    assert named.score(X, y) > as_number + 0.1
    twin = Twin(**options, categorical_features=[0]).fit(X, y)
    assert named.score(X, y) == pytest.approx(twin.score(X, y), abs=0.01)


def test_a_classifier_takes_categories_and_survives_missing_ones():
    frame, y = _frame(seed=1)
    kind = np.where(y > np.median(y), "high", "low")
    model = HistGradientBoostingClassifier().fit(frame, kind)
    assert model.score(frame, kind) > 0.95
    assert list(model.classes_) == ["high", "low"]
