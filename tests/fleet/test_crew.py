"""The crew: as many at a time as was said, and none once it is stopped."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import Any

import pytest

from autodiff.fleet.pool import WorkerPool


def test_the_bound_is_held_and_used() -> None:
    """Four work at once, and never five."""
    lock = threading.Lock()
    now, most = 0, 0
    together = threading.Barrier(4, timeout=10)

    def work(item: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait()
        time.sleep(0.01)
        with lock:
            now -= 1
        return item * 2

    crew: WorkerPool[int, int] = WorkerPool(work, 4)
    assert crew.run_all(range(20)) == {number: number * 2 for number in range(20)}
    assert most == 4


def test_nothing_is_begun_after_a_stop() -> None:
    """What is under way comes to its end; the rest is missing."""
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 3:
            crew.stop()
        return item

    crew: WorkerPool[int, int] = WorkerPool(work, 1)
    assert crew.run_all(range(10)) == {0: 0, 1: 1, 2: 2, 3: 3}
    assert crew.run_all(range(10)) == {}
    assert begun == [0, 1, 2, 3]


def test_work_sees_the_context_of_the_caller() -> None:
    """Context variables hold in the threads, and what is set there stays there."""
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(1)

    def work(item: int) -> int:
        found = variable.get()
        variable.set(item + 100)
        return found

    assert WorkerPool(work, 1).run_all([0])[0] == 1
    assert variable.get() == 1


def test_a_bug_is_raised_in_the_caller() -> None:
    """It ends the crew, and is not lost in a thread."""

    def work(item: int) -> Any:
        raise ZeroDivisionError(item)

    with pytest.raises(ZeroDivisionError):
        WorkerPool(work, 2).run_all(range(5))


def test_an_interrupt_waits_and_the_second_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C what is under way comes to its end; a second one leaves it."""
    going = threading.Event()
    crew: WorkerPool[int, int] = WorkerPool(lambda item: going.wait(10) and item, 1)
    presses = 0

    def pressed(end: threading.Event) -> bool:
        nonlocal presses
        presses += 1
        if presses == 1:
            going.set()
            raise KeyboardInterrupt
        return end.wait(0.1)

    monkeypatch.setattr("autodiff.fleet.pool._wait_briefly", pressed)
    assert crew.run_all([7, 8]) == {0: 7}
    assert crew.interrupted
    presses = 0
    leaving: WorkerPool[int, int] = WorkerPool(lambda item: time.sleep(0.5) or item, 1)
    leaving.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        leaving.run_all([1])
