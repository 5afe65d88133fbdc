"""Several threads that take one piece of work after the other. It knows nothing of databases."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
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
        ends = [threading.Event() for _ in range(count)]
        for number, end in enumerate(ends, 1):
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(self._take, waiting, results, end),
                name=f"autodiff-{number}",
                daemon=True,
            ).start()
        self._wait(ends)
        if self._broken is not None:
            raise self._broken
        return results

    def _take(
        self, waiting: Iterator[tuple[int, T]], results: dict[int, R], end: threading.Event
    ) -> None:
        try:
            while (next_one := self._next(waiting)) is not None:
                place, item = next_one
                results[place] = self._work(item)
        except BaseException as error:  # a bug: told where it is seen, not in a thread
            self._broken = error
            self.stop()
        finally:
            end.set()

    def _next(self, waiting: Iterator[tuple[int, T]]) -> tuple[int, T] | None:
        with self._lock:
            return None if self.is_stopped else next(waiting, None)

    def _wait(self, ends: Sequence[threading.Event]) -> None:
        """Events, since an interrupted Thread.join takes the thread for ended."""
        while not all(end.is_set() for end in ends):
            try:
                for end in ends:
                    while not _waited(end):
                        pass
            except KeyboardInterrupt:
                if self.interrupted:
                    raise
                self.interrupt()


def _waited(end: threading.Event) -> bool:
    """Waits with a limit, or Ctrl-C would not get through on Windows."""
    return end.wait(0.2)
