"""Several threads that take one piece of work after the other. It knows nothing of databases."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Crew"]

T = TypeVar("T")
R = TypeVar("R")


class Crew(Generic[T, R]):
    """At most `parallel` pieces of work at a time; none is begun once `stop` was called."""

    def __init__(self, work: Callable[[T], R], parallel: int) -> None:
        self._work = work
        self._parallel = parallel
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._broken: BaseException | None = None
        self.interrupted = False

    def stop(self) -> None:
        """Nothing more is begun; what is under way comes to its end."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is begun."""
        return self._stopped.is_set()

    def interrupt(self) -> None:
        """As `stop`, and what is under way is asked to come to an end soon."""
        self.interrupted = True
        self.stop()

    def do(self, items: Sequence[T]) -> dict[int, R]:
        """The results, by the place of their item; those that were not begun are missing.

        Waits for what is under way, also after Ctrl-C; the second one is raised, and leaves it.
        """
        results: dict[int, R] = {}
        waiting = iter(enumerate(items))
        count = min(self._parallel, len(items))
        # Daemons, so that after the second Ctrl-C Python does not wait for them.
        threads = [
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(self._take, waiting, results),
                name=f"autodiff-{number}",
                daemon=True,
            )
            for number in range(1, count + 1)
        ]
        for thread in threads:
            thread.start()
        self._wait(threads)
        if self._broken is not None:
            raise self._broken
        return results

    def _take(self, waiting: enumerate[T], results: dict[int, R]) -> None:
        while True:
            with self._lock:
                place, item = (-1, None) if self.is_stopped else next(waiting, (-1, None))
            if item is None:
                return
            try:
                results[place] = self._work(item)
            except BaseException as error:  # a bug: told where it is seen, not in a thread
                self._broken = error
                self.stop()

    def _wait(self, threads: Sequence[threading.Thread]) -> None:
        for thread in threads:
            while thread.is_alive():
                try:
                    thread.join(0.2)  # with a limit, or Ctrl-C would not get through on Windows
                except KeyboardInterrupt:
                    if self.interrupted:
                        raise
                    self.interrupt()
