"""Transactions and the lock of a migration on PostgreSQL, whose DDL is transactional."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.base import Dialect
from autodiff.dialects.migration_lock import Holder, Lock, lock_key
from autodiff.dialects.timeouts import Blocker, Limits
from autodiff.schema.objects import Name
from autodiff.schema.operations import CreateIndex, Operation

__all__ = [
    "AdvisoryLock",
    "autocommit",
    "blockers",
    "cleanup",
    "held",
    "is_pooled",
    "met_lock",
    "prepare_connection",
    "reading",
    "told_pid",
    "transaction",
]


def prepare_connection(connection: Connection) -> None:
    """Lets psycopg prepare nothing: behind a pooler the next session does not know of it."""
    _prepare_after(connection.connection.driver_connection, None)


def _prepare_after(driver: Any, times: int | None) -> None:
    """How often psycopg sends a statement before it prepares it; other drivers have no such thing.

    https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
    """
    if hasattr(driver, "prepare_threshold"):
        driver.prepare_threshold = times


@contextmanager
def transaction(connection: Connection, limits: Limits) -> Iterator[None]:
    """BEGIN and COMMIT; ROLLBACK on any error. Limits hold for it alone."""
    settings = _settings(limits)
    with connection.begin():
        if connection.info.get(_HELD) != settings:
            connection.execute(_LIMIT, {**settings, "local": True})
        yield


@contextmanager
def held(connection: Connection, limits: Limits) -> Iterator[None]:
    """The session with these limits, known by `transaction`; then with its own.

    It is no pooler's, so statements that come again and again are prepared meanwhile.
    """
    settings = _settings(limits)
    with _limited(connection, limits):
        connection.commit()
        connection.info[_HELD] = settings
        driver = connection.connection.driver_connection
        _prepare_after(driver, 5)
        try:
            yield
        finally:
            _prepare_after(driver, None)
            connection.info.pop(_HELD, None)
    connection.commit()


_HELD = "autodiff_limits"
"""Where a connection notes them; another one, after a cut, knows nothing of it."""


@contextmanager
def reading(connection: Connection, seconds: float) -> Iterator[None]:
    """One snapshot, read-only; rolled back."""
    connection.rollback()
    with connection.begin() as whole:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(int(seconds * 1000), 1)}")
        yield
        whole.rollback()


@contextmanager
def autocommit(connection: Connection, limits: Limits | None) -> Iterator[None]:
    """Each statement by itself: what CREATE INDEX CONCURRENTLY and VACUUM need."""
    before = connection.get_isolation_level()
    connection.rollback()
    connection.execution_options(isolation_level="AUTOCOMMIT")
    try:
        with _limited(connection, limits) if limits is not None else nullcontext():
            yield
    finally:
        with suppress(SQLAlchemyError):  # the connection may be gone
            connection.rollback()
            connection.execution_options(isolation_level=before)


@contextmanager
def _limited(connection: Connection, limits: Limits) -> Iterator[None]:
    """The session with these limits; then with its own."""
    settings = connection.execute(_LIMITS).one()._mapping
    connection.execute(_LIMIT, {**_settings(limits), "local": False})
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):
            connection.rollback()  # of a BEGIN by hand in which something failed
            connection.execute(_LIMIT, {**settings, "local": False})


_LIMIT = sa.text("""
SELECT set_config('lock_timeout', :lock, :local),
       set_config('statement_timeout', :statement, :local)
""")
_LIMITS = sa.text("""
SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement
""")


def _settings(limits: Limits) -> dict[str, str]:
    """https://www.postgresql.org/docs/current/runtime-config-client.html"""
    return {"lock": _milliseconds(limits.lock), "statement": _milliseconds(limits.statement)}


def _milliseconds(seconds: float) -> str:
    return f"{max(round(seconds * 1000), 1) if seconds else 0}ms"


