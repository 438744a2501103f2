"""What the audit finds in the real files and in made ones, and what it must leave alone."""

from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest
from conftest import needs_shared_data, shared_datasets
from sklearn import datasets as sklearn_datasets
from workflow.typed_tables import audited, real_audit, real_table, table

from groundup.workflow.audit import audit_against_target, audit_table
from groundup.workflow.columns import Columns
from groundup.workflow.duplicates import duplicate_columns
from groundup.workflow.table import DataError

NAMES = [entry["name"] for entry in shared_datasets()]

# What datasets.json lists as a leak but no values can prove: named in a warning, and kept.
SUSPECTED = {
    "bank_marketing": {"duration"},
    "taxi_fare": {"trip_time_in_secs"},
    "montreal_bikes": {"Maisonneuve 2"},
}
# A row number is left out as one; that it also follows the target need not be said twice.
LEFT_OUT_OTHERWISE = {"tate_artworks": {"rownames"}}
# Proven by a rule, and not in datasets.json: none.
FURTHER_LEAKS: dict[str, set[str]] = {}


def found(audit, code: str) -> set[str]:
    """Columns named by the findings of one code."""
    return {name for finding in audit.findings if finding.code == code for name in finding.columns}


def entry_of(name: str) -> dict:
    return next(entry for entry in shared_datasets() if entry["name"] == name)


@needs_shared_data
@pytest.mark.parametrize("name", NAMES)
def test_leaks_of_real_files(name):
    audit, _ = real_audit(name)
    known = {leak["column"] for leak in entry_of(name).get("known_leaks", [])}
    proven = known - SUSPECTED.get(name, set()) - LEFT_OUT_OTHERWISE.get(name, set())
    assert set(audit.with_role("leak")) == proven | FURTHER_LEAKS.get(name, set())
    assert found(audit, "leak") == proven
    assert known.isdisjoint(audit.features) or known & set(audit.features) <= SUSPECTED[name]


@needs_shared_data
@pytest.mark.parametrize("name", NAMES)
def test_suspicions_in_real_files(name):
    audit, _ = real_audit(name)
    suspected = found(audit, "leak-suspected")
    assert suspected >= SUSPECTED.get(name, set())
    # "So are the other five": the neighbouring paths of the bicycle counters.
    assert suspected <= SUSPECTED.get(name, set()) or name == "montreal_bikes"
    assert suspected <= set(audit.features)


@needs_shared_data
@pytest.mark.parametrize("name", NAMES)
def test_identifiers_groups_and_times_of_real_files(name):
    entry, (audit, split) = entry_of(name), real_audit(name)
    assert set(audit.with_role("identifier")) == set(entry.get("id_columns", []))
    assert audit.groups == entry.get("group_column")
    times = found(audit, "time-order") | found(audit, "time-column")
    assert {entry["time_column"]} <= times if "time_column" in entry else not times
    in_order = {"bike_sharing_hour", "air_quality_uci", "montreal_bikes"}
    assert audit.time_ordered == (name in in_order)
    expected = "time" if name in in_order else "group" if audit.groups else None
    assert split.method == (expected or ("random" if audit.task == "regression" else "stratified"))


@needs_shared_data
@pytest.mark.parametrize("name", NAMES)
def test_rows_of_real_files(name):
    entry, (audit, _) = entry_of(name), real_audit(name)
    frame = real_table(name)[0].frame
    assert len(audit.rows) + len(audit.lines_without_target) == len(frame)
    sorted_by_target = "rows-sorted-by-target" in {finding.code for finding in audit.findings}
    assert sorted_by_target == entry.get("rows_sorted_by_target", False)
    if entry["duplicate_rows"] and "target_missing" not in entry:
        [finding] = [f for f in audit.findings if f.code == "duplicate-rows"]
        assert finding.evidence["exact"] == pytest.approx(entry["duplicate_rows"], abs=1)
    if entry.get("text_columns") and name != "penguins_raw":  # seven different comments
        assert set(entry["text_columns"]) <= set(audit.texts)
    json.dumps([finding.as_dict() for finding in audit.findings], allow_nan=False)


@needs_shared_data
def test_disguised_missing_of_real_files():
    expected = {
        "pima_diabetes": {
            "Plasma glucose concentration a 2 hours in an oral glucose tolerance test",
            "Diastolic blood pressure (mm Hg)",
            "Triceps skin fold thickness (mm)",
            "2-Hour serum insulin (mu U/ml)",
            "Body mass index (weight in kg/(height in m)^2)",
        },
        "bank_marketing": {"pdays"},
        "air_quality_uci": {
            *("CO(GT)", "PT08.S1(CO)", "NMHC(GT)", "PT08.S2(NMHC)", "NOx(GT)", "PT08.S3(NOx)"),
            *("NO2(GT)", "PT08.S4(NO2)", "PT08.S5(O3)", "T", "RH", "AH"),
        },
    }
    for name in NAMES:
        audit, _ = real_audit(name)
        assert set(audit.disguised) == expected.get(name, set()), name
    assert real_audit("pima_diabetes")[0].disguised["Diastolic blood pressure (mm Hg)"] == [0]
    assert real_audit("bank_marketing")[0].disguised["pdays"] == [999]
    air = real_audit("air_quality_uci")[0]
    assert air.target_disguised == [-200]
    # 366 rows of -200, and the 114 blank ones where the reading stage loads them.
    blank = len(real_table("air_quality_uci")[0].frame) - 9357
    assert len(air.lines_without_target) == 366 + blank


