"""Set the search_path of connections: the schemas of names without a schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff.dialects.postgresql.session.locks import reported_pid
from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

__all__ = ["same_search_path", "set_search_path"]


def set_search_path(engine: Engine, schemas: Sequence[str]) -> None:
    """Set the search_path of each connection that the engine opens to quoted names of schemas.

    It is set before SQLAlchemy reads the default schema, and outside of a transaction, because a
    rollback would undo it. https://www.postgresql.org/docs/current/ddl-schemas.html

    Connecting through a transaction pooler raises DatabaseError: the setting would remain in a
    session that other clients use.
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
                    "cannot migrate schemas through a transaction pooler: the search_path would "
                    "remain set in sessions that other clients use",
                    hint="connect to the server directly, not through the pooler",
                )
            cursor.execute(f"SET search_path TO {path}")
        finally:
            cursor.close()
            driver.autocommit = before

    event.listen(engine, "connect", connected, insert=True)


@contextmanager
def same_search_path(source: Connection, target: Connection) -> Iterator[None]:
    """Let one connection look for names in the schemas of another one, and restore it.

    The setting is committed: a rollback would undo it.
    """
    wanted, own = (
        item.exec_driver_sql("SHOW search_path").scalar_one() for item in (source, target)
    )
    if wanted == own:
        yield
        return
    _set_path(target, wanted)
    try:
        yield
    finally:
        target.rollback()
        _set_path(target, own)


def _path(connection: Connection) -> str:
    path: str = connection.exec_driver_sql("SHOW search_path").scalar_one()
    return path


def _set_path(connection: Connection, path: str) -> None:
    import sqlalchemy as sa

    connection.execute(sa.select(sa.func.set_config("search_path", path, False)))
    connection.commit()
