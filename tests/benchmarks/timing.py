"""Two ways to do one thing, timed in turn, so that what else the machine does hits both alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import median

__all__ = ["Grown", "Row", "Seconds", "in_turn", "seconds"]

Work = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Seconds of each round, in their order."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: a work on a database, and the seconds of both sides.

    `theirs` is None where Alembic has nothing like it; `limit` is what no tool can be under.
    """

    work: str
    database: str
    ours: Seconds
    theirs: Seconds | None = None
    limit: Seconds | None = None
    wanted: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as fast ours is, by the medians."""
        return self.theirs.median / self.ours.median if self.theirs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """What a comparison of so many tables takes: its own seconds, those of the bare queries, and
    megabytes at the top."""

    tables: int
    seconds: Seconds
    limit: Seconds
    megabytes: float


def in_turn(rounds: int, *works: Work) -> tuple[Seconds, ...]:
    """The seconds of each work, done one after the other in each round; one round before counts
    for nothing."""
    found: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 1):
        for work, times in zip(works, found, strict=True):
            taken = seconds(work)
            if number:
                times.append(taken)
    return tuple(Seconds(rounds=tuple(times)) for times in found)


def seconds(work: Work) -> float:
    """The seconds that it takes where autodiff begins as in a new process, with empty caches."""
    _forget()
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


_Cached = type(cache(seconds))


def _forget() -> None:
    for thing in gc.get_objects():
        if isinstance(thing, _Cached) and thing.__module__.startswith("autodiff."):
            thing.cache_clear()
