"""Control transactions and timeouts of MySQL and MariaDB, where each DDL statement commits."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.mysql.session.sql_mode import NO_BACKSLASH_ESCAPES, with_backslash_escapes
from autodiff.dialects.records import known_records
from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.dialects.session import NO_WATCH, KeyWatch, Session
from autodiff.dialects.timeouts import NO_LIMITS, Blocker, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.mysql import MySQL
    from autodiff.dialects.mysql.session.script import MariadbWriter
    from autodiff.schema.objects import Name

__all__ = ["MySQLSession"]

_MAX_LOCK_SECONDS = 31536000
"""The largest value of lock_wait_timeout: a year."""
_BLOCKERS = sa.text("""
SELECT p.id AS id, p.user AS user, p.host AS host, p.command AS command, p.info AS info,
       t.trx_started AS started
FROM information_schema.innodb_trx t
JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
WHERE p.id <> CONNECTION_ID() ORDER BY t.trx_started, p.id LIMIT 3
""")
"""The three oldest open transactions: a message should stay short.

Only the performance schema (MySQL) or a plugin (MariaDB) reports which session holds a metadata
lock, so these are the sessions that could hold it.
"""
_COMMITTING = frozenset(("ALTER", "CREATE", "DROP", "RENAME", "TRUNCATE"))
"""First words of DDL."""
_GROUPING = re.compile(r"(\s*SELECT)\s+(?!SQL_|DISTINCT|ALL\b).*\sGROUP\s+BY\s", re.I | re.S)
"""A query with GROUP BY, and without DISTINCT or another option after SELECT."""
_KEPT = "autodiff_kept"
"""The key in `connection.info` of what `keep_limits` has set.

