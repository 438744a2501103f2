"""Rows in fixed blocks, and the two ways of working on them in parallel.

Floating-point addition is not associative, so a sum that is split by the number of threads changes
with it.  Here rows are cut into blocks whose bounds depend on the number of rows alone; each block
makes its own partial result, and the partials are merged in block order:

    total = ((partial_0 + partial_1) + partial_2) + ...

The result then has the same bits on one thread, on two, and later on many machines.

- Fine work (a step of k-means, a gradient) runs as a ``block_kernel``: 4 to 7 microseconds.
- Coarse work (trees of a forest, folds) runs through `over_threads`: 100 microseconds.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from threading import Condition, Thread
from typing import Any, TypeVar

import numpy as np
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from threadpoolctl import ThreadpoolController

from groundup._kernel import MOST_THREADS, kernel

Task = TypeVar("Task")
Result = TypeVar("Result")


def block_bounds(n_rows: int, block_rows: int = 4096, max_blocks: int = 64) -> np.ndarray:
    """Cut `n_rows` rows into blocks of nearly equal size.

    Parameters
    ----------
    n_rows : int
        The number of rows.
    block_rows : int, default=4096
        The size of a block in rows, while that makes at most `max_blocks` of them.
    max_blocks : int, default=64
        The most blocks to make; with more rows the blocks grow.

    Returns
    -------
    ndarray of shape (n_blocks + 1,), dtype int64
        Block ``b`` holds the rows ``bounds[b]`` to ``bounds[b + 1]``.  At least one block.

    Examples
    --------
    >>> block_bounds(10, block_rows=4)
    array([ 0,  3,  6, 10])
    """
    n_blocks = max(1, min(max_blocks, -(-n_rows // block_rows)))
    return np.arange(n_blocks + 1, dtype=np.int64) * n_rows // n_blocks


def thread_count(n_jobs: int | None = None) -> int:
    """Translate scikit-learn's `n_jobs` into a number of threads.

    Parameters
    ----------
    n_jobs : int or None, default=None
        ``None`` and ``-1``: as many as OpenMP and numba may use here, as scikit-learn does for its
        own compiled loops (so ``OMP_NUM_THREADS``, a container's limit, a joblib worker's share and
        ``threadpoolctl`` are respected).  A positive number: at most that many.  A number below -1:
        all but ``-n_jobs - 1``.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        If `n_jobs` is 0.
    """
    if n_jobs == 0:
        raise ValueError("n_jobs=0 asks for no thread at all; give 1 or more, -1 for all, or None.")
    available = min(_openmp_effective_n_threads(), MOST_THREADS)
    if n_jobs is None:
        return available
    if n_jobs < 0:
        return max(1, available + 1 + n_jobs)
    return min(n_jobs, available)


def over_threads(
    function: Callable[[Task], Result], tasks: Iterable[Task], n_threads: int
) -> list[Result]:
    """Call `function` on every task, on a pool of threads; results come in the order of the tasks.

    Parameters
    ----------
    function : callable
        Spends its time in kernels or in NumPy, which release the GIL.
    tasks : iterable
        One argument a call.
    n_threads : int
        With 1 the tasks run here, one after the other.

    Returns
    -------
    list

    Examples
    --------
    >>> over_threads(abs, [-3, -1, -2], n_threads=2)
    [3, 1, 2]
    """
    return list(in_order(function, tasks, n_threads))


def in_order(
    function: Callable[[Task], Result], tasks: Iterable[Task], n_threads: int
) -> Generator[Result, None, None]:
    """Yield ``function(task)`` for every task, in the order of the tasks.

    Threads go on with later tasks while the caller looks at a result, so none waits for the slowest
    of a batch.  What the caller sees depends neither on their number nor on which one was faster.

    Parameters
    ----------
    function : callable
        Spends its time in kernels or in NumPy, which release the GIL.
    tasks : iterable
        One argument a call.
    n_threads : int
        With 1 each task is worked on here, when its result is asked for.

    Yields
    ------
    Result
        Of one task after the other.  If the generator is closed before its end, tasks that nobody
        has begun are dropped.

    Examples
    --------
    >>> list(in_order(abs, [-3, -1, -2], n_threads=2))
    [3, 1, 2]
    """
    waiting = deque(enumerate(tasks))
    n_tasks = len(waiting)
    results: dict[int, Result] = {}
    errors: list[BaseException] = []
    news = Condition()

    def work_on_one() -> bool:
        try:
            number, task = waiting.popleft()
        except IndexError:
            return False
        try:
            results[number] = function(task)
        except BaseException as error:
            errors.append(error)
            waiting.clear()
        with news:
            news.notify_all()
        return True

    def work() -> None:
        while work_on_one():
            pass

    # This thread works too, and takes its tasks itself: a pool hands each task and each result
    # from thread to thread, and every hand-over waits for Python's lock.
    others = [Thread(target=work) for _ in range(min(n_threads, n_tasks) - 1)]
    try:
        for other in others:
            other.start()
        for number in range(n_tasks):
            while number not in results:
                if errors:
                    raise errors[0]
                if not work_on_one():  # what is missing is in the hands of another thread
                    with news:
                        while number not in results and not errors:
                            news.wait()
            yield results.pop(number)
    finally:
        waiting.clear()
        for other in others:
            other.join()


@functools.lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    # Looking for the loaded libraries takes milliseconds, so it is done once: SciPy's and NumPy's
    # own copies of OpenBLAS are both loaded by the imports above.
    import scipy.linalg  # noqa: F401

    return ThreadpoolController().select(user_api="blas")


def single_blas_thread() -> AbstractContextManager[Any]:
    """Give BLAS one thread inside a ``with`` block.

    For products inside blocks that already run on threads, and for many small products, where BLAS
    threads spin against each other.
    """
    return _blas().limit(limits=1)


@kernel
def _finite(
    values,  # (n,) in
):
    # 0 * x is 0 for every finite x, and NaN for NaN and infinity: one test at the end.
    zero = 0.0
    for i in range(values.shape[0]):
        zero += values[i] * 0.0
    return zero == 0.0


def all_finite(X: np.ndarray) -> bool:
    """Tell whether a C-contiguous array holds neither NaN nor infinity.

    One thread reads as fast as the memory delivers: a second one gained nothing (LOG.md).

    Parameters
    ----------
    X : ndarray of any shape, C-contiguous, float64 or float32
        The values.

    Returns
    -------
    bool

    Examples
    --------
    >>> all_finite(np.array([1.0, np.inf]))
    False
    """
    flat = X.reshape(-1)
    if flat.shape[0] < 50_000 or flat.dtype != np.float64:
        return bool(np.isfinite(flat).all())
    flat.flags.writeable = False  # a view of its own: one signature of the kernel
    return bool(_finite(flat))
