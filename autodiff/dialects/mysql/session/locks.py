"""The migration lock of MySQL and MariaDB: a named lock of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.dialects.migration_lock import Holder, Lock, lock_key

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["NamedLock"]


class NamedLock(Lock):
    """GET_LOCK, held by the session; names are the server's, so this one includes the database.

    https://dev.mysql.com/doc/refman/en/locking-functions.html
    """

    def __init__(self, connection: Connection, schema: str | None) -> None:
        self._connection = connection
        database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
        connection.rollback()
        self._name = f"autodiff_{lock_key(schema or database).hex()[:32]}"

    def take(self, who: str) -> bool:
        """Try once."""
        return bool(self._ask("SELECT GET_LOCK(:name, 0)") == 1)

    def release(self) -> None:
        """Release the lock."""
        self._ask("SELECT RELEASE_LOCK(:name)")

    def holder(self) -> Holder | None:
        """Return the session that holds the lock."""
        session = self._ask("SELECT IS_USED_LOCK(:name)")
        if session is None:
            return None
        row = self._connection.execute(_SESSION, {"id": session}).first()
        self._connection.rollback()
        who = f"{row.user}@{row.host}, session {session}" if row else f"session {session}"
        return Holder(who=who, doing=row.info if row else None, end=f"KILL {session}")

    def _ask(self, sql: str) -> Any:
        answer = self._connection.execute(sa.text(sql), {"name": self._name}).scalar_one()
        self._connection.rollback()
        return answer


_SESSION = sa.text("""
SELECT user AS user, host AS host, info AS info
FROM information_schema.processlist WHERE id = :id
""")
