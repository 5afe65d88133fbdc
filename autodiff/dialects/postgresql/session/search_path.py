"""The search_path of a connection, which decides what a name without a schema means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff.dialects.postgresql.session.transactions import told_pid
from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

__all__ = ["look_in"]


def look_in(engine: Engine, schemas: Sequence[str]) -> None:
    """Sets the search_path of each connection that the engine opens; the names are quoted.

    Before SQLAlchemy asks which schema is the default one, and outside of a transaction, so that no
    rollback takes it back. https://www.postgresql.org/docs/current/ddl-schemas.html

    Connecting raises DatabaseError behind a pooler, where the setting would stay behind with a
    session that others get.
    """
    from sqlalchemy import event

    path = ", ".join(schemas)

    def connected(driver: Any, record: object) -> None:
        before = driver.autocommit
        driver.autocommit = True
        cursor = driver.cursor()
        try:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
            if told_pid(driver) not in (None, pid):
                raise DatabaseError(
                    "a schema can't be migrated through a transaction pooler: its search_path "
                    "would stay with the pooler's sessions",
                    hint="connect to the server itself",
                )
            cursor.execute(f"SET search_path TO {path}")
        finally:
            cursor.close()
            driver.autocommit = before

    event.listen(engine, "connect", connected, insert=True)
