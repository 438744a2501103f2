"""Reading: every record is found at its line and comes through cell for cell, or is listed."""

from __future__ import annotations

import csv
import io

import duckdb
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from groundup.workflow.cells import read_csv
from groundup.workflow.notations import MISSING, SPACES
from groundup.workflow.read import DataError, Table, read_table
from groundup.workflow.records import Dialect, iter_records
from groundup.workflow.regular import regular_lines


@pytest.fixture
def read(tmp_path):
    def write_and_read(text: str, **options) -> Table:
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode())
        return read_table(path, **options)

    return write_and_read


# -- cell for cell -------------------------------------------------------------------------------

letters = st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs", "Cc"])
cells = st.one_of(
    st.text(letters, max_size=8),
    st.text(st.sampled_from(" \t,;|\"'\n=@é漢a1.-"), max_size=6),
    st.sampled_from(["", "NA", "1,5", "1", "007", "=SUM(A1)", "<b>", "a\r\nb", "x\ry", '""', "'"]),
)


@st.composite
def tables(draw):
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8))
    # The last column says which row it is; it also keeps a row from being blank.
    return [[*row, f"row {i}"] for i, row in enumerate(rows)]


@settings(max_examples=30, deadline=None)
@given(
    rows=tables(),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    last_line_end=st.booleans(),
)
def test_written_tables_come_back_cell_for_cell(
    tmp_path_factory, rows, delimiter, quoting, line_end, encoding, last_line_end
):
    if quoting == csv.QUOTE_MINIMAL:  # which leaves a lone carriage return unquoted
        rows = [[cell.replace("\r", "\n") for cell in row] for row in rows]
    names = [f"name {i}" for i in range(len(rows[0]))]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=line_end)
    starts = []
    writer.writerow(names)
    for row in rows:
        starts.append(len(text.getvalue().splitlines()) + 1)
        writer.writerow(row)
    path = tmp_path_factory.mktemp("written") / "t.csv"
    written = text.getvalue() if last_line_end else text.getvalue().removesuffix(line_end)
    path.write_bytes(written.encode(encoding))

    table = read_table(path, kinds=dict.fromkeys(names, "text"))
    assert list(table.frame.columns) == names
    assert table.rows.file == table.rows.loaded == len(rows)
    assert table.source.delimiter == delimiter
    assert table.source.encoding == encoding
    for i, name in enumerate(names):
        read = table.frame[name].to_numpy(dtype=object, na_value=None)
        stripped = "spaces-cut" in {f.code for f in table.findings if name in f.columns}
        for ours, row in zip(read, rows, strict=True):
            bare = row[i].strip(SPACES)
            if bare in MISSING:
                assert ours is None
            else:
                assert ours == (bare if stripped else row[i])
    if not any("\u2028" in c or "\x85" in c or "\u2029" in c for row in rows for c in row):
        assert table.frame.index.tolist() == starts


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["a", "1", ",", ",", '"', "\n", "\n", "\r\n", "é"]), max_size=40))
@example(list('a,"b\nc"\n1,"d""e"\n'))
@example(list('a,"b"'))
@example(["a", ",", '"', "\n", '"', "\r\n", "1", ",", "1"])
@example(["a", ",", '"', "\r\n", '"', "\n", "1", ",", "1"])
def test_the_fast_scan_agrees_with_the_exact_one_and_with_duckdb(tmp_path_factory, pieces):
    """Where the fast scan says "regular", csv.reader and DuckDB read the same records."""
    path = tmp_path_factory.mktemp("soup") / "t.csv"
    path.write_bytes("".join(pieces).encode())
    exact = list(iter_records(path, Dialect(",")))
    for width in {len(found) for _, found, _ in exact} - {0}:
        scanned = regular_lines(path, ",", width)
        if scanned is None:
            continue
        lines, longest, line_end = scanned
        assert [line for line, _, _ in exact] == lines.tolist()
        assert all(len(found) == width for _, found, _ in exact)
        assert longest >= max(len(text.encode()) for _, _, text in exact)
        rows = duckdb.sql(read_csv(path, ",", width, 0, longest, line_end)).fetchall()
        assert [[cell or "" for cell in row] for row in rows] == [found for _, found, _ in exact]


