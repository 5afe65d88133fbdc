"""Take the migration lock on MySQL and MariaDB, which is a named lock of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.dialects.migration_lock import Holder, Lock, lock_key

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["NamedLock"]


class NamedLock(Lock):
    """A lock taken with GET_LOCK, which the session holds until it releases the lock or ends.

    All databases of a server share the names of locks, so the name depends on the database. It is a
    hash, because MySQL limits names to 64 characters.
    https://dev.mysql.com/doc/refman/en/locking-functions.html
    """

    ends_with_session = True

    def __init__(self, connection: Connection, schema: str | None, history_table: str) -> None:
        self._connection = connection
        database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
        connection.rollback()
        key = lock_key(schema or database, history_table)
        self._name = f"autodiff_{key.hex()[:32]}"

    def take(self, who: str) -> bool:
        """Try to take the lock without waiting. Return whether the session holds it now."""
        return bool(self._query("SELECT GET_LOCK(:name, 0)") == 1)

    def release(self) -> None:
        """Release the lock."""
        self._query("SELECT RELEASE_LOCK(:name)")

    def holder(self) -> Holder | None:
        """Return the session that holds the lock, None if no session does."""
        session = self._query("SELECT IS_USED_LOCK(:name)")
        if session is None:
            return None
        row = self._connection.execute(_SESSION, {"id": session}).first()
        self._connection.rollback()
        who = f"{row.user}@{row.host}, session {session}" if row else f"session {session}"
        return Holder(who=who, doing=row.info if row else None, end=f"KILL {session}")

    def _query(self, sql: str) -> Any:
        """Run a query, and end the transaction that it began; the lock is not affected."""
        value = self._connection.execute(sa.text(sql), {"name": self._name}).scalar_one()
        self._connection.rollback()
        return value


_SESSION = sa.text("""
SELECT user AS user, host AS host, info AS info
FROM information_schema.processlist WHERE id = :id
""")
