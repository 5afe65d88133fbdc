"""Sessions of PostgreSQL. DDL is transactional, except for statements such as VACUUM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.records import known_records
from autodiff.dialects.scope import HISTORY_TABLE
from autodiff.dialects.session import NO_WATCH, KeyWatch, Session
from autodiff.dialects.timeouts import NO_LIMITS, Blocker, Limits
from autodiff.schema.objects import Name
from autodiff.schema.operations import CreateIndex, Operation
from autodiff.utils.connections import no_schema_hint
from autodiff.utils.server_states import error_code

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from autodiff.dialects.migration_lock import Lock
    from autodiff.dialects.postgresql.session.script import PsqlWriter

__all__ = ["PostgreSQLSession"]

_KEPT_LIMITS = "autodiff_limits"
"""The key in `connection.info` of the limits that `keep_limits` has set.

SQLAlchemy empties `info` when it reconnects. The new session does not have the limits, and
`transaction` sets them again.
"""
_PREPARE_AFTER = 5
"""How often psycopg sends a statement before it prepares it: psycopg's default."""
_SET_LIMITS = sa.text("""
SELECT set_config('lock_timeout', :lock, :local),
       set_config('statement_timeout', :statement, :local)
""")
_GET_LIMITS = sa.text("""
SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement
""")
# Three blockers are enough for a message; the oldest transaction is the most likely cause.
_BLOCKERS = sa.text("""
SELECT a.pid, a.usename, host(a.client_addr) AS client, a.application_name, a.xact_start,
       a.state, a.query
FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid() AND a.datname = current_database() AND EXISTS (
  SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation'
    AND n.nspname NOT IN ('pg_catalog', 'pg_toast')
    AND (:any OR n.nspname || '.' || c.relname = ANY(:names)))
ORDER BY a.xact_start, a.pid LIMIT 3
""")
_INVALID = sa.text("""
SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname = :name AND n.nspname = :schema
""")


