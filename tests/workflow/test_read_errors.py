"""Reading: a file that cannot be used is refused with one clear line, and never opened for long."""

from __future__ import annotations

import gzip
import os
import pickle
import zipfile
from pathlib import Path

import pytest

from groundup.workflow.read import DataError, read_table

TABLE = b"x,y\n1,a\n2,b\n"


def refused(path: Path) -> str:
    """Return the message with which a file is refused: one line."""
    with pytest.raises(DataError) as caught:
        read_table(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\n\n \n", "holds blank lines alone"),
        (b"name,age\n", "holds a header alone (name, age) and no rows"),
        (b"a,b,a\n1,2,3\n", "names columns twice: 'a' (columns 1, 3)"),
        (b"a,b\n1,\x002\n", "holds a NUL byte at byte 7 (line 2)"),
        (b"a,b\n1,\x01\x02\x03\x04\x05\x06\x07\n", "binary file"),
        (b"a,b\n1,2,3\n4,5,6,7\n8,9,1,2,3\n", "3 of 3 have more than 2 cells, the first in line 2"),
        (b'a,b\n1,"x\n2,y\n3,z\n', "quote that opens a cell in line 2 is never closed"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "is a PNG picture"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 50, "is a program"),
        (b"%PDF-1.4 ...", "is a PDF document"),
        (pickle.dumps({"a": 1}), "is a Python pickle"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 50, "old Excel workbook"),
        (b"PAR1 but no more of it PAR1", "damaged Parquet file"),
        (b"SQLite format 3\0" + b"nonsense" * 100, "damaged SQLite file"),
        (b"BZh91AY&SY", "compressed with bzip2"),
        (bytes(range(256)) * 20, "NUL byte"),
        ("é,b\n1,ü\n2,ö\n".encode() + b"3,\xff\n", "is damaged in line 4"),
        (b"\xff\xfea\x00,\x00\x00\xd8x\x00\n\x00", "cannot be decoded"),
        (b"\xef\xbb\xbf", "is empty but for a byte-order mark"),
        (b'[{"a": 1}, {"a": ', "damaged JSON file"),
    ],
)  # fmt: skip
def test_contents_that_are_no_table(tmp_path, content, expected):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    assert expected in refused(path)


def test_no_such_file_suggests_the_nearest_name(tmp_path):
    (tmp_path / "Penguins.csv").write_bytes(TABLE)
    message = refused(tmp_path / "penguin.csv")
    assert message.startswith("There is no file")
    assert "Did you mean" in message
    assert "Penguins.csv" in message
    assert "Did you mean" not in refused(tmp_path / "something else")
    assert "not there either" in refused(tmp_path / "no folder" / "t.csv")


def test_a_folder(tmp_path):
    assert "is a folder" in refused(tmp_path)


def test_no_permission(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(TABLE)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    assert "permission denied" in refused(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_named_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "not an ordinary file" in refused(tmp_path / "pipe")


# -- gzip and zip --------------------------------------------------------------------------------


def test_gzip_and_zip_are_unpacked(tmp_path):
    (tmp_path / "t.csv").write_bytes(TABLE)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TABLE))
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/t.csv", TABLE)
        archive.writestr("__MACOSX/folder/._t.csv", "resource fork")
    plain = read_table(tmp_path / "t.csv")
    for name, compression in [("t.csv.gz", "gzip"), ("t.zip", "zip")]:
        table = read_table(tmp_path / name)
        assert table.frame.equals(plain.frame)
        assert table.source.compression == compression
        assert table.source.bytes == (tmp_path / name).stat().st_size


def test_a_gzip_bomb_is_stopped_early(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        for _ in range(100):
            file.write(b"0" * 2**20)
    assert "expands without end" in refused(path)


def test_a_zip_bomb_is_stopped_early(tmp_path):
    path = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("bomb.csv", "w") as file,
    ):
        for _ in range(100):
            file.write(b"0" * 2**20)
    assert "expands without end" in refused(path)


def test_a_regular_table_compresses_well_and_is_no_bomb(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"x,y\n" + b"1,a\n" * 500_000))
    assert read_table(path).rows.loaded == 500_000


def test_damaged_archives(tmp_path):
    whole = gzip.compress(TABLE * 1000)
    path = tmp_path / "t.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    assert "cut off" in refused(path)
    path.write_bytes(whole[:20] + b"\xff" * 20 + whole[40:])
    assert "damaged gzip file" in refused(path)
    path.write_bytes(b"PK\x03\x04 and nothing more")
    assert "damaged zip file" in refused(path)


def test_zips_that_do_not_hold_one_table(tmp_path):
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", TABLE)
        archive.writestr("b.csv", TABLE)
    message = refused(path)
    assert "holds 2 files: a.csv, b.csv" in message
    with zipfile.ZipFile(path, "w"):
        pass
    assert "holds 0 files" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr("xl/workbook.xml", "")
    assert "Excel workbook" in refused(path)


def test_a_member_of_a_zip_cannot_be_written_elsewhere(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("../../escaped.csv", TABLE)
    assert read_table(tmp_path / "t.zip").rows.loaded == 2
    assert not list(tmp_path.parent.glob("escaped.csv"))


def test_databases_with_several_tables(tmp_path):
    import sqlite3

    path = tmp_path / "t.db"
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE one (a)")
    assert "has columns (a) but no rows" in refused(path)
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE two (a)")
    assert "database with 2 tables (one, two)" in refused(path)


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    import tempfile

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n\n"))
    read_table(path)
    path.write_bytes(gzip.compress(b"a,a\n1,2\n\n"))
    refused(path)
    assert not list(scratch.iterdir())


def test_a_full_disk_is_said_to_be_one(tmp_path, monkeypatch):
    import errno

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(TABLE))
    monkeypatch.setattr("groundup.workflow.archives._copy_bounded", full)
    assert "The disk is full" in refused(path)


def test_the_data_cannot_reach_another_file(tmp_path):
    """Text of a file never becomes SQL, and the connection may read that one file alone."""
    from groundup.workflow.cells import connect

    (tmp_path / "secret.csv").write_bytes(TABLE)
    path = tmp_path / "t.csv"
    name = "x' FROM read_csv('secret.csv') --"
    path.write_bytes(f'"{name}",y\n1,"\'; DROP TABLE cells; --"\n'.encode())
    table = read_table(path)
    assert table.frame[name].tolist() == [1]
    assert table.frame["y"].tolist() == ["'; DROP TABLE cells; --"]
    import duckdb

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with connect(scratch, path) as con:
        assert con.execute(f"SELECT count(*) FROM read_csv('{path}')").fetchone() == (1,)
        with pytest.raises(duckdb.PermissionException):
            con.execute(f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')")
        with pytest.raises(duckdb.Error):
            con.execute("SET enable_external_access = true")