def test_the_fast_scan_accepts_what_is_regular(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b'a,"b\nc"\r\n1,"d""e"\r\n"","x"')
    lines, _, _ = regular_lines(path, ",", 2)
    assert lines.tolist() == [1, 3, 4]


@pytest.mark.parametrize(
    "text",
    [
        'a,b"c\n',
        'a,"b"c\n',
        'a,"b\n',
        "a,b\n\n",
        "a,b\n,\n",
        "a,b\n1\n",
        "a,b\rc,d\n",
        "a,b\r\nc,d\n",
        'a, "b"\n',
    ],
)
def test_the_fast_scan_refuses_what_is_irregular(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    assert regular_lines(path, ",", 2) is None


def test_both_ways_of_reading_give_the_same_table(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "word", "when"])
        for i in range(3000):
            word = ["a", 'say "hi"', "two\nlines", "a,b", "NA", ""][i % 6]
            writer.writerow([rng.normal(), word, f"2021-01-{i % 28 + 1:02d}"])
    fast = read_table(path)
    monkeypatch.setattr("groundup.workflow.delimited.regular_lines", lambda *_: None)
    exact = read_table(path)
    assert fast.frame.equals(exact.frame)
    assert (fast.columns, fast.rows) == (exact.columns, exact.rows)


def test_scan_across_the_borders_of_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("groundup.workflow.regular._BLOCK", 64)
    path = tmp_path / "t.csv"
    rows = [[str(i), "two\nlines" if i % 7 == 0 else 'q"q' * (i % 3)] for i in range(200)]
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    lines, _, _ = regular_lines(path, ",", 2)
    assert lines.tolist() == [line for line, _, _ in iter_records(path, Dialect(","))]


# -- the ledger ----------------------------------------------------------------------------------


def test_every_irregular_record_is_listed_with_its_line(read):
    table = read('a,b,c\n1,"x\ny",3\n\n4,5\n6,7,8,9\n , ,\n7,8,9,\n,,\n1,2,3\n')
    assert [(r.line, r.reason) for r in table.rejected] == [
        (4, "blank line"),
        (6, "4 cells where the table has 3 columns"),
        (7, "no cell holds a value"),
        (9, "no cell holds a value"),
    ]
    assert table.rejected[1].text == "6,7,8,9"
    assert [(r.line, r.reason) for r in table.repaired] == [
        (5, "2 cells where the table has 3 columns; the rest left empty"),
        (8, "4 cells where the table has 3 columns; the empty rest left out"),
    ]
    assert table.frame.index.tolist() == [2, 5, 8, 10]
    assert (table.rows.file, table.rows.loaded, table.rows.repaired, table.rows.rejected) == (
        8,
        2,
        2,
        4,
    )
    assert {"rejected-rows", "blank-rows", "repaired-rows"} <= {f.code for f in table.findings}


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.sampled_from(["good", "good", "quoted", "short", "long", "blank", "empty", "trailing"]),
        min_size=3,
        max_size=30,
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_the_ledger_adds_up_and_knows_every_line(tmp_path_factory, kinds, line_end):
    """The file is put together record by record, so that each one's fate is known beforehand."""
    kinds = ["good"] * (len(kinds) + 2) + kinds
    record = {
        "good": "1,x,2.5",
        "quoted": f'1,"two{line_end}lines",2.5',
        "short": "1,x",
        "long": "1,x,2,3,4",
        "blank": "",
        "empty": ",,",
        "trailing": "1,x,2.5,",
    }
    lines, line = [], 2
    for kind in kinds:
        lines.append(line)
        line += 1 + record[kind].count(line_end)
    path = tmp_path_factory.mktemp("ledger") / "t.csv"
    text = line_end.join(["n,word,x"] + [record[kind] for kind in kinds]) + line_end
    path.write_bytes(text.encode())

    table = read_table(path)
    by_kind = lambda *wanted: [n for n, kind in zip(lines, kinds, strict=True) if kind in wanted]  # noqa: E731
    assert table.rows.file == len(kinds)
    assert [r.line for r in table.rejected] == by_kind("long", "blank", "empty")
    assert [r.line for r in table.repaired] == by_kind("short", "trailing")
    assert table.frame.index.tolist() == by_kind("good", "quoted", "short", "trailing")
    assert table.rows.loaded == len(by_kind("good", "quoted"))


