"""`groundup run` from end to end: what it leaves, what it says, and what it does with bad input."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, SHARED_DATA, needs_shared_data, shared_datasets
from rich.console import Console
from typer.testing import CliRunner

from groundup.cli import app
from groundup.workflow.display import Display
from groundup.workflow.run import STAGES, run

EXAMPLES = ROOT / "examples" / "data"
SMALL_ROWS = 1_500


def quiet() -> Display:
    return Display(Console(file=StringIO(), width=100))


@pytest.fixture(scope="module")
def penguins(tmp_path_factory):
    """One finished run, looked at by many tests."""
    folder = tmp_path_factory.mktemp("penguins") / "run"
    console = Console(file=StringIO(), width=100)
    record = run(
        EXAMPLES / "penguins_raw.csv",
        target="Species",
        out=folder,
        time=60.0,  # enough for all trials, so that a second run makes the same ones
        display=Display(console),
    )
    return folder, record, console.file.getvalue()


def run_script(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "train.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def check_outcome(folder: Path) -> dict:
    """Check what must hold for every finished run, whatever the data."""
    record = json.loads((folder / "run.json").read_text())
    rows = record["rows"]
    assert rows["file"] == rows["loaded"] + rows["repaired"] + rows["rejected"]
    assert {"task", "target", "metric", "models", "chosen", "test", "findings"} <= record.keys()
    assert set(STAGES) <= record["seconds"].keys()
    for model in record["models"]:
        assert {"name", "validation", "seconds"} <= model.keys()
    assert record["chosen"] in [model["name"] for model in record["models"]]
    test = record["test"]
    assert test["low"] <= test["score"] <= test["high"]
    script = (folder / "train.py").read_text()
    assert len(script.splitlines()) < 150
    assert float(run_script(folder)) == test["score"]
    report = (folder / "report.html").read_bytes()
    assert len(report) < 2_000_000
    predictions = pd.read_csv(folder / "predictions.csv")
    assert len(predictions) == test["rows"] == record["split"]["test"]
    assert (folder / "model" / "manifest.json").exists()
    return record


def test_penguins_are_told_apart(penguins):
    folder, record, said = penguins
    assert check_outcome(folder)["test"]["score"] > 0.9
    assert record["task"] == "multiclass"
    assert record["rows"] == {"file": 344, "loaded": 344, "repaired": 0, "rejected": 0}
    roles = {column["name"]: column["role"] for column in record["columns"]}
    assert roles["Region"] == roles["Stage"] == "constant"
    assert roles["Individual ID"] == "identifier"
    for stage in STAGES:
        assert stage in said


def test_the_script_is_formatted_and_clean(penguins):
    folder, _, _ = penguins
    for command in (["format", "--check"], ["check", "--select", "E,F,I,B,UP"]):
        done = subprocess.run(
            ["ruff", *command, "--line-length", "100", "--isolated", "train.py"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def test_the_report_asks_the_network_for_nothing(penguins):
    folder, _, _ = penguins
    requests = []

    class Links(HTMLParser):
        def handle_starttag(self, tag, attributes):
            for name, value in attributes:
                if name in ("src", "href") and not (value or "").startswith(("#", "data:")):
                    requests.append((tag, value))

    Links().feed((folder / "report.html").read_text())
    assert not requests


def test_same_seed_same_run(penguins, tmp_path):
    _, first, _ = penguins
    again = run(
        EXAMPLES / "penguins_raw.csv", target="Species", out=tmp_path, time=60.0, display=quiet()
    )
    for part in ("split", "chosen", "chosen_params", "test"):
        assert again[part] == first[part]
    for one, two in zip(first["models"], again["models"], strict=True):
        assert one["folds"] == two["folds"]


def test_the_model_predicts_new_rows(penguins, tmp_path):
    folder, _, _ = penguins
    table = pd.read_csv(EXAMPLES / "penguins_raw.csv").sample(40, random_state=0)
    table = table.drop(columns=["Species", "Region"])[::-1]
    table["Island"] = table["Island"].replace("Dream", "Nowhere")
    table["extra"] = 1
    table.to_csv(tmp_path / "new.csv", index=False)
    done = CliRunner().invoke(
        app, ["predict", str(folder), str(tmp_path / "new.csv"), "-o", str(tmp_path / "out.csv")]
    )
    assert done.exit_code == 0, done.output
    assert len(pd.read_csv(tmp_path / "out.csv")) == 40
    assert "extra" in done.output
    assert "Nowhere" in done.output or "Island" in done.output


def test_what_was_predicted_in_the_run_is_predicted_from_the_bundle(penguins):
    from groundup.bundle import load_bundle
    from groundup.workflow.read import read_table

    folder, _, _ = penguins
    expected = pd.read_csv(folder / "predictions.csv").set_index("line")
    frame = read_table(EXAMPLES / "penguins_raw.csv").frame.loc[expected.index]
    bundle = load_bundle(folder / "model")
    assert list(bundle.predict(frame)) == list(expected["predicted"])


def test_a_test_file_of_ones_own(tmp_path):
    table = pd.read_csv(EXAMPLES / "telco_churn.csv", dtype=str).sample(900, random_state=0)
    table[:600].to_csv(tmp_path / "train.csv", index=False)
    table[600:].to_csv(tmp_path / "test.csv", index=False)
    record = run(
        tmp_path / "train.csv",
        target="Churn",
        test=tmp_path / "test.csv",
        out=tmp_path / "run",
        time=4.0,
        display=quiet(),
    )
    assert record["split"]["train"] == 600
    assert record["test"]["rows"] == 300
    check_outcome(tmp_path / "run")


def hostile_table(path: Path) -> Path:
    rng = np.random.default_rng(0)
    n = 200
    x = rng.normal(size=n)
    pd.DataFrame(
        {
            "<script>alert(1)</script>": x,
            "=HYPERLINK(1)": rng.choice(["=1+1", "@SUM(A1)", "</script><b>"], n),
            'quote"d, and \\ back': rng.normal(size=n),
            "{{ jinja }}": rng.choice(["{% x %}", "${y}", "a"], n),
            "naïve 列": rng.normal(size=n),
            "target": np.where(x + rng.normal(size=n) > 0, "=yes()", "<no>"),
        }
    ).to_csv(path, index=False)
    return path


def test_text_of_the_data_stays_text(tmp_path):
    run(
        hostile_table(tmp_path / "a.csv"),
        target="target",
        out=tmp_path / "o",
        time=3.0,
        display=quiet(),
    )
    check_outcome(tmp_path / "o")
    report = (tmp_path / "o" / "report.html").read_text()
    assert "<script>alert(1)</script>" not in report
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in report
    for line in (tmp_path / "o" / "predictions.csv").read_text().splitlines():
        for cell in line.split(","):
            assert not cell.strip('"').startswith(("=", "@", "+"))


def _good(n=40) -> str:
    rng = np.random.default_rng(0)
    rows = [
        f"{x:.3f},{'ab'[int(x > 0)]},{'yn'[int(x + e > 0)]}" for x, e in rng.normal(size=(n, 2))
    ]
    return "size,kind,sold\n" + "\n".join(rows) + "\n"


BAD_FILES = {
    "empty": (b"", "empty"),
    "binary": (bytes(range(256)) * 50, "binary|text"),
    "png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 500, "binary|text|PNG"),
    "header-alone": (b"size,kind,sold\n", "header"),
    "one-value": ("size,sold\n" + "1.5,y\n2.5,y\n" * 20, "same value"),
    "few-rows": (_good(12), "20"),
    "all-missing-target": ("size,sold\n" + "1,\n2,\n" * 30, "sold"),
    "all-missing-columns": ("size,kind,sold\n" + ",,y\n,,n\n" * 30, "no column"),
    "duplicate-names": (_good().replace("size,kind", "kind,kind"), "kind"),
    "nul-bytes": (_good(60).replace("b,", "b\0,", 1), "NUL"),
    "no-target": (_good().replace("sold", "solid"), "solid"),
    "truncated-gzip": (gzip.compress(_good(5000).encode())[:-40], "gzip|damaged|truncated|cut"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_input_is_one_clear_line_and_leaves_nothing(name, tmp_path):
    content, expected = BAD_FILES[name]
    file = tmp_path / ("data.csv.gz" if "gzip" in name else "data.csv")
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = CliRunner().invoke(
        app, ["run", str(file), "--target", "sold", "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 1
    _assert_one_line(done.stderr, expected)
    assert not (tmp_path / "out" / "run.json").exists()


def _assert_one_line(stderr: str, expected: str) -> None:
    import re

    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert "Traceback" not in stderr
    assert re.search(expected, lines[0], re.IGNORECASE), lines[0]


def test_no_such_file_and_a_folder(tmp_path):
    (tmp_path / "data.csv").write_text(_good())
    done = CliRunner().invoke(app, ["run", str(tmp_path / "dat.csv"), "--target", "sold"])
    assert done.exit_code == 1
    _assert_one_line(done.stderr, "data.csv")
    done = CliRunner().invoke(app, ["run", str(tmp_path), "--target", "sold"])
    assert done.exit_code == 1
    _assert_one_line(done.stderr, "folder|directory")


def test_ragged_rows_are_listed_with_their_lines(tmp_path):
    lines = _good(60).splitlines()
    lines[10] += ",extra,cells"
    lines[20] = "only one cell"
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    record = run(
        tmp_path / "data.csv", target="sold", out=tmp_path / "o", time=2.0, display=quiet()
    )
    rows = record["rows"]
    assert rows["file"] == 60 == rows["loaded"] + rows["repaired"] + rows["rejected"]
    listed = {row["line"] for row in record["rejected"] + record["repaired"]}
    assert {11, 21} <= listed


def test_without_a_target_the_likely_ones_are_named(tmp_path):
    (tmp_path / "data.csv").write_text(_good())
    done = CliRunner().invoke(app, ["run", str(tmp_path / "data.csv")])
    assert done.exit_code == 1
    _assert_one_line(done.stderr, "'sold'")


def test_a_folder_that_is_not_a_run_is_left_alone(tmp_path):
    (tmp_path / "data.csv").write_text(_good())
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    arguments = ["run", str(tmp_path / "data.csv"), "-t", "sold", "-o", str(tmp_path / "thesis")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert [file.name for file in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]


def _command(*arguments) -> list[str]:
    return [sys.executable, "-m", "groundup.cli", *map(str, arguments)]


def test_ctrl_c_keeps_what_was_finished(tmp_path):
    process = subprocess.Popen(
        _command(
            "run", EXAMPLES / "telco_churn.csv", "-t", "Churn", "-o", tmp_path / "o", "--time", 60
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"},
    )
    for line in process.stdout:
        if "compare" in line:  # tuning is next, and takes most of the minute
            break
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    _assert_one_line(stderr, "Ctrl-C")
    record = json.loads((tmp_path / "o" / "run.json").read_text())
    assert record["interrupted"] in STAGES
    assert record["models"]
    assert (tmp_path / "o" / "report.html").exists()


def test_a_full_disk_is_one_clear_line(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk can only be made by root on Linux")
    try:
        done = subprocess.run(
            _command(
                "run", EXAMPLES / "penguins_raw.csv", "-t", "Species", "-o", disk / "o", "--time", 3
            ),
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )
        assert done.returncode == 1, done.stderr
        _assert_one_line(done.stderr, "disk is full")
    finally:
        subprocess.run(["umount", disk], check=True)


def _target_of(entry: dict) -> str:
    return f"column_{entry['target']}" if isinstance(entry["target"], int) else entry["target"]


@needs_shared_data
@pytest.mark.parametrize(
    "entry",
    [entry for entry in shared_datasets() if entry["rows"] <= SMALL_ROWS],
    ids=lambda entry: entry["name"],
)
def test_real_files(entry, tmp_path):
    folder = tmp_path / "run"
    run(
        SHARED_DATA / entry["file"], target=_target_of(entry), out=folder, time=3.0, display=quiet()
    )
    record = check_outcome(folder)
    assert record["rows"]["file"] == entry["rows"]
    if entry["task"] != "cluster":
        assert record["task"] == entry["task"]
    roles = {column["name"]: column["role"] for column in record["columns"]}
    for leak in entry.get("known_leaks", []):
        warned = {
            name for f in record["findings"] for name in f["columns"] if f["severity"] == "warning"
        }
        assert roles[leak["column"]] != "feature" or leak["column"] in warned, leak
