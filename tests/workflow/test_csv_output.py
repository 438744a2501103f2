"""CSV output: harmless in a spreadsheet, whole or not at all, and readable back."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundup.workflow.csv_output import OutputError, csv_safe, csv_writer, write_csv


def read_cells(path: Path) -> list[list[str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "  =1+1",
        "\ufeff=1+1",
        "\u00a0=1",
        "\uff1d1+1",
        "-",
        "-3.5 or so",
        "+44 20 1234",
        "-1e5=",
        "\t",
    ],
)
def test_what_could_be_a_formula_gets_an_apostrophe(text, tmp_path):
    assert csv_safe(text) == "'" + text
    write_csv(pd.DataFrame({text: [text]}), tmp_path / "out.csv")
    assert read_cells(tmp_path / "out.csv") == [["'" + text], ["'" + text]]


@pytest.mark.parametrize(
    "text", ["-3.5", "+7", "-.5", "-1e-05", "", "a=b", "3-2", "'=1", "x@y.org"]
)
def test_numbers_and_plain_text_stay(text):
    assert csv_safe(text) == text


@given(st.text())
def test_no_cell_starts_a_formula(text):
    safe = csv_safe(text)
    assert safe.removeprefix("'") == text.removeprefix("'")
    if safe.strip()[:1] in tuple("=+-@"):
        assert math.isfinite(float(safe)) or "e" in safe.lower()


# The csv module reads a bare carriage return inside quotes as it stands; a NUL it refuses on 3.11
# before 3.11.4, so it is left out here.
cells = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.lists(st.tuples(cells, cells), max_size=6))
def test_text_comes_back_as_it_was_apart_from_the_apostrophe(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "out.csv"
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype=object)
    write_csv(frame, path)
    assert read_cells(path) == [["a", "b"]] + [[csv_safe(a), csv_safe(b)] for a, b in rows]


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_floats_come_back_to_the_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("csv") / "out.csv"
    write_csv(pd.DataFrame({"x": values}), path)
    read = [float(row[0]) for row in read_cells(path)[1:]]
    assert np.array(read).tobytes() == np.array(values).tobytes()


def test_every_kind_of_value(tmp_path):
    frame = pd.DataFrame(
        {
            "whole": [1, -2],
            "real": [0.1, np.nan],
            "text": pd.array(["a,b", None], dtype="str"),
            "date": pd.to_datetime(["2024-02-29 12:00", None]),
            "flag": [True, False],
            "any": [None, 'say "x"'],
            "nullable": pd.array([3, None], dtype="Int64"),
            "semicolon": ["a;=1", "b"],
        },
        index=pd.Index([2, 5], name="line"),
    )
    write_csv(frame, tmp_path / "out.csv", index=True)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == (
        "line,whole,real,text,date,flag,any,nullable,semicolon\n"
        '2,1,0.1,"a,b",2024-02-29 12:00:00,True,,3,"a;=1"\n'
        '5,-2,,,,False,"say ""x""",,b\n'
    )


def test_one_empty_cell_is_still_a_row(tmp_path):
    write_csv(pd.DataFrame({"x": [np.nan, 1.0]}), tmp_path / "out.csv")
    assert len(pd.read_csv(tmp_path / "out.csv")) == 2


def test_parts_make_one_table_and_must_agree(tmp_path):
    with csv_writer(tmp_path / "out.csv") as write:
        write(pd.DataFrame({"x": [1]}))
        write(pd.DataFrame({"x": [2]}))
    assert (tmp_path / "out.csv").read_text() == "x\n1\n2\n"
    with pytest.raises(ValueError, match="columns"), csv_writer(tmp_path / "out.csv") as write:
        write(pd.DataFrame({"x": [1]}))
        write(pd.DataFrame({"y": [2]}))
    assert (tmp_path / "out.csv").read_text() == "x\n1\n2\n"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_an_interrupt_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), csv_writer(path) as write:
        write(pd.DataFrame({"x": [1]}))
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    write_csv(pd.DataFrame({"x": [1]}), tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "x\n1\n"


def test_errors_say_what_to_do(tmp_path):
    frame = pd.DataFrame({"x": [1]})
    with pytest.raises(OutputError, match="folder does not exist"):
        write_csv(frame, tmp_path / "nowhere" / "out.csv")
    with pytest.raises(OutputError, match="it is a folder"):
        write_csv(frame, tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_a_full_disk_is_one_line():
    with pytest.raises(OutputError, match="cannot write '/dev/full': the disk is full; free some"):
        write_csv(pd.DataFrame({"x": range(100_000)}), "/dev/full")


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of a file")
def test_a_write_that_fails_midway_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    script = f"""
import resource, pandas as pd
from groundup.workflow.csv_output import OutputError, write_csv
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_csv(pd.DataFrame({{"x": range(100_000)}}), {str(path)!r})
except OutputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("cannot write") and done.stdout.count("\n") == 1
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]
