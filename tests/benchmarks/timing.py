"""Timing of alternatives in turn, so that other load on the machine affects them equally."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from statistics import median
from types import ModuleType

__all__ = ["Grown", "Row", "Seconds", "clear_caches", "in_turn", "seconds"]

Work = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """The seconds of each round, in order."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return median(self.rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table: a benchmark on a database, and the seconds of both tools.

    theirs: None if Alembic has no equivalent.
    limit: the baseline, the time for work that no tool can avoid.
    wanted: the goal.
    """

    work: str
    database: str
    ours: Seconds
    theirs: Seconds | None = None
    limit: Seconds | None = None
    wanted: str = ""

    @property
    def ratio(self) -> float | None:
        """The median of Alembic divided by the median of autodiff."""
        return self.theirs.median / self.ours.median if self.theirs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """A comparison of a number of tables: seconds, baseline seconds and peak memory."""

    tables: int
    seconds: Seconds
    limit: Seconds
    megabytes: float


def in_turn(rounds: int, *works: Work) -> tuple[Seconds, ...]:
    """Return the seconds of each work, measured in turn after a warm-up round."""
    times_by_work: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 1):
        for work, times in zip(works, times_by_work, strict=True):
            taken = seconds(work)
            if number:
                times.append(taken)
    return tuple(Seconds(rounds=tuple(times)) for times in times_by_work)


def seconds(work: Work) -> float:
    """Return the seconds that a work takes with empty caches, as in a new process."""
    clear_caches()
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


_Cached = type(cache(seconds))


def clear_caches() -> None:
    """Empty the caches of all functions of autodiff, as in a new process."""
    for name, module in list(sys.modules.items()):
        if name.startswith("autodiff."):
            for item in _members(module):
                if isinstance(item, _Cached):
                    item.cache_clear()


def _members(module: ModuleType) -> Iterator[object]:
    """Yield what a module and its classes define."""
    for value in list(vars(module).values()):
        yield value
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield from vars(value).values()
