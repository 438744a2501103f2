"""`groundup run --cluster` from end to end: what it leaves, what it says, and bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from rich.console import Console
from sklearn.metrics import adjusted_rand_score
from typer.testing import CliRunner

from groundup.cli import app
from groundup.workflow.display import Display
from groundup.workflow.run import run
from groundup.workflow.table import DataError

PENGUINS = ROOT / "examples" / "data" / "penguins_raw.csv"


def quiet() -> Display:
    return Display(Console(file=StringIO(), width=100))


@pytest.fixture(scope="module")
def penguins(tmp_path_factory):
    """One finished run, looked at by many tests."""
    folder = tmp_path_factory.mktemp("penguins") / "run"
    console = Console(file=StringIO(), width=100)
    record = run(
        PENGUINS, cluster=True, drop=("Species",), out=folder, time=8.0, display=Display(console)
    )
    return folder, record, console.file.getvalue()


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A run on rows without groups."""
    folder = tmp_path_factory.mktemp("noise")
    X = np.random.default_rng(1).normal(size=(120, 3))
    pd.DataFrame(X, columns=["a", "b", "c"]).to_csv(folder / "noise.csv", index=False)
    record = run(folder / "noise.csv", cluster=True, out=folder / "run", time=3.0, display=quiet())
    return folder / "run", record


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_species_are_found_without_being_named(penguins):
    folder, record, said = penguins
    found = pd.read_csv(folder / "clusters.csv")
    species = pd.read_csv(PENGUINS)["Species"]
    assert len(found) == len(species)
    assert adjusted_rand_score(species, found["cluster"]) > 0.85
    assert record["task"] == "clustering"
    assert record["evidence"]["n_clusters"] == len(record["describe"]["clusters"]) == 3
    agreement = {row["column"]: row["agreement"] for row in record["describe"]["left_out"]}
    assert agreement["Species"] == pytest.approx(adjusted_rand_score(species, found["cluster"]))
    for stage in ("read", "audit", "prepare", "explore", "find", "describe", "groundup predict"):
        assert stage in said


def test_clusters_are_numbered_from_the_largest_on(penguins):
    folder, record, _ = penguins
    sizes = record["evidence"]["sizes"]
    assert sizes == sorted(sizes, reverse=True)
    found = pd.read_csv(folder / "clusters.csv")
    assert [int((found["cluster"] == c + 1).sum()) for c in range(len(sizes))] == sizes
    in_some = found["cluster"] > 0
    assert found.loc[in_some, "sure"].between(0, 1).all()
    assert set(found.loc[~in_some, "note"]) == {
        "every compared cell is missing: nothing to compare"
    }
    assert found.loc[~in_some, "sure"].isna().all()


def test_the_folder_holds_what_is_promised(penguins):
    folder, record, _ = penguins
    names = {path.name for path in folder.iterdir()}
    assert names == {"run.json", "report.html", "train.py", "clusters.csv", "model"}
    assert json.loads((folder / "run.json").read_text())["evidence"]["verdict"]
    assert (folder / "report.html").stat().st_size < 2_000_000
    assert record["command"].endswith("--drop Species")


