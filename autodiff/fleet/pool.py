"""Run pieces of work in several threads. This module knows nothing of databases."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

__all__ = ["WorkerPool"]

T = TypeVar("T")
R = TypeVar("R")

_POLL_SECONDS = 0.2
"""The limit of each wait: on Windows, Ctrl-C does not end a wait without a limit. It is short
enough that Ctrl-C feels immediate, and long enough to use no processor time."""


class WorkerPool(Generic[T, R]):
    """Runs `work` for items, at most `parallel` at a time; starts none after `stop` was called."""

    def __init__(self, work: Callable[[T], R], parallel: int) -> None:
        self._work = work
        self._parallel = parallel
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self.interrupted = False

    def stop(self) -> None:
        """Start no more work; let running work finish."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether no more work is started."""
        return self._stopped.is_set()

    def interrupt(self) -> None:
        """Start no more work, and ask running work to finish soon."""
        self.interrupted = True
        self.stop()

    def run_all(self, items: Sequence[T]) -> dict[int, R]:
        """Return the results by the index of their item, without items that were not started.

        Running work is waited for, also after Ctrl-C. A second Ctrl-C is raised as
        KeyboardInterrupt, and running work is abandoned.
        """
        results: dict[int, R] = {}
        waiting = iter(enumerate(items))
        count = min(self._parallel, len(items))
        finished = [threading.Event() for _ in range(count)]
        for number, event in enumerate(finished, 1):
            # Daemon threads, so that Python does not wait for them after the second Ctrl-C:
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(self._run_worker, waiting, results, event),
                name=f"autodiff-{number}",
                daemon=True,
            ).start()
        self._wait(finished)
        if self._error is not None:
            raise self._error
        return results

    def _run_worker(
        self, waiting: Iterator[tuple[int, T]], results: dict[int, R], finished: threading.Event
    ) -> None:
        try:
            while (next_item := self._next(waiting)) is not None:
                index, item = next_item
                results[index] = self._work(item)
        except BaseException as error:  # a bug in `work`: raised in the main thread by run_all
            self._error = error
            self.stop()
        finally:
            finished.set()

    def _next(self, waiting: Iterator[tuple[int, T]]) -> tuple[int, T] | None:
        with self._lock:
            return None if self.is_stopped else next(waiting, None)

    def _wait(self, finished: Sequence[threading.Event]) -> None:
        """Wait for all workers, by events: a Thread whose join was interrupted counts as ended."""
        while not all(event.is_set() for event in finished):
            try:
                for event in finished:
                    while not _wait_briefly(event):
                        pass
            except KeyboardInterrupt:
                if self.interrupted:
                    raise
                self.interrupt()


def _wait_briefly(event: threading.Event) -> bool:
    """Wait for an event for at most `_POLL_SECONDS`; return whether it has happened."""
    return event.wait(_POLL_SECONDS)
