"""How many threads an operation of a network is worth."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from groundup._blocks import _blas, single_blas_thread, thread_count

#: Below so many floating-point operations, waking the other threads takes longer than the work.
SMALL_WORK = 1_000_000


def threads_for(n_operations: int) -> int:
    """Return 1 for little work, else all threads that may be used.

    Examples
    --------
    >>> threads_for(1000)
    1
    """
    return 1 if n_operations < SMALL_WORK else thread_count()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Do what `single_blas_thread` does, in a tenth of the time where it has been done already.

    A step of a network has dozens of products, and whoever trains it has limited BLAS around all
    of them.
    """
    if all(library.get_num_threads() == 1 for library in _blas().lib_controllers):
        return nullcontext()
    return single_blas_thread()
