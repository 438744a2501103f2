"""What must hold of every split, and that its lines of Python make the same one."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import needs_shared_data, shared_datasets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from workflow.typed_tables import audited, real_audit, real_table, table

from groundup.workflow.audit import audit_table
from groundup.workflow.dealing import copies, folds_in_time
from groundup.workflow.python_source import import_lines
from groundup.workflow.split import make_split
from groundup.workflow.table import DataError

NAMES = [entry["name"] for entry in shared_datasets()]


def run_code(split, frame, target, seed):
    """Run the split's own lines as a script would. Returns the lines of both sides."""
    names = {"X": frame[split.features], "y": frame[target], "data": frame, "SEED": seed}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        exec("\n".join(import_lines(split.imports())) + "\n" + split.code(), names)
    assert names["X_train"].index.equals(names["y_train"].index)
    assert names["X_test"].index.equals(names["y_test"].index)
    return names["X_train"].index, names["X_test"].index


def check_partition(split, frame, y, task):
    """Assert what holds of every split of `frame`."""
    n = len(frame)
    np.testing.assert_array_equal(np.sort(np.concatenate([split.train, split.test])), np.arange(n))
    assert (np.diff(split.train) > 0).all()
    assert (np.diff(split.test) > 0).all()
    assert len(split.folds) >= 2
    every = np.concatenate([validate for _, validate in split.folds])
    assert len(np.unique(every)) == len(every)
    for fit, validate in split.folds:
        assert len(fit)
        assert len(validate)
        assert not np.intersect1d(fit, validate).size
        assert max(fit.max(), validate.max()) < len(split.train)
        if task == "binary":
            assert y.iloc[split.train[fit]].nunique() == 2
            assert y.iloc[split.train[validate]].nunique() == 2
    if task == "binary":
        assert y.iloc[split.train].nunique() == y.iloc[split.test].nunique() == 2
    sides = [(split.train, split.test)]
    sides += [(split.train[fit], split.train[validate]) for fit, validate in split.folds]
    for one, other in sides:
        if split.method == "time":
            when = frame[split.column]
            assert not when.iloc[one].max() >= when.iloc[other].min()
        elif split.method == "group":
            assert set(frame[split.column].iloc[one]).isdisjoint(frame[split.column].iloc[other])
        elif split.keeps_copies_together:
            keys = frame[split.features].astype(object).where(frame[split.features].notna(), "?")
            rows = keys.apply(tuple, axis=1) if len(frame) < 5_000 else hashed(keys)
            assert set(rows.iloc[one]).isdisjoint(rows.iloc[other])


def hashed(keys: pd.DataFrame) -> pd.Series:
    return pd.util.hash_pandas_object(keys.astype(str), index=False)


@needs_shared_data
@pytest.mark.parametrize("name", NAMES)
def test_splits_of_real_files(name):
    read, target, task = real_table(name)
    audit, split = real_audit(name)
    frame = read.frame.iloc[audit.rows]
    if audit.target_disguised:
        assert not frame[target].isin(audit.target_disguised).any()
    check_partition(split, frame, frame[target], task)
    train, test = run_code(split, frame, target, seed=0)
    assert train.equals(frame.index[split.train])
    assert test.equals(frame.index[split.test])
    if name not in ("mammography", "parkinsons_telemonitoring"):  # a row 3,276 times; 42 patients
        assert len(split.test) / len(frame) == pytest.approx(0.2, abs=0.02)


@needs_shared_data
def test_another_seed_gives_another_split_and_the_same_seed_the_same():
    read, target, task = real_table("titanic")
    first, again, other = (audited(read, target, task, seed=seed)[1] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)
    for (fit, validate), (fit_again, validate_again) in zip(first.folds, again.folds, strict=True):
        np.testing.assert_array_equal(fit, fit_again)
        np.testing.assert_array_equal(validate, validate_again)


