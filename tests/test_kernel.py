"""Kernels: arithmetic that believes in NaN, threads that change no bit, a cache survived."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

ADDING_MODULE = """
import numpy as np
from numba import prange
from groundup._kernel import block_kernel, kernel

@kernel
def total(x):
    s = 0.0
    for i in range(x.shape[0]):
        s += x[i]
    return s

@block_kernel
def totals(x, bounds, partial):
    for block in prange(partial.shape[0]):
        partial[block] = total(x[bounds[block]:bounds[block + 1]])
"""

USE = """
import sys, numpy as np
sys.path.insert(0, {folder!r})
import adding
partial = np.empty(4)
x = np.arange(8.0)
adding.totals(x, np.arange(0, 9, 2), partial, n_threads=2)
assert adding.total(x) == 28.0 and partial.tolist() == [1, 5, 9, 13]
print("hits", sum(adding.total.stats.cache_hits.values()), "warned", end=" ")
"""


def _run(code: str, tmp_path: Path, **env) -> subprocess.CompletedProcess:
    (tmp_path / "adding.py").write_text(ADDING_MODULE)
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(code).format(folder=str(tmp_path))],
        env={**os.environ, "GROUNDUP_CACHE": str(tmp_path / "cache"), **env},
        capture_output=True,
        text=True,
        timeout=120,
    )


def _use(tmp_path: Path, **env) -> subprocess.CompletedProcess:
    done = _run(USE, tmp_path, **env)
    assert done.returncode == 0, done.stderr
    return done


def test_second_process_starts_warm_and_the_folder_is_private(tmp_path):
    assert "hits 0" in _use(tmp_path).stdout
    assert "hits 1" in _use(tmp_path).stdout
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [b"", b"\x80\x05foreign", None], ids=["empty", "foreign", "cut"])
def test_a_damaged_cache_is_survived_and_mended(tmp_path, suffix, damage):
    _use(tmp_path)
    damaged = [p for p in (tmp_path / "cache").rglob(f"*.{suffix}") if "adding" in p.name]
    assert damaged
    for path in damaged:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if damage is None else damage)
    assert "hits 0" in _use(tmp_path).stdout
    assert "hits 1" in _use(tmp_path).stdout


def test_an_unwritable_cache_is_survived(tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert "hits 0" in _use(tmp_path).stdout


def test_a_cache_that_others_can_write_to_is_not_trusted(tmp_path):
    _use(tmp_path)
    (tmp_path / "cache").chmod(0o777)
    done = _use(tmp_path)
    assert "hits 0" in done.stdout
    assert "chmod 700" in done.stderr


def test_an_edited_callee_in_another_file_makes_the_caller_stale(tmp_path):
    caller = """
        import sys
        sys.path.insert(0, {folder!r})
        from groundup._kernel import kernel
        from calling import twice
        print(twice(1.0))
    """
    (tmp_path / "calling.py").write_text(
        "from groundup._kernel import kernel\nfrom inner import f\n\n"
        "@kernel\ndef twice(x):\n    return f(f(x))\n"
    )
    inner = "from groundup._kernel import kernel\n\n@kernel\ndef f(x):\n    return x + {}\n"
    for increment, expected in [("1.0", "3.0"), ("2.0", "5.0")]:
        (tmp_path / "inner.py").write_text(inner.format(increment))
        done = _run(caller, tmp_path, PYTHONDONTWRITEBYTECODE="1")
        assert done.stdout.strip() == expected, done.stderr


def test_forked_process_can_use_block_kernels(tmp_path):
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this platform")
    done = _run(
        USE
        + textwrap.dedent("""
        import os
        child = os.fork()
        partial[:] = 0
        adding.totals(x, np.arange(0, 9, 2), partial, n_threads=2)
        if child == 0:
            os._exit(0 if partial.tolist() == [1, 5, 9, 13] else 1)
        print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """),
        tmp_path,
    )
    assert "child 0" in done.stdout, done.stderr


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_concurrent_calls_are_safe_on_every_thread_layer(tmp_path, layer):
    done = _run(
        USE
        + textwrap.dedent("""
        from groundup._blocks import over_threads
        def task(k):
            out = np.empty(4)
            for _ in range(300):
                adding.totals(x, np.arange(0, 9, 2), out, n_threads=2)
            return out.sum()
        assert over_threads(task, range(6), 6) == [28.0] * 6
        import numba
        print(numba.threading_layer(), numba.get_num_threads())
        """),
        tmp_path,
        NUMBA_THREADING_LAYER=layer,
        NUMBA_NUM_THREADS="2",
    )
    if layer == "omp" and "ould not be loaded" in done.stderr:
        pytest.skip("no OpenMP library here")
    assert f"{layer} 2" in done.stdout, done.stderr


def test_without_the_compiler_kernels_are_plain_python(tmp_path):
    done = _run(
        """
        import sys
        sys.path.insert(0, {folder!r})
        import adding, numpy as np
        partial = np.empty(2)
        adding.totals(np.arange(4.0), np.array([0, 2, 4]), partial, n_threads=2)
        print(partial.tolist())
        """,
        tmp_path,
        NUMBA_DISABLE_JIT="1",
    )
    assert done.stdout.strip() == "[1.0, 5.0]", done.stderr


def test_nan_is_believed_in():
    from groundup._kernel import kernel

    def count_nan(x):
        n = 0
        for i in range(x.shape[0]):
            n += np.isnan(x[i])
        return n

    assert kernel(count_nan)(np.array([1.0, np.nan, np.inf, -np.nan])) == 2


def test_an_error_inside_restores_the_thread_count():
    import numba

    from groundup._kernel import block_kernel

    @block_kernel
    def refuse(partial):
        for block in numba.prange(partial.shape[0]):
            partial[block] = 1.0

    before = numba.get_num_threads()
    with pytest.raises(numba.TypingError):
        refuse("not an array", n_threads=1)
    assert numba.get_num_threads() == before


def test_thread_count_follows_n_jobs_and_the_limits_set_from_outside():
    from threadpoolctl import threadpool_limits

    from groundup._blocks import thread_count

    available = thread_count(None)
    assert thread_count(-1) == available
    assert thread_count(1) == 1
    assert thread_count(10_000) == available
    assert thread_count(-10_000) == 1
    with threadpool_limits(1):
        assert thread_count(None) == 1
    with pytest.raises(ValueError, match="n_jobs=0"):
        thread_count(0)


@pytest.mark.parametrize("n_rows", [0, 1, 2, 4095, 4096, 4097, 262_144, 1_000_003])
def test_blocks_cover_every_row_once_and_are_level(n_rows):
    from groundup._blocks import block_bounds

    bounds = block_bounds(n_rows)
    sizes = np.diff(bounds)
    assert bounds[0] == 0
    assert bounds[-1] == n_rows
    assert 1 <= len(sizes) <= 64
    assert sizes.max(initial=0) - sizes.min(initial=n_rows) <= 1


@pytest.mark.parametrize("n", [10, 100_000])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_all_finite_sees_one_bad_value_wherever_it_is(n, bad):
    from groundup._blocks import all_finite

    for position in (0, n // 2, n - 1):
        X = np.full(n, 1e308)
        assert all_finite(X)
        X[position] = bad
        assert not all_finite(X)


def test_over_threads_runs_at_the_same_time_and_keeps_the_order():
    from groundup._blocks import over_threads

    both_here = threading.Barrier(2, timeout=10)

    def meet(k):
        both_here.wait()
        return k

    assert over_threads(meet, [3, 1], n_threads=2) == [3, 1]


def test_an_error_in_a_task_reaches_the_caller():
    from groundup._blocks import over_threads

    def refuse(k):
        if k == 5:
            raise IndexError("task 5")
        return k

    with pytest.raises(IndexError, match="task 5"):
        over_threads(refuse, range(8), n_threads=2)
    assert over_threads(refuse, [], n_threads=2) == []
