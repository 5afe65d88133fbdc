"""Test the pool of workers: its limit, its stop and its interruption."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import Any

import pytest

from autodiff.fleet.pool import WorkerPool


def test_the_limit_is_used_and_not_exceeded() -> None:
    """Four items are processed at the same time, and never five."""
    lock = threading.Lock()
    active, peak = 0, 0
    barrier = threading.Barrier(4, timeout=10)

    def work(item: int) -> int:
        nonlocal active, peak
        with lock:
            active += 1
            peak = max(peak, active)
        barrier.wait()
        time.sleep(0.01)
        with lock:
            active -= 1
        return item * 2

    pool: WorkerPool[int, int] = WorkerPool(work, 4)
    assert pool.run_all(range(20)) == {number: number * 2 for number in range(20)}
    assert peak == 4


def test_no_work_starts_after_a_stop() -> None:
    """Work in progress is finished. The other items have no result."""
    started = []

    def work(item: int) -> int:
        started.append(item)
        if item == 3:
            pool.stop()
        return item

    pool: WorkerPool[int, int] = WorkerPool(work, 1)
    assert pool.run_all(range(10)) == {0: 0, 1: 1, 2: 2, 3: 3}
    assert pool.run_all(range(10)) == {}
    assert started == [0, 1, 2, 3]


def test_work_sees_the_context_of_the_caller() -> None:
    """Context variables are visible in the threads; changes stay there."""
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(1)

    def work(item: int) -> int:
        value = variable.get()
        variable.set(item + 100)
        return value

    assert WorkerPool(work, 1).run_all([0])[0] == 1
    assert variable.get() == 1


def test_an_exception_is_raised_in_the_caller() -> None:
    """It ends the pool, and is not lost in a thread."""

    def work(item: int) -> Any:
        raise ZeroDivisionError(item)

    with pytest.raises(ZeroDivisionError):
        WorkerPool(work, 2).run_all(range(5))


def test_only_a_second_interrupt_abandons_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first Ctrl-C, work in progress is finished; the second one abandons it."""
    release = threading.Event()
    pool: WorkerPool[int, int] = WorkerPool(lambda item: release.wait(10) and item, 1)
    presses = 0

    def interrupted_wait(end: threading.Event) -> bool:
        nonlocal presses
        presses += 1
        if presses == 1:
            release.set()
            raise KeyboardInterrupt
        return end.wait(0.1)

    monkeypatch.setattr("autodiff.fleet.pool._wait_briefly", interrupted_wait)
    assert pool.run_all([7, 8]) == {0: 7}
    assert pool.interrupted
    presses = 0
    interrupted_pool: WorkerPool[int, int] = WorkerPool(lambda item: time.sleep(0.5) or item, 1)
    interrupted_pool.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        interrupted_pool.run_all([1])
