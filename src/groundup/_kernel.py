"""Kernels: the compiled inner loops, and the folder where their machine code is kept.

``@kernel`` compiles a plain function with numba the first time it is called.  ``@block_kernel``
does the same for a function whose outermost loop is a ``prange`` over fixed blocks of rows, and
runs those blocks on ``n_threads`` threads.  Both keep the machine code in a private folder of the
user, so that the second process starts warm.

Three rules live here because every kernel depends on them:

- *Arithmetic*: the compiler may re-associate, contract and drop the sign of zero, but it must
  believe in NaN and infinity (``fastmath=True`` makes ``isnan(nan)`` false).
- *Threads*: a block kernel gives the same bits for any number of threads, since each block writes
  its own partial result.
- *The cache is never trusted*: a file that is truncated, foreign or unreadable means "compile
  again", and so does a folder that somebody else could have written to (the files are pickles).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.dispatcher import Dispatcher

from groundup._called_kernels import BlockCompiler, compile_into_callers

Function = TypeVar("Function", bound=Callable[..., Any])

#: The most threads that a block kernel may use in this process.
MOST_THREADS: int = getattr(numba.config, "NUMBA_NUM_THREADS")  # noqa: B009

FASTMATH = frozenset({"reassoc", "contract", "nsz", "arcp"})
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(FASTMATH)}


def cache_folder() -> Path:
    """Return the folder in which compiled kernels are kept.

    ``GROUNDUP_CACHE`` names it; without that it is ``groundup/kernels`` in the user's cache folder
    (``XDG_CACHE_HOME``, ``~/Library/Caches`` or ``%LOCALAPPDATA%``).

    Returns
    -------
    pathlib.Path
        The folder.  It need not exist yet.
    """
    if chosen := os.environ.get("GROUNDUP_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "groundup" / "kernels"


@functools.lru_cache
def private_folder(folder: Path) -> bool:
    """Create `folder` for this user alone; tell whether it can be trusted and written to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid"):
            status = folder.stat()
            writable_by_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if status.st_uid != os.getuid() or writable_by_others:
                warnings.warn(
                    f"The kernel cache {folder} can be written by other users, so it is not used "
                    f"and every process compiles anew. Make it private: chmod 700 '{folder}'",
                    stacklevel=2,
                )
                return False
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError):
        return False  # a read-only or full disk: everything works, only the start is slower
    return True


class _Locator(_CacheLocator):
    """Where one kernel's machine code lies, and what makes it stale."""

    def __init__(self, py_func):
        self._py_file = py_func.__code__.co_filename
        self._py_func = py_func
        self._cache_path = str(cache_folder() / self.get_suitable_cache_subpath(self._py_file))

    def get_cache_path(self):
        return self._cache_path

    def get_disambiguator(self):
        return str(self._py_func.__code__.co_firstlineno)

    def get_source_stamp(self):
        # numba stamps a kernel with its own file alone, so an edited callee in another file would
        # keep its old machine code inside a cached caller.  This stamp covers the callees' files.
        # So it does the constants, which may stand in other files still.
        files: set[str] = set()
        constants: set[str] = set()
        _sources(self._py_func, files, constants, set())
        # Code with and without bounds checks (NUMBA_BOUNDSCHECK=1) is not the same code either.
        bounds_checked = os.environ.get("NUMBA_BOUNDSCHECK", "")
        return [*map(_file_digest, sorted(files)), *sorted(constants), bounds_checked]


@functools.cache
def _file_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _sources(py_func: Any, files: set[str], constants: set[str], seen: set) -> None:
    """Collect the files of `py_func` and of all kernels below it, and the constants they use."""
    seen.add(py_func)
    files.add(py_func.__code__.co_filename)
    for name in py_func.__code__.co_names:
        value = py_func.__globals__.get(name)
        if isinstance(value, Dispatcher):
            if value.py_func not in seen:
                _sources(value.py_func, files, constants, seen)
        elif isinstance(value, (bool, int, float, str, tuple)):
            constants.add(f"{name}={value!r}")


class _SerialCode(CompileResultCacheImpl):
    _variant = ""

    def __init__(self, py_func):
        self._lineno = py_func.__code__.co_firstlineno
        self._locator = _Locator(py_func)
        name = f"{Path(self._locator._py_file).stem}.{py_func.__qualname__}{self._variant}"
        self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))


class _ParallelCode(_SerialCode):
    _variant = "-parallel"  # numba's index tells signatures apart, not options