@needs_shared_data
@pytest.mark.parametrize(
    ("name", "code", "columns"),
    [
        ("adult_census", "capped-values", {"column_10"}),
        ("adult_census", "related-columns", {"column_3", "column_4"}),
        ("adult_census", "class-imbalance", {"column_14"}),
        ("titanic", "shared-code", {"ticket"}),
        ("parkinsons_telemonitoring", "impossible-values", {"test_time"}),
        ("parkinsons_telemonitoring", "duplicate-column", {"Jitter:DDP", "Shimmer:DDA"}),
        ("penguins_raw", "constant-column", {"Region", "Stage"}),
        ("ames_housing", "near-constant-column", {"Street", "Utilities"}),
        ("wine_quality", "rare-class", {"quality"}),
        ("california_housing", "capped-target", {"median_house_value"}),
        ("tate_artworks", "unknown-words", {"title"}),
    ],
)
def test_other_traps_of_real_files(name, code, columns):
    assert columns <= found(real_audit(name)[0], code)


@needs_shared_data
def test_the_audit_of_a_large_table_is_quick():
    read, target, task = real_table("fertility")
    begun = time.process_time()  # of this process alone, whatever else the machine does
    audited(read, target, task)
    assert time.process_time() - begun < 10  # 2.4 s when it was written


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_strong_columns_that_are_honest_stay(name):
    frame = getattr(sklearn_datasets, f"load_{name}")(as_frame=True).frame
    task = "regression" if name == "diabetes" else "binary" if name == "breast_cancer" else None
    audit, _ = audited(table(frame), "target", task or "multiclass")
    assert not audit.with_role("leak")
    assert not found(audit, "leak-suspected")
    assert len(audit.features) >= frame.shape[1] - 4  # digits has three blank pixels


