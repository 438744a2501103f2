"""Saving: in one step, over an older bundle, and with the old one intact when it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import Pipeline

from groundup.bundle import BundleError, load_bundle, save, save_bundle
from groundup.bundle.manifest import ARRAYS, GOLDEN, MANIFEST

X = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


def write(folder: Path, constant: float, **changes) -> Path:
    model = Pipeline([("model", DummyRegressor(strategy="constant", constant=constant))])
    arguments = {
        "schema": [{"name": "x", "kind": "number"}],
        "task": "regression",
        "target": "y",
        "golden": X,
        **changes,
    }
    return save_bundle(folder, model.fit(X, [1.0, 2.0, 3.0]), **arguments)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_bundle_and_one_over_it(tmp_path):
    for constant in (1.0, 2.0, 3.0):
        assert write(tmp_path / "model", constant) == tmp_path / "model"
        assert load_bundle(tmp_path / "model").predict(X)[0] == constant
        assert names(tmp_path) == ["model"]
        assert names(tmp_path / "model") == sorted([MANIFEST, ARRAYS, GOLDEN])


def test_without_an_exchange_in_one_step(tmp_path, monkeypatch):
    """The way of systems that cannot exchange two folders."""
    monkeypatch.setattr(save, "_exchange", lambda one, other: False)
    for constant in (1.0, 2.0):
        write(tmp_path / "model", constant)
        assert load_bundle(tmp_path / "model").predict(X)[0] == constant
    assert names(tmp_path) == ["model"]


def test_an_empty_folder_and_a_link_are_filled(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    write(tmp_path / "link", 1.0)
    assert (tmp_path / "link").is_symlink()
    assert load_bundle(tmp_path / "empty").predict(X)[0] == 1.0


def test_nothing_but_a_bundle_is_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(BundleError, match="holds other files"):
        write(tmp_path / "thesis", 1.0)
    (tmp_path / "file").write_text("work")
    with pytest.raises(BundleError, match="a file of that name is in the way"):
        write(tmp_path / "file", 1.0)
    with pytest.raises(BundleError, match="folder around it does not exist"):
        write(tmp_path / "no" / "model", 1.0)
    assert names(tmp_path) == ["file", "thesis"]
    assert names(tmp_path / "thesis") == ["chapter.txt"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"golden": X.head(0)}, "no golden rows"),
        ({"golden": X.rename(columns={"x": "z"})}, "golden rows lack the column 'x'"),
        ({"schema": [{"name": "z", "kind": "number"}]}, r"disagree about the columns \['x', 'z'\]"),
        ({"schema": [{"name": "x", "kind": "pickle"}]}, "schema is not a list"),
        ({"task": "grouping"}, "one of binary, multiclass, regression, clustering"),
        ({"task": "binary"}, "0 classes"),
        ({"target": "x"}, "among those that are no input"),
        ({"score": {"r2": object()}}, "cannot be written as JSON"),
        ({"golden": pd.DataFrame({"x": [1j]})}, "holds complex128"),
    ],
)
def test_contradictions_are_refused(tmp_path, changes, reason):
    write(tmp_path / "model", 1.0)
    with pytest.raises(BundleError, match=reason) as caught:
        write(tmp_path / "model", 2.0, **changes)
    assert "\n" not in str(caught.value)
    assert load_bundle(tmp_path / "model").predict(X)[0] == 1.0
    assert names(tmp_path) == ["model"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of a file")
def test_a_disk_that_refuses_leaves_the_old_bundle(tmp_path):
    write(tmp_path / "model", 1.0)
    script = f"""
import resource, sys
import pandas as pd
sys.path[:0] = {sys.path!r}
from bundle.test_saving import write
from groundup.bundle import BundleError
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write(Path({str(tmp_path / "model")!r}), 2.0)
except BundleError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("cannot write the bundle")
    assert "choose another place" in done.stdout
    assert done.stdout.count("\n") == 1
    assert load_bundle(tmp_path / "model").predict(X)[0] == 1.0
    assert names(tmp_path) == ["model"]


def test_an_interrupt_leaves_the_old_bundle(tmp_path, monkeypatch):
    write(tmp_path / "model", 1.0)

    def interrupt(*paths):
        raise KeyboardInterrupt

    for name in ("_check_copy", "_put_in_place", "_write_durably"):
        with monkeypatch.context() as patch:
            patch.setattr(save, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                write(tmp_path / "model", 2.0)
        assert load_bundle(tmp_path / "model").predict(X)[0] == 1.0
        assert names(tmp_path) == ["model"]


def test_a_reader_sees_one_bundle_or_the_other(tmp_path):
    """A bundle is exchanged again and again while another process reads it."""
    write(tmp_path / "model", 0.0)
    script = f"""
import sys
import pandas as pd
sys.path[:0] = {sys.path!r}
from bundle.test_saving import X
from groundup.bundle import load_bundle
from pathlib import Path
seen = set()
print("ready", flush=True)
while not Path({str(tmp_path / "stop")!r}).exists():
    seen.add(float(load_bundle({str(tmp_path / "model")!r}).predict(X)[0]))
print(sorted(seen))
"""
    reader = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert reader.stdout.readline() == "ready\n"
    for constant in range(1, 31):
        write(tmp_path / "model", float(constant))
    (tmp_path / "stop").touch()
    out, error = reader.communicate(timeout=60)
    assert reader.returncode == 0, error
    assert set(eval(out)) <= set(map(float, range(31)))