class PostgreSQLSession(Session):
    """Transactions and limits of a PostgreSQL connection."""

    def prepare(self, connection: Connection) -> None:
        """Disable prepared statements of psycopg.

        Behind a transaction pooler, the next transaction may run in a session without them.
        """
        _prepare_after(connection.connection.driver_connection, None)

    @contextmanager
    def reading(self, connection: Connection) -> Iterator[None]:
        """Switch to autocommit. The drivers do that without a query, and BEGIN is a round trip."""
        if connection.in_transaction():
            yield
            return
        level = connection.default_isolation_level
        connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            yield
        finally:
            connection.rollback()
            connection.execution_options(isolation_level=level)

    def set_search_path(self, engine: Engine, schemas: Sequence[str]) -> None:
        from autodiff.dialects.postgresql.session.search_path import set_search_path

        set_search_path(engine, [self.dialect.quote(schema) for schema in schemas])

    def search_path(self, connection: Connection) -> str | None:
        path: str = connection.exec_driver_sql("SHOW search_path").scalar_one()
        return path

    def use_search_path(self, connection: Connection, path: str) -> None:
        select = sa.select(sa.func.set_config("search_path", path, False))
        connection.execute(select)
        connection.commit()

    def current_schema(self, connection: Connection) -> str | None:
        """Return the schema of names without a schema, None if there is none.

        Raises DatabaseError if the role may not use it.
        """
        known = known_records(connection)
        schema: str | None
        if known is not None:
            schema = known.current_schema
        else:
            schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
        if schema is None:
            from autodiff.dialects.postgresql.session.search_path import refuse_without_usage

            refuse_without_usage(connection)
        return schema

    def read_settings(self, connection: Connection) -> Mapping[str, str]:
        from autodiff.dialects.postgresql.session.settings import read_settings

        return read_settings(connection, _own_settings(connection))

    def restore_settings(
        self, connection: Connection, before: Mapping[str, str], own_tables: Sequence[str]
    ) -> None:
        from autodiff.dialects.postgresql.session.settings import restore_settings

        restore_settings(connection, before, _own_settings(connection))

    @contextmanager
    def transaction(
        self, connection: Connection, limits: Limits = NO_LIMITS, *, changes_anything: bool = True
    ) -> Iterator[KeyWatch]:
        """Run a transaction, which is rolled back on any error. The limits apply to it only."""
        settings = _settings(limits)
        with connection.begin():
            if connection.info.get(_KEPT_LIMITS) != settings:
                connection.execute(_SET_LIMITS, {**settings, "local": True})
            yield NO_WATCH

    @contextmanager
    def autocommit(self, connection: Connection, limits: Limits | None = None) -> Iterator[None]:
        """Run statements outside of transactions, for CREATE INDEX CONCURRENTLY and VACUUM."""
        before = connection.get_isolation_level()
        connection.rollback()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            with _session_limits(connection, limits) if limits is not None else nullcontext():
                yield
        finally:
            with suppress(SQLAlchemyError):  # the connection may be gone
                connection.rollback()
                connection.execution_options(isolation_level=before)

    @contextmanager
    def keep_limits(self, connection: Connection, limits: Limits) -> Iterator[None]:
        """Set limits on the session, so that `transaction` does not have to set them.

        The caller ensures that there is no pooler, so psycopg may prepare repeated statements.
        """
        with _session_limits(connection, limits):
            connection.commit()
            connection.info[_KEPT_LIMITS] = _settings(limits)
            driver = connection.connection.driver_connection
            _prepare_after(driver, _PREPARE_AFTER)
            try:
                yield
            finally:
                _prepare_after(driver, None)
                with suppress(SQLAlchemyError):  # the connection may be gone
                    connection.info.pop(_KEPT_LIMITS, None)
        with suppress(SQLAlchemyError):  # it only ends the transaction that restored the limits
            connection.commit()

    @contextmanager
    def read_only_transaction(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Read from one snapshot, and roll back. `seconds` limits each statement."""
        connection.rollback()
        milliseconds = max(int(seconds * 1000), 1)
        with connection.begin() as transaction:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
            yield
            transaction.rollback()

    @contextmanager
    def read_only(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Read within a savepoint of the open transaction, or within a new transaction.

        Rolling it back also restores the settings.
        """
        begun = connection.in_transaction()
        scope = connection.begin_nested() if begun else connection.begin()
        try:
            connection.exec_driver_sql(
                "SELECT set_config('transaction_read_only', 'on', true), "
                f"set_config('statement_timeout', '{max(int(seconds * 1000), 1)}', true)"
            )
            yield
        finally:
            scope.rollback()

    def migration_lock(
        self, connection: Connection, schema: str | None, history_table: str = HISTORY_TABLE
    ) -> Lock:
        from autodiff.dialects.postgresql.session.locks import AdvisoryLock

        return AdvisoryLock(connection, schema, history_table)

    def is_out_of_locks(self, error: BaseException) -> bool:
        """Return whether the error is out_of_memory (53200) in the table of locks.

        Each table and index that a transaction creates or drops needs one.
        https://www.postgresql.org/docs/current/runtime-config-locks.html
        """
        return error_code(error) == "53200" and "max_locks_per_transaction" in str(error)

    def is_in_failed_transaction(self, error: BaseException) -> bool:
        """Return whether the error is in_failed_sql_transaction (25P02).

        https://www.postgresql.org/docs/current/errcodes-appendix.html
        """
        return error_code(error) == "25P02"

    def cure(self, connection: Connection, error: BaseException) -> str | None:
        """Return how to get a schema for names without one, if there is none (3F000)."""
        if error_code(error) != "3F000" or self.current_schema(connection):
            return None
        return no_schema_hint(self.search_path(connection) or "empty")

    def is_lock_conflict(self, error: BaseException) -> bool:
        """Return whether the error is a lock timeout, a deadlock or a serialization failure.

        https://www.postgresql.org/docs/current/errcodes-appendix.html
        """
        # lock_not_available, deadlock_detected, serialization_failure
        return error_code(error) in ("55P03", "40P01", "40001")

    def blockers(self, connection: Connection, tables: Sequence[Name]) -> list[Blocker]:
        """Return up to three sessions with a lock on one of the tables, on any if none is named."""
        names = [f"{name.schema or self.dialect.default_schema}.{name.name}" for name in tables]
        rows = connection.execute(_BLOCKERS, {"names": names, "any": not names}).all()
        return [
            Blocker(
                who=f"{row.usename}{f' from {row.client}' if row.client else ''}"
                + (f" ({row.application_name})" if row.application_name else ""),
                session=row.pid,
                since=row.xact_start,
                state=row.state,
                query=row.query,
            )
            for row in rows
        ]

    def cleanup_statements(
        self, connection: Connection, operations: Sequence[Operation]
    ) -> list[str]:
        """Return DROP INDEX for the invalid indexes that failed concurrent builds left behind.

        https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
        """
        found = []
        for operation in operations:
            if isinstance(operation, CreateIndex) and operation.index.name:
                name = Name(operation.index.name, operation.table.schema)
                schema = name.schema or self.dialect.default_schema
                if connection.execute(_INVALID, {"name": name.name, "schema": schema}).first():
                    word = "CONCURRENTLY " if operation.concurrently else ""
                    found.append(f"DROP INDEX {word}{self.dialect.quote_name(name)}")
        return found

    def script_writer(self, history_table: str = HISTORY_TABLE) -> PsqlWriter:
        from autodiff.dialects.postgresql.session.script import PsqlWriter

        return PsqlWriter(self.dialect, history_table)


def _prepare_after(driver: Any, times: int | None) -> None:
    """Set how often psycopg sends a statement before it prepares it; None disables preparing.

    Other drivers do not have the setting.

    https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
    """
    if hasattr(driver, "prepare_threshold"):
        driver.prepare_threshold = times


def _own_settings(connection: Connection) -> Sequence[str]:
    """Return the settings that each transaction sets for itself, and that are not restored."""
    return () if _KEPT_LIMITS in connection.info else ("lock_timeout", "statement_timeout")


@contextmanager
def _session_limits(connection: Connection, limits: Limits) -> Iterator[None]:
    """Set limits on the session, and restore the previous ones at the end."""
    before = connection.execute(_GET_LIMITS).one()._mapping
    connection.execute(_SET_LIMITS, {**_settings(limits), "local": False})
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):
            connection.rollback()  # in case a migration sent BEGIN and a statement failed
            connection.execute(_SET_LIMITS, {**before, "local": False})


def _settings(limits: Limits) -> dict[str, str]:
    """Return the settings for limits, in milliseconds. 0 means no limit.

    https://www.postgresql.org/docs/current/runtime-config-client.html
    """
    return {"lock": _milliseconds(limits.lock), "statement": _milliseconds(limits.statement)}


def _milliseconds(seconds: float) -> str:
    return f"{max(round(seconds * 1000), 1) if seconds else 0}ms"
