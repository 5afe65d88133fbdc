"""The search_path of connections: the schemas of names without a schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.dialects.postgresql.session.locks import has_other_session
from autodiff.errors import DatabaseError
from autodiff.utils.connections import WITHOUT_POOLER

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

__all__ = ["refuse_without_usage", "set_search_path"]

_WITHOUT_USAGE = sa.text("""
SELECT n.nspname AS schema, quote_ident(n.nspname) AS quoted_schema,
       current_user AS role, quote_ident(current_user) AS quoted_role
FROM unnest(string_to_array(current_setting('search_path'), ',')) WITH ORDINALITY AS p(name, place)
CROSS JOIN LATERAL (SELECT trim(p.name) AS name) AS t
JOIN pg_catalog.pg_namespace n ON n.nspname = CASE
  WHEN t.name IN ('$user', '"$user"') THEN current_user
  WHEN t.name LIKE '"%' THEN replace(trim(BOTH '"' FROM t.name), '""', '"')
  ELSE lower(t.name) END
WHERE NOT has_schema_privilege(n.oid, 'USAGE')
ORDER BY p.place LIMIT 1
""")
"""The first schema of the search_path that exists, and that the role may not use."""


def refuse_without_usage(connection: Connection) -> None:
    """Raise DatabaseError if there is no current schema because the role may not use one.

    PostgreSQL leaves such schemas out of the search_path, as if they did not exist.
    """
    found = connection.execute(_WITHOUT_USAGE).first()
    if found is not None:
        raise DatabaseError(
            f"the role {found.role} may not use the schema {found.schema} of the search_path",
            hint=f"GRANT USAGE ON SCHEMA {found.quoted_schema} TO {found.quoted_role}",
        )


def set_search_path(engine: Engine, schemas: Sequence[str]) -> None:
    """Set the search_path of each connection that the engine opens to quoted names of schemas.

    It is set before SQLAlchemy reads the default schema, and outside of a transaction, because a
    rollback would undo it. https://www.postgresql.org/docs/current/ddl-schemas.html

    Connecting through a pooler raises DatabaseError: in transaction mode, the setting would remain
    in a session that other clients use.
    """
    from sqlalchemy import event

    path = ", ".join(schemas)

    def connected(driver: Any, record: Any) -> None:
        before = driver.autocommit
        driver.autocommit = True
        cursor = driver.cursor()
        try:
            cursor.execute("SELECT pg_backend_pid()")
            if has_other_session(record.driver_connection, cursor.fetchone()[0]):
                raise DatabaseError(
                    "cannot migrate schemas through a pooler, which may be in transaction mode: "
                    "the search_path would remain set in sessions that other clients use",
                    hint=WITHOUT_POOLER,
                )
            cursor.execute(f"SET search_path TO {path}")
        finally:
            cursor.close()
            driver.autocommit = before

    event.listen(engine, "connect", connected, insert=True)
