"""The migration lock of PostgreSQL: an advisory lock.

The server releases it when the session ends, even after a crash.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.migration_lock import Holder, Lock, lock_key

__all__ = ["AdvisoryLock", "has_other_session", "is_pooled"]


class AdvisoryLock(Lock):
    """An advisory lock of the session, or of the transaction if the connection is pooled.

    A transaction pooler may give each transaction another session, so a session lock would stay
    with a session that other clients use. `take` never waits inside the server: CREATE INDEX
    CONCURRENTLY of the run that holds the lock would wait for the transaction of the waiting run.
    https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
    """

    def __init__(self, connection: Connection, schema: str | None, history_table: str) -> None:
        self._connection = connection
        self._key = int.from_bytes(lock_key(schema, history_table)[:8], signed=True)
        self.in_transaction = is_pooled(connection)
        self.ends_with_session = not self.in_transaction
        self._name = ""

    def take(self, who: str) -> bool:
        """Try once to take the lock.

        A session gets `who` in its application_name, which pg_stat_activity shows.
        """
        if self.in_transaction:
            return self._ask(f"SELECT pg_try_advisory_xact_lock({self._key})")
        if not self._ask(f"SELECT pg_try_advisory_lock({self._key})"):
            self._connection.rollback()
            return False
        try:
            self._set_name(who)
        except BaseException:
            with suppress(SQLAlchemyError):  # the server has released the lock of a lost connection
                self._connection.rollback()
                self._unlock()
            raise
        return True

    def release(self) -> None:
        """Release the lock if the session holds it, and restore the name of the session."""
        if not self.in_transaction:
            self._unlock()
            self._connection.execute(_NAME_SESSION, {"name": self._name})
            self._connection.commit()

    def holder(self) -> Holder | None:
        """Return the session that holds the lock, None if it is free.

        pg_locks shows a bigint key as two numbers, classid and objid, and objsubid 1.
        https://www.postgresql.org/docs/current/view-pg-locks.html
        """
        high, low = divmod(self._key % (1 << 64), 1 << 32)
        row = self._connection.execute(_HOLDER, {"high": high, "low": low}).first()
        if not self.in_transaction:
            self._connection.rollback()
        return None if row is None else _holder(row)

    def _set_name(self, who: str) -> None:
        self._name = self._connection.exec_driver_sql("SHOW application_name").scalar_one()
        # the server truncates longer names with a notice: NAMEDATALEN - 1
        self._connection.execute(_NAME_SESSION, {"name": f"autodiff {who}"[:63]})
        self._connection.commit()

    def _unlock(self) -> None:
        self._ask(f"SELECT pg_advisory_unlock({self._key})")

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
    """Return whether a pooler may give each transaction of the connection another session."""
    real = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    connection.rollback()
    return has_other_session(connection.connection.driver_connection, real)


def has_other_session(driver: Any, real: int) -> bool:
    """Return whether the server reported another process id than `real` to a driver's connection.

    A pooler reports a number of its own, whatever its mode. The connection of an unknown driver
    counts as pooled: a lock for each transaction is safe without a pooler too, but a lock of the
    session is not safe behind one.
    """
    return _reported_pid(driver) != real


def _reported_pid(driver: Any) -> int | None:
    """Return the process id that the server reported when the driver connected, None if unknown.

    https://www.postgresql.org/docs/current/protocol-message-formats.html
    """
    info: Any = getattr(driver, "info", None)
    if hasattr(info, "backend_pid"):  # psycopg, psycopg2
        return cast(int, info.backend_pid)
    for name in ("get_server_pid", "get_backend_pid"):  # asyncpg; psycopg2cffi
        if hasattr(driver, name):
            return cast(int, getattr(driver, name)())
    message = getattr(driver, "_backend_key_data", None)  # pg8000: the process id and a secret
    return None if message is None else int.from_bytes(message[:4])