class _Cache(FunctionCache):
    """numba's cache of compiled functions, where every failure means "compile again"."""

    def __init__(self, py_func, parallel):
        self._impl_class = _ParallelCode if parallel else _SerialCode
        super().__init__(py_func)

    def load_overload(self, sig, target_context):
        if not private_folder(cache_folder()):
            return None
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a truncated pickle can raise anything at all
            self._forget()
            return None

    def save_overload(self, sig, data):
        if not private_folder(cache_folder()):
            return
        try:
            super().save_overload(sig, data)
        except Exception:  # a full or read-only disk, or a damaged index
            self._forget()

    def _forget(self):
        """Drop the index, so that the next compilation writes a sound one."""
        with contextlib.suppress(OSError):
            os.unlink(self._cache_file._index_path)


def _compile_lazily(function: Function, parallel: bool = False) -> Any:
    def compiled_with(**more: Any) -> Any:
        return numba.njit(**_OPTIONS, parallel=parallel, **more)(function)

    how: dict[str, Any] = {"pipeline_class": BlockCompiler} if parallel else {}
    compiled = compiled_with(no_cfunc_wrapper=True, **how)
    # With NUMBA_DISABLE_JIT=1 it is the function itself; what was typed at a prompt has no file.
    if isinstance(compiled, Dispatcher) and os.path.exists(function.__code__.co_filename):
        compiled._cache = _Cache(function, parallel)  # type: ignore[attr-defined]
    if not parallel:
        compile_into_callers(compiled, compiled_with)
    return compiled


def kernel(function: Function) -> Function:
    """Compile `function` at its first call; the GIL is released while it runs.

    Parameters
    ----------
    function : callable
        A function of numbers and arrays in the subset of Python that numba compiles.  Inputs of an
        algorithm are passed as read-only arrays, so that a write to them does not compile.

    Returns
    -------
    callable
        The compiled function.  Kernels may call it.

    Examples
    --------
    >>> import numpy as np
    >>> @kernel
    ... def total(x):  # x (n,) in
    ...     s = 0.0
    ...     for i in range(x.shape[0]):
    ...         s += x[i]
    ...     return s
    >>> total(np.arange(4.0))
    6.0
    """
    return _compile_lazily(function)


# GNU OpenMP cannot be used in a process forked from one that has used it: numba ends that process.
_parallel_was_used = False
_forked_after_use = False


def _note_fork() -> None:
    global _forked_after_use
    _forked_after_use = _parallel_was_used


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)

# numba's own thread layer ("workqueue", used where neither OpenMP nor TBB is there) aborts the
# process when two Python threads enter it at once.
_workqueue_lock = threading.Lock()


def block_kernel(function: Function) -> Callable[..., Any]:
    """Compile `function`, whose outermost loop is a ``prange`` over blocks, to run on threads.

    Every block must write to its own slot of an output, and the caller adds the slots up in block
    order: then the result has the same bits for any number of threads.

    Parameters
    ----------
    function : callable
        A function with a loop ``for block in prange(n_blocks)``.

    Returns
    -------
    callable
        Takes `function`'s arguments and the keyword ``n_threads`` (int, default=1).  Not to be
        called from another kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from numba import prange
    >>> @block_kernel
    ... def totals(x, bounds, partial):  # x (n,) in, bounds (b + 1,) in, partial (b,) out
    ...     for block in prange(partial.shape[0]):
    ...         s = 0.0
    ...         for i in range(bounds[block], bounds[block + 1]):
    ...             s += x[i]
    ...         partial[block] = s
    >>> partial = np.empty(2)
    >>> totals(np.arange(4.0), np.array([0, 2, 4]), partial, n_threads=2)
    >>> partial
    array([1., 5.])
    """
    parallel = _compile_lazily(function, parallel=True)
    serial = _compile_lazily(function)  # costs nothing until it is called

    @functools.wraps(function)
    def run(*args: Any, n_threads: int = 1) -> Any:
        global _parallel_was_used
        if _forked_after_use:
            return serial(*args)
        before = numba.get_num_threads()
        _parallel_was_used = True
        if numba.threading_layer() == "workqueue":
            with _workqueue_lock:
                return _on_threads(parallel, args, n_threads, before)
        return _on_threads(parallel, args, n_threads, before)

    return run


def _on_threads(parallel: Any, args: tuple, n_threads: int, before: int) -> Any:
    numba.set_num_threads(max(1, min(n_threads, MOST_THREADS)))
    try:
        return parallel(*args)
    finally:
        numba.set_num_threads(before)
