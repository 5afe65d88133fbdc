"""Measure the locks and rewrites of statements of PostgreSQL.

Locks are read from pg_locks on a second connection, before the transaction ends. A table or an
index was rewritten if it has another file afterwards.
https://www.postgresql.org/docs/current/view-pg-locks.html
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.meter import Effects, Meter, TableLock
from autodiff.dialects.scope import OWN_TABLES

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["PostgreSQLMeter"]

_MOST_LOCKS = 50
"""A transaction keeps its locks, so reading them takes longer after each statement."""
_CREATED = re.compile(
    r"\s*CREATE\s+(?:TABLE\b|(?:UNIQUE\s+)?INDEX\s.*?\sON\s+(?:ONLY\s+)?"
    r'(?:(?:"(?:[^"]|"")*"|[\w$]+)\.)?(?P<table>"(?:[^"]|"")*"|[\w$]+)\s*(?:\(|USING\b))',
    re.IGNORECASE | re.DOTALL,
)
"""A new table, or an index on the table that is named."""
_OTHERS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_FILES = f"""
SELECT c.oid, n.nspname, c.relname, c.relkind IN ('i', 'I'), c.relfilenode, i.indrelid
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I') AND {_OTHERS}
"""
_LOCKS = f"""
SELECT l.virtualtransaction, c.oid, n.nspname, c.relname, c.relkind IN ('i', 'I'), l.mode, l.granted
FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = {{pid}} AND (NOT l.granted OR (l.locktype = 'relation' AND {_OTHERS}
  AND c.relkind IN ('r', 'p', 'm', 'i', 'I')))
"""
_MODES = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"),
    *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)
"""From the weakest to the strongest.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
"""
_BLOCKING = _MODES[_MODES.index("ShareLock") :]
"""The modes that block writes."""
_FIRST_LOCK_SECONDS = 1.0
"""How long a statement outside of a transaction may be held up until it asks for a lock."""
_PAUSE = 0.001


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    is_index: bool
    file: int
    table: int | None


@dataclass(frozen=True, slots=True)
class _Lock:
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
        self._quoted: dict[str, str] = {}
        self._pid = int(self._rows("SELECT pg_backend_pid()")[0][0])
        self._files: dict[int, _File] | None = None
        self._existing: dict[int, _File] = {}
        self._existing_names: set[str] = set()
        self._transaction: str | None = None
        self._held: frozenset[_Lock] = frozenset()
        self._watch: _Watch | None = None
        self._with_locks = True

    def begin(self, sql: str, *, with_locks: bool = True) -> str:
        self._stop_watching()
        if self._files is None:
            self._files = self._existing = self._read_files()
            names = (file.name for file in self._existing.values())
            self._existing_names = {name.rpartition(".")[2].replace('"', "") for name in names}
        elif with_locks and not self._with_locks:
            self._files = self._read_files()
            self._read_locks()
        self._with_locks = with_locks
        if not with_locks:
            return sql
        if _is_autocommit(self._connection):
            self._watch = _Watch(self._observer, self._pid, self._blocked_by(sql))
            self._watch.start()
            self._watch.ready.wait(_FIRST_LOCK_SECONDS)
        return sql

    def end(self, sql: str) -> Effects:
        if not self._with_locks:
            is_new = self._changes_only_new_tables(sql)
            return Effects(has_locks=False) if is_new else self._effects_on_files()
        if self._watch is not None:
            now, before = self._stop_watching(), frozenset[_Lock]()
        else:
            now, before = self._read_locks()
        files, self._files = self._files or {}, self._read_files()
        rewritten, built = _changed_files(self._existing, files, self._files)
        known = frozenset(lock for lock in now if lock.oid in self._existing)
        return Effects(
            locks=_strongest(known - before),
            held=_strongest(lock for lock in known & before if lock.mode in _BLOCKING),
            rewritten=rewritten,
            built=built,
        )

    def _changes_only_new_tables(self, sql: str) -> bool:
        """Return whether a statement has no effect on the files of what existed before."""
        created = _CREATED.match(sql)
        if created is None:
            return False
        table = created["table"]
        return table is None or table.replace('"', "") not in self._existing_names

    def _effects_on_files(self) -> Effects:
        """Return what a statement did, from the files that are newer than all known ones.

        The numbers of files come from a counter.
        https://www.postgresql.org/docs/current/storage-file-layout.html
        """
        before = self._files or {}
        newest = max((file.file for file in before.values()), default=0)
        new = self._read_files(f" AND c.relfilenode > {newest}")
        self._files = {**before, **new}
        rewritten, built = _changed_files(self._existing, before, new)
        return Effects(rewritten=rewritten, built=built, has_locks=False)

    def reset(self) -> None:
        self._stop_watching()
        self._files = None

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

    def _blocked_by(self, sql: str) -> list[str]:
        """Return the quoted names of the tables that a statement names, also by an index."""
        files = self._files or {}
        named = {oid for oid, file in files.items() if file.name.rpartition(".")[2] in sql}
        tables = {files[oid].table if files[oid].is_index else oid for oid in named}
        found = (files[oid].name for oid in tables if oid in files)
        return sorted(self._quoted[name] for name in found)

    def _read_files(self, condition: str = "") -> dict[int, _File]:
        rows = self._rows(_FILES + condition)
        quote = self._connection.dialect.identifier_preparer.quote_identifier
        default = self._default
        self._quoted |= {
            _shown(row[1], row[2], default): f"{quote(row[1])}.{quote(row[2])}" for row in rows
        }
        return {
            row[0]: _File(_shown(row[1], row[2], default), row[3], row[4], row[5])
            for row in rows
            if row[2] not in OWN_TABLES
        }

    def _rows(self, sql: str) -> Sequence[Any]:
        """Query on the driver's connection, so that no listener sees it."""
        cursor: Any = self._connection.connection.cursor()
        try:
            cursor.execute(sql)
            return list(cursor.fetchall())
        finally:
            cursor.close()


