"""Results in the order of their tasks, handed on while later tasks are still being worked on.

A forest is watched in batches of trees.  Threads that stopped at the end of every batch would wait
there for the slowest tree, so here they go on to the next task while the caller looks at what is
ready.  What the caller sees depends neither on the number of threads nor on which one was faster.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from threading import Condition, Thread
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Task], Result], tasks: Iterable[Task], n_threads: int
) -> Generator[Result, None, None]:
    """Yield ``function(task)`` for every task, in the order of the tasks.

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
