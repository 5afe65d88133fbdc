"""Transactions of a migration on MySQL and MariaDB, where DDL commits by itself."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

__all__ = ["keys_aside", "limited", "reading", "transaction", "usual_escapes"]

_PLAIN = "NO_BACKSLASH_ESCAPES"


def usual_escapes(sql_mode: str) -> str:
    """The sql_mode in which a backslash in a string is an escape, as our statements have it.

    https://dev.mysql.com/doc/refman/en/sql-mode.html#sqlmode_no_backslash_escapes
    """
    return ",".join(mode for mode in sql_mode.split(",") if mode and mode != _PLAIN)


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """BEGIN and COMMIT around data statements; ROLLBACK on any error.

    Each DDL statement commits what came before it, and itself; a rollback takes back only the
    data statements after the last one. `foreign_key_checks` and `sql_mode` are at the end what they
    were before.
    https://dev.mysql.com/doc/refman/en/implicit-commit.html
    """
    with connection.begin():
        checks, mode = connection.exec_driver_sql("SELECT @@foreign_key_checks, @@sql_mode").one()
        if _PLAIN in mode:
            connection.exec_driver_sql(f"SET sql_mode = '{usual_escapes(mode)}'")
        try:
            yield
        finally:
            with suppress(SQLAlchemyError):
                connection.exec_driver_sql(f"SET foreign_key_checks = {int(checks)}")
                if _PLAIN in mode:
                    connection.exec_driver_sql(f"SET sql_mode = '{mode}'")


@contextmanager
def reading(connection: Connection, seconds: float, *, is_mariadb: bool) -> Iterator[None]:
    """One snapshot, read-only; rolled back. The limit is the connection's, and is put back."""
    connection.rollback()
    try:
        with limited(connection, seconds, is_mariadb=is_mariadb):
            connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            yield
    finally:
        connection.rollback()


@contextmanager
def limited(connection: Connection, seconds: float, *, is_mariadb: bool) -> Iterator[None]:
    """Each statement limited in time, on MySQL each SELECT; the session is then as it was.

    https://mariadb.com/kb/en/aborting-statements/
    https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html#sysvar_max_execution_time
    """
    name, limit = (
        ("max_statement_time", f"{max(seconds, 0.001):.3f}")
        if is_mariadb
        else ("max_execution_time", f"{max(int(seconds * 1000), 1)}")
    )
    before = connection.exec_driver_sql(f"SELECT @@SESSION.{name}").scalar_one()
    connection.exec_driver_sql(f"SET SESSION {name} = {limit}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SET SESSION {name} = {before}")


@contextmanager
def keys_aside(connection: Connection) -> Iterator[None]:
    """No foreign key is looked at meanwhile."""
    connection.exec_driver_sql("SET foreign_key_checks = 0")
    try:
        yield
    finally:
        connection.exec_driver_sql("SET foreign_key_checks = 1")
