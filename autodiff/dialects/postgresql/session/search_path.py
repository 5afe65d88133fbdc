"""The search_path of a connection, which decides where names without a schema are found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff.dialects.postgresql.session.locks import reported_pid
from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

__all__ = ["set_search_path"]


def set_search_path(engine: Engine, schemas: Sequence[str]) -> None:
    """Set the search_path of each connection that the engine opens, to names that are quoted.

    It is set before SQLAlchemy reads the default schema, and outside of a transaction, so that no
    rollback undoes it. https://www.postgresql.org/docs/current/ddl-schemas.html

    Connecting raises DatabaseError behind a pooler: the setting would stay with a session that
    other clients get.
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
            if reported_pid(driver) not in (None, pid):
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
