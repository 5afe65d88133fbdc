"""Measure what a statement does to a scratch database: its locks, rewrites and algorithm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

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
    algorithm: how MySQL or MariaDB changed the table: INSTANT, NOCOPY, INPLACE or COPY.
    lock: NONE if other sessions can read and write meanwhile, SHARED if they can read.
    """

    locks: tuple[TableLock, ...] = ()
    held: tuple[TableLock, ...] = ()
    rewritten: tuple[str, ...] = ()
    built: tuple[str, ...] = ()
    algorithm: str | None = None
    lock: str | None = None

    def __bool__(self) -> bool:
        return any((self.locks, self.held, self.rewritten, self.built, self.algorithm))

    def facts(self) -> Iterator[tuple[str, str, str]]:
        """Yield the key, the value and the sentence of each fact."""
        for lock in self.locks:
            yield "lock", lock.mode, f"takes {_article(lock.mode)} {lock.mode} lock on {lock.table}"
        for lock in self.held:
            yield (
                "held_lock",
                lock.mode,
                f"runs while an earlier statement holds {_article(lock.mode)} {lock.mode} lock on "
                f"{lock.table}",
            )
        if self.rewritten:
            yield "rewritten", ", ".join(self.rewritten), f"rewrites {', '.join(self.rewritten)}"
        if self.built:
            yield "built", ", ".join(self.built), f"builds {', '.join(self.built)}"
        if self.algorithm is not None:
            yield (
                "algorithm",
                self.algorithm,
                f"runs with ALGORITHM={self.algorithm}, {_WORDS.get(self.lock or '', '')}",
            )


_WORDS = {
    "": "and the server chooses the lock",
    "NONE": "and others can read and write meanwhile (LOCK=NONE)",
    "SHARED": "and writes wait until it is done (LOCK=SHARED)",
    "EXCLUSIVE": "and reads and writes wait until it is done (LOCK=EXCLUSIVE)",
}


def _article(mode: str) -> str:
    return "an" if mode[:1] in "AE" else "a"


class Meter(ABC):
    """Measures statements on the connection to a scratch database, one after the other."""

    @abstractmethod
    def begin(self, sql: str) -> str:
        """Prepare for a statement, and return the SQL to send, which has the same effect."""

    @abstractmethod
    def end(self, sql: str) -> Effects:
        """Return what the statement did; it is called only if the statement succeeded."""

    def reset(self) -> None:  # noqa: B027
        """Forget the last statement: it failed, or others were run that were not measured."""

    def close(self) -> None:  # noqa: B027
        """Close what was opened."""