def noise(n: int = 200, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def test_a_column_that_separates_one_class_perfectly_is_only_suspected():
    iris = sklearn_datasets.load_iris(as_frame=True).frame
    iris["target"] = np.where(iris["target"] == 0, "setosa", "other")
    audit, _ = audited(table(iris), "target", "binary")
    assert not audit.with_role("leak")
    assert "petal length (cm)" in found(audit, "leak-suspected")


def test_noise_free_data_are_no_leak():
    X, y = sklearn_datasets.make_regression(200, 6, noise=0.0, random_state=0)
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(y=y)
    audit, _ = audited(table(frame), "y", "regression")
    assert audit.features == list("abcdef")


def test_a_yes_or_no_property_of_a_class_is_no_leak():
    # Milk tells mammals from all others without fail, and is known before the class.
    rng = np.random.default_rng(0)
    kinds = rng.choice(["mammal", "bird", "fish", "insect", "reptile"], 300)
    frame = pd.DataFrame(
        {"milk": np.where(kinds == "mammal", "yes", "no"), "size": rng.normal(size=300), "y": kinds}
    )
    audit, _ = audited(table(frame), "y", "multiclass")
    assert audit.features == ["milk", "size"]


@pytest.mark.parametrize(
    ("leak", "rule"),
    [
        (lambda y: np.where(y == "yes", "paid", "due"), "copy"),
        (lambda y: np.where(y == "yes", 1.0, 2.0), "copy"),
        (lambda y: np.where(y == "yes", noise(), np.nan), "filled-afterwards"),
        (lambda y: np.where((y == "no") & (noise(seed=3) > 0), 5.0, np.nan), "filled-afterwards"),
    ],
)
def test_leaks_of_classes(leak, rule):
    y = np.where(noise(seed=1) > 0, "yes", "no")
    frame = pd.DataFrame({"honest": noise(seed=2), "leak": leak(y), "y": y})
    audit, _ = audited(table(frame), "y", "binary")
    assert audit.with_role("leak") == ["leak"]
    [finding] = [finding for finding in audit.findings if finding.code == "leak"]
    assert finding.evidence["rule"] == rule


@pytest.mark.parametrize(
    ("columns", "rule", "leaks"),
    [
        (lambda y: {"a": y - noise(seed=5), "b": noise(seed=5)}, "sum", ["a", "b"]),
        (lambda y: {"a": 2 * y - noise(seed=5), "b": noise(seed=5)}, "sum", ["a", "b"]),
        (lambda y: {"a": np.exp(y)}, "function", ["a"]),
        (lambda y: {"a": -y + 1e-9 * noise(seed=5)}, "function", ["a"]),
        (lambda y: {"paid_part": y - 0.2 * np.abs(noise(seed=5))}, "part", ["paid_part"]),
    ],
)
def test_leaks_of_quantities(columns, rule, leaks):
    y = noise(seed=1)
    frame = pd.DataFrame({"honest": noise(seed=2), **columns(y), "total_paid": y})
    audit, _ = audited(table(frame), "total_paid", "regression")
    assert audit.with_role("leak") == leaks
    rules = {finding.evidence["rule"] for finding in audit.findings if finding.code == "leak"}
    assert rules == {rule}


def test_strong_but_imperfect_columns_stay():
    y = noise(seed=1)
    frame = pd.DataFrame({"paid_before": y + 0.3 * noise(seed=5), "x": noise(seed=2), "paid": y})
    # It shares a name and moves with the target, but is no part of it: it exceeds it at times.
    audit, _ = audited(table(frame), "paid", "regression")
    assert audit.features == ["paid_before", "x"]


def test_a_coarser_target_is_a_leak():
    rng = np.random.default_rng(0)
    town = rng.integers(0, 9, 400)
    frame = pd.DataFrame(
        {
            "region": np.array(["north", "south", "west"])[town // 3],
            "x": rng.normal(size=400),
            "town": np.array([f"town {i}" for i in range(9)])[town],
        }
    )
    audit, _ = audited(table(frame), "town", "multiclass")
    assert audit.with_role("leak") == ["region"]


def test_the_last_columns_are_not_dropped_as_leaks():
    x = np.arange(60.0) * 1.5
    audit, _ = audited(table(pd.DataFrame({"x": x, "y": 2 * x + 1})), "y", "regression")
    assert audit.features == ["x"]
    assert found(audit, "leak") == {"x"}


def test_the_locked_rows_decide_nothing():
    """Test rows with another meaning change neither roles nor findings."""
    frame = pd.DataFrame({"a": noise(seed=1), "b": noise(seed=2), "y": noise(seed=3)})
    frame["leak"] = np.exp(frame["y"])
    made = table(frame)
    audit, split = audited(made, "y", "regression")
    assert audit.with_role("leak") == ["leak"]
    tampered = made.frame.copy()
    tampered.iloc[split.test, tampered.columns.get_loc("leak")] = 0.5
    tampered.iloc[split.test, tampered.columns.get_loc("y")] = noise(len(split.test), seed=9)
    structural = audit_table(table(tampered), "y", "regression")
    train = tampered.iloc[split.train]
    again = audit_against_target(
        structural, train[structural.features], train["y"], folds=split.folds
    )
    assert again.roles == audit.roles
    assert again.scores == audit.scores


@pytest.mark.parametrize("column", ["number", "code", "same", "copy", "leak", "patient"])
def test_keep_takes_a_column_back(column):
    rng = np.random.default_rng(0)
    y = noise(240, seed=1)
    frame = pd.DataFrame(
        {
            "number": np.arange(240),
            "code": [f"A{i:03d}-{i * 7 % 240}" for i in range(240)],
            "same": "x",
            "size": noise(240, seed=2),
            "leak": y**3,
            "patient": np.repeat(np.arange(12), 20),
            "age": np.repeat(rng.integers(20, 80, 12), 20),
            "sex": np.repeat(rng.integers(0, 2, 12), 20),
            "y": y,
        }
    )
    frame["copy"] = 3 * frame["size"]
    without, _ = audited(table(frame), "y", "regression")
    assert column not in without.features
    kept, split = audited(table(frame), "y", "regression", keep=(column,))
    assert kept.features == [
        name for name in frame.columns if name in without.features or name == column
    ]
    assert split.method == ("random" if column == "patient" else "group")


def test_keep_leaves_disguised_numbers_as_they_are():
    values = np.where(noise() > 1, -999.0, np.abs(noise(seed=1)) * 40)
    frame = pd.DataFrame({"x": values, "y": noise(seed=2)})
    assert audit_table(table(frame), "y", "regression").disguised == {"x": [-999.0]}
    assert audit_table(table(frame), "y", "regression", keep=["x"]).disguised == {}


@pytest.mark.parametrize(
    ("numbers", "codes"),
    [
        (np.where(noise() > 1, -1.0, np.arange(200.0)), [-1.0]),
        (np.where(noise() > 1, -1.0, np.arange(200.0) / 7), []),  # fractions may pass below 0
        (np.where(noise() > 1, 999.0, np.arange(200.0) % 20), [999.0]),
        (np.where(noise() > 1, 999.0, np.arange(200.0) * 4), []),  # not far from the others
        (np.where(noise() > 1, -200.0, noise(seed=1) * 10), [-200.0]),
        (np.where(noise() > 1, -3.0, noise(seed=1)), []),
        (np.where(noise() > 1, 0.0, np.arange(200.0) + 300), []),  # may be "has none"
        (noise(), []),
    ],
)
def test_numbers_in_disguise(numbers, codes):
    frame = pd.DataFrame({"x": numbers, "y": noise(seed=4)})
    assert audit_table(table(frame), "y", "regression").disguised.get("x", []) == codes


def test_an_isolated_zero_is_noted_or_converted_by_its_name():
    values = np.where(noise() > 1, 0.0, 100 + noise(seed=1))
    for name, converted in {"blood pressure": True, "reading": False, "garage area": False}.items():
        frame = pd.DataFrame({name: values, "y": noise(seed=4)})
        audit = audit_table(table(frame), "y", "regression")
        assert (name in audit.disguised) == converted
        assert (name in found(audit, "zero-may-be-missing")) != converted


def test_counts_with_zeros_are_left_alone():
    counts = np.random.default_rng(0).poisson(4, 300).astype(float)
    audit = audit_table(table(pd.DataFrame({"weight": counts, "y": noise(300)})), "y", "regression")
    assert audit.disguised == {}


def test_what_identifies_a_row():
    n = 300
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "row": np.arange(n),
            "user_id": rng.permutation(n) + 50_000,
            "population": rng.permutation(n) + 50_000,  # unique, but no name of a number
            "hour": np.arange(n) % 24,
            "day": np.arange(n),  # counts time, not rows
            "sku": [f"K-{i}" for i in rng.permutation(n)],
            "message": [f"please call {i} about the offer of today" for i in range(n)],
            "full_name": [f"{chr(65 + i % 26)}nna {chr(65 + i // 26)}ell" for i in range(n)],
            "colour": rng.choice(["red", "blue"], n),
            "y": rng.normal(size=n),
        }
    )
    audit = audit_table(table(frame), "y", "regression")
    assert audit.with_role("identifier") == ["row", "user_id", "sku", "full_name"]
    assert set(audit.texts) == {"message"}