def test_without_copies_it_is_scikit_learns_first_fold():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=103), "y": rng.choice(["u", "v"], 103)})
    _, split = audited(table(frame), "y", "binary", seed=5)
    splitter = StratifiedKFold(n_splits=5, shuffle=True, random_state=5)
    train, test = next(splitter.split(frame, frame["y"]))
    np.testing.assert_array_equal(split.train, train)
    np.testing.assert_array_equal(split.test, test)
    for ours, theirs in zip(
        split.folds, splitter.split(train, frame["y"].iloc[train]), strict=True
    ):
        np.testing.assert_array_equal(ours[1], theirs[1])


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    seed=st.integers(0, 50),
    n=st.integers(20, 120),
    values=st.integers(2, 30),
    task=st.sampled_from(["binary", "multiclass", "regression"]),
)
def test_any_table_is_split_soundly(seed, n, values, task):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, values, n).astype(float)
    a[rng.random(n) < 0.1] = np.nan
    frame = pd.DataFrame({"a": a, "b": rng.choice(["p", "q"], n)})
    if task == "regression":
        frame["y"] = rng.normal(size=n)
    else:
        frame["y"] = rng.choice(["u", "v"] if task == "binary" else ["u", "v", "w", "z"], n)
    made = table(frame)
    frame = made.frame
    try:
        audit = audit_table(made, "y", task)
        split = make_split(frame, frame["y"], task, audit, seed=seed)
    except DataError:
        assert task == "binary" or n < 20 or frame["y"].nunique() < 2
        return
    check_partition(split, frame, frame["y"], task)
    train, test = run_code(split, frame, "y", seed)
    assert train.equals(frame.index[split.train])
    assert test.equals(frame.index[split.test])


def test_copies_against_a_loop_over_pairs():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.choice([1.0, 2.0, np.nan], 40),
            "b": rng.choice(["x", "y", None], 40),
            "c": pd.to_datetime(rng.choice(["2024-01-01", "2024-01-02", None], 40)),
        }
    )
    keys = copies(frame).keys

    def equal(i, j):
        return all(
            (pd.isna(u) and pd.isna(v)) or u == v
            for u, v in zip(frame.iloc[i], frame.iloc[j], strict=True)
        )

    for i in range(40):
        for j in range(40):
            assert (keys[i] == keys[j]) == equal(i, j)
    assert copies(frame).repeated == frame.duplicated().sum()


def test_what_repeats_very_often_trains():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(1000) < 0.3, 0.0, rng.normal(size=1000))
    frame = pd.DataFrame({"x": x, "y": rng.normal(size=1000)})
    _, split = audited(table(frame), "y", "regression")
    assert (x == 0).sum() > 250
    assert not (x[split.test] == 0).any()
    assert len(split.test) == pytest.approx(0.2 * (x != 0).sum(), abs=2)
    assert "repeats more than 10 times trains" in split.why


def test_mostly_repeated_rows_are_coincidences():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.integers(0, 3, 300),
            "b": rng.integers(0, 3, 300),
            "y": rng.choice(["u", "v"], 300),
        }
    )
    _, split = audited(table(frame), "y", "binary")
    assert not split.keeps_copies_together
    assert [finding.code for finding in split.findings] == ["coinciding-rows"]
    assert len(split.test) == 60


def test_time_ties_stay_together_and_the_future_tests():
    days = np.repeat(pd.date_range("2024-01-01", periods=50), 7)
    frame = pd.DataFrame({"day": days, "x": np.random.default_rng(0).normal(size=350)})
    frame["y"] = frame["x"] * 2
    for made in (frame, frame.iloc[::-1]):
        audit, split = audited(table(made.reset_index(drop=True)), "y", "regression")
        assert split.method == "time"
        day = made["day"].reset_index(drop=True)
        assert day.iloc[split.train].max() < day.iloc[split.test].min()
        assert len(split.test) % 7 == 0
    assert audit.time_column == "day"


def test_folds_in_time_only_look_back():
    when = pd.Series(np.random.default_rng(0).integers(0, 30, 200)).astype(float)
    when[:5] = np.nan
    folds = folds_in_time(when, 5)
    assert len(folds) == 5
    seen: set[int] = set()
    for fit, validate in folds:
        assert when.iloc[fit].max() < when.iloc[validate].min()
        assert seen <= set(fit)
        seen = set(fit) | set(validate)
    assert seen == set(range(200))