def met_lock(error: BaseException) -> bool:
    """lock_not_available, deadlock_detected and serialization_failure.

    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return code in ("55P03", "40P01", "40001")


def blockers(connection: Connection, dialect: Dialect, tables: Sequence[Name]) -> list[Blocker]:
    """Sessions whose transaction holds a lock on one of the tables."""
    names = [f"{name.schema or dialect.default_schema}.{name.name}" for name in tables]
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


def cleanup(connection: Connection, dialect: Dialect, operations: Sequence[Operation]) -> list[str]:
    """Drops the invalid indexes that failed builds have left under the names of new ones.

    https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
    """
    found = []
    for operation in operations:
        if isinstance(operation, CreateIndex) and operation.index.name:
            name = Name(operation.index.name, operation.table.schema)
            schema = name.schema or dialect.default_schema
            if connection.execute(_INVALID, {"name": name.name, "schema": schema}).first():
                word = "CONCURRENTLY " if operation.concurrently else ""
                found.append(f"DROP INDEX {word}{dialect.quote_name(name)}")
    return found


_INVALID = sa.text("""
SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname = :name AND n.nspname = :schema
""")


class AdvisoryLock(Lock):
    """pg_advisory_lock: of the session, or behind a pooler of the transaction.

    It is tried for and never waited for: CREATE INDEX CONCURRENTLY would wait for the transaction
    of whoever waits. https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
    """

    def __init__(self, connection: Connection, schema: str | None) -> None:
        self._connection = connection
        self._key = int.from_bytes(lock_key(schema)[:8], signed=True)
        self.in_transaction = is_pooled(connection)
        self._name = ""

    def take(self, who: str) -> bool:
        """One try; the session is named after `who`, which all can see that list sessions."""
        if self.in_transaction:
            return self._ask(f"SELECT pg_try_advisory_xact_lock({self._key})")
        taken = self._ask(f"SELECT pg_try_advisory_lock({self._key})")
        if taken:
            self._name = self._connection.exec_driver_sql("SHOW application_name").scalar_one()
            self._connection.execute(_NAME_SESSION, {"name": f"autodiff {who}"[:63]})
            self._connection.commit()
        else:
            self._connection.rollback()
        return taken

    def release(self) -> None:
        """Gives it back, if it is the session's, which gets its own name again."""
        if not self.in_transaction:
            self._ask(f"SELECT pg_advisory_unlock({self._key})")
            self._connection.execute(_NAME_SESSION, {"name": self._name})
            self._connection.commit()

    def holder(self) -> Holder | None:
        """The session that holds it."""
        high, low = divmod(self._key % (1 << 64), 1 << 32)
        row = self._connection.execute(_HOLDER, {"high": high, "low": low}).first()
        if not self.in_transaction:
            self._connection.rollback()
        return None if row is None else _holder(row)

    def _ask(self, sql: str) -> bool:
        return bool(self._connection.exec_driver_sql(sql).scalar_one())


_NAME_SESSION = sa.text("SELECT set_config('application_name', :name, false)")
_HOLDER = sa.text("""
SELECT a.pid, a.usename, host(a.client_addr) AS client, a.application_name, a.backend_start,
       a.query
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid = CAST(:high AS oid) AND l.objid = CAST(:low AS oid)
""")


def _holder(row: Any) -> Holder:
    place = f" from {row.client}" if row.client else ""
    name = f" ({row.application_name})" if row.application_name else ""
    return Holder(
        who=f"{row.usename}{place}{name}, session {row.pid}",
        since=row.backend_start,
        doing=row.query,
        end=f"SELECT pg_terminate_backend({row.pid})",
    )


def is_pooled(connection: Connection) -> bool:
    """Whether a pooler stands between: the session is not the one that was connected to."""
    told = told_pid(connection.connection.driver_connection)
    real = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    connection.rollback()
    return told is not None and told != real


def told_pid(driver: Any) -> int | None:
    """The session's number as the server said it when the driver connected."""
    info = getattr(driver, "info", None)
    pid = getattr(info, "backend_pid", None)
    return pid if isinstance(pid, int) else None
