"""Sessions of SQLite, whose transactions lock the database for writing at their start."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff.dialects.session import Session
from autodiff.dialects.timeouts import NO_LIMITS, Limits
from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.sqlite.session.script import SqliteWriter

__all__ = ["SQLiteSession"]

_LEGACY = getattr(sqlite3, "LEGACY_TRANSACTION_CONTROL", None)
_STEPS = 10_000
"""Steps of SQLite's virtual machine between two checks of the time: well under a millisecond."""


class SQLiteSession(Session):
    """Transactions and limits of a SQLite connection."""

    def prepare(self, connection: Connection) -> None:
        """Leave BEGIN and COMMIT to autodiff.

        sqlite3 would otherwise commit before DDL, or, with autocommit=False from Python 3.12 on,
        always be in a transaction.
        https://docs.python.org/3/library/sqlite3.html#transaction-control
        """
        driver = _driver(connection)
        if getattr(driver, "autocommit", _LEGACY) != _LEGACY:
            driver.autocommit = _LEGACY
        driver.isolation_level = None

    @contextmanager
    def preserve(self, connection: Connection) -> Iterator[None]:
        """Undo what `prepare` did: a pool gives the connection to the application."""
        driver = _driver(connection)
        level = driver.isolation_level
        control = getattr(driver, "autocommit", _LEGACY)
        try:
            yield
        finally:
            if not connection.closed and not connection.invalidated:
                connection.rollback()
                driver.isolation_level = level
                if control != _LEGACY:
                    driver.autocommit = control

    @contextmanager
    def transaction(self, connection: Connection, limits: Limits = NO_LIMITS) -> Iterator[None]:
        """Run BEGIN IMMEDIATE with foreign keys off, and check them before COMMIT.

        Foreign keys can only be switched outside of a transaction. While they are on, dropping
        a table deletes the rows that refer to it.
        https://www.sqlite.org/foreignkeys.html#fk_schemacommands
        """
        enforced = bool(connection.exec_driver_sql("PRAGMA foreign_keys").scalar())
        _leave_transaction(connection)
        before = _violations(connection)
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        busy_timeout = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
        try:
            _set_busy_timeout(connection, limits)
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield
            _refuse_new_violations(connection, before)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {busy_timeout}")
            if enforced:
                _leave_transaction(connection)
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")
                connection.commit()

    @contextmanager
    def read_only_transaction(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Read one snapshot; a statement is stopped after so many seconds."""
        connection.rollback()
        driver = connection.connection.driver_connection
        deadline = _StatementDeadline(seconds)
        connection.exec_driver_sql("PRAGMA query_only = ON")
        if isinstance(driver, sqlite3.Connection):
            driver.set_progress_handler(deadline.has_passed, _STEPS)
            driver.set_trace_callback(deadline.restart)
        connection.exec_driver_sql("BEGIN")
        try:
            yield
        finally:
            if isinstance(driver, sqlite3.Connection):
                driver.set_progress_handler(None, 0)
                driver.set_trace_callback(None)
            connection.rollback()
            connection.exec_driver_sql("PRAGMA query_only = OFF")
            connection.rollback()

    @contextmanager
    def read_only(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Read within the open transaction; all statements together may take so many seconds."""
        begun = connection.in_transaction()
        driver: Any = connection.connection.driver_connection
        end = time.monotonic() + seconds
        before = connection.exec_driver_sql("PRAGMA query_only").scalar_one()
        connection.exec_driver_sql("PRAGMA query_only = ON")
        driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        try:
            yield
        finally:
            driver.set_progress_handler(None, 0)
            connection.exec_driver_sql(f"PRAGMA query_only = {before}")
            if not begun:
                connection.rollback()

    def migration_lock(self, connection: Connection, schema: str | None) -> Lock:
        from autodiff.dialects.sqlite.session.locks import FileLock

        return FileLock(connection)

    def is_lock_conflict(self, error: BaseException) -> bool:
        """Return whether the error is SQLITE_BUSY: another program is writing."""
        return isinstance(error, sqlite3.OperationalError) and "database is locked" in str(error)

    def script_writer(self) -> SqliteWriter:
        from autodiff.dialects.sqlite.session.script import SqliteWriter

        return SqliteWriter(self.dialect)


def _driver(connection: Connection) -> Any:
    """Return the driver's connection; for aiosqlite the adapter that SQLAlchemy puts around it."""
    return connection.connection.dbapi_connection


def _leave_transaction(connection: Connection) -> None:
    """End a transaction that an application's listener has begun on SQLAlchemy's "begin"."""
    if getattr(connection.connection.driver_connection, "in_transaction", False):
        connection.exec_driver_sql("ROLLBACK")


def _violations(connection: Connection) -> Counter[tuple[str, str]]:
    """Count the rows of each table that refer to no row; rebuilds change their row ids."""
    try:
        rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except Exception:  # a key refers to a column that is not unique: there is nothing to count
        connection.rollback()
        return Counter()
    return Counter((row[0], row[2]) for row in rows)


def _refuse_new_violations(connection: Connection, before: Counter[tuple[str, str]]) -> None:
    new = sorted(_violations(connection) - before)
    if new:
        pairs = ", ".join(f"{child} -> {parent}" for child, parent in new)
        raise DatabaseError(
            f"the migration leaves rows that point at nothing: {pairs}",
            hint="PRAGMA foreign_key_check lists them; repair the rows in the migration",
        )


class _StatementDeadline:
    """Stops a statement that takes too long; each statement restarts the time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def restart(self, statement: str) -> None:
        self._until = time.monotonic() + self._seconds

    def has_passed(self) -> int:
        return int(time.monotonic() > self._until)


def _set_busy_timeout(connection: Connection, limits: Limits) -> None:
    """Set how long to wait while another program writes; statements have no limit.

    https://www.sqlite.org/pragma.html#pragma_busy_timeout
    """
    if limits.lock:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(limits.lock * 1000)}")
