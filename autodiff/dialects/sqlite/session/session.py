"""Sessions of SQLite.

A transaction begins with BEGIN IMMEDIATE, which locks the database for writing. A plain BEGIN would
take that lock at the first write, which fails if another connection has written
since the first read.
https://www.sqlite.org/lang_transaction.html
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.dialects.session import KeyWatch, Session
from autodiff.dialects.sqlite.session.foreign_keys import (
    ForeignKeyWatch,
    forget_violations,
    keeping_violations,
)
from autodiff.dialects.sqlite.session.settings import run_pragma
from autodiff.dialects.timeouts import NO_LIMITS, Limits
from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.sqlite.session.script import SqliteWriter

__all__ = ["SQLiteSession"]

_LEGACY = getattr(sqlite3, "LEGACY_TRANSACTION_CONTROL", None)
_SHARED_WAIT = 30
"""How many seconds to wait for other processes that record something, each of them briefly."""
_STEPS = 10_000
"""Steps of SQLite's virtual machine between two checks of the time limit.

They take less than a millisecond, and the checks do not slow queries down measurably.
"""


class SQLiteSession(Session):
    """Transactions and limits of a SQLite connection."""

    def prepare(self, connection: Connection) -> None:
        """Disable the transaction control of the sqlite3 module: autodiff sends BEGIN and COMMIT.

        Otherwise the module begins transactions before some statements only, or, with
        autocommit=False (Python 3.12 and later), keeps a transaction open at all times.
        https://docs.python.org/3/library/sqlite3.html#transaction-control
        """
        driver = _driver(connection)
        if getattr(driver, "autocommit", _LEGACY) != _LEGACY:
            driver.autocommit = _LEGACY
        driver.isolation_level = None

    @contextmanager
    def preserve(self, connection: Connection) -> Iterator[None]:
        """Restore what `prepare` changed: the application may get the connection from a pool."""
        driver = _driver(connection)
        level = driver.isolation_level
        control = getattr(driver, "autocommit", _LEGACY)
        try:
            yield
        finally:
            if not connection.closed and not connection.invalidated:
                connection.rollback()
                driver = _driver(connection)  # another one if the connection was lost
                driver.isolation_level = level
                if control != _LEGACY:
                    driver.autocommit = control

    def current_schema(self, connection: Connection) -> str:
        return "main"  # a temporary table of the same name would come first

    def read_settings(self, connection: Connection) -> Mapping[str, str]:
        from autodiff.dialects.sqlite.session.settings import read_settings

        return read_settings(connection)

    def restore_settings(
        self, connection: Connection, before: Mapping[str, str], own_tables: Sequence[str]
    ) -> None:
        from autodiff.dialects.sqlite.session.settings import restore_settings

        restore_settings(connection, before)

    @contextmanager
    def transaction(
        self, connection: Connection, limits: Limits = NO_LIMITS, *, changes_anything: bool = True
    ) -> Iterator[KeyWatch]:
        """Run BEGIN IMMEDIATE with foreign keys off, and check foreign keys before COMMIT.

        A check reads all rows with foreign keys, so there is none if no key can be broken.

        SQLite ignores PRAGMA foreign_keys inside a transaction, so it is set before BEGIN. While
        foreign keys are on, dropping a table deletes the rows that refer to it.
        https://www.sqlite.org/foreignkeys.html#fk_schemacommands
        """
        # By SQLAlchemy, so that a listener begins its transaction now and not before BEGIN.
        enforced = bool(connection.exec_driver_sql("PRAGMA foreign_keys").scalar())
        _leave_transaction(connection)
        if enforced:
            run_pragma(connection, "foreign_keys = OFF")
        busy_timeout = run_pragma(connection, "busy_timeout")[0][0]
        try:
            _set_busy_timeout(connection, limits)
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            watch = ForeignKeyWatch(connection)
            if changes_anything:
                watch.before_anything()
            yield watch
            watch.refuse_new_violations(enforced=enforced)
            if not self.transaction_is_open(connection):
                raise DatabaseError(
                    "the transaction was ended before its time, and nothing was recorded",
                    hint="remove COMMIT and ROLLBACK from what runs in it",
                )
            connection.commit()
        except BaseException:
            connection.rollback()
            forget_violations(connection)
            raise
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {busy_timeout}")
            if enforced:
                _leave_transaction(connection)
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")
                connection.commit()

    @contextmanager
    def checking_keys(self, connection: Connection) -> Iterator[None]:
        if connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
            yield  # SQLite checks them
            return
        watch = ForeignKeyWatch(connection)
        watch.before_anything()
        try:
            yield
            hint = "each step in op.autocommit() must keep the keys: change the rows in that order"
            watch.refuse_new_violations(enforced=False, hint=hint)
        except BaseException:
            forget_violations(connection)
            raise

    @contextmanager
    def recording(self, connection: Connection) -> Iterator[None]:
        with keeping_violations(connection):
            yield

    @contextmanager
    def autocommit(self, connection: Connection, limits: Limits | None = None) -> Iterator[None]:
        try:
            with super().autocommit(connection, limits):
                yield
        except BaseException:
            forget_violations(connection)
            raise

    def transaction_is_open(self, connection: Connection) -> bool:
        return bool(getattr(connection.connection.driver_connection, "in_transaction", True))

    def share_records(self, engine: Engine) -> None:
        """Wait for other writers, but not for the disk: only a power failure can lose the file.

        There is no write-ahead log, which does not work on a network file system.

        https://www.sqlite.org/pragma.html#pragma_synchronous
        """
        from sqlalchemy import event

        @event.listens_for(engine, "connect")
        def set_up(connection: Any, record: object) -> None:
            connection.execute(f"PRAGMA busy_timeout = {_SHARED_WAIT * 1000}")
            connection.execute("PRAGMA synchronous = OFF")

    @contextmanager
    def read_only_transaction(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Read from one snapshot, and stop each statement that takes longer than `seconds`."""
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
        """Read within the open transaction; `seconds` limits all statements together."""
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

    def migration_lock(
        self, connection: Connection, schema: str | None, history_table: str = HISTORY_TABLE
    ) -> Lock:
        from autodiff.dialects.sqlite.session.locks import FileLock

        return FileLock(connection, history_table)

    def is_lock_conflict(self, error: BaseException) -> bool:
        """Return whether the error is SQLITE_BUSY: another program is writing."""
        return isinstance(error, sqlite3.OperationalError) and "database is locked" in str(error)

    def script_writer(self, history_table: str = HISTORY_TABLE) -> SqliteWriter:
        from autodiff.dialects.sqlite.session.script import SqliteWriter

        return SqliteWriter(self.dialect, history_table)


def _driver(connection: Connection) -> Any:
    """Return the driver's connection; for aiosqlite, SQLAlchemy's adapter."""
    return connection.connection.dbapi_connection


def _leave_transaction(connection: Connection) -> None:
    """End a transaction that a listener of the application began on SQLAlchemy's "begin" event.

    SQLAlchemy's documentation recommends such a listener for SQLite.
    https://docs.sqlalchemy.org/en/20/dialects/sqlite.html
    """
    if getattr(connection.connection.driver_connection, "in_transaction", False):
        connection.exec_driver_sql("ROLLBACK")


class _StatementDeadline:
    """The time limit of a statement; each statement restarts it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def restart(self, statement: str) -> None:
        self._until = time.monotonic() + self._seconds

    def has_passed(self) -> int:
        return int(time.monotonic() > self._until)


def _set_busy_timeout(connection: Connection, limits: Limits) -> None:
    """Set how long to wait while another program writes. SQLite has no limit for statements.

    https://www.sqlite.org/pragma.html#pragma_busy_timeout
    """
    if limits.lock:
        run_pragma(connection, f"busy_timeout = {round(limits.lock * 1000)}")
