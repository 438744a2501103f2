"""Results come in the order of their tasks, errors are passed on, and nothing goes on for ever."""

from __future__ import annotations

import threading
import time

import pytest

from groundup._blocks import in_order


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n_tasks", [0, 1, 2, 40])
def test_results_come_in_order(n_threads, n_tasks):
    def work(i):
        time.sleep(0.001 * (i % 3))  # later tasks finish before earlier ones
        return 10 * i

    assert list(in_order(work, range(n_tasks), n_threads)) == [10 * i for i in range(n_tasks)]


@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_error_is_raised_after_the_results_before_it(n_threads):
    def work(i):
        if i == 4:
            raise RuntimeError("four")
        return i

    results = in_order(work, range(10), n_threads)
    seen = []
    with pytest.raises(RuntimeError, match="four"):
        for result in results:
            seen.append(result)
    assert seen == list(range(len(seen)))
    assert len(seen) <= 4


def test_closing_drops_what_nobody_has_begun():
    begun = []

    def work(i):
        begun.append(i)
        time.sleep(0.005)
        return i

    before = threading.active_count()
    results = in_order(work, range(1000), 3)
    assert next(results) == 0
    results.close()
    assert threading.active_count() == before
    assert len(begun) < 100


def test_others_work_on_while_the_caller_looks():
    begun = []
    results = in_order(begun.append, range(20), 2)
    next(results)
    deadline = time.monotonic() + 10
    while len(begun) < 20 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert sorted(x for x in begun if x is not None) == list(range(20))
    assert list(results) == [None] * 19
