"""Transactions of a migration on SQLite, which lock the database for writing at their start."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection

from autodiff.errors import DatabaseError

__all__ = ["prepare_connection", "reading", "transaction"]


def prepare_connection(connection: Connection) -> None:
    """Leaves BEGIN and COMMIT to autodiff: sqlite3 would otherwise commit before DDL."""
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.isolation_level = None


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE, foreign keys off; checked before COMMIT, restored afterwards.

    Foreign keys can be switched outside of a transaction alone, and while they are on, dropping
    a table deletes what points at it: https://www.sqlite.org/foreignkeys.html#fk_schemacommands
    """
    enforced = bool(connection.exec_driver_sql("PRAGMA foreign_keys").scalar())
    before = _violations(connection)
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
        _refuse_new_violations(connection, before)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        if enforced:
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