def test_a_quoted_cell_over_many_lines_that_breaks_a_row_says_so(read):
    text = "a,b\n" + "1,2\n" * 5 + '3,"4\n5,6\n7,8",9,"10"\n' + "1,2\n" * 5
    (rejected,) = read(text).rejected
    assert rejected.line == 7
    assert "a quoted cell spans lines 7 to 9" in rejected.reason


def test_quotes_in_odd_places_are_read_and_reported(read):
    table = read('a,b\n1,5" pipe\n2,"ok"x\n3,y\n')
    assert table.frame["b"].tolist() == ['5" pipe', "okx", "y"]
    stray = next(f for f in table.findings if f.code == "stray-quotes")
    assert stray.evidence == {"rows": 2, "lines": [2, 3]}


def test_a_quote_that_never_closes_in_the_last_line_costs_that_line_alone(read):
    table = read('a,b\n1,2\n3,4\n5,"6\n')
    assert [(r.line, r.text) for r in table.rejected] == [(4, '5,"6')]
    assert table.rows.loaded == 2


def test_titles_above_the_table_are_rejected(read):
    table = read("Sales of the year\n\na,b,c\n" + "1,2,x\n" * 30)
    assert list(table.frame.columns) == ["a", "b", "c"]
    assert [r.line for r in table.rejected] == [1, 2]
    assert table.frame.index[0] == 4


def test_lines_end_in_any_way(read):
    for end in ("\n", "\r\n", "\r"):
        table = read(f"a,b{end}1,x{end}2,y{end}")
        assert table.frame["a"].tolist() == [1, 2]
        assert table.frame.index.tolist() == [2, 3]


def test_very_long_cells(read):
    long = "x" * 5_000_000
    table = read(f'a,b\n1,{long}\n2,"{long[:3_000_000]}\n"\n')
    assert [len(text) for text in table.frame["b"]] == [5_000_000, 3_000_001]
    assert csv.field_size_limit() == 131_072


def test_many_columns(read):
    width = 600
    text = ",".join(f"c{i}" for i in range(width)) + "\n"
    text += "".join(",".join(str(i * j % 7) for i in range(width)) + "\n" for j in range(5))
    table = read(text)
    assert table.frame.shape == (5, width)
    assert table.frame.iloc[3, 2] == 6


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1;2,x\n3;4,y\n", ","),
        ("a;b\n1,5;2,5\n3,25;4\n", ";"),
        ("1,5;2,5\n3,25;4,75\n", ";"),
        ("a\tb\n1,2\tx;y\n3,4\tz;w\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ('text\n"hello, world"\n"and, again"\nplain\n', None),
        ("text\nhello, world\nfoo\nbar\nbaz\n", None),
        ("x\n1\n2\n", None),
    ],
)
def test_delimiters(read, text, delimiter):
    assert read(text).source.delimiter == delimiter


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("latin-1", "cp1252"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings(tmp_path, encoding, found):
    path = tmp_path / "t.csv"
    path.write_bytes("naïve,city\n1,Zürich\n2,Orléans\n".encode(encoding))
    table = read_table(path)
    assert table.source.encoding == found
    assert list(table.frame.columns) == ["naïve", "city"]
    assert table.frame["city"].tolist() == ["Zürich", "Orléans"]


def test_bytes_that_only_latin_1_has(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n1,\x81\xe9\n")
    table = read_table(path)
    assert table.source.encoding == "latin-1"
    assert table.frame["b"].tolist() == ["\x81é"]


def test_the_last_row_may_hold_the_only_letter_beyond_ascii(tmp_path):
    """The encoding is decided over the whole file, across the borders of the blocks read."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"1,xxxxxxx\n" * 200_000 + "2,é\n".encode())
    assert read_table(path).frame["b"].iloc[-1] == "é"


def test_a_table_without_a_good_row(read):
    with pytest.raises(DataError, match="do not agree on the number of columns"):
        read("a,b\n1,2,3\n1,2,3,4\n1,2,3,4,5\n")