def test_the_script_finds_the_same_clusters(penguins):
    folder, _, _ = penguins
    done = subprocess.run(
        [sys.executable, "train.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr
    assert "as in clusters.csv: True" in done.stdout
    for command in (["format", "--check"], ["check", "--select", "E,F,I,B,UP"]):
        looked = subprocess.run(
            ["ruff", *command, "--line-length", "100", "--isolated", "train.py"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert looked.returncode == 0, looked.stdout


def test_new_rows_are_assigned(penguins, tmp_path):
    folder, _, said = penguins
    table = pd.read_csv(PENGUINS).drop(columns=["Species", "Comments"])
    table.loc[len(table)] = table.loc[0]
    table.loc[len(table) - 1, "Body Mass (g)"] = 400_000  # no penguin
    table.to_csv(tmp_path / "new.csv", index=False)
    done = invoke("predict", folder, tmp_path / "new.csv", "-o", tmp_path / "out.csv")
    assert done.exit_code == 0, done.output
    assert "Assigned 345 rows" in done.output
    assert "6 columns become 6 numbers a row" in said
    found = pd.read_csv(tmp_path / "out.csv")
    assert list(found) == ["line", "cluster", "sure", "distance", "outlier", "note"]
    own = pd.read_csv(folder / "clusters.csv")
    pd.testing.assert_frame_equal(found[:-1], own, check_dtype=False)
    assert found["outlier"].iloc[-1]


def test_no_clusters_is_an_answer(noise, tmp_path):
    folder, record = noise
    assert record["evidence"]["n_clusters"] == 0
    assert {path.name for path in folder.iterdir()} == {"run.json", "report.html"}
    report = (folder / "report.html").read_text()
    assert "<strong>no clusters</strong>" in report
    done = invoke("predict", folder, PENGUINS)
    assert done.exit_code == 1
    assert "found no clusters" in done.stderr


def test_a_model_of_an_earlier_run_does_not_stay(noise, tmp_path):
    folder, _ = noise
    (folder / "model").mkdir()
    (folder / "model" / "manifest.json").write_text("{}")
    run(folder.parent / "noise.csv", cluster=True, out=folder, time=1.0, display=quiet())
    assert not (folder / "model").exists()


def crescents() -> pd.DataFrame:
    angle = np.linspace(0, np.pi, 60)
    noise = 0.04 * np.random.default_rng(0).normal(size=(120, 2))
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.4 - np.sin(angle)], axis=1)
    return pd.DataFrame(np.vstack([upper, lower]) + noise, columns=["x", "y"])


def test_shapes_are_assigned_by_their_nearest_rows(tmp_path):
    table = crescents()
    table.to_csv(tmp_path / "moons.csv", index=False)
    record = run(
        tmp_path / "moons.csv", cluster=True, out=tmp_path / "run", time=4.0, display=quiet()
    )
    assert record["evidence"]["n_clusters"] == 2
    assert record["evidence"]["chosen"]["family"] in ("hierarchy", "density")
    done = invoke("predict", tmp_path / "run", tmp_path / "moons.csv", "-o", tmp_path / "o.csv")
    assert done.exit_code == 0, done.output
    found = pd.read_csv(tmp_path / "o.csv")
    own = pd.read_csv(tmp_path / "run" / "clusters.csv")
    pd.testing.assert_frame_equal(found, own, check_dtype=False)


@pytest.mark.parametrize("option", ["--target", "--test", "--task", "--split"])
def test_what_needs_a_target_is_refused_before_any_work(option, tmp_path):
    value = {"--task": "binary", "--split": "time"}.get(option, "Species")
    done = invoke("run", tmp_path / "not-there.csv", "--cluster", option, value)
    assert done.exit_code == 1
    assert option in done.stderr
    assert "--cluster" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


BAD_TABLES = {
    "empty": ("", "empty"),
    "one row": ("a,b\n1,2\n", "1 row"),
    "two rows": ("a,b\n1,2\n3,4\n", "2 rows"),
    "constant": ("a,b\n" + "1,x\n" * 40, "no column is left"),
    "text": (
        "text\n" + "".join(f"every message says something of its own, {i}\n" for i in range(60)),
        "column",
    ),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_input_is_one_clear_line(name, tmp_path):
    content, expected = BAD_TABLES[name]
    (tmp_path / "data.csv").write_text(content)
    done = invoke("run", tmp_path / "data.csv", "--cluster", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert expected in done.stderr.lower()
    assert len(done.stderr.strip().splitlines()) == 1
    assert "mistake in groundup" not in done.stderr


def test_without_a_target_the_error_names_both_ways(tmp_path):
    done = invoke("run", PENGUINS, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "--target" in done.stderr
    assert "--cluster" in done.stderr


def test_somebody_at_a_terminal_may_choose_groups(tmp_path, monkeypatch):
    class Terminal(Display):
        can_ask = True

        def choose(self, question, options):
            assert options[-1][0] == "none"
            assert "clustering" in options[-1][1]
            return len(options) - 1

    X = np.random.default_rng(3).normal(size=(40, 2))
    pd.DataFrame(X, columns=["a", "b"]).to_csv(tmp_path / "a.csv", index=False)
    display = Terminal(Console(file=StringIO(), width=100))
    record = run(tmp_path / "a.csv", out=tmp_path / "run", time=1.0, display=display)
    assert record["task"] == "clustering"
    assert "--cluster" in record["command"]


def test_a_dropped_column_takes_no_part_in_a_run_with_a_target(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    pd.DataFrame({"x": x, "z": rng.normal(size=60), "y": x + rng.normal(size=60)}).to_csv(
        tmp_path / "a.csv", index=False
    )
    with pytest.raises(DataError, match="it is the target"):
        run(tmp_path / "a.csv", target="y", drop=("y",), out=tmp_path / "o", display=quiet())
    with pytest.raises(DataError, match="did you mean 'z'"):
        run(tmp_path / "a.csv", target="y", drop=("zz",), out=tmp_path / "p", display=quiet())
    with pytest.raises(DataError, match="--keep"):
        run(
            tmp_path / "a.csv",
            cluster=True,
            drop=("z",),
            keep=("z",),
            out=tmp_path / "q",
            display=quiet(),
        )


def test_same_seed_same_clusters(tmp_path):
    crescents().to_csv(tmp_path / "moons.csv", index=False)
    found = []
    for time in (30.0, 60.0):  # enough of it: the answer does not depend on it
        out = tmp_path / f"run {time}"
        run(tmp_path / "moons.csv", cluster=True, out=out, time=time, display=quiet())
        found.append((out / "clusters.csv").read_bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("are_related", [True, False])
def test_categories_alone_are_clusters_only_if_they_go_together(are_related, tmp_path):
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 200)
    table = pd.DataFrame()
    for name in "xyz":
        of_its_own = (rng.random(200) < 0.1) | (not are_related)
        value = np.where(of_its_own, rng.integers(0, 3, 200), group)
        table[name] = np.array(["red", "green", "blue"])[value]
    table.to_csv(tmp_path / "a.csv", index=False)
    record = run(tmp_path / "a.csv", cluster=True, out=tmp_path / "o", time=20, display=quiet())
    if are_related:
        assert "shuffled columns" in record["evidence"]["null"]["draws_by_kind"]
        found = pd.read_csv(tmp_path / "o" / "clusters.csv")["cluster"]
        assert adjusted_rand_score(group, found) > 0.7
    else:
        assert record["evidence"]["n_clusters"] == 0
