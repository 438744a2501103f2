"""Compiling ahead of a machine's first run: what is kept, and what is never asked of a run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from groundup import _kernel
from groundup.workflow import compile_ahead as module
from groundup.workflow.compile_ahead import compile_ahead, is_compiled


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GROUNDUP_CACHE", str(tmp_path / "kernels"))
    _kernel.private_folder.cache_clear()
    yield tmp_path / "kernels"
    _kernel.private_folder.cache_clear()


def test_kernels_are_kept_and_compiled_once(empty_cache):
    assert not is_compiled("regression", 300, 3)
    compile_ahead("regression", 300, 3, 0)
    assert is_compiled("regression", 300, 3)
    assert is_compiled("regression", 400, 5)  # of a like size
    assert not is_compiled("regression", 5_000, 3)  # kernels have other forms for many rows
    assert not is_compiled("regression", 300, 20)  # and neighbours for many columns
    assert not is_compiled("binary", 300, 3)
    kept = sorted(empty_cache.rglob("*.nbc"))
    assert any("grow" in path.name for path in kept)
    # A fit in a new process finds all that it needs.
    code = (
        "import numpy as np\n"
        "from groundup.ensemble import HistGradientBoostingRegressor as Model\n"
        "X = np.random.default_rng(1).standard_normal((300, 3))\n"
        "Model().fit(X, X[:, 0]).predict(X)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ.copy())
    assert sorted(empty_cache.rglob("*.nbc")) == kept


def test_a_process_that_fails_leaves_no_stamp(empty_cache, monkeypatch):
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    compile_ahead("regression", 300, 3, 0)
    assert not is_compiled("regression", 300, 3)


def test_nothing_is_compiled_where_nothing_can_be_kept(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("GROUNDUP_CACHE", str(tmp_path / "file"))
    _kernel.private_folder.cache_clear()
    assert is_compiled("binary", 300, 3)
    _kernel.private_folder.cache_clear()