def _shown(schema: str, name: str, default: str | None) -> str:
    return name if schema == default else f"{schema}.{name}"


def _is_autocommit(connection: Connection) -> bool:
    return getattr(connection.connection.dbapi_connection, "autocommit", False) is True


def _changed_files(
    existing: dict[int, _File], before: dict[int, _File], after: dict[int, _File]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the rewritten tables and indexes, and the indexes that were built.

    Those on tables that did not exist before the migration are left out. ALTER TABLE can create an
    index again under its name, with a new number and the old file.
    """
    old_files = {file.file for file in before.values()}
    old_names = {file.name for file in before.values()}
    rewritten: list[str] = []
    built: list[str] = []
    for oid, file in after.items():
        owner = file.table if file.is_index else oid
        if not file.file or file.file in old_files or owner not in existing:
            continue
        if oid in before or file.name in old_names:
            rewritten.append(file.name)
        elif file.is_index:
            built.append(file.name)
    return tuple(sorted(rewritten)), tuple(sorted(built))


def _observed(observer: Connection, pid: int) -> list[Any]:
    return list(observer.exec_driver_sql(_LOCKS.format(pid=pid)).all())


def _as_locks(rows: Iterable[Any], default: str | None) -> frozenset[_Lock]:
    """Return the locks on tables, and the exclusive ones on indexes."""
    return frozenset(
        _Lock(row[1], _shown(row[2], row[3], default), row[4], row[5])
        for row in rows
        if row[1] is not None and row[5] in _MODES and (not row[4] or row[5] == _MODES[-1])
    )


def _strongest(locks: Iterable[_Lock]) -> tuple[TableLock, ...]:
    found: dict[int, _Lock] = {}
    for lock in locks:
        known = found.get(lock.oid)
        if known is None or _MODES.index(lock.mode) > _MODES.index(known.mode):
            found[lock.oid] = lock
    return tuple(
        TableLock(table=lock.name, mode=_in_words(lock.mode))
        for lock in sorted(found.values(), key=lambda lock: lock.name)
    )


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
