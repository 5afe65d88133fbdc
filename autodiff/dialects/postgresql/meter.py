"""Measure the locks and rewrites of statements of PostgreSQL.

Locks are read from pg_locks on a second connection, before the transaction ends.
https://www.postgresql.org/docs/current/view-pg-locks.html
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.meter import Effects, Meter, TableLock
from autodiff.dialects.postgresql.files import NOT_OF_SERVER, FileTracker, shown_name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["PostgreSQLMeter"]

_MOST_LOCKS = 25
"""A transaction keeps its locks, so reading them takes longer after each statement."""
_LOCKS = f"""
SELECT l.virtualtransaction, c.oid, n.nspname, c.relname, c.relkind IN ('i', 'I'), l.mode, l.granted
FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = {{pid}} AND (NOT l.granted OR (l.locktype = 'relation' AND {NOT_OF_SERVER}
  AND c.relkind IN ('r', 'p', 'm', 'i', 'I')))
"""
_MODES = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"),
    *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)
"""From the weakest to the strongest.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
"""
_STRENGTH = {mode: strength for strength, mode in enumerate(_MODES)}
_STRONGEST = _MODES[-1]
_BLOCKING = frozenset(_MODES[_MODES.index("ShareLock") :])
"""The modes that block writes."""
_FIRST_LOCK_SECONDS = 1.0
"""How long a statement outside of a transaction may be held up until it asks for a lock."""
_PAUSE = 0.001


class _Lock(NamedTuple):
    oid: int
    name: str
    is_index: bool
    mode: str


class PostgreSQLMeter(Meter):
    """Compares locks and files before and after each statement.

    A statement outside of a transaction releases its locks when it ends. A thread watches it, and
    holds it up until it asks for its first lock.
    """

    most_locks = _MOST_LOCKS

    def __init__(self, connection: Connection, observer: Connection) -> None:
        self._connection = connection
        self._observer = observer
        self._default = connection.dialect.default_schema_name
        self._pid = int(self._rows("SELECT pg_backend_pid()")[0][0])
        self._tracker: FileTracker | None = None
        self._transaction: str | None = None
        self._held: frozenset[_Lock] = frozenset()
        self._watch: _Watch | None = None
        self._with_locks = True

    def begin(self, sql: str, *, with_locks: bool = True) -> str:
        self._stop_watching()
        tracker = self._files()
        if with_locks and not self._with_locks:
            self._read_locks()
        self._with_locks = with_locks
        if with_locks and _is_autocommit(self._connection):
            self._watch = _Watch(self._observer, self._pid, self._blocked_by(tracker, sql))
            self._watch.start()
            self._watch.ready.wait(_FIRST_LOCK_SECONDS)
        return sql

    def end(self, sql: str) -> Effects:
        tracker = self._files()
        now, before = frozenset[_Lock](), frozenset[_Lock]()
        if self._watch is not None:
            now = self._stop_watching()
        elif self._with_locks:
            now, before = self._read_locks()
        rewritten, built = tracker.changes(sql)
        known = frozenset(lock for lock in now if lock.oid in tracker.existing)
        return Effects(
            locks=_strongest(known - before),
            held=_strongest(lock for lock in known & before if lock.mode in _BLOCKING),
            rewritten=rewritten,
            built=built,
            has_locks=self._with_locks,
        )

    def reset(self) -> None:
        self._stop_watching()
        self._tracker = None

    def close(self) -> None:
        self._stop_watching()
        with suppress(SQLAlchemyError):
            self._observer.close()

    def _read_locks(self) -> tuple[frozenset[_Lock], frozenset[_Lock]]:
        """Return the locks of the transaction, and those that it had after the last statement."""
        found = _observed(self._observer, self._pid)
        transaction = found[0][0] if found else None
        before = self._held if transaction == self._transaction else frozenset[_Lock]()
        self._transaction, self._held = transaction, _as_locks(found, self._default)
        return self._held, before

    def _stop_watching(self) -> frozenset[_Lock]:
        watch, self._watch = self._watch, None
        return frozenset() if watch is None else watch.stop()

    def _files(self) -> FileTracker:
        if self._tracker is None:
            self._tracker = FileTracker(self._rows, self._default)
        return self._tracker

    def _blocked_by(self, tracker: FileTracker, sql: str) -> list[str]:
        """Return the quoted names of the tables that a statement names, also by an index."""
        quote = self._connection.dialect.identifier_preparer.quote_identifier
        files = (tracker.files[oid] for oid in tracker.named_in(sql))
        return sorted(f"{quote(file.schema)}.{quote(file.name)}" for file in files)

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        """Query on the driver's connection, so that no listener sees it."""
        cursor: Any = self._connection.connection.cursor()
        try:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall())
        finally:
            cursor.close()


