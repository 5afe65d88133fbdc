"""Sessions of MySQL and MariaDB, where each DDL statement commits."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.mysql.session.sql_mode import NO_BACKSLASH_ESCAPES, with_backslash_escapes
from autodiff.dialects.session import Session
from autodiff.dialects.timeouts import NO_LIMITS, Blocker, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy.engine import Connection

    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.mysql import MySQL
    from autodiff.dialects.mysql.session.script import MariadbWriter
    from autodiff.schema.objects import Name

__all__ = ["MySQLSession"]

_LONGEST = 31536000
"""The largest value of lock_wait_timeout: a year."""
_BLOCKERS = sa.text("""
SELECT p.id AS id, p.user AS user, p.host AS host, p.command AS command, p.info AS info,
       t.trx_started AS started
FROM information_schema.innodb_trx t
JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
WHERE p.id <> CONNECTION_ID() ORDER BY t.trx_started, p.id LIMIT 3
""")


class MySQLSession(Session):
    """Transactions and limits of a MySQL or MariaDB connection."""

    dialect: MySQL

    @contextmanager
    def transaction(self, connection: Connection, limits: Limits = NO_LIMITS) -> Iterator[None]:
        """Run BEGIN and COMMIT around data statements, or ROLLBACK on any error.

        Each DDL statement commits what came before it, and itself. A rollback only undoes the data
        statements after the last one. `foreign_key_checks` and `sql_mode` are restored.
        https://dev.mysql.com/doc/refman/en/implicit-commit.html
        """
        query = "SELECT @@foreign_key_checks, @@sql_mode"
        with connection.begin():
            checks, mode = connection.exec_driver_sql(query).one()
            if NO_BACKSLASH_ESCAPES in mode:
                connection.exec_driver_sql(f"SET sql_mode = '{with_backslash_escapes(mode)}'")

            def restore() -> None:
                connection.exec_driver_sql(f"SET foreign_key_checks = {int(checks)}")
                if NO_BACKSLASH_ESCAPES in mode:
                    connection.exec_driver_sql(f"SET sql_mode = '{mode}'")

            with _afterwards(restore), _session_variables(connection, self._limits(limits)):
                yield

    @contextmanager
    def read_only_transaction(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Read one snapshot, and roll back."""
        connection.rollback()
        try:
            with self._statement_limit(connection, seconds):
                connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                yield
        finally:
            connection.rollback()

    @contextmanager
    def read_only(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Read within the open transaction as it is: only a new one can be read-only."""
        begun = connection.in_transaction()
        try:
            with self._statement_limit(connection, seconds):
                if not begun:
                    connection.exec_driver_sql("START TRANSACTION READ ONLY")
                yield
        finally:
            if not begun:
                connection.rollback()

    def migration_lock(self, connection: Connection, schema: str | None) -> Lock:
        from autodiff.dialects.mysql.session.locks import NamedLock

        return NamedLock(connection, schema)

    def is_lock_conflict(self, error: BaseException) -> bool:
        """Return whether the error is ER_LOCK_WAIT_TIMEOUT or ER_LOCK_DEADLOCK."""
        return bool(error.args) and error.args[0] in (1205, 1213)

    def blockers(self, connection: Connection, tables: Sequence[Name]) -> list[Blocker]:
        """Return sessions with an open transaction; none if the user may not see them."""
        try:
            rows = connection.execute(_BLOCKERS).all()
        except SQLAlchemyError:  # needs the PROCESS privilege
            return []
        return [
            Blocker(
                who=f"{row.user}@{row.host}",
                session=row.id,
                since=row.started,
                state=row.command,
                query=row.info,
            )
            for row in rows
        ]

    def script_writer(self) -> MariadbWriter:
        from autodiff.dialects.mysql.session.script import MariadbWriter

        return MariadbWriter(self.dialect)

    def _limits(self, limits: Limits) -> dict[str, str]:
        """Return the variables for limits on locks of rows and tables, and on statements.

        Limits on locks are whole seconds, and the variables have no value for "no limit".
        https://mariadb.com/kb/en/server-system-variables/#lock_wait_timeout
        """
        lock = str(max(round(limits.lock), 1)) if limits.lock else str(_LONGEST)
        return {
            "lock_wait_timeout": lock,
            "innodb_lock_wait_timeout": lock,
            **self._statement_variables(limits.statement),
        }

    @contextmanager
    def _statement_limit(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Limit the time of each statement (on MySQL of each SELECT), and restore the limit."""
        with _session_variables(connection, self._statement_variables(max(seconds, 0.001))):
            yield

    def _statement_variables(self, seconds: float) -> dict[str, str]:
        """Return the variable for a limit on statements; 0 is no limit. MySQL only limits SELECT.

        https://mariadb.com/kb/en/aborting-statements/
        https://dev.mysql.com/doc/refman/en/server-system-variables.html#sysvar_max_execution_time
        """
        if self.dialect.is_mariadb:
            return {"max_statement_time": f"{seconds:g}"}
        return {"max_execution_time": str(round(seconds * 1000))}


@contextmanager
def _afterwards(restore: Callable[[], None]) -> Iterator[None]:
    """Call `restore` at the end; after an error too, which is raised in any case."""
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):
            restore()
        raise
    restore()


@contextmanager
def _session_variables(connection: Connection, values: dict[str, str]) -> Iterator[None]:
    """Set variables of the session, and restore them."""
    named = ", ".join(f"@@SESSION.{name}" for name in values)
    before = connection.exec_driver_sql(f"SELECT {named}").one()
    _set(connection, values)
    own = dict(zip(values, map(str, before), strict=True))
    with _afterwards(lambda: _set(connection, own)):
        yield


def _set(connection: Connection, values: dict[str, str]) -> None:
    assignments = ", ".join(f"SESSION {name} = {value}" for name, value in values.items())
    connection.exec_driver_sql(f"SET {assignments}")
