"""What comes out of the preparation: finite numbers, whatever comes in; and its source."""

from __future__ import annotations

import copy
import pickle
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import needs_shared_data, shared_datasets
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline
from workflow.typed_tables import audited, real_audit, real_table, table

from groundup.workflow.prepare import DateFeatures, DisguisedMissing, build_preparation
from groundup.workflow.python_source import import_lines

NAMES = [entry["name"] for entry in shared_datasets()]

ALLOWED = {
    *("DisguisedMissing", "DateFeatures", "SimpleImputer", "StandardScaler", "OneHotEncoder"),
    *("TargetEncoder", "OrdinalEncoder", "TfidfVectorizer", "TruncatedSVD", "ColumnTransformer"),
    "Pipeline",
}


def mixed(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Draw a table with a column of every kind and something missing in each."""
    rng = np.random.default_rng(seed)
    words = np.array([f"word{i}" for i in range(60)])
    frame = pd.DataFrame(
        {
            "size": rng.normal(50, 10, n),
            "count": rng.integers(0, 50, n),
            "flag": rng.choice([0.0, 1.0], n),
            "rate_code": rng.integers(1, 6, n),
            "colour": rng.choice(["red", "green", "blue"], n),
            "town": rng.choice([f"town {i}" for i in range(60)], n),
            "seen": pd.to_datetime("2024-01-01")
            + pd.to_timedelta(rng.integers(0, 400 * 24, n), unit="h"),
            "remark": [" ".join(rng.choice(words, 6)) for _ in range(n)],
        }
    )
    frame["y"] = np.where(rng.normal(size=n) > 0, "yes", "no")
    for name in ("size", "flag", "colour", "town", "seen", "remark"):
        frame.loc[rng.random(n) < 0.1, name] = None
    frame.loc[rng.random(n) < 0.1, "size"] = -999.0
    return frame


def prepared(made, target, task, seed=0):
    """Audit, split and build. Returns the preparation and both sides."""
    audit, split = audited(made, target, task, seed=seed)
    frame = made.frame.iloc[audit.rows]
    X, y = frame[audit.features], frame[target]
    X_train, X_test = X.iloc[split.train], X.iloc[split.test]
    return build_preparation(X_train, audit, seed=seed), X_train, X_test, y.iloc[split.train]


def built_by_code(preparation, seed=0):
    """Run the preparation's own lines as a script would."""
    names = {"SEED": seed}
    exec(
        "\n".join(import_lines(preparation.imports()))
        + "\n"
        + preparation.lists_code()
        + preparation.code(),
        names,
    )
    return Pipeline([("missing", names["missing"]), ("prepare", names["prepare"])])


def parts_of(estimator):
    """Class names of an estimator and of all that it is made of."""
    yield type(estimator).__name__
    for value in estimator.get_params(deep=False).values():
        steps = value if isinstance(value, list) else []
        for step in steps:
            if isinstance(step, tuple) and hasattr(step[1], "get_params"):
                yield from parts_of(step[1])


def assert_finite(Z, n_rows):
    assert isinstance(Z, np.ndarray)
    assert Z.dtype == np.float64
    assert len(Z) == n_rows
    assert np.isfinite(Z).all()


@needs_shared_data
@pytest.mark.parametrize("name", NAMES)
def test_real_files_become_finite_numbers_and_the_code_makes_the_same(name):
    read, target, _ = real_table(name)
    audit, split = real_audit(name)
    frame = read.frame.iloc[audit.rows]
    rows = split.train[:: max(1, len(split.train) // 8_000)]
    X, y = frame[audit.features].iloc[rows], frame[target].iloc[rows]
    preparation = build_preparation(X, audit, seed=0)
    assert set(parts_of(preparation.pipeline())) <= ALLOWED
    covered = [column for block in preparation.blocks for column in block.columns]
    assert sorted(covered) == sorted(audit.features)

    pipeline = preparation.pipeline()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Z = pipeline.fit_transform(X, y)
        assert_finite(Z, len(X))
        X_test = frame[audit.features].iloc[split.test]
        assert_finite(pipeline.transform(X_test), len(X_test))
    assert len(pipeline.get_feature_names_out()) == Z.shape[1]

    by_code = built_by_code(preparation)
    assert repr(by_code) == repr(preparation.pipeline())
    np.testing.assert_array_equal(by_code.fit_transform(X, y), Z)


@needs_shared_data
@pytest.mark.parametrize("name", ["ames_housing", "titanic", "air_quality_uci", "pima_diabetes"])
def test_the_code_is_formatted_and_short(name, tmp_path):
    audit, split = real_audit(name)
    frame = real_table(name)[0].frame.iloc[audit.rows]
    preparation = build_preparation(frame[audit.features].iloc[split.train], audit, seed=0)
    lines = import_lines(preparation.imports() | split.imports())
    source = (
        "\n".join(lines)
        + "\n\nSEED = 0\n"
        + preparation.lists_code()
        + preparation.code()
        + "\n"
        + split.code()
    )
    assert source.count("\n") < 110
    if shutil.which("ruff") is None:
        pytest.skip("ruff is not installed")
    script = tmp_path / "train.py"
    script.write_text(source)
    ruff = ["ruff", "format", "--isolated", "--line-length", "100", "--diff", str(script)]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_kind_of_column_has_its_block():
    preparation, X_train, _, y_train = prepared(table(mixed(), flag="boolean"), "y", "binary")
    blocks = {block.name: block.columns for block in preparation.blocks}
    assert blocks == {
        "numbers": ["size", "count", "flag"],
        "categories": ["rate_code", "colour"],
        "names": ["town"],
        "dates": ["seen"],
        "text": ["remark"],
    }
    assert preparation.missing.values == {"size": [-999.0]}
    assert preparation.missing.empty_text == ("remark",)
    assert [block["columns"] for block in preparation.plan] == [["size"], *blocks.values()]
    assert_finite(preparation.pipeline().fit_transform(X_train, y_train), len(X_train))
    assert "cv=KFold(n_splits=5, shuffle=True, random_state=SEED)" in preparation.code()


def test_numbers_against_arithmetic_by_hand():
    preparation, X_train, X_test, y_train = prepared(table(mixed()), "y", "binary")
    pipeline = preparation.pipeline().fit(X_train, y_train)
    Z = pipeline.transform(X_test)
    names = list(pipeline.get_feature_names_out())
    known = X_train["size"].replace(-999.0, np.nan)
    filled = known.fillna(known.median())
    expected = X_test["size"].replace(-999.0, np.nan)
    expected = (expected.fillna(known.median()) - filled.mean()) / filled.std(ddof=0)
    np.testing.assert_allclose(Z[:, names.index("numbers__size")], expected, rtol=1e-9)
    was_missing = known.isna().astype(float)
    expected = X_test["size"].isin([-999.0]) | X_test["size"].isna()
    expected = (expected - was_missing.mean()) / was_missing.std(ddof=0)
    column = names.index("numbers__missingindicator_size")
    np.testing.assert_allclose(Z[:, column], expected, rtol=1e-9)


def strange(X: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows as nobody has seen them in training."""
    missing = X.astype({"count": float, "rate_code": float}).mask(np.ones(X.shape, dtype=bool))
    unseen = X.copy()
    unseen["colour"], unseen["town"], unseen["rate_code"] = "violet", "Atlantis", 99
    unseen["remark"] = "nothing of this was ever said"
    unseen["seen"] = pd.Timestamp("1900-01-01")
    infinite = X.astype({"size": float, "count": float})
    infinite["size"], infinite["count"] = np.inf, -np.inf
    return {
        "all missing": missing,
        "unseen": unseen,
        "infinite": infinite,
        "one row": X.iloc[[0]],
        "reordered": X[X.columns[::-1]],
        "further columns": X.assign(more=1),
    }


@pytest.mark.parametrize(
    "case", ["all missing", "unseen", "infinite", "one row", "reordered", "further columns"]
)
def test_strange_rows_give_finite_numbers(case):
    preparation, X_train, X_test, y_train = prepared(table(mixed()), "y", "binary")
    pipeline = preparation.pipeline().fit(X_train, y_train)
    X = strange(X_test)[case]
    Z = pipeline.transform(X)
    assert_finite(Z, len(X))
    if case in ("one row", "reordered", "further columns"):
        np.testing.assert_array_equal(Z, pipeline.transform(X_test)[: len(X)])


def test_rows_are_prepared_one_by_one_as_together():
    preparation, X_train, X_test, y_train = prepared(table(mixed()), "y", "binary")
    pipeline = preparation.pipeline().fit(X_train, y_train)
    one_by_one = [pipeline.transform(X_test.iloc[[i]]) for i in range(10)]
    np.testing.assert_array_equal(np.vstack(one_by_one), pipeline.transform(X_test.iloc[:10]))


def test_a_column_that_a_fold_finds_empty():
    frame = mixed(200)
    preparation, X_train, _, y_train = prepared(table(frame), "y", "binary")
    X = X_train.copy()
    for name in ("size", "colour", "town", "seen"):
        X[name] = X[name].where(pd.Series(False, index=X.index))
    assert_finite(preparation.pipeline().fit_transform(X, y_train), len(X))


def test_it_survives_copies_and_pickles():
    preparation, X_train, X_test, y_train = prepared(table(mixed()), "y", "binary")
    pipeline = preparation.pipeline().fit(X_train, y_train)
    Z = pipeline.transform(X_test)
    for twin in (copy.deepcopy(pipeline), pickle.loads(pickle.dumps(pipeline))):
        np.testing.assert_array_equal(twin.transform(X_test), Z)
    again = clone(pipeline).fit(X_train, y_train)
    np.testing.assert_array_equal(again.transform(X_test), Z)


def test_a_target_of_whole_numbers_is_averaged_as_a_quantity():
    frame = mixed()
    frame["y"] = np.random.default_rng(1).integers(1990, 2013, len(frame))
    preparation, X_train, _, y_train = prepared(table(frame), "y", "regression")
    pipeline = preparation.pipeline().fit(X_train, y_train)
    assert sum("town" in name for name in pipeline.get_feature_names_out()) == 1


@pytest.mark.parametrize(
    "name",
    ["plain", 'double "quotes"', "it's", "both ' and \"", "new\nline", "back\\slash", "\U0001f600"],
)
def test_names_that_need_care_survive_the_code(name):
    frame = mixed().rename(columns={"size": name, "remark": name + " said", "town": name + " of"})
    preparation, X_train, _, y_train = prepared(table(frame), "y", "binary")
    Z = preparation.pipeline().fit_transform(X_train, y_train)
    np.testing.assert_array_equal(built_by_code(preparation).fit_transform(X_train, y_train), Z)


@needs_shared_data
def test_words_tell_spam():
    read, target, _ = real_table("sms_spam")
    audit, split = real_audit("sms_spam")
    X, y = read.frame[audit.features], read.frame[target] == "spam"
    preparation = build_preparation(X.iloc[split.train], audit, seed=0)
    model = Pipeline([*preparation.steps(), ("model", LogisticRegression())])
    model.fit(X.iloc[split.train], y.iloc[split.train])
    score = roc_auc_score(y.iloc[split.test], model.predict_proba(X.iloc[split.test])[:, 1])
    assert score > 0.98


def dates(*texts) -> pd.DataFrame:
    moments = pd.to_datetime(list(texts), format="ISO8601")
    return pd.DataFrame({"at": moments.astype("datetime64[us]")})


def test_date_features_against_the_standard_library():
    rng = np.random.default_rng(0)
    moments = pd.Timestamp("1950-03-01") + pd.to_timedelta(rng.integers(0, 3_000_000, 200), "min")
    X = pd.DataFrame({"at": moments.astype("datetime64[us]")})
    Z = DateFeatures().fit_transform(X)
    first = min(moment.to_pydatetime() for moment in moments)
    for row, moment in zip(Z, moments, strict=True):
        at = moment.to_pydatetime()
        days = (at - first).total_seconds() / 86_400
        hour = at.hour + at.minute / 60
        expected = [days, at.year, at.month, at.day, at.weekday(), hour]
        np.testing.assert_allclose(row, expected, rtol=1e-12)


def test_date_features_leave_out_what_never_varies():
    fitted = DateFeatures().fit(dates("2024-05-06", "2024-05-13", None))
    assert list(fitted.get_feature_names_out()) == ["at_days", "at_day"]
    np.testing.assert_array_equal(
        fitted.transform(dates("2025-06-07 12:00", None)), [[397.5, 7.0], [np.nan, np.nan]]
    )
    single = DateFeatures().fit(dates("2024-05-06", "2024-05-06"))
    assert list(single.get_feature_names_out()) == ["at_days"]
    empty = DateFeatures().fit(dates(None, None))
    assert np.isnan(empty.transform(dates("2024-05-06"))[0, 0]) or empty.first_[0] == 0


def test_date_features_before_1970_and_in_any_unit():
    X = dates("1900-01-01", "1969-12-31 23:59:59")
    expected = DateFeatures().fit_transform(X)
    day = 86_399 / 86_400
    np.testing.assert_allclose(expected[1], [25566 + day, 1969, 12, 31, 2, 24 * day], rtol=1e-12)
    for unit in ("s", "ms", "ns"):
        other = X.astype(f"datetime64[{unit}]")
        np.testing.assert_array_equal(DateFeatures().fit_transform(other), expected)


@pytest.mark.parametrize("transformer", [DateFeatures(), DisguisedMissing()])
def test_our_transformers_want_a_frame(transformer):
    with pytest.raises(TypeError, match="X is a ndarray; a pandas DataFrame"):
        transformer.fit(np.zeros((3, 1)))


def test_date_features_name_the_column_that_holds_no_dates():
    with pytest.raises(TypeError, match="the column 'a' holds float64; dates were expected"):
        DateFeatures().fit(pd.DataFrame({"a": [1.0]}))
    with pytest.raises(ValueError, match="fit saw"):
        DateFeatures().fit(dates("2024-01-01")).transform(
            dates("2024-01-01").rename(columns={"at": "then"})
        )


def test_disguised_missing():
    X = pd.DataFrame(
        {
            "whole": [0, 1, 2],
            "real": [0.0, np.inf, -1.0],
            "text": pd.Series(["?", "a", None], dtype="str"),
            "said": pd.Series(["?", "a", None], dtype="str"),
        }
    )
    before = X.copy()
    transformer = DisguisedMissing({"whole": [0, 2], "text": ["?"]}, empty_text=("said",)).fit(X)
    out = transformer.transform(X)
    pd.testing.assert_frame_equal(X, before)
    np.testing.assert_array_equal(out["whole"], [np.nan, 1, np.nan])
    np.testing.assert_array_equal(out["real"], [0, np.nan, -1])
    assert out["text"].isna().tolist() == [True, False, True]
    assert out["said"].tolist() == ["?", "a", ""]
    assert list(transformer.get_feature_names_out()) == list(X.columns)
    assert out.index.equals(X.index)
    pd.testing.assert_frame_equal(transformer.transform(X[["said", "text", "real", "whole"]]), out)


def test_disguised_missing_says_what_is_not_there():
    X = pd.DataFrame({"a": [1.0]})
    with pytest.raises(ValueError, match="X has no column 'b'"):
        DisguisedMissing({"b": [0]}).fit(X)
    with pytest.raises(ValueError, match=r"X lacks the columns \['a'\]"):
        DisguisedMissing().fit(X).transform(X.rename(columns={"a": "b"}))


def test_the_audit_and_the_split_do_not_load_numba():
    modules = "groundup.workflow.audit, groundup.workflow.split, groundup.workflow.prepare"
    code = f"import sys, {modules}; print('numba' in sys.modules, 'duckdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