def test_a_series_whose_end_cannot_test_is_split_by_chance():
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=100),
            "x": np.random.default_rng(0).normal(size=100),
            "y": ["before"] * 50 + ["after"] * 50,
        }
    )
    _, split = audited(table(frame), "y", "binary")
    assert split.method == "stratified"
    assert "split-not-possible" in {finding.code for finding in split.findings}


def test_rare_classes():
    rng = np.random.default_rng(0)
    labels = np.array(["a"] * 100 + ["b"] * 40 + ["c"] * 2 + ["d"])
    frame = pd.DataFrame({"x": rng.normal(size=143), "y": rng.permutation(labels)})
    audit, split = audited(table(frame), "y", "multiclass")
    assert split.method == "stratified"
    assert "class-absent" in {finding.code for finding in split.findings}
    assert "rare-class" in {finding.code for finding in audit.findings}


@pytest.mark.parametrize(
    ("rare", "message"),
    [(4, "y is v in 4 rows alone; at least 5"), (1, "y is v in 1 row alone; at least 5")],
)
def test_too_few_of_one_of_two_classes(rare, message):
    frame = pd.DataFrame(
        {"x": np.random.default_rng(0).normal(size=50), "y": ["u"] * (50 - rare) + ["v"] * rare}
    )
    with pytest.raises(DataError, match=message):
        audited(table(frame), "y", "binary")


def test_five_of_one_of_two_classes_are_enough():
    frame = pd.DataFrame(
        {"x": np.random.default_rng(0).normal(size=50), "y": ["u"] * 45 + ["v"] * 5}
    )
    made = table(frame)
    _, split = audited(made, "y", "binary")
    check_partition(split, made.frame, made.frame["y"], "binary")
    assert len(split.folds) == 4  # one of the four that train for each


def test_the_method_can_be_asked_for():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, 200), "D"),
            "x": rng.normal(size=200),
            "y": rng.choice(["u", "v"], 200),
        }
    )
    made = table(frame)
    audit = audit_table(made, "y", "binary")
    asked = {"random": "random", "stratified": "stratified", "time": "time", None: "stratified"}
    for method, expected in asked.items():
        split = make_split(made.frame, made.frame["y"], "binary", audit, seed=0, method=method)
        assert split.method == expected
        check_partition(split, made.frame, made.frame["y"], "binary")
    with pytest.raises(DataError, match="a split by group needs a column of groups"):
        make_split(made.frame, made.frame["y"], "binary", audit, seed=0, method="group")
    with pytest.raises(DataError, match="there is no split 'holdout'; there are time, group"):
        make_split(made.frame, made.frame["y"], "binary", audit, seed=0, method="holdout")


def test_all_rows_train_where_another_file_tests():
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=60), "y": ["u", "v"] * 30})
    made = table(frame)
    audit = audit_table(made, "y", "binary")
    split = make_split(made.frame, made.frame["y"], "binary", audit, seed=0, method="file")
    assert (split.method, len(split.train), len(split.test)) == ("file", 60, 0)
    check_partition_of_folds = np.sort(np.concatenate([v for _, v in split.folds]))
    np.testing.assert_array_equal(check_partition_of_folds, np.arange(60))
    assert split.code() == "X_train, y_train = X, y\n"
    assert split.imports() == {}


def test_the_share_of_the_test_rows_can_be_asked_for():
    rng = np.random.default_rng(0)
    made = table(pd.DataFrame({"x": rng.normal(size=100), "y": rng.normal(size=100)}))
    audit = audit_table(made, "y", "regression")
    split = make_split(made.frame, made.frame["y"], "regression", audit, seed=1, test_size=0.25)
    expected = next(KFold(4, shuffle=True, random_state=1).split(made.frame))[1]
    np.testing.assert_array_equal(split.test, expected)
    # The same size as scikit-learn's own way of holding rows back.
    assert len(split.test) == len(train_test_split(made.frame, test_size=0.25)[1])


def test_fewer_than_twenty_rows():
    made = table(pd.DataFrame({"x": np.arange(19) * 1.5, "y": ["u", "v"] * 9 + ["u"]}))
    with pytest.raises(DataError, match="19 rows have a value in y; at least 20"):
        audited(made, "y", "binary")
