"""Measure what a statement does to a scratch database: its locks, rewrites and algorithm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autodiff.utils.values import first_names

__all__ = ["Effects", "Meter", "TableLock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLock:
    """A lock on a table, an index or a materialized view that existed before the migration.

    mode: in the server's words, such as `ACCESS EXCLUSIVE`.
    """

    table: str
    mode: str

    def __str__(self) -> str:
        return f"{self.mode} on {self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What a statement did.

    locks: the strongest new lock on each object.
    held: the locks that earlier statements of the same transaction took and that are still held.
    rewritten: the tables and indexes that were written anew.
    built: the new indexes on tables that existed before.
    has_locks: whether the locks were measured; files and algorithms always are.
    algorithm: how MySQL or MariaDB changed the table: INSTANT, NOCOPY, INPLACE or COPY.
    lock: NONE if other sessions can read and write during the change, SHARED if they can only read.
    """

    locks: tuple[TableLock, ...] = ()
    held: tuple[TableLock, ...] = ()
    rewritten: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    has_locks: bool = True
    algorithm: str | None = None
    lock: str | None = None

    def __bool__(self) -> bool:
        found = (self.locks, self.held, self.rewritten, self.built, self.algorithm)
        return any(found) or not self.has_locks

    def facts(self) -> Iterator[tuple[str, str | bool, str]]:
        """Yield the key, the value and the sentence of each fact."""
        for mode, lock in _by_mode(self.locks):
            yield "lock", mode, f"takes {lock}"
        for mode, lock in _by_mode(self.held):
            yield "held_lock", mode, f"runs while an earlier statement holds {lock}"
        if not self.has_locks:
            yield "locks_not_measured", True, _NOT_MEASURED
        if self.rewritten:
            yield (
                "rewritten",
                ", ".join(self.rewritten),
                f"rewrites {first_names(self.rewritten, _SHOWN)}",
            )
        if self.built:
            yield "built", ", ".join(self.built), f"builds {first_names(self.built, _SHOWN)}"
        if self.algorithm is not None:
            yield (
                "algorithm",
                self.algorithm,
                f"runs with ALGORITHM={self.algorithm}, {_WORDS.get(self.lock or '', '')}",
            )


_NOT_MEASURED = (
    "has locks that were not measured: see those of the first statements with the same keywords"
)
_SHOWN = 8
"""How many names a line lists: a table can have many partitions."""
_WORDS = {
    "": "and the server chooses the lock",
    "NONE": "and others can read and write meanwhile (LOCK=NONE)",
    "SHARED": "and writes wait until it is done (LOCK=SHARED)",
    "EXCLUSIVE": "and reads and writes wait until it is done (LOCK=EXCLUSIVE)",
}


def _by_mode(locks: Sequence[TableLock]) -> Iterator[tuple[str, str]]:
    """Yield each mode, and the words for the locks of that mode."""
    for mode in dict.fromkeys(lock.mode for lock in locks):
        tables = [lock.table for lock in locks if lock.mode == mode]
        yield mode, f"{_article(mode)} {mode} lock on {first_names(tables, _SHOWN)}"


def _article(mode: str) -> str:
    return "an" if mode[:1] in "AE" else "a"


class Meter(ABC):
    """Measures statements on the connection to a scratch database, one after the other.

    most_locks: the statements with the same keywords whose locks are measured; None for all.
    """

    most_locks: int | None = None

    @abstractmethod
    def begin(self, sql: str, *, with_locks: bool = True) -> str:
        """Prepare for a statement, and return the SQL to send, which has the same effect."""

    @abstractmethod
    def end(self, sql: str) -> Effects:
        """Return what the statement did; it is called only if the statement succeeded."""

    def reset(self) -> None:  # noqa: B027
        """Forget the last statement: it failed, or others were run that were not measured."""

    def close(self) -> None:  # noqa: B027
        """Close what was opened."""