def _is_autocommit(connection: Connection) -> bool:
    return getattr(connection.connection.dbapi_connection, "autocommit", False) is True


def _observed(observer: Connection, pid: int) -> list[Any]:
    return list(observer.exec_driver_sql(_LOCKS.format(pid=pid)).all())


def _as_locks(rows: Iterable[Any], default: str | None) -> frozenset[_Lock]:
    """Return the locks on tables, and the exclusive ones on indexes."""
    return frozenset(
        _Lock(oid, shown_name(schema, name, default), is_index, mode)
        for _, oid, schema, name, is_index, mode, _ in rows
        if oid is not None and mode in _STRENGTH and (not is_index or mode == _STRONGEST)
    )


def _strongest(locks: Iterable[_Lock]) -> tuple[TableLock, ...]:
    found: dict[int, _Lock] = {}
    for lock in locks:
        known = found.get(lock.oid)
        if known is None or _STRENGTH[lock.mode] > _STRENGTH[known.mode]:
            found[lock.oid] = lock
    return tuple(
        TableLock(table=lock.name, mode=_in_words(lock.mode))
        for lock in sorted(found.values(), key=lambda lock: lock.name)
    )


@cache
def _in_words(mode: str) -> str:
    """Return a mode as LOCK TABLE spells it."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()


class _Watch(threading.Thread):
    """Collects the locks of a session while it runs a statement outside of a transaction."""

    def __init__(self, observer: Connection, pid: int, tables: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self.ready = threading.Event()
        self._done = threading.Event()
        self._observer = observer
        self._pid = pid
        self._tables = tables
        self._found: set[_Lock] = set()

    def stop(self) -> frozenset[_Lock]:
        """End the thread, and return the locks that it has seen."""
        self._done.set()
        self.join()
        return frozenset(self._found)

    def run(self) -> None:
        with suppress(SQLAlchemyError):
            try:
                if self._tables:
                    self._block()
                self.ready.set()
                self._until_it_waits()
            finally:
                self.ready.set()
                self._observer.exec_driver_sql("ROLLBACK")
            while not self._done.wait(_PAUSE):
                self._collect()

    def _block(self) -> None:
        """Take a lock for which the statement has to wait.

        It conflicts with the locks of CREATE INDEX CONCURRENTLY, VACUUM and stronger ones.
        """
        self._observer.exec_driver_sql("BEGIN")
        self._observer.exec_driver_sql(f"SET LOCAL lock_timeout = '{_FIRST_LOCK_SECONDS:g}s'")
        names = ", ".join(self._tables)
        self._observer.exec_driver_sql(
            f"LOCK TABLE {names} IN SHARE UPDATE EXCLUSIVE MODE",
            execution_options={"no_parameters": True},
        )

    def _until_it_waits(self) -> None:
        end = time.monotonic() + _FIRST_LOCK_SECONDS
        while not self._done.is_set() and time.monotonic() < end:
            if not self._tables or self._collect():
                return
            time.sleep(_PAUSE)

    def _collect(self) -> bool:
        """Note the locks, and return whether the session waits for one."""
        rows = _observed(self._observer, self._pid)
        self._found |= _as_locks(rows, self._observer.dialect.default_schema_name)
        return any(not row[6] for row in rows)
