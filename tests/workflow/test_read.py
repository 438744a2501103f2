"""Reading: the kinds of columns and their values, against pandas, Python's float and real files."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, SHARED_DATA, needs_shared_data, shared_datasets
from hypothesis import given, settings
from hypothesis import strategies as st

from groundup.workflow.notations import MISSING
from groundup.workflow.read import Table, read_table

EXAMPLES = ROOT / "examples" / "data"


@pytest.fixture
def read(tmp_path):
    """Write a text to a file and read it as a table."""

    def write_and_read(text: str | bytes, name: str = "table.csv", **options) -> Table:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path, **options)

    return write_and_read


@cache
def real(file: str) -> Table:
    """Read one of the real files, once for all tests."""
    return read_table(SHARED_DATA / file)


def column(table: Table, name: str):
    return next(column for column in table.columns if column.name == name)


def codes(table: Table) -> list[str]:
    return [finding.code for finding in table.findings]


def finding(table: Table, code: str):
    return next(finding for finding in table.findings if finding.code == code)


# -- real files ----------------------------------------------------------------------------------


@needs_shared_data
@pytest.mark.parametrize("entry", shared_datasets(), ids=lambda entry: entry["name"])
def test_every_row_of_the_real_files_is_accounted_for(entry):
    table = real(entry["file"])
    assert table.rows.file == entry["rows"]
    assert table.frame.shape == (table.rows.loaded + table.rows.repaired, entry["columns"])
    assert len(table.rejected) == table.rows.rejected
    assert len(table.repaired) == table.rows.repaired
    # Only the blank records at the end of one file are left out.
    assert table.rows.rejected == (114 if entry["name"] == "air_quality_uci" else 0)
    assert table.source.header == entry.get("header", True)
    assert table.source.sha256 == entry["sha256"]
    assert table.source.bytes == entry["bytes"]
    if entry.get("format") != "parquet":
        assert table.source.delimiter == entry.get("sep", ",")
        assert table.source.decimal == entry.get("decimal", ".")
    target = entry["target"]
    values = table.frame.iloc[:, target] if isinstance(target, int) else table.frame[target]
    if "class_counts" in entry:
        assert {str(k): int(n) for k, n in values.value_counts().items()} == entry["class_counts"]
    assert column(table, values.name).distinct == values.nunique()


@needs_shared_data
@pytest.mark.parametrize("entry", shared_datasets(), ids=lambda entry: entry["name"])
def test_values_of_the_real_files_equal_those_of_pandas(entry):
    table = real(entry["file"])
    if entry.get("format") == "parquet":
        pytest.importorskip("pyarrow")
        expected = pd.read_parquet(SHARED_DATA / entry["file"])
    else:
        options = {"keep_default_na": False, **entry["read_csv"], "encoding": table.source.encoding}
        options["na_values"] = [*MISSING, " "]
        expected = pd.read_csv(SHARED_DATA / entry["file"], **options)
    expected = expected.dropna(how="all")
    assert len(expected) == len(table.frame)
    for i, column in enumerate(table.columns):
        ours, theirs = table.frame.iloc[:, i].to_numpy(), expected.iloc[:, i]
        if column.kind == "date":
            first = "%d/%m/%Y" if "%d" in column.written_as else "%Y-%m-%d"
            theirs = pd.to_datetime(theirs, format=first)
            assert (ours == theirs.to_numpy()).all()
        elif column.kind == "text":
            theirs = theirs.to_numpy(dtype=object, na_value=None)
            ours = table.frame.iloc[:, i].to_numpy(dtype=object, na_value=None)
            assert [text and text.strip() for text in ours] == [
                text and str(text).strip() for text in theirs
            ]
        else:
            np.testing.assert_array_equal(ours, theirs.to_numpy(dtype=float), err_msg=column.name)


KINDS = {
    "telco_churn": {"TotalCharges": "number", "SeniorCitizen": "number", "Churn": "text"},
    "titanic": {"age": "number", "boat": "text", "ticket": "text", "name": "text"},
    "ames_housing": {"MasVnrType": "text", "LotFrontage": "number", "Alley": "text"},
    "penguins_raw": {"Date Egg": "date", "Comments": "text", "Body Mass (g)": "number"},
    "air_quality_uci": {"Date": "date", "Time": "text", "CO(GT)": "number", "column_15": "number"},
    "montreal_bikes": {"Date": "date", "Berri 1": "number", "Rachel1": "number"},
    "mammography": {"column_0": "number", "column_6": "text"},
    "adult_census": {"column_0": "number", "column_1": "text", "column_14": "text"},
    "bike_sharing_hour": {"dteday": "date", "hr": "number"},
    "fertility": {"morekids": "text", "age": "number"},
    "wholesale_customers": {"Channel": "number"},
    "sms_spam": {"label": "text", "text": "text"},
}  # fmt: skip


@needs_shared_data
@pytest.mark.parametrize("name", KINDS)
def test_kinds_in_the_real_files(name):
    entry = next(entry for entry in shared_datasets() if entry["name"] == name)
    table = real(entry["file"])
    found = {column.name: column.kind for column in table.columns}
    assert {name: found[name] for name in KINDS[name]} == KINDS[name]
    assert not [c.name for c in table.columns if c.misfits]


@needs_shared_data
def test_the_traps_of_the_real_files():
    telco = real("telco_churn.csv")
    assert column(telco, "TotalCharges").markers == {"": 11}
    ames = real("ames_housing.csv")
    assert (ames.frame["MasVnrType"] == "None").sum() == 864
    assert column(ames, "MasVnrType").markers == {"NA": 8}
    adult = real("adult_census.data")
    assert column(adult, "column_1").markers == {"?": 1836}
    assert set(adult.frame["column_14"]) == {"<=50K", ">50K"}
    assert {"no-header", "spaces-cut", "missing-cells"} <= set(codes(adult))
    shapes = real("mammography.csv")
    assert set(shapes.frame["column_6"]) == {"'-1'", "'1'"}
    air = real("air_quality_uci.csv")
    assert air.columns[15].missing == air.columns[16].missing == 9357
    assert finding(air, "nameless-columns").columns == ("column_15", "column_16")
    bikes = real("montreal_bikes.csv")
    assert bikes.frame["Date"].iloc[1] == pd.Timestamp(2012, 1, 2)
    assert bikes.source.encoding == "cp1252"
    assert real("wholesale_customers.csv").columns[0].name == "Channel"


@pytest.mark.parametrize("name", ["penguins_raw.csv", "telco_churn.csv"])
def test_the_examples_are_read(name):
    table = read_table(EXAMPLES / name)
    expected = pd.read_csv(EXAMPLES / name)
    assert table.frame.shape == expected.shape
    assert list(table.frame.columns) == list(expected.columns)


def test_importing_the_module_does_not_load_numba():
    code = "import sys, groundup.workflow.read; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT / "src")})


# -- numbers -------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=60))
def test_floats_are_read_to_the_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("floats") / "f.csv"
    path.write_text("x,y\n" + "".join(f"{value!r},a\n" for value in values))
    read = read_table(path).frame["x"]
    assert [float(value).hex() for value in read] == [value.hex() for value in values]


def test_long_decimals_equal_python_float(read):
    rng = np.random.default_rng(0)
    texts = [
        "".join(map(str, rng.integers(0, 10, 25))) + f".5e{e}" for e in rng.integers(-60, 60, 500)
    ]
    values = read("x,y\n" + "".join(f"{t},a\n" for t in texts)).frame["x"]
    assert values.tolist() == [float(t) for t in texts]


@pytest.mark.parametrize(
    ("cells", "expected", "written_as"),
    [
        (["1", "-2", "+3"], [1, -2, 3], "integer"),
        (["1", "2.5", ".5", "1e3", "-1E-2"], [1, 2.5, 0.5, 1000, -0.01], "decimal point"),
        (["1,5", "-2,25", "3"], [1.5, -2.25, 3], "decimal comma"),
        (["1,234.5", "12", "1,000,000"], [1234.5, 12, 1e6], "thousands commas"),
        (["1.234,5", "12", "1.000.000"], [1234.5, 12, 1e6], "thousands points"),
        (["1 234,5", "12", "1\u00a0000\u202f000"], [1234.5, 12, 1e6], "thousands spaces"),
        (["12%", "3.5 %"], [12, 3.5], "percent, decimal point"),
        (["12,5%", "3%"], [12.5, 3], "percent, decimal comma"),
        (["$5", "-$1,200.50"], [5, -1200.5], "amounts in $, thousands commas"),
        (["5,50 €", "1 €"], [5.5, 1], "amounts in €, decimal comma"),
    ],
)
def test_notations_of_numbers(read, cells, expected, written_as):
    table = read("x;y\n" + "".join(f"{cell};a\n" for cell in cells))
    assert table.frame["x"].tolist() == expected
    assert column(table, "x").written_as == written_as
    plain = written_as in ("integer", "decimal point")
    assert ("notation" in codes(table)) == (not plain)


@pytest.mark.parametrize(
    "cells",
    [
        ["00123", "04567"],
        ["9007199254740993", "12345678901234567890"],
        ["0x1F", "0x2A"],
        ["1_000", "2_000"],
        ["12%", "$5"],
        ["$5", "5 €"],
        ["18.00.00", "19.00.00"],
        ["1,2,3", "4,5,6"],
        ["yes", "no"],
        ["'1'", "'-1'"],
        ["=1+1", "@SUM(A1)"],
        ["12:30", "13:45"],
        ["1-2", "3-4"],
    ],
)
def test_what_stays_text_and_untouched(read, cells):
    table = read("x;y\n" + "".join(f"{cell};1\n" for cell in cells))
    assert column(table, "x").kind == "text"
    assert table.frame["x"].tolist() == cells


def test_codes_and_large_integers_are_reported(read):
    table = read("zip,key,n\n00501,9007199254740993,1\n10001,3,2\n")
    assert finding(table, "codes-as-text").columns == ("zip",)
    assert finding(table, "large-integers").columns == ("key",)
    assert table.frame["key"].tolist() == ["9007199254740993", "3"]
    # A decimal in the column makes the zeros a matter of style.
    assert column(read("x,y\n00.5,a\n01,b\n"), "x").kind == "number"


def test_one_comma_in_a_column_may_part_decimals_or_thousands(read):
    table = read('x,y\n"1,234",a\n"5,678",b\n')
    assert table.frame["x"].tolist() == [1234, 5678]
    assert "ambiguous-notation" in codes(table)
    # Another column that must have decimal commas settles it, and points then part thousands.
    table = read("x;y;z\n1,234;0,5;1.234\n5,678;0,25;5.678\n")
    assert table.frame["x"].tolist() == [1.234, 5.678]
    assert table.frame["z"].tolist() == [1234, 5678]
    assert table.source.decimal == ","


def test_infinite_numbers_are_missing_and_reported(read):
    table = read("x,y\n1e999,1\ninf,2\n" + "3.5,4\n" * 300)
    assert table.frame["x"].isna().sum() == 2
    listed = finding(table, "misfit-cells").evidence["listed"]
    assert listed == [{"line": 2, "value": "1e999"}, {"line": 3, "value": "inf"}]


def test_integers_are_int64_unless_one_is_missing(read):
    table = read("x,y\n1,1\n2,\n")
    assert table.frame.dtypes.tolist() == [np.int64, np.float64]


# -- one odd cell --------------------------------------------------------------------------------


def test_one_percent_of_slips_become_missing_and_are_listed_with_their_lines(read):
    rows = [f"{i},a" for i in range(200)]
    rows[7], rows[150] = "seven,a", "1o5,a"
    table = read("x,y\n" + "\n".join(rows) + "\n")
    assert column(table, "x").kind == "number"
    assert column(table, "x").misfits == 2
    slip = finding(table, "misfit-cells")
    assert slip.evidence["cells"] == 2
    assert slip.evidence["listed"] == [
        {"line": 9, "value": "seven"},
        {"line": 152, "value": "1o5"},
    ]
    assert slip.severity == "warning"
    assert table.frame.index[table.frame["x"].isna()].tolist() == [9, 152]


def test_a_slip_in_the_last_row_counts_as_much_as_one_in_the_first(read):
    """The kind is decided over all rows: 3% of words at the end make a column text."""
    rows = [f"{i},a" for i in range(9700)] + ["word,a"] * 300
    table = read("x,y\n" + "\n".join(rows) + "\n")
    assert column(table, "x").kind == "text"
    assert finding(table, "almost-number").evidence == {"numbers": 9700, "values": 10000}


def test_slips_far_into_a_large_file_keep_their_lines(read):
    """DuckDB reads in parallel; the row numbers must still be those of the file."""
    rows = [f"{i},{'x' * 40}" for i in range(120_000)]
    rows[99_999] = f"slip,{'x' * 40}"
    table = read("a,b\n" + "\n".join(rows) + "\n")
    assert finding(table, "misfit-cells").evidence["listed"] == [{"line": 100_001, "value": "slip"}]
    assert table.frame.index[table.frame["a"].isna()].tolist() == [100_001]
    kept = table.frame["a"].dropna()
    assert (kept.to_numpy() == kept.index - 2).all()


# -- missing values ------------------------------------------------------------------------------


@pytest.mark.parametrize("marker", [m for m in MISSING if m])
def test_markers_of_missing_values(read, marker):
    table = read(f"x,word\n1,{marker}\n{marker},b\n2,c\n,d\n")
    assert column(table, "x").markers == {marker: 1, "": 1}
    assert column(table, "word").markers == {marker: 1}
    assert table.frame["x"].isna().tolist() == [False, True, False, True]
    assert table.frame["word"].isna().tolist() == [True, False, False, False]
    markers = finding(table, "missing-cells").evidence["markers"]
    assert markers == {"x": {marker: 1, "": 1}, "word": {marker: 1}}


@pytest.mark.parametrize("word", ["None", "unknown", "-", "missing", "Not Available"])
def test_words_for_missing_are_categories_among_words_and_missing_among_numbers(read, word):
    table = read(f"x,kind\n1,{word}\n{word},b\n2,c\n")
    assert column(table, "x").kind == "number"
    assert column(table, "x").markers == {word: 1}
    assert table.frame["kind"].tolist() == [word, "b", "c"]
    assert column(table, "kind").missing == 0
    assert finding(table, "words-for-missing").columns == ("x",)


def test_one_number_among_words_for_missing_makes_no_number_column(read):
    table = read("x,y\n" + "none,1\n" * 50 + "unknown,1\n" * 50 + "3,1\n")
    assert column(table, "x").kind == "text"


def test_a_column_without_a_value(read):
    table = read("x,y\n,1\nNA,2\n ,3\n")
    assert column(table, "x").missing == 3
    assert column(table, "x").markers == {"": 2, "NA": 1}
    assert table.frame["x"].dtype == np.float64


# -- booleans, dates, text -----------------------------------------------------------------------


def test_booleans(read):
    table = read("a,b,c\ntrue,TRUE,yes\nFalse,false,no\n,true,yes\n")
    assert [column.kind for column in table.columns] == ["boolean", "boolean", "text"]
    np.testing.assert_array_equal(table.frame["a"], [1, 0, math.nan])
    assert table.frame["b"].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("cells", "written_as"),
    [
        (["2021-02-03", "2020-12-31"], "ISO 8601"),
        (["2021-2-3", "2020-12-31"], "ISO 8601"),
        (["2021/02/03", "2020/12/31"], "ISO 8601"),
        (["2021-02-03T00:00:00", "2020-12-31 00:00"], "ISO 8601"),
        (["2021-02-03T02:00:00+02:00", "2020-12-31T00:00:00Z"], "ISO 8601 with time zone"),
        (["20210203T000000", "20201231T000000"], "%Y%m%dT%H%M%S"),
        (["03/02/2021", "31/12/2020"], "%d/%m/%Y"),
        (["02/03/2021", "12/31/2020"], "%m/%d/%Y"),
        (["3.2.2021", "31.12.2020"], "%d.%m.%Y"),
        (["02-03-2021", "12-31-2020"], "%m-%d-%Y"),
        (["3/2/21", "31/12/20"], "%d/%m/%y"),
        (["03-Feb-2021", "31-Dec-2020"], "%d-%b-%Y"),
        (["Feb 3, 2021", "Dec 31, 2020"], "%b %d, %Y"),
        (["3 February 2021", "31 December 2020"], "%d %B %Y"),
        (["02/03/2021 12:00 AM", "12/31/2020 12:00 AM"], "%m/%d/%Y %I:%M %p"),
    ],
)
def test_dates(read, cells, written_as):
    table = read("when;x\n" + "".join(f"{cell};1\n" for cell in cells))
    assert column(table, "when").written_as == written_as
    assert table.frame["when"].dtype == "datetime64[us]"
    assert table.frame["when"].tolist() == [pd.Timestamp(2021, 2, 3), pd.Timestamp(2020, 12, 31)]


def test_day_and_month_are_told_apart_over_all_rows(read):
    """The first row with a day beyond 12 stands at the end."""
    table = read("when,x\n" + "01/02/2021,1\n" * 3000 + "25/02/2021,1\n")
    assert table.frame["when"].iloc[0] == pd.Timestamp(2021, 2, 1)
    assert "ambiguous-notation" not in codes(table)


def test_day_and_month_that_cannot_be_told_apart_are_reported(read):
    table = read("when,x\n01/02/2021,1\n01/03/2021,1\n02/01/2021,1\n02/02/2021,1\n")
    assert "ambiguous-notation" in codes(table)
    # Month first, the rows are in the order of time; day first, they go back.
    assert column(table, "when").written_as == "%m/%d/%Y"
    table = read("when,x\n01/02/2021,1\n02/02/2021,1\n01/03/2021,1\n02/03/2021,1\n")
    assert column(table, "when").written_as == "%d/%m/%Y"


def test_dates_that_do_not_exist_are_no_dates(read):
    table = read("when,x\n2021-02-30,1\n" + "2021-02-03,1\n" * 200)
    assert finding(table, "misfit-cells").evidence["listed"] == [{"line": 2, "value": "2021-02-30"}]


def test_spaces_are_cut_where_they_are_layout_and_kept_where_they_are_text(read):
    table = read("a, b, c\n 1, x, y\n 2, z, w\n")
    assert list(table.frame.columns) == ["a", "b", "c"]
    assert table.frame["b"].tolist() == ["x", "z"]
    table = read("a,b\n1,Male\n2,Male \n3,Female\n4,Male\n5,Female\n6,Male\n")
    assert set(table.frame["b"]) == {"Male", "Female"}
    assert finding(table, "spaces-cut").columns == ("b",)
    table = read("a,b\n1,a sentence\n2,another one \n3,a third\n")
    assert table.frame["b"].tolist() == ["a sentence", "another one ", "a third"]


def test_text_is_the_pandas_str_dtype(read):
    values = read("a,b\nx,1\n,2\n").frame["a"]
    assert values.dtype == "str"
    assert values.isna().tolist() == [False, True]


# -- kinds that are given ------------------------------------------------------------------------


def test_given_kinds_are_kept_and_what_does_not_fit_is_reported(read):
    table = read(
        "n,d,b,t\nabc,2021-01-01,true,1\n2,never,1,2\n3,2021-01-03,maybe,3\n",
        kinds={"n": "number", "d": "date", "b": "boolean", "t": "text", "absent": "number"},
    )
    assert [column.kind for column in table.columns] == ["number", "date", "boolean", "text"]
    np.testing.assert_array_equal(table.frame["n"], [math.nan, 2, 3])
    np.testing.assert_array_equal(table.frame["b"], [1, 1, math.nan])
    assert table.frame["t"].tolist() == ["1", "2", "3"]
    unreadable = {f.columns[0]: f.evidence for f in table.findings if f.code == "unreadable-cells"}
    assert unreadable["n"]["listed"] == [{"line": 2, "value": "abc"}]
    assert unreadable["d"]["listed"] == [{"line": 3, "value": "never"}]
    assert unreadable["b"]["listed"] == [{"line": 4, "value": "maybe"}]


def test_a_given_notation_settles_what_the_file_cannot(read):
    text = "d;x\n03/04/2021;1,234\n"
    table = read(text, kinds={"d": "date: %d/%m/%Y", "x": "number: decimal comma"})
    assert table.frame["d"].tolist() == [pd.Timestamp(2021, 4, 3)]
    assert table.frame["x"].tolist() == [1.234]
    table = read(text, kinds={"d": "date: %m/%d/%Y", "x": "number: thousands commas"})
    assert table.frame["d"].tolist() == [pd.Timestamp(2021, 3, 4)]
    assert table.frame["x"].tolist() == [1234]
    assert "ambiguous-notation" not in codes(table)
    table = read("d,x\n25/04/2021,1\n", kinds={"d": "date: %m/%d/%Y"})
    assert table.frame["d"].tolist() == [pd.Timestamp(2021, 4, 25)]
    assert "other-notation" in codes(table)


def test_the_spec_of_a_column_reads_the_same_file_the_same_way(read):
    text = "d;x;p;w\n03/04/2021;1,5;5%;a\n25/04/2021;2,5;6%;b\n"
    first = read(text)
    again = read(text, kinds={column.name: column.spec for column in first.columns})
    pd.testing.assert_frame_equal(first.frame, again.frame)


def test_a_header_of_known_names_is_a_header_even_over_text(read):
    text = "a,b\na,x\na,y\na,x\na,x\n"
    assert not read(text).source.header
    assert read(text, kinds={"a": "text", "b": "text"}).source.header


# -- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1,2\n3,4\n", None),
        ("x,1\ny,2\nx,3\n", None),
        ("p,e\np,e\nq,e\nq,f\np,f\n", None),
        ("2021-01-01,a\n2021-01-02,b\n", None),
        ("name,age\nAnn,3\nBob,4\n", ["name", "age"]),
        ("label,text\nham,hello\nspam,win\n", ["label", "text"]),
        ("country,2001,2002\nFrance,1,2\nSpain,3,4\n", ["country", "2001", "2002"]),
        ("b,c\nr1,1,2\nr2,3,4\n", ["column_0", "b", "c"]),
        ("0,1,2\n1.5,2.5,3.5\n4.5,2.5,3.5\n", ["0", "1", "2"]),
        ("a,b\n1,2,\n3,4,\n", ["a", "b", "column_2"]),
        ("a,,c\n1,2,3\n", ["a", "column_1", "c"]),
        ("column_1,\n1,2\n", ["column_1", "column_1_"]),
        ('"a\nb",c\n1,2\n', ["a\nb", "c"]),
        ("\ufeffa,b\n1,2\n", ["a", "b"]),
        ("A,a\n1,2\n", ["A", "a"]),
        ("<script>alert(1)</script>,x');\n1,2\n", ["<script>alert(1)</script>", "x');"]),
    ],
)  # fmt: skip
def test_headers(read, text, names):
    table = read(text)
    assert table.source.header == (names is not None)
    width = len(table.frame.columns)
    assert list(table.frame.columns) == (names or [f"column_{i}" for i in range(width)])
    assert ("no-header" in codes(table)) == (names is None)


# -- other formats -------------------------------------------------------------------------------


def test_json_lines(read):
    table = read(
        '{"a": 1.50, "b": "x", "c": true}\n\n{"b": null, "a": 2, "d": [1, {"e": 2}]}\nno json\n',
        "t.jsonl",
    )
    assert table.source.format == "json lines"
    assert table.frame["a"].tolist() == [1.5, 2]
    assert table.frame.index.tolist() == [1, 3]
    assert table.frame["d"].tolist()[1] == '[1, {"e": 2}]'
    assert column(table, "c").kind == "boolean"
    assert [(r.line, r.reason) for r in table.rejected] == [
        (2, "blank line"),
        (4, "no JSON object"),
    ]
    assert table.rows.file == 4


def test_a_json_array_of_objects(read):
    table = read('[{"a": 1, "b": "x"},\n {"a": 2, "b": "y"}]', "t.json")
    assert table.frame.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


def test_parquet_equals_csv(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {
            "x": [0.1, np.nan, 3.0],
            "n": [1, 2, 3],
            "t": ["a", None, "c'\""],
            "d": [pd.Timestamp(2021, 1, 1, 10), None, pd.Timestamp(2021, 1, 3)],
            "b": [True, False, True],
            "f": np.array([0.1, 0.2, 0.3], dtype=np.float32),
            'q"c0': [7, 8, 9],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    frame.assign(f=frame["f"].astype(float)).to_csv(tmp_path / "t.csv", index=False)
    parquet, csv = read_table(tmp_path / "t.parquet"), read_table(tmp_path / "t.csv")
    assert parquet.source.format == "parquet"
    assert [c.kind for c in parquet.columns] == [
        "number", "number", "text", "date", "boolean", "number", "number",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(
        parquet.frame.reset_index(drop=True), csv.frame.reset_index(drop=True)
    )
    np.testing.assert_array_equal(parquet.frame["f"], frame["f"].astype(float))
    assert parquet.frame.index.tolist() == [1, 2, 3]


def test_sqlite(tmp_path):
    import sqlite3

    path = tmp_path / "t.db"
    with sqlite3.connect(path) as con:
        con.execute('CREATE TABLE "my table" (a REAL, "b c" TEXT)')
        con.executemany('INSERT INTO "my table" VALUES (?, ?)', [(0.1, "x"), (None, "y\n'z'")])
    table = read_table(path)
    assert table.source.format == "sqlite"
    assert table.frame["b c"].tolist() == ["x", "y\n'z'"]
    np.testing.assert_array_equal(table.frame["a"], [0.1, math.nan])


@pytest.mark.parametrize(
    "name", ["a b.csv", "a*b?[c].csv", 'it\'s "quoted".csv', "ünïcode.csv", "-- ; DROP.csv"]
)
def test_file_names_are_taken_literally(read, tmp_path, name):
    (tmp_path / "aXbYc.csv").write_text("x,y\n7,8\n")
    table = read("x,y\n1,2\n", name)
    assert table.frame["x"].tolist() == [1]


def test_relative_paths(read, tmp_path, monkeypatch):
    (tmp_path / "r.csv").write_text("x,y\n1,2\n")
    monkeypatch.chdir(tmp_path)
    assert read_table(Path("r.csv")).frame["y"].tolist() == [2]