def test_groups_need_more_than_a_name():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    frame = pd.DataFrame({"customer": groups, "x": noise(), "y": noise(seed=1)})
    assert audit_table(table(frame), "y", "regression").groups is None
    frame["town"] = rng.choice(["a", "b", "c"], 20)[groups]
    assert audit_table(table(frame), "y", "regression").groups == "customer"
    # Constant columns are constant within any groups.
    frame["town"] = np.where(np.arange(200) == 7, "b", "a")
    assert audit_table(table(frame), "y", "regression").groups is None


def test_duplicate_columns_against_pairwise_comparison():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 5, (120, 3))
    frame = pd.DataFrame({f"c{j}": base[:, j].astype(float) for j in range(3)})
    frame["twice"] = 2 * frame["c1"] + 7
    frame["rounded"] = (frame["c0"] * 1.001).round(2)
    frame["letters"] = np.array(list("vwxyz"))[base[:, 2]]
    frame["names"] = np.array(["u", "k", "m", "q", "a"])[base[:, 2]]
    kinds = {name: "text" if name in ("letters", "names") else "number" for name in frame}
    why, findings = duplicate_columns(Columns(frame, kinds))
    expected = set()
    for j, first in enumerate(frame):
        for second in list(frame)[j + 1 :]:
            same_kind = kinds[first] == kinds[second]
            one_to_one = (
                len(frame[[first, second]].drop_duplicates())
                == frame[first].nunique()
                == frame[second].nunique()
            )
            numeric = same_kind and kinds[first] == "number"
            r = np.corrcoef(frame[first], frame[second])[0, 1] if numeric else 0
            if (same_kind and not numeric and one_to_one) or 1 - r * r < 1e-5:
                expected.add(second)
    assert set(why) == expected == {"twice", "rounded", "names"}
    assert {"c2", "letters"} in [set(finding.columns) for finding in findings]


def test_errors_name_the_nearest_column():
    made = table(pd.DataFrame({"price": noise(), "size": noise(seed=1)}))
    with pytest.raises(DataError, match=r"there is no column 'prise'; did you mean 'price'\?"):
        audit_table(made, "prise", "regression")
    with pytest.raises(DataError, match=r"no column 'sise'; did you mean 'size'\?"):
        audit_table(made, "price", "regression", keep=["sise"])


def test_a_table_without_a_useful_column():
    made = table(pd.DataFrame({"id": np.arange(50), "unit": "m", "y": noise(50)}))
    with pytest.raises(DataError, match=r"no column is left to predict y from: id \(identifier\)"):
        audit_table(made, "y", "regression")
