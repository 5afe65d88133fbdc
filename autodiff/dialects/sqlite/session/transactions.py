"""Transactions of a migration on SQLite, which lock the database for writing at their start.

The lock over all migrations is a file beside the database, locked by the operating system: it is
free again when the process is gone, however it went.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from autodiff.dialects.migration_lock import Holder, Lock
from autodiff.dialects.timeouts import Limits
from autodiff.errors import DatabaseError

__all__ = ["FileLock", "as_it_was", "met_lock", "prepare_connection", "reading", "transaction"]


_LEGACY = getattr(sqlite3, "LEGACY_TRANSACTION_CONTROL", None)


def prepare_connection(connection: Connection) -> None:
    """Leaves BEGIN and COMMIT to autodiff: sqlite3 would otherwise commit before DDL, or (with
    autocommit=False, from Python 3.12 on) be in a transaction all the time.

    https://docs.python.org/3/library/sqlite3.html#transaction-control
    """
    driver = _driver(connection)
    if getattr(driver, "autocommit", _LEGACY) != _LEGACY:
        driver.autocommit = _LEGACY
    driver.isolation_level = None


@contextmanager
def as_it_was(connection: Connection) -> Iterator[None]:
    """Puts back what `prepare_connection` did: a pool gives the connection to the application."""
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


def _driver(connection: Connection) -> Any:
    """The driver's connection, or what SQLAlchemy puts around that of aiosqlite."""
    return connection.connection.dbapi_connection


def _leave_transaction(connection: Connection) -> None:
    """Ends what a listener of the application has begun: BEGIN on SQLAlchemy's "begin"."""
    if getattr(connection.connection.driver_connection, "in_transaction", False):
        connection.exec_driver_sql("ROLLBACK")


@contextmanager
def transaction(connection: Connection, limits: Limits) -> Iterator[None]:
    """BEGIN IMMEDIATE, foreign keys off; checked before COMMIT, restored afterwards.

    Foreign keys can be switched outside of a transaction alone, and while they are on, dropping
    a table deletes what points at it: https://www.sqlite.org/foreignkeys.html#fk_schemacommands
    """
    enforced = bool(connection.exec_driver_sql("PRAGMA foreign_keys").scalar())
    _leave_transaction(connection)
    before = _violations(connection)
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    patience = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    try:
        _wait_for_others(connection, limits)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
        _refuse_new_violations(connection, before)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience}")
        if enforced:
            _leave_transaction(connection)
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            connection.commit()


def _violations(connection: Connection) -> Counter[tuple[str, str]]:
    """How many rows of each table point at nothing in another; rebuilds give them other ids."""
    try:
        rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except Exception:  # a key points at a table without such a unique column: nothing to count
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


@contextmanager
def reading(connection: Connection, seconds: float) -> Iterator[None]:
    """One snapshot, and nothing can be written; a statement is stopped after so many seconds."""
    connection.rollback()
    driver = connection.connection.driver_connection
    limit = _Limit(seconds)
    connection.exec_driver_sql("PRAGMA query_only = ON")
    if isinstance(driver, sqlite3.Connection):
        driver.set_progress_handler(limit.passed, 10_000)
        driver.set_trace_callback(limit.begin)
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


class _Limit:
    """Stops a statement that takes too long: SQLite asks each so many steps."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def begin(self, statement: str) -> None:
        self._until = time.monotonic() + self._seconds

    def passed(self) -> int:
        return int(time.monotonic() > self._until)


def _wait_for_others(connection: Connection, limits: Limits) -> None:
    """How long to wait while another program writes; statements have no limit.

    https://www.sqlite.org/pragma.html#pragma_busy_timeout
    """
    if limits.lock:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(limits.lock * 1000)}")


def met_lock(error: BaseException) -> bool:
    """SQLITE_BUSY: another program is writing."""
    return isinstance(error, sqlite3.OperationalError) and "database is locked" in str(error)


class FileLock(Lock):
    """A lock on the file NAME.autodiff-lock beside the database; in memory none is needed."""

    def __init__(self, connection: Connection) -> None:
        files = connection.exec_driver_sql("PRAGMA database_list").all()
        connection.rollback()
        main = next((row[2] for row in files if row[1] == "main"), "")
        self._path = Path(f"{main}.autodiff-lock") if main else None
        self._file: int | None = None

    def take(self, who: str) -> bool:
        """One try; `who` is written into the file."""
        if self._path is None:
            return True
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise DatabaseError(
                f"cannot write {self._path}: {error.strerror}",
                hint="SQLite itself needs a folder that it may write to",
            ) from error
        if not _lock(file) or not _is_at(file, self._path):
            os.close(file)
            return False
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        os.ftruncate(file, 0)
        os.write(file, f"{now}\n{who}\n".encode())
        self._file = file
        return True

    def release(self) -> None:
        """Removes the file while it is still ours, and closes it."""
        if self._file is None or self._path is None:
            return
        with suppress(OSError):
            self._path.unlink()
        os.close(self._file)
        self._file = None

    def holder(self) -> Holder | None:
        """What the file says."""
        try:
            since, who = self._path.read_text().splitlines()[:2] if self._path else ("", "")
            return Holder(who=who, since=dt.datetime.fromisoformat(since))
        except (OSError, ValueError):  # just given back, or not written yet
            return None


def _is_at(file: int, path: Path) -> bool:
    """Whether the open file is still the one of that name: who held it removed it at the end."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        """Whether the file is locked for this process now."""
        try:
            os.lseek(file, 1 << 20, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(file, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _lock(file: int) -> bool:
        """Whether the file is locked for this process now."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