SQLAlchemy empties `info` when it reconnects: the new session has not been set up.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The limits of a session, and whether it checks foreign keys."""

    limits: Mapping[str, str]
    checks: int


class MySQLSession(Session):
    """Transactions and limits of a MySQL or MariaDB connection."""

    dialect: MySQL
    begins_transactions = True

    def current_schema(self, connection: Connection) -> str | None:
        known = known_records(connection)
        if known is not None:
            return known.current_schema
        schema: str | None = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
        return schema

    def read_settings(self, connection: Connection) -> Mapping[str, str]:
        from autodiff.dialects.mysql.session.settings import read_settings

        return read_settings(connection)

    def restore_settings(
        self, connection: Connection, before: Mapping[str, str], own_tables: Sequence[str]
    ) -> None:
        from autodiff.dialects.mysql.session.settings import restore_settings

        restore_settings(connection, before, own_tables)
        connection.info.pop(_KEPT, None)

    @contextmanager
    def transaction(
        self, connection: Connection, limits: Limits = NO_LIMITS, *, changes_anything: bool = True
    ) -> Iterator[KeyWatch]:
        """Run BEGIN and COMMIT around data statements, or ROLLBACK after any error.

        Each DDL statement commits the statements before it, and itself. A rollback only reverts the
        data statements after the last DDL statement. `foreign_key_checks` and `sql_mode` are
        restored.
        https://dev.mysql.com/doc/refman/en/implicit-commit.html
        """
        with connection.begin():
            kept = connection.info.get(_KEPT)
            if kept is None or kept.limits != self._limits(limits):
                with self._settings(connection, limits):
                    yield NO_WATCH
                return
            try:
                yield NO_WATCH
            except BaseException:
                with suppress(SQLAlchemyError):
                    connection.exec_driver_sql(f"SET foreign_key_checks = {kept.checks}")
                raise

    def commits_before(self, sql: str) -> bool:
        """Return whether a statement is DDL, which commits what is before it.

        DDL on a temporary table may not.
        https://mariadb.com/kb/en/sql-statements-that-cause-an-implicit-commit/
        """
        words = sql.upper().split(None, 5)[:5]
        return not _COMMITTING.isdisjoint(words[:1]) and "TEMPORARY" not in words

    @contextmanager
    def keep_limits(self, connection: Connection, limits: Limits) -> Iterator[None]:
        """Set limits on the session, so that `transaction` does not have to set and restore them.

        After hand-written code, `restore_settings` ends that: the code can have changed them.
        """
        with self._settings(connection, limits) as checks:
            connection.commit()
            connection.info[_KEPT] = _Kept(limits=self._limits(limits), checks=checks)
            try:
                yield
            finally:
                with suppress(SQLAlchemyError):  # the connection may be gone
                    connection.info.pop(_KEPT, None)
        with suppress(SQLAlchemyError):  # it only ends the transaction that restored the limits
            connection.commit()

    @contextmanager
    def _settings(self, connection: Connection, limits: Limits) -> Iterator[int]:
        """Set what the statements depend on, and restore it; yield whether keys are checked."""
        query = "SELECT @@foreign_key_checks, @@sql_mode"
        checks, mode = connection.exec_driver_sql(query).one()
        if NO_BACKSLASH_ESCAPES in mode:
            connection.exec_driver_sql(f"SET sql_mode = '{with_backslash_escapes(mode)}'")

        def restore() -> None:
            connection.exec_driver_sql(f"SET foreign_key_checks = {int(checks)}")
            if NO_BACKSLASH_ESCAPES in mode:
                connection.exec_driver_sql(f"SET sql_mode = '{mode}'")

        with _restoring(restore), _session_variables(connection, self._limits(limits)):
            yield int(checks)

    @contextmanager
    def read_only_transaction(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Run queries on one consistent snapshot, and roll back at the end.

        https://dev.mysql.com/doc/refman/en/commit.html
        """
        connection.rollback()
        try:
            with self._statement_limit(connection, seconds):
                connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
                yield
        finally:
            connection.rollback()

    @contextmanager
    def read_only(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Run queries in a read-only transaction, or in the transaction that is open.

        An open transaction cannot become read-only. https://dev.mysql.com/doc/refman/en/commit.html
        """
        is_open = connection.in_transaction()
        try:
            with self._statement_limit(connection, seconds):
                if not is_open:
                    connection.exec_driver_sql("START TRANSACTION READ ONLY")
                yield
        finally:
            if not is_open:
                connection.rollback()

    def migration_lock(
        self, connection: Connection, schema: str | None, history_table: str = HISTORY_TABLE
    ) -> Lock:
        from autodiff.dialects.mysql.session.locks import NamedLock

        return NamedLock(connection, schema, history_table)

    def quick_query(self, connection: Connection, query: str) -> str:
        """Let GROUP BY sort the rows, instead of finding each one's group in a temporary table.

        If the temporary table does not fit into memory, the query takes twenty times as long. The
        server does without it if an index has the order of the groups, or SQL_BIG_RESULT is set.
        https://mariadb.com/kb/en/select/#sql_small_result-sql_big_result
        """
        grouped = _GROUPING.match(query)
        if grouped is None:
            return query
        try:
            plan = connection.exec_driver_sql(
                f"EXPLAIN {query}", execution_options={"no_parameters": True}
            ).all()
        except SQLAlchemyError:  # the query itself shows what is wrong
            return query
        if not any("using temporary" in f"{tuple(row)}".lower() for row in plan):
            return query
        return f"{grouped[1]} SQL_BIG_RESULT{query[grouped.end(1) :]}"

    def cure(self, connection: Connection, error: BaseException) -> str | None:
        """Return how to change a system-versioned table, which MariaDB refuses (4119).

        https://mariadb.com/kb/en/system-versioned-tables/#system_versioning_alter_history
        """
        if error.args[:1] != (4119,):
            return None
        return (
            "set system_versioning_alter_history = KEEP on the server, or write "
            "?init_command=SET system_versioning_alter_history=KEEP in the URL"
        )

    def is_lock_conflict(self, error: BaseException) -> bool:
        """Return whether the error is ER_LOCK_WAIT_TIMEOUT (1205) or ER_LOCK_DEADLOCK (1213).

        https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html
        """
        return bool(error.args) and error.args[0] in (1205, 1213)

    def blockers(self, connection: Connection, tables: Sequence[Name]) -> list[Blocker]:
        """Return the oldest open transactions; none if the user does not have PROCESS."""
        try:
            rows = connection.execute(_BLOCKERS).all()
        except SQLAlchemyError:  # innodb_trx requires the PROCESS privilege
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

    def script_writer(self, history_table: str = HISTORY_TABLE) -> MariadbWriter:
        from autodiff.dialects.mysql.session.script import MariadbWriter

        return MariadbWriter(self.dialect, history_table)

    def _limits(self, limits: Limits) -> dict[str, str]:
        """Return the session variables that limit waiting for locks, and the time of statements.

        Limits on locks are whole seconds, at least 1. The variables have no value for "no limit".
        https://mariadb.com/kb/en/server-system-variables/#lock_wait_timeout
        """
        lock = str(max(round(limits.lock), 1)) if limits.lock else str(_MAX_LOCK_SECONDS)
        return {
            "lock_wait_timeout": lock,
            "innodb_lock_wait_timeout": lock,
            **self._statement_variables(limits.statement),
        }

    @contextmanager
    def _statement_limit(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Limit the time of each statement (on MySQL of each SELECT), and restore the old limit.

        The limit is at least a millisecond, because 0 means no limit.
        """
        with _session_variables(connection, self._statement_variables(max(seconds, 0.001))):
            yield

    def _statement_variables(self, seconds: float) -> dict[str, str]:
        """Return the session variable that limits the time of a statement; 0 is no limit.

        MySQL only limits SELECT.

        https://mariadb.com/kb/en/aborting-statements/
        https://dev.mysql.com/doc/refman/en/server-system-variables.html#sysvar_max_execution_time
        """
        if self.dialect.is_mariadb:
            return {"max_statement_time": f"{seconds:g}"}
        return {"max_execution_time": str(round(seconds * 1000))}


@contextmanager
def _restoring(restore: Callable[[], None]) -> Iterator[None]:
    """Call `restore` at the end. After an error, raise that error even if `restore` fails."""
    try:
        yield
    except BaseException:
        with suppress(SQLAlchemyError):
            restore()
        raise
    restore()


@contextmanager
def _session_variables(connection: Connection, values: dict[str, str]) -> Iterator[None]:
    """Set session variables, and restore their values at the end."""
    named = ", ".join(f"@@SESSION.{name}" for name in values)
    before = connection.exec_driver_sql(f"SELECT {named}").one()
    _set(connection, values)
    old_values = dict(zip(values, map(str, before), strict=True))
    with _restoring(lambda: _set(connection, old_values)):
        yield


def _set(connection: Connection, values: dict[str, str]) -> None:
    assignments = ", ".join(f"SESSION {name} = {value}" for name, value in values.items())
    connection.exec_driver_sql(f"SET {assignments}")
